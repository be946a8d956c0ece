/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sensors - makes one summary of the many samples in a sensor's reading, in MessagePack.
 *
 * A reading is a map { sensor: text, samples: [numbers] }; the result is the map { sensor, n,
 * min, max, mean, median }, with the sensor's name as its key. To find the median the samples
 * are sorted in a buffer that belongs to the handler thread (thread_init), so nothing is
 * allocated for an event and no lock is needed.
 *
 * A reading without samples is rejected; one with a sample that is no number, too.
 *
 *     functions:
 *       sensors: { library: ./sensors.so, config: { max_samples: 10000 } }
 *     subscriptions:
 *       - { function: sensors, from: redis:readings, start: earliest, format: msgpack,
 *           to: redis:summaries }
 *
 *     cc -shared -fPIC -o sensors.so sensors.c
 *
 * config.max_samples (default 10000): larger readings are rejected.
 */
#include <weir/handler.h>

#include <stdlib.h>

typedef struct settings {
    int64_t max_samples;
} settings;

static int init(const weir_setup *setup, void **state)
{
    settings *set = calloc(1, sizeof(*set));

    if (set == NULL) {
        return 1;
    }
    set->max_samples = 10000;
    weir_value_int(weir_value_at(weir_setup_value(setup), "/max_samples"),
                   &set->max_samples);
    if (set->max_samples < 1 || set->max_samples > 100000000) {
        free(set);
        return 2;
    }
    *state = set;
    return 0;
}

static void fini(void *state)
{
    free(state);
}

static int thread_init(void *state, void **local)
{
    const settings *set = state;

    *local = calloc((size_t)set->max_samples, sizeof(double));
    return *local == NULL ? 1 : 0;
}

static void thread_fini(void *state, void *local)
{
    (void)state;
    free(local);
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Writes the summary of n sorted samples as one MessagePack document. */
static void emit_summary(weir_call *call, const double *samples, size_t n,
                         weir_slice sensor)
{
    weir_writer *w = weir_emit_value(call, WEIR_FORMAT_MSGPACK);
    double sum = 0;

    for (size_t i = 0; i < n; i++) {
        sum += samples[i];
    }
    weir_write_map(w);
    weir_write_key(w, "sensor");
    weir_write_string(w, sensor);
    weir_write_key(w, "n");
    weir_write_uint(w, n);
    weir_write_key(w, "min");
    weir_write_double(w, samples[0]);
    weir_write_key(w, "max");
    weir_write_double(w, samples[n - 1]);
    weir_write_key(w, "mean");
    weir_write_double(w, sum / (double)n);
    weir_write_key(w, "median");
    weir_write_double(w, (samples[(n - 1) / 2] + samples[n / 2]) / 2);
    weir_write_end(w);
    weir_emit_end(w, &(weir_output){ .key = sensor });
}

static weir_verdict summarize(void *state, const weir_event *ev, weir_call *call)
{
    const settings *set = state;
    const weir_value *root = weir_event_value(ev);
    const weir_value *list = weir_value_at(root, "/samples");
    const weir_value *item;
    double *samples = weir_call_local(call);
    weir_value_iter it = { 0 };
    weir_slice sensor;
    size_t n = 0;

    if (!weir_value_string(weir_value_at(root, "/sensor"), &sensor)) {
        return weir_reject(call, "no-sensor",
                           "a reading that does not name its sensor");
    }
    if (weir_value_type(list) != WEIR_TYPE_ARRAY || weir_value_size(list) == 0) {
        return weir_reject(call, "no-samples", "a reading without samples");
    }
    if (weir_value_size(list) > (size_t)set->max_samples) {
        return weir_reject(call, "too-many", "%zu samples", weir_value_size(list));
    }
    while (weir_value_next(list, &it, NULL, &item)) {
        if (!weir_value_double(item, &samples[n])) {
            return weir_reject(call, "not-a-number", "sample %zu is no number", n);
        }
        n++;
    }
    qsort(samples, n, sizeof(*samples), by_size);
    emit_summary(call, samples, n, sensor);
    return WEIR_DONE;
}

static const weir_function functions[] = {
    { .name = "sensors",
      .about = "summarizes a sensor's samples",
      .version = "1.0.0",
      .init = init,
      .fini = fini,
      .thread_init = thread_init,
      .thread_fini = thread_fini,
      .handle = summarize,
      .wants_value = true,
      .replay_safe = true },
};
WEIR_FUNCTIONS(functions);
