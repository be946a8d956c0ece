/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sub - the rules of one subscription, as the engine sees them.
 *
 * Filled by the application from the configuration; constant while the engine runs. The
 * engine reads policy from here and nowhere else.
 */
#ifndef WEIR_ENGINE_SUB_H
#define WEIR_ENGINE_SUB_H

#include "handlers/host.h"
#include "schemas/codec.h"
#include "schemas/filter.h"
#include "triggers/settler.h"

typedef enum weir_order {
    WEIR_ORDER_NONE,
    WEIR_ORDER_PARTITION,
    WEIR_ORDER_KEY
} weir_order;

typedef enum weir_backoff {
    WEIR_BACKOFF_CONSTANT,
    WEIR_BACKOFF_LINEAR,
    WEIR_BACKOFF_EXPONENTIAL
} weir_backoff;

typedef enum weir_jitter {
    WEIR_JITTER_NONE,
    WEIR_JITTER_FULL,
    WEIR_JITTER_EQUAL
} weir_jitter;

typedef struct weir_retry_rules {
    uint32_t attempts; /* in all, the first too; 1..1000000 */
    weir_backoff backoff;
    weir_jitter jitter;
    int64_t first_us, max_us;
    int64_t give_up_us; /* from the first attempt; 0: no limit */
    uint32_t crashes;   /* so often it may end the worker and is still run again */
} weir_retry_rules;

typedef struct weir_batch_rules {
    uint32_t max; /* events; 1: the function is called with single events */
    int64_t wait_us;
    size_t bytes;
} weir_batch_rules;

typedef enum weir_dead_mode {
    WEIR_DEAD_ADDRESS, /* published; the event waits for the confirmation */
    WEIR_DEAD_DROP,    /* counted, logged and passed */
    WEIR_DEAD_STOP     /* its partition stops, with an alarm, until `weir skip` */
} weir_dead_mode;

/* One source of a subscription: addresses of one queue. */
typedef struct weir_sub_source {
    const weir_source_ops *ops;
    /* the engine fills host, max_event, max_events, max_bytes */
    weir_source_setup setup;
    size_t queue; /* index into weir_engine_setup.queues */
} weir_sub_source;

typedef struct weir_sub {
    const char *name; /* unique */
    const char *group;
    size_t host; /* index into weir_engine_setup.hosts */
    weir_sub_source *sources;
    size_t n_sources;
    const weir_codec_ops *codec;
    weir_order order;
    const weir_pointer *key_pointer; /* NULL: the event's own key */
    const weir_filter *filter;       /* NULL: all */
    uint32_t concurrency;
    int64_t timeout_us;
    /* a function that has not returned by then ends the worker; 0: never */
    int64_t hang_us;
    weir_batch_rules batch;
    weir_retry_rules retry;
    int64_t max_age_us; /* 0: none */
    const char *to;     /* an address; NULL: none */
    weir_dead_mode dead_mode;
    /* an address; NULL: <topic>.<name>.dead on the source's queue */
    const char *dead;
    bool stamp;
    bool is_paused; /* from the start */
    /* exactly_once: publishes and acknowledges in one; NULL: at least once. With it there is one
     * source, and all outputs go to its queue. */
    const weir_settler_ops *settler;
    int64_t transaction_us;
    /* at_most_once: an event is acknowledged, and that is committed, before it is admitted. */
    bool acks_first;
} weir_sub;

#endif
