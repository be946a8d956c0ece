/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_promise - do a server's settings and rights let weir keep its promises?
 *
 * weir_redis_promises() asks; what the answers mean is decided by the judges, which ask nobody.
 *
 * Threads: any.
 */
#ifndef WEIR_TRIGGERS_REDIS_PROMISE_H
#define WEIR_TRIGGERS_REDIS_PROMISE_H

#include "triggers/promise.h"
#include "triggers/redis_conf.h"
#include "triggers/redis_conn.h"

/* What a server tells of itself; numbers below 0 and empty texts: not told. */
typedef struct weir_redis_facts {
    bool is_info_denied, is_config_denied;
    int aof;        /* appendonly: 0, 1 */
    char fsync[16]; /* appendfsync */
    char policy[32];
    int64_t maxmemory; /* 0: no limit */
    int64_t n_replicas, min_replicas;
    int replica_read_only;
    bool has_sentinel;
} weir_redis_facts;

/* A stream that is read, and its group; numbers below 0: not told. */
typedef struct weir_redis_backlog {
    int64_t length, n_added, n_read, n_pending, lag;
    /* the oldest pending entry is no longer in the stream */
    bool is_pending_trimmed;
} weir_redis_backlog;

void weir_redis_judge_server(const weir_promise_ask *ask, const weir_redis_facts *facts,
                             weir_finding_fn *say, void *arg);
void weir_redis_judge_stream(const char *stream, const weir_redis_backlog *backlog,
                             weir_finding_fn *say, void *arg);

/*
 * Tries every command that weir uses on these streams, in a form that changes nothing, and
 * says which the user may not run.
 * Returns: WEIR_OK, or why the connection failed.
 */
weir_status weir_redis_rights(weir_redis_conn *conn, const weir_promise_ask *ask,
                              weir_finding_fn *say, void *arg, weir_err *err);

/*
 * Asks the server and says what it finds.
 * Returns: WEIR_OK, WEIR_EDENIED, WEIR_EUNAVAIL and the like.
 * Blocks:  until until_us at most for the connection, and WEIR_REDIS_CALL_US a question.
 */
weir_status weir_redis_promises(const weir_redis_queue *queue,
                                const weir_promise_ask *ask, int64_t until_us,
                                weir_finding_fn *say, void *arg, weir_err *err);

#endif
