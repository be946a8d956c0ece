/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry - the adapters that this program has: types of queues and hosts of functions.
 *
 * The only place that names concrete adapters. What the rest of the application knows of a
 * type stands in its row. One file a type: registry_kafka.c, registry_redis.c.
 */
#ifndef WEIR_APP_REGISTRY_H
#define WEIR_APP_REGISTRY_H

#include "handlers/host.h"
#include "triggers/promise.h"
#include "triggers/settler.h"
#include "worker/base/buf.h"

/* Says one thing about the settings of a queue; line 0: about the queue as a whole. */
typedef void weir_queue_say_fn(void *arg, int line, int column, bool is_error,
                               const char *text);

/* Where a range begins or ends. */
typedef enum weir_bound_kind {
    WEIR_BOUND_START,
    WEIR_BOUND_END,
    WEIR_BOUND_POS,  /* an offset or entry id */
    WEIR_BOUND_TIME, /* milliseconds since 1970 in `value` */
    WEIR_BOUND_BACK, /* `value` events before the end, in each partition */
    WEIR_BOUND_NEVER
} weir_bound_kind;

typedef struct weir_bound {
    weir_bound_kind kind;
    int64_t value;
    weir_pos pos;
} weir_bound;

typedef struct weir_range_setup {
    const void *opts; /* of the queue */
    const char *queue_name, *topic;
    int32_t partition; /* -1: all */
    weir_bound from, to;
    size_t max_event;
    int timeout_ms;
} weir_range_setup;

/* Reading outside every group. */
typedef struct weir_range_ops {
    weir_status (*open)(const weir_range_setup *setup, void **out, weir_err *err);
    weir_status (*read)(void *range, weir_event *const *evs, size_t cap,
                        int64_t wait_us, size_t *n, bool *is_end, weir_err *err);
    void (*close)(void *range);
} weir_range_ops;

typedef struct weir_topic_info {
    int n_partitions, replication;
    int64_t max_bytes; /* -1: unknown */
    bool is_compacted;
} weir_topic_info;

/* Where a group of a subscription stands. */
typedef struct weir_group_ask {
    const char *group, *topic;
    weir_start start;
    int64_t start_ms;
    const char *start_text;
} weir_group_ask;

typedef struct weir_group_state {
    bool is_new;   /* no position anywhere */
    int n_members; /* -1: unknown */
} weir_group_state;

/* Questions to a broker without a subscription; each opens what it needs. Timeouts in ms. */
typedef struct weir_queue_ask {
    /* WEIR_OK, WEIR_ENOENT, WEIR_EDENIED, WEIR_EUNAVAIL */
    weir_status (*topic)(const void *opts, const char *topic, int timeout_ms,
                         weir_topic_info *out, weir_err *err);
    /* Makes a topic like another; NULL: topics come into being by writing. */
    weir_status (*make)(const void *opts, const char *topic,
                        const weir_topic_info *like, int timeout_ms, weir_err *err);
    /* Appends the command that makes it. NULL as above. */
    void (*make_command)(const void *opts, const char *topic,
                         const weir_topic_info *like, weir_buf *out);
    /* Appends "committed on 12/12, lag 431" or "NEW group: ...". */
    weir_status (*group)(const void *opts, const weir_group_ask *ask, int timeout_ms,
                         weir_group_state *state, weir_buf *out, weir_err *err);
    /* Can results to these topics and the acknowledgement of those be one step (exactly_once)?
     * NULL: nothing more is to be asked. */
    weir_status (*once)(const void *opts, const char *group, const weir_slice *from,
                        size_t n_from, const weir_slice *to, size_t n_to,
                        int timeout_ms, weir_err *err);
    /* Says what settings and state of the brokers may cost (triggers/promise.h). */
    weir_status (*promises)(const void *opts, const weir_promise_ask *ask,
                            int timeout_ms, weir_finding_fn *say, void *arg,
                            weir_err *err);
    /* Topics that match a pattern. NULL: there are no patterns. */
    weir_status (*match)(const void *opts, const char *pattern, int timeout_ms,
                         weir_opt_list *out, weir_err *err);
    /* May the group's position be moved past that event, at which it must stand? And, if
     * asked to, moves it. NULL: only a running worker can. */
    weir_status (*move)(const void *opts, const char *group, const weir_address *at,
                        int timeout_ms, bool do_it, weir_err *err);
} weir_queue_ask;

/* A queue of its own for `weir dev`. */
typedef struct weir_queue_embed {
    const char *what; /* "an embedded Kafka" */
    /* Runs in a child: serves until stdin ends; prints its address on the first line. argv is
     * a program to start instead if `serve` is NULL. */
    int (*serve)(void);
    /* The child's command line in argv (NULL-ended, at most 16; strings in `room`) and its
     * address, for a program of others. WEIR_ENOENT: it is not installed. */
    weir_status (*command)(const char *dir, char *room, size_t cap, const char **argv,
                           char *address, size_t address_cap, weir_err *err);
    /* Makes the settings those of the embedded queue at that address. */
    bool (*adapt)(void *opts, const char *address);
    /* True if it answers. */
    bool (*is_up)(const void *opts);
} weir_queue_embed;

typedef struct weir_queue_type {
    const char *name; /* as `type:` has it */
    const char *about;
    const weir_source_ops *source;
    const weir_sink_ops *sink;
    const weir_settler_ops *settler; /* of exactly_once; NULL: there is none */
    const weir_opt *rows;
    size_t opts_size;
    /* Topics have partitions: patterns, order by key without a lease, static members. */
    bool has_partitions;
    /* What is wrong with the settings, without asking a broker. */
    void (*check)(const void *opts, weir_queue_say_fn *say, void *arg);
    /* Why this cannot be the name of a topic or stream; NULL: it can. */
    const char *(*topic_wrong)(const char *topic);
    const weir_range_ops *range;
    const weir_queue_ask *ask;
    const weir_queue_embed *embed;
} weir_queue_type;

typedef struct weir_host_type {
    const char
        *name; /* the key that tells an entry under `functions:` to be of this type */
    const char *about;
    const weir_host_ops *ops;
    const weir_opt *rows;
    size_t opts_size;
    /* What the function's init gets, as JSON; NULL: nothing. */
    const char *(*config)(const void *opts);
    /* The file whose change makes `weir dev` start anew; NULL: none. */
    const char *(*file)(const void *opts);
} weir_host_type;

/* All of them; end with an entry without name. */
extern const weir_queue_type *const weir_queue_types[];
extern const weir_host_type weir_host_types[];

/* Names of the types, NULL-terminated, as the words of `type:`. */
extern const char *const weir_queue_type_words[];

const weir_queue_type *weir_queue_type_find(const char *name);

extern const weir_queue_type weir_queue_kafka, weir_queue_redis;

/* 48201337 -> "48,201,337", for people. */
void weir_number_text(int64_t n, char *out, size_t cap);

#endif
