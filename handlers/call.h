/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call - one attempt of a function at one event: what it asks, emits and says.
 *
 * The engine embeds a weir_call in its job, sets it up before an attempt and reads the verdict
 * after it. The calls of weir/handler.h on a weir_call end here (call.c), reached through the
 * table of api.c.
 *
 * Threads: one at a time uses a call; cancel() may come from any.
 */
#ifndef WEIR_HANDLERS_CALL_H
#define WEIR_HANDLERS_CALL_H

#include "schemas/event.h"
#include "schemas/output.h"

#define WEIR_CLASS_MAX 64   /* bytes of an error class, with NUL */
#define WEIR_REASON_MAX 512 /* bytes of an error text, with NUL */

/* What the engine answers to a call; one for each subscription, constant. */
typedef struct weir_call_env {
    void *arg;
    const char *function, *sub;
    bool is_replay;
    bool has_to;       /* `to` is set: outputs without an address may be emitted */
    size_t max_output; /* bytes of key, data and headers of one output */
    /* bytes of memory of all outputs of a call, but for a first one; 0: no limit */
    size_t max_outputs;
    /* Address to the engine's indexes and target. 0, or ENXIO for an unknown queue or an
     * address that cannot be one, or EXDEV for another queue than the events' own under
     * exactly_once. NULL: the subscription's `to`. Any thread. */
    int (*resolve)(void *arg, const char *address, weir_out *out);
    /* The verdict of a pending call is there (the handler had returned before). Never blocks.
     * Any thread. */
    void (*completed)(void *arg, weir_call *call);
} weir_call_env;

/*
 * Bits of weir_call.join, where the handler's return meets weir_complete(). Whoever sets the
 * second of the two bits has the call; the other one must not touch it any more. The verdict of
 * weir_complete() travels in the same word, above the bits.
 *
 *     0 -- returned(PENDING) --> RETURNED ---- complete(v) --> both: completed() is called
 *     0 -- complete(v) --------> COMPLETED|v - returned() ---> both: returned() answers true
 *     0 -- returned(DONE, ...) -------------------------------> both: a late complete() is refused
 */
enum { WEIR_CALL_RETURNED = 1, WEIR_CALL_COMPLETED = 2, WEIR_CALL_VERDICT_SHIFT = 8 };

struct weir_call {
    const weir_event *ev;
    weir_arena *arena; /* outputs; the job's */
    /* What the event's value was decoded into, if that is the thread's and not the event's
     * own: a call that goes pending takes it along. */
    weir_arena *lent;
    const weir_call_env *env;
    void *local;
    int attempt;         /* from 1 */
    int64_t deadline_us; /* monotonic; WEIR_NEVER: none */
    atomic_bool is_cancelled;
    atomic_uint join;

    weir_out *outs, **outs_end;
    uint32_t n_outs;
    size_t out_bytes;
    int emit_errno; /* the first failure of an emit */

    weir_verdict verdict;
    int64_t delay_ms; /* -1: the subscription's backoff */
    char cls[WEIR_CLASS_MAX];
    char reason[WEIR_REASON_MAX];
};

/* Ready for an attempt. arena is what outputs are copied into. */
void weir_call_begin(weir_call *call, const weir_event *ev, weir_arena *arena,
                     const weir_call_env *env, int attempt, int64_t deadline_us);

/*
 * The handler has returned `verdict`. True: the verdict is final and in call->verdict. False:
 * it is pending; env->completed() will come (or has come).
 */
bool weir_call_returned(weir_call *call, weir_verdict verdict);

/* Turns a verdict into what counts: unknown ones are WEIR_RETRY, a WEIR_DONE with a failed
 * emit is a reject (or a retry after ENOMEM; then *is_free is true: no attempt is counted). */
weir_verdict weir_call_settle(weir_call *call, bool *is_free);

/* weir_call_cancelled() is true from now on. Any thread. */
void weir_call_cancel(weir_call *call);

/*
 * The calls of weir/handler.h on a call; their comments stand there. The thread that uses the
 * call, but for weir_call_complete: any.
 */
int weir_call_emit(weir_call *call, const weir_output *output);
weir_writer *weir_call_emit_value(weir_call *call, weir_format format);
int weir_call_emit_end(weir_writer *w, const weir_output *output);
weir_verdict weir_call_reject(weir_call *call, const char *cls, const char *fmt,
                              va_list args) __attribute__((format(printf, 3, 0)));
weir_verdict weir_call_retry(weir_call *call, int64_t delay_ms, const char *fmt,
                             va_list args) __attribute__((format(printf, 3, 0)));
weir_verdict weir_call_unavailable(weir_call *call, int64_t delay_ms, const char *fmt,
                                   va_list args) __attribute__((format(printf, 3, 0)));
int64_t weir_call_time_left(const weir_call *call);
void weir_call_note(weir_call *call, int level, const char *fmt, va_list args)
    __attribute__((format(printf, 3, 0)));
void weir_call_complete(weir_call *call, weir_verdict verdict);

/* The table that shared objects are given. */
extern const weir_api weir_api_table;

/* A batch as handlers see it. */
struct weir_batch {
    weir_call **calls;
    weir_verdict *verdicts; /* 0: unset */
    size_t n;
};

/* What init may ask. */
struct weir_setup {
    const char *config_json;  /* "null" without one */
    const weir_value *config; /* the same, decoded */
};

#endif
