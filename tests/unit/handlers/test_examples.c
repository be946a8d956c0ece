/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_examples - the example functions, loaded and called as the worker does it.
 */
#include "schemas/codec.h"
#include "tests/support/host_rig.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define N_PENDING 64

static void start(host_rig *host, const char *name, const char *config)
{
    host_rig_start_in(host, "examples", name, name, config);
}

static void decode(call_rig *rig, const weir_codec_ops *codec)
{
    weir_err err = { .text = "" };

    if (codec->decode(&rig->ev, &err) != WEIR_OK) {
        fail_msg("%s", err.text);
    }
}

/* The file's text; the caller frees it. */
static char *read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = calloc(1, 65536);

    assert_non_null(file);
    assert_non_null(text);
    text[fread(text, 1, 65535, file)] = '\0';
    fclose(file);
    return text;
}

/* A new empty file's path in out (64 bytes). */
static void new_file(char *out)
{
    int fd;

    (void)strcpy(out, "test_examples.XXXXXX");
    fd = mkstemp(out);
    assert_true(fd >= 0);
    close(fd);
}

/* -- charge -------------------------------------------------------------------------------- */

static void charge_passes_an_order_on(void **state)
{
    call_rig *rig = *state;
    host_rig host = { 0 };

    start(&host, "charge", NULL);
    call_rig_event(rig, "c7", "{\"amount\": 1200}");
    decode(rig, &weir_codec_json);
    assert_int_equal(host_rig_run(&host, rig), WEIR_DONE);
    assert_slice(call_rig_out(rig, 0)->key, "c7");
    assert_slice(call_rig_out(rig, 0)->data, "{\"amount\": 1200}");
    host_rig_close(&host);
}

static void charge_rejects_an_order_without_an_amount(void **state)
{
    call_rig *rig = *state;
    host_rig host = { 0 };

    start(&host, "charge", NULL);
    call_rig_event(rig, NULL, "{\"amount\": 12.5}");
    decode(rig, &weir_codec_json);
    assert_int_equal(host_rig_run(&host, rig), WEIR_REJECT);
    assert_string_equal(rig->call.cls, "no-amount");
    host_rig_close(&host);
}

/* -- sensors ------------------------------------------------------------------------------- */

static double number_at(const weir_event *ev, const char *pointer)
{
    double out = -1;

    assert_true(weir_val_double(weir_val_at(ev->value, pointer), &out));
    return out;
}

static void sensors_summarizes_samples(void **state)
{
    static const char reading[] = "\x82\xa6sensor\xa2t1\xa7samples\x94\x08\x01\x02\x05";
    call_rig *rig = *state;
    host_rig host = { 0 };
    weir_arena arena;
    weir_event result;
    weir_err err;

    start(&host, "sensors", NULL);
    call_rig_event(rig, NULL, NULL);
    rig->ev.data = WEIR_SLICE_LIT(reading);
    decode(rig, &weir_codec_msgpack);
    assert_int_equal(host_rig_run(&host, rig), WEIR_DONE);
    assert_slice(call_rig_out(rig, 0)->key, "t1");
    weir_arena_init(&arena, 0);
    weir_ev_begin(&result, &arena);
    result.data = call_rig_out(rig, 0)->data;
    assert_int_equal(weir_codec_msgpack.decode(&result, &err), WEIR_OK);
    assert_true(number_at(&result, "/n") == 4);
    assert_true(number_at(&result, "/min") == 1);
    assert_true(number_at(&result, "/max") == 8);
    assert_true(number_at(&result, "/mean") == 4);
    assert_true(number_at(&result, "/median") == 3.5);
    weir_ev_end(&result);
    weir_arena_fini(&arena);
    host_rig_close(&host);
}

