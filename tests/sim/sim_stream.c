/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_stream - streams with a consumer group, as Redis has them, and a source that reads them.
 *
 * The server: an entry that is read stands in the pending list of its consumer before the reply
 * is sent; whoever finds it idle for long enough takes it, and its count of deliveries rises; an
 * acknowledgement ends it, whoever sends it. Replies may be lost.
 *
 * The source is one of the simulation's own, with the rules of the real one: heartbeats for what
 * it holds, claims of what others have left, acknowledgements in rows that are repeated until
 * they are answered, and what has not begun is given back at an end.
 */
#include "tests/sim/sim.h"

#include "triggers/source.h"
#include "worker/base/check.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define STREAM_BEAT_US 200000
#define STREAM_CLAIM_US 2000000 /* idle for so long: nobody cares for it */
#define STREAM_ROW 32

/* Of an entry, on the server. */
typedef struct stream_entry {
    bool is_read, is_acked;
    int owner; /* an incarnation; -1: given back */
    int64_t touched_us;
    uint32_t n_delivered;
} stream_entry;

static struct {
    stream_entry entries[SIM_EVENTS];
} server;

typedef struct sim_stream {
    const weir_source_setup *setup;
    sim_proc *proc;
    uint32_t epochs[SIM_PARTS];
    bool is_live, is_held[SIM_PARTS], is_given[SIM_EVENTS]; /* out to the engine */
    int queue[SIM_EVENTS]; /* read, and not given out */
    int n_queue;
    weir_receipt acks[SIM_EVENTS], backs[SIM_EVENTS];
    int n_acks, n_backs;
    int64_t heard_us;
    bool is_woken, is_closing, is_link_over;
    char where[SIM_PARTS][16];
    char names[SIM_PARTS][8];
    weir_signal signal, link;
} sim_stream;

void sim_stream_begin(void)
{
    memset(&server, 0, sizeof(server));
}

bool sim_stream_is_all_acked(void)
{
    for (int i = 0; i < sim_event_count(); i++) {
        if (!server.entries[i].is_acked) {
            return false;
        }
    }
    return true;
}

bool sim_stream_is_acked(int id)
{
    return server.entries[id].is_acked;
}

bool sim_stream_is_owner(int id, const sim_proc *proc)
{
    return !server.entries[id].is_acked &&
           server.entries[id].owner == proc->incarnation;
}

void sim_stream_settle(int id)
{
    sim_check_ack(id);
    server.entries[id].is_acked = true;
}

void sim_stream_let_go(void *source, const struct weir_receipt *receipt)
{
    sim_stream *src = source;

    src->is_given[receipt->pos.lo] = false;
}

static bool stream_is_cut(const sim_stream *src)
{
    return src->proc->cut_until_us > sim_now();
}

static bool stream_holds(const sim_stream *src, int id)
{
    for (int i = 0; i < src->n_queue; i++) {
        if (src->queue[i] == id) {
            return true;
        }
    }
    return src->is_given[id];
}

/* -- the link ------------------------------------------------------------------------------------ */

static void link_drop(weir_receipt *receipts, int *n, int n_sent)
{
    *n -= n_sent;
    memmove(receipts, receipts + n_sent, (size_t)*n * sizeof(receipts[0]));
}

/* A row of acknowledgements; what is not answered is sent again. */
static void link_ack(sim_stream *src)
{
    const int n = src->n_acks < STREAM_ROW ? src->n_acks : STREAM_ROW;

    if (n == 0 || stream_is_cut(src)) {
        return;
    }
    sim_sleep(200 + (int64_t)sim_rand(800));
    if (sim_has_fault(SIM_FAULT_COMMIT) && sim_once_in(4)) {
        return; /* it never came there */
    }
    for (int i = 0; i < n; i++) {
        const int id = (int)src->acks[i].pos.lo;

        sim_check_ack(id);
        server.entries[id].is_acked = true;
    }
    sim_trace("stream.ack", n, 0, 0);
    sim_sleep(200 + (int64_t)sim_rand(800));
    if (sim_has_fault(SIM_FAULT_COMMIT) && sim_once_in(4)) {
        return; /* the reply is lost */
    }
    for (int i = 0; i < n; i++) {
        src->is_given[src->acks[i].pos.lo] = false;
    }
    link_drop(src->acks, &src->n_acks, n);
}

static void link_give_back(sim_stream *src)
{
    for (int i = 0; i < src->n_backs; i++) {
        const int id = (int)src->backs[i].pos.lo;

        src->is_given[id] = false;
        if (server.entries[id].owner == src->proc->incarnation && !stream_is_cut(src)) {
            server.entries[id].owner = -1;
            sim_trace("stream.back", id, 0, 0);
        }
    }
    src->n_backs = 0;
}

