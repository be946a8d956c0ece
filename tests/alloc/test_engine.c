/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole engine on a queue in memory while one allocation fails: it refuses to start, or goes
 * on, or ends with an exit code; and the engine after it finishes what is left. No event is
 * lost or passed by its key's later ones, whatever failed.
 */
#include "tests/alloc/fail.h"
#include "tests/support/engine_rig.h"

#include "schemas/writer.h"
#include "triggers/memory_inside.h"
#include "worker/base/check.h"

#include <stdio.h>

#define N_EVENTS 24
#define N_PARTS 2
#define LARGE 6000

typedef struct alloc_line {
    rig r;
    atomic_int fatal; /* the exit code of the engine that gave up; 0: none */
    const weir_codec_ops *codec;
    rig_batch_fn *batch;
    weir_pointer *key, *text; /* of events */
    weir_filter *filter;
} alloc_line;

/* What the queue keeps stands for the memory of a broker: that does not fail here. */
weir_status __real_weir_memory_append_locked(memory_partition *part,
                                             const weir_memory_record *rec,
                                             uint64_t *offset);
weir_status __wrap_weir_memory_append_locked(memory_partition *part,
                                             const weir_memory_record *rec,
                                             uint64_t *offset);

weir_status __wrap_weir_memory_append_locked(memory_partition *part,
                                             const weir_memory_record *rec,
                                             uint64_t *offset)
{
    weir_status st;

    weir_fail_pause(true);
    st = __real_weir_memory_append_locked(part, rec, offset);
    weir_fail_pause(false);
    return st;
}

/* -- the function ---------------------------------------------------------------------- */

static int64_t number_of(const weir_call *call, const char *name)
{
    weir_pointer *pointer;
    weir_err err;
    int64_t n = -1;

    weir_fail_pause(true);
    assert_int_equal(weir_pointer_new(name, &pointer, &err), WEIR_OK);
    (void)weir_val_int(weir_val_find(call->ev->value, pointer), &n);
    weir_pointer_free(pointer);
    weir_fail_pause(false);
    return n;
}

static weir_verdict say(weir_call *call, const char *fmt, ...)
{
    va_list args;
    weir_verdict verdict;

    va_start(args, fmt);
    verdict = weir_call_reject(call, "no", fmt, args);
    va_end(args);
    return verdict;
}

static weir_verdict write_result(weir_call *call, weir_format format)
{
    weir_writer *w = weir_call_emit_value(call, format);

    if (w != NULL) { /* the call remembers that there was no memory */
        weir_writer_map(w);
        weir_writer_key(w, WEIR_SLICE_LIT("was"));
        weir_writer_value(w, call->ev->value);
        weir_writer_end(w);
        (void)weir_call_emit_end(w, NULL);
    }
    return WEIR_DONE;
}

/* What an event asks for with its number. */
static weir_verdict treat(void *arg, weir_call *call)
{
    static char large[LARGE];
    const weir_output extra = { .to = "mem:other", .data = { large, LARGE } };

    switch (number_of(call, "/n") % 8) {
    case 0: /* what has its key runs after this, however long it takes */
    case 1:
        return call->attempt == 1 ? WEIR_RETRY : weir_rig_echo(arg, call);
    case 2:
        (void)weir_call_emit(call, &extra);
        return weir_rig_echo(arg, call);
    case 3:
        return say(call, "number %d is not wanted", 3);
    case 4:
        return write_result(call, WEIR_FORMAT_JSON);
    case 5:
        return write_result(call, WEIR_FORMAT_MSGPACK);
    case 6:
        (void)weir_rig_echo(arg, call);
        weir_call_complete(call, WEIR_DONE);
        return WEIR_PENDING;
    default:
        return weir_rig_echo(arg, call);
    }
}

static void treat_all(void *arg, weir_call **calls, size_t n, weir_verdict *verdicts)
{
    for (size_t i = 0; i < n; i++) {
        verdicts[i] = treat(arg, calls[i]);
    }
}

/* -- the line ---------------------------------------------------------------------------- */

