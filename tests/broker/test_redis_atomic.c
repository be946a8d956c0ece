/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_redis_atomic - the settler of Redis: its contract, and that nothing at all is written when
 * anything is refused, whatever it is; and that what was done is not done again.
 */
#include "tests/contract/settler_suite.h"
#include "tests/support/proxy.h"
#include "tests/support/redis_world.h"
#include "triggers/redis_atomic.h"
#include "triggers/redis_sink.h"
#include "triggers/redis_source.h"
#include "worker/base/clock.h"
#include "worker/base/lock.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the ones above */
#include <cmocka.h>

#define N_EVENTS 20
#define MAX_EVENTS 2000

/* A world with a source that has read its events, a sink for its targets, and a settler. */
typedef struct kit {
    world *w;
    rig r;
    bool is_source_open;
    char names[2][100];
    weir_sink_setup sink_setup;
    void *sink;
    void *targets[2];
    weir_redis_queue settler_queue; /* url NULL: the world's */
    weir_sink_setup settler_sink;
    weir_settler_setup setup;
    void *self;
    weir_settle_item items[MAX_EVENTS];
    weir_out outs[MAX_EVENTS][2];
    weir_settle_result results[MAX_EVENTS]; /* the last of each */
    char texts[MAX_EVENTS][200];
    atomic_size_t n_answered;
    weir_signal answered;
} kit;

static void no_done(void *arg, const weir_sent_result *results, size_t n)
{
    (void)arg;
    (void)results;
    (void)n;
}

static void on_settled(void *arg, const weir_settle_result *results, size_t n)
{
    kit *k = arg;

    for (size_t i = 0; i < n; i++) {
        const size_t at = (size_t)(results[i].item - k->items);

        k->results[at] = results[i];
        (void)snprintf(k->texts[at], sizeof(k->texts[at]), "%s",
                       results[i].text == NULL ? "" : results[i].text);
    }
    atomic_fetch_add(&k->n_answered, n);
    weir_signal_raise(&k->answered, INT_MAX);
}

static void kit_open(kit *k, world *w, size_t n)
{
    weir_err err = { 0 };

    k->w = w;
    for (int i = 0; i < 2; i++) {
        weir_broker_name(i == 0 ? "out" : "other", k->names[i], sizeof(k->names[i]));
    }
    world_put(w, 0, (int)n);
    rig_init(&k->r, &w->queue, w->stream, w->group);
    rig_open(&k->r);
    k->is_source_open = true;
    k->sink_setup = (weir_sink_setup){ .queue = &w->queue,
                                       .queue_name = "redis",
                                       .service = "test",
                                       .instance = "one",
                                       .max_bytes = 1 << 20,
                                       .max_record = 1 << 20,
                                       .done = no_done };
    k->sink = calloc(1, weir_redis_sink.size);
    assert_non_null(k->sink);
    assert_int_equal(weir_redis_sink.open(k->sink, &k->sink_setup, &err), WEIR_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(
            weir_redis_sink.target(k->sink, k->names[i], &k->targets[i], &err),
            WEIR_OK);
    }
    k->settler_sink = k->sink_setup;
    if (k->settler_queue.url != NULL) {
        k->settler_sink.queue = &k->settler_queue;
    }
    k->setup = (weir_settler_setup){ .sink = &k->settler_sink,
                                     .source_setup = &k->r.setup,
                                     .source = k->r.self,
                                     .transaction_us = 100000,
                                     .max_bytes = 8 << 20,
                                     .done = on_settled,
                                     .arg = k };
}

/* The same with the settler open, the events read, and an item for each. */
static kit *kit_new(world *w, size_t n, size_t n_outs, weir_proxy *cut)
{
    kit *k = calloc(1, sizeof(*k));
    weir_err err = { 0 };

    assert_non_null(k);
    if (cut != NULL) {
        char url[100];

        (void)snprintf(url, sizeof(url), "redis://%s/0", weir_proxy_address(cut));
        k->settler_queue.url = strdup(url);
    }
    kit_open(k, w, n);
    k->self = calloc(1, weir_redis_settler.size);
    assert_non_null(k->self);
    assert_int_equal(weir_redis_settler.open(k->self, &k->setup, &err), WEIR_OK);
    rig_until(&k->r, n);
    for (size_t i = 0; i < n; i++) {
        k->items[i] =
            (weir_settle_item){ .receipt = k->r.seen[i].receipt, .outs = k->outs[i] };
        for (size_t o = 0; o < n_outs; o++) {
            k->outs[i][o] =
                (weir_out){ .target = k->targets[o],
                            .data = weir_slice_of(k->r.seen[i].data),
                            .partition = -1,
                            .time_ms = -1,
                            .next = o + 1 < n_outs ? &k->outs[i][o + 1] : NULL };
        }
    }
    return k;
}

