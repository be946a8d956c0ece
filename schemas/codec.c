/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec - the list of formats, and what all of them do alike.
 */
#include "schemas/codec_impl.h"

#include "worker/base/check.h"

static const weir_codec_ops *const codecs[] = {
    &weir_codec_raw,
    &weir_codec_json,
    &weir_codec_msgpack,
    &weir_codec_cloudevents,
};

const weir_codec_ops *weir_codec_find(const char *name)
{
    for (size_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++) {
        if (strcmp(codecs[i]->name, name) == 0) {
            return codecs[i];
        }
    }
    return NULL;
}

weir_status weir_codec_fault(weir_event *ev, weir_status st, const weir_err *err)
{
    if (st == WEIR_EDATA) {
        weir_ev_fault(ev, WEIR_FAULT_DECODE, "%s", err->text);
    }
    return st;
}

weir_status weir_codec_decode_whole(weir_event *ev, weir_tree_fn *parse, weir_err *err)
{
    weir_err own WEIR_UNINIT;
    weir_tree tree = { 0 };

    if (ev->is_decoded) {
        return WEIR_OK;
    }
    err = err == NULL ? &own : err;
    if (ev->data.data != NULL) {
        weir_status st = parse(ev->data, ev->arena, &tree, err);

        if (st != WEIR_OK) {
            return weir_codec_fault(ev, st, err);
        }
    }
    ev->value = tree.root;
    ev->value_doc = tree.doc;
    ev->value_free = tree.free;
    ev->value_borrows = tree.borrows;
    ev->payload = ev->data;
    ev->is_decoded = true;
    return WEIR_OK;
}
