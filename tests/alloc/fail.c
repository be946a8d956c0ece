/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* fail - see fail.h. */
#include "tests/alloc/fail.h"

#include "worker/base/arena.h"

#include <errno.h>
#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__)
#define FAIL_FINDS_LEAKS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FAIL_FINDS_LEAKS 1
#endif
#endif
#ifdef FAIL_FINDS_LEAKS
#include <sanitizer/lsan_interface.h>
#endif

#define FAIL_FRAMES 24
#define FAIL_LOOK_EACH 16 /* a look for leaks takes a while */
#define FAIL_WORKERS 8    /* processes: what is tried waits more than it works */

static atomic_ulong fail_at, fail_n_asked;
static atomic_bool fail_has_hit;
static _Thread_local int fail_n_off;
static void *fail_frames[FAIL_FRAMES];
static int fail_n_frames;

static bool fail_now(void)
{
    const unsigned long at = atomic_load(&fail_at);

    if (at == 0 || fail_n_off > 0 || atomic_fetch_add(&fail_n_asked, 1) + 1 != at) {
        return false;
    }
    fail_n_frames = backtrace(fail_frames, FAIL_FRAMES);
    atomic_store(&fail_has_hit, true);
    errno = ENOMEM;
    return true;
}

void weir_fail_where(void)
{
    char text[64] = "allocation ";
    char digits[24];
    size_t n = sizeof(digits);
    unsigned long at = atomic_load(&fail_at);

    if (!atomic_load(&fail_has_hit)) {
        return;
    }
    do {
        digits[--n] = (char)('0' + at % 10);
        at /= 10;
    } while (at > 0 && n > 0);
    memcpy(text + 11, digits + n, sizeof(digits) - n);
    memcpy(text + 11 + sizeof(digits) - n, " failed:\n", 9);
    (void)!write(2, text, 20 + sizeof(digits) - n);
    backtrace_symbols_fd(fail_frames, fail_n_frames, 2);
}

static void fail_crashed(int sig)
{
    weir_fail_where();
    (void)signal(sig, SIG_DFL);
    (void)raise(sig);
}

void weir_fail_arm(unsigned long n)
{
    atomic_store(&fail_n_asked, 0);
    atomic_store(&fail_has_hit, false);
    atomic_store(&fail_at, n);
}

bool weir_fail_disarm(void)
{
    atomic_store(&fail_at, 0);
    return atomic_load(&fail_has_hit);
}

bool weir_fail_is_hit(void)
{
    return atomic_load(&fail_has_hit);
}

void weir_fail_pause(bool is_off)
{
    fail_n_off += is_off ? 1 : -1;
}

static unsigned long fail_limit(const char *name, unsigned long otherwise)
{
    const char *text = getenv(name);

    return text == NULL ? otherwise : strtoul(text, NULL, 10);
}

static void fail_look_for_leaks(unsigned long at)
{
#ifdef FAIL_FINDS_LEAKS
    if (__lsan_do_recoverable_leak_check() != 0) {
        atomic_store(&fail_at, at);
        weir_fail_where();
        fail_msg(
            "after the failure of allocation %lu, or one of those before it, memory "
            "has leaked",
            at);
    }
#else
    (void)at;
#endif
}

/* Every FAIL_WORKERS-th from `at` on, until none fails; returns the last that did. */
static unsigned long fail_share(void (*once)(void *arg), void *arg, unsigned long at)
{
    unsigned long last = 0;
    bool is_hit = true;

    (void)signal(SIGABRT, fail_crashed);
    (void)signal(SIGSEGV, fail_crashed);
    for (unsigned n = 1; is_hit; n++) {
        weir_fail_arm(at);
        once(arg);
        is_hit = weir_fail_disarm();
        if (is_hit) {
            last = at;
        }
        if (!is_hit || n % FAIL_LOOK_EACH == 0) {
            fail_look_for_leaks(at);
        }
        at += FAIL_WORKERS;
    }
    return last;
}

