/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_kafka_api - the functions of librdkafka that the source calls, in its place, and what
 * kafka_start.c, kafka_watch.c and kafka_probe.c promise. Commits are in sim_kafka_commit.c.
 *
 * The program's own definitions come before those of the shared library.
 */
#include "tests/sim/sim_kafka.h"

#include "triggers/kafka_probe.h"
#include "worker/base/check.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct rd_kafka_topic_s {
    int unused;
};

static struct rd_kafka_topic_s api_topic;

rd_kafka_topic_t *sim_topic_handle(void)
{
    return &api_topic;
}

/* -- lists ------------------------------------------------------------------------------------ */

rd_kafka_topic_partition_list_t *rd_kafka_topic_partition_list_new(int size)
{
    rd_kafka_topic_partition_list_t *list = calloc(1, sizeof(*list));

    WEIR_ASSERT(list != NULL);
    list->size = size + 16;
    list->elems = calloc((size_t)list->size, sizeof(*list->elems));
    return list;
}

void rd_kafka_topic_partition_list_destroy(rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        free(list->elems[i].topic);
        free(list->elems[i].metadata);
    }
    free(list->elems);
    free(list);
}

rd_kafka_topic_partition_t *
rd_kafka_topic_partition_list_add(rd_kafka_topic_partition_list_t *list,
                                  const char *topic, int32_t partition)
{
    rd_kafka_topic_partition_t *entry = &list->elems[list->cnt++];

    WEIR_ASSERT(list->cnt <= list->size);
    memset(entry, 0, sizeof(*entry));
    entry->topic = strdup(topic);
    entry->partition = partition;
    entry->offset = RD_KAFKA_OFFSET_INVALID;
    return entry;
}

int rd_kafka_topic_partition_list_del_by_idx(rd_kafka_topic_partition_list_t *list,
                                             int idx)
{
    free(list->elems[idx].topic);
    free(list->elems[idx].metadata);
    memmove(&list->elems[idx], &list->elems[idx + 1],
            (size_t)(list->cnt - idx - 1) * sizeof(list->elems[0]));
    list->cnt--;
    return 1;
}

rd_kafka_topic_partition_t *
rd_kafka_topic_partition_list_find(const rd_kafka_topic_partition_list_t *list,
                                   const char *topic, int32_t partition)
{
    for (int i = 0; i < list->cnt; i++) {
        if (list->elems[i].partition == partition &&
            strcmp(list->elems[i].topic, topic) == 0) {
            return &list->elems[i];
        }
    }
    return NULL;
}

rd_kafka_topic_partition_list_t *sim_list_of(unsigned mask)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);

    for (int i = 0; i < SIM_PARTS; i++) {
        if ((mask & 1u << i) != 0) {
            (void)rd_kafka_topic_partition_list_add(list, SIM_TOPIC, i);
        }
    }
    return list;
}

#if RD_KAFKA_VERSION >= 0x020100ff
void rd_kafka_topic_partition_set_leader_epoch(rd_kafka_topic_partition_t *rktpar,
                                               int32_t leader_epoch)
{
    (void)rktpar;
    (void)leader_epoch;
}

int32_t rd_kafka_message_leader_epoch(const rd_kafka_message_t *rkmessage)
{
    (void)rkmessage;
    return 1;
}
#endif

void *rd_kafka_mem_malloc(rd_kafka_t *rk, size_t size)
{
    (void)rk;
    return malloc(size);
}

/* -- messages and queues ------------------------------------------------------------------------- */

void rd_kafka_message_destroy(rd_kafka_message_t *rkmessage)
{
    free(rkmessage);
}

rd_kafka_resp_err_t rd_kafka_message_headers(const rd_kafka_message_t *rkmessage,
                                             rd_kafka_headers_t **hdrsp)
{
    (void)rkmessage;
    (void)hdrsp;
    return RD_KAFKA_RESP_ERR__NOENT;
}

int64_t rd_kafka_message_timestamp(const rd_kafka_message_t *rkmessage,
                                   rd_kafka_timestamp_type_t *tstype)
{
    const sim_event *ev = rkmessage->_private;

    *tstype = RD_KAFKA_TIMESTAMP_CREATE_TIME;
    return ev->time_ms;
}

const char *rd_kafka_topic_name(const rd_kafka_topic_t *rkt)
{
    (void)rkt;
    return SIM_TOPIC;
}

