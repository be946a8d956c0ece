/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli - see cli.h.
 */
#include "worker/app/cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

const weir_cli_opt weir_cli_common[] = {
    { "config", 'c', "FILE", "the configuration file; default: weir.yaml" },
    { "output", 'o', "FORMAT", "text or json" },
    { "help", 'h', NULL, "print this and exit" },
    { NULL, 0, NULL, NULL },
};

#define MAX_OPTS 32

const char *weir_cli_nth(const weir_cli *cli, const char *name, size_t i)
{
    for (size_t k = 0; k < cli->n_set; k++) {
        if (strcmp(cli->set[k].name, name) == 0 && i-- == 0) {
            return cli->set[k].value;
        }
    }
    return NULL;
}

const char *weir_cli_get(const weir_cli *cli, const char *name)
{
    const char *value = NULL;

    for (size_t k = 0; k < cli->n_set; k++) {
        if (strcmp(cli->set[k].name, name) == 0) {
            value = cli->set[k].value;
        }
    }
    return value;
}

bool weir_cli_wants_json(const weir_cli *cli)
{
    const char *format = weir_cli_get(cli, "output");

    return format != NULL && strcmp(format, "json") == 0;
}

bool weir_cli_colour(FILE *stream)
{
    const char *no = getenv("NO_COLOR");

    return (no == NULL || no[0] == '\0') && isatty(fileno(stream));
}

int weir_cli_usage(const weir_cli *cli, const char *fmt, ...)
{
    va_list args;

    fprintf(stderr, "weir %s: ", cli->verb->name);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fprintf(stderr, "\nusage: weir %s [options]%s%s\n`weir %s --help` says more\n",
            cli->verb->name, cli->verb->args[0] == '\0' ? "" : " ", cli->verb->args,
            cli->verb->name);
    return WEIR_EXIT_USAGE;
}

int weir_cli_fail(int code, const char *fmt, ...)
{
    va_list args;

    fputs("weir: ", stderr);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
    return code;
}

int weir_exit_of(weir_status st)
{
    switch (st) {
    case WEIR_OK:
        return WEIR_EXIT_OK;
    case WEIR_EINVAL:
    case WEIR_EDATA:
    case WEIR_ETOOLARGE:
        return WEIR_EXIT_DATA;
    case WEIR_ENOENT:
        return WEIR_EXIT_NOINPUT;
    case WEIR_EUNAVAIL:
    case WEIR_EDENIED:
    case WEIR_ETIMEOUT:
        return WEIR_EXIT_UNAVAILABLE;
    case WEIR_EIO:
    case WEIR_ECLOSED:
        return WEIR_EXIT_IO;
    case WEIR_EAGAIN:
    case WEIR_EFULL:
        return WEIR_EXIT_AGAIN;
    case WEIR_ECONFIG:
        return WEIR_EXIT_CONFIG;
    default:
        return WEIR_EXIT_INTERNAL;
    }
}

int weir_cli_print(const weir_buf *buf)
{
    if (buf->has_failed) {
        return weir_cli_fail(WEIR_EXIT_INTERNAL, "out of memory");
    }
    if ((buf->len > 0 && fwrite(buf->data, 1, buf->len, stdout) != buf->len) ||
        fflush(stdout) != 0) {
        return weir_cli_fail(WEIR_EXIT_IO, "stdout: %s", strerror(errno));
    }
    return WEIR_EXIT_OK;
}

void weir_cli_findings(weir_config *cfg, bool with_warnings)
{
    weir_buf out = { 0 };
    weir_diags shown = cfg->diags;
    size_t n = 0;

    for (size_t i = 0; !with_warnings && i < cfg->diags.n; i++) {
        if (!cfg->diags.items[i].is_warning) {
            n++;
        }
    }
    if (with_warnings || n == cfg->diags.n) {
        weir_diags_write(&cfg->diags, &out, weir_cli_colour(stderr));
    } else if (n > 0) {
        shown.items = calloc(n, sizeof(*shown.items));
        shown.n = 0;
        for (size_t i = 0; shown.items != NULL && i < cfg->diags.n; i++) {
            if (!cfg->diags.items[i].is_warning) {
                shown.items[shown.n++] = cfg->diags.items[i];
            }
        }
        weir_diags_write(&shown, &out, weir_cli_colour(stderr));
        free(shown.items);
    }
    if (out.len > 0) {
        fwrite(out.data, 1, out.len, stderr);
    }
    weir_buf_fini(&out);
}

