/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin - the small HTTP server of a worker: probes, metrics, skip.
 *
 *     GET  /livez              200 while the threads make progress
 *     GET  /readyz[?verbose]   200 when every subscription has joined and its sinks answer
 *     GET  /metrics            Prometheus text, or OpenMetrics where that is asked for
 *     POST /api/v1/skip?position=kafka:orders/3@1042
 *
 * It listens on loopback or a UNIX socket; any other address needs a token, which everything
 * but the three probes wants as "Authorization: Bearer TOKEN". A `probes:` address serves only
 * the three, without a token.
 *
 * Threads: weir_admin_engine() from the one that starts and stops the engine; the server has
 * two of its own.
 */
#ifndef WEIR_APP_ADMIN_H
#define WEIR_APP_ADMIN_H

#include "worker/app/config.h"

typedef struct weir_admin weir_admin;

/*
 * Starts to listen. A default address that is taken is replaced by a free port; one that was
 * written in the file is not.
 * Returns: WEIR_OK (also for `admin: off`); WEIR_ECONFIG for an address that cannot be one or
 * lacks its token, WEIR_EIO.
 */
weir_status weir_admin_start(const weir_config *cfg, weir_admin **out, weir_err *err);
/* Whom the pages ask from now on; NULL: nobody, not ready. Waits until no page asks the old
 * one any more. */
void weir_admin_engine(weir_admin *admin, weir_engine *engine);
/* "127.0.0.1:8077", "unix:/run/x", "" for off. */
const char *weir_admin_address(const weir_admin *admin);
/* NULL is accepted. */
void weir_admin_stop(weir_admin *admin);

/* Checks an address without using it: the text says what is wrong; NULL: it is fine. */
const char *weir_admin_wrong(const char *address, bool has_token);

/*
 * Asks a running worker to skip a position.
 * Returns: the worker's own answer as a status; WEIR_EUNAVAIL if it does not answer.
 */
weir_status weir_admin_ask_skip(const char *address, const char *token,
                                const char *position, weir_err *err);

#endif
