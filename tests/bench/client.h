/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client - what the programs of the benchmark that talk to Kafka share.
 *
 * A failure ends the program with a sentence: there is nothing to measure then.
 */
#ifndef WEIR_BENCH_CLIENT_H
#define WEIR_BENCH_CLIENT_H

#include <librdkafka/rdkafka.h>

typedef struct bench_setting {
    const char *name, *value; /* the last has name NULL */
} bench_setting;

/* A client of that address; both lists of settings may be NULL. `arg` is the opaque. */
rd_kafka_t *bench_client(rd_kafka_type_t type, const char *address,
                         const bench_setting *settings, const bench_setting *more,
                         void (*delivered)(rd_kafka_t *rk,
                                           const rd_kafka_message_t *msg, void *arg),
                         void *arg);

_Noreturn void bench_die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A whole number from the command line, from `least` on. */
long bench_number(const char *text, long least);

#endif
