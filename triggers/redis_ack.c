/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_ack - acknowledgements and entries given back, on the link's thread.
 *
 * What is to be sent stays in part->sending until the server has confirmed it, through as
 * many connections as that takes; an XACK that ran twice is harmless.
 */
#include "triggers/redis_claim.h"

#include "worker/base/clock.h"

#include <limits.h>
#include <stdlib.h>

#define ACK_IDS 1000 /* of one XACK */
#define ACK_WAIT_US 5000
#define ACK_RETRY_US 1000000

static void ack_add(weir_redis_src *src, weir_redis_part *part, size_t *n_asked)
{
    char text[WEIR_REDIS_ID_MAX];

    for (size_t i = 0; i < part->sending.n; i += ACK_IDS) {
        size_t page = part->sending.n - i < ACK_IDS ? part->sending.n - i : ACK_IDS;

        weir_redis_conn_begin(src->ctl, 3 + page);
        weir_redis_conn_arg(src->ctl, WEIR_SLICE_LIT("XACK"));
        weir_redis_conn_arg(src->ctl, weir_slice_of(part->stream));
        weir_redis_conn_arg(src->ctl, weir_slice_of(src->setup->group));
        for (size_t k = 0; k < page; k++) {
            size_t len = weir_redis_id_format(part->sending.ids[i + k], text);

            weir_redis_conn_arg(src->ctl, (weir_slice){ text, len });
        }
        (*n_asked)++;
    }
}

/* These are out of our hands. */
static void ack_settled(weir_redis_src *src, weir_redis_part *part, weir_redis_ids *ids,
                        weir_redis_hold hold)
{
    weir_lock_take(&src->lock);
    for (size_t i = 0; i < ids->n; i++) {
        if (weir_redis_held_get(&part->held, ids->ids[i]) == hold) {
            weir_redis_held_remove(&part->held, ids->ids[i]);
            part->n_done--;
            src->n_unconfirmed--;
        }
    }
    src->stat.n_commits += hold == WEIR_REDIS_DONE && ids->n > 0;
    bool is_room_back = weir_redis_room_is_back_locked(src);
    weir_lock_give(&src->lock);
    if (is_room_back) {
        weir_redis_wake_intake(src);
    }
    ids->n = 0;
    weir_signal_raise(&src->confirmed, INT_MAX);
}

/* Reads the answers for one part; true: all of them were taken by the server. */
static bool ack_take(weir_redis_src *src, weir_redis_part *part, size_t n_asked)
{
    int64_t until_us = weir_clock_us() + WEIR_REDIS_CALL_US;
    weir_err err = { .st = WEIR_OK };
    bool is_ok = true;

    for (size_t i = 0; i < n_asked; i++) {
        weir_redis_reply *reply = NULL;

        if (weir_redis_conn_wait(src->ctl, until_us, &reply, &err) != WEIR_OK) {
            weir_redis_failed(src, part, "ack", &err);
            return false;
        }
        /* Without its group nothing is pending; the group is made anew elsewhere. */
        if (reply->root->type == WEIR_REDIS_ERROR &&
            !weir_redis_is_error(reply->root, "NOGROUP")) {
            weir_fail(&err, weir_redis_error_status(reply->root), "%s: XACK: %s",
                      part->stream, reply->root->text.data);
            weir_redis_failed(src, part, "ack", &err);
            is_ok = false;
        }
        weir_redis_conn_back(src->ctl, reply);
    }
    return is_ok;
}

bool weir_redis_ack_is_due(weir_redis_src *src, int64_t now)
{
    weir_lock_take(&src->lock);
    size_t n = src->n_unconfirmed;
    size_t n_unsent = src->n_unsent;
    weir_lock_give(&src->lock);
    if (n == 0) {
        src->ack_due_us = 0;
        return false;
    }
    if (src->ack_due_us == 0) {
        int64_t wait_us =
            src->setup->commit_us < ACK_WAIT_US ? src->setup->commit_us : ACK_WAIT_US;

        src->ack_due_us = now + wait_us;
    }
    return (n_unsent >= WEIR_REDIS_ACKS_NOW && !src->has_refused_acks) ||
           now >= src->ack_due_us || atomic_load(&src->is_closing);
}

/* Takes what the engine has acknowledged into the link's hands. */
static void ack_collect_locked(weir_redis_src *src, weir_redis_part *part)
{
    size_t n = 0;

    if (part->sending.n == 0) {
        weir_redis_ids empty = part->sending;

        part->sending = part->acks;
        part->acks = empty;
        n = part->sending.n;
    }
    while (n < part->acks.n && weir_redis_ids_add(&part->sending, part->acks.ids[n])) {
        n++;
    }
    src->n_unsent -= n;
    if (n < part->acks.n) { /* no memory */
        memmove(part->acks.ids, part->acks.ids + n,
                (part->acks.n - n) * sizeof(*part->acks.ids));
        part->acks.n -= n;
    } else {
        part->acks.n = 0;
    }
}

void weir_redis_ack(weir_redis_src *src)
{
    bool is_ok = true;

    weir_lock_take(&src->lock);
    for (size_t i = 0; i < src->n_parts; i++) {
        ack_collect_locked(src, &src->parts[i]);
    }
    weir_lock_give(&src->lock);
    for (size_t i = 0; i < src->n_parts && weir_redis_conn_is_open(src->ctl); i++) {
        weir_redis_part *part = &src->parts[i];
        size_t n_asked = 0;

        ack_add(src, part, &n_asked);
        if (n_asked > 0 && ack_take(src, part, n_asked)) {
            ack_settled(src, part, &part->sending, WEIR_REDIS_DONE);
        }
        is_ok = is_ok && part->sending.n == 0;
    }
    src->has_refused_acks = !is_ok;
    weir_lock_take(&src->lock);
    bool is_all = src->n_unconfirmed == 0;
    bool is_due = src->n_unsent >= WEIR_REDIS_ACKS_NOW;
    weir_lock_give(&src->lock);
    if (!is_ok) {
        src->ack_due_us = weir_clock_us() + ACK_RETRY_US;
    } else if (is_all) {
        src->ack_due_us = 0;
    } else {
        /* More has come meanwhile, and whoever brought it may have woken nobody. */
        src->ack_due_us = weir_clock_us() + (is_due ? 0 : ACK_WAIT_US);
    }
}

void weir_redis_give_back(weir_redis_src *src)
{
    for (size_t i = 0; i < src->n_parts && weir_redis_conn_is_open(src->ctl); i++) {
        weir_redis_part *part = &src->parts[i];
        weir_err err = { .st = WEIR_OK };

        weir_lock_take(&src->lock);
        weir_redis_ids ids = part->backs;
        part->backs = (weir_redis_ids){ .ids = NULL };
        src->n_unsent -= ids.n;
        weir_lock_give(&src->lock);
        if (ids.n > 0 &&
            weir_redis_giveback(src, part, ids.ids, ids.n, true, &err) != WEIR_OK) {
            /* they are found by their idle time */
            weir_redis_failed(src, part, "giveback", &err);
        }
        if (ids.n > 0) {
            ack_settled(src, part, &ids, WEIR_REDIS_BACK);
        }
        free(ids.ids);
    }
}
