/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events: who owns their bytes, where they stand, and addresses.
 */
#include "schemas/codec.h"
#include "schemas/position.h"

#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* The client's message: everything an event borrows, in one piece that can be spoilt. */
typedef struct native {
    char data[64], key[8], name[16], value[16];
    int n_freed;
} native;

static void native_free(void *msg)
{
    native *n = msg;

    n->n_freed++;
    memset(n->data, '#', sizeof(n->data));
    memset(n->key, '#', sizeof(n->key));
    memset(n->name, '#', sizeof(n->name));
    memset(n->value, '#', sizeof(n->value));
}

typedef struct fixture {
    weir_arena arena;
    weir_event ev;
    weir_header header;
    native msg;
} fixture;

static void fill(fixture *fx, weir_slice data, const char *name)
{
    memset(&fx->msg, 0, sizeof(fx->msg));
    memcpy(fx->msg.data, data.data, data.len);
    (void)strcpy(fx->msg.key, "k1");
    (void)strcpy(fx->msg.name, name);
    (void)strcpy(fx->msg.value, "order");
    fx->header = (weir_header){ fx->msg.name, weir_slice_of(fx->msg.value) };
    fx->ev.data = (weir_slice){ fx->msg.data, data.len };
    fx->ev.key = weir_slice_of(fx->msg.key);
    fx->ev.headers = &fx->header;
    fx->ev.n_headers = 1;
    fx->ev.native = &fx->msg;
    fx->ev.native_free = native_free;
}

static int setup(void **state)
{
    fixture *fx = calloc(1, sizeof(*fx));

    weir_arena_init(&fx->arena, 0);
    weir_ev_begin(&fx->ev, &fx->arena);
    *state = fx;
    return 0;
}

static int teardown(void **state)
{
    fixture *fx = *state;

    weir_ev_end(&fx->ev);
    weir_arena_fini(&fx->arena);
    free(fx);
    return 0;
}

static void assert_text(weir_slice got, const char *want)
{
    if (!weir_slice_is(got, want)) {
        fail_msg("want %s, got %.*s", want, (int)got.len, got.data);
    }
}

static void owning_copies_what_was_borrowed_and_gives_the_message_back(void **state)
{
    fixture *fx = *state;
    weir_slice value = WEIR_SLICE_NONE;

    fill(fx, WEIR_SLICE_LIT("hello"), "type");
    assert_int_equal(weir_ev_own(&fx->ev), WEIR_OK);
    assert_int_equal(fx->msg.n_freed, 1);
    assert_text(fx->ev.data, "hello");
    assert_text(fx->ev.key, "k1");
    assert_true(weir_ev_header(&fx->ev, "type", &value));
    assert_text(value, "order");

    const char *copy = fx->ev.data.data;

    assert_int_equal(weir_ev_own(&fx->ev), WEIR_OK);
    assert_ptr_equal(fx->ev.data.data, copy);
    weir_ev_end(&fx->ev);
    assert_int_equal(fx->msg.n_freed, 1);
}

/* Headers that the source leaves with the message. */
static atomic_int n_found;
static bool has_memory = true;

static bool find_header(weir_event *ev)
{
    native *msg = ev->native;

    atomic_fetch_add(&n_found, 1);
    if (!has_memory) {
        return false;
    }
    ev->late_headers = calloc(1, sizeof(*ev->late_headers));
    assert_non_null(ev->late_headers);
    ev->late_headers[0] = (weir_header){ msg->name, weir_slice_of(msg->value) };
    ev->n_headers = 1;
    return true;
}

static void fill_late(fixture *fx)
{
    fill(fx, WEIR_SLICE_LIT("hello"), "type");
    fx->ev.headers = NULL;
    fx->ev.n_headers = 0;
    fx->ev.headers_find = find_header;
    atomic_store(&fx->ev.headers_state, WEIR_HEADERS_LATE);
    atomic_store(&n_found, 0);
    has_memory = true;
}

