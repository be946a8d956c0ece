/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * raw_redis - the loop that an engineer writes on hiredis without weir, and its load.
 *
 *   weir-bench-redis fill ADDRESS STREAM N KEYS BYTES         appends N entries
 *   weir-bench-redis read ADDRESS STREAM N COUNT DEPTH        reads and acknowledges N entries
 *   weir-bench-redis copy ADDRESS STREAM N COUNT DEPTH TO     and adds each to another stream
 *   weir-bench-redis headed ADDRESS STREAM N COUNT DEPTH TO   with two more fields
 *   weir-bench-redis watch ADDRESS STREAM N PID SECONDS       says when a stream has N entries
 *
 * DEPTH 1: one command at a time, XREADGROUP, then XACK for all that it read (the XADD of one
 * read go together). DEPTH 2: everything on one connection without waiting, two reads always
 * outstanding; XADD stand before their XACK, so a lost connection loses nothing that was read.
 *
 * `headed` is `copy` with what each result of weir carries: where its cause stands and how often
 * it has been passed on.
 *
 * Prints one line of JSON: see meter.h, from the first entry to the last answer; for `watch` see
 * watch.c.
 */
#include "tests/bench/meter.h"

#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define MAX_DEPTH 2
#define MAX_COUNT 10000
#define MAX_BYTES 65536
#define FILL_PIPELINE 1000
#define LOOK_NS 2000000

typedef struct raw {
    redisContext *link;
    const char *stream, *to; /* to NULL: no copies */
    bool is_headed;
    char group[64], count[16];
    long n_read;
    /* that come before the answer of each outstanding read */
    long answers[MAX_DEPTH];
    const char *ids[MAX_COUNT + 3];
    size_t id_lens[MAX_COUNT + 3];
    bench_meter meter;
} raw;

static void raw_die(const char *text)
{
    fprintf(stderr, "weir-bench-redis: %s\n", text);
    exit(1);
}

static long raw_number(const char *text, long least, long most)
{
    char *end;
    const long value = strtol(text, &end, 10);

    if (*text == '\0' || *end != '\0' || value < least || value > most) {
        raw_die("a number is out of its range");
    }
    return value;
}

static redisContext *raw_connect(const char *address)
{
    char host[64];
    const char *colon = strrchr(address, ':');

    if (colon == NULL || (size_t)(colon - address) >= sizeof(host)) {
        raw_die("wanted HOST:PORT");
    }
    memcpy(host, address, (size_t)(colon - address));
    host[colon - address] = '\0';
    redisContext *link = redisConnect(host, (int)raw_number(colon + 1, 1, 65535));
    if (link == NULL || link->err != 0) {
        raw_die(link == NULL ? "out of memory" : link->errstr);
    }
    link->reader->maxbuf = 0; /* keep the buffer between answers */
    return link;
}

static redisReply *raw_answer(redisContext *link)
{
    void *reply = NULL;

    if (redisGetReply(link, &reply) != REDIS_OK || reply == NULL) {
        raw_die(link->errstr);
    }
    if (((redisReply *)reply)->type == REDIS_REPLY_ERROR) {
        raw_die(((redisReply *)reply)->str);
    }
    return reply;
}

static void raw_skip(redisContext *link, long n)
{
    for (long i = 0; i < n; i++) {
        freeReplyObject(raw_answer(link));
    }
}

/* What was appended goes out now, not when the next answer is waited for. */
static void raw_flush(redisContext *link)
{
    int is_done = 0;

    while (!is_done) {
        if (redisBufferWrite(link, &is_done) != REDIS_OK) {
            raw_die(link->errstr);
        }
    }
}

static void raw_append(redisContext *link, int n, const char **words,
                       const size_t *lens)
{
    if (redisAppendCommandArgv(link, n, words, lens) != REDIS_OK) {
        raw_die("out of memory");
    }
}

static void raw_append_read(raw *r)
{
    const char *words[] = { "XREADGROUP", "GROUP",   r->group,  "raw", "COUNT",
                            r->count,     "STREAMS", r->stream, ">" };

    raw_append(r->link, sizeof(words) / sizeof(words[0]), words, NULL);
}

static void raw_append_copy(raw *r, const redisReply *id, const redisReply *fields)
{
    const char *words[3 + 16 + 4] = { "XADD", r->to, "*" };
    size_t lens[3 + 16 + 4] = { 4, strlen(r->to), 1 };
    char position[320];
    int n = 3;

    for (size_t i = 0; i < fields->elements && n < 3 + 16; i++) {
        words[n] = fields->element[i]->str;
        lens[n] = fields->element[i]->len;
        n++;
    }
    if (r->is_headed) {
        const char *more[] = { "weir.position", position, "weir.hops", "1" };

        snprintf(position, sizeof(position), "redis:%s@%s", r->stream, id->str);
        for (int i = 0; i < 4; i++) {
            words[n] = more[i];
            lens[n++] = strlen(more[i]);
        }
    }
    raw_append(r->link, n, words, lens);
}

/* Handles the answer of one read: appends its copies and its XACK. Returns how many answers
 * these will have. */
static long raw_handle(raw *r, const redisReply *reply, long n)
{
    long n_answers = 0;
    int n_words = 3;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 1) {
        return 0;
    }
    const redisReply *entries = reply->element[0]->element[1];
    r->ids[0] = "XACK";
    r->ids[1] = r->stream;
    r->ids[2] = r->group;
    r->id_lens[0] = 4;
    r->id_lens[1] = strlen(r->stream);
    r->id_lens[2] = strlen(r->group);
    for (size_t i = 0; i < entries->elements; i++) {
        const redisReply *entry = entries->element[i];

        if (r->n_read++ == 0) {
            bench_moment_take(&r->meter.first);
        }
        if (r->n_read == n / 4) {
            bench_moment_take(&r->meter.warm);
            r->meter.n_warm = (uint64_t)r->n_read;
        }
        if (r->to != NULL) {
            raw_append_copy(r, entry->element[0], entry->element[1]);
            n_answers++;
        }
        r->ids[n_words] = entry->element[0]->str;
        r->id_lens[n_words++] = entry->element[0]->len;
    }
    raw_append(r->link, n_words, r->ids, r->id_lens);
    return n_answers + 1;
}

