/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * capture - reading and writing files of events; see capture.h.
 */
#include "schemas/capture.h"

#include "schemas/capture_frame.h"
#include "worker/base/hash.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef WEIR_VERSION
#define WEIR_VERSION "dev"
#endif

#define CAPTURE_MAGIC "WEIRCAP1"
#define CAPTURE_MAGIC_LEN 8
#define CAPTURE_HEAD 8 /* length and checksum */

struct weir_capture_reader {
    FILE *file;
    char *path;
    char *version;
    uint64_t offset; /* of the next frame */
    bool is_cut;
};

struct weir_capture_writer {
    FILE *file;
    char *path;
    weir_buf frame;
};

static uint32_t capture_get32(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
           (uint32_t)p[3] << 24;
}

static void capture_put32(char *p, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        p[i] = (char)(unsigned char)(value >> (8 * i));
    }
}

/* -- reading ------------------------------------------------------------------------- */

/* "file: byte 123: what" */
static weir_status capture_fail(weir_err *err, weir_status st,
                                const weir_capture_reader *r, uint64_t offset,
                                const char *what)
{
    return weir_fail(err, st, "%s: byte %" PRIu64 ": %s", r->path, offset, what);
}

/*
 * The body of the next frame, in the arena.
 * Returns: WEIR_OK; WEIR_ECLOSED at the end; else an error, and the offset is not moved.
 */
static weir_status capture_frame(weir_capture_reader *r, weir_arena *arena,
                                 weir_slice *body, weir_err *err)
{
    unsigned char head[CAPTURE_HEAD];

    /* Begins at the offset, whatever an earlier failure read. */
    if (ftello(r->file) != (off_t)r->offset &&
        fseeko(r->file, (off_t)r->offset, SEEK_SET) != 0) {
        return capture_fail(err, WEIR_EIO, r, r->offset, strerror(errno));
    }

    size_t n = fread(head, 1, sizeof(head), r->file);

    if (ferror(r->file)) {
        return capture_fail(err, WEIR_EIO, r, r->offset, strerror(errno));
    }
    if (n < sizeof(head)) {
        r->is_cut = n > 0;
        return WEIR_ECLOSED;
    }

    uint32_t len = capture_get32(head);

    if (len > WEIR_CAPTURE_MAX) {
        return capture_fail(err, WEIR_EDATA, r, r->offset, "the length is damaged");
    }

    char *data = weir_arena_alloc(arena, len);

    if (data == NULL) {
        return capture_fail(err, WEIR_ENOMEM, r, r->offset, "out of memory");
    }
    n = fread(data, 1, len, r->file);
    if (ferror(r->file)) {
        return capture_fail(err, WEIR_EIO, r, r->offset, strerror(errno));
    }
    if (n < len) {
        r->is_cut = true;
        return WEIR_ECLOSED;
    }
    if (weir_crc32c(0, data, len) != capture_get32(head + 4)) {
        return capture_fail(err, WEIR_EDATA, r, r->offset, "the checksum is wrong");
    }
    r->offset += CAPTURE_HEAD + len;
    *body = (weir_slice){ data, len };
    return WEIR_OK;
}

static weir_status capture_read_header(weir_capture_reader *r, weir_err *err)
{
    char magic[CAPTURE_MAGIC_LEN];
    weir_arena arena;
    weir_slice body;
    weir_slice version;
    size_t at = 0;

    weir_arena_init(&arena, 0);

    weir_status st = WEIR_OK;

    if (fread(magic, 1, sizeof(magic), r->file) != sizeof(magic) ||
        memcmp(magic, CAPTURE_MAGIC, sizeof(magic)) != 0) {
        st = capture_fail(err, WEIR_EDATA, r, 0, "this is no capture of weir");
        goto out;
    }
    r->offset = CAPTURE_MAGIC_LEN;
    if ((st = capture_frame(r, &arena, &body, err)) != WEIR_OK) {
        if (st == WEIR_ECLOSED) {
            st = capture_fail(err, WEIR_EDATA, r, r->offset, "the header is cut off");
        }
        goto out;
    }
    if (weir_capture_unpack_version(body, &version, &at) != WEIR_OK) {
        st = capture_fail(err, WEIR_EDATA, r,
                          CAPTURE_MAGIC_LEN + CAPTURE_HEAD + (uint64_t)at,
                          "the header does not decode");
        goto out;
    }
    if ((r->version = strndup(version.data, version.len)) == NULL) {
        st = capture_fail(err, WEIR_ENOMEM, r, 0, "out of memory");
    }
out:
    weir_arena_fini(&arena);
    return st;
}

