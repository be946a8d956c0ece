/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_check - what has become of each event, and the promises that must hold at each step.
 *
 * Nothing here asks weir: it knows the records that were given out, the calls of the function,
 * the logs of results and dead letters, and the positions that the broker took.
 */
#include "tests/sim/sim.h"

#include "handlers/call.h"
#include "triggers/ack_map.h"
#include "worker/base/check.h"
#include "worker/engine/flow_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK_POISON 2 /* each of them needs many processes */
#define CHECK_STALE 40 /* repeats of lost answers are far fewer */

static struct {
    sim_event events[SIM_EVENTS];
    int n;
    int64_t ends[SIM_PARTS]; /* of the partitions' logs */
    bool has_pending;
    int n_poison;
    int n_written;          /* results, in all */
    int n_stale[SIM_PARTS]; /* commits in a row that said nothing new */
} check;

/* -- the log ---------------------------------------------------------------------------------- */

void sim_check_begin(void)
{
    memset(&check, 0, sizeof(check));
}

int sim_event_count(void)
{
    return check.n;
}

sim_event *sim_event_at(int id)
{
    WEIR_ASSERT(id >= 0 && id < check.n);
    return &check.events[id];
}

sim_event *sim_event_find(int part, int64_t offset)
{
    for (int i = 0; i < check.n; i++) {
        if (check.events[i].part == part && check.events[i].offset == offset) {
            return &check.events[i];
        }
    }
    return NULL;
}

int64_t sim_log_end(int part)
{
    return check.ends[part];
}

int64_t sim_log_last(int part)
{
    for (int i = check.n - 1; i >= 0; i--) {
        if (check.events[i].part == part) {
            return check.events[i].offset + 1;
        }
    }
    return 0;
}

void *sim_event_data(const sim_event *ev, size_t *len)
{
    *len = 5;
    return check.events[ev->id].data;
}

void *sim_event_key(const sim_event *ev, size_t *len)
{
    *len = ev->key < 0 ? 0 : 2;
    return ev->key < 0 ? NULL : check.events[ev->id].name;
}

int sim_event_parse(const void *data, size_t len, int *out)
{
    char text[16] = "";

    SIM_MUST(data != NULL && (len == 5 || len == 7), "bytes stay as they are",
             "%zu bytes", len);
    memcpy(text, data, len);
    *out = text[0] == 'R' ? text[6] - '0' : -1;
    text[5] = '\0';
    return atoi(text + 1);
}

static void event_fill(sim_event *ev)
{
    const uint64_t kind = sim_fixed(10, (uint64_t)ev->id) % 100;
    const uint64_t more = sim_fixed(11, (uint64_t)ev->id);

    ev->cls = kind < 4 && sim_the_plan.has_poison && check.n_poison < CHECK_POISON
                  ? SIM_POISON
              : kind < 75 ? SIM_RESULT
              : kind < 90 ? SIM_EMPTY
              : kind < 96 ? SIM_REJECT
                          : SIM_RETRIES;
    check.n_poison += ev->cls == SIM_POISON;
    ev->n_outs = ev->cls != SIM_RESULT ? 0 : more % 8 == 0 ? 2 : 1;
    ev->n_flaky = more / 8 % 8 == 0 && sim_the_plan.attempts > 1 ? 1 : 0;
    ev->is_pending =
        sim_the_plan.has_pending && more / 64 % 4 == 0 && ev->cls != SIM_POISON;
    check.has_pending = check.has_pending || ev->is_pending;
}

void sim_event_append(int part, int key)
{
    sim_event *ev = &check.events[check.n];

    WEIR_ASSERT(check.n < SIM_EVENTS);
    ev->id = check.n++;
    ev->part = part;
    ev->key = key;
    check.ends[part] += sim_once_in(8) ? (int64_t)sim_rand(5) : 0; /* a gap */
    ev->offset = check.ends[part]++;
    check.ends[part] += sim_once_in(20) ? 1 : 0;
    ev->time_ms = SIM_WALL_MS + sim_now() / 1000;
    (void)snprintf(ev->data, sizeof(ev->data), "E%04d", ev->id);
    (void)snprintf(ev->name, sizeof(ev->name), "k%d", key % 10);
    event_fill(ev);
}

