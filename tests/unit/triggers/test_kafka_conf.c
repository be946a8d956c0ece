/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_kafka_conf - properties of a Kafka queue, and the rules by version of the library.
 */
#include "triggers/kafka_conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#define VERSION(major, minor, patch)                                                   \
    ((major) << 24 | (minor) << 16 | (patch) << 8 | 0xff)

static weir_kafka_caps caps_of(int version)
{
    weir_kafka_caps caps;

    weir_kafka_caps_of(version, &caps);
    return caps;
}

static void versions_are_refused_or_warned_of_as_their_faults_are_known(void **state)
{
    (void)state;
    assert_non_null(caps_of(VERSION(1, 9, 2)).refused);
    assert_null(caps_of(VERSION(2, 0, 2)).refused);
    assert_null(caps_of(VERSION(2, 0, 2)).warning);
    assert_non_null(caps_of(VERSION(2, 1, 0)).warning);
    assert_non_null(caps_of(VERSION(2, 2, 0)).warning);
    assert_null(caps_of(VERSION(2, 3, 0)).warning);
    assert_non_null(caps_of(VERSION(2, 5, 0)).warning);
    assert_null(caps_of(VERSION(2, 5, 3)).warning);
    assert_null(caps_of(VERSION(2, 8, 0)).refused);
    assert_non_null(caps_of(VERSION(2, 10, 0)).refused);
    assert_null(caps_of(VERSION(2, 10, 1)).refused);
}

static void features_begin_with_the_version_that_can_be_trusted_with_them(void **state)
{
    (void)state;
    assert_true(caps_of(VERSION(2, 0, 2)).needs_wake);
    assert_true(caps_of(VERSION(2, 1, 1)).needs_wake);
    assert_false(caps_of(VERSION(2, 2, 0)).needs_wake);
    assert_true(caps_of(VERSION(2, 2, 0)).has_backoff);
    assert_true(caps_of(VERSION(2, 3, 0)).needs_slack);
    assert_false(caps_of(VERSION(2, 4, 0)).needs_slack);
    assert_false(caps_of(VERSION(2, 0, 2)).has_epochs);
    assert_true(caps_of(VERSION(2, 1, 0)).has_epochs);
    assert_int_equal(caps_of(VERSION(2, 0, 2)).seek_scale, 1000);
    assert_int_equal(caps_of(VERSION(2, 1, 0)).seek_scale, 1);
    assert_false(caps_of(VERSION(2, 6, 0)).has_cooperative);
    assert_true(caps_of(VERSION(2, 6, 1)).has_cooperative);
    assert_false(caps_of(VERSION(2, 13, 1)).has_batches);
    assert_true(caps_of(VERSION(2, 13, 2)).has_batches);
    assert_false(caps_of(VERSION(2, 14, 2)).has_kip848);
    assert_true(caps_of(VERSION(2, 15, 0)).has_kip848);
}

static void cooperative_sticky_is_refused_with_the_reason_where_it_loops(void **state)
{
    const weir_kafka_caps old = caps_of(VERSION(2, 0, 2)),
                          fresh = caps_of(VERSION(2, 8, 0));
    weir_err err;

    (void)state;
    assert_int_equal(weir_kafka_assignor_check(&old, 0, &err), WEIR_OK);
    assert_int_equal(weir_kafka_assignor_check(&old, 1, &err), WEIR_ECONFIG);
    assert_non_null(strstr(err.text, "2.6.1"));
    assert_non_null(strstr(err.text, "loop"));
    assert_non_null(strstr(err.text, "2.0.2"));
    assert_int_equal(weir_kafka_assignor_check(&fresh, 1, &err), WEIR_OK);
}

static void what_weir_must_own_is_refused_with_a_reason(void **state)
{
    static const char *const owned[] = {
        "bootstrap.servers",
        "client.id",
        "group.id",
        "group.instance.id",
        "enable.auto.commit",
        "enable.auto.offset.store",
        "auto.offset.reset",
        "isolation.level",
        "partition.assignment.strategy",
        "queued.min.messages",
        "acks",
        "enable.idempotence",
        "enable.gapless.guarantee",
        "partitioner",
        "message.timeout.ms",
        "transactional.id",
        "message.max.bytes",
        "log_cb",
        "rebalance_cb",
        "allow.auto.create.topics",
        "opaque",
    };
    static const char *const free_ones[] = {
        "security.protocol", "sasl.password", "ssl.ca.location", "fetch.wait.max.ms",
        "compression.codec", "linger.ms",     "client.rack",     "session.timeout.ms",
    };
    const weir_kafka_caps caps = caps_of(VERSION(2, 8, 0));

    (void)state;
    for (size_t i = 0; i < sizeof(owned) / sizeof(owned[0]); i++) {
        assert_non_null(weir_kafka_owned(&caps, WEIR_KAFKA_CONSUMER, owned[i], "x"));
    }
    for (size_t i = 0; i < sizeof(free_ones) / sizeof(free_ones[0]); i++) {
        assert_null(weir_kafka_owned(&caps, WEIR_KAFKA_CONSUMER, free_ones[i], "x"));
    }
}

