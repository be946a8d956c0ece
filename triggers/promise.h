/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * promise - what a broker's settings and state mean for the promises of a subscription.
 *
 * An adapter looks at what its brokers tell and says one sentence for each thing that may cost
 * events, results or positions: what is so, what is lost otherwise, what would mend it.
 *
 * Threads: one at a time.
 */
#ifndef WEIR_TRIGGERS_PROMISE_H
#define WEIR_TRIGGERS_PROMISE_H

#include "triggers/source.h"

typedef enum weir_finding {
    WEIR_FINDING_UNKNOWN, /* it may not be asked */
    WEIR_FINDING_WARNING, /* a promise holds only while nothing breaks */
    WEIR_FINDING_ERROR    /* a promise cannot hold */
} weir_finding;

/* topic: a loan; NULL: it is about the queue as a whole. */
typedef void weir_finding_fn(void *arg, const char *topic, weir_finding kind,
                             const char *text);

typedef enum weir_topic_role {
    WEIR_ROLE_FROM = 1,
    WEIR_ROLE_TO = 2,
    WEIR_ROLE_DEAD = 4
} weir_topic_role;

typedef struct weir_promise_topic {
    const char *name;
    weir_topic_role role;
} weir_promise_topic;

/* One subscription's use of one queue. All strings are loans. */
typedef struct weir_promise_ask {
    const char *group; /* NULL: nothing is read from this queue */
    const weir_promise_topic *topics;
    size_t n_topics;
    weir_start start;
    bool stops_if_lost; /* on_lost_position: stop */
    bool is_once;       /* delivery: exactly_once */
    bool is_single;
} weir_promise_ask;

#endif
