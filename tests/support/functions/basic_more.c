/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * basic_more - the second file of the library basic.
 */
#include "basic.h"

#include <string.h>

static bool is_word(weir_slice data, const char *word)
{
    return data.len == strlen(word) && memcmp(data.data, word, data.len) == 0;
}

weir_verdict by_word(void *state, const weir_event *ev, weir_call *call)
{
    weir_slice word = weir_event_data(ev);

    (void)state;
    if (is_word(word, "reject")) {
        return weir_reject(call, "bad", "no %s today", "bananas");
    }
    if (is_word(word, "retry")) {
        return weir_retry(call, 1500, "attempt %d", weir_call_attempt(call));
    }
    if (is_word(word, "unavailable")) {
        return weir_unavailable(call, -1, "%s is down", "the bank");
    }
    if (is_word(word, "cancelled")) {
        return weir_call_cancelled(call) ? WEIR_RETRY : WEIR_DONE;
    }
    if (is_word(word, "log")) {
        weir_call_log(call, WEIR_LOG_WARN, "%d of\n%d", 1, 2);
    }
    if (is_word(word, "document")) {
        weir_writer *w = weir_emit_value(call, WEIR_FORMAT_JSON);

        weir_write_map(w);
        weir_write_key(w, "ok");
        weir_write_bool(w, true);
        weir_write_end(w);
        weir_emit_end(w, NULL);
    }
    return WEIR_DONE;
}
