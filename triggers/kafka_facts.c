/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_facts - asks a cluster for what the judges of kafka_promise.h want to know.
 */
#include "triggers/kafka_ask.h"
#include "triggers/kafka_promise.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct facts_name {
    const char *name;
    weir_kafka_number number;
} facts_name;

static const facts_name facts_names[] = {
    { "min.insync.replicas", WEIR_KAFKA_MIN_ISR },
    { "retention.ms", WEIR_KAFKA_RETENTION_MS },
    { "retention.bytes", WEIR_KAFKA_RETENTION_BYTES },
    { "unclean.leader.election.enable", WEIR_KAFKA_UNCLEAN },
    { "cleanup.policy", WEIR_KAFKA_COMPACTED },
    { "offsets.retention.minutes", WEIR_KAFKA_OFFSETS_RETENTION_MIN },
    { "offsets.topic.replication.factor", WEIR_KAFKA_OFFSETS_REPLICATION },
    { "offset.metadata.max.bytes", WEIR_KAFKA_OFFSET_METADATA },
    { "transaction.max.timeout.ms", WEIR_KAFKA_TXN_MAX_MS },
    { "transaction.state.log.min.isr", WEIR_KAFKA_TXN_MIN_ISR },
    { "transaction.state.log.replication.factor", WEIR_KAFKA_TXN_REPLICATION },
};

static void facts_entry(const char *name, const char *value, weir_kafka_settings *out)
{
    for (size_t i = 0; i < sizeof(facts_names) / sizeof(facts_names[0]); i++) {
        const facts_name *known = &facts_names[i];

        if (value == NULL || strcmp(known->name, name) != 0) {
            continue;
        }
        if (known->number == WEIR_KAFKA_COMPACTED) {
            out->of[known->number] = strstr(value, "compact") != NULL;
        } else if (known->number == WEIR_KAFKA_UNCLEAN) {
            out->of[known->number] = strcmp(value, "true") == 0;
        } else {
            out->of[known->number] = strtoll(value, NULL, 10);
        }
    }
}

/* The settings of one topic or broker. Anything but an answer counts as denied: the clients of
 * a cluster that may be asked other things get here. */
static void facts_settings(rd_kafka_t *rk, rd_kafka_ResourceType_t type,
                           const char *name, int timeout_ms, weir_kafka_settings *out)
{
    rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(type, name);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    const rd_kafka_ConfigResource_t **found = NULL;
    const rd_kafka_ConfigEntry_t **entries = NULL;
    size_t n_found = 0, n_entries = 0;

    out->is_denied = true;
    for (size_t i = 0; i < WEIR_KAFKA_N_NUMBERS; i++) {
        out->of[i] = WEIR_KAFKA_UNKNOWN;
    }
    rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, NULL, 0);
    rd_kafka_DescribeConfigs(rk, &resource, 1, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, timeout_ms);

    if (event != NULL && rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        found = rd_kafka_DescribeConfigs_result_resources(
            rd_kafka_event_DescribeConfigs_result(event), &n_found);
    }
    if (n_found == 1 &&
        rd_kafka_ConfigResource_error(found[0]) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        entries = rd_kafka_ConfigResource_configs(found[0], &n_entries);
        out->is_denied = false;
    }
    for (size_t i = 0; i < n_entries; i++) {
        facts_entry(rd_kafka_ConfigEntry_name(entries[i]),
                    rd_kafka_ConfigEntry_value(entries[i]), out);
    }
    if (event != NULL) {
        rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ConfigResource_destroy(resource);
}

/* Adds up the partitions of a topic; old may be NULL. */
static void facts_count(const rd_kafka_topic_partition_list_t *committed,
                        const rd_kafka_topic_partition_list_t *low,
                        const rd_kafka_topic_partition_list_t *high,
                        const rd_kafka_topic_partition_list_t *old,
                        weir_kafka_backlog *out)
{
    for (int i = 0; i < committed->cnt; i++) {
        const int64_t first = low->elems[i].offset, end = high->elems[i].offset;
        int64_t at = committed->elems[i].offset;

        out->n_kept += end - first;
        out->is_trimmed = out->is_trimmed || first > 0;
        if (at < 0 || at > end) {
            continue; /* no position here, or one of another topic of that name */
        }
        out->n_lost += at < first;
        at = at < first ? first : at;
        out->n_waiting += end - at;
        if (old != NULL) {
            /* The first event that is younger; none: all are older. */
            const int64_t young = old->elems[i].offset < 0 ? end : old->elems[i].offset;

            out->n_old += young > at ? young - at : 0;
        }
    }
}

