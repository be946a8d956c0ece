/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * library - see library.h. Loads, checks and calls functions of shared objects.
 */
#include "handlers/library.h"

#include "handlers/env.h"
#include "schemas/codec.h"
#include "worker/base/buf.h"
#include "worker/base/check.h"

#include <dlfcn.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LIBRARY_TAG WEIR_TAG('l', 'i', 'b', '1')
#define LIBRARY_SYMBOL "weir_library"
#define LIBRARY_FUNCTIONS_MAX 4096 /* more is not a table but damage */
#define LIBRARY_BATCH_ON_STACK 256

typedef struct library_host {
    uint32_t tag;
    bool is_started;
    bool has_env;
    char *name; /* of the entry */
    char *path; /* what was loaded, for people */
    const char *config_json;
    weir_json *config; /* the same, decoded; from start to close */
    /* a copy; zeroed where an older library's struct is shorter */
    weir_function fn;
    void *state;
} library_host;

const weir_opt weir_library_rows[] = {
    { .name = "library",
      .type = WEIR_OPT_STRING,
      .offset = offsetof(weir_library_opts, library),
      .is_required = true,
      .help = "shared object with the function; a path with a slash starts at the "
              "folder of this file, a bare name is also searched as the loader does" },
    { .name = "symbol",
      .type = WEIR_OPT_STRING,
      .offset = offsetof(weir_library_opts, symbol),
      .help = "name in the table of the library; default: the name of the entry" },
    { .name = "config",
      .type = WEIR_OPT_TREE,
      .offset = offsetof(weir_library_opts, config),
      .help = "any YAML; the function's init gets it as JSON" },
    { .name = "env",
      .type = WEIR_OPT_MAP,
      .offset = offsetof(weir_library_opts, env),
      .help =
          "environment variables, set before the library is loaded; a process has one "
          "environment, so two functions may not differ in one" },
    { .name = NULL },
};

/* -- loading ------------------------------------------------------------------------------ */

/* The path to give to the loader; the caller frees it. NULL: out of memory. */
static char *library_path(const char *library, const char *base_dir)
{
    const char *rest = library;
    char *path = NULL;

    if (library[0] == '/' || base_dir == NULL || base_dir[0] == '\0') {
        return strdup(library);
    }
    if (strncmp(library, "./", 2) == 0) {
        rest += 2; /* "./x.so" is said as "DIR/x.so" */
    }
    if (asprintf(&path, "%s/%s", base_dir, rest) < 0) {
        return NULL;
    }
    if (strchr(library, '/') == NULL && access(path, F_OK) != 0) {
        free(path);
        return strdup(library);
    }
    return path;
}

static weir_status library_load(library_host *lib, const weir_library_opts *opts,
                                const char *base_dir, const weir_library_table **out,
                                weir_err *err)
{
    const weir_library_table *table;
    struct link_map *map = NULL;
    const char *why;
    void *handle;

    if ((lib->path = library_path(opts->library, base_dir)) == NULL) {
        return weir_fail(err, WEIR_ENOMEM, "out of memory");
    }
    if ((handle = dlopen(lib->path, RTLD_NOW | RTLD_LOCAL)) == NULL) {
        why = dlerror();
        return weir_fail(err, WEIR_ECONFIG, "cannot load it: %s",
                         why == NULL ? "no reason given" : why);
    }
    if (dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0 && map != NULL &&
        map->l_name[0] != '\0') {
        char *found = strdup(map->l_name);

        if (found != NULL) {
            free(lib->path);
            lib->path = found;
        }
    }
    if ((table = dlsym(handle, LIBRARY_SYMBOL)) == NULL) {
        return weir_fail(err, WEIR_ECONFIG,
                         "%s exports no table of functions; one of its files must say "
                         "WEIR_FUNCTIONS(table) at file scope",
                         lib->path);
    }
    *out = table;
    return WEIR_OK;
}

/* -- checking ----------------------------------------------------------------------------- */

/*
 * A newer worker takes older tables of its own major: structs grow at their end only, so a
 * size is wrong if it is larger than ours, or differs in the very same version.
 */
static bool library_size_fits(const weir_library_table *table, size_t theirs,
                              size_t ours)
{
    return theirs == ours ||
           (table->minor != WEIR_API_MINOR && theirs < ours && theirs > 0);
}

