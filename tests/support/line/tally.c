/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* tally - see tally.h. */
#include "tally.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TALLY_SHOWN 5 /* repeats of each maker that are shown on stderr */

bool tally_init(tally *t, const plan *p)
{
    *t = (tally){ .p = p };
    t->seen = calloc(p->n_events, 1);
    t->maker = calloc(p->n_events, 1);
    t->last = malloc(p->n_keys * sizeof(*t->last));
    if (t->seen == NULL || t->maker == NULL || t->last == NULL) {
        return false;
    }
    for (uint32_t k = 0; k < p->n_keys; k++) {
        t->last[k] = -1;
    }
    return true;
}

void tally_fini(tally *t)
{
    free(t->seen);
    free(t->maker);
    free(t->last);
}

static void tally_foreign(tally *t, const char *what, const char *data, size_t len)
{
    if (t->n_foreign++ == 0) {
        snprintf(t->foreign, sizeof(t->foreign), "%s: %.*s", what,
                 (int)(len > 100 ? 100 : len), data);
    }
}

static uint8_t tally_maker_of(tally *t, const char *name)
{
    size_t i = 0;

    while (i < t->n_makers && strcmp(t->makers[i].name, name) != 0) {
        i++;
    }
    if (i == t->n_makers && i < TALLY_MAKERS) {
        snprintf(t->makers[i].name, sizeof(t->makers[i].name), "%s", name);
        t->n_makers++;
    }
    return (uint8_t)(i < TALLY_MAKERS ? i : TALLY_MAKERS - 1);
}

/* The event, if key and payload are byte for byte one of the plan's; else SIZE_MAX. */
static size_t tally_find(tally *t, const char *key, size_t key_len, const char *data,
                         size_t len)
{
    const size_t i = plan_find(t->p, data, len);
    char want[32];

    if (i == SIZE_MAX || plan_key(&t->p->events[i], want, sizeof(want)) != key_len ||
        memcmp(want, key, key_len) != 0) {
        tally_foreign(t, "no such event", data, len);
        return SIZE_MAX;
    }
    return i;
}

static bool tally_is_first(tally *t, size_t i)
{
    if (t->seen[i] < 255) {
        t->seen[i]++;
    }
    if (t->seen[i] > 1) {
        t->n_twice++;
        if (t->maker[i] < TALLY_MAKERS) {
            t->makers[t->maker[i]].n_repeated++;
        }
        return false;
    }
    t->n_distinct++;
    return true;
}

void tally_result(tally *t, const char *key, size_t key_len, const char *data,
                  size_t len, const char *maker)
{
    const size_t i = tally_find(t, key, key_len, data, len);
    const plan_event *ev;
    uint8_t m;

    t->n_results++;
    if (i == SIZE_MAX) {
        return;
    }
    ev = &t->p->events[i];
    if (ev->class == PLAN_REJECT || ev->class == PLAN_BAD) {
        tally_foreign(t, "a result of an event that must die", data, len);
    }
    m = tally_maker_of(t, maker);
    t->makers[m].n_made++;
    if (!tally_is_first(t, i)) {
        if (t->n_twice <= TALLY_SHOWN ||
            t->makers[t->maker[i]].n_repeated <= TALLY_SHOWN) {
            fprintf(stderr, "twice: %.*s by %s, then by %s\n", (int)len, data,
                    t->makers[t->maker[i]].name, maker);
        }
        return;
    }
    t->maker[i] = m;
    if ((int64_t)ev->n < t->last[ev->key]) {
        t->n_disorder++;
    } else {
        t->last[ev->key] = ev->n;
    }
}

void tally_dead(tally *t, const char *key, size_t key_len, const char *data, size_t len,
                const char *reason)
{
    const size_t i = tally_find(t, key, key_len, data, len);
    const char *want;

    t->n_dead++;
    if (i == SIZE_MAX) {
        return;
    }
    want = t->p->events[i].class == PLAN_REJECT ? "rejected"
           : t->p->events[i].class == PLAN_BAD  ? "decode"
                                                : "none";
    if (strcmp(want, reason) != 0) {
        tally_foreign(t, reason, data, len);
    }
    if (tally_is_first(t, i)) {
        t->maker[i] = TALLY_MAKERS; /* a dead letter does not say who made it */
    }
}

void tally_print(const tally *t)
{
    printf("{\"events\":%zu,\"results\":%zu,\"dead\":%zu,\"lost\":%zu,\"twice\":%zu,"
           "\"disorder\":%zu,\"foreign\":%zu,\"makers\":{",
           t->p->n_events, t->n_results, t->n_dead, t->p->n_events - t->n_distinct,
           t->n_twice, t->n_disorder, t->n_foreign);
    for (size_t i = 0; i < t->n_makers; i++) {
        printf("%s\"%s\":{\"made\":%zu,\"repeated\":%zu}", i == 0 ? "" : ",",
               t->makers[i].name, t->makers[i].n_made, t->makers[i].n_repeated);
    }
    printf("}}\n");
    if (t->n_foreign > 0) {
        fprintf(stderr, "foreign: %s\n", t->foreign);
    }
}
