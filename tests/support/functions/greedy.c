/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * greedy - a function that takes more than its share, as its event says.
 *
 * "emit" tries to emit 1 GiB in small pieces; "leak" keeps some memory for ever; "hog" takes
 * memory until somebody ends the process as the kernel does when there is none left: by
 * SIGKILL. Everything else is emitted as it came.
 */
#define _POSIX_C_SOURCE 200809L

#include <weir/handler.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE ((size_t)1 << 20)

static bool is(weir_slice s, const char *word)
{
    return s.len >= strlen(word) && memcmp(s.data, word, strlen(word)) == 0;
}

/* Memory that nobody gives back; hidden from those who look for leaks. */
static void keep(size_t n_pieces)
{
    static volatile uintptr_t hidden;

    for (size_t i = 0; i < n_pieces; i++) {
        char *piece = malloc(PIECE);

        if (piece != NULL) {
            memset(piece, 1, PIECE);
        }
        hidden = ~(uintptr_t)piece;
        (void)hidden;
    }
}

static void emit_much(weir_call *call)
{
    char *piece = calloc(1, PIECE);

    for (int i = 0; piece != NULL && i < 1024; i++) {
        (void)weir_emit(call, &(weir_output){ .data = { piece, PIECE } });
    }
    free(piece);
}

static weir_verdict greedy(void *state, const weir_event *ev, weir_call *call)
{
    const weir_slice data = weir_event_data(ev);

    (void)state;
    if (is(data, "emit")) {
        emit_much(call);
        return WEIR_DONE;
    }
    if (is(data, "leak")) {
        keep(4);
    } else if (is(data, "hog")) {
        keep(128);
        kill(getpid(), SIGKILL);
    }
    weir_emit(call, &(weir_output){ .data = data });
    return WEIR_DONE;
}

static const weir_function functions[] = {
    { .name = "greedy",
      .about = "takes more than its share",
      .version = "1",
      .handle = greedy },
};
WEIR_FUNCTIONS(functions);
