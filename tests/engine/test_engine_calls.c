/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_engine_calls - pending calls, batches, breaker, and stops with calls open, on the whole
 * engine.
 */
#include "tests/support/engine_rig.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define MANY_PENDING 5000

/* Calls that wait to be completed by another thread. */
typedef struct desk {
    pthread_mutex_t lock;
    weir_call *calls[MANY_PENDING];
    size_t n;
    atomic_uint n_seen, n_most_open;
    atomic_bool is_stopped;
    pthread_t thread;
} desk;

static void desk_begin(desk *d)
{
    memset(d, 0, sizeof(*d));
    assert_int_equal(pthread_mutex_init(&d->lock, NULL), 0);
}

static void desk_add(desk *d, weir_call *call)
{
    assert_int_equal(pthread_mutex_lock(&d->lock), 0);
    assert_true(d->n < MANY_PENDING);
    d->calls[d->n++] = call;
    if (d->n > atomic_load(&d->n_most_open)) {
        atomic_store(&d->n_most_open, (unsigned)d->n);
    }
    assert_int_equal(pthread_mutex_unlock(&d->lock), 0);
    atomic_fetch_add(&d->n_seen, 1);
}

static weir_call *desk_pop(desk *d)
{
    weir_call *call = NULL;

    assert_int_equal(pthread_mutex_lock(&d->lock), 0);
    if (d->n > 0) {
        call = d->calls[--d->n];
    }
    assert_int_equal(pthread_mutex_unlock(&d->lock), 0);
    return call;
}

/* Completes what comes, at once. */
static void *desk_main(void *arg)
{
    desk *d = arg;

    while (!atomic_load(&d->is_stopped)) {
        weir_call *call = desk_pop(d);

        if (call == NULL) {
            weir_rig_breathe();
            continue;
        }
        weir_call_complete(call, weir_rig_echo(NULL, call));
    }
    return NULL;
}

static weir_verdict pending_fn(void *arg, weir_call *call)
{
    desk_add(arg, call);
    return WEIR_PENDING;
}

static void engine_takes_verdicts_that_another_thread_gives_at_once(void **state)
{
    static desk d;
    rig r;

    (void)state;
    desk_begin(&d);
    weir_rig_open(&r);
    r.functions[0] = (rig_function){ .fn = pending_fn, .arg = &d };
    weir_rig_start(&r);
    assert_int_equal(pthread_create(&d.thread, NULL, desk_main, &d), 0);
    for (int i = 0; i < MANY_PENDING; i++) {
        char key[16];

        snprintf(key, sizeof(key), "%d", i % 100);
        weir_rig_put(&r, "in", 0, key, "x");
    }
    RIG_WAIT(weir_rig_count(&r, "out") == MANY_PENDING);
    RIG_WAIT(weir_rig_committed(&r, 0) == MANY_PENDING);
    assert_true(atomic_load(&d.n_most_open) <= 16);
    RIG_WAIT(weir_rig_stat(&r, 0).n_slots == 0);
    weir_rig_close(&r);
    atomic_store(&d.is_stopped, true);
    assert_int_equal(pthread_join(d.thread, NULL), 0);
    pthread_mutex_destroy(&d.lock);
}

static weir_verdict before_fn(void *arg, weir_call *call)
{
    (void)arg;
    weir_call_complete(call, weir_rig_echo(NULL, call));
    return WEIR_PENDING;
}

static void engine_takes_a_verdict_given_before_the_function_returns(void **state)
{
    rig r;

    (void)state;
    weir_rig_open(&r);
    r.functions[0].fn = before_fn;
    weir_rig_start(&r);
    for (int i = 0; i < 200; i++) {
        weir_rig_put(&r, "in", 0, "k", "x");
    }
    RIG_WAIT(weir_rig_count(&r, "out") == 200);
    RIG_WAIT(weir_rig_stat(&r, 0).n_slots == 0);
    weir_rig_close(&r);
}

static void engine_holds_thousands_of_pending_calls_without_threads(void **state)
{
    static desk d;
    rig r;

    (void)state;
    desk_begin(&d);
    weir_rig_open(&r);
    r.functions[0] = (rig_function){ .fn = pending_fn, .arg = &d };
    r.subs[0].order = WEIR_ORDER_NONE;
    r.subs[0].concurrency = MANY_PENDING;
    r.setup.max_events = 4 * MANY_PENDING;
    weir_rig_start(&r);
    for (int i = 0; i < MANY_PENDING; i++) {
        weir_rig_put(&r, "in", 0, NULL, "x");
    }
    RIG_WAIT(atomic_load(&d.n_seen) == MANY_PENDING);
    assert_true(atomic_load(&r.functions[0].most_threads) < 100);
    for (weir_call *call; (call = desk_pop(&d)) != NULL;) {
        weir_call_complete(call, weir_rig_echo(NULL, call));
    }
    RIG_WAIT(weir_rig_count(&r, "out") == MANY_PENDING);
    RIG_WAIT(weir_rig_stat(&r, 0).n_slots == 0);
    weir_rig_close(&r);
    pthread_mutex_destroy(&d.lock);
}

