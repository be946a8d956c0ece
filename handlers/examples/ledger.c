/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger - books amounts into a file, each event once, although events may come twice.
 *
 * weir promises "at least once": after a crash an event may come again. What makes its effect
 * happen once is that the effect and the memory of it are one write: every line of the ledger
 * begins with the position of its event ("kafka:orders/3@1042"), and at the start all
 * positions are read back. An event whose position is known is done already.
 *
 * The same works in a database: insert the position and the booking in one transaction, with
 * the position as primary key. A file is for one replica only.
 *
 *     functions:
 *       ledger: { library: ./ledger.so, config: { file: ledger.tsv } }
 *     subscriptions:
 *       - { function: ledger, from: kafka:orders, start: earliest, format: json }
 *
 *     cc -shared -fPIC -pthread -o ledger.so ledger.c
 */
#include <weir/handler.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A set of positions: open addressing, grows at half full. Real ledgers forget the old ones. */
typedef struct ledger {
    pthread_mutex_t mutex;
    FILE *file;
    char **seen;
    size_t n, cap;
} ledger;

static size_t hash_text(const char *text)
{
    size_t h = 14695981039346656037ULL;

    for (; *text != '\0'; text++) {
        h = (h ^ (unsigned char)*text) * 1099511628211ULL;
    }
    return h;
}

/* The place of position, or the free place where it belongs. */
static char **seen_place(char **seen, size_t cap, const char *position)
{
    size_t i = hash_text(position) & (cap - 1);

    while (seen[i] != NULL && strcmp(seen[i], position) != 0) {
        i = (i + 1) & (cap - 1);
    }
    return &seen[i];
}

static bool seen_add(ledger *l, const char *position)
{
    if (l->n * 2 >= l->cap) {
        size_t cap = l->cap == 0 ? 1024 : l->cap * 2;
        char **bigger = calloc(cap, sizeof(*bigger));

        if (bigger == NULL) {
            return false;
        }
        for (size_t i = 0; i < l->cap; i++) {
            if (l->seen[i] != NULL && l->seen[i][0] != '\0') {
                *seen_place(bigger, cap, l->seen[i]) = l->seen[i];
            } else if (l->seen[i] != NULL) {
                free(l->seen[i]); /* a booking that failed; see handle() */
                l->n--;
            }
        }
        free(l->seen);
        l->seen = bigger;
        l->cap = cap;
    }
    char **place = seen_place(l->seen, l->cap, position);

    if (*place == NULL) {
        if ((*place = strdup(position)) == NULL) {
            return false;
        }
        l->n++;
    }
    return true;
}

static void fini(void *state)
{
    ledger *l = state;

    if (l->file != NULL) {
        fclose(l->file);
    }
    for (size_t i = 0; i < l->cap; i++) {
        free(l->seen[i]);
    }
    free(l->seen);
    pthread_mutex_destroy(&l->mutex);
    free(l);
}

/* Reads back what was booked; a last line without its end was not, and is cut off. */
static int read_back(ledger *l)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;
    long good = 0;
    int code = 0;

    while (code == 0 && (len = getline(&line, &cap, l->file)) > 0 &&
           line[len - 1] == '\n') {
        char *tab = strchr(line, '\t');

        good = ftell(l->file);
        if (tab != NULL) {
            *tab = '\0';
            code = seen_add(l, line) ? 0 : ENOMEM;
        }
    }
    free(line);
    if (code == 0 && ftruncate(fileno(l->file), good) != 0) {
        code = errno;
    }
    return code;
}

static int init(const weir_setup *setup, void **state)
{
    ledger *l = calloc(1, sizeof(*l));
    weir_slice file;
    char *path = NULL;
    int code = ENOMEM;

    if (l == NULL) {
        return ENOMEM;
    }
    pthread_mutex_init(&l->mutex, NULL);
    if (!weir_value_string(weir_value_at(weir_setup_value(setup), "/file"), &file)) {
        code = EINVAL; /* config.file is needed */
    } else if ((path = strndup(file.data, file.len)) != NULL) {
        l->file = fopen(path, "a+");
        code = l->file == NULL ? errno : read_back(l);
    }
    free(path);
    if (code != 0) {
        fini(l);
        return code;
    }
    *state = l;
    return 0;
}

/* One line, on the disk; else the file is as it was. 0 or an errno. */
static int book(const ledger *l, const char *position, int64_t amount)
{
    int fd = fileno(l->file);
    off_t before = lseek(fd, 0, SEEK_END);
    int code;

    /* Straight to the file: what stays in a buffer after a failure would come out later. */
    if (dprintf(fd, "%s\t%lld\n", position, (long long)amount) > 0 &&
        fdatasync(fd) == 0) {
        return 0;
    }
    code = errno == 0 ? EIO : errno;
    return ftruncate(fd, before) == 0 || errno == EINVAL ? code : errno;
}

static weir_verdict handle(void *state, const weir_event *ev, weir_call *call)
{
    ledger *l = state;
    const char *position = weir_event_position(ev).data; /* ends with NUL */
    int64_t amount;
    int code = 0;

    if (!weir_value_int(weir_value_at(weir_event_value(ev), "/amount"), &amount)) {
        return weir_reject(call, "no-amount", "a booking without an integer amount");
    }
    pthread_mutex_lock(&l->mutex);
    if (l->cap == 0 || *seen_place(l->seen, l->cap, position) == NULL) {
        /* Remembered first: what is in the file must never be missing from the set. */
        if (!seen_add(l, position)) {
            code = ENOMEM;
        } else if ((code = book(l, position, amount)) != 0) {
            char **place = seen_place(l->seen, l->cap, position);

            /* Not booked. The place stays taken, by a text that no position equals, so that
             * the search for others still passes over it. */
            (*place)[0] = '\0';
        }
    }
    pthread_mutex_unlock(&l->mutex);
    if (code != 0) {
        return weir_unavailable(call, -1, "the ledger: %s", strerror(code));
    }
    return WEIR_DONE;
}

static const weir_function functions[] = {
    { .name = "ledger",
      .about = "books each amount once",
      .version = "1.0.0",
      .init = init,
      .fini = fini,
      .handle = handle,
      .wants_value = true },
};
WEIR_FUNCTIONS(functions);