static void raw_loop(raw *r, long n, int depth)
{
    for (int i = 0; i < depth; i++) {
        raw_append_read(r);
    }
    raw_flush(r->link);
    for (int turn = 0; r->n_read < n; turn = (turn + 1) % depth) {
        raw_skip(r->link, r->answers[turn]);
        redisReply *reply = raw_answer(r->link);
        r->answers[turn] = raw_handle(r, reply, n);
        if (depth == 1) {
            raw_skip(r->link, r->answers[turn]);
            r->answers[turn] = 0;
        }
        raw_append_read(r);
        raw_flush(r->link);
        freeReplyObject(reply);
    }
    /* What is outstanding: for each turn its answers and one read. */
    for (int i = 0; i < depth; i++) {
        raw_skip(r->link, r->answers[i]);
    }
    bench_moment_take(&r->meter.last);
    r->meter.n_last = (uint64_t)r->n_read;
}

static int raw_run(int argc, char **argv)
{
    static raw r;
    const long n = raw_number(argv[4], 1, INT32_MAX);
    const int depth = (int)raw_number(argv[6], 1, MAX_DEPTH);

    (void)raw_number(argv[5], 1, MAX_COUNT);
    r.link = raw_connect(argv[2]);
    r.stream = argv[3];
    r.to = argc > 7 ? argv[7] : NULL;
    r.is_headed = strcmp(argv[1], "headed") == 0;
    snprintf(r.count, sizeof(r.count), "%s", argv[5]);
    snprintf(r.group, sizeof(r.group), "raw-%d", (int)getpid());
    freeReplyObject(redisCommand(r.link, "XGROUP CREATE %s %s 0", r.stream, r.group));
    raw_loop(&r, n, depth);
    bench_report(stdout, &r.meter, NULL);
    redisFree(r.link);
    /* A connection of its own, for the reads that are still outstanding on the other. */
    r.link = raw_connect(argv[2]);
    freeReplyObject(redisCommand(r.link, "XGROUP DESTROY %s %s", r.stream, r.group));
    redisFree(r.link);
    return 0;
}

static int raw_fill(char **argv)
{
    static char payload[MAX_BYTES];
    redisContext *link = raw_connect(argv[2]);
    const long n = raw_number(argv[4], 0, INT32_MAX);
    const long n_keys = raw_number(argv[5], 1, INT32_MAX);
    const size_t bytes = (size_t)raw_number(argv[6], 0, MAX_BYTES);
    long n_open = 0;

    memset(payload, 'x', bytes);
    for (long i = 0; i < n; i++) {
        char key[32];
        const int len = snprintf(key, sizeof(key), "key-%ld", i % n_keys);
        const char *words[] = { "XADD", argv[3], "*", "data", payload, "key", key };
        const size_t lens[] = { 4, strlen(argv[3]), 1, 4, bytes, 3, (size_t)len };

        raw_append(link, 7, words, lens);
        if (++n_open == FILL_PIPELINE) {
            raw_skip(link, n_open);
            n_open = 0;
        }
    }
    raw_skip(link, n_open);
    redisFree(link);
    return 0;
}

static int64_t watch_cpu_ns(pid_t pid)
{
    struct timespec ts;
    clockid_t clock;

    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &ts) != 0) {
        return 0;
    }
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int raw_watch(char **argv)
{
    const struct timespec pause = { .tv_nsec = LOOK_NS };
    redisContext *link = raw_connect(argv[2]);
    const long n = raw_number(argv[4], 0, INT32_MAX);
    const pid_t pid = (pid_t)raw_number(argv[5], 1, INT32_MAX);
    const int64_t until_ns = bench_now_ns() + raw_number(argv[6], 0, 3600) * 1000000000;
    long long sum = 0;

    while (sum < n && bench_now_ns() < until_ns) {
        redisReply *reply = redisCommand(link, "XLEN %s", argv[3]);

        if (reply == NULL) {
            raw_die(link->errstr);
        }
        sum = reply->integer;
        freeReplyObject(reply);
        if (sum < n) {
            nanosleep(&pause, NULL);
        }
    }
    printf("{\"events\": %lld, \"at_ns\": %" PRId64 ", \"cpu_ns\": %" PRId64 "}\n", sum,
           bench_now_ns(), watch_cpu_ns(pid));
    redisFree(link);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 7 && strcmp(argv[1], "fill") == 0) {
        return raw_fill(argv);
    }
    if (argc == 7 && strcmp(argv[1], "watch") == 0) {
        return raw_watch(argv);
    }
    if ((argc == 7 && strcmp(argv[1], "read") == 0) ||
        (argc == 8 &&
         (strcmp(argv[1], "copy") == 0 || strcmp(argv[1], "headed") == 0))) {
        return raw_run(argc, argv);
    }
    fputs("usage: weir-bench-redis fill ADDRESS STREAM N KEYS BYTES\n"
          "       weir-bench-redis read ADDRESS STREAM N COUNT DEPTH\n"
          "       weir-bench-redis copy|headed ADDRESS STREAM N COUNT DEPTH TO\n"
          "       weir-bench-redis watch ADDRESS STREAM N PID SECONDS\n",
          stderr);
    return 64;
}