static void engine_never_has_more_pending_than_the_concurrency(void **state)
{
    static desk d;
    rig r;

    (void)state;
    desk_begin(&d);
    weir_rig_open(&r);
    r.functions[0] = (rig_function){ .fn = pending_fn, .arg = &d };
    r.subs[0].order = WEIR_ORDER_NONE;
    r.subs[0].concurrency = 7;
    weir_rig_start(&r);
    for (int i = 0; i < 500; i++) {
        weir_rig_put(&r, "in", 0, NULL, "x");
    }
    for (unsigned n_done = 0; n_done < 500;) {
        weir_call *call = desk_pop(&d);

        if (call == NULL) {
            weir_rig_breathe();
            continue;
        }
        weir_call_complete(call, weir_rig_echo(NULL, call));
        n_done++;
    }
    RIG_WAIT(weir_rig_count(&r, "out") == 500);
    assert_true(atomic_load(&d.n_most_open) <= 7);
    weir_rig_close(&r);
    pthread_mutex_destroy(&d.lock);
}

/* -- batches ------------------------------------------------------------------------------ */

typedef struct batches {
    atomic_uint n_calls, n_largest, n_twice;
} batches;

/* Rejects "bad", tries "again" a second time, and never sees one key twice. */
static void batch_fn(void *arg, weir_call **calls, size_t n, weir_verdict *verdicts)
{
    batches *b = arg;

    atomic_fetch_add(&b->n_calls, 1);
    if (n > atomic_load(&b->n_largest)) {
        atomic_store(&b->n_largest, (unsigned)n);
    }
    for (size_t i = 0; i < n; i++) {
        const weir_event *ev = calls[i]->ev;

        for (size_t k = 0; k < i; k++) {
            if (weir_slice_eq(ev->key, calls[k]->ev->key)) {
                atomic_fetch_add(&b->n_twice, 1);
            }
        }
        if (weir_slice_eq(ev->data, WEIR_SLICE_LIT("bad"))) {
            verdicts[i] = WEIR_REJECT;
        } else if (weir_slice_eq(ev->data, WEIR_SLICE_LIT("again")) &&
                   calls[i]->attempt == 1) {
            verdicts[i] = 0; /* unset: counts as a retry */
        } else {
            verdicts[i] = weir_rig_echo(NULL, calls[i]);
        }
    }
}

static void engine_gives_each_item_of_a_batch_its_own_verdict(void **state)
{
    static const char *const words[] = { "good", "bad", "again", "good" };
    batches b = { 0 };
    rig r;

    (void)state;
    weir_rig_open(&r);
    r.functions[0] = (rig_function){ .batch = batch_fn, .arg = &b };
    r.subs[0].batch.max = 8;
    weir_rig_start(&r);
    for (int i = 0; i < 4000; i++) {
        char key[16];

        snprintf(key, sizeof(key), "%d", i % 50);
        weir_rig_put(&r, "in", 0, key, words[i % 4]);
    }
    RIG_WAIT(weir_rig_count(&r, "out") == 3000);
    RIG_WAIT(weir_rig_count(&r, RIG_DEAD) == 1000);
    RIG_WAIT(weir_rig_committed(&r, 0) == 4000);
    assert_int_equal(atomic_load(&b.n_twice), 0);
    assert_int_equal(atomic_load(&b.n_largest), 8);
    RIG_WAIT(weir_rig_stat(&r, 0).n_slots == 0);
    weir_rig_close(&r);
}

static void engine_starts_a_batch_that_does_not_fill_up(void **state)
{
    batches b = { 0 };
    rig r;

    (void)state;
    weir_rig_open(&r);
    r.functions[0] = (rig_function){ .batch = batch_fn, .arg = &b };
    r.subs[0].batch.max = 8;
    weir_rig_start(&r);
    weir_rig_put(&r, "in", 0, "a", "good");
    RIG_WAIT(weir_rig_count(&r, "out") == 1);
    weir_rig_close(&r);
}

/* -- the breaker ---------------------------------------------------------------------------- */

typedef struct outage {
    atomic_bool is_over;
    atomic_uint n_calls, n_probes_at_once, n_most;
    atomic_uint highest_attempt;
} outage;

static weir_verdict outage_fn(void *arg, weir_call *call)
{
    outage *o = arg;

    atomic_fetch_add(&o->n_calls, 1);
    if ((unsigned)call->attempt > atomic_load(&o->highest_attempt)) {
        atomic_store(&o->highest_attempt, (unsigned)call->attempt);
    }
    if (!atomic_load(&o->is_over)) {
        call->delay_ms = 1;
        return WEIR_UNAVAILABLE;
    }
    return weir_rig_echo(NULL, call);
}

