/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call_rig - a call with everything around it, for tests of functions and hosts.
 *
 * Plays the engine: addresses q:one and q:two exist, `to` is q:one unless has_to is false. The
 * rig counts completions of pending calls.
 */
#ifndef WEIR_TESTS_CALL_RIG_H
#define WEIR_TESTS_CALL_RIG_H

#include "handlers/call.h"
#include "worker/base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define CALL_RIG_MAX_OUTPUT 4096

typedef struct call_rig {
    weir_arena ev_arena, out_arena;
    weir_event ev;
    weir_call_env env;
    weir_call call;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int n_completed; /* under mutex */
} call_rig;

static inline int call_rig_resolve(void *arg, const char *address, weir_out *out)
{
    (void)arg;
    if (address == NULL || strcmp(address, "q:one") == 0) {
        out->address = 1;
    } else if (strcmp(address, "q:two") == 0) {
        out->address = 2;
    } else {
        return ENXIO;
    }
    out->sink = 7;
    out->target = arg;
    return 0;
}

static inline void call_rig_completed(void *arg, weir_call *call)
{
    call_rig *rig = arg;

    assert_ptr_equal(call, &rig->call);
    pthread_mutex_lock(&rig->mutex);
    rig->n_completed++;
    pthread_cond_broadcast(&rig->changed);
    pthread_mutex_unlock(&rig->mutex);
}

/* Begins attempt 1 again, with no outputs and no time limit. */
static inline void call_rig_begin(call_rig *rig)
{
    weir_arena_reset(&rig->out_arena);
    rig->n_completed = 0;
    weir_call_begin(&rig->call, &rig->ev, &rig->out_arena, &rig->env, 1, WEIR_NEVER);
}

/* Takes data as the event's; NULL is a tombstone. */
static inline void call_rig_event(call_rig *rig, const char *key, const char *data)
{
    weir_ev_begin(&rig->ev, &rig->ev_arena);
    rig->ev.key = weir_slice_of(key);
    rig->ev.data = weir_slice_of(data);
    rig->ev.where = WEIR_SLICE_LIT("q:in/3@");
    rig->ev.topic = "in";
    rig->ev.partition = 3;
    rig->ev.receipt.pos.hi = 1042;
    rig->ev.time_ms = 1700000000000;
    call_rig_begin(rig);
}

static inline void call_rig_init(call_rig *rig)
{
    memset(rig, 0, sizeof(*rig));
    weir_arena_init(&rig->ev_arena, 0);
    weir_arena_init(&rig->out_arena, 0);
    pthread_mutex_init(&rig->mutex, NULL);
    pthread_cond_init(&rig->changed, NULL);
    rig->env = (weir_call_env){ .arg = rig,
                                .function = "f",
                                .sub = "f.in",
                                .has_to = true,
                                .max_output = CALL_RIG_MAX_OUTPUT,
                                .resolve = call_rig_resolve,
                                .completed = call_rig_completed };
    call_rig_event(rig, "k", "data");
}

static inline void call_rig_fini(call_rig *rig)
{
    weir_ev_end(&rig->ev);
    weir_arena_fini(&rig->ev_arena);
    weir_arena_fini(&rig->out_arena);
    pthread_cond_destroy(&rig->changed);
    pthread_mutex_destroy(&rig->mutex);
}

static inline int call_rig_setup(void **state)
{
    call_rig *rig = malloc(sizeof(*rig));

    if (rig == NULL) {
        return -1;
    }
    call_rig_init(rig);
    *state = rig;
    return 0;
}

static inline int call_rig_teardown(void **state)
{
    call_rig_fini(*state);
    free(*state);
    return 0;
}

/* Waits until the pending call is completed. */
static inline void call_rig_wait(call_rig *rig)
{
    pthread_mutex_lock(&rig->mutex);
    while (rig->n_completed == 0) {
        pthread_cond_wait(&rig->changed, &rig->mutex);
    }
    pthread_mutex_unlock(&rig->mutex);
}

/* The i-th output of the call; fails the test if there are fewer. */
static inline const weir_out *call_rig_out(const call_rig *rig, size_t i)
{
    const weir_out *out = rig->call.outs;

    while (out != NULL && i-- > 0) {
        out = out->next;
    }
    assert_non_null(out);
    return out;
}

static inline void assert_slice(weir_slice got, const char *want)
{
    if (!weir_slice_is(got, want)) {
        fail_msg("got \"%.*s\", want \"%s\"", (int)got.len,
                 got.data == NULL ? "" : got.data, want == NULL ? "(absent)" : want);
    }
}

#endif
