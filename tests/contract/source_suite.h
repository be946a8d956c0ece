/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source_suite - what every source must do, as tests over a small fixture.
 *
 * A test program of one adapter fills a weir_source_fixture and ends with
 *     return weir_source_suite("kafka source", &fixture);
 */
#ifndef WEIR_TESTS_SOURCE_SUITE_H
#define WEIR_TESTS_SOURCE_SUITE_H

#include "triggers/source.h"

typedef struct weir_source_fixture weir_source_fixture;
struct weir_source_fixture {
    const weir_source_ops *ops;
    void *arg;
    int n_parts;    /* how many partitions or streams the tests may use: 1 or more */
    bool remembers; /* positions outlive close(); else it begins anew each time */
    /* Makes a queue, topic and group that no other test has seen, with n_parts, and fills
     * setup but for the host. What it points to lives until end(). */
    void (*begin)(weir_source_fixture *f, weir_source_setup *setup);
    void (*end)(weir_source_fixture *f);
    /* Appends an event to a partition, or to the stream of that number. */
    void (*put)(weir_source_fixture *f, int part, const char *key, const char *data);
    /* Takes a partition away, to be assigned again; NULL: cannot be forced. */
    void (*revoke)(weir_source_fixture *f, int part);
};

/* Runs all tests; returns how many failed. */
int weir_source_suite(const char *name, weir_source_fixture *f);

#endif
