/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * position - see position.h; and addresses taken apart.
 */
#include "schemas/position.h"

#include <string.h>

#define U64_DIGITS 20

size_t weir_u64_format(uint64_t v, char *out)
{
    static const char pairs[] = "0001020304050607080910111213141516171819"
                                "2021222324252627282930313233343536373839"
                                "4041424344454647484950515253545556575859"
                                "6061626364656667686970717273747576777879"
                                "8081828384858687888990919293949596979899";
    char text[U64_DIGITS];
    size_t at = sizeof(text);

    while (v >= 100) {
        at -= 2;
        memcpy(text + at, pairs + v % 100 * 2, 2);
        v /= 100;
    }
    if (v >= 10) {
        at -= 2;
        memcpy(text + at, pairs + v * 2, 2);
    } else {
        text[--at] = (char)('0' + v);
    }
    memcpy(out, text + at, sizeof(text) - at);
    return sizeof(text) - at;
}

size_t weir_pos_format(weir_pos pos, bool is_id, char *out)
{
    size_t len = weir_u64_format(pos.hi, out);

    if (is_id) {
        out[len++] = '-';
        len += weir_u64_format(pos.lo, out + len);
    }
    out[len] = '\0';
    return len;
}

/* Decimal digits without a sign or leading zeros, up to max. */
static bool position_number(weir_slice text, uint64_t max, uint64_t *out)
{
    uint64_t v = 0;

    if (text.len == 0 || text.len > U64_DIGITS ||
        (text.len > 1 && text.data[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = (unsigned char)text.data[i] - (unsigned)'0';

        if (digit > 9 || __builtin_mul_overflow(v, 10, &v) ||
            __builtin_add_overflow(v, digit, &v)) {
            return false;
        }
    }
    *out = v;
    return v <= max;
}

bool weir_pos_parse(weir_slice text, weir_pos *out, bool *is_id)
{
    const char *dash = text.len == 0 ? NULL : memchr(text.data, '-', text.len);
    weir_pos pos = { 0, 0 };

    if (dash == NULL) {
        if (!position_number(text, INT64_MAX, &pos.hi)) {
            return false;
        }
    } else {
        weir_slice ms = { text.data, (size_t)(dash - text.data) };
        weir_slice seq = { dash + 1, text.len - ms.len - 1 };

        if (!position_number(ms, UINT64_MAX, &pos.hi) ||
            !position_number(seq, UINT64_MAX, &pos.lo)) {
            return false;
        }
    }
    *out = pos;
    *is_id = dash != NULL;
    return true;
}

static bool position_is_name(weir_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-')) {
            return false;
        }
    }
    return s.len > 0;
}

/* Cuts "/3" off the end of *rest if what stands before it can be a Kafka topic. */
static void address_cut_partition(weir_slice *rest, weir_address *out)
{
    const char *slash = memrchr(rest->data, '/', rest->len);
    uint64_t partition = 0;

    if (slash == NULL) {
        return;
    }
    weir_slice topic = { rest->data, (size_t)(slash - rest->data) };
    weir_slice digits = { slash + 1, rest->len - topic.len - 1 };

    if (position_is_name(topic) && position_number(digits, INT32_MAX, &partition)) {
        out->partition = (int32_t)partition;
        *rest = topic;
    }
}

/* Cuts "@1042" off the end of *rest. What does not begin with a digit is part of the name. */
static weir_status address_cut_place(const char *text, weir_slice *rest,
                                     weir_address *out, weir_err *err)
{
    const char *sign = memrchr(rest->data, '@', rest->len);

    if (sign == NULL) {
        return WEIR_OK;
    }
    weir_slice name = { rest->data, (size_t)(sign - rest->data) };
    weir_slice place = { sign + 1, rest->len - name.len - 1 };

    if (place.len > 0 && (place.data[0] < '0' || place.data[0] > '9')) {
        return WEIR_OK;
    }
    if (!weir_pos_parse(place, &out->pos, &out->is_id)) {
        return weir_fail(
            err, WEIR_EINVAL,
            "address \"%.200s\": after '@' comes an offset (1042) or an entry id "
            "(1700000000000-0)",
            text);
    }
    out->has_pos = true;
    *rest = name;
    return WEIR_OK;
}

weir_status weir_address_parse(const char *text, weir_address *out, weir_err *err)
{
    weir_address addr = { .partition = -1 };
    const char *colon = strchr(text, ':');

    if (colon == NULL) {
        return weir_fail(
            err, WEIR_EINVAL,
            "address \"%.200s\": want QUEUE:TOPIC, for example kafka:orders", text);
    }
    weir_slice queue = { text, (size_t)(colon - text) };
    weir_slice rest = weir_slice_of(colon + 1);

    if (!position_is_name(queue) || queue.len >= sizeof(addr.queue)) {
        return weir_fail(
            err, WEIR_EINVAL,
            "address \"%.200s\": a queue's name has 1 to %zu of a-z A-Z 0-9 . _ -",
            text, sizeof(addr.queue) - 1);
    }
    weir_status st = address_cut_place(text, &rest, &addr, err);

    if (st != WEIR_OK) {
        return st;
    }
    if (!addr.is_id && !weir_slice_is(queue, "file")) {
        address_cut_partition(&rest, &addr);
    }
    if (rest.len == 0 || rest.len >= sizeof(addr.topic)) {
        return weir_fail(err, WEIR_EINVAL,
                         "address \"%.200s\": a topic or stream has 1 to %zu bytes",
                         text, sizeof(addr.topic) - 1);
    }
    memcpy(addr.queue, queue.data, queue.len);
    memcpy(addr.topic, rest.data, rest.len);
    *out = addr;
    return WEIR_OK;
}
