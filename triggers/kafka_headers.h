/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_headers - header lists of the client that are used again.
 *
 * A list costs the client one allocation, and one more for each header, all made on one thread
 * and freed on another: half of what it takes to send a small record. The headers of results
 * differ in nothing but the digits of a position. So a list comes back out of the delivery
 * report of its message, and goes out again with an output whose headers have the same names
 * and lengths; only the values are written.
 *
 *   take() -> out->carried -> the client's message -> back() -> give() -> take() ...
 *                    |
 *                    +-> give()   (the client has not taken the message)
 *
 * What waits for its next use is bounded in bytes.
 *
 * Threads: any, but for one thread at a time to an output.
 * Locks:   one of its own (WEIR_RANK_LEAF), once a call.
 */
#ifndef WEIR_TRIGGERS_KAFKA_HEADERS_H
#define WEIR_TRIGGERS_KAFKA_HEADERS_H

#include "schemas/output.h"
#include "triggers/kafka_conf.h"
#include "worker/base/lock.h"

#define WEIR_KAFKA_FORMS 32 /* buckets of lists by their names and lengths */

/* A list, and what is known of it. */
typedef struct weir_kafka_headers weir_kafka_headers;

typedef struct weir_kafka_header_pool {
    weir_lock lock;
    weir_kafka_headers *spare[WEIR_KAFKA_FORMS]; /* under the lock, like the rest */
    size_t n_bytes, max_bytes;
    size_t next_drop; /* the bucket that is made smaller next */
} weir_kafka_header_pool;

/* max_bytes: of lists that wait for their next use. */
void weir_kafka_headers_init(weir_kafka_header_pool *pool, size_t max_bytes);
void weir_kafka_headers_fini(weir_kafka_header_pool *pool);

/*
 * Sets `carried` of each output to a list of its headers; NULL where it has none. Returns how
 * many have theirs: fewer than n when out of memory.
 */
size_t weir_kafka_headers_take(weir_kafka_header_pool *pool, weir_out *const *outs,
                               size_t n);

/* The client's list, for its message. NULL is accepted and is none. */
rd_kafka_headers_t *weir_kafka_headers_list(const weir_kafka_headers *headers);

/* Takes the list out of the message of a delivery report; NULL: it carries none. Looks at
 * nothing but the message. */
rd_kafka_headers_t *weir_kafka_headers_detach(const rd_kafka_message_t *msg);
/* Puts what the output carried in front of *chain; list: what its message had. No lock. */
void weir_kafka_headers_back(weir_out *out, const rd_kafka_headers_t *list,
                             weir_kafka_headers **chain);
/* The same for an output that the client has not taken. */
void weir_kafka_headers_unsent(weir_out *out, weir_kafka_headers **chain);

/* Keeps a chain for later, as far as there is room; *chain is empty then. */
void weir_kafka_headers_give(weir_kafka_header_pool *pool, weir_kafka_headers **chain);

#endif
