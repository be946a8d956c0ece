/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the engine says of itself: troubles of a source and of a part, events that do not end,
 * and the way past what the client cannot read.
 */
#include "tests/support/engine_rig.h"

#include "schemas/codec.h"

#include <stdio.h>

/* -- a source in memory that has a trouble when it is told to ------------------------------ */

typedef struct bad_source {
    const weir_source_host *host;
    atomic_int part_trouble, told_part; /* of the one part */
    atomic_int trouble, told;           /* of the whole source */
    atomic_bool refuses_skip;
    atomic_ulong skipped; /* where, and 1 */
    atomic_ulong n_reads;
} bad_source;

static bad_source bad; /* the adapter's own memory is that of the queue in memory */
static weir_source_ops bad_ops;

static weir_status bad_open(void *self, const weir_source_setup *setup, weir_err *err)
{
    bad.host = setup->host;
    return weir_memory_source.open(self, setup, err);
}

static size_t bad_read(void *self, weir_event *const *evs, size_t cap, int64_t wait_us)
{
    const weir_epoch e = { .part = 0, .epoch = 1, .topic = "in", .partition = 0 };
    const int of_part = atomic_load(&bad.part_trouble);
    const int of_all = atomic_load(&bad.trouble);

    atomic_fetch_add(&bad.n_reads, 1);
    if (atomic_exchange(&bad.told_part, of_part) != of_part) {
        bad.host->trouble(bad.host->arg, &e, (weir_trouble)of_part, "of the part");
    }
    if (atomic_exchange(&bad.told, of_all) != of_all) {
        bad.host->trouble(bad.host->arg, NULL, (weir_trouble)of_all, "of the source");
    }
    return weir_memory_source.read(self, evs, of_part == WEIR_TROUBLE_NONE ? cap : 0,
                                   wait_us);
}

static weir_status bad_skip(void *self, const char *topic, int32_t partition,
                            weir_pos pos, weir_err *err)
{
    (void)self;
    (void)topic;
    (void)partition;
    if (atomic_load(&bad.refuses_skip)) {
        return weir_fail(err, WEIR_EINVAL, "not there");
    }
    atomic_store(&bad.skipped, pos.hi + 1);
    atomic_store(&bad.part_trouble, WEIR_TROUBLE_NONE);
    return WEIR_OK;
}

static void bad_rig_open(rig *r)
{
    bad = (bad_source){ .host = NULL };
    bad_ops = weir_memory_source;
    bad_ops.open = bad_open;
    bad_ops.read = bad_read;
    bad_ops.skip = bad_skip;
    weir_rig_open(r);
    r->sources[0].ops = &bad_ops;
}

/* -- what the engine says ------------------------------------------------------------------ */

/* True if the engine says that it waits for that. */
static bool is_unready_for(rig *r, const char *what)
{
    weir_buf why = { 0 };
    const bool is_ready = weir_engine_is_ready(r->e, &why);
    char *text = weir_buf_take(&why);
    const bool says_so = text != NULL && strstr(text, what) != NULL;

    free(text);
    return !is_ready && says_so;
}

/* What it says as JSON; the caller frees it. */
static weir_json *describe(rig *r)
{
    weir_buf out = { 0 };
    weir_json *doc = NULL;

    weir_engine_describe(r->e, &out);
    assert_int_equal(weir_json_parse(weir_buf_slice(&out), &doc, NULL), WEIR_OK);
    weir_buf_fini(&out);
    return doc;
}

static bool describes(rig *r, const char *pointer, const char *wanted)
{
    weir_json *doc = describe(r);
    weir_slice text = WEIR_SLICE_NONE;
    const bool is_it =
        weir_val_string(weir_val_at(weir_json_root(doc), pointer), &text) &&
        weir_slice_is(text, wanted);

    weir_json_free(doc);
    return is_it;
}

static int64_t described_number(rig *r, const char *pointer)
{
    weir_json *doc = describe(r);
    int64_t n = -1;

    (void)weir_val_int(weir_val_at(weir_json_root(doc), pointer), &n);
    weir_json_free(doc);
    return n;
}

