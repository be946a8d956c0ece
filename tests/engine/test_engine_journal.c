/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_engine_journal - what a worker that died has left, on the whole engine: suspects run
 * alone, who has ended it too often is a dead letter; and what is acknowledged first.
 */
#include "tests/support/engine_rig.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_EVENTS 64
#define NOT_SOON_US INT64_C(3600000000)

static const uint64_t suspects[] = { 2, 30, 31 };

#define N_SUSPECTS (sizeof(suspects) / sizeof(suspects[0]))

typedef struct place {
    char dir[64], path[96];
} place;

static void place_begin(place *p)
{
    strcpy(p->dir, "/tmp/weir-journal-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    snprintf(p->path, sizeof(p->path), "%s/journal-1", p->dir);
}

static void place_end(const place *p)
{
    unlink(p->path);
    rmdir(p->dir);
}

/* A worker in which the first n suspects run; it is killed, or the first of them aborts. */
static void life(const place *p, size_t n, bool aborts)
{
    int status;

    fflush(NULL);
    const pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        weir_journal *j;
        weir_err err;

        if (weir_journal_open(p->path, &j, &err) != WEIR_OK) {
            _exit(99);
        }
        signal(SIGABRT, SIG_DFL);
        weir_journal_guard(j);
        for (size_t i = 0; i < n; i++) {
            weir_journal_slot *slot = weir_journal_take(j);

            if (i == 0) {
                weir_journal_thread(slot);
            }
            weir_journal_begin(slot, weir_journal_part(j, "f.in", "in", 0),
                               (weir_pos){ suspects[i], 0 }, 1, WEIR_SLOT_RUNS);
        }
        if (aborts) {
            abort();
        }
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
}

/* Who is in the function. */
typedef struct room {
    atomic_uint n_inside, n_most, n_together, n_of_bad;
    uint64_t bad;
} room;

static bool is_suspect(uint64_t offset)
{
    for (size_t i = 0; i < N_SUSPECTS; i++) {
        if (suspects[i] == offset) {
            return true;
        }
    }
    return false;
}

static weir_verdict room_fn(void *arg, weir_call *call)
{
    room *in = arg;
    const uint64_t offset = call->ev->receipt.pos.hi;
    const unsigned n = atomic_fetch_add(&in->n_inside, 1) + 1;

    if (n > atomic_load(&in->n_most)) {
        atomic_store(&in->n_most, n);
    }
    for (int i = 0; i < 5; i++) {
        weir_rig_breathe();
        if (is_suspect(offset) && atomic_load(&in->n_inside) != 1) {
            atomic_fetch_add(&in->n_together, 1);
        }
    }
    atomic_fetch_add(&in->n_of_bad, offset == in->bad);
    atomic_fetch_sub(&in->n_inside, 1);
    return weir_rig_echo(NULL, call);
}

static void begin(rig *r, room *in, weir_journal *j)
{
    weir_rig_open(r);
    r->functions[0] = (rig_function){ .fn = room_fn, .arg = in };
    r->subs[0].order = WEIR_ORDER_NONE;
    r->setup.journal = j;
    weir_rig_start(r);
    for (int i = 0; i < N_EVENTS; i++) {
        weir_rig_put(r, "in", 0, "k", "x");
    }
}

static weir_journal *opened(const place *p)
{
    weir_journal *j = NULL;
    weir_err err;

    assert_int_equal(weir_journal_open(p->path, &j, &err), WEIR_OK);
    return j;
}

static void engine_runs_suspects_alone_and_the_others_together(void **state)
{
    room in = { .bad = UINT64_MAX };
    weir_journal *j;
    place p;
    rig r;

    (void)state;
    place_begin(&p);
    life(&p, N_SUSPECTS, false);
    j = opened(&p);
    begin(&r, &in, j);
    RIG_WAIT(weir_rig_count(&r, "out") == N_EVENTS);
    assert_int_equal(atomic_load(&in.n_together), 0);
    assert_true(atomic_load(&in.n_most) > 1);
    weir_rig_close(&r);
    weir_journal_close(j);
    place_end(&p);
}

static void engine_knows_nothing_more_of_events_that_have_ended(void **state)
{
    room in = { .bad = UINT64_MAX };
    weir_pos last = { 0, 0 };
    weir_journal *j;
    place p;
    rig r;

    (void)state;
    place_begin(&p);
    life(&p, N_SUSPECTS, false);
    j = opened(&p);
    assert_true(weir_journal_knows(j, weir_journal_part(j, "f.in", "in", 0), &last));
    begin(&r, &in, j);
    RIG_WAIT(weir_rig_committed(&r, 0) == N_EVENTS);
    RIG_WAIT(!weir_journal_knows(j, weir_journal_part(j, "f.in", "in", 0), &last));
    weir_rig_close(&r);
    weir_journal_close(j);
    place_end(&p);
}

static void engine_passes_an_event_that_has_ended_its_worker_too_often(void **state)
{
    room in = { .bad = suspects[0] };
    weir_journal *j;
    place p;
    rig r;

    (void)state;
    place_begin(&p);
    life(&p, N_SUSPECTS, true);
    j = opened(&p);
    begin(&r, &in, j); /* retry.crashes is 0 */
    RIG_WAIT(weir_rig_count(&r, "out") == N_EVENTS - 1);
    RIG_WAIT(weir_rig_count(&r, RIG_DEAD) == 1);
    assert_string_equal(weir_rig_header(&r, RIG_DEAD, 0, "weir.reason"), "crashed");
    assert_string_equal(weir_rig_header(&r, RIG_DEAD, 0, "weir.position"),
                        "mem:in/0@2");
    assert_int_equal(atomic_load(&in.n_of_bad), 0);
    weir_rig_close(&r);
    weir_journal_close(j);
    place_end(&p);
}

/* What the engine says when it cannot go on. */
typedef struct ending {
    atomic_int code;
    atomic_bool may_return;
} ending;

static void ending_fatal(void *arg, int exit_code, const char *text)
{
    ending *e = arg;

    (void)text;
    atomic_store(&e->code, exit_code);
}

static weir_verdict hang_fn(void *arg, weir_call *call)
{
    ending *e = arg;

    while (!atomic_load(&e->may_return)) {
        weir_rig_breathe();
    }
    return weir_rig_echo(NULL, call);
}

static void engine_ends_with_75_where_a_function_hangs(void **state)
{
    ending e = { .code = 0 };
    rig r;

    (void)state;
    weir_rig_open(&r);
    r.functions[0] = (rig_function){ .fn = hang_fn, .arg = &e };
    r.subs[0].hang_us = 50000;
    r.setup.fatal = ending_fatal;
    r.setup.arg = &e;
    weir_rig_start(&r);
    weir_rig_put(&r, "in", 0, "k", "x");
    RIG_WAIT(atomic_load(&e.code) == 75);
    atomic_store(&e.may_return, true);
    RIG_WAIT(weir_rig_count(&r, "out") == 1);
    weir_rig_close(&r);
}

/* The rig whose commits the function looks at. */
typedef struct first {
    rig *r;
    atomic_uint n_uncommitted;
} first;

static weir_verdict first_fn(void *arg, weir_call *call)
{
    first *f = arg;

    if (weir_rig_committed(f->r, 0) <= (int64_t)call->ev->receipt.pos.hi) {
        atomic_fetch_add(&f->n_uncommitted, 1);
    }
    return weir_rig_echo(NULL, call);
}

static void at_most_once_is_committed_before_the_function_runs(void **state)
{
    rig r;
    first f = { .r = &r };

    (void)state;
    weir_rig_open(&r);
    r.functions[0] = (rig_function){ .fn = first_fn, .arg = &f };
    r.subs[0].acks_first = true;
    r.sources[0].setup.commit_us = NOT_SOON_US;
    weir_rig_start(&r);
    for (int i = 0; i < N_EVENTS; i++) {
        weir_rig_put(&r, "in", 0, "k", "x");
    }
    RIG_WAIT(weir_rig_count(&r, "out") == N_EVENTS);
    assert_int_equal(atomic_load(&f.n_uncommitted), 0);
    weir_rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(engine_runs_suspects_alone_and_the_others_together),
        cmocka_unit_test(engine_knows_nothing_more_of_events_that_have_ended),
        cmocka_unit_test(engine_passes_an_event_that_has_ended_its_worker_too_often),
        cmocka_unit_test(engine_ends_with_75_where_a_function_hangs),
        cmocka_unit_test(at_most_once_is_committed_before_the_function_runs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
