/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_wire - the inside of a connection, which redis_conn.c (an open one) and redis_hello.c
 * (how it is opened) share.
 */
#ifndef WEIR_TRIGGERS_REDIS_WIRE_H
#define WEIR_TRIGGERS_REDIS_WIRE_H

#include "triggers/redis_conn.h"
#include "triggers/redis_tls.h"

#define WEIR_REDIS_READ_BYTES 65536

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
    char *in; /* WEIR_REDIS_READ_BYTES */
};

/* Waits until the socket can go on. WEIR_OK, WEIR_ETIMEOUT, WEIR_ECLOSED (told to end). */
weir_status weir_redis_wire_poll(weir_redis_conn *conn, short events, int64_t until_us,
                                 weir_err *err);
/* Sends what goes without waiting. */
weir_status weir_redis_wire_send(weir_redis_conn *conn, weir_err *err);
/* One read of the socket into conn->in; *n 0: nothing there now. */
weir_status weir_redis_wire_recv(weir_redis_conn *conn, size_t *n, weir_err *err);

#endif
