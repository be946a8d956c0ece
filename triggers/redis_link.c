/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_link - the Redis source's own thread: everything but reading.
 *
 * A round does what is due, in this order: connect, keep the consumer's name and the lease,
 * acknowledge, give back, bring parts up, heartbeats, entries of dead replicas, samples. A
 * connection that breaks in the middle ends the round; nothing is lost, because what is to be
 * sent stays listed until the server has confirmed it.
 */
#include "triggers/redis_claim.h"
#include "triggers/redis_group.h"

#include "worker/base/clock.h"
#include "worker/base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LINK_OPEN_US 5000000
#define LINK_BACKOFF_FIRST_US 100000
#define LINK_BACKOFF_MAX_US 5000000
#define LINK_ACK_WAIT_US 5000
#define LINK_SWEEP_MAX_US 5000000
#define LINK_BEAT_MAX_US 20000000
#define LINK_SECOND_US 1000000
#define LINK_TIDY_US 30000000

static int64_t link_backoff(int64_t *backoff_us)
{
    int64_t us = *backoff_us == 0 ? LINK_BACKOFF_FIRST_US : *backoff_us;

    *backoff_us = us * 2 > LINK_BACKOFF_MAX_US ? LINK_BACKOFF_MAX_US : us * 2;
    return us;
}

/* -- connection, name, lease -------------------------------------------------------------- */

static bool link_connect(weir_redis_src *src, int64_t now)
{
    weir_err err = { .st = WEIR_OK };

    if (weir_redis_conn_is_open(src->ctl)) {
        return true;
    }
    if (now < src->ctl_retry_us) {
        return false;
    }
    weir_status st = weir_redis_conn_open(src->ctl, now + LINK_OPEN_US, &err);
    if (st != WEIR_OK) {
        src->ctl_retry_us = weir_clock_us() + link_backoff(&src->ctl_backoff_us);
        weir_log(WEIR_WARN, "redis.connect", "sub=%s text=%s", src->setup->sub_name,
                 err.text);
        weir_redis_trouble(src, NULL, weir_redis_trouble_of(st), err.text);
        return false;
    }
    weir_log(WEIR_INFO, "redis.connected", "sub=%s server=%s", src->setup->sub_name,
             weir_redis_conn_where(src->ctl));
    src->ctl_backoff_us = 0;
    src->slot_due_us = 0;
    src->single_due_us = 0;
    src->beat_due_us = 0;
    src->has_no_autoclaim = false;
    weir_redis_trouble(src, NULL, WEIR_TROUBLE_NONE, "");
    return true;
}

static bool link_all_down(weir_redis_src *src)
{
    bool is_down = true;

    weir_lock_take(&src->lock);
    for (size_t i = 0; i < src->n_parts; i++) {
        is_down = is_down && src->parts[i].state == WEIR_REDIS_DOWN;
    }
    weir_lock_give(&src->lock);
    return is_down;
}

/* Everything begins anew: another name, or the lease after somebody else. */
static void link_lose(weir_redis_src *src)
{
    weir_redis_lose(src);
    for (size_t i = 0; i < src->n_parts; i++) {
        src->parts[i].sending.n = 0;
        src->parts[i].is_taken_over = false;
        src->parts[i].backlog = (weir_pos){ 0, 0 };
    }
}

static bool link_join(weir_redis_src *src, int64_t now)
{
    weir_err err = { .st = WEIR_OK };

    if (src->consumer[0] != '\0' && now < src->slot_due_us) {
        return true;
    }
    /* The intake may still read under the old name. */
    if (src->consumer[0] == '\0' && !link_all_down(src)) {
        return false;
    }
    weir_status st = weir_redis_join(src, &err);
    if (st == WEIR_ECLOSED && weir_redis_conn_is_open(src->ctl)) {
        weir_redis_failed(src, NULL, "name", &err);
        link_lose(src);
        src->consumer[0] = '\0';
        return false;
    }
    if (st != WEIR_OK) {
        weir_redis_failed(src, NULL, "name", &err);
        src->slot_due_us = now + LINK_SECOND_US;
        if (weir_redis_conn_is_open(src->ctl)) {
            weir_redis_trouble(src, NULL, weir_redis_trouble_of(st), err.text);
            weir_redis_conn_close(src->ctl);
            src->ctl_retry_us = now + link_backoff(&src->ctl_backoff_us);
        }
        return false;
    }
    src->slot_due_us = now + src->slot_ttl_us / 3;
    return true;
}

