/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* The judges of kafka_promise and redis_promise: what is said of settings, and how gravely. */
#include "triggers/kafka_promise.h"
#include "triggers/redis_promise.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define UNKNOWN WEIR_KAFKA_UNKNOWN

/* "W:text|E:text|" of all that was said. */
typedef struct heard {
    char text[4096];
} heard;

static void hear(void *arg, const char *topic, weir_finding kind, const char *text)
{
    heard *all = arg;
    const size_t len = strlen(all->text);

    (void)topic;
    snprintf(all->text + len, sizeof(all->text) - len, "%c:%s|", "?WE"[kind], text);
}

static size_t count(const heard *all)
{
    size_t n = 0;

    for (const char *c = all->text; *c != '\0'; c++) {
        n += *c == '|';
    }
    return n;
}

static const weir_promise_topic from = { "in", WEIR_ROLE_FROM };
static const weir_promise_topic to = { "out", WEIR_ROLE_TO };

static weir_kafka_settings good(void)
{
    return (weir_kafka_settings){ .of = {
                                      [WEIR_KAFKA_MIN_ISR] = 2,
                                      [WEIR_KAFKA_RETENTION_MS] = 604800000,
                                      [WEIR_KAFKA_RETENTION_BYTES] = -1,
                                      [WEIR_KAFKA_OFFSETS_RETENTION_MIN] = 10080,
                                      [WEIR_KAFKA_OFFSETS_REPLICATION] = 3,
                                      [WEIR_KAFKA_OFFSET_METADATA] = 4096,
                                      [WEIR_KAFKA_TXN_MAX_MS] = 900000,
                                      [WEIR_KAFKA_TXN_MIN_ISR] = 2,
                                      [WEIR_KAFKA_TXN_REPLICATION] = 3,
                                  } };
}

static heard of_topic(const weir_promise_topic *topic, int replication,
                      const weir_kafka_settings *settings,
                      const weir_kafka_backlog *backlog, bool stops)
{
    heard all = { "" };
    const weir_promise_ask ask = { .group = "g", .stops_if_lost = stops };
    const weir_kafka_judged how = { &ask, 3, 4096, hear, &all };

    weir_kafka_judge_topic(&how, topic, replication, settings, backlog);
    return all;
}

static heard of_cluster(const weir_kafka_settings *broker, int n_brokers)
{
    heard all = { "" };
    const weir_promise_ask ask = { .group = "g",
                                   .start = WEIR_START_LATEST,
                                   .is_once = true };
    const weir_kafka_judged how = { &ask, n_brokers, 4096, hear, &all };

    weir_kafka_judge_cluster(&how, broker);
    return all;
}

static void a_cluster_as_it_should_be_has_nothing_said_of_it(void **state)
{
    const weir_kafka_settings settings = good();
    const weir_kafka_backlog backlog = { true, 5, 100, 0, 0, true };

    (void)state;
    assert_string_equal(of_topic(&from, 3, &settings, &backlog, true).text, "");
    assert_string_equal(of_topic(&to, 3, &settings, &backlog, true).text, "");
    assert_string_equal(of_cluster(&settings, 3).text, "");
}

static void what_is_kept_once_in_a_larger_cluster_is_a_warning(void **state)
{
    weir_kafka_settings settings = good();
    const weir_kafka_backlog none = { .is_known = false };

    (void)state;
    heard all = of_topic(&from, 1, &settings, &none, true);
    assert_non_null(strstr(all.text, "W:it has one replica"));
    assert_int_equal(count(&all), 1);
    settings.of[WEIR_KAFKA_MIN_ISR] = 1;
    all = of_topic(&to, 3, &settings, &none, true);
    assert_non_null(strstr(all.text, "W:min.insync.replicas is 1: a result"));
    settings.of[WEIR_KAFKA_OFFSETS_REPLICATION] = 1;
    settings.of[WEIR_KAFKA_TXN_REPLICATION] = settings.of[WEIR_KAFKA_TXN_MIN_ISR] = 1;
    all = of_cluster(&settings, 3);
    assert_non_null(strstr(all.text, "W:offsets.topic.replication.factor is 1"));
    assert_non_null(strstr(all.text, "never handled"));
    assert_non_null(
        strstr(all.text, "W:transaction.state.log.replication.factor is 1"));
    assert_int_equal(count(&all), 2);
}

