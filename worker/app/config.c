/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config - see config.h. Here: reading the file, `worker`, `queues` and `functions`.
 */
#include "worker/app/config_private.h"
#include "worker/app/core_files.h"

#include "worker/app/admin.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define NAME_MAX_LEN 63

/* A name that may stand in addresses, groups and metrics. */
static bool config_name_ok(const char *name)
{
    size_t len = strlen(name);

    if (len == 0 || len > NAME_MAX_LEN || name[0] == '.' || name[0] == '-') {
        return false;
    }
    for (const char *at = name; *at != '\0'; at++) {
        if (!isalnum((unsigned char)*at) && strchr("._-", *at) == NULL) {
            return false;
        }
    }
    return true;
}

static void config_name_check(weir_config *cfg, const weir_yaml *at, const char *what,
                              const char *name)
{
    if (!config_name_ok(name)) {
        weir_diag_error(
            &cfg->diags, at->line, at->column,
            "%s `%s`: 1 to %d of the characters a-z A-Z 0-9 . _ -, beginning "
            "with a letter, digit or _",
            what, name, NAME_MAX_LEN);
    }
}

static const char *const config_top_words[] = { "worker", "queues", "functions",
                                                "subscriptions", NULL };

static void config_top(weir_config *cfg)
{
    const weir_yaml *root = cfg->root;

    for (size_t i = 0; i < root->n; i++) {
        const weir_yaml *key = root->pairs[i].key;
        bool is_known = false;

        for (size_t w = 0; config_top_words[w] != NULL; w++) {
            is_known = is_known || strcmp(key->text, config_top_words[w]) == 0;
        }
        if (is_known || strncmp(key->text, "x-", 2) == 0) {
            continue; /* x-anything is a place for anchors */
        }
        const char *near = weir_word_nearest(config_top_words, key->text);
        weir_diag_error(&cfg->diags, key->line, key->column,
                        near == NULL ? "unknown key `%s`"
                                     : "unknown key `%s`; did you mean `%s`?",
                        key->text, near);
    }
}

/* `admin` or `probes`, which must be something to listen on. */
static void config_address(weir_config *cfg, const weir_yaml *worker, const char *key,
                           const char *address, bool is_open)
{
    const weir_yaml *at = weir_yaml_get(worker, key);
    const char *wrong = weir_admin_wrong(address, is_open);

    if (at != NULL && wrong != NULL) {
        weir_diag_error(&cfg->diags, at->line, at->column, "`%s`: `%s`: %s", key,
                        address, wrong);
    }
}

static void config_worker(weir_config *cfg)
{
    weir_yaml *node = weir_yaml_get(cfg->root, "worker");
    weir_opt_part part = { weir_worker_rows, &cfg->worker };

    weir_config_bind(&cfg->diags, node, "worker", &part, 1,
                     node == NULL ? cfg->root : node);
    cfg->is_log_format_set =
        weir_yaml_get(weir_yaml_get(node, "log"), "format") != NULL;
    if (cfg->worker.name != NULL) {
        config_name_check(cfg, weir_yaml_get(node, "name"), "worker.name",
                          cfg->worker.name);
    }
    if (cfg->worker.instance != NULL) {
        config_name_check(cfg, weir_yaml_get(node, "instance"), "worker.instance",
                          cfg->worker.instance);
    }
    config_address(cfg, node, "admin", cfg->worker.admin,
                   cfg->worker.admin_token != NULL);
    config_address(cfg, node, "probes", cfg->worker.probes, true);
    if (cfg->worker.max_event > cfg->worker.max_bytes) {
        const weir_yaml *at = weir_yaml_get(node, "max_event");
        at = at == NULL ? weir_yaml_get(node, "max_bytes") : at;
        weir_diag_error(&cfg->diags, WEIR_AT(at, cfg->root),
                        "`max_event` is larger than `max_bytes`");
    }
}

typedef struct config_say {
    weir_config *cfg;
    const weir_yaml *key;
} config_say;

