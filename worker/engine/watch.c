/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch - two threads: the timer, which wakes the pool for what is due and tends it, and the
 * prober, which asks destinations whether they exist and may be written.
 *
 * The prober is apart because its calls may block for seconds.
 */
#include "worker/engine/line.h"

#include "worker/base/check.h"
#include "worker/base/clock.h"
#include "worker/base/log.h"

#include <stdio.h>
#include <stdlib.h>

#define WATCH_TICK_US 1000 /* while the pool wants to be tended */
#define WATCH_TICKS                                                                    \
    16 /* that follow when it has been asked to, so that the next
                              one who asks finds it ticking: a wake-up costs more */
#define WATCH_IDLE_US 250000
#define WATCH_EXPIRE_US 250000 /* how often overruns are looked for */
#define PROBE_TIMEOUT_US 3000000
#define PROBE_AGAIN_US 2000000  /* after a failure */
#define PROBE_EXTRA (16 * 1024) /* what weir may add to the source's largest event */

struct weir_watch {
    weir_engine *e;
    pthread_t timer, prober;
    bool has_timer, has_prober;
    atomic_bool is_stopping, is_prober_stopping;
    weir_signal timer_signal, prober_signal;
    atomic_llong wakes_us; /* when the timer will look by itself */
    atomic_bool wants_tend;
    atomic_llong beat_us;
    int64_t expired_us;
};

/* -- timer ---------------------------------------------------------------------------------- */

static void watch_wake_by(weir_watch *w, int64_t due_us)
{
    const int64_t wakes_us = atomic_load(&w->wakes_us);

    /* 0: the timer is awake and may have looked already; raising makes it look again. */
    if (wakes_us == 0 || due_us < wakes_us) {
        weir_signal_raise(&w->timer_signal, 1);
    }
}

void weir_watch_due(weir_watch *w, int64_t due_us)
{
    watch_wake_by(w, due_us);
}

void weir_watch_tend(weir_watch *w)
{
    if (atomic_load_explicit(&w->wants_tend, memory_order_relaxed) ||
        atomic_exchange(&w->wants_tend, true)) {
        return;
    }
    watch_wake_by(w, weir_clock_us() + WATCH_TICK_US);
}

/* Attempts that go on past their timeout are said once. */
static void watch_expire(weir_watch *w, int64_t now)
{
    char one[WEIR_POSITION_MAX];

    if (now - w->expired_us < WATCH_EXPIRE_US) {
        return;
    }
    w->expired_us = now;
    for (size_t i = 0; i < w->e->n_lines; i++) {
        weir_line *line = &w->e->lines[i];
        const size_t n = weir_flow_expire(line->flow, now, one);

        if (n > 0) {
            weir_log(WEIR_WARN, "event.overrunning",
                     "sub=%s n=%zu position=%s text=the function goes on past its "
                     "timeout; it "
                     "has been told to return",
                     line->sub->name, n, one);
        }
    }
}

/* The earliest time at which a line wants something. */
static int64_t watch_next_due(const weir_watch *w, int64_t now)
{
    int64_t due = now + WATCH_IDLE_US;

    for (size_t i = 0; i < w->e->n_lines; i++) {
        const int64_t line_due = weir_flow_hint_due_us(w->e->lines[i].flow);

        due = line_due < due ? line_due : due;
    }
    return due;
}

static void *watch_timer_main(void *arg)
{
    weir_watch *w = arg;
    unsigned n_ticks = 0;

    while (!atomic_load(&w->is_stopping)) {
        unsigned seen = weir_signal_read(&w->timer_signal);
        int64_t now = weir_clock_us();
        int64_t due = watch_next_due(w, now);

        atomic_store(&w->beat_us, now);
        atomic_store(&w->e->wall_offset_us, weir_clock_wall_ms() * 1000 - now);
        if (due <= now) {
            weir_pool_kick(w->e->pool);
            due = now + WATCH_TICK_US;
            /* With all threads busy the kick asks this one to look: at the next tick, or it
             * would go round and round until one of them is free. */
            seen = weir_signal_read(&w->timer_signal);
        }
        if (atomic_load(&w->wants_tend) || n_ticks > 0) {
            due = due < now + WATCH_TICK_US ? due : now + WATCH_TICK_US;
        }
        atomic_store(&w->wakes_us, due);
        weir_signal_wait(&w->timer_signal, seen, due);
        atomic_store(&w->wakes_us, 0);
        now = weir_clock_us();
        if (atomic_exchange(&w->wants_tend, false)) {
            n_ticks = WATCH_TICKS;
        }
        if (n_ticks > 0) {
            n_ticks = weir_pool_tend(w->e->pool, now) ? WATCH_TICKS : n_ticks - 1;
        } else if (now - w->expired_us >= WATCH_EXPIRE_US) {
            weir_pool_tend(w->e->pool, now);
        }
        watch_expire(w, now);
    }
    return NULL;
}

