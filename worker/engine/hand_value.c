/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* hand_value - the values of the events that a thread runs; see hand.h. */
#include "worker/engine/hand.h"

#define HAND_FETCH_STEP 64 /* bytes: a line of the cache */
/* Bytes of a payload; what follows the processor fetches by itself. */
#define HAND_FETCH_MOST 512

/* Has the processor fetch the payloads that are decoded next: they are far away, and asked for
 * one after another each costs a wait. Before others may take them from the claim. */
void weir_hand_fetch(const weir_line *line, weir_job *const *jobs, size_t n)
{
    if (!line->sub->codec->gives_value) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const weir_slice data = jobs[i]->ev.data;

        for (size_t at = 0; at < data.len && at < HAND_FETCH_MOST;
             at += HAND_FETCH_STEP) {
            __builtin_prefetch(data.data + at, 0, 2);
        }
    }
}

/*
 * A value that ends with its call is made in memory of this thread, again and again the same,
 * so that it is in the cache when the function reads it: the events' own memory is many times
 * larger than that.
 */
weir_status weir_hand_decode(weir_hand *hand, const weir_line *line, weir_job *job,
                             weir_err *err)
{
    const weir_codec_ops *codec =
        job->ev.is_object ? &weir_codec_json : line->sub->codec;
    weir_arena *own = job->ev.arena;
    weir_status st;

    if (!codec->gives_value || job->ev.is_decoded) {
        return WEIR_OK;
    }
    if (!weir_line_lends(line)) {
        return codec->decode(&job->ev, err);
    }
    weir_arena_reset(&hand->values);
    job->ev.arena = &hand->values;
    st = codec->decode(&job->ev, err);
    job->ev.arena = own;
    if (st == WEIR_OK) {
        job->call.lent = &hand->values;
    }
    return st;
}

void weir_hand_forget(weir_job *job)
{
    if (job->call.lent != NULL) {
        weir_ev_forget(&job->ev);
        job->call.lent = NULL;
    }
}
