/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Picks against decoding: random documents, whole and spoilt, from a fixed seed. Of what decodes
 * a pick must say the same as the tree, or doubt.
 */
#include "schemas/codec.h"
#include "worker/base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROUNDS 40000
#define DEPTH 4
#define SPARE 64 /* room for what is put into a document */

static const char *const texts[] = { "/id",     "",          "/a",   "/a/id",
                                     "/a/b/id", "/0",        "/1/a", "/a/1/0",
                                     "/b/x~1y", "/\xC3\xA9", "/" };
#define N_POINTERS (sizeof(texts) / sizeof(texts[0]))

typedef struct seen {
    size_t n_found, n_none, n_doubt, n_bad;
} seen;

typedef struct fixture {
    weir_pointer *pointers[N_POINTERS];
    weir_buf scratch, other;
    weir_rand rand;
    seen seen;
} fixture;

static int setup(void **state)
{
    fixture *fx = calloc(1, sizeof(*fx));

    for (size_t i = 0; i < N_POINTERS; i++) {
        assert_int_equal(weir_pointer_new(texts[i], &fx->pointers[i], NULL), WEIR_OK);
    }
    weir_rand_init(&fx->rand, 20261123);
    *state = fx;
    return 0;
}

static int teardown(void **state)
{
    fixture *fx = *state;

    for (size_t i = 0; i < N_POINTERS; i++) {
        weir_pointer_free(fx->pointers[i]);
    }
    weir_buf_fini(&fx->scratch);
    weir_buf_fini(&fx->other);
    free(fx);
    return 0;
}

static size_t pick_from(fixture *fx, size_t n)
{
    return (size_t)(weir_rand_next(&fx->rand) >> 20) % n;
}

static void add_json(fixture *fx, weir_buf *out, int depth)
{
    static const char *const scalars[] = { "\"a1\"",
                                           "\"\"",
                                           "\"\\u0061\\n\"",
                                           "\"\xE2\x82\xAC\"",
                                           "7",
                                           "0",
                                           "-3",
                                           "2.50",
                                           "1e3",
                                           "123456789012345678",
                                           "12345678901234567890",
                                           "true",
                                           "null",
                                           "\"quote \\\" and } ] , : \\\\\"",
                                           "\"12345678901234567890\"" };
    static const char *const keys[] = { "\"id\"",       "\"a\"",        "\"b\"",
                                        "\"0\"",        "\"x/y\"",      "\"\"",
                                        "\"i\\u0064\"", "\"\xC3\xA9\"", "\"1\"" };
    static const char *const spaces[] = { "", "", "", " ", "\n\t " };
    const size_t kind = pick_from(fx, depth == 0 ? 2 : 6);
    const size_t n = pick_from(fx, 4);

    if (kind < 2) {
        weir_buf_str(out, scalars[pick_from(fx, sizeof(scalars) / sizeof(*scalars))]);
        return;
    }
    weir_buf_char(out, kind < 5 ? '{' : '[');
    for (size_t i = 0; i < n; i++) {
        weir_buf_str(out, i > 0 ? "," : "");
        weir_buf_str(out, spaces[pick_from(fx, 5)]);
        if (kind < 5) {
            weir_buf_str(out, keys[pick_from(fx, sizeof(keys) / sizeof(*keys))]);
            weir_buf_str(out, spaces[pick_from(fx, 5)]);
            weir_buf_char(out, ':');
        }
        weir_buf_str(out, spaces[pick_from(fx, 5)]);
        add_json(fx, out, depth - 1);
        weir_buf_str(out, spaces[pick_from(fx, 5)]);
    }
    weir_buf_char(out, kind < 5 ? '}' : ']');
}

/* Spoils up to two places: another byte, one more, one less. */
static size_t spoil(fixture *fx, char *doc, size_t len)
{
    static const char likely[] = "{}[]\",:\\09-.en \n\x80\xC0\xED\x81\x91\xA1\xDD\xDF";

    for (size_t n = pick_from(fx, 3); n > 0 && len > 1; n--) {
        const size_t at = pick_from(fx, len);
        const char c = pick_from(fx, 2) == 0 ? likely[pick_from(fx, sizeof(likely) - 1)]
                                             : (char)pick_from(fx, 256);

        switch (pick_from(fx, 3)) {
        case 0:
            doc[at] = c;
            break;
        case 1:
            memmove(doc + at + 1, doc + at, len - at);
            doc[at] = c;
            len++;
            break;
        default:
            memmove(doc + at, doc + at + 1, len - at - 1);
            len--;
            break;
        }
    }
    return len;
}

