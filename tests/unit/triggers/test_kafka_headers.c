/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_kafka_headers - which list of headers an output gets, and what is written in it.
 */
#include "triggers/kafka_headers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <string.h>

#define ROOM 4096

/* One output with two headers. */
typedef struct two {
    weir_header headers[2];
    weir_out out;
    weir_out *outs[1];
} two;

static void two_init(two *t, const char *name, const char *position, const char *hops)
{
    *t = (two){ .headers = { { name, weir_slice_of(position) },
                             { "weir.hops", weir_slice_of(hops) } } };
    t->out.headers = t->headers;
    t->out.n_headers = 2;
    t->outs[0] = &t->out;
}

static rd_kafka_headers_t *two_take(weir_kafka_header_pool *pool, two *t)
{
    assert_int_equal(weir_kafka_headers_take(pool, t->outs, 1), 1);
    return weir_kafka_headers_list(t->out.carried);
}

static void two_give(weir_kafka_header_pool *pool, two *t)
{
    weir_kafka_headers *chain = NULL;

    weir_kafka_headers_unsent(&t->out, &chain);
    assert_null(t->out.carried);
    weir_kafka_headers_give(pool, &chain);
    assert_null(chain);
}

static void assert_header(rd_kafka_headers_t *list, size_t i, const char *name,
                          const char *value)
{
    const char *got_name;
    const void *got;
    size_t len;

    assert_int_equal(rd_kafka_header_get_all(list, i, &got_name, &got, &len),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    assert_string_equal(got_name, name);
    if (value == NULL) {
        assert_null(got);
        return;
    }
    assert_int_equal(len, strlen(value));
    assert_string_equal(got, value);
}

static void a_list_of_the_same_names_and_lengths_is_written_anew(void **state)
{
    weir_kafka_header_pool pool;
    two one, two_;

    (void)state;
    weir_kafka_headers_init(&pool, ROOM);
    two_init(&one, "weir.position", "kafka:orders/3@1041", "1");
    two_init(&two_, "weir.position", "kafka:orders/0@2999", "7");
    rd_kafka_headers_t *list = two_take(&pool, &one);

    assert_header(list, 0, "weir.position", "kafka:orders/3@1041");
    assert_header(list, 1, "weir.hops", "1");
    two_give(&pool, &one);
    assert_ptr_equal(two_take(&pool, &two_), list);
    assert_header(list, 0, "weir.position", "kafka:orders/0@2999");
    assert_header(list, 1, "weir.hops", "7");
    assert_int_equal(rd_kafka_header_cnt(list), 2);
    two_give(&pool, &two_);
    weir_kafka_headers_fini(&pool);
}

static void a_list_of_other_names_or_lengths_is_not_used(void **state)
{
    weir_kafka_header_pool pool;
    two one, other;
    rd_kafka_headers_t *list;

    (void)state;
    weir_kafka_headers_init(&pool, ROOM);
    two_init(&one, "weir.position", "kafka:orders/3@1041", "1");
    two_take(&pool, &one);
    two_give(&pool, &one);
    two_init(&other, "weir.POSITION", "kafka:orders/3@1042", "2");
    list = two_take(&pool, &other);
    assert_header(list, 0, "weir.POSITION", "kafka:orders/3@1042");
    two_give(&pool, &other);
    /* 32 bytes longer, which is the same bucket */
    two_init(&other, "weir.POSITION",
             "kafka:orders/3@1043................................", "3");
    list = two_take(&pool, &other);
    assert_header(list, 0, "weir.POSITION",
                  "kafka:orders/3@1043................................");
    assert_header(list, 1, "weir.hops", "3");
    two_give(&pool, &other);
    weir_kafka_headers_fini(&pool);
}

static void lists_for_shorter_positions_are_not_left_behind(void **state)
{
    weir_kafka_header_pool pool;
    two one, longer;

    (void)state;
    weir_kafka_headers_init(&pool, ROOM);
    two_init(&one, "weir.position", "kafka:orders/3@9999", "1");
    two_take(&pool, &one);
    const void *kept = one.out.carried;

    two_give(&pool, &one);
    assert_true(pool.n_bytes > 0);
    two_init(&longer, "weir.position", "kafka:orders/3@10000", "2");
    rd_kafka_headers_t *list = two_take(&pool, &longer);

    assert_ptr_equal(longer.out.carried, kept);
    assert_int_equal(pool.n_bytes, 0);
    assert_header(list, 0, "weir.position", "kafka:orders/3@10000");
    assert_header(list, 1, "weir.hops", "2");
    two_give(&pool, &longer);
    /* one of another number of headers is not taken for it */
    longer.out.n_headers = 1;
    list = two_take(&pool, &longer);
    assert_ptr_not_equal(longer.out.carried, kept);
    assert_int_equal(rd_kafka_header_cnt(list), 1);
    two_give(&pool, &longer);
    weir_kafka_headers_fini(&pool);
}

static void an_absent_value_is_told_from_an_empty_one(void **state)
{
    weir_kafka_header_pool pool;
    two one;

    (void)state;
    weir_kafka_headers_init(&pool, ROOM);
    two_init(&one, "a", "", "1");
    assert_header(two_take(&pool, &one), 0, "a", "");
    two_give(&pool, &one);
    one.headers[0].value = WEIR_SLICE_NONE;
    assert_header(two_take(&pool, &one), 0, "a", NULL);
    two_give(&pool, &one);
    one.headers[0].value = WEIR_SLICE_LIT("");
    assert_header(two_take(&pool, &one), 0, "a", "");
    two_give(&pool, &one);
    weir_kafka_headers_fini(&pool);
}

static void what_waits_for_its_next_use_stays_within_its_bytes(void **state)
{
    weir_kafka_header_pool pool;
    two all[64];

    (void)state;
    weir_kafka_headers_init(&pool, ROOM);
    for (size_t i = 0; i < 64; i++) {
        two_init(&all[i], "weir.position", "kafka:orders/3@1041", "1");
        two_take(&pool, &all[i]);
    }
    for (size_t i = 0; i < 64; i++) {
        two_give(&pool, &all[i]);
        assert_true(pool.n_bytes > 0 && pool.n_bytes <= ROOM);
    }
    for (size_t i = 0; i < 64; i++) {
        two_take(&pool, &all[i]);
    }
    assert_int_equal(pool.n_bytes, 0);
    for (size_t i = 0; i < 64; i++) {
        two_give(&pool, &all[i]);
    }
    weir_kafka_headers_fini(&pool);
}

static void an_output_without_headers_carries_no_list(void **state)
{
    weir_kafka_header_pool pool;
    two one;

    (void)state;
    weir_kafka_headers_init(&pool, ROOM);
    two_init(&one, "a", "b", "c");
    one.out.n_headers = 0;
    assert_null(two_take(&pool, &one));
    assert_null(one.out.carried);
    weir_kafka_headers_fini(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_of_the_same_names_and_lengths_is_written_anew),
        cmocka_unit_test(a_list_of_other_names_or_lengths_is_not_used),
        cmocka_unit_test(lists_for_shorter_positions_are_not_left_behind),
        cmocka_unit_test(an_absent_value_is_told_from_an_empty_one),
        cmocka_unit_test(what_waits_for_its_next_use_stays_within_its_bytes),
        cmocka_unit_test(an_output_without_headers_carries_no_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
