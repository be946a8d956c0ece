/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_part - what both threads of the Redis source do to its parts, under its lock; see
 * redis_state.h.
 */
#include "triggers/redis_state.h"

#include "worker/base/log.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PART_DONE_MAX 100000 /* confirmations that may be owed before reading stops */
#define PART_RATE_LEAST_US 10000
#define PART_READ_MIN 512 /* room that is worth a read, if something is here already */

bool weir_redis_ids_add(weir_redis_ids *ids, weir_pos pos)
{
    if (ids->n == ids->cap) {
        size_t cap = ids->cap == 0 ? 64 : ids->cap * 2;
        weir_pos *grown = realloc(ids->ids, cap * sizeof(*grown));

        if (grown == NULL) {
            return false;
        }
        ids->ids = grown;
        ids->cap = cap;
    }
    ids->ids[ids->n++] = pos;
    return true;
}

static bool part_ring_push(weir_redis_ring *ring, const weir_redis_item *item)
{
    if (ring->n == ring->cap) {
        size_t cap = ring->cap == 0 ? 64 : ring->cap * 2;
        weir_redis_item *grown = malloc(cap * sizeof(*grown));

        if (grown == NULL) {
            return false;
        }
        for (size_t i = 0; i < ring->n; i++) {
            grown[i] = ring->items[(ring->head + i) & (ring->cap - 1)];
        }
        free(ring->items);
        *ring = (weir_redis_ring){ .items = grown, .n = ring->n, .cap = cap };
    }
    ring->items[(ring->head + ring->n) & (ring->cap - 1)] = *item;
    ring->n++;
    return true;
}

bool weir_redis_ring_pop(weir_redis_ring *ring, weir_redis_item *item)
{
    if (ring->n == 0) {
        return false;
    }
    *item = ring->items[ring->head];
    ring->head = (ring->head + 1) & (ring->cap - 1);
    ring->n--;
    return true;
}

size_t weir_redis_part_queue_locked(weir_redis_src *src, weir_redis_part *part,
                                    weir_redis_reply *reply,
                                    const weir_redis_entry *entries, size_t n,
                                    uint32_t n_delivered, weir_again again)
{
    weir_redis_item item = { .reply = reply,
                             .n_delivered = n_delivered,
                             .again = again };
    size_t n_queued = 0;

    if (!weir_redis_held_reserve(&part->held, n)) {
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        item.entry = entries[i];
        if (weir_redis_held_get(&part->held, item.entry.pos) == WEIR_REDIS_FREE &&
            part_ring_push(&part->ring, &item)) {
            weir_redis_held_put(&part->held, item.entry.pos, WEIR_REDIS_QUEUED);
            src->stat.client_bytes += item.entry.bytes;
            n_queued++;
        }
    }
    src->stat.n_client += n_queued;
    weir_redis_reply_take(reply, (unsigned)n_queued);
    return n_queued;
}

size_t weir_redis_room_locked(const weir_redis_src *src, const weir_redis_part *part)
{
    size_t share = src->window / (2 * src->n_parts) + 1;
    size_t own = part->held.n - part->n_done;
    size_t n_open = 0;
    size_t n_done = 0;

    for (size_t i = 0; i < src->n_parts; i++) {
        n_open += src->parts[i].held.n - src->parts[i].n_done;
        n_done += src->parts[i].n_done;
    }
    if (n_done > PART_DONE_MAX || src->stat.client_bytes > src->setup->max_bytes / 2) {
        return 0;
    }
    size_t common = src->window > n_open ? (src->window - n_open) / src->n_parts : 0;
    size_t mine = share > own ? share - own : 0;
    size_t room = common > mine ? common : mine;
    size_t least = share / 4 < PART_READ_MIN ? share / 4 : PART_READ_MIN;
    return room < least ? 0 : room;
}

bool weir_redis_room_is_back_locked(weir_redis_src *src)
{
    if (!src->wants_room) {
        return false;
    }
    for (size_t i = 0; i < src->n_parts; i++) {
        const weir_redis_part *part = &src->parts[i];

        if (part->is_live && !part->is_held && weir_redis_room_locked(src, part) > 0) {
            src->wants_room = false;
            return true;
        }
    }
    return false;
}

void weir_redis_measure(weir_redis_src *src, int64_t now)
{
    const int64_t took_us = now - src->rate_due_us + WEIR_REDIS_RATE_US;

    weir_lock_take(&src->lock);
    const bool is_early = took_us < WEIR_REDIS_RATE_US;
    if (is_early && (took_us < PART_RATE_LEAST_US ||
                     src->n_finished - src->last_finished < src->window)) {
        weir_lock_give(&src->lock);
        return;
    }
    double rate =
        (double)(src->n_finished - src->last_finished) * 1000000.0 / (double)took_us;
    src->last_finished = src->n_finished;
    src->rate =
        rate > src->rate ? (src->rate + rate) / 2 : src->rate * 0.95 + rate * 0.05;
    double window = src->rate * (double)src->setup->claim_after_us / 2000000.0;
    double most =
        src->setup->max_events == 0 ? 20000.0 : (double)src->setup->max_events;
    window = window < (double)src->window_min ? (double)src->window_min : window;
    if (is_early && window > (double)src->window * 4) {
        window = (double)src->window * 4;
    }
    src->window = (size_t)(window > most ? most : window);
    bool is_room_back = weir_redis_room_is_back_locked(src);
    weir_lock_give(&src->lock);
    if (is_room_back) {
        weir_redis_wake_intake(src);
    }
    src->rate_due_us = now + WEIR_REDIS_RATE_US;
}

