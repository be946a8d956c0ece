/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_conf - properties in, a conf of librdkafka out, and the rules by version.
 */
#include "triggers/kafka_conf.h"

#include "triggers/ack_map.h"
#include "triggers/kafka_slack.h"
#include "triggers/kafka_why.h"
#include "worker/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define KAFKA_VERSION(major, minor, patch)                                             \
    ((major) << 24 | (minor) << 16 | (patch) << 8)

const weir_opt weir_kafka_queue_opts[] = {
    { .name = "brokers",
      .type = WEIR_OPT_STRING,
      .offset = offsetof(weir_kafka_queue, brokers),
      .is_required = true,
      .help = "host:port of one or more brokers, with commas; the rest is found from "
              "them" },
    { .name = "properties",
      .type = WEIR_OPT_MAP,
      .offset = offsetof(weir_kafka_queue, properties),
      .help = "properties of librdkafka for every client of this queue, as its own "
              "documentation names them" },
    { .name = "consumer",
      .type = WEIR_OPT_MAP,
      .offset = offsetof(weir_kafka_queue, consumer),
      .help = "properties of librdkafka for sources alone" },
    { .name = "producer",
      .type = WEIR_OPT_MAP,
      .offset = offsetof(weir_kafka_queue, producer),
      .help = "properties of librdkafka for sinks alone" },
    { .name = "ack_map",
      .type = WEIR_OPT_SIZE,
      .offset = offsetof(weir_kafka_queue, ack_map),
      .def = "4KiB",
      .min = 0,
      .max = WEIR_ACK_MAP_MAX_BYTES,
      .help = "most bytes of a commit's metadata, which says what is done above the "
              "position; at most the brokers' offset.metadata.max.bytes; 0: none" },
    { .name = NULL },
};

/* ------------------------------------------------------------------------ versions ---- */

const char weir_kafka_scram_text[] =
    "librdkafka before 2.6.1 cannot log in by SCRAM at Kafka 4.0 and newer, whatever "
    "the "
    "password: use librdkafka 2.6.1 or newer, a client certificate, or PLAIN over TLS";

void weir_kafka_caps_of(int version, weir_kafka_caps *out)
{
    const int v = version & ~0xff; /* the last byte says pre-release or final */

    *out = (weir_kafka_caps){
        .version = version,
        .needs_wake = v < KAFKA_VERSION(2, 2, 0),
        .needs_slack = v < KAFKA_VERSION(2, 4, 0),
        .seek_scale = v < KAFKA_VERSION(2, 1, 0) ? 1000 : 1,
        .has_epochs = v >= KAFKA_VERSION(2, 1, 0),
        .has_backoff = v >= KAFKA_VERSION(2, 2, 0),
        .has_batches = v >= KAFKA_VERSION(2, 13, 2),
        .has_telemetry = v >= KAFKA_VERSION(2, 5, 0),
        .has_cooperative = v >= KAFKA_VERSION(2, 6, 1),
        .has_scram = v >= KAFKA_VERSION(2, 6, 1),
        .has_kip848 = v >= KAFKA_VERSION(2, 15, 0),
    };
    if (v < KAFKA_VERSION(2, 0, 2)) {
        out->refused = "librdkafka older than 2.0.2 is not supported";
    } else if (v == KAFKA_VERSION(2, 10, 0)) {
        out->refused =
            "librdkafka 2.10.0 loops while it looks for brokers and uses freed "
            "memory of its metadata cache; 2.10.1 mends both";
    } else if (v >= KAFKA_VERSION(2, 1, 0) && v < KAFKA_VERSION(2, 3, 0)) {
        out->warning =
            "librdkafka 2.1.0 to 2.2.x leaves positions without a leader epoch out "
            "of commits; weir gives the epoch, but 2.3.0 or newer is the better choice";
    } else if (v >= KAFKA_VERSION(2, 5, 0) && v < KAFKA_VERSION(2, 5, 3)) {
        out->warning =
            "librdkafka 2.5.0 can abort while it pushes telemetry; weir turns that "
            "off, but 2.5.3 or newer is the better choice";
    }
}

void weir_kafka_caps_get(weir_kafka_caps *out)
{
    weir_kafka_caps_of(rd_kafka_version(), out);
}

weir_status weir_kafka_assignor_check(const weir_kafka_caps *caps, int assignor,
                                      weir_err *err)
{
    if (assignor == 0 || caps->has_cooperative) {
        return WEIR_OK;
    }
    return weir_fail(
        err, WEIR_ECONFIG,
        "assignor cooperative-sticky needs librdkafka 2.6.1 or newer: before it the "
        "assignment can loop for ever; this is %d.%d.%d, use range",
        caps->version >> 24 & 0xff, caps->version >> 16 & 0xff,
        caps->version >> 8 & 0xff);
}