static void more_replicas_in_sync_than_there_are_is_an_error(void **state)
{
    weir_kafka_settings settings = good();
    const weir_kafka_backlog none = { .is_known = false };

    (void)state;
    settings.of[WEIR_KAFKA_MIN_ISR] = 4;
    const heard all = of_topic(&to, 3, &settings, &none, true);
    assert_non_null(
        strstr(all.text, "E:min.insync.replicas is 4 and it has 3 replicas"));
    /* Who writes the source is not ours to judge. */
    assert_string_equal(of_topic(&from, 3, &settings, &none, true).text, "");
}

static void positions_below_the_earliest_event_are_lost_events(void **state)
{
    const weir_kafka_settings settings = good();
    const weir_kafka_backlog backlog = { true, 10, 100, 0, 2, true };

    (void)state;
    heard all = of_topic(&from, 3, &settings, &backlog, true);
    assert_non_null(strstr(all.text, "E:retention has deleted events"));
    assert_non_null(strstr(all.text, "on 2 partitions"));
    all = of_topic(&from, 3, &settings, &backlog, false);
    assert_non_null(strstr(all.text, "W:retention has deleted events"));
}

static void a_lag_of_more_than_half_of_what_bytes_keep_is_a_warning(void **state)
{
    weir_kafka_settings settings = good();
    weir_kafka_backlog backlog = { true, 51, 100, 0, 0, true };

    (void)state;
    settings.of[WEIR_KAFKA_RETENTION_BYTES] = 1000;
    const heard all = of_topic(&from, 3, &settings, &backlog, true);
    assert_non_null(strstr(all.text, "W:51 of the 100 events that retention.bytes"));
    backlog.n_waiting = 50;
    assert_string_equal(of_topic(&from, 3, &settings, &backlog, true).text, "");
    /* nothing deleted yet */
    backlog = (weir_kafka_backlog){ true, 100, 100, 0, 0, false };
    assert_string_equal(of_topic(&from, 3, &settings, &backlog, true).text, "");
}

static void what_may_not_be_read_is_said_once_and_judged_no_further(void **state)
{
    weir_kafka_settings settings = { .is_denied = true };
    const weir_kafka_backlog backlog = { true, 5, 5, 5, 0, true };

    (void)state;
    for (size_t i = 0; i < WEIR_KAFKA_N_NUMBERS; i++) {
        settings.of[i] = UNKNOWN;
    }
    heard all = of_topic(&from, 3, &settings, &backlog, true);
    assert_int_equal(count(&all), 1);
    assert_non_null(strstr(all.text, "?:its settings may not be read"));
    all = of_cluster(&settings, 3);
    assert_int_equal(count(&all), 1);
    assert_non_null(strstr(all.text, "?:the brokers' settings may not be read"));
}

static void a_server_that_keeps_all_has_nothing_said_of_it(void **state)
{
    const weir_promise_ask ask = { .group = "g" };
    const weir_redis_facts facts = { .aof = 1,
                                     .fsync = "always",
                                     .policy = "allkeys-lru", /* of no limit */
                                     .min_replicas = 0,
                                     .replica_read_only = 1 };
    /* before Redis 7 */
    const weir_redis_backlog old = { 10, -1, -1, 0, -1, false };
    const weir_redis_backlog fresh = { 10, 10, 0, 0, 10, false };
    heard all = { "" };

    (void)state;
    weir_redis_judge_server(&ask, &facts, hear, &all);
    weir_redis_judge_stream("in", &old, hear, &all);
    weir_redis_judge_stream("in", &fresh, hear, &all);
    assert_string_equal(all.text, "");
}

static void a_failover_that_loses_confirmed_entries_is_a_warning(void **state)
{
    const weir_promise_ask ask = { .group = "g" };
    weir_redis_facts facts = {
        .aof = 1, .fsync = "always", .has_sentinel = true, .replica_read_only = 1
    };
    heard all = { "" };

    (void)state;
    weir_redis_judge_server(&ask, &facts, hear, &all);
    assert_non_null(strstr(all.text, "W:no replica is connected"));
    assert_non_null(strstr(all.text, "W:min-replicas-to-write is 0"));
    assert_int_equal(count(&all), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cluster_as_it_should_be_has_nothing_said_of_it),
        cmocka_unit_test(what_is_kept_once_in_a_larger_cluster_is_a_warning),
        cmocka_unit_test(more_replicas_in_sync_than_there_are_is_an_error),
        cmocka_unit_test(positions_below_the_earliest_event_are_lost_events),
        cmocka_unit_test(a_lag_of_more_than_half_of_what_bytes_keep_is_a_warning),
        cmocka_unit_test(what_may_not_be_read_is_said_once_and_judged_no_further),
        cmocka_unit_test(a_server_that_keeps_all_has_nothing_said_of_it),
        cmocka_unit_test(a_failover_that_loses_confirmed_entries_is_a_warning),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
