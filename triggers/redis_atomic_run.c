/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_atomic_run - the thread of the settler of Redis: batches, scripts, answers; see
 * redis_atomic_state.h.
 */
#include "triggers/redis_atomic_state.h"

#include "worker/base/check.h"
#include "worker/base/clock.h"
#include "worker/base/log.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#define ATOMIC_OPEN_US 5000000
#define ATOMIC_ANSWER_US 10000000
#define ATOMIC_BACKOFF_FIRST_US 100000
#define ATOMIC_BACKOFF_MAX_US 2000000
#define ATOMIC_CAREFUL_US 1000000
#define ATOMIC_SECOND 200 /* entries that make a second script worth its cost */

static weir_settle_item *queue_pop(atomic_queue *queue)
{
    weir_settle_item *item = queue->head;

    if (item != NULL) {
        queue->head = item->next;
        queue->last = queue->head == NULL ? NULL : queue->last;
        queue->n--;
    }
    return item;
}

size_t weir_redis_atomic_bytes(const weir_settle_item *item)
{
    size_t bytes = 0;

    for (const weir_out *out = item->outs; out != NULL; out = out->next) {
        bytes += weir_redis_entry_size(out, WEIR_SLICE_NONE);
    }
    return bytes;
}

void weir_redis_atomic_poke(int fd)
{
    uint64_t one = 1;

    while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR) {
    }
}

/* -- answers ------------------------------------------------------------------------------- */

static void atomic_tell(redis_atomic *self)
{
    const size_t n = self->n_results;

    if (n == 0) {
        return;
    }
    self->setup->done(self->setup->arg, self->results, n);
    weir_lock_take(&self->lock);
    self->n_bytes -= self->result_bytes;
    self->n_unanswered -= n;
    weir_lock_give(&self->lock);
    self->n_results = 0;
    self->result_bytes = 0;
    weir_signal_raise(&self->answered, INT_MAX);
}

/* The item may be gone after atomic_tell(), so its bytes are counted here. */
static void atomic_result(redis_atomic *self, weir_settle_item *item,
                          weir_settled settled, const weir_out *out, const char *text)
{
    self->result_bytes += weir_redis_atomic_bytes(item);
    self->results[self->n_results++] = (weir_settle_result){ item, settled, out, text };
    if (self->n_results == ATOMIC_RESULTS) {
        atomic_tell(self);
    }
}

/* Answers all that is here. What is under way may have been done: it is marked. */
static void atomic_fail_all(redis_atomic *self, const char *text)
{
    weir_settle_item *item;

    for (size_t b = 0; b < self->n_batches; b++) {
        const atomic_batch *batch = self->batches[b];

        for (size_t i = 0; i < batch->ask.n; i++) {
            item = batch->ask.items[i];
            item->mark = item->mark == 0 ? batch->sent_us : item->mark;
            atomic_result(self, item, WEIR_SETTLED_AGAIN, NULL, text);
        }
    }
    self->n_batches = 0;
    while ((item = queue_pop(&self->rest)) != NULL) {
        atomic_result(self, item, WEIR_SETTLED_AGAIN, NULL, text);
    }
    for (;;) {
        weir_lock_take(&self->lock);
        item = queue_pop(&self->waiting);
        weir_lock_give(&self->lock);
        if (item == NULL) {
            break;
        }
        atomic_result(self, item, WEIR_SETTLED_AGAIN, NULL, text);
    }
    atomic_tell(self);
}

/* The script ran: what was ours is done. */
static void atomic_done(redis_atomic *self, const weir_redis_batch *ask)
{
    const weir_redis_verdict *verdict = self->verdict;
    const int64_t now = weir_clock_us();
    size_t n_done = 0;

    for (size_t i = 0; i < ask->n; i++) {
        if (verdict->fates[i] == WEIR_REDIS_FATE_DONE ||
            verdict->fates[i] == WEIR_REDIS_FATE_NONE) {
            self->receipts[n_done++] = ask->items[i]->receipt;
        }
    }
    weir_lock_take(&self->lock);
    if (self->src != NULL) {
        weir_redis_part_done(self->src, self->receipts, n_done);
    }
    weir_lock_give(&self->lock);
    for (size_t i = 0; i < ask->n; i++) {
        weir_settle_item *item = ask->items[i];
        const bool is_sure = item->mark != 0 && now - item->mark < self->sure_us;

        if (verdict->fates[i] == WEIR_REDIS_FATE_DONE ||
            (verdict->fates[i] == WEIR_REDIS_FATE_NONE && is_sure)) {
            atomic_result(self, item, WEIR_SETTLED_OK, NULL, NULL);
        } else {
            atomic_result(self, item, WEIR_SETTLED_GONE, NULL,
                          verdict->fates[i] == WEIR_REDIS_FATE_NONE
                              ? "the entry is not pending any more"
                              : "another consumer has claimed the entry");
        }
    }
}

