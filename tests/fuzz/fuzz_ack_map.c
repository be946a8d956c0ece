/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as commit metadata. What is taken as a map is written again and must come out the
 * same; the first eight bytes are the committed position. A second reading mends the checksum,
 * so that what lies behind it is reached.
 *
 *     fuzz_ack_map -max_len=4200 SCRATCH_FOLDER tests/data/fuzz/ack_map
 */
#include "triggers/ack_map.h"
#include "worker/base/check.h"
#include "worker/base/hash.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void look(weir_slice text, int64_t base)
{
    static uint32_t runs[WEIR_ACK_MAP_MAX_RUNS];
    static char again[WEIR_ACK_MAP_MAX_BYTES + 1];
    weir_ack_map map = { .runs = runs, .cap_runs = WEIR_ACK_MAP_MAX_RUNS };
    uint64_t length = 0;
    int64_t covered;

    if (weir_ack_map_decode(text, base, &map) != WEIR_ACK_OK) {
        WEIR_ASSERT(map.n_runs == 0 && weir_ack_map_next(&map, base) == base);
        return;
    }
    WEIR_ASSERT(map.base == base && base >= 0 && map.n_runs % 2 == 0);
    for (size_t i = 0; i < map.n_runs; i++) {
        WEIR_ASSERT(runs[i] > 0);
        length += runs[i];
    }
    WEIR_ASSERT(length == map.length && weir_ack_map_next(&map, base) == base);
    WEIR_ASSERT(length == 0 || map.high.offset >= weir_ack_map_end(&map) - 1);
    const size_t len =
        weir_ack_map_encode(&map, WEIR_ACK_MAP_MAX_BYTES, again, &covered);

    WEIR_ASSERT(len > 0);
    WEIR_ASSERT(covered <= weir_ack_map_end(&map));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 16);
    uint64_t base = 0;
    size_t n = 6;

    if (text == NULL || size < 8) {
        free(text);
        return 0;
    }
    memcpy(&base, data, 8);
    look((weir_slice){ (const char *)data + 8, size - 8 }, (int64_t)base);

    /* The rest as a payload with a good checksum. */
    uint8_t *payload = malloc(size);

    if (payload == NULL || size > 3000) {
        goto out;
    }
    memcpy(payload, data + 8, size - 8);
    uint32_t crc = weir_crc32c(weir_crc32c(0, "weir1.", 6), payload, size - 8);

    for (size_t i = size - 8; i < size - 4; i++, crc >>= 8) {
        payload[i] = (uint8_t)crc;
    }
    free(text);
    text = malloc(size * 2 + 16);
    WEIR_ASSERT(text != NULL);
    memcpy(text, "weir1.", 6);
    for (size_t i = 0; i < (size - 4) * 8; i += 6) {
        unsigned value = 0;

        for (size_t b = i; b < i + 6; b++) {
            value = value << 1 |
                    (b / 8 < size - 4 ? payload[b / 8] >> (7 - b % 8) & 1U : 0);
        }
        text[n++] = alphabet[value];
    }
    look((weir_slice){ text, n }, (int64_t)base);
out:
    free(payload);
    free(text);
    return 0;
}