void weir_redis_part_done(weir_redis_src *src, const weir_receipt *receipts, size_t n)
{
    weir_lock_take(&src->lock);
    for (size_t i = 0; i < n; i++) {
        weir_redis_part *part = &src->parts[receipts[i].part];
        weir_pos pos = receipts[i].pos;

        if (part->is_live && part->epoch == receipts[i].epoch &&
            weir_redis_held_get(&part->held, pos) == WEIR_REDIS_GIVEN) {
            weir_redis_held_remove(&part->held, pos);
            part->stat.n_unacked--;
            src->n_finished++;
        }
    }
    src->stat.n_commits += n > 0;
    const bool is_room_back = weir_redis_room_is_back_locked(src);

    weir_lock_give(&src->lock);
    if (is_room_back) {
        weir_redis_wake_intake(src);
    }
}

static void part_news_locked(weir_redis_src *src, weir_redis_news *news)
{
    *src->news_tail = news;
    src->news_tail = &news->next;
}

void weir_redis_assign(weir_redis_src *src, weir_redis_part *part)
{
    weir_redis_news *news = calloc(1, sizeof(*news));

    if (news == NULL) {
        return; /* the link comes by again */
    }
    weir_lock_take(&src->lock);
    if (part->is_live) {
        weir_lock_give(&src->lock);
        free(news);
        return;
    }
    part->epoch++;
    part->is_live = true;
    part->is_held = false;
    src->stat.n_rebalances++;
    src->stat.is_joined = true;
    *news = (weir_redis_news){ .type = WEIR_REDIS_ASSIGNED,
                               .part = part,
                               .epoch = part->epoch };
    part_news_locked(src, news);
    weir_lock_give(&src->lock);
    weir_redis_wake_intake(src);
}

void weir_redis_part_empty_locked(weir_redis_src *src, weir_redis_part *part)
{
    weir_redis_item item;

    while (weir_redis_ring_pop(&part->ring, &item)) {
        src->stat.client_bytes -= item.entry.bytes;
        src->stat.n_client--;
        weir_redis_reply_give(item.reply);
    }
    src->n_unconfirmed -= part->n_done;
    src->n_unsent -= part->acks.n + part->backs.n;
    part->n_done = 0;
    part->stat.n_unacked = 0;
    part->acks.n = 0;
    part->backs.n = 0;
    part->again = part->given;
    weir_redis_held_clear(&part->held);
}

void weir_redis_lose(weir_redis_src *src)
{
    bool is_any = false;

    weir_lock_take(&src->lock);
    for (size_t i = 0; i < src->n_parts; i++) {
        weir_redis_part *part = &src->parts[i];
        weir_redis_news *news;

        if (!part->is_live) {
            continue;
        }
        is_any = true;
        part->is_live = false;
        weir_redis_part_empty_locked(src, part);
        if ((news = calloc(1, sizeof(*news))) != NULL) {
            *news = (weir_redis_news){ .type = WEIR_REDIS_LOST,
                                       .part = part,
                                       .epoch = part->epoch };
            part_news_locked(src, news);
        }
    }
    weir_lock_give(&src->lock);
    if (is_any) {
        weir_signal_raise(&src->confirmed, INT_MAX);
        weir_redis_wake_intake(src);
    }
}

void weir_redis_trouble(weir_redis_src *src, weir_redis_part *part, weir_trouble kind,
                        const char *text)
{
    weir_redis_news *news = NULL;

    weir_lock_take(&src->lock);
    weir_trouble *last = part == NULL ? &src->trouble : &part->trouble;
    if (*last != kind && (news = calloc(1, sizeof(*news))) != NULL) {
        *last = kind;
        *news =
            (weir_redis_news){ .type = WEIR_REDIS_TROUBLE, .part = part, .kind = kind };
        news->epoch = part == NULL ? 0 : part->epoch;
        snprintf(news->text, sizeof(news->text), "%.*s", (int)sizeof(news->text) - 1,
                 text);
        part_news_locked(src, news);
    }
    weir_lock_give(&src->lock);
    if (news != NULL) {
        weir_redis_wake_intake(src);
    }
}

void weir_redis_wake_fd(int fd)
{
    uint64_t one = 1;

    while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR) {
    }
}

void weir_redis_wake_intake(weir_redis_src *src)
{
    weir_redis_wake_fd(src->wake_fd);
}

void weir_redis_wake_link(weir_redis_src *src)
{
    weir_redis_wake_fd(src->link_fd);
}

weir_trouble weir_redis_trouble_of(weir_status st)
{
    switch (st) {
    case WEIR_EDENIED:
        return WEIR_TROUBLE_DENIED;
    case WEIR_ENOENT:
    case WEIR_EINVAL:
        return WEIR_TROUBLE_MISSING;
    default:
        return WEIR_TROUBLE_UNREACHABLE;
    }
}

weir_status weir_redis_refused(weir_redis_part *part, weir_redis_reply **reply,
                               weir_err *err)
{
    const weir_redis_val *root = (*reply)->root;

    if (root->type != WEIR_REDIS_ERROR) {
        return WEIR_OK;
    }
    weir_status st = weir_fail(err, weir_redis_error_status(root), "%s%s%s",
                               part == NULL ? "" : part->stream,
                               part == NULL ? "" : ": ", root->text.data);
    weir_redis_reply_give(*reply);
    *reply = NULL;
    return st;
}

/* A step failed: the server refused it (the connection stands), or the connection is gone. */
void weir_redis_failed(weir_redis_src *src, weir_redis_part *part, const char *what,
                       const weir_err *err)
{
    weir_log(WEIR_WARN, "redis.link", "sub=%s step=%s text=%s", src->setup->sub_name,
             what, err->text);
    if (weir_redis_conn_is_open(src->ctl) && part != NULL) {
        weir_redis_trouble(src, part, weir_redis_trouble_of(err->st), err->text);
    }
}
