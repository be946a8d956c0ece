/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* redis - how a redis-server is started and asked; see server.h. */
#include "tests/support/server/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool redis_prepare(server *srv)
{
    char text[512];

    snprintf(text, sizeof(text),
             "bind 127.0.0.1\nport %u\ndir %s\nsave \"\"\ndaemonize no\nappendonly %s\n"
             "appendfsync always\n",
             srv->port, srv->dir, srv->is_durable ? "yes" : "no");
    return server_write(srv, "redis.conf", text);
}

static bool redis_command(server *srv, char **argv)
{
    static char program[] = "redis-server";
    static char file[] = "redis.conf";
    static char port[8];
    size_t n = 0;

    snprintf(port, sizeof(port), "%u", srv->port);

    argv[n++] = program;
    argv[n++] = file;
    for (size_t i = 0; srv->options[i] != NULL; i++) {
        if (n == SERVER_MAX_ARGS) {
            return server_fail(srv, "too many options for redis-server");
        }
        argv[n++] = strcmp(srv->options[i], "@") == 0 ? port : srv->options[i];
    }
    return true;
}

/* Any answer but "loading" will do: with a password it is an error, with TLS only a closed line. */
static bool redis_answers(server *srv)
{
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(srv->port) };
    struct pollfd readable = { .events = POLLIN };
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char reply[64] = "";
    bool is_ready = false;

    if (fd < 0) {
        return false;
    }
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    readable.fd = fd;
    if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 &&
        send(fd, "PING\r\n", 6, MSG_NOSIGNAL) == 6 && poll(&readable, 1, 500) > 0) {
        const ssize_t len = recv(fd, reply, sizeof(reply) - 1, 0);

        is_ready =
            (len >= 0 || errno == ECONNRESET) && strncmp(reply, "-LOADING", 8) != 0;
    }
    close(fd);
    return is_ready;
}

const server_kind server_redis = {
    .prepare = redis_prepare,
    .command = redis_command,
    .answers = redis_answers,
};
