# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""What was measured, by one run or by several, as JSON and back: docs/benchmarks.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from measure import Sample
from model import Allocs, Check, Result, Series

FORMAT = 1


@dataclass
class Run:
    """One call of the benchmark, and what it ran on."""

    begun: str  # UTC
    pairs: int
    is_quick: bool
    environment: dict[str, str]
    peers: dict[str, dict[str, str]] = field(default_factory=dict)  # by title; what peer.json says
    ended: str = ""  # why it did not come to its end


@dataclass
class Record:
    """Cells by name, each with the number of its run."""

    runs: list[Run] = field(default_factory=list)
    results: dict[str, Result] = field(default_factory=dict)

    def add(self, other: Record) -> None:
        """Takes the other's cells; where both have one, the other's."""
        first = len(self.runs)
        self.runs += other.runs
        for name, result in other.results.items():
            result.run += first
            self.results[name] = result
        self._drop_unused()

    def _drop_unused(self) -> None:
        """Runs of which no cell is left say nothing."""
        used = sorted({result.run for result in self.results.values()})
        self.runs = [self.runs[i] for i in used]
        for result in self.results.values():
            result.run = used.index(result.run)

    def peers(self) -> dict[str, dict[str, str]]:
        """All peers that a run has asked for; of the last run that has."""
        return {title: about for run in self.runs for title, about in run.peers.items()}


def series_json(series: Series) -> dict[str, Any]:
    """The medians are for readers of the file; only the samples are read back."""
    medians = {"events_per_second": series.rate, "cpu_ns_per_event": series.cpu_per_event,
               "peak_mib": series.peak_mib}
    return {"name": series.name, "median": {name: round(value, 3) for name, value in medians.items()},
            "samples": [asdict(sample) for sample in series.samples]}


def cell_json(name: str, title: str, result: Result) -> dict[str, Any]:
    return {
        "name": name, "title": title, "verdict": result.verdict, "run": result.run,
        "measured": result.measured, "seconds": round(result.seconds, 1), "problem": result.problem,
        "allocs": asdict(result.allocs) if result.allocs else None, "notes": result.notes,
        "checks": [asdict(check) for check in result.checks],
        "series": [series_json(series) for series in result.series],
        "peers": [series_json(series) for series in result.peers],
    }


def as_json(record: Record, titles: Mapping[str, str]) -> str:
    """One line a cell, so that a changed cell is a changed line."""
    runs = ",\n".join("  " + json.dumps(asdict(run)) for run in record.runs)
    cells = ",\n".join("  " + json.dumps(cell_json(name, titles[name], record.results[name]))
                       for name in titles if name in record.results)
    return f'{{\n"format": {FORMAT},\n"runs": [\n{runs}\n],\n"cells": [\n{cells}\n]\n}}\n'


def series_of(said: Mapping[str, Any]) -> Series:
    return Series(said["name"], [Sample(**sample) for sample in said["samples"]])


def read(path: Path) -> Record:
    """Raises ValueError for what is no such file."""
    said = json.loads(path.read_text())
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        raise ValueError(f"{path}: not what ./dev bench -o json writes")
    record = Record([Run(**run) for run in said["runs"]])
    for cell in said["cells"]:
        record.results[cell["name"]] = Result(
            [series_of(series) for series in cell["series"]], [Check(**check) for check in cell["checks"]],
            cell["notes"], [series_of(series) for series in cell["peers"]], cell["problem"],
            Allocs(**cell["allocs"]) if cell["allocs"] else None, cell["run"], cell["measured"], cell["seconds"])
    return record
