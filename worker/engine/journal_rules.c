/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* journal_rules - see journal_rules.h. */
#include "worker/engine/journal_rules.h"

#include "worker/base/check.h"

#include <string.h>

static bool rules_is(const weir_blame *blame, uint32_t part, weir_pos pos)
{
    return blame->part == part && weir_pos_cmp(blame->pos, pos) == 0;
}

weir_blame *weir_blames_find(const weir_blames *blames, uint32_t part, weir_pos pos)
{
    for (size_t i = 0; i < blames->n; i++) {
        if (rules_is(&blames->items[i], part, pos)) {
            return &blames->items[i];
        }
    }
    return NULL;
}

static void rules_remove(weir_blames *blames, size_t at)
{
    blames->n--;
    memmove(&blames->items[at], &blames->items[at + 1],
            (blames->n - at) * sizeof(blames->items[0]));
}

weir_blame *weir_blames_get(weir_blames *blames, uint32_t part, weir_pos pos)
{
    weir_blame *blame = weir_blames_find(blames, part, pos);

    WEIR_ASSERT(blames->cap > 0);
    if (blame != NULL) {
        return blame;
    }
    if (blames->n == blames->cap) {
        rules_remove(blames, 0);
    }
    blame = &blames->items[blames->n++];
    *blame = (weir_blame){ .part = part, .pos = pos };
    return blame;
}

void weir_blames_drop(weir_blames *blames, uint32_t part, weir_pos pos)
{
    const weir_blame *blame = weir_blames_find(blames, part, pos);

    if (blame != NULL) {
        rules_remove(blames, (size_t)(blame - blames->items));
    }
}

void weir_blame_acquit(weir_blame *blame)
{
    blame->is_suspect = false;
    blame->n_alone = 0;
    blame->n_deaths = 0;
}

static bool rules_has_mark(const weir_running *running, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (running[i].is_marked) {
            return true;
        }
    }
    return false;
}

/* What was seen. */
static void rules_judge_marked(weir_blames *blames, const weir_running *running,
                               size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!running[i].is_marked) {
            continue;
        }
        weir_blame *blame = weir_blames_get(blames, running[i].part, running[i].pos);

        blame->is_suspect = true;
        blame->n_crashes += running[i].n_together == 1;
    }
}

void weir_blames_judge(weir_blames *blames, bool on_purpose,
                       const weir_running *running, size_t n)
{
    if (rules_has_mark(running, n)) {
        rules_judge_marked(blames, running, n);
        return;
    }
    if (on_purpose || n == 0) {
        return;
    }
    if (n == 1 && running[0].is_alone) {
        weir_blame *blame = weir_blames_get(blames, running[0].part, running[0].pos);

        blame->is_suspect = true;
        blame->n_alone++;
        return;
    }
    for (size_t i = 0; i < n; i++) {
        weir_blame *blame = weir_blames_get(blames, running[i].part, running[i].pos);

        blame->n_deaths++;
        blame->is_suspect =
            blame->is_suspect || blame->n_deaths > 1 || n <= WEIR_SUSPECTS_AT_ONCE;
    }
}
