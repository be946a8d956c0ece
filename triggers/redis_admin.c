/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_admin - see redis_admin.h.
 */
#include "triggers/redis_admin.h"

#include "triggers/redis_entry.h"
#include "worker/base/clock.h"

#include <stdio.h>
#include <stdlib.h>

#define RANGE_PAGE 500

static weir_status admin_open(const weir_redis_queue *queue, const char *client,
                              int64_t until_us, weir_redis_conn **out, weir_err *err)
{
    weir_redis_conn *conn = NULL;
    weir_status st = weir_redis_conf_check(queue, err);

    if (st != WEIR_OK ||
        (st = weir_redis_conn_new(queue, client, -1, &conn, err)) != WEIR_OK) {
        return st;
    }
    if ((st = weir_redis_conn_open(conn, until_us, err)) != WEIR_OK) {
        weir_redis_conn_free(conn);
        return st;
    }
    *out = conn;
    return WEIR_OK;
}

/* -- rights ------------------------------------------------------------------------------- */

static weir_status admin_type(weir_redis_conn *conn, const char *stream, bool *exists,
                              weir_err *err)
{
    weir_redis_reply *reply = NULL;
    weir_status st = weir_redis_callf(conn, &reply, err, "TYPE %s", stream);

    *exists = false;
    if (st != WEIR_OK) {
        return st;
    }
    weir_slice type = weir_redis_text(reply->root);
    if (type.data != NULL && !weir_slice_is(type, "stream") &&
        !weir_slice_is(type, "none")) {
        st = weir_fail(err, WEIR_EINVAL, "%s is a %s, not a stream", stream, type.data);
    }
    *exists =
        type.data == NULL || weir_slice_is(type, "stream"); /* NOPERM: it may be */
    weir_redis_reply_give(reply);
    return st;
}

/*
 * Is XADD allowed? ACL DRYRUN says so from 7.0 on, to users that may ask. Everybody may ask by
 * an XADD that can never add: NOMKSTREAM on an id that is refused, after rights are checked.
 */
static weir_status admin_may_add(weir_redis_conn *conn, const char *stream,
                                 weir_err *err)
{
    weir_redis_reply *reply = NULL;
    weir_status st = weir_redis_callf(conn, &reply, err, "XADD %s 0-0 probe 1", stream);

    if (st != WEIR_OK) {
        return st;
    }
    const weir_redis_val *root = reply->root;
    weir_status said =
        root->type == WEIR_REDIS_ERROR ? weir_redis_error_status(root) : WEIR_OK;
    /* "The ID specified in XADD must be greater than 0-0" is what we want to hear. */
    if (said != WEIR_EIO && said != WEIR_OK) {
        st = weir_fail(err, said, "%s: %s", stream, root->text.data);
    }
    weir_redis_reply_give(reply);
    return st;
}

weir_status weir_redis_probe_write(const weir_redis_queue *queue, const char *client,
                                   const char *stream, int64_t until_us, weir_err *err)
{
    weir_redis_conn *conn = NULL;
    bool exists;
    weir_status st = admin_open(queue, client, until_us, &conn, err);

    if (st == WEIR_OK && (st = admin_type(conn, stream, &exists, err)) == WEIR_OK) {
        st = admin_may_add(conn, stream, err);
    }
    weir_redis_conn_free(conn);
    return st == WEIR_EINVAL ? WEIR_EDENIED : st;
}

/* -- a server, a stream ------------------------------------------------------------------- */

/* The value of "name:value" in a text of INFO. */
static bool admin_info(weir_slice info, const char *name, char *out, size_t cap)
{
    size_t len = strlen(name);

    for (const char *at = info.data; at != NULL && *at != '\0';) {
        if (strncmp(at, name, len) == 0 && at[len] == ':') {
            snprintf(out, cap, "%.*s", (int)strcspn(at + len + 1, "\r\n"),
                     at + len + 1);
            return true;
        }
        at = strchr(at, '\n');
        at = at == NULL ? NULL : at + 1;
    }
    return false;
}

