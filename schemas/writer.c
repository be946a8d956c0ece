/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * writer - see writer.h.
 *
 * MessagePack writes the number of elements before them, and a writer does not know it yet.
 * So a container begins with the head of one byte (up to 15 elements); one that grew larger
 * moves what it holds by two or four bytes when it ends. Small ones, nearly all, cost nothing.
 *
 * The document grows by doubling inside the arena; a writer that is never finished leaves
 * nothing behind.
 */
#include "schemas/writer_impl.h"

#include "schemas/json_plain.h"
#include "schemas/position.h"
#include "schemas/value_impl.h"

#define FIRST_ROOM 512
#define MAP_BIT UINT32_C(0x80000000)

typedef struct writer_level {
    uint32_t n;     /* values so far, keys counted; MAP_BIT: a map */
    uint32_t begin; /* msgpack: where its head stands */
} writer_level;

struct weir_writer {
    weir_arena *arena;
    void *arg;
    weir_format format;
    weir_status st;
    const char *why; /* what was wrong first */
    char *data;
    size_t len, cap; /* after a failure there is no room: cap is len */
    bool is_done;
    bool takes_any_key; /* what comes next is a key, whatever its type */
    unsigned depth;
    writer_level levels[WEIR_WRITER_DEPTH];
};

static void writer_fail(weir_writer *w, weir_status st, const char *why)
{
    if (w->st == WEIR_OK) {
        w->st = st;
        w->why = why;
        w->cap = w->len;
    }
}

static bool writer_is_json(const weir_writer *w)
{
    return w->format == WEIR_FORMAT_JSON;
}

weir_writer *weir_writer_new(weir_arena *arena, weir_format format, void *arg)
{
    weir_writer *w = weir_arena_alloc(arena, sizeof(*w));

    if (w == NULL) {
        return NULL;
    }
    w->arena = arena;
    w->arg = arg;
    w->format = format;
    w->st = WEIR_OK;
    w->why = "";
    w->data = NULL;
    w->len = 0;
    w->cap = 0;
    w->is_done = false;
    w->takes_any_key = false;
    w->depth = 0;
    if (format != WEIR_FORMAT_JSON && format != WEIR_FORMAT_MSGPACK) {
        writer_fail(w, WEIR_EINVAL, "only json and msgpack can be written");
    }
    return w;
}

void *weir_writer_arg(const weir_writer *w)
{
    return w->arg;
}

const char *weir_writer_why(const weir_writer *w)
{
    return w->why;
}

/* Makes room for n more bytes, more than there is. */
static char *writer_grow(weir_writer *w, size_t n)
{
    if (w->st != WEIR_OK) {
        return NULL;
    }
    if (n > WEIR_DOCUMENT_MAX - w->len) {
        writer_fail(w, WEIR_EINVAL, "the document is longer than a gibibyte");
        return NULL;
    }
    size_t cap = w->cap * 2 > w->len + n ? w->cap * 2 : w->len + n;

    cap = cap < FIRST_ROOM ? FIRST_ROOM : cap;

    char *data = weir_arena_alloc(w->arena, cap);

    if (data == NULL) {
        writer_fail(w, WEIR_ENOMEM, "out of memory");
        return NULL;
    }
    if (w->len > 0) {
        memcpy(data, w->data, w->len);
    }
    w->data = data;
    w->cap = cap;
    return data + w->len;
}

/* Room for n more bytes, at least 1; what is written to them counts once w->len is raised. */
static inline char *writer_room(weir_writer *w, size_t n)
{
    return n <= w->cap - w->len ? w->data + w->len : writer_grow(w, n);
}

static inline void writer_add(weir_writer *w, const void *data, size_t n)
{
    char *to = n == 0 ? NULL : writer_room(w, n);

    if (to != NULL) {
        memcpy(to, data, n);
        w->len += n;
    }
}

static inline void writer_char(weir_writer *w, char c)
{
    char *to = writer_room(w, 1);

    if (to != NULL) {
        *to = c;
        w->len++;
    }
}

/* A msgpack type byte and n bytes of v, big end first. */
static void writer_head(weir_writer *w, unsigned type, uint64_t v, size_t n)
{
    char *to = writer_room(w, 1 + n);

    if (to == NULL) {
        return;
    }
    *to++ = (char)type;
    for (size_t i = n; i > 0; i--) {
        *to++ = (char)(v >> (8 * (i - 1)) & 0xFF);
    }
    w->len += 1 + n;
}

