/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_group - rebalances and commits of a Kafka source.
 *
 * Everything here runs on the intake thread: the callbacks inside rd_kafka_consumer_poll().
 * A group's coordinator checks the member and its generation on a commit, but not who owns
 * the partition. So a position is first given to rd_kafka_offsets_store(), which refuses what
 * is not assigned to us, and only what it took is committed, from the thread that also
 * answers rebalances, never in between.
 *
 * With a settler (kafka_txn.h) positions go into its transactions, and into nothing else.
 */
#include "triggers/kafka_state.h"

#include "worker/base/clock.h"
#include "worker/base/log.h"

#include <stdlib.h>
#include <string.h>

#define GROUP_RESOLVE_US                                                               \
    10000000 /* an assignment's positions are looked up this long */
#define GROUP_REVOKE_COMMIT_US 5000000

void weir_kafka_source_trouble(weir_kafka_reader *src, weir_trouble kind,
                               const char *text)
{
    if (src->trouble == kind) {
        return;
    }
    src->trouble = kind;
    src->is_login_refused = src->is_login_refused && kind == WEIR_TROUBLE_DENIED;
    src->contacts_seen = atomic_load(&src->n_contacts);
    src->host->trouble(src->host->arg, NULL, kind, text);
}

/* ------------------------------------------------------------------------- commits ---- */

/* The leader epoch of the record before `offset`; -1: unknown. Lock held. */
static int32_t group_epoch_locked(const weir_kafka_part *part, int64_t offset)
{
    for (size_t i = WEIR_KAFKA_EPOCHS; i-- > 0;) {
        if (part->leaders[i].epoch >= 0 && part->leaders[i].from < offset) {
            return part->leaders[i].epoch;
        }
    }
    return -1;
}

void weir_kafka_group_list_add(weir_kafka_reader *src,
                               rd_kafka_topic_partition_list_t *list,
                               const weir_kafka_part *part, int64_t offset, char *text)
{
    rd_kafka_topic_partition_t *entry =
        rd_kafka_topic_partition_list_add(list, part->topic, part->partition);

    entry->offset = offset;
    entry->metadata = text;
    entry->metadata_size = text == NULL ? 0 : strlen(text);
#if RD_KAFKA_VERSION >= 0x020100ff
    weir_lock_take(&src->lock);
    rd_kafka_topic_partition_set_leader_epoch(entry, group_epoch_locked(part, offset));
    weir_lock_give(&src->lock);
#else
    (void)src;
    (void)group_epoch_locked;
#endif
}

/* Has anything been finished since it was last committed (is_all) or sent? */
static bool group_has_progress(weir_kafka_reader *src, const weir_kafka_part *part,
                               bool is_all)
{
    weir_lock_take(&src->lock);
    const int64_t done = weir_track_watermark(&part->track);
    const size_t above = src->map_bytes == 0 ? 0 : weir_track_above(&part->track);
    const bool has =
        part->is_live && (done > (is_all ? part->committed : part->sent) ||
                          above != (is_all ? part->above_committed : part->above_sent));

    weir_lock_give(&src->lock);
    return has;
}

/*
 * What is done and not yet committed (is_all), or not yet sent, of `only` (NULL: of all),
 * stored; what the library refuses to store is left out. May be empty. With `only` the
 * partitions are about to go. The opaque of an entry says how many above its offset are done,
 * as the answer may come when another commit has been sent already.
 */
