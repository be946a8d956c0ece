/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* test_servers - what the other broker tests stand on: servers that keep their promises. */
#include "tests/support/broker.h"

#include <hiredis.h>
#include <librdkafka/rdkafka.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define ASK_MS 10000

/* How many partitions the topic has there; -1: the server does not say. */
static int servers_count_partitions(const char *address, const char *topic)
{
    char text[256];
    const struct rd_kafka_metadata *meta = NULL;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *rk;
    rd_kafka_topic_t *rkt;
    int n = -1;

    rd_kafka_conf_set(conf, "bootstrap.servers", address, text, sizeof(text));
    rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
    assert_non_null(rk);
    rkt = rd_kafka_topic_new(rk, topic, NULL);
    if (rd_kafka_metadata(rk, 0, rkt, &meta, ASK_MS) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        n = meta->topics[0].partition_cnt;
        rd_kafka_metadata_destroy(meta);
    }
    rd_kafka_topic_destroy(rkt);
    rd_kafka_destroy(rk);
    return n;
}

static void servers_kafka_makes_topics(const char *version)
{
    char topic[80];
    weir_err err = { 0 };
    weir_broker *broker = NULL;

    weir_broker_name("servers", topic, sizeof(topic));
    if (weir_broker_share_kafka(version, &broker, &err) != WEIR_OK ||
        weir_broker_topic(broker, topic, 5, NULL, &err) != WEIR_OK) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(servers_count_partitions(weir_broker_address(broker), topic), 5);
    weir_broker_free(broker);
}

static void shared_new_kafka_makes_topics(void **state)
{
    (void)state;
    servers_kafka_makes_topics(WEIR_KAFKA_NEW);
}

static void shared_old_kafka_makes_topics(void **state)
{
    (void)state;
    servers_kafka_makes_topics(WEIR_KAFKA_OLD);
}

static void kafka_comes_back_with_its_topics_after_a_kill(void **state)
{
    weir_err err = { 0 };
    weir_broker *broker = NULL;

    (void)state;
    if (weir_broker_start_kafka(WEIR_KAFKA_NEW, NULL, &broker, &err) != WEIR_OK ||
        weir_broker_topic(broker, "kept", 3, NULL, &err) != WEIR_OK ||
        weir_broker_kill(broker, &err) != WEIR_OK) {
        fail_msg("%s", err.text);
    }
    if (weir_broker_start(broker, &err) != WEIR_OK) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(servers_count_partitions(weir_broker_address(broker), "kept"), 3);
    weir_broker_free(broker);
}

static void kafka_without_jars_is_an_error_that_says_so(void **state)
{
    weir_err err = { 0 };
    weir_broker *broker = NULL;

    (void)state;
    assert_int_not_equal(weir_broker_start_kafka("0.0.1", NULL, &broker, &err),
                         WEIR_OK);
    assert_non_null(strstr(err.text, "./dev setup"));
    assert_null(broker);
}

/* One command, one text; "" where there is none. */
static void servers_ask_redis(const weir_broker *broker, const char *command, char *out,
                              size_t len)
{
    redisContext *redis = redisConnect("127.0.0.1", weir_broker_port(broker));
    redisReply *reply;

    assert_non_null(redis);
    assert_int_equal(redis->err, 0);
    reply = redisCommand(redis, command);
    assert_non_null(reply);
    snprintf(out, len, "%s", reply->str != NULL ? reply->str : "");
    freeReplyObject(reply);
    redisFree(redis);
}

static void durable_redis_keeps_its_data_over_a_kill(void **state)
{
    char text[64];
    weir_err err = { 0 };
    weir_broker *broker = NULL;

    (void)state;
    if (weir_broker_start_redis(true, NULL, &broker, &err) != WEIR_OK) {
        fail_msg("%s", err.text);
    }
    servers_ask_redis(broker, "SET name weir", text, sizeof(text));
    assert_string_equal(text, "OK");
    assert_int_equal(weir_broker_kill(broker, &err), WEIR_OK);
    assert_int_equal(weir_broker_start(broker, &err), WEIR_OK);
    servers_ask_redis(broker, "GET name", text, sizeof(text));
    assert_string_equal(text, "weir");
    weir_broker_free(broker);
}

static void redis_takes_options(void **state)
{
    const char *const options[] = { "--requirepass", "secret", NULL };
    char text[64];
    weir_err err = { 0 };
    weir_broker *broker = NULL;

    (void)state;
    if (weir_broker_start_redis(false, options, &broker, &err) != WEIR_OK) {
        fail_msg("%s", err.text);
    }
    servers_ask_redis(broker, "PING", text, sizeof(text));
    assert_memory_equal(text, "NOAUTH", 6);
    weir_broker_free(broker);
}

static void freed_server_is_gone(void **state)
{
    weir_err err = { 0 };
    weir_broker *broker = NULL;
    redisContext *redis;
    uint16_t port;

    (void)state;
    assert_int_equal(weir_broker_start_redis(false, NULL, &broker, &err), WEIR_OK);
    port = weir_broker_port(broker);
    weir_broker_free(broker);
    redis = redisConnect("127.0.0.1", port);
    assert_int_not_equal(redis->err, 0);
    redisFree(redis);
}

static void mock_serves_topics_and_takes_faults(void **state)
{
    const int codes[] = { RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE };
    weir_err err = { 0 };
    weir_broker *broker = NULL;

    (void)state;
    if (weir_broker_start_mock(2, &broker, &err) != WEIR_OK ||
        weir_broker_topic(broker, "mocked", 2, NULL, &err) != WEIR_OK ||
        weir_broker_fail_requests(broker, 8, codes, 1, &err) != WEIR_OK ||
        weir_broker_set_delay(broker, 1, 5, &err) != WEIR_OK ||
        weir_broker_set_up(broker, 2, false, &err) != WEIR_OK ||
        weir_broker_set_up(broker, 2, true, &err) != WEIR_OK) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(servers_count_partitions(weir_broker_address(broker), "mocked"),
                     2);
    weir_broker_free(broker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shared_new_kafka_makes_topics),
        cmocka_unit_test(shared_old_kafka_makes_topics),
        cmocka_unit_test(kafka_comes_back_with_its_topics_after_a_kill),
        cmocka_unit_test(kafka_without_jars_is_an_error_that_says_so),
        cmocka_unit_test(durable_redis_keeps_its_data_over_a_kill),
        cmocka_unit_test(redis_takes_options),
        cmocka_unit_test(freed_server_is_gone),
        cmocka_unit_test(mock_serves_topics_and_takes_faults),
    };

    return cmocka_run_group_tests_name("servers", tests, NULL, NULL);
}
