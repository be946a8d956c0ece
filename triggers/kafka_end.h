/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_end - ends a client of librdkafka without ever waiting for it for ever.
 *
 * rd_kafka_destroy() can hang (a coordinator that is away, a bug of the version), so it runs
 * on a thread of its own and is given up on when the time is over.
 *
 * Threads: any.
 */
#ifndef WEIR_TRIGGERS_KAFKA_END_H
#define WEIR_TRIGGERS_KAFKA_END_H

#include "triggers/kafka_conf.h"

/*
 * Destroys *rk with those flags (RD_KAFKA_DESTROY_F_...). Every object that came from it must
 * be gone already.
 * Owns:    takes *rk, which is NULL afterwards.
 * Blocks:  until until_us at most (monotonic).
 * Returns: false if the call still hangs; its thread goes on and the process should end.
 */
bool weir_kafka_end(rd_kafka_t **rk, int flags, int64_t until_us);

#endif
