/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * broker - real servers for tests: Kafka, Redis, and librdkafka's mock cluster.
 *
 * Each runs on a free loopback port with a private folder for its data, kept by a helper
 * process (tests/support/server) that ends the server and removes the folder when the test
 * lets go of it, however the test itself ends.
 *
 * A missing jar or program is an error that says so, never a skipped test.
 *
 * Threads: one at a time for each broker.
 */
#ifndef WEIR_TESTS_SUPPORT_BROKER_H
#define WEIR_TESTS_SUPPORT_BROKER_H

#include "worker/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEIR_KAFKA_NEW "4.3.1"
#define WEIR_KAFKA_OLD "3.9.1"

typedef struct weir_broker weir_broker;

/*
 * Starts a Kafka of that version (WEIR_KAFKA_NEW or _OLD) and waits until it answers.
 * Topics are not made by themselves; weir_broker_topic() makes them.
 * properties: NULL, or lines of server.properties that override the defaults.
 * Owns:    the caller ends it with weir_broker_free().
 * Blocks:  some seconds.
 * Returns: WEIR_OK, or an error with the end of the server's log in err.
 */
weir_status weir_broker_start_kafka(const char *version, const char *properties,
                                    weir_broker **out, weir_err *err);

/*
 * A Kafka with a proxy in front of it, whose address ("127.0.0.1:port") is given. Who comes through
 * the proxy is told its address as the broker's; weir_broker_address() goes past it.
 */
weir_status weir_broker_start_kafka_behind(const char *version, const char *proxy,
                                           weir_broker **out, weir_err *err);
/* Where such a proxy passes its connections on to. */
const char *weir_broker_behind(const weir_broker *broker);

/*
 * The Kafka of that version that all tests of one ctest run share, or one of our own where
 * no run has started it (a test program started by hand). Only for tests that do not stop
 * it and that use topics and groups with names from weir_broker_name().
 * Owns:    the caller ends its use with weir_broker_free().
 */
weir_status weir_broker_share_kafka(const char *version, weir_broker **out,
                                    weir_err *err);

/*
 * Starts a redis-server that keeps what it has in memory, or with `is_durable` in an
 * append-only file that is synced at each write, so that it survives weir_broker_kill().
 * options: NULL, or a NULL-ended list of further words for its command line.
 */
weir_status weir_broker_start_redis(bool is_durable, const char *const *options,
                                    weir_broker **out, weir_err *err);

/* Starts a mock cluster of n_brokers, for protocol errors that are put in on purpose. */
weir_status weir_broker_start_mock(int n_brokers, weir_broker **out, weir_err *err);

/* Ends the server and removes its data. NULL is allowed. */
void weir_broker_free(weir_broker *broker);

/* "127.0.0.1:port", for bootstrap.servers and the like; of a mock, all brokers. */
const char *weir_broker_address(const weir_broker *broker);

/* The port of weir_broker_address(); of a mock, that of its first broker. */
uint16_t weir_broker_port(const weir_broker *broker);

/*
 * Life and death. start: again on the same port and data, and waits until it answers. stop:
 * politely (SIGTERM), and waits. kill: SIGKILL. freeze and thaw: SIGSTOP and SIGCONT.
 * Not for a mock.
 */
weir_status weir_broker_start(weir_broker *broker, weir_err *err);
weir_status weir_broker_stop(weir_broker *broker, weir_err *err);
weir_status weir_broker_kill(weir_broker *broker, weir_err *err);
weir_status weir_broker_freeze(weir_broker *broker, weir_err *err);
weir_status weir_broker_thaw(weir_broker *broker, weir_err *err);

/*
 * Makes a topic (Kafka, mock) and waits until every partition has a leader. settings: NULL,
 * or a NULL-ended list of "name=value", as in "max.message.bytes=2000"; not for a mock.
 */
weir_status weir_broker_topic(weir_broker *broker, const char *topic, int n_partitions,
                              const char *const *settings, weir_err *err);

/*
 * Mock: the next n requests of that kind (the protocol's api key: 0 produce, 1 fetch, 8 commit, 11
 * join, ...) fail with these codes of librdkafka, one each, in order.
 */
weir_status weir_broker_fail_requests(weir_broker *broker, int api_key,
                                      const int *codes, size_t n, weir_err *err);

/* Mock: takes broker id (1, 2, ...) off the network, or brings it back. */
weir_status weir_broker_set_up(weir_broker *broker, int id, bool is_up, weir_err *err);

/* Mock: lets every answer of broker id wait for so long. */
weir_status weir_broker_set_delay(weir_broker *broker, int id, int delay_ms,
                                  weir_err *err);

/*
 * A name that no other test uses, for a topic, a stream or a group: stem, process, number.
 * Owns:    out has room for `len` bytes (80 are enough for a stem of 40). Returns out.
 */
char *weir_broker_name(const char *stem, char *out, size_t len);

#endif
