/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dev_queues - see dev_queues.h.
 */
#include "worker/app/dev_queues.h"

#include "worker/app/slot.h"
#include "worker/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define UP_US (10 * INT64_C(1000000))

/* In the child, between fork and exec. */
static void dev_child(int in, int out, int death_signal, pid_t parent)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    setpgid(0, 0); /* Ctrl-C is for the parent, which ends us in good order */
    prctl(PR_SET_PDEATHSIG, death_signal);
    if (getppid() != parent) {
        _exit(127); /* it went before the line above */
    }
    if (in >= 0) {
        dup2(in, STDIN_FILENO);
    }
    if (out >= 0) {
        dup2(out, STDOUT_FILENO);
    }
}

pid_t weir_dev_spawn_self(const char *const *args, int in, int out, int death_signal)
{
    pid_t parent = getpid();
    char *argv[24];
    size_t n = 0;

    argv[n++] = strdup("weir");
    for (size_t i = 0; args[i] != NULL && n < 23; i++) {
        argv[n++] = strdup(args[i]);
    }
    argv[n] = NULL;
    pid_t pid = fork();
    if (pid == 0) {
        dev_child(in, out, death_signal, parent);
        execv("/proc/self/exe", argv);
        _exit(127);
    }
    while (n > 0) {
        free(argv[--n]);
    }
    return pid;
}

static pid_t dev_spawn_program(const char *const *argv)
{
    pid_t parent = getpid();
    char *copy[17];
    size_t n = 0;

    for (; argv[n] != NULL && n < 16; n++) {
        copy[n] = strdup(argv[n]);
    }
    copy[n] = NULL;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    pid_t pid = fork();
    if (pid == 0) {
        dev_child(null, null, SIGKILL, parent);
        execv(copy[0], copy);
        _exit(127);
    }
    if (null >= 0) {
        close(null);
    }
    while (n > 0) {
        free(copy[--n]);
    }
    return pid;
}

bool weir_dev_is_live(const weir_cli *cli, const char *queue)
{
    for (size_t i = 0; weir_cli_nth(cli, "live", i) != NULL; i++) {
        if (strcmp(weir_cli_nth(cli, "live", i), queue) == 0) {
            return true;
        }
    }
    return false;
}

static weir_status dev_serve(weir_dev_queue *q, weir_err *err)
{
    const char *const args[] = { "__embed", q->type->name, NULL };
    int in[2], out[2];

    if (pipe2(in, O_CLOEXEC) != 0) {
        return weir_fail(err, WEIR_EIO, "pipe: %s", strerror(errno));
    }
    if (pipe2(out, O_CLOEXEC) != 0) {
        close(in[0]);
        close(in[1]);
        return weir_fail(err, WEIR_EIO, "pipe: %s", strerror(errno));
    }
    q->pid = weir_dev_spawn_self(args, in[0], out[1], SIGKILL);
    close(in[0]);
    close(out[1]);
    q->to = fdopen(in[1], "w");
    q->from = fdopen(out[0], "r");
    if (q->pid < 0 || q->to == NULL || q->from == NULL ||
        fgets(q->address, sizeof(q->address), q->from) == NULL) {
        return weir_fail(err, WEIR_EIO, "queue `%s`: the %s does not start", q->name,
                         q->type->embed->what);
    }
    q->address[strcspn(q->address, "\n")] = '\0';
    return WEIR_OK;
}

static weir_status dev_program(weir_dev_queue *q, const weir_config *cfg, weir_err *err)
{
    char dir[512], room[2048];
    const char *argv[20] = { NULL };

    weir_state_path(cfg, "", dir, sizeof(dir));
    (void)mkdir(dir, 0777); /* whether it is there is seen by its user */
    weir_status st = q->type->embed->command(dir, room, sizeof(room), argv, q->address,
                                             sizeof(q->address), err);
    if (st != WEIR_OK) {
        return weir_err_prefix(err, "queue `%s`", q->name);
    }
    q->pid = dev_spawn_program(argv);
    return q->pid < 0 ? weir_fail(err, WEIR_EIO, "fork: %s", strerror(errno)) : WEIR_OK;
}

/* Waits until a program of others answers. */
static weir_status dev_wait_up(const weir_dev_queue *q, const void *opts, weir_err *err)
{
    const struct timespec pause = { .tv_nsec = 20000000 };
    int64_t until_us = weir_clock_us() + UP_US;

    while (!q->type->embed->is_up(opts)) {
        if (waitpid(q->pid, NULL, WNOHANG) == q->pid || weir_clock_us() > until_us) {
            return weir_fail(err, WEIR_EIO, "queue `%s`: the %s does not start",
                             q->name, q->type->embed->what);
        }
        nanosleep(&pause, NULL);
    }
    return WEIR_OK;
}

