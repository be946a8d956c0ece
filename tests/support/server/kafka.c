/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* kafka - how a Kafka of Maven's jars is formatted, started and asked; see server.h. */
#include "tests/support/server/server.h"

#include <librdkafka/rdkafka.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define ASK_MS 500
#define TOPIC_MS 60000
#define PAUSE_MS 20

static char kafka_java[512];
static char kafka_classpath[1024];

static const char kafka_properties[] =
    "process.roles=broker,controller\n"
    "node.id=1\n"
    "listeners=PLAINTEXT://127.0.0.1:%u,CONTROLLER://127.0.0.1:%u%s\n"
    "advertised.listeners=PLAINTEXT://127.0.0.1:%u%s\n"
    "controller.listener.names=CONTROLLER\n"
    "inter.broker.listener.name=PLAINTEXT\n"
    "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,"
    "PROXIED:PLAINTEXT%s\n"
    "controller.quorum.voters=1@127.0.0.1:%u\n"
    "log.dirs=%s/data\n"
    "offsets.topic.replication.factor=1\n"
    "offsets.topic.num.partitions=1\n"
    "transaction.state.log.replication.factor=1\n"
    "transaction.state.log.min.isr=1\n"
    "transaction.state.log.num.partitions=1\n"
    "group.initial.rebalance.delay.ms=0\n"
    /* A broker that was killed is let in again when its last session is over. */
    "broker.session.timeout.ms=2000\n"
    "broker.heartbeat.interval.ms=500\n"
    /* Tests may want to see a dead member leave soon. */
    "group.min.session.timeout.ms=1000\n"
    "auto.create.topics.enable=false\n"
    "log.cleaner.dedupe.buffer.size=4194304\n"
    "%s%s\n";

static const char kafka_new_only[] =
    "share.coordinator.state.topic.replication.factor=1\n"
    "share.coordinator.state.topic.min.isr=1\n";

static const char kafka_log4j1[] =
    "log4j.rootLogger=WARN, out\n"
    "log4j.appender.out=org.apache.log4j.ConsoleAppender\n"
    "log4j.appender.out.layout=org.apache.log4j.PatternLayout\n"
    "log4j.appender.out.layout.ConversionPattern=%d %p %m%n\n";

static const char kafka_log4j2[] = "rootLogger.level=warn\n"
                                   "rootLogger.appenderRef.out.ref=out\n"
                                   "appender.out.type=Console\n"
                                   "appender.out.name=out\n"
                                   "appender.out.layout.type=PatternLayout\n"
                                   "appender.out.layout.pattern=%d %p %m%n\n";

static bool kafka_is_old(const server *srv)
{
    return strncmp(srv->version, "3.", 2) == 0;
}

/* Where the jars and the Java are. */
static bool kafka_find(server *srv)
{
    const char *cache = getenv("WEIR_CACHE_DIR");
    const char *home = getenv("JAVA_HOME");
    char mark[1024];

    snprintf(kafka_java, sizeof(kafka_java), "%s%s", home != NULL ? home : "",
             home != NULL ? "/bin/java" : "java");
    cache = cache != NULL ? cache : WEIR_TEST_CACHE_DIR;
    snprintf(mark, sizeof(mark), "%s/kafka/%s/complete", cache, srv->version);
    if (access(mark, R_OK) != 0) {
        return server_fail(
            srv, "the jars of Kafka %s are not in %s/kafka; ./dev setup brings them",
            srv->version, cache);
    }
    snprintf(kafka_classpath, sizeof(kafka_classpath), "%s/kafka/%s/libs/*", cache,
             srv->version);
    return true;
}

/* The words that every start of Java begins with. */
static size_t kafka_java_words(const server *srv, char **argv)
{
    static char heap[] = "-Xmx512m";
    static char gc[] = "-XX:+UseSerialGC";
    static char tiers[] = "-XX:TieredStopAtLevel=1";
    static char cp[] = "-cp";
    static char log_old[] = "-Dlog4j.configuration=file:log4j.properties";
    static char log_new[] = "-Dlog4j2.configurationFile=log4j2.properties";
    size_t n = 0;

    argv[n++] = kafka_java;
    argv[n++] = heap;
    argv[n++] = gc;
    argv[n++] = tiers;
    argv[n++] = kafka_is_old(srv) ? log_old : log_new;
    argv[n++] = cp;
    argv[n++] = kafka_classpath;
    return n;
}

