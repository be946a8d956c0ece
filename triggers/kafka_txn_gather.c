/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_txn_gather - events on their way into a transaction, back out of it, and answered.
 */
#include "triggers/kafka_txn_state.h"

#include "worker/base/check.h"
#include "worker/base/clock.h"

#include <limits.h>
#include <stdlib.h>

#define GATHER_POLL_MS 5
#define GATHER_STRICT_MS 10

/* -- answers ------------------------------------------------------------------------------- */

static void gather_tell(weir_kafka_txn *txn)
{
    const size_t n = txn->n_results;

    if (n == 0) {
        return;
    }
    txn->setup->done(txn->setup->arg, txn->results, n);
    weir_lock_take(&txn->lock);
    txn->n_bytes -= txn->result_bytes;
    txn->n_unanswered -= n;
    weir_lock_give(&txn->lock);
    txn->n_results = 0;
    txn->result_bytes = 0;
    weir_signal_raise(&txn->change, INT_MAX);
}

/* The item may be gone after gather_tell(), so its bytes are counted here. */
static void gather_result(weir_kafka_txn *txn, weir_settle_item *item,
                          weir_settled settled, const weir_out *out, const char *text)
{
    txn->result_bytes += (size_t)item->mark;
    txn->results[txn->n_results++] = (weir_settle_result){ item, settled, out, text };
    if (txn->n_results == TXN_RESULTS) {
        gather_tell(txn);
    }
}

void weir_kafka_txn_committed(weir_kafka_txn *txn)
{
    weir_settle_item **items = txn->done_items;
    const size_t cap = txn->cap_done;

    WEIR_ASSERT(txn->n_done == 0);
    txn->done_items = txn->items;
    txn->cap_done = txn->cap_items;
    txn->n_done = txn->n_items;
    txn->items = items;
    txn->cap_items = cap;
    txn->n_items = 0;
    txn->item_bytes = 0;
}

void weir_kafka_txn_answer_done(weir_kafka_txn *txn)
{
    for (size_t i = 0; i < txn->n_done; i++) {
        gather_result(txn, txn->done_items[i], WEIR_SETTLED_OK, NULL, NULL);
    }
    txn->n_done = 0;
    gather_tell(txn);
}

void weir_kafka_txn_answer(weir_kafka_txn *txn, weir_settled settled, const char *text)
{
    for (size_t i = 0; i < txn->n_items; i++) {
        gather_result(txn, txn->items[i], settled, NULL, text);
    }
    txn->n_items = 0;
    txn->item_bytes = 0;
    gather_tell(txn);
}

void weir_kafka_txn_answer_waiting(weir_kafka_txn *txn, weir_settled settled,
                                   const char *text)
{
    weir_lock_take(&txn->lock);
    txn_queue waiting = txn->waiting;

    txn->waiting = (txn_queue){ NULL, NULL, 0 };
    weir_lock_give(&txn->lock);
    for (weir_settle_item *item; (item = weir_kafka_txn_pop(&waiting)) != NULL;) {
        gather_result(txn, item, settled, NULL, text);
    }
    gather_tell(txn);
}

/* -- the source ---------------------------------------------------------------------------- */

/* The source, which is not taken away until weir_kafka_txn_unuse(); NULL: it has let go. */
weir_kafka_reader *weir_kafka_txn_use(weir_kafka_txn *txn, rd_kafka_t **member)
{
    weir_lock_take(&txn->lock);
    weir_kafka_reader *src = txn->src;

    *member = txn->member;
    txn->n_users += src != NULL;
    weir_lock_give(&txn->lock);
    return src;
}

void weir_kafka_txn_unuse(weir_kafka_txn *txn)
{
    weir_lock_take(&txn->lock);
    txn->n_users--;
    weir_lock_give(&txn->lock);
    weir_signal_raise(&txn->change, INT_MAX);
}

/* -- gathering ----------------------------------------------------------------------------- */

static bool gather_reserve(weir_kafka_txn *txn, size_t n)
{
    size_t cap = txn->cap_items == 0 ? 1024 : txn->cap_items;

    if (txn->n_items + n <= txn->cap_items) {
        return true;
    }
    while (cap < txn->n_items + n) {
        cap *= 2;
    }
    weir_settle_item **grown = realloc(txn->items, cap * sizeof(*grown));

    if (grown == NULL) {
        return false;
    }
    txn->items = grown;
    txn->cap_items = cap;
    return true;
}

