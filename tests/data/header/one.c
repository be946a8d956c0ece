/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * one - the first file of a library that is compiled by every compiler at hand; C11 and C++17.
 * It uses every inline call of the header at least once.
 */
#include <weir/handler.h>

#include "two.h"

static weir_verdict everything(void *state, const weir_event *ev, weir_call *call)
{
    const weir_value *root = weir_event_value(ev);
    const weir_value *key, *item;
    weir_value_iter it = { 0, 0 };
    weir_slice slice, value;
    int64_t i;
    uint64_t u;
    double d;
    bool b;

    (void)state;
    b = weir_event_header(ev, "h", &slice) || weir_event_header_at(ev, 0, &slice, &value);
    slice = weir_event_attr(ev, "id");
    slice = weir_event_position(ev);
    i = weir_event_time_ms(ev);
    if (weir_value_int(weir_value_at(root, "/a"), &i) || weir_value_uint(root, &u) ||
        weir_value_double(root, &d) || weir_value_bool(root, &b) ||
        weir_value_string(root, &slice) || weir_value_is_null(root) ||
        weir_value_type(root) == WEIR_TYPE_MAP || weir_value_size(root) > 0) {
        while (weir_value_next(root, &it, &key, &item)) {
            weir_call_log(call, WEIR_LOG_INFO, "item %zu", it.index);
        }
    }
    if (weir_call_attempt(call) > 1 || weir_call_replay(call) || weir_call_local(call) != 0 ||
        weir_call_time_left_ms(call) == 0 || weir_call_cancelled(call)) {
        return weir_retry(call, -1, "again");
    }
    if (weir_event_data(ev).data == 0 || weir_event_key(ev).data == 0) {
        return weir_unavailable(call, 10, "%s", "down");
    }
    return write_all(call, root);
}

static void batch(void *state, weir_batch *items)
{
    (void)state;
    for (size_t i = 0; i < weir_batch_size(items); i++) {
        (void)weir_batch_event(items, i);
        (void)weir_batch_call(items, i);
        weir_batch_verdict(items, i, WEIR_DONE);
    }
}

static int init(const weir_setup *setup, void **state)
{
    *state = 0;
    return weir_setup_config(setup)[0] == '\0' || weir_setup_value(setup) == 0;
}

/* Positional, because C++17 has no designated initialisers. */
static const weir_function functions[] = {
    { "everything", "about", "1", init, 0, 0, 0, everything, 0, true, false },
    { "batch", "about", "1", init, 0, 0, 0, 0, batch, false, false },
};
WEIR_FUNCTIONS(functions);
