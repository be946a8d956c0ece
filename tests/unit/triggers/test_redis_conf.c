/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* test_redis_conf - urls, nodes and limits as people write them. */
#include "triggers/redis_conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

static void a_url_names_host_port_and_database(void **state)
{
    static const struct {
        const char *url, *host, *port;
        int db;
        bool is_tls, is_unix;
    } good[] = {
        { "redis://localhost", "localhost", "6379", 0, false, false },
        { "redis://localhost/", "localhost", "6379", 0, false, false },
        { "redis://10.0.0.1:7000/3", "10.0.0.1", "7000", 3, false, false },
        { "rediss://cache.example.com:6380", "cache.example.com", "6380", 0, true,
          false },
        { "redis://[::1]:6379/1", "::1", "6379", 1, false, false },
        { "unix:///run/redis.sock", "/run/redis.sock", "", 0, false, true },
        { "unix:///run/redis.sock?db=2", "/run/redis.sock", "", 2, false, true },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        weir_redis_place place;
        weir_err err = { 0 };

        assert_int_equal(weir_redis_url_parse(good[i].url, &place, &err), WEIR_OK);
        assert_string_equal(place.host, good[i].host);
        assert_string_equal(place.port, good[i].port);
        assert_int_equal(place.db, good[i].db);
        assert_int_equal(place.is_tls, good[i].is_tls);
        assert_int_equal(place.is_unix, good[i].is_unix);
    }
}

static void a_wrong_url_is_refused_with_a_text(void **state)
{
    static const char *const wrong[] = {
        "",
        "localhost:6379",
        "http://localhost",
        "redis://",
        "redis://:6379",
        "redis://h:0",
        "redis://h:70000",
        "redis://h:x",
        "redis://h/x",
        "redis://h/1/2",
        "redis://[::1",
        "redis://user:secret@h",
        "unix://relative",
        "unix:///s?x=1",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        weir_redis_place place;
        weir_err err = { 0 };

        assert_int_equal(weir_redis_url_parse(wrong[i], &place, &err), WEIR_ECONFIG);
        assert_true(err.text[0] != '\0');
        assert_null(strstr(err.text, "secret"));
    }
}

static void a_limit_is_a_number_with_or_without_a_tilde(void **state)
{
    bool is_approx;
    uint64_t n;

    (void)state;
    assert_int_equal(weir_redis_maxlen_parse("~1000", &is_approx, &n, NULL), WEIR_OK);
    assert_true(is_approx);
    assert_int_equal(n, 1000);
    assert_int_equal(weir_redis_maxlen_parse("7", &is_approx, &n, NULL), WEIR_OK);
    assert_false(is_approx);
    assert_int_equal(weir_redis_maxlen_parse("", &is_approx, &n, NULL), WEIR_ECONFIG);
    assert_int_equal(weir_redis_maxlen_parse("~", &is_approx, &n, NULL), WEIR_ECONFIG);
    assert_int_equal(weir_redis_maxlen_parse("-5", &is_approx, &n, NULL), WEIR_ECONFIG);
    assert_int_equal(weir_redis_maxlen_parse("10k", &is_approx, &n, NULL),
                     WEIR_ECONFIG);
}

static void settings_that_need_each_other_are_checked(void **state)
{
    char url[] = "redis://localhost";
    char word[] = "word";
    weir_redis_queue queue = { .url = url };

    (void)state;
    assert_int_equal(weir_redis_conf_check(&queue, NULL), WEIR_OK);
    queue.user = word;
    assert_int_equal(weir_redis_conf_check(&queue, NULL), WEIR_ECONFIG);
    queue.password = word;
    assert_int_equal(weir_redis_conf_check(&queue, NULL), WEIR_OK);
    queue.tls.cert_file = word;
    assert_int_equal(weir_redis_conf_check(&queue, NULL), WEIR_ECONFIG);
    queue.tls.key_file = word;
    assert_int_equal(weir_redis_conf_check(&queue, NULL), WEIR_OK);
    queue.sentinel.master = word;
    assert_int_equal(weir_redis_conf_check(&queue, NULL), WEIR_ECONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_names_host_port_and_database),
        cmocka_unit_test(a_wrong_url_is_refused_with_a_text),
        cmocka_unit_test(a_limit_is_a_number_with_or_without_a_tilde),
        cmocka_unit_test(settings_that_need_each_other_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
