/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fn - the functions of the benchmark. Each counts what it has handled, and a thread of its own
 * writes what was measured from the first event to the last to a file.
 *
 * config: events (how many there are; 0: no end), report (the file), work_ms, progress (a file
 * whose first 8 bytes are the count so far, for cells that end by the clock).
 *
 *   noop     does nothing            work      sleeps for work_ms
 *   copy     emits its event         pending   completes after work_ms, on one timer thread
 *   three    reads three values      block     sleeps until work_ms after its first event
 *   batch    does nothing to many    stamp     measures the age of the payload's time
 *
 * A handler thread counts in a slot of its own, so that counting costs what it costs a raw
 * loop; the measuring thread adds the slots up every 2 ms, so the end is seen late by that
 * much at most, to weir's disadvantage.
 */
#include <weir/handler.h>

#include "tests/bench/meter.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOOK_NS 2000000
#define RING 65536 /* a power of two; calls that wait for the timer */
#define MAX_PATH 4096

/* What one thread has handled. */
typedef struct fn_slot {
    struct fn_slot *next;
    atomic_uint_fast64_t n;
    int64_t first_ns, first_cpu_ns; /* set before n leaves 0 */
    bench_histogram *ages;          /* of `stamp` */
    char apart[64];
} fn_slot;

typedef struct fn_due {
    weir_call *call;
    int64_t at_ns;
} fn_due;

/* Calls in the order of their time, which is that of their coming: each waits equally long. */
typedef struct fn_timer {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t some;
    fn_due *ring;
    size_t head, tail; /* taken from, put at */
    bool must_end;
} fn_timer;

typedef struct fn_state {
    int64_t n_events, work_ns;
    char report[MAX_PATH];
    int progress; /* -1: none */
    pthread_mutex_t lock;
    fn_slot *slots; /* under lock */
    atomic_int_fast64_t since_ns;
    atomic_bool must_end;
    bool is_watched; /* there is something to look for: events or progress */
    pthread_t watcher;
    fn_timer *timer; /* NULL but for `pending` */
    fn_slot timer_slot;
} fn_state;

static void fn_sleep_until(int64_t at_ns)
{
    const struct timespec ts = { .tv_sec = at_ns / 1000000000,
                                 .tv_nsec = at_ns % 1000000000 };

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) != 0) {
    }
}

/* -- counting -------------------------------------------------------------------------- */

/* The first event of a thread has come. */
static void fn_begin(fn_slot *slot)
{
    slot->first_ns = bench_now_ns();
    slot->first_cpu_ns = bench_cpu_ns();
}

static inline void fn_enter(fn_slot *slot)
{
    if (__builtin_expect(slot->first_ns == 0, 0)) {
        fn_begin(slot);
    }
}

static inline void fn_leave(fn_slot *slot, uint64_t n)
{
    atomic_store_explicit(&slot->n,
                          atomic_load_explicit(&slot->n, memory_order_relaxed) + n,
                          memory_order_release);
}

/* Adds the slots up; the earliest of their beginnings goes to *first. */
static uint64_t fn_sum_locked(fn_state *self, bench_moment *first)
{
    uint64_t sum = 0;

    for (fn_slot *slot = self->slots; slot != NULL; slot = slot->next) {
        const uint64_t n = atomic_load_explicit(&slot->n, memory_order_acquire);

        sum += n;
        if (n > 0 && slot->first_ns > 0 &&
            (first->at_ns == 0 || slot->first_ns < first->at_ns)) {
            first->at_ns = slot->first_ns;
            first->cpu_ns = slot->first_cpu_ns;
        }
    }
    return sum;
}

static void fn_write(fn_state *self, const bench_meter *m, const char *suffix)
{
    static bench_histogram all;
    char fresh[MAX_PATH + 32];
    char path[MAX_PATH + 16];
    FILE *file;

    memset(&all, 0, sizeof(all));
    pthread_mutex_lock(&self->lock);
    for (fn_slot *slot = self->slots; slot != NULL; slot = slot->next) {
        if (slot->ages != NULL) {
            bench_histogram_merge(&all, slot->ages);
        }
    }
    pthread_mutex_unlock(&self->lock);
    snprintf(path, sizeof(path), "%s%s", self->report, suffix);
    snprintf(fresh, sizeof(fresh), "%s.new", path);
    if ((file = fopen(fresh, "we")) != NULL) {
        bench_report(file, m, all.n > 0 ? &all : NULL);
        if (fclose(file) == 0) {
            (void)rename(fresh, path);
        }
    }
}

