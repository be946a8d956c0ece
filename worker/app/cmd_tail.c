/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_tail - `weir tail`: prints events of a topic or stream, outside every group.
 */
#include "worker/app/place.h"

#include "worker/app/event_text.h"
#include "worker/base/clock.h"

#include <errno.h>
#include <stdlib.h>

#define BATCH 64
#define DEFAULT_LAST 10
#define ALL INT64_MAX

typedef struct tail {
    const weir_cli *cli;
    const weir_place *place;
    const weir_codec_ops *codec;
    int64_t n; /* at most so many; ALL */
    bool is_last, is_following, wants_json;
    const char *key;
    const weir_range_ops *ops;
    void *range;
    weir_event *evs;
    weir_arena *arenas;
    weir_event *ptrs[BATCH];
    /* Kept lines of the last events, oldest first by time; for is_last. */
    struct tail_line {
        int64_t time_ms;
        size_t seq;
        char *text;
    } * lines;
    size_t n_lines, cap_lines;
} tail;

/* "start", "end", an offset, an entry id, a time, or "-2h". */
static bool tail_bound(const char *text, bool is_redis, weir_bound *out, weir_err *err)
{
    weir_address at;
    char address[128];

    if (strcmp(text, "start") == 0) {
        out->kind = WEIR_BOUND_START;
    } else if (strcmp(text, "end") == 0) {
        out->kind = WEIR_BOUND_END;
    } else if (text[0] == '-') {
        int64_t us = 0;
        if (weir_duration_parse(weir_slice_of(text + 1), &us, err) != WEIR_OK) {
            return false;
        }
        *out = (weir_bound){ .kind = WEIR_BOUND_TIME,
                             .value = weir_clock_wall_ms() - us / 1000 };
    } else if (strchr(text, ':') == NULL &&
               strspn(text, "0123456789-") == strlen(text) &&
               (is_redis || strchr(text, '-') == NULL)) {
        snprintf(address, sizeof(address), is_redis ? "q:t@%.60s" : "q:t/0@%.60s",
                 text);
        if (weir_address_parse(address, &at, err) != WEIR_OK) {
            return false;
        }
        *out = (weir_bound){ .kind = WEIR_BOUND_POS, .pos = at.pos };
    } else {
        out->kind = WEIR_BOUND_TIME;
        return weir_time_parse(weir_slice_of(text), &out->value, err) == WEIR_OK;
    }
    return true;
}

/* The format of the first subscription that reads this address. */
static const weir_codec_ops *tail_codec(const weir_config *cfg, const weir_place *place)
{
    size_t queue = (size_t)(place->queue - cfg->queues);
    const weir_opt *row = weir_opt_find(weir_sub_rows, "format");

    for (size_t i = 0; i < cfg->n_subs; i++) {
        for (size_t k = 0; k < cfg->subs[i].n_from; k++) {
            const weir_config_from *from = &cfg->subs[i].from[k];
            if (from->queue == queue && strcmp(from->topic, place->at.topic) == 0) {
                return weir_codec_find(row->words[cfg->subs[i].opts.format]);
            }
        }
    }
    return NULL;
}

static int tail_setup(tail *t, const weir_config *cfg, weir_range_setup *setup)
{
    const char *from = weir_cli_get(t->cli, "from"), *to = weir_cli_get(t->cli, "to");
    const char *n = weir_cli_get(t->cli, "count"),
               *format = weir_cli_get(t->cli, "format");
    bool is_redis = !t->place->queue->type->has_partitions;
    weir_err err = { 0 };
    char *end = NULL;

    t->n = ALL;
    if (n != NULL && ((t->n = strtoll(n, &end, 10)) < 1 || *end != '\0')) {
        return weir_cli_usage(t->cli, "-n takes a number from 1 on, not `%s`", n);
    }
    t->codec = format == NULL ? tail_codec(cfg, t->place) : weir_codec_find(format);
    if (format != NULL && t->codec == NULL) {
        return weir_cli_usage(t->cli,
                              "--format takes raw, json, msgpack or cloudevents");
    }
    if (from != NULL && !tail_bound(from, is_redis, &setup->from, &err)) {
        return weir_cli_usage(t->cli, "--from: %s", err.text);
    }
    if (to != NULL && !tail_bound(to, is_redis, &setup->to, &err)) {
        return weir_cli_usage(t->cli, "--to: %s", err.text);
    }
    if (to == NULL) {
        setup->to.kind = t->is_following ? WEIR_BOUND_NEVER : WEIR_BOUND_END;
    }
    if (from == NULL && t->place->at.has_pos) {
        setup->from = (weir_bound){ .kind = WEIR_BOUND_POS, .pos = t->place->at.pos };
        t->n = n == NULL && !t->is_following ? 1 : t->n;
    } else if (from == NULL && to == NULL) {
        t->is_last = !t->is_following;
        t->n = n == NULL && !t->is_following ? DEFAULT_LAST : t->n;
        setup->from = (weir_bound){ .kind = WEIR_BOUND_BACK,
                                    .value = n != NULL         ? t->n
                                             : t->is_following ? 0
                                                               : DEFAULT_LAST };
        t->n = t->is_following ? ALL : t->n;
    }
    return WEIR_EXIT_OK;
}

