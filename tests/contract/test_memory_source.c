/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The source of the queue in memory passes the suite of all sources.
 */
#include "tests/contract/source_suite.h"
#include "triggers/memory_queue.h"
#include "worker/base/check.h"

static const char *const topics[] = { "orders" };

static void fixture_begin(weir_source_fixture *f, weir_source_setup *setup)
{
    weir_memory_queue *q = weir_memory_queue_new();

    WEIR_ASSERT(q != NULL);
    WEIR_ASSERT(weir_memory_queue_topic(q, topics[0], f->n_parts) == WEIR_OK);
    f->arg = q;
    *setup = (weir_source_setup){ .queue = q,
                                  .queue_name = "memory",
                                  .topics = topics,
                                  .n_topics = 1,
                                  .group = "suite",
                                  .start = WEIR_START_EARLIEST,
                                  .commit_us = 1000000,
                                  .handover_us = 100000 };
}

static void fixture_end(weir_source_fixture *f)
{
    weir_memory_queue_free(f->arg);
}

static void fixture_put(weir_source_fixture *f, int part, const char *key,
                        const char *data)
{
    const weir_memory_record rec = { .key = weir_slice_of(key),
                                     .data = weir_slice_of(data) };

    WEIR_ASSERT(weir_memory_queue_put(f->arg, topics[0], part, &rec, NULL) == WEIR_OK);
}

static void fixture_revoke(weir_source_fixture *f, int part)
{
    weir_memory_queue_revoke(f->arg, "suite", topics[0], part);
}

int main(void)
{
    weir_source_fixture fixture = {
        .ops = &weir_memory_source,
        .n_parts = 3,
        .remembers = true,
        .begin = fixture_begin,
        .end = fixture_end,
        .put = fixture_put,
        .revoke = fixture_revoke,
    };

    return weir_source_suite("memory source", &fixture);
}
