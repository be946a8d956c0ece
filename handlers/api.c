/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api - the table that shared objects reach the worker through (weir_api of weir/handler.h).
 *
 * Nothing is decided here: every slot leads to the module that does the work.
 */
#include "handlers/call.h"
#include "schemas/value.h"
#include "schemas/writer.h"

static weir_slice api_event_data(const weir_event *ev)
{
    return ev->data;
}

static weir_slice api_event_key(const weir_event *ev)
{
    return ev->key;
}

static bool api_event_header_at(const weir_event *ev, size_t i, weir_slice *name,
                                weir_slice *value)
{
    if (!weir_ev_look(ev) || i >= ev->n_headers) {
        return false;
    }
    if (name != NULL) {
        *name = weir_slice_of(ev->headers[i].name);
    }
    if (value != NULL) {
        *value = ev->headers[i].value;
    }
    return true;
}

static int64_t api_event_time_ms(const weir_event *ev)
{
    return ev->time_ms;
}

static const weir_value *api_event_value(const weir_event *ev)
{
    return ev->value;
}

/* A writer is NULL after weir_emit_value() found no memory; weir_emit_end() says so then, and
 * what is written until then goes nowhere. */
static void api_write_map(weir_writer *w)
{
    if (w != NULL) {
        weir_writer_map(w);
    }
}

static void api_write_array(weir_writer *w)
{
    if (w != NULL) {
        weir_writer_array(w);
    }
}

static void api_write_end(weir_writer *w)
{
    if (w != NULL) {
        weir_writer_end(w);
    }
}

static void api_write_key(weir_writer *w, weir_slice key)
{
    if (w != NULL) {
        weir_writer_key(w, key);
    }
}

static void api_write_int(weir_writer *w, int64_t value)
{
    if (w != NULL) {
        weir_writer_int(w, value);
    }
}

static void api_write_uint(weir_writer *w, uint64_t value)
{
    if (w != NULL) {
        weir_writer_uint(w, value);
    }
}

static void api_write_double(weir_writer *w, double value)
{
    if (w != NULL) {
        weir_writer_double(w, value);
    }
}

static void api_write_bool(weir_writer *w, bool value)
{
    if (w != NULL) {
        weir_writer_bool(w, value);
    }
}

static void api_write_null(weir_writer *w)
{
    if (w != NULL) {
        weir_writer_null(w);
    }
}

static void api_write_string(weir_writer *w, weir_slice value)
{
    if (w != NULL) {
        weir_writer_string(w, value);
    }
}

static void api_write_binary(weir_writer *w, weir_slice value)
{
    if (w != NULL) {
        weir_writer_binary(w, value);
    }
}

static void api_write_value(weir_writer *w, const weir_value *value)
{
    if (w != NULL) {
        weir_writer_value(w, value);
    }
}

static int api_call_attempt(const weir_call *call)
{
    return call->attempt;
}

static bool api_call_replay(const weir_call *call)
{
    return call->env->is_replay;
}

static void *api_call_local(weir_call *call)
{
    return call->local;
}

static bool api_call_cancelled(const weir_call *call)
{
    return atomic_load_explicit(&call->is_cancelled, memory_order_acquire) ||
           weir_call_time_left(call) == 0;
}

static size_t api_batch_size(const weir_batch *b)
{
    return b->n;
}

static const weir_event *api_batch_event(const weir_batch *b, size_t i)
{
    return i < b->n ? b->calls[i]->ev : NULL;
}

static weir_call *api_batch_call(weir_batch *b, size_t i)
{
    return i < b->n ? b->calls[i] : NULL;
}

static void api_batch_verdict(weir_batch *b, size_t i, weir_verdict verdict)
{
    if (i < b->n) {
        b->verdicts[i] = verdict;
    }
}

static const char *api_setup_config(const weir_setup *setup)
{
    return setup->config_json;
}

static const weir_value *api_setup_value(const weir_setup *setup)
{
    return setup->config;
}

const weir_api weir_api_table = {
    .size = sizeof(weir_api),
    .event_data = api_event_data,
    .event_key = api_event_key,
    .event_header = weir_ev_header,
    .event_header_at = api_event_header_at,
    .event_attr = weir_ev_attr,
    .event_position = weir_ev_position,
    .event_time_ms = api_event_time_ms,
    .event_value = api_event_value,
    .value_at = weir_val_at,
    .value_int = weir_val_int,
    .value_uint = weir_val_uint,
    .value_double = weir_val_double,
    .value_bool = weir_val_bool,
    .value_string = weir_val_string,
    .value_is_null = weir_val_is_null,
    .value_type = weir_val_type,
    .value_size = weir_val_size,
    .value_next = weir_val_next,
    .emit = weir_call_emit,
    .emit_value = weir_call_emit_value,
    .emit_end = weir_call_emit_end,
    .write_map = api_write_map,
    .write_array = api_write_array,
    .write_end = api_write_end,
    .write_key = api_write_key,
    .write_int = api_write_int,
    .write_uint = api_write_uint,
    .write_double = api_write_double,
    .write_bool = api_write_bool,
    .write_null = api_write_null,
    .write_string = api_write_string,
    .write_binary = api_write_binary,
    .write_value = api_write_value,
    .reject = weir_call_reject,
    .retry = weir_call_retry,
    .unavailable = weir_call_unavailable,
    .call_attempt = api_call_attempt,
    .call_replay = api_call_replay,
    .call_local = api_call_local,
    .call_time_left_ms = weir_call_time_left,
    .call_cancelled = api_call_cancelled,
    .call_log = weir_call_note,
    .complete = weir_call_complete,
    .batch_size = api_batch_size,
    .batch_event = api_batch_event,
    .batch_call = api_batch_call,
    .batch_verdict = api_batch_verdict,
    .setup_config = api_setup_config,
    .setup_value = api_setup_value,
};
