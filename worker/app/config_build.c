/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_build - the engine's setup, made from a configuration without errors.
 */
#include "worker/app/config_private.h"

#include "worker/base/check.h"

#include <stdlib.h>

static bool build_queues(const weir_config *cfg, weir_plan *plan)
{
    weir_engine_queue *queues =
        weir_arena_zalloc(&plan->arena, (cfg->n_queues + 1) * sizeof(*queues));

    for (size_t i = 0; queues != NULL && i < cfg->n_queues; i++) {
        queues[i] = (weir_engine_queue){ cfg->queues[i].name, cfg->queues[i].type->sink,
                                         cfg->queues[i].opts };
    }
    plan->setup.queues = queues;
    plan->setup.n_queues = cfg->n_queues;
    return queues != NULL;
}

static bool build_hosts(const weir_config *cfg, weir_plan *plan)
{
    weir_engine_host *hosts =
        weir_arena_zalloc(&plan->arena, (cfg->n_functions + 1) * sizeof(*hosts));

    for (size_t i = 0; hosts != NULL && i < cfg->n_functions; i++) {
        const weir_config_function *fn = &cfg->functions[i];
        const char *json = fn->type->config(fn->opts);

        hosts[i].ops = fn->type->ops;
        hosts[i].setup = (weir_host_setup){ fn->name, fn->opts, cfg->base_dir,
                                            json == NULL ? "null" : json };
    }
    plan->setup.hosts = hosts;
    plan->setup.n_hosts = cfg->n_functions;
    return hosts != NULL;
}

/* Adds the topic of an address if it is on that queue. */
static void build_never_add(const weir_config *cfg, size_t queue, const char *address,
                            const char **never, size_t *n)
{
    const char *name = cfg->queues[queue].name;
    size_t len = strlen(name);

    if (address != NULL && strncmp(address, name, len) == 0 && address[len] == ':') {
        never[(*n)++] = address + len + 1;
    }
}

/* Every `to` and `dead` of the file on a queue: what no pattern may match. */
static bool build_never(const weir_config *cfg, weir_plan *plan, size_t queue,
                        weir_source_setup *setup)
{
    const char **never =
        weir_arena_zalloc(&plan->arena, (2 * cfg->n_subs + 1) * sizeof(*never));

    for (size_t i = 0; never != NULL && i < cfg->n_subs; i++) {
        build_never_add(cfg, queue, cfg->subs[i].opts.to, never, &setup->n_never);
        build_never_add(cfg, queue, cfg->subs[i].dead, never, &setup->n_never);
    }
    setup->never = never;
    return never != NULL;
}

static bool build_source(const weir_config *cfg, const weir_config_sub *from,
                         size_t queue, const char *instance, weir_plan *plan,
                         weir_sub_source *out)
{
    const char **topics =
        weir_arena_zalloc(&plan->arena, (from->n_from + 1) * sizeof(*topics));
    size_t n = 0;

    for (size_t i = 0; topics != NULL && i < from->n_from; i++) {
        if (from->from[i].queue == queue) {
            topics[n++] = from->from[i].topic;
        }
    }
    out->ops = cfg->queues[queue].type->source;
    out->queue = queue;
    out->setup = (weir_source_setup){
        .queue = cfg->queues[queue].opts,
        .queue_name = cfg->queues[queue].name,
        .topics = topics,
        .n_topics = n,
        .sub_name = from->name,
        .group = from->group,
        .service = cfg->worker.name,
        .instance = instance,
        .start = from->start,
        .start_ms = from->start_ms,
        .stop_on_lost_position = from->opts.on_lost_position == 0,
        .commit_us = from->opts.commit_us,
        .handover_us = from->opts.handover_us,
        .claim_after_us = from->opts.claim_after_us,
        .is_single = from->opts.is_single,
        .is_static = from->opts.is_static,
        .assignor = from->opts.assignor,
        .data_field = from->opts.fields.data,
        .key_field = from->opts.fields.key,
    };
    return topics != NULL && build_never(cfg, plan, queue, &out->setup);
}

static bool build_sources(const weir_config *cfg, const weir_config_sub *from,
                          const char *instance, weir_plan *plan, weir_sub *sub)
{
    sub->sources =
        weir_arena_zalloc(&plan->arena, (from->n_from + 1) * sizeof(*sub->sources));
    for (size_t i = 0; sub->sources != NULL && i < from->n_from; i++) {
        bool is_known = false;
        for (size_t k = 0; k < sub->n_sources; k++) {
            is_known = is_known || sub->sources[k].queue == from->from[i].queue;
        }
        if (!is_known && !build_source(cfg, from, from->from[i].queue, instance, plan,
                                       &sub->sources[sub->n_sources++])) {
            return false;
        }
    }
    return sub->sources != NULL;
}

