/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_print - the effective settings: what counts after defaults and ${}, secrets masked.
 */
#include "worker/app/config.h"

#include "schemas/codec.h"

static void print_rows(weir_buf *out, const weir_opt *rows, const void *base,
                       const weir_yaml *node, bool *is_first);

static void print_name(weir_buf *out, const char *name, bool *is_first)
{
    weir_buf_str(out, *is_first ? "" : ",");
    weir_buf_json(out, weir_slice_of(name));
    weir_buf_char(out, ':');
    *is_first = false;
}

static void print_text(weir_buf *out, const char *name, const char *text,
                       bool *is_first)
{
    if (text != NULL) {
        print_name(out, name, is_first);
        weir_buf_json(out, weir_slice_of(text));
    }
}

/* What others define may hold a secret under any name, so what came out of the environment is
 * masked there. */
static void print_map(weir_buf *out, const weir_opt_map *map, const weir_yaml *node)
{
    weir_buf_char(out, '{');
    for (size_t i = 0; i < map->n; i++) {
        const weir_yaml *value = weir_yaml_get(node, map->pairs[i].name);
        bool is_first = i == 0;
        bool is_secret = weir_yaml_is_secret(map->pairs[i].name) ||
                         (value != NULL && (value->is_secret || value->is_from_env));
        print_text(out, map->pairs[i].name, is_secret ? "****" : map->pairs[i].value,
                   &is_first);
    }
    weir_buf_char(out, '}');
}

static void print_scalar(weir_buf *out, const weir_opt *row, const void *base,
                         const weir_yaml *node, bool *is_first)
{
    char room[64];
    const char *text = NULL;

    if (!weir_opt_get(row, base, room, sizeof(room), &text)) {
        return;
    }
    print_name(out, row->name, is_first);
    if (node != NULL && node->is_secret) {
        weir_buf_str(out, "\"****\"");
    } else if (row->type == WEIR_OPT_INT || row->type == WEIR_OPT_BOOL) {
        weir_buf_str(out, text);
    } else {
        weir_buf_json(out, weir_slice_of(text));
    }
}

static void print_row(weir_buf *out, const weir_opt *row, const void *base,
                      const weir_yaml *node, bool *is_first)
{
    const void *field = (const char *)base + row->offset;
    bool is_inner_first = true;

    switch (row->type) {
    case WEIR_OPT_GROUP:
        print_name(out, row->name, is_first);
        weir_buf_char(out, '{');
        print_rows(out, row->rows, field, node, &is_inner_first);
        weir_buf_char(out, '}');
        break;
    case WEIR_OPT_MAP:
        if (((const weir_opt_map *)field)->n > 0) {
            print_name(out, row->name, is_first);
            print_map(out, field, node);
        }
        break;
    case WEIR_OPT_LIST:
        if (((const weir_opt_list *)field)->n > 0) {
            const weir_opt_list *list = field;
            print_name(out, row->name, is_first);
            for (size_t i = 0; i < list->n; i++) {
                weir_buf_char(out, i == 0 ? '[' : ',');
                weir_buf_json(out, weir_slice_of(list->items[i]));
            }
            weir_buf_char(out, ']');
        }
        break;
    case WEIR_OPT_TREE:
        if (node != NULL) {
            print_name(out, row->name, is_first);
            weir_yaml_json(node, out, true);
        }
        break;
    default:
        print_scalar(out, row, base, node, is_first);
        break;
    }
}

static void print_rows(weir_buf *out, const weir_opt *rows, const void *base,
                       const weir_yaml *node, bool *is_first)
{
    for (const weir_opt *row = rows; row->name != NULL; row++) {
        print_row(out, row, base, weir_yaml_get(node, row->name), is_first);
    }
}

static void print_sub(weir_buf *out, const weir_config_sub *sub)
{
    static const char *const orders[] = { "none", "partition", "key" };
    static const char *const modes[] = { NULL, "drop", "stop" };
    const char *dead =
        sub->dead_mode == WEIR_DEAD_ADDRESS ? sub->dead : modes[sub->dead_mode];
    bool is_first = true;

    weir_buf_char(out, '{');
    print_text(out, "name", sub->name, &is_first);
    print_text(out, "group", sub->group, &is_first);
    for (const weir_opt *row = weir_sub_rows; row->name != NULL; row++) {
        if (strcmp(row->name, "name") == 0 || strcmp(row->name, "group") == 0) {
            continue;
        }
        if (strcmp(row->name, "order") == 0) {
            print_text(out, row->name, orders[sub->order], &is_first);
        } else if (strcmp(row->name, "dead") == 0) {
            print_text(out, row->name, dead == NULL ? "<from>.<name>.dead" : dead,
                       &is_first);
        } else if (strcmp(row->name, "concurrency") == 0) {
            print_name(out, row->name, &is_first);
            weir_buf_printf(out, "%u", sub->concurrency);
        } else {
            print_row(out, row, &sub->opts, weir_yaml_get(sub->node, row->name),
                      &is_first);
        }
    }
    weir_buf_char(out, '}');
}

