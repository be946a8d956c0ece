/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_reply - what a Redis server answers, parsed by the reader of hiredis.
 *
 * The whole of one answer lies in one arena, so that parsing costs no allocation per element
 * and freeing is one step; a few that are not used any more are kept for the next ones. Texts end
 * with a NUL that does not count.
 *
 * A reply is shared by the events whose bytes lie in it, which end on any thread and in any
 * order; no one of them could own it. So it counts its users: the only such count here.
 *
 * Threads: a reader, one at a time; a finished reply is read-only, from any; take and give
 *          from any.
 */
#ifndef WEIR_TRIGGERS_REDIS_REPLY_H
#define WEIR_TRIGGERS_REDIS_REPLY_H

#include "schemas/event.h"

#include <stdint.h>

typedef enum weir_redis_type {
    WEIR_REDIS_NIL,
    WEIR_REDIS_INT,
    WEIR_REDIS_TEXT, /* a bulk string or a status */
    WEIR_REDIS_ERROR,
    WEIR_REDIS_ARRAY
} weir_redis_type;

/* Small, and the elements of an array lie side by side: an event is parsed into six of them. */
typedef struct weir_redis_val {
    weir_redis_type type;
    uint32_t n; /* ARRAY; else 0 */
    union {
        int64_t num;                  /* INT */
        weir_slice text;              /* TEXT, ERROR */
        struct weir_redis_val *items; /* ARRAY */
    };
} weir_redis_val;

typedef struct weir_redis_reply {
    weir_arena arena;
    atomic_uint n_users;
    const weir_redis_val *root;
    weir_redis_val first; /* what root points to */
    struct reply_pool *pool;
    struct weir_redis_reply *next; /* in the pool */
} weir_redis_reply;

/* n more users; what the last one gives is kept for the reader it came from, or freed. give
 * accepts NULL. */
void weir_redis_reply_take(weir_redis_reply *reply, unsigned n);
void weir_redis_reply_give(weir_redis_reply *reply);

typedef struct weir_redis_reader weir_redis_reader;

/* NULL: out of memory. */
weir_redis_reader *weir_redis_reader_new(void);
void weir_redis_reader_free(weir_redis_reader *reader);
/* Bytes as they came. WEIR_OK, WEIR_ENOMEM. */
weir_status weir_redis_reader_feed(weir_redis_reader *reader, const char *data,
                                   size_t n);
/*
 * The next whole reply.
 * Owns:    the caller is its one user.
 * Returns: WEIR_OK; WEIR_EAGAIN if more bytes must come; WEIR_EDATA when they are no RESP2, or
 *          WEIR_ENOMEM: the reader is of no use then.
 */
weir_status weir_redis_reader_next(weir_redis_reader *reader, weir_redis_reply **out,
                                   weir_err *err);
/* Gives a reply back to the reader it came from: if nobody else uses it, the next one is built in
 * its memory. */
void weir_redis_reader_back(weir_redis_reader *reader, weir_redis_reply *reply);

/* Element i of an array, or NULL; val may be NULL. */
const weir_redis_val *weir_redis_at(const weir_redis_val *val, size_t i);
/* The text of a TEXT, else absent. */
weir_slice weir_redis_text(const weir_redis_val *val);
/* An INT, or a TEXT that is a decimal number. */
bool weir_redis_int(const weir_redis_val *val, int64_t *out);
/* The member of a flat array of names and values (XINFO). */
const weir_redis_val *weir_redis_member(const weir_redis_val *val, const char *name);
/* True for an ERROR whose first word is `code` ("NOGROUP", "OOM"). */
bool weir_redis_is_error(const weir_redis_val *val, const char *code);

#define WEIR_REDIS_ID_MAX 48
/* "1700000000000-0"; the sequence may be left out. */
bool weir_redis_id_parse(weir_slice text, weir_pos *out);
/* Writes it, with a NUL; returns the length. */
size_t weir_redis_id_format(weir_pos pos, char *out);
/* The place just before pos; {0, 0} stays. */
weir_pos weir_redis_id_before(weir_pos pos);

#endif