weir_status weir_redis_server_get(const weir_redis_queue *queue, int64_t until_us,
                                  weir_redis_server *out, weir_err *err)
{
    weir_redis_server server = { .maxmemory = -1 };
    weir_redis_conn *conn = NULL;
    weir_redis_reply *reply = NULL;
    char number[32];
    weir_status st = admin_open(queue, "weir/check", until_us, &conn, err);

    if (st != WEIR_OK) {
        return st;
    }
    snprintf(server.where, sizeof(server.where), "%s", weir_redis_conn_where(conn));
    if ((st = weir_redis_callf(conn, &reply, err, "INFO server")) != WEIR_OK) {
        goto out;
    }
    admin_info(weir_redis_text(reply->root), "redis_version", server.version,
               sizeof(server.version));
    weir_redis_reply_give(reply);
    reply = NULL;
    if ((st = weir_redis_callf(conn, &reply, err, "INFO memory")) != WEIR_OK) {
        goto out;
    }
    admin_info(weir_redis_text(reply->root), "maxmemory_policy",
               server.maxmemory_policy, sizeof(server.maxmemory_policy));
    if (admin_info(weir_redis_text(reply->root), "maxmemory", number, sizeof(number))) {
        server.maxmemory = strtoll(number, NULL, 10);
    }
    *out = server;
out:
    weir_redis_reply_give(reply);
    weir_redis_conn_free(conn);
    return st;
}

static void admin_entry_id(const weir_redis_val *entry, weir_pos *out)
{
    weir_redis_id_parse(weir_redis_text(weir_redis_at(entry, 0)), out);
}

static weir_status admin_group(weir_redis_conn *conn, const char *stream,
                               const char *group, weir_redis_stream *out, weir_err *err)
{
    weir_redis_reply *reply = NULL;
    weir_status st = weir_redis_callf(conn, &reply, err, "XINFO GROUPS %s", stream);

    if (st != WEIR_OK) {
        return st;
    }
    for (size_t i = 0; reply->root->type == WEIR_REDIS_ARRAY && i < reply->root->n;
         i++) {
        const weir_redis_val *row = &reply->root->items[i];

        if (!weir_slice_is(weir_redis_text(weir_redis_member(row, "name")), group)) {
            continue;
        }
        out->has_group = true;
        weir_redis_int(weir_redis_member(row, "pending"), &out->n_pending);
        weir_redis_int(weir_redis_member(row, "lag"), &out->lag);
        weir_redis_id_parse(
            weir_redis_text(weir_redis_member(row, "last-delivered-id")),
            &out->delivered);
    }
    weir_redis_reply_give(reply);
    return WEIR_OK;
}

weir_status weir_redis_stream_get(const weir_redis_queue *queue, const char *stream,
                                  const char *group, int64_t until_us,
                                  weir_redis_stream *out, weir_err *err)
{
    weir_redis_stream found = { .lag = -1 };
    weir_redis_conn *conn = NULL;
    weir_redis_reply *reply = NULL;
    weir_status st = admin_open(queue, "weir/check", until_us, &conn, err);

    if (st != WEIR_OK ||
        (st = admin_type(conn, stream, &found.exists, err)) != WEIR_OK) {
        goto out;
    }
    if (found.exists) {
        if ((st = weir_redis_callf(conn, &reply, err, "XINFO STREAM %s", stream)) !=
            WEIR_OK) {
            goto out;
        }
        if (reply->root->type == WEIR_REDIS_ERROR) {
            st = weir_fail(err, weir_redis_error_status(reply->root), "%s: %s", stream,
                           reply->root->text.data);
            goto out;
        }
        weir_redis_int(weir_redis_member(reply->root, "length"), &found.length);
        admin_entry_id(weir_redis_member(reply->root, "first-entry"), &found.first);
        admin_entry_id(weir_redis_member(reply->root, "last-entry"), &found.last);
        if (group != NULL &&
            (st = admin_group(conn, stream, group, &found, err)) != WEIR_OK) {
            goto out;
        }
    }
    *out = found;
out:
    weir_redis_reply_give(reply);
    weir_redis_conn_free(conn);
    return st;
}

/* -- a range ------------------------------------------------------------------------------ */

struct weir_redis_range {
    weir_redis_range_setup setup;
    weir_redis_conn *conn;
    weir_pos next;
    char *where;
};