static void sensors_rejects_what_it_cannot_summarize(void **state)
{
    static const struct {
        const char *json, *cls;
    } cases[] = {
        { "{\"samples\":[1]}", "no-sensor" },
        { "{\"sensor\":\"t\",\"samples\":[]}", "no-samples" },
        { "{\"sensor\":\"t\",\"samples\":[1,2,3,4]}", "too-many" },
        { "{\"sensor\":\"t\",\"samples\":[1,\"x\"]}", "not-a-number" },
    };
    call_rig *rig = *state;
    host_rig host = { 0 };

    start(&host, "sensors", "{\"max_samples\":3}");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        call_rig_event(rig, NULL, cases[i].json);
        decode(rig, &weir_codec_json);
        assert_int_equal(host_rig_run(&host, rig), WEIR_REJECT);
        assert_string_equal(rig->call.cls, cases[i].cls);
    }
    host_rig_close(&host);
}

/* -- bulk_insert --------------------------------------------------------------------------- */

/* Runs three events as a batch and fills verdicts. */
static void run_batch(host_rig *host, const char *const data[3],
                      weir_verdict verdicts[3])
{
    call_rig *rigs = calloc(3, sizeof(*rigs));
    weir_call *calls[3];
    bool is_final[3];
    bool is_free;

    assert_non_null(rigs);
    for (size_t i = 0; i < 3; i++) {
        call_rig_init(&rigs[i]);
        call_rig_event(&rigs[i], NULL, data[i]);
        rigs[i].ev.receipt.pos.hi = i;
        calls[i] = &rigs[i].call;
    }
    weir_library_host.run(host->self, host->local, calls, 3, is_final);
    for (size_t i = 0; i < 3; i++) {
        assert_true(is_final[i]);
        verdicts[i] = weir_call_settle(calls[i], &is_free);
        call_rig_fini(&rigs[i]);
    }
    free(rigs);
}

static void bulk_insert_rejects_one_item_and_writes_the_others(void **state)
{
    static const char *const data[] = { "first", "two\nlines", "third" };
    host_rig host = { 0 };
    weir_verdict verdicts[3];
    char path[64], config[128];
    char *text;

    (void)state;
    new_file(path);
    (void)snprintf(config, sizeof(config), "{\"file\":\"%s\"}", path);
    start(&host, "bulk_insert", config);
    run_batch(&host, data, verdicts);
    assert_int_equal(verdicts[0], WEIR_DONE);
    assert_int_equal(verdicts[1], WEIR_REJECT);
    assert_int_equal(verdicts[2], WEIR_DONE);
    text = read_file(path);
    assert_string_equal(text, "q:in/3@0\tfirst\nq:in/3@2\tthird\n");
    free(text);
    host_rig_close(&host);
    (void)unlink(path);
}

static void bulk_insert_waits_while_the_disk_is_full(void **state)
{
    static const char *const data[] = { "first", "two\nlines", "third" };
    host_rig host = { 0 };
    weir_verdict verdicts[3];

    (void)state;
    start(&host, "bulk_insert", "{\"file\":\"/dev/full\"}");
    run_batch(&host, data, verdicts);
    assert_int_equal(verdicts[0], WEIR_UNAVAILABLE);
    assert_int_equal(verdicts[1], WEIR_REJECT);
    assert_int_equal(verdicts[2], WEIR_UNAVAILABLE);
    host_rig_close(&host);
}

/* -- async_http ---------------------------------------------------------------------------- */

static void async_http_keeps_many_requests_open_at_once(void **state)
{
    call_rig *rigs = calloc(N_PENDING, sizeof(*rigs));
    host_rig host = { 0 };
    int n_done = 0, n_retry = 0;

    (void)state;
    assert_non_null(rigs);
    start(&host, "async_http", "{\"latency_ms\":200,\"fail_every\":4}");
    for (int i = 0; i < N_PENDING; i++) {
        weir_call *calls[] = { &rigs[i].call };
        bool is_final[1];

        call_rig_init(&rigs[i]);
        weir_library_host.run(host.self, host.local, calls, 1, is_final);
        assert_false(is_final[0]);
    }
    for (int i = 0; i < N_PENDING; i++) {
        bool is_free;

        call_rig_wait(&rigs[i]);
        if (weir_call_settle(&rigs[i].call, &is_free) == WEIR_DONE) {
            n_done++;
            assert_slice(call_rig_out(&rigs[i], 0)->data, "data");
        } else {
            n_retry++;
        }
        call_rig_fini(&rigs[i]);
    }
    assert_int_equal(n_retry, N_PENDING / 4);
    assert_int_equal(n_done, N_PENDING - N_PENDING / 4);
    free(rigs);
    host_rig_close(&host);
}

