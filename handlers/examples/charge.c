/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * charge - takes an order in JSON and passes it on as charged, if it names an amount.
 *
 * The smallest useful function: read one field, reject what can never work, emit a result. An
 * order without an integer amount becomes a dead letter with the class "no-amount".
 *
 *     functions:
 *       charge: { library: ./charge.so }
 *     subscriptions:
 *       - { function: charge, from: kafka:orders, start: earliest, format: json,
 *           to: kafka:receipts }
 *
 *     cc -shared -fPIC -o charge.so charge.c
 *     weir send kafka:orders '{"amount": 1200}'
 */
#include <weir/handler.h>

static weir_verdict charge(void *state, const weir_event *ev, weir_call *call)
{
    const weir_value *amount = weir_value_at(weir_event_value(ev), "/amount");
    int64_t cents;

    (void)state;
    if (!weir_value_int(amount, &cents)) {
        return weir_reject(call, "no-amount", "order without an integer amount");
    }
    weir_emit(call,
              &(weir_output){ .key = weir_event_key(ev), .data = weir_event_data(ev) });
    return WEIR_DONE;
}

static const weir_function functions[] = {
    { .name = "charge",
      .about = "charges one order",
      .version = "1.0.0",
      .wants_value = true,
      .handle = charge },
};
WEIR_FUNCTIONS(functions);
