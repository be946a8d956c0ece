/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metric - counters, gauges and histograms with per-thread shards.
 *
 * The families are a constant table (weir_metric_families), which gives names, help and labels
 * to the code, the text writer and the lint that compares them with the documents. A series is
 * made once (at start, or when a partition is assigned) and then counted on without a lock.
 *
 * Threads: any. Registering takes a lock; counting never does.
 */
#ifndef WEIR_BASE_METRIC_H
#define WEIR_BASE_METRIC_H

#include "worker/base/buf.h"
#include "worker/base/lock.h"

#include <stdint.h>

typedef enum weir_metric_type {
    WEIR_COUNTER,
    WEIR_GAUGE,
    WEIR_HISTOGRAM /* of seconds, observed in microseconds */
} weir_metric_type;

/* Index into weir_metric_families. */
typedef enum weir_metric_id {
    WEIR_M_EVENTS,          /* subscription, outcome */
    WEIR_M_RETRIES,         /* subscription */
    WEIR_M_DEAD_LETTERS,    /* subscription, reason */
    WEIR_M_REDELIVERED,     /* subscription, cause */
    WEIR_M_RESULTS,         /* subscription */
    WEIR_M_OVERRUNS,        /* subscription: attempts that went on past their timeout */
    WEIR_M_SEND_FAILURES,   /* subscription */
    WEIR_M_IN_FLIGHT,       /* subscription */
    WEIR_M_IN_FLIGHT_BYTES, /* subscription */
    WEIR_M_HANDLER_SECONDS, /* subscription */
    WEIR_M_EVENT_SECONDS,   /* subscription */
    WEIR_M_LAG_EVENTS,      /* subscription, topic, partition */
    WEIR_M_UNFINISHED,      /* subscription */
    WEIR_M_LAG_SECONDS,     /* subscription */
    WEIR_M_OLDEST_UNFINISHED, /* subscription */
    WEIR_M_PAUSED_SECONDS,    /* subscription */
    WEIR_M_COMMITS,           /* subscription */
    WEIR_M_REBALANCES,        /* subscription */
    WEIR_M_STOPPED,      /* subscription, topic, partition: 1 while an alarm holds it */
    WEIR_M_STALLS,       /* subscription: parts that stood still with work to do */
    WEIR_M_LOST_TRIMMED, /* subscription: Redis entries trimmed before they were handled */
    WEIR_M_KNOWN_DONE,   /* subscription: not given out again, by what a commit said */
    WEIR_M_MAPS_IGNORED, /* subscription: what a commit said was not believed */
    WEIR_M_REPLICAS_WANTED, /* subscription */
    WEIR_M_ALARMS,          /* name */
    WEIR_M_COUNT
} weir_metric_id;

#define WEIR_METRIC_LABELS 4

typedef struct weir_metric_family {
    const char *name; /* without "weir_", with _total, _seconds, _bytes as fits */
    const char *help;
    weir_metric_type type;
    const char *labels[WEIR_METRIC_LABELS]; /* NULL ends */
} weir_metric_family;

extern const weir_metric_family weir_metric_families[WEIR_M_COUNT];

typedef struct weir_metric
    weir_metric; /* one series; lives until weir_metric_fini_all */

/*
 * The series with these label values (as many as the family has labels; copied), made if it is
 * new. NULL: out of memory; counting on NULL does nothing. More than 2,000 series of one family
 * share one with the label value "other".
 */
weir_metric *weir_metric_get(weir_metric_id id, const char *const *values);
/* The same for the common shapes. */
weir_metric *weir_metric_get1(weir_metric_id id, const char *value);
weir_metric *weir_metric_get2(weir_metric_id id, const char *a, const char *b);
/* Takes a series out of the text (a revoked partition). NULL is accepted. */
void weir_metric_hide(weir_metric *m);

/* A counter; one whose name ends in _seconds_total is counted in microseconds and shown in
 * seconds. */
void weir_metric_add(weir_metric *m, uint64_t n);
void weir_metric_set(weir_metric *m,
                     double value); /* gauge; shows a hidden one again */
void weir_metric_observe(weir_metric *m, int64_t us); /* histogram */
/* n observations of us each: a batch whose items took the same time. */
void weir_metric_observe_n(weir_metric *m, int64_t us, uint64_t n);
uint64_t weir_metric_count(const weir_metric *m); /* counter, or observations */
double weir_metric_value(const weir_metric *m);   /* gauge */

/* Appends all series, plus process_* and weir_build_info, as Prometheus text 0.0.4, or as
 * OpenMetrics 1.0.0 (ends with # EOF). */
void weir_metric_write(weir_buf *out, bool is_openmetrics);
void weir_metric_fini_all(void);

#endif
