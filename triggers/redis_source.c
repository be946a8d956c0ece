/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_source - the intake's side: reads under way, what is given out, what comes back; see
 * redis_source.h and redis_state.h.
 */
#include "triggers/redis_state.h"

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

#define SOURCE_BLOCK_MS 2000
#define SOURCE_ANSWER_US ((SOURCE_BLOCK_MS + 5000) * INT64_C(1000))
#define SOURCE_COUNT_MAX 512
#define SOURCE_READS 2
#define SOURCE_WINDOW_MIN 64
#define SOURCE_WINDOW_UNKNOWN 1024 /* where the concurrency is not told */
#define SOURCE_ACKS_NOW 256        /* that many wake the link at once */
#define SOURCE_DONE_MAX 100000 /* confirmations that may be owed before reading stops */

/* -- shared with the link ----------------------------------------------------------------- */

bool weir_redis_ids_add(weir_redis_ids *ids, weir_pos pos)
{
    if (ids->n == ids->cap) {
        size_t cap = ids->cap == 0 ? 64 : ids->cap * 2;
        weir_pos *grown = realloc(ids->ids, cap * sizeof(*grown));

        if (grown == NULL) {
            return false;
        }
        ids->ids = grown;
        ids->cap = cap;
    }
    ids->ids[ids->n++] = pos;
    return true;
}

static bool ring_push(weir_redis_ring *ring, const weir_redis_item *item)
{
    if (ring->n == ring->cap) {
        size_t cap = ring->cap == 0 ? 64 : ring->cap * 2;
        weir_redis_item *grown = malloc(cap * sizeof(*grown));

        if (grown == NULL) {
            return false;
        }
        for (size_t i = 0; i < ring->n; i++) {
            grown[i] = ring->items[(ring->head + i) & (ring->cap - 1)];
        }
        free(ring->items);
        *ring = (weir_redis_ring){ .items = grown, .n = ring->n, .cap = cap };
    }
    ring->items[(ring->head + ring->n) & (ring->cap - 1)] = *item;
    ring->n++;
    return true;
}

static bool ring_pop(weir_redis_ring *ring, weir_redis_item *item)
{
    if (ring->n == 0) {
        return false;
    }
    *item = ring->items[ring->head];
    ring->head = (ring->head + 1) & (ring->cap - 1);
    ring->n--;
    return true;
}

bool weir_redis_part_queue_locked(weir_redis_part *part, weir_redis_reply *reply,
                                  const weir_redis_entry *entry, uint32_t n_delivered)
{
    weir_redis_item item = { .reply = reply,
                             .entry = *entry,
                             .n_delivered = n_delivered };

    if (weir_redis_held_get(&part->held, entry->pos) != WEIR_REDIS_FREE ||
        !weir_redis_held_reserve(&part->held, 1) || !ring_push(&part->ring, &item)) {
        return false;
    }
    weir_redis_held_put(&part->held, entry->pos, WEIR_REDIS_QUEUED);
    weir_redis_reply_take(reply);
    return true;
}

size_t weir_redis_room_locked(const weir_redis_src *src, bool has_reads)
{
    size_t n_open = 0;
    size_t n_done = 0;

    for (size_t i = 0; i < src->n_parts; i++) {
        n_open += src->parts[i].held.n - src->parts[i].n_done +
                  (has_reads ? src->parts[i].n_asked : 0);
        n_done += src->parts[i].n_done;
    }
    if (n_done > SOURCE_DONE_MAX ||
        src->stat.client_bytes > src->setup->max_bytes / 2) {
        return 0;
    }
    return src->window > n_open ? src->window - n_open : 0;
}

static void source_news_locked(weir_redis_src *src, weir_redis_news *news)
{
    *src->news_tail = news;
    src->news_tail = &news->next;
}

void weir_redis_assign(weir_redis_src *src, weir_redis_part *part)
{
    weir_redis_news *news = calloc(1, sizeof(*news));

    if (news == NULL) {
        return; /* the link comes by again */
    }
    weir_lock_take(&src->lock);
    if (part->is_live) {
        weir_lock_give(&src->lock);
        free(news);
        return;
    }
    part->epoch++;
    part->is_live = true;
    part->is_held = false;
    src->stat.n_rebalances++;
    src->stat.is_joined = true;
    *news = (weir_redis_news){ .type = WEIR_REDIS_ASSIGNED,
                               .part = part,
                               .epoch = part->epoch };
    source_news_locked(src, news);
    weir_lock_give(&src->lock);
    weir_redis_wake_intake(src);
}