static void config_queue_say(void *arg, int line, int column, bool is_error,
                             const char *text)
{
    const config_say *say = arg;
    void (*add)(weir_diags *, int, int, const char *, ...) =
        is_error ? weir_diag_error : weir_diag_warn;

    add(&say->cfg->diags, line > 0 ? line : say->key->line,
        line > 0 ? column : say->key->column, "queue `%s`: %s", say->key->text, text);
}

/* Whether all that a queue cannot do without was given, so that the rest can be checked. */
static bool config_is_whole(const weir_opt *rows, const weir_yaml *node)
{
    for (; rows->name != NULL; rows++) {
        const weir_yaml *value = weir_yaml_get(node, rows->name);

        if (rows->is_required && (value == NULL || value->kind != WEIR_YAML_SCALAR ||
                                  value->text[0] == '\0')) {
            return false;
        }
    }
    return true;
}

static void config_queue(weir_config *cfg, const weir_yaml_pair *pair)
{
    weir_config_queue *queue = &cfg->queues[cfg->n_queues];
    weir_err err = { 0 };
    char what[96];
    struct {
        int type;
    } head = { 0 };
    const weir_opt head_rows[] = {
        { .name = "type",
          .type = WEIR_OPT_ENUM,
          .words = weir_queue_type_words,
          .is_required = true,
          .help = "what kind of queue this is" },
        { .name = NULL },
    };

    config_name_check(cfg, pair->key, "queue", pair->key->text);
    snprintf(what, sizeof(what), "queue `%.64s`", pair->key->text);
    const weir_yaml *type = weir_yaml_get(pair->value, "type");
    if (type == NULL ||
        weir_opt_set(head_rows, &head, type->text == NULL ? "" : type->text, &err) !=
            WEIR_OK) {
        weir_yaml only = *pair->value;
        only.n = only.kind == WEIR_YAML_MAP && type != NULL ? 1 : 0;
        weir_yaml_pair type_pair = { pair->key, pair->value, false };
        for (size_t i = 0; i < pair->value->n && pair->value->kind == WEIR_YAML_MAP;
             i++) {
            if (pair->value->pairs[i].value == type) {
                type_pair = pair->value->pairs[i];
            }
        }
        only.pairs = &type_pair;
        weir_config_bind(&cfg->diags, &only, what, &(weir_opt_part){ head_rows, &head },
                         1, pair->key);
        return;
    }
    queue->name = pair->key->text;
    queue->type = weir_queue_types[head.type];
    queue->node = pair->value;
    queue->opts = calloc(1, queue->type->opts_size);
    if (queue->opts == NULL ||
        weir_opt_defaults(queue->type->rows, queue->opts, &err) != WEIR_OK) {
        weir_diag_error(&cfg->diags, 0, 0, "out of memory");
        free(queue->opts);
        return;
    }
    cfg->n_queues++;
    weir_opt_part parts[] = { { queue->type->rows, queue->opts },
                              { head_rows, &head } };
    weir_config_bind(&cfg->diags, pair->value, what, parts, 2, pair->key);
    if (queue->type->check != NULL && config_is_whole(queue->type->rows, pair->value)) {
        config_say say = { cfg, pair->key };
        queue->type->check(queue->opts, config_queue_say, &say);
    }
}

/* A part of the file that is a map of named entries. NULL: absent or wrong. */
static const weir_yaml *config_section(weir_config *cfg, const char *name)
{
    const weir_yaml *node = weir_yaml_get(cfg->root, name);

    if (node == NULL || weir_yaml_is_null(node)) {
        return NULL;
    }
    if (node->kind != WEIR_YAML_MAP) {
        weir_diag_error(&cfg->diags, node->line, node->column,
                        "`%s` takes a map of names to settings, not %s", name,
                        weir_yaml_kind_text(node));
        return NULL;
    }
    return node;
}

