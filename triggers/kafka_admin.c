/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_admin - metadata, settings, positions and groups, asked and waited for.
 */
#include "triggers/kafka_admin.h"

#include "triggers/kafka_ask.h"
#include "triggers/kafka_end.h"
#include "triggers/kafka_meet.h"
#include "worker/base/clock.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ADMIN_CLOSE_US 2000000
#define ADMIN_PAUSE_NS 50000000

struct weir_kafka_admin {
    rd_kafka_t *rk; /* a producer: it belongs to no group */
    const weir_kafka_queue *queue;
    char client_id[128];
    weir_kafka_meet meet;
};

/* -------------------------------------------------------------------------- topics ---- */

void weir_kafka_topic_ask_config(rd_kafka_t *rk, const char *topic, int timeout_ms,
                                 rd_kafka_queue_t *queue)
{
    rd_kafka_ConfigResource_t *resource =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);

    rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, NULL, 0);
    rd_kafka_DescribeConfigs(rk, &resource, 1, options, queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ConfigResource_destroy(resource);
}

weir_status weir_kafka_topic_answer(rd_kafka_event_t *event, char *topic,
                                    weir_kafka_topic_info *out, weir_err *err)
{
    size_t n_resources = 0, n_entries = 0;
    const rd_kafka_DescribeConfigs_result_t *result =
        rd_kafka_event_DescribeConfigs_result(event);
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);

    topic[0] = '\0';
    if (result == NULL || code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return weir_fail(err, weir_kafka_status(code), "settings: %s",
                         rd_kafka_err2str(code));
    }
    const rd_kafka_ConfigResource_t **resources =
        rd_kafka_DescribeConfigs_result_resources(result, &n_resources);

    if (n_resources != 1) {
        return weir_fail(err, WEIR_EINTERNAL, "settings: %zu answers", n_resources);
    }
    snprintf(topic, 256, "%s", rd_kafka_ConfigResource_name(resources[0]));
    code = rd_kafka_ConfigResource_error(resources[0]);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return weir_fail(err, weir_kafka_status(code), "settings of topic %s: %s",
                         topic, rd_kafka_err2str(code));
    }
    const rd_kafka_ConfigEntry_t **entries =
        rd_kafka_ConfigResource_configs(resources[0], &n_entries);

    for (size_t i = 0; i < n_entries; i++) {
        const char *name = rd_kafka_ConfigEntry_name(entries[i]);
        const char *value = rd_kafka_ConfigEntry_value(entries[i]);

        if (value != NULL && strcmp(name, "max.message.bytes") == 0) {
            out->max_message_bytes = strtoll(value, NULL, 10);
        } else if (value != NULL && strcmp(name, "cleanup.policy") == 0) {
            out->is_compacted = strstr(value, "compact") != NULL;
        }
    }
    return WEIR_OK;
}

weir_status weir_kafka_ask_metadata(rd_kafka_t *rk, const char *topic, int timeout_ms,
                                    const struct rd_kafka_metadata **out, weir_err *err)
{
    const struct rd_kafka_metadata *meta = NULL;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(rk, topic, NULL);

    if (handle == NULL) {
        return weir_fail(err, WEIR_EINVAL, "topic %s: %s", topic,
                         rd_kafka_err2str(rd_kafka_last_error()));
    }
    rd_kafka_resp_err_t code = rd_kafka_metadata(rk, 0, handle, &meta, timeout_ms);

    rd_kafka_topic_destroy(handle);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        code = meta->topic_cnt == 1 ? meta->topics[0].err
                                    : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && meta->topics[0].partition_cnt == 0) {
        code = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (meta != NULL) {
            rd_kafka_metadata_destroy(meta);
        }
        return weir_fail(err, weir_kafka_status(code), "topic %s: %s", topic,
                         rd_kafka_err2str(code));
    }
    *out = meta;
    return WEIR_OK;
}

bool weir_kafka_ask_is_mock(rd_kafka_t *rk, int timeout_ms)
{
    char *id = rd_kafka_clusterid(rk, timeout_ms);
    const bool is_mock = id != NULL && strncmp(id, "mockCluster", 11) == 0;

    rd_kafka_mem_free(rk, id);
    return is_mock;
}

