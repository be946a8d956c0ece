/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_group - the consumer group, our name in it, and the lease of `single`.
 *
 * Every call asks the server over src->ctl and runs on the link's thread. A failed connection
 * is closed and shows in weir_redis_conn_is_open(); a refusal of the server is a status with
 * text.
 */
#ifndef WEIR_TRIGGERS_REDIS_GROUP_H
#define WEIR_TRIGGERS_REDIS_GROUP_H

#include "triggers/redis_state.h"

/* Finds or renews the name of a consumer that only this process has. WEIR_ECLOSED: it was ours
 * and is another's now. */
weir_status weir_redis_join(weir_redis_src *src, weir_err *err);
/* Gets or renews the lease of `single`; *is_ours. */
weir_status weir_redis_lease(weir_redis_src *src, bool *is_ours, weir_err *err);
/* Makes the group where it is missing, at most once a second. WEIR_ENOENT: start is `committed`
 * and there is none. WEIR_EAGAIN: it was made a moment ago. */
weir_status weir_redis_group(weir_redis_src *src, weir_redis_part *part, int64_t now,
                             weir_err *err);
/* Where the group is: for a group that must be made anew, and for stat(). */
weir_status weir_redis_sample(weir_redis_src *src, weir_redis_part *part,
                              weir_err *err);
/* Removes consumers that are long silent and have nothing pending. */
weir_status weir_redis_tidy(weir_redis_src *src, weir_redis_part *part, weir_err *err);
/* Gives back what is left, then the consumer, the name and the lease. */
void weir_redis_leave(weir_redis_src *src);

#endif
