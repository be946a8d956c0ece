/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* test_redis_conn - who is let in, who is believed, and what rights are enough. */
#include "tests/support/redis_rig.h"
#include "triggers/redis_source.h"
#include "worker/base/clock.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka wants the ones above */
#include <cmocka.h>

typedef struct secure {
    weir_broker *broker;
    char folder[64];
    char ca[128], other_ca[128], cert[128], key[128];
    uint16_t port;
} secure;

static uint16_t free_port(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    close(fd);
    return ntohs(at.sin_port);
}

static void run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void run(const char *fmt, ...)
{
    char command[1024];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(command, sizeof(command), fmt, args);
    va_end(args);
    if (system(command) != 0) {
        fail_msg("failed: %s", command);
    }
}

/* A certificate for the name "localhost" alone, and two authorities of which one signed it. */
static void secure_certificates(secure *s)
{
    (void)snprintf(s->folder, sizeof(s->folder), "/tmp/weir-tls-XXXXXX");
    assert_non_null(mkdtemp(s->folder));
    (void)snprintf(s->ca, sizeof(s->ca), "%s/ca.pem", s->folder);
    (void)snprintf(s->other_ca, sizeof(s->other_ca), "%s/other.pem", s->folder);
    (void)snprintf(s->cert, sizeof(s->cert), "%s/cert.pem", s->folder);
    (void)snprintf(s->key, sizeof(s->key), "%s/key.pem", s->folder);
    run("cd %s && for ca in ca other; do openssl req -x509 -newkey ec -pkeyopt "
        "ec_paramgen_curve:P-256 -nodes -keyout $ca.key -out $ca.pem -subj /CN=$ca "
        "-days 2 "
        "2>/dev/null || exit 1; done",
        s->folder);
    run("cd %s && openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
        "-keyout key.pem "
        "-out cert.csr -subj /CN=localhost 2>/dev/null && echo "
        "subjectAltName=DNS:localhost "
        "> ext && openssl x509 -req -in cert.csr -CA ca.pem -CAkey ca.key "
        "-CAcreateserial -out "
        "cert.pem -days 2 -extfile ext 2>/dev/null",
        s->folder);
}

static int secure_begin(void **state)
{
    secure *s = calloc(1, sizeof(*s));
    char port[8];
    weir_err err = { 0 };

    assert_non_null(s);
    secure_certificates(s);
    s->port = free_port();
    (void)snprintf(port, sizeof(port), "%u", s->port);
    const char *const options[] = { "--tls-port",
                                    port,
                                    "--tls-cert-file",
                                    s->cert,
                                    "--tls-key-file",
                                    s->key,
                                    "--tls-ca-cert-file",
                                    s->ca,
                                    "--tls-auth-clients",
                                    "no",
                                    NULL };
    if (weir_broker_start_redis(false, options, &s->broker, &err) != WEIR_OK) {
        fail_msg("%s", err.text);
    }
    *state = s;
    return 0;
}

static int secure_end(void **state)
{
    secure *s = *state;

    weir_broker_free(s->broker);
    run("rm -r %s", s->folder);
    free(s);
    return 0;
}

/* Connects to rediss://host and pings. */
static weir_status secure_try(const secure *s, const char *host, const char *ca,
                              const char *name, weir_err *err)
{
    char url[100];
    weir_redis_queue queue = { .url = url };
    weir_redis_conn *conn = NULL;
    weir_redis_reply *reply = NULL;

    (void)snprintf(url, sizeof(url), "rediss://%s:%u", host, s->port);
    queue.tls.ca_file = ca == NULL ? NULL : strdup(ca);
    queue.tls.server_name = name == NULL ? NULL : strdup(name);
    assert_int_equal(weir_redis_conn_new(&queue, "tls", -1, &conn, err), WEIR_OK);
    weir_status st = weir_redis_conn_open(conn, weir_clock_us() + RIG_HANG_US, err);
    if (st == WEIR_OK &&
        (st = weir_redis_callf(conn, &reply, err, "PING")) == WEIR_OK) {
        assert_true(weir_slice_is(weir_redis_text(reply->root), "PONG"));
        weir_redis_reply_give(reply);
    }
    weir_redis_conn_free(conn);
    free(queue.tls.ca_file);
    free(queue.tls.server_name);
    return st;
}

static void tls_connects_to_the_name_in_the_certificate(void **state)
{
    weir_err err = { 0 };
    const secure *s = *state;

    if (secure_try(s, "localhost", s->ca, NULL, &err) != WEIR_OK) {
        fail_msg("%s", err.text);
    }
    if (secure_try(s, "127.0.0.1", s->ca, "localhost", &err) != WEIR_OK) {
        fail_msg("%s", err.text);
    }
}

