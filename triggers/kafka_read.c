/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_read - messages of the client become events, and its errors become troubles.
 *
 * Messages are taken in batches where that is safe; read_batch() says why and when.
 */
#include "triggers/kafka_probe.h"
#include "triggers/kafka_state.h"

#include "worker/base/clock.h"
#include "worker/base/log.h"

#include <stdio.h>
#include <string.h>

#define READ_EVENT_COST 400 /* what the client keeps for a record beyond its bytes */
#define READ_MISSING_US 3000000
#define READ_FETCH_AHEAD 4 /* messages */

/* Messages that events have borrowed. Any thread: mostly one that did not fetch them. */
static void read_give_back(void *owner, void *const *msgs, size_t n)
{
    weir_kafka_client *client = owner;

    for (size_t i = 0; i < n; i++) {
        rd_kafka_message_destroy(msgs[i]);
    }
    /* Last: at 0 the client may be freed. */
    atomic_fetch_sub(&client->n_live, n);
}

/* -------------------------------------------------------------- messages to events ---- */

/* Makes the event of a message, which it then owns. False: out of memory, caller keeps msg. */
static bool read_fill(weir_kafka_reader *src, weir_event *ev, weir_kafka_part *part,
                      rd_kafka_message_t *msg)
{
    rd_kafka_timestamp_type_t type;

    ev->bytes = msg->len + msg->key_len + READ_EVENT_COST;
    ev->data = (weir_slice){ msg->payload, msg->len };
    ev->key = (weir_slice){ msg->key, msg->key_len };
    if (!weir_kafka_read_headers(ev, part, msg)) {
        return false;
    }
    const int64_t time_ms = rd_kafka_message_timestamp(msg, &type);

    ev->time_ms = type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? -1 : time_ms;
    ev->where = part->where;
    ev->topic = part->topic;
    ev->partition = part->partition;
    ev->receipt = (weir_receipt){ .part = part->index,
                                  .epoch = part->epoch,
                                  .pos = { .hi = (uint64_t)msg->offset } };
    if (part->n_striken > 0) {
        ev->strikes = weir_kafka_strikes_of(part);
    }
    ev->native = msg;
    ev->native_owner = src->client;
    ev->natives_free = read_give_back;
    if (msg->len + msg->key_len > src->setup->max_event) {
        weir_ev_fault(ev, WEIR_FAULT_TOO_LARGE, "%zu bytes are over max_event, %zu",
                      msg->len + msg->key_len, src->setup->max_event);
    }
    return true;
}

/* Keeps in mind under which leader records were written, for commits. Lock held. */
static void read_leader_locked(weir_kafka_part *part, int64_t offset, int32_t epoch)
{
    weir_kafka_leader *last = &part->leaders[WEIR_KAFKA_EPOCHS - 1];

    if (epoch == last->epoch) {
        return;
    }
    memmove(part->leaders, part->leaders + 1, (WEIR_KAFKA_EPOCHS - 1) * sizeof(*last));
    *last = (weir_kafka_leader){ .from = offset, .epoch = epoch };
}

static int32_t read_epoch_of(const weir_event *ev)
{
#if RD_KAFKA_VERSION >= 0x020100ff
    return rd_kafka_message_leader_epoch(ev->native);
#else
    (void)ev;
    return -1;
#endif
}

/* A fingerprint of an event, for commits: of the first, and the last of each row. */
static void read_print(weir_kafka_part *part, const weir_event *ev)
{
    const weir_ack_print print = {
        .offset = (int64_t)ev->receipt.pos.hi,
        .time_ms = ev->time_ms,
        .length = (uint32_t)ev->data.len,
        .key_hash = weir_ack_map_key(ev->key.data, ev->key.len),
    };

    weir_kafka_map_print(part, &print);
}

/* Puts events [*n_tracked, n) on their trackers, which have room, and counts them as lent. */
static void read_track(weir_kafka_reader *src, weir_event *const *evs,
                       size_t *n_tracked, size_t n)
{
    if (*n_tracked == n) {
        return;
    }
    /* Before any of them can be given back. */
    atomic_fetch_add(&src->client->n_live, n - *n_tracked);
    weir_lock_take(&src->lock);
    for (size_t i = *n_tracked; i < n; i++) {
        weir_kafka_part *part = src->parts[evs[i]->receipt.part];
        const int64_t offset = (int64_t)evs[i]->receipt.pos.hi;

        weir_track_add(&part->track, offset, evs[i]->time_ms);
        if (offset < part->again_until) {
            src->n_redelivered[weir_kafka_part_again(part, offset)]++;
        }
        if (src->caps.has_epochs) {
            read_leader_locked(part, offset, read_epoch_of(evs[i]));
        }
        if (i + 1 == n || evs[i + 1]->receipt.part != part->index ||
            part->n_prints == 0) {
            read_print(part, evs[i]);
        }
    }
    weir_lock_give(&src->lock);
    *n_tracked = n;
}

