/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_subs - `subscriptions:`: each one by itself; config_rules.c has what is between them.
 */
#include "worker/app/config_private.h"

#include "worker/base/clock.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const start_words[] = { "earliest", "latest", "committed", NULL };

const weir_yaml *weir_config_sub_at(const weir_config_sub *sub, const char *key)
{
    const weir_yaml *node = weir_yaml_get(sub->node, key);

    return node == NULL ? sub->node : node;
}

static bool subs_has(const weir_config_sub *sub, const char *key)
{
    return weir_yaml_get(sub->node, key) != NULL;
}

/* "kafka:orders" -> queue and topic; an error at `at` if it is none. */
static bool subs_address(weir_config *cfg, const weir_yaml *at, const char *text,
                         weir_config_from *out)
{
    const char *colon = strchr(text, ':');
    char name[64];

    *out = (weir_config_from){ .line = at->line, .column = at->column };
    if (colon == NULL || colon == text || colon[1] == '\0' ||
        (size_t)(colon - text) >= sizeof(name)) {
        weir_diag_error(&cfg->diags, at->line, at->column,
                        "`%s` is no address; write QUEUE:TOPIC, as in kafka:orders",
                        text);
        return false;
    }
    memcpy(name, text, (size_t)(colon - text));
    name[colon - text] = '\0';
    const weir_config_queue *queue = weir_config_queue_find(cfg, name);
    if (queue == NULL) {
        const char *words[65] = { NULL };
        for (size_t i = 0; i < cfg->n_queues && i < 64; i++) {
            words[i] = cfg->queues[i].name;
        }
        const char *near = weir_word_nearest(words, name);
        weir_diag_error(&cfg->diags, at->line, at->column,
                        near == NULL
                            ? "`%s`: there is no `%s` under `queues:`"
                            : "`%s`: there is no `%s` under `queues:`; did you "
                              "mean `%s`?",
                        text, name, near);
        return false;
    }
    out->queue = (size_t)(queue - cfg->queues);
    out->topic = colon + 1;
    out->is_pattern = queue->type->has_partitions && colon[1] == '^';
    const char *wrong = out->is_pattern ? NULL : queue->type->topic_wrong(out->topic);
    if (wrong != NULL) {
        weir_diag_error(&cfg->diags, at->line, at->column, "`%s`: %s", text, wrong);
        return false;
    }
    return true;
}

static bool subs_nomem(weir_config *cfg)
{
    weir_diag_error(&cfg->diags, 0, 0, "out of memory");
    return false;
}

/* False: out of memory. */
static bool subs_from(weir_config *cfg, weir_config_sub *sub)
{
    const weir_yaml *node = weir_yaml_get(sub->node, "from");

    if (sub->opts.from.n == 0) {
        return true;
    }
    sub->from = weir_arena_zalloc(&cfg->arena, sub->opts.from.n * sizeof(*sub->from));
    if (sub->from == NULL) {
        return subs_nomem(cfg);
    }
    for (size_t i = 0; i < sub->opts.from.n; i++) {
        const weir_yaml *at =
            node->kind == WEIR_YAML_LIST && i < node->n ? node->items[i] : node;
        weir_config_from from;

        if (!subs_address(cfg, at, sub->opts.from.items[i], &from)) {
            continue;
        }
        for (size_t k = 0; k < sub->n_from; k++) {
            if (sub->from[k].queue == from.queue &&
                strcmp(sub->from[k].topic, from.topic) == 0) {
                weir_diag_error(&cfg->diags, at->line, at->column,
                                "`%s` stands in this list twice",
                                sub->opts.from.items[i]);
            }
        }
        sub->from[sub->n_from++] = from;
    }
    return true;
}

static bool subs_is_pattern(const weir_config_sub *sub)
{
    for (size_t i = 0; i < sub->n_from; i++) {
        if (sub->from[i].is_pattern) {
            return true;
        }
    }
    return false;
}