static rd_kafka_topic_partition_list_t *
group_progress(weir_kafka_reader *src, const rd_kafka_topic_partition_list_t *only,
               bool is_all)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(16);

    for (size_t i = 0; i < src->n_parts; i++) {
        weir_kafka_part *part = src->parts[i];
        int64_t done;
        size_t above;

        if (part->map_end > 0 && part->position >= part->map_end) {
            weir_kafka_map_drop(src, part, NULL);
        }
        /* Who leaves says so, even if nothing else is new. */
        const bool is_left = only != NULL && part->is_assigned && part->is_owned;

        if (!is_left && !group_has_progress(src, part, is_all)) {
            continue;
        }
        if (only != NULL && rd_kafka_topic_partition_list_find(
                                only, part->topic, part->partition) == NULL) {
            continue;
        }
        char *text = weir_kafka_map_text(
            src, part, only != NULL && !atomic_load(&src->is_struck), &done, &above);

        weir_kafka_group_list_add(src, list, part, done, text);
        list->elems[list->cnt - 1].opaque = (void *)(uintptr_t)above;
        weir_lock_take(&src->lock);
        part->sent = done;
        part->above_sent = above;
        weir_lock_give(&src->lock);
    }
    if (list->cnt == 0) {
        return list;
    }
    rd_kafka_offsets_store(src->client->rk, list);
    for (int i = list->cnt; i-- > 0;) {
        if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            weir_log(WEIR_INFO, "kafka.store.refused",
                     "sub=%s topic=%s partition=%d text=%s", src->setup->sub_name,
                     list->elems[i].topic, (int)list->elems[i].partition,
                     rd_kafka_err2str(list->elems[i].err));
            rd_kafka_topic_partition_list_del_by_idx(list, i);
        }
    }
    return list;
}

/* Somebody else may own these by now; the next rebalance tells. Nothing to alarm about. */
static bool group_is_stale(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION ||
           code == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID ||
           code == RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS ||
           code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID ||
           code == RD_KAFKA_RESP_ERR__STATE ||
           code == RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST ||
           (int)code == 113; /* STALE_MEMBER_EPOCH, which older headers do not name */
}

/* Takes in the answer to a commit of a list of group_progress(). */
static void group_answered(weir_kafka_reader *src, rd_kafka_resp_err_t code,
                           const rd_kafka_topic_partition_list_t *list)
{
    bool is_all_good = code == RD_KAFKA_RESP_ERR_NO_ERROR;

    for (int i = 0; list != NULL && i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *entry = &list->elems[i];
        weir_kafka_part *part =
            weir_kafka_part_find(src, entry->topic, entry->partition);
        const rd_kafka_resp_err_t own =
            code != RD_KAFKA_RESP_ERR_NO_ERROR ? code : entry->err;

        if (part == NULL) {
            continue;
        }
        weir_lock_take(&src->lock);
        if (part->is_live && own == RD_KAFKA_RESP_ERR_NO_ERROR) {
            part->committed =
                entry->offset > part->committed ? entry->offset : part->committed;
            part->above_committed = (size_t)(uintptr_t)entry->opaque;
        } else if (part->is_live) {
            /* it is sent again with the next commit */
            part->sent = part->committed;
            part->above_sent = SIZE_MAX;
        }
        weir_lock_give(&src->lock);
        if (own != RD_KAFKA_RESP_ERR_NO_ERROR) {
            is_all_good = false;
            weir_log(group_is_stale(own) ? WEIR_INFO : WEIR_WARN, "kafka.commit.failed",
                     "sub=%s topic=%s partition=%d offset=%lld text=%s",
                     src->setup->sub_name, entry->topic, (int)entry->partition,
                     (long long)entry->offset, rd_kafka_err2str(own));
        }
    }
    if (code == RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE && list != NULL &&
        weir_kafka_map_too_large(src, list)) {
        src->next_commit_us = 0;
    }
    if (is_all_good) {
        atomic_fetch_add(&src->n_contacts, 1);
        weir_lock_take(&src->lock);
        src->n_commits++;
        weir_lock_give(&src->lock);
    }
}

void weir_kafka_group_committed(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                                rd_kafka_topic_partition_list_t *list, void *opaque)
{
    weir_kafka_reader *src = opaque;

    if (src->client == NULL || src->client->rk != rk) {
        return; /* an instance that has ended */
    }
    src->is_commit_out = false;
    if (code != RD_KAFKA_RESP_ERR__NO_OFFSET) {
        group_answered(src, code, list);
    }
}

/* Positions are committed by the settler: it is told when there is something. */
static void group_nudge(weir_kafka_reader *src)
{
    bool has_news = false;

    for (size_t i = 0; i < src->n_parts; i++) {
        weir_kafka_part *part = src->parts[i];

        if (part->map_end > 0 && part->position >= part->map_end) {
            weir_kafka_map_drop(src, part, NULL);
        }
        has_news = has_news || group_has_progress(src, part, true);
    }
    if (has_news) {
        weir_kafka_txn_nudge(src->settler);
    }
}

