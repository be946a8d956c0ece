/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_cut - a TCP proxy in front of a server that loses a connection at the worst moment.
 *
 * Passes everything on until it is armed; then it waits for a piece of a request with a word in it,
 * and ends that connection either before the server has seen the request or when the answer is
 * there and has not been passed on. Once; after that it passes everything on again.
 *
 * Test code only: failures end the test.
 */
#ifndef WEIR_TESTS_SUPPORT_REDIS_CUT_H
#define WEIR_TESTS_SUPPORT_REDIS_CUT_H

#include <stdatomic.h>

typedef struct weir_cut weir_cut;

typedef enum weir_cut_when { WEIR_CUT_REQUEST = 1, WEIR_CUT_ANSWER } weir_cut_when;

/* upstream: "127.0.0.1:6379". */
weir_cut *weir_cut_new(const char *upstream);
/* "127.0.0.1:PORT" */
const char *weir_cut_address(const weir_cut *cut);
void weir_cut_arm(weir_cut *cut, weir_cut_when when, const char *word);
/* How often it has cut. */
unsigned weir_cut_count(weir_cut *cut);
void weir_cut_free(weir_cut *cut);

#endif
