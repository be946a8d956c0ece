/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_txn_run - the thread of the settler of Kafka: gathers, commits, aborts, answers; see
 * kafka_txn_state.h.
 */
#include "triggers/kafka_txn_state.h"

#include "worker/base/check.h"
#include "worker/base/clock.h"
#include "worker/base/log.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUN_IDLE_US 250000 /* the client is served at least this often */
#define RUN_POLL_MS 5      /* while results are gathered */
#define RUN_FLUSH_MS 1     /* the client's own flush looks only every 10 ms */
#define RUN_SEND_MS 5000
#define RUN_STRICT_US 3000000 /* longer than the longest pause after an abort */
#define RUN_EMPTY_US 2000000
#define RUN_DOUBT_US 2000000 /* an end that takes longer may have been sent twice */
#define RUN_BACKOFF_US 50000 /* after an abort, doubled up to ... */
#define RUN_MAX_BACKOFF_US 2000000
#define RUN_MAKE_US 200000 /* between two attempts at an instance, doubled up to ... */
#define RUN_MAX_MAKE_US 5000000
#define RUN_END_US 3000000
#define RUN_MIN_BATCH 16384

/* -- states, and what they mean to others ----------------------------------------------------- */

static void run_state(weir_kafka_txn *txn, txn_state state, const char *text)
{
    rd_kafka_t *member;
    weir_kafka_reader *src;

    weir_lock_take(&txn->lock);
    txn->state = state;
    txn->is_given_up = false;
    snprintf(txn->text, sizeof(txn->text), "%.250s", text);
    weir_lock_give(&txn->lock);
    weir_signal_raise(&txn->change, INT_MAX);
    if ((src = weir_kafka_txn_use(txn, &member)) != NULL) {
        weir_signal_raise(&src->signal, INT_MAX);
        weir_kafka_txn_unuse(txn);
    }
}

/* -- the end of a transaction -------------------------------------------------------------- */

/* Everything is with the broker. */
static txn_end run_flush(weir_kafka_txn *txn)
{
    while (rd_kafka_outq_len(txn->rk) > 0 && txn->n_failed == 0 && !txn->is_fatal &&
           !atomic_load(&txn->is_closing)) {
        weir_kafka_txn_serve(txn, RUN_FLUSH_MS);
    }
    if (txn->is_fatal) {
        return TXN_UNKNOWN;
    }
    return txn->n_failed > 0 || atomic_load(&txn->is_closing) ? TXN_ABORT : TXN_OK;
}

bool weir_kafka_txn_is_member(const rd_kafka_consumer_group_metadata_t *group,
                              const char *name)
{
    rd_kafka_consumer_group_metadata_t *nobody =
        rd_kafka_consumer_group_metadata_new_with_genid(name, -1, "", NULL);
    const rd_kafka_consumer_group_metadata_t *const both[] = { group, nobody };
    void *texts[2] = { NULL, NULL };
    size_t sizes[2] = { 0, 0 };
    bool is_read = nobody != NULL;

    for (size_t i = 0; i < 2 && is_read; i++) {
        rd_kafka_error_t *error =
            rd_kafka_consumer_group_metadata_write(both[i], &texts[i], &sizes[i]);

        is_read = error == NULL;
        rd_kafka_error_destroy(error);
    }
    const bool is_member =
        is_read && (sizes[0] != sizes[1] || memcmp(texts[0], texts[1], sizes[0]) != 0);

    for (size_t i = 0; i < 2; i++) {
        if (texts[i] != NULL) {
            rd_kafka_mem_free(NULL, texts[i]);
        }
    }
    if (nobody != NULL) {
        rd_kafka_consumer_group_metadata_destroy(nobody);
    }
    return is_member;
}

/*
 * The positions, and the generation that they are of. The generation is asked for first: if
 * every partition is still ours after that, it is one in which they were.
 */
