/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slot - see slot.h.
 */
#include "worker/app/slot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

void weir_state_path(const weir_config *cfg, const char *name, char *out, size_t cap)
{
    const char *dir = cfg->worker.state_dir == NULL ? ".weir" : cfg->worker.state_dir;
    const char *slash = name[0] == '\0' ? "" : "/";

    if (dir[0] == '/') {
        snprintf(out, cap, "%s%s%s", dir, slash, name);
    } else {
        snprintf(out, cap, "%s/%s%s%s", cfg->base_dir, dir, slash, name);
    }
}

static void slot_path(const weir_config *cfg, int number, char *out, size_t cap)
{
    char name[32];

    snprintf(name, sizeof(name), "slot-%d.lock", number);
    weir_state_path(cfg, name, out, cap);
}

static void slot_instance(const weir_config *cfg, int number, char *out, size_t cap)
{
    char host[64] = "localhost";
    const char *name = cfg->worker.instance;

    if (name == NULL) {
        (void)gethostname(host, sizeof(host) - 1);
        host[sizeof(host) - 1] = '\0';
        name = host;
    }
    if (number > 1) {
        snprintf(out, cap, "%.63s-%d", name, number);
    } else {
        snprintf(out, cap, "%.63s", name);
    }
}

weir_status weir_slot_take(const weir_config *cfg, weir_slot *slot, weir_err *err)
{
    char dir[512];

    *slot = (weir_slot){ .fd = -1 };
    slot_instance(cfg, 1, slot->instance, sizeof(slot->instance));
    weir_state_path(cfg, "", dir, sizeof(dir));
    if (mkdir(dir, 0777) != 0 && errno != EEXIST) {
        return weir_fail(err, WEIR_EIO, "state_dir %s: %s", dir, strerror(errno));
    }
    for (int number = 1; number <= WEIR_SLOTS_MAX; number++) {
        slot_path(cfg, number, slot->path, sizeof(slot->path));
        int fd = open(slot->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (fd < 0) {
            return weir_fail(err, WEIR_EIO, "state_dir: %s: %s", slot->path,
                             strerror(errno));
        }
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
            slot->fd = fd;
            slot->number = number;
            slot_instance(cfg, number, slot->instance, sizeof(slot->instance));
            weir_slot_publish(slot, "");
            return WEIR_OK;
        }
        close(fd);
    }
    return weir_fail(err, WEIR_EIO, "state_dir %s: all %d slots are taken", dir,
                     WEIR_SLOTS_MAX);
}

void weir_slot_journal(const weir_config *cfg, int number, char *out, size_t cap)
{
    char name[32];

    snprintf(name, sizeof(name), "journal-%d", number);
    weir_state_path(cfg, name, out, cap);
}

void weir_slot_ended(const weir_config *cfg, const weir_slot *mine,
                     void (*visit)(void *arg, const char *journal), void *arg)
{
    for (int number = 1; number <= WEIR_SLOTS_MAX; number++) {
        char path[512];

        slot_path(cfg, number, path, sizeof(path));
        if (number == mine->number) {
            continue;
        }
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
            break; /* slots are made in order */
        }
        bool is_over = flock(fd, LOCK_SH | LOCK_NB) == 0;
        close(fd); /* soon: whoever wants the slot now would try the next */
        if (is_over) {
            weir_slot_journal(cfg, number, path, sizeof(path));
            visit(arg, path);
        }
    }
}

void weir_slot_publish(weir_slot *slot, const char *admin)
{
    char text[512];

    if (slot->fd < 0) {
        return;
    }
    int n = snprintf(text, sizeof(text), "%ld %s\n", (long)getpid(),
                     admin[0] == '\0' ? "-" : admin);
    if (ftruncate(slot->fd, 0) != 0 || pwrite(slot->fd, text, (size_t)n, 0) != n) {
        /* only `weir skip` would have read it; it says that it found nobody */
        return;
    }
}

void weir_slot_give(weir_slot *slot)
{
    if (slot->fd >= 0) {
        close(slot->fd);
        slot->fd = -1;
    }
}

size_t weir_slot_running(const weir_config *cfg, char (*admin)[256], size_t cap)
{
    size_t n = 0;

    for (int number = 1; number <= WEIR_SLOTS_MAX && n < cap; number++) {
        char path[512], text[512] = "";
        long pid = 0;

        slot_path(cfg, number, path, sizeof(path));
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
            break; /* slots are made in order */
        }
        bool is_held = flock(fd, LOCK_SH | LOCK_NB) != 0;
        ssize_t got = is_held ? pread(fd, text, sizeof(text) - 1, 0) : 0;
        close(fd);
        if (got > 0 && sscanf(text, "%ld %255s", &pid, admin[n]) == 2 &&
            strcmp(admin[n], "-") != 0) {
            n++;
        }
    }
    return n;
}