/* Under `single`: true while the lease is ours. */
static bool link_lease(weir_redis_src *src, int64_t now)
{
    weir_err err = { .st = WEIR_OK };
    bool is_ours = false;

    if (!src->setup->is_single) {
        return true;
    }
    if (src->has_single && now >= atomic_load(&src->single_until_us)) {
        src->has_single = false;
        link_lose(src);
    }
    if (now < src->single_due_us) {
        return src->has_single;
    }
    src->single_due_us = now + src->single_ttl_us / 4;
    /* The server's time runs from when it got the command, ours from before that. */
    int64_t asked_us = weir_clock_us();
    weir_status st = weir_redis_lease(src, &is_ours, &err);
    if (st != WEIR_OK) {
        weir_redis_failed(src, NULL, "lease", &err);
        return src->has_single && weir_redis_conn_is_open(src->ctl);
    }
    if (is_ours) {
        atomic_store(&src->single_until_us, asked_us + src->single_ttl_us * 9 / 10);
        src->has_single = true;
    } else if (src->has_single) {
        src->has_single = false;
        link_lose(src);
    }
    weir_lock_take(&src->lock);
    src->stat.is_standby = !src->has_single;
    weir_lock_give(&src->lock);
    return src->has_single;
}

/* -- parts -------------------------------------------------------------------------------- */

static void link_part_failed(weir_redis_src *src, weir_redis_part *part,
                             const char *what, const weir_err *err, int64_t now)
{
    part->retry_us = now + link_backoff(&part->backoff_us);
    if (err->st == WEIR_ENOENT && !part->is_checked &&
        src->setup->start == WEIR_START_COMMITTED) {
        weir_redis_trouble(src, part, WEIR_TROUBLE_NO_POSITION, err->text);
        return;
    }
    weir_redis_failed(src, part, what, err);
}

/* Our last reading connection may live on at the server, if the network forgot to tell it,
 * and take entries that nobody sees. Its number alone is not enough to know it by: a server that
 * was restarted counts from 1 again. */
static void link_kill_reader(weir_redis_src *src, weir_redis_part *part)
{
    weir_redis_reply *reply = NULL;
    char want[160];
    weir_err err;

    if (part->client_id < 0 ||
        weir_redis_callf(src->ctl, &reply, &err, "CLIENT LIST ID %d",
                         part->client_id) != WEIR_OK) {
        return;
    }
    (void)snprintf(want, sizeof(want), " name=%s ", weir_redis_conn_name(part->conn));
    weir_slice line = weir_redis_text(reply->root);
    bool is_ours = line.data != NULL && strstr(line.data, want) != NULL;
    weir_redis_reply_give(reply);
    if (is_ours && weir_redis_callf(src->ctl, &reply, &err, "CLIENT KILL ID %d",
                                    part->client_id) == WEIR_OK) {
        weir_redis_reply_give(reply);
    }
    part->client_id = -1;
}

