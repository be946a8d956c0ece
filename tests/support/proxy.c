/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* proxy - see proxy.h. */
#include "tests/support/proxy.h"

#include "worker/base/lock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
/* cmocka wants the ones above */
#include <cmocka.h>

struct weir_proxy {
    proxy_loop *loop;
    char address[64];
    int ends[2]; /* ours, the loop's */
    FILE *answers;
    pthread_t thread;
};

static void *proxy_main(void *arg)
{
    weir_proxy *proxy = arg;

    proxy_loop_run(proxy->loop, proxy->ends[1], proxy->ends[1]);
    return NULL;
}

weir_proxy *weir_proxy_new(frame_kind kind, const char *upstream)
{
    weir_proxy *proxy = calloc(1, sizeof(*proxy));

    assert_non_null(proxy);
    proxy->loop = proxy_loop_new(kind, upstream);
    assert_non_null(proxy->loop);
    (void)snprintf(proxy->address, sizeof(proxy->address), "127.0.0.1:%u",
                   proxy_loop_port(proxy->loop));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, proxy->ends),
                     0);
    proxy->answers = fdopen(dup(proxy->ends[0]), "r");
    assert_non_null(proxy->answers);
    assert_int_equal(weir_thread_start(&proxy->thread, "proxy", 0, proxy_main, proxy),
                     0);
    return proxy;
}

const char *weir_proxy_address(const weir_proxy *proxy)
{
    return proxy->address;
}

int weir_proxy_tell(weir_proxy *proxy, const char *command)
{
    char line[600];
    int number = -1;

    (void)snprintf(line, sizeof(line), "%s\n", command);
    assert_int_equal(write(proxy->ends[0], line, strlen(line)), (int)strlen(line));
    assert_non_null(fgets(line, sizeof(line), proxy->answers));
    if (sscanf(line, "ok %d", &number) != 1) {
        fail_msg("%s: %s", command, line);
    }
    return number;
}

void weir_proxy_free(weir_proxy *proxy)
{
    (void)shutdown(proxy->ends[0], SHUT_RDWR);
    (void)pthread_join(proxy->thread, NULL);
    (void)fclose(proxy->answers);
    close(proxy->ends[0]);
    close(proxy->ends[1]);
    proxy_loop_free(proxy->loop);
    free(proxy);
}
