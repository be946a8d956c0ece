/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_plan - the positions of one transaction: what would be committed if its events were
 * acknowledged too.
 *
 * Runs on the settler's thread, while the intake goes on. Nothing that anybody else sees
 * changes until the transaction has committed.
 */
#include "triggers/kafka_state.h"

#include <stdlib.h>

/* The part of a receipt that is of its present epoch, or NULL. */
static weir_kafka_part *plan_part_locked(const weir_kafka_reader *src,
                                         const weir_receipt *receipt)
{
    weir_kafka_part *part =
        receipt->part < src->n_parts ? src->parts[receipt->part] : NULL;

    return part != NULL && part->is_live && part->epoch == receipt->epoch ? part : NULL;
}

void weir_kafka_plan_add(weir_kafka_reader *src, weir_settle_item *const *items,
                         size_t n, bool *is_ours)
{
    weir_lock_take(&src->lock);
    for (size_t i = 0; i < n; i++) {
        const weir_receipt *receipt = &items[i]->receipt;
        weir_kafka_part *part = plan_part_locked(src, receipt);

        is_ours[i] = part != NULL && weir_track_plan(&part->track, receipt->epoch,
                                                     (int64_t)receipt->pos.hi);
    }
    weir_lock_give(&src->lock);
}

void weir_kafka_plan_drop(weir_kafka_reader *src, weir_settle_item *const *items,
                          size_t n)
{
    weir_lock_take(&src->lock);
    for (size_t i = 0; i < n; i++) {
        const weir_receipt *receipt = &items[i]->receipt;
        weir_kafka_part *part = plan_part_locked(src, receipt);

        if (part != NULL) {
            weir_track_unplan(&part->track, receipt->epoch, (int64_t)receipt->pos.hi);
        }
    }
    weir_lock_give(&src->lock);
}

/* Moves what fits to the front, the rest behind it; returns how many fit. */
static size_t plan_cut_locked(const weir_kafka_reader *src, weir_settle_item **items,
                              size_t n)
{
    const weir_kafka_part *last = NULL;
    weir_settle_item *rest = NULL;
    weir_settle_item **end = &rest;
    int64_t watermark = 0;
    size_t n_fit = 0;

    for (size_t i = 0; i < n; i++) {
        const weir_receipt *receipt = &items[i]->receipt;
        const weir_kafka_part *part = plan_part_locked(src, receipt);

        if (part != NULL && part != last) {
            watermark = weir_track_planned_watermark(&part->track);
            last = part;
        }
        if (part != NULL && (int64_t)receipt->pos.hi < watermark) {
            items[n_fit++] = items[i];
        } else {
            items[i]->next = NULL;
            *end = items[i];
            end = &items[i]->next;
        }
    }
    size_t at = n_fit;

    for (weir_settle_item *item = rest; item != NULL; item = item->next) {
        items[at++] = item;
    }
    return n_fit;
}

size_t weir_kafka_plan_cut(weir_kafka_reader *src, weir_settle_item **items, size_t n)
{
    weir_lock_take(&src->lock);
    const size_t n_fit = plan_cut_locked(src, items, n);

    weir_lock_give(&src->lock);
    weir_kafka_plan_drop(src, items + n_fit, n - n_fit);
    return n_fit;
}

/* True if a commit of the part would say anything new. */
static bool plan_has_news(weir_kafka_reader *src, size_t i, weir_kafka_part **out)
{
    bool has_news = false;

    weir_lock_take(&src->lock);
    weir_kafka_part *part = i < src->n_parts ? src->parts[i] : NULL;

    *out = part;
    if (part != NULL && part->is_live) {
        const size_t above = src->map_bytes == 0 ? 0 : weir_track_above(&part->track);

        has_news = part->track.n_planned > 0 || above != part->above_committed ||
                   (part->is_leaving && weir_track_open(&part->track) > 0) ||
                   weir_track_watermark(&part->track) > part->committed;
    }
    weir_lock_give(&src->lock);
    return has_news;
}

static bool plan_reserve(weir_kafka_plan *plan)
{
    if (plan->n_parts < plan->cap_parts) {
        return true;
    }
    const size_t cap = plan->cap_parts == 0 ? 16 : plan->cap_parts * 2;
    void *grown = realloc(plan->parts, cap * sizeof(*plan->parts));

    if (grown == NULL) {
        return false;
    }
    plan->parts = grown;
    plan->cap_parts = cap;
    return true;
}

weir_status weir_kafka_plan_make(weir_kafka_reader *src, uint32_t *runs,
                                 weir_kafka_plan *plan)
{
    weir_kafka_planned said = { .runs = runs };

    weir_kafka_plan_reset(plan);
    plan->list = rd_kafka_topic_partition_list_new(16);
    for (size_t i = 0;; i++) {
        weir_kafka_part *part;
        const bool has_news = plan_has_news(src, i, &part);

        if (part == NULL) {
            return WEIR_OK;
        }
        if (!has_news) {
            continue;
        }
        if (!plan_reserve(plan)) {
            return WEIR_ENOMEM;
        }
        weir_kafka_map_plan(src, part, &said);
        weir_kafka_group_list_add(src, plan->list, part, said.base, said.text);
        plan->n_planned += said.n_planned;
        plan->is_whole = plan->is_whole && said.is_whole;
        plan->parts[plan->n_parts++] =
            (struct weir_kafka_planned_part){ part, said.epoch, said.base, said.above,
                                              said.is_whole };
    }
}

void weir_kafka_plan_done(weir_kafka_reader *src, const weir_kafka_plan *plan,
                          weir_settle_item *const *items, size_t n)
{
    weir_lock_take(&src->lock);
    for (size_t i = 0; i < n; i++) {
        const weir_receipt *receipt = &items[i]->receipt;
        weir_kafka_part *part = plan_part_locked(src, receipt);

        if (part != NULL) {
            weir_track_done(&part->track, receipt->epoch, (int64_t)receipt->pos.hi);
        }
    }
    for (size_t i = 0; i < plan->n_parts; i++) {
        weir_kafka_part *part = plan->parts[i].part;

        if (part->is_live && part->epoch == plan->parts[i].epoch) {
            part->committed = plan->parts[i].base;
            part->sent = plan->parts[i].base;
            part->above_committed = plan->parts[i].above;
            part->above_sent = plan->parts[i].above;
        }
    }
    src->n_commits++;
    weir_lock_give(&src->lock);
    atomic_fetch_add(&src->n_contacts, 1);
}

void weir_kafka_plan_reset(weir_kafka_plan *plan)
{
    if (plan->list != NULL) {
        rd_kafka_topic_partition_list_destroy(plan->list);
    }
    plan->list = NULL;
    plan->n_parts = 0;
    plan->n_planned = 0;
    plan->is_whole = true;
}

void weir_kafka_plan_fini(weir_kafka_plan *plan)
{
    weir_kafka_plan_reset(plan);
    free(plan->parts);
    *plan = (weir_kafka_plan){ 0 };
}
