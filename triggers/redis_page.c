/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* redis_page - see redis_page.h. */
#include "triggers/redis_page.h"

#include "schemas/strikes.h"
#include "worker/base/clock.h"
#include "worker/base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define PAGE_COUNT_ALONE (WEIR_STRIKES_ALONE + 1)

weir_pos weir_redis_page_next(weir_pos pos)
{
    return pos.lo < UINT64_MAX ? (weir_pos){ pos.hi, pos.lo + 1 }
                               : (weir_pos){ pos.hi + 1, 0 };
}

weir_status weir_redis_page_read(weir_redis_src *src, weir_redis_part *part,
                                 weir_pos from, const char *consumer, size_t count,
                                 int64_t idle_ms, weir_redis_page *page, weir_err *err)
{
    weir_redis_reply *reply = NULL;
    char id[WEIR_REDIS_ID_MAX];
    weir_status st;

    page->n = 0;
    page->n_seen = 0;
    page->n_high = 0;
    weir_redis_id_format(from, id);
    if (consumer != NULL) {
        st = weir_redis_callf(src->ctl, &reply, err, "XPENDING %s %s %s + %d %s",
                              part->stream, src->setup->group, id, (int64_t)count,
                              consumer);
    } else {
        st = weir_redis_callf(src->ctl, &reply, err, "XPENDING %s %s %s + %d",
                              part->stream, src->setup->group, id, (int64_t)count);
    }
    if (st != WEIR_OK || (st = weir_redis_refused(part, &reply, err)) != WEIR_OK) {
        return st;
    }
    weir_lock_take(&src->lock);
    for (size_t i = 0; i < reply->root->n && page->n < WEIR_REDIS_PAGE; i++) {
        const weir_redis_val *row = &reply->root->items[i];
        int64_t idle = 0;
        int64_t times = 0;
        weir_pos pos;

        if (!weir_redis_id_parse(weir_redis_text(weir_redis_at(row, 0)), &pos) ||
            !weir_redis_int(weir_redis_at(row, 2), &idle) ||
            !weir_redis_int(weir_redis_at(row, 3), &times)) {
            continue;
        }
        page->n_seen++;
        page->last = pos;
        if (idle_ms == WEIR_REDIS_HELD_TOO ||
            (idle >= idle_ms &&
             weir_redis_held_get(&part->held, pos) == WEIR_REDIS_FREE)) {
            page->ids[page->n] = pos;
            page->n_delivered[page->n++] =
                times > UINT32_MAX ? UINT32_MAX : (uint32_t)times;
        }
    }
    weir_lock_give(&src->lock);
    weir_redis_reply_give(reply);
    return WEIR_OK;
}

static uint32_t page_count_of(const weir_redis_page *page, weir_pos pos)
{
    for (size_t i = 0; i < page->n; i++) {
        if (weir_pos_cmp(page->ids[i], pos) == 0) {
            return page->n_delivered[i];
        }
    }
    return 0;
}

weir_status weir_redis_page_lower(weir_redis_src *src, weir_redis_part *part,
                                  const weir_redis_page *page, weir_err *err)
{
    weir_status st = WEIR_OK;
    char count[16];

    for (size_t i = 0; i < page->n_high && st == WEIR_OK; i++) {
        snprintf(count, sizeof(count), "%u", page->high_counts[i]);
        st = weir_redis_set_idle(src, part, &page->high[i], 1, 0, count, err);
    }
    return st;
}

void weir_redis_page_strike(weir_redis_src *src, weir_redis_part *part)
{
    weir_lock_take(&src->lock);
    part->n_striken = src->setup->concurrency + 1;
    weir_lock_give(&src->lock);
}

/* A claim that is the first delivery: who had it has given it back. */
static weir_again page_again(weir_again again, uint32_t times)
{
    if (again == WEIR_AGAIN_NONE) {
        return times > 1 ? WEIR_AGAIN_RECLAIM : WEIR_AGAIN_NONE;
    }
    return times == 1 ? WEIR_AGAIN_REBALANCE : again;
}

size_t weir_redis_page_queue(weir_redis_src *src, weir_redis_part *part,
                             weir_redis_reply *reply, const weir_redis_val *entries,
                             weir_redis_page *page, uint32_t plus, weir_again again)
{
    size_t n_queued = 0;

    weir_lock_take(&src->lock);
    for (size_t i = 0; entries != NULL && i < entries->n && part->is_live; i++) {
        weir_redis_entry entry;

        if (!weir_redis_entry_parse(&entries->items[i], &entry) ||
            entry.fields == NULL) {
            continue;
        }
        uint32_t times = page_count_of(page, entry.pos) + plus;
        /* taken over, and the page did not reach it */
        times = times == 0 ? 2 : times;
        const weir_again why = page_again(again, times);
        if (again != WEIR_AGAIN_NONE && times > PAGE_COUNT_ALONE &&
            page->n_high < WEIR_REDIS_PAGE) {
            page->high[page->n_high] = entry.pos;
            page->high_counts[page->n_high++] = --times;
        }
        for (size_t k = 0; k < page->n; k++) {
            if (weir_pos_cmp(page->ids[k], entry.pos) == 0) {
                page->ids[k] = page->ids[--page->n];
                page->n_delivered[k] = page->n_delivered[page->n];
                break;
            }
        }
        n_queued +=
            weir_redis_part_queue_locked(src, part, reply, &entry, 1, times, why);
    }
    weir_lock_give(&src->lock);
    if (n_queued > 0) {
        weir_redis_wake_intake(src);
    }
    return n_queued;
}

