/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* main - the command line of the helper that keeps servers for tests; see server.h. */
#include "tests/support/server/server.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <fcntl.h>
#include <unistd.h>

static bool main_command(server *srv, char *line)
{
    char *rest = strchr(line, ' ');

    if (rest != NULL) {
        *rest++ = '\0';
    }
    if (strcmp(line, "start") == 0) {
        return server_start(srv);
    }
    if (strcmp(line, "stop") == 0) {
        return server_stop(srv);
    }
    if (strcmp(line, "kill") == 0) {
        return server_kill(srv);
    }
    if (strcmp(line, "freeze") == 0 || strcmp(line, "thaw") == 0) {
        if (srv->pid == 0 || kill(srv->pid, line[0] == 'f' ? SIGSTOP : SIGCONT) != 0) {
            return server_fail(srv, "%s: no server runs", line);
        }
        return true;
    }
    if (strcmp(line, "topic") == 0 && rest != NULL && srv->kind == &server_kafka) {
        return server_topic(srv, rest);
    }
    if (strcmp(line, "old") == 0 && rest != NULL && srv->kind == &server_kafka) {
        return server_old(srv, rest);
    }
    if (strcmp(line, "acl") == 0 && rest != NULL && srv->kind == &server_kafka) {
        return server_acl(srv, rest);
    }
    return server_fail(srv, "no such command: %s", line);
}

static int main_answer(server *srv, bool is_ok, const char *more)
{
    /* One line, whatever the text. */
    for (char *c = srv->text; *c != '\0'; c++) {
        if (*c == '\n') {
            *c = '|';
        }
    }
    if (is_ok) {
        printf("ok%s%s\n", *more != '\0' ? " " : "", more);
    } else {
        printf("error %s\n", srv->text);
    }
    fflush(stdout);
    return is_ok ? 0 : 1;
}

static int main_serve(server *srv)
{
    char line[8192];
    char where[600];
    const bool is_ok = server_open(srv);
    int rc;

    snprintf(where, sizeof(where), "%s%s%s%s", srv->address,
             srv->behind[0] == '\0' ? "" : " ", srv->behind, srv->more);
    rc = main_answer(srv, is_ok, where);

    if (rc == 0) {
        while (fgets(line, sizeof(line), stdin) != NULL) {
            line[strcspn(line, "\n")] = '\0';
            main_answer(srv, main_command(srv, line), "");
        }
    }
    server_close(srv);
    return rc;
}

/* Until SIGTERM, or until `watched` (the ctest that began it) is gone. */
static void main_wait(int watched)
{
    sigset_t set;
    struct pollfd fds[2] = { { .fd = watched, .events = POLLIN },
                             { .fd = -1, .events = POLLIN } };

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    fds[1].fd = signalfd(-1, &set, SFD_CLOEXEC);
    while (poll(fds, 2, -1) < 0 && errno == EINTR) {
    }
}

static bool main_publish(server *srv, const char *path)
{
    char fresh[1024];
    FILE *file;

    snprintf(fresh, sizeof(fresh), "%s.new", path);
    if ((file = fopen(fresh, "we")) == NULL) {
        return server_fail(srv, "%s: %s", fresh, strerror(errno));
    }
    fprintf(file, "%s\n%d\n", srv->address, (int)getpid());
    if (fclose(file) != 0 || rename(fresh, path) != 0) {
        return server_fail(srv, "%s: %s", path, strerror(errno));
    }
    return true;
}

/* In the background: the server, and what ends it. Says through `ready` how it began. */
static int main_shared(server *srv, const char *path, int watched, int ready)
{
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    sigset_t set;
    bool is_ok;

    /* ctest waits until nobody holds the output of a test. */
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    is_ok = server_open(srv) && main_publish(srv, path);
    if (write(ready, is_ok ? "" : srv->text, is_ok ? 1 : strlen(srv->text)) < 0) {
        is_ok = false;
    }
    close(ready);
    if (is_ok) {
        main_wait(watched);
    }
    unlink(path);
    server_close(srv);
    return 0;
}

