/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* client - see client.h. */
#include "tests/bench/client.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void bench_die(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

static void client_set(rd_kafka_conf_t *conf, const bench_setting *settings)
{
    char text[512];

    for (; settings != NULL && settings->name != NULL; settings++) {
        if (rd_kafka_conf_set(conf, settings->name, settings->value, text,
                              sizeof(text)) != RD_KAFKA_CONF_OK) {
            bench_die("%s", text);
        }
    }
}

rd_kafka_t *bench_client(rd_kafka_type_t type, const char *address,
                         const bench_setting *settings, const bench_setting *more,
                         void (*delivered)(rd_kafka_t *rk,
                                           const rd_kafka_message_t *msg, void *arg),
                         void *arg)
{
    const bench_setting always[] = { { "bootstrap.servers", address }, { NULL, NULL } };
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char text[512];
    rd_kafka_t *rk;

    client_set(conf, always);
    client_set(conf, settings);
    client_set(conf, more);
    rd_kafka_conf_set_opaque(conf, arg);
    if (delivered != NULL) {
        rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    }
    if ((rk = rd_kafka_new(type, conf, text, sizeof(text))) == NULL) {
        bench_die("%s", text);
    }
    return rk;
}

long bench_number(const char *text, long least)
{
    char *end;
    const long value = strtol(text, &end, 10);

    if (*text == '\0' || *end != '\0' || value < least) {
        bench_die("%s: wanted a number from %ld on", text, least);
    }
    return value;
}