static void tls_refuses_another_name(void **state)
{
    weir_err err = { 0 };
    const secure *s = *state;

    assert_int_equal(secure_try(s, "localhost", s->ca, "redis.example.com", &err),
                     WEIR_EDENIED);
    assert_non_null(strstr(err.text, "is for another name"));
    assert_int_equal(secure_try(s, "127.0.0.1", s->ca, NULL, &err), WEIR_EDENIED);
    assert_non_null(strstr(err.text, "is for another name"));
}

static void tls_refuses_an_unknown_authority(void **state)
{
    weir_err err = { 0 };
    const secure *s = *state;

    assert_int_equal(secure_try(s, "localhost", s->other_ca, NULL, &err), WEIR_EDENIED);
    assert_int_equal(secure_try(s, "localhost", NULL, NULL, &err), WEIR_EDENIED);
}

static void tls_carries_large_values_both_ways(void **state)
{
    const secure *s = *state;
    size_t len = 3 << 20;
    char *bytes = malloc(len);
    char url[100];
    char ca[128];
    weir_redis_queue queue = { .url = url };
    weir_redis_reply *reply = NULL;
    weir_err err = { 0 };

    assert_non_null(bytes);
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (char)(i * 31 + i / 251);
    }
    (void)snprintf(url, sizeof(url), "rediss://localhost:%u", s->port);
    (void)snprintf(ca, sizeof(ca), "%s", s->ca);
    queue.tls.ca_file = ca;
    weir_redis_conn *conn = rig_conn(&queue);
    const weir_slice value = { bytes, len };
    assert_int_equal(weir_redis_callf(conn, &reply, &err, "SET large %b", &value),
                     WEIR_OK);
    weir_redis_reply_give(reply);
    assert_int_equal(weir_redis_callf(conn, &reply, &err, "GET large"), WEIR_OK);
    assert_true(weir_slice_eq(weir_redis_text(reply->root), value));
    weir_redis_reply_give(reply);
    weir_redis_conn_free(conn);
    free(bytes);
}

/* -- without TLS -------------------------------------------------------------------------- */

typedef struct plain {
    weir_broker *broker;
    weir_redis_queue queue;
    weir_redis_conn *conn;
} plain;

static int plain_begin(void **state)
{
    plain *p = calloc(1, sizeof(*p));
    weir_err err = { 0 };

    assert_non_null(p);
    if (weir_broker_start_redis(false, NULL, &p->broker, &err) != WEIR_OK) {
        fail_msg("%s", err.text);
    }
    rig_queue_init(&p->queue, p->broker);
    p->conn = rig_conn(&p->queue);
    *state = p;
    return 0;
}

static int plain_end(void **state)
{
    plain *p = *state;

    weir_redis_conn_free(p->conn);
    weir_opt_fini(weir_redis_opts, &p->queue);
    weir_broker_free(p->broker);
    free(p);
    return 0;
}

static void a_user_with_the_least_rights_can_read_and_acknowledge(void **state)
{
    plain *p = *state;
    rig r;

    rig_do(
        p->conn,
        "ACL SETUSER least on >pw resetchannels ~orders ~weir:group:* -@all "
        "+xreadgroup +xack +xpending +xclaim +xautoclaim +xrange +xinfo +xgroup +eval "
        "+get +set +del +role");
    p->queue.user = strdup("least");
    p->queue.password = strdup("pw");
    for (int i = 0; i < 10; i++) {
        rig_do(p->conn, "XADD orders * data %d", i);
    }
    rig_init(&r, &p->queue, "orders", "group");
    r.setup.claim_after_us = 400000;
    rig_do(p->conn, "XGROUP CREATE orders group 0");
    rig_do(p->conn, "XREADGROUP GROUP group gone COUNT 3 STREAMS orders >");
    rig_open(&r);
    rig_until(&r, 10); /* three of them claimed */
    for (size_t i = 0; i < 10; i++) {
        rig_ack(&r, i);
    }
    rig_flush(&r);
    assert_int_equal(r.n_troubles, 0);
    weir_redis_reply *reply = rig_ask(p->conn, "XPENDING orders group");
    assert_int_equal(reply->root->items[0].num, 0);
    weir_redis_reply_give(reply);
    rig_close(&r);
}

static void a_wrong_password_is_trouble_and_no_crash(void **state)
{
    plain *p = *state;
    rig r;

    p->queue.password = strdup("wrong");
    rig_init(&r, &p->queue, "orders", "group");
    rig_open(&r);
    int64_t until_us = weir_clock_us() + RIG_HANG_US;
    while (r.trouble != WEIR_TROUBLE_DENIED && weir_clock_us() < until_us) {
        (void)rig_read(&r, RIG_CAP, 10000);
    }
    assert_int_equal(r.trouble, WEIR_TROUBLE_DENIED);
    rig_close(&r);
}

