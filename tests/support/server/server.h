/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server - the helper program that keeps one real server for a test.
 *
 *   weir-test-server kafka VERSION [PROPERTIES [PROXY_PORT [LISTENERS [USER...]]]]
 *   weir-test-server redis durable|memory [OPTION...]
 *   weir-test-server mock N_BROKERS
 *   weir-test-server ask ADDRESS COMMAND          one topic command to a Kafka that runs
 *   weir-test-server share VERSION FILE           a Kafka for all tests of one ctest run
 *   weir-test-server unshare FILE
 *
 * An OPTION that is @ stands for the port of the server: `--port 0 --tls-port @`.
 *
 * With a PROXY_PORT other than 0, Kafka listens on one more port, where it tells its clients to
 * come back to the proxy on that one: "ok ADDRESS BEHIND_THE_PROXY". LISTENERS are more of them,
 * "NAME=SSL,OTHER=SASL_SSL", each on a port of its own; their certificates and mechanisms come
 * with PROPERTIES (listener.name.NAME...), and each USER is known from the start:
 * "SCRAM-SHA-256=[name=me,password=secret]". "ok ADDRESS NAME=ADDRESS OTHER=ADDRESS".
 *
 * Prints "ok ADDRESS" when the server answers, or "error TEXT" and ends with 1. Then it takes
 * one command a line from its standard input and prints "ok" or "error TEXT" for each:
 * start stop kill freeze thaw, topic NAME PARTITIONS [NAME=VALUE...], acl USER OPERATION
 * topic|group|cluster NAME (a name may end with * for a prefix), old TOPIC N MS (N records that
 * are so old), and for a mock also
 * fail APIKEY CODE..., up ID, down ID, delay ID MS. When its standard input ends, the server
 * and its data are gone.
 *
 * Threads: main only, but for what librdkafka starts.
 */
#ifndef WEIR_TESTS_SUPPORT_SERVER_H
#define WEIR_TESTS_SUPPORT_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SERVER_MAX_ARGS 48
#define SERVER_MAX_LISTENERS 8
#define SERVER_READY_MS 90000 /* until a server answers; only ends what hangs */
#define SERVER_STOP_MS 30000  /* from SIGTERM to SIGKILL */

typedef struct server server;

/* What differs between the kinds of servers that are processes. */
typedef struct server_kind {
    /* Writes the files of a new data folder; ports are set. false: text is set. */
    bool (*prepare)(server *srv);
    /* Fills argv (NULL-ended). Strings live as long as the server. */
    bool (*command)(server *srv, char **argv);
    /* Does it answer? Waits half a second at most. */
    bool (*answers)(server *srv);
} server_kind;

struct server {
    const server_kind *kind;
    const char *version;    /* Kafka */
    const char *properties; /* Kafka: lines, may be empty */
    uint16_t proxy_port;    /* Kafka: 0: no proxy */
    const char *listeners;  /* Kafka: NULL: no more */
    char **users;           /* Kafka: NULL-ended; NULL: none */
    bool is_durable;        /* Redis */
    char **options;         /* Redis: NULL-ended */
    char dir[256];          /* data, configuration, log; empty: none yet */
    char address[64];
    char more[400];  /* " NAME=ADDRESS" of each further listener */
    char behind[64]; /* the address for a proxy to go to; empty: none */
    /* Kafka: port2: the controller; port3: behind a proxy */
    uint16_t port, port2, port3;
    uint16_t ports[SERVER_MAX_LISTENERS]; /* Kafka: of further listeners */
    pid_t pid;                            /* 0: not running */
    char text[2048];                      /* why something failed */
};

extern const server_kind server_kafka;
extern const server_kind server_redis;

/* Sets srv->text. Always returns false. */
bool server_fail(server *srv, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* A whole number, or `otherwise` where text (may be NULL) is none. */
int server_number(const char *text, int otherwise);

/* Writes a file inside srv->dir. */
bool server_write(server *srv, const char *name, const char *text);

/* Runs argv to its end, output to srv->dir/log. false: did not end with 0. */
bool server_run(server *srv, char *const *argv);

/* Life and death, as the commands of the same name. */
bool server_open(server *srv);
bool server_start(server *srv);
bool server_stop(server *srv);
bool server_kill(server *srv);
void server_close(server *srv);

/* Makes a topic and waits for its leaders; rest is "NAME PARTITIONS [NAME=VALUE...]". */
bool server_topic(server *srv, char *rest);

/* Allows something; rest is "USER OPERATION TYPE NAME". */
bool server_acl(server *srv, char *rest);

/* Writes records of an earlier time; rest is "TOPIC N MS". */
bool server_old(server *srv, char *rest);

/* The whole life of a mock cluster; returns the exit code. */
int server_mock(const char *n_brokers);

#endif
