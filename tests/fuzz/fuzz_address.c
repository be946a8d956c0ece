/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as an address; one with a place is written back and read again.
 *
 *     fuzz_address -max_len=4096 SCRATCH_FOLDER tests/data/fuzz/address
 */
#include "schemas/position.h"
#include "tests/fuzz/text.h"
#include "worker/base/buf.h"
#include "worker/base/check.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    weir_address a;
    weir_address b;

    if (weir_address_parse(text, &a, NULL) == WEIR_OK) {
        char pos[WEIR_POS_TEXT_MAX];
        weir_buf out = { 0 };

        weir_buf_printf(&out, "%s:%s", a.queue, a.topic);
        if (a.partition >= 0) {
            weir_buf_printf(&out, "/%d", (int)a.partition);
        }
        if (a.has_pos) {
            (void)weir_pos_format(a.pos, a.is_id, pos);
            weir_buf_printf(&out, "@%s", pos);
        }
        WEIR_ASSERT(strcmp(out.data, text) == 0);
        WEIR_ASSERT(weir_address_parse(out.data, &b, NULL) == WEIR_OK);
        WEIR_ASSERT(a.partition == b.partition && weir_pos_cmp(a.pos, b.pos) == 0);
        weir_buf_fini(&out);
    }
    free(text);
    return 0;
}
