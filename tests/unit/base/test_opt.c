/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings by tables of rows.
 */
#include "worker/base/opt.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants these before it */
#include <cmocka.h>

typedef struct inner {
    int64_t wait_us;
} inner;

typedef struct conf {
    char *name;
    char *password;
    bool is_on;
    int64_t n;
    uint64_t bytes;
    int64_t timeout_us;
    int order;
    weir_opt_map props;
    weir_opt_list topics;
    char *tree;
    inner group;
} conf;

static const char *const orders[] = { "none", "partition", "key", NULL };

static const weir_opt inner_rows[] = {
    { .name = "wait",
      .type = WEIR_OPT_DURATION,
      .offset = offsetof(inner, wait_us),
      .def = "5ms" },
    { 0 },
};

static const weir_opt rows[] = {
    { .name = "name",
      .type = WEIR_OPT_STRING,
      .offset = offsetof(conf, name),
      .def = "x" },
    { .name = "password", .type = WEIR_OPT_SECRET, .offset = offsetof(conf, password) },
    { .name = "on",
      .type = WEIR_OPT_BOOL,
      .offset = offsetof(conf, is_on),
      .def = "true" },
    { .name = "concurrency",
      .type = WEIR_OPT_INT,
      .offset = offsetof(conf, n),
      .def = "16",
      .min = 1,
      .max = 1024 },
    { .name = "max_bytes",
      .type = WEIR_OPT_SIZE,
      .offset = offsetof(conf, bytes),
      .def = "128MiB",
      .min = 1024 },
    { .name = "timeout",
      .type = WEIR_OPT_DURATION,
      .offset = offsetof(conf, timeout_us),
      .def = "20s",
      .min = 1000,
      .max = 3600000000 },
    { .name = "order",
      .type = WEIR_OPT_ENUM,
      .offset = offsetof(conf, order),
      .def = "key",
      .words = orders },
    { .name = "properties", .type = WEIR_OPT_MAP, .offset = offsetof(conf, props) },
    { .name = "from", .type = WEIR_OPT_LIST, .offset = offsetof(conf, topics) },
    { .name = "config", .type = WEIR_OPT_TREE, .offset = offsetof(conf, tree) },
    { .name = "batch",
      .type = WEIR_OPT_GROUP,
      .offset = offsetof(conf, group),
      .rows = inner_rows },
    { 0 },
};

static weir_status set(conf *c, const char *name, const char *text, weir_err *err)
{
    const weir_opt *row = weir_opt_find(rows, name);

    assert_non_null(row);
    return weir_opt_set(row, c, text, err);
}

static void defaults_reach_nested_groups(void **state)
{
    conf c = { 0 };

    (void)state;
    assert_int_equal(weir_opt_defaults(rows, &c, NULL), WEIR_OK);
    assert_string_equal(c.name, "x");
    assert_null(c.password);
    assert_true(c.is_on);
    assert_int_equal(c.n, 16);
    assert_int_equal(c.bytes, 128 << 20);
    assert_int_equal(c.timeout_us, 20000000);
    assert_int_equal(c.order, 2);
    assert_int_equal(c.group.wait_us, 5000);
    weir_opt_fini(rows, &c);
    assert_null(c.name);
}

static void a_value_is_given_as_it_would_be_written(void **state)
{
    static const char *const want[][2] = {
        { "name", "x" },           { "on", "true" },     { "concurrency", "16" },
        { "max_bytes", "128MiB" }, { "timeout", "20s" }, { "order", "key" },
    };
    conf c = { 0 };
    char out[64];
    const char *text;

    (void)state;
    assert_int_equal(weir_opt_defaults(rows, &c, NULL), WEIR_OK);
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        assert_true(
            weir_opt_get(weir_opt_find(rows, want[i][0]), &c, out, sizeof(out), &text));
        assert_string_equal(text, want[i][1]);
    }
    assert_false(
        weir_opt_get(weir_opt_find(rows, "password"), &c, out, sizeof(out), &text));
    assert_int_equal(set(&c, "password", "geheim", NULL), WEIR_OK);
    assert_true(
        weir_opt_get(weir_opt_find(rows, "password"), &c, out, sizeof(out), &text));
    assert_string_equal(text, "****");
    assert_string_equal(c.password, "geheim");
    weir_opt_fini(rows, &c);
}