/* Room on a part's tracker for n more events. */
static bool read_reserve(weir_kafka_reader *src, weir_kafka_part *part, size_t n)
{
    weir_lock_take(&src->lock);
    const weir_status st = weir_track_reserve(&part->track, n);

    weir_lock_give(&src->lock);
    return st == WEIR_OK;
}

/* -------------------------------------------------------------------- errors in line ---- */

static weir_kafka_part *read_part_of(weir_kafka_reader *src,
                                     const rd_kafka_message_t *msg)
{
    if (msg->rkt == NULL || msg->partition < 0) {
        return NULL;
    }
    weir_kafka_part *part =
        weir_kafka_part_find(src, rd_kafka_topic_name(msg->rkt), msg->partition);

    return part != NULL && part->is_assigned ? part : NULL;
}

/* The client has failed at one place again and again: it will not get past it. */
static void read_bad(weir_kafka_reader *src, weir_kafka_part *part,
                     const rd_kafka_message_t *msg)
{
    enum { TIMES = 3 };
    char text[512];

    if (part->bad_offset != msg->offset) {
        part->bad_offset = msg->offset;
        part->n_bad = 0;
    }
    part->n_bad++;
    weir_log(WEIR_WARN, "kafka.read.failed",
             "sub=%s topic=%s partition=%d offset=%lld text=%s", src->setup->sub_name,
             part->topic, (int)part->partition, (long long)msg->offset,
             rd_kafka_message_errstr(msg));
    if (part->n_bad >= TIMES) {
        snprintf(text, sizeof(text), "%s%lld cannot be read: %s", part->where_text,
                 (long long)msg->offset, rd_kafka_message_errstr(msg));
        weir_kafka_part_trouble(src, part, WEIR_TROUBLE_UNDECODABLE, text);
    }
}

/* The position is judged when the source goes round next: at once. */
static void read_out_of_range(weir_kafka_reader *src, weir_kafka_part *part,
                              const char *why)
{
    weir_kafka_map_drop(src, part, why);
    part->is_out_of_range = true;
    part->judge_us = 0;
    weir_signal_raise(&src->signal, 1);
}

static void read_part_error(weir_kafka_reader *src, weir_kafka_part *part,
                            const rd_kafka_message_t *msg)
{
    switch (msg->err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        if (part->n_stash == 0 && !part->is_stopped && msg->offset >= part->position) {
            weir_lock_take(&src->lock);
            weir_track_pass(&part->track, msg->offset);
            part->end = msg->offset > part->end ? msg->offset : part->end;
            weir_lock_give(&src->lock);
        }
        break;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
        read_out_of_range(src, part, "out-of-range");
        break;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        weir_kafka_part_trouble(src, part, WEIR_TROUBLE_DENIED,
                                rd_kafka_message_errstr(msg));
        break;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        weir_kafka_part_trouble(src, part, WEIR_TROUBLE_MISSING,
                                rd_kafka_message_errstr(msg));
        break;
    default:
        if (strcmp(rd_kafka_err2name(msg->err), "_LOG_TRUNCATION") == 0) {
            read_out_of_range(src, part, "truncated");
            break;
        }
        read_bad(src, part, msg);
        break;
    }
}

static void read_error(weir_kafka_reader *src, const rd_kafka_message_t *msg)
{
    weir_kafka_part *part = read_part_of(src, msg);

    if (part != NULL) {
        read_part_error(src, part, msg);
        return;
    }
    switch (msg->err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        break;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
        weir_kafka_source_trouble(src, WEIR_TROUBLE_MISSING,
                                  rd_kafka_message_errstr(msg));
        src->next_subscribe_us = weir_clock_us() + READ_MISSING_US;
        break;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
        weir_kafka_source_trouble(src, WEIR_TROUBLE_DENIED,
                                  rd_kafka_message_errstr(msg));
        src->next_subscribe_us = weir_clock_us() + READ_MISSING_US;
        break;
    case RD_KAFKA_RESP_ERR__FATAL:
        weir_kafka_source_trouble(src, WEIR_TROUBLE_FATAL,
                                  rd_kafka_message_errstr(msg));
        src->wants_new = true;
        break;
    default:
        weir_log(WEIR_WARN, "kafka.consumer.error", "sub=%s code=%s text=%s",
                 src->setup->sub_name, rd_kafka_err2name(msg->err),
                 rd_kafka_message_errstr(msg));
        break;
    }
}