static txn_end run_positions(weir_kafka_txn *txn,
                             rd_kafka_consumer_group_metadata_t **out)
{
    rd_kafka_t *member;
    weir_kafka_reader *src = weir_kafka_txn_use(txn, &member);
    weir_status st = WEIR_ECLOSED;

    *out = NULL;
    if (src == NULL) {
        return TXN_ABORT;
    }
    if (member != NULL) {
        weir_kafka_dog_begin(&txn->dog, "consumer_group_metadata");
        *out = rd_kafka_consumer_group_metadata(member);
        weir_kafka_dog_end(&txn->dog);
    }
    if (*out != NULL &&
        weir_kafka_txn_is_member(*out, txn->setup->source_setup->group)) {
        st = weir_kafka_plan_make(src, txn->runs, &txn->plan);
    }
    weir_kafka_txn_unuse(txn);
    if (st != WEIR_OK) {
        weir_kafka_txn_why(txn, "positions", "not a member of the group now");
    } else if (txn->plan.n_planned == txn->n_items) {
        if (txn->plan.is_whole) {
            return TXN_OK;
        }
        txn->strict_until_us = weir_clock_us() + RUN_STRICT_US;
        weir_kafka_txn_why(txn, "positions", "their metadata has no room for more");
    } else {
        weir_kafka_txn_why(txn, "positions", "a partition has gone");
    }
    if (*out != NULL) {
        rd_kafka_consumer_group_metadata_destroy(*out);
        *out = NULL;
    }
    return TXN_ABORT;
}

static txn_end run_send(weir_kafka_txn *txn,
                        const rd_kafka_consumer_group_metadata_t *group)
{
    txn_end end = TXN_AGAIN;

    while (end == TXN_AGAIN && !txn->is_fatal) {
        weir_kafka_dog_begin(&txn->dog, "send_offsets_to_transaction");
        rd_kafka_error_t *error = rd_kafka_send_offsets_to_transaction(
            txn->rk, txn->plan.list, group, RUN_SEND_MS);

        weir_kafka_dog_end(&txn->dog);
        if (error != NULL &&
            rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE) {
            rd_kafka_t *member;
            weir_kafka_reader *src = weir_kafka_txn_use(txn, &member);

            if (src != NULL) {
                weir_kafka_map_too_large(src, txn->plan.list);
                weir_kafka_txn_unuse(txn);
            }
        }
        end = weir_kafka_txn_read(txn, "positions", error);
        if (end == TXN_AGAIN && atomic_load(&txn->is_closing)) {
            end = TXN_ABORT;
        }
    }
    return txn->is_fatal ? TXN_UNKNOWN : end;
}

/* Commits, or aborts. An answer that did not come, or late, leaves a doubt. */
static txn_end run_finish(weir_kafka_txn *txn, bool is_commit)
{
    const int64_t begun_us = weir_clock_us();
    txn_end end = TXN_AGAIN;
    bool is_doubtful = false;

    txn->is_doubtful = false;
    while (end == TXN_AGAIN && !txn->is_fatal) {
        weir_kafka_dog_begin(&txn->dog,
                             is_commit ? "commit_transaction" : "abort_transaction");
        rd_kafka_error_t *error = is_commit ? rd_kafka_commit_transaction(txn->rk, -1)
                                            : rd_kafka_abort_transaction(txn->rk, -1);

        weir_kafka_dog_end(&txn->dog);
        weir_kafka_txn_serve(txn, 0);
        end = weir_kafka_txn_read(txn, is_commit ? "commit" : "abort", error);
        is_doubtful = is_doubtful || end != TXN_OK || txn->is_doubtful;
        if (end == TXN_AGAIN && atomic_load(&txn->is_closing) &&
            weir_clock_us() >= txn->close_us) {
            end = TXN_UNKNOWN;
        }
    }
    txn->is_doubtful = is_doubtful || weir_clock_us() - begun_us > RUN_DOUBT_US;
    txn->is_open = txn->is_open && end != TXN_OK;
    return end;
}

static txn_end run_commit(weir_kafka_txn *txn)
{
    rd_kafka_consumer_group_metadata_t *group;
    rd_kafka_t *member;
    txn_end end = run_flush(txn);

    weir_lock_take(&txn->lock);
    const uint64_t n_asked = txn->n_asked;

    weir_lock_give(&txn->lock);
    if (end != TXN_OK || (end = run_positions(txn, &group)) != TXN_OK) {
        return end;
    }
    if (txn->plan.list->cnt > 0) {
        end = weir_kafka_txn_begin(txn);
        end = end == TXN_OK ? run_send(txn, group) : end;
        end = end == TXN_OK ? run_finish(txn, true) : end;
    }
    rd_kafka_consumer_group_metadata_destroy(group);
    if (end != TXN_OK) {
        return end;
    }
    weir_kafka_reader *src = weir_kafka_txn_use(txn, &member);

    if (src != NULL) {
        if (txn->plan.list->cnt > 0) {
            weir_kafka_plan_done(src, &txn->plan, txn->items, txn->n_items);
        }
        weir_kafka_txn_unuse(txn);
    }
    weir_lock_take(&txn->lock);
    txn->n_served = n_asked;
    weir_lock_give(&txn->lock);
    weir_signal_raise(&txn->change, INT_MAX);
    return TXN_OK;
}

