/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin_socket - addresses of the admin server: parsed, listened on, connected to.
 *
 * An address is HOST:PORT, [IPv6]:PORT, or unix:PATH.
 *
 * Threads: any.
 */
#ifndef WEIR_APP_ADMIN_SOCKET_H
#define WEIR_APP_ADMIN_SOCKET_H

#include "worker/base/err.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * A listening socket. may_move: a taken port is replaced by a free one. shown gets the address
 * that it is. A UNIX socket that nobody answers on any more is replaced.
 * Returns: WEIR_OK, WEIR_ECONFIG, WEIR_EIO.
 */
weir_status weir_listen(const char *address, bool may_move, int *fd, char *shown,
                        size_t cap, weir_err *err);
/* A connected socket whose reads and writes end after timeout_s. */
weir_status weir_connect(const char *address, int timeout_s, int *out, weir_err *err);

#endif
