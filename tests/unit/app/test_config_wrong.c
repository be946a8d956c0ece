/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong with a file is said where it stands, in a sentence; all of it at once.
 */
#include "worker/app/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define N(rows) (sizeof(rows) / sizeof((rows)[0]))

#define HEAD                                                                           \
    "worker: { name: w }\n"                                                            \
    "queues:\n"                                                                        \
    "  kafka: { type: kafka, brokers: 'a:1' }\n"                                       \
    "  redis: { type: redis, url: 'redis://a:1/0' }\n"                                 \
    "functions: { charge: { library: ./f.so } }\n"
#define SUB HEAD "subscriptions:\n  - { function: charge, start: earliest, "

typedef struct row {
    const char *text;
    const char *says; /* in one finding */
    bool is_warning;
    int line; /* 0: whatever */
} row;

static void assert_says(const row *r)
{
    weir_config *cfg = NULL;
    weir_buf all = { 0 };
    bool is_found = false;
    const weir_status st = weir_config_parse("t.yaml", weir_slice_of(r->text), &cfg);

    for (size_t i = 0; i < cfg->diags.n; i++) {
        const weir_diag *item = &cfg->diags.items[i];

        is_found = is_found || (strstr(item->text, r->says) != NULL &&
                                item->is_warning == r->is_warning &&
                                (r->line == 0 || item->line == r->line));
    }
    weir_diags_write(&cfg->diags, &all, false);
    if (!is_found || (st != WEIR_OK) != (cfg->diags.n_errors > 0) ||
        (!r->is_warning && st != WEIR_ECONFIG)) {
        fail_msg("%s\nmust say (line %d): %s\nit said:\n%s", r->text, r->line, r->says,
                 all.data == NULL ? "nothing" : all.data);
    }
    weir_buf_fini(&all);
    weir_config_free(cfg);
}

static void assert_all_say(const row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        assert_says(&rows[i]);
    }
}

static void the_shape_of_the_file_is_checked(void **state)
{
    static const row rows[] = {
        { "[a]\n", "map", false, 1 },
        { "worker: [a]\n", "`worker` takes a map of settings, not a list", false, 1 },
        { "worker: x\n", "takes a map of settings, not a value", false, 1 },
        { "queues: [a]\n", "`queues` takes a map of names to settings, not a list",
          false, 1 },
        { "functions: x\n", "`functions` takes a map of names to settings, not a value",
          false, 1 },
        { "subscriptions: {}\n", "takes a list of subscriptions, not a map", false, 1 },
        { "wrker: {}\n", "unknown key `wrker`; did you mean `worker`?", false, 1 },
        { "zzzzzz: {}\n", "unknown key `zzzzzz`", false, 1 },
        { HEAD "subscriptions:\n  - charge\n", "not a value", false, 7 },
        { HEAD "subscriptions:\n  - {}\n", "lacks the required key `function`", false,
          7 },
        { "worker: { name: '' }\n", "`name` has no value", false, 1 },
        { "worker: { name: ~ }\n", "`name` has no value", false, 1 },
        { "worker: { name: [a] }\n", "`name` takes a single value, not a list", false,
          1 },
        { "worker: { name: -a }\n", "worker.name `-a`: 1 to 63", false, 1 },
        { "worker: { name: .a }\n", "worker.name `.a`", false, 1 },
        { "worker: { name: a b }\n", "worker.name `a b`", false, 1 },
        { "worker: { name: a, instance: 'a/b' }\n", "worker.instance `a/b`", false, 1 },
        { "worker: { name: a, max_event: 2MiB, max_bytes: 1MiB }\n",
          "`max_event` is larger than `max_bytes`", false, 1 },
        { "worker: { name: a, admin: '0.0.0.0:1' }\n", "`admin`: `0.0.0.0:1`", false,
          1 },
        { "worker: { name: a, probes: 'x' }\n", "`probes`: `x`", false, 1 },
        { "worker: { name: a, log: { format: jsn } }\n", "did you mean `json`?", false,
          1 },
        { "worker: { name: a, log: [x] }\n", "`log` takes a map of settings", false,
          1 },
        { "worker: { name: a, threads: x }\n", "threads: ", false, 1 },
    };

    (void)state;
    assert_all_say(rows, N(rows));
}

