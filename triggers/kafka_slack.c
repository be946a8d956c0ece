/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* kafka_slack - lets the library's own threads sleep; see kafka_slack.h. */
#include "triggers/kafka_slack.h"

#include <sys/prctl.h>

#define SLACK_MAIN_NS 50000000UL
#define SLACK_BROKER_NS 50000UL /* the kernel's; else they would inherit the above */

static rd_kafka_resp_err_t slack_thread(rd_kafka_t *rk, rd_kafka_thread_type_t type,
                                        const char *name, void *opaque)
{
    (void)rk;
    (void)name;
    (void)opaque;
    /* Of real-time threads the kernel has no slack, and says nothing. */
    prctl(PR_SET_TIMERSLACK,
          type == RD_KAFKA_THREAD_MAIN ? SLACK_MAIN_NS : SLACK_BROKER_NS, 0UL, 0UL,
          0UL);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t slack_client(rd_kafka_t *rk, const rd_kafka_conf_t *conf,
                                        void *opaque, char *text, size_t cap)
{
    (void)conf;
    (void)opaque;
    (void)text;
    (void)cap;
    return rd_kafka_interceptor_add_on_thread_start(rk, "weir", slack_thread, NULL);
}

void weir_kafka_slack_add(const weir_kafka_caps *caps, rd_kafka_conf_t *conf)
{
    if (caps->needs_slack) {
        rd_kafka_conf_interceptor_add_on_new(conf, "weir", slack_client, NULL);
    }
}
