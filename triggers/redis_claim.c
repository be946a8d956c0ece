/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_claim - entries that are pending and not here are taken over; see redis_claim.h.
 */
#include "triggers/redis_page.h"

#include "worker/base/clock.h"
#include "worker/base/log.h"

#include <stdio.h>
#include <string.h>

weir_status weir_redis_backlog(weir_redis_src *src, weir_redis_part *part,
                               bool *is_over, weir_err *err)
{
    bool takes_all = src->setup->is_single && !part->is_taken_over;
    weir_redis_page page;
    weir_redis_reply *reply = NULL;
    size_t room;
    weir_status st;

    weir_lock_take(&src->lock);
    room = weir_redis_room_locked(src, part);
    weir_lock_give(&src->lock);
    *is_over = false;
    if (room == 0) {
        return WEIR_OK;
    }
    room = room < WEIR_REDIS_PAGE ? room : WEIR_REDIS_PAGE;
    st = weir_redis_page_read(src, part, part->backlog,
                              takes_all ? NULL : src->consumer, room, 0, &page, err);
    if (st != WEIR_OK) {
        return st;
    }
    if (page.n > 0 && part->is_taken_over) {
        st = weir_redis_page_fetch(src, part, &page, err);
    } else if (page.n > 0 && (st = weir_redis_page_take(src, part, &page, 0, &reply,
                                                        err)) == WEIR_OK) {
        if (part->backlog.hi == 0) {
            weir_redis_page_strike(src, part);
        }
        weir_redis_page_queue(src, part, reply, reply->root, &page, 1,
                              takes_all ? WEIR_AGAIN_RECLAIM : WEIR_AGAIN_CRASH);
        weir_redis_reply_give(reply);
        /* what was asked for and did not come */
        st = weir_redis_page_trimmed(src, part, &page, err);
        if (st == WEIR_OK) {
            st = weir_redis_page_lower(src, part, &page, err);
        }
    }
    if (st != WEIR_OK) {
        return st;
    }
    if (page.n_seen < room) {
        *is_over = true;
        part->is_taken_over = true;
        part->backlog = (weir_pos){ 0, 0 };
    } else {
        part->backlog = weir_redis_page_next(page.last);
    }
    return WEIR_OK;
}

bool weir_redis_claimed_parse(const weir_redis_val *val, weir_redis_claimed *out)
{
    weir_redis_claimed claimed = { .cursor = weir_redis_text(weir_redis_at(val, 0)),
                                   .entries = weir_redis_at(val, 1) };
    const weir_redis_val *deleted = weir_redis_at(val, 2);

    if (claimed.cursor.data == NULL || claimed.entries == NULL ||
        claimed.entries->type != WEIR_REDIS_ARRAY) {
        return false;
    }
    for (size_t i = 0; i < claimed.entries->n; i++) {
        const weir_redis_val *entry = &claimed.entries->items[i];

        if (entry->type == WEIR_REDIS_NIL ||
            (entry->type == WEIR_REDIS_ARRAY && entry->n == 2 &&
             entry->items[1].type == WEIR_REDIS_NIL)) {
            claimed.n_nil++;
        }
    }
    if (deleted != NULL && deleted->type == WEIR_REDIS_ARRAY) {
        claimed.n_deleted = deleted->n;
    }
    *out = claimed;
    return true;
}

/* Looks for our own pending entries that are gone from the stream: 6.2 does not name them. */
static weir_status claim_purge(weir_redis_src *src, weir_redis_part *part,
                               weir_err *err)
{
    weir_redis_page page;
    weir_pos from = { 0, 0 };

    for (;;) {
        weir_status st = weir_redis_page_read(src, part, from, src->consumer,
                                              WEIR_REDIS_PAGE, 0, &page, err);

        if (st != WEIR_OK || page.n_seen == 0) {
            return st;
        }
        from = weir_redis_page_next(page.last);
        if (page.n > 0 &&
            (st = weir_redis_page_fetch(src, part, &page, err)) != WEIR_OK) {
            return st;
        }
    }
}

/* Before 6.2: look at a page of what is pending, and ask for what is idle enough. */
static weir_status claim_sweep_old(weir_redis_src *src, weir_redis_part *part,
                                   size_t count, bool *is_over, weir_err *err)
{
    int64_t idle_ms = src->setup->claim_after_us / 1000;
    weir_redis_page page;
    weir_redis_reply *reply = NULL;
    weir_status st = weir_redis_page_read(src, part, part->scan, NULL, WEIR_REDIS_PAGE,
                                          idle_ms, &page, err);

    if (st != WEIR_OK) {
        return st;
    }
    *is_over = page.n_seen < WEIR_REDIS_PAGE;
    part->scan = *is_over ? (weir_pos){ 0, 0 } : weir_redis_page_next(page.last);
    if (page.n > count) {
        part->scan = page.ids[count];
        page.n = count;
        *is_over = false;
    }
    if (page.n == 0) {
        return WEIR_OK;
    }
    if ((st = weir_redis_page_take(src, part, &page, idle_ms, &reply, err)) !=
        WEIR_OK) {
        return st;
    }
    bool has_nil = false;
    for (size_t i = 0; i < reply->root->n; i++) {
        has_nil = has_nil || reply->root->items[i].type == WEIR_REDIS_NIL;
    }
    weir_redis_page_strike(src, part);
    weir_redis_page_queue(src, part, reply, reply->root, &page, 1, WEIR_AGAIN_RECLAIM);
    weir_redis_reply_give(reply);
    st = weir_redis_page_lower(src, part, &page, err);
    return st == WEIR_OK && has_nil ? claim_purge(src, part, err) : st;
}

