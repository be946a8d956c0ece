/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir/handler.h - everything a function for weir needs, in one header.
 *
 * A function is C or C++ code in a shared object. It includes this header, writes a
 * table of weir_function and exports it once with WEIR_FUNCTIONS(table). There is no
 * library to link: the worker fills one hidden pointer of the shared object when it loads
 * it, and the inline calls below go through that pointer.
 *
 *     cc -shared -fPIC -o libcharge.so charge.c
 *
 * C11 and C++17. Only C headers are included. Slices, events, values and calls are loans:
 * they are valid until the function has returned its verdict, or, after WEIR_PENDING, until
 * weir_complete() has been called.
 *
 * The worker itself defines WEIR_INSIDE before including this header; it then gives the types
 * and leaves the inline calls out.
 */
#ifndef WEIR_HANDLER_H
#define WEIR_HANDLER_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The worker refuses a table of another major, or of a newer minor than its own. */
#define WEIR_API_MAJOR 1
#define WEIR_API_MINOR 0

#if defined(__GNUC__) || defined(__clang__)
#define WEIR_PRINTF(fmt_at, args_at) __attribute__((format(printf, fmt_at, args_at)))
#define WEIR_EXPORT __attribute__((visibility("default")))
#define WEIR_HIDDEN __attribute__((visibility("hidden")))
#else
#define WEIR_PRINTF(fmt_at, args_at)
#define WEIR_EXPORT
#define WEIR_HIDDEN
#endif

/* Bytes that belong to somebody else. data NULL means "absent"; len is in bytes. */
typedef struct {
    const char *data;
    size_t len;
} weir_slice;

/* What a function says of an event. Any other value counts as WEIR_RETRY. */
typedef enum {
    WEIR_DONE = 1, /* handled; what was emitted is published, then the event is done */
    WEIR_RETRY,    /* failed; again later by the subscription's retry rules */
    WEIR_REJECT,   /* will never work: a dead letter, now */
    WEIR_UNAVAILABLE, /* what the function calls is down: no attempt is counted */
    WEIR_PENDING      /* weir_complete() will say it later */
} weir_verdict;

/* A header of an event. name ends with NUL; value.data NULL is a header without value. */
typedef struct {
    const char *name;
    weir_slice value;
} weir_header;

/* How bytes are encoded. */
typedef enum {
    WEIR_FORMAT_RAW = 0,
    WEIR_FORMAT_JSON,
    WEIR_FORMAT_MSGPACK,
    WEIR_FORMAT_CLOUDEVENTS
} weir_format;

/* The type of a decoded value. */
typedef enum {
    WEIR_TYPE_NONE = 0, /* there is no value (a NULL pointer) */
    WEIR_TYPE_NULL,
    WEIR_TYPE_BOOL,
    WEIR_TYPE_INT, /* any integer from -2^63 to 2^64-1, exact */
    WEIR_TYPE_DOUBLE,
    WEIR_TYPE_STRING,
    WEIR_TYPE_BINARY, /* msgpack bin */
    WEIR_TYPE_EXT,    /* msgpack ext; bytes through weir_value_string */
    WEIR_TYPE_ARRAY,
    WEIR_TYPE_MAP
} weir_type;

/* Levels of weir_call_log(). */
enum { WEIR_LOG_DEBUG = 0, WEIR_LOG_INFO, WEIR_LOG_WARN, WEIR_LOG_ERROR };

typedef struct weir_event weir_event; /* one event; read only */
typedef struct weir_call weir_call;   /* one attempt at one event */
typedef struct weir_batch weir_batch; /* several events given to handle_batch at once */
typedef struct weir_value weir_value; /* a decoded value */
typedef struct weir_setup weir_setup; /* what init may ask */
typedef struct weir_writer weir_writer; /* a document being written */

/* Where an iteration over an array or map stands; zero it to begin. */
typedef struct {
    size_t index;
    const void *at;
} weir_value_iter;

/* An event to publish. Its bytes are copied before weir_emit() returns. */
typedef struct {
    /* an address such as "kafka:receipts"; NULL: the subscription's `to` */
    const char *to;
    weir_slice key;  /* data NULL: no key */
    weir_slice data; /* data NULL needs tombstone */
    const weir_header *headers;
    size_t n_headers;
    bool tombstone; /* publish a null payload */
} weir_output;