/* -- prober --------------------------------------------------------------------------------- */

/* The largest record that the sources of the line may have, as their broker says; 0: it does
 * not say. A topic is asked through the sink of its queue. */
static size_t watch_source_largest(const weir_watch *w, const weir_line *line)
{
    const weir_engine *e = line->e;
    size_t most = 0;
    weir_err err;

    for (size_t i = 0; i < line->sub->n_sources; i++) {
        const weir_sub_source *source = &line->sub->sources[i];
        const weir_sink_ops *ops = e->setup->queues[source->queue].sink;
        void *self = e->sinks[source->queue];

        for (size_t k = 0; ops != NULL && k < source->setup.n_topics; k++) {
            size_t largest = SIZE_MAX;
            void *target;

            if (atomic_load(&w->is_prober_stopping)) {
                return 0;
            }
            if (source->setup.topics[k][0] != '^' &&
                ops->target(self, source->setup.topics[k], &target, &err) == WEIR_OK &&
                ops->probe(self, target, PROBE_TIMEOUT_US, &largest, &err) == WEIR_OK &&
                largest != SIZE_MAX) {
                most = largest > most ? largest : most;
            }
        }
    }
    return most < e->setup->max_event ? most : e->setup->max_event;
}

/* A destination by its index; NULL: past the end. */
static weir_dest *watch_dest_at(weir_engine *e, size_t i)
{
    weir_dest *dest = NULL;

    weir_lock_take(&e->dest_lock);
    if (i < e->n_dests) {
        dest = e->dests[i];
    }
    weir_lock_give(&e->dest_lock);
    return dest;
}

/* Asks one destination and writes down what it says. */
static void watch_probe_one(weir_watch *w, weir_dest *dest)
{
    weir_engine *e = w->e;
    const weir_sink_ops *ops = e->setup->queues[dest->sink].sink;
    size_t largest = SIZE_MAX;
    weir_err err;
    weir_status st;

    err.text[0] = '\0';
    st = ops->probe(e->sinks[dest->sink], dest->target, PROBE_TIMEOUT_US, &largest,
                    &err);
    weir_lock_take(&e->dest_lock);
    dest->is_ok = st == WEIR_OK;
    dest->largest = largest;
    snprintf(dest->text, sizeof(dest->text), "%.180s%s", st == WEIR_OK ? "" : err.text,
             st == WEIR_ENOENT ? "; weir check --connect --create-topics makes it"
                               : "");
    weir_lock_give(&e->dest_lock);
}

/* Says what has changed since it was last said. */
static void watch_tell(weir_engine *e)
{
    weir_dest *dest;

    for (size_t i = 0; (dest = watch_dest_at(e, i)) != NULL; i++) {
        char text[sizeof(dest->text)];
        bool is_news, is_ok;

        weir_lock_take(&e->dest_lock);
        is_ok = dest->is_ok;
        is_news = dest->is_configured &&
                  (!dest->has_told || strcmp(dest->told, dest->text) != 0);
        dest->has_told = dest->has_told || is_news;
        memcpy(text, dest->text, sizeof(text));
        memcpy(dest->told, dest->text, sizeof(dest->told));
        weir_lock_give(&e->dest_lock);
        if (is_news && is_ok) {
            weir_log(WEIR_INFO, "sink.ready", "to=%s", dest->address);
        } else if (is_news) {
            weir_log(WEIR_WARN, "sink.unready", "to=%s text=%s", dest->address, text);
        }
    }
}

