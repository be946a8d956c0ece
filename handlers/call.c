/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call - see call.h. What a function emits and says, and the meeting of its return with
 * weir_complete().
 */
#include "handlers/call.h"

#include "schemas/writer.h"
#include "worker/base/check.h"
#include "worker/base/clock.h"
#include "worker/base/log.h"

#include <errno.h>
#include <stdio.h>

#define LOG_LINE_MAX 1024

/* Cuts text that vsnprintf shortened, so that it does not end inside a UTF-8 character. */
static void call_trim_utf8(char *text, size_t cap)
{
    size_t len = strlen(text);
    size_t back = 0;

    if (len + 1 < cap) {
        return;
    }
    while (back < 3 && back < len &&
           ((unsigned char)text[len - 1 - back] & 0xC0) == 0x80) {
        back++;
    }
    if (back < len && ((unsigned char)text[len - 1 - back] & 0xC0) == 0xC0 &&
        !weir_utf8_ok((weir_slice){ text + len - 1 - back, back + 1 })) {
        text[len - 1 - back] = '\0';
    }
}

static void call_format(char *out, size_t cap, const char *fmt, va_list args)
    __attribute__((format(printf, 3, 0)));
static void call_format(char *out, size_t cap, const char *fmt, va_list args)
{
    out[0] = '\0';
    if (fmt == NULL) {
        return;
    }
    if (vsnprintf(out, cap, fmt, args) < 0) {
        out[0] = '\0';
    }
    call_trim_utf8(out, cap);
}

void weir_call_begin(weir_call *call, const weir_event *ev, weir_arena *arena,
                     const weir_call_env *env, int attempt, int64_t deadline_us)
{
    call->ev = ev;
    call->arena = arena;
    call->env = env;
    call->local = NULL;
    call->attempt = attempt;
    call->deadline_us = deadline_us;
    /* a fence may cancel at this moment */
    atomic_store_explicit(&call->is_cancelled, false, memory_order_relaxed);
    atomic_init(&call->join, 0);
    call->lent = NULL;
    call->outs = NULL;
    call->outs_end = &call->outs;
    call->n_outs = 0;
    call->out_bytes = 0;
    call->emit_errno = 0;
    call->verdict = 0;
    call->delay_ms = -1;
    call->cls[0] = '\0';
    call->reason[0] = '\0';
}

/* -- the meeting of return and completion ------------------------------------------------ */

static unsigned call_join_pack(weir_verdict verdict)
{
    bool is_known = verdict >= WEIR_DONE && verdict < WEIR_PENDING;

    return (is_known ? (unsigned)verdict : 0U) << WEIR_CALL_VERDICT_SHIFT;
}

bool weir_call_returned(weir_call *call, weir_verdict verdict)
{
    /* A verdict that is final closes the call for a weir_complete() that should not come. */
    unsigned bits = WEIR_CALL_RETURNED;
    unsigned seen;

    if (verdict != WEIR_PENDING) {
        bits |= WEIR_CALL_COMPLETED;
    } else if (call->lent != NULL) {
        /* The value must outlive this return; the thread goes on to other events. */
        weir_arena_take(call->ev->arena, call->lent);
        call->lent = NULL;
    }
    seen = atomic_fetch_or_explicit(&call->join, bits, memory_order_acq_rel);
    WEIR_ASSERT((seen & WEIR_CALL_RETURNED) == 0);
    if ((seen & WEIR_CALL_COMPLETED) != 0) {
        call->verdict = (weir_verdict)(seen >> WEIR_CALL_VERDICT_SHIFT);
        return true;
    }
    if (verdict != WEIR_PENDING) {
        call->verdict = verdict;
        return true;
    }
    return false; /* from here on the call belongs to whoever completes it */
}

void weir_call_complete(weir_call *call, weir_verdict verdict)
{
    const weir_call_env *env = call->env;
    unsigned seen = atomic_load_explicit(&call->join, memory_order_relaxed);
    unsigned want;

    do {
        if ((seen & WEIR_CALL_COMPLETED) != 0) {
            weir_log(WEIR_ERROR, "function.completed_twice",
                     "sub=%s function=%s text=%s", env->sub, env->function,
                     "weir_complete() on a call that has its verdict; it is ignored");
            return;
        }
        want = seen | WEIR_CALL_COMPLETED | call_join_pack(verdict);
    } while (!atomic_compare_exchange_weak_explicit(
        &call->join, &seen, want, memory_order_acq_rel, memory_order_relaxed));
    if ((seen & WEIR_CALL_RETURNED) == 0) {
        /* the handler's return finds the verdict; the call may be gone already */
        return;
    }
    call->verdict = (weir_verdict)(want >> WEIR_CALL_VERDICT_SHIFT);
    env->completed(env->arg, call);
}

