/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_atomic - exactly_once from streams of a Redis to streams of the same Redis.
 *
 * A thread of its own with one connection runs one script a batch (redis_script.h), two at a
 * time at most. A batch goes as soon as the one before it is answered, so nothing waits when
 * there is nothing else to do, and batches grow under load. Entries that are not pending
 * under our name any more are answered GONE, and nothing of them is published.
 *
 * What was in a script whose answer was lost is marked and answered AGAIN. When it comes again
 * and is not pending at all, the lost script has done it: it is OK. (Another replica could have
 * claimed and finished it only after claim_after; past that it is GONE. Either way nothing is
 * published a second time.)
 */
#ifndef WEIR_TRIGGERS_REDIS_ATOMIC_H
#define WEIR_TRIGGERS_REDIS_ATOMIC_H

#include "triggers/redis_conf.h"
#include "triggers/settler.h"

extern const weir_settler_ops weir_redis_settler;

#endif
