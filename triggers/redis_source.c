/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_source - the table of the source, opening and closing, what the engine calls but for
 * read() (redis_read.c); see redis_source.h and redis_state.h.
 */
#include "triggers/redis_state.h"

#include "triggers/redis_claim.h"
#include "worker/base/check.h"
#include "worker/base/clock.h"
#include "worker/base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define SOURCE_LEAVE_US 500000
#define SOURCE_WINDOW_MIN 64
#define SOURCE_WINDOW_UNKNOWN 1024 /* where the concurrency is not told */

/* -- open --------------------------------------------------------------------------------- */

/* Who we are: a process that is gone can be told from one on another machine or in another
 * container, so that its consumer's name is free at once after a crash and a restart. */
static void source_identify(weir_redis_src *src)
{
    char boot[64] = "unknown";
    struct stat space = { .st_ino = 0 };
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    unsigned long long started = 0;

    if (file != NULL) {
        if (fscanf(file, "%63s", boot) != 1) {
            snprintf(boot, sizeof(boot), "unknown");
        }
        fclose(file);
    }
    if (stat("/proc/self/ns/pid", &space) != 0) {
        space.st_ino = 0;
    }
    if ((file = fopen("/proc/self/stat", "re")) != NULL) {
        if (fscanf(
                file,
                "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d "
                "%*d %*d %*d %*d %*d %llu",
                &started) != 1) {
            started = 0;
        }
        fclose(file);
    }
    snprintf(src->host, sizeof(src->host), "%s/%" PRIu64 "/", boot,
             (uint64_t)space.st_ino);
    snprintf(src->token, sizeof(src->token), "%.110s%d/%llu/%p", src->host,
             (int)getpid(), started, (void *)src);
}

static weir_status source_part_init(weir_redis_src *src, size_t i, weir_err *err)
{
    const weir_source_setup *setup = src->setup;
    weir_redis_part *part = &src->parts[i];
    char name[200];
    int len = (int)strlen(setup->queue_name) + (int)strlen(setup->topics[i]) + 3;

    part->index = (uint32_t)i;
    part->stream = setup->topics[i];
    part->client_id = -1;
    snprintf(part->cursor, sizeof(part->cursor), "0-0");
    if ((part->where = malloc((size_t)len)) == NULL) {
        return weir_fail(err, WEIR_ENOMEM, "redis: out of memory");
    }
    snprintf(part->where, (size_t)len, "%s:%s@", setup->queue_name, part->stream);
    snprintf(name, sizeof(name), "weir/%.30s/%.30s/%.30s/read-%zu-%d", setup->service,
             setup->instance, setup->sub_name, i, (int)getpid());
    return weir_redis_conn_new(src->queue, name, src->abort_fd, &part->conn, err);
}

