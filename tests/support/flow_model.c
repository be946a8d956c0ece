/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* flow_model - see flow_model.h. */
#include "tests/support/flow_model.h"

#define MODEL_TICK_US 100000000

/* -- looking ----------------------------------------------------------------------------- */

static model_job *model_job_of(weir_job *job)
{
    return (model_job *)(void *)job;
}

/* The first event of the same lane, which stands for the lane; -1: none. */
static int model_lane(const model *m, int event)
{
    const model_plan *plan = m->plan;
    const model_event *ev = &plan->events[event];

    if (plan->order == WEIR_ORDER_NONE ||
        (plan->order == WEIR_ORDER_KEY && ev->key == NULL)) {
        return -1;
    }
    for (int i = 0; i < event; i++) {
        const model_event *other = &plan->events[i];

        if (other->part == ev->part &&
            (plan->order == WEIR_ORDER_PARTITION ||
             (other->key != NULL && strcmp(other->key, ev->key) == 0))) {
            return i;
        }
    }
    return event;
}

static bool model_is_result(const model_job *job)
{
    return !job->job.is_dead_made;
}

static bool model_has_out(const model_job *job, model_out state)
{
    for (int i = 0; i < job->n_outs; i++) {
        if (job->outs[i] == state) {
            return true;
        }
    }
    return false;
}

/* True if an earlier output of the lane is still with the sink. */
static bool model_is_behind(const model *m, const model_job *job, int out)
{
    const int lane = model_lane(m, job->event);

    if (!m->plan->keeps_order || lane < 0 || !model_is_result(job)) {
        return false;
    }
    for (int i = 0; i < m->n_jobs; i++) {
        const model_job *other = m->jobs[i];

        if (other == NULL || model_lane(m, other->event) != lane ||
            !model_is_result(other)) {
            continue;
        }
        for (int k = 0; k < other->n_outs; k++) {
            if (other->outs[k] == OUT_WITH_SINK && other->order[k] < job->order[out]) {
                return true;
            }
        }
    }
    return false;
}

/* -- what the flow gives back ---------------------------------------------------------------- */

static void model_forget(model *m, model_job *job)
{
    m->jobs[job->id] = NULL;
    world_free(&job->job);
}

/* Done: everything before it in its lane is acknowledged already, and its epoch lives. */
static void model_done(model *m, model_job *job)
{
    const int lane = model_lane(m, job->event);
    const int part = m->plan->events[job->event].part;

    assert_true(job->job.ev.receipt.epoch == m->w.parts[part].epoch);
    assert_false(m->parts[part].is_fenced);
    for (int i = lane; lane >= 0 && i < job->event; i++) {
        assert_true(model_lane(m, i) != lane || m->is_acked[i]);
    }
    assert_false(model_has_out(job, OUT_WITH_SINK));
    m->is_acked[job->event] = true;
    m->is_void[job->event] = m->is_void[job->event] || job->job.is_dead_made;
    model_forget(m, job);
}

/* Gone: its epoch is over, or another job has its event. */
static void model_gone(model *m, model_job *job)
{
    const int part = m->plan->events[job->event].part;
    bool has_twin = false;

    for (int i = 0; i < m->n_jobs; i++) {
        const model_job *other = m->jobs[i];

        has_twin =
            has_twin || (other != NULL && other != job && other->event == job->event &&
                         other->job.ev.receipt.epoch == job->job.ev.receipt.epoch);
    }
    assert_true(has_twin || m->parts[part].is_retired ||
                job->job.ev.receipt.epoch < m->w.parts[part].epoch);
    assert_false(model_has_out(job, OUT_WITH_SINK));
    model_forget(m, job);
}

