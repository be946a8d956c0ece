/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* stall - see stall.h. */
#include "worker/engine/stall.h"

#define STALL_LOOK_US 5000000 /* the most that counts between two looks */

bool weir_stall_look(weir_stall *s, const weir_stall_seen *seen, int64_t now_us,
                     int64_t limit_us)
{
    const bool has_moved = !seen->has_work || !s->seen.has_work ||
                           weir_pos_cmp(seen->committed, s->seen.committed) != 0 ||
                           weir_pos_cmp(seen->first, s->seen.first) != 0;
    const int64_t passed_us = now_us - s->looked_us;
    const bool was_stalled = s->is_stalled;

    s->seen = *seen;
    s->looked_us = now_us;
    if (has_moved) {
        s->stood_us = 0;
        s->is_stalled = false;
        return false;
    }
    s->stood_us += passed_us < STALL_LOOK_US ? passed_us : STALL_LOOK_US;
    s->is_stalled = s->stood_us >= limit_us;
    return s->is_stalled && !was_stalled;
}
