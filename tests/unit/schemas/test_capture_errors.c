/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Captures that cannot be read, written or gone on with: what is said, and what stays.
 */
#include "schemas/capture.h"
#include "schemas/capture_frame.h"
#include "worker/base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static char path[96];

static int setup(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "weir-capture-XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/a.weir", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    (void)unlink(path);
    (void)rmdir(folder);
    return 0;
}

static void put_bytes(const void *bytes, size_t n)
{
    FILE *file = fopen(path, "ab");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

/* A frame with that length, that checksum and those bytes. */
static void put_frame(uint32_t len, uint32_t crc, weir_slice body)
{
    unsigned char head[8];

    for (int i = 0; i < 4; i++) {
        head[i] = (unsigned char)(len >> (8 * i));
        head[4 + i] = (unsigned char)(crc >> (8 * i));
    }
    put_bytes(head, sizeof(head));
    put_bytes(body.data, body.len);
}

static void put_good(weir_slice body)
{
    put_frame((uint32_t)body.len, weir_crc32c(0, body.data, body.len), body);
}

static void put_header(void)
{
    weir_buf body = { 0 };

    put_bytes("WEIRCAP1", 8);
    weir_capture_pack_version(&body, "1.2.3");
    put_good(weir_buf_slice(&body));
    weir_buf_fini(&body);
}

static void put_event(int64_t time_ms)
{
    const weir_capture_record rec = { .partition = -1, .time_ms = time_ms };
    weir_buf body = { 0 };

    weir_capture_pack(&body, &rec);
    put_good(weir_buf_slice(&body));
    weir_buf_fini(&body);
}

static void assert_not_opened(weir_status wanted, const char *says)
{
    weir_capture_reader *r = NULL;
    weir_err err = { 0 };

    assert_int_equal(weir_capture_open(path, &r, &err), wanted);
    assert_null(r);
    if (strstr(err.text, says) == NULL || strstr(err.text, path) == NULL) {
        fail_msg("must say %s of %s, said: %s", says, path, err.text);
    }
}

static void a_file_that_is_none_is_not_opened(void **state)
{
    weir_capture_reader *r = NULL;
    weir_err err = { 0 };

    (void)state;
    assert_not_opened(WEIR_ENOENT, "No such file");
    assert_int_equal(weir_capture_open(folder, &r, &err), WEIR_EDATA);
    put_bytes("WEIR", 4);
    assert_not_opened(WEIR_EDATA, "byte 0: this is no capture of weir");
    put_bytes("CAP2........", 12);
    assert_not_opened(WEIR_EDATA, "byte 0: this is no capture of weir");
}

static void a_header_that_is_cut_or_damaged_is_refused(void **state)
{
    (void)state;
    put_bytes("WEIRCAP1", 8);
    assert_not_opened(WEIR_EDATA, "byte 8: the header is cut off");
    put_bytes("\x05\x00\x00", 3);
    assert_not_opened(WEIR_EDATA, "byte 8: the header is cut off");
    (void)unlink(path);
    put_bytes("WEIRCAP1", 8);
    put_frame(3, 1, WEIR_SLICE_LIT("abc"));
    assert_not_opened(WEIR_EDATA, "byte 8: the checksum is wrong");
    (void)unlink(path);
    put_bytes("WEIRCAP1", 8);
    put_good(WEIR_SLICE_LIT("\x81\xA1x\x01"));
    assert_not_opened(WEIR_EDATA, "byte 20: the header does not decode");
    (void)unlink(path);
    put_bytes("WEIRCAP1", 8);
    put_frame(WEIR_CAPTURE_MAX + 1, 0, WEIR_SLICE_LIT("abc"));
    assert_not_opened(WEIR_EDATA, "byte 8: the length is damaged");
}

static void behind_a_damaged_length_nothing_can_be_found(void **state)
{
    weir_capture_reader *r = NULL;
    weir_capture_record rec;
    weir_err err = { 0 };
    weir_arena arena;

    (void)state;
    weir_arena_init(&arena, 0);
    put_header();
    put_event(1);
    put_frame(UINT32_MAX, 0, WEIR_SLICE_LIT("abc"));
    assert_int_equal(weir_capture_open(path, &r, &err), WEIR_OK);
    assert_string_equal(weir_capture_version(r), "1.2.3");
    assert_int_equal(weir_capture_read(r, &arena, &rec, &err), WEIR_OK);
    const uint64_t offset = weir_capture_offset(r);

    for (int i = 0; i < 2; i++) {
        assert_int_equal(weir_capture_read(r, &arena, &rec, &err), WEIR_EDATA);
        assert_non_null(strstr(err.text, "the length is damaged"));
        assert_true(weir_capture_offset(r) == offset);
    }
    assert_int_equal(weir_capture_pass(r, &err), WEIR_EDATA);
    assert_non_null(strstr(err.text, "cannot be told"));
    assert_true(weir_capture_offset(r) == offset);
    /* Nor behind the end. */
    assert_int_equal(weir_capture_seek(r, offset + 9, &err), WEIR_OK);
    assert_int_equal(weir_capture_pass(r, &err), WEIR_EDATA);
    assert_int_equal(weir_capture_seek(r, UINT64_MAX, &err), WEIR_EIO);
    assert_non_null(strstr(err.text, "cannot go there"));
    weir_capture_close(r);
    weir_arena_fini(&arena);
}

static void an_offset_is_gone_back_to(void **state)
{
    weir_capture_reader *r = NULL;
    weir_capture_record rec;
    weir_arena arena;

    (void)state;
    weir_arena_init(&arena, 0);
    put_header();
    put_event(1);
    put_event(2);
    assert_int_equal(weir_capture_open(path, &r, NULL), WEIR_OK);
    assert_int_equal(weir_capture_read(r, &arena, &rec, NULL), WEIR_OK);
    const uint64_t second = weir_capture_offset(r);

    assert_int_equal(weir_capture_read(r, &arena, &rec, NULL), WEIR_OK);
    assert_int_equal(weir_capture_read(r, &arena, &rec, NULL), WEIR_ECLOSED);
    assert_false(weir_capture_is_cut(r));
    assert_int_equal(weir_capture_seek(r, second, NULL), WEIR_OK);
    assert_int_equal(weir_capture_read(r, &arena, &rec, NULL), WEIR_OK);
    assert_int_equal(rec.time_ms, 2);
    weir_capture_close(r);
    weir_arena_fini(&arena);
}

static void a_writer_without_a_place_says_so(void **state)
{
    weir_capture_writer *w = NULL;
    weir_err err = { 0 };
    char wrong[128];

    (void)state;
    assert_int_equal(weir_capture_create(folder, &w, &err), WEIR_EIO);
    (void)snprintf(wrong, sizeof(wrong), "%s/none/a.weir", folder);
    assert_int_equal(weir_capture_create(wrong, &w, &err), WEIR_EIO);
    assert_non_null(strstr(err.text, "No such file"));
    put_header();
    put_frame(3, 1, WEIR_SLICE_LIT("abc"));
    put_event(1);
    assert_int_equal(weir_capture_create(path, &w, &err), WEIR_EDATA);
    assert_non_null(strstr(err.text, "the checksum is wrong"));
    assert_null(w);
}

static void a_full_disk_is_told_by_the_flush(void **state)
{
    const weir_capture_record rec = { .partition = -1, .data = WEIR_SLICE_LIT("x") };
    weir_capture_writer *w = NULL;
    weir_err err = { 0 };

    (void)state;
    assert_int_equal(access("/dev/full", W_OK), 0); /* every Linux has it */
    assert_int_equal(weir_capture_create("/dev/full", &w, &err), WEIR_OK);
    assert_int_equal(weir_capture_write(w, &rec, &err), WEIR_OK);
    assert_int_equal(weir_capture_flush(w, false, &err), WEIR_EIO);
    assert_non_null(strstr(err.text, "/dev/full: No space left"));
    (void)weir_capture_end(w, NULL);

    /* Only the end sees it where nobody has flushed. */
    assert_int_equal(weir_capture_create("/dev/full", &w, &err), WEIR_OK);
    assert_int_equal(weir_capture_write(w, &rec, &err), WEIR_OK);
    assert_int_equal(weir_capture_end(w, &err), WEIR_EIO);
    assert_int_equal(weir_capture_end(NULL, &err), WEIR_OK);
}

static void more_than_a_buffer_on_a_full_disk_is_told_at_once(void **state)
{
    char data[65536] = { 0 };
    const weir_capture_record rec = { .partition = -1, .data = { data, sizeof(data) } };
    weir_capture_writer *w = NULL;
    weir_err err = { 0 };

    (void)state;
    assert_int_equal(access("/dev/full", W_OK), 0); /* every Linux has it */
    assert_int_equal(weir_capture_create("/dev/full", &w, &err), WEIR_OK);
    assert_int_equal(weir_capture_write(w, &rec, &err), WEIR_EIO);
    assert_non_null(strstr(err.text, "No space left"));
    (void)weir_capture_end(w, NULL);
}

static void an_event_over_64_mib_is_not_written(void **state)
{
    const size_t n = WEIR_CAPTURE_MAX;
    char *data = calloc(1, n);
    const weir_capture_record rec = { .partition = -1, .data = { data, n } };
    weir_capture_writer *w = NULL;
    weir_err err = { 0 };
    struct stat about;

    (void)state;
    assert_non_null(data);
    assert_int_equal(weir_capture_create(path, &w, &err), WEIR_OK);
    assert_int_equal(weir_capture_write(w, &rec, &err), WEIR_ETOOLARGE);
    assert_non_null(strstr(err.text, "is too large"));
    assert_int_equal(weir_capture_flush(w, true, &err), WEIR_OK);
    assert_int_equal(weir_capture_end(w, &err), WEIR_OK);
    assert_int_equal(stat(path, &about), 0);
    assert_true(about.st_size < 100); /* nothing of it stands there */
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_that_is_none_is_not_opened, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_header_that_is_cut_or_damaged_is_refused,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(behind_a_damaged_length_nothing_can_be_found,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(an_offset_is_gone_back_to, setup, teardown),
        cmocka_unit_test_setup_teardown(a_writer_without_a_place_says_so, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_full_disk_is_told_by_the_flush, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            more_than_a_buffer_on_a_full_disk_is_told_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(an_event_over_64_mib_is_not_written, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