static void kit_close_source(kit *k)
{
    if (k->is_source_open) {
        rig_close(&k->r);
        k->is_source_open = false;
    }
}

static void kit_free(kit *k)
{
    if (k->self != NULL) {
        assert_true(weir_redis_settler.close(k->self, weir_clock_us() + RIG_HANG_US));
    }
    kit_close_source(k);
    assert_true(weir_redis_sink.close(k->sink, weir_clock_us() + RIG_HANG_US));
    free(k->sink);
    free(k->self);
    weir_opt_fini(weir_redis_opts, &k->settler_queue);
    free(k);
}

/* Gives items[from..from+n) and waits for their answers. */
static void kit_settle(kit *k, size_t from, size_t n)
{
    const size_t before = atomic_load(&k->n_answered);
    const int64_t until_us = weir_clock_us() + RIG_HANG_US;
    weir_settle_item *items[MAX_EVENTS];

    for (size_t i = 0; i < n; i++) {
        items[i] = &k->items[from + i];
    }
    assert_int_equal(weir_redis_settler.give(k->self, items, n), n);
    for (;;) {
        const unsigned seen = weir_signal_read(&k->answered);

        if (atomic_load(&k->n_answered) == before + n) {
            return;
        }
        (void)weir_signal_wait(&k->answered, seen, until_us);
        assert_true(weir_clock_us() < until_us);
    }
}

static size_t kit_count(const kit *k, weir_settled settled, size_t n)
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++) {
        count += k->results[i].settled == settled;
    }
    return count;
}

/* Settles again and again, as the engine would, until all are OK. */
static void kit_until_ok(kit *k, size_t n)
{
    const int64_t until_us = weir_clock_us() + RIG_HANG_US;

    do {
        for (size_t i = 0; i < n; i++) {
            if (k->results[i].settled != WEIR_SETTLED_OK) {
                kit_settle(k, i, 1);
            }
        }
        assert_true(weir_clock_us() < until_us);
    } while (kit_count(k, WEIR_SETTLED_OK, n) < n);
}

static int64_t kit_length(kit *k, const char *name)
{
    char words[200];

    (void)snprintf(words, sizeof(words), "XLEN %s", name);
    return rig_number(k->w->conn, words);
}

/* Nothing was written anywhere, and every event is still ours to do. */
static void assert_untouched(kit *k, size_t n)
{
    char words[200];

    (void)snprintf(words, sizeof(words), "EXISTS %s", k->names[1]);
    assert_int_equal(rig_number(k->w->conn, words), 0);
    assert_int_equal(world_pending(k->w), n);
}

/* -- what is refused ----------------------------------------------------------------------- */

static void
a_key_of_another_type_refuses_its_events_and_writes_nothing_of_them(void **state)
{
    kit *k = kit_new(*state, N_EVENTS, 2, NULL);

    rig_do(k->w->conn, "SET %s text", k->names[0]);
    kit_settle(k, 0, N_EVENTS);
    assert_int_equal(kit_count(k, WEIR_SETTLED_DENIED, N_EVENTS), N_EVENTS);
    assert_ptr_equal(k->results[0].out, &k->outs[0][0]);
    assert_non_null(strstr(k->texts[0], "it is a string, not a stream"));
    assert_untouched(k, N_EVENTS);
    rig_do(k->w->conn, "DEL %s", k->names[0]);
    kit_until_ok(k, N_EVENTS);
    assert_int_equal(kit_length(k, k->names[0]), N_EVENTS);
    assert_int_equal(kit_length(k, k->names[1]), N_EVENTS);
    assert_int_equal(world_pending(k->w), 0);
    kit_free(k);
}

