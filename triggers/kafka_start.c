/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_start - where each partition of an assignment starts.
 *
 * Kept by the group: there. A group that has no position at all for a topic is new to it, and
 * `start` says where it begins; the answer is committed for all partitions of the topic at
 * once, in one request, by the member that owns partition 0, before anybody hands out an
 * event. The others wait until they see it. (If each member resolved its own, the second one
 * would find positions of the first, take its own partitions for late comers and start
 * `latest` at the beginning. A commit of a member that is no longer of the group fails by its
 * generation.) A partition without position in a group that has some has appeared later: it
 * starts at the earliest, because nobody has seen its first events. So does a topic that a
 * pattern meets when this member has been at work before: it was written before anybody could
 * know of it.
 */
#include "triggers/kafka_state.h"

#include "worker/base/clock.h"
#include "worker/base/log.h"

#include <string.h>
#include <time.h>

#define START_CALL_MS 3000      /* one question to the broker */
#define START_PAUSE_NS 50000000 /* between two looks for another member's work */

/* The first entry of the list that failed, or no error. */
static rd_kafka_resp_err_t
start_first_error(const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return list->elems[i].err;
        }
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* The positions that the group has; below 0: none. */
static weir_status start_committed(rd_kafka_t *rk,
                                   rd_kafka_topic_partition_list_t *list, weir_err *err)
{
    for (int i = 0; i < list->cnt; i++) {
        list->elems[i].offset = RD_KAFKA_OFFSET_INVALID;
    }
    rd_kafka_resp_err_t code = rd_kafka_committed(rk, list, START_CALL_MS);

    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        code = start_first_error(list);
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return weir_fail(err, weir_kafka_status(code), "committed positions: %s",
                         rd_kafka_err2str(code));
    }
    return WEIR_OK;
}

weir_status weir_kafka_start_lookup(rd_kafka_t *rk,
                                    rd_kafka_topic_partition_list_t *list, int64_t what,
                                    int timeout_ms, weir_err *err)
{
    for (int i = 0; i < list->cnt; i++) {
        list->elems[i].offset = what;
    }
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(rk, list, timeout_ms);

    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        code = start_first_error(list);
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return weir_fail(err, weir_kafka_status(code), "offsets of partitions: %s",
                         rd_kafka_err2str(code));
    }
    return WEIR_OK;
}

/* Looks up `start` for all of list. */
static weir_status start_lookup_mode(weir_kafka_reader *src,
                                     rd_kafka_topic_partition_list_t *list,
                                     weir_start mode, weir_err *err)
{
    rd_kafka_t *rk = src->client->rk;
    const int64_t what = mode == WEIR_START_EARLIEST ? RD_KAFKA_OFFSET_BEGINNING
                         : mode == WEIR_START_LATEST ? RD_KAFKA_OFFSET_END
                                                     : src->setup->start_ms;
    weir_status st = weir_kafka_start_lookup(rk, list, what, START_CALL_MS, err);

    if (st != WEIR_OK || mode != WEIR_START_TIME) {
        return st;
    }
    /* Nothing that late: the end. */
    rd_kafka_topic_partition_list_t *ends = rd_kafka_topic_partition_list_copy(list);

    st = weir_kafka_start_lookup(rk, ends, RD_KAFKA_OFFSET_END, START_CALL_MS, err);
    for (int i = 0; st == WEIR_OK && i < list->cnt; i++) {
        if (list->elems[i].offset < 0) {
            list->elems[i].offset = ends->elems[i].offset;
        }
    }
    rd_kafka_topic_partition_list_destroy(ends);
    return st;
}

/* All partitions of a topic, as a list. */
static weir_status start_whole_topic(weir_kafka_reader *src, const char *name,
                                     rd_kafka_topic_partition_list_t **out,
                                     weir_err *err)
{
    rd_kafka_topic_t *topic = rd_kafka_topic_new(src->client->rk, name, NULL);
    const struct rd_kafka_metadata *meta = NULL;

    if (topic == NULL) {
        return weir_fail(err, WEIR_ENOMEM, "topic %s: out of memory", name);
    }
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(src->client->rk, 0, topic, &meta, START_CALL_MS);

    rd_kafka_topic_destroy(topic);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && meta->topic_cnt == 1) {
        code = meta->topics[0].err;
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR &&
        (meta->topic_cnt != 1 || meta->topics[0].partition_cnt < 1)) {
        code = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        *out = rd_kafka_topic_partition_list_new(meta->topics[0].partition_cnt);
        rd_kafka_topic_partition_list_add_range(*out, name, 0,
                                                meta->topics[0].partition_cnt - 1);
    }
    if (meta != NULL) {
        rd_kafka_metadata_destroy(meta);
    }
    return code == RD_KAFKA_RESP_ERR_NO_ERROR
               ? WEIR_OK
               : weir_fail(err, weir_kafka_status(code), "topic %s: %s", name,
                           rd_kafka_err2str(code));
}

static weir_status start_commit(weir_kafka_reader *src,
                                rd_kafka_topic_partition_list_t *list, int64_t until_us,
                                weir_err *err)
{
    rd_kafka_resp_err_t code = weir_kafka_client_commit(src->client, list, until_us);

    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        code = start_first_error(list);
    }
    if (code == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION ||
        code == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID ||
        code == RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS) {
        /* This generation of the group is over: no commit of it will ever be taken. */
        return weir_fail(err, WEIR_ECLOSED, "commit of the start: %s",
                         rd_kafka_err2str(code));
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return weir_fail(err, weir_kafka_status(code), "commit of the start: %s",
                         rd_kafka_err2str(code));
    }
    return WEIR_OK;
}

