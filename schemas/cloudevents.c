/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cloudevents - see cloudevents.h.
 */
#include "schemas/cloudevents.h"

#include <strings.h>

#define MEDIA "application/cloudevents"

static bool ce_starts_nocase(weir_slice s, const char *with)
{
    size_t n = strlen(with);

    return s.len >= n && strncasecmp(s.data, with, n) == 0;
}

static weir_slice ce_trim(weir_slice s)
{
    while (s.len > 0 && (s.data[0] == ' ' || s.data[0] == '\t')) {
        s.data++;
        s.len--;
    }
    while (s.len > 0 && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\t')) {
        s.len--;
    }
    return s;
}

/* A media type without its parameters. */
static weir_slice ce_media(weir_slice content_type)
{
    const char *semicolon =
        content_type.len == 0 ? NULL : memchr(content_type.data, ';', content_type.len);

    if (semicolon != NULL) {
        content_type.len = (size_t)(semicolon - content_type.data);
    }
    return ce_trim(content_type);
}

static bool ce_is_nocase(weir_slice s, const char *text)
{
    return s.len == strlen(text) && strncasecmp(s.data, text, s.len) == 0;
}

static bool ce_ends_nocase(weir_slice s, const char *with)
{
    size_t n = strlen(with);

    return s.len >= n && strncasecmp(s.data + s.len - n, with, n) == 0;
}

weir_slice weir_ce_content_type(const weir_event *ev)
{
    if (!weir_ev_look(ev)) {
        return WEIR_SLICE_NONE;
    }
    for (size_t i = ev->n_headers; i-- > 0;) {
        const char *name = ev->headers[i].name;

        if ((name[0] | 0x20) == 'c' && (name[1] | 0x20) == 'o' &&
            strcasecmp(name, WEIR_CE_TYPE_HEADER) == 0 &&
            ev->headers[i].value.data != NULL) {
            return ev->headers[i].value;
        }
    }
    return WEIR_SLICE_NONE;
}

weir_slice weir_ce_header(const weir_event *ev, const char *name)
{
    weir_slice plain = WEIR_SLICE_NONE;
    const weir_slice type = strcmp(name, "datacontenttype") == 0
                                ? weir_ce_content_type(ev)
                                : WEIR_SLICE_NONE;

    if (type.data != NULL || !weir_ev_look(ev)) {
        return type;
    }
    for (size_t i = ev->n_headers; i-- > 0;) {
        const weir_header *header = &ev->headers[i];

        if (strncmp(header->name, "ce_", 3) == 0 &&
            strcmp(header->name + 3, name) == 0 && header->value.data != NULL) {
            return header->value;
        }
        if (ev->is_redis && plain.data == NULL && strcmp(header->name, name) == 0) {
            plain = header->value;
        }
    }
    return plain;
}

weir_ce_mode weir_ce_mode_of(const weir_event *ev)
{
    return weir_ce_mode_by(ev, weir_ce_content_type(ev));
}

weir_ce_mode weir_ce_mode_by(const weir_event *ev, weir_slice type)
{
    weir_slice media = ce_media(type);

    if (type.data == NULL) {
        bool is_bare = ev->is_redis && weir_ce_header(ev, "specversion").data == NULL;

        return is_bare ? WEIR_CE_JSON : WEIR_CE_BINARY;
    }
    if (!ce_starts_nocase(media, MEDIA)) {
        return WEIR_CE_BINARY;
    }
    if (ce_is_nocase(media, MEDIA) || ce_is_nocase(media, MEDIA "+json")) {
        return WEIR_CE_JSON;
    }
    return ce_is_nocase(media, MEDIA "+msgpack") ? WEIR_CE_MSGPACK : WEIR_CE_UNKNOWN;
}

weir_format weir_ce_data_format(weir_slice content_type)
{
    if (weir_slice_is(content_type, "application/json")) {
        return WEIR_FORMAT_JSON; /* nearly always */
    }
    weir_slice media = ce_media(content_type);

    if (memchr(media.len == 0 ? "" : media.data, '/', media.len) == NULL) {
        return WEIR_FORMAT_RAW;
    }
    if (ce_ends_nocase(media, "/json") || ce_ends_nocase(media, "+json")) {
        return WEIR_FORMAT_JSON;
    }
    if (ce_is_nocase(media, "application/msgpack") ||
        ce_is_nocase(media, "application/x-msgpack") ||
        ce_ends_nocase(media, "+msgpack")) {
        return WEIR_FORMAT_MSGPACK;
    }
    return WEIR_FORMAT_RAW;
}

bool weir_ce_name_ok(weir_slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))) {
            return false;
        }
    }
    return name.len > 0;
}

#define ONES UINT64_C(0x0101010101010101)

/* True: printable ASCII from the first byte to the last. False says nothing. */
static inline bool ce_text_plain(weir_slice s)
{
    uint64_t hit = 0;
    uint64_t word;

    if (s.len < sizeof(word)) {
        return false;
    }
    for (size_t i = 0; i < s.len; i += sizeof(word)) {
        /* The last word may overlap the one before it. */
        const size_t at = s.len - i < sizeof(word) ? s.len - sizeof(word) : i;

        memcpy(&word, s.data + at, sizeof(word));
        /* Below a space, or 0x7F or more. A borrow only raises a byte that is hit anyway. */
        hit |= (word - ONES * 0x20) | (word + ONES) | word;
    }
    return (hit & ONES << 7) == 0;
}

