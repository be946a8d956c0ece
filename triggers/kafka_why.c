/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_why - see kafka_why.h.
 */
#include "triggers/kafka_why.h"

#include "triggers/tls_why.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define WHY_NAMES                                                                      \
    "brokers, and advertised.listeners of the brokers, must give a name or address "   \
    "that stands in it"

int weir_kafka_cert_judge(weir_kafka_cert *cert, int x509_error, char *text, size_t cap)
{
    if (x509_error == 0) {
        return 1;
    }
    if (cert != NULL) {
        atomic_store(cert, x509_error);
    }
    weir_tls_why(x509_error, "ssl.ca.location", WHY_NAMES, text, cap);
    return 0;
}

/* A broker that refuses our side of TLS says so by an alert, often after the handshake. */
static bool why_is_alert(const char *reason)
{
    return strstr(reason, "SSL alert number") != NULL;
}

bool weir_kafka_is_refusal(int code, const char *reason)
{
    return code == RD_KAFKA_RESP_ERR__SSL ||
           code == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
           code == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED || why_is_alert(reason);
}

/* "sasl_ssl://host:1234/bootstrap: SSL ... (after 6ms in state X)" in its parts. */
static void why_split(const char *reason, weir_slice *broker, weir_slice *text)
{
    const char *scheme = strstr(reason, "://");
    const char *at = scheme == NULL ? reason : scheme + 3;
    const char *end = scheme == NULL ? NULL : strstr(at, ": ");

    *broker = (weir_slice){ at, end == NULL ? 0 : strcspn(at, "/:") };
    if (end != NULL) {
        const char *slash = memchr(at, '/', (size_t)(end - at));

        broker->len = (size_t)((slash == NULL ? end : slash) - at);
        at = end + 2;
    } else {
        at = reason;
    }
    const char *after = strstr(at, " (after ");

    *text = (weir_slice){ at, after == NULL ? strlen(at) : (size_t)(after - at) };
}

static const char *why_mechanism(const weir_kafka_queue *queue)
{
    const char *found = "the broker's mechanism";

    for (size_t i = 0; i < queue->properties.n; i++) {
        const weir_opt_pair *pair = &queue->properties.pairs[i];

        if (pair->value != NULL && (strcmp(pair->name, "sasl.mechanism") == 0 ||
                                    strcmp(pair->name, "sasl.mechanisms") == 0)) {
            found = pair->value;
        }
    }
    return found;
}

static void why_login(const weir_kafka_queue *queue, weir_slice text, char *out,
                      size_t cap)
{
    const char *mechanism = why_mechanism(queue);
    weir_kafka_caps caps;
    size_t n;

    weir_kafka_caps_get(&caps);
    if (memmem(text.data, text.len, "invalid credentials", 19) == NULL) {
        snprintf(out, cap, "the broker refuses the login: %.*s", (int)text.len,
                 text.data);
        return;
    }
    n = (size_t)snprintf(out, cap,
                         "the broker refuses the login: set sasl.username and "
                         "sasl.password to those of a user that it knows for %s",
                         mechanism);
    if (strncasecmp(mechanism, "SCRAM", 5) == 0 && !caps.has_scram && n < cap) {
        snprintf(out + n, cap - n, "; and %s", weir_kafka_scram_text);
    }
}

void weir_kafka_why(const weir_kafka_queue *queue, int code,
                    const weir_kafka_cert *cert, const char *reason, char *out,
                    size_t cap)
{
    const long verdict = cert == NULL ? 0 : atomic_load(cert);
    weir_slice broker, text;
    char what[WEIR_KAFKA_WHY_MAX];

    why_split(reason, &broker, &text);
    if (code == RD_KAFKA_RESP_ERR__SSL && verdict != 0 &&
        memmem(text.data, text.len, "certificate verify failed", 25) != NULL) {
        weir_tls_why(verdict, "ssl.ca.location", WHY_NAMES, what, sizeof(what));
    } else if (why_is_alert(reason)) {
        snprintf(what, sizeof(what),
                 "the broker refuses us: it may want a certificate of ours "
                 "(ssl.certificate.location and ssl.key.location): %.*s",
                 (int)text.len, text.data);
    } else if (code == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
               code == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED) {
        why_login(queue, text, what, sizeof(what));
    } else {
        snprintf(what, sizeof(what), "%.*s", (int)text.len, text.data);
    }
    if (broker.len > 0) {
        snprintf(out, cap, "broker %.*s: %s", (int)broker.len, broker.data, what);
    } else {
        snprintf(out, cap, "%s", what);
    }
}