/* Some streams may not be written, and nothing was: what needs one of these is refused, the
 * rest goes again. */
static void atomic_refused(redis_atomic *self, const weir_redis_batch *ask)
{
    const weir_redis_verdict *verdict = self->verdict;

    for (size_t i = 0; i < ask->n; i++) {
        weir_settle_item *item = ask->items[i];
        const weir_out *bad = NULL;
        const char *why = verdict->bad_source == NULL ? NULL : verdict->text;

        for (const weir_out *out = item->outs; out != NULL && bad == NULL;
             out = out->next) {
            const size_t key = weir_redis_batch_key(ask, out->target);

            if (verdict->bad[key] != NULL) {
                bad = out;
                why = verdict->bad[key];
            }
        }
        if (bad != NULL || why != NULL) {
            atomic_result(self, item, WEIR_SETTLED_DENIED, bad, why);
        } else {
            weir_redis_atomic_push(&self->rest, item);
        }
    }
}

/* The script was refused as a whole, and wrote nothing. */
static void atomic_refused_whole(redis_atomic *self, const weir_redis_batch *ask)
{
    const weir_redis_verdict *verdict = self->verdict;
    const bool is_denied = verdict->st == WEIR_EDENIED;
    const bool is_alone = ask->n == 1 || ask->n_keys == 1;

    if (verdict->is_unnamed) {
        self->careful_until_us = weir_clock_us() + ATOMIC_CAREFUL_US;
    }
    for (size_t i = 0; i < ask->n; i++) {
        weir_settle_item *item = ask->items[i];

        if (verdict->is_unnamed && !is_alone) {
            weir_redis_atomic_push(&self->rest, item);
        } else {
            atomic_result(
                self, item, is_denied ? WEIR_SETTLED_DENIED : WEIR_SETTLED_AGAIN,
                is_denied && ask->n_keys == 1 ? item->outs : NULL, verdict->text);
        }
    }
}

/* Takes the answer to the oldest batch. */
static weir_status atomic_take(redis_atomic *self, const weir_redis_reply *reply,
                               weir_err *err)
{
    atomic_batch *batch = self->batches[0];
    const weir_redis_batch *ask = &batch->ask;
    weir_redis_verdict *verdict = self->verdict;

    if (weir_redis_batch_read(ask, reply->root, verdict) != WEIR_OK) {
        return weir_fail(err, WEIR_EIO, "redis %s: an answer of an unknown shape",
                         weir_redis_conn_where(self->conn));
    }
    /* From here on it is not under way any more. */
    self->n_batches--;
    for (size_t b = 0; b < self->n_batches; b++) {
        self->batches[b] = self->batches[b + 1];
    }
    self->batches[self->n_batches] = batch;
    if (verdict->st == WEIR_OK) {
        atomic_done(self, ask);
    } else if (verdict->st == WEIR_EDENIED && reply->root->type != WEIR_REDIS_ERROR) {
        atomic_refused(self, ask);
    } else {
        atomic_refused_whole(self, ask);
    }
    atomic_tell(self);
    return verdict->st == WEIR_EUNAVAIL
               ? weir_fail(err, WEIR_EUNAVAIL, "redis %s: not the primary any more",
                           weir_redis_conn_where(self->conn))
               : WEIR_OK;
}

static weir_status atomic_receive(redis_atomic *self, weir_err *err)
{
    weir_status st = weir_redis_conn_pump(self->conn, err);

    while (st == WEIR_OK) {
        weir_redis_reply *reply = NULL;

        if ((st = weir_redis_conn_next(self->conn, &reply, err)) != WEIR_OK) {
            break;
        }
        st = self->n_batches == 0
                 ? weir_fail(err, WEIR_EIO, "redis: an answer to no question")
                 : atomic_take(self, reply, err);
        weir_redis_reply_give(reply);
        if (st != WEIR_OK) {
            weir_redis_conn_close(self->conn);
        }
    }
    return st == WEIR_EAGAIN ? WEIR_OK : st;
}

/* -- batches ------------------------------------------------------------------------------- */

/* Moves what waits to the thread's own queue. */
static void atomic_collect(redis_atomic *self)
{
    weir_settle_item *item;

    weir_lock_take(&self->lock);
    while (self->rest.n < WEIR_REDIS_BATCH_ITEMS &&
           (item = queue_pop(&self->waiting)) != NULL) {
        weir_redis_atomic_push(&self->rest, item);
    }
    weir_lock_give(&self->lock);
}

/* True if the entry can still be ours; else its epoch is over. */
static bool atomic_is_live_locked(const weir_redis_src *src,
                                  const weir_receipt *receipt)
{
    const weir_redis_part *part = &src->parts[receipt->part];

    return part->is_live && part->epoch == receipt->epoch;
}

