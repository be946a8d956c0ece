/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * threads - C11 threads over pthreads, for builds under ThreadSanitizer only.
 *
 * librdkafka starts its threads with thrd_create(). The sanitizer's run time of GCC 12 does not
 * know that call, so such a thread has no state of its own there and crashes at its first
 * intercepted call. These definitions come before those of the C library.
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

typedef struct tsan_start {
    thrd_start_t main;
    void *arg;
} tsan_start;

static void *tsan_main(void *arg)
{
    const tsan_start start = *(tsan_start *)arg;

    free(arg);
    return (void *)(intptr_t)start.main(start.arg);
}

int thrd_create(thrd_t *thread, thrd_start_t main, void *arg)
{
    tsan_start *start = malloc(sizeof(*start));
    int code;

    if (start == NULL) {
        return thrd_nomem;
    }
    *start = (tsan_start){ main, arg };
    code = pthread_create(thread, NULL, tsan_main, start);
    if (code != 0) {
        free(start);
        return code == ENOMEM ? thrd_nomem : thrd_error;
    }
    return thrd_success;
}

int thrd_join(thrd_t thread, int *result)
{
    void *value;

    if (pthread_join(thread, &value) != 0) {
        return thrd_error;
    }
    if (result != NULL) {
        *result = (int)(intptr_t)value;
    }
    return thrd_success;
}

int thrd_detach(thrd_t thread)
{
    return pthread_detach(thread) == 0 ? thrd_success : thrd_error;
}
