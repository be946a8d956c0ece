/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter - see filter.h.
 *
 * A filter is a tree of nodes: groups (all, any, not) over tests (exact, prefix, suffix). A
 * map with several dialects, and several names under one dialect, mean all of them.
 */
#include "schemas/filter.h"

#include "schemas/cloudevents.h"
#include "schemas/codec.h"
#include "worker/base/opt.h"

#include <stdio.h>
#include <stdlib.h>

typedef enum filter_dialect {
    FILTER_EXACT,
    FILTER_PREFIX,
    FILTER_SUFFIX,
    FILTER_ALL,
    FILTER_ANY,
    FILTER_NOT
} filter_dialect;

/* In the order of filter_dialect. */
static const char *const filter_words[] = { "exact", "prefix", "suffix", "all",
                                            "any",   "not",    NULL };

#define HEADER_PREFIX "header."

typedef struct filter_test {
    char *name;            /* as written, without "header." */
    weir_pointer *pointer; /* a name that begins with '/' */
    bool is_key;
    bool is_header;
    weir_slice want; /* heap */
} filter_test;

struct weir_filter {
    filter_dialect dialect;
    filter_test *tests; /* exact, prefix, suffix */
    size_t n_tests;
    weir_filter **nodes; /* all, any, not (one) */
    size_t n_nodes;
    bool needs_value;
};

/* Where an error is: "filter.any[1].prefix". */
typedef struct filter_path {
    const struct filter_path *up;
    const char *name; /* NULL: an index */
    size_t index;
} filter_path;

/* What one match has found out about its event. */
typedef struct filter_look {
    const weir_event *ev;
    weir_arena arena;
    weir_event copy; /* decoded here when the attributes are inside of the data */
    bool has_copy;
    bool is_broken; /* could not be looked at */
    bool has_no_memory;
} filter_look;

static weir_status filter_make(const weir_value *v, const filter_path *path,
                               weir_filter **out, weir_err *err);

static void filter_path_text(const filter_path *path, weir_buf *out)
{
    if (path->up != NULL) {
        filter_path_text(path->up, out);
    }
    if (path->name == NULL) {
        weir_buf_printf(out, "[%zu]", path->index);
    } else {
        weir_buf_printf(out, "%s%.60s", path->up == NULL ? "" : ".", path->name);
    }
}

static weir_status filter_fail(const filter_path *path, weir_err *err, const char *text)
{
    weir_buf where = { 0 };

    filter_path_text(path, &where);
    weir_status st = weir_fail(err, WEIR_ECONFIG, "%.600s: %s",
                               where.data == NULL ? "filter" : where.data, text);

    weir_buf_fini(&where);
    return st;
}

static weir_status filter_nomem(weir_err *err)
{
    return weir_fail(err, WEIR_ENOMEM, "filter: out of memory");
}

void weir_filter_free(weir_filter *f)
{
    if (f == NULL) {
        return;
    }
    for (size_t i = 0; i < f->n_tests; i++) {
        free(f->tests[i].name);
        free((char *)(uintptr_t)f->tests[i].want.data);
        weir_pointer_free(f->tests[i].pointer);
    }
    for (size_t i = 0; i < f->n_nodes; i++) {
        weir_filter_free(f->nodes[i]);
    }
    free(f->tests);
    free(f->nodes);
    free(f);
}

/* A text of the configuration; numbers and booleans count as they are written in JSON. */
static weir_status filter_text(const weir_value *v, const filter_path *path, char **out,
                               size_t *len, weir_err *err)
{
    weir_type type = weir_val_type(v);
    weir_buf scratch = { 0 };
    weir_slice s = WEIR_SLICE_NONE;
    weir_status st = WEIR_OK;

    if (type == WEIR_TYPE_NULL || type == WEIR_TYPE_ARRAY || type == WEIR_TYPE_MAP) {
        return filter_fail(path, err, "want a text");
    }
    if (!weir_val_key(v, &scratch, &s) || (*out = strndup(s.data, s.len)) == NULL) {
        st = filter_nomem(err);
    } else if (memchr(s.data, '\0', s.len) != NULL) {
        free(*out);
        *out = NULL;
        st = filter_fail(path, err, "a text without NUL");
    } else {
        *len = s.len;
    }
    weir_buf_fini(&scratch);
    return st;
}

