/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Captures as a sink pass the suite of all sinks.
 */
#include "schemas/capture.h"
#include "tests/contract/sink_suite.h"
#include "triggers/file_sink.h"
#include "worker/base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[64];
static char paths[2][96];

static void fixture_begin(weir_sink_fixture *f, weir_sink_setup *setup)
{
    (void)snprintf(folder, sizeof(folder), "weir-sink-XXXXXX");
    WEIR_ASSERT(mkdtemp(folder) != NULL);
    for (int i = 0; i < 2; i++) {
        (void)snprintf(paths[i], sizeof(paths[i]), "%s/%d.weir", folder, i);
        f->topics[i] = paths[i];
    }
    *setup = (weir_sink_setup){ .queue_name = "file" };
}

static void fixture_end(weir_sink_fixture *f)
{
    (void)f;
    for (int i = 0; i < 2; i++) {
        (void)unlink(paths[i]);
    }
    (void)rmdir(folder);
}

static void fixture_read_back(weir_sink_fixture *f, const char *topic, const char *key,
                              weir_buf *out)
{
    weir_capture_reader *r = NULL;
    weir_capture_record rec;
    weir_arena arena;

    (void)f;
    weir_arena_init(&arena, 0);
    WEIR_ASSERT(weir_capture_open(topic, &r, NULL) == WEIR_OK);
    while (weir_capture_read(r, &arena, &rec, NULL) == WEIR_OK) {
        if (weir_slice_is(rec.key, key)) {
            weir_buf_add(out, rec.data.data, rec.data.len);
            weir_buf_char(out, '\n');
        }
    }
    weir_capture_close(r);
    weir_arena_fini(&arena);
}

int main(void)
{
    weir_sink_fixture fixture = {
        .ops = &weir_file_sink,
        .begin = fixture_begin,
        .end = fixture_end,
        .missing = "no-such-folder/a.weir",
        .read_back = fixture_read_back,
    };

    return weir_sink_suite("file sink", &fixture);
}