/* ----------------------------------------------------------------------------- reading ---- */

/* What one read() is filling. */
typedef struct read_take {
    weir_event *const *evs;
    size_t cap, n, n_tracked;
    size_t n_bytes;        /* of keys and payloads */
    weir_kafka_part *part; /* of the last message; NULL: look it up */
    /* its topic handle, alive as long as the last event borrows it */
    const void *rkt;
    int32_t partition;
} read_take;

/* Gives out one message, or passes it if it is known to be done. False: it could not be (memory), and is in the part's stash. */
static bool read_give(weir_kafka_reader *src, read_take *take, weir_kafka_part *part,
                      rd_kafka_message_t *msg)
{
    if (msg->offset < part->position) {
        /* given out, or passed, while it was stashed */
        rd_kafka_message_destroy(msg);
        return true;
    }
    if (msg->offset < part->map_end) {
        read_track(src, take->evs, &take->n_tracked, take->n);
        if (weir_kafka_map_skip(src, part, msg->offset, take->cap)) {
            /* It stands above the position as what has been given out does. */
            const weir_ack_print print = weir_kafka_probe_print(msg);

            weir_lock_take(&src->lock);
            weir_kafka_map_print(part, &print);
            weir_lock_give(&src->lock);
            part->position = msg->offset + 1;
            rd_kafka_message_destroy(msg);
            return true;
        }
    }
    if (read_fill(src, take->evs[take->n], part, msg)) {
        part->position = msg->offset + 1;
        take->n++;
        take->n_bytes += msg->len + msg->key_len;
        return true;
    }
    if (!weir_kafka_part_stash(src, part, msg, true)) {
        /* Not even that: the message is read again with a new instance of the client. */
        rd_kafka_message_destroy(msg);
        src->wants_new = true;
    }
    return false;
}

/* What was read for parts that were held and are not any more comes first. */
static void read_take_stash(weir_kafka_reader *src, read_take *take)
{
    bool has_stash = false;

    for (size_t i = 0; i < src->n_parts; i++) {
        weir_kafka_part *part = src->parts[i];

        if (part->n_stash > 0 && part->position >= part->measure_at) {
            weir_kafka_map_measure(src, part);
        }
        if (part->n_stash > 0 && !part->is_held && take->n < take->cap &&
            read_reserve(src, part, take->cap)) {
            while (part->n_stash > 0 && take->n < take->cap &&
                   read_give(src, take, part, weir_kafka_part_unstash(src, part))) {
            }
            if (part->n_stash == 0) {
                part->at_stash = 0;
                weir_kafka_part_forward(src, part, true);
            }
        }
        has_stash = has_stash || part->n_stash > 0;
    }
    src->has_stash = has_stash;
}

/*
 * A part that is held is taken out of the forward only when its stash has grown. A queue of its
 * own is filled as far as the common one would be, for each such part, and then stops its
 * fetching, while idle partitions of the same broker are asked for data with a request that
 * waits for half a second, and no other is sent meanwhile: a short hold must not cost that.
 */
static void read_hold_back(weir_kafka_reader *src, weir_kafka_part *part)
{
    if (part->is_held && part->is_forwarded &&
        (part->n_stash >= src->pace.full_events / 2 ||
         src->n_stashed >= src->pace.full_events ||
         src->stashed_bytes >= src->pace.full_bytes / 2)) {
        weir_kafka_part_forward(src, part, false);
    }
}

