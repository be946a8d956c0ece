/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_rules - what holds between subscriptions: names, and who shares a group.
 */
#include "worker/app/config_private.h"

#include <regex.h>

/* True if that topic is a `to` or `dead` of the file, which no pattern matches. */
static bool rules_is_target(const weir_config *cfg, const weir_config_from *from)
{
    const char *queue = cfg->queues[from->queue].name;
    const size_t len = strlen(queue);

    for (size_t i = 0; i < cfg->n_subs; i++) {
        const char *const targets[] = { cfg->subs[i].opts.to, cfg->subs[i].dead };

        for (size_t k = 0; k < 2; k++) {
            if (targets[k] != NULL && strncmp(targets[k], queue, len) == 0 &&
                targets[k][len] == ':' &&
                strcmp(targets[k] + len + 1, from->topic) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* True if the pattern (a POSIX extended expression to the client as well) takes that topic. */
static bool rules_takes(const weir_config *cfg, const weir_config_from *pattern,
                        const weir_config_from *from)
{
    regex_t regex;
    bool is_match;

    if (!pattern->is_pattern || from->is_pattern || rules_is_target(cfg, from) ||
        regcomp(&regex, pattern->topic, REG_EXTENDED | REG_NOSUB) != 0) {
        return false;
    }
    is_match = regexec(&regex, from->topic, 0, NULL, 0) == 0;
    regfree(&regex);
    return is_match;
}

static bool rules_share(const weir_config *cfg, const weir_config_sub *a,
                        const weir_config_sub *b)
{
    for (size_t i = 0; i < a->n_from; i++) {
        for (size_t k = 0; k < b->n_from; k++) {
            const weir_config_from *x = &a->from[i];
            const weir_config_from *y = &b->from[k];

            if (x->queue == y->queue &&
                (strcmp(x->topic, y->topic) == 0 || rules_takes(cfg, x, y) ||
                 rules_takes(cfg, y, x))) {
                return true;
            }
        }
    }
    return false;
}

/* On Kafka a group is one set of members, whatever they read. */
static bool rules_share_kafka(const weir_config *cfg, const weir_config_sub *a,
                              const weir_config_sub *b)
{
    for (size_t i = 0; i < a->n_from; i++) {
        for (size_t k = 0; k < b->n_from; k++) {
            if (a->from[i].queue == b->from[k].queue &&
                cfg->queues[a->from[i].queue].type->has_partitions) {
                return true;
            }
        }
    }
    return false;
}

void weir_config_rules(weir_config *cfg)
{
    for (size_t i = 0; i < cfg->n_subs; i++) {
        weir_config_sub *b = &cfg->subs[i];
        for (size_t k = 0; k < i; k++) {
            const weir_config_sub *a = &cfg->subs[k];
            if (a->name == NULL || b->name == NULL) {
                continue;
            }
            if (strcmp(a->name, b->name) == 0) {
                const weir_yaml *at = weir_config_sub_at(b, "name");
                weir_diag_error(
                    &cfg->diags, at->line, at->column,
                    "two subscriptions are called `%s`; the other stands on line "
                    "%d",
                    b->name, a->node->line);
            }
            if (a->group == NULL || b->group == NULL ||
                strcmp(a->group, b->group) != 0) {
                continue;
            }
            const weir_yaml *at = weir_config_sub_at(b, "group");
            if (rules_share(cfg, a, b)) {
                weir_diag_error(
                    &cfg->diags, at->line, at->column,
                    "group `%s` reads one address in two subscriptions; each would "
                    "see a part of its events (the other stands on line %d)",
                    b->group, a->node->line);
            } else if (rules_share_kafka(cfg, a, b)) {
                weir_diag_warn(
                    &cfg->diags, at->line, at->column,
                    "group `%s` is shared by subscriptions with different topics; "
                    "each rebalance stops both (the other stands on line %d)",
                    b->group, a->node->line);
            }
        }
    }
}