static void model_collect(model *m)
{
    weir_job *job;

    world_collect(&m->w);
    while ((job = weir_chain_pop(&m->w.settle)) != NULL) {
        assert_true(job->is_lent);
        model_job_of(job)->phase = PHASE_TO_SEND;
    }
    while ((job = weir_chain_pop(&m->w.done)) != NULL) {
        model_done(m, model_job_of(job));
    }
    while ((job = weir_chain_pop(&m->w.gone)) != NULL) {
        model_gone(m, model_job_of(job));
    }
}

/* -- steps -------------------------------------------------------------------------------- */

void weir_model_begin(model *m, const model_plan *plan)
{
    memset(m, 0, sizeof(*m));
    world_begin(&m->w);
    m->w.sub.order = plan->order;
    m->w.sub.retry.attempts = 2;
    m->w.sub.concurrency = 3;
    m->w.job_size = sizeof(model_job);
    m->plan = plan;
    m->n_faults = plan->n_faults;
    for (int i = 0; i < MODEL_EVENTS; i++) {
        m->last[i] = -1;
    }
}

/* The next event of a part to hand out; -1: none. */
static int model_next(const model *m, int part)
{
    int i = m->parts[part].next;

    while (i < m->plan->n_events && m->plan->events[i].part != part) {
        i++;
    }
    return i < m->plan->n_events ? i : -1;
}

static void model_admit(model *m, int part)
{
    const int event = model_next(m, part);
    weir_chain chain = { 0 };
    model_job *job = model_job_of(
        world_job(&m->w, part, m->plan->events[event].key, (uint64_t)event));

    assert_true(m->n_jobs < (int)(sizeof(m->jobs) / sizeof(m->jobs[0])));
    job->event = event;
    job->id = m->n_jobs;
    m->jobs[m->n_jobs++] = job;
    m->parts[part].next = event + 1;
    weir_chain_add(&chain, &job->job);
    weir_flow_admit(m->w.f, &chain, m->w.now, world_news(&m->w));
}

static void model_take(model *m)
{
    weir_job *job = NULL;

    if (m->plan->n_claim > 0) {
        weir_model_claim_take(m);
        return;
    }
    if (weir_flow_take(m->w.f, &job, 1, m->w.now, m->w.wall_ms, &m->w.n_slots,
                       world_news(&m->w)) == 1) {
        assert_true(job->is_lent);
        model_job_of(job)->phase =
            job->task == WEIR_TASK_SETTLE ? PHASE_TO_SEND : PHASE_CLAIMED;
    }
}

static void model_finish(model *m, model_job *job, weir_verdict verdict, int n_outs)
{
    weir_job *one = &job->job;

    if (job->claim > 0) {
        weir_model_claim_end(m, job, verdict, n_outs);
        return;
    }
    job->phase = PHASE_QUIET;
    weir_model_verdict(m, job, verdict, n_outs);
    weir_flow_finish(m->w.f, &one, 1, 1, m->w.now, world_news(&m->w));
}

static void model_start(model *m, model_job *job)
{
    if (weir_flow_is_closed(&job->job)) {
        job->job.is_dropped = true;
        model_finish(m, job, WEIR_RETRY, 0);
        return;
    }
    world_start(&m->w, &job->job);
    job->phase = PHASE_RUNNING;
}

/* All answers are there: what they mean, to the flow. */
static void model_settle(model *m, model_job *job)
{
    const unsigned answers = atomic_load(&job->job.answers);

    job->is_doomed = false;
    job->job.sent = WEIR_JOB_OK;
    if ((answers & 1u << WEIR_SENT_AGAIN) != 0) {
        job->job.sent = WEIR_JOB_AGAIN;
    }
    if ((answers & 1u << WEIR_SENT_TOO_LARGE) != 0) {
        job->job.sent = WEIR_JOB_NEVER;
        job->job.sent_reason = WEIR_REASON_TOO_LARGE;
        m->is_void[job->event] = true;
    }
    world_settled(&m->w, &job->job, (weir_job_sent)job->job.sent);
}