/* One message from our queue. */
static void read_take_one(weir_kafka_reader *src, read_take *take,
                          rd_kafka_message_t *msg)
{
    if (src->wants_new) {
        /* One before it may have been dropped: all that follow are read again. */
        rd_kafka_message_destroy(msg);
        return;
    }
    if (msg->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        read_track(src, take->evs, &take->n_tracked, take->n);
        read_error(src, msg);
        rd_kafka_message_destroy(msg);
        return;
    }
    if (take->part == NULL || take->rkt != msg->rkt ||
        take->partition != msg->partition) {
        take->part = read_part_of(src, msg);
        take->rkt = msg->rkt;
        take->partition = msg->partition;
        if (take->part != NULL && !read_reserve(src, take->part, take->cap)) {
            take->part = NULL;
            src->wants_new = true;
        }
        if (take->part != NULL && take->part->position >= take->part->measure_at) {
            read_track(src, take->evs, &take->n_tracked, take->n);
            weir_kafka_map_measure(src, take->part);
        }
    }
    weir_kafka_part *part = take->part;

    if (part == NULL || msg->offset < part->position || part->is_stopped) {
        /* of an assignment that is over, or a double */
        rd_kafka_message_destroy(msg);
        take->part = NULL;
        return;
    }
    if (part->is_held || part->n_stash > 0) {
        if (!weir_kafka_part_stash(src, part, msg, false)) {
            rd_kafka_message_destroy(msg);
            src->wants_new = true;
        }
        read_hold_back(src, part);
        take->part = NULL;
        return;
    }
    if (part->trouble != WEIR_TROUBLE_NONE) {
        part->n_bad = 0;
        weir_kafka_part_trouble(src, part, WEIR_TROUBLE_NONE, "read again");
    }
    read_give(src, take, part, msg);
}

/*
 * Up to `most` messages of our queue into src->batch; returns how many.
 *
 * The library's batch calls are known for losing messages, below 2.1.0 any that stand before
 * a barrier (which a pause or a seek puts into the queue), below 2.13.2 the one at which an
 * error or an end of a partition was reported. In both cases the call drops a message or
 * never had it, and has moved the library's own position past it all the same. That position
 * (of rd_kafka_position) is used for one thing: where fetching goes on after a pause. weir
 * never pauses; it seeks and assigns with positions of its own, so what a barrier drops is
 * fetched again; it stores and commits from its own tracker; and what is given twice is below
 * part->position and dropped. What remains is that the library itself pauses everything
 * assigned while a rebalance is told. With an eager assignor all of it is revoked then, and
 * begins at committed positions again. With a cooperative one what is kept is resumed at the
 * library's position: there a message could be lost, so messages are polled one by one below
 * 2.13.2. (Read in the sources of 2.0.2, 2.8.0 and 2.15.0.)
 *
 * Rebalances are told through the consumer's own queue, so none comes within a batch.
 */
static size_t read_batch(weir_kafka_reader *src, size_t most)
{
    rd_kafka_queue_t *queue = src->client->events;
    size_t n = 0;

    if (src->has_batches) {
        const ssize_t got = rd_kafka_consume_batch_queue(queue, 0, src->batch, most);

        return got > 0 ? (size_t)got : 0;
    }
    while (n < most && (src->batch[n] = rd_kafka_consume_queue(queue, 0)) != NULL) {
        n++;
    }
    return n;
}

size_t weir_kafka_read_events(weir_kafka_reader *src, weir_event *const *evs,
                              size_t cap)
{
    read_take take = { .evs = evs, .cap = cap };

    if (src->has_stash) {
        read_take_stash(src, &take);
    }
    while (take.n < cap && !src->wants_new && !src->is_all_held) {
        const size_t room = cap - take.n;
        const size_t most = room < WEIR_KAFKA_ROW ? room : WEIR_KAFKA_ROW;
        const size_t n = read_batch(src, most);

        for (size_t i = 0; i < n; i++) {
            if (i + READ_FETCH_AHEAD < n) {
                /* Another thread has made it: the processor is told in time. */
                __builtin_prefetch(src->batch[i + READ_FETCH_AHEAD]);
            }
            read_take_one(src, &take, src->batch[i]);
        }
        if (n < most) {
            break;
        }
    }
    read_track(src, evs, &take.n_tracked, take.n);
    if (take.n > 0) {
        atomic_fetch_add(&src->n_contacts, 1);
        if (src->caps.needs_wake &&
            weir_kafka_pace_wants_wake(&src->pace, take.n, take.n_bytes,
                                       rd_kafka_queue_length(src->client->events),
                                       weir_clock_us())) {
            weir_kafka_watch_kick(src);
        }
    }
    return take.n;
}

/* Rebalances, errors, commit results and the client's log. */
void weir_kafka_read_main(weir_kafka_reader *src)
{
    rd_kafka_message_t *msg;

    while (!src->wants_new &&
           (msg = rd_kafka_consumer_poll(src->client->rk, 0)) != NULL) {
        weir_kafka_part *part = read_part_of(src, msg);

        if (msg->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            read_error(src, msg);
        } else if (part != NULL && msg->offset >= part->position &&
                   weir_kafka_part_stash(src, part, msg, false)) {
            continue; /* the stash has it */
        }
        rd_kafka_message_destroy(msg);
    }
}
