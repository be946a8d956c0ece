/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* engine_rig - see engine_rig.h. */
#include "tests/support/engine_rig.h"

#include "worker/base/check.h"
#include "worker/base/log.h"

#include <stdio.h>

/* -- the host ------------------------------------------------------------------------------- */

typedef struct rig_host {
    rig_function *function;
    const char *name;
} rig_host;

static weir_status host_open(void *self, const weir_host_setup *setup, weir_err *err)
{
    rig_host *host = self;
    union {
        const void *in;
        rig_function *out;
    } opts = { setup->opts }; /* the function counts its threads */

    (void)err;
    *host = (rig_host){ opts.out, setup->name };
    return WEIR_OK;
}

static void host_info(void *self, weir_host_info *out)
{
    const rig_host *host = self;

    *out = (weir_host_info){ .name = host->name,
                             .about = "a callback",
                             .version = "1",
                             .from = "test",
                             .is_batch = host->function->batch != NULL };
}

static weir_status host_start(void *self, weir_err *err)
{
    (void)self;
    (void)err;
    return WEIR_OK;
}

static weir_status host_thread_init(void *self, void **local)
{
    rig_function *function = ((rig_host *)self)->function;
    unsigned n;

    if (atomic_load(&function->n_refusals) > 0) {
        atomic_fetch_sub(&function->n_refusals, 1);
        return WEIR_EUNAVAIL;
    }
    n = atomic_fetch_add(&function->n_threads, 1) + 1;
    if (n > atomic_load(&function->most_threads)) {
        atomic_store(&function->most_threads, n);
    }
    *local = function;
    return WEIR_OK;
}

static void host_thread_fini(void *self, void *local)
{
    rig_function *function = ((rig_host *)self)->function;

    assert_ptr_equal(local, function);
    atomic_fetch_sub(&function->n_threads, 1);
}

static void host_run(void *self, void *local, weir_call **calls, size_t n,
                     bool *is_final)
{
    const rig_function *function = ((rig_host *)self)->function;
    weir_verdict verdicts[256] = { 0 };

    (void)local;
    if (function->batch == NULL) {
        WEIR_ASSERT(n == 1);
        is_final[0] =
            weir_call_returned(calls[0], function->fn(function->arg, calls[0]));
        return;
    }
    WEIR_ASSERT(n <= 256);
    function->batch(function->arg, calls, n, verdicts);
    for (size_t i = 0; i < n; i++) {
        is_final[i] = weir_call_returned(calls[i], verdicts[i]);
    }
}

static void host_close(void *self)
{
    const rig_host *host = self;

    WEIR_ASSERT(atomic_load(&host->function->n_threads) == 0);
}

static const weir_host_ops rig_host_ops = {
    .name = "callback",
    .about = "a function of the test",
    .size = sizeof(rig_host),
    .open = host_open,
    .info = host_info,
    .start = host_start,
    .thread_init = host_thread_init,
    .thread_fini = host_thread_fini,
    .run = host_run,
    .close = host_close,
};

/* -- life ------------------------------------------------------------------------------------- */

static void rig_silence(void *arg, weir_level level, const char *name, const char *line)
{
    (void)arg;
    (void)level;
    (void)name;
    if (getenv("WEIR_TEST_LOG") != NULL) {
        fprintf(stderr, "%s\n", line);
    }
}

static void rig_add_sub(rig *r, int i, const char *name, const char *function,
                        const char *topic)
{
    r->topics[i][0] = topic;
    r->hosts[i] = (weir_engine_host){ .ops = &rig_host_ops,
                                      .setup = { .name = function,
                                                 .opts = &r->functions[i],
                                                 .base_dir = ".",
                                                 .config_json = "null" } };
    r->functions[i].fn = weir_rig_echo;
    r->sources[i] = (weir_sub_source){ .ops = &weir_memory_source,
                                       .setup = { .queue = r->q,
                                                  .queue_name = "mem",
                                                  .topics = r->topics[i],
                                                  .n_topics = 1,
                                                  .sub_name = name,
                                                  .group = name,
                                                  .service = "s",
                                                  .instance = "i",
                                                  .start = WEIR_START_EARLIEST,
                                                  .commit_us = 2000,
                                                  .handover_us = 2000000 } };
    r->subs[i] = (weir_sub){ .name = name,
                             .group = name,
                             .host = (size_t)i,
                             .sources = &r->sources[i],
                             .n_sources = 1,
                             .codec = &weir_codec_raw,
                             .order = WEIR_ORDER_KEY,
                             .concurrency = 16,
                             .timeout_us = 20000000,
                             .batch = { .max = 1, .wait_us = 5000, .bytes = 1 << 20 },
                             .retry = { .attempts = 8,
                                        .backoff = WEIR_BACKOFF_CONSTANT,
                                        .first_us = 1000,
                                        .max_us = 1000 },
                             .to = "mem:out",
                             .stamp = true };
}

