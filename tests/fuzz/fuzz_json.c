/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a JSON event: what the walk accepts decodes, and is written back as JSON.
 *
 *     fuzz_json -max_len=4096 SCRATCH_FOLDER tests/data/fuzz/json
 */
#include "tests/fuzz/pick_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weir_slice text = { (const char *)data, size };
    weir_err err = { 0 };
    weir_arena arena;
    weir_event ev;

    weir_arena_init(&arena, 0);
    weir_ev_begin(&ev, &arena);
    ev.data = text;
    weir_status walk = weir_codec_json.walk(text, &err);
    weir_status st = weir_codec_json.decode(&ev, &err);

    WEIR_ASSERT(walk == st ||
                (walk == WEIR_OK && strstr(err.text, "infinity") != NULL));
    pick_check(&weir_codec_json, &ev);
    if (st == WEIR_OK) {
        weir_buf out = { 0 };
        weir_json *again = NULL;

        weir_val_json(ev.value, &out, false);
        WEIR_ASSERT(weir_json_parse(weir_buf_slice(&out), &again, NULL) == WEIR_OK);
        WEIR_ASSERT(weir_val_size(weir_json_root(again)) == weir_val_size(ev.value));
        weir_json_free(again);
        weir_buf_fini(&out);
    }
    weir_ev_end(&ev);
    weir_arena_fini(&arena);
    return 0;
}
