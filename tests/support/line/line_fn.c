/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * line_fn - the function of the whole-line tests: what the event says becomes of it.
 *
 * "ok": emitted as it came; "retry": fails twice, then ok; "reject": rejected. What fails has
 * emitted before, which must not be seen. A result names its maker in the header `by` and the
 * call in `call`. LINE_WORK_US makes each event take that long. While the file LINE_STUCK_FILE
 * is there, events of the key LINE_STUCK_KEY wait for it to go. In LINE_LOG.PID each call leaves
 * a line when it begins and one when it ends, in the language of tests/chaos/checker/history.py;
 * each is one write, so that a kill of the process takes none of them.
 */
#include <weir/handler.h>

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char maker[32];
static long work_us;
static const char *stuck_key, *stuck_file;
static int log_fd = -1;
static atomic_ulong n_calls;

static int line_init(const weir_setup *setup, void **state)
{
    const char *text = getenv("LINE_WORK_US");
    const char *log = getenv("LINE_LOG");

    (void)setup;
    *state = NULL;
    if (log != NULL) {
        char path[512];

        snprintf(path, sizeof(path), "%s.%d", log, (int)getpid());
        log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (log_fd < 0) {
            return 1;
        }
    }
    snprintf(maker, sizeof(maker), "%d", (int)getpid());
    work_us = text == NULL ? 0 : atol(text);
    stuck_key = getenv("LINE_STUCK_KEY");
    stuck_file = getenv("LINE_STUCK_FILE");
    return 0;
}

static bool line_is(weir_slice s, const char *word)
{
    return s.len == strlen(word) && memcmp(s.data, word, s.len) == 0;
}

static void line_log(const char *kind, unsigned long call, const char *rest)
{
    char text[256];
    struct timespec ts;
    int len;

    if (log_fd < 0) {
        return;
    }
    clock_gettime(CLOCK_REALTIME, &ts);
    len = snprintf(text, sizeof(text), "%s %lld%09ld %s %lu %s\n", kind,
                   (long long)ts.tv_sec, ts.tv_nsec, maker, call, rest);
    if (write(log_fd, text, (size_t)len) != len) {
        abort();
    }
}

static void line_log_begin(const weir_event *ev, weir_call *call, unsigned long number)
{
    const weir_value *root = weir_event_value(ev);
    char rest[64];
    int64_t key = -1;
    int64_t n = -1;

    weir_value_int(weir_value_at(root, "/key"), &key);
    weir_value_int(weir_value_at(root, "/n"), &n);
    snprintf(rest, sizeof(rest), "%lld.%lld %d", (long long)key, (long long)n,
             weir_call_attempt(call));
    line_log("begin", number, rest);
}

static void line_wait(const weir_event *ev)
{
    while (stuck_key != NULL && line_is(weir_event_key(ev), stuck_key) &&
           access(stuck_file, F_OK) == 0) {
        nanosleep(&(struct timespec){ 0, 20000000 }, NULL);
    }
    if (work_us > 0) {
        nanosleep(&(struct timespec){ work_us / 1000000, work_us % 1000000 * 1000 },
                  NULL);
    }
}

static weir_verdict line(void *state, const weir_event *ev, weir_call *call)
{
    const weir_value *root = weir_event_value(ev);
    const unsigned long number = atomic_fetch_add(&n_calls, 1) + 1;
    char text[24];
    weir_slice class;

    (void)state;
    line_log_begin(ev, call, number);
    line_wait(ev);
    if (!weir_value_string(weir_value_at(root, "/class"), &class)) {
        line_log("end", number, "reject");
        return weir_reject(call, "no-class", "no class");
    }
    snprintf(text, sizeof(text), "%lu", number);
    weir_emit(call, &(weir_output){
                        .key = weir_event_key(ev),
                        .data = weir_event_data(ev),
                        .headers =
                            (const weir_header[]){ { "by", { maker, strlen(maker) } },
                                                   { "call", { text, strlen(text) } } },
                        .n_headers = 2 });
    if (line_is(class, "reject")) {
        line_log("end", number, "reject");
        return weir_reject(call, "planned", "the plan says so");
    }
    if (line_is(class, "retry") && weir_call_attempt(call) < 3) {
        line_log("end", number, "retry");
        return weir_retry(call, -1, "the plan says so");
    }
    line_log("end", number, "done");
    return WEIR_DONE;
}

static const weir_function functions[] = {
    { .name = "line",
      .about = "follows the plan",
      .version = "1",
      .init = line_init,
      .wants_value = true,
      .replay_safe = true,
      .handle = line },
};
WEIR_FUNCTIONS(functions);
