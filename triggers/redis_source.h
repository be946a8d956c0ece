/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_source - events of Redis streams, read through a consumer group.
 *
 * Every stream is a part with a connection of its own, on which two reads are under way, so
 * that a stream that is missing or empty holds nobody else. A thread of its own (redis_link) has
 * another connection for everything that must not wait behind a blocked read: acknowledgements,
 * heartbeats, entries of dead replicas, leases. Settings: weir_redis_queue (redis_conf.h).
 *
 * The names in the server, all below `weir:` but for the group itself:
 *     consumer  <instance>-<n>, whose lease is weir:<group>:consumer:<instance>-<n>
 *     lease     weir:<group>:<stream>:single, for subscriptions with `single`
 *
 * The rights that are enough, beside those of any connection: xreadgroup xack xpending xclaim
 * xautoclaim xrange xinfo xgroup eval get set del, on the streams and on weir:<group>:*.
 *
 * An entry that is not acknowledged may come again, here or elsewhere: after a crash, after
 * claim_after without a heartbeat, and after a failover that forgot its acknowledgement.
 */
#ifndef WEIR_TRIGGERS_REDIS_SOURCE_H
#define WEIR_TRIGGERS_REDIS_SOURCE_H

#include "triggers/source.h"

extern const weir_source_ops weir_redis_source;

#endif
