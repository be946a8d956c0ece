/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_claim - heartbeats, and entries that are pending and not here; see redis_claim.h.
 *
 * What checks and then changes is a script, because only a script does both at once: between
 * an answer of XPENDING and an XCLAIM another replica may have taken the entry.
 */
#include "triggers/redis_claim.h"

#include "schemas/strikes.h"
#include "worker/base/clock.h"
#include "worker/base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define CLAIM_PAGE 200
#define CLAIM_BEAT_IDS 500
#define CLAIM_BACK_MS INT64_C(3600000)
#define CLAIM_HELD_TOO (-1)
#define CLAIM_COUNT_ALONE (WEIR_STRIKES_ALONE + 1)

/* KEYS: stream. ARGV: group, consumer, idle in ms, delivery count (empty: as it is), ids in rising
 * order. Touches only what is still that consumer's. */
static const char claim_idle_script[] =
    "local own, cmd = {}, {'XCLAIM', KEYS[1], ARGV[1], ARGV[2], '0'} "
    "for _, p in ipairs(redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[5], ARGV[#ARGV], "
    "'1000000', ARGV[2])) do own[p[1]] = true end "
    "for i = 5, #ARGV do if own[ARGV[i]] then cmd[#cmd + 1] = ARGV[i] end end "
    "local n = #cmd - 5 "
    "if n > 0 then cmd[#cmd + 1] = 'IDLE' cmd[#cmd + 1] = ARGV[3] "
    "if ARGV[4] ~= '' then cmd[#cmd + 1] = 'RETRYCOUNT' cmd[#cmd + 1] = ARGV[4] end "
    "cmd[#cmd + 1] = 'JUSTID' "
    "redis.call(unpack(cmd)) end "
    "return n";

/* -- idle times --------------------------------------------------------------------------- */

static int claim_id_order(const void *a, const void *b)
{
    return weir_pos_cmp(*(const weir_pos *)a, *(const weir_pos *)b);
}

/* Sorted ids. */
static weir_status claim_set_idle(weir_redis_src *src, weir_redis_part *part,
                                  const weir_pos *ids, size_t n, int64_t idle_ms,
                                  const char *count, weir_err *err)
{
    weir_redis_conn *conn = src->ctl;
    weir_redis_reply *reply = NULL;
    char text[WEIR_REDIS_ID_MAX];

    for (size_t i = 0; i < n; i += CLAIM_BEAT_IDS) {
        size_t page = n - i < CLAIM_BEAT_IDS ? n - i : CLAIM_BEAT_IDS;

        if (!weir_redis_conn_is_open(conn)) {
            return weir_fail(err, WEIR_ECLOSED, "redis: not connected");
        }
        weir_redis_conn_begin(conn, 8 + page);
        weir_redis_conn_arg(conn, WEIR_SLICE_LIT("EVAL"));
        weir_redis_conn_arg(conn, WEIR_SLICE_LIT(claim_idle_script));
        weir_redis_conn_arg(conn, WEIR_SLICE_LIT("1"));
        weir_redis_conn_arg(conn, weir_slice_of(part->stream));
        weir_redis_conn_arg(conn, weir_slice_of(src->setup->group));
        weir_redis_conn_arg(conn, weir_slice_of(src->consumer));
        snprintf(text, sizeof(text), "%" PRId64, idle_ms);
        weir_redis_conn_arg(conn, weir_slice_of(text));
        weir_redis_conn_arg(conn, weir_slice_of(count));
        for (size_t k = 0; k < page; k++) {
            size_t len = weir_redis_id_format(ids[i + k], text);

            weir_redis_conn_arg(conn, (weir_slice){ text, len });
        }
        weir_status st = weir_redis_conn_wait(
            conn, weir_clock_us() + WEIR_REDIS_CALL_US, &reply, err);
        if (st != WEIR_OK || (st = weir_redis_refused(part, &reply, err)) != WEIR_OK) {
            return st;
        }
        weir_redis_reply_give(reply);
    }
    return WEIR_OK;
}

weir_status weir_redis_beat(weir_redis_src *src, weir_redis_part *part, weir_err *err)
{
    weir_redis_ids ids = { .ids = NULL };
    weir_status st = WEIR_OK;

    weir_lock_take(&src->lock);
    for (size_t i = part->held.head; i < part->held.tail; i++) {
        weir_redis_hold hold = part->held.slots[i].hold;

        if ((hold == WEIR_REDIS_QUEUED || hold == WEIR_REDIS_GIVEN) &&
            !weir_redis_ids_add(&ids, part->held.slots[i].pos)) {
            st = WEIR_ENOMEM;
            break;
        }
    }
    weir_lock_give(&src->lock);
    if (st == WEIR_OK && ids.n > 0) {
        st = claim_set_idle(src, part, ids.ids, ids.n, 0, "", err);
    }
    free(ids.ids);
    return st;
}

