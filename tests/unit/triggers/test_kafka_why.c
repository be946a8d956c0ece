/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* kafka_why: texts of the library become sentences that say what to do. */
#include "triggers/kafka_why.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/x509_vfy.h>

static weir_opt_pair login = { .name = (char[]){ "sasl.mechanism" },
                               .value = (char[]){ "SCRAM-SHA-512" } };
static const weir_kafka_queue queue = { .properties = { &login, 1 } };

static void says(int code, long verdict, const char *reason, const char *wanted)
{
    weir_kafka_cert cert = verdict;
    char text[WEIR_KAFKA_WHY_MAX];

    weir_kafka_why(&queue, code, &cert, reason, text, sizeof(text));
    if (strstr(text, wanted) == NULL) {
        fail_msg("not \"%s\" but \"%s\"", wanted, text);
    }
}

#define SSL_FAILED                                                                     \
    "sasl_ssl://h:9093/bootstrap: SSL handshake failed: error:0A000086:SSL "           \
    "routines::certificate verify failed: broker certificate could not be verified "   \
    "(after 6ms in state SSL_HANDSHAKE)"

static void a_refused_certificate_is_told_by_its_verdict(void **state)
{
    (void)state;
    says(RD_KAFKA_RESP_ERR__SSL, X509_V_ERR_CERT_HAS_EXPIRED, SSL_FAILED,
         "broker h:9093: the server's certificate has expired");
    says(RD_KAFKA_RESP_ERR__SSL, X509_V_ERR_IP_ADDRESS_MISMATCH, SSL_FAILED,
         "for another name: brokers, and advertised.listeners");
    says(RD_KAFKA_RESP_ERR__SSL, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, SSL_FAILED,
         "set ssl.ca.location");
    says(RD_KAFKA_RESP_ERR__SSL, X509_V_ERR_CERT_REVOKED, SSL_FAILED,
         "certificate revoked");
    says(RD_KAFKA_RESP_ERR__SSL, 0, SSL_FAILED, "certificate verify failed");
}

static void no_verdict_on_a_certificate_is_changed(void **state)
{
    weir_kafka_cert cert = 0;
    char text[WEIR_KAFKA_WHY_MAX] = "";

    (void)state;
    assert_int_equal(weir_kafka_cert_judge(&cert, X509_V_OK, text, sizeof(text)), 1);
    assert_int_equal(cert, 0);
    assert_int_equal(
        weir_kafka_cert_judge(&cert, X509_V_ERR_CERT_HAS_EXPIRED, text, sizeof(text)),
        0);
    assert_int_equal(cert, X509_V_ERR_CERT_HAS_EXPIRED);
    assert_non_null(strstr(text, "has expired"));
    assert_int_equal(
        weir_kafka_cert_judge(NULL, X509_V_ERR_CERT_UNTRUSTED, text, sizeof(text)), 0);
}

static void a_refused_login_names_its_settings_and_an_old_library(void **state)
{
    static const char reason[] =
        "sasl_ssl://[::1]:9093/2: SASL authentication error: Authentication failed "
        "during "
        "authentication due to invalid credentials with SASL mechanism SCRAM-SHA-512 "
        "(after 308ms in state AUTH_REQ, 1 identical error(s) suppressed)";
    char text[WEIR_KAFKA_WHY_MAX];

    (void)state;
    says(RD_KAFKA_RESP_ERR__AUTHENTICATION, 0, reason,
         "broker [::1]:9093: the broker refuses the login: set sasl.username and "
         "sasl.password to those of a user that it knows for SCRAM-SHA-512");
    weir_kafka_why(&queue, RD_KAFKA_RESP_ERR__AUTHENTICATION, NULL, reason, text,
                   sizeof(text));
    assert_int_equal(strstr(text, "librdkafka 2.6.1 or newer") != NULL,
                     rd_kafka_version() < 0x020601ff);
    says(RD_KAFKA_RESP_ERR__AUTHENTICATION, 0,
         "sasl_ssl://h:1/1: SASL mechanism X is not enabled (after 1ms in state Y)",
         "broker h:1: the broker refuses the login: SASL mechanism X is not enabled");
}

static void an_alert_of_the_broker_asks_for_our_certificate(void **state)
{
    static const char reason[] =
        "ssl://h:1/bootstrap: Receive failed: error:0A000412:SSL routines::sslv3 alert "
        "bad certificate: SSL alert number 42 (after 0ms in state APIVERSION_QUERY)";

    (void)state;
    says(RD_KAFKA_RESP_ERR__TRANSPORT, 0, reason, "ssl.key.location");
    assert_true(weir_kafka_is_refusal(RD_KAFKA_RESP_ERR__TRANSPORT, reason));
    assert_false(weir_kafka_is_refusal(RD_KAFKA_RESP_ERR__TRANSPORT, "h:1: gone"));
}

static void other_errors_are_told_as_they_are(void **state)
{
    (void)state;
    says(RD_KAFKA_RESP_ERR__TRANSPORT, 0, "plain words", "plain words");
    says(RD_KAFKA_RESP_ERR__RESOLVE, 0, "h:1/1: Failed to resolve", "h:1/1: Failed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refused_certificate_is_told_by_its_verdict),
        cmocka_unit_test(no_verdict_on_a_certificate_is_changed),
        cmocka_unit_test(a_refused_login_names_its_settings_and_an_old_library),
        cmocka_unit_test(an_alert_of_the_broker_asks_for_our_certificate),
        cmocka_unit_test(other_errors_are_told_as_they_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
