/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source_suite - the tests of tests/contract/source_suite.h.
 *
 * Waiting is always for a condition; the bound of a wait only ends what hangs.
 */
#include "tests/contract/source_suite.h"

#include "worker/base/clock.h"
#include "worker/base/lock.h"

#include <limits.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the four above */
#include <cmocka.h>

#define HANG_US INT64_C(60000000)
#define READ_CAP 16
#define MAX_EVENTS 1024
#define MAX_PARTS 64

/* One event as it was read, copied. */
typedef struct seen_event {
    char data[64];
    weir_receipt receipt;
    int32_t partition;
    char topic[128];
} seen_event;

typedef struct reader {
    weir_source_fixture *f;
    weir_source_setup setup;
    weir_source_host host;
    void *self;
    weir_event *evs[READ_CAP];
    weir_arena arenas[READ_CAP];
    seen_event seen[MAX_EVENTS];
    size_t n_seen;
    uint32_t epochs[MAX_PARTS]; /* by part; 0: not assigned */
    char topics[MAX_PARTS][128];
    int32_t partitions[MAX_PARTS];
    size_t n_assigned, n_revoked, n_lost;
} reader;

static void on_assigned(void *arg, const weir_epoch *e, size_t n)
{
    reader *r = arg;

    for (size_t i = 0; i < n; i++) {
        assert_true(e[i].part < MAX_PARTS);
        assert_true(e[i].epoch > 0);
        assert_true(r->epochs[e[i].part] == 0);
        r->epochs[e[i].part] = e[i].epoch;
        (void)snprintf(r->topics[e[i].part], sizeof(r->topics[0]), "%s", e[i].topic);
        r->partitions[e[i].part] = e[i].partition;
        r->n_assigned++;
    }
}

static void reader_forget(reader *r, const weir_epoch *e, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        assert_true(e[i].part < MAX_PARTS);
        assert_int_equal(r->epochs[e[i].part], e[i].epoch);
        r->epochs[e[i].part] = 0;
    }
}

static void on_revoking(void *arg, const weir_epoch *e, size_t n, int64_t until_us)
{
    reader *r = arg;

    (void)until_us;
    reader_forget(r, e, n);
    r->n_revoked += n;
}

static void on_lost(void *arg, const weir_epoch *e, size_t n)
{
    reader *r = arg;

    reader_forget(r, e, n);
    r->n_lost += n;
}

static void on_trouble(void *arg, const weir_epoch *e, weir_trouble kind,
                       const char *text)
{
    (void)arg;
    (void)e;
    (void)kind;
    (void)text; /* a broker may be slow to come up; what matters is what is read */
}

/* Opens the source as `setup` says; begin() was called before. */
static reader *reader_open(weir_source_fixture *f, const weir_source_setup *setup)
{
    reader *r = calloc(1, sizeof(*r));
    weir_err err = { 0 };

    assert_non_null(r);
    r->f = f;
    r->setup = *setup;
    r->host = (weir_source_host){ .arg = r,
                                  .assigned = on_assigned,
                                  .revoking = on_revoking,
                                  .lost = on_lost,
                                  .trouble = on_trouble };
    r->setup.host = &r->host;
    for (size_t i = 0; i < READ_CAP; i++) {
        r->evs[i] = calloc(1, sizeof(*r->evs[i]));
        assert_non_null(r->evs[i]);
        weir_arena_init(&r->arenas[i], 0);
    }
    r->self = calloc(1, f->ops->size);
    assert_non_null(r->self);
    if (f->ops->open(r->self, &r->setup, &err) != WEIR_OK) {
        fail_msg("open: %s", err.text);
    }
    return r;
}

static void reader_close(reader *r)
{
    assert_true(r->f->ops->close(r->self, weir_clock_us() + HANG_US));
    for (size_t i = 0; i < MAX_PARTS; i++) {
        assert_int_equal(r->epochs[i], 0); /* all were revoked or lost */
    }
    for (size_t i = 0; i < READ_CAP; i++) {
        weir_arena_fini(&r->arenas[i]);
        free(r->evs[i]);
    }
    free(r->self);
    free(r);
}

/* One read; what came is added to seen. */
static size_t reader_read(reader *r, size_t cap, int64_t wait_us)
{
    for (size_t i = 0; i < READ_CAP; i++) {
        weir_ev_begin(r->evs[i], &r->arenas[i]);
    }

    size_t n = r->f->ops->read(r->self, r->evs, cap, wait_us);

    assert_true(n <= cap);
    for (size_t i = 0; i < n; i++) {
        const weir_event *ev = r->evs[i];
        seen_event *seen = &r->seen[r->n_seen++];

        assert_true(r->n_seen <= MAX_EVENTS);
        assert_true(ev->receipt.part < MAX_PARTS);
        assert_int_equal(r->epochs[ev->receipt.part], ev->receipt.epoch);
        assert_true(ev->data.len < sizeof(seen->data));
        memcpy(seen->data, ev->data.data, ev->data.len);
        seen->data[ev->data.len] = '\0';
        seen->receipt = ev->receipt;
        seen->partition = ev->partition;
        (void)snprintf(seen->topic, sizeof(seen->topic), "%s", ev->topic);
        weir_ev_end(r->evs[i]);
    }
    return n;
}

