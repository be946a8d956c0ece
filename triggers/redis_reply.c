/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_reply - the reader of hiredis, building into an arena; see redis_reply.h.
 *
 * hiredis 0.14 and 1.x differ in the type of one parameter; both are covered by redis_count.
 */
#include "triggers/redis_reply.h"

#include "worker/base/lock.h"

#include <hiredis/hiredis.h>

#include <stdio.h>
#include <stdlib.h>

#if HIREDIS_MAJOR >= 1
typedef size_t redis_count;
#else
typedef int redis_count;
#endif

#define REPLY_CHUNK 4096
#define REPLY_CHUNK_MAX 131072
#define REPLY_KEPT 16           /* replies that a reader keeps */
#define REPLY_MAX_ITEMS 4000000 /* of one array: far above any COUNT of ours */
#define REPLY_MAX_IDLE (1024 * 1024)

/*
 * Replies that nobody uses. Events end on any thread, and some after the connection, so it
 * lives as long as its reader or any reply of it: the second count of users here.
 */
struct reply_pool {
    atomic_uint n_users;
    weir_lock lock; /* of what follows */
    weir_redis_reply *replies;
    size_t n;
    bool is_closed; /* the reader is gone */
};

struct weir_redis_reader {
    redisReader *hi;
    struct reply_pool *pool;
    size_t chunk_bytes;         /* what the largest reply so far would have needed */
    weir_redis_reply *building; /* what the next reply is built in */
    weir_redis_reply *spare;    /* NULL, or given back to be built in */
};

void weir_redis_reply_take(weir_redis_reply *reply, unsigned n)
{
    atomic_fetch_add_explicit(&reply->n_users, n, memory_order_relaxed);
}

static void pool_give(struct reply_pool *pool)
{
    if (pool != NULL &&
        atomic_fetch_sub_explicit(&pool->n_users, 1, memory_order_acq_rel) == 1) {
        weir_lock_fini(&pool->lock);
        free(pool);
    }
}

static struct reply_pool *pool_new(void)
{
    struct reply_pool *pool = calloc(1, sizeof(*pool));

    if (pool != NULL) {
        atomic_init(&pool->n_users, 1);
        weir_lock_init(&pool->lock, WEIR_RANK_LEAF);
    }
    return pool;
}

static void reply_end(weir_redis_reply *reply)
{
    struct reply_pool *pool = reply->pool;

    weir_arena_fini(&reply->arena);
    free(reply);
    pool_give(pool);
}

/* Frees what is kept, and keeps nothing more. */
static void pool_close(struct reply_pool *pool)
{
    weir_lock_take(&pool->lock);
    weir_redis_reply *reply = pool->replies;
    pool->replies = NULL;
    pool->n = 0;
    pool->is_closed = true;
    weir_lock_give(&pool->lock);
    while (reply != NULL) {
        weir_redis_reply *next = reply->next;

        reply_end(reply);
        reply = next;
    }
}

static void reply_clear(weir_redis_reply *reply)
{
    weir_arena_reset(&reply->arena);
    reply->first = (weir_redis_val){ .type = WEIR_REDIS_NIL };
    reply->root = NULL;
}

void weir_redis_reply_give(weir_redis_reply *reply)
{
    if (reply == NULL ||
        atomic_fetch_sub_explicit(&reply->n_users, 1, memory_order_acq_rel) != 1) {
        return;
    }
    struct reply_pool *pool = reply->pool;
    reply_clear(reply);
    weir_lock_take(&pool->lock);
    const bool is_kept = !pool->is_closed && pool->n < REPLY_KEPT;
    if (is_kept) {
        reply->next = pool->replies;
        pool->replies = reply;
        pool->n++;
    }
    weir_lock_give(&pool->lock);
    if (!is_kept) {
        reply_end(reply);
    }
}

static weir_redis_val *reply_add(const redisReadTask *task, weir_redis_type type)
{
    weir_redis_reader *reader = task->privdata;
    weir_redis_val *val = &reader->building->first;

    if (task->parent != NULL) {
        weir_redis_val *parent = task->parent->obj;

        val = &parent->items[task->idx];
    }
    val->type = type;
    return val;
}

