/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool - starts handler threads on demand, tends them, ends them.
 *
 * A thread is started when work waits, none sleeps and one more would help; an idle one ends
 * after a while. What a thread does is in hand.c.
 */
#include "worker/engine/hand.h"

#include "worker/base/check.h"
#include "worker/base/clock.h"
#include "worker/base/log.h"

#include <errno.h>
#include <stdlib.h>

#define POOL_IDLE_US 10000000 /* an idle thread ends after this */
#define POOL_KEEP 2           /* threads that stay */
#define POOL_STILL_US 1000000 /* the tender comes four times a second, if it can */
#define POOL_SPAWN_AT_ONCE 64
#define POOL_CLEAR_NS 1000000 /* of work: those awake clear it */
#define POOL_SHORT_NS 50000   /* of work that waits for a busy thread to look again */

/* True: this thread is one too many and ends. */
static bool hand_may_end(weir_pool *pool)
{
    unsigned n = atomic_load(&pool->n_threads);

    while (n > POOL_KEEP) {
        if (atomic_compare_exchange_weak(&pool->n_threads, &n, n - 1)) {
            return true;
        }
    }
    return false;
}

static void *hand_main(void *arg)
{
    weir_hand *hand = arg;
    weir_pool *pool = hand->pool;
    bool is_counted = true;

    if (hand->slot != &hand->none) {
        weir_journal_thread(hand->slot);
    }
    while (!atomic_load(&pool->is_stopping)) {
        const unsigned seen = weir_signal_read(&pool->signal);
        bool is_idle;

        if (weir_hand_work(hand)) {
            continue;
        }
        atomic_fetch_add(&pool->n_sleeping, 1);
        is_idle =
            !weir_signal_wait(&pool->signal, seen, weir_clock_us() + POOL_IDLE_US);
        atomic_fetch_sub(&pool->n_sleeping, 1);
        if (is_idle && hand_may_end(pool)) {
            is_counted = false;
            break;
        }
    }
    weir_hand_fini_locals(hand);
    weir_journal_thread(NULL);
    if (is_counted) {
        atomic_fetch_sub(&pool->n_threads, 1);
    }
    atomic_store(&hand->is_ended, true);
    return NULL;
}

/* Starts one thread. WEIR_EAGAIN: the system gives no more. */
static weir_status pool_spawn(weir_pool *pool)
{
    weir_hand *hand = weir_hand_new(pool);

    if (hand == NULL) {
        return WEIR_ENOMEM;
    }
    atomic_fetch_add(&pool->n_threads, 1);
    weir_lock_take(&pool->lock);
    hand->next = pool->hands;
    pool->hands = hand;
    weir_lock_give(&pool->lock);
    if (weir_thread_start(&hand->thread, "weir-hand", pool->e->setup->stack, hand_main,
                          hand) != 0) {
        weir_lock_take(&pool->lock);
        pool->hands = hand->next; /* still first: only one thread starts others */
        weir_lock_give(&pool->lock);
        atomic_fetch_sub(&pool->n_threads, 1);
        weir_hand_free(hand);
        return WEIR_EAGAIN;
    }
    return WEIR_OK;
}

/* -- tending ------------------------------------------------------------------------------- */

/* Joins threads that have ended. */
static void pool_reap(weir_pool *pool)
{
    weir_hand *ended = NULL;

    weir_lock_take(&pool->lock);
    for (weir_hand **at = &pool->hands; *at != NULL;) {
        weir_hand *hand = *at;

        if (atomic_load(&hand->is_ended)) {
            *at = hand->next;
            hand->next = ended;
            ended = hand;
        } else {
            at = &hand->next;
        }
    }
    weir_lock_give(&pool->lock);
    while (ended != NULL) {
        weir_hand *hand = ended;

        ended = hand->next;
        pthread_join(hand->thread, NULL);
        weir_hand_free(hand);
    }
}

/* How many threads more would help a line that has work. */
static size_t pool_wanted_by(weir_line *line, size_t n_ready, bool is_served)
{
    const size_t mean_ns = atomic_load(&line->mean_ns);
    weir_flow_stat stat;
    size_t n_free;

    if (mean_ns != 0 && n_ready * mean_ns < POOL_CLEAR_NS) {
        return is_served ? 0 : 1;
    }
    weir_flow_stat_get(line->flow, &stat);
    n_free = stat.n_slots < line->sub->concurrency
                 ? line->sub->concurrency - stat.n_slots
                 : 1; /* what needs no slot: sends, verdicts of pending calls */
    return n_ready < n_free ? n_ready : n_free;
}

/* What waits for threads: wakes one that sleeps where nobody has looked since the last time (the
 * busy ones are held up), else says how many more there should be. *is_waiting: those awake may
 * be about to clear it; if they have not by the next look, they are held up too. */
static size_t pool_look(weir_pool *pool, bool *is_waiting)
{
    size_t n_wanted = 0;

    for (size_t i = 0; i < pool->e->n_lines; i++) {
        weir_line *line = &pool->e->lines[i];
        const size_t n_ready =
            weir_flow_hint_ready(line->flow) + atomic_load(&line->n_inbox);
        const size_t n_claims = atomic_load(&line->n_claims);
        const bool is_served = n_claims != line->n_claims_seen;

        line->n_claims_seen = n_claims;
        if (n_ready == 0) {
            continue;
        }
        *is_waiting = true;
        if (atomic_load(&pool->n_sleeping) == 0) {
            n_wanted += pool_wanted_by(line, n_ready, is_served);
        } else if (!is_served) {
            weir_signal_raise(&pool->signal, 1);
        }
    }
    return n_wanted;
}

