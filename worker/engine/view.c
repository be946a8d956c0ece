/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* view - consistent copies of the engine's state for probes, metrics and people. */
#include "worker/engine/line.h"

#include "worker/base/clock.h"

#include <stdio.h>

#define VIEW_STUCK_US                                                                  \
    30000000 /* an intake loop that has not gone round for this long */

bool weir_engine_is_live(weir_engine *e)
{
    const int64_t now = weir_clock_us();

    for (size_t i = 0; i < e->n_lines; i++) {
        for (size_t k = 0; k < e->lines[i].sub->n_sources; k++) {
            const weir_intake *in = &e->lines[i].intakes[k];

            if (in->is_started && !atomic_load(&in->is_closed) &&
                now - atomic_load(&in->beat_us) > VIEW_STUCK_US) {
                return false;
            }
        }
    }
    return weir_pool_is_live(e->pool, now);
}

static const char *view_trouble_text(int trouble)
{
    switch ((weir_trouble)trouble) {
    case WEIR_TROUBLE_NONE:
        return NULL;
    case WEIR_TROUBLE_UNREACHABLE:
        return "its broker does not answer";
    case WEIR_TROUBLE_DENIED:
        return "its broker refuses the credentials or rights";
    case WEIR_TROUBLE_MISSING:
        return "its topic or stream does not exist";
    case WEIR_TROUBLE_LOST_POSITION:
        return "retention has eaten its position";
    case WEIR_TROUBLE_UNDECODABLE:
        return "the client cannot read a batch; see weir skip";
    case WEIR_TROUBLE_RECREATED:
        return "its position lies beyond the end: the topic was made anew";
    case WEIR_TROUBLE_FATAL:
        return "its client has failed and is made anew";
    case WEIR_TROUBLE_NO_POSITION:
        return "its group has no position, and start is committed";
    }
    return "unknown trouble";
}

/* A sentence on the first assigned part that is stopped; false: none is. */
static bool view_part_stopped(weir_intake *in, char *why, size_t cap)
{
    for (uint32_t i = 0;; i++) {
        weir_line_part *part = NULL;
        char position[WEIR_POSITION_MAX];
        const char *trouble;
        bool is_end;

        weir_lock_take(&in->lock);
        is_end = i >= in->n_parts;
        part = is_end ? NULL : in->parts[i];
        weir_lock_give(&in->lock);
        if (is_end) {
            return false;
        }
        if (part == NULL || !part->is_assigned) {
            continue;
        }
        trouble = view_trouble_text(atomic_load(&part->trouble));
        if (trouble != NULL) {
            snprintf(why, cap, "%s/%d is stopped: %s", part->topic,
                     (int)part->part.partition, trouble);
            return true;
        }
        if (weir_flow_stuck_get(in->line->flow, &part->part, position)) {
            snprintf(why, cap,
                     "%s/%d is stopped: the dead letter of %s cannot be published; "
                     "weir skip %s passes it",
                     part->topic, (int)part->part.partition, position, position);
            return true;
        }
    }
}

/* The trouble of a whole source, with what was told of it. */
static bool view_source_unready(weir_intake *in, char *why, size_t cap)
{
    const char *trouble = view_trouble_text(atomic_load(&in->trouble));

    if (trouble == NULL) {
        return false;
    }
    weir_lock_take(&in->lock);
    snprintf(why, cap, "%s%s%s", trouble, in->trouble_text[0] == '\0' ? "" : ": ",
             in->trouble_text);
    weir_lock_give(&in->lock);
    return true;
}

/* A sentence on what keeps the line from being ready; false: nothing. */
static bool view_line_unready(weir_line *line, char *why, size_t cap)
{
    weir_engine *e = line->e;
    weir_flow_stat stat;
    bool is_unready = false;

    for (size_t k = 0; k < line->sub->n_sources; k++) {
        weir_intake *in = &line->intakes[k];

        if (view_source_unready(in, why, cap)) {
            return true;
        }
        if (!atomic_load(&in->is_joined)) {
            snprintf(why, cap, "has not joined its group yet");
            return true;
        }
        if (view_part_stopped(in, why, cap)) {
            return true;
        }
    }
    weir_flow_stat_get(line->flow, &stat);
    if (stat.n_again > 0) {
        snprintf(why, cap, "%zu events cannot be published now; they are sent again",
                 stat.n_again);
        return true;
    }
    weir_lock_take(&e->dest_lock);
    for (size_t i = 0; i < line->n_dests && !is_unready; i++) {
        const weir_dest *dest = e->dests[line->dests[i]];

        if (!dest->is_ok) {
            snprintf(why, cap, "%s: %s", dest->address,
                     dest->text[0] == '\0' ? "has not answered yet" : dest->text);
            is_unready = true;
        }
    }
    if (!is_unready && line->settler != NULL && !line->is_settler_ok) {
        snprintf(why, cap, "exactly_once: %s",
                 line->settler_text[0] == '\0' ? "has not been proved yet"
                                               : line->settler_text);
        is_unready = true;
    }
    weir_lock_give(&e->dest_lock);
    return is_unready;
}

