/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * poison - a function that ends its worker in the way that its event names.
 *
 * segv, abort, exit, _exit, fpe, stack, loop, leak; "fork" lets a child crash and exit, and goes on;
 * "sleep MILLISECONDS ..." takes its time. What it survives is emitted as it came.
 */
#define _POSIX_C_SOURCE 200809L

#include <weir/handler.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NAP_MS 100 /* a process that stood still has not slept meanwhile */

static bool is(weir_slice s, const char *word)
{
    return s.len >= strlen(word) && memcmp(s.data, word, strlen(word)) == 0;
}

static void sleep_ms(long ms)
{
    struct timespec left = { ms / 1000, ms % 1000 * 1000000 };

    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

static void segv(void)
{
    volatile char *volatile nowhere = (volatile char *)(uintptr_t)16;

    *nowhere = 1;
}

/* Deeper than any stack; not a tail call, and not to be seen through. */
static int deep(volatile int n)
{
    volatile char page[4096];

    page[0] = (char)n;
    return n < 0 ? page[0] : deep(n + 1) + page[0];
}

/* Children of a function are its own business. */
static void forks(void)
{
    for (int i = 0; i < 2; i++) {
        const pid_t child = fork();

        if (child == 0) {
            if (i == 0) {
                segv();
            }
            exit(3);
        }
        waitpid(child, NULL, 0);
    }
}

/* Takes memory, and uses it, until the kernel has an answer. */
static void leak(void)
{
    for (;;) {
        char *more = malloc(1 << 20);

        if (more != NULL) {
            memset(more, 1, 1 << 20);
        }
    }
}

static void die(weir_slice data)
{
    if (is(data, "segv")) {
        segv();
    } else if (is(data, "abort")) {
        abort();
    } else if (is(data, "exit")) {
        exit(0);
    } else if (is(data, "_exit")) {
        _exit(0);
    } else if (is(data, "fpe")) {
        raise(SIGFPE);
    } else if (is(data, "leak")) {
        leak();
    } else if (is(data, "stack")) {
        sleep_ms(deep(1) & 1);
    }
    while (is(data, "loop")) {
        sleep_ms(1);
    }
}

static weir_verdict poison(void *state, const weir_event *ev, weir_call *call)
{
    const weir_slice data = weir_event_data(ev);

    (void)state;
    die(data);
    if (is(data, "fork")) {
        forks();
    } else if (is(data, "sleep ")) {
        char number[16] = "";
        const size_t n = data.len - 6 < 15 ? data.len - 6 : 15;

        memcpy(number, data.data + 6, n);
        weir_call_log(call, WEIR_LOG_INFO, "began %.*s",
                      (int)weir_event_position(ev).len, weir_event_position(ev).data);
        for (long left = strtol(number, NULL, 10); left > 0; left -= NAP_MS) {
            sleep_ms(left < NAP_MS ? left : NAP_MS);
        }
    }
    weir_emit(call, &(weir_output){ .key = weir_event_key(ev), .data = data });
    return WEIR_DONE;
}

static const weir_function functions[] = {
    { .name = "poison", .about = "ends its worker", .version = "1", .handle = poison },
};
WEIR_FUNCTIONS(functions);
