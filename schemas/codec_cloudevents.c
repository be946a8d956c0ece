/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec_cloudevents - CloudEvents 1.0 in Kafka's binary and structured modes, and on Redis;
 * cloudevents.h says how a mode is recognised.
 *
 * In both modes the decoded value is the event's *data*, if its datacontenttype is JSON or
 * MessagePack (structured without datacontenttype: JSON), else there is none. Attributes are
 * text: booleans "true" and "false", integers in decimal, binary in base64.
 *
 *     structured                        payload              value
 *     data, a JSON value                its bytes in data    the member
 *     data, text of another type        the text             none
 *     data_base64, or data as bin       the bytes            by datacontenttype
 */
#include "schemas/base64.h"
#include "schemas/cloudevents.h"
#include "schemas/codec_impl.h"
#include "schemas/msgpack_walk.h"
#include "schemas/position.h"
#include "schemas/writer_impl.h"
#include "worker/base/check.h"

enum { ATTRS_MAX = 256 };

/* Adds or replaces an attribute; room was made beforehand. Linear, so there is a limit. */
static weir_status ce_put(weir_event *ev, const char *name, weir_slice value,
                          weir_err *err)
{
    for (size_t i = 0; i < ev->n_attrs; i++) {
        if (ev->attrs[i].name[0] == name[0] && strcmp(ev->attrs[i].name, name) == 0) {
            ev->attrs[i].value = value;
            return WEIR_OK;
        }
    }
    if (ev->n_attrs == ATTRS_MAX) {
        return weir_fail(err, WEIR_EDATA, "cloudevents: more than %d attributes",
                         ATTRS_MAX);
    }
    ev->attrs[ev->n_attrs++] = (weir_header){ name, value };
    return WEIR_OK;
}

static weir_status ce_room(weir_event *ev, size_t n, weir_err *err)
{
    n = n < ATTRS_MAX ? n : ATTRS_MAX;
    ev->n_attrs = 0;
    ev->attrs = weir_arena_alloc(ev->arena, n * sizeof(*ev->attrs));
    return ev->attrs != NULL
               ? WEIR_OK
               : weir_fail(err, WEIR_ENOMEM, "cloudevents: out of memory");
}

/* On Redis a field with the name of an attribute is one; then what ce_NAME says counts. */
static weir_status ce_binary_attrs(weir_event *ev, weir_slice type, weir_err *err)
{
    weir_status st = ce_room(ev, ev->n_headers + 1, err);

    if (st != WEIR_OK) {
        return st;
    }
    for (size_t i = 0; ev->is_redis && st == WEIR_OK && i < ev->n_headers; i++) {
        if (ev->headers[i].value.data != NULL &&
            weir_ce_name_ok(weir_slice_of(ev->headers[i].name))) {
            st = ce_put(ev, ev->headers[i].name, ev->headers[i].value, err);
        }
    }
    for (size_t i = 0; st == WEIR_OK && i < ev->n_headers; i++) {
        if (ev->headers[i].value.data != NULL &&
            strncmp(ev->headers[i].name, "ce_", 3) == 0) {
            st = ce_put(ev, ev->headers[i].name + 3, ev->headers[i].value, err);
        }
    }
    if (st == WEIR_OK && type.data != NULL) {
        st = ce_put(ev, "datacontenttype", type, err);
    }
    if (st != WEIR_OK) {
        return st;
    }
    if (weir_ev_attr(ev, "specversion").data == NULL) {
        return weir_fail(
            err, WEIR_EDATA,
            "cloudevents: neither a header ce_specversion nor a content-type of "
            "application/cloudevents");
    }
    return weir_ce_check(ev->attrs, ev->n_attrs, err);
}

/* Parses bytes by what datacontenttype says of them; other types give no tree. */
static weir_status ce_parse(weir_event *ev, weir_slice bytes, weir_tree *tree,
                            weir_err *err)
{
    switch (weir_ce_data_format(weir_ev_attr(ev, "datacontenttype"))) {
    case WEIR_FORMAT_JSON:
        return weir_json_tree(bytes, ev->arena, tree, err);
    case WEIR_FORMAT_MSGPACK:
        return weir_msgpack_tree(bytes, ev->arena, tree, err);
    default:
        return WEIR_OK;
    }
}

static weir_status ce_binary(weir_event *ev, weir_slice type, weir_tree *tree,
                             weir_err *err)
{
    weir_status st = ce_binary_attrs(ev, type, err);

    if (ev->data.data == NULL) {
        /* A tombstone is for the function, whatever its headers. */
        ev->n_attrs = st == WEIR_OK ? ev->n_attrs : 0;
        return st == WEIR_ENOMEM ? st : WEIR_OK;
    }
    if (st != WEIR_OK) {
        return st;
    }
    ev->payload = ev->data;
    return ce_parse(ev, ev->data, tree, err);
}

