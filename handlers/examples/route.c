/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * route - sends CloudEvents on to an address that their type chooses.
 *
 * The event goes on byte for byte with all its headers, so an event in binary mode keeps its
 * attributes (headers) and one in structured mode its envelope (payload). The longest prefix of
 * the type that is listed wins; "" catches the rest. A type that no prefix fits goes to the
 * subscription's `to`, and is rejected where there is none.
 *
 *     functions:
 *       route:
 *         library: ./route.so
 *         config:
 *           routes: { order.created: kafka:created, order.: kafka:orders, user.: redis:users }
 *     subscriptions:
 *       - { function: route, from: kafka:events, start: earliest, format: cloudevents }
 *
 *     cc -shared -fPIC -o route.so route.c
 */
#include <weir/handler.h>

#include <stdlib.h>
#include <string.h>

#define HEADERS_MAX 64

typedef struct table {
    size_t n;
    struct {
        char *prefix, *address;
    } routes[];
} table;

static void fini(void *state)
{
    table *t = state;

    for (size_t i = 0; i < t->n; i++) {
        free(t->routes[i].prefix);
        free(t->routes[i].address);
    }
    free(t);
}

static int init(const weir_setup *setup, void **state)
{
    const weir_value *routes = weir_value_at(weir_setup_value(setup), "/routes");
    const weir_value *key, *item;
    weir_value_iter it = { 0 };
    table *t;

    if (weir_value_type(routes) != WEIR_TYPE_MAP) {
        return 1; /* config.routes is needed */
    }
    t = calloc(1, sizeof(*t) + weir_value_size(routes) * sizeof(t->routes[0]));
    if (t == NULL) {
        return 2;
    }
    while (weir_value_next(routes, &it, &key, &item)) {
        weir_slice prefix, address;

        if (!weir_value_string(key, &prefix) || !weir_value_string(item, &address)) {
            fini(t);
            return 3; /* a route is a text to a text */
        }
        t->routes[t->n].prefix = strndup(prefix.data, prefix.len);
        t->routes[t->n].address = strndup(address.data, address.len);
        t->n++;
    }
    *state = t;
    return 0;
}

/* The address of the longest prefix that fits; NULL: none does. */
static const char *find_route(const table *t, weir_slice type)
{
    const char *address = NULL;
    size_t longest = 0;

    for (size_t i = 0; i < t->n; i++) {
        size_t len = strlen(t->routes[i].prefix);

        if (len <= type.len && memcmp(type.data, t->routes[i].prefix, len) == 0 &&
            (address == NULL || len > longest)) {
            address = t->routes[i].address;
            longest = len;
        }
    }
    return address;
}

static weir_verdict route(void *state, const weir_event *ev, weir_call *call)
{
    weir_slice type = weir_event_attr(ev, "type");
    weir_header headers[HEADERS_MAX];
    weir_slice name;
    size_t n = 0;

    if (type.data == NULL) {
        return weir_reject(call, "no-type", "not a CloudEvent, or one without a type");
    }
    while (n < HEADERS_MAX && weir_event_header_at(ev, n, &name, &headers[n].value)) {
        headers[n].name = name.data; /* ends with NUL */
        n++;
    }
    if (n == HEADERS_MAX) {
        return weir_reject(call, "too-many-headers", "%d headers or more", HEADERS_MAX);
    }
    /* An address that does not exist makes this a dead letter, with the reason; so does no
     * address at all where the subscription has no `to`. */
    weir_emit(call, &(weir_output){ .to = find_route(state, type),
                                    .key = weir_event_key(ev),
                                    .data = weir_event_data(ev),
                                    .headers = headers,
                                    .n_headers = n,
                                    .tombstone = weir_event_data(ev).data == NULL });
    return WEIR_DONE;
}

static const weir_function functions[] = {
    { .name = "route",
      .about = "sends CloudEvents on by their type",
      .version = "1.0.0",
      .init = init,
      .fini = fini,
      .handle = route,
      .wants_value = true,
      .replay_safe = true },
};
WEIR_FUNCTIONS(functions);
