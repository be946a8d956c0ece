/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * line_fn - the function of the whole-line tests: what the event says becomes of it.
 *
 * "ok": emitted as it came; "retry": fails twice, then ok; "reject": rejected. A result names
 * its maker in the header `by`. LINE_WORK_US makes each event take that long. While the file
 * LINE_STUCK_FILE is there, events of the key LINE_STUCK_KEY wait for it to go.
 */
#include <weir/handler.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char maker[32];
static long work_us;
static const char *stuck_key, *stuck_file;

static int line_init(const weir_setup *setup, void **state)
{
    const char *text = getenv("LINE_WORK_US");

    (void)setup;
    *state = NULL;
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

static weir_verdict line(void *state, const weir_event *ev, weir_call *call)
{
    const weir_value *root = weir_event_value(ev);
    const weir_header by = { "by", { maker, strlen(maker) } };
    weir_slice class;

    (void)state;
    while (stuck_key != NULL && line_is(weir_event_key(ev), stuck_key) &&
           access(stuck_file, F_OK) == 0) {
        nanosleep(&(struct timespec){ 0, 20000000 }, NULL);
    }
    if (work_us > 0) {
        nanosleep(&(struct timespec){ work_us / 1000000, work_us % 1000000 * 1000 },
                  NULL);
    }
    if (!weir_value_string(weir_value_at(root, "/class"), &class)) {
        return weir_reject(call, "no-class", "no class");
    }
    if (line_is(class, "reject")) {
        return weir_reject(call, "planned", "the plan says so");
    }
    if (line_is(class, "retry") && weir_call_attempt(call) < 3) {
        return weir_retry(call, -1, "the plan says so");
    }
    weir_emit(call, &(weir_output){ .key = weir_event_key(ev),
                                    .data = weir_event_data(ev),
                                    .headers = &by,
                                    .n_headers = 1 });
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
