/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event - the life of one event: made, owned, named, ended.
 */
#include "schemas/event.h"

#include "schemas/position.h"
#include "worker/base/check.h"

#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAULT_TEXT_MAX 1000

/* States of position_state: nobody asked yet, one thread is making it, it is there. */
enum { POSITION_NONE = 0, POSITION_BUSY, POSITION_READY };

void weir_ev_begin(weir_event *ev, weir_arena *arena)
{
    weir_arena_reset(arena);
    memset(ev, 0, offsetof(weir_event, position_text));
    ev->time_ms = -1;
    ev->partition = -1;
    ev->arena = arena;
    atomic_init(&ev->position_state, POSITION_NONE);
}

static void event_drop_value(weir_event *ev)
{
    if (ev->value_free != NULL) {
        ev->value_free(ev->value_doc);
    }
    ev->value = NULL;
    ev->value_doc = NULL;
    ev->value_free = NULL;
    ev->value_borrows = false;
}

void weir_ev_forget(weir_event *ev)
{
    event_drop_value(ev);
    ev->is_decoded = false;
    ev->attrs = NULL;
    ev->n_attrs = 0;
    ev->payload = WEIR_SLICE_NONE;
}

static void event_drop_native(weir_event *ev)
{
    if (ev->native != NULL && ev->natives_free != NULL) {
        ev->natives_free(ev->native_owner, &ev->native, 1);
    } else if (ev->native != NULL && ev->native_free != NULL) {
        ev->native_free(ev->native);
    }
    ev->native = NULL;
    ev->native_free = NULL;
    ev->natives_free = NULL;
}

void weir_ev_natives_flush(weir_ev_natives *natives)
{
    if (natives->n > 0) {
        natives->free(natives->owner, natives->natives, natives->n);
        natives->n = 0;
    }
}

void weir_ev_end_into(weir_event *ev, weir_ev_natives *natives)
{
    if (ev->native != NULL && ev->natives_free != NULL) {
        if (natives->n == sizeof(natives->natives) / sizeof(natives->natives[0]) ||
            natives->free != ev->natives_free || natives->owner != ev->native_owner) {
            weir_ev_natives_flush(natives);
            natives->free = ev->natives_free;
            natives->owner = ev->native_owner;
        }
        natives->natives[natives->n++] = ev->native;
        ev->native = NULL;
    }
    weir_ev_end(ev);
}

void weir_ev_end(weir_event *ev)
{
    event_drop_value(ev);
    event_drop_native(ev);
    if (ev->position.data != NULL && ev->position.data != ev->position_text) {
        free((char *)(uintptr_t)ev->position.data);
    }
    ev->position = WEIR_SLICE_NONE;
    atomic_store_explicit(&ev->position_state, POSITION_NONE, memory_order_relaxed);
    if (ev->late_headers != NULL) {
        free(ev->late_headers);
        ev->late_headers = NULL;
        ev->headers = NULL;
        ev->n_headers = 0;
    }
}

bool weir_ev_look_late(const weir_event *ev)
{
    weir_event *own =
        (weir_event *)(uintptr_t)ev; /* headers are a view of what is there */
    int seen = atomic_load_explicit(&own->headers_state, memory_order_acquire);

    while (seen != WEIR_HEADERS_HERE) {
        if (seen == WEIR_HEADERS_LATE &&
            atomic_compare_exchange_strong(&own->headers_state, &seen,
                                           WEIR_HEADERS_BUSY)) {
            const bool is_found = own->headers_find(own);

            if (is_found) {
                own->headers = own->late_headers;
            }
            atomic_store_explicit(&own->headers_state,
                                  is_found ? WEIR_HEADERS_HERE : WEIR_HEADERS_LATE,
                                  memory_order_release);
            return is_found;
        }
        sched_yield(); /* another thread is at it */
        seen = atomic_load_explicit(&own->headers_state, memory_order_acquire);
    }
    return true;
}

/* Copies `from` to *at with a NUL behind and moves *at on; an absent slice stays absent. */
static weir_slice event_put(char **at, weir_slice from)
{
    char *to = *at;

    if (from.data == NULL) {
        return from;
    }
    if (from.len > 0) {
        memcpy(to, from.data, from.len);
    }
    to[from.len] = '\0';
    *at = to + from.len + 1;
    return (weir_slice){ to, from.len };
}

static size_t event_own_bytes(const weir_event *ev)
{
    size_t n = ev->data.len + ev->key.len + 2;

    for (size_t i = 0; !ev->has_own_headers && i < ev->n_headers; i++) {
        n += strlen(ev->headers[i].name) + ev->headers[i].value.len + 2;
    }
    return n;
}

/* If *s points into `from`, makes it point to the same place of `to`. */
static bool event_move(const char **s, weir_slice from, weir_slice to)
{
    uintptr_t at = (uintptr_t)*s;
    uintptr_t begin = (uintptr_t)from.data;

    if (from.data == NULL || at < begin || at > begin + from.len) {
        return false;
    }
    *s = to.data + (at - begin);
    return true;
}

