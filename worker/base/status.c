/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status - the words for the answers of status.h.
 */
#include "worker/base/status.h"

const char *weir_status_text(weir_status st)
{
    switch (st) {
    case WEIR_OK:
        return "ok";
    case WEIR_ENOMEM:
        return "out of memory";
    case WEIR_EINVAL:
        return "invalid";
    case WEIR_EFULL:
        return "full";
    case WEIR_ECLOSED:
        return "closed";
    case WEIR_EAGAIN:
        return "not now";
    case WEIR_EIO:
        return "input or output failed";
    case WEIR_ENOENT:
        return "not found";
    case WEIR_EDENIED:
        return "denied";
    case WEIR_EUNAVAIL:
        return "unavailable";
    case WEIR_ETOOLARGE:
        return "too large";
    case WEIR_ETIMEOUT:
        return "timed out";
    case WEIR_EDATA:
        return "data does not decode";
    case WEIR_ECONFIG:
        return "configuration error";
    case WEIR_EINTERNAL:
        return "internal error";
    }
    return "unknown status";
}
