/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* deadletter - see deadletter.h. */
#include "worker/engine/deadletter.h"

#include "schemas/position.h"
#include "worker/base/clock.h"

#include <stdio.h>

#define DEAD_HEADERS 17       /* most that are added */
#define DEAD_MESSAGE_MAX 1500 /* bytes of the error text; it is what grows */

typedef struct dead_headers {
    weir_job *job;
    weir_header *headers;
    size_t n;
    bool has_failed;
} dead_headers;

unsigned weir_deadletter_hops(const weir_event *ev)
{
    weir_slice text;
    unsigned hops = 0;

    if (!weir_ev_header(ev, "weir.hops", &text)) {
        return 0;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return 0;
        }
        hops = hops > 1000 ? hops : hops * 10 + (unsigned)(text.data[i] - '0');
    }
    return hops;
}

static void dead_add(dead_headers *h, const char *name, weir_slice value)
{
    h->headers[h->n++] = (weir_header){ name, value };
}

static void dead_text(dead_headers *h, const char *name, const char *text)
{
    char *copy = weir_arena_strdup(&h->job->out_arena, text);

    h->has_failed = h->has_failed || copy == NULL;
    dead_add(h, name, weir_slice_of(copy));
}

static void dead_number(dead_headers *h, const char *name, uint64_t value)
{
    char *text = weir_arena_alloc(&h->job->out_arena, WEIR_POS_TEXT_MAX);

    if (text == NULL) {
        h->has_failed = true;
        return;
    }
    dead_add(h, name, (weir_slice){ text, weir_u64_format(value, text) });
}

static void dead_time(dead_headers *h, const char *name, int64_t wall_ms)
{
    char text[WEIR_RFC3339_MAX];

    if (wall_ms > 0) {
        dead_text(h, name, weir_time_format(wall_ms, text));
    }
}

/* Cuts at a UTF-8 character, so that the header stays text. */
static void dead_message(dead_headers *h, const char *text)
{
    char cut[DEAD_MESSAGE_MAX + 1];
    size_t len = strnlen(text, DEAD_MESSAGE_MAX);

    if (len == DEAD_MESSAGE_MAX) {
        while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80) {
            len--;
        }
    }
    memcpy(cut, text, len);
    cut[len] = '\0';
    dead_text(h, "__dlq.errors.message", cut);
}

static const char *dead_why(const weir_job *job)
{
    if (job->ev.fault != WEIR_FAULT_NONE && job->ev.fault_text != NULL) {
        return job->ev.fault_text;
    }
    switch ((weir_reason)job->reason) {
    case WEIR_REASON_EXPIRED:
        return "older than max_age when its turn came";
    case WEIR_REASON_TOO_LARGE:
        return "the result is larger than its destination takes";
    case WEIR_REASON_UNSENDABLE:
        return "the result's destination refuses it";
    case WEIR_REASON_LOOP:
        return "weir.hops has reached its end: the event goes round in a loop";
    default:
        return job->call.reason;
    }
}

/* The place of the event in the broker's own words. */
static void dead_add_origin(dead_headers *h, const weir_deadletter_info *info)
{
    const weir_event *ev = &h->job->ev;
    char offset[48];

    if (ev->is_redis) {
        snprintf(offset, sizeof(offset), "%llu-%llu",
                 (unsigned long long)ev->receipt.pos.hi,
                 (unsigned long long)ev->receipt.pos.lo);
    } else {
        snprintf(offset, sizeof(offset), "%llu",
                 (unsigned long long)ev->receipt.pos.hi);
    }
    dead_text(h, "__dlq.errors.topic", ev->topic == NULL ? "" : ev->topic);
    dead_number(h, "__dlq.errors.partition",
                ev->partition < 0 ? 0 : (uint64_t)ev->partition);
    dead_text(h, "__dlq.errors.offset", offset);
    dead_text(h, "__dlq.errors.group", info->group);
    dead_number(h, "__dlq.errors.delivery.count",
                h->job->n_attempts > ev->n_delivered ? h->job->n_attempts
                                                     : ev->n_delivered);
    dead_message(h, dead_why(h->job));
}

static void dead_add_weir(dead_headers *h, const weir_deadletter_info *info)
{
    const weir_job *job = h->job;
    const char *cls = job->call.cls;
    weir_slice redrives;

    dead_text(h, "weir.reason", weir_reason_text((weir_reason)job->reason));
    if (cls[0] != '\0') {
        dead_text(h, "weir.error.class", cls);
    }
    dead_text(h, "weir.function", info->function);
    dead_text(h, "weir.function.version", info->version);
    dead_text(h, "weir.subscription", info->sub);
    dead_number(h, "weir.hops", weir_deadletter_hops(&job->ev) + 1);
    dead_text(h, "weir.position", weir_ev_position(&job->ev).data);
    dead_time(h, "weir.time", job->ev.time_ms);
    dead_time(h, "weir.first_attempt", job->first_ms);
    dead_time(h, "weir.last_attempt", job->last_ms);
    if (!weir_ev_header(&job->ev, "weir.redrives", &redrives)) {
        dead_text(h, "weir.redrives", "0");
    }
    if (job->is_omitted) {
        dead_text(h, "weir.omitted", "true");
    }
}

