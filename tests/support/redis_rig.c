/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_rig - see redis_rig.h.
 */
#include "tests/support/redis_rig.h"

#include "triggers/redis_source.h"
#include "worker/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the ones above */
#include <cmocka.h>

void rig_queue_init(weir_redis_queue *queue, const weir_broker *broker)
{
    char url[64];

    *queue = (weir_redis_queue){ .url = NULL };
    (void)snprintf(url, sizeof(url), "redis://%s/0", weir_broker_address(broker));
    queue->url = strdup(url);
    assert_non_null(queue->url);
}

weir_redis_conn *rig_conn(const weir_redis_queue *queue)
{
    weir_redis_conn *conn = NULL;
    weir_err err = { 0 };

    if (weir_redis_conn_new(queue, "rig", -1, &conn, &err) != WEIR_OK ||
        weir_redis_conn_open(conn, weir_clock_us() + RIG_HANG_US, &err) != WEIR_OK) {
        fail_msg("%s", err.text);
    }
    return conn;
}

weir_redis_reply *rig_ask(weir_redis_conn *conn, const char *words)
{
    weir_slice args[64];
    size_t n = 0;
    weir_redis_reply *reply = NULL;
    weir_err err = { 0 };

    for (const char *at = words; *at != '\0';) {
        size_t len = strcspn(at, " ");

        assert_true(n < 64);
        args[n++] = (weir_slice){ at, len };
        at += len;
        at += strspn(at, " ");
    }
    if (weir_redis_conn_call(conn, args, n, &reply, &err) != WEIR_OK) {
        fail_msg("%s: %s", words, err.text);
    }
    if (reply->root->type == WEIR_REDIS_ERROR) {
        fail_msg("%s: %s", words, reply->root->text.data);
    }
    return reply;
}

int64_t rig_number(weir_redis_conn *conn, const char *words)
{
    weir_redis_reply *reply = rig_ask(conn, words);
    int64_t n = 0;

    if (reply->root->type == WEIR_REDIS_ARRAY) {
        n = (int64_t)reply->root->n;
    } else {
        assert_true(weir_redis_int(reply->root, &n));
    }
    weir_redis_reply_give(reply);
    return n;
}

void rig_text(weir_redis_conn *conn, const char *words, char *out, size_t len)
{
    weir_redis_reply *reply = rig_ask(conn, words);
    weir_slice text = weir_redis_text(reply->root);

    (void)snprintf(out, len, "%s", text.data == NULL ? "" : text.data);
    weir_redis_reply_give(reply);
}

void rig_do(weir_redis_conn *conn, const char *fmt, ...)
{
    char words[1024];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(words, sizeof(words), fmt, args);
    va_end(args);
    weir_redis_reply_give(rig_ask(conn, words));
}

/* -- the source --------------------------------------------------------------------------- */

static void on_assigned(void *arg, const weir_epoch *e, size_t n)
{
    rig *r = arg;

    for (size_t i = 0; i < n; i++) {
        assert_true(e[i].part < 8);
        assert_int_equal(r->epochs[e[i].part], 0);
        r->epochs[e[i].part] = e[i].epoch;
        r->n_assigned++;
    }
}

static void on_revoking(void *arg, const weir_epoch *e, size_t n, int64_t until_us)
{
    rig *r = arg;

    (void)until_us;
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(r->epochs[e[i].part], e[i].epoch);
        r->epochs[e[i].part] = 0;
        r->n_revoked++;
    }
}

static void on_lost(void *arg, const weir_epoch *e, size_t n)
{
    rig *r = arg;

    for (size_t i = 0; i < n; i++) {
        assert_int_equal(r->epochs[e[i].part], e[i].epoch);
        r->epochs[e[i].part] = 0;
        r->n_lost++;
    }
}

static void on_trouble(void *arg, const weir_epoch *e, weir_trouble kind,
                       const char *text)
{
    rig *r = arg;

    (void)e;
    r->n_troubles += kind != WEIR_TROUBLE_NONE;
    r->trouble = kind;
    (void)snprintf(r->trouble_text, sizeof(r->trouble_text), "%s", text);
}

