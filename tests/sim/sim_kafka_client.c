/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_kafka_client - a client instance: its membership, its fetching, its commits.
 *
 * Defines what triggers/kafka_client.c, kafka_watch.c, kafka_start.c and kafka_probe.c promise,
 * so that those are not linked. Like librdkafka, a client has a thread that beats and joins, and
 * one that fetches; rebalances are told inside consumer_poll(), one at a time.
 */
#include "tests/sim/sim_kafka.h"

#include "triggers/kafka_probe.h"
#include "worker/base/check.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define CLIENT_BEAT_US 300000
#define CLIENT_POLL_US 12000000 /* longest between two polls (max.poll.interval) */
#define CLIENT_QUEUE 24         /* messages that are fetched ahead */
#define CLIENT_IDLE_US 40000
#define CLIENT_MOST 128

static struct {
    rd_kafka_t *live[CLIENT_MOST];
    int n;
    uint64_t n_ids;
} clients;

rd_kafka_t *sim_client_find(uint64_t id)
{
    for (int i = 0; i < clients.n; i++) {
        if (clients.live[i]->id == id) {
            return clients.live[i];
        }
    }
    return NULL;
}

static void client_forget(const rd_kafka_t *rk)
{
    int n = 0;

    for (int i = 0; i < clients.n; i++) {
        if (clients.live[i] != rk) {
            clients.live[n++] = clients.live[i];
        }
    }
    clients.n = n;
}

void sim_client_forget_all(const sim_proc *proc)
{
    int n = 0;

    for (int i = 0; i < clients.n; i++) {
        if (clients.live[i]->proc != proc) {
            clients.live[n++] = clients.live[i];
        }
    }
    clients.n = n;
}

static void client_raise(rd_kafka_t *rk)
{
    weir_signal_raise(&rk->src->signal, INT_MAX);
}

/* -- fetching --------------------------------------------------------------------------------- */

static void queue_put(rd_kafka_queue_t *queue, sim_message *msg)
{
    queue = queue->forward != NULL ? queue->forward : queue;
    msg->next = NULL;
    if (queue->last == NULL) {
        queue->head = msg;
    } else {
        queue->last->next = msg;
    }
    queue->last = msg;
    queue->n++;
}

void sim_queue_drop(rd_kafka_queue_t *queue, int part)
{
    sim_message *head = queue->head;

    queue->head = queue->last = NULL;
    queue->n = 0;
    while (head != NULL) {
        sim_message *next = head->next;

        if (part < 0 || head->msg.partition == part) {
            rd_kafka_message_destroy(&head->msg);
        } else {
            rd_kafka_queue_t *forward = queue->forward;

            queue->forward = NULL;
            queue_put(queue, head);
            queue->forward = forward;
        }
        head = next;
    }
}

void sim_fetch_stop(rd_kafka_t *rk, int part)
{
    rk->fetches[part].is_on = false;
    rk->fetches[part].version++;
    sim_queue_drop(&rk->fetches[part].queue, part);
    sim_queue_drop(&rk->events, part);
    rk->fetches[part].queue.forward = NULL;
}

void sim_fetch_set(rd_kafka_t *rk, int part, int64_t next)
{
    sim_fetch *fetch = &rk->fetches[part];

    fetch->version++;
    sim_queue_drop(&fetch->queue, part);
    sim_queue_drop(&rk->events, part);
    fetch->is_on = true;
    fetch->is_at_end = false;
    fetch->next = next;
    weir_signal_raise(&rk->signal, INT_MAX);
}

static size_t fetch_waiting(const rd_kafka_t *rk, int part)
{
    const rd_kafka_queue_t *queue = &rk->fetches[part].queue;

    return queue->forward != NULL ? rk->events.n : queue->n;
}

