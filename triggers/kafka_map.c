/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_map - the ack map of each partition: sent with commits, read back at an assignment.
 *
 * A map is believed only if it was made for the committed position and both of its
 * fingerprints stand in the log, which is read back before the first fetch. Anything else
 * means that what is above the position runs again. If another record stands before the
 * position itself, the position is of another log (the topic was made anew, or lost records)
 * and means nothing: the partition is stopped with an alarm.
 *
 * While the range of a map is read, what is done is put on the tracker as done; a commit
 * meanwhile carries the rest of the old map behind what the tracker knows.
 *
 * Fingerprints cost nothing to speak of: they are taken of the first record of an assignment
 * and the last of each batch. The one before the position may be some way before it. The
 * second one is of the last record that was given out, which is at or above the highest
 * finished one, and if that has not changed nothing below it has.
 */
#include "triggers/kafka_state.h"

#include "triggers/kafka_probe.h"
#include "worker/base/clock.h"
#include "worker/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAP_PROBE_US 5000000
#define MAP_TEND_US 20000
#define MAP_MIN_BYTES 256    /* a broker that takes less gets none */
#define MAP_HELD_PARTS 16    /* of the limit: less room holds a partition, */
#define MAP_RELEASED_PARTS 8 /* and so much lets it go on */

/* --------------------------------------------------------------------------- sending ---- */

/* What stands above the watermark. Lock held. */
static weir_track_runs map_take_locked(const weir_kafka_reader *src,
                                       const weir_kafka_part *part, weir_ack_map *map)
{
    weir_ack_map_begin(map, weir_track_watermark(&part->track), src->runs,
                       WEIR_ACK_MAP_MAX_RUNS);
    const weir_track_runs runs =
        weir_track_runs_get(&part->track, src->runs, WEIR_ACK_MAP_MAX_RUNS);

    map->n_runs = runs.n;
    map->is_cut = runs.is_cut;
    for (size_t i = 0; i < runs.n; i++) {
        map->length += src->runs[i];
    }
    return runs;
}

/* The rest of the map: what is still to be read of the old one, and the head. Where all that was
 * given out is done, the base passes over what the old one knows next. Lock held. */
static void map_complete_locked(weir_kafka_part *part, weir_ack_map *map)
{
    int64_t next = part->track.next;

    if (part->known.runs != NULL && next < part->map_end) {
        if (map->n_runs == 0) { /* a map begins with an unfinished one */
            next = weir_ack_map_next(&part->known, next);
            map->base = next;
        }
        weir_ack_map_add_tail(map, &part->known, next);
    }
    const int64_t base = map->base;

    while (part->n_prints > 1 && part->prints[1].offset < base) {
        part->n_prints--;
        memmove(part->prints, part->prints + 1,
                part->n_prints * sizeof(part->prints[0]));
    }
    if (part->n_prints > 0 && part->prints[0].offset < base) {
        map->before = part->prints[0];
    }
    if (part->n_prints > 0) {
        map->high = part->prints[part->n_prints - 1];
    }
    if (part->known.runs != NULL && part->known.high.offset > map->high.offset) {
        map->high = part->known.high;
    }
    map->generation = part->generation;
    map->strikes = base == part->strikes_base ? part->strikes : 0;
}

/* The text of a map that is complete, or NULL. *is_whole: it says all that is finished. */
static char *map_write(const weir_ack_map *map, size_t max_bytes, bool is_owned,
                       bool *is_whole)
{
    char text[WEIR_ACK_MAP_MAX_BYTES + 1];
    int64_t covered = map->base;

    *is_whole = map->n_runs < 2 && !map->is_cut;
    if (map->before.offset < 0 && map->high.offset < map->base && map->n_runs < 2 &&
        (!is_owned || map->is_clean)) {
        return NULL; /* it would say nothing */
    }
    const size_t len = weir_ack_map_encode(map, max_bytes, text, &covered);
    char *out = len == 0 ? NULL : rd_kafka_mem_malloc(NULL, len + 1);

    if (out != NULL) {
        memcpy(out, text, len + 1);
        *is_whole = *is_whole || (!map->is_cut && covered >= weir_ack_map_end(map));
    }
    return out;
}

/* Nothing was given out, or nobody can vouch for what is finished: then it is left off. */
static void map_vouch(weir_ack_map *map)
{
    if (map->high.offset < 0 || map->high.offset < weir_ack_map_end(map) - 1) {
        map->n_runs = 0;
        map->length = 0;
    }
}