/* Brings a part up: its group, what is pending and not here, then its connection. */
static void link_part_up(weir_redis_src *src, weir_redis_part *part, int64_t now)
{
    weir_err err = { .st = WEIR_OK };
    bool is_over = false;

    link_kill_reader(src, part);
    if (weir_redis_group(src, part, now, &err) != WEIR_OK) {
        link_part_failed(src, part, "group", &err, now);
        return;
    }
    weir_redis_assign(src, part);
    while (!is_over) {
        weir_pos before = part->backlog;

        if (weir_redis_backlog(src, part, &is_over, &err) != WEIR_OK) {
            link_part_failed(src, part, "backlog", &err, now);
            return;
        }
        if (!is_over && weir_pos_cmp(before, part->backlog) == 0) {
            part->retry_us = now + LINK_ACK_WAIT_US * 2; /* no room now */
            return;
        }
    }
    if (weir_redis_conn_open(part->conn, now + LINK_OPEN_US, &err) != WEIR_OK) {
        link_part_failed(src, part, "connect", &err, now);
        weir_redis_trouble(src, part, weir_redis_trouble_of(err.st), err.text);
        return;
    }
    part->client_id = weir_redis_conn_id(part->conn);
    part->backoff_us = 0;
    part->n_reads = 0;
    part->retry_us = now + LINK_BACKOFF_FIRST_US;
    weir_redis_trouble(src, part, WEIR_TROUBLE_NONE, "");
    weir_lock_take(&src->lock);
    part->state = WEIR_REDIS_READY;
    weir_lock_give(&src->lock);
    weir_redis_wake_intake(src);
}

static void link_parts(weir_redis_src *src, int64_t now)
{
    bool is_joined = false;

    for (size_t i = 0; i < src->n_parts && weir_redis_conn_is_open(src->ctl); i++) {
        weir_redis_part *part = &src->parts[i];

        weir_lock_take(&src->lock);
        bool is_down = part->state == WEIR_REDIS_DOWN;
        weir_lock_give(&src->lock);
        if (is_down && now >= part->retry_us) {
            link_part_up(src, part, now);
        }
        is_joined = is_joined || part->is_checked;
    }
    weir_lock_take(&src->lock);
    src->stat.is_joined = is_joined && weir_redis_conn_is_open(src->ctl);
    weir_lock_give(&src->lock);
}

typedef weir_status link_step(weir_redis_src *src, weir_redis_part *part,
                              weir_err *err);

/* Does one thing for every part that is assigned. */
static void link_each(weir_redis_src *src, const char *what, link_step *step)
{
    for (size_t i = 0; i < src->n_parts && weir_redis_conn_is_open(src->ctl); i++) {
        weir_redis_part *part = &src->parts[i];
        weir_err err = { .st = WEIR_OK };

        weir_lock_take(&src->lock);
        bool is_live = part->is_live;
        weir_lock_give(&src->lock);
        if (is_live && step(src, part, &err) != WEIR_OK) {
            weir_redis_failed(src, NULL, what, &err);
        }
    }
}

static weir_status link_sweep(weir_redis_src *src, weir_redis_part *part, weir_err *err)
{
    bool is_over = true;
    weir_status st = WEIR_OK;

    weir_lock_take(&src->lock);
    bool is_ready = part->state == WEIR_REDIS_READY;
    weir_lock_give(&src->lock);
    if (is_ready) {
        st = weir_redis_sweep(src, part, &is_over, err);
    }

    if (st == WEIR_OK && !is_over) {
        /* goes on at the next round, if there is room by then */
        src->sweep_due_us = 0;
    }
    return st;
}

static int64_t link_min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void link_timers(weir_redis_src *src, int64_t now)
{
    int64_t claim_us = src->setup->claim_after_us;

    if (now >= src->beat_due_us) {
        link_each(src, "heartbeat", weir_redis_beat);
        src->beat_due_us = now + link_min(claim_us / 4, LINK_BEAT_MAX_US);
    }
    if (now >= src->sweep_due_us) {
        src->sweep_due_us = now + link_min(claim_us / 4, LINK_SWEEP_MAX_US);
        link_each(src, "claim", link_sweep);
        if (src->sweep_due_us == 0) {
            src->sweep_due_us = now + LINK_ACK_WAIT_US;
        }
    }
    if (now >= src->sample_due_us) {
        link_each(src, "sample", weir_redis_sample);
        src->sample_due_us = now + LINK_SECOND_US;
    }
    if (now >= src->tidy_due_us) {
        link_each(src, "tidy", weir_redis_tidy);
        src->tidy_due_us = now + link_min(claim_us, LINK_TIDY_US);
    }
}