static bool subs_name_ok(const char *name)
{
    size_t len = strlen(name);

    for (const char *at = name; *at != '\0'; at++) {
        if (!isalnum((unsigned char)*at) && strchr("._-", *at) == NULL) {
            return false;
        }
    }
    return len > 0 && len <= 200;
}

/* False: out of memory. */
static bool subs_name(weir_config *cfg, weir_config_sub *sub)
{
    const weir_yaml *at = weir_config_sub_at(sub, "name");

    sub->name = sub->opts.name;
    if (sub->name == NULL) {
        if (sub->opts.from.n > 1 || subs_is_pattern(sub)) {
            weir_diag_error(&cfg->diags, at->line, at->column,
                            "a subscription with a list or a pattern needs a `name`");
            return true;
        }
        if (sub->n_from == 0 || sub->opts.function == NULL) {
            return true;
        }
        sub->name = weir_arena_printf(&cfg->arena, "%s.%s", sub->opts.function,
                                      sub->from[0].topic);
        if (sub->name == NULL) {
            return subs_nomem(cfg);
        }
    }
    if (!subs_name_ok(sub->name)) {
        weir_diag_error(
            &cfg->diags, at->line, at->column,
            "the name `%.60s`: 1 to 200 of the characters a-z A-Z 0-9 . _ -%s",
            sub->name, sub->opts.name == NULL ? "; write a `name`" : "");
    }
    sub->group = sub->opts.group;
    if (sub->group == NULL && cfg->worker.name != NULL) {
        sub->group =
            weir_arena_printf(&cfg->arena, "%s.%s", cfg->worker.name, sub->name);
        return sub->group != NULL || subs_nomem(cfg);
    }
    return true;
}

static void subs_start(weir_config *cfg, weir_config_sub *sub)
{
    const char *text = sub->opts.start;
    weir_err err = { 0 };

    if (text == NULL) {
        return;
    }
    for (int i = 0; start_words[i] != NULL; i++) {
        if (strcmp(text, start_words[i]) == 0) {
            sub->start = (weir_start)i; /* in the order of weir_start */
            return;
        }
    }
    sub->start = WEIR_START_TIME;
    if (weir_time_parse(weir_slice_of(text), &sub->start_ms, &err) != WEIR_OK) {
        const weir_yaml *at = weir_config_sub_at(sub, "start");
        const char *near = weir_word_nearest(start_words, text);
        weir_diag_error(&cfg->diags, at->line, at->column,
                        near == NULL
                            ? "`start`: `%s` is none of earliest, latest, committed "
                              "and no time like 2026-11-20T08:00:00Z"
                            : "`start`: `%s`; did you mean `%s`?",
                        text, near);
    }
}

static void subs_function(weir_config *cfg, weir_config_sub *sub)
{
    const weir_yaml *at = weir_config_sub_at(sub, "function");
    const char *words[65] = { NULL };

    if (sub->opts.function == NULL) {
        return;
    }
    const weir_config_function *fn = weir_config_function_find(cfg, sub->opts.function);
    if (fn != NULL) {
        sub->function = (size_t)(fn - cfg->functions);
        return;
    }
    for (size_t i = 0; i < cfg->n_functions && i < 64; i++) {
        words[i] = cfg->functions[i].name;
    }
    const char *near = weir_word_nearest(words, sub->opts.function);
    weir_diag_error(&cfg->diags, at->line, at->column,
                    near == NULL
                        ? "there is no `%s` under `functions:`"
                        : "there is no `%s` under `functions:`; did you mean `%s`?",
                    sub->opts.function, near);
}