static void a_wrong_value_is_refused_with_what_is_accepted(void **state)
{
    static const struct {
        const char *name, *text, *error;
    } cases[] = {
        { "concurrency", "0",
          "concurrency: expected a whole number, from 1 to 1024, not \"0\"" },
        { "concurrency", "1025",
          "concurrency: expected a whole number, from 1 to 1024, not \"1025\"" },
        { "concurrency", "1x",
          "concurrency: expected a whole number, from 1 to 1024, not \"1x\"" },
        { "concurrency", "99999999999999999999",
          "concurrency: expected a whole number, from 1 to 1024, not "
          "\"99999999999999999999\"" },
        { "max_bytes", "1B",
          "max_bytes: expected a size such as 500, 64KiB, 10MB or 1GiB, at least 1KiB, "
          "not \"1B\"" },
        { "timeout", "2h",
          "timeout: expected a duration such as 250ms, 5s, 2m or 1h, from 1ms to 1h, "
          "not \"2h\"" },
        { "order", "keys", "order: expected none, partition or key, not \"keys\"" },
        { "on", "yes", "on: expected true or false, not \"yes\"" },
        { "properties", "x", "properties: one value alone cannot be set here" },
    };
    conf c = { 0 };
    weir_err err;

    (void)state;
    assert_int_equal(weir_opt_defaults(rows, &c, NULL), WEIR_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(set(&c, cases[i].name, cases[i].text, &err), WEIR_ECONFIG);
        assert_string_equal(err.text, cases[i].error);
    }
    assert_int_equal(c.n, 16);
    weir_opt_fini(rows, &c);
}

static void whole_numbers_reach_both_ends(void **state)
{
    const weir_opt row = { .name = "n",
                           .type = WEIR_OPT_INT,
                           .offset = offsetof(conf, n) };
    conf c = { 0 };

    (void)state;
    assert_int_equal(weir_opt_set(&row, &c, "-9223372036854775808", NULL), WEIR_OK);
    assert_true(c.n == INT64_MIN);
    assert_int_equal(weir_opt_set(&row, &c, "9223372036854775807", NULL), WEIR_OK);
    assert_true(c.n == INT64_MAX);
    assert_int_equal(weir_opt_set(&row, &c, "9223372036854775808", NULL), WEIR_ECONFIG);
    assert_int_equal(weir_opt_set(&row, &c, "-0", NULL), WEIR_OK);
    assert_int_equal(c.n, 0);
}

static void the_nearest_name_is_found_within_a_third_of_its_length(void **state)
{
    (void)state;
    assert_string_equal(weir_opt_nearest(rows, "concurency"), "concurrency");
    assert_string_equal(weir_opt_nearest(rows, "tiemout"), "timeout");
    assert_string_equal(weir_opt_nearest(rows, "form"), "from");
    assert_null(weir_opt_nearest(rows, "colour"));
    assert_null(weir_opt_nearest(rows, ""));
    assert_string_equal(weir_word_nearest(orders, "keys"), "key");
    assert_null(weir_word_nearest(orders, "x"));
}

static void maps_and_lists_own_copies(void **state)
{
    conf c = { 0 };
    char name[] = "acks";
    char value[] = "all";

    (void)state;
    assert_true(weir_opt_map_add(&c.props, name, value));
    assert_true(weir_opt_map_add(&c.props, "linger.ms", "5"));
    name[0] = 'x';
    value[0] = 'x';
    assert_string_equal(weir_opt_map_get(&c.props, "acks"), "all");
    assert_null(weir_opt_map_get(&c.props, "xcks"));
    assert_true(weir_opt_map_add(&c.props, "acks", "1"));
    assert_string_equal(weir_opt_map_get(&c.props, "acks"), "1");
    assert_true(weir_opt_list_add(&c.topics, "orders"));
    assert_string_equal(c.topics.items[0], "orders");
    weir_opt_fini(rows, &c);
    assert_int_equal(c.props.n, 0);
    assert_int_equal(c.topics.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_reach_nested_groups),
        cmocka_unit_test(a_value_is_given_as_it_would_be_written),
        cmocka_unit_test(a_wrong_value_is_refused_with_what_is_accepted),
        cmocka_unit_test(whole_numbers_reach_both_ends),
        cmocka_unit_test(the_nearest_name_is_found_within_a_third_of_its_length),
        cmocka_unit_test(maps_and_lists_own_copies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
