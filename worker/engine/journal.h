/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal - what runs in this process, so that its next start knows which event ended it.
 *
 * A file that is mapped: what is stored is there after any end of the process, without a
 * system call. It has a slot for each handler thread, and more for batches and pending calls;
 * a slot is written before the function starts and says so when it has returned. A fatal
 * signal, an exit() and the watchdog of `hang` mark the slot of the thread that they meet.
 *
 *     open:  read what the last process left -> judge (journal_rules.h) -> a fresh file that
 *            carries on what is known of single events
 *
 * The file (host byte order; another machine's is ignored):
 *
 *     head     4096   magic, version, sizes, CRC32C; how the process ended
 *     parts     512 x  512   CRC32C, partition, subscription and topic
 *     blames     32 x  512   CRC32C, part, position, crashes, suspect
 *     slots      64 x 5120   state, part, position, attempt, mark, checksum
 *
 * Its blocks are allocated when it is made, so that a full disk shows then and not as a fatal
 * signal later. Where it fails all the same (the file was cut, its disk is gone) memory takes
 * its place and the worker goes on. No payload, key or header is in it.
 *
 * Threads: any, but open, close and adopt. A slot belongs to one thread at a time.
 */
#ifndef WEIR_ENGINE_JOURNAL_H
#define WEIR_ENGINE_JOURNAL_H

#include "worker/engine/journal_rules.h"

#include <stdatomic.h>

#define WEIR_JOURNAL_PARTS 512
#define WEIR_JOURNAL_BLAMES 512
#define WEIR_JOURNAL_SLOTS 5120

typedef struct weir_journal weir_journal;

/* Why a slot is marked. */
typedef enum weir_mark {
    WEIR_MARK_NONE = 0,
    WEIR_MARK_SIGNAL,
    WEIR_MARK_EXIT,
    WEIR_MARK_HANG
} weir_mark;

typedef enum weir_slot_state {
    WEIR_SLOT_IDLE = 0,
    WEIR_SLOT_RUNS,
    WEIR_SLOT_ALONE /* it runs, and nothing else does */
} weir_slot_state;

/* As it lies in the file. Others look at `state`, `n_begun` and `mark` only. */
typedef struct weir_journal_slot {
    atomic_uint state;
    atomic_uint n_begun; /* so far: tells one run from the next */
    uint32_t part;       /* 0: one that the journal has no room for */
    uint32_t attempt;
    uint64_t hi, lo;
    uint32_t group;       /* the slot whose mark counts for this one too, */
    uint32_t group_begun; /* while it is in this run */
    uint32_t n_together;
    uint32_t check;
    atomic_uint mark;
    uint32_t spare[3];
} weir_journal_slot;

/*
 * Reads the file at `path` if there is one, judges, and begins a fresh one in its place.
 * Something that is no journal, or damaged, is logged and counts as nothing.
 * Returns: WEIR_OK; WEIR_EIO, WEIR_ENOMEM with a text for people: there is no journal, and
 * the worker can do without.
 */
weir_status weir_journal_open(const char *path, weir_journal **out, weir_err *err);
/* Adds what another process that has ended left at `path`; that file stays as it is. */
void weir_journal_adopt(weir_journal *j, const char *path);
/* False: the file is away, damaged or another one's, as when somebody has removed its folder or
 * its disk has failed: what is written from then on is lost with the process. */
bool weir_journal_is_kept(const weir_journal *j, const char *path);
/* The process ends in order: what still runs is no one's fault. NULL is accepted. */
void weir_journal_on_purpose(weir_journal *j);
/* The same, and nothing of it may be used any more. */
void weir_journal_close(weir_journal *j);

/* From here on fatal signals and exit() mark slots, until close. One journal a process. */
void weir_journal_guard(weir_journal *j);
/* What runs on the calling thread is in that slot: its fatal signals mark it. Gives the thread
 * a stack for them, unless it has one. NULL: no slot any more. */
void weir_journal_thread(weir_journal_slot *slot);

/* The number of a partition; 0: no room, or names too long. */
uint32_t weir_journal_part(weir_journal *j, const char *sub, const char *topic,
                           int32_t partition);

/* An idle slot of its own; NULL: none is left, or j is NULL. */
weir_journal_slot *weir_journal_take(weir_journal *j);
/* NULL is accepted. */
void weir_journal_give(weir_journal *j, weir_journal_slot *slot);

/* The slots of one batch: a mark of `head` counts for these too. */
void weir_journal_join(weir_journal *j, weir_journal_slot *slot,
                       const weir_journal_slot *head, uint32_t n_together);

/* What holds a slot's words together: a slot that was half written is not believed. */
static inline uint32_t weir_journal_sum(const weir_journal_slot *slot)
{
    const uint64_t mixed = slot->hi * UINT64_C(0x9e3779b97f4a7c15) + slot->lo;

    return (uint32_t)(mixed ^ mixed >> 32) + (slot->part ^ slot->attempt << 16);
}

/* A function begins. */
static inline void weir_journal_begin(weir_journal_slot *slot, uint32_t part,
                                      weir_pos pos, uint32_t attempt,
                                      weir_slot_state state)
{
    /* The process may end between any two stores; its own order is enough. */
    atomic_store_explicit(&slot->state, WEIR_SLOT_IDLE, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
    slot->part = part;
    slot->attempt = attempt;
    slot->hi = pos.hi;
    slot->lo = pos.lo;
    slot->check = weir_journal_sum(slot);
    atomic_store_explicit(&slot->mark, WEIR_MARK_NONE, memory_order_relaxed);
    atomic_store_explicit(
        &slot->n_begun, atomic_load_explicit(&slot->n_begun, memory_order_relaxed) + 1,
        memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
    atomic_store_explicit(&slot->state, state, memory_order_relaxed);
}

/* It has returned. */
static inline void weir_journal_end(weir_journal_slot *slot)
{
    atomic_store_explicit(&slot->state, WEIR_SLOT_IDLE, memory_order_relaxed);
}

/* The watchdog has found it. */
static inline void weir_journal_mark(weir_journal_slot *slot, weir_mark mark)
{
    atomic_store(&slot->mark, (unsigned)mark);
}

/* -- what is known of events -------------------------------------------------------------- */

/* True if anything is known of events of that part; *last is the highest of them. */
bool weir_journal_knows(weir_journal *j, uint32_t part, weir_pos *last);
/* What is known of that event; false: nothing. */
bool weir_journal_blame(weir_journal *j, uint32_t part, weir_pos pos, weir_blame *out);
/* It has run alone and its function has returned. */
void weir_journal_acquit(weir_journal *j, uint32_t part, weir_pos pos);
/* It has ended: nothing more need be known. */
void weir_journal_forget(weir_journal *j, uint32_t part, weir_pos pos);
/* Makes sure that what was written survives the machine as well. Before an alone run. */
void weir_journal_sync(weir_journal *j);

#endif