static weir_status filter_name(filter_test *test, const filter_path *path,
                               weir_err *err)
{
    size_t n_prefix = strlen(HEADER_PREFIX);
    weir_err why;
    weir_status st = WEIR_OK;

    if (test->name[0] == '\0') {
        return filter_fail(path, err, "a name is empty; the whole value has no text");
    }
    if (test->name[0] == '/') {
        st = weir_pointer_new(test->name, &test->pointer, &why);
        return st == WEIR_EINVAL ? filter_fail(path, err, why.text)
               : st == WEIR_OK   ? WEIR_OK
                                 : filter_nomem(err);
    }
    test->is_key = strcmp(test->name, "key") == 0;
    if (strncmp(test->name, HEADER_PREFIX, n_prefix) == 0) {
        if (test->name[n_prefix] == '\0') {
            return filter_fail(path, err, "a header's name is missing");
        }
        test->is_header = true;
        memmove(test->name, test->name + n_prefix, strlen(test->name + n_prefix) + 1);
    }
    return WEIR_OK;
}

static weir_status filter_make_tests(weir_filter *f, const weir_value *v,
                                     const filter_path *path, weir_err *err)
{
    weir_value_iter it = { 0, NULL };
    const weir_value *key = NULL;
    const weir_value *item = NULL;

    if (weir_val_type(v) != WEIR_TYPE_MAP || weir_val_size(v) == 0) {
        return filter_fail(path, err, "want a map of names and texts");
    }
    if ((f->tests = calloc(weir_val_size(v), sizeof(*f->tests))) == NULL) {
        return filter_nomem(err);
    }
    while (weir_val_next(v, &it, &key, &item)) {
        filter_test *test = &f->tests[f->n_tests++];
        char *want = NULL;
        size_t len = 0;
        weir_status st = filter_text(key, path, &test->name, &len, err);

        if (st != WEIR_OK) {
            return st;
        }
        filter_path at = { path, test->name, 0 };
        char *name = strdup(test->name);

        if (name == NULL) {
            return filter_nomem(err);
        }
        at.name = name; /* filter_name cuts the test's own */
        if ((st = filter_name(test, &at, err)) == WEIR_OK &&
            (st = filter_text(item, &at, &want, &len, err)) == WEIR_OK) {
            test->want = (weir_slice){ want, len };
            if (len == 0 && f->dialect != FILTER_EXACT) {
                st = filter_fail(&at, err, "an empty text would match everything");
            }
        }
        free(name);
        if (st != WEIR_OK) {
            return st;
        }
        f->needs_value = f->needs_value || test->pointer != NULL;
    }
    return WEIR_OK;
}

/* Room for n more nodes. */
static bool filter_room(weir_filter *f, size_t n)
{
    f->nodes = calloc(n, sizeof(weir_filter *));
    return f->nodes != NULL;
}

static weir_status filter_add(weir_filter *f, const weir_value *v,
                              const filter_path *path, weir_err *err)
{
    weir_status st = filter_make(v, path, &f->nodes[f->n_nodes], err);

    if (st == WEIR_OK) {
        f->needs_value = f->needs_value || f->nodes[f->n_nodes]->needs_value;
        f->n_nodes++;
    }
    return st;
}

static weir_status filter_make_list(weir_filter *f, const weir_value *v,
                                    const filter_path *path, weir_err *err)
{
    weir_value_iter it = { 0, NULL };
    const weir_value *item = NULL;

    if (weir_val_type(v) != WEIR_TYPE_ARRAY || weir_val_size(v) == 0) {
        return filter_fail(path, err, "want a list of filters, at least one");
    }
    if (!filter_room(f, weir_val_size(v))) {
        return filter_nomem(err);
    }
    while (weir_val_next(v, &it, NULL, &item)) {
        filter_path at = { path, NULL, it.index - 1 };
        weir_status st = filter_add(f, item, &at, err);

        if (st != WEIR_OK) {
            return st;
        }
    }
    return WEIR_OK;
}

static weir_filter *filter_new(filter_dialect dialect)
{
    weir_filter *f = calloc(1, sizeof(*f));

    if (f != NULL) {
        f->dialect = dialect;
    }
    return f;
}

