/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_source - the contract of a source, on a consumer of librdkafka.
 *
 * This file is the thin whole; kafka_state.h says which file does what.
 */
#include "triggers/kafka_source.h"

#include "triggers/kafka_state.h"
#include "worker/base/check.h"
#include "worker/base/clock.h"
#include "worker/base/log.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define SOURCE_MAX_WAIT_US                                                             \
    1000000 /* the consumer's own queue is polled at least this often */
#define SOURCE_BACKOFF_US                                                              \
    1000000 /* between two instances of the client, doubled up to ... */
#define SOURCE_MAX_BACKOFF_US 30000000
#define SOURCE_STEADY_US 60000000
#define SOURCE_LEAVE_US 3000000
#define SOURCE_MISSING_US 3000000
#define SOURCE_LOOK_US 10000 /* whether the settler is ready */

/* Holds parts, or lets them go again, as hold() has asked; see read_hold_back(). */
static void source_apply_holds(weir_kafka_reader *src)
{
    if (!atomic_exchange(&src->has_holds, false)) {
        return;
    }
    bool is_all_held = src->n_parts > 0;

    for (size_t i = 0; i < src->n_parts; i++) {
        weir_kafka_part *part = src->parts[i];

        weir_lock_take(&src->lock);
        const bool wants_hold = part->is_live && (part->wants_hold || part->is_full);

        weir_lock_give(&src->lock);
        is_all_held = is_all_held && (wants_hold || !part->is_assigned);
        if (!part->is_assigned || part->queue == NULL || wants_hold == part->is_held) {
            continue;
        }
        part->is_held = wants_hold;
        if (!wants_hold && part->n_stash == 0) {
            weir_kafka_part_forward(src, part, true);
        } else if (!wants_hold) {
            src->has_stash = true; /* forwarded when the stash has been given */
        }
    }
    src->is_all_held = is_all_held;
}

static void source_renew(weir_kafka_reader *src)
{
    weir_kafka_client *client = src->client;

    weir_kafka_watch_stop(src);
    if (src->settler != NULL) {
        weir_kafka_txn_member(src->settler, NULL);
    }
    weir_kafka_group_lose(src);
    src->client = NULL;
    src->wants_new = false;
    src->is_commit_out = false;
    weir_lock_take(&src->lock);
    src->is_joined = false;
    weir_lock_give(&src->lock);
    weir_kafka_client_leave(client, weir_clock_us() + SOURCE_LEAVE_US);
    client->next = src->old;
    src->old = client;
    if (weir_clock_us() - src->next_client_us > SOURCE_STEADY_US) {
        src->backoff_us = SOURCE_BACKOFF_US; /* it had been well for long */
    }
    src->next_client_us = weir_clock_us() + src->backoff_us;
    src->backoff_us = src->backoff_us * 2 > SOURCE_MAX_BACKOFF_US
                          ? SOURCE_MAX_BACKOFF_US
                          : src->backoff_us * 2;
}

/* An instance of the client that has subscribed. False: not now. */
static weir_status source_connect(weir_kafka_reader *src, weir_err *err)
{
    weir_status st = weir_kafka_client_new(src, &src->client, err);

    if (st != WEIR_OK) {
        return st;
    }
    if ((st = weir_kafka_client_subscribe(src, err)) != WEIR_OK ||
        (st = weir_kafka_watch_start(src, err)) != WEIR_OK) {
        weir_kafka_client_free(&src->client, weir_clock_us() + SOURCE_LEAVE_US);
    }
    if (st == WEIR_OK && src->settler != NULL) {
        weir_kafka_txn_member(src->settler, src->client->rk);
    }
    return st;
}

/* With a settler: nothing of an earlier owner of its id may be open when the group's positions
 * are asked for, else they are held back by the broker. */
static bool source_may_connect(weir_kafka_reader *src)
{
    char text[256];

    if (!src->setup->is_once) {
        return true;
    }
    if (src->settler != NULL &&
        weir_kafka_txn_is_ready(src->settler, text, sizeof(text))) {
        return true;
    }
    if (src->settler != NULL && text[0] != '\0') {
        weir_kafka_source_trouble(src, WEIR_TROUBLE_UNREACHABLE, text);
    }
    src->next_client_us = weir_clock_us() + SOURCE_LOOK_US;
    return false;
}

/* It is not known what has become of a transaction: the broker knows, and says it with the
 * positions of the next assignment. */
static void source_give_up(weir_kafka_reader *src)
{
    if (src->client != NULL) {
        source_renew(src);
    }
    weir_kafka_txn_given_up(src->settler);
}