static void events_that_need_no_refused_key_go_on_without_the_others(void **state)
{
    kit *k = kit_new(*state, N_EVENTS, 1, NULL);

    for (size_t i = 0; i < N_EVENTS; i += 2) {
        k->outs[i][0].target = k->targets[1];
    }
    rig_do(k->w->conn, "SET %s text", k->names[0]);
    kit_settle(k, 0, N_EVENTS);
    assert_int_equal(kit_count(k, WEIR_SETTLED_OK, N_EVENTS), N_EVENTS / 2);
    assert_int_equal(kit_count(k, WEIR_SETTLED_DENIED, N_EVENTS), N_EVENTS / 2);
    assert_int_equal(kit_length(k, k->names[1]), N_EVENTS / 2);
    assert_int_equal(world_pending(k->w), N_EVENTS / 2);
    kit_free(k);
}

static void a_server_without_memory_writes_nothing_until_it_has_some(void **state)
{
    kit *k = kit_new(*state, N_EVENTS, 2, NULL);

    rig_do(k->w->conn, "CONFIG SET maxmemory-policy noeviction");
    rig_do(k->w->conn, "CONFIG SET maxmemory 1");
    kit_settle(k, 0, N_EVENTS);
    assert_int_equal(kit_count(k, WEIR_SETTLED_AGAIN, N_EVENTS), N_EVENTS);
    assert_non_null(strstr(k->texts[0], "OOM"));
    assert_untouched(k, N_EVENTS);
    rig_do(k->w->conn, "CONFIG SET maxmemory 0");
    kit_until_ok(k, N_EVENTS);
    assert_int_equal(kit_length(k, k->names[0]), N_EVENTS);
    assert_int_equal(world_pending(k->w), 0);
    kit_free(k);
}

static void a_user_without_the_right_to_one_key_writes_to_none(void **state)
{
    kit *k = kit_new(*state, N_EVENTS, 2, NULL);
    weir_err err = { 0 };

    rig_do(k->w->conn, "ACL SETUSER default resetkeys ~%s ~%s ~weir:*", k->w->stream,
           k->names[0]);
    kit_settle(k, 0, N_EVENTS);
    assert_int_equal(kit_count(k, WEIR_SETTLED_DENIED, N_EVENTS), N_EVENTS);
    assert_non_null(strstr(k->texts[0], "NOPERM"));
    assert_int_equal(
        weir_redis_settler.probe(k->self, k->targets, 2, RIG_HANG_US, &err),
        WEIR_EDENIED);
    assert_non_null(strstr(err.text, k->names[1]));
    rig_do(k->w->conn, "ACL SETUSER default allkeys");
    assert_untouched(k, N_EVENTS);
    assert_int_equal(kit_length(k, k->names[0]), 0);
    kit_until_ok(k, N_EVENTS);
    assert_int_equal(kit_length(k, k->names[1]), N_EVENTS);
    kit_free(k);
}

static void an_event_is_not_refused_for_the_stream_of_another(void **state)
{
    kit *k = kit_new(*state, N_EVENTS, 1, NULL);

    for (size_t i = 0; i < N_EVENTS; i += 3) {
        k->outs[i][0].target = k->targets[1];
    }
    rig_do(k->w->conn, "ACL SETUSER default resetkeys ~%s ~%s ~weir:*", k->w->stream,
           k->names[0]);
    kit_settle(k, 0, N_EVENTS);
    for (size_t i = 0; i < N_EVENTS; i++) {
        assert_int_equal(k->results[i].settled,
                         i % 3 == 0 ? WEIR_SETTLED_DENIED : WEIR_SETTLED_OK);
        assert_ptr_equal(k->results[i].out, i % 3 == 0 ? &k->outs[i][0] : NULL);
    }
    rig_do(k->w->conn, "ACL SETUSER default allkeys");
    assert_int_equal(kit_length(k, k->names[1]), 0);
    kit_free(k);
}