/* An attribute's value as text. */
static weir_status ce_text(weir_event *ev, const char *name, const weir_value *v,
                           weir_slice *out, weir_err *err)
{
    weir_slice s = WEIR_SLICE_NONE;
    int64_t i = 0;
    bool b = false;
    char *text = NULL;

    if (weir_val_type(v) == WEIR_TYPE_STRING && weir_val_string(v, out)) {
        return WEIR_OK;
    }
    if (weir_val_bool(v, &b)) {
        *out = b ? WEIR_SLICE_LIT("true") : WEIR_SLICE_LIT("false");
        return WEIR_OK;
    }
    if (weir_val_int(v, &i) && i >= INT32_MIN && i <= INT32_MAX) {
        if ((text = weir_arena_alloc(ev->arena, WEIR_POS_TEXT_MAX)) == NULL) {
            return weir_fail(err, WEIR_ENOMEM, "cloudevents: out of memory");
        }
        text[0] = '-';
        size_t n = weir_u64_format((uint64_t)(i < 0 ? -i : i), text + 1);

        *out = i < 0 ? (weir_slice){ text, n + 1 } : (weir_slice){ text + 1, n };
        return WEIR_OK;
    }
    if (weir_val_type(v) == WEIR_TYPE_BINARY && weir_val_string(v, &s)) {
        size_t n = (s.len + 2) / 3 * 4;

        if ((text = weir_arena_alloc(ev->arena, n)) == NULL) {
            return weir_fail(err, WEIR_ENOMEM, "cloudevents: out of memory");
        }
        weir_base64_write(s, text);
        *out = (weir_slice){ text, n };
        return WEIR_OK;
    }
    return weir_fail(
        err, WEIR_EDATA,
        "cloudevents: attribute %.60s: not a string, a boolean or an integer of 32 "
        "bits",
        name);
}

typedef struct ce_data {
    weir_slice key; /* the bytes of the key "data" or "data_base64" */
    const weir_value *data, *base64;
    weir_slice next; /* the key behind it; absent: it is the last */
} ce_data;

/* Sorts the members of a structured event into attributes and data. */
static weir_status ce_members(weir_event *ev, const weir_value *root, ce_data *out,
                              weir_err *err)
{
    weir_value_iter it = { 0, NULL };
    const weir_value *key = NULL;
    const weir_value *item = NULL;
    bool is_behind_data = false;
    weir_status st = ce_room(ev, weir_val_size(root), err);

    while (st == WEIR_OK && weir_val_next(root, &it, &key, &item)) {
        weir_slice name = WEIR_SLICE_NONE;
        weir_slice text = WEIR_SLICE_NONE;

        if (weir_val_type(key) != WEIR_TYPE_STRING || !weir_val_string(key, &name)) {
            return weir_fail(err, WEIR_EDATA,
                             "cloudevents: a name that is not a string");
        }
        if (is_behind_data) {
            out->next = name;
            is_behind_data = false;
        }
        if (weir_slice_is(name, "data")) {
            out->key = name;
            out->data = item;
            is_behind_data = true;
        } else if (weir_slice_is(name, "data_base64")) {
            out->base64 = item;
        } else if (!weir_ce_name_ok(name)) {
            return weir_fail(
                err, WEIR_EDATA,
                "cloudevents: attribute %.*s: names are made of a-z and 0-9",
                (int)(name.len < 60 ? name.len : 60), name.data);
        } else if (!weir_val_is_null(item)) {
            weir_slice copy = WEIR_SLICE_NONE;

            if (!weir_arena_copy(ev->arena, name, &copy)) {
                return weir_fail(err, WEIR_ENOMEM, "cloudevents: out of memory");
            }
            st = ce_text(ev, copy.data, item, &text, err);
            st = st == WEIR_OK ? ce_put(ev, copy.data, text, err) : st;
        }
    }
    return st != WEIR_OK ? st : weir_ce_check(ev->attrs, ev->n_attrs, err);
}

static bool ce_is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/*
 * The bytes of the member `data` in JSON text. The parser's strings stand in its copy of the
 * text where they stood in the text, so the keys on both sides of the member say where it is.
 */
static weir_slice ce_json_span(const weir_event *ev, const weir_tree *tree,
                               const ce_data *data)
{
    const char *text = ev->data.data;
    size_t at = (size_t)(data->key.data - tree->copy);
    size_t end = data->next.data != NULL ? (size_t)(data->next.data - tree->copy) - 1
                                         : ev->data.len;

    while (text[at] != '"') {
        at++; /* to the key's closing quote; it may be written with escapes */
    }
    while (text[at] != ':') {
        at++;
    }
    at++;
    while (ce_is_space(text[at])) {
        at++;
    }
    /* Backwards over what follows the member: the next key's comma, or the map's end. */
    while (ce_is_space(text[end - 1])) {
        end--;
    }
    WEIR_DCHECK(text[end - 1] == (data->next.data != NULL ? ',' : '}'));
    end--;
    while (ce_is_space(text[end - 1])) {
        end--;
    }
    return (weir_slice){ text + at, end - at };
}