/* -- promises ------------------------------------------------------------------------------------- */

bool sim_event_is_done(const sim_event *ev)
{
    if (ev->n_dead > 0) {
        return true;
    }
    if (ev->cls == SIM_EMPTY) {
        return ev->n_ended > 0;
    }
    return ev->cls == SIM_RESULT && ev->outs_done == (1u << ev->n_outs) - 1;
}

/* Replicas share a stream, and what one has left runs later: only a process has order. */
static bool check_has_order(void)
{
    return !sim_the_plan.is_stream;
}

static bool check_is_lane(const sim_event *a, const sim_event *b)
{
    if (sim_the_plan.order == WEIR_ORDER_NONE || a->part != b->part) {
        return false;
    }
    return sim_the_plan.order == WEIR_ORDER_PARTITION ||
           (a->key == b->key && a->key >= 0);
}

static const weir_job *check_job(const weir_call *call)
{
    return (const weir_job *)(const void *)((const char *)call -
                                            offsetof(weir_job, call));
}

/* With journals it is known soon; what is known goes when its dead letter stands, though it may
 * come again. Without, only at the head of its partition, and it may be that the function has to
 * be mended. */
void sim_check_kill(int id)
{
    sim_event *ev = sim_event_at(id);
    /* of each journal; and once more for all with it in a batch */
    const int most = SIM_PROCS * ((int)sim_the_plan.crashes + 2);

    ev->n_kills++;
    SIM_MUST(!sim_the_plan.has_journal ||
                 (sim_the_plan.fault_mask & 1u << SIM_FAULT_DISK) != 0 ||
                 ev->n_kills <= most || ev->n_dead > 0,
             "what ends workers is found out", "event %d: %d times", id, ev->n_kills);
    if (ev->n_kills == SIM_KILLS) {
        ev->cls = SIM_EMPTY;
    }
}

void sim_check_death(const sim_proc *proc)
{
    for (int i = 0; i < check.n; i++) {
        check.events[i].n_alone_deaths += proc->was_alone[i];
    }
}

static int check_id(const weir_event *ev)
{
    int out;

    return sim_event_parse(ev->data.data, ev->data.len, &out);
}

void sim_check_alone(const weir_job *job, bool begins)
{
    sim_proc *proc = sim_proc_here();
    const int id = check_id(&job->ev);

    sim_trace("suspect", id, begins, job->ev.strikes);
    proc->n_alone += begins ? 1 : -1;
    proc->was_alone[id] = proc->was_alone[id] || begins;
    SIM_MUST(proc->n_alone >= 0 && proc->n_alone <= 1, "suspects run one at a time",
             "%d at once", proc->n_alone);
}

/* What runs, runs with what it must run with. */
static void check_suspect(const sim_proc *proc, int id, const weir_job *job)
{
    const int strikes = sim_kafka_strikes(sim_event_at(id)->part,
                                          sim_event_at(id)->offset, proc->incarnation);
    const weir_journal_slot *slot = sim_co_get();

    SIM_MUST(proc->n_alone == (job->is_suspect ? 1 : 0) ||
                 (job->is_suspect && sim_the_plan.batch > 1),
             "suspects run alone", "event %d, a suspect: %d, alone: %d", id,
             job->is_suspect, proc->n_alone);
    SIM_MUST(!job->is_suspect || proc->n_running == 0, "suspects run alone",
             "event %d, and %d more", id, proc->n_running);
    SIM_MUST(
        !job->is_suspect || sim_the_plan.is_stream || strikes < 0 ||
            job->ev.strikes < WEIR_STRIKES_ALONE || strikes > (int)WEIR_STRIKES_ALONE,
        "a suspect is counted before it begins", "event %d: %d strikes", id, strikes);
    SIM_MUST(slot == NULL || sim_the_plan.batch > 1 ||
                 (atomic_load(&slot->state) != WEIR_SLOT_IDLE &&
                  slot->hi == job->ev.receipt.pos.hi &&
                  slot->lo == job->ev.receipt.pos.lo),
             "what runs stands in the journal", "event %d", id);
}

