/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_txn_producer - one transactional instance of the client, and what it says of outputs.
 *
 * A broker refuses a whole batch for one record that is too large, and a transaction with a
 * refused record can only be aborted. A record that fills a batch of its own can be blamed at
 * once; else the next instance puts every record into a batch of its own until one of them is
 * refused, or all have passed: then the topic takes less than our batches, and these become
 * smaller.
 */
#include "triggers/kafka_txn_state.h"

#include "triggers/kafka_end.h"
#include "worker/base/check.h"
#include "worker/base/clock.h"
#include "worker/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TXN_TIMEOUT_MS "10000" /* the broker aborts what is open for longer */
#define TXN_INIT_MS 2000
#define TXN_FULL_MS 5
#define TXN_PURGE_US 5000000

/* -- what the client says ------------------------------------------------------------------ */

void weir_kafka_txn_why(weir_kafka_txn *txn, const char *call, const char *text)
{
    if (txn->why[0] == '\0') {
        snprintf(txn->why, sizeof(txn->why), "%s: %.200s", call, text);
    }
}

static void txn_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    weir_kafka_txn *txn = opaque;
    char text[256];

    if (code == (int)RD_KAFKA_RESP_ERR__FATAL) {
        rd_kafka_fatal_error(rk, text, sizeof(text));
        txn->is_fatal = true;
        weir_kafka_txn_why(txn, "the client", text);
        return;
    }
    /* A connection that broke may have taken a request along. */
    txn->is_doubtful = true;
    weir_log(code == (int)RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ? WEIR_WARN : WEIR_DEBUG,
             "kafka.txn.error", "client=%s text=%s", rd_kafka_name(rk), reason);
}

/* Bytes of an output on the wire, about. */
static size_t txn_out_size(const weir_out *out)
{
    size_t n = out->key.len + out->data.len;

    for (size_t i = 0; i < out->n_headers; i++) {
        n += strlen(out->headers[i].name) + out->headers[i].value.len;
    }
    return n;
}

size_t weir_kafka_txn_bytes(const weir_settle_item *item)
{
    size_t n = 0;

    for (const weir_out *out = item->outs; out != NULL; out = out->next) {
        n += sizeof(*out) + txn_out_size(out);
    }
    return n;
}

/* An output is refused; its suspicion says for what, if it is to blame. */
static void txn_fail(weir_kafka_txn *txn, weir_out *out, rd_kafka_resp_err_t code,
                     bool is_alone)
{
    const weir_sent sent = weir_kafka_producer_class(code, is_alone);

    txn->n_failed++;
    weir_kafka_txn_why(txn, "a result", rd_kafka_err2str(code));
    if (sent != WEIR_SENT_AGAIN) {
        out->suspicion = 1 + (uint32_t)sent;
        txn->n_guilty++;
        txn->has_culprit = true;
    } else if (weir_kafka_producer_class(code, true) != WEIR_SENT_AGAIN) {
        txn->wants_alone = true;
    }
}

const weir_out *weir_kafka_txn_guilty(const weir_settle_item *item, weir_settled *why)
{
    for (const weir_out *out = item->outs; out != NULL; out = out->next) {
        if (out->suspicion != 0) {
            *why = (weir_settled)(out->suspicion - 1);
            return out;
        }
    }
    return NULL;
}

static void txn_answer(rd_kafka_t *rk, const rd_kafka_message_t *msg, void *opaque)
{
    weir_kafka_txn *txn = opaque;
    weir_out *out = msg->_private;

    (void)rk;
    WEIR_ASSERT(atomic_load_explicit(&out->is_handed, memory_order_acquire));
    weir_kafka_headers_back(out, weir_kafka_headers_detach(msg), &txn->back);
    if (msg->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        txn_fail(txn, out, msg->err, txn->is_alone || txn_out_size(out) >= txn->batch);
    }
}

void weir_kafka_txn_serve(weir_kafka_txn *txn, int wait_ms)
{
    rd_kafka_poll(txn->rk, wait_ms);
    weir_kafka_headers_give(&txn->headers, &txn->back);
}

