/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * env - see env.h. A list of who set what.
 */
#include "handlers/env.h"

#include "worker/base/check.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

typedef struct env_claim {
    struct env_claim *next;
    char *owner, *name, *value;
} env_claim;

/* Mutable and global, like the environment of the process that it describes. */
static pthread_mutex_t env_mutex = PTHREAD_MUTEX_INITIALIZER;
static env_claim *env_claims;

static void env_claim_free(env_claim *claim)
{
    if (claim == NULL) {
        return;
    }
    free(claim->owner);
    free(claim->name);
    free(claim->value);
    free(claim);
}

static env_claim *env_claim_new(const char *owner, const weir_opt_pair *var)
{
    env_claim *claim = calloc(1, sizeof(*claim));

    if (claim == NULL) {
        return NULL;
    }
    claim->owner = strdup(owner);
    claim->name = strdup(var->name);
    claim->value = strdup(var->value == NULL ? "" : var->value);
    if (claim->owner == NULL || claim->name == NULL || claim->value == NULL) {
        env_claim_free(claim);
        return NULL;
    }
    return claim;
}

static void env_give_locked(const char *owner)
{
    env_claim **at = &env_claims;

    while (*at != NULL) {
        env_claim *claim = *at;

        if (strcmp(claim->owner, owner) == 0) {
            *at = claim->next;
            env_claim_free(claim);
        } else {
            at = &claim->next;
        }
    }
}

static weir_status env_check_locked(const char *owner, const weir_opt_pair *var,
                                    weir_err *err)
{
    const char *value = var->value == NULL ? "" : var->value;

    if (var->name[0] == '\0' || strchr(var->name, '=') != NULL) {
        return weir_fail(err, WEIR_ECONFIG, "env: \"%s\" cannot name a variable",
                         var->name);
    }
    for (const env_claim *claim = env_claims; claim != NULL; claim = claim->next) {
        if (strcmp(claim->name, var->name) == 0 && strcmp(claim->owner, owner) != 0 &&
            strcmp(claim->value, value) != 0) {
            return weir_fail(
                err, WEIR_ECONFIG,
                "env: %s has another value for the function %s, and a process has "
                "one environment; use `config:` for what differs",
                var->name, claim->owner);
        }
    }
    return WEIR_OK;
}

/* Writes only what changes, so that a second claim of the same is safe beside readers. */
static bool env_set(const char *name, const char *value)
{
    const char *now = getenv(name);

    return (now != NULL && strcmp(now, value) == 0) || setenv(name, value, 1) == 0;
}

weir_status weir_env_claim(const char *owner, const weir_opt_map *vars, weir_err *err)
{
    weir_status st = WEIR_OK;

    WEIR_ASSERT(pthread_mutex_lock(&env_mutex) == 0);
    for (size_t i = 0; i < vars->n; i++) {
        if ((st = env_check_locked(owner, &vars->pairs[i], err)) != WEIR_OK) {
            goto out;
        }
    }
    for (size_t i = 0; i < vars->n; i++) {
        env_claim *claim = env_claim_new(owner, &vars->pairs[i]);

        if (claim == NULL || !env_set(claim->name, claim->value)) {
            env_claim_free(claim);
            env_give_locked(owner);
            st = weir_fail(err, WEIR_ENOMEM, "env: out of memory");
            goto out;
        }
        claim->next = env_claims;
        env_claims = claim;
    }
out:
    WEIR_ASSERT(pthread_mutex_unlock(&env_mutex) == 0);
    return st;
}

void weir_env_give(const char *owner)
{
    WEIR_ASSERT(pthread_mutex_lock(&env_mutex) == 0);
    env_give_locked(owner);
    WEIR_ASSERT(pthread_mutex_unlock(&env_mutex) == 0);
}