static void async_http_gives_up_a_cancelled_call(void **state)
{
    call_rig *rig = *state;
    host_rig host = { 0 };

    start(&host, "async_http", "{\"latency_ms\":0}");
    weir_call_cancel(&rig->call);
    assert_int_equal(host_rig_run(&host, rig), WEIR_RETRY);
    host_rig_close(&host);
}

/* -- mask_pii ------------------------------------------------------------------------------ */

static void mask_pii_masks_fields_at_every_depth(void **state)
{
    static const char in[] =
        "{\"id\":18446744073709551615,\"email\":\"ann@example.org\","
        "\"bank\":[{\"iban\":\"DE89370400440532013000\"},null],\"phone\":123}";
    static const char want[] =
        "{\"id\":18446744073709551615,\"email\":\"***********.org\","
        "\"bank\":[{\"iban\":\"******************3000\"},null],"
        "\"phone\":\"****\"}";
    call_rig *rig = *state;
    host_rig host = { 0 };

    start(&host, "mask_pii", "{\"fields\":[\"email\",\"iban\",\"phone\"],\"keep\":4}");
    call_rig_event(rig, "k", in);
    decode(rig, &weir_codec_json);
    assert_int_equal(host_rig_run(&host, rig), WEIR_DONE);
    assert_slice(call_rig_out(rig, 0)->data, want);
    host_rig_close(&host);
}

static void mask_pii_shows_nothing_of_a_short_text(void **state)
{
    call_rig *rig = *state;
    host_rig host = { 0 };

    start(&host, "mask_pii", "{\"fields\":[\"pin\"],\"keep\":4}");
    call_rig_event(rig, NULL, "{\"pin\":\"12345\"}");
    decode(rig, &weir_codec_json);
    assert_int_equal(host_rig_run(&host, rig), WEIR_DONE);
    assert_slice(call_rig_out(rig, 0)->data, "{\"pin\":\"*****\"}");
    host_rig_close(&host);
}

static void mask_pii_passes_a_tombstone_on(void **state)
{
    call_rig *rig = *state;
    host_rig host = { 0 };

    start(&host, "mask_pii", "{\"fields\":[\"pin\"]}");
    call_rig_event(rig, "k", NULL);
    decode(rig, &weir_codec_json);
    assert_int_equal(host_rig_run(&host, rig), WEIR_DONE);
    assert_null(call_rig_out(rig, 0)->data.data);
    assert_slice(call_rig_out(rig, 0)->key, "k");
    host_rig_close(&host);
}

/* -- ledger -------------------------------------------------------------------------------- */

static void ledger_books_an_event_once_even_after_a_restart(void **state)
{
    call_rig *rig = *state;
    host_rig host = { 0 };
    char path[64], config[128];
    char *text;

    new_file(path);
    (void)snprintf(config, sizeof(config), "{\"file\":\"%s\"}", path);
    call_rig_event(rig, NULL, "{\"amount\":5}");
    decode(rig, &weir_codec_json);
    start(&host, "ledger", config);
    assert_int_equal(host_rig_run(&host, rig), WEIR_DONE);
    call_rig_begin(rig);
    assert_int_equal(host_rig_run(&host, rig), WEIR_DONE);
    host_rig_close(&host);
    start(&host, "ledger", config);
    call_rig_begin(rig);
    assert_int_equal(host_rig_run(&host, rig), WEIR_DONE);
    host_rig_close(&host);
    text = read_file(path);
    assert_string_equal(text, "q:in/3@1042\t5\n");
    free(text);
    (void)unlink(path);
}

