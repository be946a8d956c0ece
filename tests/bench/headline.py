# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""The section "Speed" of README.md, between its two marks: a few cells and their conditions."""

from __future__ import annotations

import re

from figures import rate_text, share_text
from model import Result
from record import Record

MARKS = re.compile(r"(<!-- bench:begin[^>]*-->\n).*?(<!-- bench:end -->)", re.S)

CELLS = {
    "kafka-noop-key": "Kafka, a function that does nothing, order by key",
    "kafka-copy": "Kafka to Kafka, one result an event, order by key",
    "kafka-json": "Kafka, JSON of 400 bytes, key and three fields read by pointer",
    "redis-noop": "Redis stream, a function that does nothing",
    "redis-copy": "Redis stream to stream",
    "redis-exactly-once": "Redis stream to stream, exactly once",
    "blocking-key-10ms": "Kafka, a function that blocks for 10 ms, 1,000 keys, concurrency 1,000",
}


def row(label: str, result: Result) -> str:
    weir, check = result.series[-1], result.checks[0]
    if result.has_raw:
        return f"| {label} | {rate_text(result.series[1].rate)} | {rate_text(weir.rate)} | {share_text(check)} |"
    ceiling = weir.rate / check.value
    return f"| {label} | ceiling {rate_text(ceiling)} | {rate_text(weir.rate)} | {share_text(check)} |"


def latency(record: Record) -> str:
    result = record.results.get("latency-start")
    if result is None or result.problem:
        return ""
    raw, weir = result.series
    figures = ", ".join(f"{name} {weir.latency(name) / 1000:.1f} ms (raw loop {raw.latency(name) / 1000:.1f})"
                        for name in ("p50", "p99", "p99.9"))
    return ("At 10,000 events a second, from the planned moment of an event to the start of its function:\n"
            f"{figures}.")


def write(record: Record) -> str:
    """Nothing where none of the cells was measured."""
    rows = [row(label, record.results[name]) for name, label in CELLS.items()
            if name in record.results and not record.results[name].problem]
    if not rows:
        return ""
    runs = {record.results[name].run for name in CELLS if name in record.results}
    env = record.runs[max(runs)].environment
    quick = any(record.runs[i].is_quick for i in runs)
    when = sorted({record.runs[i].begun[:10] for i in runs})
    lines = [
        "## Speed", "",
        "Events a second of weir, with order, retries, limits and commits after the work, beside a tuned C loop on the same client",
        "library that does nothing but read and commit; in brackets the range of the pairs.", "",
        "| | raw loop | weir | weir of raw |", "|---|---:|---:|---:|", *rows, "",
        *([latency(record), ""] if latency(record) else []),
        f"Measured on {' and '.join(when)}: {env['cores']} cores ({env['processor']}) shared by Kafka {env['Kafka']}, "
        f"Redis {env['Redis']}, the load and what is measured; Linux {env['kernel']}, librdkafka {env['librdkafka']};",
        "100-byte events, 8 partitions, 1,000 keys, medians of pairs run in turn"
        + (". **A quick run: its figures mean nothing.**" if quick else "."),
        "[docs/benchmarks.md](docs/benchmarks.md) has all cells, their conditions, and what falls short; `./dev bench` measures them.", "",
    ]
    return "\n".join(lines) + "\n"


def put(readme: str, record: Record) -> str:
    """The README with the section of this record. Raises ValueError where it has no marks."""
    new, n = MARKS.subn(lambda found: found.group(1) + write(record) + found.group(2), readme)
    if n != 1:
        raise ValueError("README.md has no marks bench:begin and bench:end")
    return new