static void engine_waits_out_what_is_unavailable_without_counting_attempts(void **state)
{
    outage o = { 0 };
    rig r;

    (void)state;
    weir_rig_open(&r);
    r.functions[0] = (rig_function){ .fn = outage_fn, .arg = &o };
    r.subs[0].retry.attempts = 2;
    weir_rig_start(&r);
    for (int i = 0; i < 50; i++) {
        weir_rig_put(&r, "in", 0, "k", "x");
    }
    RIG_WAIT(atomic_load(&o.n_calls) > 20);
    assert_true(weir_rig_stat(&r, 0).is_unavailable);
    assert_int_equal(weir_rig_count(&r, RIG_DEAD), 0);
    atomic_store(&o.is_over, true);
    RIG_WAIT(weir_rig_count(&r, "out") == 50);
    assert_int_equal(atomic_load(&o.highest_attempt), 1);
    weir_rig_close(&r);
}

/* -- stops ------------------------------------------------------------------------------------ */

typedef struct hold {
    atomic_bool is_open, has_seen_cancel;
    atomic_uint n_inside;
} hold;

static weir_verdict hold_fn(void *arg, weir_call *call)
{
    hold *h = arg;

    atomic_fetch_add(&h->n_inside, 1);
    while (!atomic_load(&h->is_open)) {
        if (atomic_load(&call->is_cancelled)) {
            atomic_store(&h->has_seen_cancel, true);
        }
        weir_rig_breathe();
    }
    return weir_rig_echo(NULL, call);
}

static void *hold_open_on_cancel(void *arg)
{
    hold *h = arg;

    while (!atomic_load(&h->has_seen_cancel)) {
        weir_rig_breathe();
    }
    atomic_store(&h->is_open, true);
    return NULL;
}

static void engine_stop_waits_for_a_function_and_commits_it(void **state)
{
    hold h = { 0 };
    pthread_t opener;
    rig r;

    (void)state;
    weir_rig_open(&r);
    r.functions[0] = (rig_function){ .fn = hold_fn, .arg = &h };
    weir_rig_start(&r);
    weir_rig_put(&r, "in", 0, "k", "x");
    RIG_WAIT(atomic_load(&h.n_inside) == 1);
    assert_int_equal(pthread_create(&opener, NULL, hold_open_on_cancel, &h), 0);
    weir_rig_stop(&r, 2000000); /* half way through it, calls are cancelled */
    assert_int_equal(pthread_join(opener, NULL), 0);
    assert_true(r.report.is_clean);
    assert_int_equal(weir_rig_count(&r, "out"), 1);
    assert_int_equal(weir_rig_committed(&r, 0), 1);
    weir_engine_free(r.e);
    r.e = NULL;
    weir_rig_close(&r);
}

/* In a process of its own, which ends as the worker would: without giving anything back. */
static int stop_with_an_open_call(void)
{
    hold h = { 0 };
    rig r;

    weir_rig_open(&r);
    r.functions[0] = (rig_function){ .fn = hold_fn, .arg = &h };
    weir_rig_start(&r);
    weir_rig_put(&r, "in", 0, "k", "x");
    RIG_WAIT(atomic_load(&h.n_inside) == 1);
    weir_rig_stop(&r, 50000);
    if (r.report.is_clean || r.report.n_open != 1 || r.report.is_hung) {
        return 1;
    }
    return weir_rig_count(&r, "out") == 0 && weir_rig_committed(&r, 0) == 0 ? 0 : 2;
}

static void engine_stop_reports_a_call_that_is_open_at_the_deadline(void **state)
{
    int ends[2];
    char answer = 9;
    int status;
    pid_t child;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        answer = (char)stop_with_an_open_call();
        (void)!write(ends[1], &answer, 1);
        (void)raise(SIGKILL); /* no exit handler may wait for the open call */
    }
    assert_true(child > 0);
    close(ends[1]);
    assert_int_equal(read(ends[0], &answer, 1), 1);
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(answer, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(engine_takes_verdicts_that_another_thread_gives_at_once),
        cmocka_unit_test(engine_takes_a_verdict_given_before_the_function_returns),
        cmocka_unit_test(engine_holds_thousands_of_pending_calls_without_threads),
        cmocka_unit_test(engine_never_has_more_pending_than_the_concurrency),
        cmocka_unit_test(engine_gives_each_item_of_a_batch_its_own_verdict),
        cmocka_unit_test(engine_starts_a_batch_that_does_not_fill_up),
        cmocka_unit_test(
            engine_waits_out_what_is_unavailable_without_counting_attempts),
        cmocka_unit_test(engine_stop_waits_for_a_function_and_commits_it),
        cmocka_unit_test(engine_stop_reports_a_call_that_is_open_at_the_deadline),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
