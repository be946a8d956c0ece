/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any change to a journal. The input is a list of changes to a good one (where, 4 bytes; how
 * many, 1 byte; the bytes), read once as it is then and once with its checksums mended, so
 * that what lies behind them is reached. Then it is judged.
 *
 *     fuzz_journal -max_len=4200 SCRATCH_FOLDER tests/data/fuzz/journal
 */
#include "worker/base/check.h"
#include "worker/engine/journal_file.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static weir_journal_file *good(void)
{
    weir_journal_file *file = calloc(1, sizeof(*file));

    WEIR_ASSERT(file != NULL);
    memcpy(file->head.magic, WEIR_JOURNAL_MAGIC, sizeof(file->head.magic));
    file->head.version = WEIR_JOURNAL_VERSION;
    file->head.n_parts = WEIR_JOURNAL_PARTS;
    file->head.n_blames = WEIR_JOURNAL_BLAMES;
    file->head.n_slots = WEIR_JOURNAL_SLOTS;
    file->head.slot_bytes = sizeof(weir_journal_slot);
    for (int i = 0; i < 2; i++) {
        memcpy(file->places[i].names, "sub\0topic", 10);
        file->places[i].partition = i;
        file->blames[i] = (weir_journal_entry){ .part = 1, .hi = (uint64_t)i };
    }
    for (uint32_t i = 0; i < 4; i++) {
        weir_journal_begin(&file->slots[i], 1 + i % 2, (weir_pos){ i, 0 }, 1,
                           WEIR_SLOT_RUNS);
        file->slots[i].group = i / 2;
        file->slots[i].group_begun = 1;
        file->slots[i].n_together = 2;
    }
    return file;
}

static void mend(weir_journal_file *file)
{
    file->head.check = weir_journal_head_sum(&file->head);
    for (size_t i = 0; i < WEIR_JOURNAL_PARTS; i++) {
        file->places[i].check = weir_journal_place_sum(&file->places[i]);
    }
    for (size_t i = 0; i < WEIR_JOURNAL_BLAMES; i++) {
        file->blames[i].check = weir_journal_entry_sum(&file->blames[i]);
    }
    for (size_t i = 0; i < WEIR_JOURNAL_SLOTS; i++) {
        file->slots[i].check = weir_journal_sum(&file->slots[i]);
    }
}

static void look(const weir_journal_file *file)
{
    static weir_running running[WEIR_JOURNAL_SLOTS];
    static weir_journal_left left;
    const char *sub, *topic;
    int32_t partition;

    left.running = running;
    if (!weir_journal_parse(file, sizeof(*file), &left)) {
        return;
    }
    weir_blames blames = { left.blames, left.n_blames, WEIR_JOURNAL_BLAMES };

    WEIR_ASSERT(left.n_blames <= WEIR_JOURNAL_BLAMES);
    WEIR_ASSERT(left.n_running <= WEIR_JOURNAL_SLOTS);
    weir_blames_judge(&blames, left.on_purpose, running, left.n_running);
    WEIR_ASSERT(blames.n <= WEIR_JOURNAL_BLAMES);
    for (size_t i = 0; i < blames.n; i++) {
        WEIR_ASSERT(weir_journal_place_of(file, blames.items[i].part, &sub, &topic,
                                          &partition));
        WEIR_ASSERT(strlen(sub) + strlen(topic) + 2 <= WEIR_JOURNAL_NAMES);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weir_journal_file *file = good();

    mend(file);
    while (size > 5) {
        uint32_t at;
        size_t n = data[4];

        memcpy(&at, data, 4);
        at %= (uint32_t)sizeof(*file);
        data += 5;
        size -= 5;
        n = n < size ? n : size;
        n = n < sizeof(*file) - at ? n : sizeof(*file) - at;
        memcpy((char *)file + at, data, n);
        data += n;
        size -= n;
    }
    look(file);
    mend(file);
    look(file);
    free(file);
    return 0;
}
