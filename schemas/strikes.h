/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * strikes - what a queue remembers of deaths of its readers, across replicas.
 *
 * The number travels with the queue: in the map of a Kafka commit, for the position itself; in
 * the delivery count of a Redis entry (less one). A queue cannot tell a function that kills
 * its worker from a worker that is killed, so deaths alone blame nobody:
 *
 *     0       the last owner left in order, or things have moved since
 *     1       one owner has died here: nothing follows from it
 *     2       another one too: what was unfinished then runs alone from now on
 *     2 + n   n times the worker died while this event ran alone
 *
 * An alone run is written down before it begins and taken back when the function returns.
 *
 * Threads: any. Pure.
 */
#ifndef WEIR_SCHEMAS_STRIKES_H
#define WEIR_SCHEMAS_STRIKES_H

#include <stdbool.h>
#include <stdint.h>

#define WEIR_STRIKES_ALONE 2u /* from here on an event runs alone */
/* So many deaths of an event that ran alone may be chance: a worker that is killed again and
 * again. */
#define WEIR_STRIKES_CHANCE 2u
#define WEIR_STRIKES_MAX 1000000u /* far above any retry.crashes */

/* A new owner begins where `strikes` stood. */
static inline uint32_t weir_strikes_own(uint32_t strikes, bool was_clean)
{
    if (was_clean) {
        return 0;
    }
    return strikes < WEIR_STRIKES_ALONE ? strikes + 1 : strikes;
}

/* It is about to run alone. */
static inline uint32_t weir_strikes_begin(uint32_t strikes)
{
    if (strikes >= WEIR_STRIKES_MAX) {
        return WEIR_STRIKES_MAX;
    }
    return (strikes < WEIR_STRIKES_ALONE ? WEIR_STRIKES_ALONE : strikes) + 1;
}

/* Its function has returned. */
static inline uint32_t weir_strikes_end(uint32_t strikes)
{
    return strikes > WEIR_STRIKES_ALONE ? strikes - 1 : strikes;
}

/* How often a worker died while it ran alone. */
static inline uint32_t weir_strikes_deaths(uint32_t strikes)
{
    return strikes > WEIR_STRIKES_ALONE ? strikes - WEIR_STRIKES_ALONE : 0;
}

#endif
