/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sinks of the queue in memory, and the null sink, pass the suite of all sinks.
 */
#include "tests/contract/sink_suite.h"
#include "triggers/memory_queue.h"
#include "triggers/null_sink.h"
#include "worker/base/check.h"

static void fixture_begin(weir_sink_fixture *f, weir_sink_setup *setup)
{
    weir_memory_queue *q = weir_memory_queue_new();

    WEIR_ASSERT(q != NULL);
    WEIR_ASSERT(weir_memory_queue_topic(q, f->topics[0], 3) == WEIR_OK);
    WEIR_ASSERT(weir_memory_queue_topic(q, f->topics[1], 1) == WEIR_OK);
    weir_memory_queue_limit_sends(q, 100);
    f->arg = q;
    *setup = (weir_sink_setup){ .queue = q, .queue_name = "memory" };
}

static void fixture_end(weir_sink_fixture *f)
{
    weir_memory_queue_free(f->arg);
}

static void fixture_read_back(weir_sink_fixture *f, const char *topic, const char *key,
                              weir_buf *out)
{
    for (int32_t p = 0; p < 3; p++) {
        weir_memory_record rec;

        for (uint64_t i = 0; weir_memory_queue_get(f->arg, topic, p, i, &rec); i++) {
            if (weir_slice_is(rec.key, key)) {
                weir_buf_add(out, rec.data.data, rec.data.len);
                weir_buf_char(out, '\n');
            }
        }
    }
}

int main(void)
{
    weir_sink_fixture ordered = {
        .ops = &weir_memory_sink,
        .begin = fixture_begin,
        .end = fixture_end,
        .topics = { "suite.a", "suite.b" },
        .missing = "suite.missing",
        .read_back = fixture_read_back,
    };
    weir_sink_fixture loose = ordered;
    weir_sink_fixture null = ordered;

    loose.ops = &weir_memory_loose_sink;
    null.ops = &weir_null_sink;
    null.missing = NULL;
    null.read_back = NULL;
    return weir_sink_suite("memory sink", &ordered) +
           weir_sink_suite("loose memory sink", &loose) +
           weir_sink_suite("null sink", &null);
}
