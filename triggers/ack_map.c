/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ack_map - runs of offsets, how long their text would be, and its head and tail; the runs
 * themselves are written and read by ack_bits.c.
 *
 * Exponential Golomb codes were chosen because they are short for every kind of pattern: one
 * stuck event costs a few bytes whatever was done above it, and every second one done takes
 * a bit for each offset, as much as a plain bitmap.
 */
#include "triggers/ack_map.h"

#include "triggers/ack_bits.h"
#include "worker/base/check.h"
#include "worker/base/hash.h"

#define MAP_PREFIX "weir1."
#define MAP_PREFIX_LEN 6
#define MAP_NAME_LEN 4 /* "weir": what all versions begin with */
#define MAP_CRC_LEN 4
#define MAP_MAX_PAYLOAD (WEIR_ACK_MAP_MAX_BYTES * 6 / 8)
/* Kept free when room is promised: the numbers of the head grow with what is admitted. */
#define MAP_SLACK_BITS (24 * 8)
/* Longer ones are refused: nobody has that many finished behind one that is not. */
#define MAP_MAX_LENGTH (UINT64_C(1) << 40)

static const char map_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* ---------------------------------------------------------------------------- runs ---- */

void weir_ack_map_begin(weir_ack_map *map, int64_t base, uint32_t *runs, size_t cap)
{
    *map = (weir_ack_map){ .base = base,
                           .before = { .offset = -1 },
                           .high = { .offset = -1 },
                           .runs = runs,
                           .cap_runs = cap };
}

void weir_ack_map_add(weir_ack_map *map, bool is_done, uint64_t n)
{
    WEIR_ASSERT(!is_done || map->n_runs > 0);
    if (n == 0 || map->is_cut) {
        return;
    }
    /* Odd numbers of runs end in an unfinished one. */
    const bool is_same = map->n_runs > 0 && (map->n_runs % 2 == 0) == is_done;
    const uint64_t before = is_same ? map->runs[map->n_runs - 1] : 0;

    if (n > UINT32_MAX - before || (!is_same && map->n_runs == map->cap_runs)) {
        map->is_cut = true;
        return;
    }
    if (!is_same) {
        map->n_runs++;
    }
    map->runs[map->n_runs - 1] = (uint32_t)(before + n);
    map->length += n;
}

void weir_ack_map_add_tail(weir_ack_map *map, const weir_ack_map *from, int64_t offset)
{
    uint64_t at = 0;
    const uint64_t skip = offset > from->base ? (uint64_t)(offset - from->base) : 0;

    for (size_t i = 0; i < from->n_runs; i++) {
        const uint64_t end = at + from->runs[i];

        if (end > skip) {
            weir_ack_map_add(map, i % 2 == 1, end - (at > skip ? at : skip));
        }
        at = end;
    }
}

/* How many runs are left when unfinished ones at the end go, and the length of those. */
static size_t map_trim(const weir_ack_map *map, uint64_t *length)
{
    const size_t n = map->n_runs & ~(size_t)1;

    *length = map->length - (n < map->n_runs ? map->runs[n] : 0);
    return n;
}

int64_t weir_ack_map_end(const weir_ack_map *map)
{
    uint64_t length;

    map_trim(map, &length);
    return map->base + (int64_t)length;
}

int64_t weir_ack_map_next(weir_ack_map *map, int64_t offset)
{
    if (offset < map->base) {
        return offset;
    }
    const uint64_t want = (uint64_t)(offset - map->base);

    if (want < map->at_length) {
        map->at_run = 0;
        map->at_length = 0;
    }
    while (map->at_run < map->n_runs &&
           map->at_length + map->runs[map->at_run] <= want) {
        map->at_length += map->runs[map->at_run++];
    }
    return map->at_run < map->n_runs && map->at_run % 2 == 1
               ? map->base + (int64_t)(map->at_length + map->runs[map->at_run])
               : offset;
}

