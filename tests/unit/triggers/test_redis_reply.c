/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* test_redis_reply - answers of servers of several versions, in whatever pieces they come. */
#include "triggers/redis_claim.h"
#include "triggers/redis_reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

static weir_redis_reply *parse(const char *bytes)
{
    weir_redis_reader *reader = weir_redis_reader_new();
    weir_redis_reply *reply = NULL;
    weir_err err;

    assert_non_null(reader);
    assert_int_equal(weir_redis_reader_feed(reader, bytes, strlen(bytes)), WEIR_OK);
    assert_int_equal(weir_redis_reader_next(reader, &reply, &err), WEIR_OK);
    weir_redis_reader_free(reader);
    return reply;
}

#define ENTRY "*2\r\n$3\r\n5-1\r\n*2\r\n$4\r\ndata\r\n$1\r\nx\r\n"

static void an_answer_in_single_bytes_is_the_same_answer(void **state)
{
    static const char bytes[] = "*1\r\n*2\r\n$1\r\ns\r\n*1\r\n" ENTRY;
    weir_redis_reader *reader = weir_redis_reader_new();
    weir_redis_reply *reply = NULL;
    weir_err err;

    (void)state;
    for (size_t i = 0; i < sizeof(bytes) - 1; i++) {
        assert_int_equal(weir_redis_reader_next(reader, &reply, &err), WEIR_EAGAIN);
        assert_int_equal(weir_redis_reader_feed(reader, bytes + i, 1), WEIR_OK);
    }
    assert_int_equal(weir_redis_reader_next(reader, &reply, &err), WEIR_OK);
    weir_redis_reader_free(reader);
    const weir_redis_val *entries = weir_redis_at(weir_redis_at(reply->root, 0), 1);
    assert_int_equal(entries->n, 1);
    assert_true(
        weir_slice_is(weir_redis_text(weir_redis_at(&entries->items[0], 0)), "5-1"));
    weir_redis_reply_give(reply);
}

static void an_answer_that_is_given_back_serves_the_next_one(void **state)
{
    static const char bytes[] = "*1\r\n$1\r\nx\r\n:7\r\n$1\r\ny\r\n";
    weir_redis_reader *reader = weir_redis_reader_new();
    weir_redis_reply *first = NULL;
    weir_redis_reply *second = NULL;
    weir_redis_reply *third = NULL;
    weir_err err;

    (void)state;
    assert_int_equal(weir_redis_reader_feed(reader, bytes, sizeof(bytes) - 1), WEIR_OK);
    assert_int_equal(weir_redis_reader_next(reader, &first, &err), WEIR_OK);
    weir_redis_reader_back(reader, first);
    assert_int_equal(weir_redis_reader_next(reader, &second, &err), WEIR_OK);
    assert_ptr_equal(first, second);
    assert_int_equal(second->root->type, WEIR_REDIS_INT);
    assert_int_equal(second->root->n, 0);
    assert_int_equal(second->root->num, 7);
    /* Somebody still reads it: its memory stays as it is. */
    weir_redis_reply_take(second, 1);
    weir_redis_reader_back(reader, second);
    assert_int_equal(weir_redis_reader_next(reader, &third, &err), WEIR_OK);
    assert_ptr_not_equal(second, third);
    assert_int_equal(second->root->num, 7);
    weir_redis_reply_give(second);
    weir_redis_reader_back(reader, third);
    weir_redis_reader_free(reader);
}