void weir_kafka_group_commit(weir_kafka_reader *src)
{
    if (src->settler != NULL) {
        group_nudge(src);
        return;
    }
    if (src->is_commit_out) {
        return;
    }
    rd_kafka_topic_partition_list_t *list = group_progress(src, NULL, false);

    if (list->cnt > 0) {
        const rd_kafka_resp_err_t code = rd_kafka_commit(src->client->rk, list, 1);

        src->is_commit_out = code == RD_KAFKA_RESP_ERR_NO_ERROR;
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
            group_answered(src, code, list);
        }
    }
    rd_kafka_topic_partition_list_destroy(list);
}

/* The next map of these says that they are handed over in order. */
static void group_leave(weir_kafka_reader *src,
                        const rd_kafka_topic_partition_list_t *list)
{
    weir_lock_take(&src->lock);
    for (int i = 0; list != NULL && i < list->cnt; i++) {
        weir_kafka_part *part =
            weir_kafka_part_find(src, list->elems[i].topic, list->elems[i].partition);

        if (part != NULL) {
            part->is_leaving = true;
        }
    }
    weir_lock_give(&src->lock);
}

/* Commits what is done of `only` (NULL: all) and waits for the answer. */
static weir_status group_commit_now(weir_kafka_reader *src,
                                    const rd_kafka_topic_partition_list_t *only,
                                    int64_t until_us)
{
    weir_status st = WEIR_OK;

    if (src->settler != NULL) {
        group_leave(src, only);
        return weir_kafka_txn_commit(src->settler, until_us);
    }
    for (;;) {
        rd_kafka_topic_partition_list_t *list = group_progress(src, only, true);

        if (list->cnt == 0) {
            rd_kafka_topic_partition_list_destroy(list);
            return WEIR_OK;
        }
        const bool has_maps = src->map_bytes > 0;
        const rd_kafka_resp_err_t code =
            weir_kafka_client_commit(src->client, list, until_us);

        group_answered(src, code, list);
        rd_kafka_topic_partition_list_destroy(list);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            return WEIR_OK;
        }
        if (code == RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE && has_maps) {
            continue; /* with less of it, in the end with none */
        }
        st = code == RD_KAFKA_RESP_ERR__TIMED_OUT ? WEIR_ETIMEOUT : WEIR_EIO;
        if (group_is_stale(code) || weir_clock_us() + 100000 >= until_us) {
            return st;
        }
        /* The coordinator is away for a moment: once more, a little later. */
        const unsigned seen = weir_signal_read(&src->signal);

        weir_signal_wait(&src->signal, seen, weir_clock_us() + 100000);
    }
}

weir_status weir_kafka_group_flush(weir_kafka_reader *src, int64_t until_us)
{
    return src->client == NULL ? WEIR_EIO : group_commit_now(src, NULL, until_us);
}

/* ---------------------------------------------------------------------- rebalances ---- */

/* Answers a rebalance as the group's protocol wants it. list NULL: nothing is assigned. */
static void group_answer(weir_kafka_reader *src, rd_kafka_t *rk, bool is_assign,
                         const rd_kafka_topic_partition_list_t *list)
{
    const char *protocol = rd_kafka_rebalance_protocol(rk);
    const bool is_cooperative =
        protocol != NULL && strcmp(protocol, "COOPERATIVE") == 0;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_error_t *error = NULL;

    if (!is_cooperative) {
        code = rd_kafka_assign(rk, is_assign ? list : NULL);
    } else if (is_assign) {
        error = rd_kafka_incremental_assign(rk, list);
    } else {
        error = rd_kafka_incremental_unassign(rk, list);
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR || error != NULL) {
        weir_log(WEIR_ERROR, "kafka.assign.failed", "sub=%s text=%s",
                 src->setup->sub_name,
                 error != NULL ? rd_kafka_error_string(error) : rd_kafka_err2str(code));
        src->wants_new = true;
    }
    if (error != NULL) {
        rd_kafka_error_destroy(error);
    }
}