static void a_user_without_the_right_to_add_writes_nothing(void **state)
{
    kit *k = kit_new(*state, N_EVENTS, 2, NULL);
    weir_err err = { 0 };

    rig_do(k->w->conn, "ACL SETUSER default -xadd");
    kit_settle(k, 0, N_EVENTS);
    assert_int_equal(kit_count(k, WEIR_SETTLED_DENIED, N_EVENTS), N_EVENTS);
    assert_ptr_equal(k->results[0].out, &k->outs[0][0]);
    assert_non_null(strstr(k->texts[0], "NOPERM this user may not XADD it"));
    assert_int_equal(
        weir_redis_settler.probe(k->self, k->targets, 2, RIG_HANG_US, &err),
        WEIR_EDENIED);
    rig_do(k->w->conn, "ACL SETUSER default +xadd");
    assert_untouched(k, N_EVENTS);
    kit_free(k);
}

static void a_user_without_the_right_to_acknowledge_publishes_nothing(void **state)
{
    kit *k = kit_new(*state, N_EVENTS, 2, NULL);

    rig_do(k->w->conn, "ACL SETUSER default -xack");
    kit_settle(k, 0, N_EVENTS);
    assert_int_equal(kit_count(k, WEIR_SETTLED_DENIED, N_EVENTS), N_EVENTS);
    assert_non_null(strstr(k->texts[0], "NOPERM this user may not XACK it"));
    rig_do(k->w->conn, "ACL SETUSER default +xack");
    assert_untouched(k, N_EVENTS);
    kit_free(k);
}

static void what_an_add_that_fails_late_has_written_is_taken_back(void **state)
{
    kit *k = kit_new(*state, N_EVENTS, 2, NULL);

    /* The only failure that no check foresees: the last possible id is taken. */
    rig_do(k->w->conn, "XADD %s 18446744073709551615-18446744073709551615 data last",
           k->names[1]);
    kit_settle(k, 0, N_EVENTS);
    assert_int_equal(kit_count(k, WEIR_SETTLED_AGAIN, N_EVENTS), N_EVENTS);
    assert_int_equal(kit_length(k, k->names[0]), 0);
    assert_int_equal(world_pending(k->w), N_EVENTS);
    kit_free(k);
}

static void an_output_that_no_script_can_take_is_refused_alone(void **state)
{
    kit *k = kit_new(*state, 2, 1, NULL);
    weir_header *headers = calloc(5000, sizeof(*headers));

    assert_non_null(headers);
    for (size_t i = 0; i < 5000; i++) {
        headers[i] = (weir_header){ .name = "h", .value = WEIR_SLICE_LIT("v") };
    }
    k->outs[0][0].headers = headers;
    k->outs[0][0].n_headers = 5000;
    k->outs[1][0].headers = headers;
    k->outs[1][0].n_headers = 3400;
    kit_settle(k, 0, 2);
    assert_int_equal(k->results[0].settled, WEIR_SETTLED_INVALID);
    assert_int_equal(k->results[1].settled, WEIR_SETTLED_OK);
    assert_int_equal(kit_length(k, k->names[0]), 1);
    kit_free(k);
    free(headers);
}

/* -- what goes wrong on the way ------------------------------------------------------------ */

static void an_answer_that_is_lost_does_not_publish_again(void **state)
{
    world *w = *state;
    weir_proxy *cut = weir_proxy_new(FRAME_REDIS, weir_broker_address(w->broker));
    kit *k = kit_new(w, N_EVENTS, 2, cut);

    weir_proxy_tell(cut, "cut answer XPENDING");
    kit_settle(k, 0, N_EVENTS);
    assert_int_equal(weir_proxy_tell(cut, "count cut"), 1);
    assert_int_equal(kit_count(k, WEIR_SETTLED_AGAIN, N_EVENTS), N_EVENTS);
    kit_until_ok(k, N_EVENTS);
    assert_int_equal(kit_length(k, k->names[0]), N_EVENTS);
    assert_int_equal(kit_length(k, k->names[1]), N_EVENTS);
    assert_int_equal(world_pending(w), 0);
    kit_free(k);
    weir_proxy_free(cut);
}

static void a_script_that_is_lost_is_run_again(void **state)
{
    world *w = *state;
    weir_proxy *cut = weir_proxy_new(FRAME_REDIS, weir_broker_address(w->broker));
    kit *k = kit_new(w, N_EVENTS, 1, cut);

    weir_proxy_tell(cut, "cut request XPENDING");
    kit_settle(k, 0, N_EVENTS);
    assert_int_equal(weir_proxy_tell(cut, "count cut"), 1);
    assert_int_equal(kit_count(k, WEIR_SETTLED_AGAIN, N_EVENTS), N_EVENTS);
    assert_int_equal(world_pending(w), N_EVENTS);
    kit_until_ok(k, N_EVENTS);
    assert_int_equal(kit_length(k, k->names[0]), N_EVENTS);
    assert_int_equal(world_pending(w), 0);
    kit_free(k);
    weir_proxy_free(cut);
}

