/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metric - counters, gauges and histograms with per-thread shards; see metric.h.
 *
 * A thread counts in one of METRIC_SHARDS copies of a series, each on cache lines of its own;
 * a reader adds them up. The series of a family are a list that only grows until the end.
 */
#include "worker/base/metric.h"

#include "worker/base/check.h"
#include "worker/base/metric_process.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#ifndef WEIR_VERSION
#define WEIR_VERSION "dev"
#endif

#define METRIC_SHARDS 16 /* a power of two */
#define METRIC_MAX_SERIES 2000
#define METRIC_LINE 64 /* bytes of a cache line */

/* Upper bounds of the buckets, and the same as text in seconds. */
static const int64_t metric_bounds_us[] = {
    100,    250,    500,    1000,    2500,    5000,    10000,    25000,    50000,
    100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000, 30000000, 60000000,
};
static const char *const metric_bounds[] = {
    "0.0001", "0.00025", "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05",
    "0.1",    "0.25",    "0.5",    "1.0",   "2.5",    "5.0",   "10.0", "30.0",  "60.0",
};

#define METRIC_BOUNDS (sizeof(metric_bounds_us) / sizeof(metric_bounds_us[0]))

typedef struct metric_count_shard {
    _Alignas(METRIC_LINE) atomic_uint_fast64_t n;
} metric_count_shard;

typedef struct metric_time_shard {
    _Alignas(METRIC_LINE) atomic_uint_fast64_t buckets[METRIC_BOUNDS + 1];
    atomic_uint_fast64_t sum_us;
} metric_time_shard;

struct weir_metric {
    weir_metric *next; /* of the same family, in the order of making */
    char *values;      /* the label values, each with its NUL */
    size_t values_len;
    weir_metric_id id;
    atomic_bool is_hidden;
    _Atomic double gauge;
    metric_count_shard *counts; /* METRIC_SHARDS of a counter, else NULL */
    metric_time_shard *times;   /* METRIC_SHARDS of a histogram, else NULL */
};

/* The series of each family; they are added under the lock and freed at the very end. */
static struct {
    weir_metric *first, *last;
    size_t n;
} metric_series[WEIR_M_COUNT];
static pthread_mutex_t metric_mutex = PTHREAD_MUTEX_INITIALIZER;

static unsigned metric_shard(void)
{
    static atomic_uint n_threads;
    static _Thread_local unsigned shard; /* index + 1; 0: not chosen yet */

    if (shard == 0) {
        shard = atomic_fetch_add_explicit(&n_threads, 1, memory_order_relaxed) %
                    METRIC_SHARDS +
                1;
    }
    return shard - 1;
}

/* -- series -------------------------------------------------------------------------- */

static size_t metric_n_labels(weir_metric_id id)
{
    size_t n = 0;

    while (n < WEIR_METRIC_LABELS && weir_metric_families[id].labels[n] != NULL) {
        n++;
    }
    return n;
}

static void metric_free(weir_metric *m)
{
    if (m != NULL) {
        free(m->values);
        free(m->counts);
        free(m->times);
        free(m);
    }
}

/* Zeroed memory that begins on a cache line. */
static void *metric_shards_new(size_t size)
{
    void *shards = aligned_alloc(METRIC_LINE, size * METRIC_SHARDS);

    if (shards != NULL) {
        memset(shards, 0, size * METRIC_SHARDS);
    }
    return shards;
}

/* Takes values on success. */
static weir_metric *metric_new_locked(weir_metric_id id, weir_buf *values)
{
    weir_metric *m = calloc(1, sizeof(*m));

    if (m == NULL) {
        return NULL;
    }
    m->id = id;
    switch (weir_metric_families[id].type) {
    case WEIR_COUNTER:
        if ((m->counts = metric_shards_new(sizeof(*m->counts))) == NULL) {
            goto fail;
        }
        break;
    case WEIR_HISTOGRAM:
        if ((m->times = metric_shards_new(sizeof(*m->times))) == NULL) {
            goto fail;
        }
        break;
    case WEIR_GAUGE:
        break;
    }
    m->values_len = values->len;
    if ((m->values = weir_buf_take(values)) == NULL) {
        goto fail;
    }
    if (metric_series[id].last == NULL) {
        metric_series[id].first = m;
    } else {
        metric_series[id].last->next = m;
    }
    metric_series[id].last = m;
    metric_series[id].n++;
    return m;
fail:
    metric_free(m);
    return NULL;
}