static weir_status filter_unknown(const char *word, const filter_path *path,
                                  weir_err *err)
{
    const char *nearest = weir_word_nearest(filter_words, word);
    char text[200];

    (void)snprintf(text, sizeof(text), "unknown dialect \"%.60s\"%s%s%s", word,
                   nearest == NULL ? "; known are exact, prefix, suffix, all, any, not"
                                   : "; did you mean \"",
                   nearest == NULL ? "" : nearest, nearest == NULL ? "" : "\"?");
    return filter_fail(path, err, text);
}

/* One dialect of a map. */
static weir_status filter_make_dialect(const char *word, const weir_value *v,
                                       const filter_path *path, weir_filter **out,
                                       weir_err *err)
{
    weir_filter *f = NULL;
    weir_status st = WEIR_OK;
    int dialect = 0;

    while (filter_words[dialect] != NULL && strcmp(filter_words[dialect], word) != 0) {
        dialect++;
    }
    if (filter_words[dialect] == NULL) {
        return filter_unknown(word, path, err);
    }
    filter_path at = { path, word, 0 };

    if ((f = filter_new((filter_dialect)dialect)) == NULL) {
        return filter_nomem(err);
    }
    switch (f->dialect) {
    case FILTER_ALL:
    case FILTER_ANY:
        st = filter_make_list(f, v, &at, err);
        break;
    case FILTER_NOT:
        st = filter_room(f, 1) ? filter_add(f, v, &at, err) : filter_nomem(err);
        break;
    default:
        st = filter_make_tests(f, v, &at, err);
        break;
    }
    if (st != WEIR_OK) {
        weir_filter_free(f);
        return st;
    }
    *out = f;
    return WEIR_OK;
}

static weir_status filter_make_map(weir_filter *f, const weir_value *v,
                                   const filter_path *path, weir_err *err)
{
    weir_value_iter it = { 0, NULL };
    const weir_value *key = NULL;
    const weir_value *item = NULL;

    if (weir_val_size(v) == 0) {
        return filter_fail(path, err,
                           "an empty map; want one of exact, prefix, suffix, all, "
                           "any, not");
    }
    if (!filter_room(f, weir_val_size(v))) {
        return filter_nomem(err);
    }
    while (weir_val_next(v, &it, &key, &item)) {
        char *word = NULL;
        size_t len = 0;
        weir_status st = filter_text(key, path, &word, &len, err);

        if (st != WEIR_OK) {
            return st;
        }
        st = filter_make_dialect(word, item, path, &f->nodes[f->n_nodes], err);
        free(word);
        if (st != WEIR_OK) {
            return st;
        }
        f->needs_value = f->needs_value || f->nodes[f->n_nodes]->needs_value;
        f->n_nodes++;
    }
    return WEIR_OK;
}

/* A map of dialects, or a list of filters: in both cases all of them. */
static weir_status filter_make(const weir_value *v, const filter_path *path,
                               weir_filter **out, weir_err *err)
{
    weir_type type = weir_val_type(v);
    weir_filter *f = NULL;
    weir_status st = WEIR_OK;

    if (type != WEIR_TYPE_MAP && type != WEIR_TYPE_ARRAY) {
        return filter_fail(path, err, "want a map of dialects or a list of filters");
    }
    if ((f = filter_new(FILTER_ALL)) == NULL) {
        return filter_nomem(err);
    }
    st = type == WEIR_TYPE_MAP ? filter_make_map(f, v, path, err)
                               : filter_make_list(f, v, path, err);
    if (st != WEIR_OK) {
        weir_filter_free(f);
        return st;
    }
    *out = f;
    return WEIR_OK;
}

weir_status weir_filter_new(const char *json, weir_filter **out, weir_err *err)
{
    const filter_path root = { NULL, "filter", 0 };
    weir_json *doc = NULL;
    weir_status st = weir_json_parse(weir_slice_of(json), &doc, err);

    if (st != WEIR_OK) {
        (void)weir_err_prefix(err, "filter");
        return st == WEIR_EDATA ? WEIR_ECONFIG : st;
    }
    st = filter_make(weir_json_root(doc), &root, out, err);
    weir_json_free(doc);
    return st;
}

