/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* intake_first - at_most_once: acknowledged before the function runs. */
#include "worker/engine/line.h"

#include "worker/base/clock.h"
#include "worker/base/log.h"

#define FIRST_FLUSH_US 5000000 /* one try to commit, */
#define FIRST_FLUSHES 6        /* and how many */

size_t weir_intake_ack_first(weir_intake *in, size_t n)
{
    weir_receipt receipts[64];
    weir_status st = WEIR_ETIMEOUT;
    size_t n_acks = 0;

    for (size_t i = 0; i < n; i++) {
        receipts[n_acks++] = in->batch[i]->ev.receipt;
        if (n_acks == sizeof(receipts) / sizeof(receipts[0]) || i + 1 == n) {
            in->source->ops->ack(in->self, receipts, n_acks);
            n_acks = 0;
        }
    }
    for (int i = 0; n > 0 && i < FIRST_FLUSHES && st != WEIR_OK; i++) {
        st = in->source->ops->flush(in->self, weir_clock_us() + FIRST_FLUSH_US);
    }
    if (n == 0 || st == WEIR_OK) {
        return n;
    }
    weir_metric_add(weir_metric_get1(WEIR_M_ALARMS, "unacknowledged"), 1);
    weir_log(WEIR_ERROR, "intake.lost",
             "sub=%s n=%zu first=%s text=at_most_once: their position could not be "
             "committed, so they are not run",
             in->line->sub->name, n, weir_ev_position(&in->batch[0]->ev).data);
    for (size_t i = 0; i < n; i++) {
        weir_line_job_free(in, in->batch[i]);
    }
    return 0;
}
