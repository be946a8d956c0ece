/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec_raw - bytes that stay bytes.
 */
#include "schemas/codec_impl.h"

static weir_status raw_walk(weir_slice data, weir_err *err)
{
    (void)data;
    (void)err;
    return WEIR_OK;
}

static weir_status raw_decode(weir_event *ev, weir_err *err)
{
    if (ev->is_object) {
        return weir_codec_json.decode(ev, err);
    }
    ev->payload = ev->data;
    ev->is_decoded = true;
    return WEIR_OK;
}

/* Only text and binary are bytes already. */
static weir_status raw_encode(const weir_value *v, weir_buf *out, weir_err *err)
{
    weir_slice s = WEIR_SLICE_NONE;

    if (!weir_val_string(v, &s)) {
        return weir_fail(err, WEIR_EINVAL, "raw: only a string or binary is bytes");
    }
    weir_buf_add(out, s.data, s.len);
    return out->has_failed ? weir_fail(err, WEIR_ENOMEM, "raw: out of memory")
                           : WEIR_OK;
}

const weir_codec_ops weir_codec_raw = {
    .name = "raw",
    .about = "bytes as they are; no value",
    .format = WEIR_FORMAT_RAW,
    .gives_value = false,
    .walk = raw_walk,
    .decode = raw_decode,
    .encode = raw_encode,
};
