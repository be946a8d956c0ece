/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * raw_kafka - the loop that an engineer writes on librdkafka without weir.
 *
 *   weir-bench-kafka poll ADDRESS TOPIC N TUNING        reads N records in a group
 *   weir-bench-kafka copy ADDRESS TOPIC N TUNING TO     and publishes each to another topic
 *   weir-bench-kafka headed ADDRESS TOPIC N TUNING TO   with two headers
 *   weir-bench-kafka look ADDRESS TOPIC N TUNING        reads, with a look at their headers
 *   weir-bench-kafka stamp ADDRESS TOPIC N TUNING       reads, and measures their age
 *
 * Both store offsets, which the client commits each second: `poll` after each record, `copy`
 * when the copy of the record is confirmed, so that a crash loses nothing that was read.
 *
 * `headed` is `copy` with what each result of weir carries: two headers, where its cause stands
 * and how often it has been passed on, for which the headers of the cause are looked at.
 *
 * `look` is `poll` where each record's headers are looked through, as whoever reads CloudEvents in
 * the binary mode must, and counts their bytes.
 *
 * TUNING: plain, the client as it is; wake, its fetcher is woken every 20 ms while its queue is
 * low, for it stops when the queue is full and looks again a second later; big, a queue so large
 * that it is never full.
 *
 * Prints one line of JSON, see meter.h: from the first record to the last read, for `copy` to
 * the last confirmed.
 */
#include "tests/bench/client.h"
#include "tests/bench/meter.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WAKE_NS 20000000
#define WAKE_BELOW 50000 /* half of the client's queue */
#define MAX_PARTITIONS 1024

typedef struct raw {
    rd_kafka_t *consumer, *producer;
    rd_kafka_queue_t *queue;
    const char *topic;
    rd_kafka_topic_t *from[MAX_PARTITIONS]; /* of each partition that came */
    long n_read, n_confirmed;
    atomic_bool must_end;
    bool is_copy, is_headed, is_stamp, is_look;
    size_t n_header_bytes;
    bench_meter meter;
} raw;

static bench_histogram raw_ages;

static const bench_setting raw_group_settings[] = {
    { "auto.offset.reset", "earliest" },
    { "enable.auto.offset.store", "false" },
    { "enable.auto.commit", "true" },
    { "auto.commit.interval.ms", "1000" },
    { NULL, NULL },
};

/* One partition stands for the leader of all: there is one broker. */
static void *raw_wake(void *arg)
{
    raw *r = arg;
    const struct timespec pause = { .tv_nsec = WAKE_NS };

    while (!atomic_load(&r->must_end)) {
        int64_t low;
        int64_t high;

        nanosleep(&pause, NULL);
        if (rd_kafka_queue_length(r->queue) < WAKE_BELOW) {
            (void)rd_kafka_query_watermark_offsets(r->consumer, r->topic, 0, &low,
                                                   &high, 1000);
        }
    }
    return NULL;
}

/* Where a record stands travels with its copy: 16 bits of partition, 48 of offset. */
static void *raw_pack(const rd_kafka_message_t *msg)
{
    return (void *)(((uintptr_t)msg->partition << 48) | (uintptr_t)msg->offset);
}

static void raw_confirmed(rd_kafka_t *rk, const rd_kafka_message_t *msg, void *arg)
{
    const uintptr_t place = (uintptr_t)msg->_private;
    raw *r = arg;

    (void)rk;
    if (msg->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        bench_die("not delivered: %s", rd_kafka_err2str(msg->err));
    }
    rd_kafka_offset_store(r->from[place >> 48], (int32_t)(place >> 48),
                          (int64_t)(place & (((uintptr_t)1 << 48) - 1)));
    r->n_confirmed++;
}

