/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_tls - OpenSSL on two memory buffers; see redis_tls.h.
 */
#include "triggers/redis_tls.h"

#include "triggers/tls_why.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <limits.h>
#include <stdlib.h>

struct weir_redis_tls {
    SSL_CTX *ctx;
    SSL *ssl;
    BIO *in, *out; /* owned by ssl */
};

/* The library's first complaint as text; its queue is emptied. */
static weir_status tls_fail(weir_err *err, weir_status st, const char *what)
{
    char text[256] = "no reason given";
    unsigned long code = ERR_get_error();

    if (code != 0) {
        ERR_error_string_n(code, text, sizeof(text));
    }
    ERR_clear_error();
    return weir_fail(err, st, "tls: %s: %s", what, text);
}

static weir_status tls_load(SSL_CTX *ctx, const weir_redis_tls_opts *opts,
                            weir_err *err)
{
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    if (opts->ca_file != NULL) {
        if (SSL_CTX_load_verify_locations(ctx, opts->ca_file, NULL) != 1) {
            return tls_fail(err, WEIR_ECONFIG, opts->ca_file);
        }
    } else if (SSL_CTX_set_default_verify_paths(ctx) != 1) {
        return tls_fail(err, WEIR_ECONFIG, "the system's certificates");
    }
    if (opts->cert_file != NULL &&
        SSL_CTX_use_certificate_chain_file(ctx, opts->cert_file) != 1) {
        return tls_fail(err, WEIR_ECONFIG, opts->cert_file);
    }
    if (opts->key_file != NULL &&
        SSL_CTX_use_PrivateKey_file(ctx, opts->key_file, SSL_FILETYPE_PEM) != 1) {
        return tls_fail(err, WEIR_ECONFIG, opts->key_file);
    }
    return WEIR_OK;
}

/* The name goes into the greeting and is what the certificate must carry. */
static bool tls_expect(SSL *ssl, const char *name)
{
    unsigned char address[16];
    char host[TLSEXT_MAXLEN_host_name + 1]; /* OpenSSL's macro casts const away */

    if (inet_pton(AF_INET, name, address) == 1 ||
        inet_pton(AF_INET6, name, address) == 1) {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
    }
    if (strlen(name) >= sizeof(host)) {
        return false;
    }
    memcpy(host, name, strlen(name) + 1);
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

weir_status weir_redis_tls_new(const weir_redis_tls_opts *opts, const char *host,
                               weir_redis_tls **out, weir_err *err)
{
    weir_status st = WEIR_OK;
    weir_redis_tls *tls = calloc(1, sizeof(*tls));

    if (tls == NULL) {
        return weir_fail(err, WEIR_ENOMEM, "tls: out of memory");
    }
    ERR_clear_error();
    if ((tls->ctx = SSL_CTX_new(TLS_client_method())) == NULL) {
        st = tls_fail(err, WEIR_ENOMEM, "context");
        goto out;
    }
    if ((st = tls_load(tls->ctx, opts, err)) != WEIR_OK) {
        goto out;
    }
    tls->ssl = SSL_new(tls->ctx);
    tls->in = BIO_new(BIO_s_mem());
    tls->out = BIO_new(BIO_s_mem());
    if (tls->ssl == NULL || tls->in == NULL || tls->out == NULL) {
        BIO_free(tls->in);
        BIO_free(tls->out);
        st = tls_fail(err, WEIR_ENOMEM, "session");
        goto out;
    }
    SSL_set_bio(tls->ssl, tls->in, tls->out);
    SSL_set_connect_state(tls->ssl);
    if (!tls_expect(tls->ssl, opts->server_name != NULL ? opts->server_name : host)) {
        st = tls_fail(err, WEIR_ECONFIG, "server name");
        goto out;
    }
    *out = tls;
    tls = NULL;
out:
    weir_redis_tls_free(tls);
    return st;
}

void weir_redis_tls_free(weir_redis_tls *tls)
{
    if (tls == NULL) {
        return;
    }
    SSL_free(tls->ssl);
    SSL_CTX_free(tls->ctx);
    free(tls);
}

weir_status weir_redis_tls_shake(weir_redis_tls *tls, weir_err *err)
{
    ERR_clear_error();
    int rc = SSL_do_handshake(tls->ssl);

    if (rc == 1) {
        return WEIR_OK;
    }
    if (SSL_get_error(tls->ssl, rc) == SSL_ERROR_WANT_READ) {
        return WEIR_EAGAIN;
    }
    long verdict = SSL_get_verify_result(tls->ssl);
    if (verdict != X509_V_OK) {
        char text[256];

        ERR_clear_error();
        weir_tls_why(verdict, "tls.ca_file",
                     "set tls.server_name to one that stands in it, or connect by one",
                     text, sizeof(text));
        return weir_fail(err, WEIR_EDENIED, "tls: %s", text);
    }
    return tls_fail(err, WEIR_EIO, "handshake");
}

weir_status weir_redis_tls_write(weir_redis_tls *tls, const char *data, size_t n,
                                 weir_err *err)
{
    ERR_clear_error();
    while (n > 0) {
        int part = n > 1 << 20 ? 1 << 20 : (int)n;
        int rc = SSL_write(tls->ssl, data, part);

        if (rc <= 0) {
            return tls_fail(err, WEIR_EIO, "write");
        }
        data += rc;
        n -= (size_t)rc;
    }
    return WEIR_OK;
}

weir_status weir_redis_tls_take(weir_redis_tls *tls, weir_buf *out, weir_err *err)
{
    size_t n = BIO_ctrl_pending(tls->out);

    if (n == 0) {
        return WEIR_OK;
    }
    if (n > INT_MAX || !weir_buf_reserve(out, n)) {
        return weir_fail(err, WEIR_ENOMEM, "tls: out of memory");
    }
    int rc = BIO_read(tls->out, out->data + out->len, (int)n);
    if (rc <= 0) {
        return tls_fail(err, WEIR_EIO, "take");
    }
    out->len += (size_t)rc;
    out->data[out->len] = '\0';
    return WEIR_OK;
}

weir_status weir_redis_tls_feed(weir_redis_tls *tls, const char *data, size_t n,
                                weir_err *err)
{
    if (n > INT_MAX || BIO_write(tls->in, data, (int)n) != (int)n) {
        return tls_fail(err, WEIR_ENOMEM, "feed");
    }
    return WEIR_OK;
}

weir_status weir_redis_tls_read(weir_redis_tls *tls, char *data, size_t cap, size_t *n,
                                weir_err *err)
{
    ERR_clear_error();
    int rc = SSL_read(tls->ssl, data, cap > INT_MAX ? INT_MAX : (int)cap);

    *n = 0;
    if (rc > 0) {
        *n = (size_t)rc;
        return WEIR_OK;
    }
    switch (SSL_get_error(tls->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return WEIR_OK;
    case SSL_ERROR_ZERO_RETURN:
        return weir_fail(err, WEIR_ECLOSED, "tls: the server ended the connection");
    default:
        return tls_fail(err, WEIR_EIO, "read");
    }
}
