/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* job - see job.h. */
#include "worker/engine/job.h"

#include "worker/base/check.h"

#define B(state) (1u << WEIR_JOB_##state)

/* From the row's state, which states may follow. */
static const uint8_t job_moves[WEIR_JOB_STATES] = {
    [WEIR_JOB_FREE] = B(QUEUED),
    [WEIR_JOB_QUEUED] = B(CLAIMED) | B(DONE),
    [WEIR_JOB_CLAIMED] = B(QUEUED) | B(RUNNING) | B(SETTLING) | B(DONE),
    [WEIR_JOB_RUNNING] = B(WAITING) | B(SETTLING) | B(DONE),
    [WEIR_JOB_WAITING] = B(QUEUED) | B(DONE),
    [WEIR_JOB_SETTLING] = B(DONE),
    [WEIR_JOB_DONE] = B(FREE),
};

static const char *const job_state_texts[WEIR_JOB_STATES] = {
    "free", "queued", "claimed", "running", "waiting", "settling", "done",
};

static const char *const reason_texts[WEIR_REASON_COUNT] = {
    [WEIR_REASON_NONE] = "none",           [WEIR_REASON_REJECTED] = "rejected",
    [WEIR_REASON_RETRIES] = "retries",     [WEIR_REASON_DECODE] = "decode",
    [WEIR_REASON_TIMEOUT] = "timeout",     [WEIR_REASON_EXPIRED] = "expired",
    [WEIR_REASON_TOO_LARGE] = "too-large", [WEIR_REASON_UNSENDABLE] = "unsendable",
    [WEIR_REASON_LOOP] = "loop",           [WEIR_REASON_CRASHED] = "crashed",
};

bool weir_job_may(weir_job_state from, weir_job_state to)
{
    return from < WEIR_JOB_STATES && to < WEIR_JOB_STATES &&
           (job_moves[from] >> to & 1u) != 0;
}

void weir_job_move(weir_job *job, weir_job_state to)
{
    WEIR_ASSERT(weir_job_may(weir_job_get(job), to));
    atomic_store_explicit(&job->state, (unsigned char)to, memory_order_release);
}

const char *weir_job_state_text(weir_job_state state)
{
    return state < WEIR_JOB_STATES ? job_state_texts[state] : "unknown";
}

const char *weir_reason_text(weir_reason reason)
{
    return reason < WEIR_REASON_COUNT ? reason_texts[reason] : "unknown";
}