static void link_beat(const sim_stream *src)
{
    for (int i = 0; i < sim_event_count(); i++) {
        if (stream_holds(src, i) && server.entries[i].owner == src->proc->incarnation) {
            server.entries[i].touched_us = sim_now();
        }
    }
}

static bool stream_is_idle(const stream_entry *entry)
{
    return entry->is_read && !entry->is_acked &&
           (entry->owner < 0 || sim_now() - entry->touched_us > STREAM_CLAIM_US);
}

static void stream_take(sim_stream *src, int id)
{
    server.entries[id].is_read = true;
    server.entries[id].owner = src->proc->incarnation;
    server.entries[id].touched_us = sim_now();
    server.entries[id].n_delivered++;
}

/* Takes what nobody cares for. */
static void link_claim(sim_stream *src)
{
    int n = 8;

    for (int i = 0; i < sim_event_count() && n > 0; i++) {
        if (stream_is_idle(&server.entries[i]) && !stream_holds(src, i)) {
            stream_take(src, i);
            sim_trace("stream.claim", i, server.entries[i].n_delivered, 0);
            if (!(sim_has_fault(SIM_FAULT_COMMIT) && sim_once_in(4))) {
                src->queue[src->n_queue++] = i;
            }
            n--;
        }
    }
    weir_signal_raise(&src->signal, INT_MAX);
}

static void *link_main(void *arg)
{
    sim_stream *src = arg;

    while (!src->is_closing || src->n_acks > 0 || src->n_backs > 0) {
        if (src->is_closing && stream_is_cut(src)) {
            break;
        }
        link_ack(src);
        link_give_back(src);
        if (!stream_is_cut(src) && !src->is_closing) {
            src->heard_us = sim_now();
            link_beat(src);
            link_claim(src);
        }
        sim_sleep(src->n_acks > 0 || src->is_closing
                      ? 500
                      : 1000 + (int64_t)sim_rand(STREAM_BEAT_US));
    }
    src->is_link_over = true;
    return NULL;
}

/* -- the contract ---------------------------------------------------------------------------------- */

static weir_status stream_open(void *self, const weir_source_setup *setup,
                               weir_err *err)
{
    sim_stream *src = self;

    (void)err;
    src->setup = setup;
    src->proc = sim_proc_here();
    src->heard_us = sim_now();
    for (int i = 0; i < SIM_PARTS; i++) {
        memcpy(src->names[i], "s0", 3);
        memcpy(src->where[i], "redis:s0@", 10);
        src->names[i][1] = src->where[i][7] = (char)('0' + i);
    }
    sim_co_detach(sim_co_start(src->proc, "link", link_main, src));
    return WEIR_OK;
}

static size_t stream_epochs(const sim_stream *src, weir_epoch *out)
{
    for (int i = 0; i < sim_the_plan.n_parts; i++) {
        out[i] = (weir_epoch){ (uint32_t)i, src->epochs[i], src->names[i], -1 };
    }
    return (size_t)sim_the_plan.n_parts;
}

/* Comes and goes with the connection. False: there is none. */
static bool stream_serve(sim_stream *src)
{
    weir_epoch epochs[SIM_PARTS];

    if (src->is_live && stream_is_cut(src) &&
        sim_now() - src->heard_us > STREAM_CLAIM_US) {
        src->is_live = false;
        src->setup->host->lost(src->setup->host->arg, epochs,
                               stream_epochs(src, epochs));
        src->n_queue = 0;
        sim_trace("stream.lost", 0, 0, 0);
    }
    if (!src->is_live && !stream_is_cut(src)) {
        src->is_live = true;
        for (int i = 0; i < sim_the_plan.n_parts; i++) {
            src->epochs[i]++;
            src->is_held[i] = false;
        }
        sim_trace("stream.assigned", src->epochs[0], 0, 0);
        src->setup->host->assigned(src->setup->host->arg, epochs,
                                   stream_epochs(src, epochs));
    }
    return src->is_live && !stream_is_cut(src);
}

/* XREADGROUP: what nobody has read. */
static void stream_fetch(sim_stream *src, size_t n)
{
    for (int i = 0; i < sim_event_count() && n > 0; i++) {
        if (!server.entries[i].is_read && !src->is_held[sim_event_at(i)->part]) {
            stream_take(src, i);
            n--;
            if (sim_has_fault(SIM_FAULT_COMMIT) && sim_once_in(6)) {
                continue; /* the reply is lost: it is pending, and nobody has it */
            }
            src->queue[src->n_queue++] = i;
        }
    }
}

