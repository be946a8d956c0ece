/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * env - environment variables that functions ask for (`env:` of the configuration).
 *
 * A process has one environment, so a variable that one function sets is seen by all of them,
 * and by every library in the worker. Two functions that want different values of one
 * variable cannot both have what they want: the second is refused. A variable that the
 * worker was started with is replaced.
 *
 * Threads: any for these calls; but setenv() itself must not meet a getenv() of another
 * thread, so the worker checks its functions, which sets
 * them, before it starts any. A variable that has its value already is not written again.
 */
#ifndef WEIR_HANDLERS_ENV_H
#define WEIR_HANDLERS_ENV_H

#include "worker/base/err.h"
#include "worker/base/opt.h"

/*
 * Sets the variables in the name of `owner` (the entry under `functions:`). None is set if one
 * is refused.
 * Returns: WEIR_OK; WEIR_ECONFIG with the name of the other owner, or for a name that cannot
 * be one; WEIR_ENOMEM.
 */
weir_status weir_env_claim(const char *owner, const weir_opt_map *vars, weir_err *err);

/* Forgets what owner claimed. The variables keep their values. */
void weir_env_give(const char *owner);

#endif
