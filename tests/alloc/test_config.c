/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration is read, checked, built and printed while one allocation fails: it says that
 * there is no memory, or is right. */
#include "tests/alloc/fail.h"

#include "worker/app/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const char good[] =
    "worker: { name: w, instance: \"${ALLOC_NAME:-i}\" }\n"
    "queues:\n"
    "  kafka: { type: kafka, brokers: 'a:1', properties: { client.rack: x } }\n"
    "  redis: { type: redis, url: 'redis://a:1/0', maxlen: { t: '~100' } }\n"
    "functions: { f: { library: ./f.so, config: { list: [1, two] }, env: { A: b } } }\n"
    "x-base: &base { function: f, start: latest, concurrency: 3 }\n"
    "subscriptions:\n"
    "  - { function: f, from: [kafka:a, redis:s], name: n, order: none, format: json,\n"
    "      start: '2026-01-01T00:00:00Z', key: /k,\n"
    "      filter: { all: [ { prefix: { type: o. } }, { exact: { /a: b } } ] },\n"
    "      batch: { max: 40, wait: 7ms, bytes: 2KiB }, to: redis:t, dead: drop }\n"
    "  - { <<: *base, from: kafka:^o, name: p }\n";
static const char bad[] =
    "worker: { name: w, wrong: 1, wrong: 2 }\n"
    "queues: { kafka: { type: kafka, broker: 'a:1' }, k: { type: kafak } }\n"
    "functions: { f: { library: ./f.so } }\n"
    "subscriptions:\n"
    "  - { function: g, from: kafka:a, start: \"${ALLOC_UNSET}\", timeout: soon }\n";

/* There is no memory, and the status or a finding says so; or not even for a finding. */
static bool says_no_memory(weir_status st, const weir_config *cfg)
{
    if (st == WEIR_ENOMEM || cfg->diags.n_more > 0) {
        return weir_fail_is_hit();
    }
    for (size_t i = 0; i < cfg->diags.n; i++) {
        if (strstr(cfg->diags.items[i].text, "out of memory") != NULL) {
            return weir_fail_is_hit();
        }
    }
    weir_fail_where();
    for (size_t i = 0; i < cfg->diags.n; i++) {
        print_message("found: %s\n", cfg->diags.items[i].text);
    }
    return false;
}

static void parse_good(void *arg)
{
    weir_config *cfg = NULL;
    weir_plan plan;
    const weir_status st = weir_config_parse("t.yaml", weir_slice_of(good), &cfg);

    (void)arg;
    if (st == WEIR_OK) {
        weir_buf json = { 0 };

        assert_int_equal(cfg->n_subs, 2);
        assert_int_equal(cfg->diags.n_errors, 0);
        weir_config_json(cfg, &json);
        assert_true(json.has_failed || strstr(json.data, "\"concurrency\":40") != NULL);
        weir_buf_fini(&json);
        if (weir_config_build(cfg, "i", &plan) == WEIR_OK) {
            assert_int_equal(plan.setup.n_subs, 2);
            assert_string_equal(plan.setup.subs[0].sources[0].setup.topics[0], "a");
            weir_plan_fini(&plan);
        } else {
            assert_true(weir_fail_is_hit());
        }
    } else {
        assert_true(says_no_memory(st, cfg));
    }
    weir_config_free(cfg);
}

static void parse_bad(void *arg)
{
    weir_config *cfg = NULL;
    const weir_status st = weir_config_parse("t.yaml", weir_slice_of(bad), &cfg);

    (void)arg;
    if (st == WEIR_ECONFIG) {
        assert_true(cfg->diags.n_errors >= (weir_fail_is_hit() ? 1 : 6));
    } else {
        assert_int_equal(st, WEIR_ENOMEM);
        assert_true(weir_fail_is_hit());
    }
    weir_config_free(cfg);
}

static void config_is_right_or_says_that_there_is_no_memory(void **state)
{
    (void)state;
    assert_true(weir_fail_each(parse_good, NULL) > 20);
}

static void config_with_errors_says_so_or_that_there_is_no_memory(void **state)
{
    (void)state;
    assert_true(weir_fail_each(parse_bad, NULL) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(config_is_right_or_says_that_there_is_no_memory),
        cmocka_unit_test(config_with_errors_says_so_or_that_there_is_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
