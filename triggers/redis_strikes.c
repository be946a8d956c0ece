/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_strikes - deaths of owners, in the delivery counts of entries; see strikes.h.
 *
 * The count is one more than the strikes. The server adds one to it with each claim, which is
 * right while nobody has run alone; from then on a claim is taken back (redis_claim.c), and
 * only an alone run that begins adds one, or takes it away when its function has returned.
 * Who leaves in order sets the counts of what it gives back to zero.
 *
 * Nobody writes down what has begun, so of what a dead replica had only the first entries, as
 * many as functions may have had, run alone.
 */
#include "triggers/redis_claim.h"

#include "schemas/strikes.h"
#include "worker/base/log.h"

/* KEYS: stream. ARGV: group, consumer, id, "1" where an alone run begins, the least count with
 * strikes enough for it. Answers the new count; 0: not that consumer's. */
static const char strikes_script[] =
    "local p = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], '1', "
    "ARGV[2]) "
    "if not p[1] then return 0 end "
    "local n, least = p[1][4], tonumber(ARGV[5]) "
    "if ARGV[4] == '1' then n = math.max(n, least) + 1 elseif n > least then n = n - 1 "
    "end "
    "redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], '0', ARGV[3], 'IDLE', '0', "
    "'RETRYCOUNT', tostring(n), 'JUSTID') "
    "return n";

uint32_t weir_redis_strikes_locked(weir_redis_part *part, uint32_t n_delivered)
{
    const uint32_t strikes = n_delivered == 0 ? 0 : n_delivered - 1;

    if (strikes != WEIR_STRIKES_ALONE) {
        return strikes > WEIR_STRIKES_ALONE ? strikes : 0;
    }
    if (part->n_striken == 0) {
        return 0;
    }
    part->n_striken--;
    return strikes;
}

weir_status weir_redis_strikes_suspect(weir_redis_src *src, const weir_receipt *receipt,
                                       bool begins)
{
    weir_redis_part *part = &src->parts[receipt->part];
    weir_status st = WEIR_EAGAIN;

    weir_lock_take(&src->lock);
    if (!part->is_live || part->epoch != receipt->epoch) {
        st = WEIR_ECLOSED;
    } else if (!begins) {
        const bool is_same = weir_pos_cmp(part->lone, receipt->pos) == 0;

        if (!is_same || part->lone_state == WEIR_REDIS_LONE_NONE) {
            st = WEIR_OK; /* it is written, or it never began for the queue */
        } else {
            part->lone_state = WEIR_REDIS_LONE_ENDS;
        }
    } else if (part->lone_state == WEIR_REDIS_LONE_NONE ||
               weir_pos_cmp(part->lone, receipt->pos) != 0) {
        part->lone = receipt->pos;
        part->lone_state = WEIR_REDIS_LONE_ASKED;
    } else if (part->lone_state == WEIR_REDIS_LONE_WRITTEN) {
        st = WEIR_OK; /* also where another replica has the entry: it runs twice */
    }
    const bool is_asked = part->lone_state == WEIR_REDIS_LONE_ASKED ||
                          part->lone_state == WEIR_REDIS_LONE_ENDS;

    weir_lock_give(&src->lock);
    if (is_asked) {
        weir_redis_wake_link(src);
    }
    return st;
}

/* Asks the server. *n: the new count. */
static weir_status strikes_write(weir_redis_src *src, weir_redis_part *part,
                                 weir_pos pos, bool begins, int64_t *n, weir_err *err)
{
    weir_redis_reply *reply = NULL;
    char id[WEIR_REDIS_ID_MAX];

    weir_redis_id_format(pos, id);
    weir_status st =
        weir_redis_callf(src->ctl, &reply, err, "EVAL %s 1 %s %s %s %s %s %d",
                         strikes_script, part->stream, src->setup->group, src->consumer,
                         id, begins ? "1" : "0", (int64_t)WEIR_STRIKES_ALONE + 1);

    if (st != WEIR_OK || (st = weir_redis_refused(part, &reply, err)) != WEIR_OK) {
        return st;
    }
    *n = 0;
    (void)weir_redis_int(reply->root, n);
    weir_redis_reply_give(reply);
    return WEIR_OK;
}

void weir_redis_strikes_tend(weir_redis_src *src)
{
    for (size_t i = 0; i < src->n_parts && weir_redis_conn_is_open(src->ctl); i++) {
        weir_redis_part *part = &src->parts[i];
        weir_err err = { .st = WEIR_OK };
        int64_t n = 0;

        weir_lock_take(&src->lock);
        const weir_pos pos = part->lone;
        const int state = (int)part->lone_state;

        weir_lock_give(&src->lock);
        if (state != WEIR_REDIS_LONE_ASKED && state != WEIR_REDIS_LONE_ENDS) {
            continue;
        }
        const bool begins = state == WEIR_REDIS_LONE_ASKED;

        if (strikes_write(src, part, pos, begins, &n, &err) != WEIR_OK) {
            weir_redis_failed(src, part, "suspect", &err);
            continue;
        }
        weir_log(WEIR_INFO, "redis.suspect",
                 "sub=%s stream=%s entry=%llu-%llu count=%lld", src->setup->sub_name,
                 part->stream, (unsigned long long)pos.hi, (unsigned long long)pos.lo,
                 (long long)n);
        weir_lock_take(&src->lock);
        if ((int)part->lone_state == state && weir_pos_cmp(part->lone, pos) == 0) {
            part->lone_state = !begins ? WEIR_REDIS_LONE_NONE : WEIR_REDIS_LONE_WRITTEN;
        }
        weir_lock_give(&src->lock);
    }
}