static void *fn_watch(void *arg)
{
    fn_state *self = arg;
    bench_meter m = { .n_first = 0 };
    bool is_said = false;

    while (!atomic_load(&self->must_end)) {
        pthread_mutex_lock(&self->lock);
        const uint64_t n = fn_sum_locked(self, &m.first);
        pthread_mutex_unlock(&self->lock);

        if (self->n_events > 0 && m.n_warm == 0 && n >= (uint64_t)self->n_events / 4) {
            bench_moment_take(&m.warm);
            m.n_warm = n;
        }
        if (self->n_events > 0 && !is_said && n >= (uint64_t)self->n_events) {
            bench_moment_take(&m.last);
            m.n_last = n;
            fn_write(self, &m, "");
            is_said = true;
        }
        if (self->progress >= 0 && pwrite(self->progress, &n, sizeof(n), 0) < 0) {
            break;
        }
        fn_sleep_until(bench_now_ns() + LOOK_NS);
    }
    return NULL;
}

static int fn_thread_init(void *state, void **local)
{
    fn_state *self = state;
    fn_slot *slot = aligned_alloc(64, (sizeof(*slot) + 63) / 64 * 64);

    if (slot == NULL) {
        return 1;
    }
    memset(slot, 0, sizeof(*slot));
    pthread_mutex_lock(&self->lock);
    slot->next = self->slots;
    self->slots = slot;
    pthread_mutex_unlock(&self->lock);
    *local = slot;
    return 0;
}

static int stamp_thread_init(void *state, void **local)
{
    bench_histogram *ages = calloc(1, sizeof(*ages));

    if (ages == NULL || fn_thread_init(state, local) != 0) {
        free(ages);
        return 1;
    }
    ((fn_slot *)*local)->ages = ages;
    return 0;
}

/* -- the timer of `pending` ------------------------------------------------------------- */

static void *timer_run(void *arg)
{
    fn_state *self = arg;
    fn_timer *timer = self->timer;

    pthread_mutex_lock(&timer->lock);
    for (;;) {
        while (timer->head == timer->tail && !timer->must_end) {
            pthread_cond_wait(&timer->some, &timer->lock);
        }
        if (timer->head == timer->tail) {
            break;
        }
        const fn_due due = timer->ring[timer->head++ % RING];

        pthread_mutex_unlock(&timer->lock);
        if (due.at_ns > bench_now_ns()) {
            fn_sleep_until(due.at_ns);
        }
        fn_leave(&self->timer_slot, 1);
        weir_complete(due.call, WEIR_DONE);
        pthread_mutex_lock(&timer->lock);
    }
    pthread_mutex_unlock(&timer->lock);
    return NULL;
}

static fn_timer *timer_new(fn_state *self)
{
    fn_timer *timer = calloc(1, sizeof(*timer));

    if (timer == NULL || (timer->ring = calloc(RING, sizeof(fn_due))) == NULL) {
        free(timer);
        return NULL;
    }
    pthread_mutex_init(&timer->lock, NULL);
    pthread_cond_init(&timer->some, NULL);
    self->timer = timer;
    if (pthread_create(&timer->thread, NULL, timer_run, self) != 0) {
        free(timer->ring);
        free(timer);
        self->timer = NULL;
    }
    return self->timer;
}

static void timer_free(fn_timer *timer)
{
    if (timer == NULL) {
        return;
    }
    pthread_mutex_lock(&timer->lock);
    timer->must_end = true;
    pthread_cond_signal(&timer->some);
    pthread_mutex_unlock(&timer->lock);
    pthread_join(timer->thread, NULL);
    free(timer->ring);
    free(timer);
}

/* -- life ------------------------------------------------------------------------------- */