/* The headers of a copy. */
static rd_kafka_headers_t *raw_headers(const raw *r, const rd_kafka_message_t *msg)
{
    rd_kafka_headers_t *had;
    rd_kafka_headers_t *headers = rd_kafka_headers_new(2);
    const void *value;
    size_t len;
    char text[320];
    int hops = 1;

    if (rd_kafka_message_headers(msg, &had) == RD_KAFKA_RESP_ERR_NO_ERROR &&
        rd_kafka_header_get_last(had, "weir.hops", &value, &len) ==
            RD_KAFKA_RESP_ERR_NO_ERROR) {
        hops += atoi(value);
    }
    int n = snprintf(text, sizeof(text), "kafka:%s/%d@%lld", r->topic,
                     (int)msg->partition, (long long)msg->offset);

    rd_kafka_header_add(headers, "weir.position", -1, text, n);
    n = snprintf(text, sizeof(text), "%d", hops);
    rd_kafka_header_add(headers, "weir.hops", -1, text, n);
    return headers;
}

static rd_kafka_resp_err_t raw_produce(raw *r, rd_kafka_topic_t *to,
                                       const rd_kafka_message_t *msg)
{
    if (!r->is_headed) {
        return rd_kafka_produce(to, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY,
                                msg->payload, msg->len, msg->key, msg->key_len,
                                raw_pack(msg)) == 0
                   ? RD_KAFKA_RESP_ERR_NO_ERROR
                   : rd_kafka_last_error();
    }
    rd_kafka_headers_t *headers = raw_headers(r, msg);
    const rd_kafka_resp_err_t code = rd_kafka_producev(
        r->producer, RD_KAFKA_V_RKT(to), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_VALUE(msg->payload, msg->len),
        RD_KAFKA_V_KEY(msg->key, msg->key_len), RD_KAFKA_V_HEADERS(headers),
        RD_KAFKA_V_OPAQUE(raw_pack(msg)), RD_KAFKA_V_END);

    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_headers_destroy(headers);
    }
    return code;
}

static void raw_publish(raw *r, rd_kafka_topic_t *to, const rd_kafka_message_t *msg)
{
    rd_kafka_resp_err_t code;

    while ((code = raw_produce(r, to, msg)) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            bench_die("produce: %s", rd_kafka_err2str(code));
        }
        rd_kafka_poll(r->producer, 10);
    }
    if (r->n_read % 256 == 0) {
        rd_kafka_poll(r->producer, 0);
    }
}

static void raw_measure(const rd_kafka_message_t *msg)
{
    int64_t sent_ns;

    if (msg->len >= sizeof(sent_ns)) {
        memcpy(&sent_ns, msg->payload, sizeof(sent_ns));
        if (sent_ns != 0) {
            bench_histogram_add(&raw_ages, bench_now_ns() - sent_ns);
        }
    }
}

static void raw_look(raw *r, const rd_kafka_message_t *msg)
{
    rd_kafka_headers_t *headers;
    const char *name;
    const void *value;
    size_t len;

    if (rd_kafka_message_headers(msg, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return;
    }
    for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &len) ==
                       RD_KAFKA_RESP_ERR_NO_ERROR;
         i++) {
        r->n_header_bytes += strlen(name) + len;
    }
}

static void raw_loop(raw *r, long n, rd_kafka_topic_t *to)
{
    while (r->n_read < n) {
        rd_kafka_message_t *msg =
            rd_kafka_consumer_poll(r->consumer, to != NULL ? 5 : 100);

        if (msg == NULL) {
            if (to != NULL) {
                rd_kafka_poll(r->producer, 0);
            }
            continue;
        }
        if (msg->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            if (r->n_read++ == 0) {
                bench_moment_take(&r->meter.first);
            }
            if (r->n_read == n / 4) {
                bench_moment_take(&r->meter.warm);
                r->meter.n_warm = (uint64_t)r->n_read;
            }
            if (r->is_copy) {
                r->from[msg->partition] = msg->rkt;
                raw_publish(r, to, msg);
            } else {
                if (r->is_stamp) {
                    raw_measure(msg);
                }
                if (r->is_look) {
                    raw_look(r, msg);
                }
                rd_kafka_offset_store(msg->rkt, msg->partition, msg->offset);
            }
        }
        rd_kafka_message_destroy(msg);
    }
    while (r->is_copy && r->n_confirmed < n) {
        rd_kafka_poll(r->producer, 10);
    }
    bench_moment_take(&r->meter.last);
    r->meter.n_last = (uint64_t)r->n_read;
}