static void *reply_string(const redisReadTask *task, char *text, size_t len)
{
    weir_redis_reader *reader = task->privdata;
    weir_redis_val *val = reply_add(
        task, task->type == REDIS_REPLY_ERROR ? WEIR_REDIS_ERROR : WEIR_REDIS_TEXT);

    char *copy = weir_arena_alloc(&reader->building->arena, len + 1);

    if (copy == NULL) {
        return NULL;
    }
    memcpy(copy, text, len);
    copy[len] = '\0';
    val->text = (weir_slice){ copy, len };
    return val;
}

static void *reply_array(const redisReadTask *task, redis_count n)
{
    weir_redis_reader *reader = task->privdata;
    weir_redis_val *val = reply_add(task, WEIR_REDIS_ARRAY);

    if ((size_t)n > REPLY_MAX_ITEMS) {
        return NULL;
    }
    val->items =
        weir_arena_zalloc(&reader->building->arena, (size_t)n * sizeof(*val->items));
    val->n = (uint32_t)n;
    return val->items == NULL ? NULL : val;
}

static void *reply_integer(const redisReadTask *task, long long num)
{
    weir_redis_val *val = reply_add(task, WEIR_REDIS_INT);

    val->num = num;
    return val;
}

static void *reply_nil(const redisReadTask *task)
{
    return reply_add(task, WEIR_REDIS_NIL);
}

/* The arena is freed as a whole. */
static void reply_free(void *obj)
{
    (void)obj;
}

static redisReplyObjectFunctions reply_functions = {
    .createString = reply_string,
    .createArray = reply_array,
    .createInteger = reply_integer,
    .createNil = reply_nil,
    .freeObject = reply_free,
};

/* One that is kept, or a new one; NULL: out of memory. */
static weir_redis_reply *reply_get(weir_redis_reader *reader)
{
    struct reply_pool *pool = reader->pool;

    weir_lock_take(&pool->lock);
    weir_redis_reply *reply = pool->replies;
    if (reply != NULL) {
        pool->replies = reply->next;
        pool->n--;
    }
    weir_lock_give(&pool->lock);
    if (reply == NULL) {
        if ((reply = calloc(1, sizeof(*reply))) == NULL) {
            return NULL;
        }
        weir_arena_init(&reply->arena, REPLY_CHUNK);
        reply->pool = pool;
        atomic_fetch_add_explicit(&pool->n_users, 1, memory_order_relaxed);
    }
    reply->arena.chunk_bytes = reader->chunk_bytes;
    atomic_store_explicit(&reply->n_users, 1, memory_order_relaxed);
    return reply;
}

weir_redis_reader *weir_redis_reader_new(void)
{
    weir_redis_reader *reader = calloc(1, sizeof(*reader));

    if (reader == NULL) {
        return NULL;
    }
    reader->hi = redisReaderCreateWithFunctions(&reply_functions);
    reader->pool = pool_new();
    reader->chunk_bytes = REPLY_CHUNK;
    if (reader->hi == NULL || reader->pool == NULL) {
        weir_redis_reader_free(reader);
        return NULL;
    }
    reader->hi->privdata = reader;
    reader->hi->maxbuf = REPLY_MAX_IDLE;
    return reader;
}

void weir_redis_reader_free(weir_redis_reader *reader)
{
    if (reader == NULL) {
        return;
    }
    if (reader->hi != NULL) {
        redisReaderFree(reader->hi);
    }
    if (reader->pool != NULL) {
        weir_redis_reply_give(reader->building);
        weir_redis_reply_give(reader->spare);
        pool_close(reader->pool);
        pool_give(reader->pool);
    }
    free(reader);
}

weir_status weir_redis_reader_feed(weir_redis_reader *reader, const char *data,
                                   size_t n)
{
    return redisReaderFeed(reader->hi, data, n) == REDIS_OK ? WEIR_OK : WEIR_ENOMEM;
}

weir_status weir_redis_reader_next(weir_redis_reader *reader, weir_redis_reply **out,
                                   weir_err *err)
{
    void *root = NULL;

    if (reader->building == NULL) {
        reader->building = reader->spare != NULL ? reader->spare : reply_get(reader);
        reader->spare = NULL;
    }
    if (reader->building == NULL) {
        return weir_fail(err, WEIR_ENOMEM, "out of memory");
    }
    if (redisReaderGetReply(reader->hi, &root) != REDIS_OK) {
        weir_status st = reader->hi->err == REDIS_ERR_OOM ? WEIR_ENOMEM : WEIR_EDATA;

        return weir_fail(err, st, "the server's answer: %s", reader->hi->errstr);
    }
    if (root == NULL) {
        return WEIR_EAGAIN;
    }
    if (root != &reader->building->first) {
        /* hiredis 1.x knows RESP3, and gives a number of its own for what we do not build. */
        return weir_fail(err, WEIR_EDATA, "the server's answer: not in RESP2");
    }
    while (reader->chunk_bytes < REPLY_CHUNK_MAX &&
           reader->building->arena.n_bytes > reader->chunk_bytes) {
        /* so that the next one of that size is one piece */
        reader->chunk_bytes *= 2;
    }
    reader->building->root = root;
    *out = reader->building;
    reader->building = NULL;
    return WEIR_OK;
}

