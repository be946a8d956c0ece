/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* test_redis_atomic_contract - the settler of Redis keeps the contract of settlers. */
#include "tests/contract/settler_suite.h"
#include "tests/support/redis_once.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the ones above */
#include <cmocka.h>

/* A world, and what the running test has in it. */
typedef struct suite {
    world *w;
    once *k;
} suite;

static void suite_begin(weir_settler_fixture *f, size_t n, weir_settler_setup *setup)
{
    suite *su = f->arg;
    once *k = calloc(1, sizeof(*k));

    assert_non_null(k);
    once_open(k, su->w, n);
    *setup = k->setup;
    for (int i = 0; i < 2; i++) {
        f->targets[i] = k->targets[i];
    }
    su->k = k;
}

static void suite_close_source(weir_settler_fixture *f)
{
    once_close_source(((suite *)f->arg)->k);
}

static void suite_end(weir_settler_fixture *f)
{
    suite *su = f->arg;

    once_free(su->k);
    su->k = NULL;
    weir_broker_name("orders", su->w->stream, sizeof(su->w->stream));
}

static void suite_read(weir_settler_fixture *f, size_t n, weir_receipt *out)
{
    once *k = ((suite *)f->arg)->k;

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

int main(void)
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
