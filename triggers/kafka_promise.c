/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_promise - the judges; see kafka_promise.h.
 */
#include "triggers/kafka_promise.h"

#include <stdarg.h>
#include <stdio.h>

#define DAY_MS INT64_C(86400000)
#define OFFSETS_RETENTION_MIN (7 * 24 * 60) /* what brokers have by themselves */
#define TXN_TIMEOUT_MS 10000                /* of weir's transactions */

static void __attribute__((format(printf, 4, 5)))
promise_say(const weir_kafka_judged *how, const char *topic, weir_finding kind,
            const char *fmt, ...)
{
    char text[600];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    how->say(how->arg, topic, kind, text);
}

/* 90000 -> "90 seconds", in the largest unit that loses nothing. */
static const char *promise_time(int64_t ms, char *out, size_t cap)
{
    static const struct {
        int64_t ms;
        const char *name;
    } units[] = { { DAY_MS, " day" },
                  { 3600000, " hour" },
                  { 60000, " minute" },
                  { 1000, " second" },
                  { 1, " ms" } };
    size_t i = 0;

    while (i + 1 < sizeof(units) / sizeof(units[0]) && ms % units[i].ms != 0) {
        i++;
    }
    const long long n = ms / units[i].ms;

    snprintf(out, cap, "%lld%s%s", n, units[i].name,
             n == 1 || units[i].ms == 1 ? "" : "s");
    return out;
}

/* What becomes of a group without a position. */
static const char *promise_anew(const weir_promise_ask *ask)
{
    switch (ask->start) {
    case WEIR_START_EARLIEST:
        return "everything that the topic still has is handled again";
    case WEIR_START_LATEST:
        return "what came meanwhile is never handled";
    case WEIR_START_TIME:
        return "everything from `start` on is handled again";
    default:
        return "the worker ends with 78 until a position is set";
    }
}

static void promise_transactions(const weir_kafka_judged *how,
                                 const weir_kafka_settings *broker)
{
    const int64_t longest = broker->of[WEIR_KAFKA_TXN_MAX_MS];
    const int64_t min_isr = broker->of[WEIR_KAFKA_TXN_MIN_ISR];
    const int64_t replication = broker->of[WEIR_KAFKA_TXN_REPLICATION];

    if (longest != WEIR_KAFKA_UNKNOWN && longest < TXN_TIMEOUT_MS) {
        promise_say(
            how, NULL, WEIR_FINDING_ERROR,
            "transaction.max.timeout.ms of the brokers is %lld, below the %d of "
            "weir's transactions: exactly_once cannot begin; raise it",
            (long long)longest, TXN_TIMEOUT_MS);
    }
    if (min_isr != WEIR_KAFKA_UNKNOWN && replication != WEIR_KAFKA_UNKNOWN &&
        min_isr > replication) {
        promise_say(
            how, NULL, WEIR_FINDING_ERROR,
            "transaction.state.log.min.isr is %lld and "
            "transaction.state.log.replication.factor %lld: no transaction can be "
            "written; exactly_once needs the first to be no more than the second",
            (long long)min_isr, (long long)replication);
    } else if (replication == 1 && how->n_brokers > 1) {
        promise_say(
            how, NULL, WEIR_FINDING_WARNING,
            "transaction.state.log.replication.factor is 1: with the disk of one "
            "broker open transactions are lost, and exactly_once stands still "
            "while it is down; set it to 3");
    }
}