weir_status weir_redis_page_trimmed(weir_redis_src *src, weir_redis_part *part,
                                    const weir_redis_page *page, weir_err *err)
{
    weir_redis_reply *reply = NULL;
    char id[WEIR_REDIS_ID_MAX];

    for (size_t i = 0; i < page->n; i++) {
        weir_redis_id_format(page->ids[i], id);
        weir_status st = weir_redis_callf(src->ctl, &reply, err, "XACK %s %s %s",
                                          part->stream, src->setup->group, id);
        if (st != WEIR_OK || (st = weir_redis_refused(part, &reply, err)) != WEIR_OK) {
            return st;
        }
        weir_redis_reply_give(reply);
    }
    if (page->n > 0) {
        weir_lock_take(&src->lock);
        src->stat.n_trimmed += page->n;
        weir_lock_give(&src->lock);
        weir_log(WEIR_WARN, "redis.trimmed", "sub=%s stream=%s n=%zu",
                 src->setup->sub_name, part->stream, page->n);
    }
    return WEIR_OK;
}

weir_status weir_redis_page_fetch(weir_redis_src *src, weir_redis_part *part,
                                  weir_redis_page *page, weir_err *err)
{
    weir_redis_page gone = { .n = 0 };
    weir_status st = WEIR_OK;
    int64_t until_us = weir_clock_us() + WEIR_REDIS_CALL_US;
    size_t n = page->n;

    for (size_t i = 0; i < n; i++) {
        char id[WEIR_REDIS_ID_MAX];
        size_t len = weir_redis_id_format(page->ids[i], id);
        const weir_slice args[] = { WEIR_SLICE_LIT("XRANGE"),
                                    weir_slice_of(part->stream),
                                    { id, len },
                                    { id, len } };

        if ((st = weir_redis_conn_add(src->ctl, args, 4)) != WEIR_OK) {
            return weir_fail(err, st, "redis: not connected");
        }
    }
    const weir_redis_page asked = *page;
    for (size_t i = 0; i < n; i++) {
        weir_redis_reply *reply = NULL;

        if ((st = weir_redis_conn_wait(src->ctl, until_us, &reply, err)) != WEIR_OK) {
            return st;
        }
        if (reply->root->type == WEIR_REDIS_ARRAY && reply->root->n == 0) {
            gone.ids[gone.n++] = asked.ids[i];
        } else {
            weir_redis_page_queue(src, part, reply, reply->root, page, 0,
                                  WEIR_AGAIN_NONE);
        }
        weir_redis_reply_give(reply);
    }
    return weir_redis_page_trimmed(src, part, &gone, err);
}

weir_status weir_redis_page_take(weir_redis_src *src, weir_redis_part *part,
                                 const weir_redis_page *page, int64_t idle_ms,
                                 weir_redis_reply **reply, weir_err *err)
{
    char text[WEIR_REDIS_ID_MAX];

    if (!weir_redis_conn_is_open(src->ctl)) {
        return weir_fail(err, WEIR_ECLOSED, "redis: not connected");
    }
    weir_redis_conn_begin(src->ctl, 5 + page->n);
    weir_redis_conn_arg(src->ctl, WEIR_SLICE_LIT("XCLAIM"));
    weir_redis_conn_arg(src->ctl, weir_slice_of(part->stream));
    weir_redis_conn_arg(src->ctl, weir_slice_of(src->setup->group));
    weir_redis_conn_arg(src->ctl, weir_slice_of(src->consumer));
    snprintf(text, sizeof(text), "%" PRId64, idle_ms);
    weir_redis_conn_arg(src->ctl, weir_slice_of(text));
    for (size_t i = 0; i < page->n; i++) {
        size_t len = weir_redis_id_format(page->ids[i], text);

        weir_redis_conn_arg(src->ctl, (weir_slice){ text, len });
    }
    weir_status st = weir_redis_conn_wait(
        src->ctl, weir_clock_us() + WEIR_REDIS_CALL_US, reply, err);
    return st == WEIR_OK ? weir_redis_refused(part, reply, err) : st;
}
