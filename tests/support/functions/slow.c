/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slow - a function that takes as long as its event says, whatever it is asked meanwhile.
 *
 * "sleep MILLISECONDS ..." sleeps, "reject ..." is rejected; both say in the log that they
 * have begun. What is not rejected is emitted as it came.
 */
#define _POSIX_C_SOURCE 200809L

#include <weir/handler.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static bool starts_with(weir_slice s, const char *word)
{
    return s.len >= strlen(word) && memcmp(s.data, word, strlen(word)) == 0;
}

static void sleep_ms(long ms)
{
    struct timespec left = { ms / 1000, ms % 1000 * 1000000 };

    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

static weir_verdict slow(void *state, const weir_event *ev, weir_call *call)
{
    const weir_slice data = weir_event_data(ev);
    char number[16] = "";

    (void)state;
    if (starts_with(data, "reject")) {
        return weir_reject(call, "asked", "the event says so");
    }
    if (starts_with(data, "sleep ")) {
        const size_t n =
            data.len - 6 < sizeof(number) ? data.len - 6 : sizeof(number) - 1;

        memcpy(number, data.data + 6, n);
        weir_call_log(call, WEIR_LOG_INFO, "began %.*s",
                      (int)weir_event_position(ev).len, weir_event_position(ev).data);
        sleep_ms(strtol(number, NULL, 10));
    }
    weir_emit(call, &(weir_output){ .key = weir_event_key(ev), .data = data });
    return WEIR_DONE;
}

static const weir_function functions[] = {
    { .name = "slow", .about = "takes its time", .version = "1", .handle = slow },
};
WEIR_FUNCTIONS(functions);
