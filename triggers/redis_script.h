/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_script - the script of exactly_once: what it is told, and what it answers.
 *
 * A script is run by the server without anything in between, but what it has written before an
 * error stays. So it first looks at everything that could fail: rights and type of every key, and
 * whether each entry is still pending under our name. Only then it writes: the results (or the
 * dead letter) of each entry that is ours, and one XACK a stream. Whatever refuses all writes (no
 * memory, not the primary, a full disk) shows at the first XADD, when nothing is written yet.
 *
 * Threads: one at a time.
 */
#ifndef WEIR_TRIGGERS_REDIS_SCRIPT_H
#define WEIR_TRIGGERS_REDIS_SCRIPT_H

#include "triggers/redis_conn.h"
#include "triggers/redis_entry.h"
#include "triggers/settler.h"

#define WEIR_REDIS_BATCH_ITEMS 1000    /* entries of one script */
#define WEIR_REDIS_BATCH_KEYS 500      /* streams that one script may write */
#define WEIR_REDIS_BATCH_FIELDS 7000   /* names and values of one output: Lua's stack */
#define WEIR_REDIS_BATCH_BYTES 1048576 /* of a batch of more than one entry */
#define WEIR_REDIS_VALUE_MAX                                                           \
    ((size_t)512 * 1024 * 1024) /* unless the server says else */

typedef struct weir_redis_key {
    weir_slice name;
    weir_redis_limit limit;
    const void *target;
} weir_redis_key;

/* What is asked in one script. A zeroed one is empty. */
typedef struct weir_redis_batch {
    const char *const *streams; /* the source's, by receipt.part */
    size_t n_streams;
    weir_settle_item *items[WEIR_REDIS_BATCH_ITEMS];
    size_t n;
    weir_redis_key keys[WEIR_REDIS_BATCH_KEYS];
    size_t n_keys;
    size_t n_args, bytes;
    size_t next_key;  /* where the last search ended: most outputs have one target */
    size_t max_value; /* bytes of one name or value that the server takes */
} weir_redis_batch;

void weir_redis_batch_begin(weir_redis_batch *batch, const char *const *streams,
                            size_t n_streams);
/* WEIR_OK; WEIR_EFULL: it has no place in this batch, send it and begin another; WEIR_EINVAL: it
 * has none in any; WEIR_ETOOLARGE: the server would take it for nonsense and hang up. */
weir_status weir_redis_batch_add(weir_redis_batch *batch, weir_settle_item *item);
/* The output of the item that is too large; NULL: none. */
const weir_out *weir_redis_batch_large(const weir_redis_batch *batch,
                                       const weir_settle_item *item);
/* Appends the command; false: out of memory, nothing that may be sent is in out. */
bool weir_redis_batch_write(const weir_redis_batch *batch, const char *group,
                            const char *consumer, weir_buf *out);

/* What became of an item. */
typedef enum weir_redis_fate {
    WEIR_REDIS_FATE_DONE = 0, /* published and acknowledged */
    WEIR_REDIS_FATE_NONE,     /* not pending at all: acknowledged before, or gone */
    WEIR_REDIS_FATE_OTHER     /* pending under another name */
} weir_redis_fate;

typedef struct weir_redis_verdict {
    /* WEIR_OK: fates holds. WEIR_EDENIED: some keys may not be written, and nothing was: bad and
     * text say which and why. Anything else: nothing was written, text says why. */
    weir_status st;
    const char *text; /* a loan from the answer */
    uint8_t fates[WEIR_REDIS_BATCH_ITEMS];
    const char *bad[WEIR_REDIS_BATCH_KEYS]; /* by key; NULL: it may be written */
    /* a stream that is read and may not be acknowledged; NULL */
    const char *bad_source;
    /* WEIR_EDENIED: the server has refused the whole script for one of its keys, and did not
     * say which. */
    bool is_unnamed;
} weir_redis_verdict;

/* Reads the answer to that batch; out's texts lie in it. WEIR_EDATA: it is none. */
weir_status weir_redis_batch_read(const weir_redis_batch *batch,
                                  const weir_redis_val *answer,
                                  weir_redis_verdict *out);
/* The index of the key of an output; SIZE_MAX: none. */
size_t weir_redis_batch_key(const weir_redis_batch *batch, const void *target);

/* What is to be proved. */
typedef struct weir_redis_proof {
    const char *group;
    const char *const *streams; /* that are read */
    size_t n_streams;
    const weir_slice *targets; /* streams that are written */
    size_t n_targets;
} weir_redis_proof;

/*
 * Runs the script for no entry at all: may every stream that is read be acknowledged, and each
 * of the targets be written, in one script? Changes nothing. client is shown in CLIENT LIST.
 * Returns: WEIR_OK, WEIR_EDENIED, WEIR_EUNAVAIL and the like.
 * Blocks:  until until_us at most. Any thread.
 */
weir_status weir_redis_script_prove(const weir_redis_queue *queue, const char *client,
                                    const weir_redis_proof *proof, int64_t until_us,
                                    weir_err *err);

#endif
