/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* flow_lone - suspects, which run with nothing else in the worker; see flow.h and alone.c. */
#include "worker/engine/flow_private.h"

bool weir_flow_hint_lone(weir_flow *f)
{
    return atomic_load_explicit(&f->hint_lone, memory_order_acquire);
}

/* True if a suspect could begin now if it were alone. */
static bool flow_wants_lone_locked(const weir_flow *f, int64_t now)
{
    return f->n_lone > 0 && !f->is_paused &&
           (!f->is_open || (f->probe == NULL && f->probe_us <= now));
}

bool weir_flow_wants_lone(weir_flow *f, int64_t now)
{
    weir_lock_take(&f->lock);
    const bool wants = flow_wants_lone_locked(f, now);

    weir_lock_give(&f->lock);
    return wants;
}

size_t weir_flow_bar(weir_flow *f, bool is_barred)
{
    weir_flow_news news = { 0 };

    weir_lock_take(&f->lock);
    f->is_barred = is_barred;
    f->may_lone = false;
    const size_t n_slots = f->n_slots;

    weir_flow_news_locked(f, 0, &news);
    weir_lock_give(&f->lock);
    return n_slots;
}

void weir_flow_pardon(weir_flow *f)
{
    weir_lock_take(&f->lock);
    while (weir_heap_peek(&f->reopened) != NULL) {
        weir_job *job = WEIR_CONTAINER_OF(f->reopened.nodes[0], weir_job, due);

        if (!job->is_suspect) {
            break; /* suspects come first */
        }
        job->is_suspect = false;
        f->n_lone--;
        weir_heap_remove(&f->reopened, &job->due);
        weir_heap_push(&f->reopened, &job->due, (int64_t)job->seq);
    }
    weir_lock_give(&f->lock);
}

bool weir_flow_let_lone(weir_flow *f, int64_t now)
{
    weir_flow_news news = { 0 };

    weir_lock_take(&f->lock);
    f->may_lone = flow_wants_lone_locked(f, now);
    const bool may = f->may_lone;

    weir_flow_news_locked(f, now, &news);

    weir_lock_give(&f->lock);
    return may;
}
