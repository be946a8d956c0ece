/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_look - the headers of records that were read: when they are looked at, and where kept.
 */
#include "triggers/kafka_state.h"

#include <stdlib.h>
#include <string.h>

/* Records without headers in a row, until they are looked at late. */
#define LOOK_BARE 16

/*
 * Looking for headers costs the client an allocation and a tenth of all that an event costs,
 * even where there are none. So in a partition where the last ones had none, most are looked at
 * when somebody asks. Now and then one is looked at here, because what headers take belongs
 * into the budget: where they begin to come, this ends.
 */
static bool look_is_late(weir_kafka_part *part, int64_t offset)
{
    if (part->n_bare < LOOK_BARE) {
        return false;
    }
    if (part->n_bare == LOOK_BARE) {
        /* how many are next, from 32 to 63: not in step with anything of the user's */
        const uint32_t mixed = (uint32_t)offset * 2654435761u;

        part->n_bare += 32 + (mixed >> 27);
    }
    part->n_bare--;
    return part->n_bare > LOOK_BARE;
}

static bool look_find(weir_event *ev)
{
    const rd_kafka_message_t *msg = ev->native;
    rd_kafka_headers_t *headers;

    if (rd_kafka_message_headers(msg, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return true; /* none */
    }
    const size_t n = rd_kafka_header_cnt(headers);
    weir_header *out = malloc((n + 1) * sizeof(*out));

    if (out == NULL) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        const void *value;
        size_t len;

        rd_kafka_header_get_all(headers, i, &out[i].name, &value, &len);
        out[i].value = (weir_slice){ value, len };
    }
    ev->late_headers = out;
    ev->n_headers = n;
    return true;
}

/* Bytes of a list's names and values, each with a NUL behind. */
static size_t look_bytes(const rd_kafka_headers_t *list, size_t n)
{
    size_t n_bytes = 0;
    const char *name;
    const void *value;
    size_t len;

    for (size_t i = 0; i < n; i++) {
        rd_kafka_header_get_all(list, i, &name, &value, &len);
        n_bytes += strlen(name) + len + 2;
    }
    return n_bytes;
}

/*
 * Copies the headers of a message into its event's arena. The client makes a list of them when
 * it is asked, with an allocation for each. That list ends here at once: allocated and freed on
 * one thread while it is in the cache it costs a third of one that lives as long as its
 * message, which another thread frees.
 */
bool weir_kafka_read_headers(weir_event *ev, weir_kafka_part *part,
                             rd_kafka_message_t *msg)
{
    rd_kafka_headers_t *list;

    if (look_is_late(part, msg->offset)) {
        ev->headers_find = look_find;
        atomic_init(&ev->headers_state, WEIR_HEADERS_LATE);
        return true;
    }
    if (rd_kafka_message_detach_headers(msg, &list) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        part->n_bare += part->n_bare < LOOK_BARE;
        return true; /* none */
    }
    part->n_bare = 0;
    const size_t n = rd_kafka_header_cnt(list);
    const size_t n_bytes = look_bytes(list, n);
    weir_header *out = weir_arena_alloc(ev->arena, n * sizeof(*out) + n_bytes);

    if (out != NULL) {
        char *at = (char *)(out + n);

        for (size_t i = 0; i < n; i++) {
            const char *name;
            const void *value;
            size_t len;

            rd_kafka_header_get_all(list, i, &name, &value, &len);
            const size_t name_len = strlen(name);

            out[i].name = memcpy(at, name, name_len + 1);
            at += name_len + 1;
            out[i].value = (weir_slice){ NULL, 0 };
            if (value != NULL) {
                memcpy(at, value, len);
                at[len] = '\0';
                out[i].value = (weir_slice){ at, len };
                at += len + 1;
            }
        }
        ev->bytes += n_bytes + n * sizeof(*out);
        ev->headers = out;
        ev->n_headers = n;
        ev->has_own_headers = true;
    }
    rd_kafka_headers_destroy(list);
    return out != NULL;
}
