/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry_kafka - what the application knows of queues of type kafka.
 */
#include "worker/app/registry.h"

#include "triggers/kafka_admin.h"
#include "triggers/kafka_conf.h"
#include "triggers/kafka_mock.h"
#include "triggers/kafka_move.h"
#include "triggers/kafka_promise.h"
#include "triggers/kafka_range.h"
#include "triggers/kafka_sink.h"
#include "triggers/kafka_source.h"
#include "triggers/kafka_txn.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct kafka_said {
    weir_queue_say_fn *say;
    void *arg;
} kafka_said;

static void kafka_say(void *arg, const weir_opt_pair *pair, bool is_error,
                      const char *text)
{
    const kafka_said *said = arg;

    said->say(said->arg, pair == NULL ? 0 : pair->line, pair == NULL ? 0 : pair->column,
              is_error, text);
}

static void kafka_check(const void *opts, weir_queue_say_fn *say, void *arg)
{
    kafka_said said = { say, arg };

    (void)weir_kafka_queue_check(opts, kafka_say, &said);
}

static const char *kafka_topic_wrong(const char *topic)
{
    if (strlen(topic) > 249) {
        return "a topic has at most 249 characters";
    }
    if (strcmp(topic, ".") == 0 || strcmp(topic, "..") == 0) {
        return "no topic may be called that";
    }
    for (const char *at = topic; *at != '\0'; at++) {
        if (!isalnum((unsigned char)*at) && strchr("._-", *at) == NULL) {
            return "a topic has only the characters a-z A-Z 0-9 . _ - (a pattern "
                   "starts "
                   "with ^)";
        }
    }
    return NULL;
}

/* -- ranges ------------------------------------------------------------------------------ */

static weir_kafka_bound kafka_bound(weir_bound bound)
{
    static const weir_kafka_bound_kind kinds[] = {
        [WEIR_BOUND_START] = WEIR_KAFKA_AT_START,
        [WEIR_BOUND_END] = WEIR_KAFKA_AT_END,
        [WEIR_BOUND_POS] = WEIR_KAFKA_AT_OFFSET,
        [WEIR_BOUND_TIME] = WEIR_KAFKA_AT_TIME,
        [WEIR_BOUND_BACK] = WEIR_KAFKA_AT_BACK,
        [WEIR_BOUND_NEVER] = WEIR_KAFKA_AT_NEVER,
    };

    return (weir_kafka_bound){ kinds[bound.kind], bound.kind == WEIR_BOUND_POS
                                                      ? (int64_t)bound.pos.hi
                                                      : bound.value };
}

static weir_status kafka_range_open(const weir_range_setup *from, void **out,
                                    weir_err *err)
{
    weir_kafka_range *range = NULL;
    weir_kafka_range_setup setup = { .queue = from->opts,
                                     .queue_name = from->queue_name,
                                     .topic = from->topic,
                                     .partition = from->partition,
                                     .from = kafka_bound(from->from),
                                     .to = kafka_bound(from->to),
                                     .max_event = from->max_event,
                                     .timeout_ms = from->timeout_ms };
    weir_status st = weir_kafka_range_open(&setup, &range, err);

    if (st == WEIR_OK) {
        *out = range;
    }
    return st;
}

static weir_status kafka_range_read(void *range, weir_event *const *evs, size_t cap,
                                    int64_t wait_us, size_t *n, bool *is_end,
                                    weir_err *err)
{
    return weir_kafka_range_read(range, evs, cap, wait_us, n, is_end, err);
}

static void kafka_range_close(void *range)
{
    weir_kafka_range_close(range);
}

static const weir_range_ops kafka_range = { kafka_range_open, kafka_range_read,
                                            kafka_range_close };

/* -- questions --------------------------------------------------------------------------- */

/* Says which brokers do not answer. */
static weir_status kafka_asked(const weir_kafka_queue *queue, weir_status st,
                               weir_err *err)
{
    return st == WEIR_EUNAVAIL || st == WEIR_ETIMEOUT
               ? weir_err_prefix(err, "brokers %s", queue->brokers)
               : st;
}

static weir_status kafka_ask_topic(const void *opts, const char *topic, int timeout_ms,
                                   weir_topic_info *out, weir_err *err)
{
    weir_kafka_admin *admin = NULL;
    weir_kafka_topic_info info = { 0 };
    weir_status st = weir_kafka_admin_open(opts, "weir-check", &admin, err);

    if (st == WEIR_OK) {
        st = weir_kafka_admin_topic(admin, topic, timeout_ms, &info, err);
    }
    weir_kafka_admin_close(admin);
    *out = (weir_topic_info){ info.n_partitions, info.replication,
                              info.max_message_bytes, info.is_compacted };
    return kafka_asked(opts, st, err);
}

static weir_status kafka_ask_make(const void *opts, const char *topic,
                                  const weir_topic_info *like, int timeout_ms,
                                  weir_err *err)
{
    weir_kafka_admin *admin = NULL;
    weir_kafka_topic_info info = { .n_partitions = like->n_partitions,
                                   .replication = like->replication,
                                   .max_message_bytes = like->max_bytes };
    weir_status st = weir_kafka_admin_open(opts, "weir-check", &admin, err);

    if (st == WEIR_OK) {
        st = weir_kafka_admin_create(admin, topic, &info, timeout_ms, err);
    }
    weir_kafka_admin_close(admin);
    return st;
}

