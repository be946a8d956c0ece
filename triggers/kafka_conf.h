/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_conf - a Kafka queue of the configuration, and what it means for librdkafka.
 *
 * Here are the settings of `queues:` type kafka, the properties that weir must own (with the
 * reason for people), and every rule that depends on the version of librdkafka, which is that
 * of the library at run time and not that of the headers at build time.
 *
 * This is the only file of the tree that includes librdkafka's header: the source, the sink
 * and the admin calls get it from here, so that there is one place to look at when a version
 * brings something new.
 *
 * Threads: any; tables are constant.
 */
#ifndef WEIR_TRIGGERS_KAFKA_CONF_H
#define WEIR_TRIGGERS_KAFKA_CONF_H

#include "worker/base/opt.h"

#include <librdkafka/rdkafka.h>

#include <stdbool.h>

/* One queue of type kafka. */
/* The largest answer of a broker, in bytes, for sources and for tools. What is over it is never
 * read, nor what stands in the same answer; a broker takes requests of 100 MiB, so that records
 * may be larger than the library's own limit of 100,000,000. It is also the most that a batch
 * packed with zstd may grow to; batches of other codecs have no limit. */
#define WEIR_KAFKA_ANSWER_MAX "134217728"
#define WEIR_KAFKA_ANSWER_MAX_TOOL "1000000000"

typedef struct weir_kafka_queue {
    char *brokers;
    weir_opt_map properties; /* for every client of this queue */
    weir_opt_map consumer;   /* for sources alone */
    weir_opt_map producer;   /* for sinks alone */
    uint64_t ack_map;        /* most bytes of a commit's metadata; 0: none */
} weir_kafka_queue;

extern const weir_opt weir_kafka_queue_opts[];

typedef enum weir_kafka_role {
    WEIR_KAFKA_CONSUMER,
    WEIR_KAFKA_PRODUCER,
    WEIR_KAFKA_ADMIN /* common properties only */
} weir_kafka_role;

/* What this version of the library can do, and cannot be trusted with. */
typedef struct weir_kafka_caps {
    int version;
    /* below 2.2.0: a full queue stalls the fetcher for up to a second */
    bool needs_wake;
    /* below 2.4.0: main threads go round and round before each timer */
    bool needs_slack;
    bool has_epochs;  /* from 2.1.0: commits carry the leader's epoch */
    bool has_backoff; /* from 2.2.0: fetch.queue.backoff.ms */
    /* from 2.6.1: cooperative-sticky does not loop for ever */
    bool has_cooperative;
    bool has_kip848;    /* from 2.15.0: group.protocol=consumer can be trusted */
    bool has_batches;   /* from 2.13.2: batch calls also where partitions are kept */
    bool has_telemetry; /* from 2.5.0: enable.metrics.push */
    bool has_scram;     /* from 2.6.1: its nonce is one that Kafka 4.0 and newer take */
    int seek_scale;     /* below 2.1.0 a seek's timeout is a thousand times too short */
    const char *refused; /* why this version is not used at all; NULL: it is */
    const char *warning; /* what people should know of it; NULL: nothing */
} weir_kafka_caps;

/* version as rd_kafka_version() gives it (0xMMmmrrxx). */
void weir_kafka_caps_of(int version, weir_kafka_caps *out);
/* Why SCRAM fails with a version that lacks has_scram. */
extern const char weir_kafka_scram_text[];

/* Those of the library that runs. */
void weir_kafka_caps_get(weir_kafka_caps *out);

/* WEIR_OK, or WEIR_ECONFIG with the reason. assignor: 0 range, 1 cooperative-sticky. */
weir_status weir_kafka_assignor_check(const weir_kafka_caps *caps, int assignor,
                                      weir_err *err);

/* Why weir owns this property (one sentence), or NULL: the user may set it. value may be
 * NULL; some are refused for certain values only. */
const char *weir_kafka_owned(const weir_kafka_caps *caps, weir_kafka_role role,
                             const char *name, const char *value);

/* Says one thing about one setting; pair is a loan and NULL for the queue itself. */
typedef void weir_kafka_say_fn(void *arg, const weir_opt_pair *pair, bool is_error,
                               const char *text);

/*
 * Looks at everything that can be known without a broker: the library's version, refused
 * properties, and what the library itself says of each name and value. Secrets are never in
 * a text. Returns the number of errors said.
 */
size_t weir_kafka_queue_check(const weir_kafka_queue *queue, weir_kafka_say_fn *say,
                              void *arg);

/* A property that weir sets. */
typedef struct weir_kafka_prop {
    const char *name;
    const char *value;
    bool is_default; /* the user's own value goes first */
} weir_kafka_prop;

/*
 * A conf of the queue's brokers and properties, and of what weir sets (ends with a prop
 * without name). The client's log goes to weir_log through the client's main queue.
 * Owns:    the caller owns *out until rd_kafka_new() has taken it.
 * Returns: WEIR_OK, WEIR_ECONFIG with the first thing that is wrong.
 */
weir_status weir_kafka_conf_new(const weir_kafka_queue *queue, weir_kafka_role role,
                                const weir_kafka_prop *props, rd_kafka_conf_t **out,
                                weir_err *err);

/* What weir answers for an error of the client: EUNAVAIL, EDENIED, ENOENT, ETIMEOUT, EIO... */
weir_status weir_kafka_status(rd_kafka_resp_err_t code);

#endif
