/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker - see worker.h.
 *
 *   start --> running --SIGTERM/SIGINT--> draining --> exit 0 (75 with calls open)
 *               | ^          second signal: the process dies of it
 *        SIGHUP v | drained, engine built anew from the file that was read
 *             reloading        (a bad file: logged, nothing changes)
 */
#include "worker/app/worker.h"

#include "handlers/env.h"
#include "worker/app/admin.h"
#include "worker/app/cli.h"
#include "worker/app/notify.h"
#include "worker/app/slot.h"
#include "worker/base/check.h"
#include "worker/base/clock.h"
#include "worker/base/log.h"
#include "worker/base/metric.h"
#include "worker/engine/journal.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define WORKER_LOOK_US 1000000

typedef struct worker {
    const weir_worker_setup *setup;
    weir_config *cfg;
    weir_plan plan;
    weir_slot slot;
    weir_admin *admin;
    weir_engine *engine;
    weir_journal *journal;  /* NULL: none */
    char journal_path[512]; /* reload changes nothing of it */
    bool is_journal_lost;   /* and told */
    pthread_mutex_t lock;   /* what follows */
    pthread_cond_t changed;
    bool wants_stop, wants_reload;
    int fatal_code; /* -1: none */
} worker;

static void worker_signal_set(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
}

