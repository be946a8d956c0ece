/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* intake_skip - passing what the client cannot read: publish first, then move. */
#include "worker/engine/line.h"

#include "worker/base/clock.h"
#include "worker/base/log.h"

/* An event that stands for what the client cannot read: no payload, only its place. */
static weir_job *skip_omitted(weir_intake *in, weir_line_part *part)
{
    weir_job *job = NULL;
    const char *queue = in->source->setup.queue_name;
    char *where;

    if (weir_line_jobs_new(in, &job, 1) == 0) {
        return NULL;
    }
    where = part->part.partition < 0
                ? weir_arena_printf(&job->arena, "%s:%s@", queue, part->topic)
                : weir_arena_printf(&job->arena, "%s:%s/%d@", queue, part->topic,
                                    (int)part->part.partition);
    if (where == NULL || !weir_intake_charge(in, part, job)) {
        weir_line_job_free(in, job);
        return NULL;
    }
    job->ev.where = weir_slice_of(where);
    job->ev.topic = part->topic;
    job->ev.partition = part->part.partition;
    job->ev.is_redis = part->part.partition < 0;
    job->ev.time_ms = -1;
    job->ev.receipt =
        (weir_receipt){ part->part.slot, part->part.epoch, part->skip_pos };
    weir_ev_fault(&job->ev, WEIR_FAULT_DECODE,
                  "the client cannot read what stands here");
    job->part = &part->part;
    job->read_us = weir_clock_us();
    job->is_omitted = true;
    return job;
}

/* Carries on with what `weir skip` asked for: publish, then move. */
void weir_intake_tend_skip(weir_intake *in, weir_line_part *part)
{
    weir_chain chain = { 0 };
    weir_job *job;
    weir_err err;

    switch ((weir_line_skip)atomic_load(&part->skip_state)) {
    case WEIR_SKIP_ASKED:
        job = part->is_assigned ? skip_omitted(in, part) : NULL;
        atomic_store(&part->skip_state,
                     job == NULL ? WEIR_SKIP_FAILED : WEIR_SKIP_PUBLISHING);
        if (job != NULL) {
            weir_chain_add(&chain, job);
            weir_intake_admit(in, &chain);
        }
        return;
    case WEIR_SKIP_PUBLISHING:
        if (weir_flow_has(in->line->flow, &part->part, part->skip_pos)) {
            return;
        }
        if (in->source->ops->skip(in->self, part->topic, part->part.partition,
                                  part->skip_pos, &err) == WEIR_OK) {
            weir_log(WEIR_WARN, "part.skipped",
                     "sub=%s topic=%s partition=%d position=%llu", in->line->sub->name,
                     part->topic, (int)part->part.partition,
                     (unsigned long long)part->skip_pos.hi);
            atomic_store(&part->skip_state, WEIR_SKIP_DONE);
            return;
        }
        weir_log(WEIR_ERROR, "part.skip", "sub=%s text=%s", in->line->sub->name,
                 err.text);
        atomic_store(&part->skip_state, WEIR_SKIP_FAILED);
        return;
    case WEIR_SKIP_NONE:
    case WEIR_SKIP_DONE:
    case WEIR_SKIP_FAILED:
        return;
    }
}

weir_status weir_intake_skip(weir_intake *in, weir_line_part *part, weir_pos pos,
                             int64_t until_us, weir_err *err)
{
    int state = atomic_load(&part->skip_state);
    weir_signal none = { 0 };

    if (in->source->ops->skip == NULL) {
        return weir_fail(err, WEIR_EINVAL, "this kind of queue has nothing to skip");
    }
    if (state == WEIR_SKIP_ASKED || state == WEIR_SKIP_PUBLISHING) {
        return weir_fail(err, WEIR_EAGAIN, "a skip of %s/%d is under way", part->topic,
                         (int)part->part.partition);
    }
    part->skip_pos = pos;
    atomic_store(&part->skip_state, WEIR_SKIP_ASKED);
    weir_intake_wake(in);
    do {
        weir_signal_wait(&none, 0, weir_clock_us() + 5000);
        state = atomic_load(&part->skip_state);
    } while ((state == WEIR_SKIP_ASKED || state == WEIR_SKIP_PUBLISHING) &&
             weir_clock_us() < until_us);
    if (state == WEIR_SKIP_DONE) {
        return WEIR_OK;
    }
    return weir_fail(err, state == WEIR_SKIP_FAILED ? WEIR_EINVAL : WEIR_ETIMEOUT,
                     state == WEIR_SKIP_FAILED
                         ? "the source did not move; see the log"
                         : "the dead letter is not confirmed yet");
}
