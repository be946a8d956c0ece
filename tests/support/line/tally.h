/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tally - what an independent reader has seen of a plan's results and dead letters.
 */
#ifndef WEIR_TESTS_LINE_TALLY_H
#define WEIR_TESTS_LINE_TALLY_H

#include "plan.h"

#define TALLY_MAKERS 16 /* replicas that results may name */

typedef struct tally_maker {
    char name[32];
    size_t n_made;
    size_t n_repeated; /* of its results: made again by somebody later */
} tally_maker;

typedef struct tally {
    const plan *p;
    uint8_t *seen;  /* by event: results and dead letters */
    uint8_t *maker; /* by event: who made the first one */
    int64_t *last;  /* by key: n of the newest first result; -1 */
    tally_maker makers[TALLY_MAKERS];
    size_t n_makers;
    size_t n_results, n_dead, n_distinct, n_twice;
    size_t n_disorder; /* first results that came behind a later one of their key */
    /* what no event of the plan explains, or with the wrong end */
    size_t n_foreign;
    char foreign[256]; /* the first of these */
} tally;

bool tally_init(tally *t, const plan *p);
void tally_fini(tally *t);

/* A result; maker: the header `by`, or "". */
void tally_result(tally *t, const char *key, size_t key_len, const char *data,
                  size_t len, const char *maker);
/* A dead letter; reason: the header weir.reason, or "". */
void tally_dead(tally *t, const char *key, size_t key_len, const char *data, size_t len,
                const char *reason);
/* One line of JSON on stdout. */
void tally_print(const tally *t);

#endif