static void fail_on(weir_slice doc, const char *pointer, const char *why)
{
    for (size_t i = 0; i < doc.len; i++) {
        (void)fprintf(stderr, "%02X ", (unsigned)(unsigned char)doc.data[i]);
    }
    fail_msg("\n%.*s\npointer \"%s\": %s", (int)doc.len, doc.data, pointer, why);
}

/* A copy of exact size shows reads past the end. */
static void check(fixture *fx, const weir_codec_ops *ops, const weir_header *header,
                  weir_slice doc)
{
    weir_header headers[5] = { { "ce_specversion", WEIR_SLICE_LIT("1.0") },
                               { "ce_id", WEIR_SLICE_LIT("1") },
                               { "ce_source", WEIR_SLICE_LIT("s") },
                               { "ce_type", WEIR_SLICE_LIT("t") },
                               header == NULL ? (weir_header){ NULL, { NULL, 0 } }
                                              : *header };
    char *exact = malloc(doc.len);
    weir_pick picks[N_POINTERS];
    weir_slice keys[N_POINTERS];
    weir_arena arena;
    weir_event ev;

    memcpy(exact, doc.data, doc.len);
    weir_arena_init(&arena, 0);
    weir_ev_begin(&ev, &arena);
    ev.data = (weir_slice){ exact, doc.len };
    ev.headers = headers;
    ev.n_headers = header == NULL ? 0 : 5;
    for (size_t i = 0; i < N_POINTERS; i++) {
        keys[i] = WEIR_SLICE_NONE;
        picks[i] = ops->pick(&ev, fx->pointers[i], &fx->scratch, &keys[i]);
        if (picks[i] == WEIR_PICK_FOUND) {
            assert_true(weir_arena_copy(&arena, keys[i], &keys[i]));
        }
    }
    const bool is_good = ops->decode(&ev, NULL) == WEIR_OK;

    fx->seen.n_bad += is_good ? 0 : 1;
    for (size_t i = 0; is_good && i < N_POINTERS; i++) {
        weir_slice key = WEIR_SLICE_NONE;
        const bool has_key =
            weir_val_key(weir_val_find(ev.value, fx->pointers[i]), &fx->other, &key);

        fx->seen.n_found += picks[i] == WEIR_PICK_FOUND ? 1 : 0;
        fx->seen.n_none += picks[i] == WEIR_PICK_NONE ? 1 : 0;
        fx->seen.n_doubt += picks[i] == WEIR_PICK_DOUBT ? 1 : 0;
        if (picks[i] == WEIR_PICK_FOUND && !(has_key && weir_slice_eq(key, keys[i]))) {
            fail_on(doc, texts[i], "another key was picked");
        }
        if (picks[i] == WEIR_PICK_NONE && has_key) {
            fail_on(doc, texts[i], "a key was not picked");
        }
    }
    weir_ev_end(&ev);
    weir_arena_fini(&arena);
    free(exact);
}

/* Whole and spoilt, with the bytes that `convert` makes of a JSON text. */
static void run(fixture *fx, const weir_codec_ops *ops, const weir_header *header,
                const weir_codec_ops *convert)
{
    weir_buf text = { 0 };
    weir_buf bytes = { 0 };

    for (size_t i = 0; i < ROUNDS; i++) {
        weir_json *doc = NULL;

        weir_buf_reset(&text);
        weir_buf_reset(&bytes);
        add_json(fx, &text, DEPTH);
        if (convert == NULL) {
            weir_buf_add(&bytes, weir_buf_slice(&text).data, weir_buf_slice(&text).len);
        } else if (weir_json_parse(weir_buf_slice(&text), &doc, NULL) == WEIR_OK) {
            assert_int_equal(convert->encode(weir_json_root(doc), &bytes, NULL),
                             WEIR_OK);
        }
        weir_json_free(doc);
        const weir_slice whole = weir_buf_slice(&bytes);
        char *spoilt = malloc(whole.len + SPARE);

        if (whole.len > 0) {
            check(fx, ops, header, whole);
            memcpy(spoilt, whole.data, whole.len);
            check(fx, ops, header,
                  (weir_slice){ spoilt, spoil(fx, spoilt, whole.len) });
        }
        free(spoilt);
    }
    weir_buf_fini(&text);
    weir_buf_fini(&bytes);
    assert_true(fx->seen.n_found > ROUNDS / 20);
    assert_true(fx->seen.n_none > ROUNDS / 20);
    assert_true(fx->seen.n_bad > ROUNDS / 20);
    assert_true(fx->seen.n_doubt < fx->seen.n_found + fx->seen.n_none);
}

static void what_is_picked_of_json_is_what_decoding_finds(void **state)
{
    run(*state, &weir_codec_json, NULL, NULL);
}

