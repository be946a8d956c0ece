# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""Cells about a process that stands or starts: memory, idle time, start, replicas."""

from __future__ import annotations

import os
import time

from measure import Bench, Rules, Weir, median
from model import Cell, Check, Result
from rates import NOOP
from servers import Load

STANDING: list[Cell] = []
