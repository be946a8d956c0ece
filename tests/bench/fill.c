/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fill - writes the events of the benchmark to a Kafka topic.
 *
 *   weir-bench-fill ADDRESS TOPIC N KEYS BYTES FORMAT
 *
 * N records whose keys go round, so that each of KEYS keys has as many as the others; FORMAT is
 * raw, json, msgpack or cloudevents (binary mode with a JSON payload). Documents hold an order
 * with a customer's id, an amount and whether it is paid, filled up to BYTES.
 */
#include "tests/bench/client.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define MAX_BYTES 65536
#define FLUSH_MS 120000

typedef enum fill_format {
    FILL_RAW,
    FILL_JSON,
    FILL_MSGPACK,
    FILL_CLOUDEVENTS
} fill_format;

typedef struct fill_buf {
    unsigned char data[MAX_BYTES + 256];
    size_t len;
} fill_buf;

static void fill_put(fill_buf *buf, const void *data, size_t len)
{
    memcpy(buf->data + buf->len, data, len);
    buf->len += len;
}

static void fill_json(fill_buf *buf, long i, long key, size_t bytes)
{
    buf->len = (size_t)snprintf(
        (char *)buf->data, sizeof(buf->data),
        "{\"order\":%ld,\"amount\":%ld,\"customer\":{\"id\":\"key-%ld\",\"name\":"
        "\"Ada Example\",\"tags\":[\"new\",\"b2b\"]},\"payment\":{\"paid\":true,"
        "\"method\":\"card\"},\"note\":\"",
        i, i % 10000, key);
    while (buf->len + 2 < bytes) {
        buf->data[buf->len++] = 'x';
    }
    fill_put(buf, "\"}", 2);
}

/* A short string of MessagePack. */
static void fill_text(fill_buf *buf, const char *text)
{
    const size_t len = strlen(text);
    const unsigned char head = (unsigned char)(0xa0 | len);

    fill_put(buf, &head, 1);
    fill_put(buf, text, len);
}

static void fill_uint32(fill_buf *buf, long value)
{
    const unsigned char bytes[] = { 0xce, (unsigned char)(value >> 24),
                                    (unsigned char)(value >> 16),
                                    (unsigned char)(value >> 8), (unsigned char)value };

    fill_put(buf, bytes, sizeof(bytes));
}

/* The same document as fill_json() writes. */
static void fill_msgpack(fill_buf *buf, long i, long key, size_t bytes)
{
    char id[32];

    snprintf(id, sizeof(id), "key-%ld", key);
    buf->len = 0;
    fill_put(buf, "\x85", 1);
    fill_text(buf, "order");
    fill_uint32(buf, i);
    fill_text(buf, "amount");
    fill_uint32(buf, i % 10000);
    fill_text(buf, "customer");
    fill_put(buf, "\x83", 1);
    fill_text(buf, "id");
    fill_text(buf, id);
    fill_text(buf, "name");
    fill_text(buf, "Ada Example");
    fill_text(buf, "tags");
    fill_put(buf, "\x92", 1);
    fill_text(buf, "new");
    fill_text(buf, "b2b");
    fill_text(buf, "payment");
    fill_put(buf, "\x82", 1);
    fill_text(buf, "paid");
    fill_put(buf, "\xc3", 1);
    fill_text(buf, "method");
    fill_text(buf, "card");
    fill_text(buf, "note");
    const size_t room = bytes > buf->len + 3 ? bytes - buf->len - 3 : 0;
    const unsigned char head[] = { 0xda, (unsigned char)(room >> 8),
                                   (unsigned char)room };
    fill_put(buf, head, sizeof(head));
    memset(buf->data + buf->len, 'x', room);
    buf->len += room;
}

static rd_kafka_resp_err_t fill_send(rd_kafka_t *rk, const char *topic, const char *key,
                                     const fill_buf *buf, bool is_cloudevent,
                                     const char *id)
{
    union {
        const unsigned char *in;
        void *out;
    } payload = { buf->data }; /* it is copied */

    if (!is_cloudevent) {
        return rd_kafka_producev(
            rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
            RD_KAFKA_V_KEY(key, strlen(key)), RD_KAFKA_V_VALUE(payload.out, buf->len),
            RD_KAFKA_V_END);
    }
    return rd_kafka_producev(
        rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_KEY(key, strlen(key)), RD_KAFKA_V_VALUE(payload.out, buf->len),
        RD_KAFKA_V_HEADER("ce_specversion", "1.0", -1),
        RD_KAFKA_V_HEADER("ce_id", id, -1),
        RD_KAFKA_V_HEADER("ce_source", "/bench/orders", -1),
        RD_KAFKA_V_HEADER("ce_type", "order.placed", -1),
        RD_KAFKA_V_HEADER("content-type", "application/json", -1), RD_KAFKA_V_END);
}

static fill_format fill_format_of(const char *name)
{
    static const char *const names[] = { "raw", "json", "msgpack", "cloudevents" };

    for (int i = 0; i < 4; i++) {
        if (strcmp(name, names[i]) == 0) {
            return (fill_format)i;
        }
    }
    bench_die("%s: no such format", name);
}

int main(int argc, char **argv)
{
    static const bench_setting settings[] = { { "linger.ms", "20" },
                                              { "queue.buffering.max.messages",
                                                "500000" },
                                              { "partitioner", "murmur2_random" },
                                              { NULL, NULL } };
    static fill_buf buf;

    if (argc != 7) {
        fputs("usage: weir-bench-fill ADDRESS TOPIC N KEYS BYTES FORMAT\n", stderr);
        return 64;
    }
    const long n = bench_number(argv[3], 0);
    const long n_keys = bench_number(argv[4], 1);
    const size_t bytes = (size_t)bench_number(argv[5], 0);
    const fill_format format = fill_format_of(argv[6]);
    if (bytes > MAX_BYTES) {
        bench_die("at most %d bytes", MAX_BYTES);
    }
    rd_kafka_t *rk =
        bench_client(RD_KAFKA_PRODUCER, argv[1], settings, NULL, NULL, NULL);
    memset(buf.data, 'x', bytes);
    buf.len = bytes;
    for (long i = 0; i < n; i++) {
        char key[32];
        char id[32];

        snprintf(key, sizeof(key), "key-%ld", i % n_keys);
        snprintf(id, sizeof(id), "%ld", i);
        if (format == FILL_JSON || format == FILL_CLOUDEVENTS) {
            fill_json(&buf, i, i % n_keys, bytes);
        } else if (format == FILL_MSGPACK) {
            fill_msgpack(&buf, i, i % n_keys, bytes);
        }
        while (fill_send(rk, argv[2], key, &buf, format == FILL_CLOUDEVENTS, id) ==
               RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            rd_kafka_poll(rk, 100);
        }
        if (i % 256 == 0) {
            rd_kafka_poll(rk, 0);
        }
    }
    const rd_kafka_resp_err_t rc = rd_kafka_flush(rk, FLUSH_MS);
    rd_kafka_destroy(rk);
    return rc == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : 1;
}
