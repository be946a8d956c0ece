/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_sink - see redis_sink.h.
 *
 *     send() -> queue -> (thread) connection's buffer, under way -> answer -> done()
 *
 * The queue and the count of bytes are under the lock; what is under way is the thread's.
 */
#include "triggers/redis_sink.h"

#include "triggers/redis_admin.h"
#include "triggers/redis_conn.h"
#include "triggers/redis_entry.h"
#include "triggers/redis_line.h"
#include "worker/base/check.h"
#include "worker/base/clock.h"
#include "worker/base/lock.h"
#include "worker/base/log.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SINK_TAG WEIR_TAG('R', 'S', 'N', 'K')
#define SINK_RESULTS 256
#define SINK_OPEN_US 5000000
#define SINK_BACKOFF_FIRST_US 100000
#define SINK_BACKOFF_MAX_US 2000000
#define SINK_UNDER_WAY_BYTES                                                           \
    (1024 * 1024) /* in the connection's buffer; the rest stays queued */
#define SINK_UNDER_WAY 8192
#define SINK_BATCH 256 /* under way, the server has enough to do for a while */
#define SINK_BULK_MAX (512u * 1024 * 1024) /* the protocol's own limit of one value */
#define SINK_ANSWER_US 10000000

typedef struct sink_target {
    struct sink_target *next;
    weir_redis_limit limit;
    size_t len;
    char name[];
} sink_target;

typedef struct redis_sink {
    uint32_t tag;
    const weir_redis_queue *queue;
    const char *queue_name;
    size_t max_bytes;
    weir_sent_fn *done;
    void *arg;
    char name[200];

    weir_lock lock;
    sink_target *targets;
    weir_redis_line waiting;
    size_t n_bytes; /* of all that is accepted and not answered */
    size_t n_unanswered;
    /* the thread waits, and is poked when so many are waiting; else SIZE_MAX */
    size_t poke_at;
    weir_signal answered;

    int wake_fd, abort_fd;
    pthread_t thread;
    atomic_bool is_closing, is_over;

    /* The thread's. */
    weir_redis_conn *conn;
    weir_redis_line sent;
    int64_t answer_until_us;
    int64_t backoff_us, retry_us;
    bool is_sick;
    weir_sent_result results[SINK_RESULTS];
    size_t n_results;
    size_t result_bytes;
    /* what the texts of the results lie in */
    weir_redis_reply *texts[SINK_RESULTS];
    size_t n_texts;
} redis_sink;

static void sink_poke(int fd)
{
    uint64_t one = 1;

    while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR) {
    }
}

static size_t sink_bytes(const weir_out *out)
{
    const sink_target *target = out->target;

    return weir_redis_entry_size(out, (weir_slice){ target->name, target->len });
}

/* -- answers ------------------------------------------------------------------------------ */

/* Tells the owner what became of outputs, and counts them off. */
static void sink_tell(redis_sink *sink)
{
    size_t n = sink->n_results;

    if (n == 0) {
        return;
    }
    sink->done(sink->arg, sink->results, n);
    for (size_t i = 0; i < sink->n_texts; i++) {
        weir_redis_reply_give(sink->texts[i]);
    }
    weir_lock_take(&sink->lock);
    sink->n_bytes -= sink->result_bytes;
    sink->n_unanswered -= n;
    weir_lock_give(&sink->lock);
    sink->n_results = 0;
    sink->n_texts = 0;
    sink->result_bytes = 0;
    weir_signal_raise(&sink->answered, INT_MAX);
}

static void sink_result(redis_sink *sink, const weir_redis_line_item *item,
                        weir_sent sent, const char *text)
{
    sink->result_bytes += item->bytes;
    sink->results[sink->n_results++] =
        (weir_sent_result){ .out = item->out, .sent = sent, .text = text };
    if (sink->n_results == SINK_RESULTS) {
        sink_tell(sink);
    }
}