static void kafka_make_command(const void *opts, const char *topic,
                               const weir_topic_info *like, weir_buf *out)
{
    const weir_kafka_queue *queue = opts;

    weir_buf_printf(out,
                    "kafka-topics.sh --bootstrap-server %s --create --topic %s "
                    "--partitions %d --replication-factor %d",
                    queue->brokers, topic,
                    like->n_partitions > 0 ? like->n_partitions : 1,
                    like->replication > 0 ? like->replication : 1);
    if (like->max_bytes > 0) {
        weir_buf_printf(out, " --config max.message.bytes=%lld",
                        (long long)like->max_bytes);
    }
}

static weir_status kafka_ask_group(const void *opts, const weir_group_ask *ask,
                                   int timeout_ms, weir_group_state *state,
                                   weir_buf *out, weir_err *err)
{
    weir_kafka_admin *admin = NULL;
    weir_kafka_group_info info = { 0 };
    char number[48];
    weir_status st = weir_kafka_admin_open(opts, "weir-check", &admin, err);

    if (st == WEIR_OK) {
        st = weir_kafka_admin_group(admin, ask->group, ask->topic, ask->start,
                                    ask->start_ms, timeout_ms, &info, err);
    }
    weir_kafka_admin_close(admin);
    if (st != WEIR_OK) {
        return kafka_asked(opts, st, err);
    }
    *state = (weir_group_state){ info.n_committed == 0, info.n_members };
    if (info.n_committed == 0) {
        weir_number_text(info.n_start, number, sizeof(number));
        weir_buf_printf(out, "NEW group: would start at %s, %s events", ask->start_text,
                        number);
    } else {
        weir_number_text(info.lag, number, sizeof(number));
        weir_buf_printf(out, "committed on %d/%d, lag %s", info.n_committed,
                        info.n_partitions, number);
    }
    if (info.n_lost > 0) {
        weir_buf_printf(out, "; retention has eaten the position of %d", info.n_lost);
    }
    if (info.n_beyond > 0) {
        weir_buf_printf(
            out, "; on %d the position lies beyond the end: the topic was made anew",
            info.n_beyond);
    }
    return WEIR_OK;
}

static weir_status kafka_ask_match(const void *opts, const char *pattern,
                                   int timeout_ms, weir_opt_list *out, weir_err *err)
{
    weir_kafka_admin *admin = NULL;
    weir_status st = weir_kafka_admin_open(opts, "weir-check", &admin, err);

    if (st == WEIR_OK) {
        st = weir_kafka_admin_match(admin, pattern, timeout_ms, out, err);
    }
    weir_kafka_admin_close(admin);
    return st;
}

static weir_status kafka_ask_move(const void *opts, const char *group,
                                  const weir_address *at, int timeout_ms, bool do_it,
                                  weir_err *err)
{
    const weir_kafka_move move = {
        opts, group, at->topic, at->partition, (int64_t)at->pos.hi, timeout_ms
    };

    return do_it ? weir_kafka_move_commit(&move, err)
                 : weir_kafka_move_check(&move, err);
}

static weir_status kafka_ask_promises(const void *opts, const weir_promise_ask *ask,
                                      int timeout_ms, weir_finding_fn *say, void *arg,
                                      weir_err *err)
{
    return weir_kafka_promises(opts, ask, timeout_ms, say, arg, err);
}

static const weir_queue_ask kafka_ask = { .promises = kafka_ask_promises,
                                          .topic = kafka_ask_topic,
                                          .make = kafka_ask_make,
                                          .make_command = kafka_make_command,
                                          .group = kafka_ask_group,
                                          .match = kafka_ask_match,
                                          .move = kafka_ask_move };

/* -- embedded ---------------------------------------------------------------------------- */

/* The child of `weir dev`: "topic NAME N" makes a topic; ends with its stdin. */
static int kafka_serve(void)
{
    weir_kafka_mock *mock = NULL;
    weir_err err = { 0 };
    char line[512], topic[260];
    int n_partitions;

    if (weir_kafka_mock_start(&mock, &err) != WEIR_OK) {
        fprintf(stderr, "weir: %s\n", err.text);
        return 70;
    }
    printf("%s\n", weir_kafka_mock_address(mock));
    fflush(stdout);
    while (fgets(line, sizeof(line), stdin) != NULL) {
        weir_status st = WEIR_EINVAL;
        if (sscanf(line, "topic %259s %d", topic, &n_partitions) == 2) {
            st = weir_kafka_mock_topic(mock, topic, n_partitions, &err);
        }
        printf("%s\n", st == WEIR_OK ? "ok" : err.text);
        fflush(stdout);
    }
    weir_kafka_mock_stop(mock);
    return 0;
}

static bool kafka_adapt(void *opts, const char *address)
{
    weir_kafka_queue *queue = opts;
    char *brokers = strdup(address);

    if (brokers == NULL) {
        return false;
    }
    free(queue->brokers);
    queue->brokers = brokers;
    weir_opt_map_fini(&queue->properties); /* security, tuning for a real cluster */
    weir_opt_map_fini(&queue->consumer);
    weir_opt_map_fini(&queue->producer);
    return true;
}

static bool kafka_is_up(const void *opts)
{
    (void)opts;
    return true; /* it answered with its address */
}

static const weir_queue_embed kafka_embed = { .what = "embedded Kafka",
                                              .serve = kafka_serve,
                                              .adapt = kafka_adapt,
                                              .is_up = kafka_is_up };

const weir_queue_type weir_queue_kafka = {
    .name = "kafka",
    .about = "topics of a Kafka cluster",
    .source = &weir_kafka_source,
    .sink = &weir_kafka_sink,
    .settler = &weir_kafka_settler,
    .rows = weir_kafka_queue_opts,
    .opts_size = sizeof(weir_kafka_queue),
    .has_partitions = true,
    .check = kafka_check,
    .topic_wrong = kafka_topic_wrong,
    .range = &kafka_range,
    .ask = &kafka_ask,
    .embed = &kafka_embed,
};