int weir_cli_load(const weir_cli *cli, bool with_warnings, weir_config **out)
{
    const char *path = weir_cli_get(cli, "config");
    weir_config *cfg = NULL;
    weir_status st = weir_config_load(path == NULL ? "weir.yaml" : path, &cfg);

    if (cfg == NULL) {
        return weir_cli_fail(WEIR_EXIT_INTERNAL, "out of memory");
    }
    weir_cli_findings(cfg, with_warnings);
    if (st != WEIR_OK) {
        weir_config_free(cfg);
        return WEIR_EXIT_CONFIG;
    }
    *out = cfg;
    return WEIR_EXIT_OK;
}

static void cli_help_opts(const weir_cli_opt *opts, bool has_json, weir_buf *out)
{
    for (; opts != NULL && opts->name != NULL; opts++) {
        char left[64];

        if (strcmp(opts->name, "output") == 0 && !has_json) {
            continue;
        }
        snprintf(left, sizeof(left), "%c%c%s--%s%s%s", opts->letter != 0 ? '-' : ' ',
                 opts->letter != 0 ? opts->letter : ' ',
                 opts->letter != 0 ? ", " : "  ", opts->name,
                 opts->arg != NULL ? " " : "", opts->arg != NULL ? opts->arg : "");
        if (strlen(left) > 26) {
            weir_buf_printf(out, "  %s\n  %-26s  %s\n", left, "", opts->help);
        } else {
            weir_buf_printf(out, "  %-26s  %s\n", left, opts->help);
        }
    }
}

void weir_cli_help(const weir_verb *verb, weir_buf *out)
{
    if (verb != NULL) {
        weir_buf_printf(out, "usage: weir %s [options]%s%s\n\n%s\n\noptions:\n",
                        verb->name, verb->args[0] == '\0' ? "" : " ", verb->args,
                        verb->summary);
        cli_help_opts(verb->opts, verb->has_json, out);
        cli_help_opts(weir_cli_common, verb->has_json, out);
        if (verb->help[0] != '\0') {
            weir_buf_printf(out, "\n%s\n", verb->help);
        }
        return;
    }
    weir_buf_str(out, "weir - runs functions on Kafka topics and Redis streams\n\n"
                      "usage: weir VERB [options]\n\nverbs:\n");
    for (const weir_verb *v = weir_verbs; v->name != NULL; v++) {
        if (!v->is_hidden) {
            weir_buf_printf(out, "  %-10s  %s\n", v->name, v->summary);
        }
    }
    weir_buf_str(
        out,
        "\n`weir VERB --help` says more of a verb; `weir --version` which weir this "
        "is.\n"
        "Every verb takes -c FILE (default weir.yaml). Data goes to stdout, logs to "
        "stderr.\n\n"
        "exit codes: 0 done; 64 usage; 65 bad event data; 66 no such input; 69 broker\n"
        "unavailable; 70 internal error; 74 I/O error; 75 gave up, try again;\n"
        "78 configuration error\n");
}

static const weir_cli_opt *cli_opt_at(const weir_verb *verb, size_t i)
{
    size_t n = 0;

    for (const weir_cli_opt *o = verb->opts; o != NULL && o->name != NULL; o++) {
        if (n++ == i) {
            return o;
        }
    }
    return i - n < 3 ? &weir_cli_common[i - n] : NULL;
}

static int cli_unknown(const weir_cli *cli, const char *arg)
{
    const char *words[MAX_OPTS + 1] = { NULL };
    char name[64];

    if (arg == NULL || strncmp(arg, "--", 2) != 0) {
        return weir_cli_usage(cli, "unknown option `%s`", arg == NULL ? "" : arg);
    }
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(arg + 2, "="), arg + 2);
    for (size_t i = 0; i < MAX_OPTS && cli_opt_at(cli->verb, i) != NULL; i++) {
        words[i] = cli_opt_at(cli->verb, i)->name;
    }
    const char *near = weir_word_nearest(words, name);
    if (near != NULL && strcmp(near, name) != 0) {
        return weir_cli_usage(cli, "unknown option `--%s`; did you mean `--%s`?", name,
                              near);
    }
    return weir_cli_usage(
        cli, near == NULL ? "unknown option `--%s`" : "option `--%s` takes no value",
        name);
}

/* Builds what getopt wants out of the tables. */
static size_t cli_getopt_tables(const weir_verb *verb, struct option *longs,
                                char *letters)
{
    size_t n = 0;
    char *at = letters;

    *at++ = ':'; /* a missing argument is told apart */
    for (; n < MAX_OPTS && cli_opt_at(verb, n) != NULL; n++) {
        const weir_cli_opt *opt = cli_opt_at(verb, n);
        longs[n] = (struct option){ opt->name,
                                    opt->arg == NULL ? no_argument : required_argument,
                                    NULL, 256 + (int)n };
        if (opt->letter != 0) {
            *at++ = opt->letter;
            if (opt->arg != NULL) {
                *at++ = ':';
            }
        }
    }
    *at = '\0';
    longs[n] = (struct option){ NULL, 0, NULL, 0 };
    return n;
}

