/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check - the end of the process when our own code broke a promise; see check.h.
 */
#include "worker/base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Noreturn void weir_check_failed(const char *file, int line, const char *func,
                                 const char *expr)
{
    char text[512];
    /* One write, no stdio stream: its lock may be held by whoever broke. */
    int n = snprintf(text, sizeof(text), "%s:%d: %s: assertion: %s\n", file, line, func,
                     expr);

    if (n > 0) {
        size_t len = (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;

        text[len - 1] = '\n';
        if (write(STDERR_FILENO, text, len) < 0) {
            abort();
        }
    }
    abort();
}

void *weir_check_cast(void *ptr, uint32_t tag, const char *file, int line,
                      const char *func)
{
    if (ptr == NULL) {
        weir_check_failed(file, line, func, "a void * that is not NULL");
    }

    uint32_t found;

    memcpy(&found, ptr, sizeof(found));
    if (found != tag) {
        char text[96];

        (void)snprintf(text, sizeof(text), "tag %08x where %08x was expected",
                       (unsigned)found, (unsigned)tag);
        weir_check_failed(file, line, func, text);
    }
    return ptr;
}
