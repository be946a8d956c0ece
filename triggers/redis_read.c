/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_read - the intake's side of the Redis source: reads under way, what came, what is given
 * out; see redis_state.h.
 */
#include "triggers/redis_state.h"

#include "triggers/redis_claim.h"
#include "worker/base/check.h"
#include "worker/base/clock.h"
#include "worker/base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define READ_BLOCK_MS 2000
#define READ_ANSWER_US ((READ_BLOCK_MS + 5000) * INT64_C(1000))
#define READ_COUNT_MAX 256 /* while one such is handled, the server reads the next */
#define READ_READS 2

static void read_clear_fd(int fd)
{
    uint64_t n;

    while (read(fd, &n, sizeof(n)) < 0 && errno == EINTR) {
    }
}

void weir_redis_tell(weir_redis_src *src)
{
    const weir_source_host *host = src->setup->host;

    for (;;) {
        weir_lock_take(&src->lock);
        weir_redis_news *news = src->news;
        if (news != NULL && (src->news = news->next) == NULL) {
            src->news_tail = &src->news;
        }
        weir_lock_give(&src->lock);
        if (news == NULL) {
            return;
        }
        weir_epoch e = { .epoch = news->epoch, .partition = -1 };
        if (news->part != NULL) {
            e.part = news->part->index;
            e.topic = news->part->stream;
        }
        switch (news->type) {
        case WEIR_REDIS_ASSIGNED:
            host->assigned(host->arg, &e, 1);
            break;
        case WEIR_REDIS_LOST:
            host->lost(host->arg, &e, 1);
            break;
        case WEIR_REDIS_TROUBLE:
            host->trouble(host->arg, news->part == NULL ? NULL : &e, news->kind,
                          news->text);
            break;
        }
        free(news);
    }
}

static void read_item_free(void *native)
{
    weir_redis_reply_give(native);
}

/* The reply's use goes to the event. */
static void read_fill(weir_redis_src *src, weir_redis_part *part, uint32_t epoch,
                      const weir_redis_item *item, weir_event *ev)
{
    ev->native = item->reply;
    ev->native_free = read_item_free;
    ev->where = weir_slice_of(part->where);
    ev->topic = part->stream;
    ev->partition = -1;
    ev->receipt =
        (weir_receipt){ .part = part->index, .epoch = epoch, .pos = item->entry.pos };
    ev->n_delivered = item->n_delivered;
    ev->strikes = item->strikes;
    ev->bytes = item->entry.bytes + item->entry.fields->n * 64 + 128;
    if (weir_redis_entry_fill(&item->entry, src->data_field, src->key_field,
                              src->setup->max_event, ev) != WEIR_OK) {
        weir_ev_fault(ev, WEIR_FAULT_DECODE,
                      "out of memory for the fields of the entry");
    }
}

/* Why the entry comes again, if it does. Lock held. */
static weir_again read_again_locked(weir_redis_part *part, const weir_redis_item *item)
{
    const weir_pos pos = item->entry.pos;

    if (weir_pos_cmp(pos, part->given) > 0) {
        part->given = pos;
    }
    return item->again != WEIR_AGAIN_REBALANCE && weir_pos_cmp(pos, part->again) <= 0
               ? WEIR_AGAIN_RECONNECT
               : item->again;
}

/* Takes up to cap items of one part. */
static size_t read_give_part(weir_redis_src *src, weir_redis_part *part,
                             weir_event *const *evs, size_t cap)
{
    weir_redis_item items[64];
    size_t n_given = 0;

    while (n_given < cap) {
        size_t n = 0;
        size_t want = cap - n_given < 64 ? cap - n_given : 64;

        weir_lock_take(&src->lock);
        uint32_t epoch = part->epoch;
        while (n < want && part->is_live && !part->is_held &&
               weir_redis_ring_pop(&part->ring, &items[n])) {
            weir_redis_held_put(&part->held, items[n].entry.pos, WEIR_REDIS_GIVEN);
            items[n].strikes =
                items[n].n_delivered < 2
                    ? 0
                    : weir_redis_strikes_locked(part, items[n].n_delivered);
            src->stat.client_bytes -= items[n].entry.bytes;
            src->stat.n_client--;
            src->stat.n_redelivered[read_again_locked(part, &items[n])]++;
            part->stat.n_unacked++;
            n++;
        }
        weir_lock_give(&src->lock);
        for (size_t i = 0; i < n; i++) {
            read_fill(src, part, epoch, &items[i], evs[n_given + i]);
        }
        n_given += n;
        if (n < want) {
            break;
        }
    }
    return n_given;
}