/* Reads options and arguments of the verb; argv[0] is the verb. Returns an exit code or -1. */
static int cli_parse(weir_cli *cli, int argc, char **argv)
{
    struct option longs[MAX_OPTS + 1];
    char letters[2 * MAX_OPTS + 2];
    size_t n = cli_getopt_tables(cli->verb, longs, letters);
    int c;

    opterr = 0;
    optind = 0;
    while ((c = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
        const weir_cli_opt *opt =
            c >= 256 ? cli_opt_at(cli->verb, (size_t)(c - 256)) : NULL;

        if (c == ':') {
            return weir_cli_usage(cli, "`%s` needs a value", argv[optind - 1]);
        }
        for (size_t i = 0; opt == NULL && i < n; i++) {
            if (cli_opt_at(cli->verb, i)->letter == c && c != '?') {
                opt = cli_opt_at(cli->verb, i);
            }
        }
        if (opt == NULL) {
            char letter[3] = { '-', (char)optopt, '\0' };
            bool is_letter = optopt > 0 && optopt < 256;
            return cli_unknown(cli, is_letter ? letter : argv[optind - 1]);
        }
        if (cli->n_set == WEIR_CLI_SET) {
            return weir_cli_usage(cli, "too many options");
        }
        cli->set[cli->n_set].name = opt->name;
        cli->set[cli->n_set++].value = optarg == NULL ? "" : optarg;
    }
    cli->args = argv + optind;
    cli->n_args = argc - optind;
    return -1;
}

static int cli_run_verb(const weir_verb *verb, int argc, char **argv)
{
    weir_cli cli = { .verb = verb };
    weir_buf help = { 0 };
    int code = cli_parse(&cli, argc, argv);

    if (code >= 0) {
        return code;
    }
    if (weir_cli_get(&cli, "help") != NULL) {
        weir_cli_help(verb, &help);
        code = weir_cli_print(&help);
        weir_buf_fini(&help);
        return code;
    }
    const char *output = weir_cli_get(&cli, "output");
    if (output != NULL && (!verb->has_json || (strcmp(output, "json") != 0 &&
                                               strcmp(output, "text") != 0))) {
        return weir_cli_usage(&cli,
                              verb->has_json ? "-o takes text or json, not `%s`"
                                             : "-o %s: this verb prints no data",
                              output);
    }
    if (cli.n_args < verb->min_args) {
        return weir_cli_usage(&cli, "%s is missing", verb->args);
    }
    if (verb->max_args >= 0 && cli.n_args > verb->max_args) {
        return weir_cli_usage(&cli, "`%s` is too much", cli.args[verb->max_args]);
    }
    return verb->run(&cli);
}

static int cli_no_verb(const char *word)
{
    const char *words[32] = { NULL };
    size_t n = 0;

    for (const weir_verb *v = weir_verbs; v->name != NULL && n < 31; v++) {
        if (!v->is_hidden) {
            words[n++] = v->name;
        }
    }
    const char *near = weir_word_nearest(words, word);
    return weir_cli_fail(WEIR_EXIT_USAGE,
                         near == NULL ? "unknown verb `%s`; `weir --help` lists them"
                                      : "unknown verb `%s`; did you mean `%s`?",
                         word, near);
}

int weir_cli_main(int argc, char **argv)
{
    weir_buf out = { 0 };
    int code;

    if (argc < 2) {
        weir_cli_help(NULL, &out);
        if (out.data != NULL) {
            fputs(out.data, stderr);
        }
        weir_buf_fini(&out);
        return WEIR_EXIT_USAGE;
    }
    const char *word = argv[1];
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        weir_buf_printf(&out, "weir %s\n", WEIR_VERSION);
    } else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 ||
               (strcmp(word, "help") == 0 && argc == 2)) {
        weir_cli_help(NULL, &out);
    } else {
        for (const weir_verb *v = weir_verbs; v->name != NULL; v++) {
            if (strcmp(v->name, word) == 0) {
                return cli_run_verb(v, argc - 1, argv + 1);
            }
        }
        return word[0] == '-'
                   ? weir_cli_fail(WEIR_EXIT_USAGE,
                                   "unknown option `%s`; `weir --help` lists the verbs",
                                   word)
                   : cli_no_verb(word);
    }
    code = weir_cli_print(&out);
    weir_buf_fini(&out);
    return code;
}
