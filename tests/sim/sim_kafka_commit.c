/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_kafka_commit - commits on their way to the coordinator and back, in place of librdkafka's.
 *
 * A request is the world's: it arrives also when its sender has crashed meanwhile. Those of one
 * client arrive in the order of their sending. Under SIM_FAULT_COMMIT some never arrive, some are
 * refused for a moment, and of some the answer is lost.
 */
#include "tests/sim/sim_kafka.h"

#include "worker/base/check.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* A request on its way, the world's: it may arrive after its sender has gone. */
typedef struct api_commit {
    uint64_t client; /* its id */
    int member, gen;
    bool is_async, has_waiter, is_done;
    int64_t arrives_us;
    rd_kafka_resp_err_t code;
    int n;
    struct {
        int part;
        int64_t offset;
        char *text;
        rd_kafka_resp_err_t err;
    } entries[SIM_PARTS];
} api_commit;

rd_kafka_resp_err_t rd_kafka_offsets_store(rd_kafka_t *rk,
                                           rd_kafka_topic_partition_list_t *offsets)
{
    for (int i = 0; i < offsets->cnt; i++) {
        offsets->elems[i].err = (rk->assigned & 1u << offsets->elems[i].partition) != 0
                                    ? RD_KAFKA_RESP_ERR_NO_ERROR
                                    : RD_KAFKA_RESP_ERR__STATE;
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void commit_free(api_commit *commit)
{
    for (int i = 0; i < commit->n; i++) {
        sim_free(commit->entries[i].text);
    }
    sim_free(commit);
}

/* The answer to a commit that nobody waits for: told at the next poll. */
static void commit_answer(const api_commit *commit)
{
    rd_kafka_t *rk = sim_client_find(commit->client);
    sim_answer *answer;

    if (rk == NULL) {
        return;
    }
    sim_as(rk->proc);
    answer = calloc(1, sizeof(*answer));
    WEIR_ASSERT(answer != NULL);
    answer->code = commit->code;
    answer->list = rd_kafka_topic_partition_list_new(commit->n);
    for (int i = 0; i < commit->n; i++) {
        rd_kafka_topic_partition_t *entry = rd_kafka_topic_partition_list_add(
            answer->list, SIM_TOPIC, commit->entries[i].part);

        entry->offset = commit->entries[i].offset;
        entry->err = commit->entries[i].err;
        entry->metadata_size =
            commit->entries[i].text == NULL ? 0 : strlen(commit->entries[i].text);
    }
    sim_as(NULL);
    *rk->answers_end = answer;
    rk->answers_end = &answer->next;
    weir_signal_raise(&rk->src->signal, INT_MAX);
}

static void commit_apply(api_commit *commit)
{
    for (int i = 0; i < commit->n; i++) {
        commit->entries[i].err =
            sim_group_commit(commit->member, commit->gen, commit->entries[i].part,
                             commit->entries[i].offset, commit->entries[i].text);
        if (commit->entries[i].err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            commit->code = commit->entries[i].err;
        }
    }
}

static void *commit_main(void *arg)
{
    api_commit *commit = arg;
    const bool is_faulty = sim_has_fault(SIM_FAULT_COMMIT) && sim_once_in(2);
    const uint64_t kind = is_faulty ? 1 + sim_rand(4) : 0;
    const rd_kafka_t *rk = sim_client_find(commit->client);
    const bool is_cut = rk != NULL && rk->proc->cut_until_us > sim_now();

    sim_sleep_until(commit->arrives_us);
    if (is_cut || kind == 1) {
        commit->code = RD_KAFKA_RESP_ERR__TRANSPORT; /* never there */
    } else if (kind == 2) {
        commit->code = RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS;
    } else {
        commit_apply(commit);
    }
    if (kind == 3) {
        commit->code = RD_KAFKA_RESP_ERR__TRANSPORT; /* there, and nobody knows */
    }
    sim_sleep(kind == 4 ? 2000000 : sim_kafka_way_us());
    if (commit->is_async) {
        commit_answer(commit);
        commit_free(commit);
    } else if (commit->has_waiter && sim_client_find(commit->client) != NULL) {
        commit->is_done = true; /* the waiter frees it */
    } else {
        commit_free(commit);
    }
    return NULL;
}

static api_commit *
commit_send(rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *list, bool is_async)
{
    api_commit *commit = sim_alloc(sizeof(*commit));
    const int64_t at = sim_now() + sim_kafka_way_us();

    commit->client = rk->id;
    commit->member = rk->member;
    /* The answer to a join, which tells the generation, comes as soon as it has begun. */
    commit->gen = rk->state == SIM_JOINING ? sim_group_gen() : rk->gen;
    commit->is_async = is_async;
    commit->has_waiter = !is_async;
    /* One connection: requests arrive in order. */
    commit->arrives_us = at > rk->last_request_us ? at : rk->last_request_us + 1;
    rk->last_request_us = commit->arrives_us;
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *entry = &list->elems[i];

        WEIR_ASSERT(i < SIM_PARTS);
        commit->entries[i].part = entry->partition;
        commit->entries[i].offset = entry->offset;
        if (entry->metadata != NULL) {
            commit->entries[i].text = sim_alloc(entry->metadata_size + 1);
            memcpy(commit->entries[i].text, entry->metadata, entry->metadata_size);
        }
        commit->n++;
    }
    sim_co_detach(sim_co_start(NULL, "commit", commit_main, commit));
    return commit;
}

rd_kafka_resp_err_t rd_kafka_commit(rd_kafka_t *rk,
                                    const rd_kafka_topic_partition_list_t *offsets,
                                    int async)
{
    WEIR_ASSERT(async == 1);
    (void)commit_send(rk, offsets, true);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t weir_kafka_client_commit(weir_kafka_client *client,
                                             rd_kafka_topic_partition_list_t *list,
                                             int64_t until_us)
{
    api_commit *commit = commit_send(client->rk, list, false);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;

    while (!commit->is_done && sim_now() < until_us) {
        sim_sleep(200);
    }
    if (!commit->is_done) {
        commit->has_waiter = false;
        return code;
    }
    code = commit->code;
    for (int i = 0; i < commit->n; i++) {
        list->elems[i].err = commit->entries[i].err;
    }
    commit_free(commit);
    return code;
}
