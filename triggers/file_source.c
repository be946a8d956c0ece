/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file_source - reads captures; see file_source.h.
 *
 * The files themselves belong to the intake thread; `lock` guards what acks and holds change.
 */
#include "triggers/file_source.h"

#include "schemas/capture.h"
#include "worker/base/check.h"
#include "worker/base/clock.h"
#include "worker/base/lock.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_SOURCE_TAG WEIR_TAG('f', 's', 'r', 'c')
#define FILE_LOOK_US 100000 /* how often the end of a file is looked at again */

typedef struct file_given {
    uint64_t offset;
    bool is_acked;
} file_given;

typedef struct file_part {
    const char *path;
    char *where;                 /* "file:orders.weir@" */
    weir_capture_reader *reader; /* intake thread */
    bool is_stopped;             /* by a damaged frame; intake thread */
    bool is_missing;             /* the host was told so; intake thread */
    /* under the lock */
    uint32_t epoch;
    bool is_held;
    file_given *given; /* in rising order, from the first that is not acked */
    size_t n_given, cap;
    uint64_t next; /* the offset behind the last that was given */
} file_part;

typedef struct file_source {
    uint32_t tag;
    const weir_source_setup *setup;
    weir_signal sig;
    weir_lock lock;
    file_part *parts;
    size_t n_parts;
    size_t turn;
    bool has_woken; /* under the lock */
} file_source;

static weir_epoch file_epoch(const file_source *src, const file_part *part)
{
    return (weir_epoch){ .part = (uint32_t)(part - src->parts),
                         .epoch = part->epoch == 0 ? 1 : part->epoch,
                         .topic = part->path,
                         .partition = -1 };
}

static void file_trouble(const file_source *src, const file_part *part,
                         weir_trouble kind, const char *text)
{
    const weir_epoch e = file_epoch(src, part);

    src->setup->host->trouble(src->setup->host->arg, &e, kind, text);
}

/* -- opening ------------------------------------------------------------------------- */

static void file_free(file_source *src)
{
    for (size_t i = 0; i < src->n_parts; i++) {
        weir_capture_close(src->parts[i].reader);
        free(src->parts[i].where);
        free(src->parts[i].given);
    }
    free(src->parts);
    src->parts = NULL;
    src->n_parts = 0;
}

static weir_status file_open(void *self, const weir_source_setup *setup, weir_err *err)
{
    file_source *src = self;

    *src = (file_source){ .tag = FILE_SOURCE_TAG, .setup = setup };
    if ((src->parts = calloc(setup->n_topics, sizeof(src->parts[0]))) == NULL) {
        return weir_fail(err, WEIR_ENOMEM, "%s: out of memory", setup->queue_name);
    }
    for (size_t i = 0; i < setup->n_topics; i++) {
        file_part *part = &src->parts[src->n_parts++];
        char where[WEIR_POSITION_MAX];

        (void)snprintf(where, sizeof(where), "%s:%s@", setup->queue_name,
                       setup->topics[i]);
        part->path = setup->topics[i];
        if ((part->where = strdup(where)) == NULL) {
            file_free(src);
            return weir_fail(err, WEIR_ENOMEM, "%s: out of memory", setup->topics[i]);
        }
    }
    weir_lock_init(&src->lock, WEIR_RANK_SOURCE);
    return WEIR_OK;
}

/* Opens what is not open yet; a file that is missing is looked for again each time. */
static bool part_open(file_source *src, file_part *part)
{
    weir_err err = { 0 };

    if (part->reader != NULL) {
        return true;
    }
    if (weir_capture_open(part->path, &part->reader, &err) != WEIR_OK) {
        if (!part->is_missing) {
            part->is_missing = true;
            file_trouble(src, part,
                         err.st == WEIR_ENOENT  ? WEIR_TROUBLE_MISSING
                         : err.st == WEIR_EDATA ? WEIR_TROUBLE_UNDECODABLE
                                                : WEIR_TROUBLE_UNREACHABLE,
                         err.text);
        }
        return false;
    }
    if (part->is_missing) {
        part->is_missing = false;
        file_trouble(src, part, WEIR_TROUBLE_NONE, "the file is there");
    }
    weir_lock_take(&src->lock);
    part->epoch = 1;
    part->next = weir_capture_offset(part->reader);
    weir_lock_give(&src->lock);

    const weir_epoch e = file_epoch(src, part);

    src->setup->host->assigned(src->setup->host->arg, &e, 1);
    return true;
}

/* -- reading ------------------------------------------------------------------------- */