static void late_headers_are_found_once_and_only_when_asked_for(void **state)
{
    fixture *fx = *state;
    weir_slice value = WEIR_SLICE_NONE;

    fill_late(fx);
    assert_false(weir_ev_has_looked(&fx->ev));
    assert_int_equal(atomic_load(&n_found), 0);
    assert_true(weir_ev_header(&fx->ev, "type", &value));
    assert_text(value, "order");
    assert_true(weir_ev_has_looked(&fx->ev));
    assert_false(weir_ev_header(&fx->ev, "other", &value));
    assert_int_equal(atomic_load(&n_found), 1);
}

static void late_headers_survive_owning(void **state)
{
    fixture *fx = *state;
    weir_slice value = WEIR_SLICE_NONE;

    fill_late(fx);
    assert_int_equal(weir_ev_own(&fx->ev), WEIR_OK);
    assert_int_equal(fx->msg.n_freed, 1);
    assert_true(weir_ev_header(&fx->ev, "type", &value));
    assert_text(value, "order");
    assert_int_equal(atomic_load(&n_found), 1);
}

static void late_headers_are_asked_for_again_after_a_lack_of_memory(void **state)
{
    fixture *fx = *state;
    weir_slice value = WEIR_SLICE_NONE;

    fill_late(fx);
    has_memory = false;
    assert_false(weir_ev_look(&fx->ev));
    assert_false(weir_ev_header(&fx->ev, "type", &value));
    assert_int_equal(weir_ev_own(&fx->ev), WEIR_ENOMEM);
    assert_int_equal(fx->msg.n_freed, 0);
    has_memory = true;
    assert_true(weir_ev_header(&fx->ev, "type", &value));
    assert_text(value, "order");
}

static void *ask_header(void *arg)
{
    fixture *fx = arg;
    weir_slice value = WEIR_SLICE_NONE;

    return weir_ev_header(&fx->ev, "type", &value) ? fx : NULL;
}

static void late_headers_are_found_once_where_many_threads_ask(void **state)
{
    enum { THREADS = 4, ROUNDS = 200 };
    fixture *fx = *state;

    for (int round = 0; round < ROUNDS; round++) {
        pthread_t threads[THREADS];

        weir_ev_end(&fx->ev);
        weir_ev_begin(&fx->ev, &fx->arena);
        fill_late(fx);
        for (int i = 0; i < THREADS; i++) {
            assert_int_equal(pthread_create(&threads[i], NULL, ask_header, fx), 0);
        }
        for (int i = 0; i < THREADS; i++) {
            void *found = NULL;

            pthread_join(threads[i], &found);
            assert_ptr_equal(found, fx);
        }
        assert_int_equal(atomic_load(&n_found), 1);
    }
}

static void owning_keeps_absent_apart_from_empty(void **state)
{
    fixture *fx = *state;

    fill(fx, WEIR_SLICE_LIT(""), "type");
    fx->ev.key = WEIR_SLICE_NONE;
    fx->header.value = WEIR_SLICE_NONE;
    assert_int_equal(weir_ev_own(&fx->ev), WEIR_OK);
    assert_non_null(fx->ev.data.data);
    assert_int_equal(fx->ev.data.len, 0);
    assert_null(fx->ev.key.data);
    assert_null(fx->ev.headers[0].value.data);
}

static void a_json_value_survives_owning(void **state)
{
    fixture *fx = *state;
    weir_slice name = WEIR_SLICE_NONE;

    fill(fx, WEIR_SLICE_LIT("{\"name\":\"anna\"}"), "type");
    assert_int_equal(weir_codec_json.decode(&fx->ev, NULL), WEIR_OK);
    assert_int_equal(weir_ev_own(&fx->ev), WEIR_OK);
    assert_true(fx->ev.is_decoded);
    assert_true(weir_val_string(weir_val_at(fx->ev.value, "/name"), &name));
    assert_text(name, "anna");
    assert_text(fx->ev.payload, "{\"name\":\"anna\"}");
}