/* --------------------------------------------------------------------- fingerprints ---- */

uint32_t weir_ack_map_key(const void *data, size_t len)
{
    return data == NULL ? 0 : ~weir_crc32c(0, data, len);
}

bool weir_ack_print_is(const weir_ack_print *a, const weir_ack_print *b)
{
    return a->offset == b->offset && a->time_ms == b->time_ms &&
           a->length == b->length && a->key_hash == b->key_hash;
}

/* `distance` of its offset from the base in either direction, above 0; 0: there is none. */
static void map_put_print(weir_ack_bytes *out, const weir_ack_print *print,
                          uint64_t distance)
{
    weir_ack_put(out, distance);
    if (distance > 0) {
        weir_ack_put(out, (uint64_t)print->time_ms << 1 ^
                              (print->time_ms < 0 ? UINT64_MAX : 0));
        weir_ack_put(out, print->length);
        weir_ack_put(out, print->key_hash);
    }
}

static uint64_t map_get_print(weir_ack_bytes *in, weir_ack_print *print)
{
    const uint64_t distance = weir_ack_get(in, UINT64_MAX);

    if (distance > 0) {
        const uint64_t time_ms = weir_ack_get(in, UINT64_MAX);

        print->time_ms =
            (int64_t)(time_ms >> 1 ^ ((time_ms & 1) != 0 ? UINT64_MAX : 0));
        print->length = (uint32_t)weir_ack_get(in, UINT32_MAX);
        print->key_hash = (uint32_t)weir_ack_get(in, UINT32_MAX);
    }
    return distance;
}

/* -------------------------------------------------------------------- head and text ---- */

static void map_put_head(weir_ack_bytes *out, const weir_ack_map *map, uint64_t length)
{
    weir_ack_put(out, map->generation);
    weir_ack_put(out, (uint64_t)map->base);
    weir_ack_put(out, length);
    weir_ack_put(out, (uint64_t)map->strikes << 1 | map->is_clean);
    map_put_print(out, &map->before,
                  map->before.offset < 0 || map->before.offset >= map->base
                      ? 0
                      : (uint64_t)(map->base - map->before.offset));
    map_put_print(out, &map->high,
                  map->high.offset < map->base
                      ? 0
                      : (uint64_t)(map->high.offset - map->base) + 1);
}

/* Bytes of payload that a text of so many characters has. */
static size_t map_payload_of(size_t n_chars)
{
    return n_chars <= MAP_PREFIX_LEN ? 0 : (n_chars - MAP_PREFIX_LEN) * 6 / 8;
}

static size_t map_chars_of(size_t n_payload)
{
    return MAP_PREFIX_LEN + (n_payload * 8 + 5) / 6;
}

/* Bits that are left for the runs of this map in a text of max_bytes. */
static size_t map_room_bits(const weir_ack_map *map, size_t max_bytes)
{
    unsigned char head[WEIR_ACK_MAX_HEAD];
    weir_ack_bytes out = { .data = head, .cap = sizeof(head) };
    const size_t payload = map_payload_of(max_bytes);

    map_put_head(&out, map, map->length);
    const size_t fixed = out.len + WEIR_ACK_CODING_LEN + MAP_CRC_LEN;

    return payload < fixed ? SIZE_MAX : (payload - fixed) * 8;
}

static uint32_t map_checksum(const unsigned char *payload, size_t len)
{
    return weir_crc32c(weir_crc32c(0, MAP_PREFIX, MAP_PREFIX_LEN), payload, len);
}

static size_t map_write_text(const weir_ack_bytes *payload, char *out)
{
    size_t n = MAP_PREFIX_LEN;
    uint32_t acc = 0;
    unsigned n_bits = 0;

    memcpy(out, MAP_PREFIX, MAP_PREFIX_LEN);
    for (size_t i = 0; i < payload->len; i++) {
        acc = acc << 8 | payload->data[i];
        n_bits += 8;
        while (n_bits >= 6) {
            n_bits -= 6;
            out[n++] = map_alphabet[acc >> n_bits & 63];
        }
    }
    if (n_bits > 0) {
        out[n++] = map_alphabet[acc << (6 - n_bits) & 63];
    }
    out[n] = '\0';
    return n;
}

