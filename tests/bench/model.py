# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""What a cell of the benchmark is, and what its runs say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from measure import Bench, Sample, median


@dataclass
class Series:
    """The runs of one side of a cell, or one figure of it."""

    name: str
    samples: list[Sample] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return median([s.rate for s in self.samples])

    @property
    def cpu_per_event(self) -> float:
        return median([s.cpu_per_event for s in self.samples])

    @property
    def peak_mib(self) -> float:
        return median([s.peak_kib / 1024 for s in self.samples])

    def latency(self, name: str) -> float:
        return median([s.latency_us[name] for s in self.samples if s.latency_us])


@dataclass
class Check:
    """A figure and what it must be: at least `need`, or at most where is_most."""

    what: str
    value: float
    need: float
    is_most: bool = False
    unit: str = ""
    low: float | None = None  # the range of the pairs
    high: float | None = None

    @property
    def is_ok(self) -> bool:
        return self.value <= self.need if self.is_most else self.value >= self.need


@dataclass
class Allocs:
    """Allocations an event in the steady state."""

    ours: float  # not called from a client library or the C library
    all: float


@dataclass
class Result:
    series: list[Series] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    peers: list[Series] = field(default_factory=list)  # other workers in this cell
    problem: str = ""  # why there is no figure, or which events were lost
    allocs: Allocs | None = None
    run: int = 0  # which of the report's runs it is of
    measured: str = ""  # when it was done, UTC
    seconds: float = 0.0  # the whole cell took

    @property
    def has_raw(self) -> bool:
        """Is it a rate, with a plain and a tuned raw loop beside it?"""
        return len(self.series) == 3

    @property
    def verdict(self) -> str:
        if self.problem:
            return "FAILED"
        return "ok" if all(check.is_ok for check in self.checks) else "below"


@dataclass(frozen=True)
class Cell:
    """`run` may have a method `conditions(bench)`: then peers can run in the cell too."""

    name: str
    title: str
    run: Callable[[Bench], Result]


def ratio_check(what: str, ratios: list[float], need: float, is_most: bool = False) -> Check:
    return Check(what, median(ratios), need, is_most, "", min(ratios), max(ratios))