/* Hands the job's outputs to the sink, which takes n_room of them. */
static void model_send(model *m, model_job *job, int n_room)
{
    weir_job *one = &job->job;
    bool is_all = true;

    if (one->reason != WEIR_REASON_NONE && !one->is_dead_made) {
        one->is_dead_made = true;
        m->is_void[job->event] = true;
        job->n_outs = 1;
        job->outs[0] = OUT_NEW;
    }
    if (!one->has_hold) {
        one->has_hold = true;
        atomic_fetch_add(&one->n_unanswered, 1);
        atomic_store(&one->answers, 0);
    }
    one->is_late_open = !m->plan->keeps_order;
    for (int i = 0; i < job->n_outs; i++) {
        if (job->outs[i] == OUT_OK || job->outs[i] == OUT_WITH_SINK) {
            continue;
        }
        job->outs[i] = OUT_NEW;
        if (n_room-- > 0) {
            job->outs[i] = OUT_WITH_SINK;
            job->order[i] = m->n_order++;
            atomic_fetch_add(&one->n_unanswered, 1);
        } else {
            is_all = false;
        }
    }
    job->phase = is_all ? PHASE_SENDING : PHASE_QUIET;
    if (!is_all) {
        weir_flow_unsent(m->w.f, &one, 1, m->w.now, m->w.now + 2, world_news(&m->w));
    }
}

static void model_sent(model *m, model_job *job)
{
    job->phase = PHASE_QUIET;
    world_sent(&m->w, &job->job);
    job->job.has_hold = false;
    if (atomic_fetch_sub(&job->job.n_unanswered, 1) == 1) {
        model_settle(m, job);
    }
}

/* What the lane has handed over behind a failed output fails too. */
static void model_doom(model *m, const model_job *job)
{
    const int lane = model_lane(m, job->event);

    for (int i = 0; i < m->n_jobs; i++) {
        model_job *other = m->jobs[i];

        if (other != NULL && model_is_result(other) && m->plan->keeps_order &&
            (other == job ? model_has_out(other, OUT_WITH_SINK)
                          : lane >= 0 && model_lane(m, other->event) == lane) &&
            (other->phase == PHASE_TO_SEND || model_has_out(other, OUT_WITH_SINK))) {
            other->is_doomed = true;
        }
    }
}

/* Published: what precedes it in its lane was, just before it or at some earlier time. */
static void model_publish(model *m, const model_job *job)
{
    const int lane = model_lane(m, job->event);
    int before = job->event - 1;

    if (lane < 0 || !model_is_result(job)) {
        return;
    }
    while (before >= lane && (model_lane(m, before) != lane || m->is_void[before])) {
        before--;
    }
    assert_true(before < lane || m->last[lane] >= before);
    m->last[lane] = job->event;
}

static void model_answer(model *m, model_job *job, int out, weir_sent sent)
{
    job->outs[out] = sent == WEIR_SENT_OK ? OUT_OK : OUT_FAILED;
    if (sent == WEIR_SENT_OK) {
        model_publish(m, job);
    } else if (sent == WEIR_SENT_AGAIN && model_is_result(job)) {
        model_doom(m, job);
    }
    atomic_fetch_or(&job->job.answers, 1u << sent);
    if (atomic_fetch_sub(&job->job.n_unanswered, 1) == 1) {
        model_settle(m, job);
    }
}

static void model_assign(model *m, int part)
{
    m->parts[part] = (model_part){ 0 };
    while (model_next(m, part) >= 0 && m->is_acked[model_next(m, part)]) {
        m->parts[part].next = model_next(m, part) + 1;
    }
    weir_flow_assign(m->w.f, &m->w.parts[part], m->w.parts[part].epoch + 1);
}

