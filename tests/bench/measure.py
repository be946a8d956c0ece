# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""One measured run of a raw loop or of weir, and what many of them say together."""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from servers import BenchError, Servers

PATIENCE_S = 120  # only ends what hangs


@dataclass
class Sample:
    """One run. Seconds and processor time are those from the first event to the last."""

    events: int
    seconds: float
    cpu_ns: float
    peak_kib: int
    allocs: float = 0.0  # of an event, all
    allocs_ours: float = 0.0  # of an event, not called from a client library or the C library
    latency_us: dict[str, float] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        return self.events / self.seconds

    @property
    def cpu_per_event(self) -> float:
        return self.cpu_ns / self.events


def sample_of(report: dict[str, Any], counts_allocs: bool = False) -> Sample:
    sample = Sample(report["events"], max((report["last_ns"] - report["first_ns"]) / 1e9, 1e-6),
                    report["cpu_ns"], report["peak_kib"], latency_us=report.get("latency_us", {}))
    n = report["alloc_events"]
    if counts_allocs and n > 0:
        ours = report["allocs"] - report["allocs_clients"] - report["allocs_system"]
        sample.allocs, sample.allocs_ours = report["allocs"] / n, ours / n
    return sample


def median(values: list[float]) -> float:
    return statistics.median(values) if values else 0.0


@dataclass
class Rules:
    """What a measured subscription says; everything else is weir's default."""

    function: str
    queue: str  # kafka | redis
    source: str
    events: int
    to: str = ""
    order: str = "key"
    concurrency: int = 2
    format: str = "raw"
    extra: str = ""  # more keys of the subscription, in flow style
    worker: str = ""  # more keys of the worker
    config: str = ""  # more keys of the function's configuration


