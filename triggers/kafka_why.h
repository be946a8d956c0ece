/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_why - why a broker and a client do not come together, and what to do about it.
 *
 * The library knows "certificate verify failed" and "invalid credentials". What was wrong with
 * a certificate is known only while it is looked at, on a thread of the library, so a client
 * that wants to tell keeps a weir_kafka_cert beside its opaque.
 *
 * Threads: any.
 */
#ifndef WEIR_TRIGGERS_KAFKA_WHY_H
#define WEIR_TRIGGERS_KAFKA_WHY_H

#include "triggers/kafka_conf.h"

#include <stdatomic.h>

#define WEIR_KAFKA_WHY_MAX 400

/* The last verdict on a certificate that was refused; 0: none. Zeroed by its owner. */
typedef atomic_long weir_kafka_cert;

/*
 * What a certificate callback of the library has to do: it changes no verdict, keeps one that
 * is bad in `cert` (may be NULL), and says it in words, which the library logs.
 */
int weir_kafka_cert_judge(weir_kafka_cert *cert, int x509_error, char *text,
                          size_t cap);

/* Whether that error of a client is about TLS or a login: trying again will not help. */
bool weir_kafka_is_refusal(int code, const char *reason);

/*
 * A sentence on an error that the library has told a client of the queue. reason: its own
 * text. cert may be NULL.
 */
void weir_kafka_why(const weir_kafka_queue *queue, int code,
                    const weir_kafka_cert *cert, const char *reason, char *out,
                    size_t cap);

#endif
