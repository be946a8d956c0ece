/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* kafka_kit - see kafka_kit.h. */
#include "tests/support/kafka_kit.h"

#include "worker/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KIT_CALL_MS 30000

int64_t kit_clock_ms(void)
{
    return weir_clock_us() / 1000;
}

static rd_kafka_t *kit_client(rd_kafka_type_t type, const char *brokers,
                              const char *group)
{
    char text[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    rd_kafka_conf_set(conf, "bootstrap.servers", brokers, text, sizeof(text));
    rd_kafka_conf_set(conf, "message.max.bytes", "20000000", text, sizeof(text));
    rd_kafka_conf_set(conf, "log_level", "2", text, sizeof(text));
    rd_kafka_conf_set(conf, "enable.auto.commit", "false", text, sizeof(text));
    rd_kafka_conf_set(conf, "enable.partition.eof", "true", text, sizeof(text));
    rd_kafka_conf_set(conf, "isolation.level", "read_committed", text, sizeof(text));
    if (group != NULL) {
        rd_kafka_conf_set(conf, "group.id", group, text, sizeof(text));
    }
    rd_kafka_t *rk = rd_kafka_new(type, conf, text, sizeof(text));

    assert_non_null(rk);
    return rk;
}

int kit_share_kafka(weir_broker **kafka)
{
    weir_err err;

    if (weir_broker_share_kafka(WEIR_KAFKA_NEW, kafka, &err) != WEIR_OK) {
        print_error("%s\n", err.text);
        return -1;
    }
    return 0;
}

void kit_produce(const char *brokers, const char *topic, int32_t partition, int n,
                 size_t size)
{
    rd_kafka_t *rk = kit_client(RD_KAFKA_PRODUCER, brokers, NULL);
    char *data = calloc(1, size + 300);

    assert_non_null(data);
    memset(data, '.', size);
    for (int i = 0; i < n; i++) {
        char key[32];
        const int len = sprintf(data, "%s/%d/%d", topic, (int)partition, i);

        data[len] = (size_t)len < size ? ' ' : '\0';
        snprintf(key, sizeof(key), "k%d", i);
        for (;;) {
            const rd_kafka_resp_err_t code = rd_kafka_producev(
                rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
                RD_KAFKA_V_KEY(key, strlen(key)),
                RD_KAFKA_V_VALUE(data, size > (size_t)len ? size : (size_t)len),
                RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);

            if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
                assert_int_equal(code, RD_KAFKA_RESP_ERR_NO_ERROR);
                break;
            }
            rd_kafka_poll(rk, 10);
        }
    }
    assert_int_equal(rd_kafka_flush(rk, KIT_CALL_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
    free(data);
    rd_kafka_destroy(rk);
}

void kit_produce_one(const char *brokers, const char *topic, int32_t partition,
                     weir_slice key, weir_slice data, const weir_header *headers,
                     size_t n_headers)
{
    rd_kafka_t *rk = kit_client(RD_KAFKA_PRODUCER, brokers, NULL);
    rd_kafka_headers_t *list = rd_kafka_headers_new(n_headers + 1);

    for (size_t i = 0; i < n_headers; i++) {
        rd_kafka_header_add(list, headers[i].name, -1, headers[i].value.data,
                            (ssize_t)headers[i].value.len);
    }
    assert_int_equal(
        rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
                          RD_KAFKA_V_KEY((void *)(uintptr_t)key.data, key.len),
                          RD_KAFKA_V_VALUE((void *)(uintptr_t)data.data, data.len),
                          RD_KAFKA_V_HEADERS(list),
                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
        RD_KAFKA_RESP_ERR_NO_ERROR);
    assert_int_equal(rd_kafka_flush(rk, KIT_CALL_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_destroy(rk);
}

void kit_produce_zstd(const char *brokers, const char *topic, int32_t partition,
                      size_t size)
{
    char text[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char *data = calloc(1, size);

    assert_non_null(data);
    rd_kafka_conf_set(conf, "bootstrap.servers", brokers, text, sizeof(text));
    rd_kafka_conf_set(conf, "message.max.bytes", "100000000", text, sizeof(text));
    rd_kafka_conf_set(conf, "compression.codec", "zstd", text, sizeof(text));
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));

    assert_non_null(rk);
    assert_int_equal(
        rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
                          RD_KAFKA_V_VALUE(data, size),
                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
        RD_KAFKA_RESP_ERR_NO_ERROR);
    assert_int_equal(rd_kafka_flush(rk, KIT_CALL_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
    assert_int_equal(rd_kafka_outq_len(rk), 0);
    free(data);
    rd_kafka_destroy(rk);
}

int64_t kit_committed(const char *brokers, const char *group, const char *topic,
                      int32_t partition)
{
    rd_kafka_t *rk = kit_client(RD_KAFKA_CONSUMER, brokers, group);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

    rd_kafka_topic_partition_list_add(list, topic, partition);
    assert_int_equal(rd_kafka_committed(rk, list, KIT_CALL_MS),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    assert_int_equal(list->elems[0].err, RD_KAFKA_RESP_ERR_NO_ERROR);
    const int64_t offset = list->elems[0].offset;

    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(rk);
    return offset < 0 ? -1 : offset;
}

char *kit_metadata(const char *brokers, const char *group, const char *topic,
                   int32_t partition)
{
    rd_kafka_t *rk = kit_client(RD_KAFKA_CONSUMER, brokers, group);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    const rd_kafka_topic_partition_t *entry =
        rd_kafka_topic_partition_list_add(list, topic, partition);

    assert_int_equal(rd_kafka_committed(rk, list, KIT_CALL_MS),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    /* it need not end with a NUL */
    char *text = calloc(1, entry->metadata_size + 1);

    assert_non_null(text);
    if (entry->metadata_size > 0) {
        memcpy(text, entry->metadata, entry->metadata_size);
    }
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(rk);
    return text;
}

void kit_commit(const char *brokers, const char *group, const char *topic,
                int32_t partition, int64_t offset)
{
    kit_commit_text(brokers, group, topic, partition, offset, NULL);
}

void kit_commit_text(const char *brokers, const char *group, const char *topic,
                     int32_t partition, int64_t offset, const char *text)
{
    rd_kafka_t *rk = kit_client(RD_KAFKA_CONSUMER, brokers, group);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

    rd_kafka_topic_partition_t *entry =
        rd_kafka_topic_partition_list_add(list, topic, partition);

    entry->offset = offset;
    if (text != NULL) {
        entry->metadata_size = strlen(text);
        entry->metadata = rd_kafka_mem_malloc(rk, entry->metadata_size + 1);
        memcpy(entry->metadata, text, entry->metadata_size + 1);
    }
    assert_int_equal(rd_kafka_commit(rk, list, 0), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(rk);
}

/* Waits for the one result of an admin call. */
static void kit_admin_wait(rd_kafka_queue_t *queue)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, KIT_CALL_MS);

    assert_non_null(event);
    assert_int_equal(rd_kafka_event_error(event), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
}

void kit_trim(const char *brokers, const char *topic, int32_t partition, int64_t offset)
{
    rd_kafka_t *rk = kit_client(RD_KAFKA_PRODUCER, brokers, NULL);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = offset;
    rd_kafka_DeleteRecords_t *trim = rd_kafka_DeleteRecords_new(list);

    rd_kafka_DeleteRecords(rk, &trim, 1, NULL, queue);
    kit_admin_wait(queue);
    rd_kafka_DeleteRecords_destroy(trim);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(rk);
}

void kit_delete_topic(const char *brokers, const char *topic)
{
    rd_kafka_t *rk = kit_client(RD_KAFKA_PRODUCER, brokers, NULL);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_DeleteTopic_t *gone = rd_kafka_DeleteTopic_new(topic);

    rd_kafka_DeleteTopics(rk, &gone, 1, NULL, queue);
    kit_admin_wait(queue);
    rd_kafka_DeleteTopic_destroy(gone);
    rd_kafka_destroy(rk);
}

void kit_set_topic(const char *brokers, const char *topic, const char *name,
                   const char *value)
{
    rd_kafka_t *rk = kit_client(RD_KAFKA_PRODUCER, brokers, NULL);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_ConfigResource_t *change =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);

    rd_kafka_ConfigResource_set_config(change, name, value);
    rd_kafka_AlterConfigs(rk, &change, 1, NULL, queue);
    kit_admin_wait(queue);
    rd_kafka_ConfigResource_destroy(change);
    rd_kafka_destroy(rk);
}

void kit_grow_topic(const char *brokers, const char *topic, int n_partitions)
{
    char text[256];
    rd_kafka_t *rk = kit_client(RD_KAFKA_PRODUCER, brokers, NULL);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_NewPartitions_t *more =
        rd_kafka_NewPartitions_new(topic, (size_t)n_partitions, text, sizeof(text));

    assert_non_null(more);
    rd_kafka_CreatePartitions(rk, &more, 1, NULL, queue);
    kit_admin_wait(queue);
    rd_kafka_NewPartitions_destroy(more);
    rd_kafka_destroy(rk);
}

int kit_read(const char *brokers, const char *topic, kit_record_fn *fn, void *arg)
{
    rd_kafka_t *rk = kit_client(RD_KAFKA_CONSUMER, brokers, "kit.reader");
    rd_kafka_topic_t *handle = rd_kafka_topic_new(rk, topic, NULL);
    const struct rd_kafka_metadata *meta;
    int n = 0;

    assert_int_equal(rd_kafka_metadata(rk, 0, handle, &meta, KIT_CALL_MS),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    const int n_parts = meta->topics[0].partition_cnt;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(n_parts);

    for (int i = 0; i < n_parts; i++) {
        rd_kafka_topic_partition_list_add(list, topic, i)->offset =
            RD_KAFKA_OFFSET_BEGINNING;
    }
    rd_kafka_metadata_destroy(meta);
    rd_kafka_topic_destroy(handle);
    rd_kafka_assign(rk, list);
    for (int n_ended = 0; n_ended < n_parts;) {
        rd_kafka_message_t *msg = rd_kafka_consumer_poll(rk, KIT_CALL_MS);

        assert_non_null(msg);
        if (msg->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            n_ended++;
        } else if (msg->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            n++;
            if (fn != NULL) {
                fn(arg, msg);
            }
        }
        rd_kafka_message_destroy(msg);
    }
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    return n;
}

void kit_done_init(kit_done *done, int n_parts)
{
    done->n_parts = n_parts;
    done->n_different = 0;
    done->is_done = calloc((size_t)n_parts, KIT_OFFSETS);
    assert_non_null(done->is_done);
}

void kit_done_add(kit_done *done, int32_t partition, int64_t offset)
{
    unsigned char *at =
        &done->is_done[(size_t)partition * KIT_OFFSETS + (size_t)offset];

    assert_true(partition < done->n_parts && offset < KIT_OFFSETS);
    done->n_different += *at == 0;
    *at = 1;
}

bool kit_done_has(const kit_done *done, int32_t partition, int64_t offset)
{
    return done->is_done[(size_t)partition * KIT_OFFSETS + (size_t)offset] != 0;
}

void kit_done_fini(kit_done *done)
{
    free(done->is_done);
    done->is_done = NULL;
}

/* -------------------------------------------------------------------------- members ---- */

static void member_assigned(void *arg, const weir_epoch *e, size_t n)
{
    kit_member *member = arg;

    member->n_assigned_calls++;
    for (size_t i = 0; i < n && !member->is_many_topics; i++) {
        assert_true(e[i].partition < KIT_PARTS);
        assert_int_equal(member->parts[e[i].partition].epoch, 0);
        member->parts[e[i].partition] = e[i];
        member->partition_of[e[i].part] = e[i].partition;
        member->part_trouble[e[i].partition] = WEIR_TROUBLE_NONE;
    }
}

static void member_gone(kit_member *member, const weir_epoch *e, size_t n)
{
    for (size_t i = 0; i < n && !member->is_many_topics; i++) {
        assert_int_equal(member->parts[e[i].partition].epoch, e[i].epoch);
        member->parts[e[i].partition].epoch = 0;
    }
}

static void member_revoking(void *arg, const weir_epoch *e, size_t n, int64_t until_us)
{
    kit_member *member = arg;

    assert_true(until_us > weir_clock_us());
    member->n_revoking_calls++;
    if (member->acks_on_revoking) {
        kit_member_ack_all(member);
    }
    member_gone(member, e, n);
}

static void member_lost(void *arg, const weir_epoch *e, size_t n)
{
    kit_member *member = arg;

    member->n_lost_calls++;
    member_gone(member, e, n);
}

static void member_trouble(void *arg, const weir_epoch *e, weir_trouble kind,
                           const char *text)
{
    kit_member *member = arg;

    assert_non_null(text);
    if (e == NULL) {
        member->trouble = kind;
    } else {
        member->part_trouble[e->partition] = kind;
    }
}

void kit_member_init(kit_member *member, const char *brokers, const char *topic,
                     const char *group)
{
    *member = (kit_member){ .topic = topic };
    member->queue.brokers = strdup(brokers);
    member->queue.ack_map = 4096;
    assert_true(
        weir_opt_map_add(&member->queue.consumer, "session.timeout.ms", "6000"));
    assert_true(weir_opt_map_add(&member->queue.consumer,
                                 "topic.metadata.refresh.interval.ms", "1000"));
    member->host = (weir_source_host){
        .arg = member,
        .assigned = member_assigned,
        .revoking = member_revoking,
        .lost = member_lost,
        .trouble = member_trouble,
    };
    member->setup = (weir_source_setup){
        .queue = &member->queue,
        .queue_name = "kafka",
        .topics = &member->topic,
        .n_topics = 1,
        .sub_name = "sub",
        .group = group,
        .service = "test",
        .instance = "one",
        .start = WEIR_START_EARLIEST,
        .stop_on_lost_position = true,
        .commit_us = 100000,
        .handover_us = 2000000,
        .max_event = 16 << 20,
        .max_events = 20000,
        .max_bytes = 64 << 20,
        .host = &member->host,
    };
    member->seen = calloc(KIT_PARTS, KIT_OFFSETS);
    assert_non_null(member->seen);
}

void kit_member_open(kit_member *member)
{
    weir_err err;

    for (size_t i = 0; i < KIT_BATCH; i++) {
        weir_arena_init(&member->arenas[i], 512);
        member->events[i] = calloc(1, sizeof(weir_event));
        assert_non_null(member->events[i]);
    }
    member->self = calloc(1, weir_kafka_source.size);
    assert_non_null(member->self);
    if (weir_kafka_source.open(member->self, &member->setup, &err) != WEIR_OK) {
        fail_msg("%s", err.text);
    }
}

size_t kit_member_read(kit_member *member, size_t cap, int wait_ms)
{
    for (size_t i = 0; i < KIT_BATCH; i++) {
        weir_ev_begin(member->events[i], &member->arenas[i]);
    }
    const size_t n = weir_kafka_source.read(member->self, member->events,
                                            cap > KIT_BATCH ? KIT_BATCH : cap,
                                            (int64_t)wait_ms * 1000);

    if (member->n_unacked + n > member->cap_unacked) {
        member->cap_unacked = (member->n_unacked + n) * 2;
        member->unacked =
            realloc(member->unacked, member->cap_unacked * sizeof(*member->unacked));
        assert_non_null(member->unacked);
    }
    for (size_t i = 0; i < n; i++) {
        weir_event *ev = member->events[i];
        const int64_t offset = (int64_t)ev->receipt.pos.hi;

        assert_true(offset < KIT_OFFSETS && ev->partition < KIT_PARTS);
        if (!member->is_many_topics) {
            assert_int_equal(member->parts[ev->partition].epoch, ev->receipt.epoch);
            assert_int_equal(member->parts[ev->partition].part, ev->receipt.part);
            member->seen[(size_t)ev->partition * KIT_OFFSETS + (size_t)offset]++;
        }
        member->unacked[member->n_unacked++] = ev->receipt;
        if (member->look != NULL) {
            member->look(member->look_arg, ev);
        }
        weir_ev_end(ev);
    }
    member->n_events += n;
    return n;
}

void kit_member_ack(kit_member *member, size_t n)
{
    assert_true(n <= member->n_unacked);
    weir_kafka_source.ack(member->self, member->unacked, n);
    memmove(member->unacked, member->unacked + n,
            (member->n_unacked - n) * sizeof(*member->unacked));
    member->n_unacked -= n;
}

void kit_member_ack_all(kit_member *member)
{
    if (member->n_unacked > 0) {
        kit_member_ack(member, member->n_unacked);
    }
}

void kit_member_ack_but(kit_member *member, bool (*keeps)(int64_t offset))
{
    size_t n_kept = 0;

    for (size_t i = 0; i < member->n_unacked; i++) {
        const weir_receipt receipt = member->unacked[i];

        if (keeps((int64_t)receipt.pos.hi)) {
            member->unacked[n_kept++] = receipt;
        } else {
            weir_kafka_source.ack(member->self, &receipt, 1);
        }
    }
    member->n_unacked = n_kept;
}

int kit_member_seen(const kit_member *member, int32_t partition, int64_t offset)
{
    return member->seen[(size_t)partition * KIT_OFFSETS + (size_t)offset];
}

int kit_member_owned(const kit_member *member)
{
    int n = 0;

    for (size_t i = 0; i < KIT_PARTS; i++) {
        n += member->parts[i].epoch != 0;
    }
    return n;
}

void kit_member_read_until(kit_member *member, size_t n, bool acks)
{
    const int64_t until = kit_clock_ms() + 60000;

    while (member->n_events < n) {
        assert_true(kit_clock_ms() < until);
        kit_member_read(member, KIT_BATCH, 100);
        if (acks) {
            kit_member_ack_all(member);
        }
    }
}

void kit_member_flush(kit_member *member)
{
    assert_int_equal(weir_kafka_source.flush(member->self, weir_clock_us() + 20000000),
                     WEIR_OK);
}

void kit_member_close(kit_member *member)
{
    if (member->self != NULL) {
        assert_true(weir_kafka_source.close(member->self, weir_clock_us() + 30000000));
        for (size_t i = 0; i < KIT_BATCH; i++) {
            weir_arena_fini(&member->arenas[i]);
            free(member->events[i]);
        }
    }
    free(member->self);
    free(member->seen);
    free(member->unacked);
    weir_opt_fini(weir_kafka_queue_opts, &member->queue);
    *member = (kit_member){ 0 };
}
