/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_completion - `weir __completion SHELL`: completions for bash, zsh and fish, out of the
 * tables of verbs and options.
 */
#include "worker/app/cli.h"

static bool completion_shows(const weir_verb *verb, const weir_cli_opt *opt)
{
    return strcmp(opt->name, "output") != 0 || verb->has_json;
}

/* Calls add for each option of a verb. */
static void completion_opts(const weir_verb *verb, weir_buf *out,
                            void (*add)(weir_buf *out, const weir_verb *verb,
                                        const weir_cli_opt *opt))
{
    const weir_cli_opt *tables[] = { verb->opts, weir_cli_common };

    for (size_t t = 0; t < 2; t++) {
        for (const weir_cli_opt *o = tables[t]; o != NULL && o->name != NULL; o++) {
            if (completion_shows(verb, o)) {
                add(out, verb, o);
            }
        }
    }
}

/* For single quotes of a shell: there is nothing to escape but the quote. */
static void completion_quoted(weir_buf *out, const char *text, const char *also)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            weir_buf_str(out, "'\\''");
        } else {
            if (strchr(also, *text) != NULL) {
                weir_buf_char(out, '\\');
            }
            weir_buf_char(out, *text);
        }
    }
}

static void bash_opt(weir_buf *out, const weir_verb *verb, const weir_cli_opt *opt)
{
    (void)verb;
    weir_buf_printf(out, " --%s", opt->name);
    if (opt->letter != 0) {
        weir_buf_printf(out, " -%c", opt->letter);
    }
}

static void completion_bash(weir_buf *out)
{
    weir_buf_str(out, "# bash completion of weir; made from its tables\n"
                      "_weir() {\n"
                      "    local cur=${COMP_WORDS[COMP_CWORD]}\n"
                      "    local prev=${COMP_WORDS[COMP_CWORD-1]}\n"
                      "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
                      "        COMPREPLY=($(compgen -W \"");
    for (const weir_verb *v = weir_verbs; v->name != NULL; v++) {
        if (!v->is_hidden) {
            weir_buf_printf(out, "%s ", v->name);
        }
    }
    weir_buf_str(
        out,
        "--help --version\" -- \"$cur\"))\n        return\n    fi\n"
        "    case $prev in\n"
        "        -c|--config|-e|--event) COMPREPLY=($(compgen -f -- \"$cur\")); "
        "return ;;\n"
        "        -o|--output) COMPREPLY=($(compgen -W \"text json\" -- \"$cur\")); "
        "return ;;\n"
        "        --format) COMPREPLY=($(compgen -W \"raw json msgpack "
        "cloudevents\" -- \"$cur\")); return ;;\n"
        "    esac\n"
        "    case ${COMP_WORDS[1]} in\n");
    for (const weir_verb *v = weir_verbs; v->name != NULL; v++) {
        if (!v->is_hidden) {
            weir_buf_printf(out, "        %s) COMPREPLY=($(compgen -W \"", v->name);
            completion_opts(v, out, bash_opt);
            weir_buf_str(out, "\" -- \"$cur\")) ;;\n");
        }
    }
    weir_buf_str(out, "    esac\n}\ncomplete -F _weir weir\n");
}

static void zsh_opt(weir_buf *out, const weir_verb *verb, const weir_cli_opt *opt)
{
    (void)verb;
    weir_buf_printf(out, " \\\n                '--%s[", opt->name);
    completion_quoted(out, opt->help, "[]:");
    weir_buf_char(out, ']');
    if (opt->arg != NULL) {
        bool is_file = strcmp(opt->arg, "FILE") == 0;
        weir_buf_printf(out, ":%s:%s", opt->arg, is_file ? "_files" : "");
    }
    weir_buf_char(out, '\'');
}

static void completion_zsh(weir_buf *out)
{
    weir_buf_str(out, "#compdef weir\n# made from the tables of weir\n_weir() {\n"
                      "    if (( CURRENT == 2 )); then\n        local -a verbs=(");
    for (const weir_verb *v = weir_verbs; v->name != NULL; v++) {
        if (!v->is_hidden) {
            weir_buf_printf(out, "\n            '%s:", v->name);
            completion_quoted(out, v->summary, ":");
            weir_buf_char(out, '\'');
        }
    }
    weir_buf_str(out, ")\n        _describe verb verbs\n        return\n    fi\n"
                      "    case ${words[2]} in\n");
    for (const weir_verb *v = weir_verbs; v->name != NULL; v++) {
        if (!v->is_hidden) {
            weir_buf_printf(out, "        %s)\n            _arguments", v->name);
            completion_opts(v, out, zsh_opt);
            weir_buf_str(out, " ;;\n");
        }
    }
    weir_buf_str(out, "    esac\n}\n_weir \"$@\"\n");
}

static void fish_opt(weir_buf *out, const weir_verb *verb, const weir_cli_opt *opt)
{
    weir_buf_printf(out, "complete -c weir -n '__fish_seen_subcommand_from %s' -l %s",
                    verb->name, opt->name);
    if (opt->letter != 0) {
        weir_buf_printf(out, " -s %c", opt->letter);
    }
    if (opt->arg != NULL) {
        weir_buf_str(out, strcmp(opt->arg, "FILE") == 0 ? " -r -F" : " -x");
    }
    weir_buf_str(out, " -d '");
    completion_quoted(out, opt->help, "\\");
    weir_buf_str(out, "'\n");
}

static void completion_fish(weir_buf *out)
{
    weir_buf_str(out, "# fish completion of weir; made from its tables\n"
                      "complete -c weir -f\n");
    for (const weir_verb *v = weir_verbs; v->name != NULL; v++) {
        if (!v->is_hidden) {
            weir_buf_printf(out, "complete -c weir -n __fish_use_subcommand -a %s -d '",
                            v->name);
            completion_quoted(out, v->summary, "\\");
            weir_buf_str(out, "'\n");
            completion_opts(v, out, fish_opt);
        }
    }
}

int weir_cmd_completion(const weir_cli *cli)
{
    const char *shell = cli->args[0];
    weir_buf out = { 0 };

    if (strcmp(shell, "bash") == 0) {
        completion_bash(&out);
    } else if (strcmp(shell, "zsh") == 0) {
        completion_zsh(&out);
    } else if (strcmp(shell, "fish") == 0) {
        completion_fish(&out);
    } else {
        return weir_cli_usage(cli, "SHELL is bash, zsh or fish");
    }
    int code = weir_cli_print(&out);
    weir_buf_fini(&out);
    return code;
}