static void fetch_one(rd_kafka_t *rk, int part, const sim_event *ev, int64_t end)
{
    sim_message *msg = calloc(1, sizeof(*msg));

    WEIR_ASSERT(msg != NULL);
    msg->version = rk->fetches[part].version;
    msg->msg.partition = part;
    msg->msg.rkt = sim_topic_handle();
    if (ev == NULL) {
        msg->msg.err = RD_KAFKA_RESP_ERR__PARTITION_EOF;
        msg->msg.offset = end;
    } else {
        msg->msg.offset = ev->offset;
        msg->msg.payload = sim_event_data(ev, &msg->msg.len);
        msg->msg.key = sim_event_key(ev, &msg->msg.key_len);
        msg->msg._private = sim_event_at(ev->id);
    }
    queue_put(&rk->fetches[part].queue, msg);
}

/* Brings a few records of a partition. True: there may be more. */
static bool fetch_some(rd_kafka_t *rk, int part)
{
    sim_fetch *fetch = &rk->fetches[part];
    const int64_t end = sim_log_end(part);
    int n = 1 + (int)sim_rand(8);

    if (!fetch->is_on || rk->proc->cut_until_us > sim_now()) {
        return false;
    }
    for (; n > 0 && fetch->next < end && fetch_waiting(rk, part) < CLIENT_QUEUE; n--) {
        const sim_event *ev = NULL;

        while (fetch->next < end && (ev = sim_event_find(part, fetch->next)) == NULL) {
            fetch->next++;
        }
        if (ev != NULL) {
            fetch_one(rk, part, ev, 0);
            fetch->next++;
            fetch->is_at_end = false;
        }
    }
    if (fetch->next >= end && !fetch->is_at_end) {
        fetch->is_at_end = true;
        fetch_one(rk, part, NULL, end);
    }
    return fetch->next < end && fetch_waiting(rk, part) < CLIENT_QUEUE;
}

static void *client_fetcher(void *arg)
{
    rd_kafka_t *rk = arg;

    while (!rk->is_ended) {
        const unsigned seen = weir_signal_read(&rk->signal);
        bool is_more = false;

        for (int part = 0; part < sim_the_plan.n_parts; part++) {
            is_more = fetch_some(rk, part) || is_more;
        }
        client_raise(rk);
        weir_signal_wait(&rk->signal, is_more ? seen + 1 : seen, 0);
        sim_sleep(is_more ? 100 + (int64_t)sim_rand(1500)
                          : 5000 + (int64_t)sim_rand(CLIENT_IDLE_US));
    }
    rk->n_threads--;
    return NULL;
}

/* -- membership -------------------------------------------------------------------------------- */

/* All of it is lost: the application is told, then joins anew. */
static void client_lose(rd_kafka_t *rk)
{
    rk->member = -1;
    rk->state = SIM_UNJOINED;
    rk->to_assign = 0;
    rk->has_assign = false;
    if (rk->assigned != 0) {
        rk->to_revoke = rk->assigned;
        rk->is_lost = true;
        client_raise(rk);
    }
}

static void client_got(rd_kafka_t *rk, unsigned mask)
{
    rk->state = SIM_STEADY;
    if (rk->is_cooperative) {
        rk->to_revoke = rk->assigned & ~mask;
        rk->to_assign = mask & ~rk->assigned;
        rk->has_assign = rk->to_assign != 0 || rk->to_revoke == 0;
    } else {
        rk->to_assign = mask;
        rk->has_assign = true;
    }
    rk->is_lost = false;
    client_raise(rk);
}

static void client_steady(rd_kafka_t *rk)
{
    const sim_reply reply = sim_group_beat(rk->member, rk->gen);

    if (reply == SIM_REBALANCING) {
        rk->state = SIM_UNJOINED;
        if (!rk->is_cooperative && rk->assigned != 0) {
            rk->to_revoke = rk->assigned;
            rk->is_lost = false;
            client_raise(rk);
        }
    } else if (reply == SIM_UNKNOWN) {
        client_lose(rk);
    }
}

