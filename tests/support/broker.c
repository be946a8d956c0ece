/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* broker - see broker.h. Talks to the helper of tests/support/server, one line each way. */
#include "tests/support/broker.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>

#define MAX_ARGS 32
#define MAX_LINE 4096

extern char **environ;

struct weir_broker {
    pid_t pid;  /* of the helper; 0 for a shared Kafka */
    FILE *to;   /* commands; the helper ends when this closes */
    FILE *from; /* answers */
    char address[512];
    const char *behind; /* what follows it there; NULL: nothing */
};

static weir_status broker_read(weir_broker *broker, char *rest, size_t len,
                               weir_err *err)
{
    char line[MAX_LINE];

    if (fgets(line, sizeof(line), broker->from) == NULL) {
        return weir_fail(err, WEIR_EIO,
                         "test server: the helper ended without an answer");
    }
    line[strcspn(line, "\n")] = '\0';
    if (strncmp(line, "ok", 2) != 0) {
        return weir_fail(err, WEIR_EIO, "test server: %s", line);
    }
    if (rest != NULL) {
        const char *text = line[2] == ' ' ? line + 3 : "";

        if (strlen(text) >= len) {
            return weir_fail(err, WEIR_EIO, "test server: too long an answer: %s",
                             text);
        }
        memcpy(rest, text, strlen(text) + 1);
    }
    return WEIR_OK;
}

static weir_status broker_say(weir_broker *broker, const char *line, weir_err *err)
{
    if (broker->to == NULL) {
        return weir_fail(err, WEIR_EINVAL, "test server: \"%s\" to a shared server",
                         line);
    }
    if (fprintf(broker->to, "%s\n", line) < 0 || fflush(broker->to) != 0) {
        return weir_fail(err, WEIR_EIO, "test server: the helper is gone");
    }
    return broker_read(broker, NULL, 0, err);
}

static weir_status broker_spawn(char *const *argv, weir_broker *broker, weir_err *err)
{
    weir_status st = WEIR_OK;
    int to[2] = { -1, -1 };
    int from[2] = { -1, -1 };
    posix_spawn_file_actions_t actions;
    int rc;

    posix_spawn_file_actions_init(&actions);
    if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0) {
        st = weir_fail(err, WEIR_EIO, "test server: pipe: %s", strerror(errno));
        goto out;
    }
    posix_spawn_file_actions_adddup2(&actions, to[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, from[1], STDOUT_FILENO);
    rc = posix_spawn(&broker->pid, WEIR_TEST_SERVER, &actions, NULL, argv, environ);
    if (rc != 0) {
        broker->pid = 0;
        st = weir_fail(err, WEIR_EIO, "test server: %s: %s", WEIR_TEST_SERVER,
                       strerror(rc));
        goto out;
    }
    broker->to = fdopen(to[1], "w");
    broker->from = fdopen(from[0], "r");
    to[1] = -1;
    from[0] = -1;
out:
    posix_spawn_file_actions_destroy(&actions);
    for (int i = 0; i < 2; i++) {
        if (to[i] >= 0) {
            close(to[i]);
        }
        if (from[i] >= 0) {
            close(from[i]);
        }
    }
    return st;
}

static weir_status broker_open(char *const *argv, weir_broker **out, weir_err *err)
{
    weir_broker *broker = calloc(1, sizeof(*broker));
    weir_status st;

    if (broker == NULL) {
        return weir_fail(err, WEIR_ENOMEM, "test server: out of memory");
    }
    if ((st = broker_spawn(argv, broker, err)) != WEIR_OK) {
        goto out;
    }
    if ((st = broker_read(broker, broker->address, sizeof(broker->address), err)) !=
        WEIR_OK) {
        goto out;
    }
    *out = broker;
    broker = NULL;
out:
    weir_broker_free(broker);
    return st;
}

/* The helper takes words it does not change; argv wants them writable. */
static char *broker_word(const char *word)
{
    char *copy = strdup(word);

    if (copy == NULL) {
        abort();
    }
    return copy;
}

static weir_status broker_run(const char *const *words, size_t n,
                              const char *const *more, weir_broker **out, weir_err *err)
{
    char *argv[MAX_ARGS + 1] = { NULL };
    size_t n_args = 0;
    weir_status st;

    argv[n_args++] = broker_word(WEIR_TEST_SERVER);
    for (size_t i = 0; i < n && n_args < MAX_ARGS; i++) {
        argv[n_args++] = broker_word(words[i]);
    }
    for (size_t i = 0; more != NULL && more[i] != NULL && n_args < MAX_ARGS; i++) {
        argv[n_args++] = broker_word(more[i]);
    }
    st = broker_open(argv, out, err);
    for (size_t i = 0; i < n_args; i++) {
        free(argv[i]);
    }
    return st;
}

weir_status weir_broker_start_kafka(const char *version, const char *properties,
                                    weir_broker **out, weir_err *err)
{
    const char *words[] = { "kafka", version, properties != NULL ? properties : "" };

    return broker_run(words, 3, NULL, out, err);
}

weir_status weir_broker_start_kafka_behind(const char *version, const char *proxy,
                                           weir_broker **out, weir_err *err)
{
    const char *colon = strchr(proxy, ':');
    const char *words[] = { "kafka", version, "", colon == NULL ? "" : colon + 1 };
    const weir_status st = broker_run(words, 4, NULL, out, err);

    if (st == WEIR_OK) {
        char *space = strchr((*out)->address, ' ');

        if (space == NULL) {
            weir_broker_free(*out);
            return weir_fail(err, WEIR_EIO, "test server: no address for a proxy");
        }
        *space = '\0';
        (*out)->behind = space + 1;
    }
    return st;
}

