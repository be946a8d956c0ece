/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event - one Kafka record or Redis stream entry, as bytes.
 *
 * A source fills an event in place (the caller gives the storage and the arena); a codec
 * decodes it once; after that it is only read. Bytes either belong to the queue's client
 * (`native`, given back by native_free) or were copied into the event's arena. Headers may be
 * left with the client until somebody asks for them: weir_ev_look() comes before any look at
 * `headers` and `n_headers`.
 *
 *     weir_ev_begin -> source fills -> [codec.decode] -> reads ... -> weir_ev_end
 *
 * Threads: one at a time until the event is handed to a function, then any, read only.
 */
#ifndef WEIR_SCHEMAS_EVENT_H
#define WEIR_SCHEMAS_EVENT_H

#include "worker/base/arena.h"
#include "worker/base/err.h"

#include <stdatomic.h>

/* A place in a partition or stream: Kafka {offset, 0}; Redis {milliseconds, sequence}. */
typedef struct weir_pos {
    uint64_t hi, lo;
} weir_pos;

static inline int weir_pos_cmp(weir_pos a, weir_pos b)
{
    if (a.hi != b.hi) {
        return a.hi < b.hi ? -1 : 1;
    }
    return a.lo == b.lo ? 0 : (a.lo < b.lo ? -1 : 1);
}

/* What a source needs to acknowledge an event: a value, copied freely. */
typedef struct weir_receipt {
    /* the source's own slot of the partition or stream, from 0, dense */
    uint32_t part;
    uint32_t epoch; /* of the assignment it was read in */
    weir_pos pos;
} weir_receipt;

/* What a source or codec found wrong with an event; it becomes a dead letter in its turn. */
typedef enum weir_fault {
    WEIR_FAULT_NONE = 0,
    WEIR_FAULT_DECODE,    /* the bytes do not decode; fault_text says where and why */
    WEIR_FAULT_TOO_LARGE, /* over worker.max_event */
    WEIR_FAULT_LOOP,      /* weir.hops has reached its end */
    WEIR_FAULT_CRASHED    /* its function has ended the worker too often */
} weir_fault;

#define WEIR_POSITION_MAX 400 /* bytes of a position as text, with NUL */

struct weir_event {
    weir_slice data; /* as it came; data NULL: a tombstone */
    weir_slice key;  /* data NULL: no key */
    /* in order, repeated ones too; in the arena, or late_headers */
    weir_header *headers;
    size_t n_headers;
    bool has_own_headers;      /* their names and values are in the arena too */
    atomic_int headers_state;  /* see weir_ev_look */
    weir_header *late_headers; /* on the heap: found when somebody asked; or NULL */
    /* Sets late_headers, which may stay NULL, and n_headers; false: out of memory. */
    bool (*headers_find)(weir_event *ev);
    int64_t time_ms; /* the event's own; -1: unknown */
    /* "kafka:orders/3@" or "redis:orders@"; lives as long as the source */
    weir_slice where;
    const char *topic; /* the topic or stream; lives as long as the source */
    int32_t partition; /* -1: a stream */
    weir_receipt receipt;
    /* deliveries that the queue counted, this one too; 0: it does not */
    uint32_t n_delivered;
    /* what the queue remembers of deaths of its readers, see strikes.h; 0: nothing */
    uint32_t strikes;
    bool is_redis;  /* positions are id-shaped (ms-seq) */
    bool is_object; /* data is a JSON object made of the entry's fields */
    size_t bytes;   /* what it costs in memory, for the budget */

    weir_fault fault;
    char *fault_text; /* in the arena */

    weir_arena *arena; /* for headers, values, copies; the caller's */
    void *native;      /* the client's message that the slices point into */
    void (*native_free)(void *native); /* any thread */
    /* In place of native_free, for many of one owner at once; NULL: native_free. */
    void (*natives_free)(void *owner, void *const *natives, size_t n);
    void *native_owner;

    bool is_decoded;
    bool value_borrows; /* the value points into data */
    const weir_value *value;
    void *value_doc; /* what value_free wants */
    void (*value_free)(void *doc);
    weir_header *attrs; /* CloudEvents attributes; in the arena */
    size_t n_attrs;
    /* cloudevents structured: the data member's bytes; else data */
    weir_slice payload;

    atomic_int position_state; /* see weir_ev_position */
    weir_slice position;
    char position_text[64]; /* short positions; longer ones are on the heap */
};

/* States of headers_state. */
enum { WEIR_HEADERS_HERE = 0, WEIR_HEADERS_LATE, WEIR_HEADERS_BUSY };

/* Makes ev empty (the storage may be anything) on that arena, which is reset. */
void weir_ev_begin(weir_event *ev, weir_arena *arena);
/* Gives back what the event holds; the arena itself stays the caller's. */
void weir_ev_end(weir_event *ev);

/* Messages of the client that are waiting to be given back together. Zeroed: none. */
typedef struct weir_ev_natives {
    void (*free)(void *owner, void *const *natives, size_t n);
    void *owner;
    size_t n;
    void *natives[64];
} weir_ev_natives;

/* The same as weir_ev_end(), but the client's message may wait in *natives. */
void weir_ev_end_into(weir_event *ev, weir_ev_natives *natives);
/* Gives back all that wait. */
void weir_ev_natives_flush(weir_ev_natives *natives);

/*
 * Copies data, key and headers into the arena and gives the client's message back. A value
 * that pointed into the bytes is dropped; decode again. Does nothing when already done.
 * Returns: WEIR_OK or WEIR_ENOMEM (the event is as it was).
 */
weir_status weir_ev_own(weir_event *ev);

/* Drops what a codec has made of the event: it may be decoded again. */
void weir_ev_forget(weir_event *ev);

/* Marks the event as faulty; the text is copied into the arena (cut to 1,000 bytes). */
void weir_ev_fault(weir_event *ev, weir_fault fault, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* True if headers and n_headers are filled already. */
static inline bool weir_ev_has_looked(const weir_event *ev)
{
    return atomic_load_explicit(&ev->headers_state, memory_order_acquire) ==
           WEIR_HEADERS_HERE;
}

bool weir_ev_look_late(const weir_event *ev);

/*
 * Sees to it that `headers` and `n_headers` are filled, once; any thread. A source that leaves
 * them to this sets headers_find and headers_state, and keeps them with `native`.
 * Returns: false without memory; it may be asked again.
 */
static inline bool weir_ev_look(const weir_event *ev)
{
    return weir_ev_has_looked(ev) || weir_ev_look_late(ev);
}

/* The last header of that name; none, too, when there is no memory to look. */
bool weir_ev_header(const weir_event *ev, const char *name, weir_slice *out);
/* A CloudEvents attribute; absent: data NULL. */
weir_slice weir_ev_attr(const weir_event *ev, const char *name);
/* "kafka:orders/3@1042"; made on the first call, from any thread; ends with NUL. */
weir_slice weir_ev_position(const weir_event *ev);

/* A position taken apart; slices point into the text. */
typedef struct weir_address {
    char queue[64];
    char topic[256];   /* topic or stream; for queue "file" a path */
    int32_t partition; /* -1: none given */
    bool has_pos;
    weir_pos pos;
    bool is_id; /* pos was written as ms-seq */
} weir_address;

/* "kafka:orders", "kafka:orders/3@1042", "redis:orders@1700000000000-0", ... A topic may hold
 * any of a-zA-Z0-9._- (Kafka), a stream name any byte; the last '@' begins the place. */
weir_status weir_address_parse(const char *text, weir_address *out, weir_err *err);

#endif