/* Reads until `n` events or more were seen. */
static void reader_until_some(reader *r, size_t n)
{
    int64_t until_us = weir_clock_us() + HANG_US;

    while (r->n_seen < n) {
        (void)reader_read(r, READ_CAP, 100000);
        if (weir_clock_us() > until_us) {
            fail_msg("%zu of %zu events came", r->n_seen, n);
        }
    }
}

/* Reads until exactly `n` events were seen. */
static void reader_until(reader *r, size_t n)
{
    reader_until_some(r, n);
    assert_int_equal(r->n_seen, n);
}

static void reader_until_assigned(reader *r, size_t n)
{
    int64_t until_us = weir_clock_us() + HANG_US;

    while (r->n_assigned < n) {
        assert_int_equal(reader_read(r, 0, 100000), 0);
        assert_true(weir_clock_us() < until_us);
    }
}

static void reader_ack(reader *r, size_t i)
{
    r->f->ops->ack(r->self, &r->seen[i].receipt, 1);
}

static void reader_flush(reader *r)
{
    assert_int_equal(r->f->ops->flush(r->self, weir_clock_us() + HANG_US), WEIR_OK);
}

static void put_n(weir_source_fixture *f, int part, int from, int n)
{
    for (int i = from; i < from + n; i++) {
        char data[32];

        (void)snprintf(data, sizeof(data), "%d:%d", part, i);
        f->put(f, part, "k", data);
    }
}

/* "part:number" taken apart. */
static int seen_part(const seen_event *seen)
{
    return atoi(seen->data);
}

static int seen_number(const seen_event *seen)
{
    const char *colon = strchr(seen->data, ':');

    assert_non_null(colon);
    return atoi(colon + 1);
}

/* -- tests --------------------------------------------------------------------------- */

static void a_read_with_cap_0_gives_nothing_and_loses_nothing(void **state)
{
    weir_source_fixture *f = *state;
    weir_source_setup setup = { 0 };

    f->begin(f, &setup);
    put_n(f, 0, 0, 5);

    reader *r = reader_open(f, &setup);

    reader_until_assigned(r, 1);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(reader_read(r, 0, 0), 0);
    }
    reader_until(r, 5);
    assert_string_equal(r->seen[0].data, "0:0");
    reader_close(r);
    f->end(f);
}

static void every_event_is_read_once_and_in_order_per_part(void **state)
{
    weir_source_fixture *f = *state;
    weir_source_setup setup = { 0 };
    int next[MAX_PARTS] = { 0 };
    size_t n = 0;

    f->begin(f, &setup);
    for (int part = 0; part < f->n_parts; part++) {
        put_n(f, part, 0, 100);
        n += 100;
    }

    reader *r = reader_open(f, &setup);

    reader_until(r, n);
    for (size_t i = 0; i < n; i++) {
        int part = seen_part(&r->seen[i]);

        assert_int_equal(seen_number(&r->seen[i]), next[part]);
        next[part]++;
        reader_ack(r, i);
    }
    assert_int_equal(reader_read(r, READ_CAP, 1000), 0);
    reader_close(r);
    f->end(f);
}

static void positions_of_a_part_rise(void **state)
{
    weir_source_fixture *f = *state;
    weir_source_setup setup = { 0 };

    f->begin(f, &setup);
    put_n(f, 0, 0, 50);

    reader *r = reader_open(f, &setup);

    reader_until(r, 50);
    for (size_t i = 1; i < 50; i++) {
        assert_int_equal(r->seen[i].receipt.part, r->seen[0].receipt.part);
        assert_true(weir_pos_cmp(r->seen[i - 1].receipt.pos, r->seen[i].receipt.pos) <
                    0);
    }
    reader_close(r);
    f->end(f);
}

static void an_ack_of_a_stale_epoch_is_dropped(void **state)
{
    weir_source_fixture *f = *state;
    weir_source_setup setup = { 0 };

    if (!f->remembers) {
        skip();
    }
    f->begin(f, &setup);
    put_n(f, 0, 0, 5);

    reader *r = reader_open(f, &setup);

    reader_until(r, 5);
    for (size_t i = 0; i < 5; i++) {
        weir_receipt stale = r->seen[i].receipt;

        stale.epoch++;
        f->ops->ack(r->self, &stale, 1);
        stale.epoch -= 2;
        f->ops->ack(r->self, &stale, 1);
    }
    reader_flush(r);
    reader_close(r);
    r = reader_open(f, &setup);
    reader_until(r, 5);
    assert_string_equal(r->seen[0].data, "0:0");
    reader_close(r);
    f->end(f);
}

