/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml - see yaml.h.
 */
#include "worker/app/yaml.h"

#include <libfyaml.h>

#include <stdio.h>
#include <stdlib.h>

typedef struct yaml_anchor {
    char *name;
    weir_yaml *node;
    bool is_open; /* still being read: an alias would be a circle */
    struct yaml_anchor *next;
} yaml_anchor;

typedef struct yaml_reader {
    struct fy_parser *fyp;
    weir_arena *arena;
    weir_diags *diags;
    yaml_anchor *anchors;
    size_t n_nodes;
    bool has_failed; /* the reason is in diags */
    bool is_out_of_memory;
} yaml_reader;

static void *yaml_alloc(yaml_reader *r, size_t n)
{
    void *mem = weir_arena_zalloc(r->arena, n);

    if (mem == NULL) {
        r->is_out_of_memory = r->has_failed = true;
    }
    return mem;
}

static void yaml_fail(yaml_reader *r, int line, int column, const char *text)
{
    if (!r->has_failed) {
        weir_diag_error(r->diags, line, column, "%s", text);
    }
    r->has_failed = true;
}

static weir_yaml *yaml_node(yaml_reader *r, weir_yaml_kind kind, struct fy_event *ev)
{
    const struct fy_mark *mark = fy_event_start_mark(ev);
    int line = mark == NULL ? 1 : mark->line + 1;
    int column = mark == NULL ? 1 : mark->column + 1;

    if (++r->n_nodes > WEIR_YAML_NODES) {
        yaml_fail(r, line, column, "the file has too many values");
        return NULL;
    }
    weir_yaml *node = yaml_alloc(r, sizeof(*node));
    if (node != NULL) {
        node->kind = kind;
        node->line = line;
        node->column = column;
        node->weight = 1;
    }
    return node;
}

static char *yaml_token_text(yaml_reader *r, struct fy_token *token, size_t *len)
{
    const char *text = token == NULL ? "" : fy_token_get_text(token, len);

    if (token == NULL || text == NULL) {
        text = "";
        *len = 0;
    }
    char *copy = yaml_alloc(r, *len + 1);
    if (copy != NULL) {
        memcpy(copy, text, *len);
    }
    return copy;
}

static void yaml_anchor_add(yaml_reader *r, struct fy_token *token, weir_yaml *node,
                            bool is_open)
{
    size_t len = 0;

    if (token == NULL || node == NULL) {
        return;
    }
    yaml_anchor *anchor = yaml_alloc(r, sizeof(*anchor));
    char *name = yaml_token_text(r, token, &len);
    if (anchor != NULL && name != NULL) {
        *anchor = (yaml_anchor){ name, node, is_open, r->anchors };
        r->anchors = anchor;
    }
}

static weir_yaml *yaml_scalar(yaml_reader *r, struct fy_event *ev)
{
    weir_yaml *node = yaml_node(r, WEIR_YAML_SCALAR, ev);
    size_t len = 0;

    if (node == NULL) {
        return NULL;
    }
    node->text = yaml_token_text(r, ev->scalar.value, &len);
    node->is_plain = ev->scalar.value == NULL ||
                     fy_token_scalar_style(ev->scalar.value) == FYSS_PLAIN;
    if (node->text != NULL && memchr(node->text, '\0', len) != NULL) {
        yaml_fail(r, node->line, node->column, "a value must not hold a NUL character");
        return NULL;
    }
    yaml_anchor_add(r, ev->scalar.anchor, node, false);
    return node->text == NULL ? NULL : node;
}

static weir_yaml *yaml_alias(yaml_reader *r, struct fy_event *ev)
{
    const struct fy_mark *mark = fy_event_start_mark(ev);
    int line = mark == NULL ? 1 : mark->line + 1;
    int column = mark == NULL ? 1 : mark->column + 1;
    size_t len = 0;
    const char *name = yaml_token_text(r, ev->alias.anchor, &len);

    for (yaml_anchor *a = r->anchors; name != NULL && a != NULL; a = a->next) {
        if (strcmp(a->name, name) != 0) {
            continue;
        }
        if (a->is_open) {
            yaml_fail(r, line, column, "an alias inside its own anchor");
            return NULL;
        }
        return a->node;
    }
    yaml_fail(r, line, column, "an alias without an anchor of that name before it");
    return NULL;
}