weir_status weir_deadletter_make(weir_job *job, const weir_deadletter_info *info,
                                 const weir_out *address, weir_out **out)
{
    const weir_event *ev = &job->ev;

    if (!weir_ev_look(ev)) {
        return WEIR_ENOMEM;
    }
    const size_t n_kept = job->is_omitted ? 0 : ev->n_headers;
    weir_out *dead = weir_arena_zalloc(&job->out_arena, sizeof(*dead));
    dead_headers h = { .job = job };

    h.headers = weir_arena_alloc(&job->out_arena,
                                 (n_kept + DEAD_HEADERS + 2) * sizeof(*h.headers));
    if (dead == NULL || h.headers == NULL) {
        return WEIR_ENOMEM;
    }
    if (n_kept > 0) {
        memcpy(h.headers, ev->headers, n_kept * sizeof(*h.headers));
        h.n = n_kept;
    }
    dead_add_origin(&h, info);
    dead_add_weir(&h, info);
    if (h.has_failed) {
        return WEIR_ENOMEM;
    }
    *dead = *address;
    dead->next = NULL;
    dead->key = job->is_omitted && ev->key.len > 1024 ? WEIR_SLICE_NONE : ev->key;
    dead->data = job->is_omitted ? WEIR_SLICE_LIT("") : ev->data;
    dead->headers = h.headers;
    dead->n_headers = h.n;
    dead->partition = -1;
    dead->time_ms = -1;
    *out = dead;
    return WEIR_OK;
}

/* True if the stamp says it again: what weir wrote on the cause and a function has copied, or
 * a trace that is the same. */
static bool stamp_repeats(const dead_headers *stamp, const weir_header *header)
{
    for (size_t i = 0; i < stamp->n; i++) {
        const weir_header *added = &stamp->headers[i];

        if (strcmp(added->name, header->name) == 0 &&
            (strncmp(added->name, "weir.", 5) == 0 ||
             weir_slice_eq(added->value, header->value))) {
            return true;
        }
    }
    return false;
}

/* The position as text; not weir_ev_position(), which has to mind other threads and takes a
 * long one from the heap. */
static void stamp_position(dead_headers *stamp)
{
    const weir_event *ev = &stamp->job->ev;
    char *text =
        weir_arena_alloc(&stamp->job->out_arena, ev->where.len + WEIR_POS_TEXT_MAX);

    if (text == NULL) {
        stamp->has_failed = true;
        return;
    }
    if (ev->where.len > 0) {
        memcpy(text, ev->where.data, ev->where.len);
    }
    const size_t len =
        weir_pos_format(ev->receipt.pos, ev->is_redis, text + ev->where.len);

    dead_add(stamp, "weir.position", (weir_slice){ text, ev->where.len + len });
}

/* Adds the stamp to one output, in place where there is room. */
static weir_status stamp_out(const dead_headers *stamp, weir_out *out)
{
    /* With room, the array is in the job's arena and nobody else's. */
    weir_header *all = (weir_header *)(uintptr_t)out->headers;
    size_t n = 0;

    if (out->n_room < stamp->n) {
        all = weir_arena_alloc(&stamp->job->out_arena,
                               (out->n_headers + stamp->n) * sizeof(*all));
    }
    if (all == NULL) {
        return WEIR_ENOMEM;
    }
    for (size_t i = 0; i < out->n_headers; i++) {
        if (!stamp_repeats(stamp, &out->headers[i])) {
            all[n++] = out->headers[i];
        }
    }
    memcpy(all + n, stamp->headers, stamp->n * sizeof(*all));
    out->headers = all;
    out->n_headers = n + stamp->n;
    out->n_room = 0;
    return WEIR_OK;
}

weir_status weir_deadletter_stamp(weir_job *job, bool is_stamped)
{
    static const char *const carried[] = { "traceparent", "tracestate" };
    dead_headers h = { .job = job };
    weir_header added[WEIR_OUT_ROOM];
    weir_status st = WEIR_OK;
    weir_slice value;

    if (job->call.outs == NULL) {
        return WEIR_OK;
    }
    if (!weir_ev_look(&job->ev)) {
        return WEIR_ENOMEM;
    }
    h.headers = added;
    if (is_stamped) {
        stamp_position(&h);
    }
    dead_number(&h, "weir.hops", weir_deadletter_hops(&job->ev) + 1);
    for (size_t i = 0; i < 2 && job->ev.n_headers > 0; i++) {
        if (weir_ev_header(&job->ev, carried[i], &value)) {
            dead_add(&h, carried[i], value);
        }
    }
    if (h.has_failed) {
        return WEIR_ENOMEM;
    }
    for (weir_out *out = job->call.outs; out != NULL && st == WEIR_OK;
         out = out->next) {
        st = stamp_out(&h, out);
    }
    return st;
}