static const bench_setting *raw_tuning(const char *name)
{
    static const bench_setting plain[] = { { NULL, NULL } };
    static const bench_setting big[] = { { "queued.min.messages", "10000000" },
                                         { "queued.max.messages.kbytes", "65536" },
                                         { NULL, NULL } };

    if (strcmp(name, "plain") == 0 || strcmp(name, "wake") == 0) {
        return plain;
    }
    if (strcmp(name, "big") == 0) {
        return big;
    }
    bench_die("%s: wanted plain, wake or big", name);
}

/* linger.ms as it stands in the client; a record goes where Java's clients would put it. */
static const bench_setting raw_producer_settings[] = {
    { "partitioner", "murmur2_random" },
    { NULL, NULL },
};

static void raw_run(raw *r, const char *address, long n, const char *tuning,
                    const char *to)
{
    char group[64];
    const bench_setting *more = raw_tuning(tuning);
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_t *target = NULL;
    pthread_t waker;

    snprintf(group, sizeof(group), "raw-%d-%ld", (int)getpid(), (long)time(NULL));
    bench_setting settings[8] = { { "group.id", group } };
    memcpy(settings + 1, raw_group_settings, sizeof(raw_group_settings));
    r->consumer = bench_client(RD_KAFKA_CONSUMER, address, settings, more, NULL, r);
    rd_kafka_poll_set_consumer(r->consumer);
    r->queue = rd_kafka_queue_get_consumer(r->consumer);
    if (r->is_copy) {
        r->producer = bench_client(RD_KAFKA_PRODUCER, address, raw_producer_settings,
                                   NULL, raw_confirmed, r);
        target = rd_kafka_topic_new(r->producer, to, NULL);
    }
    rd_kafka_topic_partition_list_add(topics, r->topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_subscribe(r->consumer, topics);
    const bool has_waker = strcmp(tuning, "wake") == 0;
    if (has_waker && pthread_create(&waker, NULL, raw_wake, r) != 0) {
        bench_die("no thread");
    }
    raw_loop(r, n, target);
    bench_report(stdout, &r->meter, r->is_stamp ? &raw_ages : NULL);
    fflush(stdout);
    atomic_store(&r->must_end, true);
    if (has_waker) {
        pthread_join(waker, NULL);
    }
    rd_kafka_consumer_close(r->consumer);
    rd_kafka_queue_destroy(r->queue);
    rd_kafka_topic_partition_list_destroy(topics);
    rd_kafka_destroy(r->consumer);
    if (target != NULL) {
        rd_kafka_topic_destroy(target);
        rd_kafka_destroy(r->producer);
    }
}

int main(int argc, char **argv)
{
    static raw r;

    r.is_headed = argc == 7 && strcmp(argv[1], "headed") == 0;
    r.is_copy = r.is_headed || (argc == 7 && strcmp(argv[1], "copy") == 0);
    r.is_stamp = argc == 6 && strcmp(argv[1], "stamp") == 0;
    r.is_look = argc == 6 && strcmp(argv[1], "look") == 0;
    if (!r.is_copy && !r.is_stamp && !r.is_look &&
        (argc != 6 || strcmp(argv[1], "poll") != 0)) {
        fputs("usage: weir-bench-kafka poll|look|stamp ADDRESS TOPIC N plain|wake|big\n"
              "       weir-bench-kafka copy|headed ADDRESS TOPIC N plain|wake|big TO\n",
              stderr);
        return 64;
    }
    r.topic = argv[3];
    raw_run(&r, argv[2], bench_number(argv[4], 1), argv[5], r.is_copy ? argv[6] : NULL);
    return 0;
}
