/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_kafka_txn - the settler of Kafka on a real broker: its contract; and that what a
 * transaction cannot take is refused alone, that a stolen id costs nothing, and that nothing is
 * committed that the group's positions could not say.
 */
#include "tests/contract/settler_suite.h"
#include "tests/support/kafka_kit.h"
#include "triggers/kafka_sink.h"
#include "triggers/kafka_txn.h"
#include "triggers/kafka_txn_state.h"
#include "worker/base/clock.h"
#include "worker/base/lock.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the ones above */
#include <cmocka.h>

#define HANG_US INT64_C(60000000)
#define MAX_EVENTS 1000
#define LARGE 50000

static weir_broker *kafka;

/* A member that reads, a sink for its targets, and a settler. */
typedef struct kit {
    const char *brokers;
    char from[80], group[80];
    char to[2][80];
    kit_member member;
    bool is_source_open;
    weir_sink_setup sink_setup;
    void *sink;
    void *targets[2];
    weir_settler_setup setup;
    void *self;
    weir_settle_item items[MAX_EVENTS];
    weir_out outs[MAX_EVENTS];
    char data[MAX_EVENTS][24];
    char large[LARGE];
    weir_settled settled[MAX_EVENTS];
    atomic_size_t n_answered;
    weir_signal answered;
} kit;

static void no_done(void *arg, const weir_sent_result *results, size_t n)
{
    (void)arg;
    (void)results;
    (void)n;
}

static void on_settled(void *arg, const weir_settle_result *results, size_t n)
{
    kit *k = arg;

    for (size_t i = 0; i < n; i++) {
        k->settled[results[i].item - k->items] = results[i].settled;
    }
    atomic_fetch_add(&k->n_answered, n);
    weir_signal_raise(&k->answered, INT_MAX);
}

static void make_topic(char *name, size_t cap, const char *stem, const char *setting)
{
    const char *const settings[] = { setting, NULL };
    weir_err err;

    weir_broker_name(stem, name, cap);
    if (weir_broker_topic(kafka, name, 1, setting == NULL ? NULL : settings, &err) !=
        WEIR_OK) {
        fail_msg("%s", err.text);
    }
}

/* n events to read, two targets; the settler is still to be opened. */
static kit *kit_new(size_t n, size_t ack_map, const char *setting)
{
    kit *k = calloc(1, sizeof(*k));
    weir_err err = { 0 };

    assert_non_null(k);
    k->brokers = weir_broker_address(kafka);
    make_topic(k->from, sizeof(k->from), "txn.in", NULL);
    for (int i = 0; i < 2; i++) {
        make_topic(k->to[i], sizeof(k->to[i]), "txn.out", setting);
    }
    weir_broker_name("grp", k->group, sizeof(k->group));
    kit_produce(k->brokers, k->from, 0, (int)n, 20);
    kit_member_init(&k->member, k->brokers, k->from, k->group);
    k->member.queue.ack_map = ack_map;
    k->member.setup.is_once = true;
    kit_member_open(&k->member);
    k->is_source_open = true;
    k->sink_setup = (weir_sink_setup){ .queue = &k->member.queue,
                                       .queue_name = "kafka",
                                       .service = "test",
                                       .instance = "one",
                                       .max_bytes = 8 << 20,
                                       .max_record = 1 << 20,
                                       .done = no_done };
    k->sink = calloc(1, weir_kafka_sink.size);
    assert_non_null(k->sink);
    assert_int_equal(weir_kafka_sink.open(k->sink, &k->sink_setup, &err), WEIR_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(
            weir_kafka_sink.target(k->sink, k->to[i], &k->targets[i], &err), WEIR_OK);
    }
    k->setup = (weir_settler_setup){ .sink = &k->sink_setup,
                                     .source_setup = &k->member.setup,
                                     .source = k->member.self,
                                     .transaction_us = 100000,
                                     .max_bytes = 8 << 20,
                                     .done = on_settled,
                                     .arg = k };
    return k;
}

/* Reads all events; an item for each, with its number as the one output. */
static void kit_read_all(kit *k, size_t n)
{
    k->member.n_events = 0;
    k->member.n_unacked = 0;
    kit_member_read_until(&k->member, n, false);
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(k->data[i], sizeof(k->data[i]), "%zu", i);
        k->items[i] =
            (weir_settle_item){ .receipt = k->member.unacked[i], .outs = &k->outs[i] };
        k->outs[i] = (weir_out){ .target = k->targets[0],
                                 .key = WEIR_SLICE_LIT("key"),
                                 .data = weir_slice_of(k->data[i]),
                                 .partition = -1,
                                 .time_ms = -1 };
    }
}