static void each_trouble_of_a_part_has_its_sentence(void **state)
{
    static const struct {
        weir_trouble kind;
        const char *text;
    } rows[] = {
        { WEIR_TROUBLE_UNREACHABLE, "does not answer" },
        { WEIR_TROUBLE_DENIED, "refuses the credentials or rights" },
        { WEIR_TROUBLE_MISSING, "does not exist" },
        { WEIR_TROUBLE_LOST_POSITION, "retention has eaten its position" },
        { WEIR_TROUBLE_UNDECODABLE, "the client cannot read a batch" },
        { WEIR_TROUBLE_RECREATED, "the topic was made anew" },
        { WEIR_TROUBLE_FATAL, "is made anew" },
    };
    rig r;

    (void)state;
    bad_rig_open(&r);
    weir_rig_start(&r);
    RIG_WAIT(weir_engine_is_ready(r.e, NULL));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        weir_json *doc;
        weir_slice text = WEIR_SLICE_NONE;

        atomic_store(&bad.part_trouble, (int)rows[i].kind);
        RIG_WAIT(is_unready_for(&r, rows[i].text));
        assert_true(is_unready_for(&r, "in/0 is stopped"));
        doc = describe(&r);
        assert_true(weir_val_string(
            weir_val_at(weir_json_root(doc), "/0/parts/0/trouble"), &text));
        assert_non_null(
            memmem(text.data, text.len, rows[i].text, strlen(rows[i].text)));
        weir_json_free(doc);
    }
    atomic_store(&bad.part_trouble, WEIR_TROUBLE_NONE);
    RIG_WAIT(weir_engine_is_ready(r.e, NULL));
    assert_false(describes(&r, "/0/parts/0/trouble", ""));
    weir_rig_close(&r);
}

static void a_trouble_of_the_source_is_told_with_its_text(void **state)
{
    rig r;

    (void)state;
    bad_rig_open(&r);
    weir_rig_start(&r);
    RIG_WAIT(weir_engine_is_ready(r.e, NULL));
    atomic_store(&bad.trouble, WEIR_TROUBLE_DENIED);
    RIG_WAIT(is_unready_for(&r, "refuses the credentials or rights: of the source"));
    atomic_store(&bad.trouble, WEIR_TROUBLE_NONE);
    RIG_WAIT(weir_engine_is_ready(r.e, NULL));
    weir_rig_close(&r);
}

typedef struct hold {
    atomic_int n_inside;
    atomic_bool is_open;
} hold;

static weir_verdict hold_fn(void *arg, weir_call *call)
{
    hold *h = arg;

    atomic_fetch_add(&h->n_inside, 1);
    while (!atomic_load(&h->is_open)) {
        weir_rig_breathe();
    }
    return weir_rig_echo(NULL, call);
}

static void an_event_under_way_is_described_with_what_waits_behind_it(void **state)
{
    hold h = { 0 };
    rig r;

    (void)state;
    weir_rig_open(&r);
    r.functions[0] = (rig_function){ .fn = hold_fn, .arg = &h };
    weir_rig_start(&r);
    weir_rig_put(&r, "in", 0, "k", "1");
    weir_rig_put(&r, "in", 0, "k", "2");
    weir_rig_put(&r, "in", 0, "k", "3");
    RIG_WAIT(atomic_load(&h.n_inside) == 1);
    RIG_WAIT(described_number(&r, "/0/unfinished") == 3);
    assert_true(describes(&r, "/0/name", "f.in"));
    assert_true(describes(&r, "/0/parts/0/topic", "in"));
    assert_true(describes(&r, "/0/parts/0/first/position", "mem:in/0@0"));
    assert_true(describes(&r, "/0/parts/0/first/state", "running"));
    assert_int_equal(described_number(&r, "/0/parts/0/first/behind"), 2);
    assert_int_equal(described_number(&r, "/0/running"), 1);
    atomic_store(&h.is_open, true);
    RIG_WAIT(weir_rig_committed(&r, 0) == 3);
    assert_int_equal(described_number(&r, "/0/unfinished"), 0);
    assert_int_equal(described_number(&r, "/0/parts/0/first/behind"), -1);
    weir_rig_close(&r);
}

/* -- the way past -------------------------------------------------------------------------- */

static weir_status pass(rig *r, const char *address, int64_t patience_us, weir_err *err)
{
    weir_address at;

    assert_int_equal(weir_address_parse(address, &at, err), WEIR_OK);
    return weir_engine_skip(r->e, &at, weir_clock_us() + patience_us, err);
}

/* A rig whose partition stands at a batch that cannot be decoded. */
static void stuck_rig_open(rig *r)
{
    bad_rig_open(r);
    weir_rig_start(r);
    RIG_WAIT(weir_engine_is_ready(r->e, NULL));
    atomic_store(&bad.part_trouble, WEIR_TROUBLE_UNDECODABLE);
    RIG_WAIT(is_unready_for(r, "see weir skip"));
}

