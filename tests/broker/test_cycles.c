/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts and stops, many in one process: with the brokers there, away, and left at any moment of
 * the joining. Each ends in its time and leaves nothing: no client of the library, no thread, no
 * descriptor, no memory.
 *
 * WEIR_CYCLES=N in the environment makes it N, WEIR_CYCLES_SEED another row of moments.
 */
#include "tests/support/broker.h"
#include "worker/app/config.h"
#include "worker/base/clock.h"
#include "worker/base/hash.h"
#include "worker/base/lock.h"
#include "worker/base/log.h"

#include <librdkafka/rdkafka.h>

#include <dirent.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define CYCLES 16
#define WARM 8            /* cycles after which what is made once for all is there */
#define DRAIN_US 5000000  /* given to each stop */
#define CLOSE_US 15000000 /* and what closes of clients may take on top */
#define PATIENCE_US 60000000
#define KEPT_BYTES 400000 /* growth of the heap that is no leak: tables, free lists */

typedef struct cycles {
    weir_broker *kafka, *redis;
    char topic[80];
    uint64_t dice;
    int64_t longest_us;
} cycles;

static void silence(void *arg, weir_level level, const char *name, const char *line)
{
    (void)arg;
    (void)level;
    (void)name;
    if (getenv("WEIR_TEST_LOG") != NULL) {
        fprintf(stderr, "%s\n", line);
    }
}

static size_t n_entries(const char *path)
{
    DIR *dir = opendir(path);
    size_t n = 0;

    assert_non_null(dir);
    while (readdir(dir) != NULL) {
        n++;
    }
    closedir(dir);
    return n;
}

static void pause_us(int64_t us)
{
    weir_signal none = { 0 };

    (void)weir_signal_wait(&none, 0, weir_clock_us() + us);
}

static uint64_t draw(cycles *c, uint64_t below)
{
    c->dice = weir_hash(&c->dice, sizeof(c->dice), 1);
    return c->dice % below;
}

static weir_config *config_of(const cycles *c, bool is_away)
{
    const char *build = getenv("WEIR_BUILD_DIR");
    weir_config *cfg = NULL;
    weir_buf text = { 0 };

    weir_buf_printf(
        &text,
        "worker: { name: %s, instance: one, admin: off, threads: 4 }\n"
        "queues:\n"
        "  kafka: { type: kafka, brokers: '%s' }\n"
        "  redis: { type: redis, url: 'redis://%s/0' }\n"
        "functions: { f: { library: '%s/tests/functions/basic.so', symbol: echo } }\n"
        "subscriptions:\n"
        "  - { function: f, from: kafka:%s, name: k, start: earliest, dead: drop }\n"
        "  - { function: f, from: redis:%s, name: r, start: earliest, dead: drop }\n",
        c->topic, is_away ? "127.0.0.1:1" : weir_broker_address(c->kafka),
        is_away ? "127.0.0.1:1" : weir_broker_address(c->redis),
        build == NULL ? "." : build, c->topic, c->topic);
    assert_false(text.has_failed);
    if (weir_config_parse("cycles.yaml", weir_buf_slice(&text), &cfg) != WEIR_OK) {
        fail_msg("%s\n%s", text.data, cfg->diags.n > 0 ? cfg->diags.items[0].text : "");
    }
    weir_buf_fini(&text);
    return cfg;
}

/* How far it comes before it is stopped. */
static void linger(cycles *c, weir_engine *e, bool is_away, size_t at)
{
    const int64_t until_us = weir_clock_us() + PATIENCE_US;

    if (is_away || at % 8 != 0) {
        pause_us((int64_t)draw(c, at % 2 == 0 ? 5000 : 300000));
        return;
    }
    while (!weir_engine_is_ready(e, NULL)) {
        assert_true(weir_clock_us() < until_us);
        pause_us(2000);
    }
}

static void cycle(cycles *c, size_t at)
{
    const bool is_away = at % 5 == 3;
    weir_engine_report report = { 0 };
    weir_err err = { .text = "" };
    weir_engine *e = NULL;
    weir_plan plan;

    weir_config *cfg = config_of(c, is_away);
    assert_int_equal(weir_config_build(cfg, "one", &plan), WEIR_OK);
    if (weir_engine_new(&plan.setup, &e, &err) != WEIR_OK ||
        weir_engine_start(e, &err) != WEIR_OK) {
        fail_msg("%s", err.text);
    }
    linger(c, e, is_away, at);
    const int64_t begun_us = weir_clock_us();

    weir_engine_stop(e, begun_us + DRAIN_US, &report);
    const int64_t took_us = weir_clock_us() - begun_us;

    if (!report.is_clean || took_us > DRAIN_US + CLOSE_US) {
        fail_msg("cycle %zu: open %zu, unsent %zu, hung %d, after %lld ms", at,
                 report.n_open, report.n_unsent, (int)report.is_hung,
                 (long long)(took_us / 1000));
    }
    c->longest_us = took_us > c->longest_us ? took_us : c->longest_us;
    weir_engine_free(e);
    weir_plan_fini(&plan);
    weir_config_free(cfg);
}

/* What ends in the background ends soon: the kernel takes a moment for a thread. */
static void expect_back(const char *path, size_t wanted, size_t at)
{
    const int64_t until_us = weir_clock_us() + PATIENCE_US;

    while (n_entries(path) > wanted) {
        if (weir_clock_us() > until_us) {
            fail_msg("cycle %zu: %zu in %s, and there were %zu", at, n_entries(path),
                     path, wanted);
        }
        pause_us(1000);
    }
}

static void each_start_and_stop_leaves_nothing(void **state)
{
    cycles c = { .dice = 1 };
    const char *n_text = getenv("WEIR_CYCLES");
    const char *seed = getenv("WEIR_CYCLES_SEED");
    const size_t n = n_text == NULL ? CYCLES : strtoul(n_text, NULL, 10);
    weir_err err = { .text = "" };
    size_t n_threads = 0, n_files = 0, n_bytes = 0;

    (void)state;
    c.dice = seed == NULL ? 1 : strtoull(seed, NULL, 10);
    weir_log_redirect(silence, NULL);
    if (weir_broker_share_kafka(WEIR_KAFKA_NEW, &c.kafka, &err) != WEIR_OK ||
        weir_broker_start_redis(false, NULL, &c.redis, &err) != WEIR_OK ||
        weir_broker_topic(c.kafka, weir_broker_name("cycles", c.topic, sizeof(c.topic)),
                          4, NULL, &err) != WEIR_OK) {
        fail_msg("%s", err.text);
    }
    for (size_t at = 0; at < n; at++) {
        cycle(&c, at);
        assert_int_equal(rd_kafka_wait_destroyed(60000), 0);
        if (at + 1 == WARM) {
            n_threads = n_entries("/proc/self/task");
            n_files = n_entries("/proc/self/fd");
            n_bytes = mallinfo2().uordblks;
        } else if (at + 1 > WARM) {
            expect_back("/proc/self/task", n_threads, at);
            expect_back("/proc/self/fd", n_files, at);
        }
    }
    const size_t n_kept = mallinfo2().uordblks;

    print_message("%zu cycles, longest stop %lld ms, heap %zu -> %zu\n", n,
                  (long long)(c.longest_us / 1000), n_bytes, n_kept);
    assert_true(n <= WARM || n_kept < n_bytes + KEPT_BYTES);
    weir_broker_free(c.redis);
    weir_broker_free(c.kafka);
    weir_log_redirect(NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_start_and_stop_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