txn_end weir_kafka_txn_begin(weir_kafka_txn *txn)
{
    if (txn->is_open) {
        return TXN_OK;
    }
    weir_kafka_dog_begin(&txn->dog, "begin_transaction");
    rd_kafka_error_t *error = rd_kafka_begin_transaction(txn->rk);

    weir_kafka_dog_end(&txn->dog);
    const txn_end end = weir_kafka_txn_read(txn, "begin", error);

    txn->is_open = end == TXN_OK;
    return end == TXN_OK ? TXN_OK : TXN_UNKNOWN;
}

/* Takes at most n of what waits into items[n_items..]. Returns how many. */
static size_t gather_pop(weir_kafka_txn *txn, size_t most)
{
    size_t n = 0;

    if (!gather_reserve(txn, most)) {
        return 0; /* it goes on with what there is */
    }
    weir_lock_take(&txn->lock);
    while (n < most && txn->waiting.n > 0 && txn->n_items + n < txn->max_items) {
        txn->items[txn->n_items + n++] = weir_kafka_txn_pop(&txn->waiting);
    }
    weir_lock_give(&txn->lock);
    return n;
}

/* Plans n items behind the others, at most TXN_RUN, and answers those that are not ours. Returns
 * how many are left. */
static size_t gather_plan(weir_kafka_txn *txn, size_t n)
{
    weir_settle_item **items = txn->items + txn->n_items;
    bool is_ours[TXN_RUN];
    rd_kafka_t *member;
    weir_kafka_reader *src = weir_kafka_txn_use(txn, &member);
    size_t n_ours = 0;

    if (src != NULL) {
        weir_kafka_plan_add(src, items, n, is_ours);
        weir_kafka_txn_unuse(txn);
    }
    for (size_t i = 0; i < n; i++) {
        weir_settle_item *item = items[i];

        if (src != NULL && is_ours[i]) {
            txn->item_bytes += (size_t)item->mark;
            items[n_ours++] = item;
        } else {
            gather_result(txn, item, WEIR_SETTLED_GONE, NULL, "its epoch is over");
        }
    }
    txn->n_items += n_ours;
    return n_ours;
}

/* Moves what waits into the transaction and to the client. */
static txn_end gather_take(weir_kafka_txn *txn)
{
    txn_end end = TXN_OK;
    size_t n;

    while (end == TXN_OK && txn->n_failed == 0 && txn->item_bytes < txn->max_bytes &&
           (n = gather_pop(txn, TXN_RUN)) > 0) {
        n = gather_plan(txn, n);
        if (n > 0 && (end = weir_kafka_txn_begin(txn)) == TXN_OK) {
            weir_kafka_txn_produce(txn, txn->items + txn->n_items - n, n);
        }
        weir_kafka_txn_serve(txn, 0);
    }
    gather_tell(txn);
    return end;
}

/* Puts items in front of what waits, in their order. */
static void gather_back(weir_kafka_txn *txn, txn_queue *kept)
{
    if (kept->n == 0) {
        return;
    }
    weir_lock_take(&txn->lock);
    kept->last->next = txn->waiting.head;
    kept->last = txn->waiting.n > 0 ? txn->waiting.last : kept->last;
    kept->n += txn->waiting.n;
    txn->waiting = *kept;
    weir_lock_give(&txn->lock);
}

/*
 * The maps have no room for more than they say already: the transaction gets only what moves
 * the positions, without a hole. The rest waits for what is in front of it.
 */
static txn_end gather_take_strict(weir_kafka_txn *txn)
{
    txn_queue kept = { NULL, NULL, 0 };
    rd_kafka_t *member;
    size_t n_fit = 0;
    size_t n;
    txn_end end = TXN_OK;

    /* What stands in front may come meanwhile. */
    weir_kafka_txn_serve(txn, GATHER_STRICT_MS);
    while ((n = gather_pop(txn, TXN_RUN)) > 0) {
        gather_plan(txn, n);
    }
    weir_kafka_reader *src = weir_kafka_txn_use(txn, &member);

    if (src != NULL) {
        n_fit = weir_kafka_plan_cut(src, txn->items, txn->n_items);
        weir_kafka_txn_unuse(txn);
    }
    for (size_t i = n_fit; i < txn->n_items; i++) {
        txn->item_bytes -= (size_t)txn->items[i]->mark;
        weir_kafka_txn_push(&kept, txn->items[i]);
    }
    txn->n_items = n_fit;
    gather_back(txn, &kept);
    for (size_t at = 0; at < n_fit && end == TXN_OK; at += TXN_RUN) {
        if ((end = weir_kafka_txn_begin(txn)) == TXN_OK) {
            weir_kafka_txn_produce(txn, txn->items + at,
                                   n_fit - at < TXN_RUN ? n_fit - at : TXN_RUN);
        }
    }
    weir_kafka_txn_serve(txn, 0);
    gather_tell(txn);
    return end;
}

