/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* link - see link.h. */
#include "tests/support/proxy/link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINK_READ 65536
#define LINK_ROOM (4 << 20)

struct link_piece {
    link_piece *next;
    int64_t due_ms;
    bool is_held, is_last; /* is_last: the connection ends behind it */
    size_t at, len;
    char data[];
};

/* A request that waits for its answer. */
struct link_asked {
    link_asked *next;
    unsigned id;
    bool is_hold, is_cut;
};

void link_open(link_pair *pair, int client, int server, frame_kind kind)
{
    *pair = (link_pair){ .client = client,
                         .server = server,
                         .ways = { { .from = client, .to = server, .kind = kind },
                                   { .from = server, .to = client, .kind = kind } } };
}

void link_close(link_pair *pair, bool is_reset)
{
    const struct linger now = { 1, 0 };

    for (int i = 0; i < 2; i++) {
        while (pair->ways[i].head != NULL) {
            link_piece *piece = pair->ways[i].head;

            pair->ways[i].head = piece->next;
            free(piece);
        }
        free(pair->ways[i].in);
    }
    while (pair->first != NULL) {
        link_asked *asked = pair->first;

        pair->first = asked->next;
        free(asked);
    }
    if (is_reset) {
        setsockopt(pair->client, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        setsockopt(pair->server, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    }
    close(pair->client);
    close(pair->server);
    *pair = (link_pair){ .client = -1, .server = -1 };
}

static link_piece *link_put(link_way *way, const char *data, size_t len, int64_t due_ms)
{
    link_piece *piece = malloc(sizeof(*piece) + len);

    if (piece == NULL) {
        abort();
    }
    *piece = (link_piece){ .due_ms = due_ms, .len = len };
    memcpy(piece->data, data, len);
    if (way->head == NULL) {
        way->head = piece;
    } else {
        way->tail->next = piece;
    }
    way->tail = piece;
    way->n_out += len;
    return piece;
}

static bool link_takes_cut(link_rules *rules, bool is_answer, const char *data,
                           size_t len)
{
    if (rules->n_cut_left == 0 || rules->is_cut_answer != is_answer ||
        !frame_is(rules->kind, data, len, rules->cut)) {
        return false;
    }
    rules->n_cut_left--;
    return true;
}

static void link_request(link_pair *pair, const char *data, size_t len,
                         link_rules *rules, int64_t due_ms)
{
    link_way *way = &pair->ways[0];
    link_asked *asked;

    if (link_takes_cut(rules, false, data, len)) {
        link_put(way, data, len / 2, due_ms)->is_last = true;
        rules->n_cuts++;
        return;
    }
    link_put(way, data, len, due_ms);
    if (way->kind == FRAME_RAW) {
        return;
    }
    if ((asked = calloc(1, sizeof(*asked))) == NULL) {
        abort();
    }
    asked->id = frame_request_id(way->kind, data, len);
    asked->is_hold = frame_is(way->kind, data, len, rules->hold);
    asked->is_cut = link_takes_cut(rules, true, data, len);
    if (pair->first == NULL) {
        pair->first = asked;
    } else {
        pair->last->next = asked;
    }
    pair->last = asked;
}

static void link_answer(link_pair *pair, const char *data, size_t len,
                        link_rules *rules, int64_t due_ms)
{
    link_way *way = &pair->ways[1];
    const unsigned id = frame_answer_id(way->kind, data, len);
    link_asked asked = { 0 };
    link_piece *piece;

    /* Some requests of Kafka have no answer; those before this one had none. */
    while (way->kind != FRAME_RAW && pair->first != NULL) {
        link_asked *first = pair->first;

        asked = *first;
        pair->first = first->next;
        free(first);
        if (asked.id == id) {
            break;
        }
    }
    piece = link_put(way, data, asked.is_cut ? len / 2 : len, due_ms);
    if (asked.is_cut) {
        piece->is_last = true;
        rules->n_cuts++;
    } else if (asked.is_hold && rules->hold[0] != '\0') {
        piece->is_held = true;
        rules->n_held++;
    }
}

bool link_read(link_pair *pair, int way, link_rules *rules, int64_t now_ms)
{
    link_way *w = &pair->ways[way];
    size_t at = 0;
    ssize_t n;

    if (w->cap - w->n_in < LINK_READ) {
        w->cap = w->cap * 2 + LINK_READ;
        if ((w->in = realloc(w->in, w->cap)) == NULL) {
            abort();
        }
    }
    n = recv(w->from, w->in + w->n_in, w->cap - w->n_in, MSG_DONTWAIT);
    if (n < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    if (n == 0) {
        w->is_ended = true;
        return w->head != NULL; /* the rest goes first */
    }
    w->n_in += (size_t)n;
    for (;;) {
        const long len = frame_len(w->kind, w->in + at, w->n_in - at);

        if (len < 0) {
            w->kind = FRAME_RAW;
            continue;
        }
        if (len == 0) {
            break;
        }
        (way == 0 ? link_request : link_answer)(pair, w->in + at, (size_t)len, rules,
                                                now_ms + rules->delay_ms);
        at += (size_t)len;
    }
    w->n_in -= at;
    memmove(w->in, w->in + at, w->n_in);
    return true;
}

bool link_write(link_pair *pair, int way, int64_t now_ms)
{
    link_way *w = &pair->ways[way];

    while (w->head != NULL && !w->head->is_held && w->head->due_ms <= now_ms) {
        link_piece *piece = w->head;
        const ssize_t n = send(w->to, piece->data + piece->at, piece->len - piece->at,
                               MSG_NOSIGNAL | MSG_DONTWAIT);
        bool is_last;

        if (n < 0) {
            return errno == EAGAIN || errno == EINTR;
        }
        piece->at += (size_t)n;
        w->n_out -= (size_t)n;
        if (piece->at < piece->len) {
            return true;
        }
        is_last = piece->is_last;
        w->head = piece->next;
        free(piece);
        if (is_last) {
            return false;
        }
    }
    return w->head != NULL || !w->is_ended;
}

int64_t link_due(const link_pair *pair, int way)
{
    const link_piece *head = pair->ways[way].head;

    return head == NULL || head->is_held ? -1 : head->due_ms;
}

bool link_has_room(const link_pair *pair, int way)
{
    return !pair->ways[way].is_ended && pair->ways[way].n_out < LINK_ROOM;
}

void link_release(link_pair *pair)
{
    for (link_piece *piece = pair->ways[1].head; piece != NULL; piece = piece->next) {
        piece->is_held = false;
    }
}
