/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_kafka_txn - the settler of Kafka on a real broker: its contract; and that what a
 * transaction cannot take is refused alone, that a stolen id costs nothing, and that nothing is
 * committed that the group's positions could not say.
 */
#include "tests/contract/settler_suite.h"
#include "tests/support/kafka_txn_kit.h"
#include "worker/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the ones above */
#include <cmocka.h>

static weir_broker *kafka;

/* -- what cannot be committed --------------------------------------------------------------- */

static void refuse_one(const char *setting, size_t n, size_t which)
{
    txn_kit *k = txn_kit_open(kafka, NULL, n, 4096, setting);

    for (size_t i = 0; i < TXN_KIT_LARGE; i++) {
        k->large[i] = (char)('a' + (i * 7919 >> 3) % 26);
    }
    k->outs[which].data = (weir_slice){ k->large, TXN_KIT_LARGE };
    txn_kit_give(k, 0, n);
    txn_kit_wait(k, n);
    assert_int_equal(txn_kit_count(k, WEIR_SETTLED_OK, n), n - 1);
    assert_int_equal(k->settled[which], WEIR_SETTLED_TOO_LARGE);
    txn_kit_expect(k, n, which);
    /* the rest is committed, and it is not */
    assert_int_equal(kit_committed(k->brokers, k->group, k->from, 0), which);
    txn_kit_free(k);
}

static void a_result_that_is_too_large_is_refused_and_the_rest_goes_on(void **state)
{
    (void)state;
    refuse_one("max.message.bytes=20000", 400, 57);
}

static void a_topic_that_takes_less_than_a_batch_gets_all_of_them(void **state)
{
    txn_kit *k = txn_kit_open(kafka, NULL, 900, 4096, "max.message.bytes=2000");

    (void)state;
    txn_kit_give(k, 0, 900);
    txn_kit_wait(k, 900);
    assert_int_equal(txn_kit_count(k, WEIR_SETTLED_OK, 900), 900);
    txn_kit_expect(k, 900, 900);
    assert_int_equal(kit_committed(k->brokers, k->group, k->from, 0), 900);
    txn_kit_free(k);
}

static void without_maps_only_what_moves_the_position_is_committed(void **state)
{
    txn_kit *k = txn_kit_open(kafka, NULL, 100, 0, NULL);

    (void)state;
    txn_kit_give(k, 0, 10);
    txn_kit_give(k, 20, 80);
    txn_kit_wait(k, 10);
    txn_kit_expect(k, 10, 10);
    assert_int_equal(kit_committed(k->brokers, k->group, k->from, 0), 10);
    txn_kit_give(k, 10, 10);
    txn_kit_wait(k, 100);
    assert_int_equal(txn_kit_count(k, WEIR_SETTLED_OK, 100), 100);
    assert_int_equal(kit_committed(k->brokers, k->group, k->from, 0), 100);
    txn_kit_free(k);
}

/* -- whose it is ---------------------------------------------------------------------------- */

/* Somebody else takes the id over. */
static void steal_id(const txn_kit *k)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char id[200], text[256];

    (void)snprintf(id, sizeof(id), "%s.one", k->group);
    rd_kafka_conf_set(conf, "bootstrap.servers", k->brokers, text, sizeof(text));
    rd_kafka_conf_set(conf, "transactional.id", id, text, sizeof(text));
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));

    assert_non_null(rk);
    rd_kafka_error_t *error = rd_kafka_init_transactions(rk, 30000);

    if (error != NULL) {
        fail_msg("init: %s", rd_kafka_error_string(error));
    }
    rd_kafka_destroy(rk);
}

static void a_fenced_one_gives_all_up_and_goes_on_where_the_broker_says(void **state)
{
    txn_kit *k = txn_kit_open(kafka, NULL, 100, 4096, NULL);

    (void)state;
    txn_kit_give(k, 0, 50);
    txn_kit_wait(k, 50);
    steal_id(k);
    txn_kit_give(k, 50, 50);
    txn_kit_wait(k, 100);
    assert_int_equal(txn_kit_count(k, WEIR_SETTLED_OK, 100), 50);
    assert_int_equal(txn_kit_count(k, WEIR_SETTLED_GONE, 100), 50);
    txn_kit_expect(k, 50, 50);
    /* The group is joined again, and what was not committed comes again. */
    k->member.n_unacked = 0;
    k->member.n_events = 0;
    kit_member_read_until(&k->member, 50, false);
    assert_int_equal(k->member.n_lost_calls, 1);
    assert_int_equal(k->member.unacked[0].pos.hi, 50);
    for (size_t i = 0; i < 50; i++) {
        k->items[50 + i].receipt = k->member.unacked[i];
    }
    txn_kit_give(k, 50, 50);
    txn_kit_wait(k, 150);
    txn_kit_expect(k, 100, 100);
    assert_int_equal(kit_committed(k->brokers, k->group, k->from, 0), 100);
    txn_kit_free(k);
}

