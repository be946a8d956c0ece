/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_conn - bytes, answers and deadlines of an open connection; see redis_conn.h. How one is
 * opened is in redis_hello.c.
 */
#include "triggers/redis_conn.h"

#include "triggers/redis_entry.h"
#include "triggers/redis_wire.h"
#include "worker/base/check.h"
#include "worker/base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONN_READS_A_PUMP                                                              \
    64 /* so that one busy connection leaves time for the others */
#define CONN_KEEP_BYTES (1024 * 1024)

weir_status weir_redis_conn_new(const weir_redis_queue *queue, const char *name,
                                int abort_fd, weir_redis_conn **out, weir_err *err)
{
    weir_redis_conn *conn = calloc(1, sizeof(*conn));

    if (conn == NULL || (conn->in = malloc(WEIR_REDIS_READ_BYTES)) == NULL) {
        free(conn);
        return weir_fail(err, WEIR_ENOMEM, "redis: out of memory");
    }
    conn->queue = queue;
    conn->abort_fd = abort_fd;
    conn->fd = -1;
    conn->id = -1;
    /* CLIENT SETNAME takes no spaces and nothing that does not print. */
    for (size_t i = 0; name[i] != '\0' && i + 1 < sizeof(conn->name); i++) {
        conn->name[i] = name[i] > ' ' && name[i] < 127 ? name[i] : '_';
    }
    *out = conn;
    return WEIR_OK;
}

void weir_redis_conn_close(weir_redis_conn *conn)
{
    if (conn->fd >= 0) {
        close(conn->fd);
    }
    conn->fd = -1;
    weir_redis_tls_free(conn->tls);
    conn->tls = NULL;
    weir_redis_reader_free(conn->reader);
    conn->reader = NULL;
    weir_buf_fini(&conn->plain);
    weir_buf_fini(&conn->out);
    conn->plain = (weir_buf){ .data = NULL };
    conn->out = (weir_buf){ .data = NULL };
    conn->sent = 0;
}

void weir_redis_conn_free(weir_redis_conn *conn)
{
    if (conn == NULL) {
        return;
    }
    weir_redis_conn_close(conn);
    free(conn->in);
    free(conn);
}

bool weir_redis_conn_is_open(const weir_redis_conn *conn)
{
    return conn->fd >= 0;
}

const char *weir_redis_conn_where(const weir_redis_conn *conn)
{
    return conn->where;
}

const char *weir_redis_conn_name(const weir_redis_conn *conn)
{
    return conn->name;
}

int64_t weir_redis_conn_id(const weir_redis_conn *conn)
{
    return conn->id;
}

int weir_redis_conn_fd(const weir_redis_conn *conn)
{
    return conn->fd;
}

size_t weir_redis_conn_unsent(const weir_redis_conn *conn)
{
    return conn->plain.len + conn->out.len - conn->sent;
}

short weir_redis_conn_events(const weir_redis_conn *conn)
{
    return weir_redis_conn_unsent(conn) > 0 ? POLLIN | POLLOUT : POLLIN;
}

static weir_buf *conn_out(weir_redis_conn *conn)
{
    return conn->tls != NULL ? &conn->plain : &conn->out;
}

void weir_redis_conn_begin(weir_redis_conn *conn, size_t n)
{
    weir_redis_put_count(conn_out(conn), n);
}

void weir_redis_conn_arg(weir_redis_conn *conn, weir_slice arg)
{
    weir_redis_put(conn_out(conn), arg);
}

void weir_redis_conn_raw(weir_redis_conn *conn, weir_slice bytes)
{
    weir_buf_add(conn_out(conn), bytes.data, bytes.len);
}

weir_buf *weir_redis_conn_buf(weir_redis_conn *conn)
{
    return conn_out(conn);
}

weir_status weir_redis_conn_add(weir_redis_conn *conn, const weir_slice *args, size_t n)
{
    if (conn->fd < 0) {
        return WEIR_ECLOSED;
    }
    weir_redis_conn_begin(conn, n);
    for (size_t i = 0; i < n; i++) {
        weir_redis_conn_arg(conn, args[i]);
    }
    if (conn_out(conn)->has_failed) {
        weir_redis_conn_close(conn);
        return WEIR_ENOMEM;
    }
    return WEIR_OK;
}

static weir_status conn_encrypt(weir_redis_conn *conn, weir_err *err)
{
    weir_status st;

    if (conn->plain.len > 0) {
        if ((st = weir_redis_tls_write(conn->tls, conn->plain.data, conn->plain.len,
                                       err)) != WEIR_OK) {
            return st;
        }
        weir_buf_reset(&conn->plain);
    }
    return weir_redis_tls_take(conn->tls, &conn->out, err);
}