/* One function. Zero what you do not use. */
typedef struct {
    const char *name;    /* as named by `functions:` in the configuration */
    const char *about;   /* one line for people */
    const char *version; /* goes into dead letters */
    /* Once per entry under `functions:`. Non-zero refuses to start. */
    int (*init)(const weir_setup *setup, void **state);
    /* At the end, only when no call is open. */
    void (*fini)(void *state);
    /* Once per handler thread, before its first event; non-zero: this thread's events are
     * WEIR_UNAVAILABLE and it is tried again later. */
    int (*thread_init)(void *state, void **local);
    void (*thread_fini)(void *state, void *local);
    /* Runs on up to `concurrency` threads at once, with one state. */
    weir_verdict (*handle)(void *state, const weir_event *ev, weir_call *call);
    /* Instead of handle: a verdict per item; unset items count as WEIR_RETRY. */
    void (*handle_batch)(void *state, weir_batch *batch);
    bool wants_value; /* reads decoded values: format raw is refused */
    /* may be replayed without asking: no side effects but its outputs */
    bool replay_safe;
} weir_function;

/*
 * The calls of the worker, as a table. Functions use the inline calls below, never this.
 * Only ever grows at its end, with a new minor.
 */
typedef struct weir_api {
    size_t size; /* of this struct in the worker */
    weir_slice (*event_data)(const weir_event *ev);
    weir_slice (*event_key)(const weir_event *ev);
    bool (*event_header)(const weir_event *ev, const char *name, weir_slice *out);
    bool (*event_header_at)(const weir_event *ev, size_t i, weir_slice *name,
                            weir_slice *value);
    weir_slice (*event_attr)(const weir_event *ev, const char *name);
    weir_slice (*event_position)(const weir_event *ev);
    int64_t (*event_time_ms)(const weir_event *ev);
    const weir_value *(*event_value)(const weir_event *ev);
    const weir_value *(*value_at)(const weir_value *v, const char *pointer);
    bool (*value_int)(const weir_value *v, int64_t *out);
    bool (*value_uint)(const weir_value *v, uint64_t *out);
    bool (*value_double)(const weir_value *v, double *out);
    bool (*value_bool)(const weir_value *v, bool *out);
    bool (*value_string)(const weir_value *v, weir_slice *out);
    bool (*value_is_null)(const weir_value *v);
    weir_type (*value_type)(const weir_value *v);
    size_t (*value_size)(const weir_value *v);
    bool (*value_next)(const weir_value *v, weir_value_iter *it, const weir_value **key,
                       const weir_value **item);
    int (*emit)(weir_call *call, const weir_output *out);
    weir_writer *(*emit_value)(weir_call *call, weir_format format);
    int (*emit_end)(weir_writer *w, const weir_output *out);
    void (*write_map)(weir_writer *w);
    void (*write_array)(weir_writer *w);
    void (*write_end)(weir_writer *w);
    void (*write_key)(weir_writer *w, weir_slice key);
    void (*write_int)(weir_writer *w, int64_t value);
    void (*write_uint)(weir_writer *w, uint64_t value);
    void (*write_double)(weir_writer *w, double value);
    void (*write_bool)(weir_writer *w, bool value);
    void (*write_null)(weir_writer *w);
    void (*write_string)(weir_writer *w, weir_slice value);
    void (*write_binary)(weir_writer *w, weir_slice value);
    void (*write_value)(weir_writer *w, const weir_value *value);
    weir_verdict (*reject)(weir_call *call, const char *cls, const char *fmt,
                           va_list args);
    weir_verdict (*retry)(weir_call *call, int64_t delay_ms, const char *fmt,
                          va_list args);
    weir_verdict (*unavailable)(weir_call *call, int64_t delay_ms, const char *fmt,
                                va_list args);
    int (*call_attempt)(const weir_call *call);
    bool (*call_replay)(const weir_call *call);
    void *(*call_local)(weir_call *call);
    int64_t (*call_time_left_ms)(const weir_call *call);
    bool (*call_cancelled)(const weir_call *call);
    void (*call_log)(weir_call *call, int level, const char *fmt, va_list args);
    void (*complete)(weir_call *call, weir_verdict verdict);
    size_t (*batch_size)(const weir_batch *b);
    const weir_event *(*batch_event)(const weir_batch *b, size_t i);
    weir_call *(*batch_call)(weir_batch *b, size_t i);
    void (*batch_verdict)(weir_batch *b, size_t i, weir_verdict verdict);
    const char *(*setup_config)(const weir_setup *setup);
    const weir_value *(*setup_value)(const weir_setup *setup);
} weir_api;

