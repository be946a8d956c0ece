/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a MessagePack event: what the walk accepts decodes, and is written again.
 *
 *     fuzz_msgpack -max_len=4096 SCRATCH_FOLDER tests/data/fuzz/msgpack
 */
#include "tests/fuzz/pick_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weir_slice bytes = { (const char *)data, size };
    weir_arena arena;
    weir_event ev;

    weir_arena_init(&arena, 0);
    weir_ev_begin(&ev, &arena);
    ev.data = bytes;
    weir_status walk = weir_codec_msgpack.walk(bytes, NULL);
    weir_status st = weir_codec_msgpack.decode(&ev, NULL);

    WEIR_ASSERT(walk == st);
    pick_check(&weir_codec_msgpack, &ev);
    if (st == WEIR_OK) {
        weir_buf out = { 0 };

        WEIR_ASSERT(ev.value_free == NULL); /* the walk knew the size of the tree */
        weir_val_json(ev.value, &out, false);
        weir_buf_reset(&out);
        WEIR_ASSERT(weir_codec_msgpack.encode(ev.value, &out, NULL) == WEIR_OK);
        (void)weir_codec_json.encode(ev.value, &out, NULL);
        weir_buf_fini(&out);
    }
    weir_ev_end(&ev);
    weir_arena_fini(&arena);
    return 0;
}