/* How often the entries of an answer were delivered, which XAUTOCLAIM does not say. */
static weir_status claim_counts(weir_redis_src *src, weir_redis_part *part,
                                const weir_redis_val *entries, weir_redis_page *page,
                                weir_err *err)
{
    weir_pos first = { UINT64_MAX, UINT64_MAX };
    weir_redis_entry entry;

    page->n = 0;
    page->n_high = 0;
    for (size_t i = 0; i < entries->n; i++) {
        if (weir_redis_entry_parse(&entries->items[i], &entry) &&
            weir_pos_cmp(entry.pos, first) < 0) {
            first = entry.pos;
        }
    }
    if (first.hi == UINT64_MAX) {
        return WEIR_OK;
    }
    return weir_redis_page_read(src, part, first, src->consumer, WEIR_REDIS_PAGE, 0,
                                page, err);
}

weir_status weir_redis_sweep(weir_redis_src *src, weir_redis_part *part, bool *is_over,
                             weir_err *err)
{
    weir_redis_reply *reply = NULL;
    weir_redis_claimed claimed;
    weir_redis_page page;
    weir_status st;

    weir_lock_take(&src->lock);
    size_t room =
        src->wants_events && part->is_live ? weir_redis_room_locked(src, part) : 0;
    weir_lock_give(&src->lock);
    *is_over = true;
    if (room == 0) {
        return WEIR_OK;
    }
    room = room < WEIR_REDIS_PAGE / 2 ? room : WEIR_REDIS_PAGE / 2;
    if (src->has_no_autoclaim) {
        return claim_sweep_old(src, part, room, is_over, err);
    }
    st = weir_redis_callf(src->ctl, &reply, err, "XAUTOCLAIM %s %s %s %d %s COUNT %d",
                          part->stream, src->setup->group, src->consumer,
                          src->setup->claim_after_us / 1000, part->cursor,
                          (int64_t)room);
    if (st != WEIR_OK) {
        return st;
    }
    if (reply->root->type == WEIR_REDIS_ERROR &&
        weir_slice_starts(reply->root->text, WEIR_SLICE_LIT("ERR unknown command"))) {
        weir_redis_reply_give(reply);
        src->has_no_autoclaim = true;
        *is_over = false;
        return WEIR_OK;
    }
    if ((st = weir_redis_refused(part, &reply, err)) != WEIR_OK) {
        return st;
    }
    if (!weir_redis_claimed_parse(reply->root, &claimed)) {
        st = weir_fail(err, WEIR_EDATA, "%s: XAUTOCLAIM answered in an unknown shape",
                       part->stream);
        goto out;
    }
    snprintf(part->cursor, sizeof(part->cursor), "%.*s", (int)sizeof(part->cursor) - 1,
             claimed.cursor.data);
    *is_over = strcmp(part->cursor, "0-0") == 0;
    if (claimed.n_deleted > 0) {
        weir_lock_take(&src->lock);
        src->stat.n_trimmed += claimed.n_deleted;
        weir_lock_give(&src->lock);
        weir_log(WEIR_WARN, "redis.trimmed", "sub=%s stream=%s n=%zu",
                 src->setup->sub_name, part->stream, claimed.n_deleted);
    }
    if ((st = claim_counts(src, part, claimed.entries, &page, err)) != WEIR_OK) {
        goto out;
    }
    if (claimed.entries->n > 0) {
        weir_redis_page_strike(src, part);
    }
    size_t n = weir_redis_page_queue(src, part, reply, claimed.entries, &page, 0,
                                     WEIR_AGAIN_RECLAIM);
    if ((st = weir_redis_page_lower(src, part, &page, err)) != WEIR_OK) {
        goto out;
    }
    if (n > 0) {
        weir_log(WEIR_INFO, "redis.claimed", "sub=%s stream=%s n=%zu",
                 src->setup->sub_name, part->stream, n);
    }
    if (claimed.n_nil > 0) {
        st = claim_purge(src, part, err);
    }
out:
    weir_redis_reply_give(reply);
    return st;
}

weir_status weir_redis_return_pending(weir_redis_src *src, weir_redis_part *part,
                                      weir_err *err)
{
    weir_redis_page page;
    weir_pos from = { 0, 0 };
    weir_status st;

    do {
        st = weir_redis_page_read(src, part, from, src->consumer, WEIR_REDIS_PAGE,
                                  WEIR_REDIS_HELD_TOO, &page, err);
        if (st != WEIR_OK) {
            return st;
        }
        from = weir_redis_page_next(page.last);
        if (page.n > 0) {
            st = weir_redis_giveback(src, part, page.ids, page.n,
                                     !atomic_load(&src->is_struck), err);
        }
    } while (st == WEIR_OK && page.n_seen == WEIR_REDIS_PAGE);
    return st;
}
