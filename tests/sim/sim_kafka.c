/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* sim_kafka - the group's coordinator; see sim_kafka.h. */
#include "tests/sim/sim_kafka.h"

#include "worker/base/check.h"

#include <stdio.h>
#include <string.h>

#define GROUP_MEMBERS 512
#define GROUP_ROUND_US 4000000 /* a round waits so long for its members */
#define GROUP_TICK_US 50000

typedef struct group_member {
    bool is_on, has_joined;
    int incarnation;
    int64_t heard_us;
    unsigned owned, mask;
} group_member;

typedef struct group_position {
    int64_t offset;
    int incarnation; /* of the process that wrote it */
    char text[WEIR_ACK_MAP_MAX_BYTES + 1];
} group_position;

static struct {
    int gen;
    bool is_round; /* members join */
    bool is_cooperative;
    int64_t round_until_us;
    group_member members[GROUP_MEMBERS];
    int n_members; /* ids given out */
    group_position positions[SIM_PARTS];
} group;

int64_t sim_kafka_way_us(void)
{
    return 50 + (int64_t)sim_rand(sim_once_in(20) ? 20000 : 600);
}

static void group_begin_round(void)
{
    if (group.is_round) {
        return;
    }
    group.is_round = true;
    group.round_until_us = sim_now() + GROUP_ROUND_US;
    for (int i = 0; i < group.n_members; i++) {
        group.members[i].has_joined = false;
    }
    sim_trace("group.round", group.gen, 0, 0);
}

/* The member with the fewest partitions. */
static int group_poorest(void)
{
    int best = -1;

    for (int i = 0; i < group.n_members; i++) {
        if (group.members[i].is_on &&
            (best < 0 || __builtin_popcount(group.members[i].mask) <
                             __builtin_popcount(group.members[best].mask))) {
            best = i;
        }
    }
    return best;
}

/* Every partition to a member; one that is to move in a cooperative group goes to nobody until
 * its owner has let go of it. */
static void group_deal(void)
{
    int n = 0;

    for (int i = 0; i < group.n_members; i++) {
        group.members[i].mask = 0;
        n += group.members[i].is_on;
    }
    if (n == 0) {
        return;
    }
    const int most = (sim_the_plan.n_parts + n - 1) / n;

    for (int part = 0; part < sim_the_plan.n_parts; part++) {
        int owner = -1;

        for (int i = 0; i < group.n_members && group.is_cooperative; i++) {
            if (group.members[i].is_on && (group.members[i].owned & 1u << part) != 0) {
                owner = i;
            }
        }
        if (owner >= 0 && __builtin_popcount(group.members[owner].mask) < most) {
            group.members[owner].mask |= 1u << part;
        } else if (owner < 0) {
            group.members[group_poorest()].mask |= 1u << part;
        } /* else its owner has more than its share: it goes there in the next round */
    }
}

static void group_end_round(void)
{
    for (int i = 0; i < group.n_members; i++) {
        if (group.members[i].is_on && !group.members[i].has_joined) {
            group.members[i].is_on = false;
            sim_trace("group.expelled", i, 0, 0);
        }
        group.members[i].heard_us = sim_now();
    }
    group.is_round = false;
    group.gen++;
    group_deal();
    sim_trace("group.generation", group.gen, 0, 0);
    for (int i = 0; i < group.n_members; i++) {
        if (group.members[i].is_on) {
            sim_trace("group.member", i, group.members[i].incarnation,
                      group.members[i].mask);
        }
    }
}

static bool group_has_all(void)
{
    bool has_one = false;

    for (int i = 0; i < group.n_members; i++) {
        if (group.members[i].is_on && !group.members[i].has_joined) {
            return false;
        }
        has_one = has_one || group.members[i].is_on;
    }
    return has_one;
}

static bool group_is_member(int member)
{
    return member >= 0 && member < group.n_members && group.members[member].is_on;
}

