/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text - an input as a text with an end. Not strndup(): the sanitizer wants an end of its input.
 */
#ifndef WEIR_TESTS_FUZZ_TEXT_H
#define WEIR_TESTS_FUZZ_TEXT_H

#include "worker/base/check.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The caller frees it. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    WEIR_ASSERT(text != NULL);
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    return text;
}

#endif
