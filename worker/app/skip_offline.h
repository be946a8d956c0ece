/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * skip_offline - `weir skip` for a Kafka group that has no members: first the dead letter
 * without payload, and when that is confirmed the committed position.
 *
 * Threads: one at a time.
 */
#ifndef WEIR_APP_SKIP_OFFLINE_H
#define WEIR_APP_SKIP_OFFLINE_H

#include "worker/app/config.h"

/* sub_name NULL: the only subscription that reads the topic. Nothing is changed but on
 * WEIR_OK, apart from a dead letter whose group turned out to have members after all. */
weir_status weir_skip_offline(const weir_config *cfg, const weir_address *at,
                              const char *position, const char *sub_name,
                              weir_err *err);

#endif
