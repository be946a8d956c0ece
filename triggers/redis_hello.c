/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_hello - the way to an authenticated primary: Sentinels, addresses, TLS, AUTH, ROLE; see
 * weir_redis_conn_open() in redis_conn.h.
 */
#include "triggers/redis_wire.h"
#include "worker/base/clock.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#define HELLO_ATTEMPT_US 3000000 /* for one of several addresses */

static void hello_tune(int fd)
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

static weir_status hello_socket(weir_redis_conn *conn, int family,
                                const struct sockaddr *addr, socklen_t len,
                                int64_t until_us, weir_err *err)
{
    conn->fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (conn->fd < 0) {
        return weir_fail(err, WEIR_EIO, "redis %s: socket: %s", conn->where,
                         strerror(errno));
    }
    if (family != AF_UNIX) {
        hello_tune(conn->fd);
    }
    if (connect(conn->fd, addr, len) == 0) {
        return WEIR_OK;
    }
    if (errno != EINPROGRESS) {
        return weir_fail(err, WEIR_EUNAVAIL, "redis %s: %s", conn->where,
                         strerror(errno));
    }
    weir_status st = weir_redis_wire_poll(conn, POLLOUT, until_us, err);
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

static weir_status hello_reach(weir_redis_conn *conn, const weir_redis_place *place,
                               int64_t until_us, weir_err *err)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    weir_status st = WEIR_EUNAVAIL;

    if (place->is_unix) {
        struct sockaddr_un addr = { .sun_family = AF_UNIX };

        snprintf(addr.sun_path, sizeof(addr.sun_path), "%.*s",
                 (int)sizeof(addr.sun_path) - 1, place->host);
        return hello_socket(conn, AF_UNIX, (const struct sockaddr *)&addr, sizeof(addr),
                            until_us, err);
    }
    int rc = getaddrinfo(place->host, place->port, &hints, &found);
    if (rc != 0) {
        return weir_fail(err, WEIR_EUNAVAIL, "redis %s: %s", conn->where,
                         gai_strerror(rc));
    }
    for (struct addrinfo *at = found; at != NULL; at = at->ai_next) {
        int64_t limit = weir_clock_us() + HELLO_ATTEMPT_US;

        st = hello_socket(conn, at->ai_family, at->ai_addr, at->ai_addrlen,
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

static weir_status hello_shake(weir_redis_conn *conn, int64_t until_us, weir_err *err)
{
    for (;;) {
        size_t n = 0;
        weir_status shaken = weir_redis_tls_shake(conn->tls, err);
        weir_status st = weir_redis_tls_take(conn->tls, &conn->out, err);

        if (st == WEIR_OK) {
            st = weir_redis_wire_send(conn, err);
        }
        if (shaken != WEIR_EAGAIN || st != WEIR_OK) {
            return shaken != WEIR_EAGAIN ? shaken : st;
        }
        if ((st = weir_redis_wire_poll(
                 conn, conn->sent < conn->out.len ? POLLIN | POLLOUT : POLLIN, until_us,
                 err)) != WEIR_OK ||
            (st = weir_redis_wire_recv(conn, &n, err)) != WEIR_OK ||
            (st = weir_redis_tls_feed(conn->tls, conn->in, n, err)) != WEIR_OK) {
            return st;
        }
    }
}

static weir_status hello_connect(weir_redis_conn *conn, const weir_redis_place *place,
                                 int64_t until_us, weir_err *err)
{
    weir_status st;

    snprintf(conn->where, sizeof(conn->where), place->is_unix ? "%s%.0s" : "%s:%s",
             place->host, place->port);
    if ((st = hello_reach(conn, place, until_us, err)) != WEIR_OK) {
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
        st = hello_shake(conn, until_us, err);
    }
    if (st != WEIR_OK) {
        weir_err_prefix(err, "redis %s: ", conn->where);
    }
    return st;
}

/* One command of the greeting. An ERROR fails only if is_needed. */
static weir_status hello_greet(weir_redis_conn *conn, const weir_slice *args, size_t n,
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
    st = weir_fail(err, st == WEIR_EIO ? WEIR_ECONFIG : st, "redis %s: %s: %s%s",
                   conn->where, args[0].data, root->text.data,
                   weir_slice_is(args[0], "AUTH")
                       ? "; set user and password of the queue to those of a user that "
                         "the server knows"
                       : "");
    weir_redis_reply_give(*out);
    *out = NULL;
    return st;
}

static weir_status hello_auth(weir_redis_conn *conn, int64_t until_us, weir_err *err)
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
    weir_status st = hello_greet(conn, args, n, until_us, true, &reply, err);
    weir_redis_reply_give(reply);
    return st;
}

/* A replica would serve reads and refuse the rest, so it is refused as a whole. */
static weir_status hello_role(weir_redis_conn *conn, int64_t until_us, weir_err *err)
{
    weir_redis_reply *reply = NULL;
    weir_status st = hello_greet(conn, (weir_slice[]){ WEIR_SLICE_LIT("ROLE") }, 1,
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
    } else if (weir_redis_is_error(reply->root, "NOPERM")) {
        st = weir_fail(
            err, WEIR_EDENIED,
            "redis %s: ROLE: %s; allow it with ACL SETUSER ... +role: a replica "
            "cannot be told from the primary without it",
            conn->where, reply->root->text.data);
    } else if (role.data != NULL && !weir_slice_is(role, "master")) {
        st = weir_fail(err, WEIR_EUNAVAIL, "redis %s: is a %s, not the primary",
                       conn->where, role.data);
    }
    weir_redis_reply_give(reply);
    return st;
}

static weir_status hello_say(weir_redis_conn *conn, int db, int64_t until_us,
                             weir_err *err)
{
    weir_redis_reply *reply = NULL;
    char number[16];
    weir_status st = hello_auth(conn, until_us, err);

    if (st != WEIR_OK || (st = hello_role(conn, until_us, err)) != WEIR_OK) {
        return st;
    }
    if (db != 0) {
        snprintf(number, sizeof(number), "%d", db);
        const weir_slice args[] = { WEIR_SLICE_LIT("SELECT"), weir_slice_of(number) };
        if ((st = hello_greet(conn, args, 2, until_us, true, &reply, err)) != WEIR_OK) {
            return st;
        }
        weir_redis_reply_give(reply);
    }
    const weir_slice name[] = { WEIR_SLICE_LIT("CLIENT"), WEIR_SLICE_LIT("SETNAME"),
                                weir_slice_of(conn->name) };
    if ((st = hello_greet(conn, name, 3, until_us, false, &reply, err)) != WEIR_OK) {
        return st;
    }
    weir_redis_reply_give(reply);
    const weir_slice id[] = { WEIR_SLICE_LIT("CLIENT"), WEIR_SLICE_LIT("ID") };
    if ((st = hello_greet(conn, id, 2, until_us, false, &reply, err)) != WEIR_OK) {
        return st;
    }
    conn->id = reply->root->type == WEIR_REDIS_INT ? reply->root->num : -1;
    weir_redis_reply_give(reply);
    return WEIR_OK;
}

/* Asks one Sentinel for the primary. */
static weir_status hello_ask(weir_redis_conn *conn, const char *node,
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
    if ((st = hello_connect(conn, &at, until_us, err)) != WEIR_OK ||
        (st = hello_greet(conn, args, 3, until_us, false, &reply, err)) != WEIR_OK) {
        goto out;
    }
    if (weir_redis_is_error(reply->root, "NOAUTH")) {
        weir_redis_reply_give(reply);
        reply = NULL;
        if ((st = hello_auth(conn, until_us, err)) != WEIR_OK ||
            (st = hello_greet(conn, args, 3, until_us, true, &reply, err)) != WEIR_OK) {
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

static weir_status hello_resolve(weir_redis_conn *conn, weir_redis_place *place,
                                 int64_t until_us, weir_err *err)
{
    const weir_opt_list *nodes = &conn->queue->sentinel.nodes;
    weir_status st = WEIR_OK;

    for (size_t i = 0; i < nodes->n; i++) {
        int64_t limit = weir_clock_us() + HELLO_ATTEMPT_US;

        st = hello_ask(conn, nodes->items[i], place,
                       limit < until_us ? limit : until_us, err);
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
        (st = hello_resolve(conn, &place, until_us, err)) != WEIR_OK) {
        return st;
    }
    if ((st = hello_connect(conn, &place, until_us, err)) == WEIR_OK) {
        st = hello_say(conn, place.db, until_us, err);
    }
    if (st != WEIR_OK) {
        weir_redis_conn_close(conn);
    }
    return st;
}
