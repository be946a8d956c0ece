/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_headers - see kafka_headers.h.
 */
#include "triggers/kafka_headers.h"

#include "worker/base/check.h"

#include <stdlib.h>
#include <string.h>

#define HEADERS_OVERHEAD 64   /* bytes of the client and the allocator for each piece */
#define HEADERS_NONE SIZE_MAX /* the length of a value that is absent */

/* A header inside the client's list. */
typedef struct headers_one {
    const char *name;
    char *value; /* the client's own copy, which it has ended with a NUL */
    size_t len;
} headers_one;

struct weir_kafka_headers {
    weir_kafka_headers *next; /* spare, or in a chain that comes back */
    rd_kafka_headers_t *list;
    uint32_t n_bytes;
    uint16_t n;
    uint16_t form;
    headers_one all[];
};

void weir_kafka_headers_init(weir_kafka_header_pool *pool, size_t max_bytes)
{
    *pool = (weir_kafka_header_pool){ .max_bytes = max_bytes };
    weir_lock_init(&pool->lock, WEIR_RANK_LEAF);
}

static void headers_free(weir_kafka_headers *headers)
{
    while (headers != NULL) {
        weir_kafka_headers *next = headers->next;

        rd_kafka_headers_destroy(headers->list);
        free(headers);
        headers = next;
    }
}

void weir_kafka_headers_fini(weir_kafka_header_pool *pool)
{
    for (size_t i = 0; i < WEIR_KAFKA_FORMS; i++) {
        headers_free(pool->spare[i]);
        pool->spare[i] = NULL;
    }
    weir_lock_fini(&pool->lock);
}

static size_t headers_len(weir_slice value)
{
    return value.data == NULL ? HEADERS_NONE : value.len;
}

/* The bucket of an output's headers, by their lengths and the ends of their names. */
static uint16_t headers_form(const weir_out *out)
{
    size_t form = out->n_headers;

    for (size_t i = 0; i < out->n_headers; i++) {
        form = form * 31 + out->headers[i].value.len;
    }
    return (uint16_t)(form % WEIR_KAFKA_FORMS);
}

static bool headers_fit(const weir_kafka_headers *headers, const weir_out *out)
{
    if (headers->n != out->n_headers) {
        return false;
    }
    for (size_t i = 0; i < out->n_headers; i++) {
        if (headers->all[i].len != headers_len(out->headers[i].value) ||
            strcmp(headers->all[i].name, out->headers[i].name) != 0) {
            return false;
        }
    }
    return true;
}

/*
 * Finds each header where the client has copied it to. It hands values out as constant, yet
 * the list is ours alone whenever no message has it, and as long as the length stays nothing
 * that the client remembers of it changes.
 */
static void headers_find(weir_kafka_headers *headers)
{
    for (size_t i = 0; i < headers->n; i++) {
        const void *value = NULL;
        size_t len = 0;
        const rd_kafka_resp_err_t code = rd_kafka_header_get_all(
            headers->list, i, &headers->all[i].name, &value, &len);

        WEIR_ASSERT(code == RD_KAFKA_RESP_ERR_NO_ERROR);
        headers->all[i].value = (char *)(uintptr_t)value;
        headers->all[i].len = value == NULL ? HEADERS_NONE : len;
        headers->n_bytes += (uint32_t)(len + strlen(headers->all[i].name) +
                                       sizeof(headers_one) + HEADERS_OVERHEAD);
    }
}

/* Makes the list of this output in a shell for as many headers. */
static void headers_build(weir_kafka_headers *headers, const weir_out *out)
{
    *headers = (weir_kafka_headers){ .list = rd_kafka_headers_new(out->n_headers),
                                     .n = (uint16_t)out->n_headers,
                                     .n_bytes = 2 * HEADERS_OVERHEAD,
                                     .form = headers_form(out) };
    for (size_t i = 0; i < out->n_headers; i++) {
        rd_kafka_header_add(headers->list, out->headers[i].name, -1,
                            out->headers[i].value.data,
                            (ssize_t)out->headers[i].value.len);
    }
    headers_find(headers);
}

/* A list made for this output; NULL: out of memory. */
static weir_kafka_headers *headers_new(const weir_out *out)
{
    const size_t size =
        sizeof(weir_kafka_headers) + out->n_headers * sizeof(headers_one);
    weir_kafka_headers *headers = NULL;

    if (out->n_headers > UINT16_MAX || (headers = malloc(size)) == NULL) {
        return NULL;
    }
    headers_build(headers, out);
    return headers;
}

static void headers_write(const weir_kafka_headers *headers, const weir_out *out)
{
    for (size_t i = 0; i < headers->n; i++) {
        if (out->headers[i].value.len > 0) {
            memcpy(headers->all[i].value, out->headers[i].value.data,
                   out->headers[i].value.len);
        }
    }
}

