/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* redis_cut - see redis_cut.h. */
#include "tests/support/redis_cut.h"

#include "worker/base/lock.h"

#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
/* cmocka wants the ones above */
#include <cmocka.h>

#define CUT_PAIRS 16
#define CUT_BYTES 65536

typedef struct cut_pair {
    int client, server; /* -1: free */
    int marked;         /* its next answer is not passed on */
} cut_pair;

struct weir_cut {
    struct sockaddr_in upstream;
    char address[64];
    int listener;
    pthread_t thread;
    atomic_int is_ending;
    atomic_int when; /* 0: not armed */
    atomic_uint n_cuts;
    char word[64]; /* written before `when` */
    cut_pair pairs[CUT_PAIRS];
    char bytes[CUT_BYTES];
};

static void cut_end_pair(cut_pair *pair)
{
    close(pair->client);
    close(pair->server);
    *pair = (cut_pair){ -1, -1, 0 };
}

static void cut_accept(weir_cut *cut)
{
    const int client = accept(cut->listener, NULL, NULL);
    const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    for (int i = 0; i < CUT_PAIRS && client >= 0; i++) {
        if (cut->pairs[i].client < 0 &&
            connect(server, (struct sockaddr *)&cut->upstream, sizeof(cut->upstream)) ==
                0) {
            cut->pairs[i] = (cut_pair){ client, server, 0 };
            return;
        }
    }
    close(client);
    close(server);
}

/* True if the connection must end now: the cut, or its own end. */
static int cut_pass(weir_cut *cut, cut_pair *pair, int is_request)
{
    const int from = is_request ? pair->client : pair->server;
    const int to = is_request ? pair->server : pair->client;
    const ssize_t n = recv(from, cut->bytes, sizeof(cut->bytes), 0);
    const int when = atomic_load(&cut->when);

    if (n <= 0) {
        return 1;
    }
    if (is_request && when != 0 &&
        memmem(cut->bytes, (size_t)n, cut->word, strlen(cut->word)) != NULL) {
        atomic_store(&cut->when, 0);
        if (when == WEIR_CUT_REQUEST) {
            atomic_fetch_add(&cut->n_cuts, 1);
            return 1;
        }
        pair->marked = 1;
    } else if (!is_request && pair->marked) {
        atomic_fetch_add(&cut->n_cuts, 1);
        return 1;
    }
    for (ssize_t at = 0; at < n;) {
        const ssize_t k = send(to, cut->bytes + at, (size_t)(n - at), MSG_NOSIGNAL);

        if (k <= 0) {
            return 1;
        }
        at += k;
    }
    return 0;
}

static void *cut_main(void *arg)
{
    weir_cut *cut = arg;

    while (!atomic_load(&cut->is_ending)) {
        struct pollfd fds[1 + 2 * CUT_PAIRS] = { { cut->listener, POLLIN, 0 } };

        for (int i = 0; i < CUT_PAIRS; i++) {
            fds[1 + 2 * i] = (struct pollfd){ cut->pairs[i].client, POLLIN, 0 };
            fds[2 + 2 * i] = (struct pollfd){ cut->pairs[i].server, POLLIN, 0 };
        }
        if (poll(fds, 1 + 2 * CUT_PAIRS, 50) <= 0) {
            continue;
        }
        for (int i = 0; i < CUT_PAIRS; i++) {
            cut_pair *pair = &cut->pairs[i];

            if ((fds[1 + 2 * i].revents != 0 && cut_pass(cut, pair, 1)) ||
                (fds[2 + 2 * i].revents != 0 && cut_pass(cut, pair, 0))) {
                cut_end_pair(pair);
            }
        }
        if (fds[0].revents != 0) {
            cut_accept(cut);
        }
    }
    return NULL;
}

weir_cut *weir_cut_new(const char *upstream)
{
    weir_cut *cut = calloc(1, sizeof(*cut));
    struct sockaddr_in own = { .sin_family = AF_INET,
                               .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t len = sizeof(own);
    const char *colon = strrchr(upstream, ':');

    assert_non_null(cut);
    assert_non_null(colon);
    for (int i = 0; i < CUT_PAIRS; i++) {
        cut->pairs[i] = (cut_pair){ -1, -1, 0 };
    }
    cut->upstream =
        (struct sockaddr_in){ .sin_family = AF_INET,
                              .sin_addr = { htonl(INADDR_LOOPBACK) },
                              .sin_port = htons((uint16_t)atoi(colon + 1)) };
    cut->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(cut->listener, (struct sockaddr *)&own, len), 0);
    assert_int_equal(listen(cut->listener, 16), 0);
    assert_int_equal(getsockname(cut->listener, (struct sockaddr *)&own, &len), 0);
    (void)snprintf(cut->address, sizeof(cut->address), "127.0.0.1:%d",
                   ntohs(own.sin_port));
    assert_int_equal(weir_thread_start(&cut->thread, "cut", 0, cut_main, cut), 0);
    return cut;
}

const char *weir_cut_address(const weir_cut *cut)
{
    return cut->address;
}

void weir_cut_arm(weir_cut *cut, weir_cut_when when, const char *word)
{
    assert_int_equal(atomic_load(&cut->when), 0);
    (void)snprintf(cut->word, sizeof(cut->word), "%s", word);
    atomic_store(&cut->when, (int)when);
}

unsigned weir_cut_count(weir_cut *cut)
{
    return atomic_load(&cut->n_cuts);
}

void weir_cut_free(weir_cut *cut)
{
    atomic_store(&cut->is_ending, 1);
    (void)pthread_join(cut->thread, NULL);
    for (int i = 0; i < CUT_PAIRS; i++) {
        if (cut->pairs[i].client >= 0) {
            cut_end_pair(&cut->pairs[i]);
        }
    }
    close(cut->listener);
    free(cut);
}
