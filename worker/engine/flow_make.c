/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* flow_make - makes and frees a flow; see flow.h. */
#include "worker/engine/flow_private.h"

#include "worker/base/check.h"

#include <stdlib.h>

#define FLOW_SPARE_DUE 4096 /* jobs beyond max_jobs that the timer heap has room for */

weir_status weir_flow_new(const weir_sub *sub, size_t max_jobs, uint64_t seed,
                          weir_flow **out)
{
    weir_flow *f = calloc(1, sizeof(*f));

    if (f == NULL) {
        return WEIR_ENOMEM;
    }
    weir_lock_init(&f->lock, WEIR_RANK_FLOW);
    f->sub = sub;
    f->is_paused = sub->is_paused;
    atomic_init(&f->hint_due_us, WEIR_NEVER);
    atomic_init(&f->hint_room, !sub->is_paused);
    weir_rand_init(&f->rand, seed);
    weir_list_init(&f->parts);
    weir_list_init(&f->ready);
    weir_list_init(&f->resend);
    if (weir_lane_table_init(&f->lanes, max_jobs) != WEIR_OK ||
        !weir_heap_reserve(&f->reopened, max_jobs + FLOW_SPARE_DUE) ||
        !weir_heap_reserve(&f->due, max_jobs + FLOW_SPARE_DUE)) {
        weir_flow_free(f);
        return WEIR_ENOMEM;
    }
    *out = f;
    return WEIR_OK;
}

void weir_flow_free(weir_flow *f)
{
    if (f == NULL) {
        return;
    }
    WEIR_ASSERT(f->n_jobs == 0);
    weir_lane_table_fini(&f->lanes);
    weir_heap_fini(&f->reopened);
    weir_heap_fini(&f->due);
    weir_lock_fini(&f->lock);
    free(f);
}