/* Claimed by another after an answer that was lost is not done by us. */
static void a_claim_after_a_lost_script_is_told_from_its_success(void **state)
{
    world *w = *state;
    weir_proxy *cut = weir_proxy_new(FRAME_REDIS, weir_broker_address(w->broker));
    kit *k = kit_new(w, 2, 1, cut);
    char id[WEIR_REDIS_ID_MAX];

    weir_proxy_tell(cut, "cut request XPENDING");
    kit_settle(k, 0, 2);
    (void)weir_redis_id_format(k->items[0].receipt.pos, id);
    rig_do(w->conn, "XCLAIM %s %s other 0 %s", w->stream, w->group, id);
    while (k->results[0].settled == WEIR_SETTLED_AGAIN) {
        kit_settle(k, 0, 1);
    }
    assert_int_equal(k->results[0].settled, WEIR_SETTLED_GONE);
    assert_int_equal(kit_length(k, k->names[0]), 0);
    assert_int_equal(world_pending(w), 2);
    kit_free(k);
    weir_proxy_free(cut);
}

static void
an_entry_that_somebody_else_has_acknowledged_is_not_counted_as_ours(void **state)
{
    world *w = *state;
    kit *k = kit_new(w, 2, 1, NULL);
    char id[WEIR_REDIS_ID_MAX];

    (void)weir_redis_id_format(k->items[0].receipt.pos, id);
    rig_do(w->conn, "XACK %s %s %s", w->stream, w->group, id);
    kit_settle(k, 0, 2);
    assert_int_equal(k->results[0].settled, WEIR_SETTLED_GONE);
    assert_int_equal(k->results[1].settled, WEIR_SETTLED_OK);
    assert_int_equal(kit_length(k, k->names[0]), 1);
    kit_free(k);
}

static void scripts_that_are_flushed_come_back_by_themselves(void **state)
{
    kit *k = kit_new(*state, 40, 1, NULL);

    kit_settle(k, 0, 20);
    rig_do(k->w->conn, "SCRIPT FLUSH");
    kit_settle(k, 20, 20);
    assert_int_equal(kit_count(k, WEIR_SETTLED_OK, 40), 40);
    assert_int_equal(kit_length(k, k->names[0]), 40);
    kit_free(k);
}

static void a_group_that_is_gone_publishes_nothing(void **state)
{
    kit *k = kit_new(*state, N_EVENTS, 1, NULL);

    rig_do(k->w->conn, "XGROUP DESTROY %s %s", k->w->stream, k->w->group);
    kit_settle(k, 0, N_EVENTS);
    assert_int_equal(kit_count(k, WEIR_SETTLED_GONE, N_EVENTS), N_EVENTS);
    assert_int_equal(kit_length(k, k->names[0]), 0);
    kit_free(k);
}

static void targets_are_trimmed_as_their_queue_says(void **state)
{
    static const char *const limits[] = { "100", "~100" };
    world *w = *state;
    kit *k = kit_new(w, 1000, 1, NULL);
    weir_err err = { 0 };

    for (int i = 0; i < 2; i++) {
        char name[100];
        void *target = NULL;

        weir_broker_name("short", name, sizeof(name));
        assert_true(weir_opt_map_add(&w->queue.maxlen, name, limits[i]));
        assert_int_equal(weir_redis_sink.target(k->sink, name, &target, &err), WEIR_OK);
        for (size_t n = 0; n < 500; n++) {
            k->outs[(size_t)i * 500 + n][0].target = target;
        }
        kit_settle(k, (size_t)i * 500, 500);
        if (i == 0) {
            assert_int_equal(kit_length(k, name), 100);
        } else {
            assert_in_range(kit_length(k, name), 100, 300);
        }
    }
    kit_free(k);
}

/* -- the suite ----------------------------------------------------------------------------- */

