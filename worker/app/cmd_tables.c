/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_tables - `weir __tables`: the tables as text, for the completions, the man page and the
 * lint of the documents. One line a thing, fields separated by tabs.
 */
#include "worker/app/cli.h"

static void tables_rows(weir_buf *out, const char *where, const weir_opt *rows)
{
    for (const weir_opt *row = rows; row->name != NULL; row++) {
        char inner[128];

        weir_buf_printf(out, "key\t%s.%s\t%s\t%s\n", where, row->name,
                        row->def == NULL ? "" : row->def, row->help);
        if (row->type == WEIR_OPT_GROUP) {
            snprintf(inner, sizeof(inner), "%s.%s", where, row->name);
            tables_rows(out, inner, row->rows);
        }
    }
}

int weir_cmd_tables(const weir_cli *cli)
{
    weir_buf out = { 0 };
    char where[64];

    (void)cli;
    for (const weir_verb *verb = weir_verbs; verb->name != NULL; verb++) {
        if (verb->is_hidden) {
            continue;
        }
        weir_buf_printf(&out, "verb\t%s\t%s\t%s\n", verb->name, verb->args,
                        verb->summary);
        const weir_cli_opt *tables[] = { verb->opts, weir_cli_common };
        for (size_t t = 0; t < 2; t++) {
            for (const weir_cli_opt *o = tables[t]; o != NULL && o->name != NULL; o++) {
                if (strcmp(o->name, "output") != 0 || verb->has_json) {
                    weir_buf_printf(&out, "option\t%s\t--%s\t%c\t%s\t%s\n", verb->name,
                                    o->name, o->letter == 0 ? '-' : o->letter,
                                    o->arg == NULL ? "" : o->arg, o->help);
                }
            }
        }
    }
    tables_rows(&out, "worker", weir_worker_rows);
    for (size_t i = 0; weir_queue_types[i] != NULL; i++) {
        snprintf(where, sizeof(where), "queues.%s", weir_queue_types[i]->name);
        tables_rows(&out, where, weir_queue_types[i]->rows);
    }
    for (const weir_host_type *type = weir_host_types; type->name != NULL; type++) {
        tables_rows(&out, "functions", type->rows);
    }
    tables_rows(&out, "subscriptions", weir_sub_rows);
    int code = weir_cli_print(&out);
    weir_buf_fini(&out);
    return code;
}