/* The bytes of an event; some of JSON do not decode. */
static size_t event_bytes(const alloc_line *line, int i, char *out, size_t cap)
{
    char json[128];
    weir_json *doc;
    weir_buf packed = { 0 };
    weir_err err;
    const int n_json = snprintf(json, sizeof(json),
                                "{\"k\":{\"id\":%d},\"n\":%d,\"v\":%s,\"text\":"
                                "\"\\u0020\",\"a\":[1,{\"b\":0.5}]}",
                                i % 3, i / N_PARTS, i == 9 ? "2.5" : "1.5");

    if (line->codec == &weir_codec_json) {
        const size_t n = (size_t)(i == 15 ? n_json - 1 : n_json);

        WEIR_ASSERT(n <= cap);
        memcpy(out, json, n);
        return n;
    }
    assert_int_equal(weir_json_parse((weir_slice){ json, (size_t)n_json }, &doc, &err),
                     WEIR_OK);
    assert_int_equal(weir_codec_msgpack.encode(weir_json_root(doc), &packed, &err),
                     WEIR_OK);
    WEIR_ASSERT(packed.len <= cap);
    memcpy(out, packed.data, packed.len);
    const size_t n = packed.len;

    weir_buf_fini(&packed);
    weir_json_free(doc);
    return n;
}

static void line_gave_up(void *arg, int exit_code, const char *text)
{
    alloc_line *line = arg;

    (void)text;
    WEIR_ASSERT(atomic_exchange(&line->fatal, exit_code) == 0);
}

static void line_open(alloc_line *line)
{
    rig *r = &line->r;
    weir_err err;

    weir_rig_open(r);
    r->n_partitions = N_PARTS;
    r->functions[0].fn = treat;
    r->functions[0].batch = line->batch;
    r->subs[0].batch.max = line->batch == NULL ? 1 : 4;
    r->subs[0].batch.wait_us = 500;
    r->subs[0].codec = line->codec;
    r->setup.fatal = line_gave_up;
    r->setup.arg = line;
    assert_int_equal(weir_pointer_new("/k", &line->key, &err), WEIR_OK);
    assert_int_equal(weir_filter_new("{\"exact\":{\"/v\":1.5}}", &line->filter, &err),
                     WEIR_OK);
    r->subs[0].key_pointer = line->key;
    r->subs[0].filter = line->batch == NULL ? line->filter : NULL;
    (void)weir_memory_queue_topic(r->q, "in", N_PARTS);
    (void)weir_memory_queue_topic(r->q, "out", 1);
    (void)weir_memory_queue_topic(r->q, "other", 1);
    (void)weir_memory_queue_topic(r->q, RIG_DEAD, 1);
    for (int i = 0; i < N_EVENTS; i++) {
        char bytes[256];
        const weir_header header = { "of", WEIR_SLICE_LIT("the event") };
        const weir_memory_record rec = {
            .key = WEIR_SLICE_LIT("own"),
            .data = { bytes, event_bytes(line, i, bytes, sizeof(bytes)) },
            .headers = &header,
            .n_headers = 1,
            .time_ms = weir_clock_wall_ms(),
        };

        assert_int_equal(weir_memory_queue_put(r->q, "in", i % N_PARTS, &rec, NULL),
                         WEIR_OK);
    }
}

static bool line_is_done(alloc_line *line)
{
    return weir_rig_committed(&line->r, 0) == N_EVENTS / N_PARTS &&
           weir_rig_committed(&line->r, 1) == N_EVENTS / N_PARTS;
}

/* One engine, from its start to its end. Returns false if it refused to start. */
static bool line_run(alloc_line *line)
{
    rig *r = &line->r;
    weir_err err = { .text = "" };
    weir_engine_report report = { 0 };
    const int64_t until_us = weir_clock_us() + RIG_PATIENCE_US;
    bool has_started = false;

    atomic_store(&line->fatal, 0);
    if (weir_engine_new(&r->setup, &r->e, &err) != WEIR_OK) {
        assert_string_not_equal(err.text, "");
        return false;
    }
    if (weir_engine_start(r->e, &err) == WEIR_OK) {
        has_started = true;
        while (!line_is_done(line) && atomic_load(&line->fatal) == 0) {
            if (weir_clock_us() > until_us) {
                weir_fail_where();
                fail_msg("it neither goes on nor ends");
            }
            weir_rig_breathe();
        }
    } else {
        assert_string_not_equal(err.text, "");
    }
    weir_engine_stop(r->e, weir_clock_us() + 10000000, &report);
    if (!report.is_clean) {
        weir_fail_where();
        fail_msg("a stop leaves %zu open, %zu unsent, hung %d", report.n_open,
                 report.n_unsent, (int)report.is_hung);
    }
    weir_engine_free(r->e);
    r->e = NULL;
    return has_started;
}

