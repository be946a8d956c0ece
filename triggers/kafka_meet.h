/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_meet - waits until a client has met a broker, or can say why it does not.
 *
 * The library's calls that wait only say that no broker answered. What was wrong comes through
 * callbacks; this is their opaque for clients that ask something and end.
 *
 * Threads: one at a time; the certificate is looked at on threads of the library.
 */
#ifndef WEIR_TRIGGERS_KAFKA_MEET_H
#define WEIR_TRIGGERS_KAFKA_MEET_H

#include "triggers/kafka_why.h"

typedef struct weir_kafka_meet {
    const weir_kafka_queue *queue;
    weir_kafka_cert cert;
    char why[WEIR_KAFKA_WHY_MAX]; /* what was told last that says something */
    bool is_refused;              /* by TLS or a login */
} weir_kafka_meet;

/* Begins *meet (zeroed) and makes it the opaque of conf. It lives as long as the client. */
void weir_kafka_meet_conf(weir_kafka_meet *meet, const weir_kafka_queue *queue,
                          rd_kafka_conf_t *conf);

/*
 * Waits until a broker answers a question for that topic, whatever it says of it; NULL: for all
 * topics. Returns sooner where it refuses us by TLS or login.
 * Returns: WEIR_OK, WEIR_EDENIED with a sentence that says what to do, or WEIR_EUNAVAIL.
 */
weir_status weir_kafka_meet_wait(weir_kafka_meet *meet, rd_kafka_t *rk,
                                 const char *topic, int timeout_ms, weir_err *err);

#endif
