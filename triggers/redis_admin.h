/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_admin - what `weir check --connect`, `send`, `tail` and `run` ask a Redis server.
 *
 * Each call of the first part uses a connection of its own and closes it. Nothing here joins
 * a group or changes one.
 *
 * Threads: any. Blocks: until until_us at most.
 */
#ifndef WEIR_TRIGGERS_REDIS_ADMIN_H
#define WEIR_TRIGGERS_REDIS_ADMIN_H

#include "triggers/redis_conf.h"
#include "triggers/redis_conn.h"

/* May entries be written to that stream? The type and, where the server tells, the right.
 * WEIR_OK (a stream, or nothing there yet), WEIR_EDENIED, WEIR_EUNAVAIL and the like. */
weir_status weir_redis_probe_write(const weir_redis_queue *queue, const char *client,
                                   const char *stream, int64_t until_us, weir_err *err);

/* A server as it presents itself. */
typedef struct weir_redis_server {
    char version[32]; /* "" : it does not tell */
    char where[280];
    char maxmemory_policy[32]; /* "" : it does not tell */
    int64_t maxmemory;         /* 0: no limit; -1: unknown */
} weir_redis_server;
weir_status weir_redis_server_get(const weir_redis_queue *queue, int64_t until_us,
                                  weir_redis_server *out, weir_err *err);

/* A stream and one group of it. */
typedef struct weir_redis_stream {
    bool exists, has_group;
    int64_t length;
    weir_pos first, last;   /* entries; {0, 0}: none */
    int64_t n_pending, lag; /* of the group; lag -1: unknown */
    weir_pos delivered;     /* last-delivered-id */
} weir_redis_stream;
/* group may be NULL. WEIR_EINVAL: the key is something else. */
weir_status weir_redis_stream_get(const weir_redis_queue *queue, const char *stream,
                                  const char *group, int64_t until_us,
                                  weir_redis_stream *out, weir_err *err);

/* Reading a range outside every group, page by page. */
typedef struct weir_redis_range weir_redis_range;
typedef struct weir_redis_range_setup {
    const weir_redis_queue *queue;
    const char *queue_name, *stream;
    weir_slice data_field, key_field;
    weir_pos from; /* the first entry is this one or a later one */
    weir_pos to;   /* and the last is before this one; hi UINT64_MAX: no end */
    size_t max_event;
} weir_redis_range_setup;
/* The strings of setup live as long as the range. */
weir_status weir_redis_range_open(const weir_redis_range_setup *setup, int64_t until_us,
                                  weir_redis_range **out, weir_err *err);
/*
 * Fills up to cap events, each begun by the caller. *n 0 and WEIR_OK: the range is read to
 * its end for now; a later call looks again for what was added.
 */
weir_status weir_redis_range_read(weir_redis_range *range, weir_event *const *evs,
                                  size_t cap, size_t *n, weir_err *err);
/* Where the next read begins. */
weir_pos weir_redis_range_next(const weir_redis_range *range);
/* Events keep what they need. NULL is accepted. */
void weir_redis_range_close(weir_redis_range *range);

#endif