static void yaml_is_taken_at_its_word(void **state)
{
    static const row rows[] = {
        { "worker: {\n", "", false, 0 },
        { "? [a]\n: b\n", "a key must be a plain name", false, 1 },
        { "a: \"x\\0y\"\n", "must not hold a NUL", false, 1 },
        { "a: \x01\n", "", false, 1 },
        { "a: 1\n---\nb: 2\n", "", false, 2 },
        { "a: *b\n", "an alias without an anchor", false, 1 },
        { "a: { <<: 1 }\n", "`<<` takes a map or a list of maps", false, 1 },
        { "a: { <<: [1] }\n", "`<<` takes a map or a list of maps", false, 1 },
        { "a: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"
          "]]\n",
          "nested too deep", false, 1 },
        { "worker: { name: a, name: b }\n", "name", false, 1 },
        { "worker: { name: '${WEIR_TEST_NOT_SET}' }\n", "is not set", false, 1 },
        { "worker: { name: $x }\n", "write `$$`", false, 1 },
    };

    (void)state;
    assert_all_say(rows, N(rows));
}

static void a_list_of_merge_keys_gives_each_in_turn(void **state)
{
    static const char text[] =
        HEAD "x-a: &a { function: charge, start: latest, concurrency: 3 }\n"
             "x-b: &b { concurrency: 5, timeout: 1s }\n"
             "subscriptions:\n  - { <<: [*a, *b], from: kafka:t, timeout: 2s }\n";
    weir_config *cfg = NULL;

    (void)state;
    assert_int_equal(weir_config_parse("t.yaml", weir_slice_of(text), &cfg), WEIR_OK);
    assert_int_equal(cfg->subs[0].opts.concurrency, 3);
    assert_int_equal(cfg->subs[0].opts.timeout_us, 2000000);
    weir_config_free(cfg);
}

static void a_file_that_is_too_large_is_refused(void **state)
{
    weir_slice text = { NULL, WEIR_YAML_BYTES + 1 };
    char *data = malloc(text.len + 1);
    weir_config *cfg = NULL;

    (void)state;
    assert_non_null(data);
    memset(data, '\n', text.len);
    data[text.len] = '\0';
    text.data = data;
    assert_int_equal(weir_config_parse("t.yaml", text, &cfg), WEIR_ECONFIG);
    assert_non_null(strstr(cfg->diags.items[0].text, "larger than 1 MiB"));
    weir_config_free(cfg);
    /* 100,000 values are enough for any file. */
    memcpy(data, "a: [", 4);
    for (size_t i = 4; i < text.len; i++) {
        data[i] = i % 2 == 0 ? '1' : ',';
    }
    text.len = 4 + 2 * WEIR_YAML_NODES;
    data[text.len - 1] = ']';
    assert_int_equal(weir_config_parse("t.yaml", text, &cfg), WEIR_ECONFIG);
    assert_non_null(strstr(cfg->diags.items[0].text, "too many values"));
    weir_config_free(cfg);
    free(data);
}

static void queues_and_functions_are_checked(void **state)
{
    static const row rows[] = {
        { "queues: { k: { brokers: a } }\n", "type", false, 1 },
        { "queues: { k: { type: kafk } }\n", "did you mean `kafka`?", false, 1 },
        { "queues: { k: x }\n", "", false, 1 },
        { "queues: { 'a b': { type: memory } }\n", "`a b`: 1 to 63", false, 1 },
        { "queues: { k: { type: kafka } }\n", "lacks the required key `brokers`", false,
          1 },
        { "queues: { k: { type: kafka, brokers: '' } }\n", "brokers", false, 1 },
        { "queues: { k: { type: kafka, brokers: 'a:1', properties: x } }\n",
          "`properties` takes a map of names to values, not a value", false, 1 },
        { "queues: { k: { type: kafka, brokers: 'a:1', properties: { a: [b] } } }\n",
          "`a` takes a single value, not a list", false, 1 },
        { "queues: { r: { type: redis, url: 'http://a' } }\n", "queue `r`", false, 1 },
        { "functions: { f: { libary: x } }\n", "did you mean `library`?", false, 1 },
        { "functions: { f: ~ }\n", "function `f`", false, 1 },
        { "functions: { 'a b': { library: x } }\n", "`a b`: 1 to 63", false, 1 },
    };

    (void)state;
    assert_all_say(rows, N(rows));
}

