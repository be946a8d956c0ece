/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry_redis - what the application knows of queues of type redis.
 */
#include "worker/app/registry.h"

#include "triggers/redis_admin.h"
#include "triggers/redis_atomic.h"
#include "triggers/redis_entry.h"
#include "triggers/redis_promise.h"
#include "triggers/redis_script.h"
#include "triggers/redis_sink.h"
#include "triggers/redis_source.h"
#include "worker/base/clock.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MS INT64_C(1000)

static void redis_check(const void *opts, weir_queue_say_fn *say, void *arg)
{
    weir_err err = { 0 };

    if (weir_redis_conf_check(opts, &err) != WEIR_OK) {
        say(arg, 0, 0, true, err.text);
    }
}

static const char *redis_topic_wrong(const char *topic)
{
    return strlen(topic) > 255 ? "the name of a stream has at most 255 bytes here"
                               : NULL;
}

/* -- ranges ------------------------------------------------------------------------------ */

typedef struct redis_range {
    weir_redis_range *range;
    bool has_end;
} redis_range;

/* The id of the entry that is n entries before the end. */
static weir_status redis_back(const weir_range_setup *setup, int64_t n, weir_pos *out,
                              weir_err *err)
{
    weir_redis_conn *conn = NULL;
    weir_redis_reply *reply = NULL;
    weir_slice stream = weir_slice_of(setup->topic);
    weir_status st = weir_redis_conn_new(setup->opts, "weir-tail", -1, &conn, err);

    *out = (weir_pos){ 0, 0 };
    if (st == WEIR_OK) {
        st = weir_redis_conn_open(conn, weir_clock_us() + setup->timeout_ms * MS, err);
    }
    if (st == WEIR_OK) {
        st = weir_redis_callf(conn, &reply, err, "XREVRANGE %b + - COUNT %d", &stream,
                              n);
    }
    if (st == WEIR_OK && reply->root->type == WEIR_REDIS_ERROR) {
        st =
            weir_fail(err, weir_redis_error_status(reply->root), "stream %s: %.*s",
                      setup->topic, (int)reply->root->text.len, reply->root->text.data);
    }
    if (st == WEIR_OK && reply->root->type == WEIR_REDIS_ARRAY && reply->root->n > 0) {
        weir_redis_entry entry;
        if (weir_redis_entry_parse(&reply->root->items[reply->root->n - 1], &entry)) {
            *out = entry.pos;
        }
    }
    weir_redis_reply_give(reply);
    weir_redis_conn_free(conn);
    return st;
}

static weir_pos redis_after(weir_pos pos)
{
    return pos.lo == UINT64_MAX ? (weir_pos){ pos.hi + 1, 0 }
                                : (weir_pos){ pos.hi, pos.lo + 1 };
}

static weir_status redis_bound(const weir_range_setup *setup, weir_bound bound,
                               const weir_redis_stream *stream, weir_pos *out,
                               weir_err *err)
{
    switch (bound.kind) {
    case WEIR_BOUND_START:
        *out = (weir_pos){ 0, 0 };
        return WEIR_OK;
    case WEIR_BOUND_END:
        *out = redis_after(stream->last);
        return WEIR_OK;
    case WEIR_BOUND_POS:
        *out = bound.pos;
        return WEIR_OK;
    case WEIR_BOUND_TIME:
        *out = (weir_pos){ (uint64_t)(bound.value < 0 ? 0 : bound.value), 0 };
        return WEIR_OK;
    case WEIR_BOUND_BACK:
        return redis_back(setup, bound.value, out, err);
    case WEIR_BOUND_NEVER:
        break;
    }
    *out = (weir_pos){ UINT64_MAX, UINT64_MAX };
    return WEIR_OK;
}

