/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the answers of a Redis server. The first byte says in what pieces they come;
 * whatever the pieces, the answers are the same. Each is read as everything that is ever asked
 * for: entries, claims, the script's verdict, an error.
 *
 *     fuzz_resp -max_len=4096 SCRATCH_FOLDER tests/data/fuzz/resp
 */
#include "schemas/codec.h"
#include "triggers/redis_claim.h"
#include "triggers/redis_script.h"
#include "worker/base/check.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { KEYS = 3, ITEMS = 4, DEEPEST = 16 };

/* As an entry of a stream, read into an event and its object into a value. */
static void look_at_entry(const weir_redis_val *val, size_t max_event)
{
    weir_redis_entry entry;
    weir_arena arena;
    weir_event ev;

    if (!weir_redis_entry_parse(val, &entry) || entry.fields == NULL) {
        return;
    }
    weir_arena_init(&arena, 0);
    weir_ev_begin(&ev, &arena);
    ev.is_redis = true;
    WEIR_ASSERT(weir_redis_entry_fill(&entry, WEIR_SLICE_LIT("data"),
                                      WEIR_SLICE_LIT("key"), max_event,
                                      &ev) == WEIR_OK);
    WEIR_ASSERT(ev.n_headers <= entry.fields->n / 2);
    for (size_t i = 0; i < ev.n_headers; i++) {
        WEIR_ASSERT(strlen(ev.headers[i].name) < SIZE_MAX / 2);
    }
    if (ev.is_object && ev.fault == WEIR_FAULT_NONE) {
        /* What stands in it may be no text; then it says so. */
        (void)weir_codec_json.decode(&ev, NULL);
    }
    weir_ev_end(&ev);
    weir_arena_fini(&arena);
}

static void look_at_verdict(const weir_redis_val *val)
{
    static weir_redis_verdict verdict;
    static weir_redis_batch batch;

    batch.n = ITEMS;
    batch.n_keys = KEYS;
    batch.n_streams = 1;
    batch.streams = (const char *const[]){ "s" };
    for (size_t i = 0; i < KEYS; i++) {
        batch.keys[i].name = WEIR_SLICE_LIT("t");
    }
    if (weir_redis_batch_read(&batch, val, &verdict) != WEIR_OK) {
        return;
    }
    WEIR_ASSERT(verdict.st == WEIR_OK || verdict.text == NULL ||
                strlen(verdict.text) < SIZE_MAX / 2);
    for (size_t i = 0; i < ITEMS; i++) {
        WEIR_ASSERT(verdict.fates[i] <= WEIR_REDIS_FATE_OTHER);
    }
}

/* Visits all of it; returns a number that two equal answers share. */
static uint64_t look(const weir_redis_val *val, int depth)
{
    char again[WEIR_REDIS_ID_MAX];
    uint64_t sum = val->type;
    int64_t num = 0;
    weir_pos pos;

    WEIR_ASSERT(depth < DEEPEST);
    look_at_entry(val, depth == 0 ? 16 : 4096);
    if (weir_redis_int(val, &num)) {
        sum = sum * 31 + (uint64_t)num;
    }
    if (val->type == WEIR_REDIS_ERROR) {
        WEIR_ASSERT(weir_redis_error_status(val) != WEIR_OK);
        sum += val->text.len;
    }
    const weir_slice text = weir_redis_text(val);
    for (size_t i = 0; i < text.len; i++) {
        sum = sum * 31 + (unsigned char)text.data[i];
    }
    if (text.data != NULL) {
        WEIR_ASSERT(text.data[text.len] == '\0');
    }
    if (weir_redis_id_parse(text, &pos)) {
        weir_pos back;
        const size_t n = weir_redis_id_format(pos, again);

        WEIR_ASSERT(n < sizeof(again) && again[n] == '\0');
        WEIR_ASSERT(weir_redis_id_parse((weir_slice){ again, n }, &back));
        WEIR_ASSERT(weir_pos_cmp(pos, back) == 0);
        WEIR_ASSERT(weir_pos_cmp(weir_redis_id_before(pos), pos) <= 0);
    }
    for (uint32_t i = 0; val->type == WEIR_REDIS_ARRAY && i < val->n; i++) {
        sum = sum * 31 + look(weir_redis_at(val, i), depth + 1);
    }
    WEIR_ASSERT(weir_redis_at(val, val->n) == NULL);
    return sum;
}

static void look_at_answer(const weir_redis_val *root)
{
    weir_redis_claimed claimed;

    if (weir_redis_claimed_parse(root, &claimed)) {
        const size_t n = claimed.entries->n;

        WEIR_ASSERT(claimed.cursor.data != NULL && claimed.n_nil <= n);
    }
    const weir_redis_val *member = weir_redis_member(root, "entries");
    WEIR_ASSERT(member == NULL || root->type == WEIR_REDIS_ARRAY);
    look_at_verdict(root);
}

/* All answers, in pieces of that many bytes. *st: how it ended. */
static uint64_t read_all(const char *data, size_t size, size_t piece, weir_status *st)
{
    weir_redis_reader *reader = weir_redis_reader_new();
    weir_redis_reply *reply = NULL;
    weir_err err = { 0 };
    uint64_t sum = 0;
    size_t at = 0;

    WEIR_ASSERT(reader != NULL);
    do {
        const size_t n = size - at < piece ? size - at : piece;

        WEIR_ASSERT(weir_redis_reader_feed(reader, data + at, n) == WEIR_OK);
        at += n;
        while ((*st = weir_redis_reader_next(reader, &reply, &err)) == WEIR_OK) {
            sum = sum * 31 + look(reply->root, 0);
            look_at_answer(reply->root);
            if ((sum & 1) != 0) {
                weir_redis_reader_back(reader, reply);
            } else {
                weir_redis_reply_give(reply);
            }
        }
    } while (*st == WEIR_EAGAIN && at < size);
    WEIR_ASSERT(*st == WEIR_EAGAIN || (*st != WEIR_OK && err.text[0] != '\0'));
    weir_redis_reader_free(reader);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weir_status whole;
    weir_status pieces;

    if (size < 2) {
        return 0;
    }
    const char *bytes = (const char *)data + 1;
    const uint64_t a = read_all(bytes, size - 1, size, &whole);
    const uint64_t b = read_all(bytes, size - 1, (size_t)data[0] % 16 + 1, &pieces);

    WEIR_ASSERT(a == b && whole == pieces);
    return 0;
}