static void model_job_step(model *m, model_step step)
{
    model_job *job = m->jobs[step.at];
    weir_job *one = &job->job;

    switch ((model_kind)step.kind) {
    case DO_BEGIN:
        model_start(m, job);
        break;
    case DO_BACK:
        job->phase = PHASE_QUIET;
        weir_flow_give_back(m->w.f, &one, 1, 1, m->w.now, world_news(&m->w));
        break;
    case DO_FINISH:
        model_finish(m, job, WEIR_DONE, m->plan->n_outs);
        break;
    case DO_FINISH_EMPTY:
        model_finish(m, job, WEIR_DONE, 0);
        break;
    case DO_FINISH_RESULT:
        model_finish(m, job, WEIR_DONE, 1);
        break;
    case DO_RETRY:
        model_finish(m, job, WEIR_RETRY, 0);
        break;
    case DO_REJECT:
        model_finish(m, job, WEIR_REJECT, 0);
        break;
    case DO_UNAVAILABLE:
        model_finish(m, job, WEIR_UNAVAILABLE, 0);
        break;
    case DO_SEND:
        model_send(m, job, MODEL_OUTS);
        break;
    case DO_SEND_NONE:
        model_send(m, job, 0);
        break;
    case DO_SEND_SOME:
        model_send(m, job, 1);
        break;
    case DO_SENT:
        model_sent(m, job);
        break;
    case DO_ANSWER_OK:
        model_answer(m, job, step.out, WEIR_SENT_OK);
        break;
    case DO_ANSWER_AGAIN:
        model_answer(m, job, step.out, WEIR_SENT_AGAIN);
        break;
    case DO_ANSWER_NEVER:
        model_answer(m, job, step.out, WEIR_SENT_TOO_LARGE);
        break;
    case DO_SKIP:
        assert_int_equal(
            weir_flow_skip(m->w.f, one->part, one->ev.receipt.pos, world_news(&m->w)),
            WEIR_OK);
        break;
    default:
        fail();
    }
}

/* True if the step costs one of the plan's faults. */
static bool model_is_fault(const model *m, model_step step)
{
    switch ((model_kind)step.kind) {
    case DO_BACK:
    case DO_RETRY:
    case DO_REJECT:
    case DO_UNAVAILABLE:
    case DO_FINISH_EMPTY:
    case DO_FINISH_RESULT:
    case DO_CLAIM_PEND:
    case DO_CLAIM_RELIEVE:
    case DO_SEND_NONE:
    case DO_SEND_SOME:
    case DO_ANSWER_NEVER:
    case DO_RETIRE:
        return true;
    case DO_ANSWER_AGAIN:
        return !m->jobs[step.at]->is_doomed;
    default:
        return false;
    }
}

void weir_model_do(model *m, model_step step)
{
    const int part = step.at;

    if (m->is_traced) {
        weir_model_print_step(m, step);
    }
    if (model_is_fault(m, step)) {
        m->n_faults--;
    }
    world_news(&m->w);
    switch ((model_kind)step.kind) {
    case DO_ADMIT:
        model_admit(m, part);
        break;
    case DO_TAKE:
        model_take(m);
        break;
    case DO_TICK:
        m->w.now += MODEL_TICK_US;
        break;
    case DO_RETIRE:
        m->parts[part].is_retired = true;
        world_retire(&m->w, part);
        break;
    case DO_FENCE:
        m->parts[part].is_fenced = true;
        world_fence(&m->w, part);
        break;
    case DO_ASSIGN:
        model_assign(m, part);
        break;
    case DO_CLAIM_BEGIN:
    case DO_CLAIM_PEND:
    case DO_CLAIM_OVER:
    case DO_CLAIM_RELIEVE:
        weir_model_claim_do(m, step);
        break;
    default:
        model_job_step(m, step);
        break;
    }
    model_collect(m);
}

/* -- which steps are possible ----------------------------------------------------------------- */

typedef struct model_list {
    model *m;
    model_step *steps;
    size_t n, cap;
} model_list;