void weir_redis_reader_back(weir_redis_reader *reader, weir_redis_reply *reply)
{
    if (reply == NULL || reader->spare != NULL ||
        atomic_load_explicit(&reply->n_users, memory_order_acquire) != 1) {
        weir_redis_reply_give(reply);
        return;
    }
    reply_clear(reply);
    reader->spare = reply;
}

const weir_redis_val *weir_redis_at(const weir_redis_val *val, size_t i)
{
    if (val == NULL || val->type != WEIR_REDIS_ARRAY || i >= val->n) {
        return NULL;
    }
    return &val->items[i];
}

weir_slice weir_redis_text(const weir_redis_val *val)
{
    return val != NULL && val->type == WEIR_REDIS_TEXT ? val->text : WEIR_SLICE_NONE;
}

bool weir_redis_int(const weir_redis_val *val, int64_t *out)
{
    if (val == NULL) {
        return false;
    }
    if (val->type == WEIR_REDIS_INT) {
        *out = val->num;
        return true;
    }
    if (val->type != WEIR_REDIS_TEXT || val->text.len == 0) {
        return false;
    }
    char *end = NULL;
    long long num = strtoll(val->text.data, &end, 10);
    if (end != val->text.data + val->text.len) {
        return false;
    }
    *out = num;
    return true;
}

const weir_redis_val *weir_redis_member(const weir_redis_val *val, const char *name)
{
    for (size_t i = 0; val != NULL && val->type == WEIR_REDIS_ARRAY && i + 1 < val->n;
         i += 2) {
        if (weir_slice_is(weir_redis_text(&val->items[i]), name)) {
            return &val->items[i + 1];
        }
    }
    return NULL;
}

bool weir_redis_is_error(const weir_redis_val *val, const char *code)
{
    size_t len = strlen(code);

    return val != NULL && val->type == WEIR_REDIS_ERROR && val->text.len >= len &&
           memcmp(val->text.data, code, len) == 0 &&
           (val->text.len == len || val->text.data[len] == ' ');
}

static bool id_number(const char **at, const char *end, uint64_t *out)
{
    uint64_t n = 0;
    const char *p = *at;

    if (p == end) {
        return false;
    }
    for (; p < end && *p >= '0' && *p <= '9'; p++) {
        uint64_t digit = (uint64_t)(*p - '0');

        if (n > (UINT64_MAX - digit) / 10) {
            return false;
        }
        n = n * 10 + digit;
    }
    if (p == *at) {
        return false;
    }
    *at = p;
    *out = n;
    return true;
}

bool weir_redis_id_parse(weir_slice text, weir_pos *out)
{
    weir_pos pos = { 0, 0 };

    if (text.data == NULL) {
        return false;
    }
    const char *at = text.data;
    const char *end = text.data + text.len;
    if (!id_number(&at, end, &pos.hi)) {
        return false;
    }
    if (at < end) {
        if (*at++ != '-' || !id_number(&at, end, &pos.lo) || at != end) {
            return false;
        }
    }
    *out = pos;
    return true;
}

static size_t id_digits(uint64_t n, char *out)
{
    char back[20];
    size_t len = 0;

    do {
        back[len++] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    for (size_t i = 0; i < len; i++) {
        out[i] = back[len - 1 - i];
    }
    return len;
}

size_t weir_redis_id_format(weir_pos pos, char *out)
{
    size_t len = id_digits(pos.hi, out);

    out[len++] = '-';
    len += id_digits(pos.lo, out + len);
    out[len] = '\0';
    return len;
}

weir_pos weir_redis_id_before(weir_pos pos)
{
    if (pos.lo > 0) {
        return (weir_pos){ pos.hi, pos.lo - 1 };
    }
    if (pos.hi == 0) {
        return pos;
    }
    return (weir_pos){ pos.hi - 1, UINT64_MAX };
}
