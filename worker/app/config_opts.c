/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_opts - binds maps of the tree to structs, as the tables of settings say.
 */
#include "worker/app/config_private.h"

#include <stdlib.h>

static void opts_wrong_kind(weir_diags *d, const weir_yaml *node, const char *name,
                            const char *wanted)
{
    weir_diag_error(d, node->line, node->column, "`%s` takes %s, not %s", name, wanted,
                    weir_yaml_kind_text(node));
}

static void opts_bind_map(weir_diags *d, const weir_opt *row, weir_opt_map *map,
                          const weir_yaml *node)
{
    if (node->kind != WEIR_YAML_MAP) {
        opts_wrong_kind(d, node, row->name, "a map of names to values");
        return;
    }
    for (size_t i = 0; i < node->n; i++) {
        const weir_yaml *value = node->pairs[i].value;

        if (value->kind != WEIR_YAML_SCALAR) {
            opts_wrong_kind(d, value, node->pairs[i].key->text, "a single value");
            continue;
        }
        if (!weir_opt_map_add(map, node->pairs[i].key->text, value->text)) {
            weir_diag_error(d, value->line, value->column, "out of memory");
            return;
        }
        map->pairs[map->n - 1].line = value->line;
        map->pairs[map->n - 1].column = value->column;
    }
}

static void opts_bind_list(weir_diags *d, const weir_opt *row, weir_opt_list *list,
                           const weir_yaml *node)
{
    if (node->kind == WEIR_YAML_MAP) {
        opts_wrong_kind(d, node, row->name, "a value or a list of values");
        return;
    }
    size_t n = node->kind == WEIR_YAML_LIST ? node->n : 1;
    if (n == 0) {
        weir_diag_error(d, node->line, node->column, "`%s` is an empty list",
                        row->name);
    }
    for (size_t i = 0; i < n; i++) {
        const weir_yaml *item = node->kind == WEIR_YAML_LIST ? node->items[i] : node;

        if (item->kind != WEIR_YAML_SCALAR || item->text[0] == '\0') {
            weir_diag_error(d, item->line, item->column, "`%s` takes texts in its list",
                            row->name);
            continue;
        }
        if (!weir_opt_list_add(list, item->text)) {
            weir_diag_error(d, item->line, item->column, "out of memory");
        }
    }
}

static void opts_bind_tree(weir_diags *d, char **text, const weir_yaml *node)
{
    weir_buf json = { 0 };

    weir_yaml_json(node, &json, false);
    free(*text);
    *text = weir_buf_take(&json);
    if (*text == NULL) {
        weir_diag_error(d, node->line, node->column, "out of memory");
    }
    weir_buf_fini(&json);
}

static void opts_bind_scalar(weir_diags *d, const weir_opt *row, void *base,
                             const weir_yaml *node)
{
    weir_err err = { 0 };

    if (node->kind != WEIR_YAML_SCALAR) {
        opts_wrong_kind(d, node, row->name, "a single value");
        return;
    }
    if (weir_yaml_is_null(node) || node->text[0] == '\0') {
        if (row->type != WEIR_OPT_STRING || row->is_required || node->is_plain) {
            weir_diag_error(d, node->line, node->column, "`%s` has no value",
                            row->name);
        }
        return;
    }
    if (weir_opt_set(row, base, node->text, &err) != WEIR_OK) {
        const char *near = row->type == WEIR_OPT_ENUM
                               ? weir_word_nearest(row->words, node->text)
                               : NULL;
        weir_diag_error(d, node->line, node->column,
                        near == NULL ? "%s" : "%s; did you mean `%s`?", err.text, near);
    }
}

static void opts_bind_row(weir_diags *d, const weir_opt *row, void *base,
                          const weir_yaml *node)
{
    void *field = (char *)base + row->offset;

    switch (row->type) {
    case WEIR_OPT_MAP:
        opts_bind_map(d, row, field, node);
        break;
    case WEIR_OPT_LIST:
        opts_bind_list(d, row, field, node);
        break;
    case WEIR_OPT_TREE:
        opts_bind_tree(d, field, node);
        break;
    case WEIR_OPT_GROUP:
        weir_config_bind(d, node, row->name, &(weir_opt_part){ row->rows, field }, 1,
                         node);
        break;
    default:
        opts_bind_scalar(d, row, base, node);
        break;
    }
}

/* The nearest name of all parts. */
static const char *opts_nearest(const weir_opt_part *parts, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        const char *near = weir_opt_nearest(parts[i].rows, name);
        if (near != NULL) {
            return near;
        }
    }
    return NULL;
}

static void opts_bind_pair(weir_diags *d, const weir_yaml_pair *pair, const char *what,
                           const weir_opt_part *parts, size_t n_parts)
{
    const char *name = pair->key->text;

    for (size_t i = 0; i < n_parts; i++) {
        const weir_opt *row = weir_opt_find(parts[i].rows, name);
        if (row != NULL) {
            opts_bind_row(d, row, parts[i].base, pair->value);
            return;
        }
    }
    const char *near = opts_nearest(parts, n_parts, name);
    if (near != NULL) {
        weir_diag_error(d, pair->key->line, pair->key->column,
                        "unknown key `%s` in %s; did you mean `%s`?", name, what, near);
    } else {
        weir_diag_error(d, pair->key->line, pair->key->column, "unknown key `%s` in %s",
                        name, what);
    }
}

void weir_config_bind(weir_diags *d, const weir_yaml *map, const char *what,
                      const weir_opt_part *parts, size_t n_parts, const weir_yaml *at)
{
    if (map != NULL && map->kind != WEIR_YAML_MAP && !weir_yaml_is_null(map)) {
        opts_wrong_kind(d, map, what, "a map of settings");
        return;
    }
    for (size_t i = 0; map != NULL && map->kind == WEIR_YAML_MAP && i < map->n; i++) {
        opts_bind_pair(d, &map->pairs[i], what, parts, n_parts);
    }
    for (size_t i = 0; i < n_parts; i++) {
        for (const weir_opt *row = parts[i].rows; row->name != NULL; row++) {
            if (row->is_required && row->def == NULL &&
                weir_yaml_get(map, row->name) == NULL) {
                weir_diag_error(
                    d, at == NULL ? 0 : at->line, at == NULL ? 0 : at->column,
                    "%s lacks the required key `%s` (%s)", what, row->name, row->help);
            }
        }
    }
}