class Weir:
    """A `weir run` of one subscription, with what it wrote."""

    def __init__(self, bench: Bench, rules: Rules, group: str = "", preload: bool = False) -> None:
        self.bench = bench
        self.rules = rules
        name = bench.servers.name("run")
        self.dir = bench.work / name
        self.dir.mkdir()
        self.report_path = self.dir / "report"
        self.progress_path = self.dir / "progress"
        config = self.dir / "weir.yaml"
        config.write_text(self._config(group or f"bench-{name}"))
        env = dict(os.environ)
        if preload:
            env["LD_PRELOAD"] = str(bench.build / "tests/bench_allocs.so")
        with open(self.dir / "log", "wb") as log:
            self.process = subprocess.Popen([bench.build / "weir", "run", "-c", config], stdout=log,
                                            stderr=log, env=env)

    def _config(self, group: str) -> str:
        r = self.rules
        servers = self.bench.servers
        queue = (f'{{ type: kafka, brokers: "{servers.kafka.address}" }}' if r.queue == "kafka"
                 else f'{{ type: redis, url: "redis://{servers.redis.address}/0" }}')
        to = f'to: "{r.queue}:{r.to}", ' if r.to else ""
        return f"""
worker: {{ name: bench, state_dir: {self.dir}/state, admin: off, log: {{ level: warn, format: text }}{r.worker} }}
queues:
  {r.queue}: {queue}
functions:
  {r.function}:
    library: {self.bench.build}/tests/bench_fn.so
    config: {{ events: {r.events}, report: "{self.report_path}", progress: "{self.progress_path}"{r.config} }}
subscriptions:
  - {{ function: {r.function}, name: bench, from: "{r.queue}:{r.source}", group: "{group}", start: earliest, {to}
      order: {r.order}, format: {r.format}, dead: stop, concurrency: {r.concurrency}{r.extra} }}
"""

    def log(self) -> str:
        return (self.dir / "log").read_text(errors="replace")[-2000:]

    def check(self) -> None:
        if self.process.poll() is not None:
            raise BenchError(f"weir ended with {self.process.returncode}: {self.log()}")

    def wait_for(self, is_there: Callable[[], bool], what: str, pause: float = 0.002) -> None:
        until = time.monotonic() + PATIENCE_S
        while not is_there():
            self.check()
            if time.monotonic() > until:
                raise BenchError(f"lost: {what} did not come within {PATIENCE_S} s "
                                 f"({self.progress():,} handled): {self.log()}")
            time.sleep(pause)

    def progress(self) -> int:
        try:
            return int.from_bytes(self.progress_path.read_bytes()[:8], "little")
        except OSError:
            return 0

    def report(self) -> dict[str, Any]:
        self.wait_for(self.report_path.exists, "the last event")
        return json.loads(self.report_path.read_text())

    def status(self, name: str) -> int:
        """A number of /proc/PID/status, in KiB where it is memory."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1])
        return 0

    def stop(self) -> int:
        """Ends it; returns how many events its function has handled in all."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        end = Path(f"{self.report_path}.end")
        return json.loads(end.read_text())["events"] if end.exists() else 0

    def __enter__(self) -> Weir:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Bench:
    """What all cells share: the build, the servers, how much to do, and who is faster."""

    def __init__(self, build: Path, work: Path, is_quick: bool, pairs: int) -> None:
        self.build = build
        self.work = work
        self.is_quick = is_quick
        self.pairs = pairs
        self.servers = Servers(build, is_quick)
        self.tuned: dict[str, str] = {}  # kind of raw loop -> its faster tuning
        self.is_warm = False  # the broker has had a load of small requests
        self.say: Callable[[str], None] = lambda text: None

    def restart(self) -> None:
        """Forgets the servers, with whatever state a failure has left them in."""
        self.servers.close()
        self.is_warm = False

    # -- raw loops -----------------------------------------------------------------------

    def program(self, name: str, *words: str | int, preload: bool = False) -> dict[str, Any]:
        """Runs one of our programs to its end; what it printed."""
        env = dict(os.environ)
        if preload:
            env["LD_PRELOAD"] = str(self.build / "tests/bench_allocs.so")
        command = [str(self.build / "tests" / f"weir-bench-{name}"), *map(str, words)]
        run = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, env=env)
        if run.returncode != 0:
            raise BenchError(f"{name} {words[:1]} ended with {run.returncode}: {run.stderr[-500:]}")
        return json.loads(run.stdout)

    def raw_kafka(self, kind: str, topic: str, events: int, tuning: str, to_partitions: int = 8,
                  preload: bool = False) -> Sample:
        to = [self.servers.topic(self.servers.name("raw-to"), to_partitions)] if kind in ("copy", "headed") else []
        report = self.program("kafka", kind, self.servers.kafka.address, topic, events, tuning, *to,
                              preload=preload)
        return sample_of(report, preload)

    def tuned_kafka(self, kind: str, topic: str, events: int) -> Sample:
        """The faster tuned loop; the first time both run."""
        if kind not in self.tuned:
            both = {tuning: self.raw_kafka(kind, topic, events, tuning) for tuning in ("wake", "big")}
            self.tuned[kind] = max(both, key=lambda tuning: both[tuning].rate)
            self.say("  " + ", ".join(f"{tuning} {sample.rate:,.0f}/s" for tuning, sample in both.items()))
            return both[self.tuned[kind]]
        return self.raw_kafka(kind, topic, events, self.tuned[kind])

    # -- weir ----------------------------------------------------------------------------

    def weir(self, rules: Rules, preload: bool = False) -> Sample:
        """From the first event handled to the last, with `to` until the last result is there."""
        with Weir(self, rules, preload=preload) as weir:
            report = weir.report()
            if rules.to:
                self._await_results(weir, report)
            n_handled = weir.stop()
        if n_handled < rules.events:
            raise BenchError(f"lost: {rules.events - n_handled} of {rules.events} events")
        return sample_of(report, preload)

    def _await_results(self, weir: Weir, report: dict[str, Any]) -> None:
        if weir.rules.queue == "kafka":
            seen = self.program("watch", self.servers.kafka.address, weir.rules.to, 8, weir.rules.events,
                                weir.process.pid, 60)
        else:
            seen = self.program("redis", "watch", self.servers.redis.address, weir.rules.to,
                                weir.rules.events, weir.process.pid, 60)
        if seen["events"] < weir.rules.events:
            raise BenchError(f"lost: {weir.rules.events - seen['events']} of {weir.rules.events} results: "
                             + weir.log())
        report["last_ns"] = seen["at_ns"]
        report["cpu_ns"] = seen["cpu_ns"] - report["first_cpu_ns"]