static void list_add(model_list *list, model_kind kind, int at, int out)
{
    const model_step step = { (uint8_t)kind, (uint8_t)out, (uint16_t)at };

    if (model_is_fault(list->m, step) && list->m->n_faults <= 0) {
        return;
    }
    assert_true(list->n < list->cap);
    list->steps[list->n++] = step;
}

static void list_part(model_list *list, int part)
{
    const model_part *p = &list->m->parts[part];

    if (!p->is_retired && model_next(list->m, part) >= 0) {
        list_add(list, DO_ADMIT, part, 0);
    }
    if (!p->is_retired && p->next > 0) {
        list_add(list, DO_RETIRE, part, 0);
    }
    if (p->is_retired) {
        list_add(list, p->is_fenced ? DO_ASSIGN : DO_FENCE, part, 0);
    }
}

static void list_send(model_list *list, const model_job *job)
{
    int n_left = 0;

    for (int i = 0; i < job->n_outs; i++) {
        n_left += job->outs[i] == OUT_NEW || job->outs[i] == OUT_FAILED;
    }
    list_add(list, DO_SEND, job->id, 0);
    if (n_left > 0) {
        list_add(list, DO_SEND_NONE, job->id, 0);
    }
    if (n_left > 1) {
        list_add(list, DO_SEND_SOME, job->id, 0);
    }
}

static void list_answers(model_list *list, const model_job *job)
{
    for (int i = 0; i < job->n_outs; i++) {
        if (job->outs[i] != OUT_WITH_SINK || model_is_behind(list->m, job, i)) {
            continue;
        }
        if (!job->is_doomed) {
            list_add(list, DO_ANSWER_OK, job->id, i);
            list_add(list, DO_ANSWER_NEVER, job->id, i);
        }
        list_add(list, DO_ANSWER_AGAIN, job->id, i);
    }
}

static void list_job(model_list *list, const model_job *job)
{
    switch (job->phase) {
    case PHASE_QUIET:
        if (job->job.is_stuck) {
            list_add(list, DO_SKIP, job->id, 0);
        }
        break;
    case PHASE_RAN:
        break;
    case PHASE_CLAIMED:
        if (job->claim > 0) {
            break; /* its thread's */
        }
        list_add(list, DO_BEGIN, job->id, 0);
        list_add(list, DO_BACK, job->id, 0);
        break;
    case PHASE_RUNNING:
        list_add(list, DO_FINISH, job->id, 0);
        list_add(list, list->m->plan->n_outs > 0 ? DO_FINISH_EMPTY : DO_FINISH_RESULT,
                 job->id, 0);
        list_add(list, DO_RETRY, job->id, 0);
        list_add(list, DO_REJECT, job->id, 0);
        list_add(list, DO_UNAVAILABLE, job->id, 0);
        break;
    case PHASE_TO_SEND:
        list_send(list, job);
        break;
    case PHASE_SENDING:
        list_add(list, DO_SENT, job->id, 0);
        break;
    }
    list_answers(list, job);
}

size_t weir_model_steps(model *m, model_step *out, size_t cap)
{
    model_list list = { .m = m, .steps = out, .cap = cap };
    const weir_flow *f = m->w.f;
    const weir_heap_node *top = weir_heap_peek(&f->due);

    for (int part = 0; part < WORLD_PARTS; part++) {
        list_part(&list, part);
    }
    for (int i = 0; i < m->n_jobs; i++) {
        if (m->jobs[i] != NULL) {
            list_job(&list, m->jobs[i]);
        }
    }
    list.n += weir_model_claim_steps(m, out + list.n);
    if (weir_model_claim_may_take(m) && (f->n_ready > 0 || f->n_resend > 0 ||
                                         (top != NULL && top->due_us <= m->w.now))) {
        list_add(&list, DO_TAKE, 0, 0);
    }
    if ((top != NULL && top->due_us > m->w.now) ||
        (f->is_open && f->probe_us > m->w.now)) {
        list_add(&list, DO_TICK, 0, 0);
    }
    return list.n;
}
