/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sink - the contract of what outputs are published to.
 *
 * One sink a queue and process. send() never blocks; each accepted output is answered exactly
 * once through done(), from any thread, also inside send(), never on an intake thread.
 */
#ifndef WEIR_TRIGGERS_SINK_H
#define WEIR_TRIGGERS_SINK_H

#include "schemas/output.h"
#include "worker/base/err.h"
#include "worker/base/opt.h"

typedef enum weir_sent {
    WEIR_SENT_OK = 0,    /* confirmed by the broker */
    WEIR_SENT_AGAIN,     /* failed for now; the engine sends it again */
    WEIR_SENT_TOO_LARGE, /* the record itself: larger than the destination takes, alone */
    WEIR_SENT_INVALID,   /* the record itself: refused for what it is */
    WEIR_SENT_UNKNOWN,   /* the destination does not exist */
    WEIR_SENT_DENIED     /* the destination may not be written */
} weir_sent;

typedef struct weir_sent_result {
    weir_out *out;
    weir_sent sent;
    /* why, for people; static or a loan until done() returns; may be NULL */
    const char *text;
} weir_sent_result;

typedef void weir_sent_fn(void *arg, const weir_sent_result *results, size_t n);

typedef struct weir_sink_setup {
    const void *queue;      /* the adapter's struct, filled by its rows of weir_opt */
    const char *queue_name; /* the name under `queues:` */
    const char *service, *instance;
    size_t max_bytes; /* for the client's queue */
    /* largest output that may come: max_event and what is added */
    size_t max_record;
    weir_sent_fn *done;
    void *arg;
    /* True: what goes to this topic or stream are dead letters. They must fit where their
     * event fitted, so their size counts more than the time to pack them. NULL: none are. */
    bool (*is_dead)(void *arg, const char *name);
} weir_sink_setup;

typedef struct weir_sink_ops {
    const char *name;
    const char *about;
    size_t size;
    /* Confirmations, and the broker's log, follow the order of send() within one target and
     * key (or partition), failures included: nothing overtakes. */
    bool keeps_order;
    /* Keeps a reference to setup, which lives until close. Does not wait for the broker. */
    weir_status (*open)(void *self, const weir_sink_setup *setup, weir_err *err);
    /* The handle of a topic or stream, the same for the same name; lives until close. Any
     * thread. */
    weir_status (*target)(void *self, const char *name, void **target, weir_err *err);
    /* Takes outs[0..k) and returns k (0..n); never blocks. The rest was not taken: no room.
     * Any thread; outputs of one target keep the order of their calls. */
    size_t (*send)(void *self, weir_out *const *outs, size_t n);
    /* Asks the broker: does the target exist, may we write, how large may a record be?
     * WEIR_OK, WEIR_ENOENT, WEIR_EDENIED, WEIR_EUNAVAIL; *largest in bytes, SIZE_MAX unknown.
     * Blocks at most timeout_us. Any thread. */
    weir_status (*probe)(void *self, void *target, int64_t timeout_us, size_t *largest,
                         weir_err *err);
    /* Waits until everything accepted has been answered, or until_us (WEIR_ETIMEOUT). */
    weir_status (*flush)(void *self, int64_t until_us);
    /* Answers what is left with WEIR_SENT_AGAIN, frees. False: a library call hangs. */
    bool (*close)(void *self, int64_t until_us);
} weir_sink_ops;

#endif