weir_status weir_redis_wire_send(weir_redis_conn *conn, weir_err *err)
{
    while (conn->sent < conn->out.len) {
        ssize_t n = send(conn->fd, conn->out.data + conn->sent,
                         conn->out.len - conn->sent, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            return WEIR_OK;
        }
        if (n < 0) {
            return weir_fail(err, WEIR_EUNAVAIL, "redis %s: %s", conn->where,
                             strerror(errno));
        }
        conn->sent += (size_t)n;
    }
    conn->sent = 0;
    if (conn->out.cap > CONN_KEEP_BYTES) {
        weir_buf_fini(&conn->out);
        conn->out = (weir_buf){ .data = NULL };
    } else {
        weir_buf_reset(&conn->out);
    }
    return WEIR_OK;
}

static weir_status conn_plain(weir_redis_conn *conn, size_t n, weir_err *err)
{
    weir_status st;

    if (conn->tls == NULL) {
        return weir_redis_reader_feed(conn->reader, conn->in, n);
    }
    if ((st = weir_redis_tls_feed(conn->tls, conn->in, n, err)) != WEIR_OK) {
        return st;
    }
    for (;;) {
        size_t len;

        st = weir_redis_tls_read(conn->tls, conn->in, WEIR_REDIS_READ_BYTES, &len, err);
        if (st != WEIR_OK || len == 0) {
            return st;
        }
        if ((st = weir_redis_reader_feed(conn->reader, conn->in, len)) != WEIR_OK) {
            return st;
        }
    }
}

/* One read of the socket; *n 0: nothing there now. */
weir_status weir_redis_wire_recv(weir_redis_conn *conn, size_t *n, weir_err *err)
{
    for (;;) {
        ssize_t len = recv(conn->fd, conn->in, WEIR_REDIS_READ_BYTES, 0);

        if (len > 0) {
            *n = (size_t)len;
            return WEIR_OK;
        }
        if (len < 0 && errno == EINTR) {
            continue;
        }
        if (len < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            *n = 0;
            return WEIR_OK;
        }
        return weir_fail(err, WEIR_EUNAVAIL, "redis %s: %s", conn->where,
                         len == 0 ? "the server ended the connection"
                                  : strerror(errno));
    }
}

static weir_status conn_push(weir_redis_conn *conn, weir_err *err)
{
    weir_status st;

    if (conn->out.has_failed || conn->plain.has_failed) {
        return weir_fail(err, WEIR_ENOMEM, "redis: out of memory");
    }
    if (conn->tls != NULL && (st = conn_encrypt(conn, err)) != WEIR_OK) {
        return st;
    }
    return weir_redis_wire_send(conn, err);
}

static weir_status conn_pump(weir_redis_conn *conn, weir_err *err)
{
    weir_status st = conn_push(conn, err);

    if (st != WEIR_OK) {
        return st;
    }
    for (int i = 0; i < CONN_READS_A_PUMP; i++) {
        size_t n = 0;

        if ((st = weir_redis_wire_recv(conn, &n, err)) != WEIR_OK || n == 0) {
            return st;
        }
        bool is_last = n < WEIR_REDIS_READ_BYTES;
        if ((st = conn_plain(conn, n, err)) != WEIR_OK || is_last) {
            return st;
        }
    }
    return WEIR_OK;
}

weir_status weir_redis_conn_pump(weir_redis_conn *conn, weir_err *err)
{
    if (conn->fd < 0) {
        return weir_fail(err, WEIR_ECLOSED, "redis: not connected");
    }
    weir_status st = conn_pump(conn, err);
    if (st != WEIR_OK) {
        weir_redis_conn_close(conn);
    }
    return st;
}

weir_status weir_redis_conn_push(weir_redis_conn *conn, weir_err *err)
{
    if (conn->fd < 0) {
        return weir_fail(err, WEIR_ECLOSED, "redis: not connected");
    }
    weir_status st = conn_push(conn, err);
    if (st != WEIR_OK) {
        weir_redis_conn_close(conn);
    }
    return st;
}

void weir_redis_conn_back(weir_redis_conn *conn, weir_redis_reply *reply)
{
    if (conn->reader == NULL) {
        weir_redis_reply_give(reply);
    } else {
        weir_redis_reader_back(conn->reader, reply);
    }
}

weir_status weir_redis_conn_next(weir_redis_conn *conn, weir_redis_reply **out,
                                 weir_err *err)
{
    if (conn->fd < 0) {
        return weir_fail(err, WEIR_ECLOSED, "redis: not connected");
    }
    weir_status st = weir_redis_reader_next(conn->reader, out, err);
    if (st != WEIR_OK && st != WEIR_EAGAIN) {
        weir_redis_conn_close(conn);
    }
    return st;
}

