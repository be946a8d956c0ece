/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log - one event a line, to stderr; see log.h.
 *
 * A line is put together on the caller's stack and written with one write(2), so that lines
 * of several threads do not mix. The settings and the table of rates are behind one lock,
 * which is never held while something is written.
 */
#include "worker/base/log.h"

#include "worker/base/clock.h"
#include "worker/base/hash.h"
#include "worker/base/lock.h"
#include "worker/base/slice.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOG_LINE_MAX 4096 /* longer lines are cut; a pipe takes these in one piece */
#define LOG_NAME_MAX 48
#define LOG_N_RATES 256
#define LOG_BURST 20
#define LOG_EVERY_US 1000000

typedef struct log_level_words {
    const char *config, *text, *json, *colour;
    int number;          /* OpenTelemetry's severity_number */
    const char *journal; /* the priority prefix of systemd */
} log_level_words;

static const log_level_words log_levels[] = {
    { "debug", "DEBUG", "DEBUG", "\033[2m", 5, "<7>" },
    { "info", "INFO ", "INFO", "\033[32m", 9, "<6>" },
    { "warn", "WARN ", "WARN", "\033[33m", 13, "<4>" },
    { "error", "ERROR", "ERROR", "\033[31m", 17, "<3>" },
};

#define LOG_N_LEVELS (sizeof(log_levels) / sizeof(log_levels[0]))

/* A bucket of tokens for one name: full it has LOG_BURST, and one comes back each second. */
typedef struct log_rate {
    char name[LOG_NAME_MAX];
    int64_t at_us; /* when n_tokens was right; 0: the slot is free */
    uint32_t n_tokens;
    uint64_t n_suppressed;
} log_rate;

typedef struct log_look {
    weir_log_format format;
    bool use_colour, is_journal;
    char service[128], instance[128];
    weir_log_sink_fn *sink;
    void *sink_arg;
} log_look;

/* The log is one of the few things that the whole process shares. */
static pthread_mutex_t log_mutex = PTHREAD_MUTEX_INITIALIZER;
static log_look log_current;            /* under log_mutex */
static log_rate log_rates[LOG_N_RATES]; /* under log_mutex */
static int64_t (*log_now_us)(void);     /* under log_mutex; NULL: the clock */
static atomic_int log_min_level = WEIR_INFO;

/* The bytes of one line, on the stack; what does not fit is cut. */
typedef struct log_line {
    char data[LOG_LINE_MAX];
    size_t len, cap; /* cap: leaves room for what must still follow */
} log_line;

/* True if stderr goes to the journal: JOURNAL_STREAM is "device:inode" of it. */
static bool log_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device;
    unsigned long long inode;
    struct stat st;

    return stream != NULL && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &st) == 0 && (unsigned long long)st.st_dev == device &&
           (unsigned long long)st.st_ino == inode;
}

void weir_log_setup(weir_level level, weir_log_format format, bool use_colour,
                    const char *service, const char *instance)
{
    bool is_journal = log_is_journal();

    (void)pthread_mutex_lock(&log_mutex);
    log_current.format = format;
    log_current.use_colour = use_colour;
    log_current.is_journal = is_journal;
    (void)snprintf(log_current.service, sizeof(log_current.service), "%s",
                   service == NULL ? "" : service);
    (void)snprintf(log_current.instance, sizeof(log_current.instance), "%s",
                   instance == NULL ? "" : instance);
    memset(log_rates, 0, sizeof(log_rates));
    (void)pthread_mutex_unlock(&log_mutex);
    weir_log_level_set(level);
}

void weir_log_level_set(weir_level level)
{
    atomic_store_explicit(&log_min_level, (int)level, memory_order_relaxed);
}

bool weir_log_wants(weir_level level)
{
    return (int)level >= atomic_load_explicit(&log_min_level, memory_order_relaxed);
}

void weir_log_redirect(weir_log_sink_fn *fn, void *arg)
{
    (void)pthread_mutex_lock(&log_mutex);
    log_current.sink = fn;
    log_current.sink_arg = arg;
    (void)pthread_mutex_unlock(&log_mutex);
}