static void config_queues(weir_config *cfg)
{
    const weir_yaml *node = config_section(cfg, "queues");

    if (node == NULL || node->n == 0) {
        return;
    }
    cfg->queues = weir_arena_zalloc(&cfg->arena, node->n * sizeof(*cfg->queues));
    if (cfg->queues == NULL) {
        weir_diag_error(&cfg->diags, 0, 0, "out of memory");
    }
    for (size_t i = 0; cfg->queues != NULL && i < node->n; i++) {
        config_queue(cfg, &node->pairs[i]);
    }
}

/* Which type an entry is of: the one whose key it has; the first if it has none. */
static const weir_host_type *config_host_type(const weir_yaml *node)
{
    for (const weir_host_type *type = weir_host_types; type->name != NULL; type++) {
        if (weir_yaml_get(node, type->name) != NULL) {
            return type;
        }
    }
    return &weir_host_types[0];
}

static void config_function(weir_config *cfg, const weir_yaml_pair *pair)
{
    weir_config_function *fn = &cfg->functions[cfg->n_functions];
    weir_err err = { 0 };
    char what[96];

    config_name_check(cfg, pair->key, "function", pair->key->text);
    fn->name = pair->key->text;
    fn->key = pair->key;
    fn->node = pair->value;
    fn->type = config_host_type(pair->value);
    fn->opts = calloc(1, fn->type->opts_size);
    if (fn->opts == NULL ||
        weir_opt_defaults(fn->type->rows, fn->opts, &err) != WEIR_OK) {
        weir_diag_error(&cfg->diags, 0, 0, "out of memory");
        free(fn->opts);
        return;
    }
    cfg->n_functions++;
    snprintf(what, sizeof(what), "function `%.64s`", fn->name);
    size_t n_before = cfg->diags.n_errors;
    weir_config_bind(&cfg->diags, pair->value, what,
                     &(weir_opt_part){ fn->type->rows, fn->opts }, 1, pair->key);
    fn->is_wrong = cfg->diags.n_errors > n_before;
}

static void config_functions(weir_config *cfg)
{
    const weir_yaml *node = config_section(cfg, "functions");

    if (node == NULL || node->n == 0) {
        return;
    }
    cfg->functions = weir_arena_zalloc(&cfg->arena, node->n * sizeof(*cfg->functions));
    if (cfg->functions == NULL) {
        weir_diag_error(&cfg->diags, 0, 0, "out of memory");
    }
    for (size_t i = 0; cfg->functions != NULL && i < node->n; i++) {
        config_function(cfg, &node->pairs[i]);
    }
}

static weir_status config_fill(weir_config *cfg)
{
    weir_err err = { 0 };

    if (weir_opt_defaults(weir_worker_rows, &cfg->worker, &err) != WEIR_OK) {
        return WEIR_ENOMEM;
    }
    if (cfg->root == NULL || cfg->root->kind != WEIR_YAML_MAP) {
        weir_diag_error(
            &cfg->diags, cfg->root == NULL ? 0 : cfg->root->line,
            cfg->root == NULL ? 0 : cfg->root->column,
            "the file must be a map with `worker`, `queues`, `functions` and "
            "`subscriptions`");
        return WEIR_ECONFIG;
    }
    config_top(cfg);
    config_worker(cfg);
    config_queues(cfg);
    config_functions(cfg);
    weir_config_subs(cfg, weir_yaml_get(cfg->root, "subscriptions"));
    weir_config_rules(cfg);
    return cfg->diags.n_errors > 0 ? WEIR_ECONFIG : WEIR_OK;
}

static char *config_dir(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL) {
        return strdup(".");
    }
    return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

static weir_config *config_new(const char *path)
{
    weir_config *cfg = calloc(1, sizeof(*cfg));

    if (cfg == NULL) {
        return NULL;
    }
    weir_arena_init(&cfg->arena, 16384);
    cfg->path = strdup(path);
    cfg->base_dir = config_dir(path);
    if (cfg->path == NULL || cfg->base_dir == NULL) {
        weir_config_free(cfg);
        return NULL;
    }
    cfg->diags.path = cfg->path;
    return cfg;
}