char *weir_kafka_map_text(weir_kafka_reader *src, weir_kafka_part *part,
                          bool is_leaving, int64_t *base, size_t *above)
{
    weir_ack_map map;
    bool is_whole;

    weir_lock_take(&src->lock);
    *base = weir_track_watermark(&part->track);
    *above = src->map_bytes == 0 ? 0 : weir_track_above(&part->track);
    if (src->map_bytes > 0) {
        map_take_locked(src, part, &map);
        map_complete_locked(part, &map);
        *base = map.base;
    }
    weir_lock_give(&src->lock);
    if (src->map_bytes == 0) {
        return NULL;
    }
    map.is_clean = is_leaving;
    map_vouch(&map);
    return map_write(&map, src->map_bytes, part->is_owned, &is_whole);
}

void weir_kafka_map_plan(weir_kafka_reader *src, weir_kafka_part *part,
                         weir_kafka_planned *out)
{
    weir_ack_map map;

    weir_lock_take(&src->lock);
    const size_t max_bytes = src->map_bytes;

    weir_ack_map_begin(&map, 0, out->runs, WEIR_ACK_MAP_MAX_RUNS);
    const weir_track_runs runs = weir_track_planned_get(
        &part->track, out->runs, WEIR_ACK_MAP_MAX_RUNS, &map.base, &out->above);

    out->above = max_bytes == 0 ? 0 : out->above;
    out->epoch = part->epoch;
    out->n_planned = part->track.n_planned;
    map.n_runs = runs.n;
    map.is_cut = runs.is_cut;
    for (size_t i = 0; i < runs.n; i++) {
        map.length += out->runs[i];
    }
    map_complete_locked(part, &map);
    out->base = map.base;
    map.is_clean = part->is_leaving;
    weir_lock_give(&src->lock);
    const bool has_more = map.n_runs > 1 || map.is_cut;

    map_vouch(&map);
    out->text =
        max_bytes == 0 ? NULL : map_write(&map, max_bytes, false, &out->is_whole);
    if (max_bytes == 0 || (has_more && map.n_runs == 0)) {
        out->is_whole = !has_more;
    }
}

void weir_kafka_map_print(weir_kafka_part *part, const weir_ack_print *print)
{
    /* The first ones are kept, as the position may not come past them for long. */
    if (part->n_prints < WEIR_KAFKA_PRINTS) {
        part->n_prints++;
    }
    part->prints[part->n_prints - 1] = *print;
}

bool weir_kafka_map_too_large(weir_kafka_reader *src,
                              const rd_kafka_topic_partition_list_t *list)
{
    const size_t old = src->map_bytes;

    size_t was = 0;

    for (int i = 0; i < list->cnt; i++) {
        was = list->elems[i].metadata_size > was ? list->elems[i].metadata_size : was;
    }
    const size_t now = was / 2 < MAP_MIN_BYTES ? 0 : was / 2;

    if (now >= old) {
        /* the answer to a commit has come twice, or to an earlier one */
        return false;
    }
    src->map_bytes = now;
    weir_log(WEIR_WARN, "kafka.map.too_large",
             "sub=%s bytes=%zu now=%zu text=the broker's offset.metadata.max.bytes is "
             "smaller",
             src->setup->sub_name, was, now);
    return true;
}

/* --------------------------------------------------------------------------- reading ---- */

static void map_ignored(weir_kafka_reader *src, const weir_kafka_part *part,
                        const char *why)
{
    weir_lock_take(&src->lock);
    src->n_maps_ignored++;
    weir_lock_give(&src->lock);
    weir_log(WEIR_WARN, "kafka.map.ignored",
             "sub=%s topic=%s partition=%d position=%lld why=%s", src->setup->sub_name,
             part->topic, (int)part->partition, (long long)part->position, why);
}

void weir_kafka_map_drop(weir_kafka_reader *src, weir_kafka_part *part, const char *why)
{
    if (part->known.runs == NULL) {
        return;
    }
    if (why != NULL) {
        map_ignored(src, part, why);
    } else if (part->n_known > 0) {
        weir_log(WEIR_INFO, "kafka.map.used",
                 "sub=%s topic=%s partition=%d skipped=%llu", src->setup->sub_name,
                 part->topic, (int)part->partition, (unsigned long long)part->n_known);
    }
    weir_lock_take(&src->lock);
    uint32_t *runs = part->known.runs;

    part->known.runs = NULL;
    part->map_end = 0;
    weir_lock_give(&src->lock);
    free(runs);
    part->n_known = 0;
}

