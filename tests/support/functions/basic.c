/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * basic - functions that tests call through a host, one for each thing a function can do.
 *
 * With basic_more.c it is one library made of two files, which share the hidden pointer of the
 * header.
 */
#include "basic.h"

#include <stdlib.h>
#include <string.h>

static weir_verdict echo(void *state, const weir_event *ev, weir_call *call)
{
    weir_slice name, value;
    weir_header headers[8];
    char names[8][32];
    size_t n = 0;

    (void)state;
    while (n < 8 && weir_event_header_at(ev, n, &name, &value) && name.len < 32) {
        memcpy(names[n], name.data, name.len);
        names[n][name.len] = '\0';
        headers[n].name = names[n];
        headers[n].value = value;
        n++;
    }
    weir_emit(call, &(weir_output){ .key = weir_event_key(ev),
                                    .data = weir_event_data(ev),
                                    .headers = headers,
                                    .n_headers = n });
    return WEIR_DONE;
}

static weir_verdict answer_99(void *state, const weir_event *ev, weir_call *call)
{
    (void)state;
    (void)ev;
    (void)call;
    return (weir_verdict)99;
}

/* Counts its calls; `config: { refuse: 7 }` lets init answer 7. */
typedef struct counter {
    int n_calls, n_threads;
    char *config;
} counter;

static int counter_init(const weir_setup *setup, void **state)
{
    const char *config = weir_setup_config(setup);
    counter *c = calloc(1, sizeof(*c));

    if (c == NULL) {
        return 1;
    }
    if (strstr(config, "refuse") != NULL) {
        free(c);
        return 7;
    }
    c->config = malloc(strlen(config) + 1);
    if (c->config != NULL) {
        memcpy(c->config, config, strlen(config) + 1);
    }
    *state = c;
    return 0;
}

static void counter_fini(void *state)
{
    counter *c = state;

    free(c->config);
    free(c);
}

static int counter_thread_init(void *state, void **local)
{
    counter *c = state;
    int *number = malloc(sizeof(*number));

    if (number == NULL) {
        return 1;
    }
    *number = ++c->n_threads;
    *local = number;
    return 0;
}

static void counter_thread_fini(void *state, void *local)
{
    (void)state;
    free(local);
}

/* Emits "<calls> <thread> <config>". */
static weir_verdict counter_handle(void *state, const weir_event *ev, weir_call *call)
{
    counter *c = state;
    const int *number = weir_call_local(call);
    weir_slice config = { c->config, strlen(c->config) };
    char text[2] = { (char)('0' + ++c->n_calls), (char)('0' + *number) };

    (void)ev;
    weir_emit(call, &(weir_output){ .key = { text, 2 }, .data = config });
    return WEIR_DONE;
}

static int thread_refused(void *state, void **local)
{
    (void)state;
    (void)local;
    return 1;
}

static const weir_function functions[] = {
    { .name = "echo",
      .about = "emits what came",
      .version = "1.2.3",
      .handle = echo,
      .replay_safe = true },
    { .name = "answer_99", .handle = answer_99 },
    { .name = "counter",
      .init = counter_init,
      .fini = counter_fini,
      .thread_init = counter_thread_init,
      .thread_fini = counter_thread_fini,
      .handle = counter_handle },
    { .name = "no_thread", .thread_init = thread_refused, .handle = echo },
    { .name = "by_word", .handle = by_word, .wants_value = true },
};
WEIR_FUNCTIONS(functions);
