/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * webhook - posts each event to a server, no faster than it allows, and waits while it is down.
 *
 * What the server answers decides what becomes of the event:
 *
 *     2xx                       done
 *     429, 503                  unavailable: no attempt is counted, weir stops taking events in
 *                               and lets one probe after Retry-After (or the backoff)
 *     no connection, no answer  unavailable too
 *     408, 5xx                  retry, by the subscription's rules
 *     anything else             reject: the server will never take this one
 *
 * A limit of per_second requests is kept by waiting, all handler threads together; a wait ends
 * early when the call is cancelled. The request carries the event's position as
 * Idempotency-Key, because after a crash an event may come again.
 *
 * Plain HTTP/1.0 without TLS, so that this file needs no library; use yours in post().
 *
 *     functions:
 *       webhook: { library: ./webhook.so,
 *                  config: { host: localhost, port: 9000, path: /orders, per_second: 100 } }
 *     subscriptions:
 *       - { function: webhook, from: kafka:orders, start: earliest, timeout: 10s }
 *
 *     cc -shared -fPIC -pthread -o webhook.so webhook.c
 *
 * config.host (default 127.0.0.1), port (required), path (default /), per_second (default 0: no
 * limit).
 */
#include <weir/handler.h>

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TEXT_MAX 256
#define ANSWER_MAX 4096
#define SLICE_MS 20 /* a wait looks this often whether the call is cancelled */

typedef struct hook {
    char host[TEXT_MAX], port[16], path[TEXT_MAX];
    int64_t gap_us; /* between two requests */
    pthread_mutex_t mutex;
    int64_t next_us; /* under mutex: when the next request may go out */
} hook;

static bool copy_text(const weir_value *config, const char *pointer, char *out,
                      const char *def)
{
    weir_slice s = { def, strlen(def) };

    weir_value_string(weir_value_at(config, pointer), &s);
    if (s.len >= TEXT_MAX) {
        return false;
    }
    memcpy(out, s.data, s.len);
    out[s.len] = '\0';
    return true;
}

static int init(const weir_setup *setup, void **state)
{
    const weir_value *config = weir_setup_value(setup);
    hook *h = calloc(1, sizeof(*h));
    double per_second = 0;
    int64_t port = 0;

    if (h == NULL) {
        return 1;
    }
    weir_value_int(weir_value_at(config, "/port"), &port);
    weir_value_double(weir_value_at(config, "/per_second"), &per_second);
    if (port < 1 || port > 65535 || per_second < 0 ||
        !copy_text(config, "/host", h->host, "127.0.0.1") ||
        !copy_text(config, "/path", h->path, "/")) {
        free(h);
        return 2;
    }
    snprintf(h->port, sizeof(h->port), "%d", (int)port);
    h->gap_us = per_second > 0 ? (int64_t)(1e6 / per_second) : 0;
    pthread_mutex_init(&h->mutex, NULL);
    *state = h;
    return 0;
}

static void fini(void *state)
{
    hook *h = state;

    pthread_mutex_destroy(&h->mutex);
    free(h);
}

static int64_t now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * INT64_C(1000000) + ts.tv_nsec / 1000;
}

/* Waits for this call's turn. False: the call was cancelled meanwhile. */
static bool wait_for_turn(hook *h, const weir_call *call)
{
    int64_t turn_us;

    if (h->gap_us == 0) {
        return true;
    }
    pthread_mutex_lock(&h->mutex);
    turn_us = now_us();
    if (h->next_us > turn_us) {
        turn_us = h->next_us;
    }
    h->next_us = turn_us + h->gap_us;
    pthread_mutex_unlock(&h->mutex);
    for (int64_t left = turn_us - now_us(); left > 0; left = turn_us - now_us()) {
        if (weir_call_cancelled(call)) {
            return false;
        }
        poll(NULL, 0,
             left > SLICE_MS * INT64_C(1000) ? SLICE_MS : (int)(left / 1000) + 1);
    }
    return true;
}

/* A connected socket, or -1. */
static int dial(const hook *h, int64_t timeout_ms)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    struct timeval limit = { .tv_sec = timeout_ms / 1000,
                             .tv_usec = timeout_ms % 1000 * 1000 + 1 };
    struct addrinfo *list = NULL;
    int fd = -1;

    if (getaddrinfo(h->host, h->port, &hints, &list) != 0) {
        return -1;
    }
    for (const struct addrinfo *ai = list; ai != NULL && fd < 0; ai = ai->ai_next) {
        fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC, ai->ai_protocol);
        if (fd < 0) {
            continue;
        }
        /* connect() too */
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
        if (connect(fd, ai->ai_addr, ai->ai_addrlen) != 0) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    return fd;
}

static bool send_all(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent <= 0) {
            return false;
        }
        bytes += sent;
        n -= (size_t)sent;
    }
    return true;
}

/* Posts the event; the status of the answer, 0 without one. *wait_ms: Retry-After, or -1. */
static int post(const hook *h, const weir_event *ev, int64_t timeout_ms,
                int64_t *wait_ms)
{
    const weir_slice data = weir_event_data(ev);
    char head[3 * TEXT_MAX + 512], answer[ANSWER_MAX + 1];
    size_t len = 0;
    int status = 0;
    int fd = dial(h, timeout_ms);
    int n;

    *wait_ms = -1;
    if (fd < 0) {
        return 0;
    }
    n = snprintf(head, sizeof(head),
                 "POST %s HTTP/1.0\r\nHost: %s:%s\r\nContent-Length: %zu\r\n"
                 "Idempotency-Key: %s\r\n\r\n",
                 h->path, h->host, h->port, data.len, weir_event_position(ev).data);
    if (n > 0 && (size_t)n < sizeof(head) && send_all(fd, head, (size_t)n) &&
        send_all(fd, data.data, data.len)) {
        ssize_t got;

        while (len < ANSWER_MAX &&
               (got = recv(fd, answer + len, ANSWER_MAX - len, 0)) > 0) {
            len += (size_t)got;
            answer[len] = '\0';
            if (strstr(answer, "\r\n\r\n") != NULL) {
                break;
            }
        }
    }
    close(fd);
    answer[len] = '\0';
    if (sscanf(answer, "HTTP/%*d.%*d %d", &status) != 1) {
        return 0;
    }
    for (const char *line = strstr(answer, "\r\n"); line != NULL;
         line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, "Retry-After:", 12) == 0) {
            *wait_ms = atoll(line + 14) * 1000;
        }
    }
    return status;
}

static weir_verdict handle(void *state, const weir_event *ev, weir_call *call)
{
    hook *h = state;
    int64_t wait_ms;
    int status;

    if (!wait_for_turn(h, call)) {
        return weir_retry(call, 0, "cancelled while waiting for its turn");
    }
    status = post(h, ev, weir_call_time_left_ms(call), &wait_ms);
    if (status >= 200 && status < 300) {
        return WEIR_DONE;
    }
    if (status == 0) {
        return weir_unavailable(call, -1, "%s:%s gives no answer", h->host, h->port);
    }
    if (status == 429 || status == 503) {
        return weir_unavailable(call, wait_ms, "the server answered %d", status);
    }
    if (status == 408 || status >= 500) {
        return weir_retry(call, -1, "the server answered %d", status);
    }
    return weir_reject(call, "refused", "the server answered %d", status);
}

static const weir_function functions[] = {
    { .name = "webhook",
      .about = "posts each event to a server",
      .version = "1.0.0",
      .init = init,
      .fini = fini,
      .handle = handle },
};
WEIR_FUNCTIONS(functions);
