/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_conn - socket, deadlines and the way to an authenticated primary; see redis_conn.h.
 */
#include "triggers/redis_conn.h"

#include "triggers/redis_tls.h"
#include "worker/base/check.h"
#include "worker/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CONN_READ_BYTES 65536
#define CONN_READS_A_PUMP                                                              \
    64 /* so that one busy connection leaves time for the others */
#define CONN_KEEP_BYTES (1024 * 1024)
#define CONN_ATTEMPT_US 3000000 /* for one of several addresses */

struct weir_redis_conn {
    const weir_redis_queue *queue;
    char name[128];
    char where[280];
    int abort_fd;
    int fd; /* -1: closed */
    int64_t id;
    weir_redis_tls *tls;
    weir_redis_reader *reader;
    weir_buf plain; /* TLS: not encrypted yet */
    weir_buf out;   /* for the socket; sent of it are gone */
    size_t sent;
    char *in; /* CONN_READ_BYTES */
};

weir_status weir_redis_conn_new(const weir_redis_queue *queue, const char *name,
                                int abort_fd, weir_redis_conn **out, weir_err *err)
{
    weir_redis_conn *conn = calloc(1, sizeof(*conn));

    if (conn == NULL || (conn->in = malloc(CONN_READ_BYTES)) == NULL) {
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
    weir_buf_printf(conn_out(conn), "*%zu\r\n", n);
}

void weir_redis_conn_arg(weir_redis_conn *conn, weir_slice arg)
{
    weir_buf *out = conn_out(conn);
    char head[32];
    int len = snprintf(head, sizeof(head), "$%zu\r\n", arg.len);

    weir_buf_add(out, head, (size_t)len);
    weir_buf_add(out, arg.data, arg.len);
    weir_buf_add(out, "\r\n", 2);
}

void weir_redis_conn_raw(weir_redis_conn *conn, weir_slice bytes)
{
    weir_buf_add(conn_out(conn), bytes.data, bytes.len);
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

static weir_status conn_send(weir_redis_conn *conn, weir_err *err)
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

        st = weir_redis_tls_read(conn->tls, conn->in, CONN_READ_BYTES, &len, err);
        if (st != WEIR_OK || len == 0) {
            return st;
        }
        if ((st = weir_redis_reader_feed(conn->reader, conn->in, len)) != WEIR_OK) {
            return st;
        }
    }
}