/* 16 random bytes as Kafka writes them: base64 for URLs, without padding, no leading dash. */
static bool kafka_cluster_id(char *out)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned char bytes[16];
    size_t n = 0;

    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes)) {
        return false;
    }
    bytes[0] &= 0x7f;
    for (size_t i = 0; i < sizeof(bytes); i += 3) {
        const unsigned b0 = bytes[i];
        const unsigned b1 = i + 1 < sizeof(bytes) ? bytes[i + 1] : 0;
        const unsigned b2 = i + 2 < sizeof(bytes) ? bytes[i + 2] : 0;

        out[n++] = digits[b0 >> 2];
        out[n++] = digits[(b0 & 3) << 4 | b1 >> 4];
        if (i + 1 < sizeof(bytes)) {
            out[n++] = digits[(b1 & 15) << 2 | b2 >> 6];
            out[n++] = digits[b2 & 63];
        }
    }
    out[n] = '\0';
    return true;
}

/* Three settings of server.properties that name listeners. */
typedef struct kafka_names {
    char listeners[1024], advertised[1024], protocols[512];
} kafka_names;

static bool kafka_listeners(server *srv, kafka_names *names)
{
    char list[512];
    char *save = NULL;
    size_t n = 0, len = 0, protocols_len = 0, more_len = 0;

    *names = (kafka_names){ "", "", "" };
    srv->more[0] = '\0';
    if (srv->proxy_port != 0) {
        snprintf(srv->behind, sizeof(srv->behind), "127.0.0.1:%u", srv->port3);
        snprintf(names->listeners, sizeof(names->listeners), ",PROXIED://%s",
                 srv->behind);
        snprintf(names->advertised, sizeof(names->advertised),
                 ",PROXIED://127.0.0.1:%u", srv->proxy_port);
        return true;
    }
    snprintf(list, sizeof(list), "%s", srv->listeners != NULL ? srv->listeners : "");
    for (char *name = strtok_r(list, ",", &save); name != NULL;
         name = strtok_r(NULL, ",", &save), n++) {
        char *protocol = strchr(name, '=');

        if (protocol == NULL || n == SERVER_MAX_LISTENERS) {
            return server_fail(srv, "listeners: at most %d of NAME=PROTOCOL",
                               SERVER_MAX_LISTENERS);
        }
        *protocol++ = '\0';
        len += (size_t)snprintf(names->listeners + len, sizeof(names->listeners) - len,
                                ",%s://127.0.0.1:%u", name, srv->ports[n]);
        protocols_len += (size_t)snprintf(names->protocols + protocols_len,
                                          sizeof(names->protocols) - protocols_len,
                                          ",%s:%s", name, protocol);
        more_len += (size_t)snprintf(srv->more + more_len, sizeof(srv->more) - more_len,
                                     " %s=127.0.0.1:%u", name, srv->ports[n]);
        if (len >= sizeof(names->listeners) || more_len >= sizeof(srv->more) ||
            protocols_len >= sizeof(names->protocols)) {
            return server_fail(srv, "listeners: too long");
        }
    }
    memcpy(names->advertised, names->listeners, sizeof(names->advertised));
    return true;
}

static bool kafka_prepare(server *srv)
{
    static char add[] = "--add-scram";
    static char words[][32] = {
        "kafka.tools.StorageTool", "format", "--cluster-id", "", "--config",
        "server.properties"
    };
    char *argv[SERVER_MAX_ARGS + 1] = { NULL };
    char text[8192];
    kafka_names names;
    size_t n;

    if (!kafka_find(srv) || !kafka_listeners(srv, &names)) {
        return false;
    }
    if ((size_t)snprintf(text, sizeof(text), kafka_properties, srv->port, srv->port2,
                         names.listeners, srv->port, names.advertised, names.protocols,
                         srv->port2, srv->dir, kafka_is_old(srv) ? "" : kafka_new_only,
                         srv->properties) >= sizeof(text)) {
        return server_fail(srv, "too many properties");
    }
    if (!server_write(srv, "server.properties", text) ||
        !server_write(srv, "log4j.properties", kafka_log4j1) ||
        !server_write(srv, "log4j2.properties", kafka_log4j2)) {
        return false;
    }
    if (!kafka_cluster_id(words[3])) {
        return server_fail(srv, "no random bytes");
    }
    n = kafka_java_words(srv, argv);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        argv[n++] = words[i];
    }
    for (size_t i = 0; srv->users != NULL && srv->users[i] != NULL; i++) {
        if (n + 2 > SERVER_MAX_ARGS) {
            return server_fail(srv, "too many users");
        }
        argv[n++] = add;
        argv[n++] = srv->users[i];
    }
    return server_run(srv, argv);
}

static bool kafka_command(server *srv, char **argv)
{
    static char main_class[] = "kafka.Kafka";
    static char file[] = "server.properties";
    const size_t n = kafka_java_words(srv, argv);

    argv[n] = main_class;
    argv[n + 1] = file;
    return true;
}