/* -- what became of the events ---------------------------------------------------------- */

typedef struct alloc_fate {
    int n_results, n_dead;
    size_t first; /* in `out` */
} alloc_fate;

static void fates_read(alloc_line *line, const char *topic,
                       alloc_fate fates[N_PARTS][N_EVENTS / N_PARTS])
{
    const size_t n = weir_rig_count(&line->r, topic);

    for (size_t i = 0; i < n; i++) {
        int part, offset;
        const char *at = weir_rig_header(&line->r, topic, i, "weir.position");

        assert_int_equal(sscanf(at, "mem:in/%d@%d", &part, &offset), 2);
        alloc_fate *fate = &fates[part][offset];

        if (strcmp(topic, RIG_DEAD) == 0) {
            fate->n_dead++;
        } else {
            fate->first = fate->n_results++ == 0 ? i : fate->first;
        }
    }
}

static bool is_unwanted(const alloc_line *line, int i)
{
    return line->batch == NULL && i == 9;
}

/* Each has its result or its dead letter; results of a key have come in order. */
static void line_check(alloc_line *line, bool is_once)
{
    alloc_fate fates[N_PARTS][N_EVENTS / N_PARTS] = { 0 };
    size_t last[N_PARTS][3] = { 0 };

    fates_read(line, "out", fates);
    fates_read(line, RIG_DEAD, fates);
    for (int i = 0; i < N_EVENTS; i++) {
        const alloc_fate *fate = &fates[i % N_PARTS][i / N_PARTS];
        size_t *before = &last[i % N_PARTS][i % 3];
        const int n = fate->n_results + fate->n_dead;

        if (is_unwanted(line, i) ? n != 0 : n == 0 || (is_once && n != 1)) {
            weir_fail_where();
            fail_msg("event %d: %d results, %d dead letters", i, fate->n_results,
                     fate->n_dead);
        }
        if (fate->n_results > 0) {
            if (fate->first < *before) {
                weir_fail_where();
                fail_msg("event %d came before an earlier one of its key", i);
            }
            *before = fate->first;
        }
    }
}

static void line_once(void *arg)
{
    alloc_line *line = arg;
    bool has_failed;

    weir_fail_pause(true);
    line_open(line);
    weir_fail_pause(false);
    has_failed = !line_run(line) || atomic_load(&line->fatal) != 0;
    const bool is_hit = weir_fail_is_hit();

    weir_fail_pause(true);
    if (has_failed) {
        assert_true(is_hit);
        weir_fail_disarm();
        assert_true(line_run(line));
        assert_int_equal(atomic_load(&line->fatal), 0);
    }
    line_check(line, !has_failed);
    weir_pointer_free(line->key);
    weir_filter_free(line->filter);
    weir_rig_close(&line->r);
    weir_fail_pause(false);
}

static void single_events_of_json_survive_each_failed_allocation(void **state)
{
    alloc_line line = { .codec = &weir_codec_json };

    (void)state;
    line_once(&line); /* what is made once for all is there */
    assert_true(weir_fail_each(line_once, &line) > 50);
}

static void batches_of_msgpack_survive_each_failed_allocation(void **state)
{
    alloc_line line = { .codec = &weir_codec_msgpack, .batch = treat_all };

    (void)state;
    line_once(&line);
    assert_true(weir_fail_each(line_once, &line) > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_events_of_json_survive_each_failed_allocation),
        cmocka_unit_test(batches_of_msgpack_survive_each_failed_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