void weir_kafka_judge_cluster(const weir_kafka_judged *how,
                              const weir_kafka_settings *broker)
{
    const int64_t kept = broker->of[WEIR_KAFKA_OFFSETS_RETENTION_MIN];
    const int64_t metadata = broker->of[WEIR_KAFKA_OFFSET_METADATA];
    const bool is_read = how->ask->group != NULL;
    char time[48];

    if (how->n_brokers == 1) {
        promise_say(how, NULL, WEIR_FINDING_WARNING,
                    "the cluster has one broker: what its disk loses is lost, events, "
                    "results and positions; three brokers keep three copies");
    }
    if (broker->is_denied) {
        promise_say(how, NULL, WEIR_FINDING_UNKNOWN,
                    "the brokers' settings may not be read (DescribeConfigs on the "
                    "cluster): how long positions are kept cannot be said");
        return;
    }
    if (is_read && kept != WEIR_KAFKA_UNKNOWN && kept < OFFSETS_RETENTION_MIN) {
        promise_say(
            how, NULL, WEIR_FINDING_WARNING,
            "offsets.retention.minutes is %lld: when no replica runs for %s the "
            "group's positions are deleted and it begins at `start`: %s; raise it",
            (long long)kept, promise_time(kept * 60000, time, sizeof(time)),
            promise_anew(how->ask));
    }
    if (is_read && broker->of[WEIR_KAFKA_OFFSETS_REPLICATION] == 1 &&
        how->n_brokers > 1) {
        promise_say(
            how, NULL, WEIR_FINDING_WARNING,
            "offsets.topic.replication.factor is 1: with the disk of one broker "
            "positions are lost and the group begins at `start`: %s; set it to 3",
            promise_anew(how->ask));
    }
    if (is_read && metadata != WEIR_KAFKA_UNKNOWN && how->ack_map > 0 &&
        metadata < (int64_t)how->ack_map) {
        promise_say(
            how, NULL, WEIR_FINDING_WARNING,
            "offset.metadata.max.bytes is %lld, below the queue's ack_map of "
            "%llu: positions with more in them are refused and sent with less, so "
            "more is handled twice after a crash; set ack_map to %lld",
            (long long)metadata, (unsigned long long)how->ack_map, (long long)metadata);
    }
    if (how->ask->is_once) {
        promise_transactions(how, broker);
    }
}

/* What is written there: is it kept, and can it be written at all? */
static void promise_written(const weir_kafka_judged *how,
                            const weir_promise_topic *topic, int replication,
                            const weir_kafka_settings *settings)
{
    const int64_t min_isr = settings->of[WEIR_KAFKA_MIN_ISR];
    const char *what = topic->role & WEIR_ROLE_DEAD ? "dead letter" : "result";

    if (min_isr > replication) {
        promise_say(
            how, topic->name, WEIR_FINDING_ERROR,
            "min.insync.replicas is %lld and it has %d replica%s: no %s can ever "
            "be written, and intake stops at the first; set it to %d",
            (long long)min_isr, replication, replication == 1 ? "" : "s", what,
            replication > 1 ? replication - 1 : 1);
    } else if (min_isr == 1 && replication > 1) {
        promise_say(how, topic->name, WEIR_FINDING_WARNING,
                    "min.insync.replicas is 1: a %s counts as written while one broker "
                    "alone has it, and is lost if that one dies then; set it to 2",
                    what);
    }
    if (settings->of[WEIR_KAFKA_COMPACTED] != 1) {
        return;
    }
    if (topic->role & WEIR_ROLE_DEAD) {
        promise_say(
            how, topic->name, WEIR_FINDING_ERROR,
            "cleanup.policy has compact: a dead letter replaces an earlier one of "
            "its key, and one without a key is refused; use delete");
    } else {
        promise_say(
            how, topic->name, WEIR_FINDING_WARNING,
            "cleanup.policy has compact: of results with one key only the last is "
            "kept, and a result without a key is refused");
    }
}

