/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log - one event a line, to stderr.
 *
 *     weir_log(WEIR_WARN, "job.retry", "sub=%s attempt=%d text=%s", name, attempt, err.text);
 *
 * A line has a level, a name in words.with.dots, and fields written as key=value separated by
 * one space; a value with spaces is quoted by the caller ("key=\"a b\""), and a field named
 * `text` takes the rest of the line. In JSON each field is a member. Never a payload or a
 * secret at any level. Repeats of one name are limited to a burst of 20 and then 1 a second;
 * what was held back is counted in the next line of that name as `suppressed`.
 *
 * Threads: any. Blocks: on stderr. Never called with a lock held.
 */
#ifndef WEIR_BASE_LOG_H
#define WEIR_BASE_LOG_H

#include "worker/base/err.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum weir_level { WEIR_DEBUG = 0, WEIR_INFO, WEIR_WARN, WEIR_ERROR } weir_level;
typedef enum weir_log_format { WEIR_LOG_JSON = 0, WEIR_LOG_TEXT } weir_log_format;

/* How lines look from now on. service and instance may be NULL; they are copied. */
void weir_log_setup(weir_level level, weir_log_format format, bool use_colour,
                    const char *service, const char *instance);
void weir_log_level_set(weir_level level);
bool weir_log_wants(weir_level level);

void weir_log(weir_level level, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Gives every line to fn instead of stderr (tests, `invoke`); NULL: stderr again. line has
 * no newline and is a loan. */
typedef void weir_log_sink_fn(void *arg, weir_level level, const char *name,
                              const char *line);
void weir_log_redirect(weir_log_sink_fn *fn, void *arg);

/* Takes the time for the limit of repeats from fn; NULL: the monotonic clock again. For tests. */
void weir_log_clock(int64_t (*now_us)(void));

/* "debug" "info" "warn" "error" */
weir_status weir_level_parse(const char *text, weir_level *out);

#endif