static weir_status library_check_table(const library_host *lib,
                                       const weir_library_table *table, weir_err *err)
{
    if (table->major != WEIR_API_MAJOR) {
        return weir_fail(
            err, WEIR_ECONFIG,
            "%s was built with weir/handler.h %u.%u, this worker has %d.%d, and the "
            "two majors do not work together; build it again with the header of "
            "this worker",
            lib->path, (unsigned)table->major, (unsigned)table->minor, WEIR_API_MAJOR,
            WEIR_API_MINOR);
    }
    if (table->minor > WEIR_API_MINOR) {
        return weir_fail(
            err, WEIR_ECONFIG,
            "%s was built with weir/handler.h %u.%u, which is newer than the %d.%d of "
            "this worker; run a newer worker, or build it with the older header",
            lib->path, (unsigned)table->major, (unsigned)table->minor, WEIR_API_MAJOR,
            WEIR_API_MINOR);
    }
    if (!library_size_fits(table, table->library_size, sizeof(weir_library_table)) ||
        !library_size_fits(table, table->function_size, sizeof(weir_function)) ||
        !library_size_fits(table, table->api_size, sizeof(weir_api))) {
        return weir_fail(
            err, WEIR_ECONFIG,
            "%s says weir/handler.h %u.%u but its structs have other sizes (table %zu, "
            "function %zu, api %zu bytes; here %zu, %zu, %zu); build it again with "
            "the header of this worker, for the same machine",
            lib->path, (unsigned)table->major, (unsigned)table->minor,
            table->library_size, table->function_size, table->api_size,
            sizeof(weir_library_table), sizeof(weir_function), sizeof(weir_api));
    }
    if (table->n_functions == 0 || table->n_functions > LIBRARY_FUNCTIONS_MAX ||
        table->functions == NULL || table->api == NULL) {
        return weir_fail(err, WEIR_ECONFIG, "%s exports a table without functions",
                         lib->path);
    }
    return WEIR_OK;
}

/* The i-th function of a table whose structs may be shorter than ours. */
static weir_function library_function_at(const weir_library_table *table, size_t i)
{
    weir_function fn = { 0 };

    memcpy(&fn, (const char *)table->functions + i * table->function_size,
           table->function_size);
    return fn;
}

