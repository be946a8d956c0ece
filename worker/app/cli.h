/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli - the verbs and options of the command, as tables.
 *
 * Parser, --help, man page, completions and lint all read the tables.
 *
 * Threads: the main thread, before any other.
 */
#ifndef WEIR_APP_CLI_H
#define WEIR_APP_CLI_H

#include "worker/app/config.h"

#include <stdio.h>

/* Exit codes; 128+n comes from a signal and from nothing else. */
enum {
    WEIR_EXIT_OK = 0,
    WEIR_EXIT_USAGE = 64,
    WEIR_EXIT_DATA = 65,
    WEIR_EXIT_NOINPUT = 66,
    WEIR_EXIT_UNAVAILABLE = 69,
    WEIR_EXIT_INTERNAL = 70,
    WEIR_EXIT_IO = 74,
    WEIR_EXIT_AGAIN = 75,
    WEIR_EXIT_CONFIG = 78
};

typedef struct weir_cli weir_cli;

typedef struct weir_cli_opt {
    const char *name; /* long; NULL ends a table */
    char letter;      /* 0: none */
    const char *arg;  /* what stands for its argument in the help; NULL: a switch */
    const char *help;
} weir_cli_opt;

typedef struct weir_verb {
    const char *name;    /* NULL ends the table */
    const char *args;    /* after the options: "ADDRESS [DATA]"; "" for none */
    const char *summary; /* one line */
    const char *help;    /* paragraphs below the options */
    const weir_cli_opt *opts;
    int min_args, max_args;
    bool has_json; /* takes -o json */
    bool is_hidden;
    int (*run)(const weir_cli *cli);
} weir_verb;

#define WEIR_CLI_SET 64 /* options on one command line */

struct weir_cli {
    const weir_verb *verb;
    char **args;
    int n_args;
    struct {
        const char *name, *value;
    } set[WEIR_CLI_SET];
    size_t n_set;
    int exit_code; /* what cli_load() and others want the process to end with */
};

extern const weir_verb weir_verbs[];
extern const weir_cli_opt weir_cli_common[];

/* Reads the command line, runs the verb, returns the exit code. */
int weir_cli_main(int argc, char **argv);

/* The last value of an option, "" for a switch; NULL: not given. */
const char *weir_cli_get(const weir_cli *cli, const char *name);
/* The i-th value of an option that may stand several times; NULL: no more. */
const char *weir_cli_nth(const weir_cli *cli, const char *name, size_t i);
bool weir_cli_wants_json(const weir_cli *cli);
/* True if colour may go to that stream: a terminal, and no NO_COLOR. */
bool weir_cli_colour(FILE *stream);
/* "weir VERB: text" and a hint at --help on stderr; returns WEIR_EXIT_USAGE. */
int weir_cli_usage(const weir_cli *cli, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* "weir: text" on stderr; returns code. */
int weir_cli_fail(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The exit code that says what a status says. */
int weir_exit_of(weir_status st);

/*
 * Loads the file of -c and prints what is wrong with it to stderr (warnings only if asked).
 * Returns: the exit code; *out is set only on WEIR_EXIT_OK.
 */
int weir_cli_load(const weir_cli *cli, bool with_warnings, weir_config **out);
/* Prints the findings of a config to stderr. */
void weir_cli_findings(weir_config *cfg, bool with_warnings);
/* Writes all of buf to stdout; WEIR_EXIT_OK, or WEIR_EXIT_IO with a message. */
int weir_cli_print(const weir_buf *buf);

/* Help of the command (verb NULL) or of one verb. */
void weir_cli_help(const weir_verb *verb, weir_buf *out);

int weir_cmd_run(const weir_cli *cli);
int weir_cmd_check(const weir_cli *cli);
int weir_cmd_dev(const weir_cli *cli);
int weir_cmd_send(const weir_cli *cli);
int weir_cmd_tail(const weir_cli *cli);
int weir_cmd_functions(const weir_cli *cli);
int weir_cmd_invoke(const weir_cli *cli);
int weir_cmd_skip(const weir_cli *cli);
int weir_cmd_tables(const weir_cli *cli);
int weir_cmd_dev_worker(const weir_cli *cli);
int weir_cmd_embed(const weir_cli *cli);
int weir_cmd_completion(const weir_cli *cli);
int weir_cmd_man(const weir_cli *cli);

#endif