static weir_metric *metric_find_locked(weir_metric_id id, const weir_buf *values)
{
    for (weir_metric *m = metric_series[id].first; m != NULL; m = m->next) {
        if (m->values_len == values->len &&
            (values->len == 0 || memcmp(m->values, values->data, values->len) == 0)) {
            return m;
        }
    }
    return NULL;
}

weir_metric *weir_metric_get(weir_metric_id id, const char *const *values)
{
    WEIR_ASSERT((unsigned)id < WEIR_M_COUNT);

    size_t n_labels = metric_n_labels(id);
    weir_buf all = { 0 };
    weir_metric *m = NULL;

    for (size_t i = 0; i < n_labels; i++) {
        const char *value = values[i] == NULL ? "" : values[i];

        weir_buf_add(&all, value, strlen(value) + 1);
    }
    if (all.has_failed) {
        goto out;
    }
    (void)pthread_mutex_lock(&metric_mutex);
    m = metric_find_locked(id, &all);
    if (m == NULL && metric_series[id].n >= METRIC_MAX_SERIES) {
        weir_buf_reset(&all);
        for (size_t i = 0; i < n_labels; i++) {
            weir_buf_add(&all, "other", sizeof("other"));
        }
        m = metric_find_locked(id, &all);
    }
    if (m == NULL) {
        m = metric_new_locked(id, &all);
    }
    (void)pthread_mutex_unlock(&metric_mutex);
    if (m != NULL) {
        atomic_store_explicit(&m->is_hidden, false, memory_order_relaxed);
    }
out:
    weir_buf_fini(&all);
    return m;
}

weir_metric *weir_metric_get1(weir_metric_id id, const char *value)
{
    WEIR_ASSERT(metric_n_labels(id) == 1);
    return weir_metric_get(id, &value);
}

weir_metric *weir_metric_get2(weir_metric_id id, const char *a, const char *b)
{
    const char *const values[] = { a, b };

    WEIR_ASSERT(metric_n_labels(id) == 2);
    return weir_metric_get(id, values);
}

void weir_metric_hide(weir_metric *m)
{
    if (m != NULL) {
        atomic_store_explicit(&m->is_hidden, true, memory_order_relaxed);
    }
}

void weir_metric_fini_all(void)
{
    (void)pthread_mutex_lock(&metric_mutex);
    for (size_t id = 0; id < WEIR_M_COUNT; id++) {
        weir_metric *m = metric_series[id].first;

        while (m != NULL) {
            weir_metric *next = m->next;

            metric_free(m);
            m = next;
        }
        metric_series[id].first = NULL;
        metric_series[id].last = NULL;
        metric_series[id].n = 0;
    }
    (void)pthread_mutex_unlock(&metric_mutex);
}

/* -- counting ------------------------------------------------------------------------ */

void weir_metric_add(weir_metric *m, uint64_t n)
{
    if (m != NULL) {
        WEIR_DCHECK(m->counts != NULL);
        atomic_fetch_add_explicit(&m->counts[metric_shard()].n, n,
                                  memory_order_relaxed);
    }
}

void weir_metric_set(weir_metric *m, double value)
{
    if (m != NULL) {
        WEIR_DCHECK(weir_metric_families[m->id].type == WEIR_GAUGE);
        atomic_store_explicit(&m->gauge, value, memory_order_relaxed);
        atomic_store_explicit(&m->is_hidden, false, memory_order_relaxed);
    }
}

void weir_metric_observe(weir_metric *m, int64_t us)
{
    weir_metric_observe_n(m, us, 1);
}

