/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake_host - what a source tells its host: assigned, revoking, lost, trouble.
 *
 * All of it runs on the intake's thread, inside read() or close().
 */
#include "worker/engine/line.h"

#include "worker/base/clock.h"
#include "worker/base/log.h"

#include <stdio.h>
#include <stdlib.h>

#define HOST_LOOK_US 20000 /* how often a revoke looks whether anything is left */

static const char *const trouble_texts[] = {
    [WEIR_TROUBLE_NONE] = "none",
    [WEIR_TROUBLE_UNREACHABLE] = "unreachable",
    [WEIR_TROUBLE_DENIED] = "denied",
    [WEIR_TROUBLE_MISSING] = "missing",
    [WEIR_TROUBLE_LOST_POSITION] = "lost-position",
    [WEIR_TROUBLE_UNDECODABLE] = "undecodable",
    [WEIR_TROUBLE_RECREATED] = "recreated",
    [WEIR_TROUBLE_FATAL] = "fatal",
    [WEIR_TROUBLE_NO_POSITION] = "no-position",
};

/* -- parts ------------------------------------------------------------------------------- */

weir_line_part *weir_intake_part(weir_intake *in, uint32_t slot)
{
    weir_line_part *part = NULL;

    weir_lock_take(&in->lock);
    if (slot < in->n_parts) {
        part = in->parts[slot];
    }
    weir_lock_give(&in->lock);
    return part;
}

static weir_line_part *intake_part_new(weir_intake *in, const weir_epoch *e)
{
    weir_line_part *part = calloc(1, sizeof(*part));
    weir_line_part **grown;
    char number[16];

    if (part == NULL || (part->topic = strdup(e->topic)) == NULL) {
        free(part);
        return NULL;
    }
    part->intake = in;
    part->part.src = in->index;
    part->part.slot = e->part;
    part->part.topic = part->topic;
    part->part.partition = e->partition;
    part->part.driver = part;
    part->part.acks_each = in->source->ops->acks_each;
    part->journal = weir_journal_part(in->line->e->journal, in->line->sub->name,
                                      e->topic, e->partition);
    part->has_blames =
        weir_journal_knows(in->line->e->journal, part->journal, &part->blamed);
    weir_part_init(&part->part);
    snprintf(number, sizeof(number), "%d", (int)e->partition);
    part->lag =
        weir_metric_get(WEIR_M_LAG_EVENTS,
                        (const char *const[]){ in->line->sub->name, e->topic, number });
    part->stopped = weir_metric_get(
        WEIR_M_STOPPED, (const char *const[]){ in->line->sub->name, e->topic, number });
    weir_metric_set(part->stopped, 0);
    weir_lock_take(&in->lock);
    if (e->part >= in->n_parts) {
        grown = realloc(in->parts, (e->part + 16) * sizeof(*grown));
        if (grown == NULL) {
            weir_lock_give(&in->lock);
            free(part->topic);
            free(part);
            return NULL;
        }
        memset(grown + in->n_parts, 0, (e->part + 16 - in->n_parts) * sizeof(*grown));
        in->parts = grown;
        in->n_parts = e->part + 16;
    }
    in->parts[e->part] = part;
    weir_lock_give(&in->lock);
    return part;
}

/* -- the host of the source --------------------------------------------------------------- */

static void intake_assigned(void *arg, const weir_epoch *e, size_t n)
{
    weir_intake *in = arg;

    for (size_t i = 0; i < n; i++) {
        weir_line_part *part = weir_intake_part(in, e[i].part);
        weir_err err;
        uint16_t dest;

        if (part == NULL && (part = intake_part_new(in, &e[i])) == NULL) {
            in->is_barred = true; /* what is read of it has no place */
            weir_engine_fail(in->line->e, 70, "out of memory for partition %s/%d",
                             e[i].topic, (int)e[i].partition);
            return;
        }
        weir_flow_assign(in->line->flow, &part->part, e[i].epoch);
        if (!part->is_assigned) {
            part->stall = (weir_stall){ .is_stalled = false };
            weir_lock_take(&in->lock);
            part->stalled[0] = '\0';
            weir_lock_give(&in->lock);
            part->is_assigned = true;
            weir_share_part_add(&in->line->share, &part->bucket);
        }
        part->is_held = false;
        weir_log(WEIR_INFO, "part.assigned", "sub=%s topic=%s partition=%d epoch=%u",
                 in->line->sub->name, e[i].topic, (int)e[i].partition, e[i].epoch);
        if (in->line->sub->dead_mode == WEIR_DEAD_ADDRESS &&
            in->line->sub->dead == NULL &&
            weir_dest_dead(in->line, in, e[i].topic, &dest, &err) == WEIR_OK) {
            weir_watch_probe(in->line->e->watch);
        }
    }
    atomic_store(&in->is_joined, true);
}

/* Events of the part that were read and not yet admitted are over. */
static void intake_drop_stash(weir_intake *in, weir_line_part *part)
{
    for (weir_job *job; (job = weir_chain_pop(&part->stash)) != NULL;) {
        in->n_stashed--;
        if (in->source->ops->giveback != NULL) {
            in->source->ops->giveback(in->self, &job->ev.receipt, 1);
        }
        weir_line_job_free(in, job);
    }
}

