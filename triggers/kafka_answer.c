/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_answer - what the client's answers mean for outputs and for their targets; see
 * kafka_producer.h.
 *
 * Inside the delivery report only the message is looked at, which the client has just touched
 * itself. Outputs and their lists have not been since they were sent: they are gone through
 * afterwards, together, so that the next ones are on their way from memory meanwhile.
 */
#include "triggers/kafka_producer.h"

#include "worker/base/check.h"
#include "worker/base/clock.h"

#include <limits.h>
#include <string.h>

#define ANSWER_SUSPECT_US 5000000 /* then suspects that never came back are forgotten */
#define ANSWER_STAY_US 100000     /* alone, where one refused batch follows another */
#define ANSWER_STAY_MAX_US 5000000
#define ANSWER_FOLLOWS_US 10000000
#define ANSWER_AHEAD 8 /* answers that are fetched into the cache in advance */

static void answer_count(weir_kafka_producer *producer)
{
    if (producer->n_of_target > 0) {
        atomic_fetch_sub(&producer->target->n_out, producer->n_of_target);
        producer->n_of_target = 0;
    }
}

weir_sent weir_kafka_producer_class(rd_kafka_resp_err_t code, bool is_alone)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        return WEIR_SENT_OK;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
        return is_alone ? WEIR_SENT_TOO_LARGE : WEIR_SENT_AGAIN;
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
        return is_alone ? WEIR_SENT_INVALID : WEIR_SENT_AGAIN;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        return WEIR_SENT_UNKNOWN;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        return WEIR_SENT_DENIED;
    default:
        return WEIR_SENT_AGAIN;
    }
}

/* Bytes of an output on the wire, about. */
static size_t answer_size(const weir_out *out)
{
    size_t n = out->key.len + out->data.len;

    for (size_t i = 0; i < out->n_headers; i++) {
        n += strlen(out->headers[i].name) + out->headers[i].value.len;
    }
    return n;
}

static void answer_suspect_begin_locked(weir_kafka_target *target)
{
    const int64_t now = weir_clock_us();

    if (target->returned_us == 0 || now - target->returned_us > ANSWER_FOLLOWS_US) {
        target->stay_us = 0;
    } else {
        target->stay_us = target->stay_us == 0 ? ANSWER_STAY_US : target->stay_us * 2;
        target->stay_us =
            target->stay_us > ANSWER_STAY_MAX_US ? ANSWER_STAY_MAX_US : target->stay_us;
    }
    target->want = WEIR_KAFKA_ALONE;
    target->suspicion++;
    target->n_suspects = 0;
    target->has_culprit = false;
    target->suspected_us = now;
}

static void answer_suspect_add_locked(weir_kafka_target *target, weir_out *out)
{
    if (out->suspicion != target->suspicion) {
        out->suspicion = target->suspicion;
        target->n_suspects++;
    }
}

/* Some record of a batch is refused, not known which: each is sent again alone. */
static void answer_suspect_locked(weir_kafka_target *target, weir_out *out)
{
    if (target->want != WEIR_KAFKA_ALONE) {
        answer_suspect_begin_locked(target);
    }
    target->is_doubt = false;
    answer_suspect_add_locked(target, out);
}

void weir_kafka_answer_doubt_locked(weir_kafka_target *target, weir_out *out)
{
    if (target->want != WEIR_KAFKA_ALONE) {
        answer_suspect_begin_locked(target);
        target->is_doubt = true;
    }
    answer_suspect_add_locked(target, out);
}

void weir_kafka_answer_place_locked(weir_kafka_target *target, weir_sent sent)
{
    target->is_missing = sent == WEIR_SENT_UNKNOWN || sent == WEIR_SENT_DENIED;
    if (sent == WEIR_SENT_DENIED) {
        target->is_denied = true;
        target->want = WEIR_KAFKA_ALONE;
    }
}

/* All suspects are written. */
static void answer_acquit_locked(weir_kafka_target *target, const weir_out *out)
{
    if (!target->is_doubt) { /* none of them: the batch was too large */
        weir_kafka_producer_learn_locked(target);
        return;
    }
    const size_t size = out->key.len + out->data.len;

    target->want = WEIR_KAFKA_BATCHED;
    if (!target->is_limit_known && size > target->sure_bytes) {
        target->sure_bytes = size;
    }
}

/* A suspect, or another record that was alone, has its answer. */
static void answer_clear_locked(weir_kafka_target *target, weir_out *out,
                                weir_sent sent)
{
    const bool was_suspect = out->suspicion != 0 && out->suspicion == target->suspicion;

    if (target->is_denied && sent == WEIR_SENT_OK) {
        target->is_denied = false;
        if (!target->is_small && target->n_suspects == 0) {
            target->want = WEIR_KAFKA_BATCHED;
        }
        weir_kafka_producer_learn_locked(target);
    }
    if (sent == WEIR_SENT_AGAIN || target->is_small ||
        target->want != WEIR_KAFKA_ALONE) {
        return;
    }
    if (sent == WEIR_SENT_TOO_LARGE || sent == WEIR_SENT_INVALID) {
        target->has_culprit = true;
        target->sure_bytes =
            target->is_limit_known ? target->sure_bytes : WEIR_KAFKA_SURE;
    }
    if (target->has_culprit) {
        const int64_t now = weir_clock_us();

        if (now - target->suspected_us >= target->stay_us) {
            target->want = WEIR_KAFKA_BATCHED;
            target->n_suspects = 0;
            target->returned_us = now;
            weir_kafka_producer_learn_locked(target); /* has it become smaller? */
        }
    } else if (was_suspect) {
        out->suspicion = 0;
        if (--target->n_suspects == 0) {
            answer_acquit_locked(target, out);
        }
    }
}

