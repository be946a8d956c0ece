/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy - the fault proxy of tests/support/proxy in a thread of a C test.
 *
 * Test code only: failures end the test.
 */
#ifndef WEIR_TESTS_SUPPORT_PROXY_H
#define WEIR_TESTS_SUPPORT_PROXY_H

#include "tests/support/proxy/loop.h"

typedef struct weir_proxy weir_proxy;

/* upstream: "127.0.0.1:6379". */
weir_proxy *weir_proxy_new(frame_kind kind, const char *upstream);
/* "127.0.0.1:PORT" */
const char *weir_proxy_address(const weir_proxy *proxy);
/* One command of loop.h; returns the number that it answers with. */
int weir_proxy_tell(weir_proxy *proxy, const char *command);
void weir_proxy_free(weir_proxy *proxy);

#endif
