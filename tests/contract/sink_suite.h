/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sink_suite - what every sink must do, as tests over a small fixture.
 *
 * A test program of one adapter fills a weir_sink_fixture and ends with
 *     return weir_sink_suite("kafka sink", &fixture);
 */
#ifndef WEIR_TESTS_SINK_SUITE_H
#define WEIR_TESTS_SINK_SUITE_H

#include "triggers/sink.h"
#include "worker/base/buf.h"

typedef struct weir_sink_fixture weir_sink_fixture;
struct weir_sink_fixture {
    const weir_sink_ops *ops;
    void *arg;
    /* Makes a queue with the topics or streams "suite.a" and "suite.b" (or names of the same
     * meaning in topics[]) that hold nothing, and fills setup but for done and arg. */
    void (*begin)(weir_sink_fixture *f, weir_sink_setup *setup);
    void (*end)(weir_sink_fixture *f);
    const char *topics[2];
    /* a topic that is not there, for probe(); NULL: none such */
    const char *missing;
    /* All data of one topic and key in the order of the queue, read by other means than the
     * sink, each followed by a newline, into out; NULL: nothing is kept. */
    void (*read_back)(weir_sink_fixture *f, const char *topic, const char *key,
                      weir_buf *out);
};

/* Runs all tests; returns how many failed. */
int weir_sink_suite(const char *name, weir_sink_fixture *f);

#endif
