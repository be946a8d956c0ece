/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * two - the second file of the library; reaches the worker through the pointer of the first.
 */
#include "two.h"

weir_verdict write_all(weir_call *call, const weir_value *value)
{
    weir_writer *w = weir_emit_value(call, WEIR_FORMAT_MSGPACK);
    weir_slice text = { "text", 4 };
    weir_header header = { "name", { "value", 5 } };
    weir_output out = { 0, { 0, 0 }, { 0, 0 }, 0, 0, false };

    out.headers = &header;
    out.n_headers = 1;
    weir_write_map(w);
    weir_write_key(w, "all");
    weir_write_array(w);
    weir_write_int(w, -1);
    weir_write_uint(w, 1);
    weir_write_double(w, 0.5);
    weir_write_bool(w, true);
    weir_write_null(w);
    weir_write_string(w, text);
    weir_write_binary(w, text);
    weir_write_value(w, value);
    weir_write_end(w);
    weir_write_end(w);
    if (weir_emit_end(w, &out) != 0 || weir_emit(call, &out) != 0) {
        return weir_reject(call, "class", "%d", 1);
    }
    weir_complete(call, WEIR_DONE);
    return WEIR_PENDING;
}
