/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_private - what the files of config.c share.
 */
#ifndef WEIR_APP_CONFIG_PRIVATE_H
#define WEIR_APP_CONFIG_PRIVATE_H

#include "worker/app/config.h"

/* Replaces ${} in every scalar value below node. Relative files start at base_dir. */
void weir_config_expand(weir_yaml *node, weir_arena *arena, const char *base_dir,
                        weir_diags *d);
/* The same for one text; *out is in the arena. *is_secret: a file was read.
 * *is_from_env: a variable was.
 * Returns: WEIR_OK; WEIR_ECONFIG with *at, the byte of the text where it went wrong. */
weir_status weir_expand_text(const char *text, const char *base_dir, weir_arena *arena,
                             char **out, bool *is_secret, bool *is_from_env, size_t *at,
                             weir_err *err);

/* A table and the struct it fills. */
typedef struct weir_opt_part {
    const weir_opt *rows;
    void *base;
} weir_opt_part;

/* Fills the structs from a map: defaults, values, unknown keys, required keys. what names the
 * map for people ("subscription", "queue `kafka`"). map may be NULL: all defaults. */
void weir_config_bind(weir_diags *d, const weir_yaml *map, const char *what,
                      const weir_opt_part *parts, size_t n_parts, const weir_yaml *at);

/* `subscriptions:` and the rules between the parts of the file. */
void weir_config_subs(weir_config *cfg, const weir_yaml *list);
void weir_config_rules(weir_config *cfg);

/* The place of a setting of a subscription, or of the subscription. */
const weir_yaml *weir_config_sub_at(const weir_config_sub *sub, const char *key);

/* An error at a node of the tree (NULL: at `or`). */
#define WEIR_AT(node, or_node)                                                         \
    ((node) != NULL ? (node)->line : (or_node)->line),                                 \
        ((node) != NULL ? (node)->column : (or_node)->column)

#endif
