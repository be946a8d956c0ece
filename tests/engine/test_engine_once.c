/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_engine_once - the whole engine with a settler: what it is given, and what the engine makes
 * of each of its answers.
 */
#include "tests/support/engine_rig.h"

#include <errno.h>
#include <stdio.h>

#define FAKE_ITEMS 64

/* A settler whose answers are the test's. */
typedef struct fake {
    const weir_settler_setup *setup;
    pthread_mutex_t lock;
    weir_settle_item *items[FAKE_ITEMS];
    size_t n;
    atomic_uint n_given; /* ever */
    size_t room;         /* items that it takes at once */
} fake;

static fake *the_fake; /* the one that is open */

static weir_status fake_open(void *self, const weir_settler_setup *setup, weir_err *err)
{
    fake *f = self;

    (void)err;
    *f = (fake){ .setup = setup, .room = FAKE_ITEMS };
    assert_int_equal(pthread_mutex_init(&f->lock, NULL), 0);
    the_fake = f;
    return WEIR_OK;
}

static size_t fake_give(void *self, weir_settle_item *const *items, size_t n)
{
    fake *f = self;
    size_t n_taken = 0;

    assert_int_equal(pthread_mutex_lock(&f->lock), 0);
    while (n_taken < n && f->n < f->room) {
        f->items[f->n++] = items[n_taken++];
    }
    assert_int_equal(pthread_mutex_unlock(&f->lock), 0);
    atomic_fetch_add(&f->n_given, (unsigned)n_taken);
    return n_taken;
}

static void fake_hurry(void *self)
{
    (void)self;
}

static weir_status fake_probe(void *self, void *const *targets, size_t n,
                              int64_t timeout_us, weir_err *err)
{
    (void)self;
    (void)targets;
    (void)n;
    (void)timeout_us;
    (void)err;
    return WEIR_OK;
}

/* The oldest item; NULL: there is none. */
static weir_settle_item *fake_pop(void)
{
    weir_settle_item *item = NULL;

    assert_int_equal(pthread_mutex_lock(&the_fake->lock), 0);
    if (the_fake->n > 0) {
        item = the_fake->items[0];
        the_fake->n--;
        memmove(the_fake->items, the_fake->items + 1,
                the_fake->n * sizeof(the_fake->items[0]));
    }
    assert_int_equal(pthread_mutex_unlock(&the_fake->lock), 0);
    return item;
}

static bool fake_close(void *self, int64_t until_us)
{
    weir_settle_item *item;

    (void)until_us;
    while ((item = fake_pop()) != NULL) {
        const weir_settle_result result = { item, WEIR_SETTLED_AGAIN, NULL, NULL };

        the_fake->setup->done(the_fake->setup->arg, &result, 1);
    }
    assert_int_equal(pthread_mutex_destroy(&((fake *)self)->lock), 0);
    return true;
}

static const weir_settler_ops fake_settler = {
    .name = "fake",
    .about = "answers what the test says",
    .size = sizeof(fake),
    .keeps_order = false,
    .open = fake_open,
    .give = fake_give,
    .hurry = fake_hurry,
    .probe = fake_probe,
    .close = fake_close,
};

/* Waits for the next item. */
static weir_settle_item *fake_next(void)
{
    weir_settle_item *item = NULL;

    RIG_WAIT((item = fake_pop()) != NULL);
    return item;
}

static void fake_answer(weir_settle_item *item, weir_settled settled)
{
    const weir_settle_result result = { item, settled, NULL, "the test says so" };

    the_fake->setup->done(the_fake->setup->arg, &result, 1);
}

static const char *header_of(const weir_out *out, const char *name)
{
    static char text[128];

    text[0] = '\0';
    for (size_t i = 0; i < out->n_headers; i++) {
        if (strcmp(out->headers[i].name, name) == 0) {
            (void)snprintf(text, sizeof(text), "%.*s", (int)out->headers[i].value.len,
                           out->headers[i].value.data);
        }
    }
    return text;
}

/* -- the function, and how events ended ---------------------------------------------------- */

typedef struct told {
    atomic_uint n_calls, n_done, n_dead;
    atomic_int code; /* of the last weir_emit to another queue */
} told;

static weir_verdict echo(void *arg, weir_call *call)
{
    told *t = arg;

    atomic_fetch_add(&t->n_calls, 1);
    return weir_rig_echo(NULL, call);
}