/* Everything that is accepted goes back. */
static void sink_fail_all(redis_sink *sink, const char *text)
{
    weir_redis_line_item item;

    while (weir_redis_line_pop(&sink->sent, &item)) {
        sink_result(sink, &item, WEIR_SENT_AGAIN, text);
    }
    for (;;) {
        weir_lock_take(&sink->lock);
        bool has_one = weir_redis_line_pop(&sink->waiting, &item);
        weir_lock_give(&sink->lock);
        if (!has_one) {
            break;
        }
        sink_result(sink, &item, WEIR_SENT_AGAIN, text);
    }
    sink_tell(sink);
}

static weir_sent sink_sent_of(const weir_redis_val *root)
{
    if (root->type != WEIR_REDIS_ERROR) {
        return WEIR_SENT_OK;
    }
    switch (weir_redis_error_status(root)) {
    case WEIR_EDENIED:
    case WEIR_EINVAL: /* the key holds something else: no fault of the record */
        return WEIR_SENT_DENIED;
    default:
        return WEIR_SENT_AGAIN;
    }
}

/* Takes the answers that have arrived. Not WEIR_OK: the connection is closed. */
static weir_status sink_receive(redis_sink *sink, weir_err *err)
{
    weir_status st = weir_redis_conn_pump(sink->conn, err);
    bool is_any = false;

    while (st == WEIR_OK) {
        weir_redis_reply *reply = NULL;
        weir_redis_line_item item;

        if ((st = weir_redis_conn_next(sink->conn, &reply, err)) != WEIR_OK) {
            break;
        }
        if (!weir_redis_line_pop(&sink->sent, &item)) {
            st = weir_fail(err, WEIR_EIO, "redis: an answer to no question");
            weir_redis_conn_close(sink->conn);
            weir_redis_reply_give(reply);
            break;
        }
        weir_sent sent = sink_sent_of(reply->root);
        bool is_elsewhere = sent == WEIR_SENT_AGAIN &&
                            weir_redis_error_status(reply->root) == WEIR_EUNAVAIL;
        is_any = true;
        if (sent == WEIR_SENT_OK) {
            weir_redis_conn_back(sink->conn, reply);
            sink_result(sink, &item, sent, NULL);
        } else {
            sink->texts[sink->n_texts++] = reply;
            sink_result(sink, &item, sent, reply->root->text.data);
        }
        if (is_elsewhere) {
            st = weir_fail(err, WEIR_EUNAVAIL, "redis %s: not the primary any more",
                           weir_redis_conn_where(sink->conn));
            weir_redis_conn_close(sink->conn);
        }
    }
    if (is_any) {
        sink->answer_until_us = weir_clock_us() + SINK_ANSWER_US;
    }
    sink_tell(sink);
    return st == WEIR_EAGAIN ? WEIR_OK : st;
}

/* -- the thread --------------------------------------------------------------------------- */

static bool sink_is_full(const redis_sink *sink)
{
    return sink->sent.n >= SINK_UNDER_WAY ||
           weir_redis_conn_unsent(sink->conn) >= SINK_UNDER_WAY_BYTES;
}

/* How many must be waiting so that it is worth sending them: while the server has enough to do, few
 * at a time cost both sides a system call for each; its answers wake us too. */
static size_t sink_worth(const redis_sink *sink)
{
    return sink->sent.n < SINK_BATCH ? 1 : SINK_BATCH;
}

/* Moves waiting outputs into the connection's buffer. */
static void sink_fill(redis_sink *sink)
{
    int64_t now = weir_clock_us();

    weir_lock_take(&sink->lock);
    bool is_worth = sink->waiting.n >= sink_worth(sink);
    weir_lock_give(&sink->lock);
    while (is_worth && !sink_is_full(sink)) {
        weir_redis_line_item items[64];
        size_t n = 0;

        weir_lock_take(&sink->lock);
        while (n < 64 && weir_redis_line_pop(&sink->waiting, &items[n])) {
            n++;
        }
        weir_lock_give(&sink->lock);
        if (n == 0) {
            return;
        }
        if (sink->sent.n == 0) {
            sink->answer_until_us = now + SINK_ANSWER_US;
        }
        for (size_t i = 0; i < n; i++) {
            const sink_target *target = items[i].out->target;

            if (!weir_redis_line_push(&sink->sent, items[i])) {
                sink_result(sink, &items[i], WEIR_SENT_AGAIN, "out of memory");
                continue;
            }
            weir_redis_entry_write(items[i].out,
                                   (weir_slice){ target->name, target->len },
                                   target->limit, weir_redis_conn_buf(sink->conn));
        }
    }
}