static void what_is_picked_of_msgpack_is_what_decoding_finds(void **state)
{
    run(*state, &weir_codec_msgpack, NULL, &weir_codec_msgpack);
}

static void what_is_picked_of_cloudevents_is_what_decoding_finds(void **state)
{
    static const weir_header types[] = {
        { "content-type", WEIR_SLICE_LIT("application/json; charset=utf-8") },
        { "Content-Type", WEIR_SLICE_LIT("application/msgpack") },
    };

    run(*state, &weir_codec_cloudevents, &types[0], NULL);
    run(*state, &weir_codec_cloudevents, &types[1], &weir_codec_msgpack);
}

static void assert_picked(const weir_codec_ops *ops, const char *pointer,
                          weir_slice data, weir_pick want, const char *key)
{
    weir_pointer *p = NULL;
    weir_buf scratch = { 0 };
    weir_slice got = WEIR_SLICE_NONE;
    const weir_event ev = { .data = data };

    assert_int_equal(weir_pointer_new(pointer, &p, NULL), WEIR_OK);
    assert_int_equal(ops->pick(&ev, p, &scratch, &got), want);
    assert_true(want != WEIR_PICK_FOUND || weir_slice_is(got, key));
    weir_pointer_free(p);
    weir_buf_fini(&scratch);
}

static void plain_keys_are_picked_and_the_rest_is_a_doubt(void **state)
{
    const weir_slice json = WEIR_SLICE_LIT(
        "{\"n\":{\"id\":1},\"id\":\"a\",\"i\":12,\"f\":1.0,\"e\":\"\\n\",\"z\":null");
    const weir_slice msgpack = WEIR_SLICE_LIT("\x84\xA1n\x92\x01\x02\xA2id\xA1"
                                              "a\xA1i\xCD\x01\x00\xA1"
                                              "f\xFF");

    (void)state;
    assert_picked(&weir_codec_json, "/id", json, WEIR_PICK_FOUND, "a");
    assert_picked(&weir_codec_json, "/i", json, WEIR_PICK_FOUND, "12");
    assert_picked(&weir_codec_json, "/n/id", json, WEIR_PICK_FOUND, "1");
    assert_picked(&weir_codec_json, "/n/x", json, WEIR_PICK_NONE, NULL);
    assert_picked(&weir_codec_json, "/id/x", json, WEIR_PICK_NONE, NULL);
    assert_picked(&weir_codec_json, "/z", json, WEIR_PICK_NONE, NULL);
    assert_picked(&weir_codec_json, "/f", json, WEIR_PICK_DOUBT, NULL);
    assert_picked(&weir_codec_json, "/e", json, WEIR_PICK_DOUBT, NULL);
    assert_picked(&weir_codec_json, "/n", json, WEIR_PICK_DOUBT, NULL);
    assert_picked(&weir_codec_json, "/behind the end", json, WEIR_PICK_DOUBT, NULL);
    assert_picked(&weir_codec_json, "/id", WEIR_SLICE_NONE, WEIR_PICK_NONE, NULL);
    assert_picked(&weir_codec_msgpack, "/id", msgpack, WEIR_PICK_FOUND, "a");
    assert_picked(&weir_codec_msgpack, "/i", msgpack, WEIR_PICK_FOUND, "256");
    assert_picked(&weir_codec_msgpack, "/n/1", msgpack, WEIR_PICK_FOUND, "2");
    assert_picked(&weir_codec_msgpack, "/n/2", msgpack, WEIR_PICK_NONE, NULL);
    assert_picked(&weir_codec_msgpack, "/f", msgpack, WEIR_PICK_DOUBT, NULL);
    assert_picked(&weir_codec_msgpack, "/id", WEIR_SLICE_NONE, WEIR_PICK_NONE, NULL);
}

static void counts_that_lie_do_not_hold_a_pick_up(void **state)
{
    (void)state;
    assert_picked(&weir_codec_msgpack, "/id",
                  WEIR_SLICE_LIT("\x82\xA1"
                                 "a\xDD\xFF\xFF\xFF\xFF\x01\xA2id\x01"),
                  WEIR_PICK_DOUBT, NULL);
    assert_picked(&weir_codec_msgpack, "/9", WEIR_SLICE_LIT("\xDD\xFF\xFF\xFF\xFF\x01"),
                  WEIR_PICK_DOUBT, NULL);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(what_is_picked_of_json_is_what_decoding_finds),
        T(what_is_picked_of_msgpack_is_what_decoding_finds),
        T(what_is_picked_of_cloudevents_is_what_decoding_finds),
        cmocka_unit_test(plain_keys_are_picked_and_the_rest_is_a_doubt),
        cmocka_unit_test(counts_that_lie_do_not_hold_a_pick_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
