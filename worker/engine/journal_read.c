/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal_read - what a process has left, out of bytes that may be anything.
 */
#include "worker/engine/journal_file.h"

#include "worker/base/hash.h"

#include <string.h>

uint32_t weir_journal_head_sum(const weir_journal_head *head)
{
    return weir_crc32c(0, head, offsetof(weir_journal_head, check));
}

uint32_t weir_journal_place_sum(const weir_journal_place *place)
{
    return weir_crc32c(0, &place->partition, sizeof(*place) - sizeof(place->check));
}

uint32_t weir_journal_entry_sum(const weir_journal_entry *entry)
{
    return weir_crc32c(0, &entry->part, sizeof(*entry) - sizeof(entry->check));
}

bool weir_journal_place_of(const weir_journal_file *file, uint32_t part,
                           const char **sub, const char **topic, int32_t *partition)
{
    if (part < 1 || part > WEIR_JOURNAL_PARTS) {
        return false;
    }
    const weir_journal_place *place = &file->places[part - 1];
    const char *end = memchr(place->names, '\0', sizeof(place->names));

    if (end == NULL || place->check != weir_journal_place_sum(place)) {
        return false;
    }
    const size_t left = sizeof(place->names) - (size_t)(end + 1 - place->names);

    if (memchr(end + 1, '\0', left) == NULL) {
        return false;
    }
    *sub = place->names;
    *topic = end + 1;
    *partition = place->partition;
    return true;
}

static bool read_has_place(const weir_journal_file *file, uint32_t part)
{
    const char *sub, *topic;
    int32_t partition;

    return weir_journal_place_of(file, part, &sub, &topic, &partition);
}

static void read_blames(weir_journal_left *left)
{
    for (size_t i = 0; i < WEIR_JOURNAL_BLAMES; i++) {
        const weir_journal_entry *entry = &left->file->blames[i];

        if (entry->part == 0 || entry->check != weir_journal_entry_sum(entry) ||
            !read_has_place(left->file, entry->part)) {
            continue;
        }
        left->blames[left->n_blames++] = (weir_blame){
            .part = entry->part,
            .pos = { entry->hi, entry->lo },
            .n_crashes = entry->n_crashes,
            .n_alone = entry->n_alone,
            .n_deaths = entry->n_deaths,
            .is_suspect = entry->is_suspect != 0,
        };
    }
}

static bool read_is_running(const weir_journal_slot *slot)
{
    const unsigned state = atomic_load_explicit(&slot->state, memory_order_relaxed);

    return (state == WEIR_SLOT_RUNS || state == WEIR_SLOT_ALONE) &&
           slot->check == weir_journal_sum(slot);
}

static bool read_is_marked(const weir_journal_slot *slot)
{
    return read_is_running(slot) &&
           atomic_load_explicit(&slot->mark, memory_order_relaxed) != WEIR_MARK_NONE;
}

/* True if the call that the slot's event was given to with others is marked. */
static bool read_group_is_marked(const weir_journal_slot *slots,
                                 const weir_journal_slot *slot)
{
    if (slot->group >= WEIR_JOURNAL_SLOTS) {
        return false;
    }
    const weir_journal_slot *head = &slots[slot->group];

    return read_is_marked(head) &&
           atomic_load_explicit(&head->n_begun, memory_order_relaxed) ==
               slot->group_begun;
}

/* An event has a slot of its own and its thread's while its function runs: once is enough. */
static void read_add(weir_journal_left *left, const weir_running *one)
{
    for (size_t i = 0; i < left->n_running; i++) {
        weir_running *known = &left->running[i];

        if (known->part == one->part && weir_pos_cmp(known->pos, one->pos) == 0) {
            known->is_marked = known->is_marked || one->is_marked;
            known->is_alone = known->is_alone || one->is_alone;
            return;
        }
    }
    left->running[left->n_running++] = *one;
}

static void read_slots(weir_journal_left *left)
{
    const weir_journal_slot *slots = left->file->slots;

    for (size_t i = 0; i < WEIR_JOURNAL_SLOTS; i++) {
        const weir_journal_slot *slot = &slots[i];

        if (!read_is_running(slot) || !read_has_place(left->file, slot->part)) {
            continue;
        }
        const weir_running one = {
            .part = slot->part,
            .pos = { slot->hi, slot->lo },
            .n_together = slot->n_together,
            .is_alone = atomic_load_explicit(&slot->state, memory_order_relaxed) ==
                        WEIR_SLOT_ALONE,
            .is_marked = read_is_marked(slot) || read_group_is_marked(slots, slot),
        };

        read_add(left, &one);
    }
}

bool weir_journal_parse(const void *bytes, size_t len, weir_journal_left *out)
{
    const weir_journal_file *file = bytes;

    if (len != sizeof(*file)) {
        return false;
    }
    const weir_journal_head *head = &file->head;

    if (memcmp(head->magic, WEIR_JOURNAL_MAGIC, sizeof(head->magic)) != 0 ||
        head->version != WEIR_JOURNAL_VERSION || head->n_parts != WEIR_JOURNAL_PARTS ||
        head->n_blames != WEIR_JOURNAL_BLAMES || head->n_slots != WEIR_JOURNAL_SLOTS ||
        head->slot_bytes != sizeof(weir_journal_slot) ||
        head->check != weir_journal_head_sum(head)) {
        return false;
    }
    out->file = file;
    out->on_purpose = atomic_load_explicit(&head->purpose, memory_order_relaxed) != 0;
    out->elsewhere = atomic_load_explicit(&head->elsewhere, memory_order_relaxed);
    out->n_blames = 0;
    out->n_running = 0;
    read_blames(out);
    read_slots(out);
    return true;
}
