/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* tool_kafka - Kafka for weir-line-tool. */
#include "tool.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t n_failed;

static void kafka_set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char text[512];

    if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) != RD_KAFKA_CONF_OK) {
        tool_die(name, text);
    }
}

static rd_kafka_t *kafka_new(rd_kafka_type_t type, rd_kafka_conf_t *conf)
{
    char text[512];
    rd_kafka_t *rk = rd_kafka_new(type, conf, text, sizeof(text));

    if (rk == NULL) {
        tool_die("client", text);
    }
    return rk;
}

/* arg: by event, whether it is confirmed. */
static void kafka_delivered(rd_kafka_t *rk, const rd_kafka_message_t *m, void *arg)
{
    uint8_t *is_confirmed = arg;

    (void)rk;
    if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        n_failed++;
    } else {
        is_confirmed[(uintptr_t)m->_private] = 1;
    }
}

static void kafka_load(const tool_load *job)
{
    const plan *p = job->p;
    const double begun = tool_now();
    uint8_t *is_confirmed = calloc(p->n_events, 1);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *rk;
    char key[32];
    char data[128];

    kafka_set(conf, "bootstrap.servers", job->address);
    kafka_set(conf, "enable.idempotence", "true");
    kafka_set(conf, "linger.ms", "5");
    rd_kafka_conf_set_dr_msg_cb(conf, kafka_delivered);
    rd_kafka_conf_set_opaque(conf, is_confirmed);
    rk = kafka_new(RD_KAFKA_PRODUCER, conf);
    for (size_t i = 0; i < p->n_events; i++) {
        const size_t key_len = plan_key(&p->events[i], key, sizeof(key));
        const size_t len = plan_payload(&p->events[i], data, sizeof(data));
        rd_kafka_resp_err_t err;

        tool_pace(job, i, begun);
        while ((err = rd_kafka_producev(
                    rk, RD_KAFKA_V_TOPIC(job->topic), RD_KAFKA_V_KEY(key, key_len),
                    RD_KAFKA_V_VALUE(data, len), RD_KAFKA_V_OPAQUE((void *)i),
                    RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END)) ==
               RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            rd_kafka_poll(rk, 10);
        }
        if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            tool_die("produce", rd_kafka_err2str(err));
        }
        if (i % 1000 == 0) {
            rd_kafka_poll(rk, 0);
        }
    }
    if (rd_kafka_flush(rk, 120000) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        (n_failed > 0 && job->log == NULL)) {
        tool_die("load", "not every event was confirmed");
    }
    rd_kafka_destroy(rk);
    if (job->log != NULL) {
        tool_log_sent(job, is_confirmed);
    }
    free(is_confirmed);
}

static void kafka_header(const rd_kafka_message_t *m, const char *name, char *out,
                         size_t cap)
{
    rd_kafka_headers_t *headers;
    const void *value;
    size_t len;

    out[0] = '\0';
    if (rd_kafka_message_headers(m, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR &&
        rd_kafka_header_get_last(headers, name, &value, &len) ==
            RD_KAFKA_RESP_ERR_NO_ERROR) {
        snprintf(out, cap, "%.*s", (int)len, (const char *)value);
    }
}

static size_t kafka_partitions(rd_kafka_t *rk, const char *topic)
{
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, topic, NULL);
    const struct rd_kafka_metadata *md;
    size_t n;

    if (rd_kafka_metadata(rk, 0, rkt, &md, 20000) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        md->topic_cnt != 1) {
        tool_die(topic, "no metadata");
    }
    n = (size_t)md->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(md);
    rd_kafka_topic_destroy(rkt);
    return n;
}

static uint64_t kafka_ends(rd_kafka_t *rk, const char *topic)
{
    const size_t n = kafka_partitions(rk, topic);
    uint64_t sum = 0;

    for (size_t i = 0; i < n; i++) {
        int64_t lo, hi;

        if (rd_kafka_query_watermark_offsets(rk, topic, (int32_t)i, &lo, &hi, 20000) !=
            RD_KAFKA_RESP_ERR_NO_ERROR) {
            tool_die(topic, "no watermarks");
        }
        if (lo != 0) {
            tool_die(topic, "retention has eaten its begin");
        }
        sum += (uint64_t)hi;
    }
    return sum;
}

