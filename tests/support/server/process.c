/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* process - a server as a child process with a folder and a port of its own; see server.h. */
#include "tests/support/server/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOG_TAIL 1200
#define N_PORT_TRIES 5

bool server_fail(server *srv, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(srv->text, sizeof(srv->text), fmt, args);
    va_end(args);
    return false;
}

int server_number(const char *text, int otherwise)
{
    char *end = NULL;
    const long number = text != NULL ? strtol(text, &end, 10) : 0;

    return end == NULL || end == text || *end != '\0' ? otherwise : (int)number;
}

static int64_t process_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The error, and the end of what the server wrote. */
static bool process_fail_with_log(server *srv, const char *what)
{
    char path[300];
    char tail[LOG_TAIL + 1] = "";
    FILE *file;

    snprintf(path, sizeof(path), "%s/log", srv->dir);
    if ((file = fopen(path, "re")) != NULL) {
        if (fseek(file, -LOG_TAIL, SEEK_END) != 0) {
            rewind(file);
        }
        tail[fread(tail, 1, LOG_TAIL, file)] = '\0';
        fclose(file);
    }
    return server_fail(srv, "%s; the end of its log: %s", what, tail);
}

bool server_write(server *srv, const char *name, const char *text)
{
    char path[512];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", srv->dir, name);
    if ((file = fopen(path, "we")) == NULL || fputs(text, file) < 0 ||
        fclose(file) != 0) {
        return server_fail(srv, "%s: %s", path, strerror(errno));
    }
    return true;
}

/* Starts argv with its output in the log; the child dies with us. */
static pid_t process_spawn(server *srv, char *const *argv)
{
    char path[300];
    int log;
    pid_t pid;
    const pid_t parent = getpid();

    snprintf(path, sizeof(path), "%s/log", srv->dir);
    log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log < 0) {
        server_fail(srv, "%s: %s", path, strerror(errno));
        return -1;
    }
    if ((pid = fork()) == 0) {
        const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        sigset_t none;

        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        signal(SIGPIPE, SIG_DFL);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent || chdir(srv->dir) != 0) {
            _exit(70);
        }
        dup2(null, STDIN_FILENO);
        dup2(log, STDOUT_FILENO);
        dup2(log, STDERR_FILENO);
        execvp(argv[0], argv);
        dprintf(STDERR_FILENO, "%s: %s\n", argv[0], strerror(errno));
        _exit(127);
    }
    close(log);
    if (pid < 0) {
        server_fail(srv, "fork: %s", strerror(errno));
    }
    return pid;
}

/* Waits for the child's end, at most so long. Returns whether it has ended. */
static bool process_await_end(pid_t pid, int timeout_ms, int *status)
{
    const int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd gone = { .fd = fd, .events = POLLIN };
    bool has_ended;

    if (fd < 0) {
        return waitpid(pid, status, 0) == pid;
    }
    has_ended = poll(&gone, 1, timeout_ms) > 0 && waitpid(pid, status, 0) == pid;
    close(fd);
    return has_ended;
}

bool server_run(server *srv, char *const *argv)
{
    int status = 0;
    const pid_t pid = process_spawn(srv, argv);

    if (pid < 0) {
        return false;
    }
    if (!process_await_end(pid, SERVER_READY_MS, &status)) {
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        return process_fail_with_log(srv, argv[0]);
    }
    return true;
}

/*
 * A port that nobody listens on, below the range that outgoing connections take theirs from:
 * so it is still free when the server comes back to it.
 */
static uint16_t process_free_port(void)
{
    for (int i = 0; i < 1000; i++) {
        struct sockaddr_in addr = { .sin_family = AF_INET };
        uint16_t random = 0;
        bool is_free;
        int fd;

        if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random) ||
            (fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) < 0) {
            return 0;
        }
        random = (uint16_t)(10000 + random % 20000);
        addr.sin_port = htons(random);
        addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        is_free = bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0;
        close(fd);
        if (is_free) {
            return random;
        }
    }
    return 0;
}