unsigned long weir_fail_each(void (*once)(void *arg), void *arg)
{
    const unsigned long only = fail_limit("WEIR_FAIL_AT", 0);
    pid_t workers[FAIL_WORKERS];
    unsigned long last = 0;
    void *warm[1];

    (void)backtrace(warm, 1); /* loads what it needs */
    if (only > 0) {
        weir_fail_arm(only);
        once(arg);
        (void)weir_fail_disarm();
        fail_look_for_leaks(only);
        return only;
    }
    atomic_ulong *found = mmap(NULL, sizeof(*found), PROT_READ | PROT_WRITE,
                               MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(found, MAP_FAILED);
    (void)fflush(NULL);
    for (unsigned i = 0; i < FAIL_WORKERS; i++) {
        workers[i] = fork();
        assert_true(workers[i] >= 0);
        if (workers[i] == 0) {
            (void)setenv("CMOCKA_TEST_ABORT", "1", 1); /* its failures end it */
            const unsigned long mine = fail_share(once, arg, i + 1);
            unsigned long seen = atomic_load(found);

            while (seen < mine && !atomic_compare_exchange_weak(found, &seen, mine)) {
            }
            _exit(0);
        }
    }
    for (unsigned i = 0; i < FAIL_WORKERS; i++) {
        int status = 0;

        assert_int_equal(waitpid(workers[i], &status, 0), workers[i]);
        assert_int_equal(status, 0);
    }
    last = atomic_load(found);
    (void)munmap(found, sizeof(*found));
    return last;
}

/* -- what the linker puts in the place of the C library's ---------------------------------- */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *at, size_t n);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t n);
void *__real_aligned_alloc(size_t align, size_t n);
int __real_vasprintf(char **out, const char *fmt, va_list args)
    __attribute__((format(printf, 2, 0)));
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
                          void *(*main)(void *), void *arg);

void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *at, size_t n);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t n);
void *__wrap_aligned_alloc(size_t align, size_t n);
int __wrap_asprintf(char **out, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
int __wrap_vasprintf(char **out, const char *fmt, va_list args)
    __attribute__((format(printf, 2, 0)));
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
                          void *(*main)(void *), void *arg);

void *__wrap_malloc(size_t n)
{
    return fail_now() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fail_now() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *at, size_t n)
{
    return fail_now() ? NULL : __real_realloc(at, n);
}

char *__wrap_strdup(const char *text)
{
    return fail_now() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t n)
{
    return fail_now() ? NULL : __real_strndup(text, n);
}

void *__wrap_aligned_alloc(size_t align, size_t n)
{
    return fail_now() ? NULL : __real_aligned_alloc(align, n);
}

int __wrap_vasprintf(char **out, const char *fmt, va_list args)
{
    return fail_now() ? -1 : __real_vasprintf(out, fmt, args);
}

int __wrap_asprintf(char **out, const char *fmt, ...)
{
    va_list args;
    int n;

    if (fail_now()) {
        return -1;
    }
    va_start(args, fmt);
    n = __real_vasprintf(out, fmt, args);
    va_end(args);
    return n;
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
                          void *(*main)(void *), void *arg)
{
    return fail_now() ? EAGAIN : __real_pthread_create(thread, attr, main, arg);
}

/* Pieces of arenas: mostly no allocation of their own, but each might have been one. */
void *__real_weir_arena_alloc(weir_arena *arena, size_t n);
void *__real_weir_arena_zalloc(weir_arena *arena, size_t n);
bool __real_weir_arena_copy(weir_arena *arena, weir_slice from, weir_slice *out);
char *__real_weir_arena_strdup(weir_arena *arena, const char *text);

void *__wrap_weir_arena_alloc(weir_arena *arena, size_t n);
void *__wrap_weir_arena_zalloc(weir_arena *arena, size_t n);
bool __wrap_weir_arena_copy(weir_arena *arena, weir_slice from, weir_slice *out);
char *__wrap_weir_arena_strdup(weir_arena *arena, const char *text);
char *__wrap_weir_arena_printf(weir_arena *arena, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

void *__wrap_weir_arena_alloc(weir_arena *arena, size_t n)
{
    return fail_now() ? NULL : __real_weir_arena_alloc(arena, n);
}

void *__wrap_weir_arena_zalloc(weir_arena *arena, size_t n)
{
    return fail_now() ? NULL : __real_weir_arena_zalloc(arena, n);
}

bool __wrap_weir_arena_copy(weir_arena *arena, weir_slice from, weir_slice *out)
{
    return fail_now() ? false : __real_weir_arena_copy(arena, from, out);
}

char *__wrap_weir_arena_strdup(weir_arena *arena, const char *text)
{
    return fail_now() ? NULL : __real_weir_arena_strdup(arena, text);
}

char *__wrap_weir_arena_printf(weir_arena *arena, const char *fmt, ...)
{
    char *out = NULL;

    if (!fail_now()) {
        va_list args;

        va_start(args, fmt);
        out = weir_arena_vprintf(arena, fmt, args);
        va_end(args);
    }
    return out;
}