txn_end weir_kafka_txn_read(weir_kafka_txn *txn, const char *call,
                            rd_kafka_error_t *error)
{
    txn_end end = TXN_UNKNOWN;

    if (error == NULL) {
        return txn->is_fatal ? TXN_UNKNOWN : TXN_OK;
    }
    if (rd_kafka_error_is_fatal(error)) {
        txn->is_fatal = true;
    } else if (rd_kafka_error_txn_requires_abort(error)) {
        end = TXN_ABORT;
    } else if (rd_kafka_error_is_retriable(error)) {
        end = TXN_AGAIN;
    }
    if (end != TXN_AGAIN) {
        weir_kafka_txn_why(txn, call, rd_kafka_error_string(error));
    }
    rd_kafka_error_destroy(error);
    return end;
}

/* -- outputs ------------------------------------------------------------------------------- */

/* This instance's handle of a target; NULL: there is none. */
static rd_kafka_topic_t *txn_topic_of(weir_kafka_txn *txn,
                                      const weir_kafka_target *target)
{
    for (size_t i = 0; i < txn->n_topics; i++) {
        if (txn->topics[i].target == target) {
            return txn->topics[i].topic;
        }
    }
    if (txn->n_topics == txn->cap_topics) {
        const size_t cap = txn->cap_topics == 0 ? 8 : txn->cap_topics * 2;
        txn_topic *grown = realloc(txn->topics, cap * sizeof(*grown));

        if (grown == NULL) {
            return NULL;
        }
        txn->topics = grown;
        txn->cap_topics = cap;
    }
    rd_kafka_topic_t *topic =
        weir_kafka_producer_topic(txn->queue, txn->setup->sink, txn->rk, target->name);

    if (topic != NULL) {
        txn->topics[txn->n_topics++] = (txn_topic){ target, topic };
    }
    return topic;
}

/* Outputs that have their headers. */
static void txn_produce_outs(weir_kafka_txn *txn, weir_out *const *outs, size_t n)
{
    const int64_t now_ms = weir_clock_wall_ms();
    const size_t n_ready = weir_kafka_headers_take(&txn->headers, outs, n);
    size_t at = 0;

    while (at < n_ready && txn->n_failed == 0 && !txn->is_fatal) {
        rd_kafka_topic_t *topic = txn_topic_of(txn, outs[at]->target);
        const rd_kafka_resp_err_t code =
            topic == NULL ? RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION
                          : weir_kafka_producer_send(txn->rk, topic, outs[at], now_ms);

        if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL && !atomic_load(&txn->is_closing)) {
            weir_kafka_txn_serve(txn, TXN_FULL_MS);
            continue;
        }
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
            txn_fail(txn, outs[at], code, true);
            break;
        }
        at++;
    }
    if (n_ready < n && txn->n_failed == 0) {
        txn->n_failed++;
        weir_kafka_txn_why(txn, "a result", "out of memory");
    }
    for (; at < n; at++) {
        weir_kafka_headers_unsent(outs[at], &txn->back);
    }
}

void weir_kafka_txn_produce(weir_kafka_txn *txn, weir_settle_item *const *items,
                            size_t n)
{
    weir_out *outs[TXN_RUN];
    size_t n_outs = 0;

    for (size_t i = 0; i < n; i++) {
        for (weir_out *out = items[i]->outs; out != NULL; out = out->next) {
            out->suspicion = 0;
            outs[n_outs++] = out;
            if (n_outs == TXN_RUN) {
                txn_produce_outs(txn, outs, n_outs);
                n_outs = 0;
            }
        }
    }
    txn_produce_outs(txn, outs, n_outs);
}

/* -- an instance --------------------------------------------------------------------------- */

