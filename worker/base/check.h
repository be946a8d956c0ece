/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check - assertions that stay on in release.
 *
 * A broken promise between our own functions stops the process; the broker then redelivers
 * what was in flight. Never assert what the world can do: input, config, brokers, memory.
 */
#ifndef WEIR_BASE_CHECK_H
#define WEIR_BASE_CHECK_H

#include <stdint.h>

/* Writes "file:line: function: assertion: expr" to stderr and aborts. */
_Noreturn void weir_check_failed(const char *file, int line, const char *func,
                                 const char *expr);

#define WEIR_ASSERT(expr)                                                              \
    ((expr) ? (void)0 : weir_check_failed(__FILE__, __LINE__, __func__, #expr))

/* For costly checks: on in debug builds only. */
#ifdef NDEBUG
#define WEIR_DCHECK(expr) ((void)0)
#else
#define WEIR_DCHECK(expr) WEIR_ASSERT(expr)
#endif

/*
 * On a large local that is written before it is read. Hardened builds zero every local, which
 * costs more than the work itself where that is short.
 */
#if defined(__has_attribute)
#if __has_attribute(uninitialized)
#define WEIR_UNINIT __attribute__((uninitialized))
#endif
#endif
#ifndef WEIR_UNINIT
#define WEIR_UNINIT
#endif

/* An object's tag is the first member of its struct: uint32_t tag. */
#define WEIR_TAG(a, b, c, d)                                                           \
    ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

/* A void * back to what it was, asserted by its tag. */
#define WEIR_CAST(type, ptr, want_tag)                                                 \
    ((type *)weir_check_cast((ptr), (want_tag), __FILE__, __LINE__, __func__))

void *weir_check_cast(void *ptr, uint32_t tag, const char *file, int line,
                      const char *func);

#endif
