/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_group - names, leases, and the group itself; see redis_group.h.
 *
 * What checks and then changes is a script, because only a script does both at once.
 */
#include "triggers/redis_group.h"

#include "triggers/redis_claim.h"
#include "worker/base/clock.h"
#include "worker/base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define GROUP_SLOTS 1000
#define GROUP_MAKE_US 1000000 /* between making a group and making it again */

/* KEYS: lease. ARGV: token, ttl in ms, a token that is known to be dead or "". */
static const char group_lease_script[] =
    "local v = redis.call('GET', KEYS[1]) "
    "if not v or v == ARGV[1] or v == ARGV[3] then "
    "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) return 1 end "
    "return v";

/* KEYS: lease. ARGV: token. */
static const char group_free_script[] =
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) "
    "end return 0";

/* KEYS: stream. ARGV: group, our consumer, least idle in ms, "1" for ours alone, "0" for all
 * others. Never one with pending entries: they would be gone without a trace. */
static const char group_drop_script[] =
    "local n = 0 "
    "for _, c in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do "
    "local f = {} for i = 1, #c, 2 do f[c[i]] = c[i + 1] end "
    "if (f.name == ARGV[2]) == (ARGV[4] == '1') and f.pending == 0 "
    "and f.idle >= tonumber(ARGV[3]) then "
    "redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], f.name) n = n + 1 end end "
    "return n";

/* -- names and leases --------------------------------------------------------------------- */

/* True if the value of a lease names a process of this machine that is no more. */
static bool group_is_dead(const weir_redis_src *src, weir_slice token)
{
    char path[64];
    unsigned long long started = 0;
    unsigned long long now_started = 0;
    int pid = 0;

    if (!weir_slice_starts(token, weir_slice_of(src->host)) ||
        sscanf(token.data + strlen(src->host), "%d/%llu/", &pid, &started) != 2 ||
        pid <= 0 || started == 0) {
        return false;
    }
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return errno == ENOENT;
    }
    int n =
        fscanf(file,
               "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d "
               "%*d %*d %*d %*d %*d %llu",
               &now_started);
    fclose(file);
    return n == 1 && now_started != started;
}

/* Gets or renews a lease; *is_ours. One whose owner is dead is taken. */
static weir_status group_lease(weir_redis_src *src, const char *name, int64_t ttl_us,
                               bool *is_ours, weir_err *err)
{
    weir_redis_reply *reply = NULL;
    char dead[160] = "";
    weir_status st;

    *is_ours = false;
    for (int i = 0; i < 2; i++) {
        st =
            weir_redis_callf(src->ctl, &reply, err, "EVAL %s 1 %s %s %d %s",
                             group_lease_script, name, src->token, ttl_us / 1000, dead);
        if (st != WEIR_OK || (st = weir_redis_refused(NULL, &reply, err)) != WEIR_OK) {
            return st;
        }
        weir_slice other = weir_redis_text(reply->root);
        *is_ours = other.data == NULL;
        bool is_dead =
            other.data != NULL && other.len < sizeof(dead) && group_is_dead(src, other);
        if (is_dead) {
            snprintf(dead, sizeof(dead), "%s", other.data);
        }
        weir_redis_reply_give(reply);
        if (!is_dead) {
            break;
        }
    }
    return WEIR_OK;
}

weir_status weir_redis_join(weir_redis_src *src, weir_err *err)
{
    const weir_source_setup *setup = src->setup;
    bool is_ours;
    weir_status st;

    if (src->consumer[0] != '\0') {
        st = group_lease(src, src->slot, src->slot_ttl_us, &is_ours, err);
        if (st == WEIR_OK && !is_ours) {
            st = weir_fail(err, WEIR_ECLOSED, "the name %s is another process's now",
                           src->consumer);
        }
        return st;
    }
    for (int i = 0; i < GROUP_SLOTS; i++) {
        snprintf(src->slot, sizeof(src->slot), "weir:%.120s:consumer:%.120s-%d",
                 setup->group, setup->instance, i);
        st = group_lease(src, src->slot, src->slot_ttl_us, &is_ours, err);
        if (st != WEIR_OK) {
            return st;
        }
        if (is_ours) {
            snprintf(src->consumer, sizeof(src->consumer), "%.240s-%d", setup->instance,
                     i);
            weir_log(WEIR_INFO, "redis.consumer", "sub=%s group=%s consumer=%s",
                     setup->sub_name, setup->group, src->consumer);
            return WEIR_OK;
        }
    }
    return weir_fail(err, WEIR_EFULL, "%d processes have the instance name %s already",
                     GROUP_SLOTS, setup->instance);
}

