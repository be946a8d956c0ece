/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settler_suite - what every settler must do, as tests over a small fixture.
 *
 * A test program of one adapter fills a weir_settler_fixture and ends with
 *     return weir_settler_suite("redis settler", &fixture);
 */
#ifndef WEIR_TESTS_SETTLER_SUITE_H
#define WEIR_TESTS_SETTLER_SUITE_H

#include "triggers/settler.h"
#include "worker/base/buf.h"

typedef struct weir_settler_fixture weir_settler_fixture;
struct weir_settler_fixture {
    const weir_settler_ops *ops;
    void *arg;
    /* Makes a queue with n events to read and two empty targets, opens a source and a sink, and
     * fills setup but for done and arg. */
    void (*begin)(weir_settler_fixture *f, size_t n, weir_settler_setup *setup);
    /* Closes the source, if that was not done before. */
    void (*close_source)(weir_settler_fixture *f);
    void (*end)(weir_settler_fixture *f);
    /* The receipts of all n events, read from the source. */
    void (*read)(weir_settler_fixture *f, size_t n, weir_receipt *out);
    void *targets[2];
    /* All data of a target in the order of the queue, each followed by a newline. */
    void (*read_back)(weir_settler_fixture *f, int target, weir_buf *out);
    /* How many of the n events are acknowledged. */
    size_t (*n_acked)(weir_settler_fixture *f);
    /* Another replica takes that event over. NULL: single events cannot be taken. */
    void (*steal)(weir_settler_fixture *f, const weir_receipt *receipt);
};

/* Runs all tests; returns how many failed. */
int weir_settler_suite(const char *name, weir_settler_fixture *f);

#endif
