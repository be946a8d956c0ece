/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_strikes - deaths of owners, in the map of each partition's commit; see strikes.h.
 *
 * Before a new owner gives out anything it commits that it owns the partition: a map that is
 * not clean, with one strike more unless the last one was. Whoever leaves in order commits a
 * clean one. From WEIR_STRIKES_ALONE on what may have run then runs alone; the first of it, the event at the position itself, is counted each time before it runs, so the number
 * says how often a worker died over that very event. Progress of the position ends it.
 *
 * With a settler positions go into its transactions and nothing else, so there are no strikes.
 */
#include "triggers/kafka_state.h"

#include "schemas/strikes.h"
#include "worker/base/clock.h"
#include "worker/base/log.h"

#include <limits.h>
#include <stdlib.h>

#define STRIKES_COMMIT_US 5000000
#define STRIKES_AWAY_US                                                                \
    200000 /* an earlier event stays unfinished: it runs uncounted */

static bool strikes_has(const weir_kafka_reader *src)
{
    return src->map_bytes > 0 && !src->setup->is_once;
}

void weir_kafka_strikes_load(weir_kafka_reader *src, weir_kafka_part *part)
{
    if (!strikes_has(src)) {
        return;
    }
    part->strikes = weir_strikes_own(part->known.strikes, part->known.is_clean);
    part->strikes_base = part->position;
    part->strikes_first = part->strikes;
    part->n_striken = 0;
    if (part->strikes >= WEIR_STRIKES_ALONE) {
        /* what may have run: functions get the first ones first */
        part->n_striken = src->setup->concurrency + 1;
    }
    if (part->strikes > 0) {
        weir_log(WEIR_INFO, "kafka.strikes",
                 "sub=%s topic=%s partition=%d position=%lld strikes=%u",
                 src->setup->sub_name, part->topic, (int)part->partition,
                 (long long)part->position, part->strikes);
    }
}

/* Adds what is to be committed of a part. */
static void strikes_add(weir_kafka_reader *src, rd_kafka_topic_partition_list_t *list,
                        weir_kafka_part *part)
{
    int64_t done;
    size_t above;

    /* from here on a map is written even if it says nothing else */
    part->is_owned = true;
    char *text = weir_kafka_map_text(src, part, false, &done, &above);

    weir_kafka_group_list_add(src, list, part, done, text);
}

