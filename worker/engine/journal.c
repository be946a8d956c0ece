/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* journal - see journal.h: the file, and what is known of single events. */
#include "worker/engine/journal_file.h"

#include "worker/base/check.h"
#include "worker/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(sizeof(weir_journal_slot) == 64, "a slot is a cache line");
_Static_assert(sizeof(weir_journal_entry) == 32, "entries are packed");
_Static_assert(sizeof(weir_journal_place) == 512, "places are packed");

/* -- what a process left ------------------------------------------------------------------ */

/* The whole file, or NULL: there is none, or it is no journal. The caller frees *bytes. */
static weir_journal_left *journal_read(const char *path, void **bytes)
{
    struct stat info;
    weir_journal_left *left = NULL;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);

    *bytes = NULL;
    if (fd < 0) {
        return NULL;
    }
    if (fstat(fd, &info) != 0 || info.st_size != (off_t)sizeof(weir_journal_file)) {
        goto out;
    }
    left = calloc(1, sizeof(*left));
    *bytes = malloc(sizeof(weir_journal_file));
    if (left == NULL || *bytes == NULL ||
        (left->running = calloc(WEIR_JOURNAL_SLOTS, sizeof(*left->running))) == NULL ||
        pread(fd, *bytes, sizeof(weir_journal_file), 0) !=
            (ssize_t)sizeof(weir_journal_file) ||
        !weir_journal_parse(*bytes, sizeof(weir_journal_file), left)) {
        if (left != NULL) {
            free(left->running);
        }
        free(left);
        left = NULL;
    }
out:
    close(fd);
    if (left == NULL) {
        free(*bytes);
        *bytes = NULL;
        weir_log(WEIR_WARN, "journal.ignored",
                 "path=%s text=it is no journal of this version, or damaged", path);
    }
    return left;
}

static void journal_tell(const weir_blame *blame, const weir_journal_file *file)
{
    const char *sub, *topic;
    int32_t partition;

    if (weir_journal_place_of(file, blame->part, &sub, &topic, &partition)) {
        weir_log(
            WEIR_WARN, "journal.blamed",
            "sub=%s topic=%s partition=%d at=%llu-%llu crashes=%u alone=%u suspect=%s",
            sub, topic, (int)partition, (unsigned long long)blame->pos.hi,
            (unsigned long long)blame->pos.lo, blame->n_crashes, blame->n_alone,
            blame->is_suspect ? "true" : "false");
    }
}

/* What is known now, by the numbers of the old file. */
static void journal_judge(weir_journal_left *left, weir_blames *blames)
{
    weir_blames_judge(blames, left->on_purpose, left->running, left->n_running);
    if (left->n_running == 0 && left->elsewhere == 0) {
        return;
    }
    weir_log(left->on_purpose ? WEIR_INFO : WEIR_WARN, "journal.read",
             "on_purpose=%s running=%zu known=%zu elsewhere=%u",
             left->on_purpose ? "true" : "false", left->n_running, blames->n,
             left->elsewhere);
    for (size_t i = 0; i < blames->n; i++) {
        journal_tell(&blames->items[i], left->file);
    }
}

/* -- writing -------------------------------------------------------------------------------- */

static uint16_t journal_count(uint32_t n)
{
    return n > UINT16_MAX ? UINT16_MAX : (uint16_t)n;
}

static void journal_write_blames_locked(weir_journal *j)
{
    for (size_t i = 0; i < WEIR_JOURNAL_BLAMES; i++) {
        weir_journal_entry entry = { .part = 0 };

        if (i < j->blames.n) {
            const weir_blame *blame = &j->blames.items[i];

            entry = (weir_journal_entry){
                .part = blame->part,
                .n_crashes = journal_count(blame->n_crashes),
                .n_alone = journal_count(blame->n_alone),
                .n_deaths = journal_count(blame->n_deaths),
                .is_suspect = blame->is_suspect,
                .hi = blame->pos.hi,
                .lo = blame->pos.lo,
            };
            entry.check = weir_journal_entry_sum(&entry);
        } else if (j->file->blames[i].part == 0) {
            break;
        }
        j->file->blames[i] = entry;
    }
}

