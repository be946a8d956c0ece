/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock - the two clocks, and times, durations and sizes as text; see clock.h.
 */
#include "worker/base/clock.h"

#include "worker/base/check.h"

#include <stdio.h>
#include <time.h>

#define DAY_MS INT64_C(86400000)

int64_t weir_clock_us(void)
{
    struct timespec now;

    WEIR_ASSERT(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t weir_clock_wall_ms(void)
{
    struct timespec now;

    WEIR_ASSERT(clock_gettime(CLOCK_REALTIME, &now) == 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* -- times --------------------------------------------------------------------------- */

typedef struct clock_date {
    int64_t year;
    int month, day; /* from 1 */
} clock_date;

static int64_t clock_floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0 ? 1 : 0);
}

/* Days since 1970-01-01. Years begin in March here, so that a leap day is the last one. */
static int64_t clock_days(clock_date date)
{
    int64_t year = date.month > 2 ? date.year : date.year - 1;
    int64_t era = clock_floor_div(year, 400);
    int64_t in_era = year - era * 400;
    int64_t month = date.month > 2 ? date.month - 3 : date.month + 9;
    int64_t in_year = (153 * month + 2) / 5 + date.day - 1;

    return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719468;
}

static clock_date clock_date_of(int64_t days)
{
    days += 719468;

    int64_t era = clock_floor_div(days, 146097);
    int64_t in_era = days - era * 146097;
    int64_t year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    int64_t in_year = in_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * in_year + 2) / 153;
    clock_date date = {
        .year = year + era * 400 + (month >= 10 ? 1 : 0),
        .month = (int)(month < 10 ? month + 3 : month - 9),
        .day = (int)(in_year - (153 * month + 2) / 5 + 1),
    };

    return date;
}

char *weir_time_format(int64_t wall_ms, char *out)
{
    /* Years that RFC 3339 cannot say are shown as the nearest that it can. */
    const int64_t first = clock_days((clock_date){ 0, 1, 1 }) * DAY_MS;
    const int64_t last = clock_days((clock_date){ 10000, 1, 1 }) * DAY_MS - 1;

    if (wall_ms < first) {
        wall_ms = first;
    } else if (wall_ms > last) {
        wall_ms = last;
    }

    int64_t days = clock_floor_div(wall_ms, DAY_MS);
    unsigned ms = (unsigned)(wall_ms - days * DAY_MS);
    clock_date date = clock_date_of(days);

    (void)snprintf(out, WEIR_RFC3339_MAX, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
                   (unsigned)date.year % 10000, (unsigned)date.month % 100,
                   (unsigned)date.day % 100, ms / 3600000 % 24, ms / 60000 % 60,
                   ms / 1000 % 60, ms % 1000);
    return out;
}

/* Exactly n digits at *at; false: there are none. */
static bool clock_digits(weir_slice text, size_t *at, size_t n, int *out)
{
    int value = 0;

    if (text.len - *at < n) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        char c = text.data[*at + i];

        if (c < '0' || c > '9') {
            return false;
        }
        value = value * 10 + (c - '0');
    }
    *at += n;
    *out = value;
    return true;
}

static bool clock_char(weir_slice text, size_t *at, const char *any)
{
    if (*at >= text.len || text.data[*at] == '\0' ||
        strchr(any, text.data[*at]) == NULL) {
        return false;
    }
    ++*at;
    return true;
}

static bool clock_date_read(weir_slice text, size_t *at, clock_date *out)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    int year;

    if (!clock_digits(text, at, 4, &year) || !clock_char(text, at, "-") ||
        !clock_digits(text, at, 2, &out->month) || !clock_char(text, at, "-") ||
        !clock_digits(text, at, 2, &out->day)) {
        return false;
    }
    out->year = year;
    if (out->month < 1 || out->month > 12 || out->day < 1) {
        return false;
    }

    bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return out->day <= days[out->month - 1] + (out->month == 2 && is_leap ? 1 : 0);
}

