/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_engine_intake - what happens to an event before it is admitted: filters, keys from the
 * payload, loops, and payloads that do not decode.
 */
#include "tests/support/engine_rig.h"

#include "worker/base/metric.h"

#include <stdio.h>

static uint64_t count_events(const char *outcome)
{
    return weir_metric_count(weir_metric_get2(WEIR_M_EVENTS, "f.in", outcome));
}

static void engine_passes_events_that_its_filter_does_not_want(void **state)
{
    const uint64_t before = count_events("filtered");
    weir_filter *filter = NULL;
    weir_err err = { .text = "" };
    rig r;

    (void)state;
    if (weir_filter_new("{\"exact\": {\"/kind\": \"order\"}}", &filter, &err) !=
        WEIR_OK) {
        fail_msg("%s", err.text);
    }
    weir_rig_open(&r);
    r.subs[0].codec = &weir_codec_json;
    r.subs[0].filter = filter;
    weir_rig_start(&r);
    for (int i = 0; i < 300; i++) {
        weir_rig_put(&r, "in", 0, "k",
                     i % 3 == 0 ? "{\"kind\":\"order\"}" : "{\"kind\":\"other\"}");
    }
    RIG_WAIT(weir_rig_committed(&r, 0) == 300);
    assert_int_equal(weir_rig_count(&r, "out"), 100);
    assert_int_equal(weir_rig_count(&r, RIG_DEAD), 0);
    assert_int_equal(count_events("filtered") - before, 200);
    weir_rig_close(&r);
    weir_filter_free(filter);
}

/* Two events of one id inside at once are counted in arg. */
static weir_verdict alone_fn(void *arg, weir_call *call)
{
    static atomic_uint n_inside;

    if (atomic_fetch_add(&n_inside, 1) > 0) {
        atomic_fetch_add((atomic_uint *)arg, 1);
    }
    weir_rig_breathe();
    atomic_fetch_sub(&n_inside, 1);
    return weir_rig_echo(NULL, call);
}

static void engine_orders_by_a_key_inside_the_payload(void **state)
{
    atomic_uint n_together = 0;
    weir_pointer *pointer = NULL;
    weir_err err = { .text = "" };
    rig r;

    (void)state;
    assert_int_equal(weir_pointer_new("/customer/id", &pointer, &err), WEIR_OK);
    weir_rig_open(&r);
    r.functions[0] = (rig_function){ .fn = alone_fn, .arg = &n_together };
    r.subs[0].codec = &weir_codec_json;
    r.subs[0].key_pointer = pointer;
    weir_rig_start(&r);
    for (int i = 0; i < 50; i++) {
        char key[16], data[64];

        snprintf(key, sizeof(key), "%d", i); /* all different: they do not count */
        snprintf(data, sizeof(data), "{\"customer\":{\"id\":7},\"n\":%d}", i);
        weir_rig_put(&r, "in", 0, key, data);
    }
    RIG_WAIT(weir_rig_committed(&r, 0) == 50);
    assert_int_equal(atomic_load(&n_together), 0);
    for (int i = 0; i < 50; i++) {
        int n;

        assert_int_equal(sscanf(weir_rig_text(&r, "out", (uint64_t)i),
                                "{\"customer\":{\"id\":7},\"n\":%d}", &n),
                         1);
        assert_int_equal(n, i);
    }
    weir_rig_close(&r);
    weir_pointer_free(pointer);
}