static bool process_await_ready(server *srv)
{
    const int64_t until_ms = process_now_ms() + SERVER_READY_MS;

    while (process_now_ms() < until_ms) {
        int status;

        if (srv->kind->answers(srv)) {
            return true;
        }
        if (process_await_end(srv->pid, 20, &status)) {
            srv->pid = 0;
            return process_fail_with_log(srv, "the server ended while starting");
        }
    }
    server_kill(srv);
    return process_fail_with_log(srv, "the server does not answer");
}

bool server_start(server *srv)
{
    char *argv[SERVER_MAX_ARGS + 1] = { NULL };

    if (srv->pid != 0) {
        return server_fail(srv, "start: it runs already");
    }
    if (!srv->kind->command(srv, argv) || (srv->pid = process_spawn(srv, argv)) < 0) {
        srv->pid = 0;
        return false;
    }
    return process_await_ready(srv);
}

static int process_remove_one(const char *path, const struct stat *st, int kind,
                              struct FTW *walk)
{
    (void)st;
    (void)kind;
    (void)walk;
    remove(path);
    return 0;
}

static void process_remove_dir(server *srv)
{
    if (srv->dir[0] != '\0') {
        nftw(srv->dir, process_remove_one, 16, FTW_DEPTH | FTW_PHYS);
        srv->dir[0] = '\0';
    }
}

/* Different ones for all that may listen. */
static bool process_take_ports(server *srv)
{
    uint16_t ports[3 + SERVER_MAX_LISTENERS];

    for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]);) {
        bool is_taken = false;

        if ((ports[i] = process_free_port()) == 0) {
            return false;
        }
        for (size_t j = 0; j < i; j++) {
            is_taken = is_taken || ports[j] == ports[i];
        }
        i += is_taken ? 0 : 1;
    }
    srv->port = ports[0];
    srv->port2 = ports[1];
    srv->port3 = ports[2];
    memcpy(srv->ports, ports + 3, sizeof(srv->ports));
    return true;
}

static bool process_open_once(server *srv)
{
    const char *tmp = getenv("TMPDIR");

    snprintf(srv->dir, sizeof(srv->dir), "%s/weir-test-XXXXXX",
             tmp != NULL ? tmp : "/tmp");
    if (mkdtemp(srv->dir) == NULL) {
        const int error = errno;

        srv->dir[0] = '\0';
        return server_fail(srv, "a folder for the data: %s", strerror(error));
    }
    if (!process_take_ports(srv)) {
        return server_fail(srv, "no free port");
    }
    snprintf(srv->address, sizeof(srv->address), "127.0.0.1:%u", srv->port);
    return srv->kind->prepare(srv) && server_start(srv);
}

bool server_open(server *srv)
{
    for (int i = 0; i < N_PORT_TRIES; i++) {
        if (process_open_once(srv)) {
            return true;
        }
        process_remove_dir(srv);
        /* Somebody else took the port between the look and the start. */
        if (strstr(srv->text, "ddress already in use") == NULL) {
            return false;
        }
    }
    return false;
}

bool server_stop(server *srv)
{
    int status;

    if (srv->pid == 0) {
        return server_fail(srv, "stop: no server runs");
    }
    kill(srv->pid, SIGCONT);
    kill(srv->pid, SIGTERM);
    if (!process_await_end(srv->pid, SERVER_STOP_MS, &status)) {
        server_kill(srv);
        return server_fail(srv, "stop: it did not end within %d s",
                           SERVER_STOP_MS / 1000);
    }
    srv->pid = 0;
    return true;
}

bool server_kill(server *srv)
{
    if (srv->pid == 0) {
        return server_fail(srv, "kill: no server runs");
    }
    kill(srv->pid, SIGKILL);
    while (waitpid(srv->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    srv->pid = 0;
    return true;
}

void server_close(server *srv)
{
    if (srv->pid != 0) {
        server_kill(srv);
    }
    process_remove_dir(srv);
}
