/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_promise - the judges; see redis_promise.h.
 */
#include "triggers/redis_promise.h"

#include <stdarg.h>
#include <stdio.h>

typedef struct promise_voice {
    weir_finding_fn *say;
    void *arg;
} promise_voice;

static void __attribute__((format(printf, 4, 5)))
promise_say(promise_voice voice, const char *topic, weir_finding kind, const char *fmt,
            ...)
{
    char text[600];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    voice.say(voice.arg, topic, kind, text);
}

/* What is left after a crash of the server. */
static void promise_disk(promise_voice voice, const weir_redis_facts *facts)
{
    if (facts->aof == 0) {
        promise_say(
            voice, NULL, WEIR_FINDING_WARNING,
            "appendonly is no: when the server ends, events, results and "
            "acknowledgements since its last snapshot are lost though they were "
            "confirmed; set appendonly yes and appendfsync always");
    } else if (strcmp(facts->fsync, "everysec") == 0) {
        promise_say(
            voice, NULL, WEIR_FINDING_WARNING,
            "appendfsync is everysec: when the server crashes, the last second or "
            "more of what it confirmed is lost; appendfsync always loses nothing");
    } else if (strcmp(facts->fsync, "no") == 0) {
        promise_say(
            voice, NULL, WEIR_FINDING_WARNING,
            "appendfsync is no: when the machine crashes, what it confirmed since "
            "the system last wrote is lost; appendfsync always loses nothing");
    }
}

static void promise_memory(promise_voice voice, const weir_promise_ask *ask,
                           const weir_redis_facts *facts)
{
    if (facts->maxmemory <= 0) {
        return;
    }
    if (strncmp(facts->policy, "allkeys-", 8) == 0) {
        promise_say(
            voice, NULL, WEIR_FINDING_ERROR,
            "maxmemory-policy is %s: when memory is full the server deletes whole "
            "streams, unread events and dead letters with them; set noeviction, "
            "and intake waits instead",
            facts->policy);
    } else if (strncmp(facts->policy, "volatile-", 9) == 0) {
        promise_say(
            voice, NULL, WEIR_FINDING_WARNING,
            "maxmemory-policy is %s: when memory is full the server deletes %s, "
            "so that two replicas may work as one; set noeviction",
            facts->policy,
            ask->is_single ? "the lease of `single` and those of consumer names"
                           : "the leases of consumer names");
    }
}

static void promise_replicas(promise_voice voice, const weir_redis_facts *facts)
{
    if (facts->n_replicas == 0 && facts->has_sentinel) {
        promise_say(
            voice, NULL, WEIR_FINDING_WARNING,
            "no replica is connected: a failover has nothing to go to, or loses "
            "everything since that replica was last there");
    }
    if (facts->min_replicas == 0 && (facts->n_replicas > 0 || facts->has_sentinel)) {
        promise_say(
            voice, NULL, WEIR_FINDING_WARNING,
            "min-replicas-to-write is 0: the primary goes on to confirm while no "
            "replica follows, and a failover loses all of that; set it to 1, with "
            "min-replicas-max-lag (what is under way at a failover is lost still)");
    }
    if (facts->replica_read_only == 0) {
        promise_say(voice, NULL, WEIR_FINDING_WARNING,
                    "replica-read-only is no: once this server is a replica it takes "
                    "writes that are lost when it follows its primary again; set it to "
                    "yes");
    }
}

void weir_redis_judge_server(const weir_promise_ask *ask, const weir_redis_facts *facts,
                             weir_finding_fn *say, void *arg)
{
    const promise_voice voice = { say, arg };

    if (facts->is_config_denied) {
        promise_say(voice, NULL, WEIR_FINDING_UNKNOWN,
                    "settings may not be read (CONFIG GET is denied to this user): "
                    "whether appendfsync and min-replicas-to-write are safe cannot be "
                    "said");
    }
    if (facts->is_info_denied) {
        promise_say(
            voice, NULL, WEIR_FINDING_UNKNOWN,
            "the state may not be read (INFO is denied to this user): whether "
            "appendonly, maxmemory-policy and replicas are safe cannot be said");
    }
    promise_disk(voice, facts);
    promise_memory(voice, ask, facts);
    promise_replicas(voice, facts);
}

void weir_redis_judge_stream(const char *stream, const weir_redis_backlog *backlog,
                             weir_finding_fn *say, void *arg)
{
    const promise_voice voice = { say, arg };
    /* By MAXLEN, XTRIM or XDEL. */
    const int64_t n_removed =
        backlog->n_added < 0 ? 0 : backlog->n_added - backlog->length;

    if (backlog->n_read >= 0 && n_removed > backlog->n_read) {
        promise_say(
            voice, stream, WEIR_FINDING_ERROR,
            "%lld entries were removed (MAXLEN, XTRIM or XDEL) before the group "
            "had read them: they are lost; keep more entries, or add replicas",
            (long long)(n_removed - backlog->n_read));
    }
    if (backlog->is_pending_trimmed) {
        promise_say(
            voice, stream, WEIR_FINDING_WARNING,
            "the oldest of %lld pending entries has been removed from the stream "
            "(MAXLEN, XTRIM or XDEL): if its replica ends before it is "
            "acknowledged, it is lost; keep more entries",
            (long long)backlog->n_pending);
    }
    if (n_removed > 0 && backlog->lag > backlog->length - backlog->lag) {
        promise_say(voice, stream, WEIR_FINDING_WARNING,
                    "%lld of the %lld entries that the stream keeps wait to be read: "
                    "trimming will reach them; keep more entries, or add replicas",
                    (long long)backlog->lag, (long long)backlog->length);
    }
}