static void a_commit_never_passes_an_unfinished_event(void **state)
{
    weir_source_fixture *f = *state;
    weir_source_setup setup = { 0 };

    if (!f->remembers) {
        skip();
    }
    f->begin(f, &setup);
    put_n(f, 0, 0, 10);

    reader *r = reader_open(f, &setup);

    reader_until(r, 10);
    for (size_t i = 10; i-- > 0;) {
        if (i != 3) {
            reader_ack(r, i);
        }
    }
    reader_flush(r);
    reader_close(r);
    r = reader_open(f, &setup);
    reader_until_some(r, 1);
    assert_string_equal(r->seen[0].data, "0:3");
    reader_close(r);
    f->end(f);
}

static void a_reopened_source_goes_on_after_the_last_ack(void **state)
{
    weir_source_fixture *f = *state;
    weir_source_setup setup = { 0 };

    if (!f->remembers) {
        skip();
    }
    f->begin(f, &setup);
    put_n(f, 0, 0, 10);

    reader *r = reader_open(f, &setup);

    reader_until(r, 10);
    for (size_t i = 0; i < 10; i++) {
        reader_ack(r, i);
    }
    reader_close(r);
    put_n(f, 0, 10, 5);
    r = reader_open(f, &setup);
    reader_until(r, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(seen_number(&r->seen[i]), 10 + (int)i);
    }
    assert_int_equal(reader_read(r, READ_CAP, 1000), 0);
    reader_close(r);
    f->end(f);
}

static void what_was_not_acked_comes_again(void **state)
{
    weir_source_fixture *f = *state;
    weir_source_setup setup = { 0 };

    f->begin(f, &setup);
    put_n(f, 0, 0, 10);

    reader *r = reader_open(f, &setup);

    reader_until(r, 10);
    reader_close(r);
    r = reader_open(f, &setup);
    reader_until(r, 10);
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(seen_number(&r->seen[i]), (int)i);
    }
    reader_close(r);
    f->end(f);
}

typedef struct waker {
    reader *r;
    weir_signal sig;
    atomic_bool is_over;
} waker;

static void *waker_main(void *arg)
{
    waker *w = arg;

    while (!atomic_load(&w->is_over)) {
        unsigned seen = weir_signal_read(&w->sig);

        w->r->f->ops->wake(w->r->self);
        (void)weir_signal_wait(&w->sig, seen, weir_clock_us() + 10000);
    }
    return NULL;
}

static void a_wake_ends_a_waiting_read(void **state)
{
    weir_source_fixture *f = *state;
    weir_source_setup setup = { 0 };
    pthread_t thread;

    f->begin(f, &setup);

    reader *r = reader_open(f, &setup);
    waker w = { .r = r };

    assert_int_equal(weir_thread_start(&thread, "waker", 0, waker_main, &w), 0);
    /* An hour: without the wake the test's own limit ends it. */
    assert_int_equal(reader_read(r, READ_CAP, INT64_C(3600000000)), 0);
    atomic_store(&w.is_over, true);
    weir_signal_raise(&w.sig, INT_MAX);
    (void)pthread_join(thread, NULL);
    reader_close(r);
    f->end(f);
}

/* Whoever has made room wakes once; a read that takes it for its own and waits on stands still
 * with all that waits behind it. */
static void one_wake_ends_a_read_without_room(void **state)
{
    weir_source_fixture *f = *state;
    weir_source_setup setup = { 0 };
    const int64_t wait_us = 900000;
    int n_ended_before = 0;

    f->begin(f, &setup);

    reader *r = reader_open(f, &setup);
    /* A source wakes itself too while it begins; a slow machine may be late now and then. */
    for (int i = 0; i < 20 && n_ended_before < 10; i++) {
        const int64_t until_us = weir_clock_us() + wait_us;

        f->ops->wake(r->self);
        assert_int_equal(reader_read(r, 0, wait_us), 0);
        n_ended_before += weir_clock_us() < until_us;
    }
    assert_int_equal(n_ended_before, 10);
    reader_close(r);
    f->end(f);
}

/* The part that the events of a partition or stream come in. */
static uint32_t part_of(reader *r, int number)
{
    for (size_t i = 0; i < r->n_seen; i++) {
        if (seen_part(&r->seen[i]) == number) {
            return r->seen[i].receipt.part;
        }
    }
    fail_msg("nothing of part %d was seen", number);
    return 0;
}