/* True if the item writes to the one stream of this batch, and to no other. */
static bool atomic_is_like(const weir_redis_batch *ask, const weir_settle_item *item)
{
    bool is_like = ask->n_keys == 1;

    for (const weir_out *out = item->outs; out != NULL; out = out->next) {
        is_like = is_like && out->target == ask->keys[0].target;
    }
    return is_like;
}

static void atomic_answer_queue(redis_atomic *self, atomic_queue *queue,
                                weir_settled settled, const char *text)
{
    weir_settle_item *item;

    while ((item = queue_pop(queue)) != NULL) {
        atomic_result(self, item, settled, NULL, text);
    }
}

static void atomic_answer_large(redis_atomic *self, const weir_redis_batch *ask,
                                atomic_queue *queue)
{
    weir_settle_item *item;

    while ((item = queue_pop(queue)) != NULL) {
        atomic_result(self, item, WEIR_SETTLED_TOO_LARGE,
                      weir_redis_batch_large(ask, item),
                      "over the largest value that the server takes "
                      "(proto-max-bulk-len)");
    }
}

/* Fills a batch from the queue, and the name that its entries must be pending under. */
static void atomic_gather(redis_atomic *self, weir_redis_batch *ask,
                          char consumer[WEIR_REDIS_NAME_MAX])
{
    atomic_queue stale = { NULL, NULL, 0 };
    atomic_queue wrong = { NULL, NULL, 0 };
    atomic_queue large = { NULL, NULL, 0 };
    const bool is_careful = weir_clock_us() < self->careful_until_us;
    weir_status st = WEIR_OK;

    weir_redis_batch_begin(ask, self->setup->source_setup->topics,
                           self->setup->source_setup->n_topics);
    ask->max_value = self->max_value;
    weir_lock_take(&self->lock);
    if (self->src == NULL) {
        stale = self->rest;
        self->rest = (atomic_queue){ NULL, NULL, 0 };
    } else {
        weir_lock_take(&self->src->lock);
        memcpy(consumer, self->src->consumer, WEIR_REDIS_NAME_MAX);
        while (self->rest.head != NULL && st != WEIR_EFULL) {
            weir_settle_item *item = self->rest.head;

            if (is_careful && ask->n > 0 && !atomic_is_like(ask, item)) {
                break;
            }
            st = atomic_is_live_locked(self->src, &item->receipt)
                     ? weir_redis_batch_add(ask, item)
                     : WEIR_ECLOSED;
            if (st != WEIR_EFULL) {
                queue_pop(&self->rest);
            }
            if (st != WEIR_OK && st != WEIR_EFULL) {
                weir_redis_atomic_push(st == WEIR_EINVAL    ? &wrong
                                       : st == WEIR_ECLOSED ? &stale
                                                            : &large,
                                       item);
            }
        }
        weir_lock_give(&self->src->lock);
    }
    weir_lock_give(&self->lock);
    atomic_answer_queue(self, &stale, WEIR_SETTLED_GONE, "its epoch is over");
    atomic_answer_queue(self, &wrong, WEIR_SETTLED_INVALID,
                        "more than one script can take: 3,400 headers of an output, "
                        "500 streams of an event");
    atomic_answer_large(self, ask, &large);
    atomic_tell(self);
}

/* Sends batches as long as there is something, and it is worth a script. */
static void atomic_fill(redis_atomic *self)
{
    char consumer[WEIR_REDIS_NAME_MAX];

    for (;;) {
        atomic_collect(self);
        if (self->rest.n == 0 || self->n_batches == ATOMIC_UNDER_WAY ||
            (self->n_batches > 0 && self->rest.n < ATOMIC_SECOND)) {
            return;
        }

        atomic_batch *batch = self->batches[self->n_batches];

        atomic_gather(self, &batch->ask, consumer);
        if (batch->ask.n == 0) {
            continue;
        }
        weir_buf_reset(&self->scratch);
        if (!weir_redis_batch_write(&batch->ask, self->setup->source_setup->group,
                                    consumer, &self->scratch)) {
            for (size_t i = 0; i < batch->ask.n; i++) {
                atomic_result(self, batch->ask.items[i], WEIR_SETTLED_AGAIN, NULL,
                              "out of memory");
            }
            atomic_tell(self);
            continue;
        }
        batch->sent_us = weir_clock_us();
        self->n_batches++;
        weir_redis_conn_raw(self->conn, weir_buf_slice(&self->scratch));
    }
}

/* -- the thread ---------------------------------------------------------------------------- */

