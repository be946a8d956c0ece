/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_why - see tls_why.h.
 */
#include "triggers/tls_why.h"

#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <stdio.h>

void weir_tls_why(long verdict, const char *ca, const char *names, char *out,
                  size_t cap)
{
    switch (verdict) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        snprintf(out, cap,
                 "the server's certificate has expired: renew it on the server (or set "
                 "the clock here right)");
        return;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        snprintf(out, cap,
                 "the server's certificate is not valid yet: set the clocks of server "
                 "and worker right");
        return;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        snprintf(out, cap, "the server's certificate is for another name: %s", names);
        return;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_UNTRUSTED:
        snprintf(out, cap,
                 "the server's certificate comes from an authority that is not trusted "
                 "here: set %s to the file with that authority's certificate",
                 ca);
        return;
    default:
        snprintf(out, cap, "the server's certificate is refused: %s",
                 X509_verify_cert_error_string(verdict));
        return;
    }
}
