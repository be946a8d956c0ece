/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry - the adapters that this program has: types of queues and hosts of functions.
 *
 * The only place that names concrete adapters. What the rest of the application knows of a
 * type stands in its row.
 */
#ifndef WEIR_APP_REGISTRY_H
#define WEIR_APP_REGISTRY_H

#include "handlers/host.h"
#include "triggers/sink.h"
#include "triggers/source.h"

/* Says one thing about the settings of a queue; line 0: about the queue as a whole. */
typedef void weir_queue_say_fn(void *arg, int line, int column, bool is_error,
                               const char *text);

typedef struct weir_queue_type {
    const char *name; /* as `type:` has it */
    const char *about;
    const weir_source_ops *source;
    const weir_sink_ops *sink;
    const weir_opt *rows;
    size_t opts_size;
    /* Topics have partitions: patterns, order by key without a lease, static members. */
    bool has_partitions;
    /* What is wrong with the settings, without asking a broker. */
    void (*check)(const void *opts, weir_queue_say_fn *say, void *arg);
    /* Why this cannot be the name of a topic or stream; NULL: it can. */
    const char *(*topic_wrong)(const char *topic);
} weir_queue_type;

typedef struct weir_host_type {
    const char
        *name; /* the key that tells an entry under `functions:` to be of this type */
    const char *about;
    const weir_host_ops *ops;
    const weir_opt *rows;
    size_t opts_size;
    /* The variables under `env:`; they are set before any thread starts. */
    const weir_opt_map *(*env)(const void *opts);
    /* What the functions's init gets, as JSON; NULL: nothing. */
    const char *(*config)(const void *opts);
} weir_host_type;

/* All of them; end with an entry without name. */
extern const weir_queue_type weir_queue_types[];
extern const weir_host_type weir_host_types[];

/* Names of the types, NULL-terminated, as the words of `type:`. */
extern const char *const weir_queue_type_words[];

const weir_queue_type *weir_queue_type_find(const char *name);

#endif