/* One read of the socket; *n 0: nothing there now. */
static weir_status conn_recv(weir_redis_conn *conn, size_t *n, weir_err *err)
{
    for (;;) {
        ssize_t len = recv(conn->fd, conn->in, CONN_READ_BYTES, 0);

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

static weir_status conn_pump(weir_redis_conn *conn, weir_err *err)
{
    weir_status st;

    if (conn->out.has_failed || conn->plain.has_failed) {
        return weir_fail(err, WEIR_ENOMEM, "redis: out of memory");
    }
    if (conn->tls != NULL && (st = conn_encrypt(conn, err)) != WEIR_OK) {
        return st;
    }
    if ((st = conn_send(conn, err)) != WEIR_OK) {
        return st;
    }
    for (int i = 0; i < CONN_READS_A_PUMP; i++) {
        size_t n = 0;

        if ((st = conn_recv(conn, &n, err)) != WEIR_OK || n == 0) {
            return st;
        }
        bool is_last = n < CONN_READ_BYTES;
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
static weir_status conn_poll(weir_redis_conn *conn, short events, int64_t until_us,
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
        if ((st = conn_poll(conn, weir_redis_conn_events(conn), until_us, err)) !=
            WEIR_OK) {
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

static void conn_tune(int fd)
{
    int on = 1;
    int idle = 30;
    int interval = 10;
    int count = 3;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
}

static weir_status conn_socket(weir_redis_conn *conn, int family,
                               const struct sockaddr *addr, socklen_t len,
                               int64_t until_us, weir_err *err)
{
    conn->fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (conn->fd < 0) {
        return weir_fail(err, WEIR_EIO, "redis %s: socket: %s", conn->where,
                         strerror(errno));
    }
    if (family != AF_UNIX) {
        conn_tune(conn->fd);
    }
    if (connect(conn->fd, addr, len) == 0) {
        return WEIR_OK;
    }
    if (errno != EINPROGRESS) {
        return weir_fail(err, WEIR_EUNAVAIL, "redis %s: %s", conn->where,
                         strerror(errno));
    }
    weir_status st = conn_poll(conn, POLLOUT, until_us, err);
    if (st != WEIR_OK) {
        return st;
    }
    int failure = 0;
    socklen_t size = sizeof(failure);
    if (getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &failure, &size) != 0 ||
        failure != 0) {
        return weir_fail(err, WEIR_EUNAVAIL, "redis %s: %s", conn->where,
                         strerror(failure));
    }
    return WEIR_OK;
}

static weir_status conn_reach(weir_redis_conn *conn, const weir_redis_place *place,
                              int64_t until_us, weir_err *err)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    weir_status st = WEIR_EUNAVAIL;

    if (place->is_unix) {
        struct sockaddr_un addr = { .sun_family = AF_UNIX };

        snprintf(addr.sun_path, sizeof(addr.sun_path), "%.*s",
                 (int)sizeof(addr.sun_path) - 1, place->host);
        return conn_socket(conn, AF_UNIX, (const struct sockaddr *)&addr, sizeof(addr),
                           until_us, err);
    }
    int rc = getaddrinfo(place->host, place->port, &hints, &found);
    if (rc != 0) {
        return weir_fail(err, WEIR_EUNAVAIL, "redis %s: %s", conn->where,
                         gai_strerror(rc));
    }
    for (struct addrinfo *at = found; at != NULL; at = at->ai_next) {
        int64_t limit = weir_clock_us() + CONN_ATTEMPT_US;

        st = conn_socket(conn, at->ai_family, at->ai_addr, at->ai_addrlen,
                         limit < until_us && at->ai_next != NULL ? limit : until_us,
                         err);
        if (st == WEIR_OK || st == WEIR_ECLOSED) {
            break;
        }
        weir_redis_conn_close(conn);
    }
    freeaddrinfo(found);
    return st;
}

static weir_status conn_shake(weir_redis_conn *conn, int64_t until_us, weir_err *err)
{
    for (;;) {
        size_t n = 0;
        weir_status shaken = weir_redis_tls_shake(conn->tls, err);
        weir_status st = weir_redis_tls_take(conn->tls, &conn->out, err);

        if (st == WEIR_OK) {
            st = conn_send(conn, err);
        }
        if (shaken != WEIR_EAGAIN || st != WEIR_OK) {
            return shaken != WEIR_EAGAIN ? shaken : st;
        }
        if ((st =
                 conn_poll(conn, conn->sent < conn->out.len ? POLLIN | POLLOUT : POLLIN,
                           until_us, err)) != WEIR_OK ||
            (st = conn_recv(conn, &n, err)) != WEIR_OK ||
            (st = weir_redis_tls_feed(conn->tls, conn->in, n, err)) != WEIR_OK) {
            return st;
        }
    }
}

static weir_status conn_connect(weir_redis_conn *conn, const weir_redis_place *place,
                                int64_t until_us, weir_err *err)
{
    weir_status st;

    snprintf(conn->where, sizeof(conn->where), place->is_unix ? "%s%.0s" : "%s:%s",
             place->host, place->port);
    if ((st = conn_reach(conn, place, until_us, err)) != WEIR_OK) {
        return st;
    }
    if ((conn->reader = weir_redis_reader_new()) == NULL) {
        return weir_fail(err, WEIR_ENOMEM, "redis: out of memory");
    }
    if (!place->is_tls) {
        return WEIR_OK;
    }
    st = weir_redis_tls_new(&conn->queue->tls, place->host, &conn->tls, err);
    if (st == WEIR_OK) {
        st = conn_shake(conn, until_us, err);
    }
    if (st != WEIR_OK) {
        weir_err_prefix(err, "redis %s: ", conn->where);
    }
    return st;
}

/* One command of the greeting. An ERROR fails only if is_needed. */
static weir_status conn_greet(weir_redis_conn *conn, const weir_slice *args, size_t n,
                              int64_t until_us, bool is_needed, weir_redis_reply **out,
                              weir_err *err)
{
    weir_status st = weir_redis_conn_add(conn, args, n);

    if (st != WEIR_OK ||
        (st = weir_redis_conn_wait(conn, until_us, out, err)) != WEIR_OK) {
        return st;
    }
    const weir_redis_val *root = (*out)->root;
    if (root->type != WEIR_REDIS_ERROR || !is_needed) {
        return WEIR_OK;
    }
    /* Servers before 6.0 call a wrong password a plain ERR. */
    st = weir_slice_is(args[0], "AUTH") ? WEIR_EDENIED : weir_redis_error_status(root);
    st = weir_fail(err, st == WEIR_EIO ? WEIR_ECONFIG : st, "redis %s: %s: %s",
                   conn->where, args[0].data, root->text.data);
    weir_redis_reply_give(*out);
    *out = NULL;
    return st;
}

static weir_status conn_auth(weir_redis_conn *conn, int64_t until_us, weir_err *err)
{
    const weir_redis_queue *queue = conn->queue;
    weir_slice args[3] = { WEIR_SLICE_LIT("AUTH") };
    size_t n = 1;
    weir_redis_reply *reply = NULL;

    if (queue->password == NULL || queue->password[0] == '\0') {
        return WEIR_OK;
    }
    if (queue->user != NULL && queue->user[0] != '\0') {
        args[n++] = weir_slice_of(queue->user);
    }
    args[n++] = weir_slice_of(queue->password);
    weir_status st = conn_greet(conn, args, n, until_us, true, &reply, err);
    weir_redis_reply_give(reply);
    return st;
}

/* A replica would serve reads and refuse the rest, so it is refused as a whole. */
static weir_status conn_role(weir_redis_conn *conn, int64_t until_us, weir_err *err)
{
    weir_redis_reply *reply = NULL;
    weir_status st = conn_greet(conn, (weir_slice[]){ WEIR_SLICE_LIT("ROLE") }, 1,
                                until_us, false, &reply, err);

    if (st != WEIR_OK) {
        return st;
    }
    weir_slice role = weir_redis_text(weir_redis_at(reply->root, 0));
    if (weir_redis_is_error(reply->root, "LOADING")) {
        st = weir_fail(err, WEIR_EUNAVAIL, "redis %s: loading its data", conn->where);
    } else if (weir_redis_is_error(reply->root, "NOAUTH")) {
        st = weir_fail(err, WEIR_EDENIED, "redis %s: %s", conn->where,
                       reply->root->text.data);
    } else if (role.data != NULL && !weir_slice_is(role, "master")) {
        st = weir_fail(err, WEIR_EUNAVAIL, "redis %s: is a %s, not the primary",
                       conn->where, role.data);
    }
    weir_redis_reply_give(reply);
    return st;
}

static weir_status conn_hello(weir_redis_conn *conn, int db, int64_t until_us,
                              weir_err *err)
{
    weir_redis_reply *reply = NULL;
    char number[16];
    weir_status st = conn_auth(conn, until_us, err);

    if (st != WEIR_OK || (st = conn_role(conn, until_us, err)) != WEIR_OK) {
        return st;
    }
    if (db != 0) {
        snprintf(number, sizeof(number), "%d", db);
        const weir_slice args[] = { WEIR_SLICE_LIT("SELECT"), weir_slice_of(number) };
        if ((st = conn_greet(conn, args, 2, until_us, true, &reply, err)) != WEIR_OK) {
            return st;
        }
        weir_redis_reply_give(reply);
    }
    const weir_slice name[] = { WEIR_SLICE_LIT("CLIENT"), WEIR_SLICE_LIT("SETNAME"),
                                weir_slice_of(conn->name) };
    if ((st = conn_greet(conn, name, 3, until_us, false, &reply, err)) != WEIR_OK) {
        return st;
    }
    weir_redis_reply_give(reply);
    const weir_slice id[] = { WEIR_SLICE_LIT("CLIENT"), WEIR_SLICE_LIT("ID") };
    if ((st = conn_greet(conn, id, 2, until_us, false, &reply, err)) != WEIR_OK) {
        return st;
    }
    conn->id = reply->root->type == WEIR_REDIS_INT ? reply->root->num : -1;
    weir_redis_reply_give(reply);
    return WEIR_OK;
}

/* Asks one Sentinel for the primary. */
static weir_status conn_ask(weir_redis_conn *conn, const char *node,
                            weir_redis_place *place, int64_t until_us, weir_err *err)
{
    weir_redis_place at = *place;
    weir_redis_reply *reply = NULL;
    weir_status st = weir_redis_node_parse(node, "26379", &at, err);

    if (st != WEIR_OK) {
        return st;
    }
    const weir_slice args[] = { WEIR_SLICE_LIT("SENTINEL"),
                                WEIR_SLICE_LIT("get-master-addr-by-name"),
                                weir_slice_of(conn->queue->sentinel.master) };
    if ((st = conn_connect(conn, &at, until_us, err)) != WEIR_OK ||
        (st = conn_greet(conn, args, 3, until_us, false, &reply, err)) != WEIR_OK) {
        goto out;
    }
    if (weir_redis_is_error(reply->root, "NOAUTH")) {
        weir_redis_reply_give(reply);
        reply = NULL;
        if ((st = conn_auth(conn, until_us, err)) != WEIR_OK ||
            (st = conn_greet(conn, args, 3, until_us, true, &reply, err)) != WEIR_OK) {
            goto out;
        }
    }
    weir_slice host = weir_redis_text(weir_redis_at(reply->root, 0));
    weir_slice port = weir_redis_text(weir_redis_at(reply->root, 1));
    if (host.data == NULL || port.data == NULL || host.len >= sizeof(place->host) ||
        port.len >= sizeof(place->port)) {
        st = weir_fail(err, WEIR_EUNAVAIL, "sentinel %s: knows no primary %s", node,
                       conn->queue->sentinel.master);
        goto out;
    }
    memcpy(place->host, host.data, host.len + 1);
    memcpy(place->port, port.data, port.len + 1);
out:
    weir_redis_reply_give(reply);
    weir_redis_conn_close(conn);
    return st;
}

static weir_status conn_resolve(weir_redis_conn *conn, weir_redis_place *place,
                                int64_t until_us, weir_err *err)
{
    const weir_opt_list *nodes = &conn->queue->sentinel.nodes;
    weir_status st = WEIR_OK;

    for (size_t i = 0; i < nodes->n; i++) {
        int64_t limit = weir_clock_us() + CONN_ATTEMPT_US;

        st = conn_ask(conn, nodes->items[i], place, limit < until_us ? limit : until_us,
                      err);
        if (st == WEIR_OK || st == WEIR_ECLOSED) {
            break;
        }
    }
    return st;
}

weir_status weir_redis_conn_open(weir_redis_conn *conn, int64_t until_us, weir_err *err)
{
    weir_redis_place place;
    weir_status st;

    weir_redis_conn_close(conn);
    if ((st = weir_redis_url_parse(conn->queue->url, &place, err)) != WEIR_OK) {
        return st;
    }
    if (conn->queue->sentinel.master != NULL &&
        (st = conn_resolve(conn, &place, until_us, err)) != WEIR_OK) {
        return st;
    }
    if ((st = conn_connect(conn, &place, until_us, err)) == WEIR_OK) {
        st = conn_hello(conn, place.db, until_us, err);
    }
    if (st != WEIR_OK) {
        weir_redis_conn_close(conn);
    }
    return st;
}