weir_status weir_redis_giveback(weir_redis_src *src, weir_redis_part *part,
                                const weir_pos *ids, size_t n, weir_err *err)
{
    int64_t claim_ms = src->setup->claim_after_us / 1000;
    weir_pos *sorted = malloc(n * sizeof(*sorted) + 1);

    if (sorted == NULL) {
        return weir_fail(err, WEIR_ENOMEM, "redis: out of memory");
    }
    memcpy(sorted, ids, n * sizeof(*sorted));
    qsort(sorted, n, sizeof(*sorted), claim_id_order);
    weir_status st = claim_set_idle(
        src, part, sorted, n, claim_ms > CLAIM_BACK_MS ? claim_ms : CLAIM_BACK_MS, "0",
        /* who leaves in order leaves no strikes, and the next claim adds one */
        err);
    free(sorted);
    return st;
}

/* -- pending entries ---------------------------------------------------------------------- */

/* A page of XPENDING that is not held here. */
typedef struct claim_page {
    weir_pos ids[CLAIM_PAGE];
    uint32_t n_delivered[CLAIM_PAGE];
    size_t n;
    weir_pos last; /* of the page, held or not */
    size_t n_seen;
    /* claimed, and their counts are one too high for that: see redis_strikes.c */
    weir_pos high[CLAIM_PAGE];
    uint32_t high_counts[CLAIM_PAGE];
    size_t n_high;
} claim_page;

static weir_pos claim_next_id(weir_pos pos)
{
    return pos.lo < UINT64_MAX ? (weir_pos){ pos.hi, pos.lo + 1 }
                               : (weir_pos){ pos.hi + 1, 0 };
}

/* Pending entries from `from` on; consumer NULL: of all; idle_ms: at least so long, and not
 * held here; CLAIM_HELD_TOO: whatever they are. */
