/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* test_redis_entry - an event as fields of an entry, and back. */
#include "triggers/redis_entry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

typedef struct read_back {
    weir_redis_reply *reply;
    weir_redis_entry entry;
    weir_arena arena;
    weir_event ev;
} read_back;

static weir_redis_reply *parse(const char *bytes, size_t len)
{
    weir_redis_reader *reader = weir_redis_reader_new();
    weir_redis_reply *reply = NULL;
    weir_err err;

    assert_non_null(reader);
    assert_int_equal(weir_redis_reader_feed(reader, bytes, len), WEIR_OK);
    assert_int_equal(weir_redis_reader_next(reader, &reply, &err), WEIR_OK);
    weir_redis_reader_free(reader);
    return reply;
}

/* What a source makes of an entry with these names and values, NULL-ended. */
static void read_fields(read_back *back, const char *const *words, size_t max_event)
{
    weir_buf bytes = { 0 };
    size_t n = 0;

    while (words[n] != NULL) {
        n++;
    }
    weir_buf_str(&bytes, "*2\r\n");
    weir_redis_put(&bytes, WEIR_SLICE_LIT("1700000000000-7"));
    weir_redis_put_count(&bytes, n);
    for (size_t i = 0; i < n; i++) {
        weir_redis_put(&bytes, weir_slice_of(words[i]));
    }
    back->reply = parse(bytes.data, bytes.len);
    weir_buf_fini(&bytes);
    assert_true(weir_redis_entry_parse(back->reply->root, &back->entry));
    weir_arena_init(&back->arena, 0);
    weir_ev_begin(&back->ev, &back->arena);
    assert_int_equal(weir_redis_entry_fill(&back->entry, WEIR_SLICE_LIT("data"),
                                           WEIR_SLICE_LIT("key"), max_event, &back->ev),
                     WEIR_OK);
}

static void read_end(read_back *back)
{
    weir_ev_end(&back->ev);
    weir_arena_fini(&back->arena);
    weir_redis_reply_give(back->reply);
}

/* Writes an output, reads the XADD's fields back as an event. */
static void round_trip(const weir_out *out, weir_redis_limit limit, read_back *back)
{
    weir_buf bytes = { 0 };
    const char *words[64];
    size_t n = 0;

    weir_redis_entry_write(out, WEIR_SLICE_LIT("orders"), limit, &bytes);
    assert_false(bytes.has_failed);
    assert_true(bytes.len <= weir_redis_entry_size(out, WEIR_SLICE_LIT("orders")));
    weir_redis_reply *reply = parse(bytes.data, bytes.len);
    assert_string_equal(reply->root->items[0].text.data, "XADD");
    size_t first = limit.is_set ? (limit.is_approx ? 6 : 5) : 3;
    for (size_t i = first; i < reply->root->n; i++) {
        words[n++] = reply->root->items[i].text.data;
    }
    words[n] = NULL;
    read_fields(back, words, 0);
    weir_redis_reply_give(reply);
    weir_buf_fini(&bytes);
}

static void payload_key_and_headers_come_back_as_they_were(void **state)
{
    const weir_header headers[] = { { "a", WEIR_SLICE_LIT("1") },
                                    { "a", WEIR_SLICE_LIT("2") } };
    const weir_out out = { .key = WEIR_SLICE_LIT("k"),
                           .data = WEIR_SLICE_LIT("payload"),
                           .headers = headers,
                           .n_headers = 2 };
    read_back back;

    (void)state;
    round_trip(&out, (weir_redis_limit){ .is_set = true, .is_approx = true, .n = 9 },
               &back);
    assert_true(weir_slice_is(back.ev.data, "payload"));
    assert_true(weir_slice_is(back.ev.key, "k"));
    assert_int_equal(back.ev.n_headers, 2);
    assert_string_equal(back.ev.headers[0].name, "a");
    assert_true(weir_slice_is(back.ev.headers[0].value, "1"));
    assert_true(weir_slice_is(back.ev.headers[1].value, "2"));
    assert_false(back.ev.is_object);
    assert_int_equal(back.ev.time_ms, 1700000000000);
    read_end(&back);
}