static weir_status facts_backlog(rd_kafka_t *rk, const weir_kafka_queue *queue,
                                 const char *group, const char *topic, int n_partitions,
                                 int64_t retention_ms, int timeout_ms,
                                 weir_kafka_backlog *out, weir_err *err)
{
    const int64_t half = (int64_t)time(NULL) * 1000 - retention_ms / 2;
    rd_kafka_topic_partition_list_t *committed =
        rd_kafka_topic_partition_list_new(n_partitions);
    rd_kafka_topic_partition_list_t *lists[3] = { NULL, NULL, NULL };
    const int64_t whats[3] = { RD_KAFKA_OFFSET_BEGINNING, RD_KAFKA_OFFSET_END, half };
    const size_t n_lists = retention_ms > 0 ? 3 : 2;
    weir_status st = WEIR_OK;

    rd_kafka_topic_partition_list_add_range(committed, topic, 0, n_partitions - 1);
    for (size_t i = 0; st == WEIR_OK && i < n_lists; i++) {
        st =
            weir_kafka_ask_offsets(rk, committed, whats[i], timeout_ms, &lists[i], err);
    }
    if (st == WEIR_OK) {
        st = weir_kafka_ask_positions(queue, group, committed, timeout_ms, err);
    }
    if (st == WEIR_OK) {
        out->is_known = true;
        facts_count(committed, lists[0], lists[1], lists[2], out);
    }
    for (size_t i = 0; i < 3; i++) {
        if (lists[i] != NULL) {
            rd_kafka_topic_partition_list_destroy(lists[i]);
        }
    }
    rd_kafka_topic_partition_list_destroy(committed);
    return st;
}

static weir_status facts_topic(rd_kafka_t *rk, const weir_kafka_queue *queue,
                               weir_kafka_judged *how, const weir_promise_topic *topic,
                               int timeout_ms, bool *has_cluster, weir_err *err)
{
    const struct rd_kafka_metadata *meta = NULL;
    weir_kafka_settings settings, broker;
    weir_kafka_backlog backlog = { .is_known = false };
    char id[16];
    weir_status st = weir_kafka_ask_metadata(rk, topic->name, timeout_ms, &meta, err);

    if (st != WEIR_OK) {
        return st == WEIR_ENOENT || st == WEIR_EDENIED ? WEIR_OK : st;
    }
    const int n_partitions = meta->topics[0].partition_cnt;
    int replication = meta->topics[0].partitions[0].replica_cnt;

    for (int i = 1; i < n_partitions; i++) {
        const int n = meta->topics[0].partitions[i].replica_cnt;

        replication = n < replication ? n : replication;
    }
    how->n_brokers = meta->broker_cnt;
    snprintf(id, sizeof(id), "%d", meta->broker_cnt > 0 ? (int)meta->brokers[0].id : 0);
    rd_kafka_metadata_destroy(meta);
    if (!*has_cluster) {
        *has_cluster = true;
        facts_settings(rk, RD_KAFKA_RESOURCE_BROKER, id, timeout_ms, &broker);
        weir_kafka_judge_cluster(how, &broker);
    }
    facts_settings(rk, RD_KAFKA_RESOURCE_TOPIC, topic->name, timeout_ms, &settings);
    if (topic->role & WEIR_ROLE_FROM) {
        st = facts_backlog(rk, queue, how->ask->group, topic->name, n_partitions,
                           settings.of[WEIR_KAFKA_RETENTION_MS], timeout_ms, &backlog,
                           err);
        st = st == WEIR_EDENIED ? WEIR_OK : st;
    }
    weir_kafka_judge_topic(how, topic, replication, &settings, &backlog);
    return st;
}

weir_status weir_kafka_promises(const weir_kafka_queue *queue,
                                const weir_promise_ask *ask, int timeout_ms,
                                weir_finding_fn *say, void *arg, weir_err *err)
{
    weir_kafka_judged how = {
        .ask = ask, .ack_map = queue->ack_map, .say = say, .arg = arg
    };
    weir_kafka_admin *admin = NULL;
    rd_kafka_t *rk = NULL;
    bool has_cluster = false;
    weir_status st = weir_kafka_admin_open(queue, "weir-check", &admin, err);

    if (st == WEIR_OK && ask->n_topics > 0) {
        st = weir_kafka_admin_meet(admin, ask->topics[0].name, timeout_ms, &rk, err);
    }
    /* A cluster for trying things out keeps nothing, and does not say so. */
    const bool is_mock = rk != NULL && weir_kafka_ask_is_mock(rk, timeout_ms);

    for (size_t i = 0; st == WEIR_OK && !is_mock && i < ask->n_topics; i++) {
        st = facts_topic(rk, queue, &how, &ask->topics[i], timeout_ms, &has_cluster,
                         err);
    }
    weir_kafka_admin_close(admin);
    return st;
}