/*
 * Attributes of the binary mode are views of headers; what came from elsewhere stays. Name and
 * value may be of two headers: of a name that comes twice the last value counts.
 */
static void event_move_attrs(weir_event *ev, const weir_header *headers)
{
    for (size_t i = 0; i < ev->n_attrs; i++) {
        weir_header *attr = &ev->attrs[i];
        bool has_name = false;
        bool has_value = false;

        for (size_t j = 0; j < ev->n_headers && !(has_name && has_value); j++) {
            weir_slice value = headers[j].value;

            has_name =
                has_name || event_move(&attr->name, weir_slice_of(headers[j].name),
                                       weir_slice_of(ev->headers[j].name));
            if (!has_value && attr->value.data == value.data &&
                attr->value.len == value.len) {
                attr->value.data = ev->headers[j].value.data;
                has_value = true;
            }
        }
    }
}

weir_status weir_ev_own(weir_event *ev)
{
    weir_header *old = NULL;
    weir_slice data = ev->data;
    size_t n_headers;
    char *at = NULL;

    if (ev->native == NULL) {
        return WEIR_OK;
    }
    if (!weir_ev_look(ev)) {
        return WEIR_ENOMEM;
    }
    n_headers = ev->has_own_headers ? 0 : ev->n_headers;
    at = weir_arena_alloc(ev->arena, event_own_bytes(ev));
    old = n_headers == 0 ? NULL : weir_arena_alloc(ev->arena, n_headers * sizeof(*old));
    if (at == NULL || (old == NULL && n_headers > 0)) {
        return WEIR_ENOMEM;
    }
    if (n_headers > 0) {
        memcpy(old, ev->headers, n_headers * sizeof(*old));
    }
    if (ev->value_borrows) {
        weir_ev_forget(ev);
    }
    ev->data = event_put(&at, ev->data);
    ev->key = event_put(&at, ev->key);
    for (size_t i = 0; i < n_headers; i++) {
        ev->headers[i].name = event_put(&at, weir_slice_of(old[i].name)).data;
        ev->headers[i].value = event_put(&at, old[i].value);
    }
    (void)event_move(&ev->payload.data, data, ev->data);
    if (n_headers > 0) {
        event_move_attrs(ev, old);
    }
    event_drop_native(ev);
    return WEIR_OK;
}

void weir_ev_fault(weir_event *ev, weir_fault fault, const char *fmt, ...)
{
    char text[FAULT_TEXT_MAX + 1];
    va_list args;

    va_start(args, fmt);
    if (vsnprintf(text, sizeof(text), fmt, args) < 0) {
        text[0] = '\0';
    }
    va_end(args);
    ev->fault = fault;
    ev->fault_text = weir_arena_strdup(ev->arena, text);
}

bool weir_ev_header(const weir_event *ev, const char *name, weir_slice *out)
{
    if (!weir_ev_look(ev)) {
        return false;
    }
    for (size_t i = ev->n_headers; i-- > 0;) {
        if (strcmp(ev->headers[i].name, name) == 0) {
            *out = ev->headers[i].value;
            return true;
        }
    }
    return false;
}

weir_slice weir_ev_attr(const weir_event *ev, const char *name)
{
    for (size_t i = 0; i < ev->n_attrs; i++) {
        if (strcmp(ev->attrs[i].name, name) == 0) {
            return ev->attrs[i].value;
        }
    }
    return WEIR_SLICE_NONE;
}

/*
 * Writes the position to its place. Long ones are on the heap, not in the arena: this may run
 * on any thread, while the function's own thread uses the arena. False: out of memory.
 */
static bool event_make_position(weir_event *ev)
{
    size_t cap = ev->where.len + WEIR_POS_TEXT_MAX;
    char *text = ev->position_text;
    size_t len = ev->where.len;

    if (cap > sizeof(ev->position_text) && (text = malloc(cap)) == NULL) {
        return false;
    }
    if (len > 0) {
        memcpy(text, ev->where.data, len);
    }
    len += weir_pos_format(ev->receipt.pos, ev->is_redis, text + len);
    ev->position = (weir_slice){ text, len };
    return true;
}

weir_slice weir_ev_position(const weir_event *ev)
{
    weir_event *own =
        (weir_event *)(uintptr_t)ev; /* the text is a cache of what is there */
    int seen = atomic_load_explicit(&own->position_state, memory_order_acquire);

    while (seen != POSITION_READY) {
        if (seen == POSITION_NONE && atomic_compare_exchange_strong(
                                         &own->position_state, &seen, POSITION_BUSY)) {
            bool is_made = event_make_position(own);

            atomic_store_explicit(&own->position_state,
                                  is_made ? POSITION_READY : POSITION_NONE,
                                  memory_order_release);
            return is_made ? own->position : WEIR_SLICE_NONE;
        }
        sched_yield(); /* another thread is at it, for some nanoseconds */
        seen = atomic_load_explicit(&own->position_state, memory_order_acquire);
    }
    return own->position;
}
