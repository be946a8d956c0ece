/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory_source - reads partitions of a queue in memory, as a member of a group.
 *
 * `lock` guards the parts; the queue's own lock is taken inside it.
 */
#include "triggers/memory_part.h"
#include "worker/base/check.h"
#include "worker/base/clock.h"

#include <limits.h>
#include <stdlib.h>

#define MEMORY_SOURCE_TAG WEIR_TAG('m', 's', 'r', 'c')

/* -- reading ------------------------------------------------------------------------- */

static bool event_copy(weir_event *ev, const weir_memory_record *rec)
{
    weir_arena *arena = ev->arena;

    if (!weir_arena_copy(arena, rec->key, &ev->key) ||
        !weir_arena_copy(arena, rec->data, &ev->data)) {
        return false;
    }
    ev->payload = ev->data;
    ev->bytes = sizeof(*ev) + rec->key.len + rec->data.len;
    ev->headers = weir_arena_alloc(arena, rec->n_headers * sizeof(ev->headers[0]));
    if (ev->headers == NULL) {
        return false;
    }
    for (size_t i = 0; i < rec->n_headers; i++) {
        weir_header *header = &ev->headers[i];

        header->name = weir_arena_strdup(arena, rec->headers[i].name);
        if (header->name == NULL ||
            !weir_arena_copy(arena, rec->headers[i].value, &header->value)) {
            return false;
        }
        ev->bytes += strlen(header->name) + header->value.len;
        ev->n_headers++;
    }
    return true;
}

/* Room to remember the acks from base to next, the next one too. */
static bool part_reserve_done_locked(memory_part *part)
{
    size_t need = (size_t)(part->next - part->base) + 1;

    if (need <= part->done_cap) {
        return true;
    }

    size_t cap = part->done_cap == 0 ? 64 : part->done_cap * 2;
    bool *done = realloc(part->done, cap * sizeof(done[0]));

    if (done == NULL) {
        return false;
    }
    memset(done + part->done_cap, 0, (cap - part->done_cap) * sizeof(done[0]));
    part->done = done;
    part->done_cap = cap;
    return true;
}

/* Fills one event from a part; false: it has none now. Source lock held. */
static bool part_read_locked(memory_source *src, memory_part *part, weir_event *ev)
{
    if (part->epoch == 0 || part->is_held || !part_reserve_done_locked(part)) {
        return false;
    }
    weir_lock_take(&src->q->lock);

    const weir_memory_record *rec =
        part->next < part->records->n ? part->records->records[part->next] : NULL;

    weir_lock_give(&src->q->lock);
    if (rec == NULL || !event_copy(ev, rec)) {
        return false;
    }
    ev->time_ms = rec->time_ms;
    ev->where = weir_slice_of(part->where);
    ev->topic = part->claim->topic->name;
    ev->partition = part->claim->partition;
    ev->receipt = (weir_receipt){ .part = (uint32_t)(part - src->parts),
                                  .epoch = part->epoch,
                                  .pos = { part->next, 0 } };
    if (src->setup->max_event > 0 && rec->data.len > src->setup->max_event) {
        ev->fault = WEIR_FAULT_TOO_LARGE;
        ev->fault_text = weir_arena_strdup(ev->arena, "larger than worker.max_event");
    }
    part->next++;
    return true;
}

static size_t source_take(memory_source *src, weir_event *const *evs, size_t cap)
{
    size_t n = 0;
    size_t n_idle = 0;

    weir_lock_take(&src->lock);
    while (n < cap && n_idle < src->n_parts) {
        memory_part *part = &src->parts[src->turn++ % src->n_parts];

        if (part_read_locked(src, part, evs[n])) {
            n++;
            n_idle = 0;
        } else {
            n_idle++;
        }
    }
    weir_lock_give(&src->lock);
    return n;
}

/* True while the queue is sick; tells the host when that begins and ends. */
static bool source_is_sick(memory_source *src)
{
    const weir_source_host *host = src->setup->host;

    weir_lock_take(&src->q->lock);

    bool is_sick = src->q->is_sick;

    weir_lock_give(&src->q->lock);
    if (is_sick != src->is_sick) {
        src->is_sick = is_sick;
        host->trouble(host->arg, NULL,
                      is_sick ? WEIR_TROUBLE_UNREACHABLE : WEIR_TROUBLE_NONE,
                      is_sick ? "the queue does not answer" : "the queue answers");
    }
    return is_sick;
}