static void where_a_subscription_reads_is_checked(void **state)
{
    static const row rows[] = {
        { SUB "from: kafka }\n", "`kafka` is no address", false, 7 },
        { SUB "from: ':a' }\n", "`:a` is no address", false, 7 },
        { SUB "from: 'kafka:' }\n", "`kafka:` is no address", false, 7 },
        { SUB "from: 'kafk:a' }\n", "did you mean `kafka`?", false, 7 },
        { SUB "from: 'zzzzzzz:a' }\n", "there is no `zzzzzzz` under `queues:`", false,
          7 },
        { SUB "from: 'kafka:a b' }\n", "`kafka:a b`: ", false, 7 },
        { SUB "from: [] }\n", "`from` is an empty list", false, 7 },
        { SUB "from: {} }\n", "`from` takes a value or a list of values", false, 7 },
        { SUB "from: [[a]] }\n", "`from` takes texts in its list", false, 7 },
        { SUB "from: [''] }\n", "`from` takes texts in its list", false, 7 },
        { SUB "name: n, from: [kafka:a, kafka:a] }\n",
          "`kafka:a` stands in this list twice", false, 7 },
        { SUB "from: [kafka:a, kafka:b] }\n", "needs a `name`", false, 7 },
        { SUB "from: kafka:^a }\n", "needs a `name`", false, 7 },
        { SUB "from: kafka:a, name: 'a b' }\n", "the name `a b`", false, 7 },
        { SUB "from: 'redis:a b' }\n", "; write a `name`", false, 7 },
        { SUB "name: n, from: [kafka:a, redis:b] }\n",
          "topics and streams in one list need an `order`", false, 7 },
        { SUB "from: redis:a, order: key }\n", "`order: key` needs `single: true`",
          false, 7 },
        { SUB "from: redis:a, order: partition }\n",
          "`order: partition` needs `single: true`", false, 7 },
        { SUB "from: kafka:a, claim_after: 1m }\n",
          "`claim_after` is for redis and does nothing here", true, 7 },
        { SUB "from: redis:a, static_member: true }\n",
          "`static_member` is for kafka and does nothing here", true, 7 },
        { SUB "from: kafka:a, to: kafka:a }\n",
          "`to: kafka:a` is what this subscription reads", false, 7 },
        { SUB "from: kafka:a, dead: kafka:a }\n",
          "`dead: kafka:a` is what this subscription reads", false, 7 },
        { SUB "from: kafka:a, dead: here }\n", "`here` is no address", false, 7 },
        { SUB "from: kafka:a, to: 'k:a' }\n", "there is no `k`", false, 7 },
        { HEAD "subscriptions:\n  - { function: charge, from: kafka:a, start: erliest "
               "}\n",
          "did you mean `earliest`?", false, 7 },
        { HEAD "subscriptions:\n  - { function: charge, from: kafka:a, start: 17 }\n",
          "no time like 2026-11-20T08:00:00Z", false, 7 },
        { HEAD "subscriptions:\n  - { function: charg, from: kafka:a, start: latest "
               "}\n",
          "there is no `charg` under `functions:`; did you mean `charge`?", false, 7 },
        { HEAD "subscriptions:\n  - { function: zzzzzz, from: kafka:a, start: latest "
               "}\n",
          "there is no `zzzzzz` under `functions:`", false, 7 },
    };

    (void)state;
    assert_all_say(rows, N(rows));
}

