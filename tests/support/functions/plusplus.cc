// SPDX-FileCopyrightText: 2026 The weir authors
// SPDX-License-Identifier: Apache-2.0
//
// plusplus - a function in C++17.
//
#include <weir/handler.h>

#include <string>

static weir_verdict shout(void *, const weir_event *ev, weir_call *call)
{
    const weir_slice data = weir_event_data(ev);
    const std::string loud = std::string(data.data, data.len) + "!";
    weir_output out = {};

    out.data = { loud.data(), loud.size() };
    weir_emit(call, &out);
    return WEIR_DONE;
}

static weir_function shout_row()
{
    weir_function fn = {};

    fn.name = "shout";
    fn.about = "adds an exclamation mark";
    fn.handle = shout;
    return fn;
}

static const weir_function functions[] = { shout_row() };
WEIR_FUNCTIONS(functions);