/* A topic that a pattern matches and must not: a `to`, a `dead`, or somebody's *.dead. */
static bool group_is_never(const weir_source_setup *setup, const char *topic)
{
    const size_t len = strlen(topic);

    for (size_t i = 0; i < setup->n_topics; i++) {
        if (setup->topics[i][0] != '^' && strcmp(setup->topics[i], topic) == 0) {
            return false; /* named, so it is meant */
        }
    }
    if (len > 5 && strcmp(topic + len - 5, ".dead") == 0) {
        return true;
    }
    for (size_t i = 0; i < setup->n_never; i++) {
        if (strcmp(setup->never[i], topic) == 0) {
            return true;
        }
    }
    return false;
}

/* Makes the parts of an assignment and lets their queues flow into ours. */
static weir_status group_begin(weir_kafka_reader *src,
                               const rd_kafka_topic_partition_list_t *list,
                               weir_epoch *epochs, size_t *n)
{
    *n = 0;
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *entry = &list->elems[i];
        weir_kafka_part *part =
            weir_kafka_part_get(src, entry->topic, entry->partition);

        if (part == NULL) {
            return WEIR_ENOMEM;
        }
        if (part->is_assigned) {
            continue;
        }
        weir_kafka_part_begin(src, part, entry->offset, true);
        part->queue = rd_kafka_queue_get_partition(src->client->rk, entry->topic,
                                                   entry->partition);
        weir_kafka_part_forward(src, part, true);
        epochs[(*n)++] = weir_kafka_part_epoch(part);
    }
    return WEIR_OK;
}

static void group_assign(weir_kafka_reader *src, rd_kafka_t *rk,
                         rd_kafka_topic_partition_list_t *list)
{
    weir_err err;
    size_t n = 0;
    weir_epoch *epochs = calloc((size_t)list->cnt + 1, sizeof(*epochs));
    weir_status st =
        epochs == NULL ? weir_fail(&err, WEIR_ENOMEM, "out of memory") : WEIR_OK;

    if (st == WEIR_OK && !src->is_closing && !src->wants_new) {
        st = weir_kafka_start_resolve(src, list, weir_clock_us() + GROUP_RESOLVE_US,
                                      &err);
    } else if (st == WEIR_OK) {
        st = weir_fail(&err, WEIR_ECLOSED, "closing");
    }
    if (st == WEIR_OK) {
        st = group_begin(src, list, epochs, &n);
    }
    if (st == WEIR_OK && !weir_kafka_map_load(src, list) && src->settler != NULL) {
        /* To run again what is done would publish it twice. */
        st = weir_fail(
            &err, WEIR_EUNAVAIL,
            "the records before the group's positions could not be read back");
    }
    if (st == WEIR_OK) {
        st = weir_kafka_strikes_own(src, list, &err);
    }
    if (st != WEIR_OK) {
        /* Nothing is taken: a new instance asks again, or the worker ends. */
        rd_kafka_topic_partition_list_t *none = rd_kafka_topic_partition_list_new(0);

        group_answer(src, rk, true, none);
        rd_kafka_topic_partition_list_destroy(none);
        weir_kafka_group_lose(src);
        if (st == WEIR_ECONFIG) {
            src->is_refused = true;
            weir_kafka_source_trouble(src, WEIR_TROUBLE_NO_POSITION, err.text);
        } else if (!src->is_closing && !src->wants_new) {
            src->wants_new = true;
            weir_kafka_source_trouble(src,
                                      st == WEIR_EDENIED  ? WEIR_TROUBLE_DENIED
                                      : st == WEIR_ENOENT ? WEIR_TROUBLE_MISSING
                                                          : WEIR_TROUBLE_UNREACHABLE,
                                      err.text);
        }
        free(epochs);
        return;
    }
    group_answer(src, rk, true, list);
    weir_lock_take(&src->lock);
    src->is_joined = true;
    weir_lock_give(&src->lock);
    weir_log(WEIR_INFO, "kafka.assigned", "sub=%s partitions=%zu", src->setup->sub_name,
             n);
    weir_kafka_source_trouble(src, WEIR_TROUBLE_NONE, "joined");
    if (n > 0) {
        src->host->assigned(src->host->arg, epochs, n);
        weir_kafka_map_alarm(src);
        weir_kafka_watch_assigned(src);
    }
    free(epochs);
}

