/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* flow_model_check - the promises of the flow, asserted on a model; see flow_model.h. */
#include "tests/support/flow_model.h"

#include <stdio.h>

#define MODEL_TEXT 4096
#define MODEL_PATIENCE 20000 /* steps in which a model must come to its end */

static size_t check_length(const weir_list *list)
{
    size_t n = 0;

    for (const weir_list *node = list->next; node != list; node = node->next) {
        n++;
    }
    return n;
}

typedef struct check_count {
    size_t n_waiting, n_settling, n_again, n_lent_to_run, n_ready;
} check_count;

static void check_job(const model *m, const model_job *job, check_count *count)
{
    const weir_job *one = &job->job;
    const weir_job_state state = weir_job_get(one);
    const bool is_begun = state == WEIR_JOB_CLAIMED || state == WEIR_JOB_RUNNING;

    count->n_waiting += state == WEIR_JOB_WAITING;
    count->n_settling += state == WEIR_JOB_SETTLING;
    count->n_again += one->is_again;
    count->n_lent_to_run += is_begun && job->claim == 0;
    count->n_ready += one->is_ready;
    /* What may begin is where a claim finds it. */
    assert_true(!one->is_ready ||
                (state == WEIR_JOB_QUEUED &&
                 (one->due.at != 0 || one->ready_node.next != &one->ready_node)));
    assert_int_equal(is_begun, job->phase == PHASE_CLAIMED ||
                                   job->phase == PHASE_RUNNING ||
                                   job->phase == PHASE_RAN);
    /* In a heap (QUEUED: of those that became ready again) and in a list, never. */
    assert_true(
        one->due.at == 0 ||
        ((state == WEIR_JOB_WAITING || state == WEIR_JOB_SETTLING ||
          state == WEIR_JOB_QUEUED) &&
         weir_list_is_empty(&((model_job *)(void *)m->jobs[job->id])->job.ready_node)));
    if (one->lane == NULL) {
        return;
    }
    if (is_begun || state == WEIR_JOB_WAITING) {
        assert_true(one->is_active);
    }
}

static void check_lanes(const model *m)
{
    for (int i = 0; i < m->n_jobs; i++) {
        const model_job *job = m->jobs[i];
        size_t n_again = 0;
        size_t n_begun = 0;
        size_t n_active = 0;

        if (job == NULL || job->job.lane == NULL) {
            continue;
        }
        for (int k = 0; k < m->n_jobs; k++) {
            const model_job *other = m->jobs[k];

            if (other != NULL && other->job.lane == job->job.lane) {
                n_again += other->job.is_again;
                n_active += other->job.is_active;
                n_begun += other->phase == PHASE_RUNNING ||
                           (other->phase == PHASE_CLAIMED && other->claim == 0);
            }
        }
        assert_int_equal(n_again, job->job.lane->n_again);
        assert_int_equal(n_active, job->job.lane->n_active);
        assert_true(n_begun <= 1);
    }
}

void weir_model_check(model *m)
{
    const weir_flow *f = m->w.f;
    check_count count = { 0 };
    size_t n_in_parts = 0;

    for (int i = 0; i < m->n_jobs; i++) {
        if (m->jobs[i] != NULL) {
            check_job(m, m->jobs[i], &count);
        }
    }
    check_lanes(m);
    for (int p = 0; p < WORLD_PARTS; p++) {
        assert_int_equal(check_length(&m->w.parts[p].jobs), m->w.parts[p].n_jobs);
        n_in_parts += m->w.parts[p].n_jobs;
    }
    assert_int_equal(n_in_parts, f->n_jobs);
    assert_int_equal(count.n_ready, f->n_ready);
    assert_int_equal(check_length(&f->ready) + f->reopened.n, f->n_listed);
    assert_int_equal(check_length(&f->resend), f->n_resend);
    assert_int_equal(count.n_waiting, f->n_waiting);
    assert_int_equal(count.n_settling, f->n_settling);
    assert_int_equal(count.n_again, f->n_again);
    assert_int_equal(count.n_lent_to_run + weir_model_claim_slots(m), f->n_slots);
}

/* -- completing ----------------------------------------------------------------------------- */