static void sink_sicken(redis_sink *sink, const weir_err *err)
{
    int64_t us = sink->backoff_us == 0 ? SINK_BACKOFF_FIRST_US : sink->backoff_us;

    if (!sink->is_sick) {
        weir_log(WEIR_WARN, "redis.sink", "queue=%s text=%s", sink->queue_name,
                 err->text);
    }
    sink->is_sick = true;
    sink->retry_us = weir_clock_us() + us;
    sink->backoff_us = us * 2 > SINK_BACKOFF_MAX_US ? SINK_BACKOFF_MAX_US : us * 2;
    sink_fail_all(sink, err->text);
}

/* True: nothing can go out now, and a sender pokes us when that changes. */
static bool sink_may_sleep(redis_sink *sink)
{
    const bool is_full = sink_is_full(sink);

    weir_lock_take(&sink->lock);
    const bool may_sleep = is_full || sink->waiting.n < sink_worth(sink);
    if (may_sleep) {
        sink->poke_at = is_full ? SIZE_MAX : sink_worth(sink);
    }
    weir_lock_give(&sink->lock);
    return may_sleep;
}

/* Sleeps until the socket or a sender has something, or until_us. */
static void sink_wait(redis_sink *sink, int64_t until_us)
{
    struct pollfd fds[2] = { { .fd = sink->wake_fd, .events = POLLIN },
                             { .fd = weir_redis_conn_fd(sink->conn) } };
    int64_t left = until_us - weir_clock_us();
    int64_t ms = left <= 0 ? 0 : (left + 999) / 1000;
    uint64_t n;

    fds[1].events = fds[1].fd >= 0 ? weir_redis_conn_events(sink->conn) : 0;
    if (poll(fds, 2, ms > 1000 ? 1000 : (int)ms) > 0 && fds[0].revents != 0) {
        while (read(sink->wake_fd, &n, sizeof(n)) < 0 && errno == EINTR) {
        }
    }
    weir_lock_take(&sink->lock);
    sink->poke_at = SIZE_MAX;
    weir_lock_give(&sink->lock);
}

static void sink_round(redis_sink *sink)
{
    weir_err err = { .st = WEIR_OK };
    int64_t now = weir_clock_us();

    if (!weir_redis_conn_is_open(sink->conn)) {
        if (sink_may_sleep(sink)) {
            sink_wait(sink, WEIR_NEVER);
            return;
        }
        if (now < sink->retry_us) {
            sink_fail_all(sink, "redis: the server cannot be reached");
            return;
        }
        if (weir_redis_conn_open(sink->conn, now + SINK_OPEN_US, &err) != WEIR_OK) {
            sink_sicken(sink, &err);
            return;
        }
        sink->backoff_us = 0;
        sink->is_sick = false;
    }
    sink_fill(sink);
    if (sink_receive(sink, &err) != WEIR_OK) {
        sink_sicken(sink, &err);
        return;
    }
    if (sink->sent.n > 0 && weir_clock_us() > sink->answer_until_us) {
        weir_fail(&err, WEIR_ETIMEOUT, "redis %s: no answer in time",
                  weir_redis_conn_where(sink->conn));
        weir_redis_conn_close(sink->conn);
        sink_sicken(sink, &err);
        return;
    }
    if (sink_may_sleep(sink)) {
        sink_wait(sink, sink->sent.n > 0 ? sink->answer_until_us : WEIR_NEVER);
    }
}