static weir_status ce_base64(weir_event *ev, const weir_value *v, weir_err *err)
{
    weir_slice text = WEIR_SLICE_NONE;
    char *bytes = NULL;
    size_t n = 0;

    if (weir_val_type(v) != WEIR_TYPE_STRING || !weir_val_string(v, &text)) {
        return weir_fail(err, WEIR_EDATA, "cloudevents: data_base64 is not a string");
    }
    if ((bytes = weir_arena_alloc(ev->arena, weir_base64_max(text.len))) == NULL) {
        return weir_fail(err, WEIR_ENOMEM, "cloudevents: out of memory");
    }
    if (!weir_base64_decode(text, bytes, &n)) {
        return weir_fail(err, WEIR_EDATA, "cloudevents: data_base64 is not base64");
    }
    ev->payload = (weir_slice){ bytes, n };
    return WEIR_OK;
}

static weir_status ce_structured_data(weir_event *ev, weir_tree *tree,
                                      const ce_data *data, weir_err *err)
{
    weir_slice type = weir_ev_attr(ev, "datacontenttype");
    bool is_tree = type.data == NULL || weir_ce_data_format(type) != WEIR_FORMAT_RAW;
    weir_slice bytes = WEIR_SLICE_NONE;
    weir_tree inner = { 0 };
    weir_status st = WEIR_OK;

    if (data->data == NULL && data->base64 == NULL) {
        tree->root = NULL;
        return WEIR_OK;
    }
    if (data->base64 != NULL || weir_val_type(data->data) == WEIR_TYPE_BINARY) {
        if (data->base64 != NULL) {
            st = ce_base64(ev, data->base64, err);
        } else {
            (void)weir_val_string(data->data, &ev->payload);
        }
        if (st == WEIR_OK && (st = ce_parse(ev, ev->payload, &inner, err)) == WEIR_OK) {
            inner.borrows = inner.borrows || tree->borrows;
            if (tree->free != NULL) {
                tree->free(
                    tree->doc); /* attributes are text in the arena or the bytes */
            }
            *tree = inner;
        }
        return st;
    }
    tree->root = data->data;
    if (!is_tree && weir_val_type(data->data) == WEIR_TYPE_STRING) {
        (void)weir_val_string(data->data, &bytes);
        ev->payload = bytes;
        tree->root = NULL;
        return WEIR_OK;
    }
    ev->payload = tree->copy != NULL
                      ? ce_json_span(ev, tree, data)
                      : weir_msgpack_span(ev->data, data->key.data + data->key.len);
    return WEIR_OK;
}

static weir_status ce_structured(weir_event *ev, weir_ce_mode mode, weir_tree *tree,
                                 weir_err *err)
{
    ce_data data = { .key = WEIR_SLICE_NONE, .next = WEIR_SLICE_NONE };
    weir_tree_fn *parse = mode == WEIR_CE_JSON ? weir_json_tree : weir_msgpack_tree;
    weir_status st = parse(ev->data, ev->arena, tree, err);

    if (st != WEIR_OK) {
        return st;
    }
    if (weir_val_type(tree->root) != WEIR_TYPE_MAP) {
        return weir_fail(err, WEIR_EDATA, "cloudevents: a structured event is a map");
    }
    if ((st = ce_members(ev, tree->root, &data, err)) != WEIR_OK) {
        return st;
    }
    if (data.data != NULL && data.base64 != NULL) {
        return weir_fail(err, WEIR_EDATA,
                         "cloudevents: data and data_base64 exclude each other");
    }
    return ce_structured_data(ev, tree, &data, err);
}

static weir_status ce_decode(weir_event *ev, weir_err *err)
{
    weir_err own WEIR_UNINIT;
    weir_tree tree = { 0 };
    weir_status st = WEIR_OK;

    if (ev->is_decoded) {
        return WEIR_OK;
    }
    if (ev->is_object) {
        return weir_codec_json.decode(ev, err);
    }
    err = err == NULL ? &own : err;
    if (!weir_ev_look(ev)) {
        return weir_fail(err, WEIR_ENOMEM, "cloudevents: out of memory");
    }
    const weir_slice type = weir_ce_content_type(ev);
    const weir_ce_mode mode =
        ev->data.data == NULL ? WEIR_CE_BINARY : weir_ce_mode_by(ev, type);

    if (mode == WEIR_CE_UNKNOWN) {
        st = weir_fail(
            err, WEIR_EDATA,
            "cloudevents: of structured events only application/cloudevents+json and "
            "+msgpack are read, and no batches");
    } else {
        st = mode == WEIR_CE_BINARY ? ce_binary(ev, type, &tree, err)
                                    : ce_structured(ev, mode, &tree, err);
    }
    if (st != WEIR_OK) {
        if (tree.free != NULL) {
            tree.free(tree.doc);
        }
        ev->attrs = NULL;
        ev->n_attrs = 0;
        ev->payload = WEIR_SLICE_NONE;
        return weir_codec_fault(ev, st, err);
    }
    ev->value = tree.root;
    ev->value_doc = tree.doc;
    ev->value_free = tree.free;
    ev->value_borrows = tree.borrows;
    ev->is_decoded = true;
    return WEIR_OK;
}

