/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_client - the life of one consumer instance: made, left, destroyed.
 *
 * Two queues are read. The consumer's own one has rebalances, errors and commit results and
 * is always polled; messages come through a queue of ours, to which the partitions' queues
 * are forwarded, so that a partition can be held back without pausing it (a pause throws the
 * prefetch away) and membership never depends on how fast events are taken.
 */
#include "triggers/kafka_state.h"

#include "triggers/kafka_end.h"
#include "worker/base/buf.h"
#include "worker/base/check.h"
#include "worker/base/clock.h"
#include "worker/base/log.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLIENT_MIN_EVENTS 1000 /* fewer make the fetcher stall between responses */
/* A few milliseconds of reading; more only pushes what is read out of the cache. */
#define CLIENT_MAX_EVENTS 30000
#define CLIENT_EVENT_COST 400    /* what the client keeps for one beyond its bytes */
#define CLIENT_MIN_FETCH 1000000 /* message.max.bytes: the library takes no less */
#define CLIENT_MAX_FETCH 2000000
#define CLIENT_PART_FETCH "262144" /* of one partition in an answer */
#define CLIENT_MIN_KBYTES 1024
#define CLIENT_MAX_KBYTES 65536 /* the library's own default */
#define CLIENT_PARTS_OF_BYTES                                                          \
    4 /* the share of the source's bytes that the client may have */
#define CLIENT_REAP_US 2000000

/* Something has come into one of the two queues. Runs on threads of the library. */
static void client_event(rd_kafka_t *rk, void *opaque)
{
    weir_kafka_reader *src = opaque;

    (void)rk;
    weir_signal_raise(&src->signal, INT_MAX);
}

static void client_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    weir_kafka_reader *src = opaque;
    char text[512];
    const uint64_t n_contacts = atomic_load(&src->n_contacts);

    switch ((rd_kafka_resp_err_t)code) {
    case RD_KAFKA_RESP_ERR__FATAL:
        rd_kafka_fatal_error(rk, text, sizeof(text));
        weir_kafka_source_trouble(src, WEIR_TROUBLE_FATAL, text);
        src->wants_new = true;
        break;
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
        /* The refusal that led to it says more. */
        if (!src->is_login_refused) {
            const bool is_why = src->why[0] != '\0' && src->why_contacts == n_contacts;

            weir_kafka_source_trouble(src, WEIR_TROUBLE_UNREACHABLE,
                                      is_why ? src->why : reason);
        }
        break;
    case RD_KAFKA_RESP_ERR__RESOLVE:
        weir_kafka_source_trouble(src, WEIR_TROUBLE_UNREACHABLE, reason);
        break;
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
        weir_kafka_why(src->queue, code, &src->cert, reason, text, sizeof(text));
        src->is_login_refused = true;
        weir_kafka_source_trouble(src, WEIR_TROUBLE_DENIED, text);
        break;
    default:
        /* One broker of several: kept until none is left. The client's log has it too. */
        if (weir_kafka_is_refusal(code, reason)) {
            weir_kafka_why(src->queue, code, &src->cert, reason, src->why,
                           sizeof(src->why));
            src->why_contacts = n_contacts;
        }
        weir_log(WEIR_DEBUG, "kafka.error", "sub=%s code=%s text=%s",
                 src->setup->sub_name, rd_kafka_err2name((rd_kafka_resp_err_t)code),
                 reason);
        break;
    }
}

static int client_cert(rd_kafka_t *rk, const char *broker, int32_t id, int *x509_error,
                       int depth, const char *bytes, size_t n_bytes, char *text,
                       size_t cap, void *opaque)
{
    weir_kafka_reader *src = opaque;

    (void)rk;
    (void)broker;
    (void)id;
    (void)depth;
    (void)bytes;
    (void)n_bytes;
    return weir_kafka_cert_judge(&src->cert, *x509_error, text, cap);
}

static size_t client_clamp(size_t value, size_t low, size_t high)
{
    return value < low ? low : (value > high ? high : value);
}

/*
 * The topics that no pattern may match, as the library's own list of patterns, so that they
 * do not even count as subscribed. Nothing where every topic is named.
 */
static void client_never(const weir_source_setup *setup, weir_buf *out)
{
    bool has_pattern = false, names_dead = false;

    for (size_t i = 0; i < setup->n_topics; i++) {
        const weir_slice topic = weir_slice_of(setup->topics[i]);

        has_pattern = has_pattern || topic.data[0] == '^';
        names_dead = names_dead || weir_slice_ends(topic, WEIR_SLICE_LIT(".dead"));
    }
    if (!has_pattern) {
        return;
    }
    if (!names_dead) {
        weir_buf_str(out, "^.*\\.dead$");
    }
    for (size_t i = 0; i < setup->n_never; i++) {
        weir_buf_str(out, out->len > 0 ? ",^" : "^");
        for (const char *c = setup->never[i]; *c != '\0'; c++) {
            if (*c == '.') { /* all that is special in a topic's name */
                weir_buf_char(out, '\\');
            }
            weir_buf_char(out, *c);
        }
        weir_buf_char(out, '$');
    }
}

