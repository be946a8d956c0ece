/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal_file - the layout of the journal, shared by journal.c (writes it), journal_read.c
 * (reads what a process left) and journal_guard.c (signals and exit).
 */
#ifndef WEIR_ENGINE_JOURNAL_FILE_H
#define WEIR_ENGINE_JOURNAL_FILE_H

#include "worker/base/lock.h"
#include "worker/engine/journal.h"

#include <sys/types.h>

#define WEIR_JOURNAL_MAGIC "weirjrn"
#define WEIR_JOURNAL_VERSION 1u
#define WEIR_JOURNAL_HEAD 4096u
#define WEIR_JOURNAL_NAMES 504

typedef struct weir_journal_head {
    char magic[8]; /* with NUL */
    uint32_t version;
    uint32_t n_parts, n_blames, n_slots, slot_bytes;
    uint32_t check;        /* CRC32C of what stands before */
    atomic_uint purpose;   /* 1: the process ended on purpose */
    atomic_uint elsewhere; /* a signal, or 255 for exit(), outside all functions */
} weir_journal_head;

typedef struct weir_journal_place {
    uint32_t check; /* CRC32C of the rest */
    int32_t partition;
    char names[WEIR_JOURNAL_NAMES]; /* subscription NUL topic NUL */
} weir_journal_place;

typedef struct weir_journal_entry {
    uint32_t check; /* CRC32C of the rest */
    uint32_t part;  /* from 1; 0: free */
    uint16_t n_crashes, n_alone, n_deaths;
    uint16_t is_suspect;
    uint64_t hi, lo;
} weir_journal_entry;

typedef struct weir_journal_file {
    weir_journal_head head;
    char spare[WEIR_JOURNAL_HEAD - sizeof(weir_journal_head)];
    weir_journal_place places[WEIR_JOURNAL_PARTS]; /* part n is places[n - 1] */
    weir_journal_entry blames[WEIR_JOURNAL_BLAMES];
    weir_journal_slot slots[WEIR_JOURNAL_SLOTS];
} weir_journal_file;

struct weir_journal {
    weir_journal_file *file; /* mapped */
    atomic_bool is_lost;     /* memory has taken its place */
    ino_t inode;
    pid_t pid;
    weir_lock lock; /* guards the rest, and places and blames of the file */
    uint32_t n_places;
    weir_blames blames;
    weir_blame items[WEIR_JOURNAL_BLAMES];
    uint32_t *free_slots;
    size_t n_free;
};

/* What a process has left. */
typedef struct weir_journal_left {
    const weir_journal_file *file; /* as read */
    bool on_purpose;
    unsigned elsewhere; /* see weir_journal_head */
    weir_blame blames[WEIR_JOURNAL_BLAMES];
    size_t n_blames;
    weir_running *running; /* the caller's, WEIR_JOURNAL_SLOTS of them */
    size_t n_running;
} weir_journal_left;

/* Takes the bytes of a file apart; they must be aligned as malloc's are, and outlive *out.
 * Pure. False: no journal of this version and machine. What of it is damaged is left out. */
bool weir_journal_parse(const void *bytes, size_t len, weir_journal_left *out);

/* The names of a part that came with what was left; false: it is damaged. */
bool weir_journal_place_of(const weir_journal_file *file, uint32_t part,
                           const char **sub, const char **topic, int32_t *partition);

uint32_t weir_journal_head_sum(const weir_journal_head *head);
uint32_t weir_journal_place_sum(const weir_journal_place *place);
uint32_t weir_journal_entry_sum(const weir_journal_entry *entry);

/* Ends the guard of that journal. */
void weir_journal_unguard(const weir_journal *j);

#endif
