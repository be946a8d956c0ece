/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as a filter, matched against one event.
 *
 *     fuzz_filter -max_len=4096 SCRATCH_FOLDER tests/data/fuzz/filter
 */
#include "schemas/codec.h"
#include "schemas/filter.h"
#include "tests/fuzz/text.h"
#include "worker/base/check.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weir_header headers[] = { { "type", WEIR_SLICE_LIT("order.paid") },
                              { "x", WEIR_SLICE_NONE } };
    char *json = fuzz_text(data, size);
    weir_err err = { 0 };
    weir_filter *f = NULL;
    weir_arena arena;
    weir_event ev;

    weir_arena_init(&arena, 0);
    weir_ev_begin(&ev, &arena);
    ev.headers = headers;
    ev.n_headers = 2;
    ev.key = WEIR_SLICE_LIT("k");
    ev.data = WEIR_SLICE_LIT("{\"a\":[1,{\"b\":\"c\"}]}");
    WEIR_ASSERT(weir_codec_json.decode(&ev, NULL) == WEIR_OK);
    weir_status st = weir_filter_new(json, &f, &err);

    if (st == WEIR_OK) {
        bool is_wanted;

        (void)weir_filter_match(f, &ev, &is_wanted);
        (void)weir_filter_needs_value(f);
        weir_filter_free(f);
    } else {
        WEIR_ASSERT(st == WEIR_ECONFIG && strncmp(err.text, "filter", 6) == 0);
    }
    weir_ev_end(&ev);
    weir_arena_fini(&arena);
    free(json);
    return 0;
}
