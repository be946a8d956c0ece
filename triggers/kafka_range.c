/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_range - see kafka_range.h. The library's consumer without a group does the fetching.
 */
#include "triggers/kafka_range.h"

#include "triggers/kafka_end.h"
#include "worker/base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RANGE_CLOSE_US 3000000

typedef struct range_part {
    int32_t partition;
    int64_t next, end; /* end INT64_MAX: none */
    bool is_done, is_started;
    char *where; /* "kafka:orders/3@" */
} range_part;

struct weir_kafka_range {
    weir_kafka_range_setup setup;
    rd_kafka_t *rk;
    rd_kafka_topic_t *topic;
    rd_kafka_queue_t *queue;
    range_part *parts;
    size_t n_parts, n_done;
};

static weir_status range_fail(const weir_kafka_range *r, rd_kafka_resp_err_t code,
                              weir_err *err)
{
    return weir_fail(err, weir_kafka_status(code), "topic %s: %s", r->setup.topic,
                     rd_kafka_err2str(code));
}

static weir_status range_client(weir_kafka_range *r, weir_err *err)
{
    const weir_kafka_prop props[] = {
        { "client.id", "weir-tail", false },
        { "enable.auto.commit", "false", false },
        { "enable.auto.offset.store", "false", false },
        { "enable.partition.eof", "true", false },
        { "auto.offset.reset", "error", false },
        { "isolation.level", "read_committed", false },
        { "allow.auto.create.topics", "false", false },
        { "receive.message.max.bytes", WEIR_KAFKA_ANSWER_MAX_TOOL, true },
        { NULL, NULL, false },
    };
    rd_kafka_conf_t *conf = NULL;
    char text[512] = "";
    weir_status st =
        weir_kafka_conf_new(r->setup.queue, WEIR_KAFKA_CONSUMER, props, &conf, err);

    if (st != WEIR_OK) {
        return st;
    }
    r->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
    if (r->rk == NULL) {
        rd_kafka_conf_destroy(conf);
        return weir_fail(err, WEIR_ECONFIG, "kafka: %s", text);
    }
    r->topic = rd_kafka_topic_new(r->rk, r->setup.topic, NULL);
    r->queue = rd_kafka_queue_new(r->rk);
    if (r->topic == NULL || r->queue == NULL) {
        return weir_fail(err, WEIR_EINVAL, "topic %s: %s", r->setup.topic,
                         rd_kafka_err2str(rd_kafka_last_error()));
    }
    return WEIR_OK;
}

static weir_status range_add_part(weir_kafka_range *r, int32_t partition, weir_err *err)
{
    range_part *part = &r->parts[r->n_parts];

    part->partition = partition;
    if (asprintf(&part->where, "%s:%s/%d@", r->setup.queue_name, r->setup.topic,
                 partition) < 0) {
        part->where = NULL;
        return weir_fail(err, WEIR_ENOMEM, "out of memory");
    }
    r->n_parts++;
    return WEIR_OK;
}

static weir_status range_partitions(weir_kafka_range *r, weir_err *err)
{
    const struct rd_kafka_metadata *meta = NULL;
    weir_status st = WEIR_OK;
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(r->rk, 0, r->topic, &meta, r->setup.timeout_ms);

    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        code = meta->topic_cnt == 1 ? meta->topics[0].err
                                    : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        st = range_fail(r, code, err);
        goto out;
    }
    const struct rd_kafka_metadata_topic *topic = &meta->topics[0];
    r->parts = calloc((size_t)topic->partition_cnt + 1, sizeof(*r->parts));
    if (r->parts == NULL) {
        st = weir_fail(err, WEIR_ENOMEM, "out of memory");
        goto out;
    }
    for (int i = 0; i < topic->partition_cnt && st == WEIR_OK; i++) {
        if (r->setup.partition < 0 || topic->partitions[i].id == r->setup.partition) {
            st = range_add_part(r, topic->partitions[i].id, err);
        }
    }
    if (st == WEIR_OK && r->n_parts == 0) {
        st = weir_fail(err, WEIR_ENOENT, "topic %s has no partition %d", r->setup.topic,
                       r->setup.partition);
    }