void weir_metric_observe_n(weir_metric *m, int64_t us, uint64_t n)
{
    if (m == NULL || n == 0) {
        return;
    }
    WEIR_DCHECK(m->times != NULL);
    if (us < 0) {
        us = 0;
    }

    size_t low = 0;
    size_t high = METRIC_BOUNDS;

    while (low < high) { /* the first bound that is not below us */
        size_t middle = (low + high) / 2;

        if (metric_bounds_us[middle] < us) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }

    metric_time_shard *shard = &m->times[metric_shard()];

    atomic_fetch_add_explicit(&shard->buckets[low], n, memory_order_relaxed);
    atomic_fetch_add_explicit(&shard->sum_us, (uint64_t)us * n, memory_order_relaxed);
}

static uint64_t metric_bucket(const weir_metric *m, size_t bucket)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < METRIC_SHARDS; i++) {
        sum += atomic_load_explicit(&m->times[i].buckets[bucket], memory_order_relaxed);
    }
    return sum;
}

uint64_t weir_metric_count(const weir_metric *m)
{
    uint64_t sum = 0;

    if (m != NULL && m->counts != NULL) {
        for (size_t i = 0; i < METRIC_SHARDS; i++) {
            sum += atomic_load_explicit(&m->counts[i].n, memory_order_relaxed);
        }
    } else if (m != NULL && m->times != NULL) {
        for (size_t i = 0; i <= METRIC_BOUNDS; i++) {
            sum += metric_bucket(m, i);
        }
    }
    return sum;
}

double weir_metric_value(const weir_metric *m)
{
    return m == NULL ? 0 : atomic_load_explicit(&m->gauge, memory_order_relaxed);
}

/* -- text ---------------------------------------------------------------------------- */

static bool metric_ends(const char *name, const char *suffix)
{
    return weir_slice_ends(weir_slice_of(name), weir_slice_of(suffix));
}

/* A label value; bytes that are not UTF-8 become U+FFFD, as the format asks for UTF-8. */
static void metric_write_value(weir_buf *out, const char *value)
{
    weir_slice s = weir_slice_of(value);

    for (size_t at = 0; at < s.len;) {
        size_t step = weir_utf8_step(s, at);
        char c = s.data[at];

        if (step == 0) {
            weir_buf_add(out, "\xEF\xBF\xBD", 3);
            step = 1;
        } else if (c == '\\' || c == '"') {
            weir_buf_char(out, '\\');
            weir_buf_char(out, c);
        } else if (c == '\n') {
            weir_buf_str(out, "\\n");
        } else {
            weir_buf_add(out, s.data + at, step);
        }
        at += step;
    }
}

/* "weir_<name><suffix>{labels,le="..."} " */
static void metric_write_head(weir_buf *out, const weir_metric *m, const char *suffix,
                              const char *le)
{
    const weir_metric_family *family = &weir_metric_families[m->id];
    const char *value = m->values;
    const char *before = "{";

    weir_buf_printf(out, "weir_%s%s", family->name, suffix);
    for (size_t i = 0; i < metric_n_labels(m->id); i++) {
        weir_buf_printf(out, "%s%s=\"", before, family->labels[i]);
        metric_write_value(out, value);
        weir_buf_char(out, '"');
        value += strlen(value) + 1;
        before = ",";
    }
    if (le != NULL) {
        weir_buf_printf(out, "%sle=\"%s\"", before, le);
        before = ",";
    }
    weir_buf_str(out, before[0] == ',' ? "} " : " ");
}

/* Microseconds as seconds, exactly. */
static void metric_write_us(weir_buf *out, uint64_t us)
{
    weir_buf_printf(out, "%" PRIu64 ".%06" PRIu64 "\n", us / 1000000, us % 1000000);
}