/* How much the client may fetch ahead. */
static void client_pace(weir_kafka_reader *src)
{
    const weir_source_setup *setup = src->setup;
    const size_t fitting = setup->max_bytes / CLIENT_EVENT_COST;

    src->pace = (weir_kafka_pace){
        .full_events =
            client_clamp(setup->max_events < fitting ? setup->max_events : fitting,
                         CLIENT_MIN_EVENTS, CLIENT_MAX_EVENTS),
        .full_bytes = client_clamp(setup->max_bytes / CLIENT_PARTS_OF_BYTES / 1024,
                                   CLIENT_MIN_KBYTES, CLIENT_MAX_KBYTES) *
                      1024,
    };
}

static weir_status client_conf(weir_kafka_reader *src, rd_kafka_conf_t **out,
                               weir_err *err)
{
    const weir_source_setup *setup = src->setup;
    char id[256], events[32], kbytes[32], fetch[32];
    weir_kafka_prop props[24];
    weir_buf never = { 0 };
    size_t n = 0;

    snprintf(id, sizeof(id), "%s.%s", setup->service, setup->instance);
    client_pace(src);
    snprintf(events, sizeof(events), "%zu", src->pace.full_events);
    snprintf(kbytes, sizeof(kbytes), "%zu", src->pace.full_bytes / 1024);
    snprintf(
        fetch, sizeof(fetch), "%zu",
        client_clamp(src->pace.full_bytes / 2, CLIENT_MIN_FETCH, CLIENT_MAX_FETCH));
    props[n++] = (weir_kafka_prop){ "client.id", id, false };
    props[n++] = (weir_kafka_prop){ "group.id", setup->group, false };
    props[n++] = (weir_kafka_prop){ "enable.auto.commit", "false", false };
    props[n++] = (weir_kafka_prop){ "enable.auto.offset.store", "false", false };
    props[n++] = (weir_kafka_prop){ "auto.offset.reset", "error", false };
    props[n++] = (weir_kafka_prop){ "isolation.level", "read_committed", false };
    props[n++] = (weir_kafka_prop){ "allow.auto.create.topics", "false", false };
    props[n++] = (weir_kafka_prop){ "enable.partition.eof", "true", false };
    props[n++] = (weir_kafka_prop){ "queued.min.messages", events, false };
    props[n++] = (weir_kafka_prop){ "queued.max.messages.kbytes", kbytes, false };
    props[n++] = (weir_kafka_prop){ "socket.keepalive.enable", "true", true };
    /* New partitions and topics are noticed this soon; the library's 5 minutes are long. */
    props[n++] =
        (weir_kafka_prop){ "topic.metadata.refresh.interval.ms", "30000", true };
    /* One answer of a broker comes on top of a full queue. */
    props[n++] = (weir_kafka_prop){ "fetch.max.bytes", fetch, true };
    props[n++] =
        (weir_kafka_prop){ "receive.message.max.bytes", WEIR_KAFKA_ANSWER_MAX, true };
    /* It brings some of many partitions, not all of one: so keys of all are there to run. */
    props[n++] =
        (weir_kafka_prop){ "fetch.message.max.bytes", CLIENT_PART_FETCH, true };
    if (src->caps.has_backoff) {
        props[n++] = (weir_kafka_prop){ "fetch.queue.backoff.ms", "5", false };
    }
    if (setup->is_static) {
        props[n++] = (weir_kafka_prop){ "group.instance.id", id, false };
    }
    if (!src->is_kip848) {
        props[n++] = (weir_kafka_prop){ "heartbeat.interval.ms", "500", true };
        props[n++] =
            (weir_kafka_prop){ "partition.assignment.strategy",
                               setup->assignor == 0 ? "range" : "cooperative-sticky",
                               false };
    }
    client_never(setup, &never);
    if (never.len > 0) {
        props[n++] = (weir_kafka_prop){ "topic.blacklist", never.data, false };
    }
    props[n] = (weir_kafka_prop){ NULL, NULL, false };
    WEIR_ASSERT(n < sizeof(props) / sizeof(props[0]));
    const weir_status st =
        never.has_failed
            ? weir_fail(err, WEIR_ENOMEM, "out of memory")
            : weir_kafka_conf_new(src->queue, WEIR_KAFKA_CONSUMER, props, out, err);

    weir_buf_fini(&never);
    return st;
}

