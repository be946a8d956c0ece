/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any headers and data as a CloudEvent. The first byte is flags, then headers as
 * name NUL value NUL up to an empty name, then the data.
 *
 *     fuzz_cloudevents -max_len=4096 SCRATCH_FOLDER tests/data/fuzz/cloudevents
 */
#include "schemas/filter.h"
#include "tests/fuzz/pick_check.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEADERS = 40 };

/* Cuts one text off the front of *rest; it ends with NUL. */
static bool cut(weir_slice *rest, weir_slice *out)
{
    const char *nul = rest->len == 0 ? NULL : memchr(rest->data, 0, rest->len);

    if (nul == NULL) {
        return false;
    }
    *out = (weir_slice){ rest->data, (size_t)(nul - rest->data) };
    rest->data = nul + 1;
    rest->len -= out->len + 1;
    return true;
}

static void native_free(void *msg)
{
    free(msg);
}

static void check(weir_event *ev)
{
    weir_filter *f = NULL;
    bool is_wanted;

    WEIR_ASSERT(weir_filter_new(
                    "{\"any\":[{\"prefix\":{\"type\":\"a\"}},{\"exact\":{\"/a\":1}}]}",
                    &f, NULL) == WEIR_OK);
    (void)weir_filter_match(f, ev, &is_wanted);
    pick_check(&weir_codec_cloudevents, ev);
    if (weir_codec_cloudevents.decode(ev, NULL) == WEIR_OK) {
        weir_buf out = { 0 };
        size_t sum = 0;

        (void)weir_filter_match(f, ev, &is_wanted);
        pick_check(&weir_codec_cloudevents, ev);
        WEIR_ASSERT(weir_ev_own(ev) == WEIR_OK);
        WEIR_ASSERT(weir_codec_cloudevents.decode(ev, NULL) == WEIR_OK);
        weir_val_json(ev->value, &out, false);
        for (size_t i = 0; i < ev->n_attrs; i++) {
            sum += strlen(ev->attrs[i].name);
            weir_buf_add(&out, ev->attrs[i].value.data, ev->attrs[i].value.len);
        }
        weir_buf_add(&out, ev->payload.data, ev->payload.len);
        WEIR_ASSERT(sum < SIZE_MAX / 2);
        weir_buf_fini(&out);
    } else {
        WEIR_ASSERT(ev->fault == WEIR_FAULT_DECODE && ev->fault_text != NULL);
    }
    weir_filter_free(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weir_header headers[HEADERS];
    weir_arena arena;
    weir_event ev;

    if (size < 2) {
        return 0;
    }
    char *copy = malloc(size);

    memcpy(copy, data, size);
    weir_slice rest = { copy + 1, size - 1 };
    weir_slice name = WEIR_SLICE_NONE;
    weir_slice value = WEIR_SLICE_NONE;

    weir_arena_init(&arena, 0);
    weir_ev_begin(&ev, &arena);
    while (ev.n_headers < HEADERS && cut(&rest, &name) && name.len > 0 &&
           cut(&rest, &value)) {
        headers[ev.n_headers++] = (weir_header){ name.data, value };
    }
    ev.headers = headers;
    ev.is_redis = (data[0] & 1) != 0;
    ev.data = (data[0] & 2) != 0 ? WEIR_SLICE_NONE : rest;
    ev.native = copy;
    ev.native_free = native_free;
    check(&ev);
    weir_ev_end(&ev);
    weir_arena_fini(&arena);
    return 0;
}