/* A world, and the kit of the test that runs. */
typedef struct suite {
    world *w;
    kit *k;
} suite;

static void suite_begin(weir_settler_fixture *f, size_t n, weir_settler_setup *setup)
{
    suite *su = f->arg;
    kit *k = calloc(1, sizeof(*k));

    assert_non_null(k);
    kit_open(k, su->w, n);
    *setup = k->setup;
    for (int i = 0; i < 2; i++) {
        f->targets[i] = k->targets[i];
    }
    su->k = k;
}

static void suite_close_source(weir_settler_fixture *f)
{
    kit_close_source(((suite *)f->arg)->k);
}

static void suite_end(weir_settler_fixture *f)
{
    suite *su = f->arg;

    kit_free(su->k);
    su->k = NULL;
    weir_broker_name("orders", su->w->stream, sizeof(su->w->stream));
}

static void suite_read(weir_settler_fixture *f, size_t n, weir_receipt *out)
{
    kit *k = ((suite *)f->arg)->k;

    rig_until(&k->r, n);
    for (size_t i = 0; i < n; i++) {
        out[i] = k->r.seen[i].receipt;
    }
}

static void suite_read_back(weir_settler_fixture *f, int target, weir_buf *out)
{
    const suite *su = f->arg;
    char words[200];

    (void)snprintf(words, sizeof(words), "XRANGE %s - +", su->k->names[target]);
    weir_redis_reply *reply = rig_ask(su->w->conn, words);
    for (size_t i = 0; i < reply->root->n; i++) {
        const weir_redis_val *fields = weir_redis_at(weir_redis_at(reply->root, i), 1);

        weir_buf_str(out, weir_redis_text(weir_redis_member(fields, "data")).data);
        weir_buf_char(out, '\n');
    }
    weir_redis_reply_give(reply);
}

static size_t suite_n_acked(weir_settler_fixture *f)
{
    const suite *su = f->arg;

    return su->k->r.n_seen - (size_t)world_pending(su->w);
}

static void suite_steal(weir_settler_fixture *f, const weir_receipt *receipt)
{
    const world *w = ((const suite *)f->arg)->w;
    char id[WEIR_REDIS_ID_MAX];

    (void)weir_redis_id_format(receipt->pos, id);
    rig_do(w->conn, "XCLAIM %s %s other 0 %s", w->stream, w->group, id);
}

static int run_suite(void)
{
    void *state = NULL;
    weir_settler_fixture f = { .ops = &weir_redis_settler,
                               .begin = suite_begin,
                               .close_source = suite_close_source,
                               .end = suite_end,
                               .read = suite_read,
                               .read_back = suite_read_back,
                               .n_acked = suite_n_acked,
                               .steal = suite_steal };

    (void)world_begin(&state);
    suite su = { .w = state };
    f.arg = &su;
    const int n_failed = weir_settler_suite("redis settler", &f);
    (void)world_end(&state);
    return n_failed;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD(a_key_of_another_type_refuses_its_events_and_writes_nothing_of_them),
        WORLD(events_that_need_no_refused_key_go_on_without_the_others),
        WORLD(a_server_without_memory_writes_nothing_until_it_has_some),
        WORLD(a_user_without_the_right_to_one_key_writes_to_none),
        WORLD(an_event_is_not_refused_for_the_stream_of_another),
        WORLD(a_user_without_the_right_to_add_writes_nothing),
        WORLD(a_user_without_the_right_to_acknowledge_publishes_nothing),
        WORLD(what_an_add_that_fails_late_has_written_is_taken_back),
        WORLD(an_output_that_no_script_can_take_is_refused_alone),
        WORLD(an_answer_that_is_lost_does_not_publish_again),
        WORLD(a_script_that_is_lost_is_run_again),
        WORLD(a_claim_after_a_lost_script_is_told_from_its_success),
        WORLD(an_entry_that_somebody_else_has_acknowledged_is_not_counted_as_ours),
        WORLD(scripts_that_are_flushed_come_back_by_themselves),
        WORLD(a_group_that_is_gone_publishes_nothing),
        WORLD(targets_are_trimmed_as_their_queue_says),
    };
    const int n_failed = cmocka_run_group_tests(tests, NULL, NULL);

    return n_failed + run_suite();
}
