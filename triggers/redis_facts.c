/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_facts - asks a server for what the judges of redis_promise.h want to know.
 */
#include "triggers/redis_entry.h"
#include "triggers/redis_promise.h"

#include <stdio.h>
#include <stdlib.h>

/* "name:value" in an answer of INFO. */
static bool facts_info(weir_slice text, const char *name, char *out, size_t cap)
{
    const size_t len = strlen(name);

    for (const char *at = text.data; at != NULL;) {
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

static int64_t facts_info_number(weir_slice text, const char *name)
{
    char number[32];

    return facts_info(text, name, number, sizeof(number)) ? strtoll(number, NULL, 10)
                                                          : -1;
}

/* One setting; false: it is not told. */
static weir_status facts_config(weir_redis_conn *conn, const char *name, char *out,
                                size_t cap, weir_redis_facts *facts, weir_err *err)
{
    weir_redis_reply *reply = NULL;
    const weir_status st = weir_redis_callf(conn, &reply, err, "CONFIG GET %s", name);

    out[0] = '\0';
    if (st != WEIR_OK) {
        return st;
    }
    const weir_slice value = weir_redis_text(weir_redis_at(reply->root, 1));

    /* Also where an operator has renamed or removed the command. */
    facts->is_config_denied =
        facts->is_config_denied || reply->root->type == WEIR_REDIS_ERROR;
    if (value.data != NULL) {
        snprintf(out, cap, "%.*s", (int)value.len, value.data);
    }
    weir_redis_reply_give(reply);
    return WEIR_OK;
}

static weir_status facts_settings(weir_redis_conn *conn, weir_redis_facts *facts,
                                  weir_err *err)
{
    char value[32];
    weir_status st = facts_config(conn, "appendfsync", facts->fsync,
                                  sizeof(facts->fsync), facts, err);

    if (st == WEIR_OK &&
        (st = facts_config(conn, "min-replicas-to-write", value, sizeof(value), facts,
                           err)) == WEIR_OK &&
        value[0] != '\0') {
        facts->min_replicas = strtoll(value, NULL, 10);
    }
    if (st == WEIR_OK &&
        (st = facts_config(conn, "replica-read-only", value, sizeof(value), facts,
                           err)) == WEIR_OK &&
        value[0] != '\0') {
        facts->replica_read_only = strcmp(value, "yes") == 0;
    }
    return st;
}

static weir_status facts_state(weir_redis_conn *conn, weir_redis_facts *facts,
                               weir_err *err)
{
    static const char *const sections[] = { "persistence", "memory", "replication" };

    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
        weir_redis_reply *reply = NULL;
        const weir_status st =
            weir_redis_callf(conn, &reply, err, "INFO %s", sections[i]);

        if (st != WEIR_OK) {
            return st;
        }
        const weir_slice text = weir_redis_text(reply->root);

        if (text.data == NULL) {
            facts->is_info_denied = true;
        } else if (i == 0) {
            facts->aof = (int)facts_info_number(text, "aof_enabled");
        } else if (i == 1) {
            facts->maxmemory = facts_info_number(text, "maxmemory");
            (void)facts_info(text, "maxmemory_policy", facts->policy,
                             sizeof(facts->policy));
        } else {
            facts->n_replicas = facts_info_number(text, "connected_slaves");
        }
        weir_redis_reply_give(reply);
    }
    return WEIR_OK;
}

/* The entries of a stream, and of its group. A reply that is an error leaves all unknown. */
static weir_status facts_stream(weir_redis_conn *conn, const char *stream,
                                const char *group, weir_redis_backlog *out,
                                weir_err *err)
{
    weir_redis_reply *reply = NULL;
    weir_pos first = { 0, 0 }, pending = { 0, 0 };
    weir_status st = weir_redis_callf(conn, &reply, err, "XINFO STREAM %s", stream);

    *out = (weir_redis_backlog){ 0, -1, -1, 0, -1, false };
    if (st != WEIR_OK) {
        return st;
    }
    weir_redis_int(weir_redis_member(reply->root, "length"), &out->length);
    weir_redis_int(weir_redis_member(reply->root, "entries-added"), &out->n_added);
    weir_redis_id_parse(weir_redis_text(weir_redis_at(
                            weir_redis_member(reply->root, "first-entry"), 0)),
                        &first);
    weir_redis_reply_give(reply);
    if ((st = weir_redis_callf(conn, &reply, err, "XINFO GROUPS %s", stream)) !=
        WEIR_OK) {
        return st;
    }
    for (size_t i = 0; reply->root->type == WEIR_REDIS_ARRAY && i < reply->root->n;
         i++) {
        const weir_redis_val *row = &reply->root->items[i];

        if (weir_slice_is(weir_redis_text(weir_redis_member(row, "name")), group)) {
            weir_redis_int(weir_redis_member(row, "entries-read"), &out->n_read);
            weir_redis_int(weir_redis_member(row, "lag"), &out->lag);
        }
    }
    weir_redis_reply_give(reply);
    if ((st = weir_redis_callf(conn, &reply, err, "XPENDING %s %s", stream, group)) !=
        WEIR_OK) {
        return st;
    }
    if (weir_redis_int(weir_redis_at(reply->root, 0), &out->n_pending) &&
        out->n_pending > 0 &&
        weir_redis_id_parse(weir_redis_text(weir_redis_at(reply->root, 1)), &pending)) {
        out->is_pending_trimmed = out->length == 0 || weir_pos_cmp(pending, first) < 0;
    }
    weir_redis_reply_give(reply);
    return WEIR_OK;
}

weir_status weir_redis_promises(const weir_redis_queue *queue,
                                const weir_promise_ask *ask, int64_t until_us,
                                weir_finding_fn *say, void *arg, weir_err *err)
{
    weir_redis_facts facts = { .aof = -1,
                               .maxmemory = -1,
                               .n_replicas = -1,
                               .min_replicas = -1,
                               .replica_read_only = -1,
                               .has_sentinel = queue->sentinel.master != NULL };
    weir_redis_conn *conn = NULL;
    weir_status st = weir_redis_conn_new(queue, "weir-check", -1, &conn, err);

    if (st == WEIR_OK) {
        st = weir_redis_conn_open(conn, until_us, err);
    }
    if (st != WEIR_OK ||
        (st = weir_redis_rights(conn, ask, say, arg, err)) != WEIR_OK ||
        (st = facts_settings(conn, &facts, err)) != WEIR_OK ||
        (st = facts_state(conn, &facts, err)) != WEIR_OK) {
        goto out;
    }
    weir_redis_judge_server(ask, &facts, say, arg);
    for (size_t i = 0; st == WEIR_OK && i < ask->n_topics; i++) {
        weir_redis_backlog backlog;

        if (ask->topics[i].role & WEIR_ROLE_FROM) {
            st = facts_stream(conn, ask->topics[i].name, ask->group, &backlog, err);
            if (st == WEIR_OK) {
                weir_redis_judge_stream(ask->topics[i].name, &backlog, say, arg);
            }
        }
    }
out:
    weir_redis_conn_free(conn);
    return st;
}