weir_status weir_kafka_topic_ask(rd_kafka_t *rk, const char *topic, int timeout_ms,
                                 weir_kafka_topic_info *out, weir_err *err)
{
    const int64_t until = weir_clock_us() + (int64_t)timeout_ms * 1000;
    const struct rd_kafka_metadata *meta;
    char name[256];
    const weir_status st = weir_kafka_ask_metadata(rk, topic, timeout_ms, &meta, err);

    if (st != WEIR_OK) {
        return st;
    }
    *out = (weir_kafka_topic_info){
        .n_partitions = meta->topics[0].partition_cnt,
        .replication = meta->topics[0].partitions[0].replica_cnt,
        .max_message_bytes = -1,
    };
    for (int i = 1; i < out->n_partitions; i++) {
        const int n = meta->topics[0].partitions[i].replica_cnt;

        out->replication = n < out->replication ? n : out->replication;
    }
    rd_kafka_metadata_destroy(meta);
    if (weir_kafka_ask_is_mock(rk, timeout_ms)) {
        return WEIR_OK; /* the question would stay without an answer */
    }

    const int64_t left_ms = (until - weir_clock_us()) / 1000;
    const int wait_ms = left_ms < 100 ? 100 : (int)left_ms;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);

    weir_kafka_topic_ask_config(rk, topic, wait_ms, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, wait_ms);

    /* Without the right to ask for settings the rest of the answer is still good. */
    if (event != NULL) {
        weir_kafka_topic_answer(event, name, out, NULL);
        rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(queue);
    return WEIR_OK;
}

/* ------------------------------------------------------------------------- clients ---- */

weir_status weir_kafka_admin_open(const weir_kafka_queue *queue, const char *client_id,
                                  weir_kafka_admin **out, weir_err *err)
{
    rd_kafka_conf_t *conf = NULL;
    char text[512];
    const weir_kafka_prop props[] = {
        { "client.id", client_id, false },
        { "allow.auto.create.topics", "false", false },
        { NULL, NULL, false },
    };
    weir_status st = weir_kafka_conf_new(queue, WEIR_KAFKA_ADMIN, props, &conf, err);

    if (st != WEIR_OK) {
        return st;
    }
    weir_kafka_admin *admin = calloc(1, sizeof(*admin));

    if (admin == NULL) {
        rd_kafka_conf_destroy(conf);
        return weir_fail(err, WEIR_ENOMEM, "out of memory");
    }
    admin->queue = queue;
    weir_kafka_meet_conf(&admin->meet, queue, conf);
    snprintf(admin->client_id, sizeof(admin->client_id), "%s", client_id);
    if ((admin->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text))) ==
        NULL) {
        rd_kafka_conf_destroy(conf);
        free(admin);
        return weir_fail(err, WEIR_ECONFIG, "%s", text);
    }
    rd_kafka_set_log_queue(admin->rk, NULL);
    *out = admin;
    return WEIR_OK;
}

void weir_kafka_admin_close(weir_kafka_admin *admin)
{
    if (admin == NULL) {
        return;
    }
    rd_kafka_poll(admin->rk, 0); /* what the client had to say */
    weir_kafka_end(&admin->rk, 0, weir_clock_us() + ADMIN_CLOSE_US);
    free(admin);
}

weir_status weir_kafka_admin_meet(weir_kafka_admin *admin, const char *topic,
                                  int timeout_ms, rd_kafka_t **out, weir_err *err)
{
    const weir_status st =
        weir_kafka_meet_wait(&admin->meet, admin->rk, topic, timeout_ms, err);

    if (st == WEIR_OK) {
        *out = admin->rk;
    }
    return st;
}

weir_status weir_kafka_admin_topic(weir_kafka_admin *admin, const char *topic,
                                   int timeout_ms, weir_kafka_topic_info *out,
                                   weir_err *err)
{
    const weir_status st =
        weir_kafka_meet_wait(&admin->meet, admin->rk, topic, timeout_ms, err);

    return st != WEIR_OK ? st
                         : weir_kafka_topic_ask(admin->rk, topic, timeout_ms, out, err);
}

/* The outcome of a topic's creation. */
static weir_status admin_created(rd_kafka_event_t *event, const char *topic,
                                 weir_err *err)
{
    size_t n = 0;

    if (event == NULL) {
        return weir_fail(err, WEIR_EUNAVAIL, "topic %s: no answer", topic);
    }
    const rd_kafka_CreateTopics_result_t *result =
        rd_kafka_event_CreateTopics_result(event);
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    const char *text = rd_kafka_event_error_string(event);

    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && result != NULL) {
        const rd_kafka_topic_result_t **topics =
            rd_kafka_CreateTopics_result_topics(result, &n);

        if (n == 1) {
            code = rd_kafka_topic_result_error(topics[0]);
            text = rd_kafka_topic_result_error_string(topics[0]);
        }
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR ||
        code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
        return WEIR_OK;
    }
    return weir_fail(err, weir_kafka_status(code), "topic %s: %s", topic,
                     text != NULL ? text : rd_kafka_err2str(code));
}