static rd_kafka_t *kafka_reader(const char *address, bool wants_ends)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    kafka_set(conf, "bootstrap.servers", address);
    kafka_set(conf, "group.id", "weir-line-tool");
    kafka_set(conf, "enable.auto.commit", "false");
    kafka_set(conf, "enable.partition.eof", wants_ends ? "true" : "false");
    kafka_set(conf, "isolation.level", "read_committed");
    return kafka_new(RD_KAFKA_CONSUMER, conf);
}

static void kafka_one(const rd_kafka_message_t *m, const char *dead, tally *t)
{
    char text[64];
    const char *key = m->key == NULL ? "" : m->key;
    const char *data = m->payload == NULL ? "" : m->payload;

    if (strcmp(rd_kafka_topic_name(m->rkt), dead) == 0) {
        kafka_header(m, "weir.reason", text, sizeof(text));
        tally_dead(t, key, m->key_len, data, m->len, text);
    } else {
        kafka_header(m, "by", text, sizeof(text));
        tally_result(t, key, m->key_len, data, m->len, text);
    }
}

/* Whether its partition has been read up to the end; returns 1 if that is new, -1 if it is so no
 * more, as a change of the number of such partitions. */
static size_t kafka_at_end(rd_kafka_topic_partition_list_t *list,
                           const rd_kafka_message_t *m, bool *at_end)
{
    const bool is_end = m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;

    if (!is_end && m->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return 0;
    }
    const rd_kafka_topic_partition_t *entry = rd_kafka_topic_partition_list_find(
        list, rd_kafka_topic_name(m->rkt), m->partition);
    bool *at = &at_end[entry - list->elems];
    const size_t change = (size_t)is_end - (size_t)*at;

    *at = is_end;
    return change;
}

static void kafka_check(const char *address, const char *to, const char *dead, tally *t,
                        double idle_s)
{
    rd_kafka_t *rk = kafka_reader(address, true);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(16);
    const char *const topics[] = { to, dead };
    double fresh = tool_now();

    for (size_t k = 0; k < 2; k++) {
        const size_t n = kafka_partitions(rk, topics[k]);

        for (size_t i = 0; i < n; i++) {
            rd_kafka_topic_partition_list_add(list, topics[k], (int32_t)i)->offset =
                RD_KAFKA_OFFSET_BEGINNING;
        }
    }
    bool *at_end = calloc((size_t)list->cnt, sizeof(*at_end));
    size_t n_at_end = 0;

    if (at_end == NULL) {
        tool_die(to, "no memory");
    }
    rd_kafka_poll_set_consumer(rk);
    rd_kafka_assign(rk, list);
    for (;;) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, 200);

        if (m != NULL && m->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            kafka_one(m, dead, t);
            fresh = tool_now();
        }
        if (m != NULL) {
            n_at_end += kafka_at_end(list, m, at_end);
            rd_kafka_message_destroy(m);
            continue;
        }
        /* Offsets do not tell: transactions leave markers, and what was aborted. */
        if (n_at_end == (size_t)list->cnt &&
            (t->n_distinct == t->p->n_events || tool_now() - fresh >= idle_s)) {
            break;
        }
    }
    free(at_end);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
}

/* A number of `n` bytes as Kafka writes it; moves on. */
static int64_t kafka_int(const uint8_t **at, size_t n)
{
    uint64_t value = (**at & 0x80) != 0 ? UINT64_MAX : 0;

    for (size_t i = 0; i < n; i++) {
        value = value << 8 | *(*at)++;
    }
    return (int64_t)value;
}