static void subs_dead(weir_config *cfg, weir_config_sub *sub)
{
    weir_config_from where;

    if (sub->opts.dead == NULL) {
        sub->dead_mode = WEIR_DEAD_ADDRESS;
        if (sub->n_from == 1 && !sub->from[0].is_pattern && sub->name != NULL) {
            const char *queue = cfg->queues[sub->from[0].queue].name;
            sub->dead = weir_arena_printf(&cfg->arena, "%s:%s.%s.dead", queue,
                                          sub->from[0].topic, sub->name);
            if (sub->dead == NULL) {
                (void)subs_nomem(cfg);
                return;
            }
            (void)subs_address(cfg, sub->node, sub->dead, &where);
        }
        return;
    }
    if (strcmp(sub->opts.dead, "drop") == 0) {
        sub->dead_mode = WEIR_DEAD_DROP;
    } else if (strcmp(sub->opts.dead, "stop") == 0) {
        sub->dead_mode = WEIR_DEAD_STOP;
    } else {
        sub->dead_mode = WEIR_DEAD_ADDRESS;
        sub->dead = sub->opts.dead;
        (void)subs_address(cfg, weir_config_sub_at(sub, "dead"), sub->opts.dead,
                           &where);
    }
}

/* `to` and `dead` must not be what the subscription reads: its own output would come back. */
static void subs_circle(weir_config *cfg, const weir_config_sub *sub, const char *key,
                        const char *address)
{
    const weir_yaml *at = weir_config_sub_at(sub, key);

    for (size_t i = 0; address != NULL && i < sub->n_from; i++) {
        const char *queue = cfg->queues[sub->from[i].queue].name;
        size_t len = strlen(queue);
        if (strncmp(address, queue, len) == 0 && address[len] == ':' &&
            strcmp(address + len + 1, sub->from[i].topic) == 0) {
            weir_diag_error(&cfg->diags, at->line, at->column,
                            "`%s: %s` is what this subscription reads", key, address);
        }
    }
}

static void subs_queue_settings(weir_config *cfg, weir_config_sub *sub)
{
    static const char *const of_kafka[] = { "static_member", "assignor", NULL };
    static const char *const of_redis[] = { "fields", "claim_after", "single", NULL };
    size_t n_kafka = 0;

    for (size_t i = 0; i < sub->n_from; i++) {
        n_kafka += cfg->queues[sub->from[i].queue].type->has_partitions;
    }
    if (sub->n_from == 0) {
        return;
    }
    bool is_mixed = n_kafka > 0 && n_kafka < sub->n_from;
    if (is_mixed && !subs_has(sub, "order")) {
        weir_diag_error(
            &cfg->diags, sub->node->line, sub->node->column,
            "topics and streams in one list need an `order`: the default is key "
            "on kafka and none on redis");
    }
    sub->order = subs_has(sub, "order") ? (weir_order)sub->opts.order
                 : n_kafka > 0          ? WEIR_ORDER_KEY
                                        : WEIR_ORDER_NONE;
    if (n_kafka < sub->n_from && sub->order != WEIR_ORDER_NONE &&
        !sub->opts.is_single) {
        const weir_yaml *at = weir_config_sub_at(sub, "order");
        weir_diag_error(
            &cfg->diags, at->line, at->column,
            "a Redis stream has no partitions: `order: %s` needs `single: true`, "
            "so that one replica at a time reads it",
            sub->order == WEIR_ORDER_KEY ? "key" : "partition");
    }
    const char *const *foreign = n_kafka == 0 ? of_kafka : is_mixed ? NULL : of_redis;
    for (size_t i = 0; foreign != NULL && foreign[i] != NULL; i++) {
        const weir_yaml *at = weir_yaml_get(sub->node, foreign[i]);
        if (at != NULL) {
            weir_diag_warn(&cfg->diags, at->line, at->column,
                           "`%s` is for %s and does nothing here", foreign[i],
                           n_kafka == 0 ? "kafka" : "redis");
        }
    }
}

