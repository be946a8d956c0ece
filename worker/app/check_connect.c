/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_connect - see check_connect.h.
 */
#include "worker/app/check_connect.h"

#include <stdlib.h>

#define EXTRA (16 * 1024) /* what weir may add to the source's largest event */

/* A topic that is there, for the questions about promises. */
typedef struct connect_topic {
    const weir_config_queue *queue;
    char *name;
    weir_topic_role role;
} connect_topic;

typedef struct connect {
    const weir_config *cfg;
    const weir_connect_setup *setup;
    weir_buf out;
    int code;
    connect_topic *topics; /* of the subscription at hand */
    size_t n_topics;
    weir_opt_list told; /* about queues as a whole: each once */
} connect;

/* Where findings come back to. */
typedef struct connect_finding {
    connect *c;
    const weir_config_sub *sub;
    const weir_config_queue *queue;
} connect_finding;

static void connect_code(connect *c, int code)
{
    /* A broker that is away hides everything else. */
    if (c->code != WEIR_EXIT_UNAVAILABLE && code != WEIR_EXIT_OK) {
        c->code = code;
    }
}

static void connect_line(connect *c, const char *sub, const char *address,
                         const char *state, const char *text, const char *mend)
{
    if (!c->setup->wants_json) {
        weir_buf_printf(&c->out, "%s: %s: %s%s%s\n", sub, address, text,
                        mend == NULL ? "" : "\n    ", mend == NULL ? "" : mend);
        return;
    }
    weir_buf_str(&c->out, "{\"subscription\":");
    weir_buf_json(&c->out, weir_slice_of(sub));
    weir_buf_str(&c->out, ",\"address\":");
    weir_buf_json(&c->out, weir_slice_of(address));
    weir_buf_printf(&c->out, ",\"state\":\"%s\",\"text\":", state);
    weir_buf_json(&c->out, weir_slice_of(text));
    if (mend != NULL) {
        weir_buf_str(&c->out, ",\"mend\":");
        weir_buf_json(&c->out, weir_slice_of(mend));
    }
    weir_buf_str(&c->out, "}\n");
}

static void connect_failed(connect *c, const char *sub, const char *address,
                           weir_status st, const char *text, const char *mend)
{
    bool is_away = st == WEIR_EUNAVAIL || st == WEIR_ETIMEOUT || st == WEIR_EIO;

    connect_code(c, is_away ? WEIR_EXIT_UNAVAILABLE : WEIR_EXIT_CONFIG);
    connect_line(c, sub, address,
                 is_away              ? "unavailable"
                 : st == WEIR_ENOENT  ? "missing"
                 : st == WEIR_EDENIED ? "denied"
                                      : "wrong",
                 text, mend);
}

/* Keeps the name of a topic that is there. Without memory for it less is asked. */
static void connect_note(connect *c, const weir_config_queue *queue, const char *name,
                         weir_topic_role role)
{
    for (size_t i = 0; i < c->n_topics; i++) {
        if (c->topics[i].queue == queue && strcmp(c->topics[i].name, name) == 0) {
            c->topics[i].role |= role;
            return;
        }
    }
    connect_topic *more = realloc(c->topics, (c->n_topics + 1) * sizeof(*c->topics));
    char *copy = more == NULL ? NULL : strdup(name);

    c->topics = more == NULL ? c->topics : more;
    if (copy != NULL) {
        c->topics[c->n_topics++] = (connect_topic){ queue, copy, role };
    }
}

static void connect_say(void *arg, const char *topic, weir_finding kind,
                        const char *text)
{
    static const char *const states[] = { [WEIR_FINDING_UNKNOWN] = "unknown",
                                          [WEIR_FINDING_WARNING] = "warning",
                                          [WEIR_FINDING_ERROR] = "wrong" };
    static const char *const words[] = { [WEIR_FINDING_UNKNOWN] = "note",
                                         [WEIR_FINDING_WARNING] = "warning",
                                         [WEIR_FINDING_ERROR] = "error" };
    const connect_finding *at = arg;
    connect *c = at->c;
    weir_buf line = { 0 };
    char address[400];

    if (topic == NULL) {
        weir_buf_printf(&line, "%s: %s", at->queue->name, text);
        for (size_t i = 0; i < c->told.n; i++) {
            if (line.data != NULL && strcmp(c->told.items[i], line.data) == 0) {
                weir_buf_fini(&line);
                return; /* another subscription has had it */
            }
        }
        (void)weir_opt_list_add(&c->told, line.data == NULL ? "" : line.data);
        line.len = 0;
    }
    snprintf(address, sizeof(address), "%s%s%s", at->queue->name,
             topic == NULL ? "" : ":", topic == NULL ? "" : topic);
    weir_buf_printf(&line, "%s%s%s", c->setup->wants_json ? "" : words[kind],
                    c->setup->wants_json ? "" : ": ", text);
    connect_line(c, at->sub->name, address, states[kind],
                 line.data == NULL ? text : line.data, NULL);
    if (kind == WEIR_FINDING_ERROR) {
        connect_code(c, WEIR_EXIT_CONFIG);
    }
    weir_buf_fini(&line);
}

