/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow_model_claim - threads of a model that claim several events at once; see flow_model.h.
 *
 *     [lo, next) ended or passed over, not handed over    next: runs, or is next    end
 *
 * The tender may take the ended and the unbegun away from a thread whose function runs; what
 * has ended is then handed over by a hand of its own, at any later time.
 */
#include "tests/support/flow_model.h"

void weir_model_verdict(model *m, model_job *job, weir_verdict verdict, int n_outs)
{
    weir_job *one = &job->job;

    job->n_outs = n_outs;
    memset(job->outs, 0, sizeof(job->outs));
    one->call.n_outs = (uint32_t)n_outs;
    one->call.verdict = verdict;
    one->call.delay_ms = -1;
    if (verdict == WEIR_UNAVAILABLE) {
        one->n_attempts--;
    }
    if (verdict == WEIR_DONE && n_outs == 0 && !weir_flow_is_fenced(one)) {
        m->is_void[job->event] = true;
    }
}

static model_claim *claim_free(model *m)
{
    for (int i = 0; i < MODEL_CLAIMS; i++) {
        if (!m->claims[i].is_open) {
            return &m->claims[i];
        }
    }
    return NULL;
}

static bool claim_runs(const model_claim *claim)
{
    return claim->next < claim->end && claim->jobs[claim->next] != NULL &&
           claim->jobs[claim->next]->phase == PHASE_RUNNING;
}

static bool claim_is_over(const model_claim *claim)
{
    return claim->next == claim->end;
}

/* True if the next of the claim stands behind one that has not ended plainly. */
static bool claim_must_pass(const model_claim *claim)
{
    const uint32_t behind = claim->jobs[claim->next]->job.behind;

    return behind != 0 && !claim->is_plain[behind - 1];
}

void weir_model_claim_take(model *m)
{
    model_claim *claim = claim_free(m);
    weir_job *jobs[MODEL_CLAIM];
    size_t n;

    /* Claims of several events of one lane, as after a long row of plain ends. */
    m->w.f->n_plain = 1u << 20;
    n = weir_flow_take(m->w.f, jobs, (size_t)m->plan->n_claim, m->w.now, m->w.wall_ms,
                       &m->w.n_slots, world_news(&m->w));
    if (n > 0 && jobs[0]->task == WEIR_TASK_SETTLE) {
        for (size_t i = 0; i < n; i++) {
            ((model_job *)(void *)jobs[i])->phase = PHASE_TO_SEND;
        }
        return;
    }
    if (n == 0) {
        return;
    }
    assert_true(m->w.n_slots == 1 || m->w.n_slots == n);
    *claim = (model_claim){ .is_open = true,
                            .is_each = m->w.n_slots > 1,
                            .end = (int)n,
                            .n_slots = (int)m->w.n_slots };
    for (size_t i = 0; i < n; i++) {
        model_job *job = (model_job *)(void *)jobs[i];

        assert_true(job->job.is_lent);
        claim->jobs[i] = job;
        job->phase = PHASE_CLAIMED;
        job->claim = (int)(claim - m->claims) + 1;
    }
}

/* No earlier event of its lane may be under way. */
static void claim_assert_alone(const model *m, const model_claim *claim, int at)
{
    const model_job *job = claim->jobs[at];

    for (int i = 0; i < m->n_jobs; i++) {
        const model_job *other = m->jobs[i];

        if (other == NULL || other == job || other->job.lane == NULL ||
            other->job.lane != job->job.lane) {
            continue;
        }
        assert_true(other->phase != PHASE_RUNNING);
        if (other->job.seq > job->job.seq) {
            continue;
        }
        /* What has ended and is not handed over yet was plain. */
        assert_true(weir_job_get(&other->job) == WEIR_JOB_SETTLING ||
                    (other->phase == PHASE_RAN && other->verdict == WEIR_DONE &&
                     other->n_results == 0));
    }
}

/* The thread goes on to the next of its claim. */
static void claim_begin(model *m, model_claim *claim)
{
    model_job *job = claim->jobs[claim->next];

    claim->is_plain[claim->next] = false;
    if (claim_must_pass(claim)) {
        job->phase = PHASE_RAN;
        claim->next++;
        return;
    }
    if (weir_flow_is_closed(&job->job)) {
        job->job.is_dropped = true;
        job->phase = PHASE_RAN;
        claim->next++;
        return;
    }
    claim_assert_alone(m, claim, claim->next);
    world_start(&m->w, &job->job);
    job->phase = PHASE_RUNNING;
}

