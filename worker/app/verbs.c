/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verbs - the table of what `weir` can do.
 */
#include "worker/app/cli.h"
#include "worker/app/place.h"

static const weir_cli_opt check_opts[] = {
    { "print", 'p', NULL, "print the effective settings, secrets masked" },
    { "connect", 0, NULL, "also ask the brokers: topics, sizes, rights, positions" },
    { "create-topics", 0, NULL,
      "like --connect, and make missing `to` and `dead` topics" },
    { "timeout", 't', "TIME",
      "with --connect: how long to wait for a broker; default: 10s" },
    { "schema", 0, NULL, "print the JSON Schema of the file and exit" },
    { NULL, 0, NULL, NULL },
};

static const weir_cli_opt send_opts[] = {
    { "key", 'k', "KEY", "the key; without it the partition is left to chance" },
    { "header", 'H', "NAME=VALUE", "a header; may stand several times" },
    { "format", 'f', "FORMAT", "raw (default), json, msgpack or cloudevents" },
    { "timeout", 't', "TIME", "how long to wait for the queue; default: 10s" },
    WEIR_PLACE_LIVE,
    { NULL, 0, NULL, NULL },
};

static const weir_cli_opt tail_opts[] = {
    { "from", 0, "PLACE", "start, end, an offset or entry id, a time, or -2h" },
    { "to", 0, "PLACE", "the same; the range is [from, to)" },
    { "count", 'n', "N", "at most N events; without --from the last N; default: 10" },
    { "follow", 'f', NULL, "go on with what comes" },
    { "key", 'k', "KEY", "only events with this key" },
    { "format", 0, "FORMAT",
      "how to decode: raw, json, msgpack or cloudevents; default: as the first "
      "subscription to it does" },
    WEIR_PLACE_LIVE,
    { NULL, 0, NULL, NULL },
};

static const weir_cli_opt invoke_opts[] = {
    { "event", 'e', "FILE", "the event; default: - for stdin" },
    { "format", 'f', "FORMAT",
      "FILE is a payload by itself, in raw, json, msgpack or cloudevents" },
    { NULL, 0, NULL, NULL },
};

static const weir_cli_opt skip_opts[] = {
    { "admin", 0, "ADDRESS",
      "HOST:PORT or unix:PATH of the worker; default: those here" },
    { "subscription", 0, "NAME",
      "without a worker: whose position, if several read the topic" },
    { NULL, 0, NULL, NULL },
};

static const weir_cli_opt dev_opts[] = {
    { "live", 0, "QUEUE",
      "use the real one, in groups dev.<user>.…; may stand several times" },
    { "partitions", 0, "N", "of each topic that is made; default: 4" },
    { NULL, 0, NULL, NULL },
};