bool weir_filter_needs_value(const weir_filter *f)
{
    return f->needs_value;
}

/*
 * The event with its attributes, where they are inside of the data and nobody has decoded it
 * yet: a structured CloudEvent before intake. Decoded at most once a match.
 */
static const weir_event *filter_look_inside(filter_look *look)
{
    const weir_event *ev = look->ev;

    if (look->has_copy) {
        return &look->copy;
    }
    look->has_copy = true;
    weir_arena_init(&look->arena, 0);
    weir_ev_begin(&look->copy, &look->arena);
    look->copy.data = ev->data;
    look->copy.headers = ev->headers;
    look->copy.n_headers = ev->n_headers;
    look->copy.is_redis = ev->is_redis;
    const weir_status st = weir_codec_cloudevents.decode(&look->copy, NULL);

    if (st == WEIR_ENOMEM) {
        look->has_no_memory = true;
    } else if (st != WEIR_OK) {
        weir_slice type = weir_ce_header(ev, "datacontenttype");

        look->is_broken = type.data != NULL; /* it says that it is one */
    }
    return &look->copy;
}

/* An attribute, or a header of that name; absent: data NULL. */
static weir_slice filter_attr(filter_look *look, const char *name)
{
    const weir_event *ev = look->ev;
    weir_slice found =
        ev->is_decoded ? weir_ev_attr(ev, name) : weir_ce_header(ev, name);

    if (found.data == NULL) {
        (void)weir_ev_header(ev, name, &found);
    }
    if (found.data == NULL && !ev->is_decoded && !ev->is_object &&
        ev->data.data != NULL && weir_ce_name_ok(weir_slice_of(name)) &&
        weir_ce_mode_of(ev) != WEIR_CE_BINARY) {
        found = weir_ev_attr(filter_look_inside(look), name);
    }
    return found;
}

static bool filter_test_match(const filter_test *test, filter_dialect dialect,
                              filter_look *look)
{
    weir_slice found = WEIR_SLICE_NONE;
    weir_buf scratch = { 0 };
    bool is_match = false;

    if (test->pointer != NULL) {
        look->has_no_memory =
            (!weir_val_key(weir_val_find(look->ev->value, test->pointer), &scratch,
                           &found) &&
             scratch.has_failed) ||
            look->has_no_memory;
    } else if (test->is_key) {
        found = look->ev->key;
    } else if (!weir_ev_look(look->ev)) {
        look->has_no_memory = true;
    } else if (test->is_header) {
        (void)weir_ev_header(look->ev, test->name, &found);
    } else {
        found = filter_attr(look, test->name);
    }
    if (found.data != NULL) {
        is_match = dialect == FILTER_EXACT    ? weir_slice_eq(found, test->want)
                   : dialect == FILTER_PREFIX ? weir_slice_starts(found, test->want)
                                              : weir_slice_ends(found, test->want);
    }
    weir_buf_fini(&scratch);
    return is_match;
}

static bool filter_node_match(const weir_filter *f, filter_look *look)
{
    switch (f->dialect) {
    case FILTER_NOT:
        return !filter_node_match(f->nodes[0], look);
    case FILTER_ANY:
        for (size_t i = 0; i < f->n_nodes; i++) {
            if (filter_node_match(f->nodes[i], look)) {
                return true;
            }
        }
        return false;
    default:
        break;
    }
    for (size_t i = 0; i < f->n_nodes; i++) {
        if (!filter_node_match(f->nodes[i], look)) {
            return false;
        }
    }
    for (size_t i = 0; i < f->n_tests; i++) {
        if (!filter_test_match(&f->tests[i], f->dialect, look)) {
            return false;
        }
    }
    return true;
}

weir_status weir_filter_match(const weir_filter *f, const weir_event *ev,
                              bool *is_wanted)
{
    filter_look look;

    look.ev = ev;
    look.has_copy = false;
    look.is_broken = false;
    look.has_no_memory = false;
    *is_wanted = filter_node_match(f, &look) || look.is_broken;

    if (look.has_copy) {
        weir_ev_end(&look.copy);
        weir_arena_fini(&look.arena);
    }
    return look.has_no_memory ? WEIR_ENOMEM : WEIR_OK;
}