static kit *kit_open(size_t n, size_t ack_map, const char *setting)
{
    kit *k = kit_new(n, ack_map, setting);
    weir_err err = { 0 };

    k->self = calloc(1, weir_kafka_settler.size);
    assert_non_null(k->self);
    assert_int_equal(weir_kafka_settler.open(k->self, &k->setup, &err), WEIR_OK);
    kit_read_all(k, n);
    return k;
}

static void kit_close_source(kit *k)
{
    if (k->is_source_open) {
        k->is_source_open = false;
        assert_true(weir_kafka_source.close(k->member.self, weir_clock_us() + HANG_US));
    }
}

/* The settings of the queue are the member's, and read by the others: it goes last. */
static void kit_free(kit *k)
{
    kit_close_source(k);
    if (k->self != NULL) {
        assert_true(weir_kafka_settler.close(k->self, weir_clock_us() + HANG_US));
    }
    assert_true(weir_kafka_sink.close(k->sink, weir_clock_us() + HANG_US));
    for (size_t i = 0; i < KIT_BATCH; i++) {
        weir_arena_fini(&k->member.arenas[i]);
        free(k->member.events[i]);
    }
    free(k->member.self);
    k->member.self = NULL;
    kit_member_close(&k->member);
    free(k->sink);
    free(k->self);
    free(k);
}

static void kit_give(kit *k, size_t from, size_t n)
{
    for (size_t i = from; i < from + n; i++) {
        weir_settle_item *item = &k->items[i];

        assert_int_equal(weir_kafka_settler.give(k->self, &item, 1), 1);
    }
    weir_kafka_settler.hurry(k->self);
}

/* Waits until so many are answered in all; the source is read meanwhile. */
static void kit_wait(kit *k, size_t n)
{
    const int64_t until_us = weir_clock_us() + HANG_US;

    while (atomic_load(&k->n_answered) < n) {
        kit_member_read(&k->member, 0, 10);
        weir_kafka_settler.hurry(k->self);
        assert_true(weir_clock_us() < until_us);
    }
    assert_int_equal(atomic_load(&k->n_answered), n);
}

static size_t kit_count(const kit *k, weir_settled settled, size_t n)
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++) {
        count += k->settled[i] == settled;
    }
    return count;
}

static void add_record(void *arg, const rd_kafka_message_t *msg)
{
    weir_buf *out = arg;

    weir_buf_add(out, msg->payload, msg->len);
    weir_buf_char(out, '\n');
}

/* The results are 0..n-1 in this order, each once, but for `without`. */
static void assert_results(const kit *k, size_t n, size_t without)
{
    weir_buf got = { .data = NULL };
    weir_buf want = { .data = NULL };

    kit_read(k->brokers, k->to[0], add_record, &got);
    for (size_t i = 0; i < n; i++) {
        if (i != without) {
            weir_buf_printf(&want, "%zu\n", i);
        }
    }
    weir_buf_char(&got, '\0');
    weir_buf_char(&want, '\0');
    assert_string_equal(got.data, want.data);
    weir_buf_fini(&got);
    weir_buf_fini(&want);
}

/* -- what cannot be committed --------------------------------------------------------------- */

static void refuse_one(const char *setting, size_t n, size_t which)
{
    kit *k = kit_open(n, 4096, setting);

    for (size_t i = 0; i < LARGE; i++) {
        k->large[i] = (char)('a' + (i * 7919 >> 3) % 26);
    }
    k->outs[which].data = (weir_slice){ k->large, LARGE };
    kit_give(k, 0, n);
    kit_wait(k, n);
    assert_int_equal(kit_count(k, WEIR_SETTLED_OK, n), n - 1);
    assert_int_equal(k->settled[which], WEIR_SETTLED_TOO_LARGE);
    assert_results(k, n, which);
    /* the rest is committed, and it is not */
    assert_int_equal(kit_committed(k->brokers, k->group, k->from, 0), which);
    kit_free(k);
}

static void a_result_that_is_too_large_is_refused_and_the_rest_goes_on(void **state)
{
    (void)state;
    refuse_one("max.message.bytes=20000", 400, 57);
}