/* A client for questions, quick to come back; NULL: text is set. */
static rd_kafka_t *kafka_client(server *srv)
{
    static const char *const settings[][2] = {
        { "reconnect.backoff.ms", "20" },
        { "reconnect.backoff.max.ms", "100" },
        { "log_level", "0" },
    };
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *rk;

    rd_kafka_conf_set(conf, "bootstrap.servers", srv->address, NULL, 0);
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        rd_kafka_conf_set(conf, settings[i][0], settings[i][1], NULL, 0);
    }
    rd_kafka_conf_set_log_cb(conf, NULL);
    rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, srv->text, sizeof(srv->text));
    if (rk == NULL) {
        rd_kafka_conf_destroy(conf);
    }
    return rk;
}

static bool kafka_answers(server *srv)
{
    const struct rd_kafka_metadata *meta = NULL;
    rd_kafka_t *rk = kafka_client(srv);
    bool is_ready = false;

    if (rk == NULL) {
        return false;
    }
    if (rd_kafka_metadata(rk, 1, NULL, &meta, ASK_MS) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        is_ready = meta->broker_cnt > 0;
        rd_kafka_metadata_destroy(meta);
    }
    rd_kafka_destroy(rk);
    return is_ready;
}

/* Has every partition of the topic a leader? */
static bool kafka_has_leaders(rd_kafka_t *rk, const char *topic, int n_partitions)
{
    const struct rd_kafka_metadata *meta = NULL;
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, topic, NULL);
    int n_led = 0;

    if (rkt != NULL &&
        rd_kafka_metadata(rk, 0, rkt, &meta, ASK_MS) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        for (int i = 0; meta->topic_cnt == 1 && i < meta->topics[0].partition_cnt;
             i++) {
            n_led += meta->topics[0].partitions[i].leader >= 0 ? 1 : 0;
        }
        rd_kafka_metadata_destroy(meta);
    }
    if (rkt != NULL) {
        rd_kafka_topic_destroy(rkt);
    }
    return n_led == n_partitions;
}

static bool kafka_create(server *srv, rd_kafka_t *rk, rd_kafka_NewTopic_t *fresh)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_event_t *event;
    bool is_ok = false;

    rd_kafka_AdminOptions_set_operation_timeout(options, TOPIC_MS, NULL, 0);
    rd_kafka_CreateTopics(rk, &fresh, 1, options, queue);
    event = rd_kafka_queue_poll(queue, TOPIC_MS);
    if (event == NULL) {
        server_fail(srv, "topic: no answer");
    } else if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        server_fail(srv, "topic: %s", rd_kafka_event_error_string(event));
    } else {
        size_t n = 0;
        const rd_kafka_topic_result_t **results = rd_kafka_CreateTopics_result_topics(
            rd_kafka_event_CreateTopics_result(event), &n);

        is_ok = n == 1 &&
                rd_kafka_topic_result_error(results[0]) == RD_KAFKA_RESP_ERR_NO_ERROR;
        if (!is_ok) {
            server_fail(srv, "topic: %s",
                        n == 1 ? rd_kafka_topic_result_error_string(results[0])
                               : "no result");
        }
    }
    if (event != NULL) {
        rd_kafka_event_destroy(event);
    }
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    return is_ok;
}

bool server_topic(server *srv, char *rest)
{
    char *save = NULL;
    const char *topic = strtok_r(rest, " ", &save);
    const char *count = strtok_r(NULL, " ", &save);
    const int n_partitions = server_number(count, 0);
    rd_kafka_NewTopic_t *fresh = NULL;
    rd_kafka_t *rk = NULL;
    bool is_ok = false;

    if (n_partitions < 1) {
        return server_fail(srv, "usage: topic NAME PARTITIONS [NAME=VALUE...]");
    }
    fresh = rd_kafka_NewTopic_new(topic, n_partitions, 1, srv->text, sizeof(srv->text));
    if (fresh == NULL || (rk = kafka_client(srv)) == NULL) {
        goto out;
    }
    for (char *word = strtok_r(NULL, " ", &save); word != NULL;
         word = strtok_r(NULL, " ", &save)) {
        char *value = strchr(word, '=');

        if (value == NULL) {
            server_fail(srv, "topic: not NAME=VALUE: %s", word);
            goto out;
        }
        *value++ = '\0';
        rd_kafka_NewTopic_set_config(fresh, word, value);
    }
    if (!kafka_create(srv, rk, fresh)) {
        goto out;
    }
    for (int i = 0; i < TOPIC_MS / PAUSE_MS && !is_ok; i++) {
        is_ok = kafka_has_leaders(rk, topic, n_partitions);
        if (!is_ok) {
            /* A broker that does not know the topic yet says so at once. */
            poll(NULL, 0, PAUSE_MS);
        }
    }
    if (!is_ok) {
        server_fail(srv, "topic: %s has no leaders", topic);
    }
out:
    if (fresh != NULL) {
        rd_kafka_NewTopic_destroy(fresh);
    }
    if (rk != NULL) {
        rd_kafka_destroy(rk);
    }
    return is_ok;
}