static weir_dev_queue *dev_find(weir_dev_queues *queues, const char *name)
{
    for (size_t i = 0; i < queues->n; i++) {
        if (strcmp(queues->items[i].name, name) == 0) {
            return &queues->items[i];
        }
    }
    return NULL;
}

weir_status weir_dev_queues_start(weir_dev_queues *queues, weir_config *cfg,
                                  const weir_cli *cli, weir_err *err)
{
    for (size_t i = 0; i < cfg->n_queues; i++) {
        const weir_config_queue *from = &cfg->queues[i];
        weir_dev_queue *q = dev_find(queues, from->name);
        weir_status st = WEIR_OK;

        if (weir_dev_is_live(cli, from->name)) {
            continue;
        }
        bool is_new = q == NULL || q->type != from->type;
        if (is_new) {
            if (queues->n == WEIR_DEV_QUEUES) {
                return weir_fail(err, WEIR_EFULL, "more than %d queues",
                                 WEIR_DEV_QUEUES);
            }
            q = &queues->items[queues->n++];
            *q = (weir_dev_queue){ .type = from->type };
            snprintf(q->name, sizeof(q->name), "%s", from->name);
            st = from->type->embed->serve != NULL ? dev_serve(q, err)
                                                  : dev_program(q, cfg, err);
        }
        if (st == WEIR_OK && !from->type->embed->adapt(from->opts, q->address)) {
            st = weir_fail(err, WEIR_ENOMEM, "out of memory");
        }
        if (st == WEIR_OK && is_new) {
            st = dev_wait_up(q, from->opts, err);
        }
        if (st != WEIR_OK) {
            return st;
        }
    }
    return WEIR_OK;
}

static weir_status dev_topic(weir_dev_queues *queues, const char *queue,
                             const char *topic, int n_partitions, weir_err *err)
{
    weir_dev_queue *q = dev_find(queues, queue);
    char answer[512];

    if (q == NULL || q->to == NULL) {
        return WEIR_OK; /* live, or streams that come into being by writing */
    }
    fprintf(q->to, "topic %s %d\n", topic, n_partitions);
    if (fflush(q->to) != 0 || fgets(answer, sizeof(answer), q->from) == NULL) {
        return weir_fail(err, WEIR_EIO, "the %s is gone", q->type->embed->what);
    }
    answer[strcspn(answer, "\n")] = '\0';
    return strcmp(answer, "ok") == 0 ? WEIR_OK : weir_fail(err, WEIR_EIO, "%s", answer);
}

static weir_status dev_address(weir_dev_queues *queues, const char *address,
                               int n_partitions, weir_err *err)
{
    char queue[64];
    const char *colon = address == NULL ? NULL : strchr(address, ':');

    if (colon == NULL) {
        return WEIR_OK;
    }
    snprintf(queue, sizeof(queue), "%.*s", (int)(colon - address), address);
    return dev_topic(queues, queue, colon + 1, n_partitions, err);
}

weir_status weir_dev_queues_topics(weir_dev_queues *queues, const weir_config *cfg,
                                   int n_partitions, weir_err *err)
{
    weir_status st = WEIR_OK;

    for (size_t i = 0; i < cfg->n_subs && st == WEIR_OK; i++) {
        const weir_config_sub *sub = &cfg->subs[i];

        for (size_t k = 0; k < sub->n_from && st == WEIR_OK; k++) {
            const char *queue = cfg->queues[sub->from[k].queue].name;
            char dead[512];

            if (sub->from[k].is_pattern) {
                continue;
            }
            st = dev_topic(queues, queue, sub->from[k].topic, n_partitions, err);
            if (st == WEIR_OK && sub->dead_mode == WEIR_DEAD_ADDRESS &&
                sub->dead == NULL) {
                snprintf(dead, sizeof(dead), "%s.%s.dead", sub->from[k].topic,
                         sub->name);
                st = dev_topic(queues, queue, dead, n_partitions, err);
            }
        }
        if (st == WEIR_OK) {
            st = dev_address(queues, sub->opts.to, n_partitions, err);
        }
        if (st == WEIR_OK) {
            st = dev_address(queues, sub->dead, n_partitions, err);
        }
    }
    return st;
}

const weir_dev_queue *weir_dev_queues_of(const weir_dev_queues *queues, pid_t pid)
{
    for (size_t i = 0; i < queues->n; i++) {
        if (queues->items[i].pid == pid) {
            return &queues->items[i];
        }
    }
    return NULL;
}

void weir_dev_queues_stop(weir_dev_queues *queues)
{
    for (size_t i = 0; i < queues->n; i++) {
        weir_dev_queue *q = &queues->items[i];

        if (q->to != NULL) {
            fclose(q->to);
        }
        if (q->from != NULL) {
            fclose(q->from);
        }
        if (q->pid > 0) {
            kill(q->pid, SIGKILL); /* nothing in them outlives us */
            (void)waitpid(q->pid, NULL, 0);
        }
    }
    queues->n = 0;
}