void weir_worker_block_signals(void)
{
    sigset_t set;

    worker_signal_set(&set);
    WEIR_ASSERT(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
}

/* A second signal ends the process at once, by that signal. */
static void worker_die(int sig)
{
    sigset_t set;

    signal(sig, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, sig);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    raise(sig);
    _exit(128 + sig);
}

/* Waits for signals as long as the process lives. */
static void *worker_signals(void *arg)
{
    worker *w = arg;
    sigset_t set;

    worker_signal_set(&set);
    for (;;) {
        int sig = sigwaitinfo(&set, NULL);

        if (sig < 0) {
            continue;
        }
        pthread_mutex_lock(&w->lock);
        bool is_second = w->wants_stop && sig != SIGHUP;
        if (sig != SIGHUP) {
            weir_journal_on_purpose(w->journal);
        }
        if (sig == SIGHUP) {
            w->wants_reload = true;
        } else {
            w->wants_stop = true;
        }
        pthread_cond_signal(&w->changed);
        pthread_mutex_unlock(&w->lock);
        if (is_second) {
            worker_die(sig);
        }
    }
    return NULL;
}

static void worker_fatal(void *arg, int exit_code, const char *text)
{
    worker *w = arg;

    weir_log(WEIR_ERROR, "worker.fatal", "exit=%d text=%s", exit_code, text);
    weir_journal_on_purpose(w->journal); /* a mark of `hang` counts all the same */
    pthread_mutex_lock(&w->lock);
    if (w->fatal_code < 0) {
        w->fatal_code = exit_code;
    }
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

static void worker_fate(void *arg, const weir_fate *fate)
{
    worker *w = arg;

    w->setup->fate(w->setup->arg, fate);
}

static void worker_log_setup(const worker *w)
{
    const weir_worker_opts *opts = &w->cfg->worker;
    bool is_terminal = isatty(STDERR_FILENO);
    weir_log_format format = w->cfg->is_log_format_set
                                 ? (weir_log_format)opts->log.format
                                 : (is_terminal ? WEIR_LOG_TEXT : WEIR_LOG_JSON);

    weir_log_setup((weir_level)opts->log.level, format, weir_cli_colour(stderr),
                   opts->name, w->slot.instance);
}

static weir_status worker_build(worker *w, weir_err *err)
{
    weir_status st = weir_config_build(w->cfg, w->slot.instance, &w->plan);

    if (st != WEIR_OK) {
        return weir_fail(err, st, "out of memory");
    }
    w->plan.setup.fate = w->setup->fate == NULL ? NULL : worker_fate;
    w->plan.setup.fatal = worker_fatal;
    w->plan.setup.arg = w;
    w->plan.setup.journal = w->journal;
    st = weir_engine_new(&w->plan.setup, &w->engine, err);
    if (st != WEIR_OK) {
        weir_plan_fini(&w->plan);
        return st;
    }
    st = weir_engine_start(w->engine, err);
    if (st != WEIR_OK) {
        weir_engine_report report;
        weir_engine_stop(w->engine, weir_clock_us(), &report);
        return st;
    }
    weir_admin_engine(w->admin, w->engine);
    return WEIR_OK;
}

/* Drains the engine. True: it is gone and all is committed. False: the process must end. */
static bool worker_drain(worker *w)
{
    weir_engine_report report = { 0 };
    int64_t begin = weir_clock_us();

    weir_engine_stop(w->engine, begin + w->cfg->worker.drain_us, &report);
    weir_admin_engine(w->admin, NULL);
    weir_log(report.is_clean ? WEIR_INFO : WEIR_WARN, "worker.drained",
             "clean=%s open=%zu unsent=%zu took_ms=%lld",
             report.is_clean ? "true" : "false", report.n_open, report.n_unsent,
             (long long)((weir_clock_us() - begin) / 1000));
    if (!report.is_clean || report.is_hung) {
        return false;
    }
    weir_engine_free(w->engine);
    w->engine = NULL;
    weir_plan_fini(&w->plan);
    return true;
}

/* A config that was read again and can be used; NULL: it was refused, which is logged. */
static weir_config *worker_reread(worker *w)
{
    weir_config *cfg = NULL;
    weir_err err = { 0 };
    weir_status st = weir_config_load(w->setup->path, &cfg);

    if (st == WEIR_OK && w->setup->adapt != NULL) {
        st = w->setup->adapt(w->setup->arg, cfg, &err);
    }
    if (st == WEIR_OK) {
        st = weir_config_check_functions(cfg);
    }
    if (st == WEIR_OK) {
        return cfg;
    }
    if (err.text[0] != '\0') {
        weir_log(WEIR_ERROR, "worker.reload_refused", "text=%s", err.text);
    }
    for (size_t i = 0; cfg != NULL && i < cfg->diags.n; i++) {
        const weir_diag *item = &cfg->diags.items[i];
        if (!item->is_warning) {
            weir_log(WEIR_ERROR, "worker.reload_refused", "line=%d column=%d text=%s",
                     item->line, item->column, item->text);
        }
    }
    weir_config_free(cfg);
    return NULL;
}

/* Returns -1 to go on, else the exit code. */
static int worker_reload(worker *w)
{
    weir_err err = { 0 };
    weir_config *cfg = worker_reread(w);

    if (cfg == NULL) {
        return -1;
    }
    weir_notify("RELOADING=1");
    if (!worker_drain(w)) {
        weir_config_free(cfg);
        return WEIR_EXIT_AGAIN;
    }
    weir_config_free(w->cfg);
    w->cfg = cfg;
    worker_log_setup(w);
    weir_status st = worker_build(w, &err);
    if (st != WEIR_OK) {
        weir_log(WEIR_ERROR, "worker.failed", "text=%s", err.text);
        return weir_exit_of(st);
    }
    weir_log(WEIR_INFO, "worker.reloaded", "subscriptions=%zu", w->cfg->n_subs);
    weir_notify("READY=1");
    return -1;
}

/* Tells once that the journal is away; without it a crash blames nobody. */
static void worker_look_at_journal(worker *w)
{
    if (w->journal == NULL || w->is_journal_lost ||
        weir_journal_is_kept(w->journal, w->journal_path)) {
        return;
    }
    w->is_journal_lost = true;
    weir_metric_add(weir_metric_get1(WEIR_M_ALARMS, "journal"), 1);
    weir_log(
        WEIR_ERROR, "worker.journal",
        "text=journal %s: it has been removed or has failed; until the next start an "
        "event that ends the worker is not told from others",
        w->journal_path);
}

/* Until something is wanted, and no longer than WORKER_LOOK_US. */
static void worker_wait_locked(worker *w)
{
    const int64_t until_us = weir_clock_wall_ms() * 1000 + WORKER_LOOK_US;
    const struct timespec until = { .tv_sec = until_us / 1000000,
                                    .tv_nsec = until_us % 1000000 * 1000 };

    (void)pthread_cond_timedwait(&w->changed, &w->lock, &until);
}

/* Waits for orders; returns the exit code that is wanted. */
static int worker_wait(worker *w)
{
    int code = -1;

    while (code < 0) {
        pthread_mutex_lock(&w->lock);
        while (!w->wants_stop && !w->wants_reload && w->fatal_code < 0) {
            worker_wait_locked(w);
            pthread_mutex_unlock(&w->lock);
            worker_look_at_journal(w);
            pthread_mutex_lock(&w->lock);
        }
        bool wants_reload = w->wants_reload && !w->wants_stop && w->fatal_code < 0;
        code = w->fatal_code >= 0 ? w->fatal_code : (w->wants_stop ? WEIR_EXIT_OK : -1);
        w->wants_reload = false;
        pthread_mutex_unlock(&w->lock);
        if (wants_reload) {
            code = worker_reload(w);
        }
    }
    return code;
}

static int worker_run(worker *w)
{
    weir_err err = { 0 };
    weir_status st = weir_admin_start(w->cfg, &w->admin, &err);

    if (st == WEIR_OK) {
        weir_slot_publish(&w->slot, weir_admin_address(w->admin));
        st = worker_build(w, &err);
    }
    if (st != WEIR_OK) {
        weir_log(WEIR_ERROR, "worker.failed", "text=%s", err.text);
        return weir_exit_of(st);
    }
    weir_log(WEIR_INFO, "worker.started", "version=%s subscriptions=%zu", WEIR_VERSION,
             w->cfg->n_subs);
    weir_notify("READY=1");
    int code = worker_wait(w);
    weir_notify("STOPPING=1");
    if (w->engine != NULL && !worker_drain(w)) {
        /* Calls are still open: nothing of theirs may be taken away below them. */
        weir_journal_on_purpose(w->journal);
        _exit(code == WEIR_EXIT_OK ? WEIR_EXIT_AGAIN : code);
    }
    return code;
}

static void worker_adopt(void *arg, const char *path)
{
    weir_journal_adopt(arg, path);
}

/* Without a journal the worker works, and a crash blames nobody. */
static void worker_open_journal(worker *w)
{
    weir_err err;

    if (w->slot.fd < 0) {
        return; /* there is an alarm already */
    }
    weir_slot_journal(w->cfg, w->slot.number, w->journal_path, sizeof(w->journal_path));
    if (weir_journal_open(w->journal_path, &w->journal, &err) != WEIR_OK) {
        weir_metric_add(weir_metric_get1(WEIR_M_ALARMS, "journal"), 1);
        weir_log(WEIR_ERROR, "worker.journal",
                 "text=%s; an event that ends the worker is not told from others",
                 err.text);
        return;
    }
    weir_slot_ended(w->cfg, &w->slot, worker_adopt, w->journal);
    weir_journal_guard(w->journal);
}

int weir_worker_main(const weir_worker_setup *setup, weir_config *cfg)
{
    worker w = { .setup = setup,
                 .cfg = cfg,
                 .fatal_code = -1,
                 .lock = PTHREAD_MUTEX_INITIALIZER,
                 .changed = PTHREAD_COND_INITIALIZER };
    weir_err err = { 0 };
    pthread_t signals;

    weir_status st = weir_slot_take(cfg, &w.slot, &err);
    worker_log_setup(&w);
    if (st != WEIR_OK) {
        weir_metric_add(weir_metric_get1(WEIR_M_ALARMS, "state_dir"), 1);
        weir_log(WEIR_ERROR, "worker.state_dir", "text=%s", err.text);
    }
    worker_open_journal(&w);
    WEIR_ASSERT(pthread_create(&signals, NULL, worker_signals, &w) == 0);
    int code = worker_run(&w);
    weir_admin_stop(w.admin);
    weir_journal_on_purpose(w.journal);
    weir_log(WEIR_INFO, "worker.stopped", "exit=%d", code);
    /* The waiting thread goes with the process; a second signal is served until then. */
    WEIR_ASSERT(pthread_cancel(signals) == 0);
    pthread_join(signals, NULL);
    weir_journal_close(w.journal);
    weir_slot_give(&w.slot);
    weir_config_free(w.cfg);
    weir_metric_fini_all();
    return code;
}
