/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_journal - the disk that journals of crashes lie on, and what a fatal signal does to them.
 *
 * Files whose names begin with "sim:" are pieces of memory of the world; all others are what
 * they are. What is stored in one that is mapped stays there when its process dies. Under
 * SIM_FAULT_DISK none can be made.
 */
#include "tests/sim/sim.h"

#include "worker/base/check.h"
#include "worker/engine/journal.h"
#include "worker/engine/line.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>

#define DISK_FILES (2 * SIM_PROCS)
#define DISK_FD (1 << 20) /* above all real ones */

typedef struct disk_file {
    bool is_there;
    char path[32];
    char *bytes;
    size_t size, cap;
} disk_file;

static disk_file disk[DISK_FILES];

void sim_journal_begin(void)
{
    for (size_t i = 0; i < DISK_FILES; i++) {
        disk[i].is_there = false;
    }
}

static bool disk_is_ours(const char *path)
{
    return strncmp(path, "sim:", 4) == 0;
}

static disk_file *disk_find(const char *path)
{
    for (size_t i = 0; i < DISK_FILES; i++) {
        if (disk[i].is_there && strcmp(disk[i].path, path) == 0) {
            return &disk[i];
        }
    }
    return NULL;
}

static disk_file *disk_of(int fd)
{
    return fd >= DISK_FD && fd < DISK_FD + DISK_FILES ? &disk[fd - DISK_FD] : NULL;
}

static disk_file *disk_make(const char *path)
{
    for (size_t i = 0; i < DISK_FILES; i++) {
        if (!disk[i].is_there) {
            WEIR_ASSERT(strlen(path) < sizeof(disk[i].path));
            strcpy(disk[i].path, path);
            disk[i].is_there = true;
            disk[i].size = 0;
            return &disk[i];
        }
    }
    WEIR_ASSERT(!"room for another file");
    return NULL;
}

/* -- in place of the C library's ------------------------------------------------------------- */

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __real_fstat64(int fd, struct stat *info);
int __wrap_fstat64(int fd, struct stat *info);
ssize_t __real_pread64(int fd, void *bytes, size_t size, off_t at);
ssize_t __wrap_pread64(int fd, void *bytes, size_t size, off_t at);
int __real_posix_fallocate64(int fd, off_t at, off_t size);
int __wrap_posix_fallocate64(int fd, off_t at, off_t size);
void *__real_mmap64(void *at, size_t size, int prot, int flags, int fd, off_t from);
void *__wrap_mmap64(void *at, size_t size, int prot, int flags, int fd, off_t from);
int __real_munmap(void *at, size_t size);
int __wrap_munmap(void *at, size_t size);
int __real_msync(void *at, size_t size, int flags);
int __wrap_msync(void *at, size_t size, int flags);
int __real_close(int fd);
int __wrap_close(int fd);
int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __real_unlink(const char *path);
int __wrap_unlink(const char *path);

int __wrap_open64(const char *path, int flags, ...)
{
    va_list args;
    unsigned mode;

    va_start(args, flags);
    mode = (flags & O_CREAT) != 0 ? va_arg(args, unsigned) : 0;
    va_end(args);
    if (!disk_is_ours(path)) {
        return __real_open64(path, flags, mode);
    }
    disk_file *file = disk_find(path);

    if (file == NULL && ((flags & O_CREAT) == 0 || sim_has_fault(SIM_FAULT_DISK))) {
        errno = (flags & O_CREAT) == 0 ? ENOENT : EIO;
        return -1;
    }
    file = file == NULL ? disk_make(path) : file;
    file->size = (flags & O_TRUNC) != 0 ? 0 : file->size;
    return DISK_FD + (int)(file - disk);
}

int __wrap_fstat64(int fd, struct stat *info)
{
    const disk_file *file = disk_of(fd);

    if (file == NULL) {
        return __real_fstat64(fd, info);
    }
    memset(info, 0, sizeof(*info));
    info->st_size = (off_t)file->size;
    return 0;
}