static void an_answer_that_its_last_user_gives_serves_its_reader(void **state)
{
    static const char bytes[] = "$1\r\nx\r\n$1\r\ny\r\n$1\r\nz\r\n";
    weir_redis_reader *reader = weir_redis_reader_new();
    weir_redis_reply *first = NULL;
    weir_redis_reply *second = NULL;
    weir_redis_reply *third = NULL;
    weir_err err;

    (void)state;
    assert_int_equal(weir_redis_reader_feed(reader, bytes, sizeof(bytes) - 1), WEIR_OK);
    assert_int_equal(weir_redis_reader_next(reader, &first, &err), WEIR_OK);
    weir_redis_reply_take(first, 1);
    weir_redis_reply_give(first);
    assert_int_equal(weir_redis_reader_next(reader, &second, &err), WEIR_OK);
    assert_ptr_not_equal(first, second); /* one use is left */
    assert_true(weir_slice_is(weir_redis_text(first->root), "x"));
    weir_redis_reply_give(first);
    assert_int_equal(weir_redis_reader_next(reader, &third, &err), WEIR_OK);
    assert_ptr_equal(first, third);
    assert_true(weir_slice_is(weir_redis_text(third->root), "z"));
    weir_redis_reply_give(second);
    /* What is in use outlives the reader. */
    weir_redis_reader_free(reader);
    assert_true(weir_slice_is(weir_redis_text(third->root), "z"));
    weir_redis_reply_give(third);
}

static void large_answers_soon_lie_in_one_piece(void **state)
{
    static char text[40000];
    weir_redis_reader *reader = weir_redis_reader_new();
    weir_redis_reply *reply = NULL;
    weir_err err;
    size_t len = 0;

    (void)state;
    len += (size_t)snprintf(text, sizeof(text), "*1000\r\n");
    for (int i = 0; i < 1000; i++) {
        len += (size_t)snprintf(text + len, sizeof(text) - len, "$4\r\n%04d\r\n", i);
    }
    for (int i = 0; i < 3; i++) {
        weir_redis_reply_give(reply);
        assert_int_equal(weir_redis_reader_feed(reader, text, len), WEIR_OK);
        assert_int_equal(weir_redis_reader_next(reader, &reply, &err), WEIR_OK);
    }
    assert_true(reply->arena.chunk_bytes >= reply->arena.n_bytes);
    assert_true(
        weir_slice_is(weir_redis_text(weir_redis_at(reply->root, 999)), "0999"));
    weir_redis_reply_give(reply);
    weir_redis_reader_free(reader);
}

static void bytes_that_are_no_resp_are_an_error(void **state)
{
    weir_redis_reader *reader = weir_redis_reader_new();
    weir_redis_reply *reply = NULL;
    weir_err err;

    (void)state;
    assert_int_equal(weir_redis_reader_feed(reader, "HTTP/1.1 400\r\n", 14), WEIR_OK);
    assert_int_equal(weir_redis_reader_next(reader, &reply, &err), WEIR_EDATA);
    weir_redis_reader_free(reader);
}

/* Of a hiredis that knows it: a number or a truth that is the whole answer is none of ours. */
static void an_answer_in_resp3_is_an_error(void **state)
{
    static const char *const answers[] = { ",1.5\r\n", "#t\r\n" };

    (void)state;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        weir_redis_reader *reader = weir_redis_reader_new();
        weir_redis_reply *reply = NULL;
        weir_err err;

        assert_int_equal(weir_redis_reader_feed(reader, answers[i], strlen(answers[i])),
                         WEIR_OK);
        assert_int_equal(weir_redis_reader_next(reader, &reply, &err), WEIR_EDATA);
        weir_redis_reader_free(reader);
    }
}

static void a_reader_that_ends_in_the_middle_frees_what_it_has(void **state)
{
    weir_redis_reader *reader = weir_redis_reader_new();
    weir_redis_reply *reply = NULL;
    weir_err err;

    (void)state;
    assert_int_equal(weir_redis_reader_feed(reader, "*3\r\n:1\r\n$2\r\nab", 14),
                     WEIR_OK);
    assert_int_equal(weir_redis_reader_next(reader, &reply, &err), WEIR_EAGAIN);
    weir_redis_reader_free(reader);
}

static void xautoclaim_of_6_2_has_two_elements_and_nil_entries(void **state)
{
    weir_redis_reply *reply = parse("*2\r\n$3\r\n0-0\r\n*3\r\n*-1\r\n" ENTRY "$-1\r\n");
    weir_redis_claimed claimed;

    (void)state;
    assert_true(weir_redis_claimed_parse(reply->root, &claimed));
    assert_true(weir_slice_is(claimed.cursor, "0-0"));
    assert_int_equal(claimed.entries->n, 3);
    assert_int_equal(claimed.n_nil, 2);
    assert_int_equal(claimed.n_deleted, 0);
    weir_redis_reply_give(reply);
}

