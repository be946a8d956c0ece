/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settle - what the two ways of settling share: settle.c (send, wait, acknowledge) and
 * settle_once.c (all of it in one, through a settler).
 *
 * States of an output (weir_out.state):
 *
 *   NEW -> WITH_SINK -> OK
 *    ^         |
 *    |         v
 *    +------ FAILED   (only the failed ones of a job go out again)
 */
#ifndef WEIR_ENGINE_SETTLE_H
#define WEIR_ENGINE_SETTLE_H

#include "worker/engine/line.h"

enum { OUT_NEW = 0, OUT_WITH_SINK, OUT_OK, OUT_FAILED };

/* What to do with a job before its outputs can go. */
typedef enum settle_plan {
    PLAN_SEND,
    PLAN_NOTHING,
    PLAN_LATER,
    PLAN_STICK
} settle_plan;

/* Readies a job's outputs: headers, or its dead letter instead of them. *n_charged: grows by the
 * bytes that the caller has to charge the budget for. */
settle_plan weir_settle_prepare(weir_line *line, weir_job *job, size_t *n_charged);
/* Jobs that have nothing to send, or nothing that could be made now. */
void weir_settle_aside(weir_line *line, weir_job *job, settle_plan plan, int64_t now,
                       weir_flow_news *news);
/* These have all their answers: judge, tell the flow. Every job is of this line. */
void weir_settle_answered(weir_line *line, weir_job **jobs, size_t n, int64_t now,
                          weir_flow_news *news);

#endif