static size_t read_give(weir_redis_src *src, weir_event *const *evs, size_t cap)
{
    size_t n = 0;

    for (size_t i = 0; i < src->n_parts && n < cap; i++) {
        size_t at = (src->next_part + i) % src->n_parts;

        n += read_give_part(src, &src->parts[at], evs + n, cap - n);
    }
    src->next_part = (src->next_part + 1) % src->n_parts;
    return n;
}

/* The connection of a part is of no use any more. */
void weir_redis_part_down(weir_redis_src *src, weir_redis_part *part)
{
    weir_redis_conn_close(part->conn);
    part->n_reads = 0;
    weir_lock_take(&src->lock);
    part->state = WEIR_REDIS_DOWN;
    weir_lock_give(&src->lock);
    weir_redis_wake_link(src);
}

static bool read_reserve(weir_redis_src *src, size_t n)
{
    if (n > src->n_entries_max) {
        weir_redis_entry *grown = realloc(src->entries, n * sizeof(*grown));

        if (grown == NULL) {
            return false;
        }
        src->entries = grown;
        src->n_entries_max = n;
    }
    return true;
}

/* What came for a part is queued; [[stream, [entry, ...]]] or nil. */
static bool read_accept(weir_redis_src *src, weir_redis_part *part,
                        weir_redis_reply *reply, int64_t now)
{
    const weir_redis_val *entries = weir_redis_at(weir_redis_at(reply->root, 0), 1);
    size_t n = entries != NULL && entries->type == WEIR_REDIS_ARRAY ? entries->n : 0;
    size_t n_bytes = 0;
    size_t n_good = 0;

    part->n_reads--;
    part->answer_until_us = now + READ_ANSWER_US;
    if (!read_reserve(src, n)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        weir_redis_entry *entry = &src->entries[n_good];

        if (weir_redis_entry_parse(&entries->items[i], entry) &&
            entry->fields != NULL) {
            n_bytes += entry->bytes;
            n_good++;
        }
    }
    weir_lock_take(&src->lock);
    if (part->is_live) {
        weir_redis_part_queue_locked(src, part, reply, src->entries, n_good, 1,
                                     WEIR_AGAIN_NONE);
    }
    weir_lock_give(&src->lock);
    if (n > 0) {
        src->mean_bytes = (src->mean_bytes * 7 + n_bytes / n) / 8 + 1;
    }
    return n_good == n;
}

/* Keeps two reads under way on a part that may have them. False: out of memory; the connection is
 * the link's now. */
static bool read_ask(weir_redis_src *src, weir_redis_part *part, int64_t now)
{
    weir_slice args[] = {
        WEIR_SLICE_LIT("XREADGROUP"),
        WEIR_SLICE_LIT("GROUP"),
        weir_slice_of(src->setup->group),
        weir_slice_of(src->consumer),
        WEIR_SLICE_LIT("COUNT"),
        WEIR_SLICE_NONE,
        WEIR_SLICE_LIT("BLOCK"),
        WEIR_SLICE_LIT("2000"),
        WEIR_SLICE_LIT("STREAMS"),
        weir_slice_of(part->stream),
        WEIR_SLICE_LIT(">"),
    };

    while (part->n_reads < READ_READS) {
        char number[24];
        size_t by_bytes = src->setup->max_bytes / (8 * src->n_parts) / src->mean_bytes;

        weir_lock_take(&src->lock);
        size_t count = (weir_redis_room_locked(src, part) + 1) / READ_READS;
        if (part->is_held || !part->is_live) {
            count = 0;
        }
        src->wants_room = src->wants_room || count == 0;
        weir_lock_give(&src->lock);
        if (count == 0) {
            return true;
        }
        count = count > READ_COUNT_MAX ? READ_COUNT_MAX : count;
        count = count > by_bytes ? (by_bytes == 0 ? 1 : by_bytes) : count;
        int len = snprintf(number, sizeof(number), "%zu", count);
        args[5] = (weir_slice){ number, (size_t)len };
        if (weir_redis_conn_add(part->conn, args, sizeof(args) / sizeof(args[0])) !=
            WEIR_OK) {
            weir_redis_part_down(src, part);
            return false;
        }
        if (part->n_reads == 0) {
            part->answer_until_us = now + READ_ANSWER_US;
        }
        part->n_reads++;
    }
    return true;
}

/*
 * Takes what has arrived on one connection. Each answer is followed by the next question at
 * once, before the answer behind it is taken: a server that gets two questions together gives
 * two answers together, and would have nothing to do while those are handled.
 */