/* How gladly a step is taken on the way to the end; 0: not at all. */
static int complete_rank(const model *m, model_step step)
{
    switch ((model_kind)step.kind) {
    case DO_FENCE:
    case DO_ASSIGN:
        return 9;
    case DO_SENT:
    case DO_ANSWER_OK:
        return 8;
    case DO_ANSWER_AGAIN:
        return m->jobs[step.at]->is_doomed ? 8 : 0;
    case DO_SEND:
    case DO_FINISH:
    case DO_BEGIN:
    case DO_CLAIM_BEGIN:
    case DO_CLAIM_OVER:
        return 7;
    case DO_TAKE:
        return 6;
    case DO_ADMIT:
        return 5;
    case DO_SKIP:
        return 4;
    case DO_TICK:
        return 3;
    default:
        return 0;
    }
}

void weir_model_complete(model *m)
{
    model_step steps[512];

    m->n_faults = 0;
    for (int round = 0; round < MODEL_PATIENCE; round++) {
        const size_t n = weir_model_steps(m, steps, 512);
        const model_step *best = NULL;
        int rank = 0;

        for (size_t i = 0; i < n; i++) {
            const int r = complete_rank(m, steps[i]);

            /* A take may find no free slot: then the others are asked in turn. */
            if (r > rank && !(steps[i].kind == DO_TAKE && round % 2 == 1)) {
                rank = r;
                best = &steps[i];
            }
        }
        if (best != NULL) {
            weir_model_do(m, *best);
            continue;
        }
        if (n == 0) {
            break;
        }
    }
    for (int i = 0; i < m->plan->n_events; i++) {
        assert_true(m->is_acked[i]);
    }
    assert_int_equal(m->w.f->n_jobs, 0);
    assert_int_equal(m->w.f->n_slots, 0);
    assert_int_equal(m->w.f->n_again, 0);
    assert_int_equal(m->w.f->lanes.n_lanes, 0);
    for (int i = 0; i < m->n_jobs; i++) {
        assert_null(m->jobs[i]);
    }
}

void weir_model_drop(model *m)
{
    for (int i = 0; i < m->n_jobs; i++) {
        if (m->jobs[i] != NULL) {
            weir_job *job = &m->jobs[i]->job;

            if (job->lane != NULL) {
                weir_lane_leave(&m->w.f->lanes, job);
            }
            world_free(job);
            m->jobs[i] = NULL;
        }
    }
    m->w.f->n_jobs = 0;
    weir_flow_free(m->w.f);
}

/* -- fingerprint ----------------------------------------------------------------------------- */

typedef struct check_text {
    uint8_t bytes[MODEL_TEXT];
    size_t n;
} check_text;

static void text_add(check_text *text, unsigned value)
{
    assert_true(text->n + 1 < sizeof(text->bytes));
    text->bytes[text->n++] = (uint8_t)value;
}

/* Where a job stands in a list, from 1; 0: it does not. */
static unsigned text_place(const weir_list *list, const weir_list *node)
{
    unsigned n = 1;

    for (const weir_list *at = list->next; at != list; at = at->next, n++) {
        if (at == node) {
            return n;
        }
    }
    return 0;
}

/* How many outputs with the sink were handed over before this one. */
static unsigned text_rank(const model *m, int order)
{
    unsigned n = 0;

    for (int i = 0; i < m->n_jobs; i++) {
        for (int k = 0; m->jobs[i] != NULL && k < m->jobs[i]->n_outs; k++) {
            n += m->jobs[i]->outs[k] == OUT_WITH_SINK && m->jobs[i]->order[k] < order;
        }
    }
    return n;
}