static bool fn_path(const weir_value *config, const char *at, char *out)
{
    weir_slice text;

    if (!weir_value_string(weir_value_at(config, at), &text) || text.len >= MAX_PATH) {
        return false;
    }
    memcpy(out, text.data, text.len);
    out[text.len] = '\0';
    return true;
}

static int fn_init(const weir_setup *setup, void **state)
{
    const weir_value *config = weir_setup_value(setup);
    fn_state *self = calloc(1, sizeof(*self));
    char path[MAX_PATH];
    int64_t work_ms = 0;

    if (self == NULL ||
        !weir_value_int(weir_value_at(config, "/events"), &self->n_events) ||
        !fn_path(config, "/report", self->report)) {
        free(self);
        return 1;
    }
    (void)weir_value_int(weir_value_at(config, "/work_ms"), &work_ms);
    self->work_ns = work_ms * 1000000;
    self->progress = -1;
    if (fn_path(config, "/progress", path)) {
        self->progress = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    }
    pthread_mutex_init(&self->lock, NULL);
    self->slots = &self->timer_slot;
    bench_allocs_look();
    self->is_watched = self->n_events > 0 || self->progress >= 0;
    if (self->is_watched && pthread_create(&self->watcher, NULL, fn_watch, self) != 0) {
        free(self);
        return 1;
    }
    *state = self;
    return 0;
}

static int pending_init(const weir_setup *setup, void **state)
{
    return fn_init(setup, state) != 0 || timer_new(*state) == NULL;
}

/* Also says how many there were in the end. */
static void fn_fini(void *state)
{
    fn_state *self = state;
    bench_meter m = { .n_first = 0 };

    atomic_store(&self->must_end, true);
    if (self->is_watched) {
        pthread_join(self->watcher, NULL);
    }
    timer_free(self->timer);
    m.n_last = fn_sum_locked(self, &m.first);
    bench_moment_take(&m.last);
    fn_write(self, &m, ".end");
    while (self->slots != NULL) {
        fn_slot *next = self->slots->next;

        if (self->slots != &self->timer_slot) {
            free(self->slots->ages);
            free(self->slots);
        }
        self->slots = next;
    }
    if (self->progress >= 0) {
        close(self->progress);
    }
    free(self);
}

/* -- the functions ----------------------------------------------------------------------- */

static weir_verdict noop(void *state, const weir_event *ev, weir_call *call)
{
    fn_slot *slot = weir_call_local(call);

    (void)state;
    (void)ev;
    fn_enter(slot);
    fn_leave(slot, 1);
    return WEIR_DONE;
}

/* Not even counted: for weir-bench-engine. */
static weir_verdict nothing(void *state, const weir_event *ev, weir_call *call)
{
    (void)state;
    (void)ev;
    (void)call;
    return WEIR_DONE;
}

static weir_verdict copy(void *state, const weir_event *ev, weir_call *call)
{
    fn_slot *slot = weir_call_local(call);
    const weir_output out = { .key = weir_event_key(ev), .data = weir_event_data(ev) };

    (void)state;
    fn_enter(slot);
    (void)weir_emit(call, &out);
    fn_leave(slot, 1);
    return WEIR_DONE;
}

static weir_verdict three(void *state, const weir_event *ev, weir_call *call)
{
    fn_slot *slot = weir_call_local(call);
    const weir_value *value = weir_event_value(ev);
    int64_t amount;
    weir_slice id;
    bool is_paid;

    (void)state;
    fn_enter(slot);
    if (!weir_value_int(weir_value_at(value, "/amount"), &amount) ||
        !weir_value_string(weir_value_at(value, "/customer/id"), &id) ||
        !weir_value_bool(weir_value_at(value, "/payment/paid"), &is_paid)) {
        return weir_reject(call, "no-value", "one of three values is missing");
    }
    fn_leave(slot, 1);
    return WEIR_DONE;
}

static weir_verdict work(void *state, const weir_event *ev, weir_call *call)
{
    fn_slot *slot = weir_call_local(call);
    const fn_state *self = state;

    (void)ev;
    fn_enter(slot);
    fn_sleep_until(bench_now_ns() + self->work_ns);
    fn_leave(slot, 1);
    return WEIR_DONE;
}