static bool build_sub(const weir_config *cfg, const weir_config_sub *from,
                      const char *instance, weir_plan *plan, weir_sub *sub)
{
    const weir_opt *format = weir_opt_find(weir_sub_rows, "format");
    const weir_codec_ops *codec = weir_codec_find(format->words[from->opts.format]);

    WEIR_ASSERT(codec != NULL);
    *sub = (weir_sub){
        .name = from->name,
        .group = from->group,
        .host = from->function,
        .codec = codec,
        .order = from->order,
        .key_pointer = from->order == WEIR_ORDER_KEY ? from->key_pointer : NULL,
        .filter = from->filter,
        .concurrency = from->concurrency,
        .timeout_us = from->opts.timeout_us,
        .hang_us = from->opts.hang_us,
        .batch = { (uint32_t)from->opts.batch.max, from->opts.batch.wait_us,
                   from->opts.batch.bytes },
        .retry = { .attempts = (uint32_t)from->opts.retry.attempts,
                   .backoff = (weir_backoff)from->opts.retry.backoff,
                   .jitter = (weir_jitter)from->opts.retry.jitter,
                   .first_us = from->opts.retry.first_us,
                   .max_us = from->opts.retry.max_us,
                   .give_up_us = from->opts.retry.give_up_us,
                   .crashes = (uint32_t)from->opts.retry.crashes },
        .max_age_us = from->opts.max_age_us,
        .to = from->opts.to,
        .dead_mode = from->dead_mode,
        .dead = from->dead,
        .stamp = from->opts.stamp,
        .is_paused = from->opts.is_paused,
        .settler = from->opts.delivery == 1
                       ? cfg->queues[from->from[0].queue].type->settler
                       : NULL,
        .acks_first = from->opts.delivery == 2,
        .transaction_us = from->opts.transaction_us,
    };
    return build_sources(cfg, from, instance, plan, sub);
}

weir_status weir_config_build(const weir_config *cfg, const char *instance,
                              weir_plan *out)
{
    *out = (weir_plan){ 0 };
    weir_arena_init(&out->arena, 16384);
    weir_sub *subs = weir_arena_zalloc(&out->arena, (cfg->n_subs + 1) * sizeof(*subs));
    bool is_ok = subs != NULL && build_queues(cfg, out) && build_hosts(cfg, out);

    for (size_t i = 0; is_ok && i < cfg->n_subs; i++) {
        is_ok = build_sub(cfg, &cfg->subs[i], instance, out, &subs[i]);
    }
    if (!is_ok) {
        weir_plan_fini(out);
        return WEIR_ENOMEM;
    }
    out->setup.service = cfg->worker.name;
    out->setup.instance = instance;
    out->setup.threads = (uint32_t)cfg->worker.threads;
    out->setup.stack = (size_t)cfg->worker.stack;
    out->setup.max_events = (size_t)cfg->worker.max_events;
    out->setup.max_bytes = (size_t)cfg->worker.max_bytes;
    out->setup.max_event = (size_t)cfg->worker.max_event;
    out->setup.drain_us = cfg->worker.drain_us;
    out->setup.subs = subs;
    out->setup.n_subs = cfg->n_subs;
    return WEIR_OK;
}

void weir_plan_fini(weir_plan *plan)
{
    weir_arena_fini(&plan->arena);
    *plan = (weir_plan){ 0 };
}

static void check_function(weir_config *cfg, const weir_config_sub *sub,
                           const weir_config_function *fn, const weir_host_info *info)
{
    const weir_yaml *at = weir_yaml_get(sub->node, "function");

    if (info->wants_value && sub->opts.format == 0) {
        const weir_yaml *format = weir_yaml_get(sub->node, "format");
        weir_diag_error(
            &cfg->diags, WEIR_AT(format, at),
            "function `%s` reads decoded values: `format: raw` has none; choose "
            "json, msgpack or cloudevents",
            fn->name);
    }
    if (sub->opts.batch.max > 1 && !info->is_batch) {
        const weir_yaml *batch = weir_yaml_get(sub->node, "batch");
        weir_diag_error(&cfg->diags, WEIR_AT(batch, at),
                        "function `%s` has no batch handler: `batch.max` must be 1",
                        fn->name);
    }
}

weir_status weir_config_check_functions(weir_config *cfg)
{
    for (size_t i = 0; i < cfg->n_functions; i++) {
        const weir_config_function *fn = &cfg->functions[i];

        if (fn->is_wrong) {
            continue; /* it was told already */
        }
        const char *json = fn->type->config(fn->opts);
        weir_host_setup setup = { fn->name, fn->opts, cfg->base_dir,
                                  json == NULL ? "null" : json };
        weir_host_info info = { 0 };
        weir_err err = { 0 };
        void *host = calloc(1, fn->type->ops->size);

        if (host == NULL) {
            return WEIR_ENOMEM;
        }
        if (fn->type->ops->open(host, &setup, &err) != WEIR_OK) {
            const weir_yaml *at = weir_yaml_get(fn->node, fn->type->name);
            weir_diag_error(&cfg->diags, WEIR_AT(at, fn->key), "function `%s`: %s",
                            fn->name, err.text);
            free(host);
            continue;
        }
        fn->type->ops->info(host, &info);
        for (size_t k = 0; k < cfg->n_subs; k++) {
            if (cfg->subs[k].function == i) {
                check_function(cfg, &cfg->subs[k], fn, &info);
            }
        }
        fn->type->ops->close(host);
        free(host);
    }
    return cfg->diags.n_errors > 0 ? WEIR_ECONFIG : WEIR_OK;
}
