# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""Other workers in the cells of the benchmark: see peers/README.md."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from measure import PATIENCE_S, Bench, Sample, sample_of
from model import Cell, Result, Series
from servers import BenchError, redis_ask

SOURCE = Path(__file__).resolve().parents[2]
INSTALL_S = 900  # only ends what hangs
MOST_RUNS = 3  # of a peer in a cell


@dataclass
class Peer:
    """A folder of peers/. `problem` says why it does not run."""

    folder: Path
    title: str
    version: str
    licence: str
    how: str
    cells: dict[str, dict[str, int]]
    problem: str = ""
    env: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.folder.name

    def call(self, patience_s: int, *words: str) -> subprocess.CompletedProcess[str]:
        """Runs it in a process group of its own, which ends with it."""
        with subprocess.Popen([self.folder / "run", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, env=self.env, start_new_session=True) as process:
            try:
                out, err = process.communicate(timeout=patience_s)
            except BaseException:
                os.killpg(process.pid, 9)
                raise
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def install(self) -> None:
        try:
            run = self.call(INSTALL_S, "install")
        except (OSError, subprocess.SubprocessError) as error:
            self.problem = f"not installed: {error}"
            return
        if run.returncode != 0:
            self.problem = "not installed: " + last_line(run.stderr, f"it ended with {run.returncode}")

    def about(self) -> dict[str, str]:
        """What the report says of it."""
        return {"title": self.title, "version": self.version, "licence": self.licence, "how": self.how,
                "problem": self.problem}


def last_line(text: str, otherwise: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else otherwise


def all_peers() -> list[Peer]:
    env = dict(os.environ)
    env.setdefault("WEIR_CACHE_DIR", str(SOURCE / ".cache"))
    env.pop("_JAVA_OPTIONS", None)
    return [Peer(folder=path.parent, env=env, **json.loads(path.read_text()))
            for path in sorted((SOURCE / "tests/bench/peers").glob("*/peer.json"))]


def install_peers(bench: Bench, names: list[str]) -> list[Peer]:
    """All peers, installed where they have one of these cells."""
    peers = all_peers()
    for peer in peers:
        if not set(peer.cells) & set(names):
            continue
        bench.say(f"installing {peer.title} {peer.version}")
        peer.install()
        if peer.problem:
            bench.say(f"  {peer.problem}")
    return peers


def check_copies(bench: Bench, conditions: dict[str, Any]) -> None:
    """Each event has a copy when the peer says that it is done."""
    to, events = conditions.get("to"), conditions["events"]
    if not to:
        return
    if "topic" in conditions:
        n = int(bench.program("watch", conditions["address"], to, 8, events, os.getpid(), 5)["events"])
    else:
        n = int(redis_ask(conditions["address"], "XLEN", to) or 0)
        redis_ask(conditions["address"], "DEL", to)
    if n < events:
        raise BenchError(f"lost: {events - n} of {events} copies")


def run_once(bench: Bench, peer: Peer, cell: str, conditions: dict[str, Any]) -> Sample:
    run = peer.call(PATIENCE_S, cell, *(f"{name}={value}" for name, value in conditions.items()))
    if run.returncode != 0:
        raise BenchError(f"it ended with {run.returncode}: " + last_line(run.stderr, "it says nothing"))
    report = json.loads(last_line(run.stdout, "{}"))
    if report["events"] < conditions["events"]:
        raise BenchError(f"lost: {conditions['events'] - report['events']} of {conditions['events']} events")
    check_copies(bench, conditions)
    return sample_of({"alloc_events": 0, **report})


def run_peers(bench: Bench, peers: list[Peer], cell: Cell, result: Result) -> None:
    """Adds what the peers do in this cell; one that fails is a note, not a failure of weir's."""
    conditions = getattr(cell.run, "conditions", None)
    for peer in peers if conditions else []:
        if cell.name not in peer.cells or peer.problem:
            continue
        most = peer.cells[cell.name].get("most_events")
        series = Series(peer.title)
        try:
            for _ in range(min(bench.pairs, MOST_RUNS)):
                values = conditions(bench)
                values["events"] = min(values["events"], most or values["events"])
                series.samples.append(run_once(bench, peer, cell.name, values))
            result.peers.append(series)
        except (BenchError, OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
            result.notes.append(f"{peer.title} failed: {error}")