static weir_status redis_range_open(const weir_range_setup *setup, void **out,
                                    weir_err *err)
{
    weir_redis_stream stream = { 0 };
    weir_redis_range_setup inner = { .queue = setup->opts,
                                     .queue_name = setup->queue_name,
                                     .stream = setup->topic,
                                     .data_field = WEIR_SLICE_LIT("data"),
                                     .key_field = WEIR_SLICE_LIT("key"),
                                     .max_event = setup->max_event };
    int64_t until_us = weir_clock_us() + setup->timeout_ms * MS;
    weir_status st =
        weir_redis_stream_get(setup->opts, setup->topic, NULL, until_us, &stream, err);
    redis_range *range = calloc(1, sizeof(*range));

    if (range == NULL) {
        return weir_fail(err, WEIR_ENOMEM, "out of memory");
    }
    if (st == WEIR_OK && !stream.exists && setup->to.kind != WEIR_BOUND_NEVER) {
        st = weir_fail(err, WEIR_ENOENT, "there is no stream %s", setup->topic);
    }
    if (st == WEIR_OK) {
        st = redis_bound(setup, setup->from, &stream, &inner.from, err);
    }
    if (st == WEIR_OK) {
        st = redis_bound(setup, setup->to, &stream, &inner.to, err);
    }
    if (st == WEIR_OK) {
        st = weir_redis_range_open(&inner, until_us, &range->range, err);
    }
    if (st != WEIR_OK) {
        free(range);
        return st;
    }
    range->has_end = setup->to.kind != WEIR_BOUND_NEVER;
    *out = range;
    return WEIR_OK;
}

static weir_status redis_range_read(void *self, weir_event *const *evs, size_t cap,
                                    int64_t wait_us, size_t *n, bool *is_end,
                                    weir_err *err)
{
    redis_range *range = self;
    weir_status st = weir_redis_range_read(range->range, evs, cap, n, err);

    *is_end = st == WEIR_OK && *n == 0 && range->has_end;
    if (st == WEIR_OK && *n == 0 && !range->has_end && wait_us > 0) {
        usleep((useconds_t)(wait_us < 100 * MS ? wait_us : 100 * MS));
    }
    return st;
}

static void redis_range_close(void *self)
{
    redis_range *range = self;

    weir_redis_range_close(range->range);
    free(range);
}

static const weir_range_ops redis_range_ops = { redis_range_open, redis_range_read,
                                                redis_range_close };

/* -- questions --------------------------------------------------------------------------- */

static weir_status redis_ask_topic(const void *opts, const char *topic, int timeout_ms,
                                   weir_topic_info *out, weir_err *err)
{
    *out = (weir_topic_info){ 1, 1, -1, false };
    return weir_redis_probe_write(opts, "weir-check", topic,
                                  weir_clock_us() + timeout_ms * MS, err);
}

static weir_status redis_ask_group(const void *opts, const weir_group_ask *ask,
                                   int timeout_ms, weir_group_state *state,
                                   weir_buf *out, weir_err *err)
{
    weir_redis_stream stream = { 0 };
    weir_status st = weir_redis_stream_get(
        opts, ask->topic, ask->group, weir_clock_us() + timeout_ms * MS, &stream, err);

    char number[48];

    if (st != WEIR_OK) {
        return st;
    }
    *state = (weir_group_state){ !stream.has_group, -1 };
    if (!stream.exists) {
        weir_buf_printf(out, "no entries so far; NEW group: would start at %s",
                        ask->start_text);
    } else if (!stream.has_group) {
        const bool is_latest = ask->start == WEIR_START_LATEST;

        weir_number_text(is_latest ? 0 : (int64_t)stream.length, number,
                         sizeof(number));
        weir_buf_printf(out, "NEW group: would start at %s, %s%s events",
                        ask->start_text,
                        ask->start == WEIR_START_TIME ? "at most " : "", number);
    } else {
        weir_buf_printf(out, "committed up to %llu-%llu, %lld pending",
                        (unsigned long long)stream.delivered.hi,
                        (unsigned long long)stream.delivered.lo,
                        (long long)stream.n_pending);
        if (stream.lag >= 0) {
            weir_number_text((int64_t)stream.lag, number, sizeof(number));
            weir_buf_printf(out, ", lag %s", number);
        }
    }
    return WEIR_OK;
}