static uint32_t journal_part_locked(weir_journal *j, const char *sub, const char *topic,
                                    int32_t partition)
{
    const size_t sub_len = strlen(sub) + 1;
    const size_t topic_len = strlen(topic) + 1;
    weir_journal_place place = { .partition = partition };

    if (sub_len + topic_len > sizeof(place.names)) {
        return 0;
    }
    memcpy(place.names, sub, sub_len);
    memcpy(place.names + sub_len, topic, topic_len);
    place.check = weir_journal_place_sum(&place);
    for (uint32_t i = 0; i < j->n_places; i++) {
        if (memcmp(&j->file->places[i], &place, sizeof(place)) == 0) {
            return i + 1;
        }
    }
    if (j->n_places == WEIR_JOURNAL_PARTS) {
        return 0;
    }
    j->file->places[j->n_places] = place;
    return ++j->n_places;
}

uint32_t weir_journal_part(weir_journal *j, const char *sub, const char *topic,
                           int32_t partition)
{
    if (j == NULL) {
        return 0;
    }
    weir_lock_take(&j->lock);
    const uint32_t part = journal_part_locked(j, sub, topic, partition);

    weir_lock_give(&j->lock);
    return part;
}

static uint32_t journal_most(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* Takes over what is known by the numbers of another file. */
static void journal_carry_locked(weir_journal *j, const weir_blames *from,
                                 const weir_journal_file *file)
{
    const char *sub, *topic;
    int32_t partition;

    for (size_t i = 0; i < from->n; i++) {
        const weir_blame *old = &from->items[i];

        if (!weir_journal_place_of(file, old->part, &sub, &topic, &partition)) {
            continue;
        }
        const uint32_t part = journal_part_locked(j, sub, topic, partition);

        if (part == 0) {
            continue;
        }
        weir_blame *mine = weir_blames_get(&j->blames, part, old->pos);

        mine->n_crashes = journal_most(mine->n_crashes, old->n_crashes);
        mine->n_alone = journal_most(mine->n_alone, old->n_alone);
        mine->n_deaths = journal_most(mine->n_deaths, old->n_deaths);
        mine->is_suspect = mine->is_suspect || old->is_suspect;
    }
    journal_write_blames_locked(j);
}

/* -- life ------------------------------------------------------------------------------------ */

/* Judges what was left, into j; ends it. */
static void journal_accept(weir_journal *j, weir_journal_left *left, void *bytes)
{
    if (left == NULL) {
        return;
    }
    weir_blames blames = { left->blames, left->n_blames, WEIR_JOURNAL_BLAMES };

    journal_judge(left, &blames);
    weir_lock_take(&j->lock);
    journal_carry_locked(j, &blames, left->file);
    weir_lock_give(&j->lock);
    free(left->running);
    free(left);
    free(bytes);
}

/* Maps a file with all its blocks; a fresh one is made, another must be a journal's. */
static weir_status journal_map(weir_journal *j, const char *path, bool is_fresh,
                               weir_err *err)
{
    const int fd =
        open(path, O_RDWR | O_CLOEXEC | (is_fresh ? O_CREAT | O_TRUNC : 0), 0600);
    struct stat info = { .st_size = 0 };
    void *file = MAP_FAILED;
    int code = 0;

    if (fd < 0) {
        return weir_fail(err, WEIR_EIO, "journal %s: %s", path, strerror(errno));
    }
    if (fstat(fd, &info) != 0 ||
        (!is_fresh && info.st_size != (off_t)sizeof(weir_journal_file))) {
        code = EINVAL;
    } else {
        /* Without its blocks the first write to a full disk would be a fatal signal. */
        code = posix_fallocate(fd, 0, sizeof(weir_journal_file));
    }
    if (code == 0) {
        file = mmap(NULL, sizeof(weir_journal_file), PROT_READ | PROT_WRITE, MAP_SHARED,
                    fd, 0);
        code = errno;
    }
    close(fd);
    if (file == MAP_FAILED) {
        if (is_fresh) {
            unlink(path);
        }
        return weir_fail(err, WEIR_EIO, "journal %s: %s", path, strerror(code));
    }
    j->file = file;
    j->inode = info.st_ino;
    return WEIR_OK;
}

static void journal_begin_file(weir_journal *j)
{
    weir_journal_head *head = &j->file->head;

    memcpy(head->magic, WEIR_JOURNAL_MAGIC, sizeof(head->magic));
    head->version = WEIR_JOURNAL_VERSION;
    head->n_parts = WEIR_JOURNAL_PARTS;
    head->n_blames = WEIR_JOURNAL_BLAMES;
    head->n_slots = WEIR_JOURNAL_SLOTS;
    head->slot_bytes = sizeof(weir_journal_slot);
    head->check = weir_journal_head_sum(head);
    for (uint32_t i = 0; i < WEIR_JOURNAL_SLOTS; i++) {
        j->free_slots[i] = WEIR_JOURNAL_SLOTS - 1 - i;
    }
    j->n_free = WEIR_JOURNAL_SLOTS;
}

static void journal_free(weir_journal *j)
{
    if (j == NULL) {
        return;
    }
    if (j->file != NULL) {
        munmap(j->file, sizeof(*j->file));
    }
    weir_lock_fini(&j->lock);
    free(j->free_slots);
    free(j);
}

/* The old file stays until all that is known of it stands in the new one; where the disk has
 * no room for two, the old one is used again. */
static weir_status journal_begin(weir_journal *j, const char *path, weir_err *err)
{
    char fresh[640];
    void *bytes = NULL;

    if ((size_t)snprintf(fresh, sizeof(fresh), "%s.new", path) >= sizeof(fresh)) {
        return weir_fail(err, WEIR_EIO, "journal %s: the path is too long", path);
    }
    weir_journal_left *left = journal_read(path, &bytes);
    weir_status st = journal_map(j, fresh, true, err);
    const bool is_fresh = st == WEIR_OK;

    if (!is_fresh && journal_map(j, path, false, NULL) == WEIR_OK) {
        memset(j->file, 0, sizeof(*j->file));
        st = WEIR_OK;
    }
    if (st != WEIR_OK) {
        if (left != NULL) {
            free(left->running);
        }
        free(left);
        free(bytes);
        return st;
    }
    journal_begin_file(j);
    journal_accept(j, left, bytes);
    if (is_fresh && rename(fresh, path) != 0) {
        st = weir_fail(err, WEIR_EIO, "journal %s: %s", path, strerror(errno));
        unlink(fresh);
    }
    return st;
}

weir_status weir_journal_open(const char *path, weir_journal **out, weir_err *err)
{
    weir_status st = WEIR_ENOMEM;
    weir_journal *j = calloc(1, sizeof(*j));

    if (j == NULL) {
        return weir_fail(err, WEIR_ENOMEM, "journal: out of memory");
    }
    weir_lock_init(&j->lock, WEIR_RANK_LEAF);
    j->pid = getpid();
    j->blames = (weir_blames){ j->items, 0, WEIR_JOURNAL_BLAMES };
    j->free_slots = calloc(WEIR_JOURNAL_SLOTS, sizeof(*j->free_slots));
    if (j->free_slots == NULL) {
        st = weir_fail(err, WEIR_ENOMEM, "journal: out of memory");
        goto out;
    }
    if ((st = journal_begin(j, path, err)) != WEIR_OK) {
        goto out;
    }
    *out = j;
    j = NULL;
out:
    journal_free(j);
    return st;
}

void weir_journal_adopt(weir_journal *j, const char *path)
{
    void *bytes;
    weir_journal_left *left = journal_read(path, &bytes);

    journal_accept(j, left, bytes);
}

bool weir_journal_is_kept(const weir_journal *j, const char *path)
{
    struct stat info;

    return !atomic_load(&j->is_lost) && stat(path, &info) == 0 &&
           info.st_ino == j->inode && info.st_size == (off_t)sizeof(weir_journal_file);
}

void weir_journal_on_purpose(weir_journal *j)
{
    if (j != NULL) {
        atomic_store(&j->file->head.purpose, 1);
    }
}

void weir_journal_close(weir_journal *j)
{
    if (j != NULL) {
        weir_journal_on_purpose(j);
        weir_journal_unguard(j);
        journal_free(j);
    }
}

void weir_journal_sync(weir_journal *j)
{
    if (j != NULL) {
        (void)msync(j->file, sizeof(*j->file), MS_SYNC); /* as far as the disk can */
    }
}

/* -- slots ------------------------------------------------------------------------------------ */

weir_journal_slot *weir_journal_take(weir_journal *j)
{
    weir_journal_slot *slot = NULL;

    if (j == NULL) {
        return NULL;
    }
    weir_lock_take(&j->lock);
    if (j->n_free > 0) {
        slot = &j->file->slots[j->free_slots[--j->n_free]];
    }
    weir_lock_give(&j->lock);
    if (slot != NULL) {
        weir_journal_join(j, slot, slot, 1);
    }
    return slot;
}

void weir_journal_give(weir_journal *j, weir_journal_slot *slot)
{
    if (j == NULL || slot == NULL) {
        return;
    }
    weir_journal_end(slot);
    weir_lock_take(&j->lock);
    WEIR_ASSERT(j->n_free < WEIR_JOURNAL_SLOTS);
    j->free_slots[j->n_free++] = (uint32_t)(slot - j->file->slots);
    weir_lock_give(&j->lock);
}

void weir_journal_join(weir_journal *j, weir_journal_slot *slot,
                       const weir_journal_slot *head, uint32_t n_together)
{
    slot->group = (uint32_t)(head - j->file->slots);
    slot->group_begun = atomic_load_explicit(&head->n_begun, memory_order_relaxed);
    slot->n_together = n_together;
}

/* -- what is known of events --------------------------------------------------------------- */

bool weir_journal_knows(weir_journal *j, uint32_t part, weir_pos *last)
{
    bool knows = false;

    if (j == NULL || part == 0) {
        return false;
    }
    weir_lock_take(&j->lock);
    for (size_t i = 0; i < j->blames.n; i++) {
        const weir_blame *blame = &j->blames.items[i];

        if (blame->part == part && (!knows || weir_pos_cmp(*last, blame->pos) < 0)) {
            knows = true;
            *last = blame->pos;
        }
    }
    weir_lock_give(&j->lock);
    return knows;
}

bool weir_journal_blame(weir_journal *j, uint32_t part, weir_pos pos, weir_blame *out)
{
    weir_lock_take(&j->lock);
    const weir_blame *blame = weir_blames_find(&j->blames, part, pos);

    if (blame != NULL) {
        *out = *blame;
    }
    weir_lock_give(&j->lock);
    return blame != NULL;
}

void weir_journal_acquit(weir_journal *j, uint32_t part, weir_pos pos)
{
    weir_lock_take(&j->lock);
    weir_blame *blame = weir_blames_find(&j->blames, part, pos);

    if (blame != NULL) {
        weir_blame_acquit(blame);
        journal_write_blames_locked(j);
    }
    weir_lock_give(&j->lock);
}

void weir_journal_forget(weir_journal *j, uint32_t part, weir_pos pos)
{
    weir_lock_take(&j->lock);
    weir_blames_drop(&j->blames, part, pos);
    journal_write_blames_locked(j);
    weir_lock_give(&j->lock);
}
