/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * environment - emits the variable WEIR_TEST_COLOUR as it was when the library was loaded.
 */
#include <weir/handler.h>

#include <stdlib.h>
#include <string.h>

static char colour[64];

__attribute__((constructor)) static void at_load(void)
{
    const char *value = getenv("WEIR_TEST_COLOUR");

    if (value != NULL && strlen(value) < sizeof(colour)) {
        memcpy(colour, value, strlen(value) + 1);
    }
}

static weir_verdict tell(void *state, const weir_event *ev, weir_call *call)
{
    (void)state;
    (void)ev;
    weir_emit(call, &(weir_output){ .data = { colour, strlen(colour) } });
    return WEIR_DONE;
}

static const weir_function functions[] = {
    { .name = "tell", .handle = tell },
};
WEIR_FUNCTIONS(functions);
