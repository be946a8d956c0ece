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

static redisContext *redis_connect(const char *address)
{
    char host[64];
    const char *colon = strrchr(address, ':');
    redisContext *rc;

    if (colon == NULL) {
        tool_die(address, "host:port is wanted");
    }
    snprintf(host, sizeof(host), "%.*s", (int)(colon - address), address);
    rc = redisConnect(host, atoi(colon + 1));
    if (rc == NULL) {
        tool_die(address, "out of memory");
    }
    return rc;
}

static redisContext *redis_open(const char *address)
{
    redisContext *rc = redis_connect(address);

    if (rc->err != 0) {
        tool_die(address, rc->errstr);
    }
    return rc;
}

/* Takes the answers to the events from..to; returns false when the connection is gone. */
static bool redis_drain(redisContext *rc, size_t from, size_t to, uint8_t *is_confirmed)
{
    for (size_t i = from; i < to; i++) {
        void *reply = NULL;

        if (redisGetReply(rc, &reply) != REDIS_OK) {
            return false;
        }
        is_confirmed[i] = ((redisReply *)reply)->type != REDIS_REPLY_ERROR;
        freeReplyObject(reply);
    }
    return true;
}

/* The server was killed, say: what it has not confirmed stays unknown. */
static redisContext *redis_again(redisContext *rc, const char *address)
{
    const double until = tool_now() + 60;

    do {
        redisFree(rc);
        nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
        rc = redis_connect(address);
    } while (rc->err != 0 && tool_now() < until);
    if (rc->err != 0) {
        tool_die(address, rc->errstr);
    }
    return rc;
}

static void redis_load(const tool_load *job)
{
    const plan *p = job->p;
    const double begun = tool_now();
    const size_t most = job->rate > 0 && job->rate < 20 * REDIS_PIPELINE
                            ? (size_t)(job->rate / 20) + 1
                            : REDIS_PIPELINE;
    uint8_t *is_confirmed = calloc(p->n_events, 1);
    redisContext *rc = redis_open(job->address);
    char key[32];
    char data[128];

    for (size_t from = 0; from < p->n_events;) {
        const size_t to = p->n_events - from < most ? p->n_events : from + most;

        tool_pace(job, from, begun);
        for (size_t i = from; i < to; i++) {
            const size_t key_len = plan_key(&p->events[i], key, sizeof(key));
            const size_t len = plan_payload(&p->events[i], data, sizeof(data));

            redisAppendCommand(rc, "XADD %s * key %b data %b", job->topic, key, key_len,
                               data, len);
        }
        if (!redis_drain(rc, from, to, is_confirmed)) {
            if (job->log == NULL) {
                tool_die("load", rc->errstr);
            }
            rc = redis_again(rc, job->address);
        }
        from = to;
    }
    redisFree(rc);
    if (job->log != NULL) {
        tool_log_sent(job, is_confirmed);
    } else if (memchr(is_confirmed, 0, p->n_events) != NULL) {
        tool_die("load", "not every event was confirmed");
    }
    free(is_confirmed);
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

static const char *redis_text(const redisReply *fields, const char *name)
{
    const redisReply *value = redis_field(fields, name);

    return value == NULL || value->len == 0 ? "-" : value->str;
}

static void redis_print(const redisReply *entry, const char *kind, const plan *p)
{
    const char *id = entry->element[0]->str;
    const redisReply *fields = entry->element[1];
    const redisReply *data = redis_field(fields, "data");
    const char *cause = strrchr(redis_text(fields, "weir.position"), '@');
    char name[32];

    printf("%s 0@%s %.*s %s", kind, id, (int)strcspn(id, "-"), id,
           tool_spell(p, data == NULL ? "" : data->str, data == NULL ? 0 : data->len,
                      name));
    if (strcmp(kind, "dead") == 0) {
        printf(" %s", redis_text(fields, "weir.reason"));
    } else if (strcmp(kind, "result") == 0) {
        printf(" %s %s", redis_text(fields, "by"), redis_text(fields, "call"));
    }
    if (strcmp(kind, "in") != 0) {
        printf(" %s%s", cause == NULL ? "" : "0", cause == NULL ? "-" : cause);
    }
    printf("\n");
}

static redisReply *redis_ask(redisContext *rc, redisReply *reply, const char *what)
{
    if (reply == NULL || reply->type == REDIS_REPLY_ERROR) {
        tool_die(what, reply == NULL ? rc->errstr : reply->str);
    }
    return reply;
}

static void redis_print_stream(redisContext *rc, const char *kind, const char *stream,
                               const plan *p)
{
    char from[64] = "-";
    size_t n;

    do {
        redisReply *reply = redis_ask(
            rc, redisCommand(rc, "XRANGE %s %s + COUNT 1000", stream, from), stream);

        n = reply->elements;
        for (size_t i = 0; i < n; i++) {
            redis_print(reply->element[i], kind, p);
            snprintf(from, sizeof(from), "(%s", reply->element[i]->element[0]->str);
        }
        freeReplyObject(reply);
    } while (n > 0);
}

static void redis_print_group(redisContext *rc, const tool_history *job)
{
    redisReply *reply =
        redis_ask(rc, redisCommand(rc, "XINFO GROUPS %s", job->from), job->from);

    for (size_t i = 0; i < reply->elements; i++) {
        const redisReply *row = reply->element[i];

        if (strcmp(redis_text(row, "name"), job->group) == 0) {
            printf("passed %s\n", redis_text(row, "last-delivered-id"));
        }
    }
    freeReplyObject(reply);
    reply = redis_ask(
        rc, redisCommand(rc, "XPENDING %s %s - + 1000000", job->from, job->group),
        job->group);
    for (size_t i = 0; i < reply->elements; i++) {
        printf("pending %s\n", reply->element[i]->element[0]->str);
    }
    freeReplyObject(reply);
}

static void redis_history(const tool_history *job)
{
    redisContext *rc = redis_open(job->address);

    redis_print_stream(rc, "in", job->from, job->p);
    redis_print_stream(rc, "result", job->to, job->p);
    redis_print_stream(rc, "dead", job->dead, job->p);
    redis_print_group(rc, job);
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

const tool_queue tool_redis = { redis_load, redis_history, redis_check, redis_count };