weir_status weir_kafka_admin_create(weir_kafka_admin *admin, const char *topic,
                                    const weir_kafka_topic_info *like, int timeout_ms,
                                    weir_err *err)
{
    const struct timespec pause = { .tv_nsec = ADMIN_PAUSE_NS };
    const int64_t until = weir_clock_us() + (int64_t)timeout_ms * 1000;
    char text[256], limit[32];
    rd_kafka_NewTopic_t *fresh = rd_kafka_NewTopic_new(
        topic, like->n_partitions, like->replication, text, sizeof(text));

    if (fresh == NULL) {
        return weir_fail(err, WEIR_EINVAL, "topic %s: %s", topic, text);
    }
    if (like->max_message_bytes > 0) {
        snprintf(limit, sizeof(limit), "%lld", (long long)like->max_message_bytes);
        rd_kafka_NewTopic_set_config(fresh, "max.message.bytes", limit);
    }
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(admin->rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(admin->rk);

    rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, NULL, 0);
    rd_kafka_AdminOptions_set_operation_timeout(options, timeout_ms, NULL, 0);
    rd_kafka_CreateTopics(admin->rk, &fresh, 1, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, timeout_ms);
    weir_status st = admin_created(event, topic, err);

    if (event != NULL) {
        rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_NewTopic_destroy(fresh);

    /* The answer comes before every broker knows; the next one to ask should find it. */
    while (st == WEIR_OK) {
        const struct rd_kafka_metadata *meta;

        st = weir_kafka_ask_metadata(admin->rk, topic, 1000, &meta, err);
        if (st == WEIR_OK) {
            rd_kafka_metadata_destroy(meta);
            break;
        }
        if (weir_clock_us() >= until) {
            break;
        }
        st = WEIR_OK;
        nanosleep(&pause, NULL);
    }
    return st;
}

/* -------------------------------------------------------------------------- groups ---- */

/* How many members a group has; -1: it may not be asked. */
static int admin_members(rd_kafka_t *rk, const char *group, int timeout_ms)
{
    int n_members = -1;
    size_t n = 0;
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);

    rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, NULL, 0);
    rd_kafka_DescribeConsumerGroups(rk, &group, 1, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, timeout_ms);

    if (event != NULL && rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        const rd_kafka_ConsumerGroupDescription_t **groups =
            rd_kafka_DescribeConsumerGroups_result_groups(
                rd_kafka_event_DescribeConsumerGroups_result(event), &n);

        if (n == 1) {
            const rd_kafka_error_t *error =
                rd_kafka_ConsumerGroupDescription_error(groups[0]);
            const rd_kafka_resp_err_t code =
                error == NULL ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_error_code(error);

            if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
                n_members =
                    (int)rd_kafka_ConsumerGroupDescription_member_count(groups[0]);
            } else if (code == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND) {
                n_members = 0; /* newer brokers say so of a group that never was */
            }
        }
    }
    if (event != NULL) {
        rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
    return n_members;
}

weir_status weir_kafka_ask_offsets(rd_kafka_t *rk,
                                   const rd_kafka_topic_partition_list_t *list,
                                   int64_t what, int timeout_ms,
                                   rd_kafka_topic_partition_list_t **out, weir_err *err)
{
    rd_kafka_topic_partition_list_t *copy = rd_kafka_topic_partition_list_copy(list);

    for (int i = 0; i < copy->cnt; i++) {
        copy->elems[i].offset = what;
    }
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(rk, copy, timeout_ms);

    for (int i = 0; i < copy->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        code = copy->elems[i].err;
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_topic_partition_list_destroy(copy);
        return weir_fail(err, weir_kafka_status(code), "offsets: %s",
                         rd_kafka_err2str(code));
    }
    *out = copy;
    return WEIR_OK;
}

