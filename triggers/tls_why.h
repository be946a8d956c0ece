/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_why - what is wrong with a server's certificate, and what to do about it.
 *
 * Threads: any.
 */
#ifndef WEIR_TRIGGERS_TLS_WHY_H
#define WEIR_TRIGGERS_TLS_WHY_H

#include <stddef.h>

/*
 * Writes a sentence on a verdict of OpenSSL (X509_V_ERR_...). ca: the setting with the
 * certificates that are trusted. names: what to do where the certificate is for another name.
 */
void weir_tls_why(long verdict, const char *ca, const char *names, char *out,
                  size_t cap);

#endif
