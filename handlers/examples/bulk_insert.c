/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bulk_insert - appends events to a file, many with one write and one sync.
 *
 * A batch handler: what costs much once (here a disk sync; for you perhaps a bulk request to a
 * database) is paid once a batch. Each item has its own verdict: one with a line break in it
 * would break the file's format and is rejected, the others are not held up by it. If the
 * write fails, for example because the disk is full, the file is cut back to where it was and
 * all items are WEIR_UNAVAILABLE: no attempt is counted, and weir tries again.
 *
 * A line is "position<TAB>payload". After a crash events may come again; whoever loads the
 * file tells repeated lines by their position.
 *
 *     functions:
 *       bulk_insert: { library: ./bulk_insert.so, config: { file: orders.tsv } }
 *     subscriptions:
 *       - { function: bulk_insert, from: kafka:orders, start: earliest, order: none,
 *           concurrency: 500, batch: { max: 500, wait: 50ms } }
 *
 *     cc -shared -fPIC -o bulk_insert.so bulk_insert.c
 */
#include <weir/handler.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct table {
    /* batches come on several threads; the file takes one at a time */
    pthread_mutex_t mutex;
    int fd;
} table;

static int init(const weir_setup *setup, void **state)
{
    weir_slice file;
    table *t;
    char *path;

    if (!weir_value_string(weir_value_at(weir_setup_value(setup), "/file"), &file)) {
        return EINVAL; /* config.file is needed */
    }
    t = calloc(1, sizeof(*t));
    path = strndup(file.data, file.len);
    if (t == NULL || path == NULL ||
        (t->fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644)) < 0) {
        int why = errno;

        free(path);
        free(t);
        return why;
    }
    free(path);
    pthread_mutex_init(&t->mutex, NULL);
    *state = t;
    return 0;
}

static void fini(void *state)
{
    table *t = state;

    close(t->fd);
    pthread_mutex_destroy(&t->mutex);
    free(t);
}

static bool is_line(weir_slice data)
{
    return data.data != NULL && memchr(data.data, '\n', data.len) == NULL;
}

/* Writes it all and syncs, or leaves the file as it was; 0 or an errno. */
static int append(table *t, const char *bytes, size_t n)
{
    size_t done = 0;
    off_t before;
    int why = 0;

    pthread_mutex_lock(&t->mutex);
    before = lseek(t->fd, 0, SEEK_END);
    while (why == 0 && done < n) {
        ssize_t wrote = write(t->fd, bytes + done, n - done);

        if (wrote > 0) {
            done += (size_t)wrote;
        } else if (wrote == 0 || errno != EINTR) {
            why = wrote == 0 ? ENOSPC : errno;
        }
    }
    if (why == 0 && fdatasync(t->fd) != 0 && errno != EINVAL) {
        why = errno; /* EINVAL: a pipe or device, which has nothing to sync */
    }
    if (why != 0 && done > 0 && ftruncate(t->fd, before) != 0) {
        why = errno; /* half a batch stays; its last line may be cut */
    }
    pthread_mutex_unlock(&t->mutex);
    return why;
}

static void insert(void *state, weir_batch *batch)
{
    table *t = state;
    size_t n = weir_batch_size(batch);
    size_t bytes = 0, at = 0;
    char *lines;
    int why = ENOMEM;

    for (size_t i = 0; i < n; i++) {
        const weir_event *ev = weir_batch_event(batch, i);

        bytes += weir_event_position(ev).len + weir_event_data(ev).len + 2;
    }
    lines = malloc(bytes + 1);
    for (size_t i = 0; lines != NULL && i < n; i++) {
        const weir_event *ev = weir_batch_event(batch, i);
        const weir_slice position = weir_event_position(ev);
        const weir_slice data = weir_event_data(ev);

        if (!is_line(data)) {
            weir_batch_verdict(
                batch, i,
                weir_reject(weir_batch_call(batch, i), "not-a-line",
                            "a tombstone, or a payload with a line break"));
            continue;
        }
        memcpy(lines + at, position.data, position.len);
        at += position.len;
        lines[at++] = '\t';
        memcpy(lines + at, data.data, data.len);
        at += data.len;
        lines[at++] = '\n';
    }
    if (lines != NULL) {
        why = at == 0 ? 0 : append(t, lines, at);
    }
    free(lines);
    for (size_t i = 0; i < n; i++) {
        if (!is_line(weir_event_data(weir_batch_event(batch, i)))) {
            continue; /* its verdict stands already */
        }
        weir_batch_verdict(batch, i,
                           why == 0 ? WEIR_DONE
                                    : weir_unavailable(weir_batch_call(batch, i), -1,
                                                       "the file: %s", strerror(why)));
    }
}

static const weir_function functions[] = {
    { .name = "bulk_insert",
      .about = "appends events to a file, many at once",
      .version = "1.0.0",
      .init = init,
      .fini = fini,
      .handle_batch = insert },
};
WEIR_FUNCTIONS(functions);