static void source_free(weir_redis_src *src)
{
    for (size_t i = 0; src->parts != NULL && i < src->n_parts; i++) {
        weir_redis_part *part = &src->parts[i];

        weir_redis_conn_free(part->conn);
        weir_lock_take(&src->lock);
        weir_redis_part_empty_locked(src, part);
        weir_lock_give(&src->lock);
        weir_redis_held_fini(&part->held);
        free(part->ring.items);
        free(part->acks.ids);
        free(part->backs.ids);
        free(part->sending.ids);
        free(part->where);
    }
    while (src->news != NULL) {
        weir_redis_news *news = src->news;

        src->news = news->next;
        free(news);
    }
    weir_redis_conn_free(src->ctl);
    weir_lock_take(&src->lock);
    free(src->parts);
    src->parts = NULL;
    weir_lock_give(&src->lock);
    free(src->fds);
    free(src->fd_parts);
    free(src->entries);
    const int fds[] = { src->wake_fd, src->link_fd, src->abort_fd };
    for (size_t i = 0; i < 3; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    /* The lock stays: a result that is confirmed late is acknowledged after the end. */
}

static void source_times(weir_redis_src *src)
{
    int64_t claim_us = src->setup->claim_after_us;

    src->slot_ttl_us =
        claim_us < 1000000 ? 1000000 : (claim_us > 30000000 ? 30000000 : claim_us);
    src->single_ttl_us =
        src->slot_ttl_us / 2 < 1000000 ? 1000000 : src->slot_ttl_us / 2;
    /* All that can run at once, and as much again to go on with. */
    src->window_min = src->setup->concurrency == 0
                          ? SOURCE_WINDOW_UNKNOWN
                          : (size_t)src->setup->concurrency * 2;
    src->window_min =
        src->window_min < SOURCE_WINDOW_MIN ? SOURCE_WINDOW_MIN : src->window_min;
    src->window = src->window_min;
    src->mean_bytes = 16384;
}

static weir_status source_open(void *self, const weir_source_setup *setup,
                               weir_err *err)
{
    weir_redis_src *src = self;
    char name[200];
    weir_status st;

    src->tag = WEIR_REDIS_SOURCE_TAG;
    src->setup = setup;
    src->queue = setup->queue;
    src->data_field =
        weir_slice_of(setup->data_field == NULL ? "data" : setup->data_field);
    src->key_field = weir_slice_of(setup->key_field == NULL ? "key" : setup->key_field);
    src->news_tail = &src->news;
    src->n_parts = setup->n_topics;
    weir_lock_init(&src->lock, WEIR_RANK_SOURCE);
    src->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    src->link_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    src->abort_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    src->parts = calloc(src->n_parts, sizeof(*src->parts));
    src->fds = calloc(src->n_parts + 1, sizeof(*src->fds));
    src->fd_parts = calloc(src->n_parts + 1, sizeof(*src->fd_parts));
    if (src->parts == NULL || src->fds == NULL || src->fd_parts == NULL ||
        src->wake_fd < 0 || src->link_fd < 0 || src->abort_fd < 0) {
        st = weir_fail(err, WEIR_ENOMEM, "redis: out of memory or file descriptors");
        goto out;
    }
    if ((st = weir_redis_conf_check(src->queue, err)) != WEIR_OK) {
        goto out;
    }
    source_times(src);
    source_identify(src);
    snprintf(src->single, sizeof(src->single), "weir:%s:%s:single", setup->group,
             setup->topics[0]);
    for (size_t i = 0; i < src->n_parts; i++) {
        if ((st = source_part_init(src, i, err)) != WEIR_OK) {
            goto out;
        }
    }
    snprintf(name, sizeof(name), "weir/%s/%s/%s/link", setup->service, setup->instance,
             setup->sub_name);
    if ((st = weir_redis_conn_new(src->queue, name, src->abort_fd, &src->ctl, err)) !=
        WEIR_OK) {
        goto out;
    }
    int rc = weir_thread_start(&src->link, "weir-redis", 0, weir_redis_link_main, src);
    if (rc != 0) {
        st = weir_fail(err, WEIR_EAGAIN, "redis: cannot start a thread: %s",
                       strerror(rc));
        goto out;
    }
    src->has_link = true;
out:
    if (st != WEIR_OK) {
        source_free(src);
    }
    return st;
}

/* -- what the engine calls --------------------------------------------------------------- */

static void source_wake(void *self)
{
    weir_redis_wake_intake(WEIR_CAST(weir_redis_src, self, WEIR_REDIS_SOURCE_TAG));
}

static void source_hold(void *self, uint32_t index, uint32_t epoch, bool is_held)
{
    weir_redis_src *src = WEIR_CAST(weir_redis_src, self, WEIR_REDIS_SOURCE_TAG);

    WEIR_ASSERT(index < src->n_parts);
    weir_lock_take(&src->lock);
    weir_redis_part *part = &src->parts[index];
    if (part->is_live && part->epoch == epoch) {
        part->is_held = is_held;
    }
    weir_lock_give(&src->lock);
    weir_redis_wake_intake(src);
}

/* Moves given entries into the link's hands. */
static void source_return(weir_redis_src *src, const weir_receipt *receipts, size_t n,
                          weir_redis_hold hold)
{
    size_t n_before;
    size_t n_after;

    weir_lock_take(&src->lock);
    if (src->parts == NULL) { /* closed: what comes now comes too late */
        weir_lock_give(&src->lock);
        return;
    }
    n_before = src->n_unsent;
    for (size_t i = 0; i < n; i++) {
        WEIR_ASSERT(receipts[i].part < src->n_parts);
        weir_redis_part *part = &src->parts[receipts[i].part];
        weir_pos pos = receipts[i].pos;

        if (!part->is_live || part->epoch != receipts[i].epoch ||
            weir_redis_held_get(&part->held, pos) != WEIR_REDIS_GIVEN) {
            continue;
        }
        if (!weir_redis_ids_add(hold == WEIR_REDIS_DONE ? &part->acks : &part->backs,
                                pos)) {
            continue; /* no memory: it stays pending and is handled again */
        }
        weir_redis_held_put(&part->held, pos, hold);
        part->n_done++;
        part->stat.n_unacked--;
        src->n_unconfirmed++;
        src->n_unsent++;
        src->n_finished += hold == WEIR_REDIS_DONE;
    }
    n_after = src->n_unsent;
    bool is_room_back = weir_redis_room_is_back_locked(src);
    weir_lock_give(&src->lock);
    if (is_room_back) {
        weir_redis_wake_intake(src);
    }
    if ((n_before == 0 && n_after > 0) ||
        (n_before < WEIR_REDIS_ACKS_NOW && n_after >= WEIR_REDIS_ACKS_NOW)) {
        weir_redis_wake_link(src);
    }
}

static void source_ack(void *self, const weir_receipt *receipts, size_t n)
{
    source_return(WEIR_CAST(weir_redis_src, self, WEIR_REDIS_SOURCE_TAG), receipts, n,
                  WEIR_REDIS_DONE);
}

static weir_status source_suspect(void *self, const weir_receipt *receipt, bool begins)
{
    return weir_redis_strikes_suspect(
        WEIR_CAST(weir_redis_src, self, WEIR_REDIS_SOURCE_TAG), receipt, begins);
}

static void source_struck(void *self)
{
    weir_redis_src *src = WEIR_CAST(weir_redis_src, self, WEIR_REDIS_SOURCE_TAG);

    atomic_store(&src->is_struck, true);
}

static void source_giveback(void *self, const weir_receipt *receipts, size_t n)
{
    source_return(WEIR_CAST(weir_redis_src, self, WEIR_REDIS_SOURCE_TAG), receipts, n,
                  WEIR_REDIS_BACK);
}

static weir_status source_flush(void *self, int64_t until_us)
{
    weir_redis_src *src = WEIR_CAST(weir_redis_src, self, WEIR_REDIS_SOURCE_TAG);

    weir_redis_wake_link(src);
    for (;;) {
        unsigned seen = weir_signal_read(&src->confirmed);

        weir_lock_take(&src->lock);
        size_t n = src->n_unconfirmed;
        weir_lock_give(&src->lock);
        if (n == 0) {
            return WEIR_OK;
        }
        if (!weir_signal_wait(&src->confirmed, seen, until_us)) {
            return WEIR_ETIMEOUT;
        }
    }
}

static size_t source_stat(void *self, weir_source_stat *out, weir_part_stat *parts,
                          size_t cap)
{
    weir_redis_src *src = WEIR_CAST(weir_redis_src, self, WEIR_REDIS_SOURCE_TAG);
    size_t n = 0;

    weir_lock_take(&src->lock);
    *out = src->stat;
    for (size_t i = 0; i < src->n_parts; i++) {
        weir_redis_part *part = &src->parts[i];

        if (!part->is_live) {
            continue;
        }
        if (n < cap) {
            parts[n] = part->stat;
            parts[n].part = part->index;
            parts[n].epoch = part->epoch;
            parts[n].topic = part->stream;
            parts[n].partition = -1;
        }
        n++;
    }
    weir_lock_give(&src->lock);
    return n;
}

static weir_status source_skip(void *self, const char *topic, int32_t partition,
                               weir_pos pos, weir_err *err)
{
    weir_redis_src *src = WEIR_CAST(weir_redis_src, self, WEIR_REDIS_SOURCE_TAG);

    for (size_t i = 0; i < src->n_parts && partition < 0; i++) {
        weir_redis_part *part = &src->parts[i];

        if (strcmp(part->stream, topic) != 0) {
            continue;
        }
        weir_lock_take(&src->lock);
        weir_receipt receipt = { .part = part->index,
                                 .epoch = part->epoch,
                                 .pos = pos };
        bool is_given =
            part->is_live && weir_redis_held_get(&part->held, pos) == WEIR_REDIS_GIVEN;
        weir_lock_give(&src->lock);
        if (is_given) {
            source_return(src, &receipt, 1, WEIR_REDIS_DONE);
            return WEIR_OK;
        }
    }
    return weir_fail(err, WEIR_ENOENT, "%s: that entry is not held here", topic);
}

/* -- close -------------------------------------------------------------------------------- */

static void source_revoke(weir_redis_src *src, int64_t until_us)
{
    const weir_source_host *host = src->setup->host;
    int64_t limit_us = weir_clock_us() + src->setup->handover_us;

    limit_us = limit_us < until_us ? limit_us : until_us;
    for (size_t i = 0; i < src->n_parts; i++) {
        weir_redis_part *part = &src->parts[i];

        weir_lock_take(&src->lock);
        weir_epoch e = { .part = part->index,
                         .epoch = part->epoch,
                         .topic = part->stream,
                         .partition = -1 };
        bool is_live = part->is_live;
        weir_lock_give(&src->lock);
        if (is_live) {
            host->revoking(host->arg, &e, 1, limit_us);
        }
    }
}

static bool source_close(void *self, int64_t until_us)
{
    weir_redis_src *src = WEIR_CAST(weir_redis_src, self, WEIR_REDIS_SOURCE_TAG);
    bool is_aborted = false;

    weir_redis_tell(src);
    source_revoke(src, until_us);
    /* Functions may have taken all the time there was; to leave in order takes a little. */
    const int64_t leave_us = weir_clock_us() + SOURCE_LEAVE_US;

    until_us = until_us > leave_us ? until_us : leave_us;
    if (src->release != NULL) {
        src->release(src->settler);
    }
    for (size_t i = 0; i < src->n_parts; i++) {
        if (weir_redis_part_is_ready(src, &src->parts[i])) {
            weir_redis_part_down(src, &src->parts[i]);
        }
    }
    atomic_store(&src->is_closing, true);
    weir_redis_wake_link(src);
    while (!atomic_load(&src->is_link_over)) {
        unsigned seen = weir_signal_read(&src->confirmed);

        if (atomic_load(&src->is_link_over) ||
            weir_signal_wait(&src->confirmed, seen, until_us)) {
            continue;
        }
        if (is_aborted) {
            return false; /* name resolution, most likely */
        }
        weir_redis_wake_fd(src->abort_fd);
        is_aborted = true;
        until_us = weir_clock_us() + 1000000;
    }
    pthread_join(src->link, NULL);
    source_free(src);
    return true;
}

const weir_source_ops weir_redis_source = {
    .name = "redis",
    .about = "Redis streams, read through a consumer group",
    .size = sizeof(weir_redis_src),
    .acks_each = true,
    .open = source_open,
    .read = weir_redis_read,
    .wake = source_wake,
    .hold = source_hold,
    .ack = source_ack,
    .giveback = source_giveback,
    .suspect = source_suspect,
    .struck = source_struck,
    .flush = source_flush,
    .stat = source_stat,
    .skip = source_skip,
    .close = source_close,
};