static void part_empty_locked(weir_redis_src *src, weir_redis_part *part)
{
    weir_redis_item item;

    while (ring_pop(&part->ring, &item)) {
        src->stat.client_bytes -= item.entry.bytes;
        src->stat.n_client--;
        weir_redis_reply_give(item.reply);
    }
    src->n_unconfirmed -= part->n_done;
    part->n_done = 0;
    part->stat.n_unacked = 0;
    part->acks.n = 0;
    part->backs.n = 0;
    weir_redis_held_clear(&part->held);
}

void weir_redis_lose(weir_redis_src *src)
{
    bool is_any = false;

    weir_lock_take(&src->lock);
    for (size_t i = 0; i < src->n_parts; i++) {
        weir_redis_part *part = &src->parts[i];
        weir_redis_news *news;

        if (!part->is_live) {
            continue;
        }
        is_any = true;
        part->is_live = false;
        part_empty_locked(src, part);
        if ((news = calloc(1, sizeof(*news))) != NULL) {
            *news = (weir_redis_news){ .type = WEIR_REDIS_LOST,
                                       .part = part,
                                       .epoch = part->epoch };
            source_news_locked(src, news);
        }
    }
    weir_lock_give(&src->lock);
    if (is_any) {
        weir_signal_raise(&src->confirmed, INT_MAX);
        weir_redis_wake_intake(src);
    }
}

void weir_redis_trouble(weir_redis_src *src, weir_redis_part *part, weir_trouble kind,
                        const char *text)
{
    weir_redis_news *news = NULL;

    weir_lock_take(&src->lock);
    weir_trouble *last = part == NULL ? &src->trouble : &part->trouble;
    if (*last != kind && (news = calloc(1, sizeof(*news))) != NULL) {
        *last = kind;
        *news =
            (weir_redis_news){ .type = WEIR_REDIS_TROUBLE, .part = part, .kind = kind };
        news->epoch = part == NULL ? 0 : part->epoch;
        snprintf(news->text, sizeof(news->text), "%.*s", (int)sizeof(news->text) - 1,
                 text);
        source_news_locked(src, news);
    }
    weir_lock_give(&src->lock);
    if (news != NULL) {
        weir_redis_wake_intake(src);
    }
}

static void source_wake_fd(int fd)
{
    uint64_t one = 1;

    while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR) {
    }
}

static void source_clear_fd(int fd)
{
    uint64_t n;

    while (read(fd, &n, sizeof(n)) < 0 && errno == EINTR) {
    }
}

void weir_redis_wake_intake(weir_redis_src *src)
{
    source_wake_fd(src->wake_fd);
}

