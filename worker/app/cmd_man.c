/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_man - `weir __man`: the manual page, out of the tables of verbs, options and settings.
 */
#include "worker/app/cli.h"

/* Text for troff: backslashes and hyphens escaped, no line that begins a request. */
static void man_text(weir_buf *out, const char *text)
{
    bool is_start = true;

    for (; *text != '\0'; text++) {
        if (is_start && (*text == '.' || *text == '\'')) {
            weir_buf_str(out, "\\&");
        }
        is_start = *text == '\n';
        if (*text == '\\') {
            weir_buf_str(out, "\\e");
        } else if (*text == '-') {
            weir_buf_str(out, "\\-");
        } else {
            weir_buf_char(out, *text);
        }
    }
}

static void man_opts(weir_buf *out, const weir_cli_opt *opts, bool has_json)
{
    for (; opts != NULL && opts->name != NULL; opts++) {
        if (strcmp(opts->name, "output") == 0 && !has_json) {
            continue;
        }
        weir_buf_str(out, ".TP\n");
        if (opts->letter != 0) {
            weir_buf_printf(out, "\\fB\\-%c\\fR, ", opts->letter);
        }
        weir_buf_str(out, "\\fB\\-\\-");
        man_text(out, opts->name);
        weir_buf_str(out, "\\fR");
        if (opts->arg != NULL) {
            weir_buf_printf(out, " \\fI%s\\fR", opts->arg);
        }
        weir_buf_char(out, '\n');
        man_text(out, opts->help);
        weir_buf_char(out, '\n');
    }
}

static void man_verbs(weir_buf *out)
{
    weir_buf_str(out, ".SH VERBS\n");
    for (const weir_verb *v = weir_verbs; v->name != NULL; v++) {
        if (v->is_hidden) {
            continue;
        }
        weir_buf_printf(out, ".SS weir %s [options] %s\n", v->name, v->args);
        man_text(out, v->summary);
        weir_buf_str(out, "\n.PP\n.nf\n");
        man_text(out, v->help);
        weir_buf_str(out, "\n.fi\n");
        man_opts(out, v->opts, v->has_json);
        man_opts(out, weir_cli_common, v->has_json);
    }
}

static void man_rows(weir_buf *out, const char *prefix, const weir_opt *rows)
{
    for (const weir_opt *row = rows; row->name != NULL; row++) {
        char inner[128];

        snprintf(inner, sizeof(inner), "%s%s", prefix, row->name);
        if (row->type == WEIR_OPT_GROUP) {
            snprintf(inner, sizeof(inner), "%s%s.", prefix, row->name);
            man_rows(out, inner, row->rows);
            continue;
        }
        weir_buf_str(out, ".TP\n\\fB");
        man_text(out, inner);
        weir_buf_str(out, "\\fR");
        if (row->def != NULL) {
            weir_buf_str(out, " (default: ");
            man_text(out, row->def);
            weir_buf_char(out, ')');
        }
        weir_buf_str(out, row->is_required ? " (required)\n" : "\n");
        man_text(out, row->help);
        for (size_t i = 0; row->type == WEIR_OPT_ENUM && row->words[i] != NULL; i++) {
            weir_buf_str(out, i == 0 ? "; one of " : ", ");
            man_text(out, row->words[i]);
        }
        weir_buf_char(out, '\n');
    }
}

static void man_file(weir_buf *out)
{
    weir_buf_str(out,
                 ".SH THE CONFIGURATION FILE\n"
                 "YAML. ${VAR}, ${VAR:\\-default}, ${file:PATH} and $$ are replaced in "
                 "values.\nDurations are 250ms, 5s, 2m or 1h; sizes 64KiB or 1MiB.\n"
                 "Keys at the top that begin with x\\- are places for anchors.\n"
                 ".SS worker\n");
    man_rows(out, "", weir_worker_rows);
    for (size_t i = 0; weir_queue_types[i] != NULL; i++) {
        weir_buf_printf(out, ".SS queues, type %s\n", weir_queue_types[i]->name);
        man_rows(out, "", weir_queue_types[i]->rows);
    }
    for (const weir_host_type *type = weir_host_types; type->name != NULL; type++) {
        weir_buf_printf(out, ".SS functions, %s\n", type->about);
        man_rows(out, "", type->rows);
    }
    weir_buf_str(out, ".SS subscriptions\n");
    man_rows(out, "", weir_sub_rows);
}

int weir_cmd_man(const weir_cli *cli)
{
    weir_buf out = { 0 };

    (void)cli;
    weir_buf_printf(&out, ".TH WEIR 1 \"\" \"weir %s\" \"User Commands\"\n",
                    WEIR_VERSION);
    weir_buf_str(&out,
                 ".SH NAME\nweir \\- runs functions on Kafka topics and Redis streams\n"
                 ".SH SYNOPSIS\n\\fBweir\\fR \\fIVERB\\fR [options]\n"
                 ".SH DESCRIPTION\nweir consumes Kafka topics and Redis streams, hands "
                 "each event to a function,\npublishes what the function returns, and "
                 "keeps the events that no function could\nhandle where they can be "
                 "looked at and run again.\n");
    man_verbs(&out);
    man_file(&out);
    weir_buf_str(
        &out, ".SH EXIT STATUS\n0 done; 64 usage; 65 bad event data; 66 no such "
              "input; 69 broker unavailable;\n70 internal error; 74 I/O error; 75 gave "
              "up, try again; 78 configuration error;\n128+n only from a signal.\n"
              ".SH ENVIRONMENT\n.TP\n\\fBNO_COLOR\\fR\nno colours, also on a "
              "terminal\n.TP\n\\fBNOTIFY_SOCKET\\fR\nwhere the service manager is told "
              "of start, reload and stop\n");
    int code = weir_cli_print(&out);
    weir_buf_fini(&out);
    return code;
}
