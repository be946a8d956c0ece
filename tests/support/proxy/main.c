/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main - weir-test-proxy kafka|redis|raw [HOST:PORT]
 *
 * Prints "ok 127.0.0.1:PORT", the address that it listens on, then takes the commands of loop.h
 * from its standard input; it ends with that.
 */
#include "tests/support/proxy/loop.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    frame_kind kind;
    proxy_loop *loop;

    if (argc < 2 || !frame_kind_of(argv[1], &kind)) {
        fputs("usage: weir-test-proxy kafka|redis|raw [HOST:PORT]\n", stderr);
        return 64;
    }
    signal(SIGPIPE, SIG_IGN);
    if ((loop = proxy_loop_new(kind, argc > 2 ? argv[2] : NULL)) == NULL) {
        fputs("error it cannot listen\n", stdout);
        return 1;
    }
    printf("ok 127.0.0.1:%u\n", proxy_loop_port(loop));
    fflush(stdout);
    proxy_loop_run(loop, STDIN_FILENO, STDOUT_FILENO);
    proxy_loop_free(loop);
    return 0;
}