void weir_log_clock(int64_t (*now_us)(void))
{
    (void)pthread_mutex_lock(&log_mutex);
    log_now_us = now_us;
    (void)pthread_mutex_unlock(&log_mutex);
}

weir_status weir_level_parse(const char *text, weir_level *out)
{
    for (size_t i = 0; i < LOG_N_LEVELS; i++) {
        if (strcmp(text, log_levels[i].config) == 0) {
            *out = (weir_level)i;
            return WEIR_OK;
        }
    }
    return WEIR_EINVAL;
}

/* -- the rate ------------------------------------------------------------------------ */

/* The slot of that name: its own, a free one, or the one unused for longest of a few. */
static log_rate *log_rate_locked(const char *name, int64_t now_us)
{
    uint64_t hash = weir_hash(name, strlen(name), weir_hash_seed());
    log_rate *oldest = NULL;

    for (size_t i = 0; i < 8; i++) {
        log_rate *rate = &log_rates[(hash + i) % LOG_N_RATES];

        if (rate->at_us != 0 && strncmp(rate->name, name, LOG_NAME_MAX - 1) == 0) {
            return rate;
        }
        if (oldest == NULL || rate->at_us < oldest->at_us) {
            oldest = rate;
        }
    }
    *oldest = (log_rate){ .at_us = now_us, .n_tokens = LOG_BURST };
    (void)snprintf(oldest->name, sizeof(oldest->name), "%s", name);
    return oldest;
}

/* False: hold this line back. *n_suppressed is what was held back before it. */
static bool log_rate_take_locked(const char *name, uint64_t *n_suppressed)
{
    int64_t now_us = log_now_us == NULL ? weir_clock_us() : log_now_us();
    log_rate *rate = log_rate_locked(name, now_us);
    int64_t n_new = (now_us - rate->at_us) / LOG_EVERY_US;

    if (n_new > 0) {
        uint32_t room = LOG_BURST - rate->n_tokens;

        rate->n_tokens += n_new < room ? (uint32_t)n_new : room;
        rate->at_us += n_new * LOG_EVERY_US;
    }
    if (rate->n_tokens == 0) {
        rate->n_suppressed++;
        return false;
    }
    rate->n_tokens--;
    *n_suppressed = rate->n_suppressed;
    rate->n_suppressed = 0;
    return true;
}

/* -- the line ------------------------------------------------------------------------ */

static void line_add(log_line *line, const char *data, size_t n)
{
    size_t room = line->cap - line->len;

    if (n > room) {
        n = room;
    }
    memcpy(line->data + line->len, data, n);
    line->len += n;
}

/* All of it or nothing, so that an escape is never cut in half. */
static void line_add_whole(log_line *line, const char *data, size_t n)
{
    if (n <= line->cap - line->len) {
        line_add(line, data, n);
    } else {
        line->cap = line->len;
    }
}

static void line_str(log_line *line, const char *text)
{
    line_add(line, text, strlen(text));
}

/* Text with what is no printable character escaped; in JSON quotes and backslashes too. */
static void line_escape(log_line *line, weir_slice s, bool is_json)
{
    for (size_t at = 0; at < s.len;) {
        unsigned char c = (unsigned char)s.data[at];
        size_t step = weir_utf8_step(s, at);
        char escape[8];

        /* U+0080..U+009F are control characters too; terminals act on them. */
        bool is_c1 = step == 2 && c == 0xC2 && (unsigned char)s.data[at + 1] < 0xA0;

        if (step == 0) {
            line_add_whole(line, "\xEF\xBF\xBD", 3);
            step = 1;
        } else if (is_c1 || c < 0x20 || c == 0x7F) {
            unsigned code = is_c1 ? (unsigned char)s.data[at + 1] : c;

            if (c == '\n') {
                line_add_whole(line, "\\n", 2);
            } else if (c == '\t') {
                line_add_whole(line, "\\t", 2);
            } else {
                (void)snprintf(escape, sizeof(escape), "\\u%04x", code);
                line_add_whole(line, escape, 6);
            }
        } else if (is_json && (c == '"' || c == '\\')) {
            escape[0] = '\\';
            escape[1] = (char)c;
            line_add_whole(line, escape, 2);
        } else {
            line_add_whole(line, s.data + at, step);
        }
        at += step;
    }
}