/* What the settings of one queue mean for the promises of the subscription. */
static void connect_promises(connect *c, const weir_config_sub *sub,
                             const weir_config_queue *queue)
{
    weir_promise_topic *topics = calloc(c->n_topics + 1, sizeof(*topics));
    connect_finding at = { c, sub, queue };
    weir_promise_ask ask = { .topics = topics,
                             .start = sub->start,
                             .stops_if_lost = sub->opts.on_lost_position == 0,
                             .is_once = sub->opts.delivery == 1,
                             .is_single = sub->opts.is_single };
    weir_err err = { 0 };

    for (size_t i = 0; topics != NULL && i < c->n_topics; i++) {
        if (c->topics[i].queue == queue) {
            topics[ask.n_topics++] =
                (weir_promise_topic){ c->topics[i].name, c->topics[i].role };
            ask.group = c->topics[i].role & WEIR_ROLE_FROM ? sub->group : ask.group;
        }
    }
    if (ask.n_topics > 0 && queue->type->ask->promises != NULL) {
        const weir_status st = queue->type->ask->promises(
            queue->opts, &ask, c->setup->timeout_ms, connect_say, &at, &err);

        if (st != WEIR_OK) {
            connect_failed(c, sub->name, queue->name, st, err.text, NULL);
        }
    }
    free(topics);
}

/* One topic that is read: is it there, and where does the group stand? */
static void connect_source(connect *c, const weir_config_sub *sub,
                           const weir_config_queue *queue, const char *topic,
                           weir_topic_info *info)
{
    const weir_queue_ask *ask = queue->type->ask;
    const weir_group_ask group = { sub->group, topic, sub->start, sub->start_ms,
                                   sub->opts.start };
    weir_group_state state = { 0 };
    weir_buf text = { 0 }, mend = { 0 };
    char address[400];
    weir_err err = { 0 };

    snprintf(address, sizeof(address), "%s:%s", queue->name, topic);
    weir_status st = ask->topic(queue->opts, topic, c->setup->timeout_ms, info, &err);
    if (st == WEIR_OK) {
        st = ask->group(queue->opts, &group, c->setup->timeout_ms, &state, &text, &err);
    }
    if (st != WEIR_OK) {
        if (st == WEIR_ENOENT && ask->make_command != NULL) {
            ask->make_command(queue->opts, topic, &(weir_topic_info){ 1, 1, -1, false },
                              &mend);
        }
        connect_failed(c, sub->name, address, st, err.text, mend.data);
    } else if (state.is_new && sub->start == WEIR_START_COMMITTED) {
        connect_failed(c, sub->name, address, WEIR_ECONFIG,
                       "the group has no position, and `start` is committed", NULL);
    } else {
        connect_line(c, sub->name, address, "ok", text.data == NULL ? "" : text.data,
                     NULL);
        connect_note(c, queue, topic, WEIR_ROLE_FROM);
    }
    weir_buf_fini(&text);
    weir_buf_fini(&mend);
}

/* `to` or a dead-letter topic: there, writable, and large enough? */
static void connect_sink(connect *c, const char *sub, const char *address,
                         const weir_topic_info *source, weir_topic_role role)
{
    const char *colon = strchr(address, ':');
    weir_topic_info info = { 0 };
    weir_buf mend = { 0 };
    weir_err err = { 0 };
    char name[64], text[200];

    snprintf(name, sizeof(name), "%.*s", (int)(colon - address), address);
    const weir_config_queue *queue = weir_config_queue_find(c->cfg, name);
    const weir_queue_ask *ask = queue->type->ask;
    weir_status st =
        ask->topic(queue->opts, colon + 1, c->setup->timeout_ms, &info, &err);
    /* Like the source, and with room for what a dead letter adds. */
    weir_topic_info like = *source;

    like.max_bytes += like.max_bytes > 0 ? EXTRA : 0;
    if (st == WEIR_ENOENT && ask->make != NULL && c->setup->may_create &&
        source->n_partitions > 0) { /* 0: the source is missing too */
        st = ask->make(queue->opts, colon + 1, &like, c->setup->timeout_ms, &err);
        if (st == WEIR_OK) {
            connect_line(c, sub, address, "created", "made, like its source", NULL);
            return;
        }
    }
    if (st != WEIR_OK) {
        if (st == WEIR_ENOENT && ask->make_command != NULL) {
            ask->make_command(queue->opts, colon + 1, &like, &mend);
        }
        connect_failed(c, sub, address, st, err.text, mend.data);
    } else if (source->max_bytes > 0 && info.max_bytes > 0 &&
               info.max_bytes < source->max_bytes) {
        snprintf(text, sizeof(text),
                 "takes %lld bytes, the source up to %lld: set max.message.bytes to at "
                 "least "
                 "%lld",
                 (long long)info.max_bytes, (long long)source->max_bytes,
                 (long long)source->max_bytes + EXTRA);
        connect_failed(c, sub, address, WEIR_ECONFIG, text, NULL);
    } else {
        connect_line(c, sub, address, "ok", "may be written", NULL);
        connect_note(c, queue, colon + 1, role);
    }
    weir_buf_fini(&mend);
}

