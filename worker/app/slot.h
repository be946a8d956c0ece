/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slot - one locked file in state_dir for each process of this worker on this host.
 *
 * The first process has slot 1 and its instance as it is, the second slot 2 and the suffix
 * "-2", and so on, so that no two of them share a client id or a consumer name. The lock goes
 * with the process, however it ends. The file says where the process answers, for `weir skip`.
 *
 * Threads: one at a time.
 */
#ifndef WEIR_APP_SLOT_H
#define WEIR_APP_SLOT_H

#include "worker/app/config.h"

#define WEIR_SLOTS_MAX 256

typedef struct weir_slot {
    int fd; /* -1: there is none */
    int number;
    char path[512];
    char instance[128]; /* with the suffix */
} weir_slot;

/* "weir.yaml", ".weir" -> the folder's path; absolute ones stay. */
void weir_state_path(const weir_config *cfg, const char *name, char *out, size_t cap);

/*
 * Takes the first free slot and sets slot->instance, which is usable whatever the answer.
 * Returns: WEIR_OK; WEIR_EIO: state_dir is not writable (slot->fd is -1, no suffix).
 */
weir_status weir_slot_take(const weir_config *cfg, weir_slot *slot, weir_err *err);
/* Where the crash journal of a slot lies. */
void weir_slot_journal(const weir_config *cfg, int number, char *out, size_t cap);
/* Calls visit with the journal of each slot below WEIR_SLOTS_MAX whose process has ended. */
void weir_slot_ended(const weir_config *cfg, const weir_slot *mine,
                     void (*visit)(void *arg, const char *journal), void *arg);
/* Writes who is here: process and admin address ("" for none). */
void weir_slot_publish(weir_slot *slot, const char *admin);
void weir_slot_give(weir_slot *slot);

/* The admin addresses of the processes that run now; at most cap, returns how many. */
size_t weir_slot_running(const weir_config *cfg, char (*admin)[256], size_t cap);

#endif