/* The shortest text that reads back as the same number. */
static void metric_write_double(weir_buf *out, double value)
{
    char text[40];

    if (isnan(value)) {
        weir_buf_str(out, "NaN\n");
        return;
    }
    if (isinf(value)) {
        weir_buf_str(out, value > 0 ? "+Inf\n" : "-Inf\n");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    weir_buf_printf(out, "%s\n", text);
}

static void metric_write_histogram(weir_buf *out, const weir_metric *m)
{
    uint64_t n = 0;
    uint64_t sum_us = 0;

    for (size_t i = 0; i <= METRIC_BOUNDS; i++) {
        n += metric_bucket(m, i);
        metric_write_head(out, m, "_bucket",
                          i == METRIC_BOUNDS ? "+Inf" : metric_bounds[i]);
        weir_buf_printf(out, "%" PRIu64 "\n", n);
    }
    for (size_t i = 0; i < METRIC_SHARDS; i++) {
        sum_us += atomic_load_explicit(&m->times[i].sum_us, memory_order_relaxed);
    }
    metric_write_head(out, m, "_sum", NULL);
    metric_write_us(out, sum_us);
    metric_write_head(out, m, "_count", NULL);
    weir_buf_printf(out, "%" PRIu64 "\n", n);
}

static void metric_write_series(weir_buf *out, const weir_metric *m)
{
    switch (weir_metric_families[m->id].type) {
    case WEIR_COUNTER:
        metric_write_head(out, m, "", NULL);
        if (metric_ends(weir_metric_families[m->id].name, "_seconds_total")) {
            metric_write_us(out, weir_metric_count(m));
        } else {
            weir_buf_printf(out, "%" PRIu64 "\n", weir_metric_count(m));
        }
        break;
    case WEIR_GAUGE:
        metric_write_head(out, m, "", NULL);
        metric_write_double(out, weir_metric_value(m));
        break;
    case WEIR_HISTOGRAM:
        metric_write_histogram(out, m);
        break;
    }
}

void weir_metric_write_head(weir_buf *out, const char *prefix, const char *name,
                            const char *help, weir_metric_type type,
                            bool is_openmetrics)
{
    static const char *const types[] = { "counter", "gauge", "histogram" };
    size_t len = strlen(name);

    /* OpenMetrics names the family of a counter without its _total. */
    if (is_openmetrics && type == WEIR_COUNTER && metric_ends(name, "_total")) {
        len -= strlen("_total");
    }
    weir_buf_printf(out, "# HELP %s%.*s %s\n", prefix, (int)len, name, help);
    weir_buf_printf(out, "# TYPE %s%.*s %s\n", prefix, (int)len, name, types[type]);
    if (is_openmetrics) {
        weir_slice stem = { name, len };

        if (weir_slice_ends(stem, WEIR_SLICE_LIT("_seconds"))) {
            weir_buf_printf(out, "# UNIT %s%.*s seconds\n", prefix, (int)len, name);
        } else if (weir_slice_ends(stem, WEIR_SLICE_LIT("_bytes"))) {
            weir_buf_printf(out, "# UNIT %s%.*s bytes\n", prefix, (int)len, name);
        }
    }
}

static void metric_write_family_locked(weir_buf *out, size_t id, bool is_openmetrics)
{
    const weir_metric_family *family = &weir_metric_families[id];
    bool has_head = false;

    for (const weir_metric *m = metric_series[id].first; m != NULL; m = m->next) {
        if (atomic_load_explicit(&m->is_hidden, memory_order_relaxed)) {
            continue;
        }
        if (!has_head) {
            weir_metric_write_head(out, "weir_", family->name, family->help,
                                   family->type, is_openmetrics);
            has_head = true;
        }
        metric_write_series(out, m);
    }
}

void weir_metric_write(weir_buf *out, bool is_openmetrics)
{
    (void)pthread_mutex_lock(&metric_mutex);
    for (size_t id = 0; id < WEIR_M_COUNT; id++) {
        metric_write_family_locked(out, id, is_openmetrics);
    }
    (void)pthread_mutex_unlock(&metric_mutex);
    weir_metric_write_process(out, is_openmetrics);

    /* What is constant is an `info` in OpenMetrics and a gauge of 1 before that. */
    weir_buf_printf(out, "# HELP weir_build%s The version that runs.\n",
                    is_openmetrics ? "" : "_info");
    weir_buf_str(out, is_openmetrics ? "# TYPE weir_build info\n"
                                     : "# TYPE weir_build_info gauge\n");
    weir_buf_str(out, "weir_build_info{version=\"" WEIR_VERSION "\"} 1\n");
    if (is_openmetrics) {
        weir_buf_str(out, "# EOF\n");
    }
}