static void *sink_main(void *arg)
{
    redis_sink *sink = arg;

    while (!atomic_load(&sink->is_closing)) {
        sink_round(sink);
    }
    sink_fail_all(sink, "the worker is stopping");
    weir_redis_conn_close(sink->conn);
    atomic_store(&sink->is_over, true);
    weir_signal_raise(&sink->answered, INT_MAX);
    return NULL;
}

/* -- the contract ------------------------------------------------------------------------- */

static void sink_free(redis_sink *sink)
{
    while (sink->targets != NULL) {
        sink_target *target = sink->targets;

        sink->targets = target->next;
        free(target);
    }
    weir_redis_conn_free(sink->conn);
    weir_redis_line_fini(&sink->waiting);
    weir_redis_line_fini(&sink->sent);
    if (sink->wake_fd >= 0) {
        close(sink->wake_fd);
    }
    if (sink->abort_fd >= 0) {
        close(sink->abort_fd);
    }
    weir_lock_fini(&sink->lock);
}

static weir_status sink_open(void *self, const weir_sink_setup *setup, weir_err *err)
{
    redis_sink *sink = self;
    weir_status st;

    sink->tag = SINK_TAG;
    sink->queue = setup->queue;
    sink->queue_name = setup->queue_name;
    sink->max_bytes = setup->max_bytes;
    sink->done = setup->done;
    sink->arg = setup->arg;
    weir_lock_init(&sink->lock, WEIR_RANK_SINK);
    sink->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    sink->abort_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    snprintf(sink->name, sizeof(sink->name), "weir/%s/%s/%s/sink", setup->service,
             setup->instance, setup->queue_name);
    if (sink->wake_fd < 0 || sink->abort_fd < 0) {
        st = weir_fail(err, WEIR_EIO, "redis: eventfd: %s", strerror(errno));
        goto out;
    }
    if ((st = weir_redis_conf_check(sink->queue, err)) != WEIR_OK ||
        (st = weir_redis_conn_new(sink->queue, sink->name, sink->abort_fd, &sink->conn,
                                  err)) != WEIR_OK) {
        goto out;
    }
    int rc = weir_thread_start(&sink->thread, "weir-redis-out", 0, sink_main, sink);
    if (rc != 0) {
        st = weir_fail(err, WEIR_EAGAIN, "redis: cannot start a thread: %s",
                       strerror(rc));
    }
out:
    if (st != WEIR_OK) {
        sink_free(sink);
    }
    return st;
}

static weir_status sink_target_get(void *self, const char *name, void **out,
                                   weir_err *err)
{
    redis_sink *sink = WEIR_CAST(redis_sink, self, SINK_TAG);
    size_t len = strlen(name);
    const char *limit = weir_opt_map_get(&sink->queue->maxlen, name);
    sink_target *fresh = malloc(sizeof(*fresh) + len + 1);
    weir_status st = WEIR_OK;

    if (fresh == NULL) {
        return weir_fail(err, WEIR_ENOMEM, "redis: out of memory");
    }
    *fresh = (sink_target){ .len = len };
    memcpy(fresh->name, name, len + 1);
    if (limit != NULL) {
        fresh->limit.is_set = true;
        st = weir_redis_maxlen_parse(limit, &fresh->limit.is_approx, &fresh->limit.n,
                                     err);
        if (st != WEIR_OK) {
            goto out;
        }
    }
    weir_lock_take(&sink->lock);
    sink_target *target = sink->targets;
    while (target != NULL && strcmp(target->name, name) != 0) {
        target = target->next;
    }
    if (target == NULL) {
        target = fresh;
        target->next = sink->targets;
        sink->targets = target;
        fresh = NULL;
    }
    weir_lock_give(&sink->lock);
    *out = target;
out:
    free(fresh);
    return st;
}

weir_slice weir_redis_target_stream(const void *target)
{
    const sink_target *at = target;

    return (weir_slice){ at->name, at->len };
}