static void headers_that_would_collide_come_back_under_their_own_names(void **state)
{
    static const char *const names[] = { "data",   "key",     "weir.null",
                                         "h:data", "h:h:key", "h:x" };
    weir_header headers[6];
    read_back back;

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        headers[i] = (weir_header){ names[i], WEIR_SLICE_LIT("v") };
    }
    const weir_out out = { .data = WEIR_SLICE_LIT("p"),
                           .headers = headers,
                           .n_headers = 6 };
    round_trip(&out, (weir_redis_limit){ .is_set = false }, &back);
    assert_true(weir_slice_is(back.ev.data, "p"));
    assert_null(back.ev.key.data);
    assert_int_equal(back.ev.n_headers, 6);
    for (size_t i = 0; i < 6; i++) {
        assert_string_equal(back.ev.headers[i].name, names[i]);
    }
    read_end(&back);
}

static void a_tombstone_stays_one(void **state)
{
    const weir_out out = { .key = WEIR_SLICE_LIT("k") };
    read_back back;

    (void)state;
    round_trip(&out, (weir_redis_limit){ .is_set = true, .n = 5 }, &back);
    assert_null(back.ev.data.data);
    assert_false(back.ev.is_object);
    assert_int_equal(back.ev.n_headers, 0);
    read_end(&back);
}

static void an_empty_payload_is_not_a_tombstone(void **state)
{
    const weir_out out = { .data = { "", 0 } };
    read_back back;

    (void)state;
    round_trip(&out, (weir_redis_limit){ .is_set = false }, &back);
    assert_non_null(back.ev.data.data);
    assert_int_equal(back.ev.data.len, 0);
    read_end(&back);
}

static void an_entry_without_payload_is_a_json_object_of_its_fields(void **state)
{
    const char *const words[] = { "temp", "21", "key", "k", "say", "\"hi\"", NULL };
    read_back back;

    (void)state;
    read_fields(&back, words, 0);
    assert_true(back.ev.is_object);
    assert_true(weir_slice_is(
        back.ev.data, "{\"temp\":\"21\",\"key\":\"k\",\"say\":\"\\\"hi\\\"\"}"));
    assert_true(weir_slice_is(back.ev.key, "k"));
    read_end(&back);
}

static void an_entry_over_max_event_is_marked_too_large(void **state)
{
    const char *const words[] = { "data", "0123456789", NULL };
    read_back back;

    (void)state;
    read_fields(&back, words, 13);
    assert_int_equal(back.ev.fault, WEIR_FAULT_TOO_LARGE);
    read_end(&back);
    read_fields(&back, words, 14);
    assert_int_equal(back.ev.fault, WEIR_FAULT_NONE);
    read_end(&back);
}

static void a_trimmed_entry_has_an_id_and_no_fields(void **state)
{
    static const char bytes[] = "*2\r\n$3\r\n5-1\r\n*-1\r\n";
    weir_redis_reply *reply = parse(bytes, sizeof(bytes) - 1);
    weir_redis_entry entry;

    (void)state;
    assert_true(weir_redis_entry_parse(reply->root, &entry));
    assert_null(entry.fields);
    assert_int_equal(entry.pos.hi, 5);
    assert_int_equal(entry.pos.lo, 1);
    weir_redis_reply_give(reply);
}

static void what_is_no_entry_is_refused(void **state)
{
    static const char *const wrong[] = { "*2\r\n$1\r\nx\r\n*0\r\n",
                                         "*2\r\n$3\r\n5-1\r\n*1\r\n$1\r\na\r\n",
                                         "*2\r\n$3\r\n5-1\r\n:4\r\n",
                                         ":1\r\n",
                                         "*-1\r\n",
                                         "*2\r\n$3\r\n5-1\r\n*2\r\n$1\r\na\r\n:1\r\n" };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        weir_redis_reply *reply = parse(wrong[i], strlen(wrong[i]));
        weir_redis_entry entry;

        assert_false(weir_redis_entry_parse(reply->root, &entry));
        weir_redis_reply_give(reply);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(payload_key_and_headers_come_back_as_they_were),
        cmocka_unit_test(headers_that_would_collide_come_back_under_their_own_names),
        cmocka_unit_test(a_tombstone_stays_one),
        cmocka_unit_test(an_empty_payload_is_not_a_tombstone),
        cmocka_unit_test(an_entry_without_payload_is_a_json_object_of_its_fields),
        cmocka_unit_test(an_entry_over_max_event_is_marked_too_large),
        cmocka_unit_test(a_trimmed_entry_has_an_id_and_no_fields),
        cmocka_unit_test(what_is_no_entry_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