static void subs_decoding(weir_config *cfg, weir_config_sub *sub)
{
    bool is_raw = sub->opts.format == 0;
    weir_err err = { 0 };

    if (sub->opts.key != NULL) {
        const weir_yaml *at = weir_config_sub_at(sub, "key");
        if (weir_pointer_new(sub->opts.key, &sub->key_pointer, &err) != WEIR_OK) {
            weir_diag_error(&cfg->diags, at->line, at->column, "`key`: %s", err.text);
        } else if (is_raw) {
            weir_diag_error(
                &cfg->diags, at->line, at->column,
                "`key: %s` looks into the decoded event, but `format` is raw",
                sub->opts.key);
        } else if (sub->order != WEIR_ORDER_KEY && sub->n_from > 0) {
            weir_diag_warn(&cfg->diags, at->line, at->column,
                           "`key` does nothing without `order: key`");
        }
    }
    if (sub->opts.filter != NULL) {
        const weir_yaml *at = weir_config_sub_at(sub, "filter");
        if (weir_filter_new(sub->opts.filter, &sub->filter, &err) != WEIR_OK) {
            weir_diag_error(&cfg->diags, at->line, at->column, "%s", err.text);
        } else if (is_raw && weir_filter_needs_value(sub->filter)) {
            weir_diag_error(
                &cfg->diags, at->line, at->column,
                "`filter` has a pointer into the decoded event, but `format` is "
                "raw");
        }
    }
}

static void subs_limits(weir_config *cfg, weir_config_sub *sub)
{
    const weir_yaml *retry = weir_yaml_get(sub->node, "retry");
    const weir_yaml *batch_max =
        weir_yaml_get(weir_yaml_get(sub->node, "batch"), "max");
    const weir_yaml *timeout = weir_config_sub_at(sub, "timeout");

    sub->concurrency = (uint32_t)sub->opts.concurrency;
    if (sub->opts.batch.max > sub->opts.concurrency) {
        if (subs_has(sub, "concurrency") && batch_max != NULL) {
            weir_diag_error(
                &cfg->diags, batch_max->line, batch_max->column,
                "`batch.max` (%lld) is above `concurrency` (%lld): such a batch "
                "could never be full",
                (long long)sub->opts.batch.max, (long long)sub->opts.concurrency);
        }
        sub->concurrency = (uint32_t)sub->opts.batch.max;
    }
    if (sub->opts.retry.first_us > sub->opts.retry.max_us) {
        const weir_yaml *at = weir_yaml_get(retry, "first");
        at = at == NULL ? weir_yaml_get(retry, "max") : at;
        weir_diag_error(&cfg->diags, WEIR_AT(at, sub->node),
                        "`retry.first` is longer than `retry.max`");
    }
    char limit[32];
    if (sub->opts.timeout_us > cfg->worker.drain_us) {
        weir_diag_warn(
            &cfg->diags, timeout->line, timeout->column,
            "`timeout` is longer than `drain_timeout` (%s): what runs at a stop may "
            "be run again",
            weir_duration_format(cfg->worker.drain_us, limit));
    }
    if (sub->opts.timeout_us > sub->opts.handover_us) {
        weir_diag_warn(
            &cfg->diags, timeout->line, timeout->column,
            "`timeout` is longer than `handover` (%s): what runs at a rebalance may "
            "be run again by the new owner",
            weir_duration_format(sub->opts.handover_us, limit));
    }
}

/* True if the address is on that queue. */
static bool subs_is_on(const weir_config *cfg, const char *address, size_t queue)
{
    const char *name = cfg->queues[queue].name;
    const size_t len = strlen(name);

    return strncmp(address, name, len) == 0 && address[len] == ':';
}