/* One round; returns when the next is due. */
static int64_t link_round(weir_redis_src *src)
{
    int64_t now = weir_clock_us();

    weir_redis_measure(src, now);
    if (!link_connect(src, now)) {
        weir_lock_take(&src->lock);
        src->stat.is_joined = false;
        weir_lock_give(&src->lock);
        if (src->has_single && now >= atomic_load(&src->single_until_us)) {
            src->has_single = false;
            link_lose(src);
        }
        return link_min(src->ctl_retry_us, now + WEIR_REDIS_RATE_US);
    }
    now = weir_clock_us();
    bool is_in = link_join(src, now);
    if (is_in && weir_redis_ack_is_due(src, now)) {
        weir_redis_ack(src);
        weir_redis_give_back(src);
    }
    if (is_in) {
        weir_redis_strikes_tend(src);
    }
    const bool is_on = is_in && link_lease(src, now);
    if (is_on) {
        link_parts(src, now);
        link_timers(src, now);
    } else if (is_in) {
        weir_lock_take(&src->lock);
        src->stat.is_joined = weir_redis_conn_is_open(src->ctl); /* standing by */
        weir_lock_give(&src->lock);
    }
    int64_t due_us = now + WEIR_REDIS_RATE_US;
    if (!is_in) {
        due_us = now + LINK_ACK_WAIT_US;
    } else if (src->setup->is_single) {
        due_us = link_min(due_us, src->single_due_us);
    }
    if (src->ack_due_us > 0) {
        due_us = link_min(due_us, src->ack_due_us);
    }
    if (is_on) { /* else they are long past, and nobody sets them */
        due_us = link_min(due_us, src->beat_due_us);
        due_us = link_min(due_us, src->sweep_due_us);
    }
    for (size_t i = 0; i < src->n_parts; i++) {
        weir_lock_take(&src->lock);
        bool is_down = src->parts[i].state == WEIR_REDIS_DOWN;
        weir_lock_give(&src->lock);
        if (is_down && src->parts[i].retry_us > now) {
            due_us = link_min(due_us, src->parts[i].retry_us);
        }
    }
    return due_us;
}

static void link_wait(weir_redis_src *src, int64_t due_us)
{
    struct pollfd fd = { .fd = src->link_fd, .events = POLLIN };
    int64_t left = due_us - weir_clock_us();
    uint64_t n;

    if (left > 0 && poll(&fd, 1, (int)((left + 999) / 1000)) > 0) {
        while (read(src->link_fd, &n, sizeof(n)) < 0 && errno == EINTR) {
        }
    }
}

/* What was read and not given out goes back to the group. */
static void link_return_queued(weir_redis_src *src)
{
    weir_lock_take(&src->lock);
    for (size_t i = 0; i < src->n_parts; i++) {
        weir_redis_part *part = &src->parts[i];
        weir_redis_ring *ring = &part->ring;

        for (size_t k = 0; k < ring->n; k++) {
            weir_pos pos = ring->items[(ring->head + k) & (ring->cap - 1)].entry.pos;

            if (weir_redis_ids_add(&part->backs, pos)) {
                weir_redis_held_put(&part->held, pos, WEIR_REDIS_BACK);
                part->n_done++;
                src->n_unconfirmed++;
                src->n_unsent++;
            }
        }
    }
    weir_lock_give(&src->lock);
}

void *weir_redis_link_main(void *arg)
{
    weir_redis_src *src = arg;
    weir_err err;

    while (!atomic_load(&src->is_closing)) {
        int64_t due_us = link_round(src);

        if (!atomic_load(&src->is_closing)) {
            link_wait(src, due_us);
        }
    }
    if (src->consumer[0] != '\0' &&
        (weir_redis_conn_is_open(src->ctl) ||
         weir_redis_conn_open(src->ctl, weir_clock_us() + LINK_OPEN_US, &err) ==
             WEIR_OK)) {
        link_return_queued(src);
        weir_redis_ack(src);
        weir_redis_give_back(src);
        weir_redis_leave(src);
    }
    weir_redis_conn_close(src->ctl);
    atomic_store(&src->is_link_over, true);
    weir_signal_raise(&src->confirmed, INT_MAX);
    return NULL;
}