/* Control characters of ASCII and of Latin-1 (C2 80 to C2 9F) have no place in a value. */
static bool ce_text_ok(weir_slice s)
{
    bool is_ascii = true;

    if (ce_text_plain(s)) {
        return true;
    }
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.data[i];
        bool is_c1 = c == 0xC2 && i + 1 < s.len && (unsigned char)s.data[i + 1] < 0xA0;

        if (c < 0x20 || c == 0x7F || is_c1) {
            return false;
        }
        is_ascii = is_ascii && c < 0x80;
    }
    return is_ascii || weir_utf8_ok(s);
}

/* A number of two digits from low to high. */
static inline bool ce_two(const char *p, int low, int high)
{
    const unsigned tens = (unsigned)(unsigned char)p[0] - '0';
    const unsigned ones = (unsigned)(unsigned char)p[1] - '0';
    const int v = (int)(tens * 10 + ones);

    return tens <= 9 && ones <= 9 && v >= low && v <= high;
}

static inline bool ce_digit(const weir_slice *s)
{
    return s->len > 0 && s->data[0] >= '0' && s->data[0] <= '9';
}

static bool ce_char(weir_slice *s, const char *any)
{
    if (s->len == 0 || s->data[0] == '\0' || strchr(any, s->data[0]) == NULL) {
        return false;
    }
    s->data++;
    s->len--;
    return true;
}

/* RFC 3339 by its shape and ranges; a leap second is fine. */
static bool ce_time_ok(weir_slice s)
{
    const char *p = s.data;

    /* 2026-11-21T07:58:47 */
    if (s.len < 20 || !ce_two(p, 0, 99) || !ce_two(p + 2, 0, 99) || p[4] != '-' ||
        !ce_two(p + 5, 1, 12) || p[7] != '-' || !ce_two(p + 8, 1, 31) ||
        (p[10] | 0x20) != 't' || !ce_two(p + 11, 0, 23) || p[13] != ':' ||
        !ce_two(p + 14, 0, 59) || p[16] != ':' || !ce_two(p + 17, 0, 60)) {
        return false;
    }
    s = (weir_slice){ p + 19, s.len - 19 };
    if (ce_char(&s, ".")) {
        if (!ce_digit(&s)) {
            return false;
        }
        while (ce_digit(&s)) {
            s = (weir_slice){ s.data + 1, s.len - 1 };
        }
    }
    if (ce_char(&s, "Zz")) {
        return s.len == 0;
    }
    return s.len == 6 && (s.data[0] == '+' || s.data[0] == '-') &&
           ce_two(s.data + 1, 0, 23) && s.data[3] == ':' && ce_two(s.data + 4, 0, 59);
}

/* The attributes with rules; a required one's number is its bit in a set. */
typedef enum ce_attr {
    CE_SPECVERSION,
    CE_ID,
    CE_SOURCE,
    CE_TYPE,
    CE_SUBJECT,
    CE_SCHEMA,
    CE_TIME,
    CE_CONTENT,
    CE_OTHER
} ce_attr;

enum { N_REQUIRED = CE_TYPE + 1 };

static const char *const ce_names[] = { "specversion", "id",
                                        "source",      "type",
                                        "subject",     "dataschema",
                                        "time",        "datacontenttype" };

static ce_attr ce_attr_is(const char *name, ce_attr attr)
{
    return strcmp(name, ce_names[attr]) == 0 ? attr : CE_OTHER;
}

static ce_attr ce_attr_of(const char *name)
{
    switch (name[0]) {
    case 'i':
        return ce_attr_is(name, CE_ID);
    case 's':
        return ce_attr_is(name, name[1] == 'p'   ? CE_SPECVERSION
                                : name[1] == 'o' ? CE_SOURCE
                                                 : CE_SUBJECT);
    case 't':
        return ce_attr_is(name, name[1] == 'y' ? CE_TYPE : CE_TIME);
    case 'd':
        return name[1] == 'a' && name[2] == 't' && name[3] == 'a'
                   ? ce_attr_is(name, name[4] == 's' ? CE_SCHEMA : CE_CONTENT)
                   : CE_OTHER;
    default:
        return CE_OTHER;
    }
}

/* What is wrong with an attribute, or NULL. */
static const char *ce_check_one(const weir_header *attr, ce_attr kind)
{
    const weir_slice value = attr->value;

    if (kind == CE_OTHER && !weir_ce_name_ok(weir_slice_of(attr->name))) {
        return "names are made of a-z and 0-9";
    }
    if (!ce_text_ok(value)) {
        return "not UTF-8 text without control characters";
    }
    switch (kind) {
    case CE_SPECVERSION:
        return weir_slice_is(value, "1.0") ? NULL : "only 1.0 is known";
    case CE_TIME:
        return ce_time_ok(value) ? NULL : "not a time as RFC 3339 writes it";
    case CE_CONTENT:
        return memchr(value.len == 0 ? "" : value.data, '/', value.len) != NULL
                   ? NULL
                   : "not a media type";
    case CE_OTHER:
        return NULL;
    default:
        return value.len > 0 ? NULL : "must not be empty";
    }
}

weir_status weir_ce_check(const weir_header *attrs, size_t n, weir_err *err)
{
    unsigned has = 0;
    const char *why = NULL;
    size_t wrong = 0;

    for (size_t i = 0; i < n; i++) {
        const ce_attr kind = ce_attr_of(attrs[i].name);

        has |= 1U << kind;
        if (why == NULL) {
            why = ce_check_one(&attrs[i], kind);
            wrong = i;
        }
    }
    for (size_t i = 0; i < N_REQUIRED; i++) {
        if ((has >> i & 1) == 0) {
            return weir_fail(err, WEIR_EDATA,
                             "cloudevents: the required attribute %s is not there",
                             ce_names[i]);
        }
    }
    return why == NULL ? WEIR_OK
                       : weir_fail(err, WEIR_EDATA, "cloudevents: attribute %.60s: %s",
                                   attrs[wrong].name, why);
}