static void engine_makes_what_does_not_decode_a_dead_letter(void **state)
{
    weir_pointer *pointer = NULL;
    weir_err err = { .text = "" };

    (void)state;
    assert_int_equal(weir_pointer_new("/id", &pointer, &err), WEIR_OK);
    /* on the pool thread, for the function, with and without a key in its bytes; on intake,
     * where the key cannot be picked out of them */
    for (int i = 0; i < 3; i++) {
        const char *bad = i == 2 ? "{\"i\\u0064\": 1" : "{\"id\": 1";
        rig r;

        weir_rig_open(&r);
        r.subs[0].codec = &weir_codec_json;
        r.subs[0].key_pointer = i != 1 ? pointer : NULL;
        weir_rig_start(&r);
        weir_rig_put(&r, "in", 0, "k", bad);
        weir_rig_put(&r, "in", 0, "k", "{\"id\": 1}");
        RIG_WAIT(weir_rig_count(&r, RIG_DEAD) == 1);
        RIG_WAIT(weir_rig_count(&r, "out") == 1);
        assert_string_equal(weir_rig_text(&r, RIG_DEAD, 0), bad);
        assert_string_equal(weir_rig_header(&r, RIG_DEAD, 0, "weir.reason"), "decode");
        assert_true(weir_rig_header(&r, RIG_DEAD, 0, "__dlq.errors.message")[0] !=
                    '\0');
        RIG_WAIT(weir_rig_committed(&r, 0) == 2);
        weir_rig_close(&r);
    }
    weir_pointer_free(pointer);
}

/* What holds the events of one customer, and what has been seen of values. */
typedef struct gate {
    atomic_bool is_open;
    atomic_uint n_calls;
} gate;

/* Customer 1 waits for the gate. */
static weir_verdict gate_fn(void *arg, weir_call *call)
{
    gate *g = arg;
    int64_t id = 0;

    if (!weir_val_int(weir_val_at(call->ev->value, "/id"), &id)) {
        return WEIR_REJECT;
    }
    while (id == 1 && !atomic_load(&g->is_open)) {
        weir_rig_breathe();
    }
    return weir_rig_echo(NULL, call);
}

static void engine_lets_what_does_not_decode_wait_for_its_lane(void **state)
{
    weir_pointer *pointer = NULL;
    gate g = { 0 };
    rig r;

    (void)state;
    assert_int_equal(weir_pointer_new("/id", &pointer, NULL), WEIR_OK);
    weir_rig_open(&r);
    r.functions[0] = (rig_function){ .fn = gate_fn, .arg = &g };
    r.subs[0].codec = &weir_codec_json;
    r.subs[0].key_pointer = pointer;
    weir_rig_start(&r);
    weir_rig_put(&r, "in", 0, "k", "{\"id\":1}");
    weir_rig_put(&r, "in", 0, "k", "{\"id\":1,\"n\":}");
    weir_rig_put(&r, "in", 0, "k", "{\"id\":1,\"n\":3}");
    for (int i = 0; i < 100; i++) {
        weir_rig_put(&r, "in", 0, "k", "{\"id\":2}");
    }
    RIG_WAIT(weir_rig_count(&r, "out") == 100);
    assert_int_equal(weir_rig_count(&r, RIG_DEAD), 0);
    atomic_store(&g.is_open, true);
    RIG_WAIT(weir_rig_committed(&r, 0) == 103);
    assert_string_equal(weir_rig_text(&r, RIG_DEAD, 0), "{\"id\":1,\"n\":}");
    assert_string_equal(weir_rig_text(&r, "out", 100), "{\"id\":1}");
    assert_string_equal(weir_rig_text(&r, "out", 101), "{\"id\":1,\"n\":3}");
    weir_rig_close(&r);
    weir_pointer_free(pointer);
}

/* The first attempt at each event fails; at every one the value is that of its bytes: a digit,
 * which is an integer in both formats. */
static weir_verdict twice_fn(void *arg, weir_call *call)
{
    const int64_t base = call->ev->partition == 0 ? '0' : 0;
    gate *g = arg;
    int64_t n = -1;

    atomic_fetch_add(&g->n_calls, 1);
    if (!weir_val_int(call->ev->value, &n) || n + base != call->ev->data.data[0]) {
        atomic_store(&g->is_open, true);
    }
    return call->attempt == 1 ? WEIR_RETRY : weir_rig_echo(NULL, call);
}

