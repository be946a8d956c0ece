/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_kafka - between the fake broker (sim_kafka.c) and the fake client library
 * (sim_kafka_client.c, sim_kafka_api.c); for them alone.
 *
 * The group's coordinator follows the real one: a commit is judged by member and generation,
 * not by who owns the partition; a round ends when all members have joined or its time is over;
 * a member that is not heard of goes. Positions and their metadata stay, members do not.
 */
#ifndef WEIR_TESTS_SIM_KAFKA_H
#define WEIR_TESTS_SIM_KAFKA_H

#include "tests/sim/sim.h"
#include "triggers/kafka_state.h"

#define SIM_TOPIC "in"

typedef enum sim_reply {
    SIM_OK,
    SIM_REBALANCING, /* join again */
    SIM_WAITING,     /* the round is not over */
    SIM_UNKNOWN,     /* not a member any more */
    SIM_UNREACHABLE
} sim_reply;

/* -- sim_kafka.c: what a broker answers, at once; who asks pays for the way -- */

/* member -1: a new one. owned: what it has and would keep. Returns its id; -1: it is no member
 * any more. */
int sim_group_join(int member, int incarnation, unsigned owned, bool is_cooperative);
sim_reply sim_group_sync(int member, int *gen, unsigned *mask);
sim_reply sim_group_beat(int member, int gen);
void sim_group_leave(int member);
int sim_group_gen(void);
/* Takes a position, or refuses it. */
rd_kafka_resp_err_t sim_group_commit(int member, int gen, int part, int64_t offset,
                                     const char *text);
int64_t sim_group_position(int part, const char **text);
/* How long a request is on its way. */
int64_t sim_kafka_way_us(void);

/* -- the client -- */

typedef struct sim_message {
    rd_kafka_message_t msg; /* first */
    struct sim_message *next;
    uint32_t version;
} sim_message;

struct rd_kafka_queue_s {
    struct rd_kafka_s *rk;
    struct rd_kafka_queue_s *forward;
    sim_message *head, *last;
    size_t n;
};

typedef enum sim_member { SIM_UNJOINED, SIM_JOINING, SIM_STEADY } sim_member;

typedef struct sim_fetch {
    bool is_on;
    int64_t next;
    uint32_t version; /* of the assignment or seek: older messages are dropped */
    bool is_at_end;   /* it has been told */
    rd_kafka_queue_t queue;
} sim_fetch;

/* An answer to a commit that nobody waits for. */
typedef struct sim_answer {
    struct sim_answer *next;
    rd_kafka_resp_err_t code;
    rd_kafka_topic_partition_list_t *list;
} sim_answer;

struct rd_kafka_s {
    weir_kafka_reader *src;
    sim_proc *proc;
    int incarnation;
    uint64_t id; /* of all clients of the history */
    bool is_cooperative;
    sim_member state;
    int member, gen;
    unsigned assigned;             /* bits of partitions */
    unsigned to_revoke, to_assign; /* callbacks that are due */
    bool has_assign;               /* also with no partition */
    bool is_lost, is_lost_told;    /* the revoke is of what is lost already */
    bool is_in_callback;
    bool is_closing, is_ended;
    int64_t polled_us, heard_us;
    int64_t last_request_us;
    sim_answer *answers, **answers_end;
    sim_fetch fetches[SIM_PARTS];
    rd_kafka_queue_t events, main;
    weir_signal signal; /* something for its threads */
    int n_threads;
};

/* The live client of that id, or NULL. */
rd_kafka_t *sim_client_find(uint64_t id);
/* Serves one callback that is due. */
void sim_client_serve(rd_kafka_t *rk);
void sim_queue_drop(rd_kafka_queue_t *queue, int part);
/* The one topic there is. */
rd_kafka_topic_t *sim_topic_handle(void);
/* The list with all partitions of the mask. */
rd_kafka_topic_partition_list_t *sim_list_of(unsigned mask);
/* Fetching begins there; what was fetched of it before is dropped. */
void sim_fetch_set(rd_kafka_t *rk, int part, int64_t next);
void sim_fetch_stop(rd_kafka_t *rk, int part);

#endif
