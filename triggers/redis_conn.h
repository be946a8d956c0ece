/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_conn - one connection to a Redis primary.
 *
 * Our own non-blocking socket, so that every wait has a deadline and can be ended from
 * outside. RESP2. Commands are added to a buffer and go out together; answers come in the
 * order of the commands. A connection on which anything failed or took too long is closed,
 * never used again: a late answer would be taken for the next one's.
 *
 *     new -> open -> add, add, ... -> wait, wait, ...      (blocking)
 *                 -> add, pump, next, ... with fd in poll  (not blocking)
 *         -> close -> open -> ... -> free
 *
 * Threads: one at a time.
 */
#ifndef WEIR_TRIGGERS_REDIS_CONN_H
#define WEIR_TRIGGERS_REDIS_CONN_H

#include "triggers/redis_conf.h"
#include "triggers/redis_reply.h"
#include "worker/base/buf.h"

#define WEIR_REDIS_CALL_US                                                             \
    5000000                /* what one answer may take that does not wait for events */
#define WEIR_REDIS_ARGS 32 /* of weir_redis_callf */

typedef struct weir_redis_conn weir_redis_conn;

/*
 * A connection that is not open yet. queue lives as long as it; name (copied) is what CLIENT
 * LIST shows. abort_fd: any wait ends with WEIR_ECLOSED while it is readable; -1: none.
 * Owns:    the caller ends it with weir_redis_conn_free(), which accepts NULL.
 */
weir_status weir_redis_conn_new(const weir_redis_queue *queue, const char *name,
                                int abort_fd, weir_redis_conn **out, weir_err *err);
void weir_redis_conn_free(weir_redis_conn *conn);

/*
 * Finds the primary (through the Sentinels where there are any), connects, proves the
 * server's name under TLS, authenticates, selects the database, and asks ROLE: a replica or a
 * stale primary is refused.
 * Returns: WEIR_OK; WEIR_EUNAVAIL, WEIR_ETIMEOUT, WEIR_EDENIED, WEIR_ECONFIG, WEIR_ECLOSED.
 * Blocks:  until until_us at most, and as long as the system's name resolution takes.
 */
weir_status weir_redis_conn_open(weir_redis_conn *conn, int64_t until_us,
                                 weir_err *err);
void weir_redis_conn_close(weir_redis_conn *conn);
bool weir_redis_conn_is_open(const weir_redis_conn *conn);
/* "127.0.0.1:6379": what it is, or was last, connected to. */
const char *weir_redis_conn_where(const weir_redis_conn *conn);
/* As it stands in CLIENT LIST. */
const char *weir_redis_conn_name(const weir_redis_conn *conn);
/* The server's number of this connection; -1: unknown. */
int64_t weir_redis_conn_id(const weir_redis_conn *conn);

/* For poll(); -1 when closed. */
int weir_redis_conn_fd(const weir_redis_conn *conn);
short weir_redis_conn_events(const weir_redis_conn *conn);
/* Bytes that have not gone out yet. */
size_t weir_redis_conn_unsent(const weir_redis_conn *conn);

/* Appends a command; WEIR_OK, WEIR_ENOMEM (closed), or WEIR_ECLOSED. */
weir_status weir_redis_conn_add(weir_redis_conn *conn, const weir_slice *args,
                                size_t n);
/* The same in pieces: first the number of arguments, then each of them. */
void weir_redis_conn_begin(weir_redis_conn *conn, size_t n);
void weir_redis_conn_arg(weir_redis_conn *conn, weir_slice arg);
/* Whole commands in RESP (redis_entry.h). */
void weir_redis_conn_raw(weir_redis_conn *conn, weir_slice bytes);
/* Where such commands may be appended; without memory for one the connection fails. */
weir_buf *weir_redis_conn_buf(weir_redis_conn *conn);

/* Sends and receives what goes without waiting. Not WEIR_OK: closed. */
weir_status weir_redis_conn_pump(weir_redis_conn *conn, weir_err *err);
/* Only sends. */
weir_status weir_redis_conn_push(weir_redis_conn *conn, weir_err *err);
/*
 * The next answer that has arrived; an answer may be an ERROR of the server.
 * Owns:    the caller gives it back.
 * Returns: WEIR_OK, WEIR_EAGAIN for none; anything else: closed.
 */
weir_status weir_redis_conn_next(weir_redis_conn *conn, weir_redis_reply **out,
                                 weir_err *err);
/* Gives an answer of this connection back; its memory serves the next one. */
void weir_redis_conn_back(weir_redis_conn *conn, weir_redis_reply *reply);
/* The next answer, waiting for it. WEIR_ETIMEOUT at until_us: closed. */
weir_status weir_redis_conn_wait(weir_redis_conn *conn, int64_t until_us,
                                 weir_redis_reply **out, weir_err *err);
/* add and wait, at most WEIR_REDIS_CALL_US. */
weir_status weir_redis_conn_call(weir_redis_conn *conn, const weir_slice *args,
                                 size_t n, weir_redis_reply **out, weir_err *err);
/* The same with words separated by spaces: "%s" takes a const char *, "%b" a weir_slice *,
 * "%d" an int64_t; a %-word stands alone. */
weir_status weir_redis_callf(weir_redis_conn *conn, weir_redis_reply **out,
                             weir_err *err, const char *fmt, ...);

/* What an ERROR of the server means for whoever asked: WEIR_EDENIED (no right, wrong
 * credentials), WEIR_ENOENT (no such group), WEIR_EINVAL (of the wrong type), WEIR_EAGAIN (loading,
 * out of memory, busy, script timeout), WEIR_EUNAVAIL (not the primary: connect anew),
 * WEIR_EIO for the rest. */
weir_status weir_redis_error_status(const weir_redis_val *val);

#endif
