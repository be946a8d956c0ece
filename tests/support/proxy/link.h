/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link - one connection of the proxy: two ways, each with what came and what is to go.
 *
 *   client --> requests --> server
 *          <-- answers  <--
 */
#ifndef WEIR_TESTS_SUPPORT_PROXY_LINK_H
#define WEIR_TESTS_SUPPORT_PROXY_LINK_H

#include "tests/support/proxy/frame.h"

#include <stdint.h>

#define LINK_NAME 64

/* What is done wrong now; one for all connections. */
typedef struct link_rules {
    frame_kind kind;
    int delay_ms;
    char hold[LINK_NAME]; /* empty: nothing is held */
    char cut[LINK_NAME];
    bool is_cut_answer;
    unsigned n_cut_left;
    unsigned n_cuts, n_held;
} link_rules;

typedef struct link_piece link_piece;
typedef struct link_asked link_asked;

typedef struct link_way {
    int from, to;
    frame_kind kind; /* raw once it was not understood */
    char *in;
    size_t n_in, cap;
    link_piece *head, *tail;
    size_t n_out;
    bool is_ended; /* nothing more comes */
} link_way;

typedef struct link_pair {
    int client, server; /* -1: free */
    link_way ways[2];   /* requests, answers */
    link_asked *first, *last;
} link_pair;

void link_open(link_pair *pair, int client, int server, frame_kind kind);
void link_close(link_pair *pair, bool is_reset);

/* Reads what there is and makes pieces of it. false: the connection must end now. */
bool link_read(link_pair *pair, int way, link_rules *rules, int64_t now_ms);

/* Writes what is due. false: the connection must end now. */
bool link_write(link_pair *pair, int way, int64_t now_ms);

/* When the first piece of the way is due; -1: there is none that may go. */
int64_t link_due(const link_pair *pair, int way);

/* Room for more? What the other side does not take is not read without end. */
bool link_has_room(const link_pair *pair, int way);

/* Lets everything go that was held. */
void link_release(link_pair *pair);

#endif