static void read_receive(weir_redis_src *src, weir_redis_part *part, bool may_ask)
{
    weir_err err = { .st = WEIR_OK };
    const int64_t now = weir_clock_us();
    weir_status st = weir_redis_conn_pump(part->conn, &err);

    while (st == WEIR_OK) {
        weir_redis_reply *reply = NULL;

        if ((st = weir_redis_conn_next(part->conn, &reply, &err)) != WEIR_OK) {
            break;
        }
        if (reply->root->type == WEIR_REDIS_ERROR || part->n_reads == 0) {
            st = weir_fail(&err, weir_redis_error_status(reply->root), "stream %s: %s",
                           part->stream,
                           reply->root->type == WEIR_REDIS_ERROR
                               ? reply->root->text.data
                               : "an answer to no question");
            weir_redis_trouble(src, part, weir_redis_trouble_of(st), err.text);
        } else if (!read_accept(src, part, reply, now)) {
            st = weir_fail(&err, WEIR_EDATA, "stream %s: an entry of an unknown shape",
                           part->stream);
        }
        weir_redis_conn_back(part->conn, reply);
        if (st == WEIR_OK && may_ask) {
            if (!read_ask(src, part, now)) {
                return;
            }
            st = weir_redis_conn_push(part->conn, &err);
        }
    }
    if (st != WEIR_EAGAIN) {
        weir_log(WEIR_WARN, "redis.read", "sub=%s stream=%s text=%s",
                 src->setup->sub_name, part->stream, err.text);
        weir_redis_part_down(src, part);
    }
}

bool weir_redis_part_is_ready(weir_redis_src *src, weir_redis_part *part)
{
    weir_lock_take(&src->lock);
    bool is_ready = part->state == WEIR_REDIS_READY;
    bool is_live = part->is_live;
    weir_lock_give(&src->lock);
    if (is_ready && !is_live) {
        weir_redis_part_down(src, part);
        return false;
    }
    return is_ready;
}

/* Sends reads, waits for answers or a wake until until_us, takes them. True: it was woken. */
static bool read_turn(weir_redis_src *src, bool may_ask, int64_t until_us)
{
    size_t n = 0;
    int64_t now = weir_clock_us();

    for (size_t i = 0; i < src->n_parts; i++) {
        weir_redis_part *part = &src->parts[i];

        if (!weir_redis_part_is_ready(src, part)) {
            continue;
        }
        if (may_ask && !read_ask(src, part, now)) {
            continue;
        }
        if (weir_redis_conn_unsent(part->conn) > 0) {
            read_receive(src, part, may_ask);
            if (!weir_redis_part_is_ready(src, part)) { /* else it is the link's */
                continue;
            }
        }
        if (part->n_reads > 0 && now > part->answer_until_us) {
            weir_redis_trouble(src, part, WEIR_TROUBLE_UNREACHABLE,
                               "no answer to a read in time");
            weir_redis_part_down(src, part);
            continue;
        }
        src->fds[n] = (struct pollfd){ .fd = weir_redis_conn_fd(part->conn),
                                       .events = weir_redis_conn_events(part->conn) };
        src->fd_parts[n++] = part;
    }
    src->fds[n] = (struct pollfd){ .fd = src->wake_fd, .events = POLLIN };
    int64_t left = until_us - now;
    int64_t ms = left <= 0 ? 0 : (left + 999) / 1000;
    if (poll(src->fds, n + 1, ms > 1000 ? 1000 : (int)ms) <= 0) {
        return false;
    }
    const bool is_woken = src->fds[n].revents != 0;
    if (is_woken) {
        read_clear_fd(src->wake_fd);
    }
    for (size_t i = 0; i < n; i++) {
        if (src->fds[i].revents != 0) {
            read_receive(src, src->fd_parts[i], may_ask);
        }
    }
    return is_woken;
}

size_t weir_redis_read(void *self, weir_event *const *evs, size_t cap, int64_t wait_us)
{
    weir_redis_src *src = WEIR_CAST(weir_redis_src, self, WEIR_REDIS_SOURCE_TAG);
    int64_t now = weir_clock_us();
    int64_t until_us = wait_us > WEIR_NEVER - now ? WEIR_NEVER : now + wait_us;
    bool is_first = true;

    weir_lock_take(&src->lock);
    src->wants_events = cap > 0;
    weir_lock_give(&src->lock);
    for (;; is_first = false) {
        if (src->setup->is_single && now >= atomic_load(&src->single_until_us)) {
            weir_redis_lose(src); /* nothing is live while we stand by */
        }
        weir_redis_tell(src);
        size_t n = read_give(src, evs, cap);
        /* With events in hand the next reads still go out, so that they run meanwhile. */
        const bool is_woken = read_turn(src, cap > 0, n > 0 ? 0 : until_us);
        if (n == 0) {
            weir_redis_tell(src);
            n = read_give(src, evs, cap);
        }
        now = weir_clock_us();
        /* Whoever woke us may have room where cap was 0: the caller looks again. */
        if (n > 0 || is_woken || now >= until_us || !is_first) {
            return n;
        }
    }
}
