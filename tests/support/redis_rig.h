/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_rig - a Redis source under test, and commands to its server.
 *
 * Every failure of the server or of a wait is a failed assertion. Waits are for conditions;
 * their bound only ends what hangs.
 *
 * Threads: one at a time.
 */
#ifndef WEIR_TESTS_SUPPORT_REDIS_RIG_H
#define WEIR_TESTS_SUPPORT_REDIS_RIG_H

#include "tests/support/broker.h"
#include "triggers/redis_conn.h"
#include "triggers/source.h"

#include <stdatomic.h>

#define RIG_HANG_US INT64_C(30000000)
#define RIG_CAP 64
#define RIG_MAX 4096

/* Fills a queue for that server; ended with weir_opt_fini(weir_redis_opts, ...). */
void rig_queue_init(weir_redis_queue *queue, const weir_broker *broker);

/* An open connection; weir_redis_conn_free() ends it. */
weir_redis_conn *rig_conn(const weir_redis_queue *queue);
/* One command given as words with spaces; the answer, which must not be an error. */
weir_redis_reply *rig_ask(weir_redis_conn *conn, const char *words);
/* The same for its integer, or the length of its array; the text ("" for none) into out. */
int64_t rig_number(weir_redis_conn *conn, const char *words);
void rig_text(weir_redis_conn *conn, const char *words, char *out, size_t len);
void rig_do(weir_redis_conn *conn, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

typedef struct rig_event {
    char data[128];
    char key[64];
    char stream[64];
    weir_receipt receipt;
    uint32_t n_delivered;
} rig_event;

typedef struct rig {
    weir_source_setup setup;
    weir_source_host host;
    const char *topics[8];
    void *self;
    weir_event *evs[RIG_CAP];
    weir_arena arenas[RIG_CAP];
    rig_event *seen; /* RIG_MAX */
    size_t n_seen;
    uint32_t epochs[8]; /* 0: not assigned */
    size_t n_assigned, n_lost, n_revoked, n_troubles;
    weir_trouble trouble; /* the last one told */
    char trouble_text[300];
} rig;

/* A setup with everything filled; change it before rig_open(). */
void rig_init(rig *r, const weir_redis_queue *queue, const char *stream,
              const char *group);
void rig_open(rig *r);
/* Closes and frees. */
void rig_close(rig *r);
/* One read of at most cap; returns how many came, appended to seen. */
size_t rig_read(rig *r, size_t cap, int64_t wait_us);
/* Reads until n events or more were seen. */
void rig_until(rig *r, size_t n);
/* Reads until is_true(arg). */
void rig_while_not(rig *r, bool (*is_true)(void *arg), void *arg);
void rig_ack(rig *r, size_t i);
void rig_flush(rig *r);
/* How many came again, as the source counts, and for no other reason than this. */
size_t rig_again(const rig *r, weir_again why);
/* How often that payload was seen. */
size_t rig_count(const rig *r, const char *data);

#endif