static bool part_remember_locked(file_part *part, uint64_t offset)
{
    if (part->n_given == part->cap) {
        size_t cap = part->cap == 0 ? 64 : part->cap * 2;
        file_given *given = realloc(part->given, cap * sizeof(given[0]));

        if (given == NULL) {
            return false;
        }
        part->given = given;
        part->cap = cap;
    }
    part->given[part->n_given++] = (file_given){ .offset = offset };
    return true;
}

static bool part_is_held(file_source *src, const file_part *part)
{
    weir_lock_take(&src->lock);

    bool is_held = part->is_held;

    weir_lock_give(&src->lock);
    return is_held;
}

static void event_fill(const file_source *src, const file_part *part, weir_event *ev,
                       const weir_capture_record *rec, uint64_t offset,
                       weir_header *headers)
{
    ev->data = rec->data;
    ev->payload = rec->data;
    ev->key = rec->key;
    ev->headers = headers;
    ev->n_headers = rec->n_headers;
    ev->time_ms = rec->time_ms;
    ev->where = weir_slice_of(part->where);
    ev->topic = part->path;
    ev->partition = -1;
    ev->receipt = (weir_receipt){ .part = (uint32_t)(part - src->parts),
                                  .epoch = 1,
                                  .pos = { offset, 0 } };
    ev->bytes = sizeof(*ev) + ev->arena->n_bytes;
    if (src->setup->max_event > 0 && rec->data.len > src->setup->max_event) {
        ev->fault = WEIR_FAULT_TOO_LARGE;
        ev->fault_text = weir_arena_strdup(ev->arena, "larger than worker.max_event");
    }
}

/* Fills one event; false: this part has none now. */
static bool part_read(file_source *src, file_part *part, weir_event *ev)
{
    if (part->is_stopped || !part_open(src, part) || part_is_held(src, part)) {
        return false;
    }

    uint64_t offset = weir_capture_offset(part->reader);
    weir_capture_record rec;
    weir_err err = { 0 };
    weir_status st = weir_capture_read(part->reader, ev->arena, &rec, &err);

    if (st == WEIR_OK) {
        /* The event may change its headers; the record gives them as constants. */
        weir_header *headers =
            weir_arena_alloc(ev->arena, rec.n_headers * sizeof(headers[0]));

        weir_lock_take(&src->lock);

        bool has_room = headers != NULL && part_remember_locked(part, offset);

        if (has_room) {
            part->next = weir_capture_offset(part->reader);
        }
        weir_lock_give(&src->lock);
        if (has_room) {
            if (rec.n_headers > 0) {
                memcpy(headers, rec.headers, rec.n_headers * sizeof(headers[0]));
            }
            event_fill(src, part, ev, &rec, offset, headers);
            return true;
        }
    } else if (st == WEIR_EDATA) {
        part->is_stopped = true;
        file_trouble(src, part, WEIR_TROUBLE_UNDECODABLE, err.text);
    }
    /* The end, for now, or no memory: the same frame is tried again. */
    (void)weir_capture_seek(part->reader, offset, NULL);
    return false;
}

static bool file_take_wake(file_source *src)
{
    weir_lock_take(&src->lock);

    bool has_woken = src->has_woken;

    src->has_woken = false;
    weir_lock_give(&src->lock);
    return has_woken;
}

static size_t file_read(void *self, weir_event *const *evs, size_t cap, int64_t wait_us)
{
    file_source *src = WEIR_CAST(file_source, self, FILE_SOURCE_TAG);
    int64_t until_us = weir_clock_us() + wait_us;

    for (;;) {
        unsigned seen = weir_signal_read(&src->sig);
        size_t n = 0;
        size_t n_idle = 0;

        for (size_t i = 0; i < src->n_parts; i++) {
            (void)part_open(src, &src->parts[i]);
        }
        while (n < cap && n_idle < src->n_parts) {
            if (part_read(src, &src->parts[src->turn++ % src->n_parts], evs[n])) {
                n++;
                n_idle = 0;
            } else {
                n_idle++;
            }
        }

        int64_t now_us = weir_clock_us();

        if (n > 0 || now_us >= until_us || file_take_wake(src)) {
            return n;
        }
        (void)weir_signal_wait(
            &src->sig, seen,
            until_us - now_us < FILE_LOOK_US ? until_us : now_us + FILE_LOOK_US);
    }
}

/* -- the other calls ----------------------------------------------------------------- */

static void file_wake(void *self)
{
    file_source *src = WEIR_CAST(file_source, self, FILE_SOURCE_TAG);

    weir_lock_take(&src->lock);
    src->has_woken = true;
    weir_lock_give(&src->lock);
    weir_signal_raise(&src->sig, INT_MAX);
}

static void file_hold(void *self, uint32_t part, uint32_t epoch, bool is_held)
{
    file_source *src = WEIR_CAST(file_source, self, FILE_SOURCE_TAG);

    weir_lock_take(&src->lock);
    if (part < src->n_parts && src->parts[part].epoch == epoch) {
        src->parts[part].is_held = is_held;
    }
    weir_lock_give(&src->lock);
    weir_signal_raise(&src->sig, INT_MAX);
}

