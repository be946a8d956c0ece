/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * null_sink - accepts every output and keeps none; see null_sink.h.
 */
#include "triggers/null_sink.h"

#include "worker/base/check.h"
#include "worker/base/lock.h"

#define NULL_SINK_TAG WEIR_TAG('n', 'u', 'l', 'l')
#define NULL_BATCH 64

typedef struct null_sink {
    uint32_t tag;
    const weir_sink_setup *setup;
} null_sink;

static weir_status null_open(void *self, const weir_sink_setup *setup, weir_err *err)
{
    null_sink *sink = self;

    (void)err;
    *sink = (null_sink){ .tag = NULL_SINK_TAG, .setup = setup };
    return WEIR_OK;
}

static weir_status null_target(void *self, const char *name, void **target,
                               weir_err *err)
{
    (void)name;
    (void)err;
    *target = self; /* one for all: nothing is kept by name */
    return WEIR_OK;
}

/* Answers inside send(): a thread's own outputs are confirmed in its order. */
static size_t null_send(void *self, weir_out *const *outs, size_t n)
{
    null_sink *sink = WEIR_CAST(null_sink, self, NULL_SINK_TAG);
    weir_sent_result results[NULL_BATCH];

    for (size_t i = 0; i < n;) {
        size_t k = 0;

        for (; k < NULL_BATCH && i < n; k++, i++) {
            results[k] = (weir_sent_result){ .out = outs[i], .sent = WEIR_SENT_OK };
        }
        sink->setup->done(sink->setup->arg, results, k);
    }
    return n;
}

static weir_status null_probe(void *self, void *target, int64_t timeout_us,
                              size_t *largest, weir_err *err)
{
    (void)self;
    (void)target;
    (void)timeout_us;
    (void)err;
    *largest = SIZE_MAX;
    return WEIR_OK;
}

static weir_status null_flush(void *self, int64_t until_us)
{
    (void)self;
    (void)until_us;
    return WEIR_OK;
}

static bool null_close(void *self, int64_t until_us)
{
    null_sink *sink = WEIR_CAST(null_sink, self, NULL_SINK_TAG);

    (void)until_us;
    sink->tag = 0;
    return true;
}

const weir_sink_ops weir_null_sink = {
    .name = "null",
    .about = "accepts every event and keeps none",
    .size = sizeof(null_sink),
    .keeps_order = true,
    .open = null_open,
    .target = null_target,
    .send = null_send,
    .probe = null_probe,
    .flush = null_flush,
    .close = null_close,
};