weir_status weir_broker_start_redis(bool is_durable, const char *const *options,
                                    weir_broker **out, weir_err *err)
{
    const char *words[] = { "redis", is_durable ? "durable" : "memory" };

    return broker_run(words, 2, options, out, err);
}

weir_status weir_broker_start_mock(int n_brokers, weir_broker **out, weir_err *err)
{
    char number[16];
    const char *words[] = { "mock", number };

    snprintf(number, sizeof(number), "%d", n_brokers);
    return broker_run(words, 2, NULL, out, err);
}

static bool broker_answers(uint16_t port)
{
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(port) };
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_there;

    if (fd < 0) {
        return false;
    }
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    is_there = connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0;
    close(fd);
    return is_there;
}

weir_status weir_broker_share_kafka(const char *version, weir_broker **out,
                                    weir_err *err)
{
    char path[1024];
    weir_broker *broker = calloc(1, sizeof(*broker));
    FILE *file;

    if (broker == NULL) {
        return weir_fail(err, WEIR_ENOMEM, "test server: out of memory");
    }
    snprintf(path, sizeof(path), "%s/kafka-%s", WEIR_TEST_SHARED_DIR, version);
    if ((file = fopen(path, "re")) != NULL) {
        if (fgets(broker->address, sizeof(broker->address), file) != NULL) {
            broker->address[strcspn(broker->address, "\n")] = '\0';
        }
        fclose(file);
        if (broker_answers(weir_broker_port(broker))) {
            *out = broker;
            return WEIR_OK;
        }
    }
    free(broker);
    return weir_broker_start_kafka(version, NULL, out, err);
}

void weir_broker_free(weir_broker *broker)
{
    if (broker == NULL) {
        return;
    }
    if (broker->to != NULL) {
        fclose(broker->to);
    }
    if (broker->from != NULL) {
        fclose(broker->from);
    }
    if (broker->pid > 0) {
        while (waitpid(broker->pid, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    free(broker);
}

const char *weir_broker_address(const weir_broker *broker)
{
    return broker->address;
}

const char *weir_broker_behind(const weir_broker *broker)
{
    return broker->behind;
}

uint16_t weir_broker_port(const weir_broker *broker)
{
    const char *colon = strchr(broker->address, ':');

    return colon == NULL ? 0 : (uint16_t)strtoul(colon + 1, NULL, 10);
}

weir_status weir_broker_start(weir_broker *broker, weir_err *err)
{
    return broker_say(broker, "start", err);
}

weir_status weir_broker_stop(weir_broker *broker, weir_err *err)
{
    return broker_say(broker, "stop", err);
}

weir_status weir_broker_kill(weir_broker *broker, weir_err *err)
{
    return broker_say(broker, "kill", err);
}

weir_status weir_broker_freeze(weir_broker *broker, weir_err *err)
{
    return broker_say(broker, "freeze", err);
}

weir_status weir_broker_thaw(weir_broker *broker, weir_err *err)
{
    return broker_say(broker, "thaw", err);
}

/* A shared Kafka has no helper on our end of a pipe: a short-lived one makes the topic. */
static weir_status broker_topic_shared(const weir_broker *broker, const char *command,
                                       weir_err *err)
{
    const char *words[] = { "ask", broker->address, command };
    weir_broker *helper = NULL;
    const weir_status st = broker_run(words, 3, NULL, &helper, err);

    weir_broker_free(helper);
    return st;
}

weir_status weir_broker_topic(weir_broker *broker, const char *topic, int n_partitions,
                              const char *const *settings, weir_err *err)
{
    char line[MAX_LINE];
    size_t len =
        (size_t)snprintf(line, sizeof(line), "topic %s %d", topic, n_partitions);

    for (size_t i = 0; settings != NULL && settings[i] != NULL && len < sizeof(line);
         i++) {
        len += (size_t)snprintf(line + len, sizeof(line) - len, " %s", settings[i]);
    }
    if (len >= sizeof(line)) {
        return weir_fail(err, WEIR_EINVAL, "test server: too many settings of topic %s",
                         topic);
    }
    if (broker->to == NULL) {
        return broker_topic_shared(broker, line, err);
    }
    return broker_say(broker, line, err);
}

weir_status weir_broker_fail_requests(weir_broker *broker, int api_key,
                                      const int *codes, size_t n, weir_err *err)
{
    char line[MAX_LINE];
    size_t len = (size_t)snprintf(line, sizeof(line), "fail %d", api_key);

    for (size_t i = 0; i < n && len < sizeof(line); i++) {
        len += (size_t)snprintf(line + len, sizeof(line) - len, " %d", codes[i]);
    }
    if (len >= sizeof(line)) {
        return weir_fail(err, WEIR_EINVAL, "test server: too many codes");
    }
    return broker_say(broker, line, err);
}

weir_status weir_broker_set_up(weir_broker *broker, int id, bool is_up, weir_err *err)
{
    char line[64];

    snprintf(line, sizeof(line), "%s %d", is_up ? "up" : "down", id);
    return broker_say(broker, line, err);
}

weir_status weir_broker_set_delay(weir_broker *broker, int id, int delay_ms,
                                  weir_err *err)
{
    char line[64];

    snprintf(line, sizeof(line), "delay %d %d", id, delay_ms);
    return broker_say(broker, line, err);
}

char *weir_broker_name(const char *stem, char *out, size_t len)
{
    static atomic_uint n_names;
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(out, len, "%s-%d-%lx-%u", stem, (int)getpid(),
             (unsigned long)now.tv_sec * 1000000UL +
                 (unsigned long)now.tv_nsec / 1000UL,
             atomic_fetch_add(&n_names, 1U));
    return out;
}