static void debug_contexts_that_print_contents_are_refused(void **state)
{
    const weir_kafka_caps caps = caps_of(VERSION(2, 8, 0));

    (void)state;
    assert_non_null(weir_kafka_owned(&caps, WEIR_KAFKA_ADMIN, "debug", "all"));
    assert_non_null(weir_kafka_owned(&caps, WEIR_KAFKA_ADMIN, "debug", "broker, msg"));
    assert_non_null(
        weir_kafka_owned(&caps, WEIR_KAFKA_ADMIN, "debug", "cgrp,Security"));
    assert_null(
        weir_kafka_owned(&caps, WEIR_KAFKA_ADMIN, "debug", "broker,cgrp,topic"));
}

static void the_new_group_protocol_is_refused_before_it_can_be_trusted(void **state)
{
    const weir_kafka_caps old = caps_of(VERSION(2, 12, 0)),
                          fresh = caps_of(VERSION(2, 15, 0));

    (void)state;
    assert_non_null(
        weir_kafka_owned(&old, WEIR_KAFKA_CONSUMER, "group.protocol", "consumer"));
    assert_null(
        weir_kafka_owned(&old, WEIR_KAFKA_CONSUMER, "group.protocol", "classic"));
    assert_null(
        weir_kafka_owned(&fresh, WEIR_KAFKA_CONSUMER, "group.protocol", "consumer"));
}

typedef struct said {
    int n_errors, n_warnings;
    char names[512], texts[2048];
} said;

static void say(void *arg, const weir_opt_pair *pair, bool is_error, const char *text)
{
    said *s = arg;

    s->n_errors += is_error;
    s->n_warnings += !is_error;
    if (pair != NULL) {
        snprintf(s->names + strlen(s->names), sizeof(s->names) - strlen(s->names),
                 "%s ", pair->name);
    }
    snprintf(s->texts + strlen(s->texts), sizeof(s->texts) - strlen(s->texts), "%s\n",
             text);
}

static weir_kafka_queue *new_queue(const char *brokers)
{
    weir_kafka_queue *queue = calloc(1, sizeof(*queue));

    assert_non_null(queue);
    queue->brokers = strdup(brokers);
    return queue;
}

static void free_queue(weir_kafka_queue *queue)
{
    weir_opt_fini(weir_kafka_queue_opts, queue);
    free(queue);
}

static void a_check_says_everything_that_is_wrong_at_once_and_where(void **state)
{
    weir_kafka_queue *queue = new_queue("localhost:9092");
    said s = { 0 };

    (void)state;
    weir_opt_map_add(&queue->properties, "no.such.property", "1");
    weir_opt_map_add(&queue->properties, "socket.timeout.ms", "soon");
    weir_opt_map_add(&queue->properties, "client.rack", "a");
    weir_opt_map_add(&queue->consumer, "auto.offset.reset", "latest");
    weir_opt_map_add(&queue->producer, "acks", "0");
    weir_opt_map_add(&queue->producer, "linger.ms", "20");
    assert_int_equal(weir_kafka_queue_check(queue, say, &s), 4);
    assert_int_equal(s.n_errors, 4);
    assert_string_equal(s.names,
                        "no.such.property socket.timeout.ms auto.offset.reset acks ");
    free_queue(queue);
}

static void a_secret_is_never_in_a_text(void **state)
{
    weir_kafka_queue *queue = new_queue("localhost:9092");
    rd_kafka_conf_t *conf = NULL;
    said s = { 0 };
    weir_err err;

    (void)state;
    weir_opt_map_add(&queue->properties, "ssl.key.pem", "canary-4711");
    weir_opt_map_add(&queue->properties, "ssl.keystore.password", "canary-4711");
    weir_opt_map_add(&queue->properties, "sasl.password.typo", "canary-4711");
    assert_true(weir_kafka_queue_check(queue, say, &s) >= 1);
    assert_null(strstr(s.texts, "canary"));
    assert_int_equal(weir_kafka_conf_new(queue, WEIR_KAFKA_ADMIN, NULL, &conf, &err),
                     WEIR_ECONFIG);
    assert_null(strstr(err.text, "canary"));
    free_queue(queue);
}

static void a_connection_that_anybody_can_read_is_warned_of(void **state)
{
    weir_kafka_queue *queue = new_queue("localhost:9092");
    said s = { 0 };

    (void)state;
    weir_opt_map_add(&queue->properties, "ssl.endpoint.identification.algorithm",
                     "none");
    assert_int_equal(weir_kafka_queue_check(queue, say, &s), 0);
    assert_int_equal(s.n_warnings, 1);
    free_queue(queue);
}

