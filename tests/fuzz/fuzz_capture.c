/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes behind a capture's first frame: as they are, with their checksums mended, and as
 * the body of an event. What is read is written and read again; a writer goes on behind the
 * last whole frame.
 *
 *     fuzz_capture -max_len=4096 SCRATCH_FOLDER tests/data/fuzz/capture
 */
#include "schemas/capture.h"
#include "schemas/capture_frame.h"
#include "worker/base/check.h"
#include "worker/base/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FRAME_HEAD = 8 };

static bool is_same_text(const char *a, const char *b)
{
    return (a == NULL) == (b == NULL) && (a == NULL || strcmp(a, b) == 0);
}

static bool is_same_slice(weir_slice a, weir_slice b)
{
    return (a.data == NULL) == (b.data == NULL) && weir_slice_eq(a, b);
}

/* Written and read again it is the same. */
static void look_at_record(const weir_capture_record *rec)
{
    weir_buf body = { 0 };
    weir_capture_record again;
    weir_arena arena;
    size_t at = 0;

    weir_arena_init(&arena, 0);
    weir_capture_pack(&body, rec);
    WEIR_ASSERT(weir_capture_unpack(weir_buf_slice(&body), &arena, &again, &at) ==
                WEIR_OK);
    WEIR_ASSERT(at == body.len);
    WEIR_ASSERT(is_same_slice(rec->position, again.position));
    WEIR_ASSERT(is_same_slice(rec->key, again.key));
    WEIR_ASSERT(is_same_slice(rec->data, again.data));
    WEIR_ASSERT(is_same_text(rec->topic, again.topic));
    WEIR_ASSERT(is_same_text(rec->result_to, again.result_to));
    WEIR_ASSERT(rec->result_to == NULL || is_same_slice(rec->result, again.result));
    WEIR_ASSERT(rec->partition == again.partition && rec->time_ms == again.time_ms);
    WEIR_ASSERT(rec->n_headers == again.n_headers);
    for (size_t i = 0; i < rec->n_headers; i++) {
        WEIR_ASSERT(is_same_text(rec->headers[i].name, again.headers[i].name));
        WEIR_ASSERT(is_same_slice(rec->headers[i].value, again.headers[i].value));
    }
    weir_arena_fini(&arena);
    weir_buf_fini(&body);
}

static void look_at_body(weir_slice body)
{
    weir_capture_record rec;
    weir_slice version;
    weir_arena arena;
    size_t at = 0;

    weir_arena_init(&arena, 0);
    if (weir_capture_unpack(body, &arena, &rec, &at) == WEIR_OK) {
        look_at_record(&rec);
    }
    WEIR_ASSERT(at <= body.len);
    if (weir_capture_unpack_version(body, &version, &at) == WEIR_OK) {
        WEIR_ASSERT(version.len <= body.len);
    }
    WEIR_ASSERT(at <= body.len);
    weir_arena_fini(&arena);
}

/* How many events are whole up to the first that is not. */
static size_t look_at_file(const char *path)
{
    weir_capture_reader *r = NULL;
    weir_capture_record rec;
    weir_err err = { 0 };
    weir_status st;
    weir_arena arena;
    size_t n = 0;
    bool is_whole = true;

    WEIR_ASSERT(weir_capture_open(path, &r, &err) == WEIR_OK);
    weir_arena_init(&arena, 0);
    while ((st = weir_capture_read(r, &arena, &rec, &err)) != WEIR_ECLOSED) {
        const uint64_t offset = weir_capture_offset(r);

        if (st == WEIR_OK) {
            look_at_record(&rec);
            n += is_whole ? 1 : 0;
        } else {
            WEIR_ASSERT(st == WEIR_EDATA && strstr(err.text, ": byte ") != NULL);
            is_whole = false;
            if (weir_capture_pass(r, &err) != WEIR_OK) {
                break;
            }
            WEIR_ASSERT(weir_capture_offset(r) > offset);
        }
        weir_arena_reset(&arena);
    }
    weir_arena_fini(&arena);
    weir_capture_close(r);
    return n;
}

/* What is appended comes behind what was whole; a damaged file is left alone. */
static void look_at_append(const char *path, size_t n)
{
    const weir_capture_record rec = { .partition = 1, .data = WEIR_SLICE_LIT("new") };
    weir_capture_writer *w = NULL;

    if (weir_capture_create(path, &w, NULL) == WEIR_OK) {
        WEIR_ASSERT(weir_capture_write(w, &rec, NULL) == WEIR_OK);
        WEIR_ASSERT(weir_capture_end(w, NULL) == WEIR_OK);
        WEIR_ASSERT(look_at_file(path) == n + 1);
    }
}

static void put32(uint8_t *at, uint32_t value)
{
    for (size_t i = 0; i < 4; i++, value >>= 8) {
        at[i] = (uint8_t)value;
    }
}

/* Frames of the lengths they say, cut where the data ends, with checksums that are good. */
static void mend(uint8_t *data, size_t size)
{
    for (size_t at = 0; at + FRAME_HEAD <= size;) {
        const size_t room = size - at - FRAME_HEAD;
        const size_t len = data[at] < room ? data[at] : room;

        put32(data + at, (uint32_t)len);
        put32(data + at + 4, weir_crc32c(0, data + at + FRAME_HEAD, len));
        at += FRAME_HEAD + len;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    static char path[64];
    static off_t head;

    if (fd < 0) {
        weir_capture_writer *w = NULL;

        fd = memfd_create("capture", MFD_CLOEXEC);
        WEIR_ASSERT(fd >= 0);
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        WEIR_ASSERT(weir_capture_create(path, &w, NULL) == WEIR_OK);
        WEIR_ASSERT(weir_capture_end(w, NULL) == WEIR_OK);
        head = lseek(fd, 0, SEEK_END);
    }
    uint8_t *copy = malloc(size + 1);

    WEIR_ASSERT(copy != NULL);
    memcpy(copy, data, size);
    look_at_body((weir_slice){ (const char *)data, size });
    for (int round = 0; round < 2; round++) {
        WEIR_ASSERT(ftruncate(fd, head) == 0);
        WEIR_ASSERT(pwrite(fd, copy, size, head) == (ssize_t)size);
        look_at_append(path, look_at_file(path));
        mend(copy, size);
    }
    free(copy);
    return 0;
}
