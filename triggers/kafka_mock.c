/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_mock - see kafka_mock.h.
 */
#include "triggers/kafka_mock.h"

#include "triggers/kafka_conf.h"

#include <librdkafka/rdkafka_mock.h>
#include <stdlib.h>

struct weir_kafka_mock {
    rd_kafka_t *rk;
    rd_kafka_mock_cluster_t *cluster;
};

weir_status weir_kafka_mock_start(weir_kafka_mock **out, weir_err *err)
{
    weir_kafka_mock *mock = calloc(1, sizeof(*mock));
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char text[512] = "out of memory";

    if (mock == NULL) {
        rd_kafka_conf_destroy(conf);
        return weir_fail(err, WEIR_ENOMEM, "kafka: out of memory");
    }
    rd_kafka_conf_set_log_cb(conf, NULL); /* it has nothing to say to people */
    mock->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
    if (mock->rk == NULL) {
        rd_kafka_conf_destroy(conf);
    } else {
        mock->cluster = rd_kafka_mock_cluster_new(mock->rk, 1);
    }
    if (mock->cluster == NULL) {
        weir_kafka_mock_stop(mock);
        return weir_fail(err, WEIR_EIO, "the embedded Kafka does not start: %s", text);
    }
    *out = mock;
    return WEIR_OK;
}

const char *weir_kafka_mock_address(const weir_kafka_mock *mock)
{
    return rd_kafka_mock_cluster_bootstraps(mock->cluster);
}

weir_status weir_kafka_mock_topic(weir_kafka_mock *mock, const char *topic,
                                  int n_partitions, weir_err *err)
{
    rd_kafka_resp_err_t code =
        rd_kafka_mock_topic_create(mock->cluster, topic, n_partitions, 1);

    if (code != RD_KAFKA_RESP_ERR_NO_ERROR &&
        code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
        return weir_fail(err, weir_kafka_status(code), "topic %s: %s", topic,
                         rd_kafka_err2str(code));
    }
    return WEIR_OK;
}

void weir_kafka_mock_stop(weir_kafka_mock *mock)
{
    if (mock == NULL) {
        return;
    }
    if (mock->cluster != NULL) {
        rd_kafka_mock_cluster_destroy(mock->cluster);
    }
    if (mock->rk != NULL) {
        rd_kafka_destroy(mock->rk);
    }
    free(mock);
}