/* The time of day as milliseconds; more than three digits of a fraction are cut. */
static bool clock_day_ms(weir_slice text, size_t *at, int64_t *out)
{
    int hour;
    int minute;
    int second;
    int ms = 0;

    if (!clock_digits(text, at, 2, &hour) || !clock_char(text, at, ":") ||
        !clock_digits(text, at, 2, &minute) || !clock_char(text, at, ":") ||
        !clock_digits(text, at, 2, &second) || hour > 23 || minute > 59 ||
        second > 60) {
        return false;
    }
    if (second == 60) {
        second = 59; /* a leap second, which the count of seconds does not have */
    }
    if (clock_char(text, at, ".")) {
        int digit;
        int n = 0;

        while (clock_digits(text, at, 1, &digit)) {
            if (n < 3) {
                ms = ms * 10 + digit;
            }
            n++;
        }
        if (n == 0) {
            return false;
        }
        for (; n < 3; n++) {
            ms *= 10;
        }
    }
    *out = ((int64_t)hour * 3600 + minute * 60 + second) * 1000 + ms;
    return true;
}

/* Z or +hh:mm; *out is what must be added to get UTC. False: neither. */
static bool clock_zone(weir_slice text, size_t *at, int64_t *out)
{
    if (clock_char(text, at, "Zz")) {
        *out = 0;
        return true;
    }

    bool is_west = *at < text.len && text.data[*at] == '-';
    int hours;
    int minutes;

    if (!clock_char(text, at, "+-") || !clock_digits(text, at, 2, &hours) ||
        !clock_char(text, at, ":") || !clock_digits(text, at, 2, &minutes) ||
        hours > 23 || minutes > 59) {
        return false;
    }
    *out = ((int64_t)hours * 60 + minutes) * 60000 * (is_west ? 1 : -1);
    return true;
}

/* A wall time of this machine's zone. False: the C library cannot say it. */
static bool clock_local(clock_date date, int64_t day_ms, int64_t *out)
{
    struct tm tm = {
        .tm_year = (int)date.year - 1900,
        .tm_mon = date.month - 1,
        .tm_mday = date.day,
        .tm_hour = (int)(day_ms / 3600000),
        .tm_min = (int)(day_ms / 60000 % 60),
        .tm_sec = (int)(day_ms / 1000 % 60),
        .tm_isdst = -1,
        .tm_wday =
            -1, /* mktime sets it on success only; -1 as an answer is a valid time */
    };
    time_t seconds = mktime(&tm);

    if (tm.tm_wday == -1) {
        return false;
    }
    *out = (int64_t)seconds * 1000 + day_ms % 1000;
    return true;
}

weir_status weir_time_parse(weir_slice text, int64_t *wall_ms, weir_err *err)
{
    size_t at = 0;
    clock_date date;
    int64_t day_ms = 0;
    int64_t zone_ms;
    bool is_ok = clock_date_read(text, &at, &date);

    if (is_ok && at < text.len) {
        is_ok = clock_char(text, &at, "Tt ") && clock_day_ms(text, &at, &day_ms);
        if (is_ok && clock_zone(text, &at, &zone_ms) && at == text.len) {
            *wall_ms = clock_days(date) * DAY_MS + day_ms + zone_ms;
            return WEIR_OK;
        }
    }
    if (is_ok && at == text.len && clock_local(date, day_ms, wall_ms)) {
        return WEIR_OK;
    }
    return weir_fail(
        err, WEIR_EINVAL,
        "\"%.*s\" is not a time: expected RFC 3339 such as 2026-11-20T08:00:00Z",
        (int)(text.len < 64 ? text.len : 64), text.data == NULL ? "" : text.data);
}

/* -- durations and sizes ------------------------------------------------------------- */

typedef struct clock_unit {
    const char *name;
    uint64_t factor;
} clock_unit;

static const clock_unit duration_units[] = {
    { "us", 1 },
    { "ms", 1000 },
    { "s", 1000000 },
    { "m", UINT64_C(60000000) },
    { "h", UINT64_C(3600000000) },
    { "d", UINT64_C(86400000000) },
};

static const clock_unit size_units[] = {
    { "", 1 },
    { "B", 1 },
    { "KB", 1000 },
    { "MB", 1000000 },
    { "GB", 1000000000 },
    { "KiB", UINT64_C(1) << 10 },
    { "MiB", UINT64_C(1) << 20 },
    { "GiB", UINT64_C(1) << 30 },
};

#define N_UNITS(units) (sizeof(units) / sizeof((units)[0]))

/*
 * One number with its unit at *at. False: it is none, or it does not fit into max. *unit is
 * the index of the unit.
 */
