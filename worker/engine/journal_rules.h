/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal_rules - who is blamed when the worker has died.
 *
 *   marked       A fatal signal, an exit() or the watchdog of `hang` was seen inside the
 *                function: that event counts one crash, the others are innocent. A batch that
 *                is marked blames nobody yet: its events become suspects.
 *   on purpose   A stop from outside: nobody.
 *   neither      A kill, no memory, no power: what ran becomes suspect. A suspect runs alone
 *                in the whole worker, and only if the worker dies meanwhile does it count,
 *                and less: who is killed again and again may be met alone by chance, so it
 *                takes WEIR_STRIKES_CHANCE such deaths more than of those with a proof.
 *                Where very many ran, to run them all alone would take longer than what it
 *                may find is worth: those become suspects when they meet a second such death.
 *
 * An event that counts is a suspect as well, because what crashed in it may have been broken
 * by another.
 *
 * Threads: any. Pure: no clock, no I/O.
 */
#ifndef WEIR_ENGINE_JOURNAL_RULES_H
#define WEIR_ENGINE_JOURNAL_RULES_H

#include "schemas/event.h"
#include "schemas/strikes.h"

#define WEIR_SUSPECTS_AT_ONCE 64 /* more than these wait for a second death */

/* What is known of one event. */
typedef struct weir_blame {
    uint32_t part; /* a number that means the same partition for all of one list */
    weir_pos pos;
    uint32_t n_crashes;
    uint32_t n_alone;  /* deaths without a mark while it ran alone */
    uint32_t n_deaths; /* the same while others ran as well */
    bool is_suspect;   /* runs alone the next time */
} weir_blame;

/* What ran when the worker ended. */
typedef struct weir_running {
    uint32_t part;
    weir_pos pos;
    uint32_t n_together; /* events of that call; 1: alone in it */
    bool is_alone;       /* as a suspect, with nothing else in the worker */
    bool is_marked;      /* the death was seen inside its function */
} weir_running;

typedef struct weir_blames {
    weir_blame *items; /* the caller's memory */
    size_t n, cap;
} weir_blames;

/* What is known of that event; NULL: nothing. */
weir_blame *weir_blames_find(const weir_blames *blames, uint32_t part, weir_pos pos);
/* The same, made if it is new; where all are taken, the one that was made first goes. */
weir_blame *weir_blames_get(weir_blames *blames, uint32_t part, weir_pos pos);
void weir_blames_drop(weir_blames *blames, uint32_t part, weir_pos pos);

/* Adds what follows from a death. Each event is in `running` once. */
void weir_blames_judge(weir_blames *blames, bool on_purpose,
                       const weir_running *running, size_t n);

/* Its function has returned, with nothing else in the worker. */
void weir_blame_acquit(weir_blame *blame);

/* True if an event of which this is known is not run any more; allowed: retry.crashes. */
static inline bool weir_blame_is_over(const weir_blame *blame, uint32_t allowed)
{
    return blame->n_crashes > allowed || blame->n_alone > allowed + WEIR_STRIKES_CHANCE;
}

#endif
