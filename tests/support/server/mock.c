/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* mock - librdkafka's mock cluster as a server for other processes; see server.h. */
#include "tests/support/server/server.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CODES 256

/* Returns what was wrong, or NULL. */
static const char *mock_fail(rd_kafka_mock_cluster_t *cluster, char *save)
{
    const char *key = strtok_r(NULL, " ", &save);
    rd_kafka_resp_err_t codes[MAX_CODES];
    size_t n = 0;

    if (key == NULL) {
        return "usage: fail APIKEY CODE...";
    }
    for (char *word = strtok_r(NULL, " ", &save); word != NULL;
         word = strtok_r(NULL, " ", &save)) {
        if (n == MAX_CODES) {
            return "too many codes";
        }
        codes[n++] = (rd_kafka_resp_err_t)server_number(word, -1);
    }
    rd_kafka_mock_push_request_errors_array(cluster, (int16_t)server_number(key, -1), n,
                                            codes);
    return NULL;
}

static const char *mock_command(rd_kafka_mock_cluster_t *cluster, char *line)
{
    char *save = NULL;
    const char *verb = strtok_r(line, " ", &save);
    const char *first;
    const char *second;
    rd_kafka_resp_err_t rc;

    if (verb == NULL) {
        return "an empty command";
    }
    if (strcmp(verb, "fail") == 0) {
        return mock_fail(cluster, save);
    }
    if ((first = strtok_r(NULL, " ", &save)) == NULL) {
        return "no such command, or nothing after it";
    }
    second = strtok_r(NULL, " ", &save);
    if (strcmp(verb, "topic") == 0 && second != NULL) {
        rc = rd_kafka_mock_topic_create(cluster, first, server_number(second, -1), 1);
    } else if (strcmp(verb, "up") == 0) {
        rc = rd_kafka_mock_broker_set_up(cluster, server_number(first, -1));
    } else if (strcmp(verb, "down") == 0) {
        rc = rd_kafka_mock_broker_set_down(cluster, server_number(first, -1));
    } else if (strcmp(verb, "delay") == 0 && second != NULL) {
        rc = rd_kafka_mock_broker_set_rtt(cluster, server_number(first, -1),
                                          server_number(second, -1));
    } else {
        return "no such command";
    }
    return rc == RD_KAFKA_RESP_ERR_NO_ERROR ? NULL : rd_kafka_err2str(rc);
}

int server_mock(const char *n_brokers)
{
    char text[512] = "";
    char line[8192];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *rk;
    rd_kafka_mock_cluster_t *cluster = NULL;

    rd_kafka_conf_set_log_cb(conf, NULL);
    if ((rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text))) == NULL) {
        rd_kafka_conf_destroy(conf);
        printf("error %s\n", text);
        return 1;
    }
    if ((cluster = rd_kafka_mock_cluster_new(rk, server_number(n_brokers, -1))) ==
        NULL) {
        rd_kafka_destroy(rk);
        printf("error no mock cluster of %s brokers\n", n_brokers);
        return 1;
    }
    printf("ok %s\n", rd_kafka_mock_cluster_bootstraps(cluster));
    fflush(stdout);
    while (fgets(line, sizeof(line), stdin) != NULL) {
        const char *wrong;

        line[strcspn(line, "\n")] = '\0';
        wrong = mock_command(cluster, line);
        printf("%s%s\n", wrong != NULL ? "error " : "ok", wrong != NULL ? wrong : "");
        fflush(stdout);
    }
    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(rk);
    return 0;
}