/* --------------------------------------------------------------------- what we own ---- */

typedef struct kafka_owned {
    const char *name;
    const char *reason;
} kafka_owned;

static const kafka_owned owned_always[] = {
    { "bootstrap.servers", "the brokers are in `brokers`" },
    { "metadata.broker.list", "the brokers are in `brokers`" },
    { "client.id", "it is made of worker.name and worker.instance" },
    { "group.id", "it is the subscription's `group`" },
    { "group.instance.id", "it is the subscription's `static_member`" },
    { "partition.assignment.strategy", "it is the subscription's `assignor`" },
    { "enable.auto.commit",
      "weir commits a position only when everything before it is done" },
    { "auto.commit.enable",
      "weir commits a position only when everything before it is done" },
    { "auto.commit.interval.ms", "it is the subscription's `commit`" },
    { "enable.auto.offset.store",
      "weir stores a position only when everything before it is done" },
    { "offset.store.method", "positions are kept by the brokers" },
    { "auto.offset.reset", "it is the subscription's `start` and `on_lost_position`; a "
                           "silent reset loses events" },
    { "isolation.level", "events of aborted transactions must not reach functions" },
    { "enable.partition.eof", "weir follows the end of partitions itself" },
    { "queued.min.messages", "it follows from worker.max_events" },
    { "queued.max.messages.kbytes", "it follows from worker.max_bytes" },
    { "fetch.queue.backoff.ms",
      "weir keeps the client's queue small and wakes the fetcher" },
    { "allow.auto.create.topics",
      "a misspelt topic must be an alarm, not a new topic" },
    { "acks", "a result counts only when all in-sync replicas have it" },
    { "request.required.acks",
      "a result counts only when all in-sync replicas have it" },
    { "enable.idempotence",
      "without it a retry doubles results and changes their order" },
    { "enable.gapless.guarantee",
      "what follows a refused batch must not be written before it" },
    { "message.timeout.ms",
      "the client repeats until the broker has answered; giving up is "
      "decided by the subscription" },
    { "delivery.timeout.ms",
      "the client repeats until the broker has answered; giving up is "
      "decided by the subscription" },
    { "partitioner",
      "keys go where every other client would put them (murmur2_random)" },
    { "transactional.id",
      "it is made by weir where `delivery: exactly_once` asks for it" },
    { "transaction.timeout.ms",
      "a transaction is the subscription's `transaction`, and is over long before" },
    { "delivery.report.only.error", "every result is waited for" },
    { "message.max.bytes", "the topic's own limit decides, not the client's" },
    { "message.copy.max.bytes", "weir lends its own memory to the client" },
    { "batch.size",
      "it is held below the limit of the topic, so that a refused batch can be "
      "told from a refused event" },
    { "batch.num.messages", "it is chosen by weir for each topic" },
    { "queue.buffering.max.messages", "it follows from worker.max_bytes" },
    { "queue.buffering.max.kbytes", "it follows from worker.max_bytes" },
    { "log.queue", "the client's log goes into weir's" },
    { "log_level", "the client's log goes into weir's" },
    { "enable.metrics.push", "2.5.0 aborts on it, and nobody has asked for it" },
    { "test.mock.num.brokers", "`weir dev` starts a broker of its own" },
    { "topic.blacklist", "it keeps patterns off result and dead letter topics" },
    { "plugin.library.paths", "code runs in the worker only as a function" },
    { NULL, NULL },
};

/* Words of `debug` that print what events or logins hold. */
static const char *const debug_refused[] = { "all", "msg", "security", NULL };

static bool kafka_list_has(const char *list, const char *word)
{
    const size_t len = strlen(word);

    for (const char *at = list; *at != '\0';) {
        at += strspn(at, ", \t");
        const size_t n = strcspn(at, ", \t");

        if (n == len && strncasecmp(at, word, len) == 0) {
            return true;
        }
        at += n;
    }
    return false;
}

const char *weir_kafka_owned(const weir_kafka_caps *caps, weir_kafka_role role,
                             const char *name, const char *value)
{
    const size_t len = strlen(name);

    (void)role; /* a consumer's property is no better among the producer's */
    for (const kafka_owned *o = owned_always; o->name != NULL; o++) {
        if (strcmp(o->name, name) == 0) {
            return o->reason;
        }
    }
    if (len > 3 &&
        (strcmp(name + len - 3, "_cb") == 0 || strcmp(name, "opaque") == 0)) {
        return "it is a pointer of the program, not a setting";
    }
    if (strcmp(name, "debug") == 0 && value != NULL) {
        for (size_t i = 0; debug_refused[i] != NULL; i++) {
            if (kafka_list_has(value, debug_refused[i])) {
                return "all, msg and security print what events and logins hold; "
                       "broker, topic, cgrp, fetch, eos, metadata, protocol and queue "
                       "are allowed";
            }
        }
    }
    if (strcmp(name, "group.protocol") == 0 && value != NULL && !caps->has_kip848 &&
        strcasecmp(value, "classic") != 0) {
        return "the new group protocol stalls and commits with stale epochs before "
               "librdkafka 2.15.0";
    }
    return NULL;
}