static weir_kafka_headers *headers_pop_locked(weir_kafka_header_pool *pool, size_t form)
{
    weir_kafka_headers *headers = pool->spare[form];

    if (headers != NULL) {
        pool->spare[form] = headers->next;
        pool->n_bytes -= headers->n_bytes;
    }
    return headers;
}

/* One of as many headers from another bucket. Positions get a digit longer now and then, and
 * what was kept for the shorter ones must not be left behind. NULL: there is none. */
static weir_kafka_headers *headers_steal_locked(weir_kafka_header_pool *pool, size_t n)
{
    for (size_t form = 0; form < WEIR_KAFKA_FORMS && pool->n_bytes > 0; form++) {
        if (pool->spare[form] != NULL && pool->spare[form]->n == n) {
            return headers_pop_locked(pool, form);
        }
    }
    return NULL;
}

/* Gives the output's list what it has to carry; false: out of memory. */
static bool headers_fill(weir_out *out)
{
    weir_kafka_headers *headers = out->carried;

    if (headers != NULL && headers_fit(headers, out)) {
        headers_write(headers, out);
        return true;
    }
    if (headers != NULL && headers->n == out->n_headers) {
        rd_kafka_headers_destroy(headers->list);
        headers_build(headers, out);
        return true;
    }
    if (headers != NULL) { /* of a form that shares the bucket */
        headers->next = NULL;
        headers_free(headers);
    }
    out->carried = headers_new(out);
    return out->carried != NULL;
}

size_t weir_kafka_headers_take(weir_kafka_header_pool *pool, weir_out *const *outs,
                               size_t n)
{
    size_t n_done = 0;

    weir_lock_take(&pool->lock);
    for (size_t i = 0; i < n; i++) {
        weir_kafka_headers *headers = NULL;

        if (outs[i]->n_headers > 0) {
            headers = headers_pop_locked(pool, headers_form(outs[i]));
            headers = headers != NULL ? headers
                                      : headers_steal_locked(pool, outs[i]->n_headers);
        }
        outs[i]->carried = headers;
    }
    weir_lock_give(&pool->lock);
    while (n_done < n && (outs[n_done]->n_headers == 0 || headers_fill(outs[n_done]))) {
        n_done++;
    }
    return n_done;
}

rd_kafka_headers_t *weir_kafka_headers_list(const weir_kafka_headers *headers)
{
    return headers == NULL ? NULL : headers->list;
}

void weir_kafka_headers_unsent(weir_out *out, weir_kafka_headers **chain)
{
    weir_kafka_headers *headers = out->carried;

    if (headers != NULL) {
        out->carried = NULL;
        headers->next = *chain;
        *chain = headers;
    }
}

rd_kafka_headers_t *weir_kafka_headers_detach(const rd_kafka_message_t *msg)
{
    rd_kafka_headers_t *list = NULL;

    /* What the callback is given is constant only by its prototype. */
    if (rd_kafka_message_detach_headers((rd_kafka_message_t *)(uintptr_t)msg, &list) !=
        RD_KAFKA_RESP_ERR_NO_ERROR) {
        return NULL;
    }
    return list;
}

void weir_kafka_headers_back(weir_out *out, const rd_kafka_headers_t *list,
                             weir_kafka_headers **chain)
{
    const weir_kafka_headers *headers = out->carried;

    WEIR_ASSERT(headers == NULL ? list == NULL : headers->list == list);
    weir_kafka_headers_unsent(out, chain);
}

/* Takes one list out of a bucket that has any; NULL: there is none. */
static weir_kafka_headers *headers_drop_locked(weir_kafka_header_pool *pool)
{
    for (size_t i = 0; i < WEIR_KAFKA_FORMS; i++) {
        weir_kafka_headers *headers = headers_pop_locked(pool, pool->next_drop);

        pool->next_drop = (pool->next_drop + 1) % WEIR_KAFKA_FORMS;
        if (headers != NULL) {
            return headers;
        }
    }
    return NULL;
}

void weir_kafka_headers_give(weir_kafka_header_pool *pool, weir_kafka_headers **chain)
{
    weir_kafka_headers *dropped = NULL;

    if (*chain == NULL) {
        return;
    }
    weir_lock_take(&pool->lock);
    while (*chain != NULL) {
        weir_kafka_headers *headers = *chain;

        *chain = headers->next;
        headers->next = pool->spare[headers->form];
        pool->spare[headers->form] = headers;
        pool->n_bytes += headers->n_bytes;
    }
    while (pool->n_bytes > pool->max_bytes) {
        weir_kafka_headers *headers = headers_drop_locked(pool);

        headers->next = dropped;
        dropped = headers;
    }
    weir_lock_give(&pool->lock);
    headers_free(dropped);
}
