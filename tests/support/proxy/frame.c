/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* frame - see frame.h. */
#include "tests/support/proxy/frame.h"

#include <stdint.h>
#include <string.h>

#define FRAME_MOST (256 << 20)
#define FRAME_DEPTH 16

typedef struct frame_name {
    int key;
    const char *name;
} frame_name;

static const frame_name kafka_names[] = {
    { 0, "Produce" },          { 1, "Fetch" },
    { 2, "ListOffsets" },      { 3, "Metadata" },
    { 8, "OffsetCommit" },     { 9, "OffsetFetch" },
    { 10, "FindCoordinator" }, { 11, "JoinGroup" },
    { 12, "Heartbeat" },       { 13, "LeaveGroup" },
    { 14, "SyncGroup" },       { 18, "ApiVersions" },
    { 22, "InitProducerId" },  { 24, "AddPartitionsToTxn" },
    { 25, "AddOffsetsToTxn" }, { 26, "EndTxn" },
    { 28, "TxnOffsetCommit" }
};

bool frame_kind_of(const char *word, frame_kind *out)
{
    static const char *const words[] = { "raw", "kafka", "redis" };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(word, words[i]) == 0) {
            *out = (frame_kind)i;
            return true;
        }
    }
    return false;
}

static uint32_t frame_int(const char *data, size_t n_bytes)
{
    uint32_t value = 0;

    for (size_t i = 0; i < n_bytes; i++) {
        value = value << 8 | (uint8_t)data[i];
    }
    return value;
}

static long kafka_len(const char *data, size_t len)
{
    uint32_t size;

    if (len < 4) {
        return 0;
    }
    size = frame_int(data, 4);
    if (size > FRAME_MOST) {
        return -1;
    }
    return len - 4 < size ? 0 : (long)size + 4;
}

/* The number of a line; its bytes end at `end`, and no zero need follow them. */
static long resp_number(const char *at, const char *end)
{
    const bool is_negative = at < end && *at == '-';
    long number = 0;

    for (at += is_negative ? 1 : 0; at < end && *at >= '0' && *at <= '9'; at++) {
        number = number > FRAME_MOST ? number : number * 10 + (*at - '0');
    }
    return is_negative ? -number : number;
}

/* The length of one value of RESP2 or RESP3. */
static long resp_len(const char *data, size_t len, int depth)
{
    const char *end = len < 3 ? NULL : memmem(data, len, "\r\n", 2);
    long at, number, items;

    if (end == NULL) {
        return 0;
    }
    at = end - data + 2;
    number = resp_number(data + 1, end);
    if (number > FRAME_MOST || depth > FRAME_DEPTH) {
        return -1;
    }
    if (memchr("$=!", data[0], 3) != NULL) {
        at += number < 0 ? 0 : number + 2;
        return (size_t)at > len ? 0 : at;
    }
    if (memchr("*~>%", data[0], 4) == NULL) {
        return at; /* a line: an answer, or an inline command */
    }
    items = data[0] == '%' ? 2 * number : number;
    for (long i = 0; i < items; i++) {
        const long more = resp_len(data + at, len - (size_t)at, depth + 1);

        if (more <= 0) {
            return more;
        }
        at += more;
    }
    return at;
}

long frame_len(frame_kind kind, const char *data, size_t len)
{
    if (len == 0) {
        return 0;
    }
    return kind == FRAME_KAFKA   ? kafka_len(data, len)
           : kind == FRAME_REDIS ? resp_len(data, len, 0)
                                 : (long)len;
}

static int kafka_key(const char *name)
{
    for (size_t i = 0; i < sizeof(kafka_names) / sizeof(kafka_names[0]); i++) {
        if (strcmp(kafka_names[i].name, name) == 0) {
            return kafka_names[i].key;
        }
    }
    return -1;
}

bool frame_has_name(frame_kind kind, const char *name)
{
    return kind == FRAME_KAFKA ? kafka_key(name) >= 0
                               : kind == FRAME_REDIS && name[0] != '\0';
}

bool frame_is(frame_kind kind, const char *data, size_t len, const char *name)
{
    if (kind == FRAME_KAFKA) {
        return len >= 12 && (int)frame_int(data + 4, 2) == kafka_key(name);
    }
    return kind == FRAME_REDIS && name[0] != '\0' &&
           memmem(data, len, name, strlen(name)) != NULL;
}

unsigned frame_request_id(frame_kind kind, const char *data, size_t len)
{
    return kind == FRAME_KAFKA && len >= 12 ? frame_int(data + 8, 4) : 0;
}

unsigned frame_answer_id(frame_kind kind, const char *data, size_t len)
{
    return kind == FRAME_KAFKA && len >= 8 ? frame_int(data + 4, 4) : 0;
}
