/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml - a YAML file as a tree of nodes that know where they stand.
 *
 * The library gives events; the tree is ours, so that aliases are shared and not copied (a
 * small file cannot become a large tree), duplicate keys are all found, and every scalar keeps
 * its place. Merge keys (`<<`) are resolved: a key written in the map itself wins.
 *
 * Scalars are text; what they mean is decided by the table of settings, not by YAML.
 *
 * Threads: one at a time.
 */
#ifndef WEIR_APP_YAML_H
#define WEIR_APP_YAML_H

#include "worker/app/diag.h"
#include "worker/base/arena.h"
#include "worker/base/err.h"

#define WEIR_YAML_DEPTH 32
#define WEIR_YAML_NODES 100000
#define WEIR_YAML_BYTES (1024 * 1024)

typedef enum weir_yaml_kind {
    WEIR_YAML_SCALAR,
    WEIR_YAML_LIST,
    WEIR_YAML_MAP
} weir_yaml_kind;

typedef struct weir_yaml weir_yaml;

typedef struct weir_yaml_pair {
    const weir_yaml *key; /* a scalar */
    weir_yaml *value;
    bool is_merged; /* came through `<<` */
} weir_yaml_pair;

struct weir_yaml {
    weir_yaml_kind kind;
    bool is_plain;    /* a scalar without quotes */
    bool is_expanded; /* its ${} have been replaced */
    bool is_secret;   /* text came out of a file */
    bool is_from_env; /* some of the text came out of the environment */
    int line, column; /* from 1 */
    char *text;       /* scalar: NUL-terminated, without NULs inside */
    weir_yaml_pair *pairs;
    weir_yaml **items;
    size_t n; /* pairs or items */
    /* nodes of the tree below, aliases counted as often as they stand */
    size_t weight;
};

/*
 * Reads the bytes (at most WEIR_YAML_BYTES) into a tree in the arena.
 * Returns: WEIR_OK with *root (NULL for an empty file); WEIR_ECONFIG with errors in d;
 * WEIR_ENOMEM. Duplicate keys are errors in d, yet the tree is given.
 */
weir_status weir_yaml_read(weir_slice bytes, weir_arena *arena, weir_diags *d,
                           weir_yaml **root);

/* The value of a key, or NULL. map may be NULL or no map. */
weir_yaml *weir_yaml_get(const weir_yaml *map, const char *key);
/* True for a plain empty scalar, `~` or `null`. */
bool weir_yaml_is_null(const weir_yaml *node);
/* "a map", "a list", "a value" */
const char *weir_yaml_kind_text(const weir_yaml *node);
/* Whether the value of a key of that name is one that no terminal should show. */
bool weir_yaml_is_secret(const char *name);
/* Appends the tree as JSON; plain scalars become null, booleans and numbers by YAML's core
 * schema. Secrets, by where they came from (a file, the
 * environment) or by their key, are written as "****" if mask. */
void weir_yaml_json(const weir_yaml *node, weir_buf *out, bool mask);

#endif