/* Copies what `from` knows into the entries of list that are still open. */
static void start_merge(rd_kafka_topic_partition_list_t *list,
                        const rd_kafka_topic_partition_list_t *from)
{
    for (int i = 0; i < from->cnt; i++) {
        rd_kafka_topic_partition_t *mine = rd_kafka_topic_partition_list_find(
            list, from->elems[i].topic, from->elems[i].partition);

        if (mine != NULL && mine->offset < 0) {
            mine->offset = from->elems[i].offset;
        }
    }
}

/* Entries of that topic in list that have no position yet. */
static rd_kafka_topic_partition_list_t *
start_open_ones(const rd_kafka_topic_partition_list_t *list, const char *name)
{
    rd_kafka_topic_partition_list_t *open =
        rd_kafka_topic_partition_list_new(list->cnt);

    for (int i = 0; i < list->cnt; i++) {
        if (list->elems[i].offset < 0 && strcmp(list->elems[i].topic, name) == 0) {
            rd_kafka_topic_partition_list_add(open, name, list->elems[i].partition);
        }
    }
    return open;
}

/* True if the topic was not named but found by a pattern, after the work had begun. */
static bool start_is_late_topic(const weir_kafka_reader *src, const char *name)
{
    for (size_t i = 0; i < src->setup->n_topics; i++) {
        if (strcmp(src->setup->topics[i], name) == 0) {
            return false;
        }
    }
    return src->has_started;
}

/*
 * One topic of which some partitions have no position. WEIR_EAGAIN: the owner of partition 0
 * has not done its work yet.
 */
static weir_status start_topic(weir_kafka_reader *src,
                               rd_kafka_topic_partition_list_t *list, const char *name,
                               int64_t until_us, weir_err *err)
{
    bool is_known = start_is_late_topic(src, name);
    rd_kafka_topic_partition_list_t *whole = NULL;
    rd_kafka_topic_partition_list_t *open = NULL;
    weir_start mode = src->setup->start;
    weir_status st = start_whole_topic(src, name, &whole, err);

    if (st != WEIR_OK ||
        (st = start_committed(src->client->rk, whole, err)) != WEIR_OK) {
        goto out;
    }
    for (int i = 0; i < whole->cnt; i++) {
        is_known = is_known || whole->elems[i].offset >= 0;
    }
    start_merge(list, whole);
    open = start_open_ones(list, name);
    if (open->cnt == 0) {
        goto out; /* somebody has just done it */
    }
    if (is_known) {
        mode = WEIR_START_EARLIEST;
    } else if (mode == WEIR_START_COMMITTED) {
        st = weir_fail(err, WEIR_ECONFIG,
                       "group %s has no position on topic %s, and start is `committed`",
                       src->setup->group, name);
        goto out;
    } else if (rd_kafka_topic_partition_list_find(open, name, 0) == NULL) {
        st = weir_fail(
            err, WEIR_EAGAIN,
            "group %s is new to topic %s: waiting for the owner of partition 0",
            src->setup->group, name);
        goto out;
    }
    rd_kafka_topic_partition_list_t *todo = is_known ? open : whole;

    if ((st = start_lookup_mode(src, todo, mode, err)) != WEIR_OK ||
        (st = start_commit(src, todo, until_us, err)) != WEIR_OK) {
        goto out;
    }
    start_merge(list, todo);
    weir_log(WEIR_INFO, "kafka.start", "sub=%s group=%s topic=%s partitions=%d at=%s",
             src->setup->sub_name, src->setup->group, name, todo->cnt,
             mode == WEIR_START_EARLIEST ? "earliest"
             : mode == WEIR_START_LATEST ? "latest"
                                         : "time");
out:
    if (open != NULL) {
        rd_kafka_topic_partition_list_destroy(open);
    }
    if (whole != NULL) {
        rd_kafka_topic_partition_list_destroy(whole);
    }
    return st;
}

/* One look at everything that is open. */
static weir_status start_once(weir_kafka_reader *src,
                              rd_kafka_topic_partition_list_t *list, int64_t until_us,
                              weir_err *err)
{
    weir_status worst = WEIR_OK;
    weir_status st = start_committed(src->client->rk, list, err);

    if (st != WEIR_OK) {
        return st;
    }
    for (int i = 0; i < list->cnt; i++) {
        if (list->elems[i].offset >= 0) {
            continue;
        }
        bool is_tried = false;

        for (int j = 0; j < i; j++) { /* its topic was tried for an earlier entry */
            is_tried =
                is_tried || (list->elems[j].offset < 0 &&
                             strcmp(list->elems[j].topic, list->elems[i].topic) == 0);
        }
        st = is_tried ? WEIR_OK
                      : start_topic(src, list, list->elems[i].topic, until_us, err);
        if (st != WEIR_OK && st != WEIR_EAGAIN) {
            return st;
        }
        worst = st != WEIR_OK ? st : worst;
    }
    return worst;
}

weir_status weir_kafka_start_resolve(weir_kafka_reader *src,
                                     rd_kafka_topic_partition_list_t *list,
                                     int64_t until_us, weir_err *err)
{
    const struct timespec pause = { .tv_nsec = START_PAUSE_NS };

    if (list->cnt == 0) {
        return WEIR_OK;
    }
    for (;;) {
        const weir_status st = start_once(src, list, until_us, err);

        src->has_started = src->has_started || st == WEIR_OK;
        if (st == WEIR_OK || st == WEIR_ECONFIG || st == WEIR_EDENIED ||
            st == WEIR_ECLOSED || weir_clock_us() >= until_us) {
            return st;
        }
        nanosleep(&pause, NULL);
    }
}