static int main_share(server *srv, const char *path)
{
    const int watched = (int)syscall(SYS_pidfd_open, getppid(), 0);
    int ready[2];
    ssize_t len;
    pid_t pid;

    if (watched < 0 || pipe2(ready, O_CLOEXEC) != 0) {
        server_fail(srv, "share: %s", strerror(errno));
        return main_answer(srv, false, "");
    }
    fcntl(watched, F_SETFD, FD_CLOEXEC);
    if ((pid = fork()) < 0) {
        server_fail(srv, "fork: %s", strerror(errno));
        return main_answer(srv, false, "");
    }
    if (pid == 0) {
        setsid();
        close(ready[0]);
        _exit(main_shared(srv, path, watched, ready[1]));
    }
    close(ready[1]);
    len = read(ready[0], srv->text, sizeof(srv->text) - 1);
    srv->text[len > 0 ? len : 0] = '\0';
    return main_answer(srv, len == 1 && srv->text[0] == '\0', "");
}

static int main_unshare(const char *path)
{
    FILE *file = fopen(path, "re");
    char line[64] = "";
    int pid;
    int fd;
    struct pollfd gone = { .events = POLLIN };

    if (file == NULL) {
        return 0;
    }
    /* The address, then the process. */
    for (int i = 0; i < 2 && fgets(line, sizeof(line), file) != NULL; i++) {
        line[strcspn(line, "\n")] = '\0';
    }
    fclose(file);
    pid = server_number(line, 0);
    if (pid > 1 && (fd = (int)syscall(SYS_pidfd_open, pid, 0)) >= 0) {
        kill(pid, SIGTERM);
        gone.fd = fd;
        poll(&gone, 1, SERVER_STOP_MS);
        close(fd);
    }
    return 0;
}

static int main_usage(void)
{
    fputs("usage: weir-test-server kafka VERSION [PROPERTIES [PROXY_PORT]]\n"
          "       weir-test-server redis durable|memory [OPTION...]\n"
          "       weir-test-server mock N_BROKERS\n"
          "       weir-test-server ask ADDRESS \"topic NAME PARTITIONS "
          "[NAME=VALUE...]\"\n"
          "       weir-test-server share VERSION FILE\n"
          "       weir-test-server unshare FILE\n",
          stderr);
    return 64;
}

int main(int argc, char **argv)
{
    static server srv;

    signal(SIGPIPE, SIG_IGN);
    if (argc < 3) {
        return main_usage();
    }
    srv.properties = "";
    if (strcmp(argv[1], "kafka") == 0) {
        srv.kind = &server_kafka;
        srv.version = argv[2];
        srv.properties = argc > 3 ? argv[3] : "";
        srv.proxy_port = (uint16_t)(argc > 4 ? server_number(argv[4], 0) : 0);
        srv.listeners = argc > 5 ? argv[5] : NULL;
        srv.users = argc > 6 ? argv + 6 : NULL;
        return main_serve(&srv);
    }
    if (strcmp(argv[1], "redis") == 0) {
        srv.kind = &server_redis;
        srv.is_durable = strcmp(argv[2], "durable") == 0;
        srv.options = argv + 3;
        return main_serve(&srv);
    }
    if (strcmp(argv[1], "mock") == 0) {
        return server_mock(argv[2]);
    }
    if (strcmp(argv[1], "unshare") == 0) {
        return main_unshare(argv[2]);
    }
    if (strcmp(argv[1], "ask") == 0 && argc == 4) {
        srv.kind = &server_kafka;
        snprintf(srv.address, sizeof(srv.address), "%s", argv[2]);
        return main_answer(&srv, main_command(&srv, argv[3]), "");
    }
    if (strcmp(argv[1], "share") == 0 && argc == 4) {
        srv.kind = &server_kafka;
        srv.version = argv[2];
        return main_share(&srv, argv[3]);
    }
    return main_usage();
}