/* -- what went wrong ----------------------------------------------------------------------- */

static void run_pause(weir_kafka_txn *txn)
{
    const unsigned shift = txn->n_aborts > 6 ? 6 : txn->n_aborts;
    int64_t us = (int64_t)RUN_BACKOFF_US << shift;

    us = us > RUN_MAX_BACKOFF_US ? RUN_MAX_BACKOFF_US : us;
    const int64_t until_us = weir_clock_us() + us;

    while (weir_clock_us() < until_us && !atomic_load(&txn->is_closing) &&
           !txn->is_fatal) {
        weir_kafka_txn_serve(txn, RUN_POLL_MS);
    }
}

/* Nobody knows what the broker has done: it is asked through the group's positions. */
static void run_break(weir_kafka_txn *txn)
{
    weir_kafka_txn_answer_done(txn);
    weir_log(WEIR_WARN, "kafka.txn.broken", "sub=%s id=%s text=%s",
             txn->setup->source_setup->sub_name, txn->id, txn->why);
    run_state(txn, TXN_BROKEN, txn->why);
    if (!weir_kafka_txn_unmake(txn, weir_clock_us() + RUN_END_US)) {
        weir_log(WEIR_WARN, "kafka.destroy.hangs", "client=%s", txn->client_id);
    }
    weir_kafka_txn_answer(txn, WEIR_SETTLED_GONE,
                          "what became of its transaction is not known");
}

/* What was sent behind a refused record is refused too, and goes back into the client's queue
 * when that has been emptied by the abort already; there it would stay for its ten seconds. */
static void run_empty(weir_kafka_txn *txn)
{
    const int64_t until_us = weir_clock_us() + RUN_EMPTY_US;

    while (rd_kafka_outq_len(txn->rk) > 0 && weir_clock_us() < until_us &&
           !txn->is_fatal) {
        rd_kafka_purge(txn->rk, RD_KAFKA_PURGE_F_QUEUE);
        weir_kafka_txn_serve(txn, RUN_FLUSH_MS);
    }
}

static void run_abort(weir_kafka_txn *txn)
{
    if (txn->is_open) {
        run_empty(txn);
    }
    if (txn->is_open && run_finish(txn, false) != TXN_OK) {
        run_break(txn);
        return;
    }
    const bool is_clear = txn->n_guilty > 0 || txn->wants_alone;

    if (txn->n_items > 0) {
        weir_log(
            WEIR_INFO, "kafka.txn.aborted", "sub=%s events=%zu refused=%zu text=%s",
            txn->setup->source_setup->sub_name, txn->n_items, txn->n_guilty, txn->why);
    }
    weir_kafka_txn_keep(txn);
    if (!is_clear && !atomic_load(&txn->is_closing)) {
        run_pause(txn);
        txn->n_aborts++;
    }
}

/* -- states -------------------------------------------------------------------------------- */

/* True if the next transaction needs another instance of the client. */
static bool run_wants_new(weir_kafka_txn *txn, txn_end end)
{
    if (txn->wants_alone && !txn->is_alone) {
        txn->is_alone = true;
        txn->wants_alone = false;
        txn->has_culprit = false;
        return true;
    }
    if (txn->is_alone && end == TXN_OK && txn->n_items > 0) {
        if (!txn->has_culprit && txn->batch / 2 < RUN_MIN_BATCH) {
            return txn->is_doubtful; /* it stays with single records */
        }
        txn->batch = txn->has_culprit ? txn->batch : txn->batch / 2;
        txn->is_alone = false;
        return true;
    }
    return txn->is_doubtful;
}

static bool run_has_work(weir_kafka_txn *txn)
{
    weir_lock_take(&txn->lock);
    const bool has_work = txn->waiting.n > 0 || txn->is_nudged || txn->is_hurried ||
                          txn->n_asked > txn->n_served;

    weir_lock_give(&txn->lock);
    return has_work;
}

