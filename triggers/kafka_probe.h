/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_probe - reads single records back, to see whether a log is still the same one.
 *
 * Outside every group, with a client of its own that lives for one call: the assignment that
 * asks has not begun yet, and a client in a group cannot read elsewhere meanwhile.
 *
 * Threads: any.
 */
#ifndef WEIR_TRIGGERS_KAFKA_PROBE_H
#define WEIR_TRIGGERS_KAFKA_PROBE_H

#include "triggers/ack_map.h"
#include "triggers/kafka_conf.h"

typedef enum weir_kafka_found {
    WEIR_KAFKA_UNASKED, /* no answer in time */
    WEIR_KAFKA_SAME,
    WEIR_KAFKA_OTHER, /* another record stands there */
    WEIR_KAFKA_GONE   /* none: retention, compaction, or the log ends before it */
} weir_kafka_found;

typedef struct weir_kafka_probe {
    const char *topic; /* of one topic together: they share a handle */
    int32_t partition;
    weir_ack_print print;   /* of the record that should stand there */
    weir_kafka_found found; /* set by the call */
    /* the call's own */
    bool is_asked;
    void *handle;
} weir_kafka_probe;

/*
 * Looks for all of them at once. No partition may be named twice.
 * Blocks:  until until_us at most, and shortly to end the client.
 * Returns: WEIR_OK, also when some are WEIR_KAFKA_UNASKED; else nothing could be asked.
 */
weir_status weir_kafka_probe_all(const weir_kafka_queue *queue,
                                 weir_kafka_probe *probes, size_t n, int64_t until_us,
                                 weir_err *err);

/* The fingerprint of a message. */
weir_ack_print weir_kafka_probe_print(const rd_kafka_message_t *msg);

#endif
