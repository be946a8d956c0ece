/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* intake_key - what intake wants to know of a payload: the lane's key, and values for filters;
 * see line.h. */
#include "worker/engine/line.h"

#include "worker/base/check.h"

#define INTAKE_OWN_NS 1000000 /* functions slower than this get copies, see below */
#define INTAKE_FETCH_STEP 64  /* bytes: a line of the cache */

/*
 * A held record pins its whole fetch buffer, so only what is short-lived stays with the
 * client: events of functions that are known to take under a millisecond.
 */
bool weir_intake_wants_copies(const weir_line *line)
{
    return atomic_load_explicit(&line->mean_ns, memory_order_relaxed) >= INTAKE_OWN_NS;
}

/* Has the processor fetch what will be looked at: the beginning of a payload is far away, as
 * another processor may have received it. */
void weir_intake_fetch(const weir_line *line, const weir_event *ev)
{
    const char *data = ev->data.data;

    if (line->sub->key_pointer != NULL && data != NULL) {
        __builtin_prefetch(data);
        __builtin_prefetch(data + INTAKE_FETCH_STEP);
    }
}

/* Decodes here only where a filter needs it, or a key that cannot be picked. A failure is the event's fault. */
weir_status weir_intake_decode(const weir_line *line, weir_job *job)
{
    weir_status st = WEIR_OK;
    const weir_codec_ops *codec =
        job->ev.is_object ? &weir_codec_json : line->sub->codec;
    weir_err err WEIR_UNINIT;

    if (job->ev.fault != WEIR_FAULT_NONE || job->ev.is_decoded || !codec->gives_value) {
        return WEIR_OK;
    }
    /* The value may point into the bytes: those that will be copied are copied before. One
     * that parks later is decoded again from its copy. */
    if (weir_intake_wants_copies(line)) {
        st = weir_ev_own(&job->ev);
    }
    if (st == WEIR_OK) {
        st = codec->decode(&job->ev, &err);
    }
    if (st != WEIR_OK && st != WEIR_ENOMEM) {
        weir_ev_fault(&job->ev, WEIR_FAULT_DECODE, "%s", err.text);
        st = WEIR_OK;
    }
    return st;
}

/*
 * The key that an event's value names. It is picked out of the bytes where that will do, so
 * that decoding, which costs many times as much, is left to the threads that run functions,
 * where bytes that do not decode become a dead letter in their lane's turn.
 */
static weir_status intake_value_key(const weir_line *line, weir_job *job,
                                    weir_buf *scratch, weir_slice *key, bool *has_key)
{
    const weir_sub *sub = line->sub;
    const weir_codec_ops *codec = job->ev.is_object ? &weir_codec_json : sub->codec;
    weir_status st;

    if (job->ev.fault == WEIR_FAULT_NONE && !job->ev.is_decoded &&
        codec->pick != NULL && weir_line_lends(line)) {
        const weir_pick pick = codec->pick(&job->ev, sub->key_pointer, scratch, key);

        *has_key = pick == WEIR_PICK_FOUND;
        if (pick != WEIR_PICK_DOUBT) {
            return WEIR_OK;
        }
    }
    if ((st = weir_intake_decode(line, job)) == WEIR_OK) {
        *has_key =
            job->ev.is_decoded &&
            weir_val_key(weir_val_find(job->ev.value, sub->key_pointer), scratch, key);
        if (job->ev.is_decoded && !*has_key && scratch->has_failed) {
            st = WEIR_ENOMEM; /* no key would mean no lane, and so no order */
        }
    }
    return st;
}

weir_status weir_intake_key(const weir_line *line, weir_job *job, weir_buf *scratch,
                            weir_slice *key, bool *has_key)
{
    const weir_sub *sub = line->sub;

    *has_key = false;
    switch (sub->order) {
    case WEIR_ORDER_NONE:
        break;
    case WEIR_ORDER_PARTITION:
        *key = WEIR_SLICE_LIT("");
        *has_key = true;
        break;
    case WEIR_ORDER_KEY:
        if (sub->key_pointer != NULL) {
            return intake_value_key(line, job, scratch, key, has_key);
        }
        *key = job->ev.key;
        *has_key = key->data != NULL;
        break;
    }
    return WEIR_OK;
}