/* exactly_once: outputs and acknowledgement become durable together, on one queue. */
static void subs_delivery(weir_config *cfg, weir_config_sub *sub)
{
    const char *const targets[] = { sub->opts.to, sub->dead };
    const char *const keys[] = { "to", "dead" };
    const weir_yaml *at = weir_config_sub_at(sub, "delivery");

    if (sub->opts.delivery == 2) {
        weir_diag_warn(
            &cfg->diags, at->line, at->column,
            "`delivery: at_most_once` LOSES EVENTS: each is acknowledged before "
            "its function runs, so a crash, a kill or a rebalance loses what was "
            "read and is not done, without a dead letter");
    }
    if (sub->opts.delivery != 1) {
        if (subs_has(sub, "transaction")) {
            at = weir_config_sub_at(sub, "transaction");
            weir_diag_warn(
                &cfg->diags, at->line, at->column,
                "`transaction` does nothing without `delivery: exactly_once`");
        }
        return;
    }
    if (sub->n_from == 0) {
        return;
    }

    const weir_config_queue *queue = &cfg->queues[sub->from[0].queue];

    if (queue->type->settler == NULL) {
        weir_diag_error(&cfg->diags, at->line, at->column,
                        "`delivery: exactly_once` cannot be had on queues of type %s",
                        queue->type->name);
    }
    for (size_t i = 1; i < sub->n_from; i++) {
        if (sub->from[i].queue != sub->from[0].queue) {
            weir_diag_error(&cfg->diags, sub->from[i].line, sub->from[i].column,
                            "`delivery: exactly_once` works within one queue: all of "
                            "`from` must be on `%s`",
                            queue->name);
        }
    }
    for (size_t i = 0; i < 2; i++) {
        if (targets[i] != NULL && !subs_is_on(cfg, targets[i], sub->from[0].queue)) {
            at = weir_config_sub_at(sub, keys[i]);
            weir_diag_error(&cfg->diags, at->line, at->column,
                            "`delivery: exactly_once` works within one queue: `%s: %s` "
                            "is not on `%s`, which is read",
                            keys[i], targets[i], queue->name);
        }
    }
}

static void subs_one(weir_config *cfg, const weir_yaml *node)
{
    weir_config_sub *sub = &cfg->subs[cfg->n_subs];
    weir_opt_part part = { weir_sub_rows, &sub->opts };
    weir_config_from to;

    sub->node = node;
    sub->function = SIZE_MAX; /* not found so far */
    if (weir_opt_defaults(weir_sub_rows, &sub->opts, NULL) != WEIR_OK) {
        (void)subs_nomem(cfg);
        return;
    }
    cfg->n_subs++;
    weir_config_bind(&cfg->diags, node, "subscription", &part, 1, node);
    if (node->kind != WEIR_YAML_MAP) {
        return;
    }
    subs_function(cfg, sub);
    if (!subs_from(cfg, sub) || !subs_name(cfg, sub)) {
        return;
    }
    subs_start(cfg, sub);
    subs_queue_settings(cfg, sub);
    subs_dead(cfg, sub);
    if (sub->opts.to != NULL) {
        (void)subs_address(cfg, weir_config_sub_at(sub, "to"), sub->opts.to, &to);
    }
    subs_circle(cfg, sub, "to", sub->opts.to);
    subs_circle(cfg, sub, "dead", sub->dead);
    subs_decoding(cfg, sub);
    subs_limits(cfg, sub);
    subs_delivery(cfg, sub);
}

void weir_config_subs(weir_config *cfg, const weir_yaml *list)
{
    if (list == NULL || weir_yaml_is_null(list)) {
        return;
    }
    if (list->kind != WEIR_YAML_LIST) {
        weir_diag_error(&cfg->diags, list->line, list->column,
                        "`subscriptions` takes a list of subscriptions, not %s",
                        weir_yaml_kind_text(list));
        return;
    }
    if (list->n == 0) {
        return;
    }
    cfg->subs = weir_arena_zalloc(&cfg->arena, list->n * sizeof(*cfg->subs));
    if (cfg->subs == NULL) {
        (void)subs_nomem(cfg);
    }
    for (size_t i = 0; cfg->subs != NULL && i < list->n; i++) {
        subs_one(cfg, list->items[i]);
    }
}
