/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config - the configuration file: read, checked, and made into what the engine wants.
 *
 *     bytes -> yaml.c (tree) -> config_expand.c (${}) -> config_opts.c (rows -> structs)
 *           -> config_subs.c (the rules between settings) -> config_build.c (weir_sub)
 *
 * Everything that is wrong is collected in `diags`; a config with errors may be looked at and
 * must be freed, and nothing else.
 *
 * Threads: one at a time while it is made; then any, read only.
 */
#ifndef WEIR_APP_CONFIG_H
#define WEIR_APP_CONFIG_H

#include "worker/app/diag.h"
#include "worker/app/registry.h"
#include "worker/app/yaml.h"
#include "worker/engine/engine.h"

/* `worker:`; see weir_worker_rows. */
typedef struct weir_worker_opts {
    char *name, *instance;
    int64_t threads;
    uint64_t stack;
    int64_t max_events;
    uint64_t max_bytes, max_event;
    int64_t drain_us;
    char *state_dir;
    char *admin, *admin_token, *probes;
    bool core_files;
    struct {
        int level, format;
    } log;
} weir_worker_opts;

/* An entry of `subscriptions:`; see weir_sub_rows. Order of words: weir_order, and so on. */
typedef struct weir_sub_opts {
    char *function;
    weir_opt_list from;
    char *name, *group, *start;
    int on_lost_position, format, order;
    char *key;
    struct {
        char *data, *key;
    } fields;
    int64_t concurrency, timeout_us, hang_us;
    struct {
        int64_t max, wait_us;
        uint64_t bytes;
    } batch;
    struct {
        int64_t attempts, crashes;
        int backoff, jitter;
        int64_t first_us, max_us, give_up_us;
    } retry;
    int64_t max_age_us;
    char *filter; /* JSON */
    char *to, *dead;
    int64_t commit_us, handover_us, claim_after_us;
    int delivery; /* 0: at least once, 1: exactly once, 2: at most once */
    int64_t transaction_us;
    bool is_single, stamp, is_static, is_paused;
    int assignor;
} weir_sub_opts;

extern const weir_opt weir_worker_rows[], weir_sub_rows[];

typedef struct weir_config_queue {
    const char *name;
    const weir_queue_type *type;
    void *opts;
    const weir_yaml *node;
} weir_config_queue;

typedef struct weir_config_function {
    const char *name;
    const weir_host_type *type;
    void *opts;
    const weir_yaml *node, *key;
    bool is_wrong; /* its settings have an error: it cannot be loaded */
} weir_config_function;

typedef struct weir_config_from {
    size_t queue; /* index */
    const char *topic;
    int line, column;
    bool is_pattern;
} weir_config_from;

typedef struct weir_config_sub {
    weir_sub_opts opts;
    const char *name, *group;
    const weir_yaml *node;
    size_t function;
    weir_config_from *from;
    size_t n_from;
    weir_start start;
    int64_t start_ms;
    weir_order order;
    uint32_t concurrency;
    weir_dead_mode dead_mode;
    /* an address; NULL: one for each topic (pattern), drop or stop */
    const char *dead;
    weir_pointer *key_pointer;
    weir_filter *filter;
} weir_config_sub;

typedef struct weir_config {
    weir_arena arena;
    char *path, *base_dir, *source;
    weir_diags diags;
    const weir_yaml *root;
    weir_worker_opts worker;
    bool is_log_format_set;
    weir_config_queue *queues;
    size_t n_queues;
    weir_config_function *functions;
    size_t n_functions;
    weir_config_sub *subs;
    size_t n_subs;
} weir_config;

/*
 * Reads and checks a file. Needs no broker and loads no function.
 * Owns:    the caller ends *out with weir_config_free(), whatever the status but ENOMEM.
 * Returns: WEIR_OK (warnings may be in diags), WEIR_ECONFIG (errors are in diags; `path` not
 * readable is one of them), WEIR_ENOMEM.
 */
weir_status weir_config_load(const char *path, weir_config **out);
/* The same from bytes; path is for the messages and for relative paths. */
weir_status weir_config_parse(const char *path, weir_slice bytes, weir_config **out);
void weir_config_free(weir_config *cfg);

/* Loads each function (init is not called) and checks it against its subscriptions; adds
 * errors to diags. Returns WEIR_OK or WEIR_ECONFIG. */
weir_status weir_config_check_functions(weir_config *cfg);

/* What the engine wants, made from a config without errors. */
typedef struct weir_plan {
    weir_arena arena;
    weir_engine_setup setup;
} weir_plan;

/*
 * cfg must live as long as the plan; instance is this process's (with its suffix), or a loan.
 * Returns: WEIR_OK or WEIR_ENOMEM. End with weir_plan_fini().
 */
weir_status weir_config_build(const weir_config *cfg, const char *instance,
                              weir_plan *out);
void weir_plan_fini(weir_plan *plan);

/* The queue of that name, or NULL. */
const weir_config_queue *weir_config_queue_find(const weir_config *cfg,
                                                const char *name);
const weir_config_function *weir_config_function_find(const weir_config *cfg,
                                                      const char *name);

/* Appends the effective settings as JSON, secrets masked. */
void weir_config_json(const weir_config *cfg, weir_buf *out);
/* Appends JSON text as YAML in block style. */
weir_status weir_json_to_yaml(weir_slice json, weir_buf *out, weir_err *err);
/* Appends the JSON Schema of the file. */
void weir_config_schema(weir_buf *out);

#endif