static weir_status redis_ask_once(const void *opts, const char *group,
                                  const weir_slice *from, size_t n_from,
                                  const weir_slice *to, size_t n_to, int timeout_ms,
                                  weir_err *err)
{
    const char **streams = calloc(n_from + 1, sizeof(*streams));
    const weir_redis_proof proof = { .group = group,
                                     .streams = streams,
                                     .n_streams = n_from,
                                     .targets = to,
                                     .n_targets = n_to };
    weir_status st;

    if (streams == NULL) {
        return weir_fail(err, WEIR_ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < n_from; i++) {
        streams[i] = from[i].data;
    }
    st = weir_redis_script_prove(opts, "weir-check", &proof,
                                 weir_clock_us() + timeout_ms * MS, err);
    free(streams);
    return st;
}

static weir_status redis_ask_promises(const void *opts, const weir_promise_ask *ask,
                                      int timeout_ms, weir_finding_fn *say, void *arg,
                                      weir_err *err)
{
    return weir_redis_promises(opts, ask, weir_clock_us() + timeout_ms * MS, say, arg,
                               err);
}

static const weir_queue_ask redis_ask = { .promises = redis_ask_promises,
                                          .topic = redis_ask_topic,
                                          .group = redis_ask_group,
                                          .once = redis_ask_once };

/* -- embedded ---------------------------------------------------------------------------- */

static int redis_free_port(void)
{
    struct sockaddr_in addr = { .sin_family = AF_INET,
                                .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t len = sizeof(addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int port = -1;

    if (fd >= 0 && bind(fd, (struct sockaddr *)&addr, len) == 0 &&
        getsockname(fd, (struct sockaddr *)&addr, &len) == 0) {
        port = ntohs(addr.sin_port);
    }
    if (fd >= 0) {
        close(fd);
    }
    return port;
}

static bool redis_find(char *out, size_t cap)
{
    const char *path = getenv("PATH");

    for (const char *at = path; at != NULL && *at != '\0';) {
        size_t len = strcspn(at, ":");
        snprintf(out, cap, "%.*s/redis-server", (int)len, at);
        if (len > 0 && access(out, X_OK) == 0) {
            return true;
        }
        at += len + (at[len] == ':');
    }
    return false;
}

static weir_status redis_command(const char *dir, char *room, size_t cap,
                                 const char **argv, char *address, size_t address_cap,
                                 weir_err *err)
{
    char program[512], port_text[16];
    int port = redis_free_port();

    if (!redis_find(program, sizeof(program))) {
        return weir_fail(err, WEIR_ENOENT,
                         "redis-server is not in PATH; install it (Debian: apt install "
                         "redis-server), or use a real one with --live");
    }
    if (port < 0) {
        return weir_fail(err, WEIR_EIO, "no free port for redis-server");
    }
    snprintf(port_text, sizeof(port_text), "%d", port);
    int n = snprintf(room, cap, "%s%c%s%c%s", program, '\0', port_text, '\0', dir);
    if (n < 0 || (size_t)n >= cap) {
        return weir_fail(err, WEIR_EINTERNAL, "state_dir: its path is too long");
    }
    const char *arg_port = room + strlen(room) + 1;
    const char *arg_dir = arg_port + strlen(arg_port) + 1;
    const char *const args[] = { room,        "--port", arg_port, "--bind",
                                 "127.0.0.1", "--save", "",       "--appendonly",
                                 "no",        "--dir",  arg_dir,  "--loglevel",
                                 "warning",   NULL };
    memcpy(argv, args, sizeof(args));
    snprintf(address, address_cap, "redis://127.0.0.1:%d/0", port);
    return WEIR_OK;
}

static bool redis_adapt(void *opts, const char *address)
{
    weir_redis_queue *queue = opts;
    weir_opt_map maxlen = queue->maxlen;
    weir_redis_queue fresh = { .url = strdup(address), .maxlen = maxlen };

    if (fresh.url == NULL) {
        return false;
    }
    queue->maxlen = (weir_opt_map){ NULL, 0 };
    weir_opt_fini(weir_redis_opts, queue);
    *queue = fresh;
    return true;
}

static bool redis_is_up(const void *opts)
{
    weir_redis_server server;

    return weir_redis_server_get(opts, weir_clock_us() + 500 * MS, &server, NULL) ==
           WEIR_OK;
}

static const weir_queue_embed redis_embed = { .what = "private redis-server",
                                              .command = redis_command,
                                              .adapt = redis_adapt,
                                              .is_up = redis_is_up };

const weir_queue_type weir_queue_redis = {
    .name = "redis",
    .about = "streams of a Redis server",
    .source = &weir_redis_source,
    .sink = &weir_redis_sink,
    .settler = &weir_redis_settler,
    .rows = weir_redis_opts,
    .opts_size = sizeof(weir_redis_queue),
    .has_partitions = false,
    .check = redis_check,
    .topic_wrong = redis_topic_wrong,
    .range = &redis_range_ops,
    .ask = &redis_ask,
    .embed = &redis_embed,
};
