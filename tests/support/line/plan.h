/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan - the events of a whole-line test, made from a seed: the same for whoever sends them and
 * whoever checks what became of them. Shares no code with weir.
 */
#ifndef WEIR_TESTS_LINE_PLAN_H
#define WEIR_TESTS_LINE_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum plan_class {
    PLAN_OK,
    PLAN_RETRY,  /* 1 %: fails twice, then works */
    PLAN_REJECT, /* 0.1 %: rejected */
    PLAN_BAD     /* 0.1 %: not JSON */
} plan_class;

typedef struct plan_event {
    uint32_t key;
    uint32_t n; /* the how-manieth of its key, from 0 */
    plan_class class;
} plan_event;

typedef struct plan {
    plan_event *events;
    size_t n_events;
    uint32_t n_keys;
    uint32_t *of_key; /* how many each key has */
    size_t *first;    /* of each key: index into by_key */
    uint32_t *by_key; /* event indexes, grouped by key, in order of n */
} plan;

bool plan_init(plan *p, size_t n_events, uint32_t n_keys, uint64_t seed);
void plan_fini(plan *p);

/* The event's key and payload as text; returns the payload's length. */
size_t plan_payload(const plan_event *ev, char *out, size_t cap);
size_t plan_key(const plan_event *ev, char *out, size_t cap);
/* The index of the event that a payload came from, or SIZE_MAX. */
size_t plan_find(const plan *p, const char *payload, size_t len);

#endif