/* Everything that is due besides events. False: there is no client now. */
static bool source_serve(weir_kafka_reader *src)
{
    const int64_t now = weir_clock_us();
    weir_err err;

    if (src->old != NULL) {
        weir_kafka_client_reap(src);
    }
    if (src->settler != NULL && weir_kafka_txn_is_broken(src->settler)) {
        source_give_up(src);
        return false;
    }
    if (src->client == NULL) {
        if (now < src->next_client_us || !source_may_connect(src)) {
            return false;
        }
        if (source_connect(src, &err) != WEIR_OK) {
            weir_kafka_source_trouble(src, WEIR_TROUBLE_FATAL, err.text);
            src->next_client_us = now + src->backoff_us;
            return false;
        }
    }
    weir_kafka_read_main(src);
    for (size_t i = 0; i < src->n_parts && !src->wants_new; i++) {
        if (src->parts[i]->is_assigned && src->parts[i]->is_out_of_range &&
            now >= src->parts[i]->judge_us) {
            weir_kafka_place_judge(src, src->parts[i]);
        }
    }
    if (src->wants_new) {
        source_renew(src);
        return false;
    }
    source_apply_holds(src);
    if (now < src->forward_until_us && now >= src->next_forward_us) {
        weir_kafka_place_forward(src, now);
    }
    if (src->n_full > 0 && now >= src->next_map_us) {
        weir_kafka_map_tend(src, now);
    }
    weir_kafka_strikes_tend(src);
    if (now >= src->next_commit_us) {
        src->next_commit_us = now + src->setup->commit_us;
        weir_kafka_group_commit(src);
    }
    if ((src->trouble == WEIR_TROUBLE_MISSING || src->trouble == WEIR_TROUBLE_DENIED) &&
        now >= src->next_subscribe_us) {
        /* Makes the client look for the topics again, at once instead of in minutes. */
        weir_kafka_client_subscribe(src, &err);
        src->next_subscribe_us = now + SOURCE_MISSING_US;
    }
    if ((src->trouble == WEIR_TROUBLE_UNREACHABLE || src->is_login_refused) &&
        atomic_load(&src->n_contacts) > src->contacts_seen) {
        weir_kafka_source_trouble(src, WEIR_TROUBLE_NONE, "a broker answers");
    }
    return true;
}

/* ---------------------------------------------------------------------------- contract ---- */

static weir_status source_open(void *self, const weir_source_setup *setup,
                               weir_err *err)
{
    weir_kafka_reader *src = self;
    const weir_kafka_queue *queue = setup->queue;
    const char *protocol = weir_opt_map_get(&queue->consumer, "group.protocol");

    src->setup = setup;
    src->queue = queue;
    src->host = setup->host;
    src->backoff_us = SOURCE_BACKOFF_US;
    weir_kafka_caps_get(&src->caps);
    if (protocol == NULL) {
        protocol = weir_opt_map_get(&queue->properties, "group.protocol");
    }
    src->is_kip848 = protocol != NULL && strcmp(protocol, "consumer") == 0;
    src->has_batches =
        src->caps.has_batches || (setup->assignor == 0 && !src->is_kip848);
    weir_status st = weir_kafka_assignor_check(&src->caps, setup->assignor, err);

    if (st != WEIR_OK) {
        return st;
    }
    src->runs = calloc(WEIR_ACK_MAP_MAX_RUNS, sizeof(*src->runs));
    if (src->runs == NULL) {
        return weir_fail(err, WEIR_ENOMEM, "%s: out of memory", setup->sub_name);
    }
    src->map_bytes = queue->ack_map;
    weir_lock_init(&src->lock, WEIR_RANK_SOURCE);
    if (!setup->is_once && (st = source_connect(src, err)) != WEIR_OK) {
        weir_lock_fini(&src->lock);
        free(src->runs);
        src->runs = NULL;
        return st;
    }
    src->tag = WEIR_KAFKA_SOURCE_TAG;
    return WEIR_OK;
}

