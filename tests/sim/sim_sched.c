/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_sched - coroutines instead of threads, and a clock that the scheduler moves.
 *
 * Defines what worker/base/lock.h promises, so that lock.c is not linked, and takes the place of
 * pthread_join, sched_yield and the two clocks (--wrap). A coroutine is switched away from where
 * a thread could be: at locks, signals, clocks and sleeps. Time goes on a little with each switch
 * and leaps when all wait.
 */
#include "tests/sim/sim.h"

#include "worker/base/check.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define SCHED_COS 256
#define SCHED_STACK ((size_t)192 * 1024)
#define SCHED_RANKS 16
#define SCHED_SWITCHES UINT64_C(3000000) /* a history that needs more does not end */
#define SCHED_SPIN_US 200000 /* in such a time a thread has no more turns than ... */
#define SCHED_SPINS 25000
#define SCHED_STEP_US 6 /* what a turn takes at most */

typedef enum sim_state {
    CO_READY,
    CO_SLEEPING, /* until wake_us */
    CO_WAITING,  /* on a signal, until wake_us */
    CO_LOCKING,
    CO_JOINING,
    CO_ENDED
} sim_state;

struct sim_co {
    ucontext_t at;
    char *stack;
    const char *name;
    sim_proc *proc;
    void *(*entry)(void *);
    void *arg;
    sim_state state;
    bool is_joined; /* nobody asks for it any more */
    int64_t wake_us, stalled_us;
    weir_signal *sig;
    const weir_lock *lock;
    const sim_co *other; /* to be joined */
    int ranks[SCHED_RANKS];
    int n_ranks;
    void *local; /* see sim_co_put() */
    uint64_t n_turns;
    uint64_t n_spins; /* turns since spins_us */
    int64_t spins_us;
};

static struct {
    ucontext_t back;
    sim_co *cos[SCHED_COS];
    int n_cos;
    sim_co *here;
    int64_t now_us;
    weir_rand rand;
    uint64_t seed, n_switches;
    unsigned preempt_n;
    char *stacks[SCHED_COS]; /* of coroutines that have ended */
    int n_stacks;
} sched;

/* -- chance and time --------------------------------------------------------------------------- */

int64_t sim_now(void)
{
    return sched.now_us;
}

uint64_t sim_rand(uint64_t n)
{
    return n <= 1 ? 0 : weir_rand_next(&sched.rand) % n;
}

bool sim_once_in(uint64_t n)
{
    return n > 0 && sim_rand(n) == 0;
}

uint64_t sim_fixed(uint64_t a, uint64_t b)
{
    const uint64_t words[3] = { sched.seed, a, b };

    return weir_hash(words, sizeof(words), 77);
}

/* -- switching ------------------------------------------------------------------------------------ */

static void sched_away(sim_state state)
{
    sim_co *co = sched.here;

    co->state = state;
    WEIR_ASSERT(swapcontext(&co->at, &sched.back) == 0);
}

/* A place where another thread may come in between. */
static void sched_point(void)
{
    if (sched.here != NULL && sim_once_in(sched.preempt_n)) {
        sched_away(CO_READY);
    }
}

void sim_sleep_until(int64_t at_us)
{
    sched.here->wake_us = at_us;
    sched_away(CO_SLEEPING);
}

void sim_sleep(int64_t us)
{
    sim_sleep_until(sched.now_us + us);
}

static void sched_entry(void)
{
    sim_co *co = sched.here;

    (void)co->entry(co->arg);
    co->state = CO_ENDED;
    (void)swapcontext(&co->at, &sched.back);
    abort();
}

sim_co *sim_co_start(sim_proc *proc, const char *name, void *(*entry)(void *),
                     void *arg)
{
    sim_co *co = sim_alloc(sizeof(*co));

    WEIR_ASSERT(sched.n_cos < SCHED_COS);
    co->name = name;
    co->proc = proc;
    co->entry = entry;
    co->arg = arg;
    co->stack =
        sched.n_stacks > 0 ? sched.stacks[--sched.n_stacks] : sim_alloc(SCHED_STACK);
    WEIR_ASSERT(getcontext(&co->at) == 0);
    co->at.uc_stack.ss_sp = co->stack;
    co->at.uc_stack.ss_size = SCHED_STACK;
    co->at.uc_link = NULL;
    makecontext(&co->at, sched_entry, 0);
    sched.cos[sched.n_cos++] = co;
    return co;
}

void sim_co_detach(sim_co *co)
{
    co->is_joined = true;
}

static void sched_free(sim_co *co)
{
    sched.stacks[sched.n_stacks++] = co->stack;
    sim_free(co);
}

/* Takes out those that `is_over` names; the order of the others stays. */
static void sched_sweep(bool (*is_over)(const sim_co *co, const void *arg),
                        const void *arg)
{
    int n = 0;

    for (int i = 0; i < sched.n_cos; i++) {
        if (is_over(sched.cos[i], arg)) {
            sched_free(sched.cos[i]);
        } else {
            sched.cos[n++] = sched.cos[i];
        }
    }
    sched.n_cos = n;
}