ssize_t rd_kafka_consume_batch_queue(rd_kafka_queue_t *rkqu, int timeout_ms,
                                     rd_kafka_message_t **rkmessages,
                                     size_t rkmessages_size)
{
    size_t n = 0;

    (void)timeout_ms;
    while (n < rkmessages_size && rkqu->head != NULL) {
        rkmessages[n++] = rd_kafka_consume_queue(rkqu, 0);
    }
    return (ssize_t)n;
}

rd_kafka_message_t *rd_kafka_consume_queue(rd_kafka_queue_t *rkqu, int timeout_ms)
{
    sim_message *msg = rkqu->head;

    (void)timeout_ms;
    if (msg == NULL) {
        return NULL;
    }
    rkqu->head = msg->next;
    rkqu->last = rkqu->head == NULL ? NULL : rkqu->last;
    rkqu->n--;
    return &msg->msg;
}

size_t rd_kafka_queue_length(rd_kafka_queue_t *rkqu)
{
    return rkqu->n;
}

rd_kafka_queue_t *rd_kafka_queue_get_partition(rd_kafka_t *rk, const char *topic,
                                               int32_t partition)
{
    (void)topic;
    return &rk->fetches[partition].queue;
}

/* What is in the queue goes along; nothing comes back when the forward ends. */
void rd_kafka_queue_forward(rd_kafka_queue_t *src, rd_kafka_queue_t *dst)
{
    src->forward = dst;
    if (dst == NULL || src->head == NULL) {
        return;
    }
    if (dst->last == NULL) {
        dst->head = src->head;
    } else {
        dst->last->next = src->head;
    }
    dst->last = src->last;
    dst->n += src->n;
    src->head = src->last = NULL;
    src->n = 0;
    weir_signal_raise(&src->rk->src->signal, INT_MAX);
}

void rd_kafka_queue_destroy(rd_kafka_queue_t *rkqu)
{
    (void)rkqu; /* a part of its client */
}

rd_kafka_message_t *rd_kafka_consumer_poll(rd_kafka_t *rk, int timeout_ms)
{
    (void)timeout_ms;
    sim_client_serve(rk);
    return NULL;
}

/* -- assignments ------------------------------------------------------------------------------------ */

const char *rd_kafka_rebalance_protocol(rd_kafka_t *rk)
{
    return rk->is_cooperative ? "COOPERATIVE" : "EAGER";
}

int rd_kafka_assignment_lost(rd_kafka_t *rk)
{
    return rk->is_lost_told;
}

static void api_assign(rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        rk->assigned |= 1u << list->elems[i].partition;
        sim_fetch_set(rk, list->elems[i].partition, list->elems[i].offset);
    }
}

static void api_unassign(rd_kafka_t *rk, unsigned mask)
{
    for (int i = 0; i < SIM_PARTS; i++) {
        if ((mask & 1u << i) != 0) {
            sim_fetch_stop(rk, i);
        }
    }
    rk->assigned &= ~mask;
}