size_t weir_ack_map_encode(const weir_ack_map *map, size_t max_bytes, char *out,
                           int64_t *covered)
{
    unsigned char payload[MAP_MAX_PAYLOAD];
    weir_ack_bytes bytes = { .data = payload, .cap = sizeof(payload) };
    weir_ack_runs runs = { .lengths = map->runs };

    WEIR_ASSERT(max_bytes > 0 && max_bytes <= WEIR_ACK_MAP_MAX_BYTES);
    const size_t room = map_room_bits(map, max_bytes);

    if (room == SIZE_MAX) {
        return 0;
    }
    runs.n = map_trim(map, &runs.length);
    weir_ack_runs_fit(&runs, room);
    map_put_head(&bytes, map, runs.length);
    weir_ack_runs_write(&runs, &bytes);
    const uint32_t crc = map_checksum(payload, bytes.len);

    WEIR_ASSERT(bytes.len + MAP_CRC_LEN <= sizeof(payload));
    for (int i = 0; i < MAP_CRC_LEN; i++) {
        payload[bytes.len++] = (unsigned char)(crc >> 8 * i);
    }
    if (covered != NULL) {
        *covered = map->base + (int64_t)runs.length;
    }
    return map_write_text(&bytes, out);
}

void weir_ack_map_measure(const weir_ack_map *map, size_t n_open, uint64_t log2_gaps,
                          size_t max_bytes, weir_ack_need *out)
{
    weir_ack_runs runs = { .lengths = map->runs };
    const size_t bits = map_room_bits(map, max_bytes);

    runs.n = map_trim(map, &runs.length);
    weir_ack_runs_fit(&runs, SIZE_MAX);
    /* A run of one takes a bit, of two three: an offset never takes more than 1.5 on average.
     * Of distant events each may become a run of its own. */
    const uint64_t golomb =
        weir_ack_runs_done_bits(&runs) + (3 * n_open + 1) / 2 + 2 * log2_gaps;
    const uint64_t most = golomb < map->length ? golomb : map->length;
    const size_t fixed = map_payload_of(max_bytes) - (bits == SIZE_MAX ? 0 : bits / 8);

    *out = (weir_ack_need){
        .bytes = map_chars_of(fixed + (size_t)((runs.n_bits + 7) / 8)),
        .most_bytes = map_chars_of(fixed + (size_t)((most + 7) / 8)),
    };
    if (bits != SIZE_MAX && bits > MAP_SLACK_BITS && !map->is_cut) {
        const uint64_t room = bits - MAP_SLACK_BITS;
        const uint64_t by_bits = room > map->length ? room - map->length : 0;
        const uint64_t by_runs = room > golomb ? (room - golomb) * 2 / 3 : 0;

        out->room = by_bits > by_runs ? by_bits : by_runs;
    }
}

/* -------------------------------------------------------------------------- reading ---- */

static int map_value_of(char c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '-'             ? 62
           : c == '_'             ? 63
                                  : -1;
}

/* False: a foreign character, or bits left over that are not 0. */
static bool map_read_text(weir_slice text, weir_ack_bytes *out)
{
    uint32_t acc = 0;
    unsigned n_bits = 0;

    for (size_t i = MAP_PREFIX_LEN; i < text.len; i++) {
        const int value = map_value_of(text.data[i]);

        if (value < 0) {
            return false;
        }
        acc = acc << 6 | (uint32_t)value;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            out->data[out->len++] = (unsigned char)(acc >> n_bits);
        }
    }
    return n_bits < 6 && (acc & ((1U << n_bits) - 1)) == 0;
}

