/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* redis_world - see redis_world.h. */
#include "tests/support/redis_world.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka wants the ones above */
#include <cmocka.h>

static int world_begin_as(void **state, bool is_durable)
{
    world *w = calloc(1, sizeof(*w));
    weir_err err = { 0 };

    assert_non_null(w);
    if (weir_broker_start_redis(is_durable, NULL, &w->broker, &err) != WEIR_OK) {
        fail_msg("%s", err.text);
    }
    rig_queue_init(&w->queue, w->broker);
    w->conn = rig_conn(&w->queue);
    weir_broker_name("orders", w->stream, sizeof(w->stream));
    weir_broker_name("group", w->group, sizeof(w->group));
    *state = w;
    return 0;
}

int world_begin(void **state)
{
    return world_begin_as(state, false);
}

int world_begin_durable(void **state)
{
    return world_begin_as(state, true);
}

int world_end(void **state)
{
    world *w = *state;

    weir_redis_conn_free(w->conn);
    weir_opt_fini(weir_redis_opts, &w->queue);
    weir_broker_free(w->broker);
    free(w);
    return 0;
}

void world_put(world *w, int from, int n)
{
    for (int i = from; i < from + n; i++) {
        rig_do(w->conn, "XADD %s * key k%d data %d", w->stream, i % 7, i);
    }
}

int64_t world_pending(world *w)
{
    char words[256];
    int64_t n = -1;

    (void)snprintf(words, sizeof(words), "XPENDING %s %s", w->stream, w->group);
    weir_redis_reply *reply = rig_ask(w->conn, words);
    assert_true(weir_redis_int(weir_redis_at(reply->root, 0), &n));
    weir_redis_reply_give(reply);
    return n;
}

void world_consumers(world *w, char *out, size_t len)
{
    char words[256];

    out[0] = '\0';
    (void)snprintf(words, sizeof(words), "XINFO CONSUMERS %s %s", w->stream, w->group);
    weir_redis_reply *reply = rig_ask(w->conn, words);
    for (size_t i = 0; i < reply->root->n; i++) {
        const weir_redis_val *row = &reply->root->items[i];
        size_t at = strlen(out);

        (void)snprintf(out + at, len - at, "%s ",
                       weir_redis_text(weir_redis_member(row, "name")).data);
    }
    weir_redis_reply_give(reply);
}

void rig_each_once(const rig *r, int from, int n)
{
    for (int i = from; i < from + n; i++) {
        char data[16];

        (void)snprintf(data, sizeof(data), "%d", i);
        assert_int_equal(rig_count(r, data), 1);
    }
}

pid_t replica_start(world *w, const rig *like, size_t n)
{
    int fds[2];
    char byte;

    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        rig r;

        rig_init(&r, &w->queue, w->stream, w->group);
        r.setup = like->setup;
        r.setup.host = &r.host;
        r.setup.topics = r.topics;
        rig_open(&r);
        while (r.n_seen < n) {
            (void)rig_read(&r, n - r.n_seen, 20000);
        }
        if (write(fds[1], "x", 1) != 1) {
            _exit(1);
        }
        for (;;) {
            (void)rig_read(&r, 0, 100000);
        }
    }
    close(fds[1]);
    assert_int_equal(read(fds[0], &byte, 1), 1);
    close(fds[0]);
    return pid;
}

void replica_kill(pid_t pid)
{
    int status;

    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
}
