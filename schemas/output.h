/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output - one event to publish: a result or a dead letter.
 *
 * Lives in its job's arena. The engine sets target and owner; the sink reads it between
 * send() and done() and changes nothing but the fields that are its own.
 */
#ifndef WEIR_SCHEMAS_OUTPUT_H
#define WEIR_SCHEMAS_OUTPUT_H

#include "worker/base/slice.h"

#include <stdatomic.h>

/* Headers that the engine adds to a result: weir.position, weir.hops, and a trace's two. */
#define WEIR_OUT_ROOM 4

/* What its answer needs comes first: it is read when the rest has long left the caches. */
typedef struct weir_out {
    struct weir_out *next; /* of the same job, in the order of emit */
    void *owner;           /* the engine's job */
    void *target;          /* the sink's own handle of the topic or stream */
    void *carried;         /* the sink's own, from send() to done() */
    uint32_t suspicion;    /* the sink's own, from one send to the next; 0 at first */
    uint16_t sink;         /* the engine's index of the queue that gets it */
    uint16_t address;      /* the engine's index of the address */
    atomic_uchar state;    /* the engine's: see settle.c */
    /* The sink's own: set last before a client gets it, read first when it answers. So what
     * was written before is seen after, whatever the client does in between. */
    atomic_bool is_handed;
    /* headers that fit in place behind n_headers; only where the array is in the arena */
    uint8_t n_room;
    int32_t partition; /* -1: by the partitioner */
    weir_slice key;    /* data NULL: none */
    weir_slice data;   /* data NULL: a tombstone */
    const weir_header *headers;
    size_t n_headers;
    int64_t time_ms; /* -1: now */
} weir_out;

#endif
