/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_place - what to do where a partition's position does not work any more.
 */
#include "triggers/kafka_state.h"

#include "worker/base/clock.h"
#include "worker/base/log.h"

#include <stdio.h>
#include <string.h>

#define PLACE_SEEK_MS 2000
#define PLACE_FORWARD_US 10000000
#define PLACE_FORWARD_STEP_US 20000

/* Where the client has to go on for this part. */
static int64_t place_fetch_position(const weir_kafka_part *part)
{
    return part->n_stash == 0
               ? part->position
               : part->stash[part->at_stash + part->n_stash - 1]->offset + 1;
}

/*
 * A fetcher that gave up cannot seek: the assignment is given once more, as it is. That stops
 * the fetchers first, which takes their queues out of our forward at a time that nobody
 * tells, so the forward is put back again and again for a while.
 */
static void place_assign_again(weir_kafka_reader *src, const weir_kafka_part *only)
{
    const char *protocol = rd_kafka_rebalance_protocol(src->client->rk);
    const bool is_cooperative =
        protocol != NULL && strcmp(protocol, "COOPERATIVE") == 0;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(16);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;

    for (size_t i = 0; i < src->n_parts; i++) {
        const weir_kafka_part *part = src->parts[i];

        if (part->is_assigned && (part == only || !is_cooperative)) {
            rd_kafka_topic_partition_list_add(list, part->topic, part->partition)
                ->offset = place_fetch_position(part);
        }
    }
    if (is_cooperative) {
        rd_kafka_error_t *error = rd_kafka_incremental_unassign(src->client->rk, list);

        if (error == NULL) {
            error = rd_kafka_incremental_assign(src->client->rk, list);
        }
        if (error != NULL) {
            code = rd_kafka_error_code(error);
            rd_kafka_error_destroy(error);
        }
    } else {
        code = rd_kafka_assign(src->client->rk, list);
    }
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        weir_log(WEIR_ERROR, "kafka.assign.failed", "sub=%s text=%s",
                 src->setup->sub_name, rd_kafka_err2str(code));
        src->wants_new = true;
    }
    src->next_forward_us = 0;
    src->forward_until_us = weir_clock_us() + PLACE_FORWARD_US;
}

void weir_kafka_place_forward(weir_kafka_reader *src, int64_t now_us)
{
    src->next_forward_us = now_us + PLACE_FORWARD_STEP_US;
    for (size_t i = 0; i < src->n_parts; i++) {
        weir_kafka_part *part = src->parts[i];

        if (part->is_assigned && !part->is_held && part->n_stash == 0) {
            /* whatever we think: the library took it out */
            part->is_forwarded = false;
            weir_kafka_part_forward(src, part, true);
        } else if (part->is_assigned) {
            /* so that its release really puts it there again */
            weir_kafka_part_forward(src, part, false);
        }
    }
}

/* Moves the fetcher of one part. False: it does not run. */
static bool place_seek(weir_kafka_reader *src, const weir_kafka_part *part,
                       int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

    rd_kafka_topic_partition_list_add(list, part->topic, part->partition)->offset =
        offset;
    rd_kafka_error_t *error = rd_kafka_seek_partitions(
        src->client->rk, list, PLACE_SEEK_MS * src->caps.seek_scale);
    const bool is_done =
        error == NULL && list->elems[0].err == RD_KAFKA_RESP_ERR_NO_ERROR;

    if (error != NULL) {
        rd_kafka_error_destroy(error);
    }
    rd_kafka_topic_partition_list_destroy(list);
    return is_done;
}

/* Goes on at `offset`; nothing below it will be given out any more. */
void weir_kafka_place_go_on(weir_kafka_reader *src, weir_kafka_part *part,
                            int64_t offset)
{
    /* What waits is fetched again, or is not wanted. */
    weir_kafka_part_drop_stash(src, part);
    part->position = offset;
    part->is_out_of_range = false;
    part->is_stopped = false;
    part->bad_offset = -1;
    part->n_bad = 0;
    weir_lock_take(&src->lock);
    weir_track_pass(&part->track, offset);
    weir_lock_give(&src->lock);
    if (!place_seek(src, part, offset)) {
        place_assign_again(src, part);
    }
}

/* The broker does not know the position: has retention eaten it, or is this another topic? */
void weir_kafka_place_judge(weir_kafka_reader *src, weir_kafka_part *part)
{
    enum { CALL_MS = 2000, AGAIN_US = 1000000 };
    int64_t low = -1, high = -1;
    char text[256];
    const rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(
        src->client->rk, part->topic, part->partition, &low, &high, CALL_MS);

    part->judge_us = weir_clock_us() + AGAIN_US;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return;
    }
    if (part->position > high) {
        part->is_out_of_range = false;
        part->is_stopped = true;
        snprintf(text, sizeof(text),
                 "%s%lld lies beyond the end %lld: the topic was made anew or has lost "
                 "records",
                 part->where_text, (long long)part->position, (long long)high);
        weir_kafka_part_trouble(src, part, WEIR_TROUBLE_RECREATED, text);
    } else if (part->position < low && src->setup->stop_on_lost_position) {
        part->is_out_of_range = false;
        part->is_stopped = true;
        snprintf(text, sizeof(text),
                 "%s%lld is gone by retention, the earliest is %lld", part->where_text,
                 (long long)part->position, (long long)low);
        weir_kafka_part_trouble(src, part, WEIR_TROUBLE_LOST_POSITION, text);
    } else {
        if (part->position < low) {
            weir_log(WEIR_WARN, "kafka.lost_position",
                     "sub=%s topic=%s partition=%d position=%lld earliest=%lld",
                     src->setup->sub_name, part->topic, (int)part->partition,
                     (long long)part->position, (long long)low);
        }
        weir_kafka_place_go_on(src, part, part->position < low ? low : part->position);
    }
}
