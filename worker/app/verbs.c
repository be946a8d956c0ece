/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verbs - the table of what `weir` can do.
 */
#include "worker/app/cli.h"

static const weir_cli_opt check_opts[] = {
    { "print", 'p', NULL, "print the effective settings, secrets masked" },
    { "connect", 0, NULL, "also ask the brokers: topics, sizes, rights, positions" },
    { "create-topics", 0, NULL, "with --connect: make missing `to` and `dead` topics" },
    { "timeout", 't', "TIME",
      "with --connect: how long to wait for a broker; default: 10s" },
    { "schema", 0, NULL, "print the JSON Schema of the file and exit" },
    { NULL, 0, NULL, NULL },
};

const weir_verb weir_verbs[] = {
    { .name = "run",
      .args = "",
      .summary = "Runs the subscriptions of the file until it is told to stop.",
      .help = "SIGTERM or SIGINT stops intake, waits up to worker.drain_timeout for "
              "running\n"
              "functions and their results, commits and leaves the groups. A second "
              "signal\n"
              "ends the process at once. SIGHUP reads the file again: a good one is "
              "applied\n"
              "by a drain and a new start inside the process, a bad one is logged and "
              "changes\n"
              "nothing (worker.admin, probes and state_dir, and a library that was "
              "replaced in\n"
              "place, need a new process). A broker that is down is waited for, "
              "unready.\n\n"
              "exit codes: 0 stopped, everything committed; 75 calls were still open "
              "at the\n"
              "deadline; 78 configuration error",
      .run = weir_cmd_run },
    { .name = "check",
      .args = "",
      .summary = "Validates the configuration file.",
      .help =
          "Reads the file, says everything that is wrong with it at once, and loads "
          "the\n"
          "functions that it names (their init is not called). Never joins a group.\n\n"
          "With --connect it also asks the brokers: whether the topics are there, may "
          "be\n"
          "read and written and take what may come, and where each group stands:\n"
          "\"committed on 12/12, lag 431\" or \"NEW group: would start at earliest,\n"
          "48,201,337 events\". What is missing is printed with the command that mends "
          "it;\n"
          "--create-topics makes missing `to` and `dead` topics like their source.\n\n"
          "exit codes: 0 it is fine; 69 a broker does not answer; 78 something is "
          "wrong",
      .opts = check_opts,
      .has_json = true,
      .run = weir_cmd_check },
    { .name = "functions",
      .args = "",
      .summary = "Lists the functions that the file names.",
      .help = "Loads each library, calls nothing in it, and prints name, library, "
              "version, kind\n"
              "(single or batch) and what the function says of itself.",
      .has_json = true,
      .run = weir_cmd_functions },
    { .name = NULL },
};