static size_t source_read(void *self, weir_event *const *evs, size_t cap,
                          int64_t wait_us)
{
    weir_kafka_reader *src = WEIR_CAST(weir_kafka_reader, self, WEIR_KAFKA_SOURCE_TAG);
    const int64_t until =
        weir_clock_us() + (wait_us > SOURCE_MAX_WAIT_US ? SOURCE_MAX_WAIT_US : wait_us);
    bool has_rested =
        false; /* whatever ends a rest ends the read: so the next one is in
                              * step with commits, and there is one wake-up for both */

    for (;;) {
        const unsigned seen = weir_signal_read(&src->signal);
        const bool is_there = source_serve(src);
        const size_t n = is_there && cap > 0 && !src->is_refused
                             ? weir_kafka_read_events(src, evs, cap)
                             : 0;

        if (n > 0 || atomic_exchange(&src->is_woken, false) || has_rested ||
            weir_clock_us() >= until) {
            return n;
        }
        int64_t due = is_there ? src->next_commit_us : src->next_client_us;

        if (is_there && src->n_full > 0 && src->next_map_us < due) {
            due = src->next_map_us;
        }
        if (is_there && src->next_forward_us < src->forward_until_us) {
            due = src->next_forward_us < due ? src->next_forward_us : due;
        }
        weir_signal_wait(&src->signal, seen, due < until ? due : until);
        has_rested = wait_us >= SOURCE_MAX_WAIT_US;
    }
}

static void source_wake(void *self)
{
    weir_kafka_reader *src = WEIR_CAST(weir_kafka_reader, self, WEIR_KAFKA_SOURCE_TAG);

    atomic_store(&src->is_woken, true);
    weir_signal_raise(&src->signal, INT_MAX);
}

static void source_hold(void *self, uint32_t index, uint32_t epoch, bool is_held)
{
    weir_kafka_reader *src = WEIR_CAST(weir_kafka_reader, self, WEIR_KAFKA_SOURCE_TAG);
    bool is_news = false;

    weir_lock_take(&src->lock);
    if (index < src->n_parts && src->parts[index]->is_live &&
        src->parts[index]->epoch == epoch) {
        is_news = src->parts[index]->wants_hold != is_held;
        src->parts[index]->wants_hold = is_held;
    }
    weir_lock_give(&src->lock);
    if (is_news) {
        atomic_store(&src->has_holds, true);
        weir_signal_raise(&src->signal, INT_MAX);
    }
}

static void source_ack(void *self, const weir_receipt *receipts, size_t n)
{
    weir_kafka_reader *src = WEIR_CAST(weir_kafka_reader, self, WEIR_KAFKA_SOURCE_TAG);

    weir_lock_take(&src->lock);
    for (size_t i = 0; i < n; i++) {
        if (receipts[i].part < src->n_parts) {
            weir_track_done(&src->parts[receipts[i].part]->track, receipts[i].epoch,
                            (int64_t)receipts[i].pos.hi);
        }
    }
    weir_lock_give(&src->lock);
}

static weir_status source_suspect(void *self, const weir_receipt *receipt, bool begins)
{
    return weir_kafka_strikes_suspect(
        WEIR_CAST(weir_kafka_reader, self, WEIR_KAFKA_SOURCE_TAG), receipt, begins);
}

static void source_struck(void *self)
{
    weir_kafka_reader *src = WEIR_CAST(weir_kafka_reader, self, WEIR_KAFKA_SOURCE_TAG);

    atomic_store(&src->is_struck, true);
}

static weir_status source_flush(void *self, int64_t until_us)
{
    weir_kafka_reader *src = WEIR_CAST(weir_kafka_reader, self, WEIR_KAFKA_SOURCE_TAG);

    return weir_kafka_group_flush(src, until_us);
}

static size_t source_stat(void *self, weir_source_stat *out, weir_part_stat *parts,
                          size_t cap)
{
    weir_kafka_reader *src = WEIR_CAST(weir_kafka_reader, self, WEIR_KAFKA_SOURCE_TAG);
    const int64_t wall_ms = weir_clock_wall_ms();
    size_t n = 0;

    weir_lock_take(&src->lock);
    *out = (weir_source_stat){
        .is_joined = src->is_joined,
        .n_commits = src->n_commits,
        .n_rebalances = src->n_rebalances,
        .n_known_done = src->n_known_done,
        .n_maps_ignored = src->n_maps_ignored,
        .n_client = src->n_client,
        .client_bytes = src->client_bytes,
    };
    memcpy(out->n_redelivered, src->n_redelivered, sizeof(out->n_redelivered));
    for (size_t i = 0; i < src->n_parts; i++) {
        const weir_kafka_part *part = src->parts[i];

        if (!part->is_live) {
            continue;
        }
        if (n < cap) {
            const int64_t oldest_ms = weir_track_oldest_ms(&part->track);
            const int64_t lag = part->end < 0 ? -1
                                : part->end < part->committed
                                    ? 0
                                    : part->end - part->committed;

            parts[n] = (weir_part_stat){
                .part = part->index,
                .epoch = part->epoch,
                .topic = part->topic,
                .partition = part->partition,
                .lag = lag,
                .n_unacked = (int64_t)weir_track_open(&part->track),
                .committed = { .hi = part->committed < 0 ? UINT64_MAX
                                                         : (uint64_t)part->committed },
                .lag_us = lag == 0 ? 0
                          : oldest_ms < 0
                              ? -1
                              : (wall_ms > oldest_ms ? wall_ms - oldest_ms : 0) * 1000,
            };
        }
        n++;
    }
    weir_lock_give(&src->lock);
    return n;
}

