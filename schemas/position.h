/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * position - places in a partition or stream as text, and back.
 *
 *     1042               Kafka: the offset
 *     1700000000000-0    Redis: milliseconds and sequence
 *
 * weir_address_parse() of event.h lives here too.
 *
 * Threads: any; nothing is kept.
 */
#ifndef WEIR_SCHEMAS_POSITION_H
#define WEIR_SCHEMAS_POSITION_H

#include "schemas/event.h"

#define WEIR_POS_TEXT_MAX 42 /* two numbers of 20 digits, the dash and the NUL */

/* Writes pos and a NUL; out has at least WEIR_POS_TEXT_MAX bytes. Returns the length. */
size_t weir_pos_format(weir_pos pos, bool is_id, char *out);

/* Reads "1042" (is_id false) or "1700000000000-0" (is_id true); nothing else is accepted. */
bool weir_pos_parse(weir_slice text, weir_pos *out, bool *is_id);

/* Writes v in decimal, no NUL; out has at least 20 bytes. Returns the length. */
size_t weir_u64_format(uint64_t v, char *out);

#endif
