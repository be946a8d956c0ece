/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_send - `weir send`: publishes, and waits until the queue has confirmed.
 */
#include "worker/app/place.h"

#include "schemas/cloudevents.h"
#include "schemas/codec.h"
#include "worker/base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define IN_FLIGHT 10000
#define MAX_HEADERS 32
#define MAX_RECORD (64 * 1024 * 1024)
#define RETRY_US 100000

typedef struct send_item {
    weir_out out; /* owner is the item */
    struct send_item *next;
    char *data;
} send_item;

typedef struct sender {
    const weir_sink_ops *ops;
    void *sink, *target;
    int64_t timeout_us;
    pthread_mutex_t lock; /* what follows */
    pthread_cond_t changed;
    size_t n_pending, n_ok;
    send_item *again; /* to be sent once more */
    weir_status st;   /* of the first that failed for good */
    char text[256];
} sender;

static weir_status send_status(weir_sent sent)
{
    switch (sent) {
    case WEIR_SENT_UNKNOWN:
        return WEIR_ENOENT;
    case WEIR_SENT_DENIED:
        return WEIR_EDENIED;
    case WEIR_SENT_AGAIN:
        return WEIR_EUNAVAIL;
    default:
        return WEIR_EDATA;
    }
}

static void send_item_free(send_item *item)
{
    free(item->data);
    free(item);
}

static void send_done(void *arg, const weir_sent_result *results, size_t n)
{
    sender *s = arg;

    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < n; i++) {
        send_item *item = results[i].out->owner;

        if (results[i].sent == WEIR_SENT_AGAIN ||
            results[i].sent == WEIR_SENT_UNKNOWN) {
            /* A topic may be on its way into being; the deadline decides. */
            snprintf(s->text, sizeof(s->text), "%s",
                     results[i].text == NULL ? "not confirmed" : results[i].text);
            item->out.state = (uint8_t)results[i].sent;
            item->next = s->again;
            s->again = item;
            continue;
        }
        if (results[i].sent == WEIR_SENT_OK) {
            s->n_ok++;
        } else if (s->st == WEIR_OK) {
            s->st = send_status(results[i].sent);
            snprintf(s->text, sizeof(s->text), "%s",
                     results[i].text == NULL ? weir_status_text(s->st)
                                             : results[i].text);
        }
        s->n_pending--;
        send_item_free(item);
    }
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static void send_pause_locked(sender *s, int64_t us)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    int64_t ns = until.tv_nsec + us * 1000;
    until.tv_sec += ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    pthread_cond_timedwait(&s->changed, &s->lock, &until);
}

/* Hands one item to the sink; false: the deadline came first, the caller keeps it. */
static bool send_hand(sender *s, send_item *item, int64_t until_us)
{
    weir_out *const outs[] = { &item->out };

    while (s->ops->send(s->sink, outs, 1) == 0) {
        if (weir_clock_us() > until_us) {
            return false;
        }
        pthread_mutex_lock(&s->lock);
        send_pause_locked(s, 10000);
        pthread_mutex_unlock(&s->lock);
    }
    return true;
}

/* Waits until at most `most` are pending; sends again what must be. */
static weir_status send_wait(sender *s, size_t most)
{
    int64_t until_us = weir_clock_us() + s->timeout_us;
    weir_status st = WEIR_OK;

    pthread_mutex_lock(&s->lock);
    size_t n_before = s->n_pending;
    while (s->n_pending > most && s->st == WEIR_OK) {
        if (s->n_pending < n_before) {
            n_before = s->n_pending;
            until_us = weir_clock_us() + s->timeout_us;
        }
        if (weir_clock_us() > until_us) {
            st = s->again != NULL ? send_status((weir_sent)s->again->out.state)
                                  : WEIR_EUNAVAIL;
            break;
        }
        send_item *item = s->again;
        send_pause_locked(s, RETRY_US);
        if (item == NULL || item != s->again) {
            continue;
        }
        s->again = item->next;
        pthread_mutex_unlock(&s->lock);
        bool is_handed = send_hand(s, item, until_us);
        pthread_mutex_lock(&s->lock);
        if (!is_handed) {
            item->next = s->again;
            s->again = item;
        }
    }
    st = st != WEIR_OK ? st : s->st;
    pthread_mutex_unlock(&s->lock);
    return st;
}

