# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""Cells that are rates: weir and a raw loop in turn, or weir beside a ceiling."""

from __future__ import annotations

from dataclasses import dataclass

from measure import Bench, Rules, Sample, median, sample_of
from model import Allocs, Cell, Check, Result, Series, ratio_check
from servers import BenchError, Load, redis_ask

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
    has_headers: bool = False  # the events have some, which weir cannot but look at
    zero_allocs: bool = False
    rate_need: float = 0.0  # least of weir's own events in a second; 0: not asked

    def conditions(self, bench: Bench) -> dict[str, str | int]:
        servers = bench.servers
        to = {"to": servers.topic(servers.name("peer-to"), 8)} if self.is_copy else {}
        return {"address": servers.kafka.address, "topic": servers.fill_topic(self.load), "partitions": 8,
                "events": self.load.count(bench.is_quick), "keys": self.load.keys, "order": self.order,
                "group": servers.name("peer"), **to}

    def rules(self, bench: Bench, topic: str, events: int) -> Rules:
        to = bench.servers.topic(bench.servers.name("weir-to"), 8) if self.is_copy else ""
        return Rules(self.function, "kafka", topic, events, to, self.order, self.concurrency, self.format,
                     self.extra, self.worker)

    def __call__(self, bench: Bench) -> Result:
        topic = bench.servers.fill_topic(self.load)
        events = self.load.count(bench.is_quick)
        kind = "copy" if self.is_copy else "poll"
        plain, tuned, weir = Series("raw, plain"), Series("raw, tuned"), Series("weir")
        headed = Series("raw, with the two headers of a result")
        looking = Series("raw, with a look at the headers")
        for i in range(bench.pairs):
            if i in (0, bench.pairs - 1):
                plain.samples.append(bench.raw_kafka(kind, topic, events, "plain"))
            if self.is_copy:
                headed.samples.append(bench.raw_kafka("headed", topic, events, "big"))
            if self.has_headers:
                looking.samples.append(bench.raw_kafka("look", topic, events, "big"))
            tuned.samples.append(bench.tuned_kafka(kind, topic, events))
            weir.samples.append(bench.weir(self.rules(bench, topic, events)))
        tuned.name = f"raw, tuned ({bench.tuned[kind]})"
        counted = bench.weir(self.rules(bench, topic, events // 2), preload=True)
        result = rate_result([plain, tuned, weir], counted, self.need, self.cpu_need, self.zero_allocs)
        if self.is_copy:
            bench.say(f"  a loop that writes the two headers of a result: {headed.rate:,.0f}/s")
            result.checks.append(ratio_check("rate, of a raw loop with the same headers", [
                w.rate / r.rate for w, r in zip(weir.samples, headed.samples)], self.need))
        if self.has_headers:
            bench.say(f"  a loop that looks at the headers of an event: {looking.rate:,.0f}/s, "
                      f"{looking.cpu_per_event:,.0f} ns CPU an event")
            result.checks.append(ratio_check("rate, of a raw loop that looks at the headers", [
                w.rate / r.rate for w, r in zip(weir.samples, looking.samples)], self.need))
        if self.rate_need:
            result.checks.append(Check("results a second", median([s.rate for s in weir.samples]),
                                       self.rate_need, False))
        return result


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
    return Result(series, checks, allocs=Allocs(ours, round(counted.allocs, 4)))


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
    Cell("kafka-copy-once", "Kafka to Kafka, one result an event, order key, exactly_once",
         Rate(COPY, 0.1, function="copy", is_copy=True, extra=", delivery: exactly_once",
              rate_need=200_000)),
    Cell("kafka-json", "Kafka, json, key by pointer, three reads, 400 bytes",
         Rate(JSON, 0.6, function="three", format="json", extra=', key: "/customer/id"')),
    Cell("kafka-msgpack", "Kafka, msgpack, key by pointer, three reads, 400 bytes",
         Rate(MSGPACK, 0.7, function="three", format="msgpack", extra=', key: "/customer/id"')),
    Cell("kafka-cloudevents", "Kafka, cloudevents binary, key by pointer, three reads, 400 bytes",
         Rate(CLOUDEVENTS, 0.7, function="three", format="cloudevents", extra=', key: "/customer/id"',
              has_headers=True)),
]

# -- rates beside a raw loop on Redis ------------------------------------------------------

STREAM = Load("stream", 1_000_000, quick_events=200_000)
STREAM_COPY = Load("stream-copy", 500_000, quick_events=100_000)
STREAM_SHORT = Load("stream-short", 300_000, quick_events=100_000)


@dataclass(frozen=True)
class RedisRate:
    """weir and the raw loop in turn on one stream; `count` is what a raw read asks for."""

    load: Load
    need: float
    count: int
    function: str = "noop"
    extra: str = ""
    is_copy: bool = False

    def conditions(self, bench: Bench) -> dict[str, str | int]:
        servers = bench.servers
        to = {"to": servers.name("peer-to")} if self.is_copy else {}
        return {"address": servers.redis.address, "stream": servers.fill_stream(self.load),
                "events": self.load.count(bench.is_quick), "group": servers.name("peer"), **to}

    def raw(self, bench: Bench, stream: str, events: int, depth: int, kind: str = "copy") -> Sample:
        address = bench.servers.redis.address
        if not self.is_copy:
            return sample_of(bench.program("redis", "read", address, stream, events, self.count, depth))
        to = bench.servers.name("raw-to")
        sample = sample_of(bench.program("redis", kind, address, stream, events, self.count, depth, to))
        redis_ask(address, "DEL", to)
        return sample

    def weir(self, bench: Bench, stream: str, events: int, preload: bool = False) -> Sample:
        address = bench.servers.redis.address
        to = bench.servers.name("weir-to") if self.is_copy else ""
        sample = bench.weir(Rules(self.function, "redis", stream, events, to, "none", extra=self.extra), preload)
        if to:
            n_results = int(redis_ask(address, "XLEN", to) or 0)
            redis_ask(address, "DEL", to)
            if "exactly_once" in self.extra and n_results != events:
                raise BenchError(f"{n_results} results of {events} events, exactly once")
        return sample

    def __call__(self, bench: Bench) -> Result:
        stream = bench.servers.fill_stream(self.load)
        events = self.load.count(bench.is_quick)
        plain, tuned, weir = Series("raw, one at a time"), Series("raw, pipelined"), Series("weir")
        headed = Series("raw, with the two headers of a result")
        for i in range(bench.pairs):
            if i in (0, bench.pairs - 1):
                plain.samples.append(self.raw(bench, stream, events, 1))
            if self.is_copy:
                headed.samples.append(self.raw(bench, stream, events, 2, "headed"))
            tuned.samples.append(self.raw(bench, stream, events, 2))
            weir.samples.append(self.weir(bench, stream, events))
        counted = self.weir(bench, stream, events, preload=True)
        result = rate_result([plain, tuned, weir], counted, self.need, 0.0, False)
        if self.is_copy:
            bench.say(f"  a loop that writes the two headers of a result: {headed.rate:,.0f}/s")
            result.checks.append(ratio_check("rate, of a raw loop with the same headers", [
                w.rate / r.rate for w, r in zip(weir.samples, headed.samples)], self.need))
        return result


REDIS_RATES = [
    Cell("redis-noop", "Redis, no-op, raw reads of COUNT 100", RedisRate(STREAM, 0.95, 100)),
    Cell("redis-copy", "Redis to Redis stream, raw reads of COUNT 1000",
         RedisRate(STREAM_COPY, 0.85, 1000, function="copy", is_copy=True)),
    # 60,000/s where the raw loop does 272,000/s.
    Cell("redis-exactly-once", "Redis to Redis stream, exactly_once, raw reads of COUNT 1000",
         RedisRate(STREAM_SHORT, 60 / 272, 1000, function="copy", is_copy=True,
                   extra=", delivery: exactly_once")),
]

# -- rates beside a ceiling ----------------------------------------------------------------

WORK = Load("work", 25_000, quick_events=5_000)
WORK_SHORT = Load("work-short", 250_000, quick_events=25_000)
WORK_WIDE = Load("work-wide", 400_000, keys=10_000, quick_events=50_000)


@dataclass(frozen=True)
class Ceiling:
    """A function that waits: min(keys, concurrency) / work is what could be reached."""

    load: Load
    work_ms: int
    need: float
    order: str = "key"
    function: str = "work"
    concurrency: int = 1000
    worker: str = ""

    def conditions(self, bench: Bench) -> dict[str, str | int]:
        servers = bench.servers
        return {"address": servers.kafka.address, "topic": servers.fill_topic(self.load), "partitions": 8,
                "events": self.load.count(bench.is_quick), "keys": self.load.keys, "order": self.order,
                "group": servers.name("peer"), "work_ms": self.work_ms, "concurrency": self.concurrency}

    def __call__(self, bench: Bench) -> Result:
        topic = bench.servers.fill_topic(self.load)
        events = self.load.count(bench.is_quick)
        ceiling = min(self.load.keys, self.concurrency) * 1000 / self.work_ms
        weir = Series("weir")
        for _ in range(bench.pairs):
            weir.samples.append(bench.weir(Rules(
                self.function, "kafka", topic, events, order=self.order, concurrency=self.concurrency,
                config=f", work_ms: {self.work_ms}", worker=self.worker)))
        return Result([weir], [ratio_check(f"rate, of the ceiling of {ceiling:,.0f}/s",
                                           [sample.rate / ceiling for sample in weir.samples], self.need)])


def ceilings() -> list[Cell]:
    needs = {("work", "key"): (0.08, 0.5, 0.85), ("work", "none"): (0.12, 0.65, 0.95),
             ("pending", "key"): (0.25, 0.9, 0.97)}
    cells = []
    for (function, order), figures in needs.items():
        for work_ms, need in zip((1, 10, 100), figures):
            kind = "blocking" if function == "work" else "pending"
            cells.append(Cell(f"{kind}-{order}-{work_ms}ms",
                              f"{kind} function, {work_ms} ms, order {order}, 1,000 keys, concurrency 1,000",
                              Ceiling(WORK_SHORT if work_ms == 1 else WORK, work_ms, need, order, function)))
    cells.append(Cell("pending-key-100ms-wide",
                      "pending function, 100 ms, order key, 10,000 keys, concurrency 10,000, max_events 100,000",
                      Ceiling(WORK_WIDE, 100, 0.9, function="pending", concurrency=10_000,
                              worker=", max_events: 100000, max_bytes: 512MiB")))
    return cells
