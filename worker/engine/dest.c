/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* dest - the destinations of an engine: addresses, their sinks and handles; see line.h. */
#include "worker/engine/line.h"

#include "worker/base/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static weir_dest *dest_find_locked(const weir_engine *e, const char *address,
                                   uint16_t *index)
{
    for (size_t i = 0; i < e->n_dests; i++) {
        if (strcmp(e->dests[i]->address, address) == 0) {
            *index = (uint16_t)i;
            return e->dests[i];
        }
    }
    return NULL;
}

const weir_dest *weir_dest_at(weir_engine *e, uint16_t index)
{
    const weir_dest *dest;

    weir_lock_take(&e->dest_lock);
    dest = e->dests[index];
    weir_lock_give(&e->dest_lock);
    return dest;
}

/* The queue of an address by its name before the colon, or SIZE_MAX. */
static size_t dest_queue_of(const weir_engine *e, const char *address, size_t *name_len)
{
    const char *colon = strchr(address, ':');

    if (colon == NULL || colon[1] == '\0') {
        return SIZE_MAX;
    }
    *name_len = (size_t)(colon - address);
    for (size_t i = 0; i < e->setup->n_queues; i++) {
        const weir_engine_queue *queue = &e->setup->queues[i];

        if (queue->sink != NULL && strlen(queue->name) == *name_len &&
            memcmp(queue->name, address, *name_len) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

static weir_status dest_new(weir_engine *e, const char *address, weir_dest **out,
                            weir_err *err)
{
    size_t name_len = 0;
    const size_t queue = dest_queue_of(e, address, &name_len);
    weir_dest *dest;
    weir_status st;

    if (queue == SIZE_MAX) {
        return weir_fail(err, WEIR_ENOENT, "%s: no queue of that name takes events",
                         address);
    }
    dest = calloc(1, sizeof(*dest));
    if (dest == NULL || (dest->address = strdup(address)) == NULL) {
        free(dest);
        return weir_fail(err, WEIR_ENOMEM, "%s: out of memory", address);
    }
    dest->sink = (uint16_t)queue;
    dest->largest = SIZE_MAX;
    st = e->setup->queues[queue].sink->target(e->sinks[queue], address + name_len + 1,
                                              &dest->target, err);
    if (st != WEIR_OK) {
        free(dest->address);
        free(dest);
        return st;
    }
    *out = dest;
    return WEIR_OK;
}

/* Notes that the line needs the destination. WEIR_ENOMEM. */
static weir_status dest_need_locked(weir_engine *e, weir_line *line, uint16_t index)
{
    uint16_t *grown;

    e->dests[index]->is_configured = true;
    for (size_t i = 0; i < line->n_dests; i++) {
        if (line->dests[i] == index) {
            return WEIR_OK;
        }
    }
    grown = realloc(line->dests, (line->n_dests + 1) * sizeof(*grown));
    if (grown == NULL) {
        return WEIR_ENOMEM;
    }
    line->dests = grown;
    line->dests[line->n_dests++] = index;
    return WEIR_OK;
}

/* Adds a destination; two threads may have made it, then the first one stays: the sink's
 * handle is the same. */
static weir_status dest_add_locked(weir_engine *e, weir_dest **dest, uint16_t *index)
{
    weir_dest **grown = NULL;

    if (dest_find_locked(e, (*dest)->address, index) != NULL) {
        return WEIR_OK;
    }
    if (e->n_dests < UINT16_MAX) {
        grown = realloc(e->dests, (e->n_dests + 1) * sizeof(*grown));
    }
    if (grown == NULL) {
        return WEIR_ENOMEM;
    }
    e->dests = grown;
    *index = (uint16_t)e->n_dests;
    (*dest)->index = *index;
    e->dests[e->n_dests++] = *dest;
    *dest = NULL;
    return WEIR_OK;
}

weir_status weir_dest_get(weir_engine *e, const char *address, weir_line *line,
                          uint16_t *index, weir_err *err)
{
    weir_dest *dest = NULL;
    weir_status st = WEIR_OK;
    bool is_known;

    weir_lock_take(&e->dest_lock);
    is_known = dest_find_locked(e, address, index) != NULL;
    if (is_known && line != NULL) {
        st = dest_need_locked(e, line, *index);
    }
    weir_lock_give(&e->dest_lock);
    if (is_known) {
        return st;
    }
    st = dest_new(e, address, &dest, err);
    if (st != WEIR_OK) {
        return st;
    }
    weir_lock_take(&e->dest_lock);
    st = dest_add_locked(e, &dest, index);
    if (st == WEIR_OK && line != NULL) {
        st = dest_need_locked(e, line, *index);
    }
    weir_lock_give(&e->dest_lock);
    if (dest != NULL) {
        free(dest->address);
        free(dest);
    }
    return st == WEIR_OK ? st : weir_fail(err, st, "%s: too many addresses", address);
}

bool weir_dest_is_dead(void *arg, const char *name)
{
    const weir_engine *e = arg;

    for (size_t i = 0; i < e->setup->n_subs; i++) {
        const weir_sub *sub = &e->setup->subs[i];
        const char *own = sub->dead == NULL ? NULL : strchr(sub->dead, ':');
        char suffix[256];

        if (sub->dead_mode != WEIR_DEAD_ADDRESS) {
            continue;
        }
        if (own != NULL && strcmp(own + 1, name) == 0) {
            return true;
        }
        snprintf(suffix, sizeof(suffix), ".%s.dead", sub->name);
        if (own == NULL &&
            weir_slice_ends(weir_slice_of(name), weir_slice_of(suffix))) {
            return true;
        }
    }
    return false;
}

/* The destination that a function named, or `to`. NULL: *code is set. */
static const weir_dest *dest_of_output(weir_line *line, const char *address, int *code)
{
    const char *to = address == NULL ? line->sub->to : address;
    weir_err err WEIR_UNINIT; /* of a kibibyte, and not looked at */
    uint16_t index;
    const weir_status st = weir_dest_get(line->e, to, NULL, &index, &err);

    if (st != WEIR_OK) {
        *code = st == WEIR_ENOMEM ? ENOMEM : ENXIO;
        return NULL;
    }
    return weir_dest_at(line->e, index);
}

int weir_dest_resolve(void *arg, const char *address, weir_out *out)
{
    weir_line *line = arg;
    const weir_dest *dest = NULL;
    int code = 0;

    if (address == NULL) {
        dest = atomic_load_explicit(&line->to, memory_order_acquire);
    }
    if (dest == NULL && (dest = dest_of_output(line, address, &code)) == NULL) {
        return code;
    }
    if (line->sub->settler != NULL && dest->sink != line->sub->sources[0].queue) {
        /* it could not be published in one with the acknowledgement */
        return EXDEV;
    }
    if (address == NULL) {
        atomic_store_explicit(&line->to, dest, memory_order_release);
    }
    out->address = dest->index;
    out->sink = dest->sink;
    out->target = dest->target;
    return 0;
}

weir_status weir_dest_dead(weir_line *line, const weir_intake *in, const char *topic,
                           uint16_t *index, weir_err *err)
{
    char address[512];

    if (line->sub->dead != NULL) {
        return weir_dest_get(line->e, line->sub->dead, line, index, err);
    }
    snprintf(address, sizeof(address), "%s:%s.%s.dead", in->source->setup.queue_name,
             topic, line->sub->name);
    return weir_dest_get(line->e, address, line, index, err);
}
