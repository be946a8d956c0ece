# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""Cells that are times: from the planned moment of an event, under an open-loop load."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from measure import PATIENCE_S, Bench, Rules, Sample, Weir, sample_of
from model import Cell, Check, Result, Series
from servers import BenchError

WARM_S = 3  # joins the group, and is not measured
MEASURED_S = 10
MOST_PAIRS = 3  # each run has a hundred thousand events, and takes a quarter of a minute
BROKER_S = 20  # a load before the first figure: Java compiles what it runs often


@contextmanager
def running(command: Sequence[object]) -> Iterator[subprocess.Popen[str]]:
    """The program, which ends at the latest with the block."""
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@dataclass(frozen=True)
class Timed:
    """A load of so many events a second, and what runs on it."""

    rate: int
    slow_ms: int = 0  # between two events of the slow key; 0: none

    def events(self, bench: Bench) -> int:
        seconds = 2 if bench.is_quick else MEASURED_S
        slow = -(-seconds * 1000 // self.slow_ms) if self.slow_ms else 0
        return (WARM_S + seconds) * self.rate + slow

    def load(self, bench: Bench, topic: str, events: int, results: str = "") -> dict[str, Any]:
        """Sends the load, and waits for the results where there is a topic for them."""
        seconds = 2 if bench.is_quick else MEASURED_S
        said = bench.program("load", bench.servers.kafka.address, topic, self.rate, WARM_S, seconds,
                             self.slow_ms, *([results] if results else []))
        if said["sent"] != events:
            raise BenchError(f"the load sent {said['sent']} of {events} events")
        if results and said["results"] < events:
            raise BenchError(f"lost: {events - said['results']} of {events} results")
        return said

    def raw(self, bench: Bench, is_copy: bool) -> Sample:
        topic = bench.servers.topic(bench.servers.name("timed"), 8)
        events = self.events(bench)
        to = [bench.servers.topic(bench.servers.name("timed-to"), 8)] if is_copy else []
        command = [bench.build / "tests/weir-bench-kafka", "copy" if is_copy else "stamp",
                   bench.servers.kafka.address, topic, events, "plain", *to]
        with running(command) as loop:
            said = self.load(bench, topic, events, to[0] if to else "")
            answer, _ = loop.communicate(timeout=PATIENCE_S)
        sample = sample_of(json.loads(answer))
        if is_copy:
            sample.latency_us = said["latency_us"]
        return sample

    def weir(self, bench: Bench, is_copy: bool) -> Sample:
        topic = bench.servers.topic(bench.servers.name("timed"), 8)
        events = self.events(bench)
        to = bench.servers.topic(bench.servers.name("timed-to"), 8) if is_copy else ""
        rules = Rules("copy" if is_copy else "stamp", "kafka", topic, events, to, concurrency=16,
                      config=", work_ms: 1000")
        with Weir(bench, rules) as weir:
            said = self.load(bench, topic, events, to)
            sample = sample_of(weir.report())
        if is_copy:
            sample.latency_us = said["latency_us"]
        return sample


def warm_broker(bench: Bench) -> None:
    """Once: a load of small requests, and a first group, for which the broker makes its topic of offsets."""
    if bench.is_warm:
        return
    bench.is_warm = True
    topic = bench.servers.topic(bench.servers.name("timed"), 8)
    seconds = 1 if bench.is_quick else BROKER_S
    bench.program("load", bench.servers.kafka.address, topic, 10_000, 0, seconds, 0, topic)
    bench.raw_kafka("poll", topic, 10_000 * seconds, "plain")


def start_latency(bench: Bench) -> Result:
    timed = Timed(10_000)
    warm_broker(bench)
    raw, weir = Series("raw"), Series("weir")
    for _ in range(min(bench.pairs, MOST_PAIRS)):
        raw.samples.append(timed.raw(bench, is_copy=False))
        weir.samples.append(timed.weir(bench, is_copy=False))
    checks = [Check(f"{name} to function start, ms", weir.latency(name) / 1000,
                    raw.latency(name) / 1000 + allowed, True)
              for name, allowed in (("p50", 0.2), ("p99", 1.0), ("p99.9", 5.0))]
    return Result([raw, weir], checks)


def result_latency(bench: Bench) -> Result:
    timed = Timed(5_000)
    warm_broker(bench)
    raw, weir = Series("raw"), Series("weir")
    for _ in range(min(bench.pairs, MOST_PAIRS)):
        raw.samples.append(timed.raw(bench, is_copy=True))
        weir.samples.append(timed.weir(bench, is_copy=True))
    return Result([raw, weir], [Check("p99 to the result on its topic, ms", weir.latency("p99") / 1000,
                                      raw.latency("p99") / 1000 + 2.0, True)])


def slow_key(bench: Bench) -> Result:
    warm_broker(bench)
    without, beside = Series("weir, fast keys alone"), Series("weir, beside a slow key")
    for _ in range(min(bench.pairs, MOST_PAIRS)):
        without.samples.append(Timed(5_000).weir(bench, is_copy=False))
        beside.samples.append(Timed(5_000, slow_ms=1000).weir(bench, is_copy=False))
    return Result([without, beside], [Check("p99 of the fast keys, of that without",
                                            beside.latency("p99") / without.latency("p99"), 1.2, True)])


TIMINGS = [
    Cell("latency-start", "Kafka, no-op at 10,000/s: from the plan to the function's start", start_latency),
    Cell("latency-result", "Kafka to Kafka at 5,000/s: from the plan to the result on its topic", result_latency),
    Cell("slow-key", "one key that takes 1 s each second, among 1,000 fast ones at 5,000/s", slow_key),
]