static void atomic_sicken(redis_atomic *self, const weir_err *err)
{
    const int64_t us =
        self->backoff_us == 0 ? ATOMIC_BACKOFF_FIRST_US : self->backoff_us;

    if (!self->is_sick) {
        weir_log(WEIR_WARN, "redis.settler", "sub=%s text=%s",
                 self->setup->source_setup->sub_name, err->text);
    }
    self->is_sick = true;
    self->retry_us = weir_clock_us() + us;
    self->backoff_us = us * 2 > ATOMIC_BACKOFF_MAX_US ? ATOMIC_BACKOFF_MAX_US : us * 2;
    atomic_fail_all(self, err->text);
}

/* True if there is enough for a script now; else givers wake the thread when there is. */
static bool atomic_has_work(redis_atomic *self)
{
    const size_t n_wanted = self->n_batches == 0 ? 1 : ATOMIC_SECOND;

    weir_lock_take(&self->lock);
    const size_t n = self->waiting.n + self->rest.n;
    const bool has_work = self->n_batches < ATOMIC_UNDER_WAY && n >= n_wanted;
    self->is_asleep = self->n_batches < ATOMIC_UNDER_WAY && !has_work;
    self->wakes_at = has_work ? 0 : n_wanted - self->rest.n;
    weir_lock_give(&self->lock);
    return has_work;
}

/* Sleeps until the socket or a giver has something, or until_us. */
static void atomic_wait(redis_atomic *self, int64_t until_us)
{
    struct pollfd fds[2] = { { .fd = self->wake_fd, .events = POLLIN },
                             { .fd = weir_redis_conn_fd(self->conn) } };
    const int64_t left = until_us - weir_clock_us();
    const int64_t ms = left <= 0 ? 0 : (left + 999) / 1000;
    uint64_t n;

    fds[1].events = fds[1].fd >= 0 ? weir_redis_conn_events(self->conn) : 0;
    if (poll(fds, 2, ms > 1000 ? 1000 : (int)ms) > 0 && fds[0].revents != 0) {
        while (read(self->wake_fd, &n, sizeof(n)) < 0 && errno == EINTR) {
        }
    }
    weir_lock_take(&self->lock);
    self->is_asleep = false;
    weir_lock_give(&self->lock);
}

/* Asks how large a value may be: the server hangs up on a larger one, and does not even surely
 * say why. Where the user may not ask, it is the usual limit. */
static weir_status atomic_learn(redis_atomic *self, weir_err *err)
{
    weir_redis_reply *reply = NULL;
    const weir_status st =
        weir_redis_callf(self->conn, &reply, err, "CONFIG GET proto-max-bulk-len");
    int64_t n = 0;

    if (st != WEIR_OK) {
        return st;
    }
    self->max_value = weir_redis_int(weir_redis_at(reply->root, 1), &n) && n > 0
                          ? (size_t)n
                          : WEIR_REDIS_VALUE_MAX;
    weir_redis_conn_back(self->conn, reply);
    return WEIR_OK;
}

/* Connected, or everything is answered AGAIN. */
static bool atomic_connect(redis_atomic *self)
{
    const int64_t now = weir_clock_us();
    weir_err err = { .st = WEIR_OK };

    if (weir_redis_conn_is_open(self->conn)) {
        return true;
    }
    if (!atomic_has_work(self)) {
        atomic_wait(self, WEIR_NEVER);
        return false;
    }
    if (now < self->retry_us) {
        atomic_fail_all(self, "redis: the server cannot be reached");
        return false;
    }
    if (weir_redis_conn_open(self->conn, now + ATOMIC_OPEN_US, &err) != WEIR_OK ||
        atomic_learn(self, &err) != WEIR_OK) {
        atomic_sicken(self, &err);
        return false;
    }
    self->backoff_us = 0;
    self->is_sick = false;
    return true;
}

static void atomic_round(redis_atomic *self)
{
    weir_err err = { .st = WEIR_OK };

    if (!atomic_connect(self)) {
        return;
    }
    atomic_fill(self);
    if (atomic_receive(self, &err) != WEIR_OK) {
        atomic_sicken(self, &err);
        return;
    }
    if (self->n_batches > 0 &&
        weir_clock_us() > self->batches[0]->sent_us + ATOMIC_ANSWER_US) {
        weir_fail(&err, WEIR_ETIMEOUT, "redis %s: no answer in time",
                  weir_redis_conn_where(self->conn));
        weir_redis_conn_close(self->conn);
        atomic_sicken(self, &err);
        return;
    }

    if (!atomic_has_work(self)) {
        atomic_wait(self, self->n_batches > 0
                              ? self->batches[0]->sent_us + ATOMIC_ANSWER_US
                              : WEIR_NEVER);
    }
}

void *weir_redis_atomic_main(void *arg)
{
    redis_atomic *self = arg;

    while (!atomic_load(&self->is_closing)) {
        atomic_round(self);
    }
    atomic_fail_all(self, "the worker is stopping");
    weir_redis_conn_close(self->conn);
    atomic_store(&self->is_over, true);
    weir_signal_raise(&self->answered, INT_MAX);
    return NULL;
}
