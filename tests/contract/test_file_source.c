/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Captures as a source pass the suite of all sources.
 */
#include "schemas/capture.h"
#include "tests/contract/source_suite.h"
#include "triggers/file_source.h"
#include "worker/base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define N_FILES 3

static char folder[64];
static char paths[N_FILES][96];
static const char *topics[N_FILES];
static weir_capture_writer *writers[N_FILES];

static void fixture_begin(weir_source_fixture *f, weir_source_setup *setup)
{
    (void)f;
    (void)snprintf(folder, sizeof(folder), "weir-source-XXXXXX");
    WEIR_ASSERT(mkdtemp(folder) != NULL);
    for (int i = 0; i < N_FILES; i++) {
        (void)snprintf(paths[i], sizeof(paths[i]), "%s/%d.weir", folder, i);
        WEIR_ASSERT(weir_capture_create(paths[i], &writers[i], NULL) == WEIR_OK);
        WEIR_ASSERT(weir_capture_flush(writers[i], false, NULL) == WEIR_OK);
        topics[i] = paths[i];
    }
    *setup = (weir_source_setup){
        .queue_name = "file", .topics = topics, .n_topics = N_FILES, .group = "none"
    };
}

static void fixture_end(weir_source_fixture *f)
{
    (void)f;
    for (int i = 0; i < N_FILES; i++) {
        WEIR_ASSERT(weir_capture_end(writers[i], NULL) == WEIR_OK);
        (void)unlink(paths[i]);
    }
    (void)rmdir(folder);
}

static void fixture_put(weir_source_fixture *f, int part, const char *key,
                        const char *data)
{
    const weir_capture_record rec = { .partition = -1,
                                      .key = weir_slice_of(key),
                                      .data = weir_slice_of(data) };

    (void)f;
    WEIR_ASSERT(weir_capture_write(writers[part], &rec, NULL) == WEIR_OK);
    WEIR_ASSERT(weir_capture_flush(writers[part], false, NULL) == WEIR_OK);
}

int main(void)
{
    weir_source_fixture fixture = {
        .ops = &weir_file_source,
        .n_parts = N_FILES,
        .remembers = false,
        .begin = fixture_begin,
        .end = fixture_end,
        .put = fixture_put,
    };

    return weir_source_suite("file source", &fixture);
}