/* What the bytes are is said by headers, which a walk does not see; decode() checks them. */
static weir_status ce_walk(weir_slice data, weir_err *err)
{
    (void)data;
    (void)err;
    return WEIR_OK;
}

/* Of the binary mode with a content-type of a kind that is decoded; the rest is seldom. */
static weir_pick ce_pick(const weir_event *ev, const weir_pointer *p, weir_buf *scratch,
                         weir_slice *out)
{
    if (ev->is_object) {
        return weir_codec_json.pick(ev, p, scratch, out);
    }
    if (ev->data.data == NULL) {
        return WEIR_PICK_NONE;
    }
    const weir_slice type = weir_ce_content_type(ev);

    if (type.data == NULL || weir_ce_mode_by(ev, type) != WEIR_CE_BINARY) {
        return WEIR_PICK_DOUBT;
    }
    switch (weir_ce_data_format(type)) {
    case WEIR_FORMAT_JSON:
        return weir_json_pick(ev->data, p, out);
    case WEIR_FORMAT_MSGPACK:
        return weir_msgpack_pick(ev->data, p, scratch, out);
    default:
        return WEIR_PICK_DOUBT;
    }
}

/* Writes the members of v; binary data goes into data_base64. */
static void ce_write(weir_writer *w, const weir_value *v)
{
    weir_value_iter it = { 0, NULL };
    const weir_value *key = NULL;
    const weir_value *item = NULL;

    weir_writer_map(w);
    while (weir_val_next(v, &it, &key, &item)) {
        weir_slice name = WEIR_SLICE_NONE;

        (void)weir_val_string(key, &name);
        if (weir_slice_is(name, "data") && weir_val_type(item) == WEIR_TYPE_BINARY) {
            name = WEIR_SLICE_LIT("data_base64");
        }
        weir_writer_key(w, name);
        weir_writer_value(w, item);
    }
    weir_writer_end(w);
}

/* A map of attributes and data becomes an event of the JSON format. */
static weir_status ce_encode(const weir_value *v, weir_buf *out, weir_err *err)
{
    weir_err own;
    weir_arena arena;
    weir_event ev;
    ce_data data = { .key = WEIR_SLICE_NONE, .next = WEIR_SLICE_NONE };
    weir_slice doc = WEIR_SLICE_NONE;

    if (weir_val_type(v) != WEIR_TYPE_MAP) {
        return weir_fail(err, WEIR_EINVAL, "cloudevents: only a map is an event");
    }
    err = err == NULL ? &own : err;
    weir_arena_init(&arena, 0);
    weir_ev_begin(&ev, &arena);

    weir_writer *w = weir_writer_new(&arena, WEIR_FORMAT_JSON, NULL);
    weir_status st = w == NULL
                         ? weir_fail(err, WEIR_ENOMEM, "cloudevents: out of memory")
                         : ce_members(&ev, v, &data, err);

    if (st == WEIR_EDATA) {
        st = err->st = WEIR_EINVAL;
    }
    if (st == WEIR_OK && data.data != NULL && data.base64 != NULL) {
        st = weir_fail(err, WEIR_EINVAL,
                       "cloudevents: data and data_base64 exclude each other");
    }
    if (st == WEIR_OK) {
        ce_write(w, v);
        if ((st = weir_writer_finish(w, &doc)) != WEIR_OK) {
            st = weir_fail(err, st, "cloudevents: %s", weir_writer_why(w));
        }
    }
    if (st == WEIR_OK) {
        weir_buf_add(out, doc.data, doc.len);
        st = out->has_failed ? weir_fail(err, WEIR_ENOMEM, "cloudevents: out of memory")
                             : WEIR_OK;
    }
    weir_ev_end(&ev);
    weir_arena_fini(&arena);
    return st;
}

const weir_codec_ops weir_codec_cloudevents = {
    .name = "cloudevents",
    .about = "CloudEvents 1.0, binary and structured; the value is the event's data",
    .format = WEIR_FORMAT_CLOUDEVENTS,
    .gives_value = true,
    .walk = ce_walk,
    .decode = ce_decode,
    .pick = ce_pick,
    .encode = ce_encode,
};
