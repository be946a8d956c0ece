/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_example_payment - the example function that asks a payment gateway.
 */
#include "schemas/codec.h"
#include "tests/support/host_rig.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A gateway for one connection: an answer for each question, then it hangs up. */
typedef struct gateway {
    int fd, port, n;
    const char *const *answers;
    pthread_t thread;
    char question[256]; /* the last one; read after the join */
} gateway;

static void *gateway_main(void *arg)
{
    gateway *gw = arg;
    int fd = accept(gw->fd, NULL, NULL);

    for (int i = 0; i < gw->n; i++) {
        ssize_t got = recv(fd, gw->question, sizeof(gw->question) - 1, 0);

        gw->question[got < 0 ? 0 : got] = '\0';
        (void)send(fd, gw->answers[i], strlen(gw->answers[i]), MSG_NOSIGNAL);
    }
    close(fd);
    close(gw->fd);
    return NULL;
}

static void gateway_start(gateway *gw, const char *const *answers, int n)
{
    struct sockaddr_in at = { .sin_family = AF_INET };
    socklen_t len = sizeof(at);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    gw->answers = answers;
    gw->n = n;
    gw->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(gw->fd, (struct sockaddr *)(void *)&at, sizeof(at)), 0);
    assert_int_equal(listen(gw->fd, 8), 0);
    assert_int_equal(getsockname(gw->fd, (struct sockaddr *)(void *)&at, &len), 0);
    gw->port = ntohs(at.sin_port);
    assert_int_equal(pthread_create(&gw->thread, NULL, gateway_main, gw), 0);
}

static void payment_order(call_rig *rig, const char *json)
{
    weir_err err = { .text = "" };

    call_rig_event(rig, "shop", json);
    if (weir_codec_json.decode(&rig->ev, &err) != WEIR_OK) {
        fail_msg("%s", err.text);
    }
}

static void payment_turns_each_answer_into_its_verdict(void **state)
{
    static const char *const answers[] = { "busy\n", "declined expired\n", "ok A7\n" };
    call_rig *rig = *state;
    host_rig host = { 0 };
    gateway gw = { 0 };
    char config[64];

    gateway_start(&gw, answers, 3);
    (void)snprintf(config, sizeof(config), "{\"port\":%d}", gw.port);
    host_rig_start_in(&host, "examples", "payment", "payment", config);
    payment_order(rig, "{\"order\":\"o-1\",\"amount\":1200}");
    assert_int_equal(host_rig_run(&host, rig), WEIR_RETRY);
    call_rig_begin(rig);
    assert_int_equal(host_rig_run(&host, rig), WEIR_REJECT);
    assert_string_equal(rig->call.cls, "declined");
    call_rig_begin(rig);
    assert_int_equal(host_rig_run(&host, rig), WEIR_DONE);
    assert_slice(call_rig_out(rig, 0)->data,
                 "{\"order\":\"o-1\",\"amount\":1200,\"authorization\":\"A7\"}");
    assert_slice(call_rig_out(rig, 0)->key, "shop");
    pthread_join(gw.thread, NULL);
    assert_string_equal(gw.question, "authorize o-1 1200\n");
    call_rig_begin(rig); /* it has hung up */
    assert_int_equal(host_rig_run(&host, rig), WEIR_UNAVAILABLE);
    call_rig_begin(rig); /* and nobody listens any more */
    assert_int_equal(host_rig_run(&host, rig), WEIR_UNAVAILABLE);
    host_rig_close(&host);
}

static void payment_rejects_an_order_that_it_cannot_ask_for(void **state)
{
    static const char *const orders[] = {
        "{\"amount\":1}",
        "{\"order\":\"two words\",\"amount\":1}",
        "{\"order\":\"o-1\\nauthorize o-2\",\"amount\":1}",
        "{\"order\":\"o-1\"}",
        "{\"order\":\"o-1\",\"amount\":0}",
    };
    call_rig *rig = *state;
    host_rig host = { 0 };

    host_rig_start_in(&host, "examples", "payment", "payment", "{\"port\":9}");
    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        payment_order(rig, orders[i]);
        assert_int_equal(host_rig_run(&host, rig), WEIR_REJECT);
    }
    host_rig_close(&host);
}

#define RIGGED(test)                                                                   \
    cmocka_unit_test_setup_teardown(test, call_rig_setup, call_rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIGGED(payment_turns_each_answer_into_its_verdict),
        RIGGED(payment_rejects_an_order_that_it_cannot_ask_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
