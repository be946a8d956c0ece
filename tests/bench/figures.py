# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""How figures are written in documents: no more digits than the ranges allow."""

from __future__ import annotations

from model import Check, Series


def rounded(value: float) -> int:
    """To three digits."""
    digits = max(len(str(int(value))) - 3, 0)
    return round(value / 10**digits) * 10**digits


def rate_text(rate: float) -> str:
    return f"{rounded(rate):,}/s"


def cpu_text(series: Series) -> str:
    return f"{rounded(series.cpu_per_event):,}"


def memory_text(series: Series) -> str:
    return f"{series.peak_mib:,.0f}"


def share_text(check: Check) -> str:
    """A ratio with the range of its pairs."""
    if check.low is None or check.high is None or check.low == check.high:
        return f"{check.value:.2f}"
    return f"**{check.value:.2f}** ({check.low:.2f} to {check.high:.2f})"
