/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop - a TCP proxy in front of a Kafka or a Redis that does wrong when it is told to.
 *
 * It passes everything on, in whole requests and answers, until a command comes. Commands are
 * lines; each is answered by a line, "ok NUMBER" or "error TEXT":
 *
 *   upstream HOST:PORT          where connections go from now on; IPv4
 *   delay MS                    every piece takes so long, each way; 0: none
 *   hold NAME                   keeps the answers to requests of that name, and what comes behind
 *                               them on their connections, until `release`
 *   release                     passes on what was held and holds nothing more
 *   cut request NAME [TIMES]    passes half of the next such request, then ends the connection
 *   cut answer NAME [TIMES]     the server has done it; half of its answer is passed, then the end
 *   break                       ends all connections at once, with a reset
 *   stall on|off                nothing is passed, nothing is ended: what a lost network does
 *   refuse on|off               new connections are ended at once
 *   count cut|held|connections  how many cuts there were, answers held, connections now
 *
 * Names are those of frame.h: EndTxn, Produce; XACK, XREADGROUP.
 */
#ifndef WEIR_TESTS_SUPPORT_PROXY_LOOP_H
#define WEIR_TESTS_SUPPORT_PROXY_LOOP_H

#include "tests/support/proxy/frame.h"

#include <stdint.h>

typedef struct proxy_loop proxy_loop;

/* Listens on a free port of the loopback. upstream: "127.0.0.1:9092", or NULL for none yet. NULL:
 * it cannot. */
proxy_loop *proxy_loop_new(frame_kind kind, const char *upstream);
uint16_t proxy_loop_port(const proxy_loop *loop);

/* Serves until `commands` ends. Answers go to `answers`; both may be one socket. */
void proxy_loop_run(proxy_loop *loop, int commands, int answers);

void proxy_loop_free(proxy_loop *loop);

#endif