static void connect_pattern(connect *c, const weir_config_sub *sub,
                            const weir_config_queue *queue, const char *pattern,
                            weir_topic_info *info)
{
    weir_opt_list topics = { NULL, 0 };
    weir_err err = { 0 };
    char address[400];

    weir_status st = queue->type->ask->match(queue->opts, pattern, c->setup->timeout_ms,
                                             &topics, &err);
    snprintf(address, sizeof(address), "%s:%s", queue->name, pattern);
    if (st != WEIR_OK) {
        connect_failed(c, sub->name, address, st, err.text, NULL);
    } else if (topics.n == 0) {
        connect_line(c, sub->name, address, "ok", "matches no topic so far", NULL);
    }
    for (size_t i = 0; i < topics.n; i++) {
        connect_source(c, sub, queue, topics.items[i], info);
    }
    weir_opt_list_fini(&topics);
}

/* exactly_once: its streams together. */
static void connect_once(connect *c, const weir_config_sub *sub)
{
    const weir_config_queue *queue = &c->cfg->queues[sub->from[0].queue];
    weir_slice *names = calloc(2 * sub->n_from + 2, sizeof(*names));
    weir_slice *to = names + sub->n_from;
    weir_buf dead = { 0 };
    weir_err err = { 0 };
    size_t n_to = 0;

    if (names == NULL || queue->type->ask->once == NULL) {
        free(names);
        return;
    }
    for (size_t i = 0; i < sub->n_from; i++) {
        names[i] = weir_slice_of(sub->from[i].topic);
    }
    if (sub->opts.to != NULL) {
        to[n_to++] = weir_slice_of(strchr(sub->opts.to, ':') + 1);
    }
    if (sub->dead != NULL) {
        to[n_to++] = weir_slice_of(strchr(sub->dead, ':') + 1);
    }
    for (size_t i = 0;
         i < sub->n_from && sub->dead == NULL && sub->dead_mode == WEIR_DEAD_ADDRESS;
         i++) {
        weir_buf_printf(&dead, "%s.%s.dead%c", sub->from[i].topic, sub->name, '\0');
    }
    for (size_t at = 0; !dead.has_failed && at < dead.len;) {
        to[n_to] = weir_slice_of(dead.data + at);
        at += to[n_to++].len + 1;
    }
    weir_status st = queue->type->ask->once(queue->opts, sub->group, names, sub->n_from,
                                            to, n_to, c->setup->timeout_ms, &err);
    if (st == WEIR_OK) {
        connect_line(c, sub->name, queue->name, "ok",
                     "exactly_once: published and acknowledged in one step", NULL);
    } else {
        connect_failed(c, sub->name, queue->name, st, err.text, NULL);
    }
    weir_buf_fini(&dead);
    free(names);
}

static void connect_sub(connect *c, const weir_config_sub *sub)
{
    weir_topic_info info = { 1, 1, -1, false };
    char dead[600];

    for (size_t i = 0; i < sub->n_from; i++) {
        const weir_config_from *from = &sub->from[i];
        const weir_config_queue *queue = &c->cfg->queues[from->queue];

        if (from->is_pattern) {
            connect_pattern(c, sub, queue, from->topic, &info);
            continue;
        }
        connect_source(c, sub, queue, from->topic, &info);
        if (sub->dead_mode == WEIR_DEAD_ADDRESS && sub->dead == NULL) {
            snprintf(dead, sizeof(dead), "%s:%s.%s.dead", queue->name, from->topic,
                     sub->name);
            connect_sink(c, sub->name, dead, &info, WEIR_ROLE_DEAD);
        }
    }
    if (sub->opts.to != NULL) {
        connect_sink(c, sub->name, sub->opts.to, &info, WEIR_ROLE_TO);
    }
    if (sub->dead != NULL) {
        connect_sink(c, sub->name, sub->dead, &info, WEIR_ROLE_DEAD);
    }
    if (sub->opts.delivery == 1 && sub->n_from > 0) {
        connect_once(c, sub);
    }
    for (size_t i = 0; i < c->cfg->n_queues; i++) {
        connect_promises(c, sub, &c->cfg->queues[i]);
    }
    for (size_t i = 0; i < c->n_topics; i++) {
        free(c->topics[i].name);
    }
    c->n_topics = 0;
}

int weir_check_connect(const weir_config *cfg, const weir_connect_setup *setup)
{
    connect c = { .cfg = cfg, .setup = setup };

    for (size_t i = 0; i < cfg->n_subs; i++) {
        connect_sub(&c, &cfg->subs[i]);
    }
    int code = weir_cli_print(&c.out);
    weir_buf_fini(&c.out);
    free(c.topics);
    weir_opt_list_fini(&c.told);
    return code == WEIR_EXIT_OK ? c.code : code;
}
