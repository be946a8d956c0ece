/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_invoke - `weir invoke`: one function, one event, no broker.
 */
#include "worker/app/cli.h"

#include "worker/app/event_text.h"
#include "worker/app/invoke_event.h"
#include "worker/base/clock.h"
#include "worker/base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

typedef struct invoke {
    const weir_config *cfg;
    const weir_config_function *fn;
    const weir_config_sub *sub; /* the first that uses the function; NULL */
    const weir_codec_ops *codec;
    weir_host_info info;
    pthread_mutex_t lock; /* what follows */
    pthread_cond_t changed;
    bool is_completed;
    weir_buf logs;
    const char *addresses[UINT8_MAX];
    size_t n_addresses;
    weir_arena arena;
} invoke;

static int invoke_resolve(void *arg, const char *address, weir_out *out)
{
    invoke *inv = arg;
    weir_address at;
    int code = 0;

    if (address == NULL) {
        address =
            inv->sub != NULL && inv->sub->opts.to != NULL ? inv->sub->opts.to : "";
    } else if (weir_address_parse(address, &at, NULL) != WEIR_OK ||
               weir_config_queue_find(inv->cfg, at.queue) == NULL) {
        return ENXIO;
    }
    pthread_mutex_lock(&inv->lock);
    size_t i = 0;
    while (i < inv->n_addresses && strcmp(inv->addresses[i], address) != 0) {
        i++;
    }
    if (i == inv->n_addresses && i < UINT8_MAX) {
        inv->addresses[i] = weir_arena_strdup(&inv->arena, address);
        inv->n_addresses += inv->addresses[i] != NULL;
    }
    code = i < inv->n_addresses ? 0 : ENXIO;
    out->address = (uint16_t)i;
    pthread_mutex_unlock(&inv->lock);
    return code;
}

static void invoke_completed(void *arg, weir_call *call)
{
    invoke *inv = arg;

    (void)call;
    pthread_mutex_lock(&inv->lock);
    inv->is_completed = true;
    pthread_cond_signal(&inv->changed);
    pthread_mutex_unlock(&inv->lock);
}

static void invoke_log(void *arg, weir_level level, const char *name, const char *line)
{
    invoke *inv = arg;

    (void)level;
    (void)name;
    pthread_mutex_lock(&inv->lock);
    weir_buf_str(&inv->logs, line);
    weir_buf_char(&inv->logs, '\n');
    pthread_mutex_unlock(&inv->lock);
}

static const char *invoke_verdict(weir_verdict verdict)
{
    switch (verdict) {
    case WEIR_DONE:
        return "done";
    case WEIR_REJECT:
        return "reject";
    case WEIR_UNAVAILABLE:
        return "unavailable";
    default:
        return "retry";
    }
}

static void invoke_json(const invoke *inv, const weir_call *call, weir_verdict verdict,
                        int64_t took_us, weir_buf *out)
{
    const char *line = inv->logs.data == NULL ? "" : inv->logs.data;

    weir_buf_printf(out, "{\"function\":\"%s\",\"verdict\":\"%s\",\"took_us\":%lld",
                    inv->fn->name, invoke_verdict(verdict), (long long)took_us);
    if (verdict != WEIR_DONE) {
        weir_buf_str(out, ",\"class\":");
        weir_buf_json(out, weir_slice_of(call->cls));
        weir_buf_str(out, ",\"text\":");
        weir_buf_json(out, weir_slice_of(call->reason));
    }
    weir_buf_str(out, ",\"outputs\":[");
    for (const weir_out *o = verdict == WEIR_DONE ? call->outs : NULL; o != NULL;
         o = o->next) {
        weir_buf_str(out, o == call->outs ? "{\"to\":" : ",{\"to\":");
        weir_buf_json(out, weir_slice_of(inv->addresses[o->address]));
        if (o->key.data != NULL) {
            weir_buf_str(out, ",\"key\":");
            weir_buf_json(out, o->key);
        }
        weir_buf_char(out, ',');
        weir_headers_json(o->headers, o->n_headers, out);
        weir_buf_char(out, ',');
        weir_payload_json(o->data, NULL, out);
        weir_buf_char(out, '}');
    }
    weir_buf_str(out, "],\"logs\":[");
    for (bool is_first = true; *line != '\0'; is_first = false) {
        size_t len = strcspn(line, "\n");
        weir_buf_str(out, is_first ? "" : ",");
        weir_buf_json(out, (weir_slice){ line, len });
        line += len + 1;
    }
    weir_buf_str(out, "]}\n");
}