static weir_verdict silent(void *arg, weir_call *call)
{
    told *t = arg;

    (void)call;
    atomic_fetch_add(&t->n_calls, 1);
    return WEIR_DONE;
}

static weir_verdict abroad(void *arg, weir_call *call)
{
    told *t = arg;
    const weir_output out = { .to = "other:out", .data = WEIR_SLICE_LIT("x") };

    atomic_store(&t->code, weir_call_emit(call, &out));
    return WEIR_DONE;
}

static void on_fate(void *arg, const weir_fate *fate)
{
    told *t = arg;

    atomic_fetch_add(&t->n_done, strcmp(fate->outcome, "done") == 0);
    atomic_fetch_add(&t->n_dead, strcmp(fate->outcome, "dead") == 0);
}

static void once_open(rig *r, told *t, rig_fn *fn)
{
    memset(t, 0, sizeof(*t));
    weir_rig_open(r);
    r->subs[0].settler = &fake_settler;
    r->subs[0].transaction_us = 100000;
    r->functions[0].fn = fn;
    r->functions[0].arg = t;
    r->setup.fate = on_fate;
    r->setup.arg = t;
}

/* -- tests --------------------------------------------------------------------------------- */

static void engine_acknowledges_what_the_settler_has_made_durable(void **state)
{
    rig r;
    told t;

    (void)state;
    once_open(&r, &t, echo);
    weir_rig_start(&r);
    for (int i = 0; i < 10; i++) {
        char key[16];

        (void)snprintf(key, sizeof(key), "%d", i);
        weir_rig_put(&r, "in", 0, key, "data");
    }
    for (int i = 0; i < 10; i++) {
        weir_settle_item *item = fake_next();

        assert_true(header_of(item->outs, "weir.position")[0] != '\0');
        assert_true(weir_rig_committed(&r, 0) < 10);
        fake_answer(item, WEIR_SETTLED_OK);
    }
    RIG_WAIT(weir_rig_committed(&r, 0) == 10);
    assert_int_equal(atomic_load(&t.n_done), 10);
    assert_int_equal(weir_rig_count(&r, "out"), 0); /* the sink is passed by */
    assert_true(weir_rig_is_empty(&r));
    weir_rig_close(&r);
}

static void engine_gives_kept_outputs_again_without_running_the_function(void **state)
{
    rig r;
    told t;

    (void)state;
    once_open(&r, &t, echo);
    weir_rig_start(&r);
    weir_rig_put(&r, "in", 0, "k", "data");
    for (int i = 0; i < 3; i++) {
        weir_settle_item *item = fake_next();

        assert_int_equal(item->mark, i == 0 ? 0 : 77);
        assert_true(weir_slice_is(item->outs->data, "data"));
        item->mark = 77;
        fake_answer(item, i < 2 ? WEIR_SETTLED_AGAIN : WEIR_SETTLED_OK);
    }
    RIG_WAIT(weir_rig_committed(&r, 0) == 1);
    assert_int_equal(atomic_load(&t.n_calls), 1);
    weir_rig_put(&r, "in", 0, "k", "next");

    weir_settle_item *next = fake_next();

    assert_int_equal(next->mark, 0); /* another event in the same memory */
    fake_answer(next, WEIR_SETTLED_OK);
    RIG_WAIT(weir_rig_committed(&r, 0) == 2);
    weir_rig_close(&r);
}

static void engine_reads_nothing_while_the_settler_fails(void **state)
{
    rig r;
    told t;

    (void)state;
    once_open(&r, &t, echo);
    weir_rig_start(&r);
    weir_rig_put(&r, "in", 0, "a", "data");
    fake_answer(fake_next(), WEIR_SETTLED_AGAIN);
    RIG_WAIT(weir_rig_stat(&r, 0).n_again == 1);
    assert_false(weir_engine_is_ready(r.e, NULL));
    fake_answer(fake_next(), WEIR_SETTLED_OK);
    RIG_WAIT(weir_rig_committed(&r, 0) == 1);
    assert_int_equal(weir_rig_stat(&r, 0).n_again, 0);
    weir_rig_close(&r);
}

