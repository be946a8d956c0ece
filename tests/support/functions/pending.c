/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pending - completes each call from a thread of its own, before or after the handler returns.
 */
#include <weir/handler.h>

#include <pthread.h>

static void *finish(void *arg)
{
    weir_call *call = (weir_call *)arg;

    weir_emit(call, &(weir_output){ .data = { "late", 4 } });
    weir_complete(call, WEIR_DONE);
    return NULL;
}

/* The thread may run before, during or after this function's return. */
static weir_verdict later(void *state, const weir_event *ev, weir_call *call)
{
    pthread_attr_t attr;
    pthread_t thread;
    int code;

    (void)state;
    (void)ev;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    code = pthread_create(&thread, &attr, finish, call);
    pthread_attr_destroy(&attr);
    return code == 0 ? WEIR_PENDING : weir_retry(call, -1, "no thread");
}

static const weir_function functions[] = {
    { .name = "later", .handle = later },
};
WEIR_FUNCTIONS(functions);