/* How long the process itself has stood still, frozen or without a processor: in that time no
 * function hangs. */
static int64_t pool_stood_us(weir_pool *pool, int64_t now)
{
    const int64_t lapse_us = now - pool->tended_us;
    const bool is_first = pool->tended_us == 0;

    pool->tended_us = now;
    return !is_first && lapse_us > POOL_STILL_US ? lapse_us : 0;
}

bool weir_pool_tend(weir_pool *pool, int64_t now)
{
    const int64_t still_us = pool_stood_us(pool, now);
    bool has_unbegun = false;
    bool is_waiting = false;
    const size_t n_wanted = pool_look(pool, &is_waiting);

    if (atomic_load_explicit(&pool->e->has_suspects, memory_order_relaxed)) {
        weir_alone_step(pool->e);
    }
    pool_reap(pool);
    weir_lock_take(&pool->lock);
    for (weir_hand *hand = pool->hands; hand != NULL; hand = hand->next) {
        /* Threads leave the list only in pool_reap(), which is this thread's. */
        weir_lock_give(&pool->lock);
        has_unbegun = weir_hand_relieve(hand, now) || has_unbegun;
        weir_hand_watch(hand, now, still_us);
        weir_lock_take(&pool->lock);
    }
    weir_lock_give(&pool->lock);
    for (size_t i = 0; i < n_wanted && i < POOL_SPAWN_AT_ONCE; i++) {
        if (atomic_load(&pool->n_threads) >= pool->max_threads ||
            pool_spawn(pool) != WEIR_OK) {
            break;
        }
    }
    return has_unbegun || is_waiting;
}

void weir_pool_kick(weir_pool *pool)
{
    if (atomic_load(&pool->n_sleeping) == 0) {
        weir_watch_tend(pool->e->watch);
    }
    weir_signal_raise(&pool->signal, 1);
}

void weir_pool_offer(weir_pool *pool, weir_line *line, size_t n_ready, weir_carrier who)
{
    const size_t mean_ns = atomic_load_explicit(&line->mean_ns, memory_order_relaxed);
    const size_t n_busy = atomic_load_explicit(&line->n_hands, memory_order_relaxed) +
                          (who != WEIR_CARRIER_OTHER);

    if (who == WEIR_CARRIER_FREE && n_ready > 0) {
        n_ready--; /* it takes that itself */
    }
    if (n_ready == 0) {
        return;
    }
    if (mean_ns == 0 || mean_ns > POOL_SHORT_NS ||
        n_ready * mean_ns > POOL_SHORT_NS * n_busy) {
        weir_pool_kick(pool);
        return;
    }
    /* They look again before they sleep. If their functions hold them up after all, the tender
     * sees that nobody has come, and wakes another. */
    weir_signal_mark(&pool->signal);
    weir_watch_tend(pool->e->watch);
}

bool weir_pool_is_live(weir_pool *pool, int64_t now)
{
    (void)now;
    /* Functions may take as long as they like; the pool is stuck only if it has no thread. */
    return atomic_load(&pool->n_threads) > 0 || atomic_load(&pool->is_stopping);
}

weir_status weir_pool_new(weir_engine *e, weir_pool **out)
{
    weir_pool *pool = calloc(1, sizeof(*pool));
    uint64_t n = 0;

    if (pool == NULL) {
        return WEIR_ENOMEM;
    }
    pool->e = e;
    weir_lock_init(&pool->lock, WEIR_RANK_POOL);
    for (size_t i = 0; i < e->setup->n_subs; i++) {
        const weir_sub *sub = &e->setup->subs[i];

        n += sub->batch.max > 1 ? sub->concurrency / sub->batch.max + 1
                                : sub->concurrency;
    }
    /* sends and verdicts of pending calls go on while all functions are busy */
    n++;
    n = n > 1024 ? 1024 : n;
    pool->max_threads = e->setup->threads > 0 ? e->setup->threads : (uint32_t)n;
    *out = pool;
    return WEIR_OK;
}

weir_status weir_pool_start(weir_pool *pool, weir_err *err)
{
    for (uint32_t i = 0; i < POOL_KEEP && i < pool->max_threads; i++) {
        if (pool_spawn(pool) != WEIR_OK) {
            return weir_fail(err, WEIR_EAGAIN, "cannot start a handler thread: %s",
                             strerror(errno));
        }
    }
    return WEIR_OK;
}

bool weir_pool_stop(weir_pool *pool, int64_t until_us)
{
    atomic_store(&pool->is_stopping, true);
    for (;;) {
        weir_signal_raise(&pool->signal, INT32_MAX);
        if (atomic_load(&pool->n_threads) == 0) {
            break;
        }
        if (weir_clock_us() >= until_us) {
            return false;
        }
        weir_signal_wait(&pool->signal, weir_signal_read(&pool->signal),
                         weir_clock_us() + 2000);
    }
    /* Counted out just before it ends: the join is short. */
    while (pool->hands != NULL) {
        weir_hand *hand = pool->hands;

        pool->hands = hand->next;
        pthread_join(hand->thread, NULL);
        weir_hand_free(hand);
    }
    return true;
}

void weir_pool_free(weir_pool *pool)
{
    if (pool != NULL) {
        WEIR_ASSERT(pool->hands == NULL);
        weir_lock_fini(&pool->lock);
        free(pool);
    }
}
