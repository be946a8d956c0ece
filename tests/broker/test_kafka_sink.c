/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_kafka_sink - the Kafka sink against a real broker: what arrives, in which order, and
 * which answer each output gets.
 */
#include "tests/support/kafka_sink_rig.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Everything of a topic, in the order of its partitions. */
typedef struct seen {
    int n, last[16], n_out_of_order;
    int32_t partition;
    char text[256];
    int64_t time_ms;
    bool has_key, has_data;
    size_t n_headers;
    char headers[64];
} seen;

static void see(void *arg, const rd_kafka_message_t *msg)
{
    seen *s = arg;
    rd_kafka_headers_t *headers;
    rd_kafka_timestamp_type_t type;

    s->n++;
    s->partition = msg->partition;
    s->has_key = msg->key != NULL;
    s->has_data = msg->payload != NULL;
    s->time_ms = rd_kafka_message_timestamp(msg, &type);
    snprintf(s->text, sizeof(s->text), "%.*s", (int)(msg->len < 200 ? msg->len : 200),
             msg->payload == NULL ? "" : (const char *)msg->payload);
    s->n_headers = 0;
    s->headers[0] = '\0';
    if (rd_kafka_message_headers(msg, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        s->n_headers = rd_kafka_header_cnt(headers);
        for (size_t i = 0; i < s->n_headers; i++) {
            const char *name;
            const void *value;
            size_t len;

            rd_kafka_header_get_all(headers, i, &name, &value, &len);
            snprintf(s->headers + strlen(s->headers),
                     sizeof(s->headers) - strlen(s->headers), "%s=%.*s;", name,
                     (int)len, value == NULL ? "" : (const char *)value);
        }
    }
}

static void an_output_arrives_with_all_that_it_carries(void **state)
{
    const weir_header headers[] = {
        { "a", WEIR_SLICE_LIT("1") },
        { "b", WEIR_SLICE_LIT("") },
        { "a", WEIR_SLICE_LIT("2") },
    };
    char topic[80];
    seen s = { 0 };
    rig *r = rig_new(8 << 20);

    (void)state;
    new_topic(topic, 3, NULL);
    weir_out *out = rig_out(r, 0, rig_target(r, topic), NULL, WEIR_SLICE_NONE);

    out->headers = headers;
    out->n_headers = 3;
    out->partition = 2;
    out->time_ms = 1700000000123;
    rig_send_all(r, 0, 1);
    assert_int_equal(r->answers[0], WEIR_SENT_OK);
    assert_int_equal(kit_read(r->queue.brokers, topic, see, &s), 1);
    assert_int_equal(s.partition, 2);
    assert_false(s.has_key);
    assert_false(s.has_data);
    assert_int_equal(s.time_ms, 1700000000123);
    assert_string_equal(s.headers, "a=1;b=;a=2;");
    rig_free(r);
}

/* What see_stamp() has to find: number and position of each record, by its payload. */
static void see_stamp(void *arg, const rd_kafka_message_t *msg)
{
    char digits[16] = "";
    rd_kafka_headers_t *headers;
    const void *value;
    char want[32];
    size_t len;
    int *n = arg;
    int number;

    assert_true(msg->len < sizeof(digits));
    memcpy(digits, msg->payload, msg->len);
    number = atoi(digits);
    ++*n;
    assert_int_equal(rd_kafka_message_headers(msg, &headers),
                     number % 50 == 0 ? RD_KAFKA_RESP_ERR__NOENT
                                      : RD_KAFKA_RESP_ERR_NO_ERROR);
    if (number % 50 == 0) {
        return;
    }
    assert_int_equal(rd_kafka_header_cnt(headers), number % 7 == 0 ? 1 : 2);
    assert_int_equal(rd_kafka_header_get_last(headers, "at", &value, &len),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    snprintf(want, sizeof(want), "place-%d", number);
    assert_int_equal(len, strlen(want));
    assert_memory_equal(value, want, len);
    if (number % 7 != 0) {
        assert_int_equal(rd_kafka_header_get_last(headers, "hops", &value, &len),
                         RD_KAFKA_RESP_ERR_NO_ERROR);
        assert_int_equal(len, 1);
        assert_int_equal(*(const char *)value, '0' + number % 10);
    }
}

static void
headers_are_those_of_their_record_however_often_lists_are_reused(void **state)
{
    static weir_header headers[MOST][2];
    static char texts[MOST][3][16];
    char topic[80];
    int n = 0;
    rig *r = rig_new(8 << 20);

    (void)state;
    new_topic(topic, 2, NULL);
    void *target = rig_target(r, topic);

    for (size_t from = 0; from < MOST; from += 400) { /* lists come back in between */
        for (size_t i = from; i < from + 400; i++) {
            snprintf(texts[i][0], 16, "%zu.", i);
            snprintf(texts[i][1], 16, "place-%zu", i);
            snprintf(texts[i][2], 16, "%zu", i % 10);
            headers[i][0] = (weir_header){ "at", weir_slice_of(texts[i][1]) };
            headers[i][1] = (weir_header){ "hops", weir_slice_of(texts[i][2]) };
            rig_out(r, i, target, "k", weir_slice_of(texts[i][0]));
            r->outs[i].headers = headers[i];
            r->outs[i].n_headers = i % 50 == 0 ? 0 : i % 7 == 0 ? 1 : 2;
        }
        rig_send_all(r, from, from + 400);
    }
    assert_int_equal(kit_read(r->queue.brokers, topic, see_stamp, &n), MOST);
    rig_free(r);
}

static void check_partition(void *arg, const rd_kafka_message_t *msg)
{
    int *n = arg;

    assert_int_equal(msg->partition,
                     rd_kafka_msg_partitioner_murmur2_random(
                         msg->rkt, msg->key, msg->key_len, 7, NULL, NULL));
    ++*n;
}

static void keys_go_where_a_java_client_would_put_them(void **state)
{
    char topic[80], key[16];
    int n = 0;
    rig *r = rig_new(8 << 20);

    (void)state;
    new_topic(topic, 7, NULL);
    void *target = rig_target(r, topic);

    for (size_t i = 0; i < 100; i++) {
        snprintf(key, sizeof(key), "key-%zu", i);
        rig_out(r, i, target, key, WEIR_SLICE_LIT("x"));
    }
    rig_send_all(r, 0, 100);
    assert_int_equal(kit_read(r->queue.brokers, topic, check_partition, &n), 100);
    rig_free(r);
}

/* Numbers of one key must rise. */
static void see_order(void *arg, const rd_kafka_message_t *msg)
{
    seen *s = arg;
    char text[32];

    snprintf(text, sizeof(text), "%.*s", (int)(msg->len < 16 ? msg->len : 16),
             (const char *)msg->payload);
    const int key = ((const char *)msg->key)[0] - 'a';
    const int number = atoi(text);

    s->n++;
    s->n_out_of_order += number <= s->last[key];
    s->last[key] = number;
}

/* Sends n outputs with keys a..h, of which every `each`-th is large. */
static void send_mixed(rig *r, void *target, size_t n, size_t each, size_t small,
                       size_t large, char *bytes)
{
    for (size_t i = 0; i < n; i++) {
        const char key[2] = { (char)('a' + i % 8), '\0' };
        const size_t len = i % each == each - 1 ? large : small;
        char *data = bytes + i * (small + 16);

        if (len == large) {
            data = malloc(large);
            assert_non_null(data);
            memset(data, 'x', large);
        }
        snprintf(data, 24, "%zu.", i + 1);
        rig_out(r, i, target, key, (weir_slice){ data, len });
    }
    rig_send_key(r, 0, n);
    for (size_t i = 0; i < n; i++) {
        const bool is_large = r->outs[i].data.len == large;

        assert_int_equal(r->answers[i], is_large ? WEIR_SENT_TOO_LARGE : WEIR_SENT_OK);
        if (is_large) {
            free((void *)(uintptr_t)r->outs[i].data.data);
        }
    }
}

static void
only_a_record_that_is_too_large_alone_is_blamed_on_a_small_topic(void **state)
{
    const char *settings[] = { "max.message.bytes=2000", NULL };
    static char bytes[1000 * 416];
    char topic[80];
    seen s = { 0 };
    rig *r = rig_new(8 << 20);

    (void)state;
    /* 400 bytes each: any batch of six is over the limit, none of them is alone. */
    new_topic(topic, 2, settings);
    send_mixed(r, rig_target(r, topic), 1000, 97, 400, 5000, bytes);
    assert_int_equal(kit_read(r->queue.brokers, topic, see_order, &s), 990);
    assert_int_equal(s.n_out_of_order, 0);
    rig_free(r);
}

static void a_limit_that_is_lowered_later_blames_nobody_for_its_neighbours(void **state)
{
    static char bytes[1000 * 416];
    char topic[80];
    seen s = { .last = { -1 } };
    rig *r = rig_new(8 << 20);

    (void)state;
    new_topic(topic, 1, NULL);
    void *target = rig_target(r, topic);

    rig_out(r, MOST - 1, target, "a", WEIR_SLICE_LIT("0."));
    rig_send_all(r, MOST - 1, MOST); /* the sink knows the first limit now */
    kit_set_topic(r->queue.brokers, topic, "max.message.bytes", "2000");
    send_mixed(r, target, 1000, 97, 400, 5000, bytes);
    assert_int_equal(kit_read(r->queue.brokers, topic, see_order, &s), 991);
    assert_int_equal(s.n_out_of_order, 0);
    rig_free(r);
}

/* Bytes that no codec makes smaller. */
static void scramble(char *bytes, size_t n)
{
    uint32_t state = 1;

    for (size_t i = 0; i < n; i++) {
        state = state * 1664525 + 1013904223;
        bytes[i] = (char)(state >> 24);
    }
}

/* A batch that cannot be packed, one that packs into nearly nothing, and so on: when the first
 * is refused, the second is with the broker already. */
static void nothing_of_a_key_overtakes_a_batch_that_was_refused(void **state)
{
    enum { N = 200, EACH = 10, SIZE = 99000 };
    char *bytes = calloc(N, SIZE);
    char topic[80];
    seen s = { .last = { -1 } };
    rig *r = rig_prepare(64 << 20, NULL);

    (void)state;
    assert_non_null(bytes);
    assert_true(weir_opt_map_add(&r->queue.producer, "compression.codec", "snappy"));
    rig_open(r);
    new_topic(topic, 1, NULL);
    void *target = rig_target(r, topic);

    rig_out(r, N, target, "a", WEIR_SLICE_LIT("0."));
    rig_send_all(r, N, N + 1); /* the sink knows the first limit now */
    kit_set_topic(r->queue.brokers, topic, "max.message.bytes", "500000");
    for (size_t i = 0; i < N; i++) {
        char *data = bytes + i * SIZE;

        if (i / EACH % 2 == 0) {
            scramble(data, SIZE);
        }
        snprintf(data, 16, "%zu.", i + 1);
        rig_out(r, i, target, "a", (weir_slice){ data, SIZE });
    }
    rig_send_key(r, 0, N);
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(r->answers[i], WEIR_SENT_OK);
    }
    assert_int_equal(kit_read(r->queue.brokers, topic, see_order, &s), N + 1);
    assert_int_equal(s.n_out_of_order, 0);
    rig_free(r);
    free(bytes);
}

static void
a_record_over_the_usual_limit_is_blamed_and_its_neighbours_are_not(void **state)
{
    static char bytes[600 * 1016];
    char topic[80];
    seen s = { 0 };
    rig *r = rig_new(64 << 20);

    (void)state;
    new_topic(topic, 1, NULL);
    send_mixed(r, rig_target(r, topic), 600, 100, 1000, 1500000, bytes);
    assert_int_equal(kit_read(r->queue.brokers, topic, see_order, &s), 594);
    assert_int_equal(s.n_out_of_order, 0);
    rig_free(r);
}

static void
a_record_without_key_is_invalid_on_a_compacted_topic_and_others_are_not(void **state)
{
    const char *settings[] = { "cleanup.policy=compact", NULL };
    char topic[80];
    rig *r = rig_new(8 << 20);

    (void)state;
    new_topic(topic, 1, settings);
    void *target = rig_target(r, topic);

    /* The topic's settings are known once the first one is through. */
    rig_out(r, 0, target, "k", WEIR_SLICE_LIT("first"));
    rig_send_all(r, 0, 1);
    for (size_t i = 1; i < 50; i++) {
        rig_out(r, i, target, i % 5 == 0 ? NULL : "k", WEIR_SLICE_LIT("x"));
    }
    rig_send_all(r, 1, 50);
    for (size_t i = 1; i < 50; i++) {
        assert_int_equal(r->answers[i], i % 5 == 0 ? WEIR_SENT_INVALID : WEIR_SENT_OK);
    }
    rig_free(r);
}

/* The producer that a target uses, once nothing of it is out and its settings are known. */
static int producer_of(rig *r, const weir_kafka_target *target)
{
    weir_kafka_sender *sink = r->self;
    int want = -1;

    for (bool is_learning = true; is_learning;) {
        weir_lock_take(&sink->lock);
        is_learning = target->is_learning;
        want = target->want;
        weir_lock_give(&sink->lock);
        sched_yield();
    }
    return want;
}

static void batches_go_on_once_the_record_that_had_one_refused_is_known(void **state)
{
    const char *settings[] = { "message.timestamp.after.max.ms=60000", NULL };
    char topic[80];
    seen s = { 0 };
    rig *r = rig_new(8 << 20);

    (void)state;
    new_topic(topic, 1, settings);
    void *target = rig_target(r, topic);

    rig_out(r, 0, target, "a", WEIR_SLICE_LIT("first"));
    rig_send_all(r, 0, 1); /* the topic's settings are known */
    assert_int_equal(producer_of(r, target), WEIR_KAFKA_BATCHED);
    for (size_t i = 1; i < 300; i++) {
        rig_out(r, i, target, "a", WEIR_SLICE_LIT("x"));
    }
    /* refused, with its batch */
    r->outs[77].time_ms = weir_clock_wall_ms() + 86400000;
    rig_send(r, 1, 300);
    assert_int_equal(r->answers[77], WEIR_SENT_AGAIN);
    assert_int_equal(producer_of(r, target), WEIR_KAFKA_ALONE);
    rig_send_again(r, 1, 300);
    assert_int_equal(producer_of(r, target), WEIR_KAFKA_BATCHED);
    for (size_t i = 0; i < 300; i++) {
        assert_int_equal(r->answers[i], i == 77 ? WEIR_SENT_INVALID : WEIR_SENT_OK);
    }
    assert_int_equal(kit_read(r->queue.brokers, topic, see, &s), 299);
    rig_free(r);
}

static bool ends_in_dead(void *arg, const char *name)
{
    const size_t len = strlen(name);

    (void)arg;
    return len > 5 && strcmp(name + len - 5, ".dead") == 0;
}

/* A record that fitted its source only because it was packed fits as a dead letter, too. */
static void a_dead_letter_is_packed_so_that_it_fits_where_its_event_did(void **state)
{
    const char *settings[] = { "max.message.bytes=20000", NULL };
    static char bytes[200000];
    char plain[80];
    char dead[96];
    weir_err err;
    rig *r;

    (void)state;
    new_topic(plain, 1, settings);
    snprintf(dead, sizeof(dead), "%s.dead", plain);
    assert_int_equal(weir_broker_topic(kafka, dead, 1, settings, &err), WEIR_OK);
    memset(bytes, 'x', sizeof(bytes));
    r = rig_prepare(8 << 20, ends_in_dead);
    rig_open(r);
    rig_out(r, 0, rig_target(r, plain), "k", (weir_slice){ bytes, sizeof(bytes) });
    rig_out(r, 1, rig_target(r, dead), "k", (weir_slice){ bytes, sizeof(bytes) });
    rig_send_all(r, 0, 2);
    assert_int_equal(r->answers[0], WEIR_SENT_TOO_LARGE);
    assert_int_equal(r->answers[1], WEIR_SENT_OK);
    rig_free(r);
}

static void a_missing_topic_is_unknown_until_it_is_made(void **state)
{
    char topic[80], other[100];
    weir_err err;
    rig *r = rig_new(8 << 20);

    (void)state;
    new_topic(topic, 1, NULL);
    snprintf(other, sizeof(other), "%s.later", topic);
    rig_out(r, 0, rig_target(r, other), "k", WEIR_SLICE_LIT("x"));
    rig_send_all(r, 0, 1);
    assert_int_equal(r->answers[0], WEIR_SENT_UNKNOWN);
    assert_int_equal(weir_broker_topic(kafka, other, 1, NULL, &err), WEIR_OK);
    for (int64_t until = kit_clock_ms() + 30000; r->answers[0] != WEIR_SENT_OK;) {
        assert_true(kit_clock_ms() < until);
        r->n_answers[0] = 0;
        rig_send_all(r, 0, 1);
    }
    assert_int_equal(kit_read(r->queue.brokers, other, NULL, NULL), 1);
    rig_free(r);
}

static void a_full_queue_takes_less_and_nothing_is_lost(void **state)
{
    static char data[20000];
    char topic[80];
    weir_out *outs[MOST];
    rig *r = rig_new(1 << 20); /* the client's queue has 4 MiB at least */

    (void)state;
    memset(data, 'x', sizeof(data));
    new_topic(topic, 1, NULL);
    void *target = rig_target(r, topic);

    rig_out(r, 0, target, "k", WEIR_SLICE_LIT("first"));
    rig_send_all(r, 0, 1);
    for (size_t i = 1; i < 2000; i++) {
        outs[i] = rig_out(r, i, target, "k", (weir_slice){ data, sizeof(data) });
    }
    const size_t n = weir_kafka_sink.send(r->self, outs + 1, 1999);

    assert_true(n > 0 && n < 1999);
    rig_send(r, 1 + n, 2000);
    assert_int_equal(weir_kafka_sink.flush(r->self, weir_clock_us() + 30000000),
                     WEIR_OK);
    for (size_t i = 0; i < 2000; i++) {
        assert_int_equal(r->n_answers[i], 1);
        assert_int_equal(r->answers[i], WEIR_SENT_OK);
    }
    assert_int_equal(kit_read(r->queue.brokers, topic, NULL, NULL), 2000);
    rig_free(r);
}

static void a_probe_knows_how_large_a_record_may_be(void **state)
{
    const char *settings[] = { "max.message.bytes=5000", NULL };
    char topic[80];
    size_t largest = 0;
    rig *r = rig_new(8 << 20);

    (void)state;
    new_topic(topic, 1, settings);
    assert_int_equal(
        weir_kafka_sink.probe(r->self, rig_target(r, topic), 10000000, &largest, NULL),
        WEIR_OK);
    assert_int_equal(largest, 5000);
    rig_free(r);
}

static int setup_group(void **state)
{
    (void)state;
    return kit_share_kafka(&kafka);
}

static int teardown_group(void **state)
{
    (void)state;
    weir_broker_free(kafka);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_output_arrives_with_all_that_it_carries),
        cmocka_unit_test(
            headers_are_those_of_their_record_however_often_lists_are_reused),
        cmocka_unit_test(keys_go_where_a_java_client_would_put_them),
        cmocka_unit_test(
            only_a_record_that_is_too_large_alone_is_blamed_on_a_small_topic),
        cmocka_unit_test(
            a_limit_that_is_lowered_later_blames_nobody_for_its_neighbours),
        cmocka_unit_test(nothing_of_a_key_overtakes_a_batch_that_was_refused),
        cmocka_unit_test(
            a_record_over_the_usual_limit_is_blamed_and_its_neighbours_are_not),
        cmocka_unit_test(
            a_record_without_key_is_invalid_on_a_compacted_topic_and_others_are_not),
        cmocka_unit_test(batches_go_on_once_the_record_that_had_one_refused_is_known),
        cmocka_unit_test(a_dead_letter_is_packed_so_that_it_fits_where_its_event_did),
        cmocka_unit_test(a_missing_topic_is_unknown_until_it_is_made),
        cmocka_unit_test(a_full_queue_takes_less_and_nothing_is_lost),
        cmocka_unit_test(a_probe_knows_how_large_a_record_may_be),
    };

    return cmocka_run_group_tests(tests, setup_group, teardown_group);
}