static void ledger_cuts_off_a_line_that_a_crash_left_half_written(void **state)
{
    call_rig *rig = *state;
    host_rig host = { 0 };
    char path[64], config[128];
    char *text;
    FILE *file;

    new_file(path);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs("q:in/3@7\t1\nq:in/3@10", file) >= 0);
    fclose(file);
    (void)snprintf(config, sizeof(config), "{\"file\":\"%s\"}", path);
    call_rig_event(rig, NULL, "{\"amount\":5}");
    decode(rig, &weir_codec_json);
    start(&host, "ledger", config);
    assert_int_equal(host_rig_run(&host, rig), WEIR_DONE);
    host_rig_close(&host);
    text = read_file(path);
    assert_string_equal(text, "q:in/3@7\t1\nq:in/3@1042\t5\n");
    free(text);
    (void)unlink(path);
}

static void ledger_waits_while_the_disk_is_full_and_then_books_once(void **state)
{
    call_rig *rig = *state;
    host_rig host = { 0 };
    struct rlimit before, full;
    char path[64], config[128];
    char *text;

    new_file(path);
    (void)snprintf(config, sizeof(config), "{\"file\":\"%s\"}", path);
    call_rig_event(rig, NULL, "{\"amount\":5}");
    decode(rig, &weir_codec_json);
    start(&host, "ledger", config);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    full = before;
    full.rlim_cur = 4;
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
    assert_int_equal(host_rig_run(&host, rig), WEIR_UNAVAILABLE);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    call_rig_begin(rig);
    assert_int_equal(host_rig_run(&host, rig), WEIR_DONE);
    host_rig_close(&host);
    text = read_file(path);
    assert_string_equal(text, "q:in/3@1042\t5\n");
    free(text);
    (void)unlink(path);
}

/* -- webhook ------------------------------------------------------------------------------- */

/* A server that takes one connection for each answer and then ends. */
typedef struct server {
    int fd, port, n;
    const char *const *answers;
    pthread_t thread;
    char request[2048]; /* the last one; read after the join */
} server;

static void *server_main(void *arg)
{
    server *s = arg;

    for (int i = 0; i < s->n; i++) {
        int fd = accept(s->fd, NULL, NULL);
        size_t len = 0;
        ssize_t got;

        while ((got = recv(fd, s->request + len, sizeof(s->request) - 1 - len, 0)) >
               0) {
            len += (size_t)got;
            s->request[len] = '\0';
            if (strstr(s->request, "\r\n\r\ndata") != NULL) {
                break;
            }
        }
        (void)send(fd, s->answers[i], strlen(s->answers[i]), MSG_NOSIGNAL);
        close(fd);
    }
    return NULL;
}

static void server_start(server *s, const char *const *answers, int n)
{
    struct sockaddr_in at = { .sin_family = AF_INET };
    socklen_t len = sizeof(at);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    s->answers = answers;
    s->n = n;
    s->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(s->fd, (struct sockaddr *)(void *)&at, sizeof(at)), 0);
    assert_int_equal(listen(s->fd, 8), 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)(void *)&at, &len), 0);
    s->port = ntohs(at.sin_port);
    assert_int_equal(pthread_create(&s->thread, NULL, server_main, s), 0);
}

