# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""What a cell of the benchmark is, and what its runs say."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field

from measure import Bench, Sample, median
from servers import BenchError


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
class Result:
    series: list[Series] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    peers: list[Series] = field(default_factory=list)  # other workers in this cell
    problem: str = ""  # why there is no figure, or which events were lost

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


def run_peers(bench: Bench, cell: Cell, result: Result) -> None:
    """Adds what the peers do in this cell; one that fails is a note, not a failure of weir's."""
    conditions = getattr(cell.run, "conditions", None)
    for peer in bench.peers if conditions else []:
        try:
            if cell.name not in bench.peer_cells(peer):
                continue
            result.peers.append(Series(peer.name, [
                bench.peer(peer, cell.name, **conditions(bench)) for _ in range(bench.pairs)]))
        except (BenchError, OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
            result.notes.append(f"{peer.name} failed: {error}")


def ratio_check(what: str, ratios: list[float], need: float, is_most: bool = False) -> Check:
    return Check(what, median(ratios), need, is_most, "", min(ratios), max(ratios))
