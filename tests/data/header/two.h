/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * two - what the second file gives to the first.
 */
#ifndef WEIR_TESTS_HEADER_TWO_H
#define WEIR_TESTS_HEADER_TWO_H

#include <weir/handler.h>

weir_verdict write_all(weir_call *call, const weir_value *value);

#endif