weir_status weir_capture_open(const char *path, weir_capture_reader **out,
                              weir_err *err)
{
    weir_status st = WEIR_OK;
    weir_capture_reader *r = calloc(1, sizeof(*r));

    if (r == NULL || (r->path = strdup(path)) == NULL) {
        st = weir_fail(err, WEIR_ENOMEM, "%s: out of memory", path);
        goto out;
    }
    if ((r->file = fopen(path, "rbe")) == NULL) {
        st = weir_fail(err, errno == ENOENT ? WEIR_ENOENT : WEIR_EIO, "%s: %s", path,
                       strerror(errno));
        goto out;
    }
    if ((st = capture_read_header(r, err)) != WEIR_OK) {
        goto out;
    }
    *out = r;
    r = NULL;
out:
    weir_capture_close(r);
    return st;
}

weir_status weir_capture_read(weir_capture_reader *r, weir_arena *arena,
                              weir_capture_record *out, weir_err *err)
{
    uint64_t offset = r->offset;
    weir_slice body;
    size_t at = 0;
    weir_status st = capture_frame(r, arena, &body, err);

    if (st != WEIR_OK) {
        return st;
    }
    st = weir_capture_unpack(body, arena, out, &at);
    if (st != WEIR_OK) {
        r->offset = offset; /* a caller may try again, or pass over it */
        return capture_fail(err, st, r, offset + CAPTURE_HEAD + at,
                            st == WEIR_ENOMEM ? "out of memory"
                                              : "the event does not decode");
    }
    return WEIR_OK;
}

weir_status weir_capture_pass(weir_capture_reader *r, weir_err *err)
{
    unsigned char head[CAPTURE_HEAD];
    weir_status st = weir_capture_seek(r, r->offset, err);

    if (st != WEIR_OK) {
        return st;
    }
    if (fread(head, 1, sizeof(head), r->file) != sizeof(head) ||
        capture_get32(head) > WEIR_CAPTURE_MAX) {
        return capture_fail(err, WEIR_EDATA, r, r->offset,
                            "where the next event begins cannot be told");
    }
    return weir_capture_seek(r, r->offset + CAPTURE_HEAD + capture_get32(head), err);
}

bool weir_capture_is_cut(const weir_capture_reader *r)
{
    return r->is_cut;
}

uint64_t weir_capture_offset(const weir_capture_reader *r)
{
    return r->offset;
}

weir_status weir_capture_seek(weir_capture_reader *r, uint64_t offset, weir_err *err)
{
    if (offset > INT64_MAX || fseeko(r->file, (off_t)offset, SEEK_SET) != 0) {
        return capture_fail(err, WEIR_EIO, r, offset, "cannot go there");
    }
    clearerr(r->file);
    r->offset = offset;
    r->is_cut = false;
    return WEIR_OK;
}

const char *weir_capture_version(const weir_capture_reader *r)
{
    return r->version;
}

void weir_capture_close(weir_capture_reader *r)
{
    if (r == NULL) {
        return;
    }
    if (r->file != NULL) {
        (void)fclose(r->file);
    }
    free(r->path);
    free(r->version);
    free(r);
}

/* -- writing ------------------------------------------------------------------------- */

/* The frame stands in w->frame, its head left free. */
static weir_status capture_put(weir_capture_writer *w, weir_err *err)
{
    size_t len = w->frame.len - CAPTURE_HEAD;

    if (w->frame.has_failed) {
        return weir_fail(err, WEIR_ENOMEM, "%s: out of memory", w->path);
    }
    if (len > WEIR_CAPTURE_MAX) {
        return weir_fail(err, WEIR_ETOOLARGE, "%s: an event of %zu bytes is too large",
                         w->path, len);
    }
    capture_put32(w->frame.data, (uint32_t)len);
    capture_put32(w->frame.data + 4, weir_crc32c(0, w->frame.data + CAPTURE_HEAD, len));
    if (fwrite(w->frame.data, 1, w->frame.len, w->file) != w->frame.len) {
        return weir_fail(err, WEIR_EIO, "%s: %s", w->path, strerror(errno));
    }
    return WEIR_OK;
}

