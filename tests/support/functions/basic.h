/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * basic - what the two files of this library share.
 */
#ifndef WEIR_TESTS_FUNCTIONS_BASIC_H
#define WEIR_TESTS_FUNCTIONS_BASIC_H

#include <weir/handler.h>

/* Does what the event's data says: "reject", "retry", "unavailable", "log", "document", ... */
weir_verdict by_word(void *state, const weir_event *ev, weir_call *call);

#endif
