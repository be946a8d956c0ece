/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_slack - lets the library's own threads sleep.
 *
 * Below librdkafka 2.4.0 the main thread of a client rounds the time to its next timer down to
 * whole milliseconds, so before each of its timers it goes round and round for what is left of
 * one. The kernel may end a wait late by the thread's timer slack, 50 us unless it is told
 * otherwise: with more than a millisecond the timer is due when the wait ends. With much more
 * the waits of many clients end together, and few end early because of somebody else's.
 * Nothing that a consumer's main thread does by the clock (heartbeats, a look at topics each
 * second) minds; what comes to it as a message ends its wait at once, as before. Threads that
 * speak with brokers keep the kernel's own slack, and so do producers, whose transactions go
 * by short timers.
 */
#ifndef WEIR_TRIGGERS_KAFKA_SLACK_H
#define WEIR_TRIGGERS_KAFKA_SLACK_H

#include "triggers/kafka_conf.h"

/* The consumer that is made of `conf` has it. Nothing where the library does not need it. */
void weir_kafka_slack_add(const weir_kafka_caps *caps, rd_kafka_conf_t *conf);

#endif
