/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * offset_track - a ring of the offsets given out, finished ones falling off its head.
 *
 * Offsets rise along the ring, so one is found by a guess (its distance from the head, right
 * when there are no gaps) and by bisection where the guess misses.
 */
#include "triggers/offset_track.h"

#include "worker/base/check.h"

#include <stdlib.h>

#define TRACK_MIN_SLOTS 64
#define TRACK_DONE INT64_MIN
/* Added to the time of a planned one. A time beyond the half of it is nobody's. */
#define TRACK_PLANNED (INT64_C(1) << 61)
#define TRACK_TIME_MAX (TRACK_PLANNED / 2)

static bool track_is_planned(const weir_track_slot *slot)
{
    return slot->time_ms > TRACK_TIME_MAX;
}

static weir_track_slot *track_at(const weir_track *track, size_t i)
{
    return &track->slots[(track->head + i) & (track->cap - 1)];
}

/* The slot of an offset, or NULL. */
static weir_track_slot *track_find(const weir_track *track, int64_t offset)
{
    if (track->n == 0 || offset < track_at(track, 0)->offset || offset >= track->next) {
        return NULL;
    }
    const uint64_t distance = (uint64_t)offset - (uint64_t)track_at(track, 0)->offset;
    /* Gaps only ever put an offset nearer to the head than its distance says. */
    size_t high = distance < track->n ? (size_t)distance : track->n - 1;

    if (track_at(track, high)->offset == offset) {
        return track_at(track, high);
    }
    /* It is in [low, high) if it is anywhere. */
    size_t low = 0;

    while (low < high) {
        const size_t mid = low + (high - low) / 2;
        weir_track_slot *slot = track_at(track, mid);

        if (slot->offset == offset) {
            return slot;
        }
        if (slot->offset < offset) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return NULL;
}

void weir_track_fini(weir_track *track)
{
    free(track->slots);
    *track = (weir_track){ 0 };
}

void weir_track_begin(weir_track *track, uint32_t epoch, int64_t start)
{
    WEIR_ASSERT(!track->is_open);
    WEIR_ASSERT(epoch > track->epoch);
    track->head = 0;
    track->n = 0;
    track->n_open = 0;
    track->n_planned = 0;
    track->next = start;
    track->epoch = epoch;
    track->is_open = true;
}

void weir_track_end(weir_track *track)
{
    track->is_open = false;
    track->n = 0;
    track->n_open = 0;
    track->n_planned = 0;
}

weir_status weir_track_reserve(weir_track *track, size_t n)
{
    const size_t need = track->n + n;
    size_t cap = track->cap == 0 ? TRACK_MIN_SLOTS : track->cap;

    if (need <= track->cap) {
        return WEIR_OK;
    }
    while (cap < need) {
        cap *= 2;
    }
    weir_track_slot *slots = malloc(cap * sizeof(*slots));

    if (slots == NULL) {
        return WEIR_ENOMEM;
    }
    for (size_t i = 0; i < track->n; i++) {
        slots[i] = *track_at(track, i);
    }
    free(track->slots);
    track->slots = slots;
    track->cap = cap;
    track->head = 0;
    return WEIR_OK;
}

void weir_track_add(weir_track *track, int64_t offset, int64_t time_ms)
{
    WEIR_ASSERT(track->is_open);
    WEIR_ASSERT(track->n < track->cap);
    WEIR_ASSERT(offset >= track->next);
    *track_at(track, track->n) = (weir_track_slot){
        .offset = offset,
        .time_ms = time_ms < -1 || time_ms > TRACK_TIME_MAX ? -1 : time_ms,
    };
    track->n++;
    track->n_open++;
    track->next = offset + 1;
}

void weir_track_pass(weir_track *track, int64_t next)
{
    if (track->is_open && next > track->next) {
        track->next = next;
    }
}

void weir_track_skip(weir_track *track, int64_t next)
{
    if (!track->is_open || next <= track->next) {
        return;
    }
    if (track->n > 0 && track_at(track, track->n - 1)->time_ms != TRACK_DONE) {
        WEIR_ASSERT(track->n < track->cap);
        *track_at(track, track->n) = (weir_track_slot){ track->next, TRACK_DONE };
        track->n++;
    }
    track->next = next;
}

bool weir_track_done(weir_track *track, uint32_t epoch, int64_t offset)
{
    if (!track->is_open || epoch != track->epoch) {
        return false;
    }
    weir_track_slot *slot = track_find(track, offset);

    if (slot == NULL || slot->time_ms == TRACK_DONE) {
        return false;
    }
    track->n_planned -= track_is_planned(slot);
    slot->time_ms = TRACK_DONE;
    track->n_open--;
    while (track->n > 0 && track_at(track, 0)->time_ms == TRACK_DONE) {
        track->head = (track->head + 1) & (track->cap - 1);
        track->n--;
    }
    return true;
}

bool weir_track_plan(weir_track *track, uint32_t epoch, int64_t offset)
{
    weir_track_slot *slot =
        track->is_open && epoch == track->epoch ? track_find(track, offset) : NULL;

    if (slot == NULL || slot->time_ms == TRACK_DONE || track_is_planned(slot)) {
        return false;
    }
    slot->time_ms += TRACK_PLANNED;
    track->n_planned++;
    return true;
}

bool weir_track_unplan(weir_track *track, uint32_t epoch, int64_t offset)
{
    weir_track_slot *slot =
        track->is_open && epoch == track->epoch ? track_find(track, offset) : NULL;

    if (slot == NULL || !track_is_planned(slot)) {
        return false;
    }
    slot->time_ms -= TRACK_PLANNED;
    track->n_planned--;
    return true;
}

bool weir_track_is_open(const weir_track *track, int64_t offset)
{
    const weir_track_slot *slot = track->is_open ? track_find(track, offset) : NULL;

    return slot != NULL && slot->time_ms != TRACK_DONE;
}

int64_t weir_track_watermark(const weir_track *track)
{
    return track->n == 0 ? track->next : track_at(track, 0)->offset;
}

int64_t weir_track_oldest_ms(const weir_track *track)
{
    if (track->n == 0) {
        return -1;
    }
    const weir_track_slot *slot = track_at(track, 0);

    return track_is_planned(slot) ? slot->time_ms - TRACK_PLANNED : slot->time_ms;
}

/* What track_runs_get is making. */
typedef struct track_taker {
    uint32_t *runs;
    size_t n, cap;
    bool is_cut;
} track_taker;

/* Appends offsets of one kind; odd numbers of runs end in an unfinished one. */
static inline void track_run(track_taker *to, bool is_done, uint64_t length)
{
    const bool is_same = to->n > 0 && (to->n % 2 == 0) == is_done;
    const uint64_t before = is_same ? to->runs[to->n - 1] : 0;

    if (length > UINT32_MAX - before || (!is_same && to->n == to->cap)) {
        to->is_cut = true;
        return;
    }
    to->n += !is_same;
    to->runs[to->n - 1] = (uint32_t)(before + length);
}

/* Finished, or counted as such. */
static bool track_counts(const weir_track_slot *slot, bool has_plans)
{
    return slot->time_ms == TRACK_DONE || (has_plans && track_is_planned(slot));
}

/* The runs from the slot `first` on; planned ones count as done, or not. */
static weir_track_runs track_runs_from(const weir_track *track, size_t first,
                                       bool has_plans, uint32_t *runs, size_t cap)
{
    track_taker to = { .runs = runs, .cap = cap };
    uint64_t log2_gaps = 0;

    for (size_t i = first; i < track->n && !to.is_cut; i++) {
        const weir_track_slot *slot = track_at(track, i);
        const bool is_last = i + 1 == track->n;
        const weir_track_slot *after = is_last ? NULL : track_at(track, i + 1);
        const uint64_t length =
            (uint64_t)((is_last ? track->next : after->offset) - slot->offset);
        const bool is_done = track_counts(slot, has_plans);

        if (is_done || length == 1) {
            track_run(&to, is_done, length);
        } else if (!is_last && track_counts(after, has_plans)) {
            track_run(&to, false, 1);
            track_run(&to, true, length - 1);
        } else {
            log2_gaps += 63 - (unsigned)__builtin_clzll(length);
            track_run(&to, false, length);
        }
    }
    return (weir_track_runs){ to.n, log2_gaps, to.is_cut };
}

weir_track_runs weir_track_runs_get(const weir_track *track, uint32_t *runs, size_t cap)
{
    return track_runs_from(track, 0, false, runs, cap);
}

/* The first slot that is neither done nor planned; n: there is none. */
static size_t track_planned_first(const weir_track *track)
{
    size_t first = 0;

    while (first < track->n && track_counts(track_at(track, first), true)) {
        first++;
    }
    return first;
}

int64_t weir_track_planned_watermark(const weir_track *track)
{
    const size_t first = track_planned_first(track);

    return first == track->n ? track->next : track_at(track, first)->offset;
}

weir_track_runs weir_track_planned_get(const weir_track *track, uint32_t *runs,
                                       size_t cap, int64_t *watermark, size_t *above)
{
    const size_t first = track_planned_first(track);

    *watermark = first == track->n ? track->next : track_at(track, first)->offset;
    *above = track->n - first - (track->n_open - track->n_planned);
    return track_runs_from(track, first, true, runs, cap);
}