static weir_yaml *yaml_value(yaml_reader *r, struct fy_event *ev, int depth);

/* Room for one more element of `size` bytes; arrays in the arena double. */
static void *yaml_grow(yaml_reader *r, void *array, size_t n, size_t size)
{
    if (n != 0 && (n & (n - 1)) != 0) {
        return array;
    }
    char *bigger = yaml_alloc(r, (n == 0 ? 1 : n * 2) * size);
    if (bigger != NULL && n > 0) {
        memcpy(bigger, array, n * size);
    }
    return bigger;
}

static void yaml_weigh(yaml_reader *r, weir_yaml *node, const weir_yaml *child)
{
    node->weight += child->weight;
    if (node->weight > WEIR_YAML_NODES) {
        yaml_fail(r, child->line, child->column, "aliases make this tree too large");
    }
}

static bool yaml_add_pair(yaml_reader *r, weir_yaml *map, weir_yaml_pair pair)
{
    weir_yaml_pair *pairs = yaml_grow(r, map->pairs, map->n, sizeof(*pairs));

    if (pairs == NULL) {
        return false;
    }
    map->pairs = pairs;
    map->pairs[map->n++] = pair;
    yaml_weigh(r, map, pair.value);
    return !r->has_failed;
}

static weir_yaml_pair *yaml_pair(const weir_yaml *map, const char *key)
{
    for (size_t i = 0; map != NULL && map->kind == WEIR_YAML_MAP && i < map->n; i++) {
        if (strcmp(map->pairs[i].key->text, key) == 0) {
            return &map->pairs[i];
        }
    }
    return NULL;
}

static void yaml_merge_map(yaml_reader *r, weir_yaml *map, const weir_yaml *from)
{
    if (from->kind != WEIR_YAML_MAP) {
        yaml_fail(r, from->line, from->column, "`<<` takes a map or a list of maps");
        return;
    }
    for (size_t i = 0; i < from->n && !r->has_failed; i++) {
        if (yaml_pair(map, from->pairs[i].key->text) == NULL) {
            weir_yaml_pair pair = from->pairs[i];
            pair.is_merged = true;
            (void)yaml_add_pair(r, map, pair);
        }
    }
}

static void yaml_merge(yaml_reader *r, weir_yaml *map, const weir_yaml *from)
{
    if (from->kind != WEIR_YAML_LIST) {
        yaml_merge_map(r, map, from);
        return;
    }
    for (size_t i = 0; i < from->n && !r->has_failed; i++) {
        yaml_merge_map(r, map, from->items[i]);
    }
}

/* One `key: value` of a map, whose key event is there. */
static void yaml_map_entry(yaml_reader *r, weir_yaml *map, weir_yaml **merge,
                           struct fy_event *key_ev, int depth)
{
    weir_yaml *key = yaml_value(r, key_ev, depth);

    if (key == NULL) {
        return;
    }
    if (key->kind != WEIR_YAML_SCALAR) {
        yaml_fail(r, key->line, key->column, "a key must be a plain name");
        return;
    }
    struct fy_event *value_ev = fy_parser_parse(r->fyp);
    weir_yaml *value = value_ev == NULL ? NULL : yaml_value(r, value_ev, depth);
    fy_parser_event_free(r->fyp, value_ev);
    if (value == NULL) {
        r->has_failed = true;
        return;
    }
    if (key->is_plain && strcmp(key->text, "<<") == 0) {
        *merge = value;
        return;
    }
    const weir_yaml_pair *before = yaml_pair(map, key->text);
    if (before != NULL) {
        weir_diag_error(r->diags, key->line, key->column,
                        "duplicate key `%s`; it stands on line %d already", key->text,
                        before->key->line);
        return;
    }
    (void)yaml_add_pair(r, map, (weir_yaml_pair){ key, value, false });
}

