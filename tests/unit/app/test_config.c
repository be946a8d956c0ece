/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* From the bytes of a file to what the engine gets. */
#include "worker/app/config.h"

#include "worker/app/admin.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define HEAD                                                                           \
    "worker: { name: w }\n"                                                            \
    "queues:\n"                                                                        \
    "  kafka: { type: kafka, brokers: 'a:1' }\n"                                       \
    "  redis: { type: redis, url: 'redis://a:1/0' }\n"                                 \
    "functions: { f: { library: ./f.so } }\n"

static weir_config *parse(const char *text, weir_status wanted)
{
    weir_config *cfg = NULL;

    assert_int_equal(weir_config_parse("t.yaml", weir_slice_of(text), &cfg), wanted);
    assert_non_null(cfg);
    return cfg;
}

static void config_gives_the_engine_every_rule_of_a_subscription(void **state)
{
    weir_plan plan;

    (void)state;
    weir_config *cfg = parse(
        HEAD "subscriptions:\n"
             "  - { function: f, from: [kafka:a, redis:s, kafka:b], name: n, "
             "start: '2026-01-01T00:00:00Z', order: none, timeout: 3s, max_age: 1h, "
             "batch: { max: 40, wait: 7ms, bytes: 2KiB }, handover: 4s, "
             "retry: { attempts: 3, backoff: linear, jitter: none, first: 1s, "
             "max: 2s, give_up_after: 9s }, to: redis:t, dead: drop, stamp: no }\n"
             "  - { function: f, from: kafka:^o, name: p, start: latest }\n",
        WEIR_ECONFIG); /* `no` is not a boolean */
    assert_int_equal(cfg->diags.n_errors, 1);
    weir_config_free(cfg);

    cfg = parse(HEAD "subscriptions:\n"
                     "  - { function: f, from: [kafka:a, redis:s, kafka:b], name: n, "
                     "start: '2026-01-01T00:00:00Z', order: none, timeout: 3s, "
                     "batch: { max: 40, wait: 7ms, bytes: 2KiB }, "
                     "retry: { attempts: 3, backoff: linear, jitter: none, first: 1s, "
                     "max: 2s, give_up_after: 9s }, to: redis:t, dead: drop, "
                     "stamp: false }\n"
                     "  - { function: f, from: kafka:^o, name: p, start: latest }\n",
                WEIR_OK);
    assert_int_equal(weir_config_build(cfg, "i", &plan), WEIR_OK);
    const weir_sub *n = &plan.setup.subs[0], *p = &plan.setup.subs[1];
    assert_string_equal(n->group, "w.n");
    assert_int_equal(n->n_sources, 2);
    assert_int_equal(n->sources[0].setup.n_topics, 2);
    assert_string_equal(n->sources[0].setup.topics[1], "b");
    assert_int_equal(n->sources[0].setup.start, WEIR_START_TIME);
    assert_true(n->sources[0].setup.start_ms == INT64_C(1767225600000));
    assert_string_equal(n->sources[1].setup.queue_name, "redis");
    assert_int_equal(n->concurrency, 40); /* not written: as large as a batch */
    assert_int_equal(n->batch.bytes, 2048);
    assert_int_equal(n->retry.backoff, WEIR_BACKOFF_LINEAR);
    assert_int_equal(n->retry.give_up_us, 9000000);
    assert_int_equal(n->dead_mode, WEIR_DEAD_DROP);
    assert_false(n->stamp);
    assert_int_equal(p->order, WEIR_ORDER_KEY);
    assert_null(p->dead);
    assert_int_equal(p->sources[0].setup.start, WEIR_START_LATEST);
    weir_plan_fini(&plan);
    weir_config_free(cfg);
}

static void config_keeps_patterns_away_from_the_files_own_outputs(void **state)
{
    weir_plan plan;

    (void)state;
    weir_config *cfg =
        parse(HEAD "subscriptions:\n"
                   "  - { function: f, from: kafka:a, start: earliest, to: kafka:r }\n"
                   "  - { function: f, from: kafka:^., name: p, start: earliest }\n",
              WEIR_OK);
    assert_int_equal(weir_config_build(cfg, "i", &plan), WEIR_OK);
    const weir_source_setup *setup = &plan.setup.subs[1].sources[0].setup;
    assert_int_equal(setup->n_never, 2);
    assert_string_equal(setup->never[0], "r");
    assert_string_equal(setup->never[1], "a.f.a.dead");
    weir_plan_fini(&plan);
    weir_config_free(cfg);
}

static void config_resolves_anchors_and_merge_keys(void **state)
{
    (void)state;
    weir_config *cfg = parse(HEAD "x-base: &base { function: f, start: latest, "
                                  "concurrency: 3 }\n"
                                  "subscriptions:\n"
                                  "  - { <<: *base, from: kafka:a, concurrency: 4 }\n",
                             WEIR_OK);
    assert_int_equal(cfg->subs[0].start, WEIR_START_LATEST);
    assert_int_equal(cfg->subs[0].concurrency, 4);
    weir_config_free(cfg);
}

static void config_refuses_aliases_that_grow_without_bound(void **state)
{
    (void)state;
    weir_config *cfg =
        parse("a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
              "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
              "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
              "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n",
              WEIR_ECONFIG);
    assert_non_null(strstr(cfg->diags.items[0].text, "too large"));
    weir_config_free(cfg);
    cfg = parse("a: &a [*a]\n", WEIR_ECONFIG);
    weir_config_free(cfg);
}

static void diags_puts_the_caret_below_the_place(void **state)
{
    weir_buf out = { 0 };

    (void)state;
    weir_config *cfg = parse("worker:\n  name: w\n\n\tx", WEIR_ECONFIG);
    weir_config_free(cfg);
    cfg = parse("worker: { name: \xc3\xa9, treads: 1 }\n", WEIR_ECONFIG);
    weir_diags_write(&cfg->diags, &out, false);
    assert_non_null(strstr(out.data,
                           "t.yaml:1:20: error: unknown key `treads` in worker; "
                           "did you mean `threads`?\n"
                           "    1 | worker: { name: \xc3\xa9, treads: 1 }\n"
                           "      |                    ^\n"));
    weir_buf_fini(&out);
    weir_config_free(cfg);
}

static void admin_wants_a_token_for_what_is_not_loopback(void **state)
{
    (void)state;
    assert_null(weir_admin_wrong("127.0.0.1:8077", false));
    assert_null(weir_admin_wrong("[::1]:8077", false));
    assert_null(weir_admin_wrong("unix:/run/weir.sock", false));
    assert_null(weir_admin_wrong("off", false));
    assert_non_null(weir_admin_wrong("0.0.0.0:8077", false));
    assert_non_null(weir_admin_wrong("[::]:8077", false));
    assert_null(weir_admin_wrong("0.0.0.0:8077", true));
    assert_non_null(weir_admin_wrong("8077", true));
    assert_non_null(weir_admin_wrong("a:99999", true));
    assert_non_null(weir_admin_wrong("unix:", true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(config_gives_the_engine_every_rule_of_a_subscription),
        cmocka_unit_test(config_keeps_patterns_away_from_the_files_own_outputs),
        cmocka_unit_test(config_resolves_anchors_and_merge_keys),
        cmocka_unit_test(config_refuses_aliases_that_grow_without_bound),
        cmocka_unit_test(diags_puts_the_caret_below_the_place),
        cmocka_unit_test(admin_wants_a_token_for_what_is_not_loopback),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