static void engine_gives_every_attempt_the_value(void **state)
{
    static const weir_codec_ops *const codecs[] = { &weir_codec_json,
                                                    &weir_codec_msgpack };

    (void)state;
    for (int32_t i = 0; i < 2; i++) { /* each format has a partition of its own */
        gate g = { 0 };
        rig r;

        weir_rig_open(&r);
        r.n_partitions = 2;
        r.functions[0] = (rig_function){ .fn = twice_fn, .arg = &g };
        r.subs[0].codec = codecs[i];
        weir_rig_start(&r);
        for (int k = 0; k < 20; k++) {
            const char data[] = { (char)('0' + k % 10), '\0' };

            weir_rig_put(&r, "in", i, data, data);
        }
        RIG_WAIT(weir_rig_committed(&r, i) == 20);
        assert_int_equal(weir_rig_count(&r, "out"), 20);
        assert_int_equal(atomic_load(&g.n_calls), 40);
        assert_false(atomic_load(&g.is_open));
        weir_rig_close(&r);
    }
}

#define N_KEPT 50

/* Calls that stay open, in the order of the numbers in their events. */
typedef struct kept {
    weir_call *calls[N_KEPT];
    atomic_uint n;
} kept;

static weir_verdict keep_fn(void *arg, weir_call *call)
{
    kept *k = arg;
    int64_t n = 0;

    if (!weir_val_int(weir_val_at(call->ev->value, "/n"), &n) || n < 0 || n >= N_KEPT) {
        return WEIR_REJECT;
    }
    k->calls[n] = call;
    atomic_fetch_add(&k->n, 1);
    return WEIR_PENDING;
}

static void engine_keeps_the_values_of_calls_that_are_pending(void **state)
{
    kept k = { .n = 0 };
    rig r;

    (void)state;
    weir_rig_open(&r);
    r.functions[0] = (rig_function){ .fn = keep_fn, .arg = &k };
    r.subs[0].codec = &weir_codec_json;
    r.subs[0].order = WEIR_ORDER_NONE;
    r.subs[0].concurrency = N_KEPT;
    r.subs[1].codec = &weir_codec_json;
    r.setup.n_subs = 2;
    r.setup.threads = 1; /* it makes the values of both */
    weir_rig_start(&r);
    for (int i = 0; i < N_KEPT; i++) {
        char data[64];

        snprintf(data, sizeof(data), "{\"n\":%d,\"text\":\"number %d\"}", i, i);
        weir_rig_put(&r, "in", 0, "k", data);
    }
    RIG_WAIT(atomic_load(&k.n) == N_KEPT);
    weir_rig_put(&r, "in2", 0, "k", "{\"m\":-7,\"text\":\"another one\"}");
    RIG_WAIT(weir_rig_count(&r, "out") == 1);
    for (int i = 0; i < N_KEPT; i++) {
        const weir_value *value = k.calls[i]->ev->value;
        weir_slice text = WEIR_SLICE_NONE;
        char want[32];
        int64_t n = -1;

        snprintf(want, sizeof(want), "number %d", i);
        assert_true(weir_val_int(weir_val_at(value, "/n"), &n) && n == i);
        assert_true(weir_val_string(weir_val_at(value, "/text"), &text));
        assert_true(weir_slice_is(text, want));
        weir_call_complete(k.calls[i], weir_rig_echo(NULL, k.calls[i]));
    }
    RIG_WAIT(weir_rig_committed(&r, 0) == N_KEPT);
    assert_int_equal(weir_rig_count(&r, "out"), N_KEPT + 1);
    weir_rig_close(&r);
}

static void put_hops(rig *r, const char *hops)
{
    const weir_header header = { "weir.hops", weir_slice_of(hops) };
    const weir_memory_record rec = { .key = WEIR_SLICE_LIT("k"),
                                     .data = weir_slice_of(hops),
                                     .headers = &header,
                                     .n_headers = 1,
                                     .time_ms = 1 };

    assert_int_equal(weir_memory_queue_put(r->q, "in", 0, &rec, NULL), WEIR_OK);
}

static void engine_ends_an_event_that_goes_round_in_a_loop(void **state)
{
    rig r;

    (void)state;
    weir_rig_open(&r);
    weir_rig_start(&r);
    put_hops(&r, "15");
    put_hops(&r, "16");
    RIG_WAIT(weir_rig_count(&r, "out") == 1);
    RIG_WAIT(weir_rig_count(&r, RIG_DEAD) == 1);
    assert_string_equal(weir_rig_header(&r, "out", 0, "weir.hops"), "16");
    assert_string_equal(weir_rig_text(&r, RIG_DEAD, 0), "16");
    assert_string_equal(weir_rig_header(&r, RIG_DEAD, 0, "weir.reason"), "loop");
    weir_rig_close(&r);
}