/* Keeps what the decoder left in src->runs. False: out of memory. */
static bool map_keep(weir_kafka_part *part, const weir_ack_map *map)
{
    uint32_t *runs = malloc((map->n_runs + 1) * sizeof(*runs));

    if (runs == NULL) {
        return false;
    }
    memcpy(runs, map->runs, map->n_runs * sizeof(*runs));
    part->known = *map;
    part->known.runs = runs;
    part->known.cap_runs = map->n_runs;
    part->map_end = weir_ack_map_end(map);
    part->generation = map->generation + 1;
    return true;
}

/* The parts that have just been assigned and whose maps can be read. *is_sure false: there was
 * no memory for one. */
static size_t map_decode_all(weir_kafka_reader *src,
                             const rd_kafka_topic_partition_list_t *list,
                             weir_kafka_part **parts, bool *is_sure)
{
    size_t n = 0;

    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *entry = &list->elems[i];
        weir_kafka_part *part =
            weir_kafka_part_find(src, entry->topic, entry->partition);
        weir_ack_map map = { .runs = src->runs, .cap_runs = WEIR_ACK_MAP_MAX_RUNS };

        if (part == NULL || !part->is_fresh) {
            continue;
        }
        part->is_fresh = false;
        const weir_ack_fault fault =
            weir_ack_map_decode((weir_slice){ entry->metadata, entry->metadata_size },
                                part->position, &map);

        if (fault != WEIR_ACK_OK && fault != WEIR_ACK_EMPTY) {
            map_ignored(src, part, weir_ack_fault_name(fault));
        } else if (fault == WEIR_ACK_OK && !map_keep(part, &map)) {
            map_ignored(src, part, "memory");
            *is_sure = false;
        } else if (fault == WEIR_ACK_OK) {
            parts[n++] = part;
        }
    }
    return n;
}

/* Reads one of the two fingerprints of each part back. False: some could not be read. */
static bool map_probe(weir_kafka_reader *src, weir_kafka_part *const *parts, size_t n,
                      weir_kafka_probe *probes, bool is_high, int64_t until_us)
{
    weir_err err;
    size_t n_probes = 0;
    bool is_sure = true;

    for (size_t i = 0; i < n; i++) {
        const weir_ack_print *print =
            is_high ? &parts[i]->known.high : &parts[i]->known.before;

        if (parts[i]->known.runs != NULL && print->offset >= 0) {
            probes[n_probes++] = (weir_kafka_probe){ .topic = parts[i]->topic,
                                                     .partition = parts[i]->partition,
                                                     .print = *print };
        }
    }
    if (n_probes > 0 &&
        weir_kafka_probe_all(src->queue, probes, n_probes, until_us, &err) != WEIR_OK) {
        weir_log(WEIR_WARN, "kafka.map.unread", "sub=%s text=%s", src->setup->sub_name,
                 err.text);
    }
    for (size_t i = 0, at = 0; i < n; i++) {
        weir_kafka_part *part = parts[i];
        const weir_ack_print *print = is_high ? &part->known.high : &part->known.before;

        if (part->known.runs == NULL || print->offset < 0) {
            continue;
        }
        const weir_kafka_found found = probes[at++].found;

        is_sure = is_sure && found != WEIR_KAFKA_UNASKED;
        if (found == WEIR_KAFKA_OTHER && !is_high) {
            part->is_other_log = true;
            part->is_stopped = true;
        }
        if (found != WEIR_KAFKA_SAME) {
            weir_kafka_map_drop(src, part,
                                found == WEIR_KAFKA_OTHER  ? "other-record"
                                : found == WEIR_KAFKA_GONE ? "record-gone"
                                                           : "unread");
        }
    }
    return is_sure;
}

bool weir_kafka_map_load(weir_kafka_reader *src,
                         const rd_kafka_topic_partition_list_t *list)
{
    bool is_sure = false;
    const int64_t until_us = weir_clock_us() + MAP_PROBE_US;
    weir_kafka_part **parts = calloc((size_t)list->cnt + 1, sizeof(*parts));
    weir_kafka_probe *probes = calloc((size_t)list->cnt + 1, sizeof(*probes));

    if (parts == NULL || probes == NULL) {
        weir_log(WEIR_WARN, "kafka.map.unread", "sub=%s text=out of memory",
                 src->setup->sub_name);
        goto out;
    }
    is_sure = true;
    const size_t n = map_decode_all(src, list, parts, &is_sure);

    is_sure = map_probe(src, parts, n, probes, false, until_us) && is_sure;
    is_sure = map_probe(src, parts, n, probes, true, until_us) && is_sure;
    for (size_t i = 0; i < n; i++) {
        weir_kafka_part *part = parts[i];

        if (part->known.runs == NULL) {
            continue;
        }
        weir_kafka_strikes_load(src, part);
        weir_kafka_part_owned_before(part);
        if (part->known.before.offset >= 0) {
            weir_kafka_map_print(part, &part->known.before);
        }
        if (part->known.n_runs == 0) {
            weir_kafka_map_drop(src, part, NULL);
        }
    }
out:
    free(parts);
    free(probes);
    return is_sure;
}