static bool source_take_wake(memory_source *src)
{
    weir_lock_take(&src->lock);

    bool has_woken = src->has_woken;

    src->has_woken = false;
    weir_lock_give(&src->lock);
    return has_woken;
}

static size_t memory_read(void *self, weir_event *const *evs, size_t cap,
                          int64_t wait_us)
{
    memory_source *src = WEIR_CAST(memory_source, self, MEMORY_SOURCE_TAG);
    int64_t until_us = weir_clock_us() + wait_us;

    for (;;) {
        unsigned seen = weir_signal_read(&src->q->sig);
        int64_t now_us = weir_clock_us();
        size_t n = 0;

        if (!source_is_sick(src)) {
            weir_memory_source_rebalance(src);
            if (now_us >= src->next_commit_us) {
                weir_memory_source_commit(src);
                src->next_commit_us = now_us + src->setup->commit_us;
            }
            n = source_take(src, evs, cap);
        }
        if (n > 0 || now_us >= until_us || source_take_wake(src)) {
            return n;
        }

        int64_t next_us = src->next_commit_us > now_us && src->next_commit_us < until_us
                              ? src->next_commit_us
                              : until_us;

        (void)weir_signal_wait(&src->q->sig, seen, next_us);
    }
}

/* -- the other calls ----------------------------------------------------------------- */

static weir_status memory_open(void *self, const weir_source_setup *setup,
                               weir_err *err)
{
    memory_source *src = self;
    union {
        const void *in;
        weir_memory_queue *out;
    } queue = { setup->queue }; /* the setup promises not to change it; the queue may */
    memory_member *member = calloc(1, sizeof(*member));
    bool is_joined = false;

    *src = (memory_source){ .tag = MEMORY_SOURCE_TAG, .setup = setup, .q = queue.out };
    weir_lock_take(&src->q->lock);
    src->group = weir_memory_group_locked(src->q, setup->group);
    if (member != NULL && src->group != NULL) {
        memory_member **last = &src->group->members;

        while (*last != NULL) {
            last = &(*last)->next;
        }
        member->source = src;
        *last = member;
        is_joined = true;
    }
    weir_lock_give(&src->q->lock);
    if (!is_joined) {
        free(member);
        return weir_fail(err, WEIR_ENOMEM, "%s: out of memory", setup->queue_name);
    }
    weir_lock_init(&src->lock, WEIR_RANK_SOURCE);
    weir_signal_raise(&src->q->sig, INT_MAX);
    return WEIR_OK;
}

static void memory_wake(void *self)
{
    memory_source *src = WEIR_CAST(memory_source, self, MEMORY_SOURCE_TAG);

    weir_lock_take(&src->lock);
    src->has_woken = true;
    weir_lock_give(&src->lock);
    weir_signal_raise(&src->q->sig, INT_MAX);
}

static void memory_hold(void *self, uint32_t part, uint32_t epoch, bool is_held)
{
    memory_source *src = WEIR_CAST(memory_source, self, MEMORY_SOURCE_TAG);

    weir_lock_take(&src->lock);
    if (part < src->n_parts && src->parts[part].epoch == epoch) {
        src->parts[part].is_held = is_held;
    }
    weir_lock_give(&src->lock);
    weir_signal_raise(&src->q->sig, INT_MAX);
}

static void part_ack_locked(memory_part *part, uint64_t offset)
{
    if (offset < part->base || offset >= part->next) {
        return;
    }
    part->done[offset - part->base] = true;

    size_t n = 0;

    while (n < part->next - part->base && part->done[n]) {
        n++;
    }
    if (n > 0) {
        size_t left = (size_t)(part->next - part->base) - n;

        memmove(part->done, part->done + n, left * sizeof(part->done[0]));
        memset(part->done + left, 0, n * sizeof(part->done[0]));
        part->base += n;
    }
}

static void memory_ack(void *self, const weir_receipt *receipts, size_t n)
{
    memory_source *src = WEIR_CAST(memory_source, self, MEMORY_SOURCE_TAG);

    weir_lock_take(&src->lock);
    for (size_t i = 0; i < n; i++) {
        const weir_receipt *r = &receipts[i];

        if (r->part < src->n_parts && r->epoch != 0 &&
            src->parts[r->part].epoch == r->epoch) {
            part_ack_locked(&src->parts[r->part], r->pos.hi);
        }
    }
    weir_lock_give(&src->lock);
}