/* Takes *data. */
static weir_status send_one(sender *s, const weir_out *like, char **data, size_t len)
{
    send_item *item = calloc(1, sizeof(*item));

    if (item == NULL) {
        return WEIR_ENOMEM;
    }
    item->out = *like;
    item->data = *data;
    *data = NULL;
    item->out.data = (weir_slice){ item->data, len };
    item->out.owner = item;
    item->out.target = s->target;
    pthread_mutex_lock(&s->lock);
    s->n_pending++;
    pthread_mutex_unlock(&s->lock);
    if (!send_hand(s, item, weir_clock_us() + s->timeout_us)) {
        pthread_mutex_lock(&s->lock);
        s->n_pending--;
        pthread_mutex_unlock(&s->lock);
        send_item_free(item);
        return WEIR_EUNAVAIL;
    }
    return send_wait(s, IN_FLIGHT);
}

/* Checks or converts a payload; *data is replaced where the format is another one. */
static weir_status send_encode(const weir_codec_ops *codec, char **data, size_t *len,
                               weir_err *err)
{
    weir_slice text = { *data, *len };
    weir_buf out = { 0 };
    weir_json *doc = NULL;

    if (codec == NULL || !codec->gives_value) {
        return WEIR_OK;
    }
    if (codec->format != WEIR_FORMAT_MSGPACK) {
        return codec->walk(text, err);
    }
    weir_status st = weir_json_parse(text, &doc, err);
    if (st == WEIR_OK) {
        st = codec->encode(weir_json_root(doc), &out, err);
    }
    weir_json_free(doc);
    if (st == WEIR_OK) {
        *len = out.len;
        free(*data);
        *data = weir_buf_take(&out);
    }
    weir_buf_fini(&out);
    return st;
}

static int send_failed(const sender *s, const weir_cli *cli, weir_status st,
                       const weir_err *err)
{
    const char *text = err->text[0] != '\0' ? err->text
                       : s->text[0] != '\0' ? s->text
                                            : weir_status_text(st);
    int code = st == WEIR_ENOENT ? WEIR_EXIT_UNAVAILABLE : weir_exit_of(st);

    return weir_cli_fail(code, "%s: %s", cli->args[0], text);
}

static int send_lines(sender *s, const weir_cli *cli, const weir_out *like,
                      const weir_codec_ops *codec)
{
    char *line = NULL;
    size_t cap = 0, n_line = 0;
    ssize_t got;
    weir_err err = { 0 };
    weir_status st = WEIR_OK;

    while (st == WEIR_OK && (got = getline(&line, &cap, stdin)) >= 0) {
        size_t len = (size_t)got - (got > 0 && line[got - 1] == '\n');
        n_line++;
        if (len == 0) {
            continue;
        }
        char *data = malloc(len + 1);
        if (data == NULL) {
            st = WEIR_ENOMEM;
            break;
        }
        memcpy(data, line, len);
        data[len] = '\0';
        st = send_encode(codec, &data, &len, &err);
        if (st != WEIR_OK) {
            weir_err_prefix(&err, "line %zu", n_line);
        } else {
            st = send_one(s, like, &data, len);
        }
        free(data);
    }
    bool has_failed = ferror(stdin);
    free(line);
    if (st == WEIR_OK && has_failed) {
        return weir_cli_fail(WEIR_EXIT_IO, "stdin: %s", strerror(errno));
    }
    weir_status rest = send_wait(s, 0);
    st = st == WEIR_OK ? rest : st;
    return st == WEIR_OK ? WEIR_EXIT_OK : send_failed(s, cli, st, &err);
}

static int send_argument(sender *s, const weir_cli *cli, const weir_out *like,
                         const weir_codec_ops *codec)
{
    weir_err err = { 0 };
    char *data = strdup(cli->args[1]);
    size_t len = data == NULL ? 0 : strlen(data);
    weir_status st = data == NULL ? WEIR_ENOMEM : send_encode(codec, &data, &len, &err);

    if (st == WEIR_OK) {
        st = send_one(s, like, &data, len);
    }
    free(data);
    if (st == WEIR_OK) {
        st = send_wait(s, 0);
    }
    return st == WEIR_OK ? WEIR_EXIT_OK : send_failed(s, cli, st, &err);
}

/* A whole CloudEvent says by its content-type what it is, unless headers say it. */
static size_t send_structured(const weir_codec_ops *codec, weir_header *headers,
                              size_t n)
{
    if (codec == NULL || codec->format != WEIR_FORMAT_CLOUDEVENTS) {
        return n;
    }
    for (size_t i = 0; i < n; i++) {
        if (strcasecmp(headers[i].name, WEIR_CE_TYPE_HEADER) == 0 ||
            strcasecmp(headers[i].name, "ce_specversion") == 0) {
            return n;
        }
    }
    headers[n] =
        (weir_header){ WEIR_CE_TYPE_HEADER, WEIR_SLICE_LIT(WEIR_CE_TYPE_JSON) };
    return n + 1;
}