weir_verdict weir_call_settle(weir_call *call, bool *is_free)
{
    weir_verdict verdict = call->verdict;

    *is_free = false;
    switch (verdict) {
    case WEIR_DONE:
        if (call->emit_errno == ENOMEM) {
            *is_free = true;
            verdict = WEIR_RETRY;
        } else if (call->emit_errno != 0) {
            verdict = WEIR_REJECT;
        }
        break;
    case WEIR_RETRY:
    case WEIR_REJECT:
    case WEIR_UNAVAILABLE:
        break;
    default:
        if (call->reason[0] == '\0') {
            (void)snprintf(call->reason, sizeof(call->reason),
                           "the function gave no verdict that weir knows (%d)",
                           (int)verdict);
        }
        verdict = WEIR_RETRY;
        break;
    }
    if (verdict != WEIR_DONE) {
        call->outs = NULL;
        call->outs_end = &call->outs;
        call->n_outs = 0;
    }
    call->verdict = verdict;
    return verdict;
}

void weir_call_cancel(weir_call *call)
{
    atomic_store_explicit(&call->is_cancelled, true, memory_order_release);
}

/* -- outputs ----------------------------------------------------------------------------- */

/* Remembers the first failure, with words that stand in the dead letter if nobody looked. */
static int call_emit_failed(weir_call *call, int code, const char *to)
{
    static const struct {
        int code;
        const char *cls, *text;
    } words[] = {
        { EINVAL, "emit-invalid",
          "no data and no tombstone, or a document that is not complete" },
        { EDESTADDRREQ, "emit-no-address",
          "no address given, and the subscription has no `to`" },
        { ENXIO, "emit-unknown-queue", "no such queue, or not an address" },
        { EXDEV, "emit-other-queue",
          "`delivery: exactly_once` publishes only to the queue that it reads" },
        { EMSGSIZE, "emit-too-large",
          "larger than an output may be, or all of this event than half of "
          "worker.max_bytes" },
        { ENOMEM, "emit-no-memory", "out of memory" },
    };
    const char *cls = "emit-failed";
    const char *text = "it failed";

    if (call->emit_errno != 0) {
        return code;
    }
    call->emit_errno = code;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (words[i].code == code) {
            cls = words[i].cls;
            text = words[i].text;
        }
    }
    (void)snprintf(call->cls, sizeof(call->cls), "%s", cls);
    if (to != NULL) {
        (void)snprintf(call->reason, sizeof(call->reason), "weir_emit to %.200s: %s",
                       to, text);
    } else {
        (void)snprintf(call->reason, sizeof(call->reason), "weir_emit: %s", text);
    }
    call_trim_utf8(call->reason, sizeof(call->reason));
    return code;
}

/* 0 or an errno; *bytes: payload, key, names and values. */
static int call_emit_check(const weir_call *call, const weir_output *output,
                           size_t *bytes)
{
    size_t n = output->key.len + output->data.len;

    if ((output->data.data == NULL) != output->tombstone) {
        return EINVAL;
    }
    if ((output->data.data == NULL && output->data.len != 0) ||
        (output->key.data == NULL && output->key.len != 0) ||
        (output->headers == NULL && output->n_headers != 0)) {
        return EINVAL;
    }
    if (output->key.len > call->env->max_output ||
        output->data.len > call->env->max_output ||
        output->n_headers > call->env->max_output) {
        return EMSGSIZE;
    }
    for (size_t i = 0; i < output->n_headers; i++) {
        const weir_header *h = &output->headers[i];

        if (h->name == NULL || (h->value.data == NULL && h->value.len != 0)) {
            return EINVAL;
        }
        if (h->value.len > call->env->max_output) {
            return EMSGSIZE;
        }
        n += strlen(h->name) + h->value.len;
        if (n > call->env->max_output) {
            return EMSGSIZE;
        }
    }
    if (n > call->env->max_output) {
        return EMSGSIZE;
    }
    if (output->to == NULL && !call->env->has_to) {
        return EDESTADDRREQ;
    }
    *bytes = n;
    return 0;
}

/* Moves a slice's bytes to *at; an absent slice stays absent. */
static weir_slice call_put(char **at, weir_slice from)
{
    weir_slice out = { NULL, 0 };

    if (from.data == NULL) {
        return out;
    }
    out.data = *at;
    out.len = from.len;
    if (from.len > 0) {
        memcpy(*at, from.data, from.len);
    }
    *at += from.len;
    return out;
}

/* One piece of the arena holds it all: weir_out | headers | room for those that the engine adds
 * | key | data | names, values. */