/* One look at the group. */
static void client_beat(rd_kafka_t *rk)
{
    bool has_callback;
    unsigned mask = 0;

    if (sim_now() - rk->polled_us > CLIENT_POLL_US && rk->member >= 0 &&
        !rk->is_in_callback) {
        sim_group_leave(rk->member);
        client_lose(rk);
        return;
    }
    if (rk->proc->cut_until_us > sim_now()) {
        if (rk->member >= 0 && !rk->is_in_callback &&
            sim_now() - rk->heard_us > sim_the_plan.session_us) {
            client_lose(rk);
        }
        return;
    }
    sim_sleep(sim_kafka_way_us());
    rk->heard_us = sim_now();
    if (rk->is_closing) {
        return;
    }
    has_callback = rk->is_in_callback || rk->to_revoke != 0 || rk->has_assign;
    if (rk->state == SIM_UNJOINED && !has_callback) {
        rk->member = sim_group_join(rk->member, rk->incarnation, rk->assigned,
                                    rk->is_cooperative);
        if (rk->member < 0) {
            client_lose(rk);
            return;
        }
        rk->state = SIM_JOINING;
    } else if (rk->state == SIM_UNJOINED && rk->member >= 0) {
        /* Between a rebalance and its end it is alive. */
        (void)sim_group_beat(rk->member, rk->gen);
    } else if (rk->state == SIM_JOINING) {
        const sim_reply reply = sim_group_sync(rk->member, &rk->gen, &mask);

        if (reply == SIM_OK) {
            client_got(rk, mask);
        } else if (reply == SIM_UNKNOWN) {
            client_lose(rk);
        } else if (reply == SIM_REBALANCING) {
            rk->state = SIM_UNJOINED;
        }
    } else if (rk->state == SIM_STEADY && !has_callback) {
        client_steady(rk);
    } else if (rk->state == SIM_STEADY) {
        (void)sim_group_beat(rk->member, rk->gen);
    }
}

static void *client_main(void *arg)
{
    rd_kafka_t *rk = arg;

    while (!rk->is_ended) {
        if (!rk->is_closing) {
            client_beat(rk);
        }
        sim_sleep(rk->state == SIM_JOINING || rk->state == SIM_UNJOINED
                      ? 20000
                      : CLIENT_BEAT_US);
    }
    rk->n_threads--;
    return NULL;
}

void sim_client_serve(rd_kafka_t *rk)
{
    rd_kafka_topic_partition_list_t *list;

    rk->polled_us = sim_now();
    if (rk->is_in_callback) {
        return;
    }
    if (rk->answers != NULL) {
        sim_answer *answer = rk->answers;

        rk->answers = answer->next;
        if (rk->answers == NULL) {
            rk->answers_end = &rk->answers;
        }
        weir_kafka_group_committed(rk, answer->code, answer->list, rk->src);
        rd_kafka_topic_partition_list_destroy(answer->list);
        free(answer);
    }
    if (rk->to_revoke != 0) {
        const bool was_lost = rk->is_lost;

        list = sim_list_of(rk->to_revoke);
        rk->is_in_callback = true;
        /* Some versions forget that it is lost when a rebalance is under way too. */
        rk->is_lost_told = was_lost && !(sim_the_plan.forgets_lost && sim_once_in(2));
        sim_trace("client.revoke", rk->to_revoke, was_lost, rk->is_lost_told);
        weir_kafka_group_rebalance(rk, RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS, list,
                                   rk->src);
        rk->to_revoke = 0;
        rk->is_in_callback = false;
        if (rk->is_cooperative && rk->state == SIM_STEADY) {
            rk->state = SIM_UNJOINED; /* it joins again without them */
        }
        rd_kafka_topic_partition_list_destroy(list);
    } else if (rk->has_assign) {
        list = sim_list_of(rk->to_assign);
        rk->is_in_callback = true;
        sim_trace("client.assign", rk->to_assign, rk->gen, 0);
        weir_kafka_group_rebalance(rk, RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS, list,
                                   rk->src);
        rk->to_assign = 0;
        rk->has_assign = false;
        rk->is_in_callback = false;
        rd_kafka_topic_partition_list_destroy(list);
    }
}