static void holding_one_part_leaves_the_others_flowing(void **state)
{
    weir_source_fixture *f = *state;
    weir_source_setup setup = { 0 };

    if (f->n_parts < 2) {
        skip();
    }
    f->begin(f, &setup);
    put_n(f, 0, 0, 1);
    put_n(f, 1, 0, 1);

    reader *r = reader_open(f, &setup);

    reader_until(r, 2);

    uint32_t part = part_of(r, 0);
    uint32_t epoch = r->epochs[part];

    f->ops->hold(r->self, part, epoch, true);
    put_n(f, 0, 1, 20);
    put_n(f, 1, 1, 20);
    reader_until(r, 22);
    assert_int_equal(reader_read(r, READ_CAP, 50000), 0);
    for (size_t i = 2; i < 22; i++) {
        assert_int_equal(seen_part(&r->seen[i]), 1);
    }
    f->ops->hold(r->self, part, epoch, false);
    reader_until(r, 42);
    for (size_t i = 22; i < 42; i++) {
        assert_int_equal(seen_part(&r->seen[i]), 0);
        assert_int_equal(seen_number(&r->seen[i]), (int)i - 21);
    }
    reader_close(r);
    f->end(f);
}

static void stat_counts_what_is_out_and_not_acked(void **state)
{
    weir_source_fixture *f = *state;
    weir_source_setup setup = { 0 };
    weir_source_stat stat;
    weir_part_stat parts[MAX_PARTS];
    int64_t n_unacked = 0;

    f->begin(f, &setup);
    put_n(f, 0, 0, 10);

    reader *r = reader_open(f, &setup);

    reader_until(r, 10);
    for (size_t i = 0; i < 4; i++) {
        reader_ack(r, i);
    }

    size_t n = f->ops->stat(r->self, &stat, parts, MAX_PARTS);

    assert_true(stat.is_joined);
    assert_true(n >= 1 && n <= MAX_PARTS);
    for (size_t i = 0; i < n; i++) {
        n_unacked += parts[i].n_unacked;
    }
    assert_int_equal(n_unacked, 6);
    reader_close(r);
    f->end(f);
}

static void a_revoked_part_comes_back_with_a_new_epoch_after_its_acks(void **state)
{
    weir_source_fixture *f = *state;
    weir_source_setup setup = { 0 };
    int64_t until_us = weir_clock_us() + HANG_US;

    if (f->revoke == NULL) {
        skip();
    }
    f->begin(f, &setup);
    put_n(f, 0, 0, 10);

    reader *r = reader_open(f, &setup);

    reader_until(r, 10);
    for (size_t i = 0; i < 4; i++) {
        reader_ack(r, i);
    }

    size_t n_assigned = r->n_assigned;

    f->revoke(f, 0);
    while (r->n_assigned == n_assigned) {
        assert_int_equal(reader_read(r, 0, 100000), 0);
        assert_true(weir_clock_us() < until_us);
    }
    for (size_t i = 4; i < 10; i++) {
        reader_ack(r, i); /* of the old epoch: dropped */
    }
    reader_until(r, 16);
    for (size_t i = 10; i < 16; i++) {
        assert_int_equal(seen_number(&r->seen[i]), (int)i - 6);
        assert_true(r->seen[i].receipt.epoch > r->seen[0].receipt.epoch);
    }
    reader_close(r);
    f->end(f);
}

int weir_source_suite(const char *name, weir_source_fixture *f)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(a_read_with_cap_0_gives_nothing_and_loses_nothing, f),
        cmocka_unit_test_prestate(every_event_is_read_once_and_in_order_per_part, f),
        cmocka_unit_test_prestate(positions_of_a_part_rise, f),
        cmocka_unit_test_prestate(an_ack_of_a_stale_epoch_is_dropped, f),
        cmocka_unit_test_prestate(a_commit_never_passes_an_unfinished_event, f),
        cmocka_unit_test_prestate(a_reopened_source_goes_on_after_the_last_ack, f),
        cmocka_unit_test_prestate(what_was_not_acked_comes_again, f),
        cmocka_unit_test_prestate(a_wake_ends_a_waiting_read, f),
        cmocka_unit_test_prestate(one_wake_ends_a_read_without_room, f),
        cmocka_unit_test_prestate(holding_one_part_leaves_the_others_flowing, f),
        cmocka_unit_test_prestate(stat_counts_what_is_out_and_not_acked, f),
        cmocka_unit_test_prestate(
            a_revoked_part_comes_back_with_a_new_epoch_after_its_acks, f),
    };

    return _cmocka_run_group_tests(name, tests, sizeof(tests) / sizeof(tests[0]), NULL,
                                   NULL);
}
