/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_kafka_contract - the Kafka source and sink pass the suites of all sources and sinks.
 */
#include "tests/contract/sink_suite.h"
#include "tests/contract/source_suite.h"
#include "tests/support/kafka_kit.h"
#include "triggers/kafka_sink.h"
#include "worker/base/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

/* One broker for both; each test has topics and a group of its own. */
typedef struct fixture {
    weir_broker *kafka;
    weir_kafka_queue queue;
    char names[2][80], group[80];
    const char *topic;
} fixture;

static void fixture_topic(fixture *fx, const char *name, int n_parts)
{
    weir_err err;

    if (weir_broker_topic(fx->kafka, name, n_parts, NULL, &err) != WEIR_OK) {
        fail_msg("%s", err.text);
    }
}

static void source_begin(weir_source_fixture *f, weir_source_setup *setup)
{
    fixture *fx = f->arg;

    weir_broker_name("suite", fx->names[0], sizeof(fx->names[0]));
    weir_broker_name("suite", fx->group, sizeof(fx->group));
    fixture_topic(fx, fx->names[0], f->n_parts);
    fx->topic = fx->names[0];
    fx->queue = (weir_kafka_queue){ .brokers = strdup(weir_broker_address(fx->kafka)) };
    *setup = (weir_source_setup){
        .queue = &fx->queue,
        .queue_name = "kafka",
        .topics = &fx->topic,
        .n_topics = 1,
        .sub_name = "suite",
        .group = fx->group,
        .service = "suite",
        .instance = "one",
        .start = WEIR_START_EARLIEST,
        .stop_on_lost_position = true,
        .commit_us = 1000000,
        .handover_us = 100000,
        .max_event = 1 << 20,
        .max_events = 10000,
        .max_bytes = 16 << 20,
    };
}

static void source_end(weir_source_fixture *f)
{
    fixture *fx = f->arg;

    weir_opt_fini(weir_kafka_queue_opts, &fx->queue);
}

static void source_put(weir_source_fixture *f, int part, const char *key,
                       const char *data)
{
    const fixture *fx = f->arg;

    kit_produce_one(weir_broker_address(fx->kafka), fx->topic, part, weir_slice_of(key),
                    weir_slice_of(data), NULL, 0);
}

static void sink_begin(weir_sink_fixture *f, weir_sink_setup *setup)
{
    fixture *fx = f->arg;

    for (size_t i = 0; i < 2; i++) {
        weir_broker_name("suite", fx->names[i], sizeof(fx->names[i]));
        fixture_topic(fx, fx->names[i], 3);
        f->topics[i] = fx->names[i];
    }
    fx->queue = (weir_kafka_queue){ .brokers = strdup(weir_broker_address(fx->kafka)) };
    *setup = (weir_sink_setup){
        .queue = &fx->queue,
        .queue_name = "kafka",
        .service = "suite",
        .instance = "one",
        .max_bytes = 16 << 20,
        .max_record = 1 << 20,
    };
}

static void sink_end(weir_sink_fixture *f)
{
    fixture *fx = f->arg;

    weir_opt_fini(weir_kafka_queue_opts, &fx->queue);
}

typedef struct read_back {
    const char *key;
    weir_buf *out;
} read_back;

static void sink_record(void *arg, const rd_kafka_message_t *msg)
{
    const read_back *want = arg;

    if (weir_slice_is((weir_slice){ msg->key, msg->key_len }, want->key)) {
        weir_buf_add(want->out, msg->payload, msg->len);
        weir_buf_char(want->out, '\n');
    }
}

static void sink_read_back(weir_sink_fixture *f, const char *topic, const char *key,
                           weir_buf *out)
{
    const fixture *fx = f->arg;
    read_back want = { .key = key, .out = out };

    kit_read(weir_broker_address(fx->kafka), topic, sink_record, &want);
}

int main(void)
{
    fixture fx = { 0 };
    weir_err err;
    weir_source_fixture source = {
        .ops = &weir_kafka_source,
        .arg = &fx,
        .n_parts = 3,
        .remembers = true,
        .begin = source_begin,
        .end = source_end,
        .put = source_put,
    };
    weir_sink_fixture sink = {
        .ops = &weir_kafka_sink,
        .arg = &fx,
        .begin = sink_begin,
        .end = sink_end,
        .missing = "suite.not-there",
        .read_back = sink_read_back,
    };

    if (weir_broker_share_kafka(WEIR_KAFKA_NEW, &fx.kafka, &err) != WEIR_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    const int n_failed = weir_source_suite("kafka source", &source) +
                         weir_sink_suite("kafka sink", &sink);

    weir_broker_free(fx.kafka);
    return n_failed;
}