/* -- what kafka_client.c promises ------------------------------------------------------------------ */

weir_status weir_kafka_client_new(weir_kafka_reader *src, weir_kafka_client **out,
                                  weir_err *err)
{
    weir_kafka_client *client = calloc(1, sizeof(*client));
    rd_kafka_t *rk = calloc(1, sizeof(*rk));

    (void)err;
    WEIR_ASSERT(client != NULL && rk != NULL && clients.n < CLIENT_MOST);
    rk->src = src;
    rk->proc = sim_proc_here();
    rk->incarnation = rk->proc->incarnation;
    rk->id = ++clients.n_ids;
    rk->is_cooperative = src->setup->assignor == 1;
    rk->member = -1;
    rk->polled_us = rk->heard_us = sim_now();
    rk->answers_end = &rk->answers;
    rk->events.rk = rk->main.rk = rk;
    for (int i = 0; i < SIM_PARTS; i++) {
        rk->fetches[i].queue.rk = rk;
    }
    client->rk = rk;
    client->main = &rk->main;
    client->events = &rk->events;
    src->pace = (weir_kafka_pace){ .full_events = CLIENT_QUEUE, .full_bytes = 4096 };
    clients.live[clients.n++] = rk;
    *out = client;
    return WEIR_OK;
}

weir_status weir_kafka_client_subscribe(weir_kafka_reader *src, weir_err *err)
{
    rd_kafka_t *rk = src->client->rk;

    (void)err;
    if (rk->n_threads == 0) {
        rk->n_threads = 2;
        sim_co_detach(sim_co_start(rk->proc, "client", client_main, rk));
        sim_co_detach(sim_co_start(rk->proc, "fetcher", client_fetcher, rk));
    }
    return WEIR_OK;
}

bool weir_kafka_client_leave(weir_kafka_client *client, int64_t until_us)
{
    rd_kafka_t *rk = client->rk;

    (void)until_us;
    WEIR_ASSERT(!rk->is_closing);
    rk->is_closing = true;
    rk->has_assign = false;
    if (rk->assigned != 0 && rk->src->client == client) {
        rk->to_revoke = rk->assigned;
        sim_client_serve(rk);
    }
    for (int i = 0; i < SIM_PARTS; i++) {
        sim_fetch_stop(rk, i);
    }
    rk->assigned = 0;
    if (rk->member >= 0 && rk->proc->cut_until_us <= sim_now()) {
        sim_sleep(sim_kafka_way_us());
        sim_group_leave(rk->member);
    }
    return true;
}

bool weir_kafka_client_free(weir_kafka_client **client, int64_t until_us)
{
    rd_kafka_t *rk = (*client)->rk;

    (void)until_us;
    WEIR_ASSERT(atomic_load(&(*client)->n_live) == 0);
    rk->is_ended = true;
    client_forget(rk);
    while (rk->n_threads > 0) {
        sim_sleep(1000);
    }
    sim_queue_drop(&rk->events, -1);
    while (rk->answers != NULL) {
        sim_answer *answer = rk->answers;

        rk->answers = answer->next;
        rd_kafka_topic_partition_list_destroy(answer->list);
        free(answer);
    }
    free(rk);
    free(*client);
    *client = NULL;
    return true;
}

void weir_kafka_client_reap(weir_kafka_reader *src)
{
    for (weir_kafka_client **at = &src->old; *at != NULL;) {
        weir_kafka_client *old = *at;

        if (atomic_load(&old->n_live) > 0) {
            at = &old->next;
            continue;
        }
        *at = old->next;
        (void)weir_kafka_client_free(&old, 0);
    }
}