static void run_transaction(weir_kafka_txn *txn)
{
    txn->n_failed = 0;
    txn->n_guilty = 0;
    txn->why[0] = '\0';
    txn_end end = weir_kafka_txn_gather(txn);

    end = end == TXN_OK ? run_commit(txn) : end;
    if (end == TXN_UNKNOWN || end == TXN_AGAIN) {
        run_break(txn);
        return;
    }
    if (end == TXN_ABORT) {
        run_abort(txn);
        if (txn->rk == NULL) {
            return;
        }
    }
    const bool wants_new = run_wants_new(txn, end);

    if (end == TXN_OK) {
        txn->n_aborts = 0;
        weir_kafka_txn_committed(txn);
        if (wants_new || !run_has_work(txn)) {
            weir_kafka_txn_answer_done(txn);
        }
    }
    if (wants_new) {
        run_state(txn, TXN_MAKING, "");
        weir_kafka_txn_unmake(txn, weir_clock_us() + RUN_END_US);
    }
}

static void run_ready(weir_kafka_txn *txn)
{
    const unsigned seen = weir_signal_read(&txn->work);

    weir_kafka_txn_serve(txn, 0);
    if (txn->is_fatal) {
        run_break(txn);
    } else if (run_has_work(txn)) {
        run_transaction(txn);
    } else if (!atomic_load(&txn->is_closing)) {
        weir_signal_wait(&txn->work, seen, weir_clock_us() + RUN_IDLE_US);
    }
}

static void run_make(weir_kafka_txn *txn)
{
    const unsigned seen = weir_signal_read(&txn->work);
    weir_err err = { .st = WEIR_OK };

    if (weir_clock_us() < txn->retry_us) {
        if (!atomic_load(&txn->is_closing)) {
            weir_signal_wait(&txn->work, seen, txn->retry_us);
        }
        return;
    }
    if (weir_kafka_txn_make(txn, &err) == WEIR_OK) {
        txn->backoff_us = RUN_MAKE_US;
        run_state(txn, TXN_READY, "");
        return;
    }
    if (!atomic_load(&txn->is_closing)) {
        weir_log(WEIR_WARN, "kafka.txn.unready", "sub=%s text=%s",
                 txn->setup->source_setup->sub_name, err.text);
    }
    run_state(txn, TXN_MAKING, err.text);
    txn->retry_us = weir_clock_us() + txn->backoff_us;
    txn->backoff_us =
        txn->backoff_us * 2 > RUN_MAX_MAKE_US ? RUN_MAX_MAKE_US : txn->backoff_us * 2;
}

/* Nothing is begun until the source has given all up, and will ask for positions anew. */
static void run_broken(weir_kafka_txn *txn)
{
    const unsigned seen = weir_signal_read(&txn->work);

    weir_kafka_txn_answer_waiting(txn, WEIR_SETTLED_GONE,
                                  "what became of a transaction is not known");
    weir_lock_take(&txn->lock);
    const bool is_over = txn->is_given_up || txn->src == NULL;

    weir_lock_give(&txn->lock);
    if (is_over) {
        run_state(txn, TXN_MAKING, "");
    } else if (!atomic_load(&txn->is_closing)) {
        weir_signal_wait(&txn->work, seen, weir_clock_us() + RUN_IDLE_US);
    }
}

/* The worker stops; what is left was not committed, and is not. */
static void run_end(weir_kafka_txn *txn)
{
    const int64_t left_us = txn->close_us - weir_clock_us();
    bool is_clean = true;

    if (txn->is_open) {
        weir_kafka_dog_begin(&txn->dog, "abort_transaction");
        rd_kafka_error_t *error = rd_kafka_abort_transaction(
            txn->rk, left_us < 1000 ? 1 : (int)(left_us / 1000));

        weir_kafka_dog_end(&txn->dog);
        if (error != NULL) {
            rd_kafka_error_destroy(error); /* the next owner of the id does it */
        }
    }
    weir_kafka_txn_answer_done(txn);
    is_clean = weir_kafka_txn_unmake(txn, txn->close_us);
    weir_kafka_txn_answer(txn, WEIR_SETTLED_AGAIN, "the worker is stopping");
    weir_kafka_txn_answer_waiting(txn, WEIR_SETTLED_AGAIN, "the worker is stopping");
    atomic_store(&txn->is_clean, is_clean);
}

void *weir_kafka_txn_main(void *arg)
{
    weir_kafka_txn *txn = arg;

    txn->backoff_us = RUN_MAKE_US;
    while (!atomic_load(&txn->is_closing)) {
        switch (txn->state) { /* only this thread changes it */
        case TXN_MAKING:
            run_make(txn);
            break;
        case TXN_READY:
            run_ready(txn);
            break;
        case TXN_BROKEN:
            run_broken(txn);
            break;
        }
    }
    run_end(txn);
    atomic_store(&txn->is_over, true);
    weir_signal_raise(&txn->change, INT_MAX);
    return NULL;
}