static void engine_hands_a_tombstone_to_the_function(void **state)
{
    const weir_memory_record tombstone = { .key = WEIR_SLICE_LIT("k"), .time_ms = 1 };
    rig r;

    (void)state;
    weir_rig_open(&r);
    r.subs[0].codec = &weir_codec_json;
    weir_rig_start(&r);
    assert_int_equal(weir_memory_queue_put(r.q, "in", 0, &tombstone, NULL), WEIR_OK);
    /* the echo of nothing without `tombstone` is refused: it has reached the function */
    RIG_WAIT(weir_rig_count(&r, RIG_DEAD) == 1);
    assert_string_equal(weir_rig_header(&r, RIG_DEAD, 0, "weir.reason"), "rejected");
    weir_rig_close(&r);
}

static void engine_makes_an_event_over_the_limit_a_dead_letter(void **state)
{
    static char large[5000];
    rig r;

    (void)state;
    memset(large, 'l', sizeof(large) - 1);
    weir_rig_open(&r);
    r.setup.max_event = 4096;
    weir_rig_start(&r);
    weir_rig_put(&r, "in", 0, "k", large);
    weir_rig_put(&r, "in", 0, "k", "small");
    RIG_WAIT(weir_rig_count(&r, RIG_DEAD) == 1);
    RIG_WAIT(weir_rig_count(&r, "out") == 1);
    assert_string_equal(weir_rig_header(&r, RIG_DEAD, 0, "weir.reason"), "too-large");
    weir_rig_close(&r);
}

/* How long the reads of a source were allowed to wait. */
static atomic_llong last_wait_us;
static atomic_uint n_short; /* of them, that were not allowed to rest */

static size_t noted_read(void *self, weir_event *const *evs, size_t cap,
                         int64_t wait_us)
{
    atomic_store(&last_wait_us, wait_us);
    atomic_fetch_add(&n_short, wait_us < 1000000);
    return weir_memory_source.read(self, evs, cap, wait_us);
}

static void engine_lets_a_quiet_source_rest_as_long_as_it_says(void **state)
{
    const int64_t rest_us = 60000000;
    weir_source_ops noted = weir_memory_source;
    rig r;

    (void)state;
    noted.read = noted_read;
    noted.rest_us = rest_us;
    weir_rig_open(&r);
    r.subs[0].sources[0].ops = &noted;
    weir_rig_start(&r);
    weir_rig_put(&r, "in", 0, "k", "one");
    RIG_WAIT(weir_rig_committed(&r, 0) == 1);
    assert_true(atomic_load(&n_short) > 0);
    RIG_WAIT(atomic_load(&last_wait_us) == rest_us);
    const unsigned n_before = atomic_load(&n_short);

    /* what comes ends the rest, and what follows is looked for often again */
    weir_rig_put(&r, "in", 0, "k", "two");
    RIG_WAIT(weir_rig_committed(&r, 0) == 2);
    RIG_WAIT(atomic_load(&n_short) > n_before);
    weir_rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(engine_passes_events_that_its_filter_does_not_want),
        cmocka_unit_test(engine_orders_by_a_key_inside_the_payload),
        cmocka_unit_test(engine_makes_what_does_not_decode_a_dead_letter),
        cmocka_unit_test(engine_lets_what_does_not_decode_wait_for_its_lane),
        cmocka_unit_test(engine_gives_every_attempt_the_value),
        cmocka_unit_test(engine_keeps_the_values_of_calls_that_are_pending),
        cmocka_unit_test(engine_ends_an_event_that_goes_round_in_a_loop),
        cmocka_unit_test(engine_hands_a_tombstone_to_the_function),
        cmocka_unit_test(engine_makes_an_event_over_the_limit_a_dead_letter),
        cmocka_unit_test(engine_lets_a_quiet_source_rest_as_long_as_it_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
