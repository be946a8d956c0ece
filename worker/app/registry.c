/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry - see registry.h.
 */
#include "worker/app/registry.h"

#include "handlers/library.h"
#include "triggers/kafka_conf.h"
#include "triggers/kafka_sink.h"
#include "triggers/kafka_source.h"

#include <ctype.h>

/* -- kafka ------------------------------------------------------------------------------- */

typedef struct registry_said {
    weir_queue_say_fn *say;
    void *arg;
} registry_said;

static void kafka_say(void *arg, const weir_opt_pair *pair, bool is_error,
                      const char *text)
{
    const registry_said *said = arg;

    said->say(said->arg, pair == NULL ? 0 : pair->line, pair == NULL ? 0 : pair->column,
              is_error, text);
}

static void kafka_check(const void *opts, weir_queue_say_fn *say, void *arg)
{
    registry_said said = { say, arg };

    (void)weir_kafka_queue_check(opts, kafka_say, &said);
}

static const char *kafka_topic_wrong(const char *topic)
{
    if (strlen(topic) > 249) {
        return "a topic has at most 249 characters";
    }
    if (strcmp(topic, ".") == 0 || strcmp(topic, "..") == 0) {
        return "no topic may be called that";
    }
    for (const char *at = topic; *at != '\0'; at++) {
        if (!isalnum((unsigned char)*at) && strchr("._-", *at) == NULL) {
            return "a topic has only the characters a-z A-Z 0-9 . _ - (a pattern "
                   "starts "
                   "with ^)";
        }
    }
    return NULL;
}

const char *const weir_queue_type_words[] = { "kafka", NULL };

const weir_queue_type weir_queue_types[] = {
    { .name = "kafka",
      .about = "topics of a Kafka cluster",
      .source = &weir_kafka_source,
      .sink = &weir_kafka_sink,
      .rows = weir_kafka_queue_opts,
      .opts_size = sizeof(weir_kafka_queue),
      .has_partitions = true,
      .check = kafka_check,
      .topic_wrong = kafka_topic_wrong },
    { .name = NULL },
};

/* -- functions --------------------------------------------------------------------------- */

static const weir_opt_map *library_env(const void *opts)
{
    return &((const weir_library_opts *)opts)->env;
}

static const char *library_config(const void *opts)
{
    return ((const weir_library_opts *)opts)->config;
}

const weir_host_type weir_host_types[] = {
    { .name = "library",
      .about = "a function in a shared object",
      .ops = &weir_library_host,
      .rows = weir_library_rows,
      .opts_size = sizeof(weir_library_opts),
      .env = library_env,
      .config = library_config },
    { .name = NULL },
};

const weir_queue_type *weir_queue_type_find(const char *name)
{
    for (const weir_queue_type *type = weir_queue_types; type->name != NULL; type++) {
        if (strcmp(type->name, name) == 0) {
            return type;
        }
    }
    return NULL;
}
