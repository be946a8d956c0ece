/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * async_http - keeps thousands of requests open without a thread for each (WEIR_PENDING).
 *
 * The handler gives the call to an asynchronous client and returns WEIR_PENDING at once; its
 * thread is free for the next event. The client's one thread later emits the answer and
 * completes the call. Set `concurrency` to how many requests may be open.
 *
 * The client here only plays one, so that this file needs no library: each request takes
 * latency_ms and answers its own payload back, and every fail_every-th fails and is retried.
 * Replace client_send() and the body of client_main() with your event loop.
 *
 *     functions:
 *       async_http: { library: ./async_http.so, config: { latency_ms: 50, fail_every: 100 } }
 *     subscriptions:
 *       - { function: async_http, from: kafka:orders, start: earliest, concurrency: 2000,
 *           to: kafka:answers }
 *
 *     cc -shared -fPIC -pthread -o async_http.so async_http.c
 *
 * config.latency_ms (default 20), config.fail_every (default 0: never).
 */
#include <weir/handler.h>

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

/* A request that waits for its answer; all take the same time, so a plain queue is in order. */
typedef struct request {
    struct request *next;
    const weir_event *ev; /* valid until weir_complete() */
    weir_call *call;
    struct timespec due;
} request;

typedef struct client {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    pthread_t thread;
    request *first, **end; /* under mutex */
    int64_t n_sent;        /* under mutex */
    bool is_closing;       /* under mutex */
    int64_t latency_ms, fail_every;
} client;

/* The answer is there: emit it and say the verdict. Nothing of the call is used after that. */
static void client_answer(const request *req, bool is_ok)
{
    if (weir_call_cancelled(req->call)) {
        /* The timeout is over or the worker stops. Nobody waits for this answer. */
        weir_complete(req->call, weir_retry(req->call, -1, "given up"));
        return;
    }
    if (!is_ok) {
        weir_complete(req->call, weir_retry(req->call, -1, "the server answered 500"));
        return;
    }
    weir_emit(req->call,
              &(weir_output){ .key = weir_event_key(req->ev),
                              .data = weir_event_data(req->ev),
                              .tombstone = weir_event_data(req->ev).data == NULL });
    weir_complete(req->call, WEIR_DONE);
}

static void *client_main(void *arg)
{
    client *c = arg;

    pthread_mutex_lock(&c->mutex);
    for (;;) {
        request *req = c->first;
        bool is_ok;

        if (req == NULL && c->is_closing) {
            break;
        }
        if (req == NULL) {
            pthread_cond_wait(&c->changed, &c->mutex);
            continue;
        }
        if (pthread_cond_timedwait(&c->changed, &c->mutex, &req->due) == 0) {
            continue; /* woken before the answer was due */
        }
        c->first = req->next;
        if (c->first == NULL) {
            c->end = &c->first;
        }
        c->n_sent++;
        is_ok = c->fail_every == 0 || c->n_sent % c->fail_every != 0;
        pthread_mutex_unlock(&c->mutex);
        client_answer(req, is_ok);
        free(req);
        pthread_mutex_lock(&c->mutex);
    }
    pthread_mutex_unlock(&c->mutex);
    return NULL;
}

static bool client_send(client *c, const weir_event *ev, weir_call *call)
{
    request *req = calloc(1, sizeof(*req));

    if (req == NULL) {
        return false;
    }
    req->ev = ev;
    req->call = call;
    clock_gettime(CLOCK_MONOTONIC, &req->due);
    req->due.tv_sec += c->latency_ms / 1000;
    req->due.tv_nsec += c->latency_ms % 1000 * 1000000;
    if (req->due.tv_nsec >= 1000000000) {
        req->due.tv_sec++;
        req->due.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&c->mutex);
    *c->end = req;
    c->end = &req->next;
    pthread_cond_signal(&c->changed);
    pthread_mutex_unlock(&c->mutex);
    return true;
}

static weir_verdict handle(void *state, const weir_event *ev, weir_call *call)
{
    /* The call may be completed by the other thread before client_send() has returned. */
    if (!client_send(state, ev, call)) {
        return weir_unavailable(call, -1, "out of memory");
    }
    return WEIR_PENDING;
}

static int init(const weir_setup *setup, void **state)
{
    const weir_value *config = weir_setup_value(setup);
    client *c = calloc(1, sizeof(*c));
    pthread_condattr_t attr;
    int code;

    if (c == NULL) {
        return 1;
    }
    c->end = &c->first;
    c->latency_ms = 20;
    weir_value_int(weir_value_at(config, "/latency_ms"), &c->latency_ms);
    weir_value_int(weir_value_at(config, "/fail_every"), &c->fail_every);
    if (c->latency_ms < 0 || c->fail_every < 0) {
        free(c);
        return 2;
    }
    pthread_mutex_init(&c->mutex, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&c->changed, &attr);
    pthread_condattr_destroy(&attr);
    if ((code = pthread_create(&c->thread, NULL, client_main, c)) != 0) {
        free(c);
        return code;
    }
    *state = c;
    return 0;
}

/* No call is open any more, so the queue is empty. */
static void fini(void *state)
{
    client *c = state;

    pthread_mutex_lock(&c->mutex);
    c->is_closing = true;
    pthread_cond_signal(&c->changed);
    pthread_mutex_unlock(&c->mutex);
    pthread_join(c->thread, NULL);
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->mutex);
    free(c);
}

static const weir_function functions[] = {
    { .name = "async_http",
      .about = "asks a server about each event, many at once",
      .version = "1.0.0",
      .init = init,
      .fini = fini,
      .handle = handle },
};
WEIR_FUNCTIONS(functions);
