/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_journal - the file: what a process leaves in it, and what the next one makes of it.
 */
#include "worker/engine/journal_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct folder {
    char dir[64], path[96], other[96];
} folder;

static int begin(void **state)
{
    folder *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    strcpy(f->dir, "/tmp/weir-journal-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof(f->path), "%s/journal-1", f->dir);
    snprintf(f->other, sizeof(f->other), "%s/journal-2", f->dir);
    *state = f;
    return 0;
}

static int end(void **state)
{
    folder *f = *state;

    unlink(f->path);
    unlink(f->other);
    rmdir(f->dir);
    free(f);
    return 0;
}

static weir_journal *opened(const char *path)
{
    weir_journal *j = NULL;
    weir_err err;

    assert_int_equal(weir_journal_open(path, &j, &err), WEIR_OK);
    return j;
}

/* A child that works with the journal and ends in its own way; returns how it ended. */
static int child(const char *path, void (*work)(weir_journal *j))
{
    const struct rlimit no_core = { 0, 0 };
    int status = 0;

    fflush(NULL);
    const pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        signal(SIGSEGV, SIG_DFL); /* cmocka has its own */
        signal(SIGBUS, SIG_DFL);
        setrlimit(RLIMIT_CORE, &no_core);
        work(opened(path));
        _exit(99);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

/* The third event of a topic runs, on this thread. */
static void run_third(weir_journal *j, weir_slot_state how)
{
    weir_journal_slot *slot = weir_journal_take(j);

    weir_journal_guard(j);
    weir_journal_thread(slot);
    weir_journal_begin(slot, weir_journal_part(j, "s", "orders", 4), (weir_pos){ 3, 0 },
                       1, how);
}

static const char *file_to_lose;

/* Another event, in a slot of its own. */
static void run_more(weir_journal *j)
{
    weir_journal_slot *slot = weir_journal_take(j);

    weir_journal_begin(slot, weir_journal_part(j, "s", "orders", 4), (weir_pos){ 4, 0 },
                       1, WEIR_SLOT_RUNS);
    weir_journal_end(slot);
}

static bool third(weir_journal *j, weir_blame *out)
{
    const uint32_t part = weir_journal_part(j, "s", "orders", 4);

    *out = (weir_blame){ .n_crashes = 0 };
    return weir_journal_blame(j, part, (weir_pos){ 3, 0 }, out);
}

static void is_killed(weir_journal *j)
{
    run_third(j, WEIR_SLOT_RUNS);
    kill(getpid(), SIGKILL);
}

static void is_killed_alone(weir_journal *j)
{
    run_third(j, WEIR_SLOT_ALONE);
    kill(getpid(), SIGKILL);
}

static void aborts(weir_journal *j)
{
    run_third(j, WEIR_SLOT_RUNS);
    abort();
}

static void faults(weir_journal *j)
{
    volatile char *volatile nowhere = (volatile char *)(uintptr_t)16;

    run_third(j, WEIR_SLOT_RUNS);
    *nowhere = 1;
}

static void exits(weir_journal *j)
{
    run_third(j, WEIR_SLOT_RUNS);
    exit(7);
}

static void returns_and_aborts(weir_journal *j)
{
    weir_journal_slot *slot = weir_journal_take(j);

    run_third(j, WEIR_SLOT_RUNS);
    weir_journal_thread(slot);
    weir_journal_begin(slot, weir_journal_part(j, "s", "orders", 4), (weir_pos){ 5, 0 },
                       1, WEIR_SLOT_RUNS);
    weir_journal_end(slot);
    abort();
}

static void forks(weir_journal *j)
{
    int status;

    run_third(j, WEIR_SLOT_RUNS);
    for (int i = 0; i < 2; i++) {
        const pid_t pid = fork();

        if (pid == 0) {
            if (i == 0) {
                abort();
            }
            exit(0);
        }
        waitpid(pid, &status, 0);
    }
    weir_journal_on_purpose(j);
    _exit(0);
}

static void a_kill_makes_a_suspect_and_no_crash(void **state)
{
    const folder *f = *state;
    weir_blame blame;

    assert_int_equal(WTERMSIG(child(f->path, is_killed)), SIGKILL);
    weir_journal *j = opened(f->path);

    assert_true(third(j, &blame));
    assert_true(blame.is_suspect);
    assert_int_equal(blame.n_crashes + blame.n_alone, 0);
    weir_journal_close(j);
}

static void a_kill_of_one_alone_counts_less_than_a_proof(void **state)
{
    const folder *f = *state;
    weir_blame blame;

    child(f->path, is_killed_alone);
    weir_journal *j = opened(f->path);

    assert_true(third(j, &blame));
    assert_int_equal(blame.n_alone, 1);
    assert_int_equal(blame.n_crashes, 0);
    weir_journal_close(j);
}

static void signals_and_exit_are_proofs_and_end_the_process_as_ever(void **state)
{
    const folder *f = *state;
    weir_blame blame;

    assert_int_equal(WTERMSIG(child(f->path, aborts)), SIGABRT);
    assert_int_equal(WTERMSIG(child(f->path, faults)), SIGSEGV);
    assert_int_equal(WEXITSTATUS(child(f->path, exits)), 7);
    weir_journal *j = opened(f->path);

    assert_true(third(j, &blame));
    assert_int_equal(blame.n_crashes, 3);
    weir_journal_close(j);
}

static void a_signal_outside_of_functions_is_no_proof(void **state)
{
    const folder *f = *state;
    weir_blame blame;

    assert_int_equal(WTERMSIG(child(f->path, returns_and_aborts)), SIGABRT);
    weir_journal *j = opened(f->path);

    assert_true(third(j, &blame));
    assert_true(blame.is_suspect);
    assert_int_equal(blame.n_crashes, 0);
    assert_false(weir_journal_blame(j, weir_journal_part(j, "s", "orders", 4),
                                    (weir_pos){ 5, 0 }, &blame));
    weir_journal_close(j);
}

static void children_of_a_function_mark_nothing(void **state)
{
    const folder *f = *state;
    weir_blame blame;

    child(f->path, forks);
    weir_journal *j = opened(f->path);

    assert_false(third(j, &blame));
    weir_journal_close(j);
}

static void what_is_known_lasts_until_it_is_forgotten(void **state)
{
    const folder *f = *state;
    weir_blame blame;

    child(f->path, aborts);
    weir_journal_close(opened(f->path)); /* an end in order changes nothing */
    weir_journal *j = opened(f->path);
    const uint32_t part = weir_journal_part(j, "s", "orders", 4);
    weir_pos last = { 0, 0 };

    assert_true(third(j, &blame) && blame.is_suspect);
    assert_true(weir_journal_knows(j, part, &last));
    assert_int_equal(last.hi, 3);
    weir_journal_acquit(j, part, (weir_pos){ 3, 0 });
    weir_journal_close(j);
    j = opened(f->path);
    assert_true(third(j, &blame));
    assert_false(blame.is_suspect);
    assert_int_equal(blame.n_crashes, 1);
    weir_journal_forget(j, weir_journal_part(j, "s", "orders", 4), (weir_pos){ 3, 0 });
    weir_journal_close(j);
    j = opened(f->path);
    assert_false(third(j, &blame));
    assert_false(weir_journal_knows(j, weir_journal_part(j, "s", "orders", 4), &last));
    weir_journal_close(j);
}

static void the_same_position_of_another_part_is_another_event(void **state)
{
    const folder *f = *state;
    weir_blame blame;

    child(f->path, aborts);
    weir_journal *j = opened(f->path);

    assert_false(weir_journal_blame(j, weir_journal_part(j, "s", "orders", 5),
                                    (weir_pos){ 3, 0 }, &blame));
    assert_false(weir_journal_blame(j, weir_journal_part(j, "t", "orders", 4),
                                    (weir_pos){ 3, 0 }, &blame));
    weir_journal_close(j);
}

static void another_process_that_has_ended_is_heard(void **state)
{
    const folder *f = *state;
    weir_blame blame;

    child(f->other, aborts);
    weir_journal *j = opened(f->path);

    assert_false(third(j, &blame));
    weir_journal_adopt(j, f->other);
    assert_true(third(j, &blame));
    assert_int_equal(blame.n_crashes, 1);
    weir_journal_close(j);
}

/* Changes bytes of the file. */
static void spoil(const folder *f, off_t at, const char *bytes, size_t n)
{
    const int fd = open(f->path, O_RDWR);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, n, at), n);
    close(fd);
}