static void webhook_turns_each_answer_into_its_verdict(void **state)
{
    static const char *const answers[] = {
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 429 Too Many\r\nDate: x\r\nRetry-After: 7\r\n\r\n",
        "HTTP/1.1 503 Down\r\n\r\n",
        "HTTP/1.1 500 Oops\r\n\r\n",
        "HTTP/1.1 404 Not Found\r\n\r\n",
        "",
    };
    static const weir_verdict want[] = {
        WEIR_DONE,  WEIR_UNAVAILABLE, WEIR_UNAVAILABLE,
        WEIR_RETRY, WEIR_REJECT,      WEIR_UNAVAILABLE
    };
    static const int64_t delay_ms[] = { -1, 7000, -1, -1, -1, -1 };
    call_rig *rig = *state;
    host_rig host = { 0 };
    server s = { 0 };
    char config[128];

    server_start(&s, answers, 6);
    (void)snprintf(config, sizeof(config), "{\"port\":%d,\"path\":\"/in\"}", s.port);
    start(&host, "webhook", config);
    for (size_t i = 0; i < 6; i++) {
        call_rig_begin(rig);
        assert_int_equal(host_rig_run(&host, rig), want[i]);
        assert_int_equal(rig->call.delay_ms, delay_ms[i]);
    }
    pthread_join(s.thread, NULL);
    assert_non_null(strstr(s.request, "POST /in HTTP/1.0\r\n"));
    assert_non_null(strstr(s.request, "Idempotency-Key: q:in/3@1042\r\n"));
    close(s.fd);
    call_rig_begin(rig); /* nobody listens any more */
    assert_int_equal(host_rig_run(&host, rig), WEIR_UNAVAILABLE);
    host_rig_close(&host);
}

static void webhook_stops_waiting_for_its_turn_when_cancelled(void **state)
{
    static const char *const answers[] = { "HTTP/1.1 200 OK\r\n\r\n" };
    call_rig *rig = *state;
    host_rig host = { 0 };
    server s = { 0 };
    char config[128];

    server_start(&s, answers, 1);
    (void)snprintf(config, sizeof(config), "{\"port\":%d,\"per_second\":0.0001}",
                   s.port);
    start(&host, "webhook", config);
    assert_int_equal(host_rig_run(&host, rig), WEIR_DONE);
    pthread_join(s.thread, NULL);
    call_rig_begin(rig);
    weir_call_cancel(&rig->call);
    assert_int_equal(host_rig_run(&host, rig), WEIR_RETRY);
    close(s.fd);
    host_rig_close(&host);
}

/* -- what they need ------------------------------------------------------------------------ */

static void an_example_without_what_it_needs_refuses_to_start(void **state)
{
    static const char *const names[] = { "bulk_insert", "route", "mask_pii", "ledger",
                                         "webhook" };

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        host_rig host = { 0 };
        weir_err err = { .text = "" };

        assert_int_equal(
            host_rig_open_in(&host, "examples", names[i], names[i], NULL, &err),
            WEIR_OK);
        assert_int_equal(weir_library_host.start(host.self, &err), WEIR_ECONFIG);
        assert_non_null(strstr(err.text, names[i]));
        host_rig_close(&host);
    }
}

#define RIGGED(test)                                                                   \
    cmocka_unit_test_setup_teardown(test, call_rig_setup, call_rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIGGED(charge_passes_an_order_on),
        RIGGED(charge_rejects_an_order_without_an_amount),
        RIGGED(sensors_summarizes_samples),
        RIGGED(sensors_rejects_what_it_cannot_summarize),
        RIGGED(bulk_insert_rejects_one_item_and_writes_the_others),
        RIGGED(bulk_insert_waits_while_the_disk_is_full),
        RIGGED(async_http_keeps_many_requests_open_at_once),
        RIGGED(async_http_gives_up_a_cancelled_call),
        RIGGED(mask_pii_masks_fields_at_every_depth),
        RIGGED(mask_pii_shows_nothing_of_a_short_text),
        RIGGED(mask_pii_passes_a_tombstone_on),
        RIGGED(ledger_books_an_event_once_even_after_a_restart),
        RIGGED(ledger_cuts_off_a_line_that_a_crash_left_half_written),
        RIGGED(ledger_waits_while_the_disk_is_full_and_then_books_once),
        RIGGED(webhook_turns_each_answer_into_its_verdict),
        RIGGED(webhook_stops_waiting_for_its_turn_when_cancelled),
        RIGGED(an_example_without_what_it_needs_refuses_to_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