weir_redis_limit weir_redis_target_limit(const void *target)
{
    return ((const sink_target *)target)->limit;
}

/* Larger than the protocol takes at all. */
static bool sink_is_too_large(const weir_out *out)
{
    return out->data.len > SINK_BULK_MAX || out->key.len > SINK_BULK_MAX;
}

static size_t sink_send(void *self, weir_out *const *outs, size_t n)
{
    redis_sink *sink = WEIR_CAST(redis_sink, self, SINK_TAG);
    size_t n_taken = 0;
    size_t n_large = 0;

    weir_lock_take(&sink->lock);
    for (; n_taken < n && !sink_is_too_large(outs[n_taken]); n_taken++) {
        size_t bytes = sink_bytes(outs[n_taken]);

        /* One that is larger than the whole queue goes alone. */
        if ((sink->n_bytes + bytes > sink->max_bytes && sink->n_unanswered > 0) ||
            !weir_redis_line_push(&sink->waiting,
                                  (weir_redis_line_item){ outs[n_taken], bytes })) {
            break;
        }
        sink->n_bytes += bytes;
        sink->n_unanswered++;
    }
    bool must_poke = sink->waiting.n >= sink->poke_at;
    sink->poke_at = must_poke ? SIZE_MAX : sink->poke_at;
    weir_lock_give(&sink->lock);
    if (must_poke) {
        sink_poke(sink->wake_fd);
    }
    while (n_taken + n_large < n && sink_is_too_large(outs[n_taken + n_large])) {
        const weir_sent_result result = {
            .out = outs[n_taken + n_large],
            .sent = WEIR_SENT_TOO_LARGE,
            .text = "over 512 MiB, the largest value of Redis"
        };

        sink->done(sink->arg, &result, 1);
        n_large++;
    }
    return n_taken + n_large;
}

static weir_status sink_probe(void *self, void *target, int64_t timeout_us,
                              size_t *largest, weir_err *err)
{
    redis_sink *sink = WEIR_CAST(redis_sink, self, SINK_TAG);
    const sink_target *at = target;

    *largest = SINK_BULK_MAX;
    return weir_redis_probe_write(sink->queue, sink->name, at->name,
                                  weir_clock_us() + timeout_us, err);
}

static weir_status sink_flush(void *self, int64_t until_us)
{
    redis_sink *sink = WEIR_CAST(redis_sink, self, SINK_TAG);

    for (;;) {
        unsigned seen = weir_signal_read(&sink->answered);

        weir_lock_take(&sink->lock);
        size_t n = sink->n_unanswered;
        weir_lock_give(&sink->lock);
        if (n == 0) {
            return WEIR_OK;
        }
        if (!weir_signal_wait(&sink->answered, seen, until_us)) {
            return WEIR_ETIMEOUT;
        }
    }
}

static bool sink_close(void *self, int64_t until_us)
{
    redis_sink *sink = WEIR_CAST(redis_sink, self, SINK_TAG);
    bool is_aborted = false;

    sink_flush(self, until_us);
    atomic_store(&sink->is_closing, true);
    sink_poke(sink->wake_fd);
    while (!atomic_load(&sink->is_over)) {
        unsigned seen = weir_signal_read(&sink->answered);

        if (atomic_load(&sink->is_over) ||
            weir_signal_wait(&sink->answered, seen, until_us)) {
            continue;
        }
        if (is_aborted) {
            return false;
        }
        sink_poke(sink->abort_fd);
        is_aborted = true;
        until_us = weir_clock_us() + 1000000;
    }
    pthread_join(sink->thread, NULL);
    sink_free(sink);
    return true;
}

const weir_sink_ops weir_redis_sink = {
    .name = "redis",
    .about = "entries of Redis streams",
    .size = sizeof(redis_sink),
    .keeps_order = false,
    .open = sink_open,
    .target = sink_target_get,
    .send = sink_send,
    .probe = sink_probe,
    .flush = sink_flush,
    .close = sink_close,
};
