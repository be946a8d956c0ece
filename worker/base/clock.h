/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock - the two clocks, and times as text.
 *
 * Timers use the monotonic clock in microseconds; wall time is for people and for an event's
 * own age. Nothing below the drivers of the engine reads a clock: passive parts get `now`.
 *
 * Threads: any.
 */
#ifndef WEIR_BASE_CLOCK_H
#define WEIR_BASE_CLOCK_H

#include "worker/base/err.h"
#include "worker/base/slice.h"

#define WEIR_NEVER INT64_MAX /* a time that does not come */

/* Microseconds of CLOCK_MONOTONIC. */
int64_t weir_clock_us(void);
/* Milliseconds since 1970-01-01 UTC. */
int64_t weir_clock_wall_ms(void);

#define WEIR_RFC3339_MAX 32
/* "2026-11-20T08:00:00.123Z" into out (WEIR_RFC3339_MAX bytes); returns out. */
char *weir_time_format(int64_t wall_ms, char *out);
/* RFC 3339, with Z or an offset; without a zone: local time. Also a date alone. */
weir_status weir_time_parse(weir_slice text, int64_t *wall_ms, weir_err *err);

/* "250ms" "5s" "2m" "1h" "1h30m" "0s" -> microseconds; "us" and "d" are known too. */
weir_status weir_duration_parse(weir_slice text, int64_t *us, weir_err *err);
/* The shortest such text; out has 32 bytes; returns out. */
char *weir_duration_format(int64_t us, char *out);

/* "16MiB" "64KiB" "1GiB" "500" "10MB" -> bytes. */
weir_status weir_size_parse(weir_slice text, uint64_t *bytes, weir_err *err);
char *weir_size_format(uint64_t bytes, char *out);

#endif