weir_status weir_redis_lease(weir_redis_src *src, bool *is_ours, weir_err *err)
{
    return group_lease(src, src->single, src->single_ttl_us, is_ours, err);
}

/* -- the group ---------------------------------------------------------------------------- */

/* Where a group begins that is made for the first time. */
static const char *group_start(const weir_source_setup *setup, char *id)
{
    switch (setup->start) {
    case WEIR_START_LATEST:
        return "$";
    case WEIR_START_TIME:
        weir_redis_id_format(
            weir_redis_id_before(
                (weir_pos){ setup->start_ms < 0 ? 0 : (uint64_t)setup->start_ms, 0 }),
            id);
        return id;
    default:
        return "0";
    }
}

/* Where a group goes on that was lost while we worked: behind all that is known to be done, or
 * from the start if that is not known or the stream is another one now. */
static weir_status group_resume(weir_redis_src *src, weir_redis_part *part, char *id,
                                weir_err *err)
{
    weir_redis_reply *reply = NULL;
    weir_pos last = { 0, 0 };

    snprintf(id, WEIR_REDIS_ID_MAX, "0");
    if (!part->has_sample) {
        return WEIR_OK;
    }
    weir_status st =
        weir_redis_callf(src->ctl, &reply, err, "XINFO STREAM %s", part->stream);
    if (st != WEIR_OK) {
        return st;
    }
    weir_slice text =
        weir_redis_text(weir_redis_member(reply->root, "last-generated-id"));
    if (weir_redis_id_parse(text, &last) && weir_pos_cmp(last, part->sample) >= 0) {
        weir_redis_id_format(part->sample, id);
    }
    weir_redis_reply_give(reply);
    return WEIR_OK;
}

/* WEIR_OK if the group is there. */
static weir_status group_exists(weir_redis_src *src, weir_redis_part *part,
                                weir_err *err)
{
    weir_redis_reply *reply = NULL;
    weir_status st = weir_redis_callf(src->ctl, &reply, err, "XPENDING %s %s",
                                      part->stream, src->setup->group);

    if (st == WEIR_OK && (st = weir_redis_refused(part, &reply, err)) == WEIR_OK) {
        weir_redis_reply_give(reply);
    }
    return st;
}

weir_status weir_redis_group(weir_redis_src *src, weir_redis_part *part, int64_t now,
                             weir_err *err)
{
    weir_redis_reply *reply = NULL;
    char id[WEIR_REDIS_ID_MAX];
    const char *start = id;
    weir_status st = group_exists(src, part, err);

    if (st == WEIR_OK) {
        part->is_checked = true;
    }
    if (st != WEIR_ENOENT) {
        return st;
    }
    if (!part->is_checked && src->setup->start == WEIR_START_COMMITTED) {
        return weir_fail(err, WEIR_ENOENT,
                         "stream %s has no group %s, and start is committed",
                         part->stream, src->setup->group);
    }
    if (part->is_checked && now - part->made_us < GROUP_MAKE_US) {
        return weir_fail(err, WEIR_EAGAIN, "stream %s: its group was made a moment ago",
                         part->stream);
    }
    part->made_us = now;
    if (!part->is_checked) {
        start = group_start(src->setup, id);
    } else if ((st = group_resume(src, part, id, err)) != WEIR_OK) {
        return st;
    }
    st = weir_redis_callf(src->ctl, &reply, err, "XGROUP CREATE %s %s %s MKSTREAM",
                          part->stream, src->setup->group, start);
    if (st != WEIR_OK) {
        return st;
    }
    if (!weir_redis_is_error(reply->root, "BUSYGROUP") &&
        (st = weir_redis_refused(part, &reply, err)) != WEIR_OK) {
        return st;
    }
    weir_redis_reply_give(reply);
    weir_log(part->is_checked ? WEIR_WARN : WEIR_INFO, "redis.group.made",
             "sub=%s stream=%s group=%s start=%s", src->setup->sub_name, part->stream,
             src->setup->group, start);
    part->is_checked = true;
    return WEIR_OK;
}

/* -- where the group is ------------------------------------------------------------------- */

/* The group's row of XINFO GROUPS, or NULL. */
static const weir_redis_val *group_row(const weir_redis_val *groups, const char *name)
{
    for (size_t i = 0; groups->type == WEIR_REDIS_ARRAY && i < groups->n; i++) {
        if (weir_slice_is(weir_redis_text(weir_redis_member(&groups->items[i], "name")),
                          name)) {
            return &groups->items[i];
        }
    }
    return NULL;
}

