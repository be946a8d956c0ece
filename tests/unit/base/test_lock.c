/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ranks of locks, sleeping without a lost wake-up, and threads.
 */
#include "worker/base/lock.h"

#include "worker/base/clock.h"

#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants these before it */
#include <cmocka.h>

/* True if fn ends the process with SIGABRT. */
static bool aborts(void (*fn)(void))
{
    pid_t pid = fork();
    int status = 0;

    if (pid == 0) {
        (void)close(STDERR_FILENO);
        fn();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void take_rising(void)
{
    weir_lock flow;
    weir_lock leaf;

    weir_lock_init(&flow, WEIR_RANK_FLOW);
    weir_lock_init(&leaf, WEIR_RANK_LEAF);
    weir_lock_take(&flow);
    weir_lock_take(&leaf);
    weir_lock_give(&flow); /* another order of giving is fine */
    weir_lock_give(&leaf);
    weir_lock_take(&flow);
    weir_lock_give(&flow);
    weir_lock_fini(&flow);
    weir_lock_fini(&leaf);
}

static void take_falling(void)
{
    weir_lock flow;
    weir_lock leaf;

    weir_lock_init(&flow, WEIR_RANK_FLOW);
    weir_lock_init(&leaf, WEIR_RANK_LEAF);
    weir_lock_take(&leaf);
    weir_lock_take(&flow);
}

static void give_what_is_not_held(void)
{
    weir_lock flow;

    weir_lock_init(&flow, WEIR_RANK_FLOW);
    weir_lock_give(&flow);
}

static void locks_are_taken_in_rising_rank(void **state)
{
    (void)state;
    assert_false(aborts(take_rising));
#ifndef NDEBUG
    assert_true(aborts(take_falling));
    assert_true(aborts(give_what_is_not_held));
#else
    (void)take_falling;
    (void)give_what_is_not_held;
#endif
}

static void a_wait_for_an_old_number_does_not_sleep(void **state)
{
    weir_signal sig = { 0 };
    unsigned seen = weir_signal_read(&sig);

    (void)state;
    weir_signal_raise(&sig, 1);
    assert_true(weir_signal_wait(&sig, seen, WEIR_NEVER));
}

static void a_wait_ends_at_its_time(void **state)
{
    weir_signal sig = { 0 };
    int64_t until_us = weir_clock_us() + 2000;

    (void)state;
    while (weir_signal_wait(&sig, weir_signal_read(&sig), until_us)) {
    }
    assert_true(weir_clock_us() >= until_us);
    assert_false(weir_signal_wait(&sig, weir_signal_read(&sig), -1));
}

typedef struct pingpong {
    weir_signal sigs[2];
    atomic_int turn;
    int rounds;
} pingpong;

static void *pong_main(void *arg)
{
    pingpong *p = arg;

    for (int i = 0; i < p->rounds; i++) {
        for (;;) {
            unsigned seen = weir_signal_read(&p->sigs[1]);

            if (atomic_load(&p->turn) == 1) {
                break;
            }
            (void)weir_signal_wait(&p->sigs[1], seen, WEIR_NEVER);
        }
        atomic_store(&p->turn, 0);
        weir_signal_raise(&p->sigs[0], INT_MAX);
    }
    return NULL;
}

static void no_wake_up_is_lost_between_two_threads(void **state)
{
    pingpong p = { .rounds = 20000 };
    pthread_t thread;

    (void)state;
    assert_int_equal(weir_thread_start(&thread, "pong", 0, pong_main, &p), 0);
    for (int i = 0; i < p.rounds; i++) {
        atomic_store(&p.turn, 1);
        weir_signal_raise(&p.sigs[1], 1);
        for (;;) {
            unsigned seen = weir_signal_read(&p.sigs[0]);

            if (atomic_load(&p.turn) == 0) {
                break;
            }
            (void)weir_signal_wait(&p.sigs[0], seen, WEIR_NEVER);
        }
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
}

typedef struct thread_facts {
    char name[32];
    sigset_t mask;
} thread_facts;

static void *facts_main(void *arg)
{
    thread_facts *facts = arg;

    (void)pthread_getname_np(pthread_self(), facts->name, sizeof(facts->name));
    (void)pthread_sigmask(SIG_SETMASK, NULL, &facts->mask);
    return arg;
}

static void a_thread_has_its_name_and_no_signals_but_faults(void **state)
{
    thread_facts facts = { 0 };
    pthread_t thread;
    void *back = NULL;
    sigset_t ours;

    (void)state;
    assert_int_equal(
        weir_thread_start(&thread, "a-name-far-too-long", 1, facts_main, &facts), 0);
    assert_int_equal(pthread_join(thread, &back), 0);
    assert_ptr_equal(back, &facts);
    assert_string_equal(facts.name, "a-name-far-too-");
    assert_int_equal(sigismember(&facts.mask, SIGTERM), 1);
    assert_int_equal(sigismember(&facts.mask, SIGSEGV), 0);
    (void)pthread_sigmask(SIG_SETMASK, NULL, &ours);
    assert_int_equal(sigismember(&ours, SIGTERM), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(locks_are_taken_in_rising_rank),
        cmocka_unit_test(a_wait_for_an_old_number_does_not_sleep),
        cmocka_unit_test(a_wait_ends_at_its_time),
        cmocka_unit_test(no_wake_up_is_lost_between_two_threads),
        cmocka_unit_test(a_thread_has_its_name_and_no_signals_but_faults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