/* The text of a key of __consumer_offsets is `want`? Moves on. */
static bool kafka_is_text(const uint8_t **at, const uint8_t *end, const char *want)
{
    const int64_t len = end - *at < 2 ? -1 : kafka_int(at, 2);
    const bool is_it = len >= 0 && end - *at >= len && (size_t)len == strlen(want) &&
                       memcmp(*at, want, (size_t)len) == 0;

    *at += len < 0 || end - *at < len ? 0 : len;
    return is_it;
}

/* A record of the broker's own log of commits, if it is one of ours. */
static void kafka_print_commit(const rd_kafka_message_t *m, const tool_history *job)
{
    const uint8_t *at = m->key;
    const uint8_t *end = at == NULL ? NULL : at + m->key_len;
    const uint8_t *value = m->payload;
    int64_t version, partition;

    if (at == NULL || end - at < 2 || value == NULL || m->len < 10) {
        return;
    }
    version = kafka_int(&at, 2);
    if (version > 1 || !kafka_is_text(&at, end, job->group) ||
        !kafka_is_text(&at, end, job->from) || end - at < 4) {
        return;
    }
    partition = kafka_int(&at, 4);
    value += 2; /* the version; the offset is next in all of them */
    printf("commit %lld %lld %lld\n", (long long)partition,
           (long long)kafka_int(&value, 8),
           (long long)rd_kafka_message_timestamp(m, NULL));
}

static void kafka_print(const rd_kafka_message_t *m, const tool_history *job)
{
    const char *topic = rd_kafka_topic_name(m->rkt);
    const bool is_dead = strcmp(topic, job->dead) == 0;
    const char *event;
    char name[32], cause[128], by[64], call[64];
    const char *place;

    if (strcmp(topic, "__consumer_offsets") == 0) {
        kafka_print_commit(m, job);
        return;
    }
    event = tool_spell(job->p, m->payload == NULL ? "" : m->payload, m->len, name);
    printf("%s %d@%lld %lld %s",
           is_dead                       ? "dead"
           : strcmp(topic, job->to) == 0 ? "result"
                                         : "in",
           (int)m->partition, (long long)m->offset,
           (long long)rd_kafka_message_timestamp(m, NULL), event);
    if (strcmp(topic, job->from) != 0) {
        kafka_header(m, "weir.position", cause, sizeof(cause));
        kafka_header(m, is_dead ? "weir.reason" : "by", by, sizeof(by));
        kafka_header(m, "call", call, sizeof(call));
        place = strrchr(cause, '/');
        printf(" %s%s%s %s", by[0] == '\0' ? "-" : by, is_dead ? "" : " ",
               is_dead           ? ""
               : call[0] == '\0' ? "-"
                                 : call,
               place == NULL ? "-" : place + 1);
    }
    printf("\n");
}

static void kafka_history(const tool_history *job)
{
    const char *const topics[] = { job->from, job->to, job->dead,
                                   "__consumer_offsets" };
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(32);
    rd_kafka_t *rk = kafka_reader(job->address, true);
    int n_open = 0;

    for (size_t k = 0; k < 4; k++) {
        const size_t n = kafka_partitions(rk, topics[k]);

        for (size_t i = 0; i < n; i++, n_open++) {
            rd_kafka_topic_partition_list_add(list, topics[k], (int32_t)i)->offset =
                RD_KAFKA_OFFSET_BEGINNING;
        }
    }
    rd_kafka_poll_set_consumer(rk);
    rd_kafka_assign(rk, list);
    while (n_open > 0) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, 20000);

        if (m == NULL) {
            tool_die("history", "nothing comes");
        }
        if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            n_open--;
        } else if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            kafka_print(m, job);
        }
        rd_kafka_message_destroy(m);
    }
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
}

static uint64_t kafka_count(const char *address, const char *topic)
{
    rd_kafka_t *rk = kafka_reader(address, false);
    const uint64_t n = kafka_ends(rk, topic);

    rd_kafka_destroy(rk);
    return n;
}

const tool_queue tool_kafka = { kafka_load, kafka_history, kafka_check, kafka_count };
