/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * raw - the load of the benchmark, and the loop without weir that it is compared with.
 *
 *   weir-bench-raw fill ADDRESS TOPIC N BYTES KEYS    writes N records
 *   weir-bench-raw poll ADDRESS TOPIC N               reads N in a group, storing offsets
 *
 * `poll` prints one line: seconds from the first to the last record, and the processor time
 * that the whole process took between them.
 */
#include <librdkafka/rdkafka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define MOST_BYTES 65536

static double raw_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double raw_cpu(void)
{
    struct rusage use;

    getrusage(RUSAGE_SELF, &use);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
           (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

static rd_kafka_t *raw_client(rd_kafka_type_t type, const char *const (*settings)[2])
{
    char text[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *rk;

    for (size_t i = 0; settings[i][0] != NULL; i++) {
        if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], text,
                              sizeof(text)) != RD_KAFKA_CONF_OK) {
            fprintf(stderr, "raw: %s\n", text);
            exit(1);
        }
    }
    if ((rk = rd_kafka_new(type, conf, text, sizeof(text))) == NULL) {
        fprintf(stderr, "raw: %s\n", text);
        exit(1);
    }
    return rk;
}

static int raw_fill(const char *address, const char *topic, long n, long bytes,
                    long n_keys)
{
    const char *const settings[][2] = {
        { "bootstrap.servers", address },
        { "linger.ms", "20" },
        { "queue.buffering.max.messages", "500000" },
        { "partitioner", "murmur2_random" },
        { NULL, NULL },
    };
    static char payload[MOST_BYTES];
    rd_kafka_t *rk = raw_client(RD_KAFKA_PRODUCER, settings);

    memset(payload, 'x', (size_t)bytes);
    for (long i = 0; i < n; i++) {
        char key[32];
        const int len = snprintf(key, sizeof(key), "key-%ld", i % n_keys);

        while (rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic),
                                 RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                 RD_KAFKA_V_KEY(key, (size_t)len),
                                 RD_KAFKA_V_VALUE(payload, (size_t)bytes),
                                 RD_KAFKA_V_END) == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            rd_kafka_poll(rk, 100);
        }
        rd_kafka_poll(rk, 0);
    }
    const rd_kafka_resp_err_t rc = rd_kafka_flush(rk, 60000);
    rd_kafka_destroy(rk);
    return rc == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : 1;
}

static int raw_poll(const char *address, const char *topic, long n)
{
    char group[64];
    const char *const settings[][2] = {
        { "bootstrap.servers", address },
        { "group.id", group },
        { "auto.offset.reset", "earliest" },
        { "enable.auto.offset.store", "false" },
        { "enable.auto.commit", "true" },
        { "auto.commit.interval.ms", "1000" },
        { NULL, NULL },
    };
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    double since = 0;
    double cpu = 0;

    snprintf(group, sizeof(group), "raw-%d-%ld", (int)getpid(), (long)time(NULL));
    rd_kafka_t *rk = raw_client(RD_KAFKA_CONSUMER, settings);
    rd_kafka_poll_set_consumer(rk);
    rd_kafka_topic_partition_list_add(topics, topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_subscribe(rk, topics);
    for (long seen = 0; seen < n;) {
        rd_kafka_message_t *msg = rd_kafka_consumer_poll(rk, 1000);

        if (msg == NULL) {
            continue;
        }
        if (msg->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            if (seen++ == 0) {
                since = raw_now();
                cpu = raw_cpu();
            }
            rd_kafka_offset_store(msg->rkt, msg->partition, msg->offset);
        }
        rd_kafka_message_destroy(msg);
    }
    printf("%.6f %.6f\n", raw_now() - since, raw_cpu() - cpu);
    fflush(stdout);
    rd_kafka_consumer_close(rk);
    rd_kafka_topic_partition_list_destroy(topics);
    rd_kafka_destroy(rk);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 7 && strcmp(argv[1], "fill") == 0) {
        const long bytes = strtol(argv[5], NULL, 10);
        const long n_keys = strtol(argv[6], NULL, 10);

        if (bytes >= 0 && bytes <= MOST_BYTES && n_keys > 0) {
            return raw_fill(argv[2], argv[3], strtol(argv[4], NULL, 10), bytes, n_keys);
        }
    }
    if (argc == 5 && strcmp(argv[1], "poll") == 0) {
        return raw_poll(argv[2], argv[3], strtol(argv[4], NULL, 10));
    }
    fputs("usage: weir-bench-raw fill ADDRESS TOPIC N BYTES KEYS | poll ADDRESS TOPIC "
          "N\n",
          stderr);
    return 64;
}