static weir_status claim_pending(weir_redis_src *src, weir_redis_part *part,
                                 weir_pos from, const char *consumer, size_t count,
                                 int64_t idle_ms, claim_page *page, weir_err *err)
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
    for (size_t i = 0; i < reply->root->n && page->n < CLAIM_PAGE; i++) {
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
        if (idle_ms == CLAIM_HELD_TOO ||
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

static uint32_t claim_count_of(const claim_page *page, weir_pos pos)
{
    for (size_t i = 0; i < page->n; i++) {
        if (weir_pos_cmp(page->ids[i], pos) == 0) {
            return page->n_delivered[i];
        }
    }
    return 0;
}

/* Takes one off the counts of what was claimed and had run alone before. */
static weir_status claim_lower(weir_redis_src *src, weir_redis_part *part,
                               const claim_page *page, weir_err *err)
{
    weir_status st = WEIR_OK;
    char count[16];

    for (size_t i = 0; i < page->n_high && st == WEIR_OK; i++) {
        snprintf(count, sizeof(count), "%u", page->high_counts[i]);
        st = claim_set_idle(src, part, &page->high[i], 1, 0, count, err);
    }
    return st;
}

/* What comes next has been with others that are gone: the first of it runs alone, if it must. */
static void claim_strike(weir_redis_src *src, weir_redis_part *part)
{
    weir_lock_take(&src->lock);
    part->n_striken = src->setup->concurrency + 1;
    weir_lock_give(&src->lock);
}

/* Queues the entries of an array; `plus` is added to each count. Takes what it queued out of
 * the page by setting its count to 0. */
static size_t claim_queue(weir_redis_src *src, weir_redis_part *part,
                          weir_redis_reply *reply, const weir_redis_val *entries,
                          claim_page *page, uint32_t plus, bool is_claim)
{
    size_t n_queued = 0;

    weir_lock_take(&src->lock);
    for (size_t i = 0; entries != NULL && i < entries->n && part->is_live; i++) {
        weir_redis_entry entry;

        if (!weir_redis_entry_parse(&entries->items[i], &entry) ||
            entry.fields == NULL) {
            continue;
        }
        uint32_t times = claim_count_of(page, entry.pos) + plus;
        /* taken over, and the page did not reach it */
        times = times == 0 ? 2 : times;
        if (is_claim && times > CLAIM_COUNT_ALONE && page->n_high < CLAIM_PAGE) {
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
        n_queued += weir_redis_part_queue_locked(src, part, reply, &entry, 1, times);
    }
    weir_lock_give(&src->lock);
    if (n_queued > 0) {
        weir_redis_wake_intake(src);
    }
    return n_queued;
}

/* These are pending and their entries are gone: nobody can handle them any more. */
static weir_status claim_trimmed(weir_redis_src *src, weir_redis_part *part,
                                 const claim_page *page, weir_err *err)
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

/* Reads entries without changing what the server knows of them. */
static weir_status claim_fetch(weir_redis_src *src, weir_redis_part *part,
                               claim_page *page, weir_err *err)
{
    claim_page gone = { .n = 0 };
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
    const claim_page asked = *page;
    for (size_t i = 0; i < n; i++) {
        weir_redis_reply *reply = NULL;

        if ((st = weir_redis_conn_wait(src->ctl, until_us, &reply, err)) != WEIR_OK) {
            return st;
        }
        if (reply->root->type == WEIR_REDIS_ARRAY && reply->root->n == 0) {
            gone.ids[gone.n++] = asked.ids[i];
        } else {
            claim_queue(src, part, reply, reply->root, page, 0, false);
        }
        weir_redis_reply_give(reply);
    }
    return claim_trimmed(src, part, &gone, err);
}

/* Makes entries ours, which counts as one more delivery. *entries is of *reply. */
static weir_status claim_take(weir_redis_src *src, weir_redis_part *part,
                              const claim_page *page, int64_t idle_ms,
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

weir_status weir_redis_backlog(weir_redis_src *src, weir_redis_part *part,
                               bool *is_over, weir_err *err)
{
    bool takes_all = src->setup->is_single && !part->is_taken_over;
    claim_page page;
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
    room = room < CLAIM_PAGE ? room : CLAIM_PAGE;
    st = claim_pending(src, part, part->backlog, takes_all ? NULL : src->consumer, room,
                       0, &page, err);
    if (st != WEIR_OK) {
        return st;
    }
    if (page.n > 0 && part->is_taken_over) {
        st = claim_fetch(src, part, &page, err);
    } else if (page.n > 0 &&
               (st = claim_take(src, part, &page, 0, &reply, err)) == WEIR_OK) {
        if (part->backlog.hi == 0) {
            claim_strike(src, part);
        }
        claim_queue(src, part, reply, reply->root, &page, 1, true);
        weir_redis_reply_give(reply);
        /* what was asked for and did not come */
        st = claim_trimmed(src, part, &page, err);
        if (st == WEIR_OK) {
            st = claim_lower(src, part, &page, err);
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
        part->backlog = claim_next_id(page.last);
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
    claim_page page;
    weir_pos from = { 0, 0 };

    for (;;) {
        weir_status st =
            claim_pending(src, part, from, src->consumer, CLAIM_PAGE, 0, &page, err);

        if (st != WEIR_OK || page.n_seen == 0) {
            return st;
        }
        from = claim_next_id(page.last);
        if (page.n > 0 && (st = claim_fetch(src, part, &page, err)) != WEIR_OK) {
            return st;
        }
    }
}

/* Before 6.2: look at a page of what is pending, and ask for what is idle enough. */
static weir_status claim_sweep_old(weir_redis_src *src, weir_redis_part *part,
                                   size_t count, bool *is_over, weir_err *err)
{
    int64_t idle_ms = src->setup->claim_after_us / 1000;
    claim_page page;
    weir_redis_reply *reply = NULL;
    weir_status st =
        claim_pending(src, part, part->scan, NULL, CLAIM_PAGE, idle_ms, &page, err);

    if (st != WEIR_OK) {
        return st;
    }
    *is_over = page.n_seen < CLAIM_PAGE;
    part->scan = *is_over ? (weir_pos){ 0, 0 } : claim_next_id(page.last);
    if (page.n > count) {
        part->scan = page.ids[count];
        page.n = count;
        *is_over = false;
    }
    if (page.n == 0) {
        return WEIR_OK;
    }
    if ((st = claim_take(src, part, &page, idle_ms, &reply, err)) != WEIR_OK) {
        return st;
    }
    bool has_nil = false;
    for (size_t i = 0; i < reply->root->n; i++) {
        has_nil = has_nil || reply->root->items[i].type == WEIR_REDIS_NIL;
    }
    claim_strike(src, part);
    claim_queue(src, part, reply, reply->root, &page, 1, true);
    weir_redis_reply_give(reply);
    st = claim_lower(src, part, &page, err);
    return st == WEIR_OK && has_nil ? claim_purge(src, part, err) : st;
}

/* How often the entries of an answer were delivered, which XAUTOCLAIM does not say. */
static weir_status claim_counts(weir_redis_src *src, weir_redis_part *part,
                                const weir_redis_val *entries, claim_page *page,
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
    return claim_pending(src, part, first, src->consumer, CLAIM_PAGE, 0, page, err);
}

weir_status weir_redis_sweep(weir_redis_src *src, weir_redis_part *part, bool *is_over,
                             weir_err *err)
{
    weir_redis_reply *reply = NULL;
    weir_redis_claimed claimed;
    claim_page page;
    weir_status st;

    weir_lock_take(&src->lock);
    size_t room =
        src->wants_events && part->is_live ? weir_redis_room_locked(src, part) : 0;
    weir_lock_give(&src->lock);
    *is_over = true;
    if (room == 0) {
        return WEIR_OK;
    }
    room = room < CLAIM_PAGE / 2 ? room : CLAIM_PAGE / 2;
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
        claim_strike(src, part);
    }
    size_t n = claim_queue(src, part, reply, claimed.entries, &page, 0, true);
    if ((st = claim_lower(src, part, &page, err)) != WEIR_OK) {
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
    claim_page page;
    weir_pos from = { 0, 0 };
    weir_status st;

    do {
        st = claim_pending(src, part, from, src->consumer, CLAIM_PAGE, CLAIM_HELD_TOO,
                           &page, err);
        if (st != WEIR_OK) {
            return st;
        }
        from = claim_next_id(page.last);
        if (page.n > 0) {
            st = weir_redis_giveback(src, part, page.ids, page.n, err);
        }
    } while (st == WEIR_OK && page.n_seen == CLAIM_PAGE);
    return st;
}