static weir_status source_skip(void *self, const char *topic, int32_t partition,
                               weir_pos pos, weir_err *err)
{
    weir_kafka_reader *src = WEIR_CAST(weir_kafka_reader, self, WEIR_KAFKA_SOURCE_TAG);
    weir_kafka_part *part = weir_kafka_part_find(src, topic, partition);
    const int64_t offset = (int64_t)pos.hi;

    if (part == NULL || !part->is_assigned || src->client == NULL) {
        return weir_fail(err, WEIR_ENOENT, "%s/%d is not assigned to this replica",
                         topic, (int)partition);
    }
    if (part->trouble == WEIR_TROUBLE_UNDECODABLE && part->bad_offset == offset) {
        if (part->n_stash > 0) {
            return weir_fail(err, WEIR_EAGAIN,
                             "%s%lld: events before it wait for room; try again",
                             part->where_text, (long long)offset);
        }
        weir_kafka_place_go_on(src, part, offset + 1);
        weir_kafka_part_trouble(src, part, WEIR_TROUBLE_NONE, "skipped");
        return WEIR_OK;
    }
    weir_lock_take(&src->lock);
    const bool is_done = weir_track_done(&part->track, part->epoch, offset);

    weir_lock_give(&src->lock);
    return is_done ? WEIR_OK
                   : weir_fail(err, WEIR_ENOENT,
                               "%s%lld is neither stuck nor unfinished here",
                               part->where_text, (long long)offset);
}

static bool source_close(void *self, int64_t until_us)
{
    weir_kafka_reader *src = WEIR_CAST(weir_kafka_reader, self, WEIR_KAFKA_SOURCE_TAG);
    bool is_left = true;

    src->is_closing = true;
    src->close_us = until_us;
    weir_kafka_watch_stop(src);
    if (src->client != NULL) {
        /* Also when it is late: else the others would wait for this member's session. */
        const int64_t least_us = weir_clock_us() + SOURCE_LEAVE_US;

        is_left = weir_kafka_client_leave(src->client,
                                          until_us > least_us ? until_us : least_us);
        weir_kafka_group_lose(src); /* what the leave did not get to */
        if (src->settler != NULL) {
            weir_kafka_txn_member(src->settler, NULL);
        }
        src->client->next = src->old;
        src->old = src->client;
        src->client = NULL;
    }
    if (src->settler != NULL) {
        weir_kafka_txn_let_go(src->settler);
        src->settler = NULL;
    }
    while (src->old != NULL) {
        weir_kafka_client *old = src->old;

        /* The last may be on their way: events are ended in batches. */
        while (atomic_load(&old->n_live) > 0 && weir_clock_us() < until_us) {
            const unsigned seen = weir_signal_read(&src->signal);

            weir_signal_wait(&src->signal, seen, weir_clock_us() + 1000);
        }
        if (atomic_load(&old->n_live) > 0) {
            return false; /* somebody still reads what the client owns */
        }
        src->old = old->next;
        if (!weir_kafka_client_free(&old, until_us)) {
            return false;
        }
    }
    weir_kafka_parts_fini(src);
    free(src->runs);
    src->runs = NULL;
    weir_lock_fini(&src->lock);
    src->tag = 0;
    (void)
        /* an instance that is destroyed has left, or times out with the group */
        is_left;
    return true;
}

const weir_source_ops weir_kafka_source = {
    .name = "kafka",
    .about = "reads topics as a member of a consumer group",
    .size = sizeof(weir_kafka_reader),
    .rest_us = SOURCE_MAX_WAIT_US,
    .open = source_open,
    .read = source_read,
    .wake = source_wake,
    .hold = source_hold,
    .ack = source_ack,
    .suspect = source_suspect,
    .struck = source_struck,
    .flush = source_flush,
    .stat = source_stat,
    .skip = source_skip,
    .close = source_close,
};