/* What a shared object exports under the name `weir_library`. */
typedef struct {
    uint32_t major, minor;
    size_t library_size;  /* sizeof(weir_library_table) of the shared object */
    size_t function_size; /* sizeof(weir_function) of the shared object */
    size_t api_size;      /* sizeof(weir_api) of the shared object */
    size_t n_functions;
    const weir_function *functions;
    /* the worker stores its table here before it calls anything */
    const weir_api **api;
} weir_library_table;

#ifndef WEIR_INSIDE

/* The hidden pointer; WEIR_FUNCTIONS defines it, once a shared object. */
extern WEIR_HIDDEN const weir_api *weir_api_;

#ifdef __cplusplus
#define WEIR_EXTERN_C_ extern "C"
#else
#define WEIR_EXTERN_C_ extern
#endif

/* Exports `table`, an array of weir_function. Once in a shared object, at file scope. */
#define WEIR_FUNCTIONS(table)                                                          \
    WEIR_EXTERN_C_ WEIR_HIDDEN const weir_api *weir_api_;                              \
    const weir_api *weir_api_ = NULL;                                                  \
    WEIR_EXTERN_C_ WEIR_EXPORT const weir_library_table weir_library;                  \
    const weir_library_table weir_library = {                                          \
        WEIR_API_MAJOR,                                                                \
        WEIR_API_MINOR,                                                                \
        sizeof(weir_library_table),                                                    \
        sizeof(weir_function),                                                         \
        sizeof(weir_api),                                                              \
        sizeof(table) / sizeof((table)[0]),                                            \
        (table),                                                                       \
        &weir_api_,                                                                    \
    }

/* -- events: read only, any thread ------------------------------------------------- */

/* The payload bytes as they came; data NULL: a tombstone. */
static inline weir_slice weir_event_data(const weir_event *ev)
{
    return weir_api_->event_data(ev);
}

/* The key; data NULL: no key. */
static inline weir_slice weir_event_key(const weir_event *ev)
{
    return weir_api_->event_key(ev);
}

/* The last header of that name; false: there is none. */
static inline bool weir_event_header(const weir_event *ev, const char *name,
                                     weir_slice *out)
{
    return weir_api_->event_header(ev, name, out);
}

/* The i-th header from 0, in the event's order, repeated names too; false: past the end. The
 * name ends with NUL, so that name.data fits a weir_header. */
static inline bool weir_event_header_at(const weir_event *ev, size_t i,
                                        weir_slice *name, weir_slice *value)
{
    return weir_api_->event_header_at(ev, i, name, value);
}

/* A CloudEvents attribute (id, source, type, subject, ...) as text; data NULL: absent. */
static inline weir_slice weir_event_attr(const weir_event *ev, const char *name)
{
    return weir_api_->event_attr(ev, name);
}

/* Where the event stands, for example "kafka:orders/3@1042"; ends with NUL. */
static inline weir_slice weir_event_position(const weir_event *ev)
{
    return weir_api_->event_position(ev);
}

/* The event's own time, milliseconds since 1970 UTC; -1: unknown. */
static inline int64_t weir_event_time_ms(const weir_event *ev)
{
    return weir_api_->event_time_ms(ev);
}

/* The decoded payload for json, msgpack and cloudevents; else, and for a tombstone, NULL. */
static inline const weir_value *weir_event_value(const weir_event *ev)
{
    return weir_api_->event_value(ev);
}

/* -- values: read only, any thread; every call accepts NULL ------------------------- */

/* What an RFC 6901 pointer points at ("" is v itself); NULL where there is none. */
static inline const weir_value *weir_value_at(const weir_value *v, const char *pointer)
{
    return weir_api_->value_at(v, pointer);
}

/* True and *out if v is an integer that fits; a double never counts as an integer. */
static inline bool weir_value_int(const weir_value *v, int64_t *out)
{
    return weir_api_->value_int(v, out);
}

static inline bool weir_value_uint(const weir_value *v, uint64_t *out)
{
    return weir_api_->value_uint(v, out);
}