static bool sched_is_of(const sim_co *co, const void *proc)
{
    return co->proc == proc;
}

static bool sched_is_any(const sim_co *co, const void *arg)
{
    (void)co;
    (void)arg;
    return true;
}

static bool sched_is_over(const sim_co *co, const void *arg)
{
    (void)arg;
    return co->state == CO_ENDED && co->is_joined;
}

void sim_co_kill(const sim_proc *proc)
{
    WEIR_ASSERT(sched.here == NULL || sched.here->proc != proc);
    sched_sweep(sched_is_of, proc);
}

void sim_co_stall(const sim_proc *proc, int64_t until_us)
{
    for (int i = 0; i < sched.n_cos; i++) {
        if (sched.cos[i]->proc == proc) {
            sched.cos[i]->stalled_us = until_us;
        }
    }
}

sim_proc *sim_proc_here(void)
{
    return sched.here == NULL ? NULL : sched.here->proc;
}

void sim_co_put(void *local)
{
    sched.here->local = local;
}

void *sim_co_get(void)
{
    return sched.here->local;
}

uint64_t sim_n_switches(void)
{
    return sched.n_switches;
}

/* The two words that our locks keep where a mutex would be. */
static const sim_co *lock_owner(const weir_lock *lock)
{
    const sim_co *owner;

    memcpy(&owner, &lock->mutex, sizeof(owner));
    return owner;
}

static void lock_own(weir_lock *lock, const sim_co *owner)
{
    memcpy(&lock->mutex, &owner, sizeof(owner));
}

/* When the coroutine can go on; WEIR_NEVER: when others have done something. */
static int64_t sched_when(const sim_co *co)
{
    int64_t at = WEIR_NEVER;

    switch (co->state) {
    case CO_READY:
        at = 0;
        break;
    case CO_SLEEPING:
    case CO_WAITING:
        at = co->wake_us;
        break;
    case CO_LOCKING:
        at = lock_owner(co->lock) == NULL ? 0 : WEIR_NEVER;
        break;
    case CO_JOINING:
        at = co->other->state == CO_ENDED ? 0 : WEIR_NEVER;
        break;
    case CO_ENDED:
        break;
    }
    return at == WEIR_NEVER || at > co->stalled_us ? at : co->stalled_us;
}

void sim_sched_print(void)
{
    static const char *const words[] = { "ready",   "sleeps", "waits",
                                         "locking", "joins",  "ended" };

    for (int i = 0; i < sched.n_cos; i++) {
        const sim_co *co = sched.cos[i];
        const int64_t left = co->wake_us - sched.now_us;

        fprintf(stderr, "  process %2d  %-12s %8llu turns, %s",
                co->proc == NULL ? -1 : co->proc->incarnation, co->name,
                (unsigned long long)co->n_turns, words[co->state]);
        if ((co->state == CO_SLEEPING || co->state == CO_WAITING) &&
            co->wake_us != WEIR_NEVER) {
            fprintf(stderr, ", %lld us left", (long long)left);
        }
        fprintf(stderr, "\n");
    }
}

/* The next to run, after time has gone on as far as needed. */
static sim_co *sched_next(void)
{
    sim_co *ready[SCHED_COS];

    for (;;) {
        int64_t first = WEIR_NEVER;
        int n = 0;

        for (int i = 0; i < sched.n_cos; i++) {
            const int64_t at = sched_when(sched.cos[i]);

            if (at <= sched.now_us) {
                ready[n++] = sched.cos[i];
            } else if (at < first) {
                first = at;
            }
        }
        if (n > 0) {
            return ready[sim_rand((uint64_t)n)];
        }
        SIM_MUST(first != WEIR_NEVER, "nothing stands still", "no thread can go on");
        sched.now_us = first;
    }
}

/* A thread that goes round and round burns a processor. */
static void sched_count(sim_co *co)
{
    co->n_turns++;
    if (sched.now_us - co->spins_us > SCHED_SPIN_US) {
        co->spins_us = sched.now_us;
        co->n_spins = 0;
    }
    SIM_MUST(++co->n_spins < SCHED_SPINS, "no thread spins", "%s: %llu turns in %d ms",
             co->name, (unsigned long long)co->n_spins, SCHED_SPIN_US / 1000);
}

void sim_sched_begin(uint64_t seed, unsigned preempt_n)
{
    weir_rand_init(&sched.rand, seed);
    sched.seed = seed;
    sched.now_us = 1000000;
    sched.n_switches = 0;
    sched.preempt_n = preempt_n;
}