/* Adds up what the four lists say. */
static void admin_count(const rd_kafka_topic_partition_list_t *committed,
                        const rd_kafka_topic_partition_list_t *low,
                        const rd_kafka_topic_partition_list_t *high,
                        const rd_kafka_topic_partition_list_t *begin,
                        weir_kafka_group_info *out)
{
    for (int i = 0; i < committed->cnt; i++) {
        const int64_t at = committed->elems[i].offset;
        const int64_t first = low->elems[i].offset, end = high->elems[i].offset;
        const int64_t from = begin->elems[i].offset < 0 ? end : begin->elems[i].offset;

        out->n_start += end - from;
        if (at < 0) {
            continue;
        }
        out->n_committed++;
        out->n_lost += at < first;
        out->n_beyond += at > end;
        out->lag += at > end ? 0 : end - (at < first ? first : at);
    }
}

weir_status weir_kafka_admin_group(weir_kafka_admin *admin, const char *group,
                                   const char *topic, weir_start start,
                                   int64_t start_ms, int timeout_ms,
                                   weir_kafka_group_info *out, weir_err *err)
{
    const struct rd_kafka_metadata *meta;
    rd_kafka_topic_partition_list_t *lists[3] = { NULL, NULL, NULL };
    const int64_t whats[3] = {
        RD_KAFKA_OFFSET_BEGINNING,
        RD_KAFKA_OFFSET_END,
        start == WEIR_START_TIME       ? start_ms
        : start == WEIR_START_EARLIEST ? RD_KAFKA_OFFSET_BEGINNING
                                       : RD_KAFKA_OFFSET_END,
    };
    weir_status st =
        weir_kafka_meet_wait(&admin->meet, admin->rk, topic, timeout_ms, err);

    if (st != WEIR_OK || (st = weir_kafka_ask_metadata(admin->rk, topic, timeout_ms,
                                                       &meta, err)) != WEIR_OK) {
        return st;
    }
    const int n = meta->topics[0].partition_cnt;
    rd_kafka_topic_partition_list_t *committed = rd_kafka_topic_partition_list_new(n);

    rd_kafka_topic_partition_list_add_range(committed, topic, 0, n - 1);
    rd_kafka_metadata_destroy(meta);
    for (size_t i = 0; i < 3; i++) {
        st = weir_kafka_ask_offsets(admin->rk, committed, whats[i], timeout_ms,
                                    &lists[i], err);
        if (st != WEIR_OK) {
            goto out;
        }
    }
    st = weir_kafka_ask_positions(admin->queue, group, committed, timeout_ms, err);
    if (st != WEIR_OK) {
        goto out;
    }
    *out = (weir_kafka_group_info){ .n_partitions = n };
    admin_count(committed, lists[0], lists[1], lists[2], out);
    out->n_members = admin_members(admin->rk, group, timeout_ms);
out:
    for (size_t i = 0; i < 3; i++) {
        if (lists[i] != NULL) {
            rd_kafka_topic_partition_list_destroy(lists[i]);
        }
    }
    rd_kafka_topic_partition_list_destroy(committed);
    return st;
}

/* ------------------------------------------------------------------------ patterns ---- */

static int admin_by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

weir_status weir_kafka_admin_match(weir_kafka_admin *admin, const char *pattern,
                                   int timeout_ms, weir_opt_list *out, weir_err *err)
{
    const struct rd_kafka_metadata *meta = NULL;
    weir_status st = WEIR_OK;
    weir_opt_list found = { 0 };
    regex_t regex;

    /* The same flavour that the library matches subscriptions with. */
    if ((st = weir_kafka_meet_wait(&admin->meet, admin->rk, NULL, timeout_ms, err)) !=
        WEIR_OK) {
        return st;
    }
    if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0) {
        return weir_fail(err, WEIR_EINVAL, "%s is no regular expression", pattern);
    }
    const rd_kafka_resp_err_t code =
        rd_kafka_metadata(admin->rk, 1, NULL, &meta, timeout_ms);

    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        regfree(&regex);
        return weir_fail(err, weir_kafka_status(code), "topics: %s",
                         rd_kafka_err2str(code));
    }
    for (int i = 0; st == WEIR_OK && i < meta->topic_cnt; i++) {
        if (regexec(&regex, meta->topics[i].topic, 0, NULL, 0) == 0 &&
            !weir_opt_list_add(&found, meta->topics[i].topic)) {
            st = weir_fail(err, WEIR_ENOMEM, "out of memory");
        }
    }
    rd_kafka_metadata_destroy(meta);
    regfree(&regex);
    if (st != WEIR_OK) {
        weir_opt_list_fini(&found);
        return st;
    }
    if (found.n > 0) {
        qsort(found.items, found.n, sizeof(*found.items), admin_by_name);
    }
    *out = found;
    return WEIR_OK;
}