int sim_group_join(int member, int incarnation, unsigned owned, bool is_cooperative)
{
    if (member >= 0 && !group_is_member(member)) {
        return -1;
    }
    if (member < 0) {
        WEIR_ASSERT(group.n_members < GROUP_MEMBERS);
        member = group.n_members++;
        group.members[member] =
            (group_member){ .is_on = true, .incarnation = incarnation };
    }
    group.is_cooperative = is_cooperative;
    group_begin_round();
    group.members[member].heard_us = sim_now();
    group.members[member].has_joined = true;
    group.members[member].owned = owned;
    sim_trace("group.join", member, incarnation, owned);
    return member;
}

sim_reply sim_group_sync(int member, int *gen, unsigned *mask)
{
    if (!group_is_member(member)) {
        return SIM_UNKNOWN;
    }
    group.members[member].heard_us = sim_now();
    if (group.is_round) {
        return group.members[member].has_joined ? SIM_WAITING : SIM_REBALANCING;
    }
    *gen = group.gen;
    *mask = group.members[member].mask;
    return SIM_OK;
}

int sim_group_gen(void)
{
    return group.gen;
}

sim_reply sim_group_beat(int member, int gen)
{
    if (!group_is_member(member)) {
        return SIM_UNKNOWN;
    }
    if (gen != group.gen) {
        return SIM_UNKNOWN;
    }
    group.members[member].heard_us = sim_now();
    return group.is_round ? SIM_REBALANCING : SIM_OK;
}

void sim_group_leave(int member)
{
    if (group_is_member(member)) {
        group.members[member].is_on = false;
        sim_trace("group.leave", member, 0, 0);
        group_begin_round();
    }
}

void sim_kafka_kick(void)
{
    group_begin_round();
}

rd_kafka_resp_err_t sim_group_commit(int member, int gen, int part, int64_t offset,
                                     const char *text)
{
    group_position *at = &group.positions[part];

    if (!group_is_member(member)) {
        return RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID;
    }
    if (gen != group.gen) {
        return RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION;
    }
    if (text != NULL && strlen(text) > sim_the_plan.map_bytes) {
        return RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE;
    }
    sim_trace("group.commit", part, offset, text == NULL ? 0 : (int64_t)strlen(text));
    sim_check_commit(part, at->offset, offset,
                     offset != at->offset ||
                         strcmp(at->text, text == NULL ? "" : text) != 0);
    at->offset = offset;
    at->incarnation = group.members[member].incarnation;
    (void)snprintf(at->text, sizeof(at->text), "%s", text == NULL ? "" : text);
    sim_check_map(part, offset, at->text);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

int64_t sim_group_position(int part, const char **text)
{
    *text = group.positions[part].text;
    return group.positions[part].offset;
}

int sim_kafka_strikes(int part, int64_t offset, int incarnation)
{
    const group_position *at = &group.positions[part];
    static uint32_t runs[WEIR_ACK_MAP_MAX_RUNS];
    weir_ack_map map = { .runs = runs, .cap_runs = WEIR_ACK_MAP_MAX_RUNS };

    if (at->offset != offset || at->incarnation != incarnation ||
        weir_ack_map_decode(weir_slice_of(at->text), offset, &map) != WEIR_ACK_OK) {
        return -1;
    }
    return (int)map.strikes;
}

bool sim_kafka_is_all_committed(void)
{
    for (int i = 0; i < sim_the_plan.n_parts; i++) {
        if (group.positions[i].offset < sim_log_last(i)) {
            return false;
        }
    }
    return true;
}

void *sim_kafka_main(void *arg)
{
    (void)arg;
    for (;;) {
        sim_sleep(GROUP_TICK_US);
        for (int i = 0; i < group.n_members; i++) {
            group_member *member = &group.members[i];

            if (member->is_on && !group.is_round &&
                sim_now() - member->heard_us > sim_the_plan.session_us) {
                member->is_on = false;
                sim_trace("group.expired", i, 0, 0);
                group_begin_round();
            }
        }
        if (group.is_round && (group_has_all() || sim_now() >= group.round_until_us)) {
            group_end_round();
        }
    }
    return NULL;
}

void sim_kafka_begin(void)
{
    memset(&group, 0, sizeof(group));
}