static bool clock_quantity(weir_slice text, size_t *at, const clock_unit *units,
                           size_t n_units, uint64_t max, uint64_t *out, size_t *unit)
{
    size_t from = *at;
    uint64_t number = 0;

    for (; *at < text.len && text.data[*at] >= '0' && text.data[*at] <= '9'; ++*at) {
        uint64_t digit = (uint64_t)(text.data[*at] - '0');

        if (number > (UINT64_MAX - digit) / 10) {
            return false;
        }
        number = number * 10 + digit;
    }
    if (*at == from) {
        return false;
    }
    from = *at;
    while (*at < text.len && (text.data[*at] < '0' || text.data[*at] > '9')) {
        ++*at;
    }

    weir_slice name = { text.data + from, *at - from };

    for (size_t i = 0; i < n_units; i++) {
        if (weir_slice_is(name, units[i].name)) {
            *unit = i;
            *out = number * units[i].factor;
            return number <= max / units[i].factor;
        }
    }
    return false;
}

weir_status weir_duration_parse(weir_slice text, int64_t *us, weir_err *err)
{
    const uint64_t max = INT64_MAX - 1; /* WEIR_NEVER is not a duration */
    uint64_t sum = 0;
    size_t at = 0;
    size_t last = N_UNITS(duration_units); /* units must get smaller: 1h30m */

    do {
        uint64_t part;
        size_t unit;

        if (!clock_quantity(text, &at, duration_units, N_UNITS(duration_units), max,
                            &part, &unit) ||
            unit >= last || part > max - sum) {
            return weir_fail(
                err, WEIR_EINVAL,
                "\"%.*s\": expected a duration such as 250ms, 5s, 2m or 1h",
                (int)(text.len < 64 ? text.len : 64),
                text.data == NULL ? "" : text.data);
        }
        sum += part;
        last = unit;
    } while (at < text.len);
    *us = (int64_t)sum;
    return WEIR_OK;
}

char *weir_duration_format(int64_t us, char *out)
{
    size_t len = 0;
    uint64_t left = us < 0 ? 0 : (uint64_t)us;

    if (left == 0) {
        memcpy(out, "0s", 3);
        return out;
    }
    /* One unit if one is enough ("90s" is shorter than "1m30s"), and so is the rule below:
     * the largest unit that divides the whole, or else hours, minutes, seconds and so on. */
    for (size_t i = N_UNITS(duration_units); i-- > 0;) {
        uint64_t factor = duration_units[i].factor;

        if (left % factor == 0) {
            char whole[32];

            (void)snprintf(whole, sizeof(whole), "%llu%s",
                           (unsigned long long)(left / factor), duration_units[i].name);
            if (strlen(whole) <= 5) {
                memcpy(out, whole, strlen(whole) + 1);
                return out;
            }
            break;
        }
    }
    for (size_t i = N_UNITS(duration_units); i-- > 0 && len < 32;) {
        uint64_t factor = duration_units[i].factor;

        if (left >= factor) {
            len += (size_t)snprintf(out + len, 32 - len, "%llu%s",
                                    (unsigned long long)(left / factor),
                                    duration_units[i].name);
            left %= factor;
        }
    }
    return out;
}

weir_status weir_size_parse(weir_slice text, uint64_t *bytes, weir_err *err)
{
    size_t at = 0;
    size_t unit;
    uint64_t value;

    if (!clock_quantity(text, &at, size_units, N_UNITS(size_units), INT64_MAX, &value,
                        &unit) ||
        at != text.len) {
        return weir_fail(err, WEIR_EINVAL,
                         "\"%.*s\": expected a size such as 500, 64KiB, 10MB or 1GiB",
                         (int)(text.len < 64 ? text.len : 64),
                         text.data == NULL ? "" : text.data);
    }
    *bytes = value;
    return WEIR_OK;
}

char *weir_size_format(uint64_t bytes, char *out)
{
    for (size_t i = N_UNITS(size_units); bytes != 0 && i-- > 2;) {
        uint64_t factor = size_units[i].factor;

        if (bytes % factor == 0) {
            (void)snprintf(out, 32, "%llu%s", (unsigned long long)(bytes / factor),
                           size_units[i].name);
            return out;
        }
    }
    (void)snprintf(out, 32, "%llu", (unsigned long long)bytes);
    return out;
}