static weir_status txn_conf(weir_kafka_txn *txn, rd_kafka_conf_t **out, weir_err *err)
{
    char batch[32];
    weir_kafka_prop props[24];
    size_t n = weir_kafka_producer_props(props);

    snprintf(batch, sizeof(batch), "%zu", txn->batch);
    props[n++] = (weir_kafka_prop){ "client.id", txn->client_id, false };
    props[n++] = (weir_kafka_prop){ "transactional.id", txn->id, false };
    props[n++] = (weir_kafka_prop){ "transaction.timeout.ms", TXN_TIMEOUT_MS, false };
    props[n++] = (weir_kafka_prop){ "message.timeout.ms", TXN_TIMEOUT_MS, false };
    props[n++] = (weir_kafka_prop){ "linger.ms", txn->is_alone ? "0" : "1", false };
    if (txn->is_alone) {
        props[n++] = (weir_kafka_prop){ "batch.num.messages", "1", false };
    } else {
        props[n++] = (weir_kafka_prop){ "batch.size", batch, false };
    }
    props[n] = (weir_kafka_prop){ NULL, NULL, false };
    WEIR_ASSERT(n < sizeof(props) / sizeof(props[0]));
    return weir_kafka_conf_new(txn->queue, WEIR_KAFKA_PRODUCER, props, out, err);
}

static void txn_say(weir_kafka_txn *txn, const char *text)
{
    weir_lock_take(&txn->lock);
    snprintf(txn->text, sizeof(txn->text), "%.250s", text);
    weir_lock_give(&txn->lock);
}

/* Takes the id over: what its last owner left open is ended by the broker. */
static weir_status txn_init(weir_kafka_txn *txn, weir_err *err)
{
    for (;;) {
        weir_kafka_dog_begin(&txn->dog, "init_transactions");
        rd_kafka_error_t *error = rd_kafka_init_transactions(txn->rk, TXN_INIT_MS);

        weir_kafka_dog_end(&txn->dog);
        weir_kafka_txn_serve(txn, 0);
        if (error == NULL) {
            return WEIR_OK;
        }
        const rd_kafka_resp_err_t code = rd_kafka_error_code(error);
        const bool is_over = !rd_kafka_error_is_retriable(error) || txn->is_fatal ||
                             atomic_load(&txn->is_closing);

        weir_fail(err, weir_kafka_status(code), "transactional id %s: %s", txn->id,
                  rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
        txn_say(txn, err->text);
        if (is_over) {
            return err->st == WEIR_OK ? WEIR_EIO : err->st;
        }
    }
}

weir_status weir_kafka_txn_make(weir_kafka_txn *txn, weir_err *err)
{
    rd_kafka_conf_t *conf = NULL;
    char text[512];
    weir_status st = txn_conf(txn, &conf, err);

    if (st != WEIR_OK) {
        return st;
    }
    rd_kafka_conf_set_opaque(conf, txn);
    rd_kafka_conf_set_dr_msg_cb(conf, txn_answer);
    rd_kafka_conf_set_error_cb(conf, txn_error);
    txn->is_fatal = false;
    txn->is_doubtful = false;
    txn->why[0] = '\0';
    txn->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
    if (txn->rk == NULL) {
        rd_kafka_conf_destroy(conf);
        return weir_fail(err, WEIR_ECONFIG, "%s", text);
    }
    rd_kafka_set_log_queue(txn->rk, NULL);
    st = txn_init(txn, err);
    if (st != WEIR_OK) {
        weir_kafka_txn_unmake(txn, weir_clock_us() + TXN_PURGE_US);
    }
    return st;
}

bool weir_kafka_txn_unmake(weir_kafka_txn *txn, int64_t until_us)
{
    if (txn->rk == NULL) {
        return true;
    }
    const int64_t least_us = weir_clock_us() + TXN_PURGE_US;

    rd_kafka_purge(txn->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    while (rd_kafka_outq_len(txn->rk) > 0 && weir_clock_us() < least_us) {
        weir_kafka_txn_serve(txn, 10);
    }
    weir_kafka_txn_serve(txn, 0);
    if (rd_kafka_outq_len(txn->rk) > 0) {
        /* It still reads outputs that somebody else is about to free. */
        weir_log(WEIR_ERROR, "kafka.txn.hangs", "sub=%s call=purge exit=75",
                 txn->setup->source_setup->sub_name);
        _exit(75);
    }
    for (size_t i = 0; i < txn->n_topics; i++) {
        rd_kafka_topic_destroy(txn->topics[i].topic);
    }
    txn->n_topics = 0;
    txn->is_open = false;
    return weir_kafka_end(&txn->rk, 0, until_us);
}