static void a_value_that_borrows_is_dropped_and_decodes_again(void **state)
{
    fixture *fx = *state;
    weir_slice name = WEIR_SLICE_NONE;

    fill(fx,
         WEIR_SLICE_LIT("\x81\xA4name\xA4"
                        "anna"),
         "type");
    assert_int_equal(weir_codec_msgpack.decode(&fx->ev, NULL), WEIR_OK);
    assert_true(fx->ev.value_borrows);
    assert_int_equal(weir_ev_own(&fx->ev), WEIR_OK);
    assert_false(fx->ev.is_decoded);
    assert_null(fx->ev.value);
    assert_int_equal(weir_codec_msgpack.decode(&fx->ev, NULL), WEIR_OK);
    assert_true(weir_val_string(weir_val_at(fx->ev.value, "/name"), &name));
    assert_text(name, "anna");
}

static void attributes_move_with_their_headers(void **state)
{
    fixture *fx = *state;
    weir_header all[4] = { { "ce_specversion", WEIR_SLICE_LIT("1.0") },
                           { "ce_id", WEIR_SLICE_LIT("1") },
                           { "ce_source", WEIR_SLICE_LIT("s") } };

    fill(fx, WEIR_SLICE_LIT("hello"), "ce_type");
    all[3] = fx->header;
    fx->ev.headers = all;
    fx->ev.n_headers = 4;
    assert_int_equal(weir_codec_cloudevents.decode(&fx->ev, NULL), WEIR_OK);
    assert_int_equal(weir_ev_own(&fx->ev), WEIR_OK);
    assert_text(weir_ev_attr(&fx->ev, "type"), "order");
    assert_text(fx->ev.payload, "hello");
}

static void an_attribute_made_of_two_headers_moves_with_both(void **state)
{
    fixture *fx = *state;
    weir_header all[] = { { "specversion", WEIR_SLICE_LIT("1.0") },
                          { "id", WEIR_SLICE_LIT("1") },
                          { "source", WEIR_SLICE_LIT("s") },
                          { "type", WEIR_SLICE_LIT("t") },
                          { NULL, WEIR_SLICE_NONE } };

    fill(fx, WEIR_SLICE_LIT("hello"), "type");
    all[4] = (weir_header){ "type", fx->header.value };
    all[3].name = fx->msg.name;
    fx->ev.headers = all;
    fx->ev.n_headers = 5;
    fx->ev.is_redis = true;
    assert_int_equal(weir_codec_cloudevents.decode(&fx->ev, NULL), WEIR_OK);
    assert_int_equal(weir_ev_own(&fx->ev), WEIR_OK);
    assert_text(weir_ev_attr(&fx->ev, "type"), "order");
}

static void headers_of_its_own_stay_where_they_are(void **state)
{
    fixture *fx = *state;
    static const weir_header all[] = { { "ce_specversion", WEIR_SLICE_LIT("1.0") },
                                       { "ce_id", WEIR_SLICE_LIT("1") },
                                       { "ce_source", WEIR_SLICE_LIT("s") },
                                       { "ce_type", WEIR_SLICE_LIT("order") } };

    fill(fx, WEIR_SLICE_LIT("hello"), "unused");
    fx->ev.headers = weir_arena_alloc(&fx->arena, sizeof(all));
    memcpy(fx->ev.headers, all, sizeof(all));
    fx->ev.n_headers = 4;
    fx->ev.has_own_headers = true;
    assert_int_equal(weir_codec_cloudevents.decode(&fx->ev, NULL), WEIR_OK);
    assert_int_equal(weir_ev_own(&fx->ev), WEIR_OK);
    assert_int_equal(fx->msg.n_freed, 1);
    assert_ptr_equal(fx->ev.headers[3].value.data, all[3].value.data);
    assert_text(weir_ev_attr(&fx->ev, "type"), "order");
    assert_text(fx->ev.payload, "hello");
    assert_text(fx->ev.data, "hello");
    assert_text(fx->ev.key, "k1");
}