void weir_rig_open(rig *r)
{
    memset(r, 0, sizeof(*r));
    weir_log_redirect(rig_silence, NULL);
    r->q = weir_memory_queue_new();
    assert_non_null(r->q);
    r->n_partitions = 1;
    r->queue = (weir_engine_queue){ "mem", &weir_memory_sink, r->q };
    rig_add_sub(r, 0, "f.in", "f", "in");
    rig_add_sub(r, 1, "g.in2", "g", "in2");
    r->setup = (weir_engine_setup){ .service = "s",
                                    .instance = "i",
                                    .stack = 256 * 1024,
                                    .max_events = 2000,
                                    .max_bytes = 64 << 20,
                                    .max_event = 1 << 20,
                                    .drain_us = 10000000,
                                    .queues = &r->queue,
                                    .n_queues = 1,
                                    .hosts = r->hosts,
                                    .n_hosts = RIG_SUBS,
                                    .subs = r->subs,
                                    .n_subs = 1 };
}

void weir_rig_start_bare(rig *r)
{
    weir_err err = { .text = "" };

    if (weir_engine_new(&r->setup, &r->e, &err) != WEIR_OK ||
        weir_engine_start(r->e, &err) != WEIR_OK) {
        fail_msg("%s", err.text);
    }
}

void weir_rig_start(rig *r)
{
    (void)weir_memory_queue_topic(r->q, "in", r->n_partitions);
    (void)weir_memory_queue_topic(r->q, "in2", r->n_partitions);
    (void)weir_memory_queue_topic(r->q, "out", 1);
    (void)weir_memory_queue_topic(r->q, RIG_DEAD, 1);
    (void)weir_memory_queue_topic(r->q, "in2.g.in2.dead", 1);
    weir_rig_start_bare(r);
}

void weir_rig_stop(rig *r, int64_t drain_us)
{
    weir_engine_stop(r->e, weir_clock_us() + drain_us, &r->report);
}

void weir_rig_close(rig *r)
{
    if (r->e != NULL) {
        weir_rig_stop(r, 10000000);
        assert_int_equal(r->report.n_open, 0);
        assert_int_equal(r->report.n_unsent, 0);
        assert_true(r->report.is_clean);
        weir_engine_free(r->e);
        r->e = NULL;
    }
    weir_memory_queue_free(r->q);
    weir_log_redirect(NULL, NULL);
}

/* -- use -------------------------------------------------------------------------------------- */

void weir_rig_put(rig *r, const char *topic, int32_t partition, const char *key,
                  const char *data)
{
    const weir_memory_record rec = { .key = weir_slice_of(key),
                                     .data = weir_slice_of(data),
                                     .time_ms = weir_clock_wall_ms() };

    assert_int_equal(weir_memory_queue_put(r->q, topic, partition, &rec, NULL),
                     WEIR_OK);
}

size_t weir_rig_count(rig *r, const char *topic)
{
    return weir_memory_queue_count(r->q, topic, 0);
}

const char *weir_rig_text(rig *r, const char *topic, uint64_t offset)
{
    static char text[256];
    weir_memory_record rec;

    assert_true(weir_memory_queue_get(r->q, topic, 0, offset, &rec));
    snprintf(text, sizeof(text), "%.*s", (int)rec.data.len, rec.data.data);
    return text;
}

const char *weir_rig_header(rig *r, const char *topic, uint64_t offset,
                            const char *name)
{
    static char text[256];
    weir_memory_record rec;

    assert_true(weir_memory_queue_get(r->q, topic, 0, offset, &rec));
    text[0] = '\0';
    for (size_t i = 0; i < rec.n_headers; i++) {
        if (strcmp(rec.headers[i].name, name) == 0) {
            snprintf(text, sizeof(text), "%.*s", (int)rec.headers[i].value.len,
                     rec.headers[i].value.data);
        }
    }
    return text;
}

int64_t weir_rig_committed(rig *r, int32_t partition)
{
    uint64_t offset;

    return weir_memory_queue_committed(r->q, r->subs[0].group, r->topics[0][0],
                                       partition, &offset)
               ? (int64_t)offset
               : -1;
}

weir_verdict weir_rig_echo(void *arg, weir_call *call)
{
    const weir_output out = { .key = call->ev->key, .data = call->ev->data };

    (void)arg;
    (void)weir_call_emit(call, &out);
    return WEIR_DONE;
}

void weir_rig_breathe(void)
{
    weir_signal none = { 0 };

    (void)weir_signal_wait(&none, 0, weir_clock_us() + 1000);
}

weir_flow_stat weir_rig_stat(rig *r, int sub)
{
    weir_flow_stat stat;

    weir_flow_stat_get(r->e->lines[sub].flow, &stat);
    return stat;
}

bool weir_rig_is_empty(rig *r)
{
    weir_budget *b = &r->e->budget;
    bool is_empty;

    weir_lock_take(&b->lock);
    is_empty = b->all.n_events == 0 && b->all.n_bytes == 0 && b->out_bytes == 0;
    weir_lock_give(&b->lock);
    return is_empty;
}