static void xautoclaim_of_7_0_has_three_elements_and_names_what_is_gone(void **state)
{
    weir_redis_reply *reply =
        parse("*3\r\n$3\r\n9-0\r\n*1\r\n" ENTRY "*2\r\n$3\r\n1-0\r\n$3\r\n2-0\r\n");
    weir_redis_claimed claimed;

    (void)state;
    assert_true(weir_redis_claimed_parse(reply->root, &claimed));
    assert_true(weir_slice_is(claimed.cursor, "9-0"));
    assert_int_equal(claimed.n_nil, 0);
    assert_int_equal(claimed.n_deleted, 2);
    weir_redis_reply_give(reply);
}

static void another_shape_of_xautoclaim_is_refused(void **state)
{
    static const char *const wrong[] = { "*0\r\n", ":1\r\n",
                                         "*2\r\n$3\r\n0-0\r\n:1\r\n",
                                         "*2\r\n:1\r\n*0\r\n" };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        weir_redis_reply *reply = parse(wrong[i]);
        weir_redis_claimed claimed;

        assert_false(weir_redis_claimed_parse(reply->root, &claimed));
        weir_redis_reply_give(reply);
    }
}

static void ids_are_read_and_written(void **state)
{
    static const char *const texts[] = { "0-0", "1700000000000-3",
                                         "18446744073709551615-18446744073709551615" };
    static const char *const wrong[] = {
        "", "-", "1-", "-1", "1-2-3", "x", "18446744073709551616-0"
    };
    char out[WEIR_REDIS_ID_MAX];
    weir_pos pos;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_true(weir_redis_id_parse(weir_slice_of(texts[i]), &pos));
        assert_int_equal(weir_redis_id_format(pos, out), strlen(texts[i]));
        assert_string_equal(out, texts[i]);
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_false(weir_redis_id_parse(weir_slice_of(wrong[i]), &pos));
    }
    assert_true(weir_redis_id_parse(WEIR_SLICE_LIT("7"), &pos));
    assert_int_equal(pos.hi, 7);
}

static void the_place_before_an_id_crosses_milliseconds(void **state)
{
    weir_pos before = weir_redis_id_before((weir_pos){ 5, 0 });

    (void)state;
    assert_int_equal(before.hi, 4);
    assert_true(before.lo == UINT64_MAX);
    before = weir_redis_id_before((weir_pos){ 5, 2 });
    assert_int_equal(before.hi, 5);
    assert_int_equal(before.lo, 1);
    before = weir_redis_id_before((weir_pos){ 0, 0 });
    assert_int_equal(before.hi, 0);
    assert_int_equal(before.lo, 0);
}

static void an_error_is_known_by_its_first_word(void **state)
{
    weir_redis_reply *reply = parse("-OOM command not allowed\r\n");

    (void)state;
    assert_true(weir_redis_is_error(reply->root, "OOM"));
    assert_false(weir_redis_is_error(reply->root, "OO"));
    assert_false(weir_redis_is_error(reply->root, "OOM2"));
    weir_redis_reply_give(reply);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_in_single_bytes_is_the_same_answer),
        cmocka_unit_test(an_answer_that_is_given_back_serves_the_next_one),
        cmocka_unit_test(an_answer_that_its_last_user_gives_serves_its_reader),
        cmocka_unit_test(large_answers_soon_lie_in_one_piece),
        cmocka_unit_test(bytes_that_are_no_resp_are_an_error),
        cmocka_unit_test(an_answer_in_resp3_is_an_error),
        cmocka_unit_test(a_reader_that_ends_in_the_middle_frees_what_it_has),
        cmocka_unit_test(xautoclaim_of_6_2_has_two_elements_and_nil_entries),
        cmocka_unit_test(xautoclaim_of_7_0_has_three_elements_and_names_what_is_gone),
        cmocka_unit_test(another_shape_of_xautoclaim_is_refused),
        cmocka_unit_test(ids_are_read_and_written),
        cmocka_unit_test(the_place_before_an_id_crosses_milliseconds),
        cmocka_unit_test(an_error_is_known_by_its_first_word),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