static void what_is_forgotten_is_decoded_again(void **state)
{
    fixture *fx = *state;

    fill(fx, WEIR_SLICE_LIT("{\"a\":1}"), "h");
    assert_int_equal(weir_codec_json.decode(&fx->ev, NULL), WEIR_OK);
    weir_ev_forget(&fx->ev);
    assert_null(fx->ev.value);
    assert_null(fx->ev.payload.data);
    assert_int_equal(weir_codec_json.decode(&fx->ev, NULL), WEIR_OK);
    assert_int_equal(weir_val_size(fx->ev.value), 1);
}

static void the_last_header_of_a_name_counts(void **state)
{
    fixture *fx = *state;
    weir_header all[] = { { "a", WEIR_SLICE_LIT("1") },
                          { "b", WEIR_SLICE_LIT("2") },
                          { "a", WEIR_SLICE_LIT("3") } };
    weir_slice value = WEIR_SLICE_NONE;

    fx->ev.headers = all;
    fx->ev.n_headers = 3;
    assert_true(weir_ev_header(&fx->ev, "a", &value));
    assert_text(value, "3");
    assert_false(weir_ev_header(&fx->ev, "c", &value));
}

static void a_fault_has_a_text_of_bounded_length(void **state)
{
    fixture *fx = *state;
    char big[3000];

    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    weir_ev_fault(&fx->ev, WEIR_FAULT_TOO_LARGE, "%s", big);
    assert_int_equal(fx->ev.fault, WEIR_FAULT_TOO_LARGE);
    assert_int_equal(strlen(fx->ev.fault_text), 1000);
}

static void positions_are_written_as_the_queue_writes_them(void **state)
{
    static const struct {
        const char *where;
        weir_pos pos;
        bool is_redis;
        const char *want;
    } rows[] = {
        { "kafka:orders/3@", { 1042, 0 }, false, "kafka:orders/3@1042" },
        { "kafka:orders/0@", { 0, 0 }, false, "kafka:orders/0@0" },
        { "kafka:o/0@", { INT64_MAX, 0 }, false, "kafka:o/0@9223372036854775807" },
        { "redis:orders@", { 1700000000000, 7 }, true, "redis:orders@1700000000000-7" },
        { "redis:o@",
          { UINT64_MAX, UINT64_MAX },
          true,
          "redis:o@18446744073709551615-18446744073709551615" },
        { "kafka:a.topic.with.a.name.that.does.not.fit.into.sixty-four.bytes.at.all/"
          "12@",
          { 99, 0 },
          false,
          "kafka:a.topic.with.a.name.that.does.not.fit.into.sixty-four.bytes.at.all/"
          "12@99" },
    };
    fixture *fx = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        weir_ev_end(&fx->ev);
        weir_ev_begin(&fx->ev, &fx->arena);
        fx->ev.where = weir_slice_of(rows[i].where);
        fx->ev.receipt.pos = rows[i].pos;
        fx->ev.is_redis = rows[i].is_redis;
        assert_text(weir_ev_position(&fx->ev), rows[i].want);
        assert_int_equal(strlen(weir_ev_position(&fx->ev).data), strlen(rows[i].want));
    }
}

static void *ask_position(void *arg)
{
    return (void *)(uintptr_t)weir_ev_position(arg).data;
}

static void a_position_is_made_once_for_all_threads(void **state)
{
    fixture *fx = *state;

    for (int round = 0; round < 200; round++) {
        pthread_t threads[4];
        void *first = NULL;

        weir_ev_end(&fx->ev);
        weir_ev_begin(&fx->ev, &fx->arena);
        fx->ev.where = WEIR_SLICE_LIT(
            "kafka:a.topic.name.that.needs.a.piece.of.the.heap.for.sure/1@");
        for (size_t i = 0; i < 4; i++) {
            assert_int_equal(pthread_create(&threads[i], NULL, ask_position, &fx->ev),
                             0);
        }
        for (size_t i = 0; i < 4; i++) {
            void *got = NULL;

            assert_int_equal(pthread_join(threads[i], &got), 0);
            first = i == 0 ? got : first;
            assert_ptr_equal(got, first);
        }
    }
}