/* What no member says is believed by a broker, whoever has the partitions. */
static void a_consumer_that_is_no_member_is_told_from_one_that_is(void **state)
{
    txn_kit *k = txn_kit_open(kafka, NULL, 10, 4096, NULL);
    const weir_kafka_reader *src = k->member.self;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char text[256];

    (void)state;
    rd_kafka_conf_set(conf, "bootstrap.servers", k->brokers, text, sizeof(text));
    rd_kafka_conf_set(conf, "group.id", k->group, text, sizeof(text));
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));

    assert_non_null(rk);
    rd_kafka_consumer_group_metadata_t *nobody = rd_kafka_consumer_group_metadata(rk);
    rd_kafka_consumer_group_metadata_t *somebody =
        rd_kafka_consumer_group_metadata(src->client->rk);

    assert_false(weir_kafka_txn_is_member(nobody, k->group));
    assert_true(weir_kafka_txn_is_member(somebody, k->group));
    rd_kafka_consumer_group_metadata_destroy(nobody);
    rd_kafka_consumer_group_metadata_destroy(somebody);
    rd_kafka_destroy(rk);
    txn_kit_free(k);
}

static void events_without_results_are_committed_too(void **state)
{
    const int64_t until_us = weir_clock_us() + TXN_KIT_HANG_US;
    txn_kit *k = txn_kit_open(kafka, NULL, 100, 4096, NULL);

    (void)state;
    kit_member_ack_all(&k->member);
    while (kit_committed(k->brokers, k->group, k->from, 0) < 100) {
        kit_member_read(&k->member, 0, 10);
        assert_true(weir_clock_us() < until_us);
    }
    txn_kit_free(k);
}

/* -- the contract --------------------------------------------------------------------------- */

static void suite_begin(weir_settler_fixture *f, size_t n, weir_settler_setup *setup)
{
    txn_kit *k = txn_kit_new(kafka, NULL, n, 4096, NULL);

    *setup = k->setup;
    for (int i = 0; i < 2; i++) {
        f->targets[i] = k->targets[i];
    }
    f->arg = k;
}

static void suite_close_source(weir_settler_fixture *f)
{
    txn_kit_close_source(f->arg);
}

static void suite_end(weir_settler_fixture *f)
{
    txn_kit_free(f->arg);
    f->arg = NULL;
}

static void suite_read(weir_settler_fixture *f, size_t n, weir_receipt *out)
{
    txn_kit *k = f->arg;

    kit_member_read_until(&k->member, n, false);
    memcpy(out, k->member.unacked, n * sizeof(*out));
}

static void suite_read_back(weir_settler_fixture *f, int target, weir_buf *out)
{
    const txn_kit *k = f->arg;

    kit_read(k->brokers, k->to[target], txn_kit_record, out);
    weir_buf_char(out, '\0');
}

static size_t suite_n_acked(weir_settler_fixture *f)
{
    const txn_kit *k = f->arg;
    const int64_t offset = kit_committed(k->brokers, k->group, k->from, 0);

    return offset < 0 ? 0 : (size_t)offset;
}

static int start_kafka(void **state)
{
    weir_err err;

    (void)state;
    if (weir_broker_share_kafka(WEIR_KAFKA_NEW, &kafka, &err) != WEIR_OK) {
        fail_msg("%s", err.text);
    }
    return 0;
}

static int stop_kafka(void **state)
{
    (void)state;
    weir_broker_free(kafka);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_result_that_is_too_large_is_refused_and_the_rest_goes_on),
        cmocka_unit_test(a_topic_that_takes_less_than_a_batch_gets_all_of_them),
        cmocka_unit_test(without_maps_only_what_moves_the_position_is_committed),
        cmocka_unit_test(a_fenced_one_gives_all_up_and_goes_on_where_the_broker_says),
        cmocka_unit_test(a_consumer_that_is_no_member_is_told_from_one_that_is),
        cmocka_unit_test(events_without_results_are_committed_too),
    };
    weir_settler_fixture f = { .ops = &weir_kafka_settler,
                               .begin = suite_begin,
                               .close_source = suite_close_source,
                               .end = suite_end,
                               .read = suite_read,
                               .read_back = suite_read_back,
                               .n_acked = suite_n_acked };

    start_kafka(NULL);
    const int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    const int n_suite = weir_settler_suite("kafka settler", &f);

    stop_kafka(NULL);
    return n_failed + n_suite;
}