static void line_json_string(log_line *line, weir_slice s)
{
    size_t cap = line->cap;

    if (cap - line->len < 2) {
        return;
    }
    line_add(line, "\"", 1);
    line->cap = cap - 1; /* the closing quote always fits */
    line_escape(line, s, true);
    line->cap = cap;
    line_add(line, "\"", 1);
}

/* True if s may stand in JSON without quotes: a number of the plain forms, true or false. */
static bool log_is_literal(weir_slice s)
{
    size_t at = 0;
    size_t n_int = 0;

    if (weir_slice_is(s, "true") || weir_slice_is(s, "false")) {
        return true;
    }
    if (s.len == 0 || s.len > 15) {
        return false; /* more digits than a double keeps stay a string */
    }
    if (s.data[at] == '-') {
        at++;
    }
    while (at < s.len && s.data[at] >= '0' && s.data[at] <= '9') {
        at++;
        n_int++;
    }
    if (n_int == 0 || (n_int > 1 && s.data[at - n_int] == '0')) {
        return false;
    }
    if (at < s.len && s.data[at] == '.') {
        at++;

        size_t from = at;

        while (at < s.len && s.data[at] >= '0' && s.data[at] <= '9') {
            at++;
        }
        if (at == from) {
            return false;
        }
    }
    return at == s.len;
}

/* One field of "key=value key=\"a b\" text=the rest"; false: there is none. */
static bool log_field_next(weir_slice *rest, weir_slice *key, weir_slice *value)
{
    while (rest->len > 0 && rest->data[0] == ' ') {
        rest->data++;
        rest->len--;
    }
    if (rest->len == 0) {
        return false;
    }

    size_t n = 0;

    while (n < rest->len && rest->data[n] != '=' && rest->data[n] != ' ' &&
           rest->data[n] != '"') {
        n++;
    }
    if (n == 0 || n == rest->len || rest->data[n] != '=') {
        /* Not a field: all that is left is text. */
        *key = WEIR_SLICE_LIT("text");
        *value = *rest;
        rest->len = 0;
        return true;
    }
    *key = (weir_slice){ rest->data, n };
    rest->data += n + 1;
    rest->len -= n + 1;
    if (weir_slice_is(*key, "text")) {
        *value = *rest;
        rest->len = 0;
        return true;
    }

    size_t skip = 0;

    if (rest->len > 0 && rest->data[0] == '"') {
        const char *end = memchr(rest->data + 1, '"', rest->len - 1);

        n = end == NULL ? rest->len - 1 : (size_t)(end - rest->data) - 1;
        skip = end == NULL ? 1 : 2;
        *value = (weir_slice){ rest->data + 1, n };
    } else {
        const char *end = rest->len == 0 ? NULL : memchr(rest->data, ' ', rest->len);

        n = end == NULL ? rest->len : (size_t)(end - rest->data);
        *value = (weir_slice){ rest->data, n };
    }
    rest->data += n + skip;
    rest->len -= n + skip;
    return true;
}

static void line_json_member(log_line *line, const char *key, weir_slice value)
{
    size_t before = line->len;

    line_str(line, ",");
    line_json_string(line, weir_slice_of(key));
    line_str(line, ":");
    line_json_string(line, value);
    if (line->cap - line->len < 2) {
        /* it may have been cut: half a member is worse than none */
        line->len = before;
    }
}

static void line_json_fields(log_line *line, weir_slice fields)
{
    weir_slice key;
    weir_slice value;

    while (log_field_next(&fields, &key, &value)) {
        size_t before = line->len;

        if (line->cap - line->len < key.len * 6 + 16) {
            break;
        }
        line_str(line, ",");
        line_json_string(line, key);
        line_str(line, ":");
        if (log_is_literal(value)) {
            if (line->cap - line->len < value.len) {
                line->len = before;
                break;
            }
            line_add(line, value.data, value.len);
        } else {
            line_json_string(line, value);
        }
    }
}

