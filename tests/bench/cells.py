# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""The cells of the benchmark: what each is, and what it must reach."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from measure import Bench, Rules, Sample, median
from servers import Load


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
    problem: str = ""  # why there is no figure, or which events were lost

    @property
    def verdict(self) -> str:
        if self.problem:
            return "FAILED"
        return "ok" if all(check.is_ok for check in self.checks) else "below"


@dataclass(frozen=True)
class Cell:
    name: str
    title: str
    run: Callable[[Bench], Result]


def ratio_check(what: str, ratios: list[float], need: float, is_most: bool = False) -> Check:
    return Check(what, median(ratios), need, is_most, "", min(ratios), max(ratios))


# -- rates beside a raw loop on Kafka ------------------------------------------------------

NOOP = Load("noop", 4_000_000, quick_events=1_000_000)
MANY_KEYS = Load("many-keys", 2_000_000, keys=1_000_000, quick_events=400_000)
ONE_KEY = Load("one-key", 2_000_000, keys=1, quick_events=400_000)
COPY = Load("copy", 1_500_000, quick_events=500_000)
JSON = Load("json", 1_000_000, size=400, format="json", quick_events=200_000)
MSGPACK = Load("msgpack", 1_000_000, size=400, format="msgpack", quick_events=200_000)
CLOUDEVENTS = Load("cloudevents", 1_000_000, size=400, format="cloudevents", quick_events=200_000)


@dataclass(frozen=True)
class Rate:
    """weir and the raw loop in turn on one topic."""

    load: Load
    need: float
    function: str = "noop"
    order: str = "key"
    format: str = "raw"
    extra: str = ""
    worker: str = ""
    concurrency: int = 2
    cpu_need: float = 0.0  # most of the raw loop's processor time of an event; 0: not asked
    is_copy: bool = False
    zero_allocs: bool = False

    def rules(self, bench: Bench, topic: str, events: int) -> Rules:
        to = bench.servers.topic(bench.servers.name("weir-to"), 8) if self.is_copy else ""
        return Rules(self.function, "kafka", topic, events, to, self.order, self.concurrency, self.format,
                     self.extra, self.worker)

    def __call__(self, bench: Bench) -> Result:
        topic = bench.servers.fill_topic(self.load)
        events = self.load.count(bench.is_quick)
        kind = "copy" if self.is_copy else "poll"
        plain, tuned, weir = Series("raw, plain"), Series("raw, tuned"), Series("weir")
        for i in range(bench.pairs):
            if i in (0, bench.pairs - 1):
                plain.samples.append(bench.raw_kafka(kind, topic, events, "plain"))
            tuned.samples.append(bench.tuned_kafka(kind, topic, events))
            weir.samples.append(bench.weir(self.rules(bench, topic, events)))
        tuned.name = f"raw, tuned ({bench.tuned[kind]})"
        counted = bench.weir(self.rules(bench, topic, events), preload=True)
        return rate_result([plain, tuned, weir], counted, self.need, self.cpu_need, self.zero_allocs)


def rate_result(series: list[Series], counted: Sample, need: float, cpu_need: float,
                zero_allocs: bool) -> Result:
    """The last of the series is weir's, the one before it what it is compared with."""
    raw, weir = series[-2], series[-1]
    ours = round(counted.allocs_ours, 4)
    checks = [ratio_check("rate, of raw", [w.rate / r.rate for w, r in zip(weir.samples, raw.samples)], need)]
    if cpu_need:
        checks.append(ratio_check("CPU an event, of raw", [
            w.cpu_per_event / r.cpu_per_event for w, r in zip(weir.samples, raw.samples)], cpu_need, True))
    if zero_allocs:
        # A handful in millions of events are no allocation for each event.
        checks.append(Check("allocations an event", ours, 0.001, True))
    notes = [f"allocations an event: {ours:.3f} of weir and the function, {counted.allocs:.2f} in all"]
    return Result(series, checks, notes)


RATES = [
    Cell("kafka-noop-key", "Kafka, no-op, order key, 1,000 keys",
         Rate(NOOP, 1.1, cpu_need=0.95, zero_allocs=True)),
    Cell("kafka-noop-none", "Kafka, no-op, order none", Rate(NOOP, 1.2, order="none")),
    Cell("kafka-noop-partition", "Kafka, no-op, order partition", Rate(NOOP, 1.1, order="partition")),
    Cell("kafka-noop-1m-keys", "Kafka, no-op, order key, 1,000,000 keys", Rate(MANY_KEYS, 0.8)),
    Cell("kafka-noop-one-key", "Kafka, no-op, order key, one key", Rate(ONE_KEY, 0.9)),
    Cell("kafka-noop-32mib", "Kafka, no-op, order key, max_bytes 32MiB",
         Rate(NOOP, 0.9, worker=", max_bytes: 32MiB")),
    Cell("kafka-batch", "Kafka, no-op on batches of 100",
         Rate(NOOP, 1.2, function="batch", order="none", concurrency=200, extra=", batch: { max: 100 }")),
    Cell("kafka-copy", "Kafka to Kafka, one result an event, order key",
         Rate(COPY, 0.95, function="copy", is_copy=True, zero_allocs=True)),
    Cell("kafka-json", "Kafka, json, key by pointer, three reads, 400 bytes",
         Rate(JSON, 0.6, function="three", format="json", extra=', key: "/customer/id"')),
    Cell("kafka-msgpack", "Kafka, msgpack, key by pointer, three reads, 400 bytes",
         Rate(MSGPACK, 0.7, function="three", format="msgpack", extra=', key: "/customer/id"')),
    Cell("kafka-cloudevents", "Kafka, cloudevents binary, key by pointer, three reads, 400 bytes",
         Rate(CLOUDEVENTS, 0.7, function="three", format="cloudevents", extra=', key: "/customer/id"')),
]

CELLS: list[Cell] = [*RATES]
