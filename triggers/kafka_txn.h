/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_txn - exactly_once from topics of a cluster to topics of the same cluster.
 *
 * Results and dead letters of many events, and the positions of the group with their ack
 * maps, are one Kafka transaction. Each replica has one transactional id a subscription,
 * "<group>.<instance>": a replica that is started again takes it over, and what its
 * predecessor left open is ended before the group is joined. Positions carry the group's
 * generation, so that a replica that is not a member any more commits nothing.
 *
 *     give() -> waiting -> in the transaction -> committed -> done(OK)
 *                  ^              |
 *                  +--- aborted --+   in the same order, without running a function
 *
 * Functions run on while a transaction commits; what they give is the next one's. Nothing of a
 * transaction counts for the source until the broker has said that it is committed.
 *
 * Where the broker's answer is lost for good, nobody here knows which it was: then all
 * partitions are given up, a new producer ends what was open, and the group's positions say
 * where to go on. An end of a transaction that had to be asked for twice is followed by a new
 * producer too, because a late first request would end the next one.
 *
 * One thread makes all calls; when one does not come back the process ends with 75.
 */
#ifndef WEIR_TRIGGERS_KAFKA_TXN_H
#define WEIR_TRIGGERS_KAFKA_TXN_H

#include "triggers/kafka_conf.h"
#include "triggers/settler.h"

extern const weir_settler_ops weir_kafka_settler;

#endif
