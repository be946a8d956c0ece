/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Assertions end the process; casts are checked by tags.
 */
#include "worker/base/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
/* cmocka wants these before it */
#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define THING_TAG WEIR_TAG('t', 'e', 's', 't')

typedef struct thing {
    uint32_t tag;
    int n;
} thing;

/* Runs fn in a child; true if it aborted. What it wrote to stderr is in text. */
static bool aborts(void (*fn)(void), char *text, size_t cap)
{
    int pipes[2];
    int status = 0;
    size_t len = 0;

    assert_int_equal(pipe(pipes), 0);

    pid_t pid = fork();

    if (pid == 0) {
        (void)dup2(pipes[1], STDERR_FILENO);
        fn();
        _exit(0);
    }
    (void)close(pipes[1]);
    for (ssize_t n = 1; n > 0 && len<cap - 1; len += n> 0 ? (size_t)n : 0) {
        n = read(pipes[0], text + len, cap - 1 - len);
    }
    text[len] = '\0';
    (void)close(pipes[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void break_a_promise(void)
{
    volatile int one = 1;

    WEIR_ASSERT(one == 2);
}

static void cast_something_else(void)
{
    thing other = { .tag = 0x12345678 };

    (void)WEIR_CAST(thing, &other, THING_TAG);
}

static void cast_nothing(void)
{
    (void)WEIR_CAST(thing, NULL, THING_TAG);
}

static void a_broken_promise_ends_the_process_and_says_where(void **state)
{
    char text[1024];

    (void)state;
    assert_true(aborts(break_a_promise, text, sizeof(text)));
    assert_non_null(strstr(text, "test_check.c:"));
    assert_non_null(strstr(text, "break_a_promise: assertion: one == 2\n"));
}

static void a_cast_gives_the_thing_with_its_tag_only(void **state)
{
    thing mine = { .tag = THING_TAG, .n = 7 };
    char text[1024];

    (void)state;
    assert_int_equal(WEIR_CAST(thing, &mine, THING_TAG)->n, 7);
    assert_true(aborts(cast_something_else, text, sizeof(text)));
    assert_non_null(strstr(text, "tag 12345678 where 74657374 was expected"));
    assert_true(aborts(cast_nothing, text, sizeof(text)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_broken_promise_ends_the_process_and_says_where),
        cmocka_unit_test(a_cast_gives_the_thing_with_its_tag_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
