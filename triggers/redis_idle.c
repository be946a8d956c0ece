/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_idle - heartbeats for what is ours, and giving back; see redis_claim.h.
 *
 * What checks and then changes is a script, because only a script does both at once: between
 * an answer of XPENDING and an XCLAIM another replica may have taken the entry.
 */
#include "triggers/redis_page.h"

#include "worker/base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define IDLE_IDS 500 /* in one call */

/* KEYS: stream. ARGV: group, consumer, idle in ms, delivery count (empty: as it is), ids in rising
 * order. Touches only what is still that consumer's. */
static const char idle_script[] =
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

static int idle_id_order(const void *a, const void *b)
{
    return weir_pos_cmp(*(const weir_pos *)a, *(const weir_pos *)b);
}

weir_status weir_redis_set_idle(weir_redis_src *src, weir_redis_part *part,
                                const weir_pos *ids, size_t n, int64_t idle_ms,
                                const char *count, weir_err *err)
{
    weir_redis_conn *conn = src->ctl;
    weir_redis_reply *reply = NULL;
    char text[WEIR_REDIS_ID_MAX];

    for (size_t i = 0; i < n; i += IDLE_IDS) {
        size_t page = n - i < IDLE_IDS ? n - i : IDLE_IDS;

        if (!weir_redis_conn_is_open(conn)) {
            return weir_fail(err, WEIR_ECLOSED, "redis: not connected");
        }
        weir_redis_conn_begin(conn, 8 + page);
        weir_redis_conn_arg(conn, WEIR_SLICE_LIT("EVAL"));
        weir_redis_conn_arg(conn, WEIR_SLICE_LIT(idle_script));
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
        st = weir_redis_set_idle(src, part, ids.ids, ids.n, 0, "", err);
    }
    free(ids.ids);
    return st;
}

weir_status weir_redis_giveback(weir_redis_src *src, weir_redis_part *part,
                                const weir_pos *ids, size_t n, bool in_order,
                                weir_err *err)
{
    int64_t claim_ms = src->setup->claim_after_us / 1000;
    weir_pos *sorted = malloc(n * sizeof(*sorted) + 1);

    if (sorted == NULL) {
        return weir_fail(err, WEIR_ENOMEM, "redis: out of memory");
    }
    memcpy(sorted, ids, n * sizeof(*sorted));
    qsort(sorted, n, sizeof(*sorted), idle_id_order);
    weir_status st = weir_redis_set_idle(
        src, part, sorted, n,
        claim_ms > WEIR_REDIS_BACK_MS ? claim_ms : WEIR_REDIS_BACK_MS,
        /* who leaves in order leaves no strikes, and the next claim adds one */
        in_order ? "0" : "", err);
    free(sorted);
    return st;
}