/* Outside all maps and arrays stands one value. */
static bool writer_begin_root(weir_writer *w, bool is_key)
{
    if (w->is_done) {
        writer_fail(w, WEIR_EINVAL, "something follows the finished document");
    } else if (is_key) {
        writer_fail(w, WEIR_EINVAL, "a key outside a map");
    }
    return w->st == WEIR_OK;
}

/* Checks that a value (or a key) may stand here and writes what separates it. */
static bool writer_begin(weir_writer *w, bool is_key)
{
    is_key = is_key || w->takes_any_key;
    w->takes_any_key = false;
    if (w->st != WEIR_OK) {
        return false;
    }
    if (w->depth == 0) {
        return writer_begin_root(w, is_key);
    }
    writer_level *level = &w->levels[w->depth - 1];
    const bool is_map = (level->n & MAP_BIT) != 0;
    const uint32_t n = level->n & ~MAP_BIT;

    if (is_key != (is_map && n % 2 == 0)) {
        writer_fail(w, WEIR_EINVAL,
                    is_key ? "a key where a value must stand"
                           : "a value where a key must stand");
        return false;
    }
    if (n == MAP_BIT - 1) {
        writer_fail(w, WEIR_EINVAL, "too many values in one map or array");
        return false;
    }
    level->n++;
    if (writer_is_json(w) && n > 0) {
        writer_char(w, is_map && !is_key ? ':' : ',');
    }
    return w->st == WEIR_OK;
}

static void writer_ended(weir_writer *w)
{
    w->is_done = w->depth == 0;
}

static void writer_open(weir_writer *w, bool is_map)
{
    unsigned max = writer_is_json(w) ? WEIR_WRITER_DEPTH : WEIR_MSGPACK_DEPTH;

    if (!writer_begin(w, false)) {
        return;
    }
    if (w->depth == max) {
        writer_fail(w, WEIR_EINVAL, "nested too deep");
        return;
    }
    w->levels[w->depth] = (writer_level){ is_map ? MAP_BIT : 0, (uint32_t)w->len };
    w->depth++;
    if (writer_is_json(w)) {
        writer_char(w, is_map ? '{' : '[');
    } else {
        writer_head(w, is_map ? 0x80 : 0x90, 0, 0);
    }
}

void weir_writer_map(weir_writer *w)
{
    writer_open(w, true);
}

void weir_writer_array(weir_writer *w)
{
    writer_open(w, false);
}

/* Writes the count into the container's head, and makes room for a longer one. */
static void writer_count(weir_writer *w, const writer_level *level)
{
    bool is_map = (level->n & MAP_BIT) != 0;
    uint32_t n = (level->n & ~MAP_BIT) / (is_map ? 2 : 1);
    size_t n_more = n < 16 ? 0 : n <= UINT16_MAX ? 2 : 4;

    if (n_more == 0) {
        w->data[level->begin] = (char)((is_map ? 0x80 : 0x90) | n);
        return;
    }
    if (writer_room(w, n_more) == NULL) {
        return;
    }
    char *head = w->data + level->begin;

    memmove(head + 1 + n_more, head + 1, w->len - level->begin - 1);
    w->len += n_more;
    head[0] = (char)((is_map ? 0xDE : 0xDC) | (n_more == 4 ? 1 : 0));
    for (size_t i = 0; i < n_more; i++) {
        head[1 + i] = (char)(n >> (8 * (n_more - 1 - i)) & 0xFF);
    }
}

void weir_writer_end(weir_writer *w)
{
    if (w->st != WEIR_OK) {
        return;
    }
    if (w->depth == 0) {
        writer_fail(w, WEIR_EINVAL, "an end too many");
        return;
    }
    writer_level *level = &w->levels[w->depth - 1];
    bool is_map = (level->n & MAP_BIT) != 0;

    if (is_map && level->n % 2 != 0) {
        writer_fail(w, WEIR_EINVAL, "a map ends behind a key");
        return;
    }
    if (writer_is_json(w)) {
        writer_char(w, is_map ? '}' : ']');
    } else {
        writer_count(w, level);
    }
    w->depth--;
    writer_ended(w);
}