/* Who dies again and again near an event that runs alone may be met by chance, but not often. */
static void check_blame(const sim_event *ev)
{
    const int allowed = (int)(sim_the_plan.crashes + WEIR_STRIKES_CHANCE);

    SIM_MUST(ev->cls == SIM_POISON || ev->n_alone_deaths > allowed,
             "nobody innocent is blamed",
             "event %d crashed nothing, and %d processes died that had it alone",
             ev->id, ev->n_alone_deaths);
}

void sim_check_start(sim_proc *proc, int id, const weir_call *call)
{
    sim_event *ev = sim_event_at(id);
    const weir_job *job = check_job(call);
    const unsigned most = sim_the_plan.concurrency + (check.has_pending ? 64 : 0);

    SIM_MUST(job->part->fenced < job->ev.receipt.epoch,
             "no attempt begins in an epoch that is over", "event %d", id);
    for (int i = 0; i < proc->n_running; i++) {
        SIM_MUST(proc->running[i] != id, "an event runs once at a time", "event %d",
                 id);
        SIM_MUST(!check_is_lane(ev, sim_event_at(proc->running[i])) ||
                     sim_the_plan.batch > 1,
                 "one of a lane runs at a time", "event %d while %d runs", id,
                 proc->running[i]);
    }
    check_suspect(proc, id, job);
    WEIR_ASSERT(proc->n_running < SIM_EVENTS);
    proc->running[proc->n_running++] = id;
    SIM_MUST((unsigned)proc->n_running <= most, "no more run than may",
             "%d of %u at once", proc->n_running, sim_the_plan.concurrency);
    for (int i = 0; i < id && check_has_order(); i++) {
        const sim_event *before = &check.events[i];

        SIM_MUST(!check_is_lane(before, ev) || before->n_ended > 0 ||
                     before->is_dead_sent || sim_event_is_done(before),
                 "a lane keeps its order", "event %d begins and %d has not ended", id,
                 i);
    }
    ev->n_started++;
}

void sim_check_end(sim_proc *proc, int id, const weir_call *call, bool is_final)
{
    const weir_job *job = check_job(call);

    for (int i = 0; i < proc->n_running; i++) {
        if (proc->running[i] == id) {
            proc->running[i] = proc->running[--proc->n_running];
            break;
        }
    }
    sim_event_at(id)->n_ended += is_final;
    sim_event_at(id)->stale_job = weir_flow_is_fenced(job) ? job : NULL;
}

void sim_check_send(int id, const void *job)
{
    SIM_MUST(sim_event_at(id)->stale_job != job || !weir_flow_is_fenced(job),
             "nothing is sent of what ended when its epoch was over", "event %d", id);
}

void sim_check_written(int id, int out)
{
    sim_event *ev = sim_event_at(id);

    sim_trace("log.result", id, out, ev->n_written[out]);
    SIM_MUST(ev->n_ended > 0 && ev->cls == SIM_RESULT,
             "a result comes of a function that is done", "event %d", id);
    for (int i = 0; i < id && check_has_order(); i++) {
        const sim_event *before = &check.events[i];

        SIM_MUST(before->cls != SIM_RESULT || !check_is_lane(before, ev) ||
                     sim_event_is_done(before) || before->is_dead_sent,
                 "results of a lane keep its order", "of event %d before those of %d",
                 id, i);
    }
    SIM_MUST(!sim_the_plan.is_once || (ev->n_written[out] == 0 && ev->n_dead == 0),
             "results come once", "result %d of event %d", out, id);
    ev->n_written[out]++;
    ev->last_at = ++check.n_written;
    ev->first_at = ev->first_at == 0 ? ev->last_at : ev->first_at;
    ev->outs_done |= 1u << out;
}

void sim_check_dead(int id, const char *reason)
{
    SIM_MUST(!sim_the_plan.is_once ||
                 (sim_event_at(id)->n_dead == 0 && sim_event_at(id)->outs_done == 0),
             "a dead letter comes once, and in place of results", "event %d", id);
    sim_event_at(id)->n_dead++;
    if (strncmp(reason, "crashed", 7) == 0) {
        check_blame(sim_event_at(id));
    }
    sim_trace("log.dead", id, 0, 0);
}

