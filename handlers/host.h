/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host - the contract of whatever hosts functions.
 *
 * A host holds one entry of `functions:`. The pool calls run() on its handler threads.
 */
#ifndef WEIR_HANDLERS_HOST_H
#define WEIR_HANDLERS_HOST_H

#include "handlers/call.h"
#include "worker/base/opt.h"

typedef struct weir_host_info {
    const char *name, *about, *version; /* never NULL; live until close */
    const char *from;                   /* the library's path */
    bool is_batch;
    bool wants_value;
    bool is_replay_safe;
} weir_host_info;

typedef struct weir_host_setup {
    const char *name; /* of the entry under `functions:` */
    const void *opts; /* the adapter's struct, filled by its rows */
    /* relative paths start here: the configuration's folder */
    const char *base_dir;
    const char *config_json; /* "null" without one */
} weir_host_setup;

typedef struct weir_host_ops {
    const char *name; /* "library" */
    const char *about;
    size_t size;
    /* Loads the function; does not call init. Errors say what is exported and what was
     * wanted; the caller puts the name of the entry in front. */
    weir_status (*open)(void *self, const weir_host_setup *setup, weir_err *err);
    void (*info)(void *self, weir_host_info *out);
    /* Calls the function's init, once. */
    weir_status (*start)(void *self, weir_err *err);
    /* What this thread needs before its first event. WEIR_EUNAVAIL: not now. */
    weir_status (*thread_init)(void *self, void **local);
    void (*thread_fini)(void *self, void *local);
    /*
     * Runs one event (n 1), or a batch for a function with a batch handler. Verdicts go through
     * weir_call_returned(); is_final[i] says which are final. A batch item set to
     * WEIR_PENDING is not.
     */
    void (*run)(void *self, void *local, weir_call **calls, size_t n, bool *is_final);
    /* Calls fini; only when no call is open. Libraries are never unloaded. */
    void (*close)(void *self);
} weir_host_ops;

#endif