void weir_config_json(const weir_config *cfg, weir_buf *out)
{
    bool is_first = true;

    weir_buf_str(out, "{\"worker\":{");
    print_rows(out, weir_worker_rows, &cfg->worker, weir_yaml_get(cfg->root, "worker"),
               &is_first);
    weir_buf_str(out, "},\"queues\":{");
    is_first = true;
    for (size_t i = 0; i < cfg->n_queues; i++) {
        const weir_config_queue *queue = &cfg->queues[i];
        bool is_inner_first = true;

        print_name(out, queue->name, &is_first);
        weir_buf_char(out, '{');
        print_text(out, "type", queue->type->name, &is_inner_first);
        print_rows(out, queue->type->rows, queue->opts, queue->node, &is_inner_first);
        weir_buf_char(out, '}');
    }
    weir_buf_str(out, "},\"functions\":{");
    is_first = true;
    for (size_t i = 0; i < cfg->n_functions; i++) {
        const weir_config_function *fn = &cfg->functions[i];
        bool is_inner_first = true;

        print_name(out, fn->name, &is_first);
        weir_buf_char(out, '{');
        print_rows(out, fn->type->rows, fn->opts, fn->node, &is_inner_first);
        weir_buf_char(out, '}');
    }
    weir_buf_str(out, "},\"subscriptions\":[");
    for (size_t i = 0; i < cfg->n_subs; i++) {
        weir_buf_str(out, i == 0 ? "" : ",");
        print_sub(out, &cfg->subs[i]);
    }
    weir_buf_str(out, "]}");
}

/* A text that YAML reads as the same text without quotes. */
static bool print_is_plain(weir_slice text)
{
    static const char *const odd[] = {
        "true", "false", "null", "~", "yes", "no", NULL
    };

    for (size_t i = 0; odd[i] != NULL; i++) {
        if (weir_slice_is(text, odd[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        bool is_inner = (c >= '0' && c <= '9') || strchr("./:-,", c) != NULL;
        if (c == '\0' || (!is_word && !(i > 0 && is_inner) && !(i == 0 && c == '/') &&
                          !(i == 0 && c >= '0' && c <= '9'))) {
            return false;
        }
    }
    bool is_number = text.len > 0 && strspn(text.data, "0123456789.-eE") >= text.len;
    return text.len > 0 && !is_number && text.data[text.len - 1] != ':';
}

static void print_yaml(const weir_value *v, weir_buf *out, int depth, bool is_inline)
{
    weir_value_iter it = { 0 };
    const weir_value *key, *item;
    weir_type type = weir_val_type(v);
    bool is_first = true;
    weir_slice text;

    if ((type != WEIR_TYPE_MAP && type != WEIR_TYPE_ARRAY) || weir_val_size(v) == 0) {
        weir_buf_str(out, is_inline ? " " : "");
        if (weir_val_string(v, &text) && print_is_plain(text)) {
            weir_buf_add(out, text.data, text.len);
        } else {
            weir_val_json(v, out, false);
        }
        weir_buf_char(out, '\n');
        return;
    }
    if (is_inline) {
        weir_buf_char(out, '\n');
    }
    while (weir_val_next(v, &it, &key, &item)) {
        if (is_inline || !is_first) {
            weir_buf_printf(out, "%*s", depth * 2, "");
        }
        is_first = false;
        if (type == WEIR_TYPE_ARRAY) {
            weir_buf_str(out, "- ");
            print_yaml(item, out, depth + 1, false);
            continue;
        }
        if (weir_val_string(key, &text) && print_is_plain(text)) {
            weir_buf_add(out, text.data, text.len);
        } else {
            weir_val_json(key, out, false);
        }
        weir_buf_char(out, ':');
        print_yaml(item, out, depth + 1, true);
    }
}

weir_status weir_json_to_yaml(weir_slice json, weir_buf *out, weir_err *err)
{
    weir_json *doc = NULL;
    weir_status st = weir_json_parse(json, &doc, err);

    if (st == WEIR_OK) {
        print_yaml(weir_json_root(doc), out, 0, false);
    }
    weir_json_free(doc);
    return st;
}
