/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_dev - `weir dev`: the file on queues of its own, started anew when a file changes.
 *
 * Three kinds of processes: this one, which watches; the queues (dev_queues.c), which live as
 * long as it does; and a worker, which is ended and started when the configuration or a
 * library changes, so that a new library is really loaded and a crash of a function takes
 * nothing else along.
 */
#include "worker/app/dev_queues.h"
#include "worker/app/place.h"
#include "worker/app/worker.h"
#include "worker/base/clock.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOOK_NS 250000000 /* between two looks at the files */
#define WATCH_MAX 64
#define PARTITIONS 4

typedef struct dev_watch {
    char path[512];
    struct timespec mtime;
    ino_t ino;
    off_t size;
} dev_watch;

typedef struct dev {
    const weir_cli *cli;
    const char *path;
    int n_partitions;
    weir_dev_queues queues;
    dev_watch watches[WATCH_MAX];
    size_t n_watches;
    pid_t worker; /* 0: none runs */
    bool wants_exit, wants_start;
    int lock_fd, exit_code;
} dev;

/* -- files --------------------------------------------------------------------------------- */

static bool dev_look(dev_watch *watch)
{
    struct stat st = { 0 };

    (void)stat(watch->path, &st); /* one that is missing looks like one of size 0 */
    bool has_changed = st.st_mtim.tv_sec != watch->mtime.tv_sec ||
                       st.st_mtim.tv_nsec != watch->mtime.tv_nsec ||
                       st.st_ino != watch->ino || st.st_size != watch->size;
    watch->mtime = st.st_mtim;
    watch->ino = st.st_ino;
    watch->size = st.st_size;
    return has_changed;
}

static void dev_watch_add(dev *d, const char *path)
{
    if (d->n_watches < WATCH_MAX) {
        dev_watch *watch = &d->watches[d->n_watches++];
        snprintf(watch->path, sizeof(watch->path), "%s", path);
        (void)dev_look(watch);
    }
}

static void dev_watch_all(dev *d, const weir_config *cfg)
{
    d->n_watches = 0;
    dev_watch_add(d, d->path);
    for (size_t i = 0; i < cfg->n_functions; i++) {
        const char *file = cfg->functions[i].type->file(cfg->functions[i].opts);
        char path[512];

        snprintf(path, sizeof(path), file[0] == '/' ? "%.0s%s" : "%s/%s", cfg->base_dir,
                 file);
        dev_watch_add(d, path);
    }
}

static bool dev_has_changed(dev *d)
{
    bool has_changed = false;

    for (size_t i = 0; i < d->n_watches; i++) {
        has_changed = dev_look(&d->watches[i]) || has_changed;
    }
    return has_changed;
}

/* -- start and stop ------------------------------------------------------------------------ */

static weir_status dev_publish(dev *d, const weir_config *cfg, weir_err *err)
{
    weir_buf text = { 0 };

    for (size_t i = 0; i < d->queues.n; i++) {
        weir_buf_printf(&text, "%s %s\n", d->queues.items[i].name,
                        d->queues.items[i].address);
    }
    if (d->lock_fd >= 0) {
        close(d->lock_fd);
        d->lock_fd = -1;
    }
    weir_status st =
        weir_dev_publish(cfg, text.data == NULL ? "" : text.data, &d->lock_fd, err);
    weir_buf_fini(&text);
    return st;
}

/* Reads the file, brings the queues up to it. WEIR_ECONFIG: its errors have been printed. */
static weir_status dev_prepare(dev *d, weir_err *err)
{
    weir_config *cfg = NULL;
    size_t n_before = d->queues.n;
    weir_status st = weir_config_load(d->path, &cfg);

    if (cfg == NULL) {
        return weir_fail(err, WEIR_ENOMEM, "out of memory");
    }
    if (st != WEIR_OK) {
        weir_cli_findings(cfg, false);
        goto out;
    }
    dev_watch_all(d, cfg);
    for (size_t i = 0; weir_cli_nth(d->cli, "live", i) != NULL; i++) {
        const char *name = weir_cli_nth(d->cli, "live", i);
        if (weir_config_queue_find(cfg, name) == NULL) {
            st = weir_fail(err, WEIR_ENOENT, "--live %s: there is no such queue", name);
            goto out;
        }
    }
    if ((st = weir_dev_queues_start(&d->queues, cfg, d->cli, err)) != WEIR_OK ||
        (st = weir_dev_queues_topics(&d->queues, cfg, d->n_partitions, err)) !=
            WEIR_OK ||
        (st = dev_publish(d, cfg, err)) != WEIR_OK) {
        goto out;
    }
    for (size_t i = n_before; i < d->queues.n; i++) {
        const weir_dev_queue *q = &d->queues.items[i];
        printf("queue %s: %s (%s)\n", q->name, q->address, q->type->embed->what);
    }
    fflush(stdout);
out:
    weir_config_free(cfg);
    return st;
}