void weir_redis_wake_link(weir_redis_src *src)
{
    source_wake_fd(src->link_fd);
}

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
        part_empty_locked(src, part);
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
    free(src->parts);
    free(src->fds);
    free(src->fd_parts);
    const int fds[] = { src->wake_fd, src->link_fd, src->abort_fd };
    for (size_t i = 0; i < 3; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    weir_lock_fini(&src->lock);
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

/* -- read --------------------------------------------------------------------------------- */

static void source_tell(weir_redis_src *src)
{
    const weir_source_host *host = src->setup->host;

    for (;;) {
        weir_lock_take(&src->lock);
        weir_redis_news *news = src->news;
        if (news != NULL && (src->news = news->next) == NULL) {
            src->news_tail = &src->news;
        }
        weir_lock_give(&src->lock);
        if (news == NULL) {
            return;
        }
        weir_epoch e = { .epoch = news->epoch, .partition = -1 };
        if (news->part != NULL) {
            e.part = news->part->index;
            e.topic = news->part->stream;
        }
        switch (news->type) {
        case WEIR_REDIS_ASSIGNED:
            host->assigned(host->arg, &e, 1);
            break;
        case WEIR_REDIS_LOST:
            host->lost(host->arg, &e, 1);
            break;
        case WEIR_REDIS_TROUBLE:
            host->trouble(host->arg, news->part == NULL ? NULL : &e, news->kind,
                          news->text);
            break;
        }
        free(news);
    }
}

static void item_free(void *native)
{
    weir_redis_reply_give(native);
}

/* The reply's use goes to the event. */
static void source_fill(weir_redis_src *src, weir_redis_part *part, uint32_t epoch,
                        const weir_redis_item *item, weir_event *ev)
{
    ev->native = item->reply;
    ev->native_free = item_free;
    ev->where = weir_slice_of(part->where);
    ev->topic = part->stream;
    ev->partition = -1;
    ev->receipt =
        (weir_receipt){ .part = part->index, .epoch = epoch, .pos = item->entry.pos };
    ev->n_delivered = item->n_delivered;
    ev->bytes = item->entry.bytes + item->entry.fields->n * 64 + 128;
    if (weir_redis_entry_fill(&item->entry, src->data_field, src->key_field,
                              src->setup->max_event, ev) != WEIR_OK) {
        weir_ev_fault(ev, WEIR_FAULT_DECODE,
                      "out of memory for the fields of the entry");
    }
}

/* Takes up to cap items of one part. */
static size_t source_give_part(weir_redis_src *src, weir_redis_part *part,
                               weir_event *const *evs, size_t cap)
{
    weir_redis_item items[64];
    size_t n_given = 0;

    while (n_given < cap) {
        size_t n = 0;
        size_t want = cap - n_given < 64 ? cap - n_given : 64;

        weir_lock_take(&src->lock);
        uint32_t epoch = part->epoch;
        while (n < want && part->is_live && !part->is_held &&
               ring_pop(&part->ring, &items[n])) {
            weir_redis_held_put(&part->held, items[n].entry.pos, WEIR_REDIS_GIVEN);
            src->stat.client_bytes -= items[n].entry.bytes;
            src->stat.n_client--;
            src->stat.n_redelivered += items[n].n_delivered > 1;
            part->stat.n_unacked++;
            n++;
        }
        weir_lock_give(&src->lock);
        for (size_t i = 0; i < n; i++) {
            source_fill(src, part, epoch, &items[i], evs[n_given + i]);
        }
        n_given += n;
        if (n < want) {
            break;
        }
    }
    return n_given;
}

static size_t source_give(weir_redis_src *src, weir_event *const *evs, size_t cap)
{
    size_t n = 0;

    for (size_t i = 0; i < src->n_parts && n < cap; i++) {
        size_t at = (src->next_part + i) % src->n_parts;

        n += source_give_part(src, &src->parts[at], evs + n, cap - n);
    }
    src->next_part = (src->next_part + 1) % src->n_parts;
    return n;
}

/* The connection of a part is of no use any more. */
static void source_part_down(weir_redis_src *src, weir_redis_part *part)
{
    weir_redis_conn_close(part->conn);
    part->n_reads = 0;
    weir_lock_take(&src->lock);
    part->state = WEIR_REDIS_DOWN;
    part->n_asked = 0;
    weir_lock_give(&src->lock);
    weir_redis_wake_link(src);
}

/* What came for a part is queued; [[stream, [entry, ...]]] or nil. */
static bool source_accept(weir_redis_src *src, weir_redis_part *part,
                          weir_redis_reply *reply)
{
    const weir_redis_val *entries = weir_redis_at(weir_redis_at(reply->root, 0), 1);
    size_t n_bytes = 0;
    size_t n = entries != NULL && entries->type == WEIR_REDIS_ARRAY ? entries->n : 0;
    bool is_ok = true;

    weir_lock_take(&src->lock);
    part->n_asked -= part->asked[0];
    for (size_t i = 0; i < n && part->is_live; i++) {
        weir_redis_entry entry;

        if (!weir_redis_entry_parse(entries->items[i], &entry) ||
            entry.fields == NULL) {
            is_ok = false;
        } else if (weir_redis_part_queue_locked(part, reply, &entry, 1)) {
            src->stat.n_client++;
            src->stat.client_bytes += entry.bytes;
            n_bytes += entry.bytes;
        }
    }
    weir_lock_give(&src->lock);
    if (n > 0) {
        src->mean_bytes = (src->mean_bytes * 7 + n_bytes / n) / 8 + 1;
    }
    part->asked[0] = part->asked[1];
    part->n_reads--;
    part->answer_until_us = weir_clock_us() + SOURCE_ANSWER_US;
    return is_ok;
}

static weir_trouble source_trouble_of(weir_status st)
{
    switch (st) {
    case WEIR_EDENIED:
        return WEIR_TROUBLE_DENIED;
    case WEIR_ENOENT:
    case WEIR_EINVAL:
        return WEIR_TROUBLE_MISSING;
    default:
        return WEIR_TROUBLE_UNREACHABLE;
    }
}

/* Takes what has arrived on one connection. */
static void source_receive(weir_redis_src *src, weir_redis_part *part)
{
    weir_err err = { .st = WEIR_OK };
    weir_status st = weir_redis_conn_pump(part->conn, &err);

    while (st == WEIR_OK) {
        weir_redis_reply *reply = NULL;

        if ((st = weir_redis_conn_next(part->conn, &reply, &err)) != WEIR_OK) {
            break;
        }
        if (reply->root->type == WEIR_REDIS_ERROR || part->n_reads == 0) {
            st = weir_fail(&err, weir_redis_error_status(reply->root), "stream %s: %s",
                           part->stream,
                           reply->root->type == WEIR_REDIS_ERROR
                               ? reply->root->text.data
                               : "an answer to no question");
            weir_redis_trouble(src, part, source_trouble_of(st), err.text);
        } else if (!source_accept(src, part, reply)) {
            st = weir_fail(&err, WEIR_EDATA, "stream %s: an entry of an unknown shape",
                           part->stream);
        }
        weir_redis_reply_give(reply);
    }
    if (st != WEIR_EAGAIN) {
        weir_log(WEIR_WARN, "redis.read", "sub=%s stream=%s text=%s",
                 src->setup->sub_name, part->stream, err.text);
        source_part_down(src, part);
    }
}

/* Keeps two reads under way on every part that may have them. */
static void source_ask(weir_redis_src *src, weir_redis_part *part, int64_t now)
{
    weir_slice args[] = {
        WEIR_SLICE_LIT("XREADGROUP"),
        WEIR_SLICE_LIT("GROUP"),
        weir_slice_of(src->setup->group),
        weir_slice_of(src->consumer),
        WEIR_SLICE_LIT("COUNT"),
        WEIR_SLICE_NONE,
        WEIR_SLICE_LIT("BLOCK"),
        WEIR_SLICE_LIT("2000"),
        WEIR_SLICE_LIT("STREAMS"),
        weir_slice_of(part->stream),
        WEIR_SLICE_LIT(">"),
    };

    while (part->n_reads < SOURCE_READS) {
        char number[24];
        size_t by_bytes = src->setup->max_bytes / 8 / src->mean_bytes;

        weir_lock_take(&src->lock);
        size_t room = weir_redis_room_locked(src, true) / (part->n_reads == 0 ? 2 : 1);
        size_t count = room / (src->n_parts > 1 ? 2 : 1);
        if (count == 0 && weir_redis_room_locked(src, true) > 0 && part->n_reads == 0) {
            count = 1;
        }
        count = count > SOURCE_COUNT_MAX ? SOURCE_COUNT_MAX : count;
        count = count > by_bytes ? (by_bytes == 0 ? 1 : by_bytes) : count;
        if (part->is_held || !part->is_live || room + count == 0) {
            count = 0;
        }
        part->n_asked += count;
        weir_lock_give(&src->lock);
        if (count == 0) {
            return;
        }
        int len = snprintf(number, sizeof(number), "%zu", count);
        args[5] = (weir_slice){ number, (size_t)len };
        if (weir_redis_conn_add(part->conn, args, sizeof(args) / sizeof(args[0])) !=
            WEIR_OK) {
            source_part_down(src, part);
            return;
        }
        if (part->n_reads == 0) {
            part->answer_until_us = now + SOURCE_ANSWER_US;
        }
        part->asked[part->n_reads++] = count;
    }
}

static bool source_is_ready(weir_redis_src *src, weir_redis_part *part)
{
    weir_lock_take(&src->lock);
    bool is_ready = part->state == WEIR_REDIS_READY;
    bool is_live = part->is_live;
    weir_lock_give(&src->lock);
    if (is_ready && !is_live) {
        source_part_down(src, part);
        return false;
    }
    return is_ready;
}

/* Sends reads, waits for answers or a wake until until_us, takes them. */
static void source_turn(weir_redis_src *src, bool may_ask, int64_t until_us)
{
    size_t n = 0;
    int64_t now = weir_clock_us();

    for (size_t i = 0; i < src->n_parts; i++) {
        weir_redis_part *part = &src->parts[i];

        if (!source_is_ready(src, part)) {
            continue;
        }
        if (may_ask) {
            source_ask(src, part, now);
        }
        if (weir_redis_conn_is_open(part->conn) &&
            weir_redis_conn_unsent(part->conn) > 0) {
            source_receive(src, part);
        }
        if (!weir_redis_conn_is_open(part->conn)) {
            continue;
        }
        if (part->n_reads > 0 && now > part->answer_until_us) {
            weir_redis_trouble(src, part, WEIR_TROUBLE_UNREACHABLE,
                               "no answer to a read in time");
            source_part_down(src, part);
            continue;
        }
        src->fds[n] = (struct pollfd){ .fd = weir_redis_conn_fd(part->conn),
                                       .events = weir_redis_conn_events(part->conn) };
        src->fd_parts[n++] = part;
    }
    src->fds[n] = (struct pollfd){ .fd = src->wake_fd, .events = POLLIN };
    int64_t left = until_us - now;
    int64_t ms = left <= 0 ? 0 : (left + 999) / 1000;
    if (poll(src->fds, n + 1, ms > 1000 ? 1000 : (int)ms) <= 0) {
        return;
    }
    if (src->fds[n].revents != 0) {
        source_clear_fd(src->wake_fd);
    }
    for (size_t i = 0; i < n; i++) {
        if (src->fds[i].revents != 0) {
            source_receive(src, src->fd_parts[i]);
        }
    }
}

static size_t source_read(void *self, weir_event *const *evs, size_t cap,
                          int64_t wait_us)
{
    weir_redis_src *src = WEIR_CAST(weir_redis_src, self, WEIR_REDIS_SOURCE_TAG);
    int64_t now = weir_clock_us();
    int64_t until_us = wait_us > WEIR_NEVER - now ? WEIR_NEVER : now + wait_us;
    bool is_first = true;

    weir_lock_take(&src->lock);
    src->wants_events = cap > 0;
    weir_lock_give(&src->lock);
    for (;; is_first = false) {
        if (src->setup->is_single && now >= atomic_load(&src->single_until_us)) {
            weir_redis_lose(src); /* nothing is live while we stand by */
        }
        source_tell(src);
        size_t n = source_give(src, evs, cap);
        /* With events in hand the next reads still go out, so that they run meanwhile. */
        source_turn(src, cap > 0, n > 0 ? 0 : until_us);
        if (n == 0) {
            source_tell(src);
            n = source_give(src, evs, cap);
        }
        now = weir_clock_us();
        if (n > 0 || now >= until_us || !is_first) {
            return n;
        }
    }
}

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
    n_before = src->n_unconfirmed;
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
        src->n_finished += hold == WEIR_REDIS_DONE;
    }
    n_after = src->n_unconfirmed;
    weir_lock_give(&src->lock);
    if ((n_before == 0 && n_after > 0) ||
        (n_before < SOURCE_ACKS_NOW && n_after >= SOURCE_ACKS_NOW)) {
        weir_redis_wake_link(src);
    }
}

static void source_ack(void *self, const weir_receipt *receipts, size_t n)
{
    source_return(WEIR_CAST(weir_redis_src, self, WEIR_REDIS_SOURCE_TAG), receipts, n,
                  WEIR_REDIS_DONE);
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

    source_tell(src);
    source_revoke(src, until_us);
    for (size_t i = 0; i < src->n_parts; i++) {
        if (source_is_ready(src, &src->parts[i])) {
            source_part_down(src, &src->parts[i]);
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
        source_wake_fd(src->abort_fd);
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
    .read = source_read,
    .wake = source_wake,
    .hold = source_hold,
    .ack = source_ack,
    .giveback = source_giveback,
    .flush = source_flush,
    .stat = source_stat,
    .skip = source_skip,
    .close = source_close,
};