static const char *writer_escape(unsigned char c)
{
    switch (c) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        return NULL;
    }
}

static void writer_json_text(weir_writer *w, weir_slice s)
{
    static const char hex[] = "0123456789abcdef";
    size_t begin = 0;

    writer_char(w, '"');
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.data[i];

        if (c >= 0x20 && c != '"' && c != '\\') {
            continue;
        }
        const char *escape = writer_escape(c);
        char code[] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

        writer_add(w, s.data + begin, i - begin);
        writer_add(w, escape == NULL ? code : escape,
                   escape == NULL ? sizeof(code) : 2);
        begin = i + 1;
    }
    writer_add(w, s.data + begin, s.len - begin);
    writer_char(w, '"');
}

/* A msgpack head with a length: one byte for short strs, else 8, 16 or 32 bits. */
static void writer_sized(weir_writer *w, weir_slice s, unsigned type8, bool is_str)
{
    if (is_str && s.len < 32) {
        writer_head(w, 0xA0 | (unsigned)s.len, 0, 0);
    } else if (s.len <= UINT8_MAX) {
        writer_head(w, type8, s.len, 1);
    } else if (s.len <= UINT16_MAX) {
        writer_head(w, type8 + 1, s.len, 2);
    } else {
        writer_head(w, type8 + 2, s.len, 4);
    }
    writer_add(w, s.data, s.len);
}

/* Text that JSON writes as it is, as nearly all is: one look, one copy. */
static inline bool writer_json_plain(weir_writer *w, weir_slice s)
{
    const unsigned char *begin = (const unsigned char *)s.data;
    const unsigned char *end = begin + s.len;
    char *to = s.len > WEIR_DOCUMENT_MAX || weir_json_plain(begin, end) != end
                   ? NULL
                   : writer_room(w, s.len + 2);

    if (to == NULL) {
        return false;
    }
    to[0] = '"';
    if (s.len > 0) {
        memcpy(to + 1, s.data, s.len);
    }
    to[s.len + 1] = '"';
    w->len += s.len + 2;
    return true;
}

static void writer_text(weir_writer *w, weir_slice s)
{
    if (writer_is_json(w) && writer_json_plain(w, s)) {
        return;
    }
    if (!weir_ascii_ok((const unsigned char *)s.data, s.len) && !weir_utf8_ok(s)) {
        writer_fail(w, WEIR_EINVAL,
                    "a string that is not UTF-8 (binary takes any bytes)");
    } else if (s.len > WEIR_DOCUMENT_MAX) {
        writer_fail(w, WEIR_EINVAL, "the document is longer than a gibibyte");
    } else if (writer_is_json(w)) {
        writer_json_text(w, s);
    } else {
        writer_sized(w, s, 0xD9, true);
    }
}

void weir_writer_key(weir_writer *w, weir_slice key)
{
    if (writer_begin(w, true)) {
        writer_text(w, key);
    }
}

void weir_writer_string(weir_writer *w, weir_slice value)
{
    if (writer_begin(w, false)) {
        writer_text(w, value);
        writer_ended(w);
    }
}

static void writer_bytes(weir_writer *w, weir_slice value)
{
    if (value.len > WEIR_DOCUMENT_MAX) {
        writer_fail(w, WEIR_EINVAL, "the document is longer than a gibibyte");
        return;
    }
    if (!writer_is_json(w)) {
        writer_sized(w, value, 0xC4, false);
        return;
    }
    size_t n = (value.len + 2) / 3 * 4;
    char *to = writer_room(w, n + 2);

    if (to != NULL) {
        to[0] = '"';
        weir_base64_write(value, to + 1);
        to[n + 1] = '"';
        w->len += n + 2;
    }
}

void weir_writer_binary(weir_writer *w, weir_slice value)
{
    if (writer_begin(w, false)) {
        writer_bytes(w, value);
        writer_ended(w);
    }
}

static void writer_positive(weir_writer *w, uint64_t value)
{
    if (value < 0x80) {
        writer_head(w, (unsigned)value, 0, 0);
    } else if (value <= UINT8_MAX) {
        writer_head(w, 0xCC, value, 1);
    } else if (value <= UINT16_MAX) {
        writer_head(w, 0xCD, value, 2);
    } else if (value <= UINT32_MAX) {
        writer_head(w, 0xCE, value, 4);
    } else {
        writer_head(w, 0xCF, value, 8);
    }
}

