/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyset - see keyset.h.
 */
#include "schemas/keyset.h"

#include <stdlib.h>

#define FIRST_SLOTS 128

void weir_keyset_fini(weir_keyset *set)
{
    free(set->slots);
    weir_keyset_init(set);
}

/* The slot of the key, or the free one where it belongs. */
static weir_keyset_slot *keyset_slot(weir_keyset *set, weir_keyset_key key,
                                     uint32_t hash, const weir_keyset_ops *ops,
                                     const void *ctx)
{
    uint32_t at = hash & (set->n_slots - 1);

    while (set->slots[at].is_used) {
        weir_keyset_slot *slot = &set->slots[at];

        if (slot->hash == hash && ops->same(ctx, slot->key, key)) {
            return slot;
        }
        at = (at + 1) & (set->n_slots - 1);
    }
    return &set->slots[at];
}

/* Makes the table at least twice as large; the keys of a line move into it. */
static bool keyset_grow(weir_keyset *set, const weir_keyset_ops *ops, const void *ctx)
{
    uint32_t n_old = set->n_slots;
    weir_keyset_slot *old = set->slots;
    uint32_t n_slots = n_old == 0 ? FIRST_SLOTS : n_old * 2;
    weir_keyset_slot *slots = calloc(n_slots, sizeof(*slots));

    if (slots == NULL) {
        return false;
    }
    set->slots = slots;
    set->n_slots = n_slots;
    if (n_old == 0) {
        for (uint32_t i = 0; i < set->n; i++) {
            uint32_t hash = (uint32_t)ops->hash(ctx, set->keys[i]);

            *keyset_slot(set, set->keys[i], hash, ops, ctx) =
                (weir_keyset_slot){ set->keys[i], hash, true };
        }
    }
    for (uint32_t i = 0; i < n_old; i++) {
        if (old[i].is_used) {
            uint32_t at = old[i].hash & (n_slots - 1);

            while (slots[at].is_used) {
                at = (at + 1) & (n_slots - 1);
            }
            slots[at] = old[i];
        }
    }
    free(old);
    return true;
}

weir_keyset_answer weir_keyset_add_slow(weir_keyset *set, weir_keyset_key key,
                                        uint64_t sig, const weir_keyset_ops *ops,
                                        const void *ctx)
{
    if (set->n_slots == 0 && set->n < WEIR_KEYSET_SMALL) {
        for (uint32_t i = 0; i < set->n; i++) {
            if (set->sigs[i] == sig && ops->same(ctx, set->keys[i], key)) {
                return WEIR_KEYSET_SEEN;
            }
        }
        set->bloom |= UINT64_C(1) << (sig >> 58);
        set->sigs[set->n] = sig;
        set->keys[set->n] = key;
        set->n++;
        return WEIR_KEYSET_NEW;
    }
    if ((set->n + 1) * UINT64_C(2) > set->n_slots && !keyset_grow(set, ops, ctx)) {
        return WEIR_KEYSET_ENOMEM;
    }
    uint32_t hash = (uint32_t)ops->hash(ctx, key);
    weir_keyset_slot *slot = keyset_slot(set, key, hash, ops, ctx);

    if (slot->is_used) {
        return WEIR_KEYSET_SEEN;
    }
    *slot = (weir_keyset_slot){ key, hash, true };
    set->n++;
    return WEIR_KEYSET_NEW;
}