void sim_sched_run(bool (*until)(void))
{
    while (!until()) {
        sched.here = sched_next();
        sched.now_us += (int64_t)sim_rand(SCHED_STEP_US);
        sched.n_switches++;
        sched_count(sched.here);
        SIM_MUST(sched.n_switches < SCHED_SWITCHES, "nothing stands still",
                 "%llu switches of threads and no end",
                 (unsigned long long)sched.n_switches);
        WEIR_ASSERT(swapcontext(&sched.back, &sched.here->at) == 0);

        const bool has_ended = sched.here->state == CO_ENDED;

        sched.here = NULL;
        if (has_ended) {
            sched_sweep(sched_is_over, NULL);
        }
    }
}

void sim_sched_end(void)
{
    sched_sweep(sched_is_any, NULL);
}

/* -- what worker/base/lock.h promises --------------------------------------------------------------- */

void weir_lock_init(weir_lock *lock, enum weir_lock_rank rank)
{
    lock_own(lock, NULL);
    lock->rank = (int)rank;
}

void weir_lock_fini(weir_lock *lock)
{
    WEIR_ASSERT(lock_owner(lock) == NULL);
}

void weir_lock_take(weir_lock *lock)
{
    sim_co *co = sched.here;

    WEIR_ASSERT(co != NULL);
    WEIR_ASSERT(co->n_ranks == 0 || co->ranks[co->n_ranks - 1] < lock->rank);
    WEIR_ASSERT(co->n_ranks < SCHED_RANKS);
    sched_point();
    while (lock_owner(lock) != NULL) {
        co->lock = lock;
        sched_away(CO_LOCKING);
    }
    lock_own(lock, co);
    co->ranks[co->n_ranks++] = lock->rank;
}

void weir_lock_give(weir_lock *lock)
{
    sim_co *co = sched.here;
    int at = co->n_ranks - 1;

    WEIR_ASSERT(lock_owner(lock) == co);
    lock_own(lock, NULL);
    while (at >= 0 && co->ranks[at] != lock->rank) {
        at--;
    }
    WEIR_ASSERT(at >= 0);
    memmove(co->ranks + at, co->ranks + at + 1,
            (size_t)(co->n_ranks - at - 1) * sizeof(co->ranks[0]));
    co->n_ranks--;
    sched_point();
}

bool weir_signal_wait(weir_signal *sig, unsigned seen, int64_t until_us)
{
    sim_co *co = sched.here;

    sched_point();
    if (weir_signal_read(sig) != seen) {
        return true;
    }
    WEIR_ASSERT(co->n_ranks == 0); /* nobody sleeps with a lock held */
    atomic_fetch_add(&sig->n_sleeping, 1);
    co->sig = sig;
    co->wake_us = until_us;
    sched_away(CO_WAITING);
    /* Whoever raises it takes the waiting away. */
    const bool is_timeout = co->sig != NULL;

    co->sig = NULL;
    atomic_fetch_sub(&sig->n_sleeping, 1);
    return !is_timeout || weir_signal_read(sig) != seen;
}

void weir_signal_raise(weir_signal *sig, int n)
{
    atomic_fetch_add(&sig->seq, 1);
    for (int i = 0; i < sched.n_cos && n > 0; i++) {
        if (sched.cos[i]->state == CO_WAITING && sched.cos[i]->sig == sig) {
            sched.cos[i]->sig = NULL;
            sched.cos[i]->state = CO_READY;
            n--;
        }
    }
    sched_point();
}

int weir_thread_start(pthread_t *thread, const char *name, size_t stack_bytes,
                      void *(*entry)(void *), void *arg)
{
    sim_co *co = sim_co_start(sched.here->proc, name, entry, arg);

    (void)stack_bytes;
    *thread = (pthread_t)(uintptr_t)co;
    sched_point();
    return 0;
}

/* -- what is taken the place of ------------------------------------------------------------------------ */

int __wrap_pthread_join(pthread_t thread, void **result);
int __wrap_sched_yield(void);
int64_t __wrap_weir_clock_us(void);
int64_t __wrap_weir_clock_wall_ms(void);
uint64_t __wrap_weir_hash_seed(void);

int __wrap_pthread_join(pthread_t thread, void **result)
{
    sim_co *co = (sim_co *)(uintptr_t)thread; // NOLINT(performance-no-int-to-ptr)

    WEIR_ASSERT(result == NULL);
    while (co->state != CO_ENDED) {
        sched.here->other = co;
        sched_away(CO_JOINING);
    }
    co->is_joined = true;
    sched_sweep(sched_is_over, NULL);
    return 0;
}

int __wrap_sched_yield(void)
{
    sched_away(CO_READY);
    return 0;
}

int64_t __wrap_weir_clock_us(void)
{
    sched_point();
    return sched.now_us;
}

int64_t __wrap_weir_clock_wall_ms(void)
{
    return SIM_WALL_MS + sched.now_us / 1000;
}

uint64_t __wrap_weir_hash_seed(void)
{
    return sim_fixed(1, 2);
}