void rig_init(rig *r, const weir_redis_queue *queue, const char *stream,
              const char *group)
{
    *r = (rig){ .topics = { stream } };
    r->seen = calloc(RIG_MAX, sizeof(*r->seen));
    assert_non_null(r->seen);
    r->host = (weir_source_host){ .arg = r,
                                  .assigned = on_assigned,
                                  .revoking = on_revoking,
                                  .lost = on_lost,
                                  .trouble = on_trouble };
    r->setup = (weir_source_setup){ .queue = queue,
                                    .queue_name = "redis",
                                    .topics = r->topics,
                                    .n_topics = 1,
                                    .sub_name = "test",
                                    .group = group,
                                    .service = "rig",
                                    .instance = "one",
                                    .start = WEIR_START_EARLIEST,
                                    .commit_us = 10000,
                                    .handover_us = 1000000,
                                    .claim_after_us = 60000000,
                                    .data_field = "data",
                                    .key_field = "key",
                                    .max_event = 1 << 20,
                                    .max_events = 10000,
                                    .max_bytes = 64 << 20,
                                    .host = &r->host };
}

void rig_open(rig *r)
{
    weir_err err = { 0 };

    for (size_t i = 0; i < RIG_CAP; i++) {
        r->evs[i] = calloc(1, sizeof(*r->evs[i]));
        assert_non_null(r->evs[i]);
        weir_arena_init(&r->arenas[i], 0);
    }
    r->self = calloc(1, weir_redis_source.size);
    assert_non_null(r->self);
    if (weir_redis_source.open(r->self, &r->setup, &err) != WEIR_OK) {
        fail_msg("open: %s", err.text);
    }
}

void rig_close(rig *r)
{
    assert_true(weir_redis_source.close(r->self, weir_clock_us() + RIG_HANG_US));
    for (size_t i = 0; i < RIG_CAP; i++) {
        weir_arena_fini(&r->arenas[i]);
        free(r->evs[i]);
    }
    free(r->self);
    free(r->seen);
}

size_t rig_read(rig *r, size_t cap, int64_t wait_us)
{
    for (size_t i = 0; i < RIG_CAP; i++) {
        weir_ev_begin(r->evs[i], &r->arenas[i]);
    }
    size_t n =
        weir_redis_source.read(r->self, r->evs, cap < RIG_CAP ? cap : RIG_CAP, wait_us);

    assert_true(n <= cap);
    for (size_t i = 0; i < n; i++) {
        const weir_event *ev = r->evs[i];
        rig_event *seen = &r->seen[r->n_seen++];

        assert_true(r->n_seen <= RIG_MAX);
        assert_int_equal(r->epochs[ev->receipt.part], ev->receipt.epoch);
        (void)snprintf(seen->data, sizeof(seen->data), "%.*s", (int)ev->data.len,
                       ev->data.data == NULL ? "" : ev->data.data);
        (void)snprintf(seen->key, sizeof(seen->key), "%.*s", (int)ev->key.len,
                       ev->key.data == NULL ? "" : ev->key.data);
        (void)snprintf(seen->stream, sizeof(seen->stream), "%s", ev->topic);
        seen->receipt = ev->receipt;
        seen->n_delivered = ev->n_delivered;
        weir_ev_end(r->evs[i]);
    }
    return n;
}

void rig_until(rig *r, size_t n)
{
    int64_t until_us = weir_clock_us() + RIG_HANG_US;

    while (r->n_seen < n) {
        (void)rig_read(r, RIG_CAP, 20000);
        if (weir_clock_us() > until_us) {
            fail_msg("%zu of %zu events came; last trouble: %s", r->n_seen, n,
                     r->trouble_text);
        }
    }
}

void rig_while_not(rig *r, bool (*is_true)(void *arg), void *arg)
{
    int64_t until_us = weir_clock_us() + RIG_HANG_US;

    while (!is_true(arg)) {
        (void)rig_read(r, RIG_CAP, 20000);
        if (weir_clock_us() > until_us) {
            fail_msg("what was waited for did not come; last trouble: %s",
                     r->trouble_text);
        }
    }
}

void rig_ack(rig *r, size_t i)
{
    weir_redis_source.ack(r->self, &r->seen[i].receipt, 1);
}

void rig_flush(rig *r)
{
    assert_int_equal(weir_redis_source.flush(r->self, weir_clock_us() + RIG_HANG_US),
                     WEIR_OK);
}

size_t rig_again(const rig *r, weir_again why)
{
    weir_source_stat stat;

    weir_redis_source.stat(r->self, &stat, NULL, 0);
    for (int i = WEIR_AGAIN_NONE + 1; i < WEIR_AGAIN_COUNT; i++) {
        if (i != (int)why) {
            assert_int_equal(stat.n_redelivered[i], 0);
        }
    }
    return stat.n_redelivered[why];
}

size_t rig_count(const rig *r, const char *data)
{
    size_t n = 0;

    for (size_t i = 0; i < r->n_seen; i++) {
        n += strcmp(r->seen[i].data, data) == 0;
    }
    return n;
}
