/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* tool_redis - Redis for weir-line-tool. */
#include "tool.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REDIS_PIPELINE 1000

static redisContext *redis_open(const char *address)
{
    char host[64];
    const char *colon = strrchr(address, ':');
    redisContext *rc;

    if (colon == NULL) {
        tool_die(address, "host:port is wanted");
    }
    snprintf(host, sizeof(host), "%.*s", (int)(colon - address), address);
    rc = redisConnect(host, atoi(colon + 1));
    if (rc == NULL || rc->err != 0) {
        tool_die(address, rc == NULL ? "out of memory" : rc->errstr);
    }
    return rc;
}

static void redis_drain(redisContext *rc, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        void *reply = NULL;

        if (redisGetReply(rc, &reply) != REDIS_OK) {
            tool_die("load", rc->errstr);
        }
        if (((redisReply *)reply)->type == REDIS_REPLY_ERROR) {
            tool_die("XADD", ((redisReply *)reply)->str);
        }
        freeReplyObject(reply);
    }
}

static void redis_load(const char *address, const char *stream, const plan *p)
{
    redisContext *rc = redis_open(address);
    char key[32];
    char data[128];
    size_t n_out = 0;

    for (size_t i = 0; i < p->n_events; i++) {
        const size_t key_len = plan_key(&p->events[i], key, sizeof(key));
        const size_t len = plan_payload(&p->events[i], data, sizeof(data));

        redisAppendCommand(rc, "XADD %s * key %b data %b", stream, key, key_len, data,
                           len);
        if (++n_out == REDIS_PIPELINE) {
            redis_drain(rc, n_out);
            n_out = 0;
        }
    }
    redis_drain(rc, n_out);
    redisFree(rc);
}

/* The value of a field of an entry, or an empty text. */
static redisReply *redis_field(const redisReply *fields, const char *name)
{
    for (size_t i = 0; i + 1 < fields->elements; i += 2) {
        if (strcmp(fields->element[i]->str, name) == 0) {
            return fields->element[i + 1];
        }
    }
    return NULL;
}

static void redis_one(const redisReply *fields, bool is_dead, tally *t)
{
    const redisReply *key = redis_field(fields, "key");
    const redisReply *data = redis_field(fields, "data");
    const redisReply *text = redis_field(fields, is_dead ? "weir.reason" : "by");
    const char *word = text == NULL ? "" : text->str;

    (is_dead ? tally_dead : tally_result)(
        t, key == NULL ? "" : key->str, key == NULL ? 0 : key->len,
        data == NULL ? "" : data->str, data == NULL ? 0 : data->len, word);
}

/* Reads on behind `last` (64 bytes, "-" to begin); returns how many. */
static size_t redis_read_on(redisContext *rc, const char *stream, char *last,
                            bool is_dead, tally *t)
{
    redisReply *reply =
        last[0] == '-' ? redisCommand(rc, "XRANGE %s - + COUNT 1000", stream)
                       : redisCommand(rc, "XRANGE %s (%s + COUNT 1000", stream, last);
    size_t n;

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
        tool_die(stream, reply == NULL ? rc->errstr : reply->str);
    }
    n = reply->elements;
    for (size_t i = 0; i < n; i++) {
        const redisReply *entry = reply->element[i];

        snprintf(last, 64, "%s", entry->element[0]->str);
        redis_one(entry->element[1], is_dead, t);
    }
    freeReplyObject(reply);
    return n;
}

static void redis_check(const char *address, const char *to, const char *dead, tally *t,
                        double idle_s)
{
    redisContext *rc = redis_open(address);
    char last_to[64] = "-";
    char last_dead[64] = "-";
    double fresh = tool_now();

    for (;;) {
        const size_t n = redis_read_on(rc, to, last_to, false, t) +
                         redis_read_on(rc, dead, last_dead, true, t);

        if (n > 0) {
            fresh = tool_now();
            continue;
        }
        if (t->n_distinct == t->p->n_events || tool_now() - fresh >= idle_s) {
            break;
        }
        nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
    }
    redisFree(rc);
}

static uint64_t redis_count(const char *address, const char *stream)
{
    redisContext *rc = redis_open(address);
    redisReply *reply = redisCommand(rc, "XLEN %s", stream);
    uint64_t n;

    if (reply == NULL || reply->type != REDIS_REPLY_INTEGER) {
        tool_die(stream, "no length");
    }
    n = (uint64_t)reply->integer;
    freeReplyObject(reply);
    redisFree(rc);
    return n;
}

const tool_queue tool_redis = { redis_load, redis_check, redis_count };
