/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry - see registry.h.
 */
#include "worker/app/registry.h"

#include "handlers/library.h"

#include <stdio.h>
#include <string.h>

const char *const weir_queue_type_words[] = { "kafka", "redis", NULL };

const weir_queue_type *const weir_queue_types[] = { &weir_queue_kafka,
                                                    &weir_queue_redis, NULL };

static const char *library_config(const void *opts)
{
    return ((const weir_library_opts *)opts)->config;
}

static const char *library_file(const void *opts)
{
    return ((const weir_library_opts *)opts)->library;
}

const weir_host_type weir_host_types[] = {
    { .name = "library",
      .about = "a function in a shared object",
      .ops = &weir_library_host,
      .rows = weir_library_rows,
      .opts_size = sizeof(weir_library_opts),
      .config = library_config,
      .file = library_file },
    { .name = NULL },
};

const weir_queue_type *weir_queue_type_find(const char *name)
{
    for (size_t i = 0; weir_queue_types[i] != NULL; i++) {
        if (strcmp(weir_queue_types[i]->name, name) == 0) {
            return weir_queue_types[i];
        }
    }
    return NULL;
}

void weir_number_text(int64_t n, char *out, size_t cap)
{
    char digits[32];
    int len = snprintf(digits, sizeof(digits), "%lld", (long long)n);
    size_t at = 0;

    for (int i = 0; i < len && at + 2 < cap; i++) {
        if (i > 0 && (len - i) % 3 == 0 && digits[i - 1] != '-') {
            out[at++] = ',';
        }
        out[at++] = digits[i];
    }
    out[at] = '\0';
}
