/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_entry - how an event stands in a stream, both ways.
 *
 *     key <key>  data <payload> | weir.null 1  <header> <value> ...
 *
 * A header whose name would collide with one of the first three is written as h:<name>, and so
 * is one that is h: and such a name already; reading takes one h: away. An entry with neither
 * payload field nor weir.null is handed over as a JSON object of all its fields.
 *
 * Threads: any; no state.
 */
#ifndef WEIR_TRIGGERS_REDIS_ENTRY_H
#define WEIR_TRIGGERS_REDIS_ENTRY_H

#include "schemas/output.h"
#include "triggers/redis_reply.h"
#include "worker/base/buf.h"

typedef struct weir_redis_entry {
    weir_pos pos;
    const weir_redis_val *fields; /* NULL: trimmed, only the id is known */
    size_t bytes;                 /* of its names and values */
} weir_redis_entry;

/* Reads [id, [name, value, ...]] or [id, nil]; false: it is neither. */
bool weir_redis_entry_parse(const weir_redis_val *val, weir_redis_entry *out);

/*
 * Fills data, key, headers, time and is_object from the fields, which are a loan. Too large, or
 * out of memory for a JSON object, becomes a fault of the event.
 * Returns: WEIR_OK or WEIR_ENOMEM.
 */
weir_status weir_redis_entry_fill(const weir_redis_entry *entry, weir_slice data_field,
                                  weir_slice key_field, size_t max_event,
                                  weir_event *ev);

/* Appends the parts of a command in RESP: its number of arguments, then each of them. */
void weir_redis_put_count(weir_buf *out, size_t n);
void weir_redis_put(weir_buf *out, weir_slice arg);

/* Appends XADD stream [MAXLEN [~] n] * ... for that output. maxlen 0: without limit. */
typedef struct weir_redis_limit {
    bool is_set, is_approx;
    uint64_t n;
} weir_redis_limit;
void weir_redis_entry_write(const weir_out *from, weir_slice stream,
                            weir_redis_limit limit, weir_buf *out);
/* Appends only the fields, names and values in turn, as arguments of a command. */
void weir_redis_entry_fields(const weir_out *from, weir_buf *out);
/* How many arguments these are. */
size_t weir_redis_entry_n_fields(const weir_out *from);
/* What that command takes, roughly from above. */
size_t weir_redis_entry_size(const weir_out *from, weir_slice stream);

#endif
