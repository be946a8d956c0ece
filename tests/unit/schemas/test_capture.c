/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of events: what is written is read, and damage is named.
 */
#include "schemas/capture.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants these before it */
#include <cmocka.h>

#include <unistd.h>

typedef struct files {
    char folder[64];
    char path[96];
    weir_arena arena;
} files;

static int files_setup(void **state)
{
    files *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    (void)snprintf(f->folder, sizeof(f->folder), "weir-capture-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    (void)snprintf(f->path, sizeof(f->path), "%s/a.weir", f->folder);
    weir_arena_init(&f->arena, 0);
    *state = f;
    return 0;
}

static int files_teardown(void **state)
{
    files *f = *state;

    (void)unlink(f->path);
    (void)rmdir(f->folder);
    weir_arena_fini(&f->arena);
    free(f);
    return 0;
}

static void write_n(files *f, int from, int n)
{
    weir_capture_writer *w = NULL;
    weir_err err;

    assert_int_equal(weir_capture_create(f->path, &w, &err), WEIR_OK);
    for (int i = from; i < from + n; i++) {
        char data[32];

        (void)snprintf(data, sizeof(data), "event %d", i);

        const weir_capture_record rec = { .partition = -1,
                                          .time_ms = i,
                                          .data = weir_slice_of(data) };

        assert_int_equal(weir_capture_write(w, &rec, &err), WEIR_OK);
    }
    assert_int_equal(weir_capture_flush(w, true, &err), WEIR_OK);
    assert_int_equal(weir_capture_end(w, &err), WEIR_OK);
}

/* Reads all; *st is how it ended. Asserts that the times count from 0. */
static int count(files *f, weir_status *st, bool *is_cut, weir_err *err)
{
    weir_capture_reader *r = NULL;
    weir_capture_record rec;
    int n = 0;

    assert_int_equal(weir_capture_open(f->path, &r, err), WEIR_OK);
    while ((*st = weir_capture_read(r, &f->arena, &rec, err)) == WEIR_OK) {
        assert_int_equal(rec.time_ms, n);
        n++;
    }
    *is_cut = weir_capture_is_cut(r);
    weir_capture_close(r);
    return n;
}

static long file_size(const files *f)
{
    FILE *file = fopen(f->path, "rb");

    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);

    long size = ftell(file);

    assert_int_equal(fclose(file), 0);
    return size;
}

static void flip(const files *f, long at)
{
    FILE *file = fopen(f->path, "r+b");

    assert_non_null(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);

    int c = fgetc(file);

    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    assert_int_not_equal(fputc(c ^ 0x55, file), EOF);
    assert_int_equal(fclose(file), 0);
}

static void an_event_is_read_as_it_was_written(void **state)
{
    files *f = *state;
    weir_capture_writer *w = NULL;
    weir_capture_reader *r = NULL;
    weir_capture_record got;
    weir_err err;
    char large[70000];
    const weir_header headers[] = { { "a", WEIR_SLICE_LIT("1") },
                                    { "a", WEIR_SLICE_NONE },
                                    { "b", WEIR_SLICE_LIT("") } };

    memset(large, 'x', sizeof(large));

    const weir_capture_record want = { .position =
                                           WEIR_SLICE_LIT("kafka:orders/3@1042"),
                                       .topic = "orders",
                                       .partition = 3,
                                       .key = WEIR_SLICE_LIT("k\0ey"),
                                       .data = { large, sizeof(large) },
                                       .headers = headers,
                                       .n_headers = 3,
                                       .time_ms = -5,
                                       .result_to = "kafka:receipts",
                                       .result = WEIR_SLICE_LIT("r") };

    assert_int_equal(weir_capture_create(f->path, &w, &err), WEIR_OK);
    assert_int_equal(weir_capture_write(w, &want, &err), WEIR_OK);
    assert_int_equal(weir_capture_end(w, &err), WEIR_OK);
    assert_int_equal(weir_capture_open(f->path, &r, &err), WEIR_OK);
    assert_string_equal(weir_capture_version(r), WEIR_VERSION);
    assert_int_equal(weir_capture_read(r, &f->arena, &got, &err), WEIR_OK);
    assert_true(weir_slice_eq(got.position, want.position));
    assert_string_equal(got.topic, "orders");
    assert_int_equal(got.partition, 3);
    assert_true(weir_slice_eq(got.key, want.key));
    assert_true(weir_slice_eq(got.data, want.data));
    assert_int_equal(got.n_headers, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(got.headers[i].name, headers[i].name);
        assert_true(weir_slice_eq(got.headers[i].value, headers[i].value));
    }
    assert_int_equal(got.time_ms, -5);
    assert_string_equal(got.result_to, "kafka:receipts");
    assert_true(weir_slice_eq(got.result, want.result));
    assert_int_equal(weir_capture_read(r, &f->arena, &got, &err), WEIR_ECLOSED);
    assert_false(weir_capture_is_cut(r));
    weir_capture_close(r);
}