/* Probes what is configured and has not answered well yet. */
static void watch_probe_all(weir_watch *w)
{
    weir_engine *e = w->e;
    weir_dest *dest;

    for (size_t i = 0; (dest = watch_dest_at(e, i)) != NULL; i++) {
        bool wants_probe;

        weir_lock_take(&e->dest_lock);
        wants_probe = dest->is_configured && !dest->is_ok;
        weir_lock_give(&e->dest_lock);
        if (atomic_load(&w->is_prober_stopping)) {
            return;
        }
        if (wants_probe) {
            watch_probe_one(w, dest);
        }
    }
}

/* True if every destination of the line exists and takes records as large as its sources have. */
static bool watch_line_is_ready(weir_watch *w, weir_line *line)
{
    weir_engine *e = w->e;
    bool is_ready = true;
    size_t largest;

    weir_lock_take(&e->dest_lock);
    largest = line->largest;
    weir_lock_give(&e->dest_lock);
    if (largest == 0) {
        largest = watch_source_largest(w, line);
    }
    weir_lock_take(&e->dest_lock);
    line->largest = largest;
    for (size_t i = 0; i < line->n_dests; i++) {
        weir_dest *dest = e->dests[line->dests[i]];

        if (dest->is_ok && dest->largest < largest) {
            dest->is_ok = false; /* asked again: somebody may raise it */
            snprintf(dest->text, sizeof(dest->text),
                     "takes records up to %zu bytes, and its source's may have %zu; "
                     "raise its max.message.bytes to %zu",
                     dest->largest, largest, largest + PROBE_EXTRA);
        }
        is_ready = is_ready && dest->is_ok;
    }
    weir_lock_give(&e->dest_lock);
    return is_ready && weir_settle_once_probe(line, PROBE_TIMEOUT_US);
}

static void *watch_prober_main(void *arg)
{
    weir_watch *w = arg;

    while (!atomic_load(&w->is_prober_stopping)) {
        const unsigned seen = weir_signal_read(&w->prober_signal);
        bool is_all_ok = true;

        watch_probe_all(w);
        for (size_t i = 0; i < w->e->n_lines; i++) {
            weir_line *line = &w->e->lines[i];
            const bool is_ready = watch_line_is_ready(w, line);

            is_all_ok = is_all_ok && is_ready;
            atomic_store(&line->is_ready_to_read, is_ready);
        }
        watch_tell(w->e);
        weir_line_wake_intakes(w->e);
        weir_signal_wait(&w->prober_signal, seen,
                         is_all_ok ? WEIR_NEVER : weir_clock_us() + PROBE_AGAIN_US);
    }
    return NULL;
}

void weir_watch_probe(weir_watch *w)
{
    weir_signal_raise(&w->prober_signal, 1);
}

/* -- life ----------------------------------------------------------------------------------- */

weir_status weir_watch_new(weir_engine *e, weir_watch **out)
{
    weir_watch *w = calloc(1, sizeof(*w));

    if (w == NULL) {
        return WEIR_ENOMEM;
    }
    w->e = e;
    atomic_init(&w->wakes_us, 0);
    *out = w;
    return WEIR_OK;
}

weir_status weir_watch_start(weir_watch *w, weir_err *err)
{
    int code = weir_thread_start(&w->timer, "weir-timer", 0, watch_timer_main, w);

    w->has_timer = code == 0;
    if (code == 0) {
        code = weir_thread_start(&w->prober, "weir-prober", 0, watch_prober_main, w);
        w->has_prober = code == 0;
    }
    return code == 0 ? WEIR_OK
                     : weir_fail(err, WEIR_EAGAIN, "cannot start a thread: %s",
                                 strerror(code));
}

void weir_watch_stop_prober(weir_watch *w)
{
    atomic_store(&w->is_prober_stopping, true);
    weir_signal_raise(&w->prober_signal, INT32_MAX);
    if (w->has_prober) {
        pthread_join(w->prober, NULL);
        w->has_prober = false;
    }
}

void weir_watch_stop(weir_watch *w)
{
    weir_watch_stop_prober(w);
    atomic_store(&w->is_stopping, true);
    weir_signal_raise(&w->timer_signal, INT32_MAX);
    if (w->has_timer) {
        pthread_join(w->timer, NULL);
        w->has_timer = false;
    }
}

void weir_watch_free(weir_watch *w)
{
    free(w);
}
