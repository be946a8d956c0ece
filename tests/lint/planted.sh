#!/bin/sh
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
#
# planted SOURCE BUILD - the faults that the simulation must find can still be planted.

exec "$1/tests/sim/plant" "$1" "$2" --check
