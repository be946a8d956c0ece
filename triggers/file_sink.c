/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file_sink - appends outputs to captures; see file_sink.h.
 *
 * send() writes and answers in one go. After a failed write the file is closed, and the next
 * output opens it again, which cuts off what was written in part.
 */
#include "triggers/file_sink.h"

#include "schemas/capture.h"
#include "worker/base/check.h"
#include "worker/base/clock.h"
#include "worker/base/lock.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define FILE_SINK_TAG WEIR_TAG('f', 's', 'n', 'k')
#define FILE_BATCH 64

typedef struct file_target {
    struct file_target *next;
    char *path;
    weir_capture_writer *writer; /* NULL: not open; under the sink's lock */
} file_target;

typedef struct file_sink {
    uint32_t tag;
    const weir_sink_setup *setup;
    weir_lock lock; /* guards the targets and what they write */
    file_target *targets;
} file_sink;

static weir_status file_open(void *self, const weir_sink_setup *setup, weir_err *err)
{
    file_sink *sink = self;

    (void)err;
    *sink = (file_sink){ .tag = FILE_SINK_TAG, .setup = setup };
    weir_lock_init(&sink->lock, WEIR_RANK_SINK);
    return WEIR_OK;
}

static weir_status file_target_of(void *self, const char *name, void **target,
                                  weir_err *err)
{
    file_sink *sink = WEIR_CAST(file_sink, self, FILE_SINK_TAG);
    weir_status st = WEIR_OK;

    weir_lock_take(&sink->lock);

    file_target *t = sink->targets;

    while (t != NULL && strcmp(t->path, name) != 0) {
        t = t->next;
    }
    if (t == NULL) {
        t = calloc(1, sizeof(*t));
        if (t == NULL || (t->path = strdup(name)) == NULL) {
            free(t);
            st = WEIR_ENOMEM;
        } else {
            t->next = sink->targets;
            sink->targets = t;
        }
    }
    weir_lock_give(&sink->lock);
    if (st != WEIR_OK) {
        return weir_fail(err, st, "%s: out of memory", name);
    }
    *target = t;
    return WEIR_OK;
}

static weir_status target_write_locked(file_target *t, const weir_out *out,
                                       weir_err *err)
{
    const weir_capture_record rec = {
        .partition = -1,
        .key = out->key,
        .data = out->data,
        .headers = out->headers,
        .n_headers = out->n_headers,
        .time_ms = out->time_ms < 0 ? weir_clock_wall_ms() : out->time_ms,
    };
    weir_status st = WEIR_OK;

    if (t->writer == NULL) {
        st = weir_capture_create(t->path, &t->writer, err);
    }
    if (st == WEIR_OK) {
        st = weir_capture_write(t->writer, &rec, err);
    }
    return st;
}

static weir_sent file_sent_of(weir_status st)
{
    switch (st) {
    case WEIR_OK:
        return WEIR_SENT_OK;
    case WEIR_ETOOLARGE:
        return WEIR_SENT_TOO_LARGE;
    case WEIR_EDATA: /* the file is there and is no capture */
        return WEIR_SENT_DENIED;
    default:
        return WEIR_SENT_AGAIN;
    }
}

/* Ends a writer that failed; what it had not written is lost, and said to be. */
static void target_drop_locked(file_target *t)
{
    (void)weir_capture_end(t->writer, NULL);
    t->writer = NULL;
}

/*
 * Writes outs[0..n) of one target; they are given to the system together. A failure of the
 * file fails them all: none of them is known to be there.
 */
static void target_send(file_sink *sink, weir_out *const *outs, size_t n)
{
    weir_sent_result results[FILE_BATCH];
    file_target *t = outs[0]->target;
    weir_err err = { .st = WEIR_OK };
    bool is_broken = false;

    weir_lock_take(&sink->lock);
    for (size_t i = 0; i < n; i++) {
        weir_status st = is_broken ? WEIR_EIO : target_write_locked(t, outs[i], &err);

        results[i] = (weir_sent_result){ outs[i], file_sent_of(st), NULL };
        is_broken = is_broken || (st != WEIR_OK && st != WEIR_ETOOLARGE);
    }
    if (!is_broken && t->writer != NULL) {
        is_broken = weir_capture_flush(t->writer, false, &err) != WEIR_OK;
    }
    if (is_broken) {
        target_drop_locked(t);
    }
    weir_lock_give(&sink->lock);
    for (size_t i = 0; i < n; i++) {
        if (is_broken && results[i].sent == WEIR_SENT_OK) {
            results[i].sent = WEIR_SENT_AGAIN;
        }
        if (results[i].sent != WEIR_SENT_OK) {
            results[i].text = err.text;
        }
    }
    sink->setup->done(sink->setup->arg, results, n);
}

static size_t file_send(void *self, weir_out *const *outs, size_t n)
{
    file_sink *sink = WEIR_CAST(file_sink, self, FILE_SINK_TAG);

    for (size_t from = 0; from < n;) {
        size_t to = from + 1;

        /* An output is not looked at after its answer: the group ends before that. */
        while (to < n && to - from < FILE_BATCH &&
               outs[to]->target == outs[from]->target) {
            to++;
        }
        target_send(sink, outs + from, to - from);
        from = to;
    }
    return n;
}

/* The folder of a path: ENOENT, EACCES, or 0. */
static int folder_error(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash == NULL
                       ? strdup(".")
                       : strndup(path, slash == path ? 1 : (size_t)(slash - path));
    int error = folder == NULL ? ENOMEM : access(folder, W_OK | X_OK) == 0 ? 0 : errno;

    free(folder);
    return error;
}

static weir_status file_probe(void *self, void *target, int64_t timeout_us,
                              size_t *largest, weir_err *err)
{
    const file_target *t = target;

    (void)self;
    (void)timeout_us; /* a file answers at once */

    int error = access(t->path, F_OK) == 0
                    ? (access(t->path, R_OK | W_OK) == 0 ? 0 : errno)
                    : folder_error(t->path);

    if (error != 0) {
        weir_status st = error == ENOENT || error == ENOTDIR ? WEIR_ENOENT
                         : error == ENOMEM                   ? WEIR_ENOMEM
                                                             : WEIR_EDENIED;

        return weir_fail(err, st, "%s: %s", t->path, strerror(error));
    }
    *largest = WEIR_CAPTURE_MAX / 2;
    return WEIR_OK;
}

static weir_status file_flush(void *self, int64_t until_us)
{
    (void)self;
    (void)until_us; /* send() answers before it returns */
    return WEIR_OK;
}

static bool file_close(void *self, int64_t until_us)
{
    file_sink *sink = WEIR_CAST(file_sink, self, FILE_SINK_TAG);

    (void)until_us;
    while (sink->targets != NULL) {
        file_target *t = sink->targets;

        sink->targets = t->next;
        target_drop_locked(t); /* all of it was flushed */
        free(t->path);
        free(t);
    }
    weir_lock_fini(&sink->lock);
    sink->tag = 0;
    return true;
}

const weir_sink_ops weir_file_sink = {
    .name = "file",
    .about = "captures: files of events",
    .size = sizeof(file_sink),
    .keeps_order = true,
    .open = file_open,
    .target = file_target_of,
    .send = file_send,
    .probe = file_probe,
    .flush = file_flush,
    .close = file_close,
};