static void engine_forgets_an_event_that_is_gone_and_what_is_behind_it(void **state)
{
    rig r;
    told t;

    (void)state;
    once_open(&r, &t, echo);
    weir_rig_start(&r);
    weir_rig_put(&r, "in", 0, "k", "1");

    weir_settle_item *item = fake_next();

    weir_rig_put(&r, "in", 0, "k", "2");
    RIG_WAIT(weir_rig_stat(&r, 0).n_jobs == 2);
    fake_answer(item, WEIR_SETTLED_GONE);
    RIG_WAIT(weir_rig_is_empty(&r));
    assert_int_equal(atomic_load(&t.n_calls), 1);
    assert_int_equal(atomic_load(&t.n_done) + atomic_load(&t.n_dead), 0);
    assert_true(weir_rig_committed(&r, 0) <= 0);
    weir_rig_close(&r);
}

static void engine_settles_dead_letters_the_same_way(void **state)
{
    rig r;
    told t;

    (void)state;
    once_open(&r, &t, echo);
    weir_rig_start(&r);
    weir_rig_put(&r, "in", 0, "k", "data");
    fake_answer(fake_next(), WEIR_SETTLED_TOO_LARGE);

    weir_settle_item *dead = fake_next();

    assert_string_equal(header_of(dead->outs, "weir.reason"), "too-large");
    assert_null(dead->outs->next);
    assert_true(weir_rig_committed(&r, 0) <= 0);
    fake_answer(dead, WEIR_SETTLED_OK);
    RIG_WAIT(weir_rig_committed(&r, 0) == 1);
    assert_int_equal(atomic_load(&t.n_dead), 1);
    weir_rig_close(&r);
}

static void engine_gives_again_what_a_full_settler_did_not_take(void **state)
{
    rig r;
    told t;

    (void)state;
    once_open(&r, &t, echo);
    weir_rig_start(&r);
    RIG_WAIT(the_fake != NULL);
    the_fake->room = 1;
    for (int i = 0; i < 20; i++) {
        char key[16];

        (void)snprintf(key, sizeof(key), "%d", i);
        weir_rig_put(&r, "in", 0, key, "data");
    }
    for (int i = 0; i < 20; i++) {
        fake_answer(fake_next(), WEIR_SETTLED_OK);
    }
    RIG_WAIT(weir_rig_committed(&r, 0) == 20);
    assert_int_equal(atomic_load(&t.n_calls), 20);
    weir_rig_close(&r);
}

static void engine_does_not_bother_the_settler_with_events_without_results(void **state)
{
    rig r;
    told t;

    (void)state;
    once_open(&r, &t, silent);
    weir_rig_start(&r);
    for (int i = 0; i < 5; i++) {
        weir_rig_put(&r, "in", 0, "k", "data");
    }
    RIG_WAIT(weir_rig_committed(&r, 0) == 5);
    assert_int_equal(atomic_load(&the_fake->n_given), 0);
    weir_rig_close(&r);
}

static void emit_to_another_queue_is_refused(void **state)
{
    rig r;
    told t;

    (void)state;
    once_open(&r, &t, abroad);

    const weir_engine_queue queues[] = { r.queue, { "other", &weir_memory_sink, r.q } };

    r.setup.queues = queues;
    r.setup.n_queues = 2;
    weir_rig_start(&r);
    weir_rig_put(&r, "in", 0, "k", "data");

    weir_settle_item *dead = fake_next();

    assert_int_equal(atomic_load(&t.code), EXDEV);
    assert_string_equal(header_of(dead->outs, "weir.reason"), "rejected");
    assert_string_equal(header_of(dead->outs, "weir.error.class"), "emit-other-queue");
    fake_answer(dead, WEIR_SETTLED_OK);
    RIG_WAIT(weir_rig_committed(&r, 0) == 1);
    weir_rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(engine_acknowledges_what_the_settler_has_made_durable),
        cmocka_unit_test(engine_gives_kept_outputs_again_without_running_the_function),
        cmocka_unit_test(engine_reads_nothing_while_the_settler_fails),
        cmocka_unit_test(engine_forgets_an_event_that_is_gone_and_what_is_behind_it),
        cmocka_unit_test(engine_settles_dead_letters_the_same_way),
        cmocka_unit_test(engine_gives_again_what_a_full_settler_did_not_take),
        cmocka_unit_test(
            engine_does_not_bother_the_settler_with_events_without_results),
        cmocka_unit_test(emit_to_another_queue_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