static weir_out *call_copy_output(weir_call *call, const weir_output *output,
                                  size_t bytes, bool owns_data, int *code)
{
    size_t headers_bytes = (output->n_headers + WEIR_OUT_ROOM) * sizeof(weir_header);
    size_t copied = bytes - (owns_data ? output->data.len : 0);
    size_t total = sizeof(weir_out) + headers_bytes + copied + output->n_headers + 1;
    size_t taken = call->out_bytes + total + (owns_data ? output->data.len : 0);
    weir_header *headers;

    if (call->env->max_outputs > 0 && call->n_outs > 0 &&
        taken > call->env->max_outputs) {
        *code = EMSGSIZE;
        return NULL;
    }
    char *at = weir_arena_alloc(call->arena, total);
    weir_out *out = (weir_out *)(void *)at;

    if (out == NULL) {
        *code = ENOMEM;
        return NULL;
    }
    memset(out, 0, sizeof(*out));
    headers = (weir_header *)(void *)(at + sizeof(*out));
    at += sizeof(*out) + headers_bytes;
    out->partition = -1;
    out->time_ms = -1;
    out->key = call_put(&at, output->key);
    out->data = owns_data ? output->data : call_put(&at, output->data);
    out->headers = headers;
    out->n_headers = output->n_headers;
    out->n_room = WEIR_OUT_ROOM;
    for (size_t i = 0; i < output->n_headers; i++) {
        size_t len = strlen(output->headers[i].name) + 1;

        memcpy(at, output->headers[i].name, len);
        headers[i].name = at;
        at += len;
        headers[i].value = call_put(&at, output->headers[i].value);
    }
    call->out_bytes = taken;
    return out;
}

static int call_emit(weir_call *call, const weir_output *output, bool owns_data)
{
    weir_out found = { .partition = -1, .time_ms = -1 };
    weir_out *out;
    size_t bytes = 0;
    int code;

    if (output == NULL) {
        return call_emit_failed(call, EINVAL, NULL);
    }
    if ((code = call_emit_check(call, output, &bytes)) != 0) {
        return call_emit_failed(call, code, output->to);
    }
    if ((code = call->env->resolve(call->env->arg, output->to, &found)) != 0) {
        return call_emit_failed(call, code, output->to);
    }
    if ((out = call_copy_output(call, output, bytes, owns_data, &code)) == NULL) {
        return call_emit_failed(call, code, output->to);
    }
    out->sink = found.sink;
    out->address = found.address;
    out->target = found.target;
    *call->outs_end = out;
    call->outs_end = &out->next;
    call->n_outs++;
    return 0;
}

int weir_call_emit(weir_call *call, const weir_output *output)
{
    return call_emit(call, output, false);
}

weir_writer *weir_call_emit_value(weir_call *call, weir_format format)
{
    weir_writer *w = weir_writer_new(call->arena, format, call);

    if (w == NULL) {
        (void)call_emit_failed(call, ENOMEM, NULL);
    }
    return w;
}

int weir_call_emit_end(weir_writer *w, const weir_output *output)
{
    weir_output whole = { 0 };
    weir_call *call;
    weir_status st;

    if (w == NULL) {
        return ENOMEM; /* weir_call_emit_value has remembered it */
    }
    call = weir_writer_arg(w);
    if (output != NULL) {
        whole = *output;
    }
    whole.tombstone = false;
    if ((st = weir_writer_finish(w, &whole.data)) != WEIR_OK) {
        return call_emit_failed(call, st == WEIR_ENOMEM ? ENOMEM : EINVAL, whole.to);
    }
    return call_emit(call, &whole, true);
}

/* -- verdicts and the rest --------------------------------------------------------------- */

weir_verdict weir_call_reject(weir_call *call, const char *cls, const char *fmt,
                              va_list args)
{
    (void)snprintf(call->cls, sizeof(call->cls), "%s", cls == NULL ? "" : cls);
    call_trim_utf8(call->cls, sizeof(call->cls));
    call_format(call->reason, sizeof(call->reason), fmt, args);
    return WEIR_REJECT;
}

weir_verdict weir_call_retry(weir_call *call, int64_t delay_ms, const char *fmt,
                             va_list args)
{
    call->delay_ms = delay_ms < 0 ? -1 : delay_ms;
    call->cls[0] = '\0';
    call_format(call->reason, sizeof(call->reason), fmt, args);
    return WEIR_RETRY;
}

weir_verdict weir_call_unavailable(weir_call *call, int64_t delay_ms, const char *fmt,
                                   va_list args)
{
    (void)weir_call_retry(call, delay_ms, fmt, args);
    return WEIR_UNAVAILABLE;
}

int64_t weir_call_time_left(const weir_call *call)
{
    int64_t left_ms = INT32_MAX;

    if (call->deadline_us != WEIR_NEVER) {
        left_ms = (call->deadline_us - weir_clock_us()) / 1000;
    }
    if (left_ms < 0) {
        return 0;
    }
    return left_ms > INT32_MAX ? INT32_MAX : left_ms; /* so that an int holds it */
}

void weir_call_note(weir_call *call, int level, const char *fmt, va_list args)
{
    weir_level at = WEIR_INFO;
    weir_slice position;
    char text[LOG_LINE_MAX];

    if (level >= WEIR_LOG_DEBUG && level <= WEIR_LOG_ERROR) {
        at = (weir_level)level;
    }
    if (!weir_log_wants(at)) {
        return;
    }
    call_format(text, sizeof(text), fmt, args);
    for (char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ') {
            *c = ' '; /* one event is one line, whatever a function writes */
        }
    }
    position = weir_ev_position(call->ev);
    weir_log(at, "function.log", "sub=%s function=%s position=%s attempt=%d text=%s",
             call->env->sub, call->env->function,
             position.data == NULL ? "-" : position.data, call->attempt, text);
}