out:
    if (meta != NULL) {
        rd_kafka_metadata_destroy(meta);
    }
    return st;
}

/* The offset of a time; the end if nothing is that young. */
static weir_status range_time(weir_kafka_range *r, int32_t partition, int64_t time_ms,
                              int64_t end, int64_t *out, weir_err *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *item =
        rd_kafka_topic_partition_list_add(list, r->setup.topic, partition);

    item->offset = time_ms;
    rd_kafka_resp_err_t code =
        rd_kafka_offsets_for_times(r->rk, list, r->setup.timeout_ms);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        code = item->err;
    }
    *out = item->offset < 0 ? end : item->offset;
    rd_kafka_topic_partition_list_destroy(list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? WEIR_OK : range_fail(r, code, err);
}

static weir_status range_bound(weir_kafka_range *r, int32_t partition,
                               weir_kafka_bound bound, const int64_t ends[2],
                               int64_t *out, weir_err *err)
{
    switch (bound.kind) {
    case WEIR_KAFKA_AT_START:
        *out = ends[0];
        break;
    case WEIR_KAFKA_AT_END:
        *out = ends[1];
        break;
    case WEIR_KAFKA_AT_OFFSET:
        *out = bound.value;
        break;
    case WEIR_KAFKA_AT_BACK:
        *out = ends[1] - bound.value;
        break;
    case WEIR_KAFKA_AT_TIME:
        return range_time(r, partition, bound.value, ends[1], out, err);
    case WEIR_KAFKA_AT_NEVER:
        *out = INT64_MAX;
        return WEIR_OK;
    }
    if (*out < ends[0]) {
        *out = ends[0];
    }
    return WEIR_OK;
}

static weir_status range_begin(weir_kafka_range *r, range_part *part, weir_err *err)
{
    int64_t ends[2] = { 0, 0 };
    rd_kafka_resp_err_t code =
        rd_kafka_query_watermark_offsets(r->rk, r->setup.topic, part->partition,
                                         &ends[0], &ends[1], r->setup.timeout_ms);

    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return range_fail(r, code, err);
    }
    weir_status st =
        range_bound(r, part->partition, r->setup.from, ends, &part->next, err);
    if (st == WEIR_OK) {
        st = range_bound(r, part->partition, r->setup.to, ends, &part->end, err);
    }
    if (st != WEIR_OK) {
        return st;
    }
    if (part->end != INT64_MAX && part->end > ends[1]) {
        part->end = ends[1];
    }
    if (part->next >= part->end) {
        part->is_done = true;
        r->n_done++;
        return WEIR_OK;
    }
    if (rd_kafka_consume_start_queue(r->topic, part->partition, part->next, r->queue) !=
        0) {
        return range_fail(r, rd_kafka_last_error(), err);
    }
    part->is_started = true;
    return WEIR_OK;
}

weir_status weir_kafka_range_open(const weir_kafka_range_setup *setup,
                                  weir_kafka_range **out, weir_err *err)
{
    weir_kafka_range *r = calloc(1, sizeof(*r));

    if (r == NULL) {
        return weir_fail(err, WEIR_ENOMEM, "out of memory");
    }
    r->setup = *setup;
    weir_status st = range_client(r, err);
    if (st == WEIR_OK) {
        st = range_partitions(r, err);
    }
    for (size_t i = 0; st == WEIR_OK && i < r->n_parts; i++) {
        st = range_begin(r, &r->parts[i], err);
    }
    if (st != WEIR_OK) {
        weir_kafka_range_close(r);
        return st;
    }
    *out = r;
    return WEIR_OK;
}

static range_part *range_part_of(weir_kafka_range *r, int32_t partition)
{
    for (size_t i = 0; i < r->n_parts; i++) {
        if (r->parts[i].partition == partition) {
            return &r->parts[i];
        }
    }
    return NULL;
}

static void range_done(weir_kafka_range *r, range_part *part)
{
    if (!part->is_done) {
        part->is_done = true;
        r->n_done++;
    }
}

static void range_message_free(void *native)
{
    rd_kafka_message_destroy(native);
}