/* -H name=value, ...; returns how many, or -1. Names are cut out of copies in `room`. */
static int send_headers(const weir_cli *cli, weir_header *headers, char **names)
{
    int n = 0;

    for (size_t i = 0; weir_cli_nth(cli, "header", i) != NULL; i++) {
        const char *text = weir_cli_nth(cli, "header", i);
        const char *equals = strchr(text, '=');

        if (equals == NULL || equals == text || n == MAX_HEADERS) {
            return -1;
        }
        names[n] = strndup(text, (size_t)(equals - text));
        headers[n] = (weir_header){ names[n], weir_slice_of(equals + 1) };
        n++;
    }
    return n;
}

static int send_with(const weir_cli *cli, const weir_config *cfg,
                     const weir_place *place, sender *s)
{
    weir_header headers[MAX_HEADERS + 1];
    char *names[MAX_HEADERS] = { NULL };
    const char *format = weir_cli_get(cli, "format");
    const weir_codec_ops *codec = format == NULL ? NULL : weir_codec_find(format);
    const char *key = weir_cli_get(cli, "key");
    int n_headers = send_headers(cli, headers, names);
    int code;

    if (n_headers < 0) {
        code =
            weir_cli_usage(cli, "-H takes name=value, at most %d times", MAX_HEADERS);
    } else if (format != NULL && codec == NULL) {
        code = weir_cli_usage(cli, "--format takes raw, json, msgpack or cloudevents");
    } else {
        weir_out like = { .key = weir_slice_of(key),
                          .headers = headers,
                          .n_headers =
                              send_structured(codec, headers, (size_t)n_headers),
                          .partition = place->at.partition,
                          .time_ms = -1 };
        code = cli->n_args > 1 ? send_argument(s, cli, &like, codec)
                               : send_lines(s, cli, &like, codec);
    }
    for (int i = 0; i < MAX_HEADERS; i++) {
        free(names[i]);
    }
    (void)cfg;
    return code;
}

static int send_open(const weir_cli *cli, const weir_config *cfg,
                     const weir_place *place, sender *s)
{
    weir_err err = { 0 };
    weir_sink_setup setup = { .queue = place->queue->opts,
                              .queue_name = place->queue->name,
                              .service = cfg->worker.name,
                              .instance = "send",
                              .max_bytes = (size_t)cfg->worker.max_bytes,
                              .max_record = MAX_RECORD,
                              .done = send_done,
                              .arg = s };

    s->sink = calloc(1, s->ops->size);
    if (s->sink == NULL) {
        return weir_cli_fail(WEIR_EXIT_INTERNAL, "out of memory");
    }
    weir_status st = s->ops->open(s->sink, &setup, &err);
    if (st != WEIR_OK) {
        free(s->sink);
        s->sink = NULL;
        return weir_cli_fail(weir_exit_of(st), "%s: %s", cli->args[0], err.text);
    }
    st = s->ops->target(s->sink, place->at.topic, &s->target, &err);
    if (st != WEIR_OK) {
        return weir_cli_fail(weir_exit_of(st), "%s: %s", cli->args[0], err.text);
    }
    return WEIR_EXIT_OK;
}

int weir_cmd_send(const weir_cli *cli)
{
    weir_config *cfg = NULL;
    weir_place place;
    weir_err err = { 0 };
    const char *timeout = weir_cli_get(cli, "timeout");
    sender s = { .lock = PTHREAD_MUTEX_INITIALIZER,
                 .changed = PTHREAD_COND_INITIALIZER,
                 .timeout_us = 10000000 };

    if (timeout != NULL &&
        weir_duration_parse(weir_slice_of(timeout), &s.timeout_us, &err) != WEIR_OK) {
        return weir_cli_usage(cli, "--timeout: %s", err.text);
    }
    int code = weir_place_open(cli, cli->args[0], &cfg, &place);
    if (code != WEIR_EXIT_OK) {
        return code;
    }
    s.ops = place.queue->type->sink;
    code = send_open(cli, cfg, &place, &s);
    if (code == WEIR_EXIT_OK) {
        code = send_with(cli, cfg, &place, &s);
    }
    if (s.sink != NULL && s.ops->close(s.sink, weir_clock_us() + 2000000)) {
        free(s.sink);
    }
    while (s.again != NULL) {
        send_item *item = s.again;
        s.again = item->next;
        send_item_free(item);
    }
    weir_config_free(cfg);
    return code;
}
