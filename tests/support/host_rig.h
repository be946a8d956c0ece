/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host_rig - a function of a built library, loaded as the worker does it, for tests.
 *
 * Libraries are found in the build folder, which ctest names in WEIR_BUILD_DIR.
 */
#ifndef WEIR_TESTS_HOST_RIG_H
#define WEIR_TESTS_HOST_RIG_H

#include "handlers/library.h"
#include "tests/support/call_rig.h"

typedef struct host_rig {
    weir_library_opts opts;
    char dir[512];
    char config[512];
    void *self;
    void *local;
    bool is_started;
} host_rig;

/* Opens functions/NAME.so of the tests (or examples/NAME.so), function `function`. */
static inline weir_status host_rig_open_in(host_rig *rig, const char *dir,
                                           const char *name, const char *function,
                                           const char *config, weir_err *err)
{
    const char *build = getenv("WEIR_BUILD_DIR");
    char library[128];
    weir_host_setup setup = { .name = function };
    weir_status st;

    if (build == NULL) {
        fail_msg("WEIR_BUILD_DIR is not set; run this test with ctest");
    }
    (void)snprintf(rig->dir, sizeof(rig->dir), "%s/%s", build, dir);
    (void)snprintf(library, sizeof(library), "./%s.so", name);
    (void)snprintf(rig->config, sizeof(rig->config), "%s",
                   config == NULL ? "null" : config);
    rig->opts.library = library;
    setup.opts = &rig->opts;
    setup.base_dir = rig->dir;
    setup.config_json = rig->config;
    rig->self = calloc(1, weir_library_host.size);
    assert_non_null(rig->self);
    st = weir_library_host.open(rig->self, &setup, err);
    rig->opts.library = NULL;
    if (st != WEIR_OK) {
        free(rig->self);
        rig->self = NULL;
    }
    return st;
}

static inline weir_status host_rig_open(host_rig *rig, const char *name,
                                        const char *function, weir_err *err)
{
    return host_rig_open_in(rig, "tests/functions", name, function, NULL, err);
}

/* Opens and starts, with what this thread needs; anything that fails fails the test. */
static inline void host_rig_start_in(host_rig *rig, const char *dir, const char *name,
                                     const char *function, const char *config)
{
    weir_err err = { .text = "" };

    if (host_rig_open_in(rig, dir, name, function, config, &err) != WEIR_OK ||
        weir_library_host.start(rig->self, &err) != WEIR_OK) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(weir_library_host.thread_init(rig->self, &rig->local), WEIR_OK);
    rig->is_started = true;
}

static inline void host_rig_start(host_rig *rig, const char *name, const char *function)
{
    host_rig_start_in(rig, "tests/functions", name, function, NULL);
}

static inline void host_rig_close(host_rig *rig)
{
    if (rig->self == NULL) {
        return;
    }
    if (rig->is_started) {
        weir_library_host.thread_fini(rig->self, rig->local);
    }
    weir_library_host.close(rig->self);
    free(rig->self);
    memset(rig, 0, sizeof(*rig));
}

/* Runs the call of `call` once, waits for a pending one, and settles it. */
static inline weir_verdict host_rig_run(host_rig *rig, call_rig *call)
{
    weir_call *calls[] = { &call->call };
    bool is_final[] = { false };
    bool is_free;

    weir_library_host.run(rig->self, rig->local, calls, 1, is_final);
    if (!is_final[0]) {
        call_rig_wait(call);
    }
    return weir_call_settle(&call->call, &is_free);
}

#endif