/* True if nothing more is waited for. */
static bool gather_is_complete(weir_kafka_txn *txn, int64_t until_us)
{
    weir_lock_take(&txn->lock);
    const bool is_empty = txn->waiting.n == 0;
    const bool is_due = txn->is_hurried || txn->n_asked > txn->n_served;

    weir_lock_give(&txn->lock);
    return (is_empty && (is_due || txn->n_items == 0)) ||
           txn->n_items >= txn->max_items || txn->item_bytes >= txn->max_bytes ||
           txn->n_failed > 0 || txn->is_fatal || atomic_load(&txn->is_closing) ||
           weir_clock_us() >= until_us;
}

static bool gather_has_no_maps(weir_kafka_txn *txn)
{
    rd_kafka_t *member;
    weir_kafka_reader *src = weir_kafka_txn_use(txn, &member);
    const bool has_none = src != NULL && src->map_bytes == 0;

    if (src != NULL) {
        weir_kafka_txn_unuse(txn);
    }
    return has_none;
}

txn_end weir_kafka_txn_gather(weir_kafka_txn *txn)
{
    const int64_t begun_us = weir_clock_us();
    const int64_t until_us = begun_us + txn->setup->transaction_us;
    const bool is_strict = begun_us < txn->strict_until_us || gather_has_no_maps(txn);
    txn_end end = TXN_OK;

    weir_lock_take(&txn->lock);
    txn->is_strict = is_strict;
    weir_lock_give(&txn->lock);
    end = is_strict ? gather_take_strict(txn) : gather_take(txn);
    weir_kafka_txn_answer_done(txn);
    while (end == TXN_OK && !is_strict && !gather_is_complete(txn, until_us)) {
        weir_kafka_txn_serve(txn, GATHER_POLL_MS);
        end = gather_take(txn);
    }
    weir_lock_take(&txn->lock);
    txn->is_hurried = false;
    txn->is_nudged = false;
    weir_lock_give(&txn->lock);
    return end != TXN_OK ? end : (txn->is_fatal ? TXN_UNKNOWN : TXN_OK);
}

/* -- back ---------------------------------------------------------------------------------- */

static const char *gather_guilt_text(weir_settled why)
{
    switch (why) {
    case WEIR_SETTLED_TOO_LARGE:
        return rd_kafka_err2str(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    case WEIR_SETTLED_UNKNOWN:
        return rd_kafka_err2str(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    case WEIR_SETTLED_DENIED:
        return rd_kafka_err2str(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    default:
        return rd_kafka_err2str(RD_KAFKA_RESP_ERR_INVALID_RECORD);
    }
}

/* What was in the transaction waits again, before all that came later; but for what is refused
 * for itself. */
void weir_kafka_txn_keep(weir_kafka_txn *txn)
{
    txn_queue kept = { NULL, NULL, 0 };
    rd_kafka_t *member;
    weir_kafka_reader *src = weir_kafka_txn_use(txn, &member);

    if (src != NULL) {
        weir_kafka_plan_drop(src, txn->items, txn->n_items);
        weir_kafka_txn_unuse(txn);
    }
    for (size_t i = 0; i < txn->n_items; i++) {
        weir_settled why = WEIR_SETTLED_OK;
        const weir_out *out = weir_kafka_txn_guilty(txn->items[i], &why);

        if (out == NULL) {
            weir_kafka_txn_push(&kept, txn->items[i]);
        } else {
            gather_result(txn, txn->items[i], why, out, gather_guilt_text(why));
        }
    }
    txn->n_items = 0;
    txn->item_bytes = 0;
    gather_back(txn, &kept);
    gather_tell(txn);
}
