/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * faulty - libraries that a worker must refuse; FAULT_... chooses what is wrong.
 */
#include <weir/handler.h>

#ifndef FAULT_NO_HANDLE
static weir_verdict handle(void *state, const weir_event *ev, weir_call *call)
{
    (void)state;
    (void)ev;
    (void)call;
    return WEIR_DONE;
}
#endif

#ifdef FAULT_BOTH_HANDLES
static void handle_batch(void *state, weir_batch *batch)
{
    (void)state;
    (void)batch;
}
#endif

static const weir_function functions[] = {
#if defined(FAULT_NO_HANDLE)
    { .name = "f" },
#elif defined(FAULT_BOTH_HANDLES)
    { .name = "f", .handle = handle, .handle_batch = handle_batch },
#elif defined(FAULT_SAME_NAME)
    { .name = "f", .handle = handle },
    { .name = "f", .handle = handle },
#else
    { .name = "f", .handle = handle },
#endif
};

#if defined(FAULT_NO_TABLE)
WEIR_EXPORT extern const weir_function *const not_a_table;
const weir_function *const not_a_table = functions;
#elif defined(FAULT_NO_HANDLE) || defined(FAULT_BOTH_HANDLES) ||                       \
    defined(FAULT_SAME_NAME)
WEIR_FUNCTIONS(functions);
#else
/* By hand what WEIR_FUNCTIONS does, with one thing wrong. */
#ifdef FAULT_OTHER_MAJOR
#define MAJOR (WEIR_API_MAJOR + 1)
#else
#define MAJOR WEIR_API_MAJOR
#endif
#ifdef FAULT_NEWER_MINOR
#define MINOR (WEIR_API_MINOR + 1)
#else
#define MINOR WEIR_API_MINOR
#endif
#ifdef FAULT_OTHER_SIZE
#define FUNCTION_SIZE (sizeof(weir_function) + 8)
#else
#define FUNCTION_SIZE sizeof(weir_function)
#endif
#ifdef FAULT_EMPTY
#define N_FUNCTIONS 0
#else
#define N_FUNCTIONS 1
#endif
const weir_api *weir_api_;
WEIR_EXPORT extern const weir_library_table weir_library;
const weir_library_table weir_library = {
    MAJOR,
    MINOR,
    sizeof(weir_library_table),
    FUNCTION_SIZE,
    sizeof(weir_api),
    N_FUNCTIONS,
    functions,
    &weir_api_,
};
#endif
