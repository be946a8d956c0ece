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

/* The last header of that name, in any case, that has a value. */
static weir_slice ce_content_type(const weir_event *ev)
{
    for (size_t i = ev->n_headers; i-- > 0;) {
        if (strcasecmp(ev->headers[i].name, "content-type") == 0 &&
            ev->headers[i].value.data != NULL) {
            return ev->headers[i].value;
        }
    }
    return WEIR_SLICE_NONE;
}

weir_slice weir_ce_header(const weir_event *ev, const char *name)
{
    weir_slice plain = WEIR_SLICE_NONE;

    if (strcmp(name, "datacontenttype") == 0 && ce_content_type(ev).data != NULL) {
        return ce_content_type(ev);
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
    weir_slice type = ce_content_type(ev);
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

/* Control characters of ASCII and of Latin-1 (C2 80 to C2 9F) have no place in a value. */
static bool ce_text_ok(weir_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.data[i];
        bool is_c1 = c == 0xC2 && i + 1 < s.len && (unsigned char)s.data[i + 1] < 0xA0;

        if (c < 0x20 || c == 0x7F || is_c1) {
            return false;
        }
    }
    return weir_utf8_ok(s);
}

static bool ce_digits(weir_slice *s, size_t n, int low, int high)
{
    int v = 0;

    if (s->len < n) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (s->data[i] < '0' || s->data[i] > '9') {
            return false;
        }
        v = v * 10 + (s->data[i] - '0');
    }
    s->data += n;
    s->len -= n;
    return v >= low && v <= high;
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
    if (!ce_digits(&s, 4, 0, 9999) || !ce_char(&s, "-") || !ce_digits(&s, 2, 1, 12) ||
        !ce_char(&s, "-") || !ce_digits(&s, 2, 1, 31) || !ce_char(&s, "Tt") ||
        !ce_digits(&s, 2, 0, 23) || !ce_char(&s, ":") || !ce_digits(&s, 2, 0, 59) ||
        !ce_char(&s, ":") || !ce_digits(&s, 2, 0, 60)) {
        return false;
    }
    if (ce_char(&s, ".")) {
        size_t n = 0;

        while (ce_digits(&s, 1, 0, 9)) {
            n++;
        }
        if (n == 0) {
            return false;
        }
    }
    if (!ce_char(&s, "Zz") && !(ce_char(&s, "+-") && ce_digits(&s, 2, 0, 23) &&
                                ce_char(&s, ":") && ce_digits(&s, 2, 0, 59))) {
        return false;
    }
    return s.len == 0;
}

static weir_status ce_check_one(const weir_header *attr, weir_err *err)
{
    const char *name = attr->name;
    weir_slice value = attr->value;
    const char *why = NULL;

    if (!weir_ce_name_ok(weir_slice_of(name))) {
        why = "names are made of a-z and 0-9";
    } else if (!ce_text_ok(value)) {
        why = "not UTF-8 text without control characters";
    } else if (strcmp(name, "specversion") == 0 && !weir_slice_is(value, "1.0")) {
        why = "only 1.0 is known";
    } else if (strcmp(name, "time") == 0 && !ce_time_ok(value)) {
        why = "not a time as RFC 3339 writes it";
    } else if (strcmp(name, "datacontenttype") == 0 &&
               memchr(value.len == 0 ? "" : value.data, '/', value.len) == NULL) {
        why = "not a media type";
    } else if (value.len == 0 &&
               (strcmp(name, "id") == 0 || strcmp(name, "source") == 0 ||
                strcmp(name, "type") == 0 || strcmp(name, "subject") == 0 ||
                strcmp(name, "dataschema") == 0)) {
        why = "must not be empty";
    }
    return why == NULL ? WEIR_OK
                       : weir_fail(err, WEIR_EDATA, "cloudevents: attribute %.60s: %s",
                                   name, why);
}

weir_status weir_ce_check(const weir_header *attrs, size_t n, weir_err *err)
{
    static const char *const required[] = { "specversion", "id", "source", "type" };

    for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++) {
        bool has = false;

        for (size_t j = 0; j < n && !has; j++) {
            has = strcmp(attrs[j].name, required[i]) == 0;
        }
        if (!has) {
            return weir_fail(err, WEIR_EDATA,
                             "cloudevents: the required attribute %s is not there",
                             required[i]);
        }
    }
    for (size_t i = 0; i < n; i++) {
        weir_status st = ce_check_one(&attrs[i], err);

        if (st != WEIR_OK) {
            return st;
        }
    }
    return WEIR_OK;
}
