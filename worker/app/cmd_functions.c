/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_functions - `weir functions`: what the file names, and what is in the libraries.
 */
#include "worker/app/cli.h"

#include <stdlib.h>

typedef struct functions_row {
    const char *name, *from, *version, *about, *kind;
} functions_row;

static void functions_json(weir_buf *out, const functions_row *row)
{
    const char *const names[] = { "name", "from", "version", "about", "kind" };
    const char *const values[] = { row->name, row->from, row->version, row->about,
                                   row->kind };

    weir_buf_char(out, '{');
    for (size_t i = 0; i < 5; i++) {
        weir_buf_printf(out, "%s\"%s\":", i == 0 ? "" : ",", names[i]);
        weir_buf_json(out, weir_slice_of(values[i]));
    }
    weir_buf_str(out, "}\n");
}

int weir_cmd_functions(const weir_cli *cli)
{
    weir_config *cfg = NULL;
    weir_buf out = { 0 };
    int code = weir_cli_load(cli, false, &cfg);

    if (code != WEIR_EXIT_OK) {
        return code;
    }
    if (!weir_cli_wants_json(cli)) {
        weir_buf_printf(&out, "%-16s %-28s %-10s %-7s %s\n", "NAME", "LIBRARY",
                        "VERSION", "KIND", "ABOUT");
    }
    for (size_t i = 0; i < cfg->n_functions; i++) {
        const weir_config_function *fn = &cfg->functions[i];
        const char *json = fn->type->config(fn->opts);
        weir_host_setup setup = { fn->name, fn->opts, cfg->base_dir,
                                  json == NULL ? "null" : json };
        weir_host_info info = { 0 };
        weir_err err = { 0 };
        void *host = calloc(1, fn->type->ops->size);

        if (host == NULL || fn->type->ops->open(host, &setup, &err) != WEIR_OK) {
            code = weir_cli_fail(WEIR_EXIT_CONFIG, "%s", err.text);
            free(host);
            continue;
        }
        fn->type->ops->info(host, &info);
        functions_row row = { fn->name, info.from, info.version, info.about,
                              info.is_batch ? "batch" : "single" };
        if (weir_cli_wants_json(cli)) {
            functions_json(&out, &row);
        } else {
            weir_buf_printf(&out, "%-16s %-28s %-10s %-7s %s\n", row.name, row.from,
                            row.version[0] == '\0' ? "-" : row.version, row.kind,
                            row.about);
        }
        fn->type->ops->close(host);
        free(host);
    }
    int printed = weir_cli_print(&out);
    weir_buf_fini(&out);
    weir_config_free(cfg);
    return code == WEIR_EXIT_OK ? printed : code;
}