static weir_sent answer_judge(weir_kafka_producer *producer, weir_out *out,
                              rd_kafka_resp_err_t code)
{
    weir_kafka_target *target = out->target;
    weir_sent sent = WEIR_SENT_OK;

    weir_lock_take(&producer->sink->lock);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        const bool is_alone = producer->kind == WEIR_KAFKA_ALONE ||
                              answer_size(out) >= WEIR_KAFKA_BATCH ||
                              (target->is_learning && atomic_load(&target->n_out) == 1);

        sent = weir_kafka_producer_class(code, is_alone);
        if (sent != weir_kafka_producer_class(code, true)) {
            answer_suspect_locked(target, out);
        }
        weir_kafka_answer_place_locked(target, sent);
    }
    if (producer->kind == WEIR_KAFKA_ALONE) {
        answer_clear_locked(target, out, sent);
    }
    weir_lock_give(&producer->sink->lock);
    return sent;
}

/* Completes one result. The outputs have not been looked at since they were sent. */
static void answer_finish(weir_kafka_producer *producer, size_t i)
{
    const weir_kafka_answer *answer = &producer->answers[i];
    weir_sent_result *result = &producer->results[i];
    weir_out *out = result->out;

    WEIR_ASSERT(atomic_load_explicit(&out->is_handed, memory_order_acquire));
    if (answer->code != RD_KAFKA_RESP_ERR_NO_ERROR ||
        producer->kind == WEIR_KAFKA_ALONE) {
        answer_count(producer);
        result->sent = answer_judge(producer, out, answer->code);
        result->text = answer->code == RD_KAFKA_RESP_ERR_NO_ERROR
                           ? NULL
                           : rd_kafka_err2str(answer->code);
    }
    if (out->target != producer->target) {
        answer_count(producer);
        producer->target = out->target;
    }
    producer->n_of_target++;
    producer->n_bytes += answer_size(out);
    weir_kafka_headers_back(out, answer->list, &producer->back);
}

void weir_kafka_answer_hand_on(weir_kafka_producer *producer)
{
    weir_kafka_sender *sink = producer->sink;
    const size_t n = producer->n_results;

    if (n == 0) {
        return;
    }
    producer->n_results = 0;
    for (size_t i = 0; i < n; i++) {
        if (i + 2 * ANSWER_AHEAD < n) {
            __builtin_prefetch(producer->results[i + 2 * ANSWER_AHEAD].out, 1);
        }
        if (i + ANSWER_AHEAD < n) {
            weir_out *out = producer->results[i + ANSWER_AHEAD].out;

            if (atomic_load_explicit(&out->is_handed, memory_order_acquire)) {
                __builtin_prefetch(out->carried, 1);
            }
        }
        answer_finish(producer, i);
    }
    answer_count(producer);
    weir_kafka_headers_give(&sink->headers, &producer->back);
    const size_t n_bytes = producer->n_bytes;

    producer->n_bytes = 0;
    sink->setup.done(sink->setup.arg, producer->results, n);
    atomic_fetch_sub(&sink->n_bytes, (long long)n_bytes);
    atomic_fetch_sub(&sink->n_out, n);
    weir_signal_raise(&sink->signal, INT_MAX);
}

void weir_kafka_answer_take(rd_kafka_t *rk, const rd_kafka_message_t *msg, void *opaque)
{
    weir_kafka_producer *producer = opaque;
    const size_t n = producer->n_results++;

    (void)rk;
    producer->results[n] =
        (weir_sent_result){ .out = msg->_private, .sent = WEIR_SENT_OK };
    producer->answers[n] =
        (weir_kafka_answer){ .code = msg->err, .list = weir_kafka_headers_detach(msg) };
    if (n + 1 == WEIR_KAFKA_ANSWERS) {
        weir_kafka_answer_hand_on(producer);
    }
}

void weir_kafka_answer_forget_locked(weir_kafka_target *target, int64_t now)
{
    if (target->want == WEIR_KAFKA_ALONE && !target->is_small && !target->is_learning &&
        now - target->suspected_us > ANSWER_SUSPECT_US) {
        target->suspected_us = now;
        target->n_suspects = 0;
        target->want = target->is_doubt && !target->is_denied ? WEIR_KAFKA_BATCHED
                                                              : WEIR_KAFKA_ALONE;
        weir_kafka_producer_learn_locked(target);
    }
}