static void intake_retire(weir_intake *in, weir_line_part *part, uint32_t epoch,
                          int64_t until_us)
{
    weir_flow_news news = { 0 };

    intake_drop_stash(in, part);
    weir_flow_retire(in->line->flow, &part->part, epoch, until_us, &news);
    weir_line_carry(in->line, &news, weir_clock_us(), WEIR_CARRIER_OTHER);
}

static void intake_fence(weir_intake *in, weir_line_part *part, uint32_t epoch)
{
    weir_flow_news news = { 0 };

    weir_flow_fence(in->line->flow, &part->part, epoch, &news);
    weir_line_carry(in->line, &news, weir_clock_us(), WEIR_CARRIER_OTHER);
    if (part->is_assigned) {
        part->is_assigned = false;
        weir_share_part_drop(&in->line->share, &part->bucket);
    }
    weir_metric_hide(part->lag);
}

static size_t intake_busy(weir_intake *in, const weir_epoch *e, size_t n)
{
    size_t n_busy = 0;

    for (size_t i = 0; i < n; i++) {
        const weir_line_part *part = weir_intake_part(in, e[i].part);

        if (part != NULL) {
            n_busy += weir_flow_busy(in->line->flow, &part->part, e[i].epoch);
        }
    }
    return n_busy;
}

static void intake_revoking(void *arg, const weir_epoch *e, size_t n, int64_t until_us)
{
    weir_intake *in = arg;
    size_t n_left;

    for (size_t i = 0; i < n; i++) {
        weir_line_part *part = weir_intake_part(in, e[i].part);

        if (part != NULL) {
            intake_retire(in, part, e[i].epoch, until_us);
        }
    }
    for (;;) {
        const unsigned seen = weir_signal_read(&in->line->drained);

        weir_settle_once_hurry(in->line);
        n_left = intake_busy(in, e, n);
        if (n_left == 0 || weir_clock_us() >= until_us) {
            break;
        }
        /* The signal comes when the part is empty; one with a stuck event never is. */
        weir_signal_wait(&in->line->drained, seen,
                         until_us < weir_clock_us() + HOST_LOOK_US
                             ? until_us
                             : weir_clock_us() + HOST_LOOK_US);
    }
    for (size_t i = 0; i < n; i++) {
        weir_line_part *part = weir_intake_part(in, e[i].part);

        if (part != NULL) {
            intake_fence(in, part, e[i].epoch);
        }
    }
    weir_log(n_left == 0 ? WEIR_INFO : WEIR_WARN, "part.revoked",
             "sub=%s parts=%zu unfinished=%zu", in->line->sub->name, n, n_left);
}

static void intake_lost(void *arg, const weir_epoch *e, size_t n)
{
    weir_intake *in = arg;

    for (size_t i = 0; i < n; i++) {
        weir_line_part *part = weir_intake_part(in, e[i].part);

        if (part != NULL) {
            intake_retire(in, part, e[i].epoch, 0);
            intake_fence(in, part, e[i].epoch);
        }
    }
    weir_log(WEIR_WARN, "part.lost", "sub=%s parts=%zu", in->line->sub->name, n);
}

/* Says and counts what holds a part, or (part NULL) the whole source. */
static void intake_trouble_at(weir_intake *in, weir_line_part *part, weir_trouble kind,
                              const char *text)
{
    atomic_int *at = part == NULL ? &in->trouble : &part->trouble;

    if (atomic_exchange(at, (int)kind) == (int)kind && kind == WEIR_TROUBLE_NONE) {
        return;
    }
    if (part == NULL) {
        weir_lock_take(&in->lock);
        snprintf(in->trouble_text, sizeof(in->trouble_text), "%s",
                 text == NULL ? "" : text);
        weir_lock_give(&in->lock);
    } else {
        weir_metric_set(part->stopped, kind == WEIR_TROUBLE_NONE ? 0 : 1);
    }
    if (kind == WEIR_TROUBLE_NONE) {
        weir_log(WEIR_INFO, "source.recovered", "sub=%s topic=%s partition=%d",
                 in->line->sub->name, part == NULL ? "-" : part->topic,
                 part == NULL ? -1 : (int)part->part.partition);
        return;
    }
    weir_metric_add(weir_metric_get1(WEIR_M_ALARMS, trouble_texts[kind]), 1);
    weir_log(kind == WEIR_TROUBLE_UNREACHABLE ? WEIR_WARN : WEIR_ERROR,
             "source.trouble", "sub=%s topic=%s partition=%d trouble=%s text=%s",
             in->line->sub->name, part == NULL ? "-" : part->topic,
             part == NULL ? -1 : (int)part->part.partition, trouble_texts[kind],
             text == NULL ? "" : text);
    if (kind == WEIR_TROUBLE_NO_POSITION) {
        weir_engine_fail(in->line->e, 78, "subscription %s: %s", in->line->sub->name,
                         text == NULL ? "its group has no position" : text);
    }
}

static void intake_trouble(void *arg, const weir_epoch *e, weir_trouble kind,
                           const char *text)
{
    weir_intake *in = arg;
    weir_line_part *part = e == NULL ? NULL : weir_intake_part(in, e->part);

    if (e != NULL && part == NULL) {
        part = intake_part_new(in, e);
    }
    intake_trouble_at(in, part, kind, text);
}

void weir_intake_host_init(weir_intake *in)
{
    in->host = (weir_source_host){
        .arg = in,
        .assigned = intake_assigned,
        .revoking = intake_revoking,
        .lost = intake_lost,
        .trouble = intake_trouble,
    };
}