bool weir_engine_is_ready(weir_engine *e, weir_buf *why)
{
    bool is_ready = !atomic_load(&e->is_stopping);

    for (size_t i = 0; i < e->n_lines; i++) {
        weir_line *line = &e->lines[i];
        char text[2 * WEIR_POSITION_MAX + 512] = "ready";

        is_ready = !view_line_unready(line, text, sizeof(text)) && is_ready;
        if (why != NULL) {
            weir_buf_printf(why, "%s: %s\n", line->sub->name, text);
        }
    }
    return is_ready;
}

/* rate x work time, in replicas of this concurrency; an idle line wants one. */
static double view_replicas_wanted(const weir_line *line, const weir_flow_stat *stat)
{
    const double busy = (double)stat->n_slots / (double)line->sub->concurrency;
    const double waiting = (double)stat->n_ready / (double)line->sub->concurrency;
    const double mean_s = (double)atomic_load(&line->mean_ns) / 1e9;
    double wanted = busy + waiting * mean_s;

    return wanted < 1 ? 1 : wanted;
}

/* Whole seconds in which the line was paused; the rest of a second waits for the next call. */
static void view_measure_pause(weir_line *line, int64_t now)
{
    weir_metric *paused = weir_metric_get1(WEIR_M_PAUSED_SECONDS, line->sub->name);

    if (!atomic_load(&line->is_paused)) {
        atomic_store(&line->paused_since_us, 0);
        return;
    }
    if (atomic_load(&line->paused_since_us) == 0) {
        atomic_store(&line->paused_since_us, now);
    }
    while (now - atomic_load(&line->paused_since_us) >= 1000000) {
        weir_metric_add(paused, 1);
        atomic_fetch_add(&line->paused_since_us, 1000000);
    }
}

static void view_measure_line(weir_line *line, int64_t now)
{
    const char *name = line->sub->name;
    weir_flow_stat stat;
    double oldest_s = 0;

    weir_flow_stat_get(line->flow, &stat);
    if (stat.oldest_us != WEIR_NEVER) {
        oldest_s = (double)(now - stat.oldest_us) / 1e6;
    }
    weir_metric_set(weir_metric_get1(WEIR_M_IN_FLIGHT, name), (double)stat.n_slots);
    weir_metric_set(weir_metric_get1(WEIR_M_IN_FLIGHT_BYTES, name),
                    (double)atomic_load(&line->n_charged));
    weir_metric_set(weir_metric_get1(WEIR_M_UNFINISHED, name), (double)stat.n_jobs);
    if (atomic_load(&line->lag_us) >= 0) {
        weir_metric_set(weir_metric_get1(WEIR_M_LAG_SECONDS, name),
                        (double)atomic_load(&line->lag_us) / 1e6);
    }
    view_measure_pause(line, now);
    weir_metric_set(weir_metric_get1(WEIR_M_OLDEST_UNFINISHED, name), oldest_s);
    weir_metric_set(weir_metric_get1(WEIR_M_REPLICAS_WANTED, name),
                    view_replicas_wanted(line, &stat));
}

void weir_engine_measure(weir_engine *e)
{
    const int64_t now = weir_clock_us();

    for (size_t i = 0; i < e->n_lines; i++) {
        view_measure_line(&e->lines[i], now);
    }
}

/* -- skip -------------------------------------------------------------------------------------- */

/* The part of that address in this intake, or NULL. */
static weir_line_part *view_find_part(weir_intake *in, const weir_address *at)
{
    weir_line_part *found = NULL;

    if (strcmp(in->source->setup.queue_name, at->queue) != 0) {
        return NULL;
    }
    weir_lock_take(&in->lock);
    for (size_t i = 0; i < in->n_parts && found == NULL; i++) {
        weir_line_part *part = in->parts[i];

        if (part != NULL && part->is_assigned && strcmp(part->topic, at->topic) == 0 &&
            part->part.partition == at->partition) {
            found = part;
        }
    }
    weir_lock_give(&in->lock);
    return found;
}

static weir_status view_skip_in(weir_engine *e, weir_line *line, weir_line_part *part,
                                const weir_address *at, weir_err *err)
{
    weir_flow_news news = { 0 };
    weir_flow_first first;
    const weir_status st = weir_flow_skip(line->flow, &part->part, at->pos, &news);

    if (st == WEIR_OK) {
        weir_line_carry(line, &news, weir_clock_us(), WEIR_CARRIER_OTHER);
        return WEIR_OK;
    }
    (void)e;
    if (!weir_flow_first_get(line->flow, &part->part, &first)) {
        return weir_fail(err, WEIR_ENOENT,
                         "subscription %s: nothing is unfinished on %s/%d",
                         line->sub->name, at->topic, (int)at->partition);
    }
    return weir_fail(
        err, st, "subscription %s: %s; the first unfinished event is %s (%s)",
        line->sub->name,
        st == WEIR_EINVAL ? "the event there is not stuck" : "no such event is held",
        first.position, weir_job_state_text(first.state));
}