weir_status weir_kafka_strikes_own(weir_kafka_reader *src,
                                   const rd_kafka_topic_partition_list_t *assigned,
                                   weir_err *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(16);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;

    for (int i = 0; strikes_has(src) && i < assigned->cnt; i++) {
        weir_kafka_part *part = weir_kafka_part_find(src, assigned->elems[i].topic,
                                                     assigned->elems[i].partition);

        if (part != NULL && part->is_assigned && !part->is_owned &&
            !part->is_other_log) {
            strikes_add(src, list, part);
        }
    }
    if (list->cnt > 0) {
        code = weir_kafka_client_commit(src->client, list,
                                        weir_clock_us() + STRIKES_COMMIT_US);
    }
    if (code == RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE) {
        weir_kafka_map_too_large(src, list); /* the next commit has less */
        code = RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    rd_kafka_topic_partition_list_destroy(list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR
               ? WEIR_OK
               : weir_fail(err, weir_kafka_status(code), "commit of the new owner: %s",
                           rd_kafka_err2str(code));
}

uint32_t weir_kafka_strikes_of(weir_kafka_part *part)
{
    const uint32_t strikes = part->strikes_first;

    part->n_striken--;
    part->strikes_first = WEIR_STRIKES_ALONE;
    return strikes;
}

/* The part of a receipt that is still ours, or NULL. Lock held. */
static weir_kafka_part *strikes_part_locked(weir_kafka_reader *src,
                                            const weir_receipt *receipt)
{
    weir_kafka_part *part =
        receipt->part < src->n_parts ? src->parts[receipt->part] : NULL;

    return part == NULL || !part->is_live || part->epoch != receipt->epoch ? NULL
                                                                           : part;
}

static weir_status strikes_begin_locked(weir_kafka_reader *src, weir_kafka_part *part,
                                        int64_t offset)
{
    const int64_t now = weir_clock_us();

    if (part->lone != offset) {
        part->lone = offset;
        part->lone_state = WEIR_KAFKA_LONE_ASKED;
        part->lone_us = now;
    }
    if (part->lone_state == WEIR_KAFKA_LONE_COMMITTED) {
        return WEIR_OK;
    }
    const int64_t base = weir_track_watermark(&part->track);

    if (base != offset) {
        if (base != part->away && now - part->lone_us <= STRIKES_AWAY_US) {
            return WEIR_EAGAIN; /* what ran before it is about to be done */
        }
        part->away = base; /* nobody waits for that one again */
        return WEIR_OK;
    }
    atomic_store(&src->has_lone, true);
    return WEIR_EAGAIN;
}

static weir_status strikes_end_locked(weir_kafka_reader *src, weir_kafka_part *part,
                                      int64_t offset)
{
    if (part->lone != offset) {
        return WEIR_OK;
    }
    if (part->lone_state == WEIR_KAFKA_LONE_ASKED) {
        part->lone = -1; /* it ran uncounted */
        return WEIR_OK;
    }
    if (part->lone_state != WEIR_KAFKA_LONE_ENDED) {
        part->strikes = weir_strikes_end(part->strikes);
        part->lone_state = WEIR_KAFKA_LONE_ENDED;
    }
    atomic_store(&src->has_lone, true);
    return WEIR_EAGAIN;
}

weir_status weir_kafka_strikes_suspect(weir_kafka_reader *src,
                                       const weir_receipt *receipt, bool begins)
{
    const int64_t offset = (int64_t)receipt->pos.hi;
    weir_status st = WEIR_OK;

    if (!strikes_has(src)) {
        return WEIR_OK;
    }
    weir_lock_take(&src->lock);
    weir_kafka_part *part = strikes_part_locked(src, receipt);

    if (part == NULL) {
        st = WEIR_ECLOSED;
    } else if (begins) {
        st = strikes_begin_locked(src, part, offset);
    } else {
        st = strikes_end_locked(src, part, offset);
    }
    weir_lock_give(&src->lock);
    if (st == WEIR_EAGAIN && atomic_load(&src->has_lone)) {
        atomic_store(&src->is_woken, true);
        weir_signal_raise(&src->signal, INT_MAX);
    }
    return st;
}

/* True if something of this part's suspect waits to be written down; counts it. */
static bool strikes_take(weir_kafka_reader *src, weir_kafka_part *part)
{
    weir_lock_take(&src->lock);
    const bool has_ended = part->lone_state == WEIR_KAFKA_LONE_ENDED;
    const bool is_asked =
        part->is_live && part->lone >= 0 &&
        part->lone_state != WEIR_KAFKA_LONE_COMMITTED &&
        (has_ended || weir_track_watermark(&part->track) == part->lone);

    if (is_asked && part->lone_state == WEIR_KAFKA_LONE_ASKED) {
        part->strikes = weir_strikes_begin(
            part->strikes_base == part->lone ? part->strikes : WEIR_STRIKES_ALONE);
        part->strikes_base = part->lone;
        part->lone_state = WEIR_KAFKA_LONE_COUNTED;
    }
    weir_lock_give(&src->lock);
    return is_asked;
}

static void strikes_written_locked(weir_kafka_part *part)
{
    if (part->lone_state == WEIR_KAFKA_LONE_ENDED) {
        part->lone = -1;
    } else {
        part->lone_state = WEIR_KAFKA_LONE_COMMITTED;
    }
}

void weir_kafka_strikes_tend(weir_kafka_reader *src)
{
    if (!atomic_exchange(&src->has_lone, false)) {
        return;
    }
    for (size_t i = 0; i < src->n_parts; i++) {
        weir_kafka_part *part = src->parts[i];

        if (!strikes_take(src, part)) {
            continue;
        }
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
        weir_lock_take(&src->lock);
        const int64_t offset = part->lone;

        weir_lock_give(&src->lock);
        strikes_add(src, list, part);
        const rd_kafka_resp_err_t code = weir_kafka_client_commit(
            src->client, list, weir_clock_us() + STRIKES_COMMIT_US);

        rd_kafka_topic_partition_list_destroy(list);
        weir_lock_take(&src->lock);
        const uint32_t strikes = part->strikes;

        if (code == RD_KAFKA_RESP_ERR_NO_ERROR && part->lone == offset) {
            strikes_written_locked(part);
        }
        weir_lock_give(&src->lock);
        weir_log(code == RD_KAFKA_RESP_ERR_NO_ERROR ? WEIR_INFO : WEIR_WARN,
                 "kafka.suspect",
                 "sub=%s topic=%s partition=%d offset=%lld strikes=%u text=%s",
                 src->setup->sub_name, part->topic, (int)part->partition,
                 (long long)offset, strikes, rd_kafka_err2str(code));
    }
}