static void invoke_text(const invoke *inv, const weir_call *call, weir_verdict verdict,
                        int64_t took_us, weir_buf *out)
{
    size_t i = 0;

    weir_buf_printf(out, "verdict: %s", invoke_verdict(verdict));
    if (verdict != WEIR_DONE && call->cls[0] != '\0') {
        weir_buf_printf(out, " (%s)", call->cls);
    }
    weir_buf_str(out, verdict != WEIR_DONE && call->reason[0] != '\0' ? ": " : "");
    weir_buf_str(out, verdict != WEIR_DONE ? call->reason : "");
    weir_buf_printf(out, "\ntime: %lld us\n", (long long)took_us);
    for (const weir_out *o = verdict == WEIR_DONE ? call->outs : NULL; o != NULL;
         o = o->next) {
        const char *to = inv->addresses[o->address];
        weir_buf_printf(out, "output %zu: %s  key=", ++i,
                        to[0] == '\0' ? "(no `to`)" : to);
        weir_bytes_text(o->key, out);
        for (size_t k = 0; k < o->n_headers; k++) {
            weir_buf_printf(out, "  %s=", o->headers[k].name);
            weir_bytes_text(o->headers[k].value, out);
        }
        weir_buf_str(out, "  ");
        weir_bytes_text(o->data, out);
        weir_buf_char(out, '\n');
    }
    if (inv->logs.len > 0) {
        weir_buf_str(out, "logs:\n");
        weir_buf_add(out, inv->logs.data, inv->logs.len);
    }
}

static int invoke_code(weir_verdict verdict)
{
    return verdict == WEIR_DONE     ? WEIR_EXIT_OK
           : verdict == WEIR_REJECT ? WEIR_EXIT_DATA
                                    : WEIR_EXIT_AGAIN;
}

/* Runs the event and prints what came of it. */
static int invoke_call(invoke *inv, const weir_cli *cli, void *host, void *local,
                       weir_event *ev, weir_arena *arena)
{
    const weir_call_env env = { .arg = inv,
                                .function = inv->fn->name,
                                .sub = inv->sub == NULL ? "invoke" : inv->sub->name,
                                .is_replay = false,
                                .has_to = inv->sub == NULL || inv->sub->opts.to != NULL,
                                .max_output = (size_t)inv->cfg->worker.max_event,
                                .max_outputs = (size_t)inv->cfg->worker.max_bytes / 2,
                                .resolve = invoke_resolve,
                                .completed = invoke_completed };
    int64_t timeout_us = inv->sub == NULL ? WEIR_NEVER : inv->sub->opts.timeout_us;
    int64_t begin_us = weir_clock_us();
    weir_call call = { 0 };
    weir_call *calls[] = { &call };
    bool is_final = false, is_free = false;
    weir_buf out = { 0 };

    weir_call_begin(&call, ev, arena, &env, 1,
                    timeout_us == WEIR_NEVER ? WEIR_NEVER : begin_us + timeout_us);
    call.local = local;
    inv->fn->type->ops->run(host, local, calls, 1, &is_final);
    pthread_mutex_lock(&inv->lock);
    while (!is_final && !inv->is_completed) {
        pthread_cond_wait(&inv->changed, &inv->lock);
    }
    pthread_mutex_unlock(&inv->lock);
    int64_t took_us = weir_clock_us() - begin_us;
    weir_verdict verdict = weir_call_settle(&call, &is_free);
    if (weir_cli_wants_json(cli)) {
        invoke_json(inv, &call, verdict, took_us, &out);
    } else {
        invoke_text(inv, &call, verdict, took_us, &out);
    }
    int code = weir_cli_print(&out);
    weir_buf_fini(&out);
    return code == WEIR_EXIT_OK ? invoke_code(verdict) : code;
}

static int invoke_start(invoke *inv, const weir_cli *cli, void *host, weir_event *ev,
                        weir_arena *arena)
{
    const weir_host_ops *ops = inv->fn->type->ops;
    weir_err err = { 0 };
    void *local = NULL;
    weir_status st = ops->start(host, &err);

    if (st != WEIR_OK) {
        return weir_cli_fail(weir_exit_of(st), "%s", err.text);
    }
    st = ops->thread_init(host, &local);
    if (st != WEIR_OK) {
        return weir_cli_fail(WEIR_EXIT_AGAIN, "function %s: its thread_init failed",
                             inv->fn->name);
    }
    int code = invoke_call(inv, cli, host, local, ev, arena);
    ops->thread_fini(host, local);
    return code;
}