weir_status weir_redis_sample(weir_redis_src *src, weir_redis_part *part, weir_err *err)
{
    weir_redis_reply *groups = NULL;
    weir_redis_reply *pending = NULL;
    int64_t lag = -1;
    int64_t n_pending = 0;
    weir_pos last = { 0, 0 };
    weir_pos first = { 0, 0 };
    weir_status st;

    /* In this order: what was delivered by the first answer and is not pending in the second
     * is done. */
    st = weir_redis_callf(src->ctl, &groups, err, "XINFO GROUPS %s", part->stream);
    if (st != WEIR_OK || (st = weir_redis_refused(part, &groups, err)) != WEIR_OK) {
        return st;
    }
    st = weir_redis_callf(src->ctl, &pending, err, "XPENDING %s %s", part->stream,
                          src->setup->group);
    if (st != WEIR_OK || (st = weir_redis_refused(part, &pending, err)) != WEIR_OK) {
        goto out;
    }
    const weir_redis_val *row = group_row(groups->root, src->setup->group);
    if (row == NULL || !weir_redis_int(weir_redis_at(pending->root, 0), &n_pending) ||
        !weir_redis_id_parse(
            weir_redis_text(weir_redis_member(row, "last-delivered-id")), &last)) {
        goto out;
    }
    if (!weir_redis_int(weir_redis_member(row, "lag"), &lag)) {
        /* unknown: entries were deleted ahead of the group, or the server is old */
        lag = -1;
    }
    bool has_first =
        n_pending > 0 &&
        weir_redis_id_parse(weir_redis_text(weir_redis_at(pending->root, 1)), &first);
    part->sample = has_first ? weir_redis_id_before(first) : last;
    part->has_sample = n_pending == 0 || has_first;
    int64_t age_ms =
        has_first ? weir_clock_wall_ms() - (int64_t)first.hi : (lag == 0 ? 0 : -1);
    weir_lock_take(&src->lock);
    part->stat.lag = lag < 0 ? -1 : lag + n_pending;
    part->stat.committed = part->sample;
    part->stat.lag_us = age_ms < 0 ? -1 : age_ms * 1000;
    weir_lock_give(&src->lock);
out:
    weir_redis_reply_give(groups);
    weir_redis_reply_give(pending);
    return st;
}

weir_status weir_redis_tidy(weir_redis_src *src, weir_redis_part *part, weir_err *err)
{
    weir_redis_reply *reply = NULL;
    int64_t idle_ms = src->setup->claim_after_us / 1000 * 3;
    weir_status st =
        weir_redis_callf(src->ctl, &reply, err, "EVAL %s 1 %s %s %s %d 0",
                         group_drop_script, part->stream, src->setup->group,
                         src->consumer, idle_ms < 3000 ? INT64_C(3000) : idle_ms);

    if (st == WEIR_OK && (st = weir_redis_refused(part, &reply, err)) == WEIR_OK) {
        weir_redis_reply_give(reply);
    }
    return st;
}

/* The part's consumer goes, if nothing is pending for it. */
static weir_status group_leave_part(weir_redis_src *src, weir_redis_part *part,
                                    weir_err *err)
{
    weir_redis_reply *reply = NULL;
    weir_status st = weir_redis_return_pending(src, part, err);

    if (st == WEIR_OK) {
        st = weir_redis_callf(src->ctl, &reply, err, "EVAL %s 1 %s %s %s 0 1",
                              group_drop_script, part->stream, src->setup->group,
                              src->consumer);
        weir_redis_reply_give(reply);
    }
    return st;
}

void weir_redis_leave(weir_redis_src *src)
{
    weir_redis_reply *reply = NULL;
    weir_err err;

    for (size_t i = 0; i < src->n_parts && src->consumer[0] != '\0'; i++) {
        if (src->parts[i].is_checked) {
            group_leave_part(src, &src->parts[i], &err);
        }
    }
    if (src->consumer[0] != '\0' &&
        weir_redis_callf(src->ctl, &reply, &err, "EVAL %s 1 %s %s", group_free_script,
                         src->slot, src->token) == WEIR_OK) {
        weir_redis_reply_give(reply);
    }
    if (src->has_single &&
        weir_redis_callf(src->ctl, &reply, &err, "EVAL %s 1 %s %s", group_free_script,
                         src->single, src->token) == WEIR_OK) {
        weir_redis_reply_give(reply);
    }
}