static weir_verdict block(void *state, const weir_event *ev, weir_call *call)
{
    fn_slot *slot = weir_call_local(call);
    fn_state *self = state;
    int_fast64_t since = 0;
    const int64_t now = bench_now_ns();

    (void)ev;
    fn_enter(slot);
    if (atomic_compare_exchange_strong(&self->since_ns, &since, now)) {
        since = now;
    }
    if (now < since + self->work_ns) {
        fn_sleep_until(since + self->work_ns);
    }
    fn_leave(slot, 1);
    return WEIR_DONE;
}

static weir_verdict pending(void *state, const weir_event *ev, weir_call *call)
{
    fn_slot *slot = weir_call_local(call);
    fn_state *self = state;
    fn_timer *timer = self->timer;
    weir_verdict verdict = WEIR_PENDING;

    (void)ev;
    pthread_mutex_lock(&timer->lock);
    if (self->timer_slot.first_ns == 0) {
        fn_begin(&self->timer_slot);
    }
    if (timer->tail - timer->head < RING) {
        timer->ring[timer->tail++ % RING] =
            (fn_due){ call, bench_now_ns() + self->work_ns };
        if (timer->tail - timer->head == 1) {
            pthread_cond_signal(&timer->some);
        }
    } else {
        verdict = WEIR_RETRY;
    }
    pthread_mutex_unlock(&timer->lock);
    (void)slot;
    return verdict;
}

static void batch(void *state, weir_batch *b)
{
    const size_t n = weir_batch_size(b);
    fn_slot *slot = weir_call_local(weir_batch_call(b, 0));

    (void)state;
    fn_enter(slot);
    for (size_t i = 0; i < n; i++) {
        weir_batch_verdict(b, i, WEIR_DONE);
    }
    fn_leave(slot, n);
}

/* The payload begins with the moment it should have been sent; 0: it is only counted. A key that
 * begins with "slow" takes work_ms and is not measured. */
static weir_verdict stamp(void *state, const weir_event *ev, weir_call *call)
{
    fn_slot *slot = weir_call_local(call);
    const fn_state *self = state;
    const weir_slice data = weir_event_data(ev);
    const weir_slice key = weir_event_key(ev);
    int64_t sent_ns = 0;

    fn_enter(slot);
    if (key.len >= 4 && memcmp(key.data, "slow", 4) == 0) {
        fn_sleep_until(bench_now_ns() + self->work_ns);
    } else if (data.len >= sizeof(sent_ns)) {
        memcpy(&sent_ns, data.data, sizeof(sent_ns));
        if (sent_ns != 0) {
            bench_histogram_add(slot->ages, bench_now_ns() - sent_ns);
        }
    }
    fn_leave(slot, 1);
    return WEIR_DONE;
}

#define FN(title, text, ...)                                                           \
    {                                                                                  \
        .name = title, .about = text, .version = "1.0.0", .init = fn_init,             \
        .fini = fn_fini, .thread_init = fn_thread_init, __VA_ARGS__                    \
    }

static const weir_function functions[] = {
    FN("noop", "does nothing", .handle = noop),
    FN("copy", "emits its event", .handle = copy),
    FN("three", "reads three values", .handle = three, .wants_value = true),
    FN("work", "sleeps", .handle = work),
    FN("block", "sleeps until some time after its first event", .handle = block),
    FN("batch", "does nothing to many events at once", .handle_batch = batch),
    { .name = "nothing",
      .about = "does not even count",
      .version = "1.0.0",
      .handle = nothing },
    { .name = "pending",
      .about = "completes later, on one timer thread",
      .version = "1.0.0",
      .init = pending_init,
      .fini = fn_fini,
      .thread_init = fn_thread_init,
      .handle = pending },
    { .name = "stamp",
      .about = "measures how long ago its event should have been sent",
      .version = "1.0.0",
      .init = fn_init,
      .fini = fn_fini,
      .thread_init = stamp_thread_init,
      .handle = stamp },
};
WEIR_FUNCTIONS(functions);