static void what_the_client_cannot_read_is_published_then_passed(void **state)
{
    weir_err err = { 0 };
    rig r;

    (void)state;
    stuck_rig_open(&r);
    assert_int_equal(pass(&r, "mem:in/0@41", RIG_PATIENCE_US, &err), WEIR_OK);
    assert_int_equal(atomic_load(&bad.skipped), 42);
    assert_int_equal(weir_rig_count(&r, RIG_DEAD), 1);
    assert_string_equal(weir_rig_header(&r, RIG_DEAD, 0, "weir.omitted"), "true");
    assert_string_equal(weir_rig_header(&r, RIG_DEAD, 0, "weir.position"),
                        "mem:in/0@41");
    assert_string_equal(weir_rig_header(&r, RIG_DEAD, 0, "weir.reason"), "decode");
    assert_string_equal(weir_rig_text(&r, RIG_DEAD, 0), "");
    RIG_WAIT(weir_engine_is_ready(r.e, NULL));
    weir_rig_put(&r, "in", 0, "k", "goes on");
    RIG_WAIT(weir_rig_committed(&r, 0) == 1);
    weir_rig_close(&r);
}

static void nothing_is_passed_before_its_dead_letter_is_confirmed(void **state)
{
    weir_err err = { 0 };
    rig r;

    (void)state;
    stuck_rig_open(&r);
    weir_memory_queue_fail_sends(r.q, RIG_DEAD, WEIR_SENT_AGAIN, SIZE_MAX);
    assert_int_equal(pass(&r, "mem:in/0@7", 50000, &err), WEIR_ETIMEOUT);
    assert_non_null(strstr(err.text, "not confirmed yet"));
    assert_int_equal(pass(&r, "mem:in/0@7", 50000, &err), WEIR_EAGAIN);
    assert_non_null(strstr(err.text, "under way"));
    /* However often the engine comes by. */
    const unsigned long n_reads = atomic_load(&bad.n_reads);
    RIG_WAIT(atomic_load(&bad.n_reads) > n_reads + 5);
    assert_int_equal(atomic_load(&bad.skipped), 0);
    weir_memory_queue_fail_sends(r.q, RIG_DEAD, WEIR_SENT_OK, 0);
    RIG_WAIT(atomic_load(&bad.skipped) == 8);
    weir_rig_close(&r);
}

static void a_source_that_does_not_move_makes_a_skip_fail(void **state)
{
    weir_err err = { 0 };
    rig r;

    (void)state;
    stuck_rig_open(&r);
    atomic_store(&bad.refuses_skip, true);
    assert_int_equal(pass(&r, "mem:in/0@7", RIG_PATIENCE_US, &err), WEIR_EINVAL);
    assert_non_null(strstr(err.text, "did not move"));
    /* It may be asked again. */
    atomic_store(&bad.refuses_skip, false);
    assert_int_equal(pass(&r, "mem:in/0@7", RIG_PATIENCE_US, &err), WEIR_OK);
    weir_rig_close(&r);
}

static void what_is_not_stuck_is_not_passed(void **state)
{
    hold h = { 0 };
    weir_err err = { 0 };
    rig r;

    (void)state;
    weir_rig_open(&r);
    r.functions[0] = (rig_function){ .fn = hold_fn, .arg = &h };
    weir_rig_start(&r);
    RIG_WAIT(weir_engine_is_ready(r.e, NULL));
    assert_int_equal(pass(&r, "mem:in/0@0", 1000, &err), WEIR_ENOENT);
    assert_non_null(strstr(err.text, "nothing is unfinished"));
    assert_int_equal(pass(&r, "mem:other/0@0", 1000, &err), WEIR_ENOENT);
    assert_non_null(strstr(err.text, "no subscription of this worker holds other/0"));
    assert_int_equal(pass(&r, "other:in/0@0", 1000, &err), WEIR_ENOENT);
    assert_int_equal(pass(&r, "mem:in/9@0", 1000, &err), WEIR_ENOENT);
    weir_rig_put(&r, "in", 0, "k", "1");
    RIG_WAIT(atomic_load(&h.n_inside) == 1);
    assert_int_equal(pass(&r, "mem:in/0@0", 1000, &err), WEIR_EINVAL);
    assert_non_null(strstr(err.text, "not stuck; the first unfinished event is "
                                     "mem:in/0@0 (running)"));
    assert_int_equal(pass(&r, "mem:in/0@5", 1000, &err), WEIR_ENOENT);
    assert_non_null(strstr(err.text, "no such event is held"));
    atomic_store(&h.is_open, true);
    RIG_WAIT(weir_rig_committed(&r, 0) == 1);
    weir_rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_trouble_of_a_part_has_its_sentence),
        cmocka_unit_test(a_trouble_of_the_source_is_told_with_its_text),
        cmocka_unit_test(an_event_under_way_is_described_with_what_waits_behind_it),
        cmocka_unit_test(what_the_client_cannot_read_is_published_then_passed),
        cmocka_unit_test(nothing_is_passed_before_its_dead_letter_is_confirmed),
        cmocka_unit_test(a_source_that_does_not_move_makes_a_skip_fail),
        cmocka_unit_test(what_is_not_stuck_is_not_passed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