/* --------------------------------------------------------------------------- check ---- */

/* Texts of the library repeat the value, which must not happen for these. */
static bool kafka_is_secret(const char *name)
{
    static const char *const parts[] = { "password",           "secret", "key.pem",
                                         "sasl.username",      "token",  "keystore",
                                         "oauthbearer.config", NULL };

    for (size_t i = 0; parts[i] != NULL; i++) {
        if (strstr(name, parts[i]) != NULL) {
            return true;
        }
    }
    return false;
}

/* Sets one of the user's properties; false: text says why not. */
static bool kafka_set(rd_kafka_conf_t *conf, const char *name, const char *value,
                      char *text, size_t cap)
{
    char said[512] = "";

    if (rd_kafka_conf_set(conf, name, value, said, sizeof(said)) == RD_KAFKA_CONF_OK) {
        return true;
    }
    if (kafka_is_secret(name)) {
        snprintf(text, cap, "librdkafka does not take this value for %s", name);
    } else {
        snprintf(text, cap, "%s", said);
    }
    return false;
}

typedef struct kafka_maps {
    const weir_opt_map *map;
    weir_kafka_role role;
} kafka_maps;

static size_t kafka_check_map(const weir_kafka_caps *caps, const kafka_maps *maps,
                              rd_kafka_conf_t *conf, weir_kafka_say_fn *say, void *arg)
{
    size_t n_errors = 0;

    for (size_t i = 0; i < maps->map->n; i++) {
        const weir_opt_pair *pair = &maps->map->pairs[i];
        const char *value = pair->value == NULL ? "" : pair->value;
        const char *reason = weir_kafka_owned(caps, maps->role, pair->name, value);
        char text[768];

        if (reason != NULL) {
            snprintf(text, sizeof(text), "%s is set by weir: %s", pair->name, reason);
            say(arg, pair, true, text);
            n_errors++;
        } else if (!kafka_set(conf, pair->name, value, text, sizeof(text))) {
            say(arg, pair, true, text);
            n_errors++;
        } else if ((strcmp(pair->name, "ssl.endpoint.identification.algorithm") == 0 &&
                    strcasecmp(value, "none") == 0) ||
                   (strcmp(pair->name, "enable.ssl.certificate.verification") == 0 &&
                    strcasecmp(value, "false") == 0)) {
            snprintf(text, sizeof(text),
                     "%s=%s: anybody on the way can read and change events", pair->name,
                     value);
            say(arg, pair, false, text);
        } else if (!caps->has_scram && strncasecmp(value, "SCRAM", 5) == 0 &&
                   strncmp(pair->name, "sasl.mechanism", 14) == 0) {
            say(arg, pair, false, weir_kafka_scram_text);
        }
    }
    return n_errors;
}

size_t weir_kafka_queue_check(const weir_kafka_queue *queue, weir_kafka_say_fn *say,
                              void *arg)
{
    weir_kafka_caps caps;
    size_t n_errors = 0;
    const kafka_maps maps[] = {
        { &queue->properties, WEIR_KAFKA_ADMIN },
        { &queue->consumer, WEIR_KAFKA_CONSUMER },
        { &queue->producer, WEIR_KAFKA_PRODUCER },
    };
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    weir_kafka_caps_get(&caps);
    if (caps.refused != NULL) {
        say(arg, NULL, true, caps.refused);
        n_errors++;
    } else if (caps.warning != NULL) {
        say(arg, NULL, false, caps.warning);
    }
    if (queue->brokers == NULL || queue->brokers[0] == '\0') {
        say(arg, NULL, true, "brokers is empty");
        n_errors++;
    }
    for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
        n_errors += kafka_check_map(&caps, &maps[i], conf, say, arg);
    }
    rd_kafka_conf_destroy(conf);
    return n_errors;
}

/* ---------------------------------------------------------------------------- conf ---- */

/* Says in words what was wrong with a certificate; the library logs it. */
static int kafka_cert(rd_kafka_t *rk, const char *broker, int32_t id, int *x509_error,
                      int depth, const char *bytes, size_t n_bytes, char *text,
                      size_t cap, void *opaque)
{
    (void)rk;
    (void)broker;
    (void)id;
    (void)depth;
    (void)bytes;
    (void)n_bytes;
    (void)opaque;
    return weir_kafka_cert_judge(NULL, *x509_error, text, cap);
}