static void dev_start_worker(dev *d)
{
    const char *args[20] = { "__dev-worker", "-c", d->path };
    size_t n = 3;

    for (size_t i = 0; weir_cli_nth(d->cli, "live", i) != NULL && n < 18; i++) {
        args[n++] = "--live";
        args[n++] = weir_cli_nth(d->cli, "live", i);
    }
    d->worker = weir_dev_spawn_self(args, -1, -1, SIGTERM);
    d->wants_start = false;
    if (d->worker < 0) {
        weir_cli_fail(WEIR_EXIT_INTERNAL, "fork: %s", strerror(errno));
        d->worker = 0;
    }
}

static void dev_worker_ended(dev *d, int status)
{
    d->worker = 0;
    if (WIFSIGNALED(status)) {
        fprintf(stderr, "weir dev: the worker died of signal %d (%s)%s\n",
                WTERMSIG(status), strsignal(WTERMSIG(status)),
                d->wants_exit || d->wants_start
                    ? ""
                    : "; it starts again when a file changes");
        d->exit_code = WEIR_EXIT_AGAIN;
    } else {
        d->exit_code = WEXITSTATUS(status);
        if (!d->wants_exit && !d->wants_start) {
            fprintf(stderr,
                    "weir dev: the worker ended with %d; it starts again when a file "
                    "changes\n",
                    d->exit_code);
        }
    }
}

static void dev_reap(dev *d)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        const weir_dev_queue *q = weir_dev_queues_of(&d->queues, pid);
        if (pid == d->worker) {
            dev_worker_ended(d, status);
        } else if (q != NULL && !d->wants_exit) {
            weir_cli_fail(WEIR_EXIT_UNAVAILABLE, "the %s of queue `%s` ended",
                          q->type->embed->what, q->name);
            d->wants_exit = true;
            d->exit_code = WEIR_EXIT_UNAVAILABLE;
        }
    }
}

static void dev_changed(dev *d)
{
    weir_err err = { 0 };

    if (dev_prepare(d, &err) != WEIR_OK) {
        if (err.text[0] != '\0') {
            fprintf(stderr, "weir dev: %s\n", err.text);
        }
        fprintf(stderr, "weir dev: the file is not used as it is%s\n",
                d->worker > 0 ? "; the worker goes on with the last good one" : "");
        return;
    }
    fprintf(stderr, "weir dev: a file has changed; starting anew\n");
    d->wants_start = true;
    if (d->worker > 0) {
        kill(d->worker, SIGTERM);
    }
}

static void dev_signal(dev *d, int sig)
{
    if (sig == SIGCHLD) {
        return;
    }
    if (sig == SIGHUP) {
        dev_changed(d);
        return;
    }
    if (d->worker > 0) {
        kill(d->worker, d->wants_exit ? SIGKILL : SIGTERM);
    }
    d->wants_exit = true;
}

static void dev_loop(dev *d, const sigset_t *set)
{
    const struct timespec look = { .tv_nsec = LOOK_NS };

    while (!d->wants_exit || d->worker > 0) {
        if (!d->wants_exit && d->wants_start && d->worker == 0) {
            dev_start_worker(d);
        }
        int sig = sigtimedwait(set, NULL, &look);
        if (sig > 0) {
            dev_signal(d, sig);
        } else if (!d->wants_exit && dev_has_changed(d)) {
            dev_changed(d);
        }
        dev_reap(d);
        if (d->wants_exit && d->worker > 0 && d->exit_code == WEIR_EXIT_UNAVAILABLE) {
            kill(d->worker,
                 SIGKILL); /* its queue is gone: there is nothing to drain to */
        }
    }
}

int weir_cmd_dev(const weir_cli *cli)
{
    const char *path = weir_cli_get(cli, "config");
    const char *partitions = weir_cli_get(cli, "partitions");
    dev d = { .cli = cli,
              .path = path == NULL ? "weir.yaml" : path,
              .n_partitions = PARTITIONS,
              .wants_start = true,
              .lock_fd = -1 };
    weir_err err = { 0 };
    sigset_t set;

    if (partitions != NULL &&
        ((d.n_partitions = atoi(partitions)) < 1 || d.n_partitions > 1000)) {
        return weir_cli_usage(cli, "--partitions takes a number from 1 to 1000");
    }
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    weir_status st = dev_prepare(&d, &err);
    if (st != WEIR_OK) {
        weir_dev_queues_stop(&d.queues);
        return err.text[0] == '\0' ? weir_exit_of(st)
                                   : weir_cli_fail(weir_exit_of(st), "%s", err.text);
    }
    dev_loop(&d, &set);
    weir_dev_queues_stop(&d.queues);
    if (d.lock_fd >= 0) {
        close(d.lock_fd);
    }
    return d.exit_code;
}