static void what_is_absent_stays_absent(void **state)
{
    files *f = *state;
    weir_capture_writer *w = NULL;
    weir_capture_reader *r = NULL;
    const weir_capture_record want = { .partition = -1, .time_ms = -1 };
    weir_capture_record got;

    assert_int_equal(weir_capture_create(f->path, &w, NULL), WEIR_OK);
    assert_int_equal(weir_capture_write(w, &want, NULL), WEIR_OK);
    assert_int_equal(weir_capture_end(w, NULL), WEIR_OK);
    assert_int_equal(weir_capture_open(f->path, &r, NULL), WEIR_OK);
    assert_int_equal(weir_capture_read(r, &f->arena, &got, NULL), WEIR_OK);
    assert_null(got.data.data);
    assert_null(got.key.data);
    assert_null(got.position.data);
    assert_null(got.topic);
    assert_null(got.result_to);
    assert_int_equal(got.partition, -1);
    assert_int_equal(got.time_ms, -1);
    weir_capture_close(r);
}

static void a_file_cut_anywhere_is_read_to_its_last_whole_event(void **state)
{
    files *f = *state;
    weir_status st;
    weir_err err;
    bool is_cut;

    write_n(f, 0, 3);

    long whole = file_size(f);

    write_n(f, 3, 1);
    for (long size = file_size(f) - 1; size > whole; size--) {
        assert_int_equal(truncate(f->path, size), 0);
        assert_int_equal(count(f, &st, &is_cut, &err), 3);
        assert_int_equal(st, WEIR_ECLOSED);
        assert_true(is_cut);
    }
}

static void writing_goes_on_behind_the_last_whole_event(void **state)
{
    files *f = *state;
    weir_status st;
    weir_err err;
    bool is_cut;

    write_n(f, 0, 4);
    assert_int_equal(truncate(f->path, file_size(f) - 1), 0);
    write_n(f, 3, 0); /* opening alone drops what was cut off */
    assert_int_equal(count(f, &st, &is_cut, &err), 3);
    assert_false(is_cut);
    write_n(f, 3, 2);
    assert_int_equal(count(f, &st, &is_cut, &err), 5);
    assert_int_equal(st, WEIR_ECLOSED);
    assert_false(is_cut);
}

static void damage_is_named_with_file_and_byte(void **state)
{
    files *f = *state;
    weir_status st;
    weir_err err;
    bool is_cut;
    char want[160];

    write_n(f, 0, 1);

    long second = file_size(f);

    write_n(f, 1, 1);
    flip(f, file_size(f) - 1);
    assert_int_equal(count(f, &st, &is_cut, &err), 1);
    assert_int_equal(st, WEIR_EDATA);
    (void)snprintf(want, sizeof(want), "%s: byte %ld: the checksum is wrong", f->path,
                   second);
    assert_string_equal(err.text, want);
}

static void a_damaged_event_can_be_passed_over(void **state)
{
    files *f = *state;
    weir_capture_reader *r = NULL;
    weir_capture_record rec;

    write_n(f, 0, 1);

    long second = file_size(f);

    write_n(f, 1, 2);
    flip(f, second + 20);
    assert_int_equal(weir_capture_open(f->path, &r, NULL), WEIR_OK);
    assert_int_equal(weir_capture_read(r, &f->arena, &rec, NULL), WEIR_OK);
    assert_int_equal(weir_capture_read(r, &f->arena, &rec, NULL), WEIR_EDATA);
    assert_int_equal(weir_capture_offset(r), second);
    assert_int_equal(weir_capture_pass(r, NULL), WEIR_OK);
    assert_int_equal(weir_capture_read(r, &f->arena, &rec, NULL), WEIR_OK);
    assert_int_equal(rec.time_ms, 2);
    weir_capture_close(r);
}

static void another_file_is_no_capture_and_is_left_alone(void **state)
{
    files *f = *state;
    weir_capture_reader *r = NULL;
    weir_capture_writer *w = NULL;
    weir_err err;
    FILE *file = fopen(f->path, "wb");

    assert_non_null(file);
    assert_int_not_equal(fputs("some other text", file), EOF);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(weir_capture_open(f->path, &r, &err), WEIR_EDATA);
    assert_non_null(strstr(err.text, "byte 0"));
    assert_int_equal(weir_capture_create(f->path, &w, &err), WEIR_EDATA);
    assert_int_equal(file_size(f), 15);
    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(weir_capture_open(f->path, &r, &err), WEIR_ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_event_is_read_as_it_was_written, files_setup,
                                        files_teardown),
        cmocka_unit_test_setup_teardown(what_is_absent_stays_absent, files_setup,
                                        files_teardown),
        cmocka_unit_test_setup_teardown(
            a_file_cut_anywhere_is_read_to_its_last_whole_event, files_setup,
            files_teardown),
        cmocka_unit_test_setup_teardown(writing_goes_on_behind_the_last_whole_event,
                                        files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(damage_is_named_with_file_and_byte, files_setup,
                                        files_teardown),
        cmocka_unit_test_setup_teardown(a_damaged_event_can_be_passed_over, files_setup,
                                        files_teardown),
        cmocka_unit_test_setup_teardown(another_file_is_no_capture_and_is_left_alone,
                                        files_setup, files_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