/* Waits until the socket can go on. WEIR_OK, WEIR_ETIMEOUT, WEIR_ECLOSED (told to end). */
weir_status weir_redis_wire_poll(weir_redis_conn *conn, short events, int64_t until_us,
                                 weir_err *err)
{
    struct pollfd fds[2] = { { .fd = conn->fd, .events = events },
                             { .fd = conn->abort_fd, .events = POLLIN } };

    for (;;) {
        int64_t left = until_us - weir_clock_us();

        if (left <= 0) {
            return weir_fail(err, WEIR_ETIMEOUT, "redis %s: no answer in time",
                             conn->where);
        }
        int64_t ms = (left + 999) / 1000;
        int n = poll(fds, conn->abort_fd >= 0 ? 2 : 1, ms > 60000 ? 60000 : (int)ms);
        if (n < 0 && errno != EINTR) {
            return weir_fail(err, WEIR_EIO, "redis %s: poll: %s", conn->where,
                             strerror(errno));
        }
        if (n > 0 && conn->abort_fd >= 0 && fds[1].revents != 0) {
            return weir_fail(err, WEIR_ECLOSED, "redis %s: ended", conn->where);
        }
        if (n > 0 && fds[0].revents != 0) {
            return WEIR_OK;
        }
    }
}

weir_status weir_redis_conn_wait(weir_redis_conn *conn, int64_t until_us,
                                 weir_redis_reply **out, weir_err *err)
{
    for (;;) {
        weir_status st = weir_redis_conn_next(conn, out, err);

        if (st != WEIR_EAGAIN) {
            return st;
        }
        if ((st = weir_redis_conn_pump(conn, err)) != WEIR_OK) {
            return st;
        }
        if ((st = weir_redis_conn_next(conn, out, err)) != WEIR_EAGAIN) {
            return st;
        }
        if ((st = weir_redis_wire_poll(conn, weir_redis_conn_events(conn), until_us,
                                       err)) != WEIR_OK) {
            weir_redis_conn_close(conn);
            return st;
        }
    }
}

weir_status weir_redis_conn_call(weir_redis_conn *conn, const weir_slice *args,
                                 size_t n, weir_redis_reply **out, weir_err *err)
{
    weir_status st = weir_redis_conn_add(conn, args, n);

    if (st != WEIR_OK) {
        return weir_fail(err, st, "redis: %s",
                         st == WEIR_ENOMEM ? "out of memory" : "not connected");
    }
    return weir_redis_conn_wait(conn, weir_clock_us() + WEIR_REDIS_CALL_US, out, err);
}

weir_status weir_redis_callf(weir_redis_conn *conn, weir_redis_reply **out,
                             weir_err *err, const char *fmt, ...)
{
    weir_slice words[WEIR_REDIS_ARGS];
    char numbers[WEIR_REDIS_ARGS][24];
    size_t n = 0;
    va_list args;

    va_start(args, fmt);
    for (const char *at = fmt; *at != '\0';) {
        size_t len = strcspn(at, " ");

        WEIR_ASSERT(n < WEIR_REDIS_ARGS);
        if (len == 2 && memcmp(at, "%s", 2) == 0) {
            words[n] = weir_slice_of(va_arg(args, const char *));
        } else if (len == 2 && memcmp(at, "%b", 2) == 0) {
            words[n] = *va_arg(args, const weir_slice *);
        } else if (len == 2 && memcmp(at, "%d", 2) == 0) {
            snprintf(numbers[n], sizeof(numbers[n]), "%" PRId64, va_arg(args, int64_t));
            words[n] = weir_slice_of(numbers[n]);
        } else {
            words[n] = (weir_slice){ at, len };
        }
        n++;
        at += len;
        at += strspn(at, " ");
    }
    va_end(args);
    return weir_redis_conn_call(conn, words, n, out, err);
}

weir_status weir_redis_error_status(const weir_redis_val *val)
{
    static const struct {
        const char *code;
        weir_status st;
    } known[] = {
        { "NOAUTH", WEIR_EDENIED },       { "WRONGPASS", WEIR_EDENIED },
        { "NOPERM", WEIR_EDENIED },       { "NOGROUP", WEIR_ENOENT },
        { "UNBLOCKED", WEIR_ENOENT },     { "WRONGTYPE", WEIR_EINVAL },
        { "LOADING", WEIR_EAGAIN },       { "OOM", WEIR_EAGAIN },
        { "BUSY", WEIR_EAGAIN },          { "NOREPLICAS", WEIR_EAGAIN },
        { "MISCONF", WEIR_EAGAIN },       { "TRYAGAIN", WEIR_EAGAIN },
        { "READONLY", WEIR_EUNAVAIL },    { "MASTERDOWN", WEIR_EUNAVAIL },
        { "CLUSTERDOWN", WEIR_EUNAVAIL }, { "MOVED", WEIR_EUNAVAIL },
        { "ASK", WEIR_EUNAVAIL },
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (weir_redis_is_error(val, known[i].code)) {
            return known[i].st;
        }
    }
    return WEIR_EIO;
}
