/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * payment - has each order authorized by a payment gateway, and passes it on with the proof.
 *
 * Every handler thread keeps one connection to the gateway (thread_init), and speaks a line
 * for each order: "authorize ORDER CENTS". The answer decides:
 *
 *     ok PROOF           done: { "order", "amount", "authorization" } goes to `to`
 *     busy               retry, by the subscription's rules
 *     declined REASON    reject, class "declined"
 *     no connection, or no answer in time: unavailable. No attempt is counted, weir stops
 *     taking orders in and lets one probe until the gateway is back
 *
 * After a crash an order may come again. The gateway must answer an order that it knows with
 * the authorization that it gave before, and not charge twice.
 *
 *     functions:
 *       payment: { library: ./payment.so, config: { host: localhost, port: 9100 } }
 *     subscriptions:
 *       - { function: payment, from: kafka:orders, start: earliest, format: json,
 *           to: kafka:receipts, timeout: 5s }
 *
 *     cc -shared -fPIC -o payment.so payment.c
 *     weir send kafka:orders -k shop-1 '{"order": "o-1", "amount": 1200}'
 *
 * config.host (default 127.0.0.1), config.port (required).
 */
#include <weir/handler.h>

#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define HOST_MAX 256
#define ORDER_MAX 64 /* of an order's name */
#define ANSWER_MAX 256

typedef struct gateway {
    char host[HOST_MAX], port[16];
} gateway;

/* What a handler thread has to itself. */
typedef struct line {
    int fd; /* -1: not connected */
} line;

static int init(const weir_setup *setup, void **state)
{
    const weir_value *config = weir_setup_value(setup);
    weir_slice host = { "127.0.0.1", 9 };
    int64_t port = 0;
    gateway *gw;

    weir_value_string(weir_value_at(config, "/host"), &host);
    weir_value_int(weir_value_at(config, "/port"), &port);
    if (port < 1 || port > 65535 || host.len >= HOST_MAX ||
        (gw = calloc(1, sizeof(*gw))) == NULL) {
        return 1;
    }
    memcpy(gw->host, host.data, host.len);
    snprintf(gw->port, sizeof(gw->port), "%d", (int)port);
    *state = gw;
    return 0;
}

static void fini(void *state)
{
    free(state);
}

/* Does not connect: a gateway that is down must not keep the worker from starting. */
static int thread_init(void *state, void **local)
{
    line *ln = malloc(sizeof(*ln));

    (void)state;
    if (ln == NULL) {
        return 1;
    }
    ln->fd = -1;
    *local = ln;
    return 0;
}

static void hang_up(line *ln)
{
    if (ln->fd >= 0) {
        close(ln->fd);
        ln->fd = -1;
    }
}

static void thread_fini(void *state, void *local)
{
    (void)state;
    hang_up(local);
    free(local);
}

static bool dial(line *ln, const gateway *gw)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    struct addrinfo *list = NULL;

    if (getaddrinfo(gw->host, gw->port, &hints, &list) != 0) {
        return false;
    }
    for (const struct addrinfo *ai = list; ai != NULL && ln->fd < 0; ai = ai->ai_next) {
        ln->fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC, ai->ai_protocol);
        if (ln->fd >= 0 && connect(ln->fd, ai->ai_addr, ai->ai_addrlen) != 0) {
            hang_up(ln);
        }
    }
    freeaddrinfo(list);
    return ln->fd >= 0;
}

/* One question, one answer without its newline. False: hang up, no answer can be trusted. */
static bool ask(const line *ln, int64_t time_ms, const char *question, size_t len,
                char answer[ANSWER_MAX])
{
    /* Zero would mean "no limit". */
    const struct timeval limit = { .tv_sec = time_ms / 1000,
                                   .tv_usec = time_ms % 1000 * 1000 + 1 };
    size_t got = 0;

    setsockopt(ln->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    if (send(ln->fd, question, len, MSG_NOSIGNAL) != (ssize_t)len) {
        return false;
    }
    while (got == 0 || answer[got - 1] != '\n') {
        ssize_t n = recv(ln->fd, answer + got, ANSWER_MAX - got, 0);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0 || (got += (size_t)n) == ANSWER_MAX) {
            return false;
        }
    }
    answer[got - 1] = '\0';
    return true;
}

/* The name goes into a line of text, so it must be a word. */
static bool is_word(weir_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] <= ' ' || s.data[i] == 0x7f) {
            return false;
        }
    }
    return s.len > 0 && s.len <= ORDER_MAX;
}

static void emit_receipt(weir_call *call, const weir_event *ev, weir_slice order,
                         int64_t cents, const char *proof)
{
    weir_writer *w = weir_emit_value(call, WEIR_FORMAT_JSON);

    weir_write_map(w);
    weir_write_key(w, "order");
    weir_write_string(w, order);
    weir_write_key(w, "amount");
    weir_write_int(w, cents);
    weir_write_key(w, "authorization");
    weir_write_string(w, (weir_slice){ proof, strlen(proof) });
    weir_write_end(w);
    weir_emit_end(w, &(weir_output){ .key = weir_event_key(ev) });
}

static weir_verdict authorize(void *state, const weir_event *ev, weir_call *call)
{
    const gateway *gw = state;
    line *ln = weir_call_local(call);
    const weir_value *root = weir_event_value(ev);
    char question[ORDER_MAX + 64], answer[ANSWER_MAX];
    weir_slice order;
    int64_t cents;
    int len;

    if (!weir_value_string(weir_value_at(root, "/order"), &order) || !is_word(order)) {
        return weir_reject(call, "no-order", "an order without a name");
    }
    if (!weir_value_int(weir_value_at(root, "/amount"), &cents) || cents <= 0) {
        return weir_reject(call, "no-amount", "an order without a positive amount");
    }
    if (ln->fd < 0 && !dial(ln, gw)) {
        return weir_unavailable(call, -1, "no connection to %s:%s", gw->host, gw->port);
    }
    len = snprintf(question, sizeof(question), "authorize %.*s %" PRId64 "\n",
                   (int)order.len, order.data, cents);
    if (!ask(ln, weir_call_time_left_ms(call), question, (size_t)len, answer)) {
        hang_up(ln);
        return weir_unavailable(call, -1, "no answer from %s:%s", gw->host, gw->port);
    }
    if (strncmp(answer, "ok ", 3) == 0) {
        emit_receipt(call, ev, order, cents, answer + 3);
        return WEIR_DONE;
    }
    if (strncmp(answer, "declined ", 9) == 0) {
        return weir_reject(call, "declined", "%s", answer + 9);
    }
    return weir_retry(call, -1, "the gateway answered: %s", answer);
}

static const weir_function functions[] = {
    { .name = "payment",
      .about = "has each order authorized by a payment gateway",
      .version = "1.0.0",
      .init = init,
      .fini = fini,
      .thread_init = thread_init,
      .thread_fini = thread_fini,
      .handle = authorize,
      .wants_value = true },
};
WEIR_FUNCTIONS(functions);