static void a_replica_is_refused(void **state)
{
    plain *p = *state;
    weir_redis_conn *conn = NULL;
    weir_err err = { 0 };

    rig_do(p->conn, "REPLICAOF 127.0.0.1 1");
    assert_int_equal(weir_redis_conn_new(&p->queue, "test", -1, &conn, &err), WEIR_OK);
    assert_int_equal(weir_redis_conn_open(conn, weir_clock_us() + RIG_HANG_US, &err),
                     WEIR_EUNAVAIL);
    assert_non_null(strstr(err.text, "not the primary"));
    weir_redis_conn_free(conn);
}

static void a_source_on_a_demoted_primary_waits_and_goes_on(void **state)
{
    plain *p = *state;
    rig r;

    rig_do(p->conn, "XADD orders * data 1");
    rig_init(&r, &p->queue, "orders", "group");
    rig_open(&r);
    rig_until(&r, 1);
    rig_do(p->conn, "REPLICAOF 127.0.0.1 1");
    int64_t until_us = weir_clock_us() + RIG_HANG_US;
    while (r.trouble != WEIR_TROUBLE_UNREACHABLE && weir_clock_us() < until_us) {
        (void)rig_read(&r, RIG_CAP, 10000);
    }
    assert_int_equal(r.trouble, WEIR_TROUBLE_UNREACHABLE);
    rig_do(p->conn, "REPLICAOF NO ONE");
    rig_do(p->conn, "XADD orders * data 2");
    rig_until(&r, 2);
    assert_int_equal(rig_count(&r, "2"), 1);
    rig_close(&r);
}

static void a_wait_ends_at_its_deadline_and_the_connection_with_it(void **state)
{
    plain *p = *state;
    weir_redis_reply *reply = NULL;
    weir_err err = { 0 };
    const weir_slice args[] = { WEIR_SLICE_LIT("BLPOP"), WEIR_SLICE_LIT("none"),
                                WEIR_SLICE_LIT("0") };

    assert_int_equal(weir_redis_conn_add(p->conn, args, 3), WEIR_OK);
    assert_int_equal(
        weir_redis_conn_wait(p->conn, weir_clock_us() + 50000, &reply, &err),
        WEIR_ETIMEOUT);
    assert_false(weir_redis_conn_is_open(p->conn));
}

static void no_descriptor_is_left_to_a_child(void **state)
{
    plain *p = *state;
    int flags = fcntl(weir_redis_conn_fd(p->conn), F_GETFD);

    assert_true(flags >= 0);
    assert_true((flags & FD_CLOEXEC) != 0);
}

static void sentinels_lead_to_the_primary(void **state)
{
    plain *p = *state;
    weir_err err = { 0 };
    char file[] = "/tmp/weir-sentinel-XXXXXX";
    char node[32];
    char text[300];
    int fd = mkstemp(file);
    uint16_t port = free_port();
    int len = snprintf(text, sizeof(text),
                       "port %u\nbind 127.0.0.1\nlogfile /dev/null\n"
                       "sentinel monitor main 127.0.0.1 %u 1\n",
                       port, weir_broker_port(p->broker));

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, (size_t)len), len);
    close(fd);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        execlp("redis-server", "redis-server", file, "--sentinel", (char *)NULL);
        _exit(127);
    }
    (void)snprintf(node, sizeof(node), "127.0.0.1:%u", port);
    weir_redis_queue queue = { .url = strdup("redis://ignored/0") };
    queue.sentinel.master = strdup("main");
    assert_true(weir_opt_list_add(&queue.sentinel.nodes, "127.0.0.1:1"));
    assert_true(weir_opt_list_add(&queue.sentinel.nodes, node));
    weir_redis_conn *conn = NULL;
    assert_int_equal(weir_redis_conn_new(&queue, "test", -1, &conn, &err), WEIR_OK);
    int64_t until_us = weir_clock_us() + RIG_HANG_US;
    while (weir_redis_conn_open(conn, until_us, &err) != WEIR_OK &&
           weir_clock_us() < until_us) {
        (void)sched_yield(); /* the Sentinel is still starting */
    }
    assert_string_equal(weir_redis_conn_where(conn), weir_broker_address(p->broker));
    weir_redis_conn_free(conn);
    weir_opt_fini(weir_redis_opts, &queue);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    unlink(file);
}

#define SECURE(name) cmocka_unit_test_setup_teardown(name, secure_begin, secure_end)
#define PLAIN(name) cmocka_unit_test_setup_teardown(name, plain_begin, plain_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SECURE(tls_connects_to_the_name_in_the_certificate),
        SECURE(tls_refuses_another_name),
        SECURE(tls_refuses_an_unknown_authority),
        SECURE(tls_carries_large_values_both_ways),
        PLAIN(a_user_with_the_least_rights_can_read_and_acknowledge),
        PLAIN(a_wrong_password_is_trouble_and_no_crash),
        PLAIN(a_replica_is_refused),
        PLAIN(a_source_on_a_demoted_primary_waits_and_goes_on),
        PLAIN(a_wait_ends_at_its_deadline_and_the_connection_with_it),
        PLAIN(no_descriptor_is_left_to_a_child),
        PLAIN(sentinels_lead_to_the_primary),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