static void capture_begin_frame(weir_capture_writer *w)
{
    static const char head[CAPTURE_HEAD];

    weir_buf_reset(&w->frame);
    weir_buf_add(&w->frame, head, sizeof(head));
}

static weir_status capture_write_header(weir_capture_writer *w, weir_err *err)
{
    if (fwrite(CAPTURE_MAGIC, 1, CAPTURE_MAGIC_LEN, w->file) != CAPTURE_MAGIC_LEN) {
        return weir_fail(err, WEIR_EIO, "%s: %s", w->path, strerror(errno));
    }
    capture_begin_frame(w);
    weir_capture_pack_version(&w->frame, WEIR_VERSION);
    return capture_put(w, err);
}

/* Goes to the end of the last whole frame of a capture that is there, and cuts the rest. */
static weir_status capture_find_end(weir_capture_writer *w, weir_err *err)
{
    weir_capture_reader *r = NULL;
    weir_arena arena;
    weir_capture_record rec;

    weir_arena_init(&arena, 0);

    weir_status st = weir_capture_open(w->path, &r, err);

    while (st == WEIR_OK) {
        weir_arena_reset(&arena);
        st = weir_capture_read(r, &arena, &rec, err);
    }
    if (st == WEIR_ECLOSED) {
        off_t end = (off_t)weir_capture_offset(r);

        st = WEIR_OK;
        if (ftruncate(fileno(w->file), end) != 0 ||
            fseeko(w->file, end, SEEK_SET) != 0) {
            st = weir_fail(err, WEIR_EIO, "%s: %s", w->path, strerror(errno));
        }
    }
    weir_capture_close(r);
    weir_arena_fini(&arena);
    return st;
}

weir_status weir_capture_create(const char *path, weir_capture_writer **out,
                                weir_err *err)
{
    weir_status st = WEIR_OK;
    weir_capture_writer *w = calloc(1, sizeof(*w));

    if (w == NULL || (w->path = strdup(path)) == NULL) {
        st = weir_fail(err, WEIR_ENOMEM, "%s: out of memory", path);
        goto out;
    }
    /* "a" would make it; "r+" lets the end be cut. */
    if ((w->file = fopen(path, "r+be")) == NULL && errno == ENOENT) {
        w->file = fopen(path, "w+be");
    }
    if (w->file == NULL || fseeko(w->file, 0, SEEK_END) != 0) {
        st = weir_fail(err, WEIR_EIO, "%s: %s", path, strerror(errno));
        goto out;
    }
    st = ftello(w->file) == 0 ? capture_write_header(w, err) : capture_find_end(w, err);
    if (st != WEIR_OK) {
        goto out;
    }
    *out = w;
    w = NULL;
out:
    (void)weir_capture_end(w, NULL);
    return st;
}

weir_status weir_capture_write(weir_capture_writer *w, const weir_capture_record *rec,
                               weir_err *err)
{
    capture_begin_frame(w);
    weir_capture_pack(&w->frame, rec);
    return capture_put(w, err);
}

weir_status weir_capture_flush(weir_capture_writer *w, bool is_durable, weir_err *err)
{
    /* A pipe or a terminal cannot be synced, and that is no fault. */
    if (fflush(w->file) != 0 || (is_durable && fdatasync(fileno(w->file)) != 0 &&
                                 errno != EINVAL && errno != EROFS)) {
        return weir_fail(err, WEIR_EIO, "%s: %s", w->path, strerror(errno));
    }
    return WEIR_OK;
}

weir_status weir_capture_end(weir_capture_writer *w, weir_err *err)
{
    weir_status st = WEIR_OK;

    if (w == NULL) {
        return WEIR_OK;
    }
    if (w->file != NULL && fclose(w->file) != 0) {
        st = weir_fail(err, WEIR_EIO, "%s: %s", w->path, strerror(errno));
    }
    weir_buf_fini(&w->frame);
    free(w->path);
    free(w);
    return st;
}