rd_kafka_resp_err_t rd_kafka_assign(rd_kafka_t *rk,
                                    const rd_kafka_topic_partition_list_t *partitions)
{
    unsigned mask = 0;

    for (int i = 0; partitions != NULL && i < partitions->cnt; i++) {
        mask |= 1u << partitions->elems[i].partition;
    }
    api_unassign(rk, rk->assigned & ~mask);
    if (partitions != NULL) {
        for (int i = 0; i < partitions->cnt; i++) {
            rd_kafka_queue_t *forward =
                rk->fetches[partitions->elems[i].partition].queue.forward;

            api_unassign(rk, 1u << partitions->elems[i].partition);
            rk->fetches[partitions->elems[i].partition].queue.forward = forward;
        }
        api_assign(rk, partitions);
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_error_t *
rd_kafka_incremental_assign(rd_kafka_t *rk,
                            const rd_kafka_topic_partition_list_t *partitions)
{
    api_assign(rk, partitions);
    return NULL;
}

rd_kafka_error_t *
rd_kafka_incremental_unassign(rd_kafka_t *rk,
                              const rd_kafka_topic_partition_list_t *partitions)
{
    unsigned mask = 0;

    for (int i = 0; i < partitions->cnt; i++) {
        mask |= 1u << partitions->elems[i].partition;
    }
    api_unassign(rk, mask);
    return NULL;
}

rd_kafka_error_t *rd_kafka_seek_partitions(rd_kafka_t *rk,
                                           rd_kafka_topic_partition_list_t *partitions,
                                           int timeout_ms)
{
    (void)timeout_ms;
    for (int i = 0; i < partitions->cnt; i++) {
        sim_fetch_set(rk, partitions->elems[i].partition, partitions->elems[i].offset);
    }
    return NULL;
}

/* -- starts, probes, the watch ------------------------------------------------------------------------- */

weir_status weir_kafka_start_resolve(weir_kafka_reader *src,
                                     rd_kafka_topic_partition_list_t *list,
                                     int64_t until_us, weir_err *err)
{
    const rd_kafka_t *rk = src->client->rk;

    while (rk->proc->cut_until_us > sim_now()) {
        if (sim_now() > until_us) {
            return weir_fail(err, WEIR_EUNAVAIL, "the coordinator does not answer");
        }
        sim_sleep(50000);
    }
    sim_sleep(sim_kafka_way_us());
    for (int i = 0; i < list->cnt; i++) {
        const char *text;

        list->elems[i].offset = sim_group_position(list->elems[i].partition, &text);
        free(list->elems[i].metadata);
        list->elems[i].metadata = strdup(text);
        list->elems[i].metadata_size = strlen(text);
        sim_trace("client.position", list->elems[i].partition, list->elems[i].offset,
                  (int64_t)strlen(text));
    }
    sim_sleep(sim_kafka_way_us());
    return WEIR_OK;
}

weir_ack_print weir_kafka_probe_print(const rd_kafka_message_t *msg)
{
    rd_kafka_timestamp_type_t type;

    return (weir_ack_print){ .offset = msg->offset,
                             .time_ms = rd_kafka_message_timestamp(msg, &type),
                             .length = (uint32_t)msg->len,
                             .key_hash = weir_ack_map_key(msg->key, msg->key_len) };
}

weir_status weir_kafka_probe_all(const weir_kafka_queue *queue,
                                 weir_kafka_probe *probes, size_t n, int64_t until_us,
                                 weir_err *err)
{
    (void)queue;
    (void)until_us;
    (void)err;
    sim_sleep(sim_kafka_way_us());
    for (size_t i = 0; i < n; i++) {
        const sim_event *ev =
            sim_event_find(probes[i].partition, probes[i].print.offset);
        weir_ack_print print;
        size_t len, key_len;
        const void *key;

        if (ev == NULL) {
            probes[i].found = WEIR_KAFKA_GONE;
            continue;
        }
        (void)sim_event_data(ev, &len);
        key = sim_event_key(ev, &key_len);
        print.key_hash = weir_ack_map_key(key, key_len);
        print.offset = ev->offset;
        print.time_ms = ev->time_ms;
        print.length = (uint32_t)len;
        probes[i].found = weir_ack_print_is(&print, &probes[i].print)
                              ? WEIR_KAFKA_SAME
                              : WEIR_KAFKA_OTHER;
        SIM_MUST(probes[i].found == WEIR_KAFKA_SAME, "a map fits its own log",
                 "fingerprint of partition %d offset %lld", probes[i].partition,
                 (long long)ev->offset);
        if (sim_has_fault(SIM_FAULT_COMMIT) && sim_once_in(6)) {
            probes[i].found = WEIR_KAFKA_UNASKED;
        }
    }
    return WEIR_OK;
}

weir_status weir_kafka_watch_start(weir_kafka_reader *src, weir_err *err)
{
    (void)src;
    (void)err;
    return WEIR_OK;
}

void weir_kafka_watch_kick(weir_kafka_reader *src)
{
    weir_signal_raise(&src->client->rk->signal, INT_MAX);
}

void weir_kafka_watch_assigned(weir_kafka_reader *src)
{
    (void)src;
}

void weir_kafka_watch_stop(weir_kafka_reader *src)
{
    (void)src;
}

/* -- what is watched ------------------------------------------------------------------------------------ */

bool __real_weir_kafka_map_skip(weir_kafka_reader *src, weir_kafka_part *part,
                                int64_t offset, size_t n_more);
bool __wrap_weir_kafka_map_skip(weir_kafka_reader *src, weir_kafka_part *part,
                                int64_t offset, size_t n_more);

bool __wrap_weir_kafka_map_skip(weir_kafka_reader *src, weir_kafka_part *part,
                                int64_t offset, size_t n_more)
{
    const bool is_known = __real_weir_kafka_map_skip(src, part, offset, n_more);

    if (is_known) {
        sim_check_known(part->partition, offset);
    }
    return is_known;
}

weir_status __wrap_weir_kafka_assignor_check(const weir_kafka_caps *caps, int assignor,
                                             weir_err *err);

/* The fake client can do both, whatever the library's version. */
weir_status __wrap_weir_kafka_assignor_check(const weir_kafka_caps *caps, int assignor,
                                             weir_err *err)
{
    (void)caps;
    (void)assignor;
    (void)err;
    return WEIR_OK;
}