static int tail_cmp(const void *left, const void *right)
{
    const struct tail_line *a = left, *b = right;

    if (a->time_ms != b->time_ms) {
        return a->time_ms < b->time_ms ? -1 : 1;
    }
    return a->seq < b->seq ? -1 : 1;
}

static bool tail_keep(tail *t, const weir_event *ev, weir_buf *line)
{
    if (t->n_lines == t->cap_lines) {
        size_t cap = t->cap_lines == 0 ? 64 : t->cap_lines * 2;
        struct tail_line *lines = realloc(t->lines, cap * sizeof(*lines));
        if (lines == NULL) {
            return false;
        }
        t->lines = lines;
        t->cap_lines = cap;
    }
    t->lines[t->n_lines] =
        (struct tail_line){ ev->time_ms, t->n_lines, weir_buf_take(line) };
    return t->lines[t->n_lines++].text != NULL;
}

/* Prints or keeps one event. Returns an exit code, or -1 to go on. */
static int tail_event(tail *t, weir_event *ev)
{
    weir_buf line = { 0 };
    int code = -1;

    if (t->key != NULL && !weir_slice_is(ev->key, t->key)) {
        return -1;
    }
    if (t->wants_json) {
        weir_event_json(ev, t->codec, &line);
    } else {
        weir_event_line(ev, t->codec, &line);
    }
    if (t->is_last) {
        code = tail_keep(t, ev, &line)
                   ? -1
                   : weir_cli_fail(WEIR_EXIT_INTERNAL, "out of memory");
    } else {
        code = weir_cli_print(&line);
        code = code != WEIR_EXIT_OK ? code
                                    : (t->n != ALL && --t->n == 0 ? WEIR_EXIT_OK : -1);
    }
    weir_buf_fini(&line);
    return code;
}

static int tail_loop(tail *t)
{
    weir_err err = { 0 };
    bool is_end = false;
    int code = -1;

    while (code < 0 && !is_end) {
        size_t n = 0;
        for (size_t i = 0; i < BATCH; i++) {
            weir_ev_begin(&t->evs[i], &t->arenas[i]);
        }
        weir_status st =
            t->ops->read(t->range, t->ptrs, BATCH, 1000000, &n, &is_end, &err);
        for (size_t i = 0; i < n && code < 0; i++) {
            code = tail_event(t, &t->evs[i]);
        }
        for (size_t i = 0; i < BATCH; i++) {
            weir_ev_end(&t->evs[i]);
        }
        if (st != WEIR_OK && code < 0) {
            code = weir_cli_fail(weir_exit_of(st), "%s: %s", t->cli->args[0], err.text);
        }
    }
    return code < 0 ? WEIR_EXIT_OK : code;
}

static int tail_print_last(tail *t)
{
    weir_buf out = { 0 };

    if (t->n_lines > 1) {
        qsort(t->lines, t->n_lines, sizeof(*t->lines), tail_cmp);
    }
    size_t first = (int64_t)t->n_lines > t->n ? t->n_lines - (size_t)t->n : 0;
    for (size_t i = first; i < t->n_lines; i++) {
        weir_buf_str(&out, t->lines[i].text);
    }
    int code = weir_cli_print(&out);
    weir_buf_fini(&out);
    return code;
}

static int tail_run(tail *t, const weir_range_setup *setup)
{
    weir_err err = { 0 };

    t->evs = calloc(BATCH, sizeof(*t->evs));
    t->arenas = calloc(BATCH, sizeof(*t->arenas));
    if (t->evs == NULL || t->arenas == NULL) {
        return weir_cli_fail(WEIR_EXIT_INTERNAL, "out of memory");
    }
    for (size_t i = 0; i < BATCH; i++) {
        weir_arena_init(&t->arenas[i], 0);
        t->ptrs[i] = &t->evs[i];
    }
    weir_status st = t->ops->open(setup, &t->range, &err);
    if (st != WEIR_OK) {
        return weir_cli_fail(weir_exit_of(st), "%s: %s", t->cli->args[0], err.text);
    }
    int code = tail_loop(t);
    t->ops->close(t->range);
    return code == WEIR_EXIT_OK && t->is_last ? tail_print_last(t) : code;
}

int weir_cmd_tail(const weir_cli *cli)
{
    weir_config *cfg = NULL;
    weir_place place;
    int code = weir_place_open(cli, cli->args[0], &cfg, &place);

    if (code != WEIR_EXIT_OK) {
        return code;
    }
    tail t = { .cli = cli,
               .place = &place,
               .ops = place.queue->type->range,
               .is_following = weir_cli_get(cli, "follow") != NULL,
               .wants_json = weir_cli_wants_json(cli),
               .key = weir_cli_get(cli, "key") };
    weir_range_setup setup = { .opts = place.queue->opts,
                               .queue_name = place.queue->name,
                               .topic = place.at.topic,
                               .partition = place.at.partition,
                               .max_event = SIZE_MAX,
                               .timeout_ms = 10000 };
    code = tail_setup(&t, cfg, &setup);
    if (code == WEIR_EXIT_OK) {
        code = tail_run(&t, &setup);
    }
    for (size_t i = 0; t.arenas != NULL && i < BATCH; i++) {
        weir_arena_fini(&t.arenas[i]);
    }
    for (size_t i = 0; i < t.n_lines; i++) {
        free(t.lines[i].text);
    }
    free(t.lines);
    free(t.evs);
    free(t.arenas);
    weir_config_free(cfg);
    return code;
}