static void log_json(log_line *line, const log_look *look, weir_level level,
                     const char *name, weir_slice fields, uint64_t n_suppressed)
{
    char time[WEIR_RFC3339_MAX];
    char head[160];

    line->cap = LOG_LINE_MAX - 64; /* the end of the line must fit */
    (void)snprintf(
        head, sizeof(head),
        "{\"timestamp\":\"%s\",\"severity_text\":\"%s\",\"severity_number\":%d,"
        "\"body\":",
        weir_time_format(weir_clock_wall_ms(), time), log_levels[level].json,
        log_levels[level].number);
    line_str(line, head);
    line_json_string(line, weir_slice_of(name));
    if (look->service[0] != '\0') {
        line_json_member(line, "service", weir_slice_of(look->service));
    }
    if (look->instance[0] != '\0') {
        line_json_member(line, "instance", weir_slice_of(look->instance));
    }
    line_json_fields(line, fields);
    line->cap = LOG_LINE_MAX - 1;
    if (n_suppressed > 0) {
        (void)snprintf(head, sizeof(head), ",\"suppressed\":%" PRIu64, n_suppressed);
        line_str(line, head);
    }
    line_str(line, "}");
}

static void log_text(log_line *line, const log_look *look, weir_level level,
                     const char *name, weir_slice fields, uint64_t n_suppressed)
{
    int64_t ms = weir_clock_wall_ms();
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm = { 0 };
    char head[64];

    (void)localtime_r(&seconds, &tm);
    line->cap = LOG_LINE_MAX - 64;
    if (look->is_journal) {
        line_str(line, log_levels[level].journal);
    }
    (void)snprintf(head, sizeof(head), "%02d:%02d:%02d.%03d ", tm.tm_hour, tm.tm_min,
                   tm.tm_sec, (int)(ms % 1000));
    line_str(line, head);
    line_str(line, look->use_colour ? log_levels[level].colour : "");
    line_str(line, log_levels[level].text);
    line_str(line, look->use_colour ? "\033[0m " : " ");
    line_escape(line, weir_slice_of(name), false);
    if (fields.len > 0) {
        line_str(line, " ");
        line_escape(line, fields, false);
    }
    line->cap = LOG_LINE_MAX - 1;
    if (n_suppressed > 0) {
        (void)snprintf(head, sizeof(head), " suppressed=%" PRIu64, n_suppressed);
        line_str(line, head);
    }
}

/* One write a line; what a full pipe leaves over is written after it. */
static void log_write(const char *data, size_t n)
{
    while (n > 0) {
        ssize_t done = write(STDERR_FILENO, data, n);

        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return; /* nobody can be told */
        }
        data += done;
        n -= (size_t)done;
    }
}

void weir_log(weir_level level, const char *name, const char *fmt, ...)
{
    if (!weir_log_wants(level)) {
        return;
    }

    uint64_t n_suppressed = 0;

    (void)pthread_mutex_lock(&log_mutex);

    bool is_wanted = log_rate_take_locked(name, &n_suppressed);
    log_look look = log_current;

    (void)pthread_mutex_unlock(&log_mutex);
    if (!is_wanted) {
        return;
    }

    char fields[LOG_LINE_MAX];
    /* a log line must not change what the caller looks at next */
    int error = errno;
    va_list args;

    va_start(args, fmt);
    if (vsnprintf(fields, sizeof(fields), fmt, args) < 0) {
        fields[0] = '\0';
    }
    va_end(args);

    log_line line;

    line.len = 0;
    if (look.format == WEIR_LOG_JSON) {
        log_json(&line, &look, level, name, weir_slice_of(fields), n_suppressed);
    } else {
        log_text(&line, &look, level, name, weir_slice_of(fields), n_suppressed);
    }
    if (look.sink != NULL) {
        line.data[line.len] = '\0';
        look.sink(look.sink_arg, level, name, line.data);
    } else {
        line.data[line.len] = '\n';
        log_write(line.data, line.len + 1);
    }
    errno = error;
}
