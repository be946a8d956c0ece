/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_tls - TLS for a connection to Redis, without a socket of its own.
 *
 * Bytes from the network go in at one end and come out as plain text, and the other way
 * round; the connection keeps the socket. So there is one kind of wait, deadlines hold in the
 * handshake too, and no write can raise SIGPIPE. The server must prove its name: hiredis
 * would not ask for it.
 *
 * Threads: one at a time.
 */
#ifndef WEIR_TRIGGERS_REDIS_TLS_H
#define WEIR_TRIGGERS_REDIS_TLS_H

#include "triggers/redis_conf.h"
#include "worker/base/buf.h"

typedef struct weir_redis_tls weir_redis_tls;

/*
 * A session to come with the server of that name (a host name or an address).
 * Owns:    the caller ends it with weir_redis_tls_free().
 * Returns: WEIR_OK, WEIR_ECONFIG for files that cannot be used, WEIR_ENOMEM.
 */
weir_status weir_redis_tls_new(const weir_redis_tls_opts *opts, const char *host,
                               weir_redis_tls **out, weir_err *err);
/* NULL is accepted. */
void weir_redis_tls_free(weir_redis_tls *tls);

/* Goes on with the handshake. WEIR_OK: done; WEIR_EAGAIN: bytes must go or come first;
 * WEIR_EDENIED: the certificate is not the right one; WEIR_EIO. */
weir_status weir_redis_tls_shake(weir_redis_tls *tls, weir_err *err);
/* Encrypts plain text. */
weir_status weir_redis_tls_write(weir_redis_tls *tls, const char *data, size_t n,
                                 weir_err *err);
/* Moves what must go to the network behind what is in out. */
weir_status weir_redis_tls_take(weir_redis_tls *tls, weir_buf *out, weir_err *err);
/* Gives what came from the network. */
weir_status weir_redis_tls_feed(weir_redis_tls *tls, const char *data, size_t n,
                                weir_err *err);
/* Plain text that has arrived: *n of up to cap bytes, 0 for none now. WEIR_ECLOSED at its end. */
weir_status weir_redis_tls_read(weir_redis_tls *tls, char *data, size_t cap, size_t *n,
                                weir_err *err);

#endif
