/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_world - a Redis of a test's own with one stream and one group, and replicas of it.
 *
 * Everything fails the test at once where it cannot do its part.
 */
#ifndef WEIR_TESTS_SUPPORT_REDIS_WORLD_H
#define WEIR_TESTS_SUPPORT_REDIS_WORLD_H

#include "tests/support/redis_rig.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct world {
    weir_broker *broker;
    weir_redis_queue queue;
    weir_redis_conn *conn;
    char stream[80], group[80];
} world;

/* Setup and teardown of a test; *state is the world. A durable one is there after a kill. */
int world_begin(void **state);
int world_begin_durable(void **state);
int world_end(void **state);
/* Adds n entries to the stream with the numbers from `from` as their data. */
void world_put(world *w, int from, int n);
/* Entries pending in the group. */
int64_t world_pending(world *w);
/* The names of the group's consumers, each followed by a space. */
void world_consumers(world *w, char *out, size_t len);
/* The rig has seen each of these numbers once. */
void rig_each_once(const rig *r, int from, int n);
/* A replica in a process of its own that reads n entries, acks none, and waits to be killed. */
pid_t replica_start(world *w, const rig *like, size_t n);
void replica_kill(pid_t pid);

#define WORLD(name) cmocka_unit_test_setup_teardown(name, world_begin, world_end)

#endif