static int invoke_read(invoke *inv, const weir_cli *cli, weir_event *ev)
{
    const char *path = weir_cli_get(cli, "event");
    const char *format = weir_cli_get(cli, "format");
    weir_buf text = { 0 };
    weir_err err = { 0 };
    weir_status st = weir_invoke_read(path == NULL ? "-" : path, &text, &err);

    if (st == WEIR_OK) {
        st = format != NULL
                 ? weir_invoke_raw(weir_buf_slice(&text), inv->codec->format, ev, &err)
                 : weir_invoke_event(weir_buf_slice(&text), ev, &err);
    }
    weir_buf_fini(&text);
    if (st == WEIR_OK && ev->data.data != NULL) {
        st = inv->codec->decode(ev, &err);
        st = st == WEIR_OK || st == WEIR_ENOMEM ? st : WEIR_EDATA;
    }
    if (st != WEIR_OK) {
        return weir_cli_fail(weir_exit_of(st), "event: %s", err.text);
    }
    ev->is_decoded = true;
    return WEIR_EXIT_OK;
}

/* --format, else that of the subscription, else what the function needs. */
static int invoke_codec(invoke *inv, const weir_cli *cli)
{
    const char *format = weir_cli_get(cli, "format");
    const weir_opt *row = weir_opt_find(weir_sub_rows, "format");

    if (format == NULL && inv->sub != NULL) {
        format = row->words[inv->sub->opts.format];
    } else if (format == NULL) {
        format = inv->info.wants_value ? "json" : "raw";
    }
    inv->codec = weir_codec_find(format);
    if (inv->codec == NULL) {
        return weir_cli_usage(cli, "--format takes raw, json, msgpack or cloudevents");
    }
    if (inv->info.wants_value && !inv->codec->gives_value) {
        return weir_cli_fail(WEIR_EXIT_CONFIG,
                             "function %s reads decoded values: --format raw has none",
                             inv->fn->name);
    }
    return WEIR_EXIT_OK;
}

static int invoke_function(invoke *inv, const weir_cli *cli)
{
    const weir_host_ops *ops = inv->fn->type->ops;
    const char *json = inv->fn->type->config(inv->fn->opts);
    weir_host_setup setup = { inv->fn->name, inv->fn->opts, inv->cfg->base_dir,
                              json == NULL ? "null" : json };
    weir_err err = { 0 };
    weir_arena ev_arena, out_arena;
    weir_event ev;
    void *host = calloc(1, ops->size);

    if (host == NULL) {
        return weir_cli_fail(WEIR_EXIT_INTERNAL, "out of memory");
    }
    weir_status st = ops->open(host, &setup, &err);
    if (st != WEIR_OK) {
        free(host);
        return weir_cli_fail(WEIR_EXIT_CONFIG, "%s", err.text);
    }
    weir_arena_init(&ev_arena, 0);
    weir_arena_init(&out_arena, 0);
    weir_ev_begin(&ev, &ev_arena);
    ops->info(host, &inv->info);
    int code = invoke_codec(inv, cli);
    if (code == WEIR_EXIT_OK) {
        code = invoke_read(inv, cli, &ev);
    }
    if (code == WEIR_EXIT_OK) {
        code = invoke_start(inv, cli, host, &ev, &out_arena);
    }
    ops->close(host);
    weir_ev_end(&ev);
    weir_arena_fini(&ev_arena);
    weir_arena_fini(&out_arena);
    free(host);
    return code;
}

int weir_cmd_invoke(const weir_cli *cli)
{
    weir_config *cfg = NULL;
    int code = weir_cli_load(cli, false, &cfg);

    if (code != WEIR_EXIT_OK) {
        return code;
    }
    invoke inv = { .cfg = cfg,
                   .fn = weir_config_function_find(cfg, cli->args[0]),
                   .lock = PTHREAD_MUTEX_INITIALIZER,
                   .changed = PTHREAD_COND_INITIALIZER };
    if (inv.fn == NULL) {
        code =
            weir_cli_fail(WEIR_EXIT_USAGE,
                          "there is no `%s` under `functions:` of %s; `weir functions` "
                          "lists them",
                          cli->args[0], cfg->path);
        weir_config_free(cfg);
        return code;
    }
    for (size_t i = cfg->n_subs; i-- > 0;) {
        if (&cfg->functions[cfg->subs[i].function] == inv.fn) {
            inv.sub = &cfg->subs[i];
        }
    }
    weir_arena_init(&inv.arena, 0);
    weir_log_setup(WEIR_DEBUG, WEIR_LOG_TEXT, false, NULL, NULL);
    weir_log_redirect(invoke_log, &inv);
    code = invoke_function(&inv, cli);
    weir_log_redirect(NULL, NULL);
    weir_buf_fini(&inv.logs);
    weir_arena_fini(&inv.arena);
    weir_config_free(cfg);
    return code;
}
