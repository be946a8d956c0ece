/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pick_check - for the fuzz targets of the codecs: of an event that decodes a pick says what
 * the tree says, or doubts.
 */
#ifndef WEIR_TESTS_FUZZ_PICK_CHECK_H
#define WEIR_TESTS_FUZZ_PICK_CHECK_H

#include "schemas/codec.h"
#include "worker/base/check.h"

/* ev is decoded; what picks look at of it does not change by that. */
static inline void pick_check(const weir_codec_ops *ops, const weir_event *ev)
{
    static const char *const texts[] = { "", "/a", "/0", "/a/b", "/a/0", "/1/a", "/" };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        weir_pointer *p = NULL;
        weir_buf scratch[2] = { { 0 }, { 0 } };
        weir_slice picked = WEIR_SLICE_NONE;
        weir_slice key = WEIR_SLICE_NONE;

        WEIR_ASSERT(weir_pointer_new(texts[i], &p, NULL) == WEIR_OK);
        const weir_pick pick = ops->pick(ev, p, &scratch[0], &picked);

        if (ev->is_decoded) {
            const bool has_key =
                weir_val_key(weir_val_find(ev->value, p), &scratch[1], &key);

            WEIR_ASSERT(pick == WEIR_PICK_DOUBT ||
                        has_key == (pick == WEIR_PICK_FOUND));
            WEIR_ASSERT(pick != WEIR_PICK_FOUND || weir_slice_eq(picked, key));
        }
        weir_buf_fini(&scratch[0]);
        weir_buf_fini(&scratch[1]);
        weir_pointer_free(p);
    }
}

#endif