static void writer_negative(weir_writer *w, int64_t value)
{
    if (value >= -32) {
        writer_head(w, (unsigned)(value & 0xFF), 0, 0);
    } else if (value >= INT8_MIN) {
        writer_head(w, 0xD0, (uint64_t)value, 1);
    } else if (value >= INT16_MIN) {
        writer_head(w, 0xD1, (uint64_t)value, 2);
    } else if (value >= INT32_MIN) {
        writer_head(w, 0xD2, (uint64_t)value, 4);
    } else {
        writer_head(w, 0xD3, (uint64_t)value, 8);
    }
}

static void writer_integer(weir_writer *w, uint64_t low, bool is_negative)
{
    char text[1 + WEIR_POS_TEXT_MAX] = "-";

    if (!writer_begin(w, false)) {
        return;
    }
    if (writer_is_json(w)) {
        size_t len = weir_u64_format(is_negative ? -low : low, text + 1);

        writer_add(w, is_negative ? text : text + 1, len + (is_negative ? 1 : 0));
    } else if (is_negative) {
        writer_negative(w, (int64_t)low);
    } else {
        writer_positive(w, low);
    }
    writer_ended(w);
}

void weir_writer_int(weir_writer *w, int64_t value)
{
    writer_integer(w, (uint64_t)value, value < 0);
}

void weir_writer_uint(weir_writer *w, uint64_t value)
{
    writer_integer(w, value, false);
}

void weir_writer_double(weir_writer *w, double value)
{
    char text[WEIR_DOUBLE_TEXT_MAX];

    if (!writer_begin(w, false)) {
        return;
    }
    if (writer_is_json(w)) {
        size_t len = weir_double_format(value, text);

        if (len == 0) {
            writer_fail(w, WEIR_EINVAL, "JSON has no number for infinity and NaN");
        }
        writer_add(w, text, len);
    } else {
        uint64_t bits;

        memcpy(&bits, &value, sizeof(bits));
        writer_head(w, 0xCB, bits, 8);
    }
    writer_ended(w);
}

/* A word of JSON, or the msgpack type that stands for it. */
static void writer_word(weir_writer *w, const char *word, unsigned type)
{
    if (!writer_begin(w, false)) {
        return;
    }
    if (writer_is_json(w)) {
        writer_add(w, word, strlen(word));
    } else {
        writer_head(w, type, 0, 0);
    }
    writer_ended(w);
}

void weir_writer_bool(weir_writer *w, bool value)
{
    writer_word(w, value ? "true" : "false", value ? 0xC3 : 0xC2);
}

void weir_writer_null(weir_writer *w)
{
    writer_word(w, "null", 0xC0);
}

void weir_writer_ext(weir_writer *w, int8_t type, weir_slice value)
{
    static const unsigned char fix[17] = {
        [1] = 0xD4, [2] = 0xD5, [4] = 0xD6, [8] = 0xD7, [16] = 0xD8
    };
    char kind = (char)type;

    if (writer_is_json(w)) {
        weir_writer_binary(w, value);
        return;
    }
    if (!writer_begin(w, false)) {
        return;
    }
    if (value.len <= 16 && fix[value.len] != 0) {
        writer_head(w, fix[value.len], 0, 0);
    } else if (value.len <= UINT8_MAX) {
        writer_head(w, 0xC7, value.len, 1);
    } else if (value.len <= UINT16_MAX) {
        writer_head(w, 0xC8, value.len, 2);
    } else {
        writer_head(w, 0xC9, value.len, 4);
    }
    writer_add(w, &kind, 1);
    writer_add(w, value.data, value.len);
    writer_ended(w);
}

bool weir_writer_any_key(weir_writer *w)
{
    w->takes_any_key = !writer_is_json(w);
    return w->takes_any_key;
}

weir_status weir_writer_finish(weir_writer *w, weir_slice *out)
{
    if (w->st == WEIR_OK && !w->is_done) {
        writer_fail(w, WEIR_EINVAL,
                    w->depth > 0 ? "a map or array was not ended"
                                 : "nothing was written");
    }
    if (w->st == WEIR_OK) {
        *out = (weir_slice){ w->data, w->len };
    }
    return w->st;
}
