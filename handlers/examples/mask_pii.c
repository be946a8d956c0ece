/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mask_pii - copies a document with the personal fields masked, wherever they stand in it.
 *
 * Every member whose name is listed keeps only its last characters: "DE89370400440532013000"
 * becomes "******************3000". A masked number, map or array becomes "****". All else is
 * copied as it is. The document may be JSON or MessagePack; the result is JSON.
 *
 *     functions:
 *       mask_pii: { library: ./mask_pii.so, config: { fields: [email, iban, phone], keep: 4 } }
 *     subscriptions:
 *       - { function: mask_pii, from: kafka:signups, start: earliest, format: json,
 *           to: kafka:signups.masked }
 *
 *     cc -shared -fPIC -o mask_pii.so mask_pii.c
 *
 * config.fields: names of members; config.keep (default 0): bytes at the end that stay.
 */
#include <weir/handler.h>

#include <stdlib.h>
#include <string.h>

#define FIELDS_MAX 64
#define TEXT_MAX 256

typedef struct rules {
    size_t n;
    /* in the configuration, which lives until fini */
    weir_slice fields[FIELDS_MAX];
    size_t keep;
} rules;

static int init(const weir_setup *setup, void **state)
{
    const weir_value *config = weir_setup_value(setup);
    const weir_value *fields = weir_value_at(config, "/fields");
    const weir_value *item;
    weir_value_iter it = { 0 };
    uint64_t keep = 0;
    rules *r;

    if (weir_value_size(fields) == 0 || weir_value_size(fields) > FIELDS_MAX) {
        return 1; /* config.fields is needed; at most 64 */
    }
    if ((r = calloc(1, sizeof(*r))) == NULL) {
        return 2;
    }
    while (weir_value_next(fields, &it, NULL, &item)) {
        if (!weir_value_string(item, &r->fields[r->n])) {
            free(r);
            return 3;
        }
        r->n++;
    }
    weir_value_uint(weir_value_at(config, "/keep"), &keep);
    r->keep = (size_t)keep;
    *state = r;
    return 0;
}

static void fini(void *state)
{
    free(state);
}

static bool is_masked(const rules *r, weir_slice name)
{
    for (size_t i = 0; i < r->n; i++) {
        if (r->fields[i].len == name.len &&
            memcmp(r->fields[i].data, name.data, name.len) == 0) {
            return true;
        }
    }
    return false;
}

/* Writes a text of stars, one a byte, but for the last r->keep bytes. A text that is hardly
 * longer than what would be kept is masked whole; the kept part never begins inside a
 * character. */
static void write_masked(const rules *r, weir_writer *w, const weir_value *value)
{
    char text[TEXT_MAX];
    weir_slice s;
    size_t from;

    if (weir_value_type(value) == WEIR_TYPE_NULL) {
        weir_write_null(w);
        return;
    }
    if (weir_value_type(value) != WEIR_TYPE_STRING || !weir_value_string(value, &s) ||
        s.len > sizeof(text)) {
        weir_write_string(w, (weir_slice){ "****", 4 });
        return;
    }
    from = s.len >= 2 * r->keep ? s.len - r->keep : s.len;
    while (from < s.len && ((unsigned char)s.data[from] & 0xC0) == 0x80) {
        from++;
    }
    memset(text, '*', from);
    memcpy(text + from, s.data + from, s.len - from);
    weir_write_string(w, (weir_slice){ text, s.len });
}

/* Copies value into w. Depth is bounded: the worker refuses documents that nest too deep. */
static bool write_value(const rules *r, weir_writer *w, const weir_value *value)
{
    const weir_value *key, *item;
    weir_value_iter it = { 0 };
    char text[TEXT_MAX + 1];
    weir_slice name;

    switch (weir_value_type(value)) {
    case WEIR_TYPE_ARRAY:
        weir_write_array(w);
        while (weir_value_next(value, &it, NULL, &item)) {
            if (!write_value(r, w, item)) {
                return false;
            }
        }
        weir_write_end(w);
        return true;
    case WEIR_TYPE_MAP:
        weir_write_map(w);
        while (weir_value_next(value, &it, &key, &item)) {
            if (!weir_value_string(key, &name) || name.len > TEXT_MAX ||
                memchr(name.data, '\0', name.len) != NULL) {
                return false;
            }
            memcpy(text, name.data, name.len);
            text[name.len] = '\0';
            weir_write_key(w, text);
            if (is_masked(r, name)) {
                write_masked(r, w, item);
            } else if (!write_value(r, w, item)) {
                return false;
            }
        }
        weir_write_end(w);
        return true;
    default:
        weir_write_value(w, value);
        return true;
    }
}

static weir_verdict mask(void *state, const weir_event *ev, weir_call *call)
{
    const weir_value *root = weir_event_value(ev);
    weir_writer *w;

    if (root == NULL) {
        /* A tombstone has nothing to mask, and must reach those who keep the newest by key. */
        weir_emit(call, &(weir_output){ .key = weir_event_key(ev), .tombstone = true });
        return WEIR_DONE;
    }
    w = weir_emit_value(call, WEIR_FORMAT_JSON);
    if (!write_value(state, w, root)) {
        return weir_reject(call, "bad-name",
                           "a member whose name is no text, or too long");
    }
    weir_emit_end(w, &(weir_output){ .key = weir_event_key(ev) });
    return WEIR_DONE;
}

static const weir_function functions[] = {
    { .name = "mask_pii",
      .about = "masks personal fields",
      .version = "1.0.0",
      .init = init,
      .fini = fini,
      .handle = mask,
      .wants_value = true,
      .replay_safe = true },
};
WEIR_FUNCTIONS(functions);
