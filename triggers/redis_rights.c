/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_rights - may this user run what weir runs? See redis_promise.h.
 *
 * A server looks at rights before it looks at anything else, so each command is sent in a form
 * that cannot do anything: on a group that no stream has, with an id that is refused. Whoever
 * may not run it is told NOPERM; every other answer will do.
 */
#include "triggers/redis_promise.h"

#include <stdio.h>

#define RIGHTS_WORDS 10
#define NO_GROUP "weir:no-such-group" /* XREADGROUP and the like answer NOGROUP */

/* STREAM and LEASE stand for names. */
typedef struct rights_probe {
    weir_finding kind;
    int roles;        /* of the stream; 0: once, without one */
    const char *rule; /* what an ACL needs for it */
    const char *otherwise;
    const char *words[RIGHTS_WORDS];
} rights_probe;

#define READS WEIR_ROLE_FROM
#define WRITES (WEIR_ROLE_TO | WEIR_ROLE_DEAD)
#define ONCE 8 /* where delivery is exactly_once */
#define MUST WEIR_FINDING_ERROR
#define MAY WEIR_FINDING_WARNING

static const rights_probe rights_probes[] = {
    { MUST,
      0,
      "+role",
      "a replica that does not know it is one would be read from",
      { "ROLE" } },
    { MAY,
      0,
      "+client|setname",
      "its connections have no names in CLIENT LIST",
      { "CLIENT", "SETNAME", "weir-check" } },
    { MAY,
      0,
      "+client|id",
      "a read that hangs after a broken connection goes on",
      { "CLIENT", "ID" } },
    { MAY,
      0,
      "+client|list",
      "a read that hangs after a broken connection goes on",
      { "CLIENT", "LIST", "ID", "0" } },
    { MAY,
      0,
      "+client|kill",
      "a read that hangs after a broken connection goes on",
      { "CLIENT", "KILL", "ID", "0" } },
    { MUST,
      READS,
      "+xinfo|stream",
      "the stream cannot be read",
      { "XINFO", "STREAM", "STREAM" } },
    { MUST,
      READS,
      "+xinfo|groups",
      "the stream cannot be read",
      { "XINFO", "GROUPS", "STREAM" } },
    { MAY,
      READS,
      "+xinfo|consumers",
      "names of replicas that are gone stay for ever",
      { "XINFO", "CONSUMERS", "STREAM", NO_GROUP } },
    { MUST,
      READS,
      "+xgroup|create",
      "the group cannot be made",
      { "XGROUP", "CREATE", "STREAM", NO_GROUP, "no-id" } },
    { MAY,
      READS,
      "+xgroup|delconsumer",
      "names of replicas that are gone stay for ever",
      { "XGROUP", "DELCONSUMER", "STREAM", NO_GROUP, "none" } },
    { MUST,
      READS,
      "+xreadgroup",
      "no event can be read",
      { "XREADGROUP", "GROUP", NO_GROUP, "none", "COUNT", "1", "STREAMS", "STREAM",
        ">" } },
    { MUST,
      READS,
      "+xack",
      "no event can be acknowledged: all come again",
      { "XACK", "STREAM", NO_GROUP, "0-0" } },
    { MUST,
      READS,
      "+xpending",
      "events of dead replicas stay where they are",
      { "XPENDING", "STREAM", NO_GROUP } },
    { MUST,
      READS,
      "+xclaim",
      "events of dead replicas stay where they are",
      { "XCLAIM", "STREAM", NO_GROUP, "none", "0", "0-0" } },
    { MUST,
      READS,
      "+xautoclaim",
      "events of dead replicas stay where they are",
      { "XAUTOCLAIM", "STREAM", NO_GROUP, "none", "0", "0-0" } },
    { MUST,
      READS,
      "+xrange",
      "events of dead replicas stay where they are",
      { "XRANGE", "STREAM", "0-0", "0-0", "COUNT", "1" } },
    { MUST,
      READS,
      "+eval",
      "a replica gets no consumer name",
      { "EVAL", "return 0", "0" } },
    { MUST,
      READS,
      "+get ~weir:*",
      "a replica gets no consumer name",
      { "GET", "LEASE" } },
    { MUST,
      READS,
      "+set ~weir:*",
      "a replica gets no consumer name",
      { "SET", "LEASE", "", "PX", "0" } },
    { MUST,
      READS,
      "+del ~weir:*",
      "a replica keeps its consumer name after its end",
      { "DEL", "LEASE" } },
    { MUST,
      WRITES,
      "+type",
      "it cannot be proved that it may be written",
      { "TYPE", "STREAM" } },
    { MUST,
      WRITES,
      "+xadd",
      "nothing can be published",
      { "XADD", "STREAM", "0-0", "a", "b" } },
    { MUST,
      WRITES | ONCE,
      "+xdel",
      "results that were begun cannot be taken back",
      { "XDEL", "STREAM", "0-0" } },
};

/* The key of a lease that no worker has; `weir:` as they all begin. */
static const char rights_lease[] = "weir:no-such-lease";

static weir_status rights_try(weir_redis_conn *conn, const rights_probe *probe,
                              const char *stream, weir_finding_fn *say, void *arg,
                              weir_err *err)
{
    weir_slice args[RIGHTS_WORDS];
    weir_redis_reply *reply = NULL;
    char text[512];
    size_t n = 0;

    for (; n < RIGHTS_WORDS && probe->words[n] != NULL; n++) {
        const char *word = probe->words[n];

        args[n] = weir_slice_of(n > 0 && strcmp(word, "STREAM") == 0 &&
                                        strcmp(probe->words[n - 1], "XINFO") != 0
                                    ? stream
                                : strcmp(word, "LEASE") == 0 ? rights_lease
                                                             : word);
    }
    const weir_status st = weir_redis_conn_call(conn, args, n, &reply, err);

    if (st != WEIR_OK) {
        return st;
    }
    if (weir_redis_is_error(reply->root, "NOPERM")) {
        const char *spare = strchr(probe->rule, ' ');

        snprintf(
            text, sizeof(text),
            "the user may not run %s%s%s%s: %s; allow it with ACL SETUSER ... %s%s%s",
            probe->words[0],
            probe->rule[1] != '\0' && strchr(probe->rule, '|') != NULL ? " " : "",
            strchr(probe->rule, '|') != NULL ? probe->words[1] : "",
            stream == NULL ? "" : " here", probe->otherwise, probe->rule,
            stream == NULL || spare != NULL ? "" : " ~",
            stream == NULL || spare != NULL ? "" : stream);
        say(arg, stream, probe->kind, text);
    }
    weir_redis_reply_give(reply);
    return WEIR_OK;
}

weir_status weir_redis_rights(weir_redis_conn *conn, const weir_promise_ask *ask,
                              weir_finding_fn *say, void *arg, weir_err *err)
{
    weir_status st = WEIR_OK;

    for (size_t i = 0;
         st == WEIR_OK && i < sizeof(rights_probes) / sizeof(rights_probes[0]); i++) {
        const rights_probe *probe = &rights_probes[i];

        if (probe->roles == 0) {
            st = rights_try(conn, probe, NULL, say, arg, err);
        }
        for (size_t t = 0; st == WEIR_OK && t < ask->n_topics; t++) {
            const bool is_asked = ask->is_once || !(probe->roles & ONCE);

            if (is_asked && probe->roles & ask->topics[t].role) {
                st = rights_try(conn, probe, ask->topics[t].name, say, arg, err);
            }
        }
    }
    return st;
}
