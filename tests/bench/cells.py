# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""All cells of the benchmark, in the order in which they run and are printed."""

from __future__ import annotations

from model import Cell
from rates import RATES, REDIS_RATES, ceilings
from standing import STANDING
from timing import TIMINGS

CELLS: list[Cell] = [*RATES, *REDIS_RATES, *ceilings(), *TIMINGS, *STANDING]
