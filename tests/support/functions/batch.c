/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * batch - a function that is given several events at once.
 *
 * An event "reject" is rejected, "skip" gets no verdict, "later" is pending and completed at
 * once; the others are done.
 */
#include <weir/handler.h>

#include <string.h>

static bool is_word(weir_slice data, const char *word)
{
    return data.len == strlen(word) && memcmp(data.data, word, data.len) == 0;
}

static void several(void *state, weir_batch *batch)
{
    (void)state;
    for (size_t i = 0; i < weir_batch_size(batch); i++) {
        const weir_slice data = weir_event_data(weir_batch_event(batch, i));
        weir_call *call = weir_batch_call(batch, i);

        if (is_word(data, "reject")) {
            weir_batch_verdict(batch, i, weir_reject(call, "bad", "item %d", (int)i));
        } else if (is_word(data, "later")) {
            weir_batch_verdict(batch, i, WEIR_PENDING);
            weir_complete(call, WEIR_UNAVAILABLE);
        } else if (is_word(data, "never")) {
            weir_batch_verdict(batch, i, WEIR_PENDING);
        } else if (!is_word(data, "skip")) {
            weir_batch_verdict(batch, i, WEIR_DONE);
        }
    }
}

static const weir_function functions[] = {
    { .name = "several", .about = "a verdict per item", .handle_batch = several },
};
WEIR_FUNCTIONS(functions);