weir_status weir_redis_range_open(const weir_redis_range_setup *setup, int64_t until_us,
                                  weir_redis_range **out, weir_err *err)
{
    weir_redis_range *range = calloc(1, sizeof(*range));
    size_t len = strlen(setup->queue_name) + strlen(setup->stream) + 3;
    weir_status st;

    if (range == NULL || (range->where = malloc(len)) == NULL) {
        free(range);
        return weir_fail(err, WEIR_ENOMEM, "redis: out of memory");
    }
    snprintf(range->where, len, "%s:%s@", setup->queue_name, setup->stream);
    range->setup = *setup;
    range->next = setup->from;
    if ((st = admin_open(setup->queue, "weir/read", until_us, &range->conn, err)) !=
        WEIR_OK) {
        weir_redis_range_close(range);
        return st;
    }
    *out = range;
    return WEIR_OK;
}

void weir_redis_range_close(weir_redis_range *range)
{
    if (range == NULL) {
        return;
    }
    weir_redis_conn_free(range->conn);
    free(range->where);
    free(range);
}

weir_pos weir_redis_range_next(const weir_redis_range *range)
{
    return range->next;
}

static void range_reply_free(void *native)
{
    weir_redis_reply_give(native);
}

static weir_status range_fill(weir_redis_range *range, weir_redis_reply *reply,
                              const weir_redis_entry *entry, weir_event *ev)
{
    weir_status st =
        weir_redis_entry_fill(entry, range->setup.data_field, range->setup.key_field,
                              range->setup.max_event, ev);

    if (st != WEIR_OK) {
        return st;
    }
    /* The event's own copy: where it stands outlives the range. */
    weir_slice where;
    if (!weir_arena_copy(ev->arena, weir_slice_of(range->where), &where)) {
        return WEIR_ENOMEM;
    }
    ev->where = where;
    ev->topic = range->setup.stream;
    ev->partition = -1;
    ev->receipt = (weir_receipt){ .epoch = 1, .pos = entry->pos };
    ev->bytes = entry->bytes + 128;
    weir_redis_reply_take(reply, 1);
    ev->native = reply;
    ev->native_free = range_reply_free;
    return WEIR_OK;
}

weir_status weir_redis_range_read(weir_redis_range *range, weir_event *const *evs,
                                  size_t cap, size_t *n, weir_err *err)
{
    char from[WEIR_REDIS_ID_MAX];
    char to[WEIR_REDIS_ID_MAX] = "+";
    weir_redis_reply *reply = NULL;
    weir_status st;

    *n = 0;
    if (weir_pos_cmp(range->next, range->setup.to) >= 0) {
        return WEIR_OK;
    }
    weir_redis_id_format(range->next, from);
    if (range->setup.to.hi != UINT64_MAX) {
        weir_redis_id_format(weir_redis_id_before(range->setup.to), to);
    }
    st = weir_redis_callf(range->conn, &reply, err, "XRANGE %s %s %s COUNT %d",
                          range->setup.stream, from, to,
                          (int64_t)(cap < RANGE_PAGE ? cap : RANGE_PAGE));
    if (st != WEIR_OK) {
        return st;
    }
    if (reply->root->type != WEIR_REDIS_ARRAY) {
        st = weir_fail(
            err, weir_redis_error_status(reply->root), "%s: %s", range->setup.stream,
            reply->root->type == WEIR_REDIS_ERROR ? reply->root->text.data : "?");
        goto out;
    }
    for (size_t i = 0; i < reply->root->n; i++) {
        weir_redis_entry entry;

        if (!weir_redis_entry_parse(&reply->root->items[i], &entry) ||
            entry.fields == NULL) {
            continue;
        }
        if ((st = range_fill(range, reply, &entry, evs[*n])) != WEIR_OK) {
            weir_fail(err, st, "redis: out of memory");
            goto out;
        }
        range->next = entry.pos.lo < UINT64_MAX
                          ? (weir_pos){ entry.pos.hi, entry.pos.lo + 1 }
                          : (weir_pos){ entry.pos.hi + 1, 0 };
        (*n)++;
    }
out:
    weir_redis_reply_give(reply);
    return st;
}