void weir_kafka_map_alarm(weir_kafka_reader *src)
{
    char text[256];

    for (size_t i = 0; i < src->n_parts; i++) {
        weir_kafka_part *part = src->parts[i];

        if (part->is_assigned && part->is_other_log) {
            part->is_other_log = false;
            snprintf(text, sizeof(text),
                     "%s%lld follows another record than the one that was committed: "
                     "the topic was made anew or has lost records",
                     part->where_text, (long long)part->position);
            weir_kafka_part_trouble(src, part, WEIR_TROUBLE_RECREATED, text);
        }
    }
}

bool weir_kafka_map_skip(weir_kafka_reader *src, weir_kafka_part *part, int64_t offset,
                         size_t n_more)
{
    if (part->known.runs == NULL) {
        return false;
    }
    weir_lock_take(&src->lock);
    const bool has_room = weir_ack_map_next(&part->known, offset) != offset &&
                          weir_track_reserve(&part->track, n_more + 1) == WEIR_OK;

    if (has_room) {
        weir_track_skip(&part->track, offset + 1);
        src->n_known_done++;
    }
    weir_lock_give(&src->lock);
    part->n_known += has_room;
    return has_room; /* else it runs again */
}

/* ---------------------------------------------------------------------------- budget ---- */

static void map_hold(weir_kafka_reader *src, weir_kafka_part *part, size_t n_open)
{
    if (part->is_full) {
        return;
    }
    part->is_full = true;
    src->n_full++;
    atomic_store(&src->has_holds, true);
    part->is_held = true; /* what still comes is stashed, see read_hold_back() */
    weir_log(WEIR_INFO, "kafka.map.full", "sub=%s topic=%s partition=%d unfinished=%zu",
             src->setup->sub_name, part->topic, (int)part->partition, n_open);
}

static void map_release(weir_kafka_reader *src, weir_kafka_part *part)
{
    if (part->is_full) {
        part->is_full = false;
        src->n_full--;
        atomic_store(&src->has_holds, true);
    }
}

/* Offsets that `room` of them will do for where only one in `sparse` is a record: distant
 * events take more each, and there are fewer. */
static int64_t map_stretch(uint64_t room, uint64_t sparse)
{
    if (sparse > 1) {
        const unsigned log2 = 63 - (unsigned)__builtin_clzll(sparse);

        room = room * sparse / (2 + 2 * log2);
    }
    return (int64_t)room;
}

void weir_kafka_map_measure(weir_kafka_reader *src, weir_kafka_part *part)
{
    /* well below what fits */
    const uint64_t all_bits = (uint64_t)src->map_bytes * 4;
    weir_track_runs runs = { 0 };
    weir_ack_map map;
    weir_ack_need need = { 0 };

    if (src->map_bytes == 0) {
        part->measure_at = INT64_MAX;
        map_release(src, part);
        return;
    }
    weir_lock_take(&src->lock);
    const int64_t base = weir_track_watermark(&part->track);
    const int64_t next = part->track.next;
    const uint64_t span = (uint64_t)(next - base);
    const size_t n_open = weir_track_open(&part->track);
    const size_t n_all = n_open + weir_track_above(&part->track);
    const bool is_short = span + src->map_bytes < all_bits;

    if (!is_short) {
        runs = map_take_locked(src, part, &map);
        map_complete_locked(part, &map);
    }
    weir_lock_give(&src->lock);
    if (is_short) {
        /* A bit for each will do. */
        need.room = all_bits - span;
    } else {
        weir_ack_map_measure(&map, n_open, runs.log2_gaps, src->map_bytes, &need);
    }
    const size_t least =
        src->map_bytes / (part->is_full ? MAP_RELEASED_PARTS : MAP_HELD_PARTS);

    if (need.room < least && n_open > 0) {
        map_hold(src, part, n_open);
        return;
    }
    map_release(src, part);
    part->measure_at = next + map_stretch(need.room < least ? least : need.room,
                                          is_short || n_all == 0 ? 1 : span / n_all);
}

void weir_kafka_map_tend(weir_kafka_reader *src, int64_t now_us)
{
    src->next_map_us = now_us + MAP_TEND_US;
    for (size_t i = 0; i < src->n_parts; i++) {
        weir_kafka_part *part = src->parts[i];

        if (part->is_assigned && part->is_full) {
            weir_kafka_map_measure(src, part);
        }
    }
}