static void expect(const rd_kafka_conf_t *conf, const char *name, const char *want)
{
    char value[256];
    size_t len = sizeof(value);

    assert_int_equal(rd_kafka_conf_get(conf, name, value, &len), RD_KAFKA_CONF_OK);
    assert_string_equal(value, want);
}

static void what_weir_sets_wins_over_users_but_for_its_defaults(void **state)
{
    weir_kafka_queue *queue = new_queue("one:1,two:2");
    rd_kafka_conf_t *conf = NULL;
    const weir_kafka_prop props[] = {
        { "heartbeat.interval.ms", "500", true },
        { "socket.keepalive.enable", "true", true },
        { "enable.auto.commit", "false", false },
        { NULL, NULL, false },
    };

    (void)state;
    weir_opt_map_add(&queue->properties, "client.rack", "common");
    weir_opt_map_add(&queue->consumer, "heartbeat.interval.ms", "900");
    weir_opt_map_add(&queue->producer, "linger.ms", "77");
    assert_int_equal(
        weir_kafka_conf_new(queue, WEIR_KAFKA_CONSUMER, props, &conf, NULL), WEIR_OK);
    expect(conf, "bootstrap.servers", "one:1,two:2");
    expect(conf, "heartbeat.interval.ms", "900");
    expect(conf, "socket.keepalive.enable", "true");
    expect(conf, "enable.auto.commit", "false");
    expect(conf, "client.rack", "common");
    expect(conf, "log.queue", "true");
    rd_kafka_conf_destroy(conf);
    free_queue(queue);
}

/* Timer slack of threads by their type, as they have it when they begin. */
static atomic_int slack_ns[3];

static rd_kafka_resp_err_t see_thread(rd_kafka_t *rk, rd_kafka_thread_type_t type,
                                      const char *name, void *opaque)
{
    (void)rk;
    (void)name;
    (void)opaque;
    atomic_store(&slack_ns[type], prctl(PR_GET_TIMERSLACK, 0UL, 0UL, 0UL, 0UL));
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t see_client(rd_kafka_t *rk, const rd_kafka_conf_t *conf,
                                      void *opaque, char *text, size_t cap)
{
    (void)conf;
    (void)opaque;
    (void)text;
    (void)cap;
    return rd_kafka_interceptor_add_on_thread_start(rk, "test", see_thread, NULL);
}

static void only_main_threads_of_consumers_that_need_it_are_woken_late(void **state)
{
    weir_kafka_queue *queue = new_queue("127.0.0.1:1");
    weir_kafka_caps caps;
    rd_kafka_conf_t *conf = NULL;
    char text[256];

    (void)state;
    weir_kafka_caps_get(&caps);
    assert_int_equal(weir_kafka_conf_new(queue, WEIR_KAFKA_CONSUMER, NULL, &conf, NULL),
                     WEIR_OK);
    assert_int_equal(
        rd_kafka_conf_interceptor_add_on_new(conf, "test", see_client, NULL),
        RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));

    assert_non_null(rk);
    while (atomic_load(&slack_ns[RD_KAFKA_THREAD_MAIN]) == 0 ||
           atomic_load(&slack_ns[RD_KAFKA_THREAD_BROKER]) == 0) {
        sched_yield();
    }
    rd_kafka_destroy(rk);
    assert_int_equal(slack_ns[RD_KAFKA_THREAD_MAIN],
                     caps.needs_slack ? 50000000
                                      : prctl(PR_GET_TIMERSLACK, 0UL, 0UL, 0UL, 0UL));
    assert_in_range(slack_ns[RD_KAFKA_THREAD_BROKER], 1, 50000);
    free_queue(queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_are_refused_or_warned_of_as_their_faults_are_known),
        cmocka_unit_test(features_begin_with_the_version_that_can_be_trusted_with_them),
        cmocka_unit_test(cooperative_sticky_is_refused_with_the_reason_where_it_loops),
        cmocka_unit_test(what_weir_must_own_is_refused_with_a_reason),
        cmocka_unit_test(debug_contexts_that_print_contents_are_refused),
        cmocka_unit_test(the_new_group_protocol_is_refused_before_it_can_be_trusted),
        cmocka_unit_test(a_check_says_everything_that_is_wrong_at_once_and_where),
        cmocka_unit_test(a_secret_is_never_in_a_text),
        cmocka_unit_test(a_connection_that_anybody_can_read_is_warned_of),
        cmocka_unit_test(what_weir_sets_wins_over_users_but_for_its_defaults),
        cmocka_unit_test(only_main_threads_of_consumers_that_need_it_are_woken_late),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