/* True and *out if v is a number; integers are converted. */
static inline bool weir_value_double(const weir_value *v, double *out)
{
    return weir_api_->value_double(v, out);
}

static inline bool weir_value_bool(const weir_value *v, bool *out)
{
    return weir_api_->value_bool(v, out);
}

/* True and *out if v is a string, or msgpack binary or ext data. Not NUL-terminated. */
static inline bool weir_value_string(const weir_value *v, weir_slice *out)
{
    return weir_api_->value_string(v, out);
}

static inline bool weir_value_is_null(const weir_value *v)
{
    return weir_api_->value_is_null(v);
}

static inline weir_type weir_value_type(const weir_value *v)
{
    return weir_api_->value_type(v);
}

/* Items of an array, pairs of a map, bytes of a string; else 0. */
static inline size_t weir_value_size(const weir_value *v)
{
    return weir_api_->value_size(v);
}

/*
 * Steps through an array or a map: zero *it, then call until it returns false. *key is NULL
 * in an array. Either out pointer may be NULL.
 */
static inline bool weir_value_next(const weir_value *v, weir_value_iter *it,
                                   const weir_value **key, const weir_value **item)
{
    return weir_api_->value_next(v, it, key, item);
}

/* -- outputs: one thread at a time uses a call --------------------------------------- */

/*
 * Adds an event to publish; it is sent only if the verdict is WEIR_DONE. 0, or an errno:
 * EINVAL (no data and no tombstone), EDESTADDRREQ (no address and no `to`), ENXIO (unknown
 * queue), EMSGSIZE (too large, or all of this event together), ENOMEM. A failure is remembered, so that no result is lost for
 * an unchecked return: WEIR_DONE then counts as a reject, after ENOMEM as a retry.
 */
static inline int weir_emit(weir_call *call, const weir_output *out)
{
    return weir_api_->emit(call, out);
}

/*
 * Begins a JSON or MessagePack document; write it with the weir_write_ calls, then give it to
 * weir_emit_end(). Needs no check: errors, out of memory too, are remembered until
 * weir_emit_end(), and all weir_write_ calls accept what this returns.
 */
static inline weir_writer *weir_emit_value(weir_call *call, weir_format format)
{
    return weir_api_->emit_value(call, format);
}

/* Emits the document; out gives all but the data and may be NULL. Returns as weir_emit(), and
 * EINVAL for a document that is not complete. */
static inline int weir_emit_end(weir_writer *w, const weir_output *out)
{
    return weir_api_->emit_end(w, out);
}

static inline void weir_write_map(weir_writer *w)
{
    weir_api_->write_map(w);
}

static inline void weir_write_array(weir_writer *w)
{
    weir_api_->write_array(w);
}

/* Ends the innermost map or array. */
static inline void weir_write_end(weir_writer *w)
{
    weir_api_->write_end(w);
}

static inline void weir_write_key(weir_writer *w, const char *key)
{
    weir_slice s = { key, 0 };

    while (key[s.len] != '\0') {
        s.len++;
    }
    weir_api_->write_key(w, s);
}

static inline void weir_write_int(weir_writer *w, int64_t value)
{
    weir_api_->write_int(w, value);
}

static inline void weir_write_uint(weir_writer *w, uint64_t value)
{
    weir_api_->write_uint(w, value);
}

static inline void weir_write_double(weir_writer *w, double value)
{
    weir_api_->write_double(w, value);
}

static inline void weir_write_bool(weir_writer *w, bool value)
{
    weir_api_->write_bool(w, value);
}

static inline void weir_write_null(weir_writer *w)
{
    weir_api_->write_null(w);
}

static inline void weir_write_string(weir_writer *w, weir_slice value)
{
    weir_api_->write_string(w, value);
}

/* MessagePack bin; in JSON base64 text. */
static inline void weir_write_binary(weir_writer *w, weir_slice value)
{
    weir_api_->write_binary(w, value);
}

/* A copy of a decoded value, whatever its format. */
static inline void weir_write_value(weir_writer *w, const weir_value *value)
{
    weir_api_->write_value(w, value);
}

/* -- verdicts ------------------------------------------------------------------------ */

/* Says why and returns WEIR_REJECT. cls is a short stable word for counting ("no-amount"). */
static inline weir_verdict weir_reject(weir_call *call, const char *cls,
                                       const char *fmt, ...) WEIR_PRINTF(3, 4);
