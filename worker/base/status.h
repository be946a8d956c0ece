/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status - what a call inside weir answers.
 *
 * A function that can fail returns weir_status. The text for people goes into a weir_err
 * (err.h). Never assert on a status other than one that our own code broke.
 */
#ifndef WEIR_BASE_STATUS_H
#define WEIR_BASE_STATUS_H

typedef enum weir_status {
    WEIR_OK = 0,
    WEIR_ENOMEM,    /* out of memory */
    WEIR_EINVAL,    /* an argument or a record that can never work */
    WEIR_EFULL,     /* no room now */
    WEIR_ECLOSED,   /* the other side has ended */
    WEIR_EAGAIN,    /* not now; the same call may work later */
    WEIR_EIO,       /* a file or socket failed */
    WEIR_ENOENT,    /* no such topic, stream, file, symbol, entry */
    WEIR_EDENIED,   /* no right to do it */
    WEIR_EUNAVAIL,  /* a broker or server is not there */
    WEIR_ETOOLARGE, /* over a size limit */
    WEIR_ETIMEOUT,  /* the time given was not enough */
    WEIR_EDATA,     /* bytes that do not decode */
    WEIR_ECONFIG,   /* the configuration is wrong */
    WEIR_EINTERNAL  /* a library answered something it never should */
} weir_status;

/* The status as a short lower-case word ("out of memory"). Never NULL; static. */
const char *weir_status_text(weir_status st);

#endif