ssize_t __wrap_pread64(int fd, void *bytes, size_t size, off_t at)
{
    const disk_file *file = disk_of(fd);

    if (file == NULL) {
        return __real_pread64(fd, bytes, size, at);
    }
    WEIR_ASSERT(at == 0 && size <= file->size);
    memcpy(bytes, file->bytes, size);
    return (ssize_t)size;
}

int __wrap_posix_fallocate64(int fd, off_t at, off_t size)
{
    disk_file *file = disk_of(fd);

    if (file == NULL) {
        return __real_posix_fallocate64(fd, at, size);
    }
    if (sim_has_fault(SIM_FAULT_DISK)) {
        return ENOSPC;
    }
    if (file->cap < (size_t)size) {
        sim_free(file->bytes);
        file->bytes = sim_alloc((size_t)size);
        file->cap = (size_t)size;
    }
    memset(file->bytes, 0, (size_t)size);
    file->size = (size_t)size;
    return 0;
}

void *__wrap_mmap64(void *at, size_t size, int prot, int flags, int fd, off_t from)
{
    const disk_file *file = disk_of(fd);

    return file == NULL ? __real_mmap64(at, size, prot, flags, fd, from) : file->bytes;
}

static bool disk_is_mapped(const void *at)
{
    for (size_t i = 0; i < DISK_FILES; i++) {
        if (disk[i].bytes == at) {
            return true;
        }
    }
    return false;
}

int __wrap_munmap(void *at, size_t size)
{
    return disk_is_mapped(at) ? 0 : __real_munmap(at, size);
}

int __wrap_msync(void *at, size_t size, int flags)
{
    return disk_is_mapped(at) ? 0 : __real_msync(at, size, flags);
}

int __wrap_close(int fd)
{
    return disk_of(fd) != NULL ? 0 : __real_close(fd);
}

int __wrap_rename(const char *from, const char *to)
{
    if (!disk_is_ours(from)) {
        return __real_rename(from, to);
    }
    disk_file *file = disk_find(from);
    disk_file *before = disk_find(to);

    WEIR_ASSERT(file != NULL);
    if (before != NULL) {
        before->is_there = false;
    }
    strcpy(file->path, to);
    return 0;
}

int __wrap_unlink(const char *path)
{
    disk_file *file = disk_is_ours(path) ? disk_find(path) : NULL;

    if (!disk_is_ours(path)) {
        return __real_unlink(path);
    }
    if (file != NULL) {
        file->is_there = false;
    }
    return 0;
}

/* -- signals and suspects ------------------------------------------------------------------------ */

void __wrap_weir_journal_thread(weir_journal_slot *slot);
bool __real_weir_alone_begin(weir_line *line, weir_job *job);
bool __wrap_weir_alone_begin(weir_line *line, weir_job *job);
void __real_weir_alone_end(weir_line *line, weir_job *job);
void __wrap_weir_alone_end(weir_line *line, weir_job *job);

/* One thread has all signals here; so its slot belongs to the coroutine. */
void __wrap_weir_journal_thread(weir_journal_slot *slot)
{
    sim_co_put(slot);
}

void sim_journal_signal(void)
{
    weir_journal_slot *slot = sim_co_get();

    if (slot != NULL && atomic_load(&slot->state) != WEIR_SLOT_IDLE) {
        weir_journal_mark(slot, WEIR_MARK_SIGNAL);
    }
}

bool __wrap_weir_alone_begin(weir_line *line, weir_job *job)
{
    sim_check_alone(job, true);

    const bool may = __real_weir_alone_begin(line, job);

    if (!may) {
        sim_check_alone(job, false);
    }
    return may;
}

void __wrap_weir_alone_end(weir_line *line, weir_job *job)
{
    __real_weir_alone_end(line, job);
    sim_check_alone(job, false);
}