/* What the numbers say must be possible. */
static weir_ack_fault map_check(weir_ack_map *map, uint64_t base, uint64_t length,
                                uint64_t before, uint64_t high)
{
    if (base > INT64_MAX || length > MAP_MAX_LENGTH || base + length > INT64_MAX ||
        before > base || high > INT64_MAX - base || high < length) {
        return WEIR_ACK_BOUNDS;
    }
    if ((int64_t)base != map->base) {
        return WEIR_ACK_BASE;
    }
    map->before.offset = before == 0 ? -1 : (int64_t)(base - before);
    map->high.offset = high == 0 ? -1 : (int64_t)(base + high - 1);
    return WEIR_ACK_OK;
}

static weir_ack_fault map_read(weir_ack_bytes *in, weir_ack_map *map)
{
    map->generation = (uint32_t)weir_ack_get(in, UINT32_MAX);
    const uint64_t base = weir_ack_get(in, UINT64_MAX);
    const uint64_t length = weir_ack_get(in, UINT64_MAX);
    const uint64_t strikes = weir_ack_get(in, (uint64_t)UINT32_MAX << 1 | 1);

    map->strikes = (uint32_t)(strikes >> 1);
    map->is_clean = (strikes & 1) != 0;
    const uint64_t before = map_get_print(in, &map->before);
    const uint64_t high = map_get_print(in, &map->high);

    if (in->has_failed) {
        return WEIR_ACK_DAMAGED;
    }
    const weir_ack_fault fault = map_check(map, base, length, before, high);

    if (fault != WEIR_ACK_OK) {
        return fault;
    }
    weir_ack_runs runs = { .length = length };

    if (!weir_ack_runs_read(&runs, in, map->runs, map->cap_runs)) {
        return WEIR_ACK_DAMAGED;
    }
    map->n_runs = runs.n;
    map->length = length;
    return WEIR_ACK_OK;
}

weir_ack_fault weir_ack_map_decode(weir_slice text, int64_t base, weir_ack_map *map)
{
    unsigned char payload[MAP_MAX_PAYLOAD];
    weir_ack_bytes in = { .data = payload, .cap = sizeof(payload) };
    uint32_t crc = 0;

    weir_ack_map_begin(map, base, map->runs, map->cap_runs);
    if (text.len == 0) {
        return WEIR_ACK_EMPTY;
    }
    if (!weir_slice_starts(text, (weir_slice){ MAP_PREFIX, MAP_PREFIX_LEN })) {
        return weir_slice_starts(text, (weir_slice){ MAP_PREFIX, MAP_NAME_LEN })
                   ? WEIR_ACK_VERSION
                   : WEIR_ACK_FOREIGN;
    }
    if (text.len > WEIR_ACK_MAP_MAX_BYTES || !map_read_text(text, &in) ||
        in.len < MAP_CRC_LEN) {
        return WEIR_ACK_DAMAGED;
    }
    in.len -= MAP_CRC_LEN;
    for (int i = 0; i < MAP_CRC_LEN; i++) {
        crc |= (uint32_t)payload[in.len + (size_t)i] << 8 * i;
    }
    if (crc != map_checksum(payload, in.len)) {
        return WEIR_ACK_DAMAGED;
    }
    const weir_ack_fault fault = map_read(&in, map);

    if (fault != WEIR_ACK_OK) {
        weir_ack_map_begin(map, base, map->runs, map->cap_runs);
    }
    return fault;
}

const char *weir_ack_fault_name(weir_ack_fault fault)
{
    static const char *const names[] = {
        [WEIR_ACK_OK] = "none",         [WEIR_ACK_EMPTY] = "empty",
        [WEIR_ACK_FOREIGN] = "foreign", [WEIR_ACK_VERSION] = "version",
        [WEIR_ACK_DAMAGED] = "damaged", [WEIR_ACK_BOUNDS] = "bounds",
        [WEIR_ACK_BASE] = "base",
    };

    return names[fault];
}