static inline weir_verdict weir_reject(weir_call *call, const char *cls,
                                       const char *fmt, ...)
{
    va_list args;
    weir_verdict verdict;

    va_start(args, fmt);
    verdict = weir_api_->reject(call, cls, fmt, args);
    va_end(args);
    return verdict;
}

/* Says why and returns WEIR_RETRY; delay_ms -1: the subscription's backoff. */
static inline weir_verdict weir_retry(weir_call *call, int64_t delay_ms,
                                      const char *fmt, ...) WEIR_PRINTF(3, 4);
static inline weir_verdict weir_retry(weir_call *call, int64_t delay_ms,
                                      const char *fmt, ...)
{
    va_list args;
    weir_verdict verdict;

    va_start(args, fmt);
    verdict = weir_api_->retry(call, delay_ms, fmt, args);
    va_end(args);
    return verdict;
}

/*
 * Says why and returns WEIR_UNAVAILABLE: what the function calls is down. No attempt is
 * counted, intake pauses, and one event probes after delay_ms (-1: the backoff).
 */
static inline weir_verdict weir_unavailable(weir_call *call, int64_t delay_ms,
                                            const char *fmt, ...) WEIR_PRINTF(3, 4);
static inline weir_verdict weir_unavailable(weir_call *call, int64_t delay_ms,
                                            const char *fmt, ...)
{
    va_list args;
    weir_verdict verdict;

    va_start(args, fmt);
    verdict = weir_api_->unavailable(call, delay_ms, fmt, args);
    va_end(args);
    return verdict;
}

/* -- calls --------------------------------------------------------------------------- */

/* 1 on the first attempt. */
static inline int weir_call_attempt(const weir_call *call)
{
    return weir_api_->call_attempt(call);
}

/* True in a replay: the event was handled before, on the live line. */
static inline bool weir_call_replay(const weir_call *call)
{
    return weir_api_->call_replay(call);
}

/* What thread_init made for this thread; NULL without one. */
static inline void *weir_call_local(weir_call *call)
{
    return weir_api_->call_local(call);
}

/* Milliseconds until the timeout of this attempt; 0 when it is over. */
static inline int64_t weir_call_time_left_ms(const weir_call *call)
{
    return weir_api_->call_time_left_ms(call);
}

/* Time is up, the partition went, or the worker is stopping: return soon. */
static inline bool weir_call_cancelled(const weir_call *call)
{
    return weir_api_->call_cancelled(call);
}

/* A line in the worker's log, with the event's position and subscription. */
static inline void weir_call_log(weir_call *call, int level, const char *fmt, ...)
    WEIR_PRINTF(3, 4);
static inline void weir_call_log(weir_call *call, int level, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    weir_api_->call_log(call, level, fmt, args);
    va_end(args);
}

/*
 * The verdict of a call whose handler returned (or will return) WEIR_PENDING. Once, from any
 * thread; never blocks, sends or runs a function. The call is gone when this returns.
 */
static inline void weir_complete(weir_call *call, weir_verdict verdict)
{
    weir_api_->complete(call, verdict);
}

/* -- batches ------------------------------------------------------------------------- */

static inline size_t weir_batch_size(const weir_batch *b)
{
    return weir_api_->batch_size(b);
}

/* i is 0 .. size-1, in the queue's order. */
static inline const weir_event *weir_batch_event(const weir_batch *b, size_t i)
{
    return weir_api_->batch_event(b, i);
}

static inline weir_call *weir_batch_call(weir_batch *b, size_t i)
{
    return weir_api_->batch_call(b, i);
}

/* Sets an item's verdict; WEIR_PENDING before its call leaves the thread. */
static inline void weir_batch_verdict(weir_batch *b, size_t i, weir_verdict verdict)
{
    weir_api_->batch_verdict(b, i, verdict);
}

/* -- setup --------------------------------------------------------------------------- */

/* The `config:` of the function as JSON text; "null" without one. */
static inline const char *weir_setup_config(const weir_setup *setup)
{
    return weir_api_->setup_config(setup);
}

/* The same, decoded: read it with the weir_value calls. Lives until fini has returned. */
static inline const weir_value *weir_setup_value(const weir_setup *setup)
{
    return weir_api_->setup_value(setup);
}

#endif /* WEIR_INSIDE */

#ifdef __cplusplus
}
#endif

#endif