static void promise_lag(const weir_kafka_judged *how, const weir_promise_topic *topic,
                        const weir_kafka_settings *settings,
                        const weir_kafka_backlog *backlog)
{
    const int64_t time = settings->of[WEIR_KAFKA_RETENTION_MS];
    const int64_t bytes = settings->of[WEIR_KAFKA_RETENTION_BYTES];
    char text[48];

    if (backlog->n_lost > 0) {
        promise_say(how, topic->name,
                    how->ask->stops_if_lost ? WEIR_FINDING_ERROR : WEIR_FINDING_WARNING,
                    "retention has deleted events that the group had not read, on %d "
                    "partition%s: they are lost, and the worker %s there "
                    "(on_lost_position)",
                    backlog->n_lost, backlog->n_lost == 1 ? "" : "s",
                    how->ask->stops_if_lost ? "stops" : "goes on at the earliest");
    }
    if (time > 0 && backlog->n_old > 0) {
        promise_say(how, topic->name, WEIR_FINDING_WARNING,
                    "%lld of the events that wait are older than half of retention.ms "
                    "(%s): what is not handled by then is deleted; raise it, or add "
                    "replicas",
                    (long long)backlog->n_old, promise_time(time, text, sizeof(text)));
    }
    if (bytes >= 0 && backlog->is_trimmed &&
        backlog->n_waiting > backlog->n_kept - backlog->n_waiting) {
        promise_say(
            how, topic->name, WEIR_FINDING_WARNING,
            "%lld of the %lld events that retention.bytes (%lld) keeps wait to be "
            "handled: a burst deletes them unread; raise it, or add replicas",
            (long long)backlog->n_waiting, (long long)backlog->n_kept,
            (long long)bytes);
    }
}

static void promise_read(const weir_kafka_judged *how, const weir_promise_topic *topic,
                         const weir_kafka_settings *settings,
                         const weir_kafka_backlog *backlog)
{
    const int64_t time = settings->of[WEIR_KAFKA_RETENTION_MS];
    char text[48];

    if (settings->of[WEIR_KAFKA_COMPACTED] == 1) {
        promise_say(
            how, topic->name, WEIR_FINDING_WARNING,
            "cleanup.policy has compact: while the group is behind, of events with "
            "one key all but the last may be deleted unread");
    }
    if (time > 0 && time < DAY_MS) {
        promise_say(
            how, topic->name, WEIR_FINDING_WARNING,
            "retention.ms is %s: events that no replica has handled by then are "
            "deleted; raise it above the longest outage that should lose nothing",
            promise_time(time, text, sizeof(text)));
    }
    if (backlog->is_known) {
        promise_lag(how, topic, settings, backlog);
    }
}

void weir_kafka_judge_topic(const weir_kafka_judged *how,
                            const weir_promise_topic *topic, int replication,
                            const weir_kafka_settings *settings,
                            const weir_kafka_backlog *backlog)
{
    const int64_t time = settings->of[WEIR_KAFKA_RETENTION_MS];
    char text[48];

    if (replication == 1 && how->n_brokers > 1) {
        promise_say(
            how, topic->name, WEIR_FINDING_WARNING,
            "it has one replica: with the disk of that broker all of it is lost, "
            "and while it is down nothing moves; give it three");
    }
    if (settings->of[WEIR_KAFKA_UNCLEAN] == 1) {
        promise_say(
            how, topic->name, WEIR_FINDING_WARNING,
            "unclean.leader.election.enable is true: a broker that lacks the last "
            "events may become leader, and they are lost though they were "
            "confirmed; set it to false");
    }
    if (settings->is_denied) {
        promise_say(
            how, topic->name, WEIR_FINDING_UNKNOWN,
            "its settings may not be read (DescribeConfigs on the topic): whether "
            "retention, min.insync.replicas and cleanup.policy are safe cannot be "
            "said");
    }
    if (topic->role & (WEIR_ROLE_TO | WEIR_ROLE_DEAD)) {
        promise_written(how, topic, replication, settings);
    }
    if (topic->role & WEIR_ROLE_FROM) {
        promise_read(how, topic, settings, backlog);
    } else if ((topic->role & WEIR_ROLE_DEAD) && time > 0 && time < DAY_MS) {
        promise_say(
            how, topic->name, WEIR_FINDING_WARNING,
            "retention.ms is %s: dead letters that nobody has looked at by then "
            "are gone; raise it",
            promise_time(time, text, sizeof(text)));
    }
}