/* The assigned parts of a list (NULL: all of them). */
static size_t group_epochs(weir_kafka_reader *src,
                           const rd_kafka_topic_partition_list_t *list,
                           weir_epoch *epochs)
{
    size_t n = 0;

    for (size_t i = 0; list == NULL && i < src->n_parts; i++) {
        if (src->parts[i]->is_assigned) {
            epochs[n++] = weir_kafka_part_epoch(src->parts[i]);
        }
    }
    for (int i = 0; list != NULL && i < list->cnt; i++) {
        const weir_kafka_part *part =
            weir_kafka_part_find(src, list->elems[i].topic, list->elems[i].partition);

        if (part != NULL && part->is_assigned) {
            epochs[n++] = weir_kafka_part_epoch(part);
        }
    }
    return n;
}

static void group_end(weir_kafka_reader *src, const weir_epoch *epochs, size_t n,
                      weir_again why)
{
    for (size_t i = 0; i < n; i++) {
        weir_kafka_part_end(src, src->parts[epochs[i].part], why);
    }
}

void weir_kafka_group_lose(weir_kafka_reader *src)
{
    weir_epoch *epochs = calloc(src->n_parts + 1, sizeof(*epochs));

    if (epochs == NULL) {
        for (size_t i = 0; i < src->n_parts; i++) { /* one by one, then */
            if (src->parts[i]->is_assigned) {
                const weir_epoch e = weir_kafka_part_epoch(src->parts[i]);

                src->host->lost(src->host->arg, &e, 1);
                weir_kafka_part_end(src, src->parts[i], WEIR_AGAIN_RECONNECT);
            }
        }
        return;
    }
    const size_t n = group_epochs(src, NULL, epochs);

    if (n > 0) {
        src->host->lost(src->host->arg, epochs, n);
        group_end(src, epochs, n, WEIR_AGAIN_RECONNECT);
    }
    free(epochs);
}

static void group_revoke(weir_kafka_reader *src, rd_kafka_t *rk,
                         const rd_kafka_topic_partition_list_t *list)
{
    weir_epoch *epochs = calloc((size_t)list->cnt + 1, sizeof(*epochs));

    if (epochs == NULL) {
        weir_kafka_group_lose(src);
        group_answer(src, rk, false, list);
        return;
    }
    const size_t n = group_epochs(src, list, epochs);
    const bool is_lost = rd_kafka_assignment_lost(rk) != 0;

    weir_log(WEIR_INFO, "kafka.revoked", "sub=%s partitions=%zu lost=%s",
             src->setup->sub_name, n, is_lost ? "true" : "false");
    if (n > 0 && is_lost) {
        src->host->lost(src->host->arg, epochs, n);
    } else if (n > 0) {
        const int64_t handover_us = weir_clock_us() + src->setup->handover_us;
        const bool is_due = src->is_closing && src->close_us < handover_us;

        src->host->revoking(src->host->arg, epochs, n,
                            is_due ? src->close_us : handover_us);
        group_commit_now(src, list, weir_clock_us() + GROUP_REVOKE_COMMIT_US);
    }
    group_end(src, epochs, n, is_lost ? WEIR_AGAIN_RECONNECT : WEIR_AGAIN_REBALANCE);
    free(epochs);
    group_answer(src, rk, false, list);
}

void weir_kafka_group_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                                rd_kafka_topic_partition_list_t *list, void *opaque)
{
    weir_kafka_reader *src = opaque;

    weir_lock_take(&src->lock);
    src->n_rebalances++;
    weir_lock_give(&src->lock);
    if (src->client == NULL || src->client->rk != rk) {
        group_answer(src, rk, false, list); /* an old instance that is leaving */
        return;
    }
    for (int i = list->cnt; i-- > 0;) {
        if (group_is_never(src->setup, list->elems[i].topic)) {
            rd_kafka_topic_partition_list_del_by_idx(list, i);
        }
    }
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        group_assign(src, rk, list);
    } else {
        group_revoke(src, rk, list);
    }
}
