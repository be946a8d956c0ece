/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* loop - see loop.h. */
#include "tests/support/proxy/loop.h"
#include "tests/support/proxy/link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LOOP_PAIRS 256
#define LOOP_LINE 512

struct proxy_loop {
    struct sockaddr_in upstream;
    uint16_t port;
    int listener;
    bool is_stalled, is_refusing;
    link_rules rules;
    link_pair pairs[LOOP_PAIRS];
    char line[LOOP_LINE];
    size_t n_line;
};

static int64_t loop_now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static bool loop_set_upstream(proxy_loop *loop, const char *address)
{
    const char *colon = strrchr(address, ':');
    char host[64];

    if (colon == NULL || (size_t)(colon - address) >= sizeof(host)) {
        return false;
    }
    snprintf(host, sizeof(host), "%.*s", (int)(colon - address), address);
    loop->upstream =
        (struct sockaddr_in){ .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)atoi(colon + 1)) };
    return inet_pton(AF_INET, host, &loop->upstream.sin_addr) == 1;
}

proxy_loop *proxy_loop_new(frame_kind kind, const char *upstream)
{
    proxy_loop *loop = calloc(1, sizeof(*loop));
    struct sockaddr_in own = { .sin_family = AF_INET,
                               .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t len = sizeof(own);

    if (loop == NULL) {
        return NULL;
    }
    for (int i = 0; i < LOOP_PAIRS; i++) {
        loop->pairs[i] = (link_pair){ .client = -1, .server = -1 };
    }
    loop->rules.kind = kind;
    loop->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if ((upstream != NULL && !loop_set_upstream(loop, upstream)) ||
        bind(loop->listener, (struct sockaddr *)&own, len) != 0 ||
        listen(loop->listener, 128) != 0 ||
        getsockname(loop->listener, (struct sockaddr *)&own, &len) != 0) {
        close(loop->listener);
        free(loop);
        return NULL;
    }
    loop->port = ntohs(own.sin_port);
    return loop;
}

uint16_t proxy_loop_port(const proxy_loop *loop)
{
    return loop->port;
}

static void loop_break(proxy_loop *loop)
{
    for (int i = 0; i < LOOP_PAIRS; i++) {
        if (loop->pairs[i].client >= 0) {
            link_close(&loop->pairs[i], true);
        }
    }
}

void proxy_loop_free(proxy_loop *loop)
{
    loop_break(loop);
    close(loop->listener);
    free(loop);
}

static void loop_accept(proxy_loop *loop)
{
    const int client = accept4(loop->listener, NULL, NULL, SOCK_CLOEXEC);
    const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;

    for (int i = 0; i < LOOP_PAIRS && client >= 0 && !loop->is_refusing; i++) {
        if (loop->pairs[i].client >= 0) {
            continue;
        }
        if (connect(server, (struct sockaddr *)&loop->upstream,
                    sizeof(loop->upstream)) != 0) {
            break;
        }
        setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        link_open(&loop->pairs[i], client, server, loop->rules.kind);
        return;
    }
    if (client >= 0) {
        close(client);
    }
    close(server);
}

/* ---------------------------------------------------------------- commands */

static int loop_count(const proxy_loop *loop, const char *what)
{
    int n = 0;

    if (strcmp(what, "cut") == 0) {
        return (int)loop->rules.n_cuts;
    }
    if (strcmp(what, "held") == 0) {
        return (int)loop->rules.n_held;
    }
    if (strcmp(what, "connections") != 0) {
        return -1;
    }
    for (int i = 0; i < LOOP_PAIRS; i++) {
        n += loop->pairs[i].client >= 0 ? 1 : 0;
    }
    return n;
}

static int loop_command_cut(proxy_loop *loop, const char *where, const char *name,
                            const char *times)
{
    link_rules *rules = &loop->rules;

    if (where == NULL || name == NULL || !frame_has_name(rules->kind, name) ||
        (strcmp(where, "request") != 0 && strcmp(where, "answer") != 0)) {
        return -1;
    }
    rules->is_cut_answer = where[0] == 'a';
    snprintf(rules->cut, sizeof(rules->cut), "%s", name);
    rules->n_cut_left = times == NULL ? 1 : (unsigned)atoi(times);
    return 0;
}

static int loop_release(proxy_loop *loop)
{
    loop->rules.hold[0] = '\0';
    for (int i = 0; i < LOOP_PAIRS; i++) {
        link_release(&loop->pairs[i]);
    }
    return 0;
}

static int loop_switch(bool *what, const char *word)
{
    if (word == NULL || (strcmp(word, "on") != 0 && strcmp(word, "off") != 0)) {
        return -1;
    }
    *what = strcmp(word, "on") == 0;
    return 0;
}

/* Returns the number of the answer; -1: not understood. */
static int loop_command(proxy_loop *loop, char *line)
{
    char *save = NULL;
    const char *verb = strtok_r(line, " ", &save);
    const char *word = strtok_r(NULL, " ", &save);

    if (verb == NULL) {
        return -1;
    }
    if (strcmp(verb, "release") == 0) {
        return loop_release(loop);
    }
    if (strcmp(verb, "break") == 0) {
        loop_break(loop);
        return 0;
    }
    if (strcmp(verb, "cut") == 0) {
        const char *name = strtok_r(NULL, " ", &save);

        return loop_command_cut(loop, word, name, strtok_r(NULL, " ", &save));
    }
    if (strcmp(verb, "stall") == 0) {
        return loop_switch(&loop->is_stalled, word);
    }
    if (strcmp(verb, "refuse") == 0) {
        return loop_switch(&loop->is_refusing, word);
    }
    if (word == NULL) {
        return -1;
    }
    if (strcmp(verb, "upstream") == 0) {
        return loop_set_upstream(loop, word) ? 0 : -1;
    }
    if (strcmp(verb, "delay") == 0) {
        loop->rules.delay_ms = atoi(word);
        return 0;
    }
    if (strcmp(verb, "hold") == 0 && frame_has_name(loop->rules.kind, word)) {
        snprintf(loop->rules.hold, sizeof(loop->rules.hold), "%s", word);
        return 0;
    }
    return strcmp(verb, "count") == 0 ? loop_count(loop, word) : -1;
}

/* false: there will be no more. */
static bool loop_commands(proxy_loop *loop, int commands, int answers)
{
    const ssize_t n = read(commands, loop->line + loop->n_line,
                           sizeof(loop->line) - 1 - loop->n_line);
    char *end;

    if (n <= 0) {
        return n < 0 && errno == EINTR;
    }
    loop->n_line += (size_t)n;
    loop->line[loop->n_line] = '\0';
    while ((end = strchr(loop->line, '\n')) != NULL) {
        char shown[LOOP_LINE];
        int number;

        *end = '\0';
        snprintf(shown, sizeof(shown), "%s", loop->line);
        number = loop_command(loop, loop->line);
        if (number >= 0) {
            dprintf(answers, "ok %d\n", number);
        } else {
            dprintf(answers, "error what is: %s\n", shown);
        }
        loop->n_line -= (size_t)(end + 1 - loop->line);
        memmove(loop->line, end + 1, loop->n_line + 1);
    }
    return loop->n_line < sizeof(loop->line) - 1;
}

/* ---------------------------------------------------------------- the loop */

/* What the pair waits for; returns when its next piece is due, or -1. */
static int64_t loop_watch(const proxy_loop *loop, const link_pair *pair,
                          struct pollfd *fds, int64_t now_ms)
{
    int64_t next_ms = -1;

    fds[0] = (struct pollfd){ .fd = -1 };
    fds[1] = (struct pollfd){ .fd = -1 };
    if (pair->client < 0 || loop->is_stalled) {
        return -1;
    }
    for (int way = 0; way < 2; way++) {
        const int64_t due_ms = link_due(pair, way);

        fds[way].events |= link_has_room(pair, way) ? POLLIN : 0;
        if (due_ms >= 0 && due_ms <= now_ms) {
            fds[1 - way].events |= POLLOUT;
        } else if (due_ms >= 0 && (next_ms < 0 || due_ms < next_ms)) {
            next_ms = due_ms;
        }
    }
    fds[0].fd = fds[0].events != 0 ? pair->client : -1;
    fds[1].fd = fds[1].events != 0 ? pair->server : -1;
    return next_ms;
}

static void loop_serve(proxy_loop *loop, link_pair *pair, const struct pollfd *fds)
{
    const int64_t now_ms = loop_now_ms();

    for (int way = 0; way < 2 && pair->client >= 0; way++) {
        const bool is_in = (fds[way].revents & ~POLLOUT) != 0;
        bool is_alive = true;

        if (is_in && link_has_room(pair, way)) {
            is_alive = link_read(pair, way, &loop->rules, now_ms);
        } else if (is_in) {
            is_alive = (fds[way].revents & (POLLERR | POLLHUP)) == 0 ||
                       link_due(pair, way) >= 0;
        }
        if (!is_alive || !link_write(pair, way, now_ms)) {
            link_close(pair, false);
        }
    }
}

void proxy_loop_run(proxy_loop *loop, int commands, int answers)
{
    struct pollfd fds[2 + 2 * LOOP_PAIRS];
    bool is_going = true;

    while (is_going) {
        const int64_t now_ms = loop_now_ms();
        int64_t next_ms = -1;

        fds[0] = (struct pollfd){ .fd = commands, .events = POLLIN };
        fds[1] = (struct pollfd){ .fd = loop->is_stalled ? -1 : loop->listener,
                                  .events = POLLIN };
        for (int i = 0; i < LOOP_PAIRS; i++) {
            const int64_t due_ms =
                loop_watch(loop, &loop->pairs[i], &fds[2 + 2 * i], now_ms);

            if (due_ms >= 0 && (next_ms < 0 || due_ms < next_ms)) {
                next_ms = due_ms;
            }
        }
        if (poll(fds, 2 + 2 * LOOP_PAIRS, next_ms < 0 ? -1 : (int)(next_ms - now_ms)) <
                0 &&
            errno != EINTR) {
            abort();
        }
        for (int i = 0; i < LOOP_PAIRS; i++) {
            if (loop->pairs[i].client >= 0 && !loop->is_stalled) {
                loop_serve(loop, &loop->pairs[i], &fds[2 + 2 * i]);
            }
        }
        if (fds[1].revents != 0) {
            loop_accept(loop);
        }
        if (fds[0].revents != 0) {
            is_going = loop_commands(loop, commands, answers);
        }
    }
}