static void text_add_job(check_text *text, const model *m, const model_job *job)
{
    const weir_job *one = &job->job;
    const weir_flow *f = m->w.f;

    text_add(text, (unsigned)job->event);
    text_add(text, one->ev.receipt.epoch);
    text_add(text, (unsigned)weir_job_get(one) << 4 | (unsigned)job->phase);
    text_add(text, (unsigned)one->task << 4 | one->reason);
    text_add(text, (unsigned)one->is_lent | one->is_sent << 1 | one->is_answered << 2 |
                       one->is_again << 3 | one->is_late_open << 4 |
                       one->is_stuck << 5 | one->is_dropped << 6 |
                       one->is_omitted << 7);
    text_add(text, (unsigned)one->is_dead_made | one->has_hold << 1 |
                       job->is_doomed << 2 | (unsigned)one->is_active << 3 |
                       (unsigned)one->is_ready << 5 |
                       (unsigned)(one->lane != NULL && one->lane->next == one) << 4);
    text_add(text, (unsigned)job->claim << 4 | one->behind);
    text_add(text, (unsigned)job->n_results << 4 | (unsigned)job->verdict);
    text_add(text, atomic_load(&one->n_attempts));
    text_add(text, atomic_load(&one->n_unanswered));
    text_add(text, atomic_load(&one->answers));
    text_add(text, one->due.at == 0 ? 0 : one->due.due_us <= m->w.now ? 1 : 2);
    text_add(text, text_place(&f->ready, &one->ready_node));
    text_add(text, text_place(&f->resend, &one->ready_node));
    for (int i = 0; i < job->n_outs; i++) {
        text_add(text,
                 (unsigned)job->outs[i] << 5 |
                     (job->outs[i] == OUT_WITH_SINK ? text_rank(m, job->order[i]) : 0));
    }
}

uint64_t weir_model_fingerprint(const model *m)
{
    const weir_flow *f = m->w.f;
    check_text text = { .n = 0 };

    for (int p = 0; p < WORLD_PARTS; p++) {
        const weir_part *part = &m->w.parts[p];

        text_add(&text, 0xf0 | (unsigned)m->parts[p].is_retired |
                            (unsigned)m->parts[p].is_fenced << 1);
        text_add(&text, part->epoch);
        text_add(&text, (unsigned)m->parts[p].next);
        for (const weir_list *node = part->jobs.next; node != &part->jobs;
             node = node->next) {
            const char *at = (const char *)node - offsetof(weir_job, part_node);

            text_add_job(&text, m, (const model_job *)(const void *)at);
        }
    }
    for (int i = 0; i < m->plan->n_events; i++) {
        text_add(&text, (unsigned)m->is_acked[i] | (unsigned)m->is_void[i] << 1);
        text_add(&text, (unsigned)(m->last[i] + 1));
    }
    for (int i = 0; i < MODEL_CLAIMS; i++) {
        const model_claim *claim = &m->claims[i];

        if (claim->is_open) {
            text_add(&text, 0xe0 | (unsigned)i);
            text_add(&text, (unsigned)claim->lo << 4 | (unsigned)claim->next << 2 |
                                (unsigned)claim->end);
            text_add(&text, (unsigned)claim->n_slots << 4 |
                                (unsigned)claim->is_plain[0] |
                                (unsigned)claim->is_plain[1] << 1 |
                                (unsigned)claim->is_each << 2);
        }
    }
    text_add(&text, (unsigned)f->may_pend);
    text_add(&text, (unsigned)f->is_open | (unsigned)(f->probe != NULL) << 1 |
                        (unsigned)(f->probe_us <= m->w.now) << 2);
    text_add(&text, (unsigned)m->n_faults);
    return weir_hash(text.bytes, text.n, 1);
}

void weir_model_print_step(const model *m, model_step step)
{
    static const char *const kinds[] = {
        "admit",        "take",
        "begin",        "give back",
        "finish",       "retry",
        "reject",       "unavailable",
        "finish empty", "send",
        "no room",      "some room",
        "sent",         "answer ok",
        "answer again", "answer never",
        "tick",         "retire",
        "fence",        "assign",
        "skip",         "finish with a result",
        "claim: begin", "claim: pend",
        "claim: over",  "claim: relieve",
    };
    const bool is_job = step.kind >= DO_BEGIN && step.kind != DO_TICK &&
                        step.kind != DO_RETIRE && step.kind != DO_FENCE &&
                        step.kind != DO_ASSIGN && step.kind < DO_CLAIM_BEGIN;

    if (is_job && m->jobs[step.at] != NULL) {
        fprintf(stderr, "  %s: job %u, event %d, output %u\n", kinds[step.kind],
                step.at, m->jobs[step.at]->event, step.out);
    } else {
        fprintf(stderr, "  %s: %u\n", kinds[step.kind], step.at);
    }
}