/* Makes the event of a message, which it then owns. */
static weir_status range_fill(weir_kafka_range *r, const range_part *part,
                              weir_event *ev, rd_kafka_message_t *msg)
{
    rd_kafka_headers_t *headers = NULL;
    rd_kafka_timestamp_type_t type;

    ev->native = msg;
    ev->native_free = range_message_free;
    ev->data = (weir_slice){ msg->payload, msg->len };
    ev->key = (weir_slice){ msg->key, msg->key_len };
    ev->time_ms = rd_kafka_message_timestamp(msg, &type);
    ev->where = weir_slice_of(part->where);
    ev->topic = r->setup.topic;
    ev->partition = part->partition;
    ev->receipt.pos = (weir_pos){ (uint64_t)msg->offset, 0 };
    if (rd_kafka_message_headers(msg, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return WEIR_OK;
    }
    size_t n = rd_kafka_header_cnt(headers);
    ev->headers = weir_arena_zalloc(ev->arena, (n + 1) * sizeof(*ev->headers));
    if (ev->headers == NULL) {
        return WEIR_ENOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        const void *value = NULL;

        rd_kafka_header_get_all(headers, i, &ev->headers[i].name, &value,
                                &ev->headers[i].value.len);
        ev->headers[i].value.data = value;
    }
    ev->n_headers = n;
    return WEIR_OK;
}

/* Takes a message; *is_taken: ev is filled. */
static weir_status range_take(weir_kafka_range *r, rd_kafka_message_t *msg,
                              weir_event *ev, bool *is_taken, weir_err *err)
{
    range_part *part = range_part_of(r, msg->partition);
    rd_kafka_resp_err_t code = msg->err;

    *is_taken = false;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && part != NULL && !part->is_done &&
        msg->offset < part->end) {
        part->next = msg->offset + 1;
        if (part->next >= part->end) {
            range_done(r, part);
        }
        *is_taken = true;
        if (range_fill(r, part, ev, msg) != WEIR_OK) {
            return weir_fail(err, WEIR_ENOMEM, "out of memory");
        }
        return WEIR_OK;
    }
    int64_t at = msg->offset;
    rd_kafka_message_destroy(msg);
    if (part != NULL &&
        (code == RD_KAFKA_RESP_ERR_NO_ERROR ||
         (code == RD_KAFKA_RESP_ERR__PARTITION_EOF && at >= part->end))) {
        range_done(r, part); /* beyond the end; gaps may lie before it */
        return WEIR_OK;
    }
    switch (code) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__RESOLVE:
        return WEIR_OK; /* the client goes on trying */
    default:
        return range_fail(r, code, err);
    }
}

weir_status weir_kafka_range_read(weir_kafka_range *r, weir_event *const *evs,
                                  size_t cap, int64_t wait_us, size_t *n, bool *is_end,
                                  weir_err *err)
{
    weir_status st = WEIR_OK;
    int64_t until_us = weir_clock_us() + wait_us;

    *n = 0;
    while (st == WEIR_OK && *n < cap && r->n_done < r->n_parts) {
        int64_t left_us = *n > 0 ? 0 : until_us - weir_clock_us();
        rd_kafka_message_t *msg =
            rd_kafka_consume_queue(r->queue, left_us < 0 ? 0 : (int)(left_us / 1000));
        bool is_taken = false;

        if (msg == NULL) {
            break;
        }
        st = range_take(r, msg, evs[*n], &is_taken, err);
        *n += is_taken;
    }
    *is_end = r->n_done == r->n_parts;
    return st;
}

void weir_kafka_range_close(weir_kafka_range *r)
{
    if (r == NULL) {
        return;
    }
    for (size_t i = 0; i < r->n_parts; i++) {
        if (r->parts[i].is_started) {
            (void)rd_kafka_consume_stop(r->topic, r->parts[i].partition);
        }
        free(r->parts[i].where);
    }
    free(r->parts);
    if (r->queue != NULL) {
        rd_kafka_queue_destroy(r->queue);
    }
    if (r->topic != NULL) {
        rd_kafka_topic_destroy(r->topic);
    }
    if (r->rk != NULL) {
        (void)weir_kafka_end(&r->rk, 0, weir_clock_us() + RANGE_CLOSE_US);
    }
    free(r);
}
