/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* backoff - see backoff.h. */
#include "worker/engine/backoff.h"

const weir_retry_rules weir_backoff_send = {
    .attempts = UINT32_MAX,
    .backoff = WEIR_BACKOFF_EXPONENTIAL,
    .jitter = WEIR_JITTER_EQUAL,
    .first_us = 100000,
    .max_us = 10000000,
};

/* The wait before jitter. Stops growing at max, so nothing overflows. */
static int64_t backoff_base_us(const weir_retry_rules *rules, uint32_t n_failures)
{
    int64_t d = rules->first_us;

    switch (rules->backoff) {
    case WEIR_BACKOFF_CONSTANT:
        break;
    case WEIR_BACKOFF_LINEAR:
        if (d > 0 && n_failures > rules->max_us / d) {
            return rules->max_us;
        }
        d *= n_failures;
        break;
    case WEIR_BACKOFF_EXPONENTIAL:
        for (uint32_t i = 1; i < n_failures && d < rules->max_us; i++) {
            d = d > INT64_MAX / 2 ? rules->max_us : d * 2;
            if (d == 0) {
                break;
            }
        }
        break;
    }
    return d > rules->max_us ? rules->max_us : d;
}

int64_t weir_backoff_us(const weir_retry_rules *rules, uint32_t n_failures,
                        weir_rand *rand)
{
    const int64_t d = backoff_base_us(rules, n_failures == 0 ? 1 : n_failures);

    if (d <= 0) {
        return 0;
    }
    switch (rules->jitter) {
    case WEIR_JITTER_FULL:
        return (int64_t)(weir_rand_next(rand) % ((uint64_t)d + 1));
    case WEIR_JITTER_EQUAL:
        return d / 2 + (int64_t)(weir_rand_next(rand) % ((uint64_t)(d - d / 2) + 1));
    case WEIR_JITTER_NONE:
        break;
    }
    return d;
}