/* True if that offset was given out and not acked. */
static bool part_ack_locked(file_part *part, uint64_t offset)
{
    size_t low = 0;
    size_t high = part->n_given;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (part->given[middle].offset < offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == part->n_given || part->given[low].offset != offset ||
        part->given[low].is_acked) {
        return false;
    }
    part->given[low].is_acked = true;

    size_t n = 0;

    while (n < part->n_given && part->given[n].is_acked) {
        n++;
    }
    if (n > 0) {
        part->n_given -= n;
        memmove(part->given, part->given + n, part->n_given * sizeof(part->given[0]));
    }
    return true;
}

static void file_ack(void *self, const weir_receipt *receipts, size_t n)
{
    file_source *src = WEIR_CAST(file_source, self, FILE_SOURCE_TAG);

    weir_lock_take(&src->lock);
    for (size_t i = 0; i < n; i++) {
        const weir_receipt *r = &receipts[i];

        if (r->part < src->n_parts && r->epoch != 0 &&
            src->parts[r->part].epoch == r->epoch) {
            (void)part_ack_locked(&src->parts[r->part], r->pos.hi);
        }
    }
    weir_lock_give(&src->lock);
}

static weir_status file_flush(void *self, int64_t until_us)
{
    (void)self;
    (void)until_us; /* nothing is remembered */
    return WEIR_OK;
}

static size_t file_stat(void *self, weir_source_stat *out, weir_part_stat *parts,
                        size_t cap)
{
    file_source *src = WEIR_CAST(file_source, self, FILE_SOURCE_TAG);
    size_t n = 0;

    *out = (weir_source_stat){ .is_joined = true };
    weir_lock_take(&src->lock);
    for (size_t i = 0; i < src->n_parts; i++) {
        const file_part *part = &src->parts[i];
        int64_t n_unacked = 0;

        if (part->epoch == 0) {
            continue;
        }
        for (size_t k = 0; k < part->n_given; k++) {
            n_unacked += part->given[k].is_acked ? 0 : 1;
        }
        if (n < cap) {
            parts[n] = (weir_part_stat){
                .part = (uint32_t)i,
                .epoch = part->epoch,
                .topic = part->path,
                .partition = -1,
                .lag = -1,
                .n_unacked = n_unacked,
                .committed = { part->n_given > 0 ? part->given[0].offset : part->next,
                               0 },
                .lag_us = -1,
            };
        }
        n++;
    }
    weir_lock_give(&src->lock);
    return n;
}

static weir_status file_skip(void *self, const char *topic, int32_t partition,
                             weir_pos pos, weir_err *err)
{
    file_source *src = WEIR_CAST(file_source, self, FILE_SOURCE_TAG);

    (void)partition;
    for (size_t i = 0; i < src->n_parts; i++) {
        file_part *part = &src->parts[i];

        if (part->reader == NULL || strcmp(part->path, topic) != 0) {
            continue;
        }
        if (part->is_stopped && weir_capture_offset(part->reader) == pos.hi) {
            weir_status st = weir_capture_pass(part->reader, err);

            if (st == WEIR_OK) {
                part->is_stopped = false;
                file_trouble(src, part, WEIR_TROUBLE_NONE, "passed over");
            }
            return st;
        }
        weir_lock_take(&src->lock);

        bool was_unacked = part_ack_locked(part, pos.hi);

        weir_lock_give(&src->lock);
        if (was_unacked) {
            return WEIR_OK;
        }
    }
    return weir_fail(err, WEIR_ENOENT, "%s@%llu is not waiting here", topic,
                     (unsigned long long)pos.hi);
}

static bool file_close(void *self, int64_t until_us)
{
    file_source *src = WEIR_CAST(file_source, self, FILE_SOURCE_TAG);
    const weir_source_host *host = src->setup->host;

    for (size_t i = 0; i < src->n_parts; i++) {
        if (src->parts[i].epoch != 0) {
            const weir_epoch e = file_epoch(src, &src->parts[i]);

            host->revoking(host->arg, &e, 1, until_us);
        }
    }
    file_free(src);
    weir_lock_fini(&src->lock);
    src->tag = 0;
    return true;
}

const weir_source_ops weir_file_source = {
    .name = "file",
    .about = "captures: files of events",
    .size = sizeof(file_source),
    .open = file_open,
    .read = file_read,
    .wake = file_wake,
    .hold = file_hold,
    .ack = file_ack,
    .flush = file_flush,
    .stat = file_stat,
    .skip = file_skip,
    .close = file_close,
};