static void a_damaged_file_counts_as_nothing(void **state)
{
    const folder *f = *state;
    weir_blame blame;
    const off_t spots[] = { 0, 8, 12, offsetof(weir_journal_file, places) + 9,
                            offsetof(weir_journal_file, slots) +
                                offsetof(weir_journal_slot, hi) };

    for (size_t i = 0; i < sizeof(spots) / sizeof(spots[0]); i++) {
        child(f->path, aborts);
        spoil(f, spots[i], "\x7f", 1);
        weir_journal *j = opened(f->path);

        assert_false(third(j, &blame));
        weir_journal_close(j);
        unlink(f->path);
    }
    child(f->path, aborts);
    assert_int_equal(truncate(f->path, 1000), 0);
    weir_journal *j = opened(f->path);

    assert_false(third(j, &blame));
    weir_journal_close(j);
}

static void nobody_else_may_read_it_and_its_blocks_are_there(void **state)
{
    const folder *f = *state;
    struct stat info;

    weir_journal_close(opened(f->path));
    assert_int_equal(stat(f->path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(info.st_size, sizeof(weir_journal_file));
    assert_true(info.st_blocks * 512 >= info.st_size);
}

static void without_its_folder_there_is_an_error_and_no_file(void **state)
{
    weir_journal *j = NULL;
    weir_err err;

    (void)state;
    assert_int_equal(weir_journal_open("/nowhere/at/all/journal-1", &j, &err),
                     WEIR_EIO);
    assert_null(j);
    assert_non_null(strstr(err.text, "/nowhere/at/all"));
    assert_int_equal(weir_journal_part(NULL, "s", "t", 0), 0);
    assert_null(weir_journal_take(NULL));
    weir_journal_close(NULL);
}

/* The function goes on, and then aborts. */
static void loses_its_file(weir_journal *j)
{
    run_third(j, WEIR_SLOT_RUNS);
    if (truncate(file_to_lose, 0) != 0) {
        _exit(98);
    }
    run_more(j);
    _exit(weir_journal_is_kept(j, file_to_lose) ? 97 : 5);
}

static void whose_file_is_cut_goes_on_in_memory(void **state)
{
    const folder *f = *state;

    file_to_lose = f->path;
    assert_int_equal(WEXITSTATUS(child(f->path, loses_its_file)), 5);
}

static void a_file_that_is_gone_or_another_one_is_told(void **state)
{
    const folder *f = *state;
    weir_journal *j = opened(f->path);

    assert_true(weir_journal_is_kept(j, f->path));
    assert_int_equal(rename(f->path, f->other), 0);
    assert_false(weir_journal_is_kept(j, f->path));
    weir_journal *newer = opened(f->path);

    assert_false(weir_journal_is_kept(j, f->path));
    assert_true(weir_journal_is_kept(newer, f->path));
    weir_journal_close(newer);
    weir_journal_close(j);
}

static void without_room_for_two_files_the_old_one_goes_on(void **state)
{
    const folder *f = *state;
    char fresh[128];
    weir_blame blame;

    assert_int_equal(WTERMSIG(child(f->path, aborts)), SIGABRT);
    snprintf(fresh, sizeof(fresh), "%s.new", f->path);
    assert_int_equal(mkdir(fresh, 0700), 0); /* what cannot be made */
    weir_journal *j = opened(f->path);

    assert_true(third(j, &blame));
    assert_int_equal(blame.n_crashes, 1);
    assert_true(weir_journal_is_kept(j, f->path));
    weir_journal_close(j);
    rmdir(fresh);
}

static void slots_and_parts_come_to_an_end(void **state)
{
    const folder *f = *state;
    weir_journal *j = opened(f->path);
    weir_journal_slot *last = NULL;
    char name[600];

    for (int i = 0; i < WEIR_JOURNAL_SLOTS; i++) {
        last = weir_journal_take(j);
        assert_non_null(last);
    }
    assert_null(weir_journal_take(j));
    weir_journal_give(j, last);
    assert_ptr_equal(weir_journal_take(j), last);
    for (int32_t i = 0; i < WEIR_JOURNAL_PARTS; i++) {
        assert_int_equal(weir_journal_part(j, "s", "t", i), i + 1);
    }
    assert_int_equal(weir_journal_part(j, "s", "t", WEIR_JOURNAL_PARTS), 0);
    assert_int_equal(weir_journal_part(j, "s", "t", 7), 8);
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(weir_journal_part(j, "s", name, 0), 0);
    weir_journal_close(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
        T(a_kill_makes_a_suspect_and_no_crash),
        T(a_kill_of_one_alone_counts_less_than_a_proof),
        T(signals_and_exit_are_proofs_and_end_the_process_as_ever),
        T(a_signal_outside_of_functions_is_no_proof),
        T(children_of_a_function_mark_nothing),
        T(what_is_known_lasts_until_it_is_forgotten),
        T(the_same_position_of_another_part_is_another_event),
        T(another_process_that_has_ended_is_heard),
        T(a_damaged_file_counts_as_nothing),
        T(nobody_else_may_read_it_and_its_blocks_are_there),
        T(without_its_folder_there_is_an_error_and_no_file),
        T(whose_file_is_cut_goes_on_in_memory),
        T(a_file_that_is_gone_or_another_one_is_told),
        T(without_room_for_two_files_the_old_one_goes_on),
        T(slots_and_parts_come_to_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