static void a_topic_that_takes_less_than_a_batch_gets_all_of_them(void **state)
{
    kit *k = kit_open(900, 4096, "max.message.bytes=2000");

    (void)state;
    kit_give(k, 0, 900);
    kit_wait(k, 900);
    assert_int_equal(kit_count(k, WEIR_SETTLED_OK, 900), 900);
    assert_results(k, 900, 900);
    assert_int_equal(kit_committed(k->brokers, k->group, k->from, 0), 900);
    kit_free(k);
}

static void without_maps_only_what_moves_the_position_is_committed(void **state)
{
    kit *k = kit_open(100, 0, NULL);

    (void)state;
    kit_give(k, 0, 10);
    kit_give(k, 20, 80);
    kit_wait(k, 10);
    assert_results(k, 10, 10);
    assert_int_equal(kit_committed(k->brokers, k->group, k->from, 0), 10);
    kit_give(k, 10, 10);
    kit_wait(k, 100);
    assert_int_equal(kit_count(k, WEIR_SETTLED_OK, 100), 100);
    assert_int_equal(kit_committed(k->brokers, k->group, k->from, 0), 100);
    kit_free(k);
}

/* -- whose it is ---------------------------------------------------------------------------- */

/* Somebody else takes the id over. */
static void steal_id(const kit *k)
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
    kit *k = kit_open(100, 4096, NULL);

    (void)state;
    kit_give(k, 0, 50);
    kit_wait(k, 50);
    steal_id(k);
    kit_give(k, 50, 50);
    kit_wait(k, 100);
    assert_int_equal(kit_count(k, WEIR_SETTLED_OK, 100), 50);
    assert_int_equal(kit_count(k, WEIR_SETTLED_GONE, 100), 50);
    assert_results(k, 50, 50);
    /* The group is joined again, and what was not committed comes again. */
    k->member.n_unacked = 0;
    k->member.n_events = 0;
    kit_member_read_until(&k->member, 50, false);
    assert_int_equal(k->member.n_lost_calls, 1);
    assert_int_equal(k->member.unacked[0].pos.hi, 50);
    for (size_t i = 0; i < 50; i++) {
        k->items[50 + i].receipt = k->member.unacked[i];
    }
    kit_give(k, 50, 50);
    kit_wait(k, 150);
    assert_results(k, 100, 100);
    assert_int_equal(kit_committed(k->brokers, k->group, k->from, 0), 100);
    kit_free(k);
}

/* What no member says is believed by a broker, whoever has the partitions. */
static void a_consumer_that_is_no_member_is_told_from_one_that_is(void **state)
{
    kit *k = kit_open(10, 4096, NULL);
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
    kit_free(k);
}

static void events_without_results_are_committed_too(void **state)
{
    const int64_t until_us = weir_clock_us() + HANG_US;
    kit *k = kit_open(100, 4096, NULL);

    (void)state;
    kit_member_ack_all(&k->member);
    while (kit_committed(k->brokers, k->group, k->from, 0) < 100) {
        kit_member_read(&k->member, 0, 10);
        assert_true(weir_clock_us() < until_us);
    }
    kit_free(k);
}

/* -- the contract --------------------------------------------------------------------------- */

static void suite_begin(weir_settler_fixture *f, size_t n, weir_settler_setup *setup)
{
    kit *k = kit_new(n, 4096, NULL);

    *setup = k->setup;
    for (int i = 0; i < 2; i++) {
        f->targets[i] = k->targets[i];
    }
    f->arg = k;
}

static void suite_close_source(weir_settler_fixture *f)
{
    kit_close_source(f->arg);
}

static void suite_end(weir_settler_fixture *f)
{
    kit_free(f->arg);
    f->arg = NULL;
}

static void suite_read(weir_settler_fixture *f, size_t n, weir_receipt *out)
{
    kit *k = f->arg;

    kit_member_read_until(&k->member, n, false);
    memcpy(out, k->member.unacked, n * sizeof(*out));
}

static void suite_read_back(weir_settler_fixture *f, int target, weir_buf *out)
{
    const kit *k = f->arg;

    kit_read(k->brokers, k->to[target], add_record, out);
    weir_buf_char(out, '\0');
}

static size_t suite_n_acked(weir_settler_fixture *f)
{
    const kit *k = f->arg;
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