static weir_status config_read(weir_config *cfg, weir_slice bytes)
{
    weir_yaml *root = NULL;

    cfg->diags.source = bytes;
    weir_status st = weir_yaml_read(bytes, &cfg->arena, &cfg->diags, &root);
    if (st != WEIR_OK) {
        return st;
    }
    cfg->root = root;
    if (root != NULL) {
        weir_config_expand(root, &cfg->arena, cfg->base_dir, &cfg->diags);
    }
    return config_fill(cfg);
}

weir_status weir_config_parse(const char *path, weir_slice bytes, weir_config **out)
{
    weir_config *cfg = config_new(path);

    if (cfg == NULL || (cfg->source = malloc(bytes.len + 1)) == NULL) {
        weir_config_free(cfg);
        return WEIR_ENOMEM;
    }
    if (bytes.len > 0) {
        memcpy(cfg->source, bytes.data, bytes.len);
    }
    cfg->source[bytes.len] = '\0';
    weir_status st = config_read(cfg, (weir_slice){ cfg->source, bytes.len });
    if (st == WEIR_ENOMEM) {
        weir_config_free(cfg);
        return st;
    }
    *out = cfg;
    return st;
}

weir_status weir_config_load(const char *path, weir_config **out)
{
    weir_buf buf = { 0 };
    FILE *file = fopen(path, "re");
    size_t n = 0;
    char chunk[16384];

    while (file != NULL && buf.len <= WEIR_YAML_BYTES &&
           (n = fread(chunk, 1, sizeof(chunk), file)) > 0) {
        weir_buf_add(&buf, chunk, n);
    }
    int failure = file == NULL || ferror(file) ? errno : 0;
    if (file != NULL) {
        fclose(file);
    }
    if (buf.has_failed) {
        weir_buf_fini(&buf);
        return WEIR_ENOMEM;
    }
    if (failure == 0) {
        weir_status st = weir_config_parse(path, weir_buf_slice(&buf), out);
        weir_buf_fini(&buf);
        if (*out == NULL || !(*out)->worker.core_files) {
            /* here, because from here on secrets are in memory */
            weir_core_files_off();
        }
        return st;
    }
    weir_buf_fini(&buf);
    weir_config *cfg = config_new(path);
    if (cfg == NULL) {
        return WEIR_ENOMEM;
    }
    weir_diag_error(&cfg->diags, 0, 0, "cannot read it: %s", strerror(failure));
    *out = cfg;
    return WEIR_ECONFIG;
}

void weir_config_free(weir_config *cfg)
{
    if (cfg == NULL) {
        return;
    }
    for (size_t i = 0; i < cfg->n_queues; i++) {
        weir_opt_fini(cfg->queues[i].type->rows, cfg->queues[i].opts);
        free(cfg->queues[i].opts);
    }
    for (size_t i = 0; i < cfg->n_functions; i++) {
        weir_opt_fini(cfg->functions[i].type->rows, cfg->functions[i].opts);
        free(cfg->functions[i].opts);
    }
    for (size_t i = 0; i < cfg->n_subs; i++) {
        weir_opt_fini(weir_sub_rows, &cfg->subs[i].opts);
        weir_pointer_free(cfg->subs[i].key_pointer);
        weir_filter_free(cfg->subs[i].filter);
    }
    weir_opt_fini(weir_worker_rows, &cfg->worker);
    weir_diags_fini(&cfg->diags);
    weir_arena_fini(&cfg->arena);
    free(cfg->path);
    free(cfg->base_dir);
    free(cfg->source);
    free(cfg);
}

const weir_config_queue *weir_config_queue_find(const weir_config *cfg,
                                                const char *name)
{
    for (size_t i = 0; i < cfg->n_queues; i++) {
        if (strcmp(cfg->queues[i].name, name) == 0) {
            return &cfg->queues[i];
        }
    }
    return NULL;
}

const weir_config_function *weir_config_function_find(const weir_config *cfg,
                                                      const char *name)
{
    for (size_t i = 0; i < cfg->n_functions; i++) {
        if (strcmp(cfg->functions[i].name, name) == 0) {
            return &cfg->functions[i];
        }
    }
    return NULL;
}