weir_status weir_engine_skip(weir_engine *e, const weir_address *at, int64_t until_us,
                             weir_err *err)
{
    weir_status st =
        weir_fail(err, WEIR_ENOENT, "no subscription of this worker holds %s/%d",
                  at->topic, (int)at->partition);

    /* Several subscriptions may read the partition; the one that is stuck there is meant. */
    for (size_t i = 0; i < e->n_lines; i++) {
        for (size_t k = 0; k < e->lines[i].sub->n_sources; k++) {
            weir_intake *in = &e->lines[i].intakes[k];
            weir_line_part *part = view_find_part(in, at);

            if (part == NULL) {
                continue;
            }
            if (atomic_load(&part->trouble) == WEIR_TROUBLE_UNDECODABLE) {
                st = weir_intake_skip(in, part, at->pos, until_us, err);
            } else {
                st = view_skip_in(e, &e->lines[i], part, at, err);
            }
            if (st == WEIR_OK) {
                return WEIR_OK;
            }
        }
    }
    return st;
}

/* -- describe ---------------------------------------------------------------------------------- */

static void view_describe_stall(weir_intake *in, const weir_line_part *part,
                                weir_buf *json)
{
    char text[sizeof(part->stalled)];

    weir_lock_take(&in->lock);
    memcpy(text, part->stalled, sizeof(text));
    weir_lock_give(&in->lock);
    if (text[0] != '\0') {
        weir_buf_str(json, ",\"stalled\":");
        weir_buf_json(json, weir_slice_of(text));
    }
}

static void view_describe_parts(weir_intake *in, weir_buf *json, bool *is_first)
{
    for (size_t i = 0;; i++) {
        weir_line_part *part = NULL;
        weir_flow_first first;
        bool is_end;

        weir_lock_take(&in->lock);
        is_end = i >= in->n_parts;
        part = is_end ? NULL : in->parts[i];
        weir_lock_give(&in->lock);
        if (is_end) {
            return;
        }
        if (part == NULL || !part->is_assigned) {
            continue;
        }
        weir_buf_str(json, *is_first ? "{\"topic\":" : ",{\"topic\":");
        *is_first = false;
        weir_buf_json(json, weir_slice_of(part->topic));
        weir_buf_printf(json, ",\"partition\":%d", (int)part->part.partition);
        if (weir_flow_first_get(in->line->flow, &part->part, &first)) {
            weir_buf_printf(json, ",\"first\":{\"position\":");
            weir_buf_json(json, weir_slice_of(first.position));
            weir_buf_printf(
                json, ",\"state\":\"%s\",\"attempts\":%u,\"stuck\":%s,\"behind\":%zu}",
                weir_job_state_text(first.state), first.n_attempts,
                first.is_stuck ? "true" : "false", first.n_behind);
        }
        view_describe_stall(in, part, json);
        if (atomic_load(&part->trouble) != WEIR_TROUBLE_NONE) {
            weir_buf_str(json, ",\"trouble\":");
            weir_buf_json(
                json, weir_slice_of(view_trouble_text(atomic_load(&part->trouble))));
        }
        weir_buf_char(json, '}');
    }
}

void weir_engine_describe(weir_engine *e, weir_buf *json)
{
    weir_buf_char(json, '[');
    for (size_t i = 0; i < e->n_lines; i++) {
        weir_line *line = &e->lines[i];
        weir_flow_stat stat;
        bool is_first = true;

        weir_flow_stat_get(line->flow, &stat);
        weir_buf_str(json, i == 0 ? "{\"name\":" : ",{\"name\":");
        weir_buf_json(json, weir_slice_of(line->sub->name));
        weir_buf_str(json, ",\"group\":");
        weir_buf_json(json, weir_slice_of(line->sub->group));
        weir_buf_printf(
            json,
            ",\"paused\":%s,\"unavailable\":%s,\"unfinished\":%zu,\"running\":%zu,"
            "\"waiting\":%zu,\"publishing\":%zu,\"parts\":[",
            stat.is_paused ? "true" : "false", stat.is_unavailable ? "true" : "false",
            stat.n_jobs, stat.n_slots, stat.n_waiting, stat.n_settling);
        for (size_t k = 0; k < line->sub->n_sources; k++) {
            view_describe_parts(&line->intakes[k], json, &is_first);
        }
        weir_buf_str(json, "]}");
    }
    weir_buf_char(json, ']');
}