static weir_yaml *yaml_map(yaml_reader *r, struct fy_event *start, int depth)
{
    weir_yaml *map = yaml_node(r, WEIR_YAML_MAP, start);
    weir_yaml *merge = NULL;

    yaml_anchor_add(r, start->mapping_start.anchor, map, true);
    yaml_anchor *own = r->anchors;
    bool has_anchor = own != NULL && own->node == map;
    while (map != NULL && !r->has_failed) {
        struct fy_event *ev = fy_parser_parse(r->fyp);
        bool is_end = ev == NULL || ev->type == FYET_MAPPING_END;

        if (ev == NULL) {
            r->has_failed = true;
        } else if (!is_end) {
            yaml_map_entry(r, map, &merge, ev, depth + 1);
        }
        fy_parser_event_free(r->fyp, ev);
        if (is_end) {
            break;
        }
    }
    if (merge != NULL && !r->has_failed) {
        yaml_merge(r, map, merge);
    }
    if (has_anchor) {
        own->is_open = false;
    }
    return r->has_failed ? NULL : map;
}

static weir_yaml *yaml_list(yaml_reader *r, struct fy_event *start, int depth)
{
    weir_yaml *list = yaml_node(r, WEIR_YAML_LIST, start);

    yaml_anchor_add(r, start->sequence_start.anchor, list, true);
    yaml_anchor *own = r->anchors;
    bool has_anchor = own != NULL && own->node == list;
    while (list != NULL && !r->has_failed) {
        struct fy_event *ev = fy_parser_parse(r->fyp);
        bool is_end = ev == NULL || ev->type == FYET_SEQUENCE_END;
        weir_yaml *item = is_end ? NULL : yaml_value(r, ev, depth + 1);

        if (ev == NULL || (!is_end && item == NULL)) {
            r->has_failed = true;
        }
        fy_parser_event_free(r->fyp, ev);
        if (is_end || item == NULL) {
            break;
        }
        weir_yaml **items = yaml_grow(r, list->items, list->n, sizeof(weir_yaml *));
        if (items == NULL) {
            break;
        }
        list->items = items;
        list->items[list->n++] = item;
        yaml_weigh(r, list, item);
    }
    if (has_anchor) {
        own->is_open = false;
    }
    return r->has_failed ? NULL : list;
}

static weir_yaml *yaml_value(yaml_reader *r, struct fy_event *ev, int depth)
{
    const struct fy_mark *mark = fy_event_start_mark(ev);

    if (depth > WEIR_YAML_DEPTH) {
        yaml_fail(r, mark == NULL ? 1 : mark->line + 1,
                  mark == NULL ? 1 : mark->column + 1, "nested too deep");
        return NULL;
    }
    switch (ev->type) {
    case FYET_SCALAR:
        return yaml_scalar(r, ev);
    case FYET_ALIAS:
        return yaml_alias(r, ev);
    case FYET_MAPPING_START:
        return yaml_map(r, ev, depth);
    case FYET_SEQUENCE_START:
        return yaml_list(r, ev, depth);
    default:
        r->has_failed = true;
        return NULL;
    }
}

static void yaml_document(yaml_reader *r, weir_yaml **root)
{
    bool is_second = false;

    while (!r->has_failed) {
        struct fy_event *ev = fy_parser_parse(r->fyp);
        bool is_end = ev == NULL || ev->type == FYET_STREAM_END;
        bool is_start = ev != NULL && ev->type == FYET_DOCUMENT_START;
        bool is_value =
            ev != NULL &&
            (ev->type == FYET_SCALAR || ev->type == FYET_ALIAS ||
             ev->type == FYET_MAPPING_START || ev->type == FYET_SEQUENCE_START);

        if (is_start && is_second) {
            const struct fy_mark *mark = fy_event_start_mark(ev);
            yaml_fail(r, mark == NULL ? 1 : mark->line + 1, 1,
                      "a second document; the file must hold one");
        }
        is_second = is_second || is_start;
        if (is_value && !r->has_failed) {
            *root = yaml_value(r, ev, 1);
        }
        fy_parser_event_free(r->fyp, ev);
        if (is_end) {
            break;
        }
    }
}