static void numbers_are_written_at_every_length(void **state)
{
    char got[WEIR_POS_TEXT_MAX];
    char want[32];
    uint64_t v = 1;

    (void)state;
    for (int i = 0; i < 20; i++, v *= 10) {
        for (int d = -1; d <= 1; d++) {
            size_t len = weir_u64_format(v + (uint64_t)(int64_t)d, got);

            got[len] = '\0';
            (void)snprintf(want, sizeof(want), "%" PRIu64, v + (uint64_t)(int64_t)d);
            assert_string_equal(got, want);
        }
    }
}

static void addresses_are_taken_apart(void **state)
{
    static const struct {
        const char *text, *queue, *topic;
        int partition;
        bool has_pos, is_id;
        uint64_t hi, lo;
    } rows[] = {
        { "kafka:orders", "kafka", "orders", -1, false, false, 0, 0 },
        { "kafka:orders/3", "kafka", "orders", 3, false, false, 0, 0 },
        { "kafka:orders/3@1042", "kafka", "orders", 3, true, false, 1042, 0 },
        { "kafka:a.b_c-d/0@0", "kafka", "a.b_c-d", 0, true, false, 0, 0 },
        { "redis:orders@1700000000000-0", "redis", "orders", -1, true, true,
          1700000000000, 0 },
        { "redis:a@b@5-6", "redis", "a@b", -1, true, true, 5, 6 },
        { "redis:{user}:a b", "redis", "{user}:a b", -1, false, false, 0, 0 },
        { "redis:user@home", "redis", "user@home", -1, false, false, 0, 0 },
        { "redis:a/3@5-6", "redis", "a/3", -1, true, true, 5, 6 },
        { "redis:s@18446744073709551615-18446744073709551615", "redis", "s", -1, true,
          true, UINT64_MAX, UINT64_MAX },
        { "file:dir/7", "file", "dir/7", -1, false, false, 0, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        weir_address addr;
        weir_err err = { 0 };

        if (weir_address_parse(rows[i].text, &addr, &err) != WEIR_OK) {
            fail_msg("%s: %s", rows[i].text, err.text);
        }
        assert_string_equal(addr.queue, rows[i].queue);
        assert_string_equal(addr.topic, rows[i].topic);
        assert_int_equal(addr.partition, rows[i].partition);
        assert_int_equal(addr.has_pos, rows[i].has_pos);
        assert_int_equal(addr.is_id, rows[i].is_id);
        assert_true(addr.pos.hi == rows[i].hi && addr.pos.lo == rows[i].lo);
    }
}

static void bad_addresses_are_refused(void **state)
{
    static const char *const rows[] = {
        "",
        "orders",
        ":orders",
        "kafka:",
        "kafka:@5",
        "ka fka:orders",
        "kafka:orders@",
        "kafka:orders/3@12x",
        "kafka:orders/3@01",
        "redis:s@1-",
        "redis:s@1-2-3",
        "kafka:o/1@9223372036854775808",
        "redis:s@18446744073709551616-0",
        "redis:s@1-99999999999999999999999",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        weir_address addr;
        weir_err err = { 0 };

        if (weir_address_parse(rows[i], &addr, &err) != WEIR_EINVAL) {
            fail_msg("\"%s\" was taken", rows[i]);
        }
        assert_non_null(strstr(err.text, "address"));
    }
}

static void positions_read_back_as_they_were_written(void **state)
{
    static const uint64_t numbers[] = { 0, 1, 9, 10, 99, 100, 12345678, INT64_MAX };
    fixture *fx = *state;

    for (size_t i = 0; i < 8 * 2; i++) {
        weir_address addr;

        weir_ev_end(&fx->ev);
        weir_ev_begin(&fx->ev, &fx->arena);
        fx->ev.is_redis = i >= 8;
        fx->ev.where = i >= 8 ? WEIR_SLICE_LIT("redis:st@re/1am@")
                              : WEIR_SLICE_LIT("kafka:orders/7@");
        fx->ev.receipt.pos =
            (weir_pos){ numbers[i % 8], i >= 8 ? numbers[7 - i % 8] : 0 };
        assert_int_equal(
            weir_address_parse(weir_ev_position(&fx->ev).data, &addr, NULL), WEIR_OK);
        assert_true(addr.has_pos);
        assert_int_equal(addr.is_id, i >= 8);
        assert_int_equal(weir_pos_cmp(addr.pos, fx->ev.receipt.pos), 0);
        assert_string_equal(addr.topic, i >= 8 ? "st@re/1am" : "orders");
        assert_int_equal(addr.partition, i >= 8 ? -1 : 7);
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* Counts what it is given back, and how often; the owner is the counter. */
typedef struct owner {
    size_t n, n_calls, sum;
} owner;

static void owner_take(void *arg, void *const *natives, size_t n)
{
    owner *o = arg;

    o->n += n;
    o->n_calls++;
    for (size_t i = 0; i < n; i++) {
        o->sum += *(const size_t *)natives[i];
    }
}

static void messages_are_given_back_together_each_once(void **state)
{
    enum { MANY = 150 };
    fixture *fx = *state;
    owner first = { 0 }, second = { 0 };
    size_t msgs[MANY + 1], sum = 0;
    weir_ev_natives natives = { 0 };

    for (size_t i = 0; i <= MANY; i++) {
        msgs[i] = i + 1;
        sum += i < MANY ? i + 1 : 0;
        weir_ev_begin(&fx->ev, &fx->arena);
        fx->ev.native = &msgs[i];
        fx->ev.native_owner = i < MANY ? &first : &second;
        fx->ev.natives_free = owner_take;
        weir_ev_end_into(&fx->ev, &natives);
        weir_ev_end(&fx->ev); /* nothing is left in it */
    }
    assert_int_equal(first.n, MANY); /* another owner's ends the batch */
    assert_int_equal(first.sum, sum);
    assert_in_range(first.n_calls, 2, 5);
    assert_int_equal(second.n, 0);
    weir_ev_natives_flush(&natives);
    weir_ev_natives_flush(&natives);
    assert_int_equal(second.n, 1);
    assert_int_equal(second.n_calls, 1);
}

static void owning_gives_back_to_an_owner_too(void **state)
{
    fixture *fx = *state;
    owner o = { 0 };
    size_t msg = 7;

    fx->ev.data = WEIR_SLICE_LIT("abc");
    fx->ev.native = &msg;
    fx->ev.native_owner = &o;
    fx->ev.natives_free = owner_take;
    assert_int_equal(weir_ev_own(&fx->ev), WEIR_OK);
    assert_int_equal(o.n, 1);
    assert_int_equal(o.sum, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(owning_copies_what_was_borrowed_and_gives_the_message_back),
        T(late_headers_are_found_once_and_only_when_asked_for),
        T(late_headers_survive_owning),
        T(late_headers_are_asked_for_again_after_a_lack_of_memory),
        T(late_headers_are_found_once_where_many_threads_ask),
        T(owning_keeps_absent_apart_from_empty),
        T(messages_are_given_back_together_each_once),
        T(owning_gives_back_to_an_owner_too),
        T(a_json_value_survives_owning),
        T(a_value_that_borrows_is_dropped_and_decodes_again),
        T(attributes_move_with_their_headers),
        T(an_attribute_made_of_two_headers_moves_with_both),
        T(headers_of_its_own_stay_where_they_are),
        T(what_is_forgotten_is_decoded_again),
        T(the_last_header_of_a_name_counts),
        T(a_fault_has_a_text_of_bounded_length),
        T(positions_are_written_as_the_queue_writes_them),
        T(a_position_is_made_once_for_all_threads),
        T(numbers_are_written_at_every_length),
        T(addresses_are_taken_apart),
        T(bad_addresses_are_refused),
        T(positions_read_back_as_they_were_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