static void rules_between_settings_are_checked(void **state)
{
    static const row rows[] = {
        { SUB "from: kafka:a, key: a }\n", "`key`: ", false, 7 },
        { SUB "from: kafka:a, key: /a }\n", "but `format` is raw", false, 7 },
        { SUB "from: kafka:a, format: json, order: none, key: /a }\n",
          "`key` does nothing without `order: key`", true, 7 },
        { SUB "from: kafka:a, filter: { exact: 1 } }\n", "filter", false, 7 },
        { SUB "from: kafka:a, filter: { exact: { /a: x } } }\n",
          "`filter` has a pointer into the decoded event", false, 7 },
        { SUB "from: kafka:a, concurrency: 2, batch: { max: 3 } }\n",
          "`batch.max` (3) is above `concurrency` (2)", false, 7 },
        { SUB "from: kafka:a, retry: { first: 2s, max: 1s } }\n",
          "`retry.first` is longer than `retry.max`", false, 7 },
        { SUB "from: kafka:a, retry: { max: 10ms } }\n",
          "`retry.first` is longer than `retry.max`", false, 7 },
        { SUB "from: kafka:a, timeout: 1h, handover: 1s }\n",
          "`timeout` is longer than `drain_timeout`", true, 7 },
        { SUB "from: kafka:a, timeout: 5s, handover: 1s }\n",
          "`timeout` is longer than `handover` (1s)", true, 7 },
        { SUB "from: kafka:a, delivery: at_most_once }\n", "LOSES EVENTS", true, 7 },
        { SUB "from: kafka:a, transaction: 1s }\n",
          "`transaction` does nothing without `delivery: exactly_once`", true, 7 },
        { SUB "from: kafka:a, delivery: exactly_once, to: redis:b }\n",
          "`to: redis:b` is not on `kafka`", false, 7 },
        { SUB "from: kafka:a, delivery: exactly_once, dead: redis:b }\n",
          "`dead: redis:b` is not on `kafka`", false, 7 },
        { SUB "name: n, order: none, from: [kafka:a, redis:b], delivery: exactly_once "
              "}\n",
          "all of `from` must be on `kafka`", false, 7 },
    };

    (void)state;
    assert_all_say(rows, N(rows));
}

static void subscriptions_are_checked_against_each_other(void **state)
{
    static const row rows[] = {
        { SUB "name: n, from: kafka:a }\n  - { function: charge, start: latest, "
              "name: n, from: redis:b }\n",
          "two subscriptions are called `n`; the other stands on line 7", false, 8 },
        { SUB "name: n, group: g, from: kafka:a }\n  - { function: charge, start: "
              "latest, name: m, group: g, from: kafka:a }\n",
          "`g`", false, 8 },
        { SUB "name: n, group: g, from: kafka:abc }\n  - { function: charge, start: "
              "latest, name: m, group: g, from: 'kafka:^ab' }\n",
          "`g`", false, 8 },
        { SUB "name: n, group: g, from: 'kafka:^ab' }\n  - { function: charge, start: "
              "latest, name: m, group: g, from: kafka:abc }\n",
          "`g`", false, 8 },
        { SUB "name: n, group: g, from: kafka:a }\n  - { function: charge, start: "
              "latest, name: m, group: g, from: kafka:b }\n",
          "`g`", true, 8 },
    };
    static const char streams[] =
        SUB "name: n, group: g, from: redis:a }\n  - { function: charge, start: "
            "latest, name: m, group: g, from: redis:b }\n";
    weir_config *cfg = NULL;

    (void)state;
    assert_all_say(rows, N(rows));
    /* A group on Redis is one of its stream. */
    assert_int_equal(weir_config_parse("t.yaml", weir_slice_of(streams), &cfg),
                     WEIR_OK);
    for (size_t i = 0; i < cfg->diags.n; i++) {
        assert_null(strstr(cfg->diags.items[i].text, "`g`"));
    }
    weir_config_free(cfg);
}

static void a_file_that_cannot_be_read_is_a_finding(void **state)
{
    weir_config *cfg = NULL;

    (void)state;
    assert_int_equal(weir_config_load("no/such/file.yaml", &cfg), WEIR_ECONFIG);
    assert_int_equal(cfg->diags.n_errors, 1);
    assert_non_null(strstr(cfg->diags.items[0].text, "No such file"));
    weir_config_free(cfg);
    assert_int_equal(weir_config_load(".", &cfg), WEIR_ECONFIG);
    assert_int_equal(cfg->diags.n_errors, 1);
    weir_config_free(cfg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_shape_of_the_file_is_checked),
        cmocka_unit_test(yaml_is_taken_at_its_word),
        cmocka_unit_test(a_list_of_merge_keys_gives_each_in_turn),
        cmocka_unit_test(a_file_that_is_too_large_is_refused),
        cmocka_unit_test(queues_and_functions_are_checked),
        cmocka_unit_test(where_a_subscription_reads_is_checked),
        cmocka_unit_test(rules_between_settings_are_checked),
        cmocka_unit_test(subscriptions_are_checked_against_each_other),
        cmocka_unit_test(a_file_that_cannot_be_read_is_a_finding),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