static void stream_fill(const sim_stream *src, weir_event *out, int id)
{
    const sim_event *ev = sim_event_at(id);

    out->data.data = sim_event_data(ev, &out->data.len);
    out->key.data = sim_event_key(ev, &out->key.len);
    out->time_ms = ev->time_ms;
    out->where = weir_slice_of(src->where[ev->part]);
    out->topic = src->names[ev->part];
    out->partition = -1;
    out->is_redis = true;
    out->bytes = 64;
    out->n_delivered = server.entries[id].n_delivered;
    out->receipt = (weir_receipt){ .part = (uint32_t)ev->part,
                                   .epoch = src->epochs[ev->part],
                                   .pos = { .hi = 1, .lo = (uint64_t)id } };
}

static size_t stream_give(sim_stream *src, weir_event *const *evs, size_t cap)
{
    size_t n = 0;
    int n_kept = 0;

    for (int i = 0; i < src->n_queue; i++) {
        const int id = src->queue[i];

        if (n == cap || src->is_held[sim_event_at(id)->part]) {
            src->queue[n_kept++] = id;
        } else {
            src->is_given[id] = true;
            stream_fill(src, evs[n++], id);
        }
    }
    src->n_queue = n_kept;
    return n;
}

static size_t stream_read(void *self, weir_event *const *evs, size_t cap,
                          int64_t wait_us)
{
    sim_stream *src = self;
    const int64_t until = sim_now() + wait_us;

    for (;;) {
        const unsigned seen = weir_signal_read(&src->signal);
        size_t n = 0;

        if (stream_serve(src) && cap > 0) {
            if (src->n_queue == 0) {
                sim_sleep(100 + (int64_t)sim_rand(500));
                stream_fetch(src, cap);
            }
            n = stream_give(src, evs, cap);
        }
        if (n > 0 || src->is_woken || sim_now() >= until) {
            src->is_woken = false;
            return n;
        }
        weir_signal_wait(&src->signal, seen,
                         until < sim_now() + 20000 ? until : sim_now() + 20000);
    }
}

static void stream_wake(void *self)
{
    sim_stream *src = self;

    src->is_woken = true;
    weir_signal_raise(&src->signal, INT_MAX);
}

static void stream_hold(void *self, uint32_t part, uint32_t epoch, bool is_held)
{
    sim_stream *src = self;

    if (src->epochs[part] == epoch) {
        src->is_held[part] = is_held;
        weir_signal_raise(&src->signal, INT_MAX);
    }
}

static void stream_ack(void *self, const struct weir_receipt *receipts, size_t n)
{
    sim_stream *src = self;

    for (size_t i = 0; i < n; i++) {
        if (receipts[i].epoch == src->epochs[receipts[i].part] && src->is_live) {
            WEIR_ASSERT(src->n_acks < SIM_EVENTS);
            src->acks[src->n_acks++] = receipts[i];
        } else {
            src->is_given[receipts[i].pos.lo] = false;
        }
    }
}

static void stream_give_back(void *self, const struct weir_receipt *receipts, size_t n)
{
    sim_stream *src = self;

    for (size_t i = 0; i < n; i++) {
        WEIR_ASSERT(src->n_backs < SIM_EVENTS);
        src->backs[src->n_backs++] = receipts[i];
    }
}

static weir_status stream_flush(void *self, int64_t until_us)
{
    const sim_stream *src = self;

    while (src->n_acks > 0 && sim_now() < until_us) {
        sim_sleep(500);
    }
    return src->n_acks == 0 ? WEIR_OK : WEIR_ETIMEOUT;
}

static size_t stream_stat(void *self, weir_source_stat *out, weir_part_stat *parts,
                          size_t cap)
{
    const sim_stream *src = self;

    (void)parts;
    (void)cap;
    *out = (weir_source_stat){ .is_joined = src->is_live };
    return 0;
}

static bool stream_close(void *self, int64_t until_us)
{
    sim_stream *src = self;
    weir_epoch epochs[SIM_PARTS];

    if (src->is_live) {
        src->setup->host->revoking(src->setup->host->arg, epochs,
                                   stream_epochs(src, epochs), until_us);
    }
    for (int i = 0; i < src->n_queue; i++) {
        server.entries[src->queue[i]].owner = -1; /* read, and never given out */
    }
    src->n_queue = 0;
    src->is_closing = true;
    while (!src->is_link_over) {
        sim_sleep(500);
    }
    return true;
}

const weir_source_ops sim_stream_source = {
    .name = "stream",
    .about = "a fake stream with a consumer group",
    .size = sizeof(sim_stream),
    .acks_each = true,
    .open = stream_open,
    .read = stream_read,
    .wake = stream_wake,
    .hold = stream_hold,
    .ack = stream_ack,
    .giveback = stream_give_back,
    .flush = stream_flush,
    .stat = stream_stat,
    .close = stream_close,
};