/* What the library complained about, as errors of ours. */
static void yaml_collect(yaml_reader *r, struct fy_diag *diag)
{
    void *prev = NULL;
    struct fy_diag_error *e;

    while ((e = fy_diag_errors_iterate(diag, &prev)) != NULL) {
        if (e->type == FYET_ERROR && e->msg != NULL) {
            int column = e->column < 1 ? 1 : e->column;
            weir_diag_error(r->diags, e->line < 1 ? 1 : e->line, column, "%s", e->msg);
            r->has_failed = true;
        }
    }
}

/* Where the byte at `at` stands. */
static void yaml_place(weir_slice bytes, size_t at, int *line, int *column)
{
    *line = 1;
    *column = 1;
    for (size_t i = 0; i < at; i++) {
        *column = bytes.data[i] == '\n' ? 1 : *column + 1;
        *line += bytes.data[i] == '\n';
    }
}

/* Bytes that no configuration has and that a parser should not be troubled with. */
static bool yaml_is_text(weir_slice bytes, weir_diags *d)
{
    if (bytes.len > WEIR_YAML_BYTES) {
        weir_diag_error(d, 0, 0, "larger than 1 MiB; this is no configuration");
        return false;
    }
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char c = (unsigned char)bytes.data[i];
        if ((c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7f) {
            int line, column;
            yaml_place(bytes, i, &line, &column);
            weir_diag_error(d, line, column, "control character 0x%02x", c);
            return false;
        }
    }
    if (!weir_utf8_ok(bytes)) {
        weir_diag_error(d, 0, 0, "not valid UTF-8");
        return false;
    }
    return true;
}

weir_status weir_yaml_read(weir_slice bytes, weir_arena *arena, weir_diags *d,
                           weir_yaml **root)
{
    weir_status st = WEIR_ENOMEM;
    yaml_reader r = { .arena = arena, .diags = d };
    weir_yaml *tree = NULL;
    struct fy_diag_cfg diag_cfg = { .level = FYET_ERROR, .module_mask = ~0u };

    if (!yaml_is_text(bytes, d)) {
        return WEIR_ECONFIG;
    }
    struct fy_diag *diag = fy_diag_create(&diag_cfg);
    if (diag == NULL) {
        goto out;
    }
    fy_diag_set_collect_errors(diag, true);
    struct fy_parse_cfg cfg = { .search_path = "",
                                .diag = diag,
                                .flags = FYPCF_QUIET | FYPCF_JSON_NONE };
    if ((r.fyp = fy_parser_create(&cfg)) == NULL) {
        goto out;
    }
    if (bytes.len > 0 && fy_parser_set_string(r.fyp, bytes.data, bytes.len) != 0) {
        goto out;
    }
    if (bytes.len > 0) {
        yaml_document(&r, &tree);
    }
    yaml_collect(&r, diag);
    if (r.has_failed) {
        if (!r.is_out_of_memory && d->n_errors == 0) {
            weir_diag_error(d, 0, 0, "this is not YAML");
        }
        st = r.is_out_of_memory ? WEIR_ENOMEM : WEIR_ECONFIG;
        goto out;
    }
    *root = tree;
    st = WEIR_OK;
out:
    if (r.fyp != NULL) {
        fy_parser_destroy(r.fyp);
    }
    if (diag != NULL) {
        fy_diag_destroy(diag);
    }
    return st;
}

weir_yaml *weir_yaml_get(const weir_yaml *map, const char *key)
{
    const weir_yaml_pair *pair = yaml_pair(map, key);

    return pair == NULL ? NULL : pair->value;
}

bool weir_yaml_is_null(const weir_yaml *node)
{
    return node->kind == WEIR_YAML_SCALAR && node->is_plain &&
           (node->text[0] == '\0' || strcmp(node->text, "~") == 0 ||
            strcmp(node->text, "null") == 0);
}

const char *weir_yaml_kind_text(const weir_yaml *node)
{
    switch (node->kind) {
    case WEIR_YAML_MAP:
        return "a map";
    case WEIR_YAML_LIST:
        return "a list";
    default:
        return "a value";
    }
}
