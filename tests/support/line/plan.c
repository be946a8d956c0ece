/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* plan - see plan.h. */
#include "plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t plan_mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static plan_class plan_class_of(uint64_t draw)
{
    const unsigned at = (unsigned)(draw % 1000);

    if (at < 10) {
        return PLAN_RETRY;
    }
    return at == 10 ? PLAN_REJECT : at == 11 ? PLAN_BAD : PLAN_OK;
}

bool plan_init(plan *p, size_t n_events, uint32_t n_keys, uint64_t seed)
{
    size_t at = 0;

    *p = (plan){ .n_events = n_events, .n_keys = n_keys };
    p->events = calloc(n_events, sizeof(*p->events));
    p->of_key = calloc(n_keys, sizeof(*p->of_key));
    p->first = calloc(n_keys + 1, sizeof(*p->first));
    p->by_key = calloc(n_events, sizeof(*p->by_key));
    if (p->events == NULL || p->of_key == NULL || p->first == NULL ||
        p->by_key == NULL) {
        plan_fini(p);
        return false;
    }
    for (size_t i = 0; i < n_events; i++) {
        plan_event *ev = &p->events[i];

        ev->key = (uint32_t)(plan_mix(seed ^ i) % n_keys);
        ev->n = p->of_key[ev->key]++;
        ev->class = plan_class_of(plan_mix(seed + 77 + i * 31));
    }
    for (uint32_t k = 0; k < n_keys; k++) {
        p->first[k] = at;
        at += p->of_key[k];
    }
    for (size_t i = 0; i < n_events; i++) {
        p->by_key[p->first[p->events[i].key] + p->events[i].n] = (uint32_t)i;
    }
    return true;
}

void plan_fini(plan *p)
{
    free(p->events);
    free(p->of_key);
    free(p->first);
    free(p->by_key);
}

size_t plan_key(const plan_event *ev, char *out, size_t cap)
{
    return (size_t)snprintf(out, cap, "key-%u", ev->key);
}

size_t plan_payload(const plan_event *ev, char *out, size_t cap)
{
    static const char *const words[] = { "ok", "retry", "reject", "bad" };

    if (ev->class == PLAN_BAD) {
        return (size_t)snprintf(out, cap, "{\"key\":%u,\"n\":%u,\"class\":", ev->key,
                                ev->n);
    }
    return (size_t)snprintf(out, cap, "{\"key\":%u,\"n\":%u,\"class\":\"%s\"}", ev->key,
                            ev->n, words[ev->class]);
}

size_t plan_find(const plan *p, const char *payload, size_t len)
{
    char text[128];
    char want[128];
    unsigned key, n;
    size_t i, want_len;

    if (len >= sizeof(text)) {
        return SIZE_MAX;
    }
    memcpy(text, payload, len);
    text[len] = '\0';
    if (sscanf(text, "{\"key\":%u,\"n\":%u,", &key, &n) != 2 || key >= p->n_keys ||
        n >= p->of_key[key]) {
        return SIZE_MAX;
    }
    i = p->by_key[p->first[key] + n];
    want_len = plan_payload(&p->events[i], want, sizeof(want));
    return want_len == len && memcmp(want, text, len) == 0 ? i : SIZE_MAX;
}