bool server_old(server *srv, char *rest)
{
    char *save = NULL;
    const char *topic = strtok_r(rest, " ", &save);
    const int n = server_number(strtok_r(NULL, " ", &save), 0);
    const int age_ms = server_number(strtok_r(NULL, " ", &save), -1);
    const int64_t then = (int64_t)time(NULL) * 1000 - age_ms;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;

    if (n < 1 || age_ms < 0) {
        return server_fail(srv, "usage: old TOPIC N MS");
    }
    rd_kafka_t *rk = kafka_client(srv);

    if (rk == NULL) {
        return false;
    }
    for (int i = 0; i < n && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        code = rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic),
                                 RD_KAFKA_V_VALUE((void *)"old", 3),
                                 RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                 RD_KAFKA_V_TIMESTAMP(then), RD_KAFKA_V_END);
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        code = rd_kafka_flush(rk, TOPIC_MS);
    }
    rd_kafka_destroy(rk);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ||
           server_fail(srv, "old: %s", rd_kafka_err2str(code));
}

typedef struct kafka_word {
    const char *word;
    int value;
} kafka_word;

static int kafka_word_find(const kafka_word *words, size_t n, const char *text)
{
    for (size_t i = 0; text != NULL && i < n; i++) {
        if (strcmp(words[i].word, text) == 0) {
            return words[i].value;
        }
    }
    return -1;
}

static bool kafka_allow(server *srv, rd_kafka_AclBinding_t *acl)
{
    rd_kafka_t *rk = kafka_client(srv);
    bool is_ok = false;

    if (rk == NULL) {
        return false;
    }
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);

    rd_kafka_CreateAcls(rk, &acl, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, TOPIC_MS);

    if (event == NULL || rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        server_fail(srv, "acl: %s",
                    event == NULL ? "no answer" : rd_kafka_event_error_string(event));
    } else {
        size_t n = 0;
        const rd_kafka_acl_result_t **results = rd_kafka_CreateAcls_result_acls(
            rd_kafka_event_CreateAcls_result(event), &n);

        is_ok = n == 1 && rd_kafka_acl_result_error(results[0]) == NULL;
        if (!is_ok) {
            server_fail(srv, "acl: refused");
        }
    }
    if (event != NULL) {
        rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(rk);
    return is_ok;
}

bool server_acl(server *srv, char *rest)
{
    static const kafka_word operations[] = {
        { "read", RD_KAFKA_ACL_OPERATION_READ },
        { "write", RD_KAFKA_ACL_OPERATION_WRITE },
        { "create", RD_KAFKA_ACL_OPERATION_CREATE },
        { "describe", RD_KAFKA_ACL_OPERATION_DESCRIBE },
        { "describe_configs", RD_KAFKA_ACL_OPERATION_DESCRIBE_CONFIGS },
    };
    static const kafka_word types[] = {
        { "topic", RD_KAFKA_RESOURCE_TOPIC },
        { "group", RD_KAFKA_RESOURCE_GROUP },
        { "cluster", RD_KAFKA_RESOURCE_BROKER },
    };
    char *save = NULL;
    const char *user = strtok_r(rest, " ", &save);
    const int operation =
        kafka_word_find(operations, sizeof(operations) / sizeof(operations[0]),
                        strtok_r(NULL, " ", &save));
    const int type = kafka_word_find(types, sizeof(types) / sizeof(types[0]),
                                     strtok_r(NULL, " ", &save));
    char *name = strtok_r(NULL, " ", &save);
    char principal[200];

    if (user == NULL || operation < 0 || type < 0 || name == NULL) {
        return server_fail(srv, "usage: acl USER OPERATION topic|group|cluster NAME");
    }
    const size_t len = strlen(name);
    const bool is_prefix = len > 1 && name[len - 1] == '*';

    if (is_prefix) {
        name[len - 1] = '\0';
    }
    snprintf(principal, sizeof(principal), "User:%s", user);
    rd_kafka_AclBinding_t *acl = rd_kafka_AclBinding_new(
        (rd_kafka_ResourceType_t)type, name,
        is_prefix ? RD_KAFKA_RESOURCE_PATTERN_PREFIXED
                  : RD_KAFKA_RESOURCE_PATTERN_LITERAL,
        principal, "*", (rd_kafka_AclOperation_t)operation,
        RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW, srv->text, sizeof(srv->text));

    if (acl == NULL) {
        return false;
    }
    const bool is_ok = kafka_allow(srv, acl);

    rd_kafka_AclBinding_destroy(acl);
    return is_ok;
}

const server_kind server_kafka = {
    .prepare = kafka_prepare,
    .command = kafka_command,
    .answers = kafka_answers,
};