/* "it exports a, b, c; did you mean b?" */
static weir_status library_unknown(const library_host *lib,
                                   const weir_library_table *table, const char *want,
                                   weir_err *err)
{
    const char **words = calloc(table->n_functions + 1, sizeof(*words));
    const char *near;
    weir_buf names = { 0 };
    size_t n_words = 0;

    if (words == NULL) {
        return weir_fail(err, WEIR_ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < table->n_functions; i++) {
        words[n_words] = library_function_at(table, i).name;
        if (words[n_words] == NULL) {
            continue;
        }
        if (names.len < WEIR_ERR_MAX / 2) {
            weir_buf_printf(&names, "%s%s", n_words == 0 ? "" : ", ", words[n_words]);
        } else if (names.data[names.len - 1] != '.') {
            weir_buf_str(&names, ", ...");
        }
        n_words++;
    }
    near = weir_word_nearest(words, want);
    (void)weir_fail(
        err, WEIR_ECONFIG, "%s has no function \"%s\"; it exports %s%s%s%s", lib->path,
        want, names.has_failed || names.data == NULL ? "none with a name" : names.data,
        near == NULL ? "" : "; did you mean \"", near == NULL ? "" : near,
        near == NULL ? "" : "\"?");
    weir_buf_fini(&names);
    free(words);
    return WEIR_ECONFIG;
}

static weir_status library_find(library_host *lib, const weir_library_table *table,
                                const char *want, weir_err *err)
{
    size_t n_found = 0;

    for (size_t i = 0; i < table->n_functions; i++) {
        weir_function fn = library_function_at(table, i);

        if (fn.name != NULL && strcmp(fn.name, want) == 0) {
            lib->fn = fn;
            n_found++;
        }
    }
    if (n_found == 0) {
        return library_unknown(lib, table, want, err);
    }
    if (n_found > 1) {
        return weir_fail(err, WEIR_ECONFIG, "%s has %zu functions of the name \"%s\"",
                         lib->path, n_found, want);
    }
    if (lib->fn.handle == NULL && lib->fn.handle_batch == NULL) {
        return weir_fail(
            err, WEIR_ECONFIG,
            "%s: \"%s\" has neither handle nor handle_batch; it needs one of them",
            lib->path, want);
    }
    if (lib->fn.handle != NULL && lib->fn.handle_batch != NULL) {
        return weir_fail(
            err, WEIR_ECONFIG,
            "%s: \"%s\" has both handle and handle_batch; it may have one of them",
            lib->path, want);
    }
    return WEIR_OK;
}

/* -- the contract of a host --------------------------------------------------------------- */

static void library_forget(library_host *lib)
{
    if (lib->has_env) {
        weir_env_give(lib->name);
    }
    weir_json_free(lib->config);
    free(lib->name);
    free(lib->path);
    memset(lib, 0, sizeof(*lib));
}

static weir_status library_open(void *self, const weir_host_setup *setup, weir_err *err)
{
    library_host *lib = self;
    const weir_library_opts *opts = setup->opts;
    const weir_library_table *table = NULL;
    weir_status st = WEIR_OK;

    lib->tag = LIBRARY_TAG;
    lib->config_json = setup->config_json == NULL ? "null" : setup->config_json;
    if ((lib->name = strdup(setup->name)) == NULL) {
        st = weir_fail(err, WEIR_ENOMEM, "out of memory");
        goto out;
    }
    if ((st = weir_env_claim(lib->name, &opts->env, err)) != WEIR_OK) {
        goto out;
    }
    lib->has_env = opts->env.n > 0;
    if ((st = library_load(lib, opts, setup->base_dir, &table, err)) != WEIR_OK ||
        (st = library_check_table(lib, table, err)) != WEIR_OK) {
        goto out;
    }
    st = library_find(lib, table, opts->symbol == NULL ? lib->name : opts->symbol, err);
    if (st != WEIR_OK) {
        goto out;
    }
    if (*table->api != &weir_api_table) {
        *table->api =
            &weir_api_table; /* not again for a second entry: its functions may run */
    }
out:
    if (st != WEIR_OK) {
        library_forget(lib);
    }
    return st;
}

static void library_info(void *self, weir_host_info *out)
{
    const library_host *lib = WEIR_CAST(library_host, self, LIBRARY_TAG);

    out->name = lib->name;
    out->about = lib->fn.about == NULL ? "" : lib->fn.about;
    out->version = lib->fn.version == NULL ? "" : lib->fn.version;
    out->from = lib->path;
    out->is_batch = lib->fn.handle_batch != NULL;
    out->wants_value = lib->fn.wants_value;
    out->is_replay_safe = lib->fn.replay_safe;
}

static weir_status library_start(void *self, weir_err *err)
{
    library_host *lib = WEIR_CAST(library_host, self, LIBRARY_TAG);
    weir_setup setup = { .config_json = lib->config_json };
    weir_status st;
    int answer;

    WEIR_ASSERT(!lib->is_started);
    st = weir_json_parse(weir_slice_of(lib->config_json), &lib->config, err);
    if (st != WEIR_OK) {
        return weir_err_prefix(err, "config");
    }
    setup.config = weir_json_root(lib->config);
    if (lib->fn.init != NULL && (answer = lib->fn.init(&setup, &lib->state)) != 0) {
        return weir_fail(err, WEIR_ECONFIG, "its init refuses to start (%d); %s",
                         answer, lib->path);
    }
    lib->is_started = true;
    return WEIR_OK;
}

static weir_status library_thread_init(void *self, void **local)
{
    library_host *lib = WEIR_CAST(library_host, self, LIBRARY_TAG);
    void *made = NULL;

    if (lib->fn.thread_init != NULL && lib->fn.thread_init(lib->state, &made) != 0) {
        return WEIR_EUNAVAIL;
    }
    *local = made;
    return WEIR_OK;
}

static void library_thread_fini(void *self, void *local)
{
    library_host *lib = WEIR_CAST(library_host, self, LIBRARY_TAG);

    if (lib->fn.thread_fini != NULL) {
        lib->fn.thread_fini(lib->state, local);
    }
}

static void library_run_batch(library_host *lib, weir_call **calls, size_t n,
                              bool *is_final)
{
    weir_verdict on_stack[LIBRARY_BATCH_ON_STACK] = { 0 };
    weir_verdict *verdicts = on_stack;
    weir_batch batch = { .calls = calls, .n = n };

    if (n > LIBRARY_BATCH_ON_STACK &&
        (verdicts = calloc(n, sizeof(*verdicts))) == NULL) {
        for (size_t i = 0; i < n; i++) {
            is_final[i] = weir_call_returned(calls[i], WEIR_UNAVAILABLE);
        }
        return;
    }
    batch.verdicts = verdicts;
    lib->fn.handle_batch(lib->state, &batch);
    for (size_t i = 0; i < n; i++) {
        is_final[i] =
            weir_call_returned(calls[i], verdicts[i] == 0 ? WEIR_RETRY : verdicts[i]);
    }
    if (verdicts != on_stack) {
        free(verdicts);
    }
}

static void library_run(void *self, void *local, weir_call **calls, size_t n,
                        bool *is_final)
{
    library_host *lib = WEIR_CAST(library_host, self, LIBRARY_TAG);

    WEIR_DCHECK(lib->is_started);
    for (size_t i = 0; i < n; i++) {
        calls[i]->local = local;
    }
    if (lib->fn.handle_batch != NULL) {
        library_run_batch(lib, calls, n, is_final);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        weir_call *call = calls[i];

        is_final[i] =
            weir_call_returned(call, lib->fn.handle(lib->state, call->ev, call));
    }
}

static void library_close(void *self)
{
    library_host *lib = WEIR_CAST(library_host, self, LIBRARY_TAG);

    if (lib->is_started && lib->fn.fini != NULL) {
        lib->fn.fini(lib->state);
    }
    library_forget(lib);
}

const weir_host_ops weir_library_host = {
    .name = "library",
    .about = "functions in shared objects, called in the worker's own threads",
    .size = sizeof(library_host),
    .open = library_open,
    .info = library_info,
    .start = library_start,
    .thread_init = library_thread_init,
    .thread_fini = library_thread_fini,
    .run = library_run,
    .close = library_close,
};