void weir_model_claim_end(model *m, model_job *job, weir_verdict verdict, int n_results)
{
    model_claim *claim = &m->claims[job->claim - 1];

    assert_ptr_equal(claim->jobs[claim->next], job);
    claim->is_plain[claim->next] = verdict == WEIR_DONE && n_results == 0;
    m->is_void[job->event] =
        m->is_void[job->event] ||
        (claim->is_plain[claim->next] && !weir_flow_is_fenced(&job->job));
    job->phase = PHASE_RAN;
    job->verdict = verdict;
    job->n_results = n_results;
    claim->next++;
}

/* Its verdict comes later, from elsewhere. */
static void claim_pend(model *m, model_claim *claim)
{
    model_job *job = claim->jobs[claim->next];

    if (claim->is_each) {
        claim->n_slots--; /* it has its own */
    } else {
        weir_flow_pend(m->w.f, 1);
    }
    claim->is_plain[claim->next] = false;
    claim->jobs[claim->next++] = NULL;
    job->claim = 0;
}

static void claim_over(model *m, model_claim *claim)
{
    weir_job *jobs[MODEL_CLAIM];
    size_t n = 0;

    for (int i = claim->lo; i < claim->next; i++) {
        model_job *job = claim->jobs[i];

        if (job == NULL) {
            continue;
        }
        job->phase = PHASE_QUIET;
        job->claim = 0;
        jobs[n++] = &job->job;
        if (weir_job_get(&job->job) == WEIR_JOB_RUNNING) {
            weir_model_verdict(m, job, job->verdict, job->n_results);
        }
    }
    claim->is_open = false;
    weir_flow_finish(m->w.f, jobs, n, (size_t)claim->n_slots, m->w.now,
                     world_news(&m->w));
}

/* The tender: gives back what has not begun, and takes what has ended. */
static void claim_relieve(model *m, model_claim *claim)
{
    model_claim *tender = claim_free(m);
    weir_job *jobs[MODEL_CLAIM];
    size_t n = 0;

    *tender = (model_claim){ .is_open = true, .is_each = claim->is_each };
    for (int i = claim->lo; i < claim->next; i++) {
        if (claim->jobs[i] != NULL) {
            claim->jobs[i]->claim = (int)(tender - m->claims) + 1;
            tender->jobs[tender->next++] = claim->jobs[i];
        }
    }
    tender->end = tender->next;
    tender->is_open = tender->end > 0;
    for (int i = claim->next + 1; i < claim->end; i++) {
        claim->jobs[i]->phase = PHASE_QUIET;
        claim->jobs[i]->claim = 0;
        jobs[n++] = &claim->jobs[i]->job;
    }
    claim->lo = claim->next;
    claim->end = claim->next + 1;
    if (claim->is_each) {
        tender->n_slots = tender->end;
        claim->n_slots = 1;
    }
    weir_flow_give_back(m->w.f, jobs, n, claim->is_each ? n : 0, m->w.now,
                        world_news(&m->w));
}

void weir_model_claim_do(model *m, model_step step)
{
    model_claim *claim = &m->claims[step.at];

    switch ((model_kind)step.kind) {
    case DO_CLAIM_BEGIN:
        claim_begin(m, claim);
        break;
    case DO_CLAIM_PEND:
        claim_pend(m, claim);
        break;
    case DO_CLAIM_OVER:
        claim_over(m, claim);
        break;
    case DO_CLAIM_RELIEVE:
        claim_relieve(m, claim);
        break;
    default:
        fail();
    }
}

bool weir_model_claim_may_take(const model *m)
{
    int n_open = 0;

    for (int i = 0; i < MODEL_CLAIMS; i++) {
        n_open += m->claims[i].is_open;
    }
    return n_open < 2; /* two threads, and what the tender takes from them */
}

size_t weir_model_claim_steps(const model *m, model_step *out)
{
    size_t n = 0;

    for (int i = 0; i < MODEL_CLAIMS; i++) {
        const model_claim *claim = &m->claims[i];

        if (!claim->is_open) {
            continue;
        }
        if (claim_is_over(claim)) {
            out[n++] = (model_step){ DO_CLAIM_OVER, 0, (uint16_t)i };
        } else if (!claim_runs(claim)) {
            out[n++] = (model_step){ DO_CLAIM_BEGIN, 0, (uint16_t)i };
        } else if (m->n_faults > 0) {
            out[n++] = (model_step){ DO_CLAIM_PEND, 0, (uint16_t)i };
            if (claim->end - claim->lo > 1) {
                out[n++] = (model_step){ DO_CLAIM_RELIEVE, 0, (uint16_t)i };
            }
        }
    }
    return n;
}

size_t weir_model_claim_slots(const model *m)
{
    size_t n = 0;

    for (int i = 0; i < MODEL_CLAIMS; i++) {
        n += m->claims[i].is_open ? (size_t)m->claims[i].n_slots : 0;
    }
    return n;
}
