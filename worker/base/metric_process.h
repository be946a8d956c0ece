/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metric_process - the process_* metrics, read from /proc/self; a part of metric.
 *
 * Threads: any.
 */
#ifndef WEIR_BASE_METRIC_PROCESS_H
#define WEIR_BASE_METRIC_PROCESS_H

#include "worker/base/metric.h"

/* Appends HELP, TYPE and, for OpenMetrics, UNIT of one family. */
void weir_metric_write_head(weir_buf *out, const char *prefix, const char *name,
                            const char *help, weir_metric_type type,
                            bool is_openmetrics);

/* Appends the process_* families; those that the system does not tell are left out. */
void weir_metric_write_process(weir_buf *out, bool is_openmetrics);

#endif
