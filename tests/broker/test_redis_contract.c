/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* test_redis_contract - the Redis source and sink pass the suites of their contracts. */
#include "tests/contract/sink_suite.h"
#include "tests/contract/source_suite.h"
#include "tests/support/redis_rig.h"
#include "triggers/redis_sink.h"
#include "triggers/redis_source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the ones above */
#include <cmocka.h>

#define N_STREAMS 3

typedef struct contract {
    weir_broker *broker;
    weir_redis_queue queue;
    weir_redis_conn *conn;
    char streams[N_STREAMS][80];
    const char *topics[N_STREAMS];
    char group[80];
} contract;

static void source_begin(weir_source_fixture *f, weir_source_setup *setup)
{
    contract *c = f->arg;
    rig r;

    for (int i = 0; i < N_STREAMS; i++) {
        weir_broker_name("suite", c->streams[i], sizeof(c->streams[i]));
        c->topics[i] = c->streams[i];
    }
    weir_broker_name("group", c->group, sizeof(c->group));
    rig_init(&r, &c->queue, c->streams[0], c->group);
    free(r.seen);
    *setup = r.setup;
    setup->topics = c->topics;
    setup->n_topics = N_STREAMS;
}

static void source_end(weir_source_fixture *f)
{
    (void)f;
}

static void source_put(weir_source_fixture *f, int part, const char *key,
                       const char *data)
{
    contract *c = f->arg;

    rig_do(c->conn, "XADD %s * key %s data %s", c->streams[part], key, data);
}

static void sink_begin(weir_sink_fixture *f, weir_sink_setup *setup)
{
    contract *c = f->arg;

    for (int i = 0; i < 2; i++) {
        weir_broker_name("sink", c->streams[i], sizeof(c->streams[i]));
        f->topics[i] = c->streams[i];
    }
    *setup = (weir_sink_setup){ .queue = &c->queue,
                                .queue_name = "redis",
                                .service = "suite",
                                .instance = "one",
                                .max_bytes = 1 << 20,
                                .max_record = 1 << 20 };
}

static void sink_end(weir_sink_fixture *f)
{
    (void)f;
}

static void sink_read_back(weir_sink_fixture *f, const char *topic, const char *key,
                           weir_buf *out)
{
    contract *c = f->arg;
    char words[200];

    (void)snprintf(words, sizeof(words), "XRANGE %s - +", topic);
    weir_redis_reply *reply = rig_ask(c->conn, words);
    for (size_t i = 0; i < reply->root->n; i++) {
        const weir_redis_val *fields = weir_redis_at(&reply->root->items[i], 1);

        if (weir_slice_is(weir_redis_text(weir_redis_member(fields, "key")), key)) {
            weir_buf_str(out, weir_redis_text(weir_redis_member(fields, "data")).data);
            weir_buf_char(out, '\n');
        }
    }
    weir_redis_reply_give(reply);
}

int main(void)
{
    contract c = { .broker = NULL };
    weir_source_fixture source = { .ops = &weir_redis_source,
                                   .arg = &c,
                                   .n_parts = N_STREAMS,
                                   .remembers = true,
                                   .begin = source_begin,
                                   .end = source_end,
                                   .put = source_put };
    weir_sink_fixture sink = { .ops = &weir_redis_sink,
                               .arg = &c,
                               .begin = sink_begin,
                               .end = sink_end,
                               .read_back = sink_read_back };
    weir_err err = { 0 };

    if (weir_broker_start_redis(false, NULL, &c.broker, &err) != WEIR_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    rig_queue_init(&c.queue, c.broker);
    c.conn = rig_conn(&c.queue);
    int n_failed = weir_source_suite("redis source", &source);
    n_failed += weir_sink_suite("redis sink", &sink);
    weir_redis_conn_free(c.conn);
    weir_opt_fini(weir_redis_opts, &c.queue);
    weir_broker_free(c.broker);
    return n_failed;
}