static const weir_cli_opt dev_worker_opts[] = {
    { "live", 0, "QUEUE", "as in dev" },
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
          "-o json prints the findings, the settings, or the answers of the brokers, "
          "as\n"
          "JSON.\n\n"
          "exit codes: 0 it is fine; 69 a broker does not answer; 78 something is "
          "wrong",
      .opts = check_opts,
      .has_json = true,
      .run = weir_cmd_check },
    { .name = "dev",
      .args = "",
      .summary = "Runs the file on queues of its own, and again when a file changes.",
      .help = "Starts an embedded Kafka and a private redis-server for the queues of "
              "the file (it\n"
              "needs nothing installed but redis-server, and that only for queues of "
              "type redis),\n"
              "makes the topics that the subscriptions name, prints the addresses of "
              "the queues,\n"
              "and then one line for what became of each event. Starts the worker anew "
              "when the\n"
              "configuration or a library changes.\n\n"
              "`weir send` and `weir tail` with the same file use these queues "
              "meanwhile. They are\n"
              "empty again at the next start. The embedded Kafka keeps 5 MiB a "
              "partition and finds\n"
              "nothing by time. A queue named with --live is the real one; its groups "
              "are never\n"
              "those of the file.",
      .opts = dev_opts,
      .run = weir_cmd_dev },
    { .name = "functions",
      .args = "",
      .summary = "Lists the functions that the file names.",
      .help = "Loads each library, calls nothing in it, and prints name, library, "
              "version, kind\n"
              "(single or batch) and what the function says of itself.",
      .has_json = true,
      .run = weir_cmd_functions },
    { .name = "send",
      .args = "ADDRESS [DATA]",
      .summary = "Publishes an event, or one a line from stdin.",
      .help = "ADDRESS is QUEUE:TOPIC, QUEUE:TOPIC/PARTITION or QUEUE:STREAM. The verb "
              "ends when\n"
              "the queue has confirmed everything. --format json and cloudevents check "
              "that the\n"
              "data is valid; msgpack takes JSON and sends MessagePack; cloudevents "
              "takes a whole\n"
              "CloudEvent and adds its content-type. While `weir dev` runs on the same "
              "file, its\n"
              "queues are used.\n\n"
              "exit codes: 0 confirmed; 65 refused for what it is; 69 not confirmed in "
              "time;\n"
              "74 stdin cannot be read",
      .opts = send_opts,
      .min_args = 1,
      .max_args = 2,
      .run = weir_cmd_send },
    { .name = "tail",
      .args = "ADDRESS",
      .summary = "Prints events of a topic or stream, outside every group.",
      .help = "A line is position, time, key, headers and payload; -o json prints one "
              "JSON map a\n"
              "line, which `weir invoke --event` reads. ADDRESS may end with a place:\n"
              "kafka:orders/3@1042 prints that event. While `weir dev` runs on the "
              "same file,\n"
              "its queues are used (the embedded Kafka finds nothing by time).",
      .opts = tail_opts,
      .min_args = 1,
      .max_args = 1,
      .has_json = true,
      .run = weir_cmd_tail },
    { .name = "invoke",
      .args = "FUNCTION",
      .summary = "Runs one function on one event, without any broker.",
      .help =
          "The event is a JSON map; everything but data may be absent:\n\n"
          "  { \"key\": \"k1\", \"headers\": { \"name\": \"value\" }, \"data\": { "
          "\"amount\": 5 },\n"
          "    \"time\": \"2026-11-20T08:00:00Z\", \"position\": "
          "\"kafka:orders/3@1042\" }\n\n"
          "A data that is a text stands for its bytes, any other JSON for its own "
          "text, null\n"
          "for a tombstone; data_base64 holds bytes that are no text. With --format "
          "the file\n"
          "is the payload itself. It is decoded as the first subscription of the "
          "function\n"
          "does. Prints verdict, outputs, logs and time; publishes nothing.\n\n"
          "exit codes: 0 done; 65 rejected, or the event does not decode; 75 retry or\n"
          "unavailable; 78 the function cannot be loaded",
      .opts = invoke_opts,
      .min_args = 1,
      .max_args = 1,
      .has_json = true,
      .run = weir_cmd_invoke },
    { .name = "skip",
      .args = "POSITION",
      .summary = "Passes an event that cannot be handled at all.",
      .help = "For an undecodable batch, or an event whose dead letter fits nowhere: a "
              "dead letter\n"
              "without payload, marked weir.omitted, is published, then the position "
              "moves. Asks\n"
              "the workers that run on this host with the same state_dir, or the one "
              "of --admin. Where none runs and a Kafka group has no members at all, it "
              "does so\n"
              "itself, if the group stands at that very event.\n"
              "POSITION stands in the alarm and in /readyz?verbose: "
              "kafka:orders/3@1042.\n\n"
              "exit codes: 0 skipped; 65 the event there is not stuck; 66 nobody holds "
              "that\n"
              "position; 69 no worker answers",
      .opts = skip_opts,
      .min_args = 1,
      .max_args = 1,
      .run = weir_cmd_skip },
    { .name = "__tables",
      .args = "",
      .summary = "Prints the tables of verbs, options and settings.",
      .help = "",
      .is_hidden = true,
      .run = weir_cmd_tables },
    { .name = "__dev-worker",
      .args = "",
      .summary = "The worker of `weir dev`.",
      .help = "",
      .opts = dev_worker_opts,
      .is_hidden = true,
      .run = weir_cmd_dev_worker },
    { .name = "__embed",
      .args = "TYPE",
      .summary = "The queue of `weir dev`.",
      .help = "",
      .min_args = 1,
      .max_args = 1,
      .is_hidden = true,
      .run = weir_cmd_embed },
    { .name = "__completion",
      .args = "SHELL",
      .summary = "Prints the completions for a shell.",
      .help = "",
      .min_args = 1,
      .max_args = 1,
      .is_hidden = true,
      .run = weir_cmd_completion },
    { .name = "__man",
      .args = "",
      .summary = "Prints the manual page.",
      .help = "",
      .is_hidden = true,
      .run = weir_cmd_man },
    { .name = NULL },
};