static void kafka_log(const rd_kafka_t *rk, int level, const char *fac, const char *buf)
{
    /* The library calls a broker that went away an error; for us it is a thing that passes. */
    weir_level to = level <= 4 ? WEIR_WARN : (level <= 6 ? WEIR_INFO : WEIR_DEBUG);

    if (strcmp(fac, "AUTOCREATE") == 0) {
        /* only the embedded broker is so old, and it makes no topics */
        to = WEIR_DEBUG;
    }
    if (strcmp(fac, "CONFWARN") == 0 &&
        strstr(buf, "enable.gapless.guarantee") != NULL) {
        to = WEIR_DEBUG; /* our own choice: see kafka_producer.h */
    }

    weir_log(to, "kafka.client", "client=%s facility=%s text=%s",
             rk == NULL ? "-" : rd_kafka_name(rk), fac, buf);
}

static weir_status kafka_conf_map(rd_kafka_conf_t *conf, const weir_kafka_caps *caps,
                                  const weir_opt_map *map, weir_kafka_role role,
                                  weir_err *err)
{
    for (size_t i = 0; i < map->n; i++) {
        const weir_opt_pair *pair = &map->pairs[i];
        const char *value = pair->value == NULL ? "" : pair->value;
        const char *reason = weir_kafka_owned(caps, role, pair->name, value);
        char text[768];

        if (reason != NULL) {
            return weir_fail(err, WEIR_ECONFIG, "%s is set by weir: %s", pair->name,
                             reason);
        }
        if (!kafka_set(conf, pair->name, value, text, sizeof(text))) {
            return weir_fail(err, WEIR_ECONFIG, "%s", text);
        }
    }
    return WEIR_OK;
}

weir_status weir_kafka_conf_new(const weir_kafka_queue *queue, weir_kafka_role role,
                                const weir_kafka_prop *props, rd_kafka_conf_t **out,
                                weir_err *err)
{
    weir_status st = WEIR_OK;
    weir_kafka_caps caps;
    char text[768];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    const weir_opt_map *own = role == WEIR_KAFKA_CONSUMER   ? &queue->consumer
                              : role == WEIR_KAFKA_PRODUCER ? &queue->producer
                                                            : NULL;

    weir_kafka_caps_get(&caps);
    if (caps.refused != NULL) {
        st = weir_fail(err, WEIR_ECONFIG, "%s", caps.refused);
        goto out;
    }
    if (!kafka_set(conf, "bootstrap.servers",
                   queue->brokers == NULL ? "" : queue->brokers, text, sizeof(text))) {
        st = weir_fail(err, WEIR_ECONFIG, "%s", text);
        goto out;
    }
    for (const weir_kafka_prop *p = props; p != NULL && p->name != NULL; p++) {
        if (p->is_default && !kafka_set(conf, p->name, p->value, text, sizeof(text))) {
            st = weir_fail(err, WEIR_ECONFIG, "%s", text);
            goto out;
        }
    }
    if ((st = kafka_conf_map(conf, &caps, &queue->properties, role, err)) != WEIR_OK ||
        (own != NULL &&
         (st = kafka_conf_map(conf, &caps, own, role, err)) != WEIR_OK)) {
        goto out;
    }
    for (const weir_kafka_prop *p = props; p != NULL && p->name != NULL; p++) {
        if (!p->is_default && !kafka_set(conf, p->name, p->value, text, sizeof(text))) {
            st = weir_fail(err, WEIR_ECONFIG, "%s", text);
            goto out;
        }
    }
    if (caps.has_telemetry) {
        kafka_set(conf, "enable.metrics.push", "false", text, sizeof(text));
    }
    kafka_set(conf, "log.queue", "true", text, sizeof(text));
    rd_kafka_conf_set_log_cb(conf, kafka_log);
    (void)rd_kafka_conf_set_ssl_cert_verify_cb(conf, kafka_cert);
    if (role == WEIR_KAFKA_CONSUMER) {
        weir_kafka_slack_add(&caps, conf);
    }
    *out = conf;
    conf = NULL;
out:
    if (conf != NULL) {
        rd_kafka_conf_destroy(conf);
    }
    return st;
}

weir_status weir_kafka_status(rd_kafka_resp_err_t code)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        return WEIR_OK;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
        return WEIR_EDENIED;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR__UNKNOWN_GROUP:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
        return WEIR_ENOENT;
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__WAIT_COORD:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
        return WEIR_EUNAVAIL;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
        return WEIR_ETOOLARGE;
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
    case RD_KAFKA_RESP_ERR_INVALID_REQUEST:
    case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
        return WEIR_EINVAL;
    default:
        return WEIR_EIO;
    }
}