/* -- the worker -------------------------------------------------------------------------- */

static weir_status dev_worker_adapt(void *arg, weir_config *cfg, weir_err *err)
{
    const weir_cli *cli = arg;
    const struct passwd *user = getpwuid(geteuid());
    size_t n = 0;
    weir_status st = weir_dev_adapt(cfg, &n, err);

    for (size_t i = 0; i < cfg->n_subs && st == WEIR_OK; i++) {
        weir_config_sub *sub = &cfg->subs[i];
        bool is_live = false;

        for (size_t k = 0; k < sub->n_from; k++) {
            is_live =
                is_live || weir_dev_is_live(cli, cfg->queues[sub->from[k].queue].name);
        }
        if (is_live) {
            sub->group =
                weir_arena_printf(&cfg->arena, "dev.%s.%s",
                                  user == NULL ? "user" : user->pw_name, sub->group);
        } else if (sub->start == WEIR_START_COMMITTED) {
            sub->start = WEIR_START_EARLIEST; /* a new queue has no positions */
        }
        st =
            sub->group == NULL ? weir_fail(err, WEIR_ENOMEM, "out of memory") : WEIR_OK;
    }
    return st;
}

/* One line for each end of an event. */
static void dev_worker_fate(void *arg, const weir_fate *fate)
{
    static const char *const colours[][2] = { { "done", "\033[32m" },
                                              { "dead", "\033[31m" },
                                              { "retry", "\033[33m" } };
    weir_event *ev =
        (weir_event *)(uintptr_t)fate->ev; /* only makes its position's text */
    weir_slice position = weir_ev_position(ev);
    bool use_colour = weir_cli_colour(stdout);
    const char *colour = "";
    weir_buf line = { 0 };

    (void)arg;
    for (size_t i = 0; use_colour && i < sizeof(colours) / sizeof(colours[0]); i++) {
        colour = strcmp(fate->outcome, colours[i][0]) == 0 ? colours[i][1] : colour;
    }
    weir_buf_printf(&line, "%s%-8s%s %.*s  %s  attempt %d  %.1f ms", colour,
                    fate->outcome, colour[0] == '\0' ? "" : "\033[0m",
                    (int)position.len, position.data, fate->sub, fate->attempt,
                    (double)fate->took_us / 1000.0);
    if (fate->n_results > 0) {
        weir_buf_printf(&line, "  %zu result%s", fate->n_results,
                        fate->n_results == 1 ? "" : "s");
    }
    if (fate->reason != NULL) {
        weir_buf_printf(&line, "  %s", fate->reason);
    }
    if (fate->text != NULL && fate->text[0] != '\0') {
        weir_buf_printf(&line, ": %s", fate->text);
    }
    weir_buf_char(&line, '\n');
    if (!line.has_failed) {
        fwrite(line.data, 1, line.len, stdout);
        fflush(stdout);
    }
    weir_buf_fini(&line);
}

int weir_cmd_dev_worker(const weir_cli *cli)
{
    const char *path = weir_cli_get(cli, "config");
    weir_config *cfg = NULL;
    weir_err err = { 0 };

    weir_worker_block_signals();
    int code = weir_cli_load(cli, false, &cfg);
    if (code != WEIR_EXIT_OK) {
        return code;
    }
    weir_status st = dev_worker_adapt((void *)(uintptr_t)cli, cfg, &err);
    if (st == WEIR_OK && weir_config_check_functions(cfg) != WEIR_OK) {
        weir_cli_findings(cfg, false);
        st = WEIR_ECONFIG;
    } else if (st != WEIR_OK) {
        weir_cli_fail(weir_exit_of(st), "%s", err.text);
    }
    if (st != WEIR_OK) {
        weir_config_free(cfg);
        return weir_exit_of(st);
    }
    weir_worker_setup setup = { .path = path == NULL ? "weir.yaml" : path,
                                .adapt = dev_worker_adapt,
                                .fate = dev_worker_fate,
                                .arg = (void *)(uintptr_t)cli };
    return weir_worker_main(&setup, cfg);
}

int weir_cmd_embed(const weir_cli *cli)
{
    const weir_queue_type *type = weir_queue_type_find(cli->args[0]);

    if (type == NULL || type->embed == NULL || type->embed->serve == NULL) {
        return weir_cli_usage(cli, "nothing to embed: %s", cli->args[0]);
    }
    return type->embed->serve();
}