static weir_status memory_flush(void *self, int64_t until_us)
{
    memory_source *src = WEIR_CAST(memory_source, self, MEMORY_SOURCE_TAG);

    (void)until_us; /* a commit here never waits */
    weir_memory_source_commit(src);
    return WEIR_OK;
}

static size_t memory_stat(void *self, weir_source_stat *out, weir_part_stat *parts,
                          size_t cap)
{
    memory_source *src = WEIR_CAST(memory_source, self, MEMORY_SOURCE_TAG);
    size_t n = 0;

    weir_lock_take(&src->lock);
    *out = (weir_source_stat){ .is_joined = true,
                               .n_commits = src->n_commits,
                               .n_rebalances = src->n_rebalances };
    weir_lock_take(&src->q->lock);
    for (size_t i = 0; i < src->n_parts; i++) {
        const memory_part *part = &src->parts[i];

        if (part->epoch == 0) {
            continue;
        }
        if (n < cap) {
            int64_t n_unacked = 0;

            for (uint64_t at = part->base; at < part->next; at++) {
                n_unacked += part->done[at - part->base] ? 0 : 1;
            }
            parts[n] = (weir_part_stat){
                .part = (uint32_t)i,
                .epoch = part->epoch,
                .topic = part->claim->topic->name,
                .partition = part->claim->partition,
                .lag = (int64_t)(part->records->n - part->committed),
                .n_unacked = n_unacked,
                .committed = { part->committed, 0 },
                .lag_us = -1,
            };
        }
        n++;
    }
    weir_lock_give(&src->q->lock);
    weir_lock_give(&src->lock);
    return n;
}

static weir_status memory_skip(void *self, const char *topic, int32_t partition,
                               weir_pos pos, weir_err *err)
{
    memory_source *src = WEIR_CAST(memory_source, self, MEMORY_SOURCE_TAG);
    weir_status st = WEIR_ENOENT;

    weir_lock_take(&src->lock);
    for (size_t i = 0; i < src->n_parts; i++) {
        memory_part *part = &src->parts[i];

        if (part->epoch != 0 && part->claim->partition == partition &&
            strcmp(part->claim->topic->name, topic) == 0 && pos.hi >= part->base &&
            pos.hi < part->next) {
            part_ack_locked(part, pos.hi);
            st = WEIR_OK;
        }
    }
    weir_lock_give(&src->lock);
    return st == WEIR_OK ? st
                         : weir_fail(err, st, "%s/%d@%llu is not waiting here", topic,
                                     (int)partition, (unsigned long long)pos.hi);
}

static bool memory_close(void *self, int64_t until_us)
{
    memory_source *src = WEIR_CAST(memory_source, self, MEMORY_SOURCE_TAG);
    const weir_source_host *host = src->setup->host;

    for (size_t i = 0; i < src->n_parts; i++) {
        if (src->parts[i].epoch != 0) {
            const weir_epoch e = weir_memory_part_epoch(src, &src->parts[i]);

            host->revoking(host->arg, &e, 1, until_us);
            weir_memory_part_release(src, &src->parts[i], true);
        }
    }
    weir_lock_take(&src->q->lock);
    for (memory_member **m = &src->group->members; *m != NULL; m = &(*m)->next) {
        if ((*m)->source == src) {
            memory_member *gone = *m;

            *m = gone->next;
            free(gone);
            break;
        }
    }
    weir_lock_give(&src->q->lock);
    weir_signal_raise(&src->q->sig, INT_MAX);
    for (size_t i = 0; i < src->n_parts; i++) {
        weir_memory_part_fini(&src->parts[i]);
    }
    free(src->parts);
    weir_lock_fini(&src->lock);
    src->tag = 0;
    return true;
}

const weir_source_ops weir_memory_source = {
    .name = "memory",
    .about = "a queue inside the process",
    .size = sizeof(memory_source),
    .open = memory_open,
    .read = memory_read,
    .wake = memory_wake,
    .hold = memory_hold,
    .ack = memory_ack,
    .flush = memory_flush,
    .stat = memory_stat,
    .skip = memory_skip,
    .close = memory_close,
};