/* All below a position is done, or it is lost when the worker dies now. */
void sim_check_commit(int part, int64_t before, int64_t offset, bool is_news)
{
    check.n_stale[part] = is_news ? 0 : check.n_stale[part] + 1;
    SIM_MUST(check.n_stale[part] < CHECK_STALE, "a commit says something new",
             "partition %d at %lld: %d times the same", part, (long long)offset,
             check.n_stale[part]);
    SIM_MUST(offset >= before, "a position does not fall",
             "partition %d from %lld to %lld", part, (long long)before,
             (long long)offset);
    for (int i = 0; i < check.n; i++) {
        const sim_event *ev = &check.events[i];

        SIM_MUST(ev->part != part || ev->offset >= offset || sim_event_is_done(ev),
                 "nothing is lost",
                 "position %lld of partition %d, and event %d at %lld is not done",
                 (long long)offset, part, i, (long long)ev->offset);
    }
}

/* A crash from now on does not bring it again, so nothing of its lane may come behind it. */
static void check_remembered(const sim_event *ev)
{
    SIM_MUST(sim_event_is_done(ev), "nothing is lost",
             "the map holds event %d, which is not done", ev->id);
    for (int i = 0; i < ev->id; i++) {
        SIM_MUST(!check_is_lane(&check.events[i], ev) ||
                     sim_event_is_done(&check.events[i]),
                 "what is remembered has its lane before it",
                 "the map holds event %d, and %d is not done", ev->id, i);
    }
}

void sim_check_map(int part, int64_t offset, const char *text)
{
    static uint32_t runs[WEIR_ACK_MAP_MAX_RUNS];
    weir_ack_map map = { .runs = runs, .cap_runs = WEIR_ACK_MAP_MAX_RUNS };

    if (weir_ack_map_decode(weir_slice_of(text), offset, &map) != WEIR_ACK_OK) {
        SIM_MUST(text[0] == '\0', "a map can be read", "%s", text);
        return;
    }
    for (int i = 0; i < check.n; i++) {
        const sim_event *ev = &check.events[i];

        if (ev->part == part && ev->offset >= offset &&
            weir_ack_map_next(&map, ev->offset) != ev->offset) {
            check_remembered(ev);
        }
    }
}

void sim_check_ack(int id)
{
    SIM_MUST(sim_event_is_done(sim_event_at(id)), "nothing is lost",
             "event %d is acknowledged and not done", id);
}

void sim_check_known(int part, int64_t offset)
{
    const sim_event *ev = sim_event_find(part, offset);

    sim_trace("client.known", part, offset, ev == NULL ? -1 : ev->id);
    SIM_MUST(ev == NULL || sim_event_is_done(ev), "nothing is lost",
             "the map passes event %d, which is not done", ev == NULL ? -1 : ev->id);
}

bool sim_check_all_done(void)
{
    for (int i = 0; i < check.n; i++) {
        if (!sim_event_is_done(&check.events[i])) {
            return false;
        }
    }
    return true;
}

/* Whoever reads the log to its end has seen a lane's results in order: a result that stands
 * before an earlier one stands behind it once more. But an event that ran twice may have ended
 * as a dead letter once; and a process that was stopped wakes up and says what it had. */
static void check_order(const sim_event *ev)
{
    for (int i = 0; i < ev->id && check_has_order() && ev->n_dead == 0; i++) {
        const sim_event *before = &check.events[i];

        SIM_MUST(!check_is_lane(before, ev) || before->first_at == 0 ||
                     ev->last_at == 0 || ev->last_at > before->first_at ||
                     before->n_dead > 0,
                 "results of a lane keep its order",
                 "those of event %d came last, and those of %d later", ev->id, i);
    }
}

void sim_check_finish(bool is_calm)
{
    for (int i = 0; i < check.n; i++) {
        const sim_event *ev = &check.events[i];

        SIM_MUST(sim_event_is_done(ev), "everything finishes",
                 "event %d, partition %d offset %lld class %d: started %d ended %d", i,
                 ev->part, (long long)ev->offset, (int)ev->cls, ev->n_started,
                 ev->n_ended);
        check_order(ev);
        for (int k = 0; k < ev->n_outs && is_calm; k++) {
            SIM_MUST(ev->n_written[k] + ev->n_dead == 1,
                     "without faults nothing is twice",
                     "result %d of event %d: %d times", k, i, ev->n_written[k]);
        }
    }
}