weir_status weir_kafka_client_new(weir_kafka_reader *src, weir_kafka_client **out,
                                  weir_err *err)
{
    weir_status st = WEIR_OK;
    rd_kafka_conf_t *conf = NULL;
    char text[512];
    weir_kafka_client *client = calloc(1, sizeof(*client));

    if (client == NULL) {
        return weir_fail(err, WEIR_ENOMEM, "%s: out of memory", src->setup->sub_name);
    }
    if ((st = client_conf(src, &conf, err)) != WEIR_OK) {
        goto out;
    }
    rd_kafka_conf_set_opaque(conf, src);
    rd_kafka_conf_set_rebalance_cb(conf, weir_kafka_group_rebalance);
    rd_kafka_conf_set_offset_commit_cb(conf, weir_kafka_group_committed);
    rd_kafka_conf_set_error_cb(conf, client_error);
    (void)rd_kafka_conf_set_ssl_cert_verify_cb(conf, client_cert);
    client->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
    if (client->rk == NULL) {
        st = weir_fail(err, WEIR_ECONFIG, "%s", text);
        goto out;
    }
    conf = NULL; /* the instance has it */
    rd_kafka_poll_set_consumer(client->rk);
    rd_kafka_set_log_queue(client->rk, NULL);
    client->main = rd_kafka_queue_get_consumer(client->rk);
    client->events = rd_kafka_queue_new(client->rk);
    rd_kafka_queue_cb_event_enable(client->main, client_event, src);
    rd_kafka_queue_cb_event_enable(client->events, client_event, src);
    *out = client;
    client = NULL;
out:
    if (conf != NULL) {
        rd_kafka_conf_destroy(conf);
    }
    free(client);
    return st;
}

/* What starts with '^' is a pattern to the library too. */
weir_status weir_kafka_client_subscribe(weir_kafka_reader *src, weir_err *err)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)src->setup->n_topics);

    for (size_t i = 0; i < src->setup->n_topics; i++) {
        rd_kafka_topic_partition_list_add(list, src->setup->topics[i],
                                          RD_KAFKA_PARTITION_UA);
    }
    const rd_kafka_resp_err_t code = rd_kafka_subscribe(src->client->rk, list);

    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return weir_fail(err, WEIR_ECONFIG, "subscribe: %s", rd_kafka_err2str(code));
    }
    return WEIR_OK;
}

rd_kafka_resp_err_t weir_kafka_client_commit(weir_kafka_client *client,
                                             rd_kafka_topic_partition_list_t *list,
                                             int64_t until_us)
{
    rd_kafka_queue_t *answers = rd_kafka_queue_new(client->rk);
    rd_kafka_resp_err_t code =
        rd_kafka_commit_queue(client->rk, list, answers, NULL, NULL);

    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        const int64_t left_ms = (until_us - weir_clock_us()) / 1000;
        rd_kafka_event_t *event = rd_kafka_queue_poll(
            answers, left_ms < 1 ? 1 : (int)client_clamp((size_t)left_ms, 1, INT_MAX));

        code = RD_KAFKA_RESP_ERR__TIMED_OUT;
        if (event != NULL &&
            rd_kafka_event_type(event) == RD_KAFKA_EVENT_OFFSET_COMMIT) {
            const rd_kafka_topic_partition_list_t *said =
                rd_kafka_event_topic_partition_list(event);

            code = rd_kafka_event_error(event);
            for (int i = 0; said != NULL && i < said->cnt; i++) {
                rd_kafka_topic_partition_t *mine = rd_kafka_topic_partition_list_find(
                    list, said->elems[i].topic, said->elems[i].partition);

                if (mine != NULL) {
                    mine->err = said->elems[i].err;
                }
            }
        }
        if (event != NULL) {
            rd_kafka_event_destroy(event);
        }
    }
    rd_kafka_queue_destroy(answers);
    return code;
}

bool weir_kafka_client_leave(weir_kafka_client *client, int64_t until_us)
{
    rd_kafka_error_t *error = rd_kafka_consumer_close_queue(client->rk, client->main);

    if (error != NULL) {
        /* Fatal already, or closed before: nothing to leave. */
        rd_kafka_error_destroy(error);
        return true;
    }
    while (!rd_kafka_consumer_closed(client->rk)) {
        if (weir_clock_us() >= until_us) {
            return false;
        }
        rd_kafka_message_t *msg = rd_kafka_consumer_poll(client->rk, 20);

        if (msg != NULL) {
            rd_kafka_message_destroy(msg);
        }
    }
    return true;
}

bool weir_kafka_client_free(weir_kafka_client **client, int64_t until_us)
{
    weir_kafka_client *gone = *client;

    if (gone == NULL) {
        return true;
    }
    WEIR_ASSERT(atomic_load(&gone->n_live) == 0);
    rd_kafka_queue_cb_event_enable(gone->main, NULL, NULL);
    rd_kafka_queue_cb_event_enable(gone->events, NULL, NULL);
    rd_kafka_queue_destroy(gone->main);
    rd_kafka_queue_destroy(gone->events);
    if (!weir_kafka_end(&gone->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE, until_us)) {
        /* the thread that hangs still needs what the client points to */
        return false;
    }
    free(gone);
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
        if (!weir_kafka_client_free(&old, weir_clock_us() + CLIENT_REAP_US)) {
            weir_log(WEIR_WARN, "kafka.destroy.hangs", "sub=%s", src->setup->sub_name);
        }
    }
}
