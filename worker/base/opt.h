/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * opt - settings described by a table of rows.
 *
 * A struct with settings has one constant table of rows. The parser of the configuration, the
 * effective print, --help, the JSON Schema and the documents all come from these rows.
 *
 * Threads: any; tables are constant.
 */
#ifndef WEIR_BASE_OPT_H
#define WEIR_BASE_OPT_H

#include "worker/base/err.h"
#include "worker/base/slice.h"

#include <stddef.h>

typedef enum weir_opt_type {
    WEIR_OPT_STRING,   /* char *, owned by the struct (free) */
    WEIR_OPT_SECRET,   /* char *, the same; masked wherever it is printed */
    WEIR_OPT_BOOL,     /* bool */
    WEIR_OPT_INT,      /* int64_t within [min, max] */
    WEIR_OPT_SIZE,     /* uint64_t bytes within [min, max] */
    WEIR_OPT_DURATION, /* int64_t microseconds within [min, max] */
    WEIR_OPT_ENUM,     /* int: index into words */
    WEIR_OPT_MAP,      /* weir_opt_map: names to scalar texts (librdkafka properties) */
    WEIR_OPT_LIST,     /* weir_opt_list: texts; one scalar counts as a list of one */
    WEIR_OPT_TREE,     /* char *, the YAML below as JSON text, NULL if absent */
    WEIR_OPT_GROUP     /* a nested map: rows in `rows`, its struct at offset */
} weir_opt_type;

typedef struct weir_opt {
    const char *name;
    weir_opt_type type;
    size_t offset; /* in the struct */
    /* as it would be written; NULL: required if is_required, else absent */
    const char *def;
    /* INT, SIZE, DURATION (microseconds); max 0: no upper bound */
    int64_t min, max;
    const char *const *words;    /* ENUM, NULL-terminated */
    const struct weir_opt *rows; /* GROUP, ends with a row without name */
    bool is_required;
    const char *help;
} weir_opt;

typedef struct weir_opt_pair {
    char *name, *value;
    int line, column; /* of the value in the file; 0: unknown */
} weir_opt_pair;

typedef struct weir_opt_map {
    weir_opt_pair *pairs;
    size_t n;
} weir_opt_map;

typedef struct weir_opt_list {
    char **items;
    size_t n;
} weir_opt_list;

/* Sets one scalar of a struct from text as the rows say (everything but MAP, LIST, TREE,
 * GROUP). The old string is freed. Errors name the setting and what is accepted. */
weir_status weir_opt_set(const weir_opt *row, void *base, const char *text,
                         weir_err *err);
/* Sets every row's default, nested groups too. base must be zeroed. After a failure it owns
 * nothing. */
weir_status weir_opt_defaults(const weir_opt *rows, void *base, weir_err *err);
/* Frees what the rows own and zeroes it. */
void weir_opt_fini(const weir_opt *rows, void *base);
/* The value of a scalar row as it would be written, secrets as "****"; false: absent. *text is
 * the value: a loan of the struct or out, which has at least 64 bytes. */
bool weir_opt_get(const weir_opt *row, const void *base, char *out, size_t cap,
                  const char **text);
/* The row of that name, or NULL. */
const weir_opt *weir_opt_find(const weir_opt *rows, const char *name);
/* The nearest known name within an edit distance of a third of its length (two letters swapped
 * count as one), or NULL. */
const char *weir_opt_nearest(const weir_opt *rows, const char *name);
const char *weir_word_nearest(const char *const *words, const char *name);

bool weir_opt_map_add(weir_opt_map *map, const char *name, const char *value);
const char *weir_opt_map_get(const weir_opt_map *map, const char *name);
void weir_opt_map_fini(weir_opt_map *map);
bool weir_opt_list_add(weir_opt_list *list, const char *item);
void weir_opt_list_fini(weir_opt_list *list);

#endif
