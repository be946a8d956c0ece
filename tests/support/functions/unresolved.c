/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unresolved - needs a symbol that nobody has, which must show when it is loaded.
 */
#include <weir/handler.h>

extern int weir_test_nobody_has_this(void);

static weir_verdict handle(void *state, const weir_event *ev, weir_call *call)
{
    (void)state;
    (void)ev;
    (void)call;
    return weir_test_nobody_has_this() == 0 ? WEIR_DONE : WEIR_RETRY;
}

static const weir_function functions[] = {
    { .name = "handle", .handle = handle },
};
WEIR_FUNCTIONS(functions);
