# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""What a run says: lines on the terminal, JSON, and docs/benchmarks.md."""

from __future__ import annotations

import platform
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cells import CELLS
from model import Cell, Check, Result, Series
from servers import KAFKA_VERSION

Environment = Mapping[str, str]


def _output(*command: str | Path) -> str:
    try:
        run = subprocess.run([*command], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return run.stdout.strip()


def _cpu_model() -> str:
    found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.M)
    return found.group(1) if found else platform.machine()


def environment(source: Path, build: Path) -> dict[str, str]:
    memory = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())
    redis = re.search(r"v=(\S+)", _output("redis-server", "--version"))
    java = _output("java", "--version").splitlines()
    changed = _output("git", "-C", source, "status", "--porcelain", "--untracked-files=no")
    return {
        "processor": _cpu_model(),
        "cores": _output("nproc"),
        "memory": f"{int(memory.group(1)) / 2**20:.0f} GiB" if memory else "",
        "kernel": platform.release(),
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", ""),
        "librdkafka": _output("pkg-config", "--modversion", "rdkafka"),
        "hiredis": _output("pkg-config", "--modversion", "hiredis"),
        "Kafka": KAFKA_VERSION,
        "Java": java[0] if java else "",
        "Redis": redis.group(1) if redis else "",
        "weir": _output(build / "weir", "--version").splitlines()[0],
        "revision": _output("git", "-C", source, "rev-parse", "--short=12", "HEAD")
                    + (" with changes" if changed else ""),
    }


def number(value: float, unit: str = "") -> str:
    if abs(value) >= 1000:
        text = f"{value:,.0f}"
    elif abs(value) >= 100 or value == int(value):
        text = f"{value:.0f}"
    elif abs(value) >= 10:
        text = f"{value:.1f}"
    else:
        text = f"{value:.3f}" if abs(value) < 0.1 else f"{value:.2f}"
    return f"{text} {unit}".rstrip()


def check_text(check: Check) -> str:
    spread = (f" ({number(check.low)} to {number(check.high)})"
              if check.low is not None and check.high is not None and check.low != check.high else "")
    return f"{number(check.value, check.unit)}{spread}"


def need_text(check: Check) -> str:
    return f"{'at most' if check.is_most else 'at least'} {number(check.need, check.unit)}"


def series_text(series: Series) -> str:
    if series.samples and series.samples[0].latency_us:
        return "  ".join(f"{p} {series.latency(p) / 1000:.2f} ms" for p in
                         ("p50", "p90", "p99", "p99.9", "p99.99"))
    return (f"{series.rate:>12,.0f}/s {series.cpu_per_event:>9,.0f} ns CPU an event "
            f"{series.peak_mib:>6,.0f} MiB peak")


def print_result(cell: Cell, result: Result) -> str:
    lines = [f"{cell.name}: {cell.title}"]
    lines += [f"  {series.name:24} {series_text(series)}" for series in [*result.series, *result.peers]]
    lines += [f"  {note}" for note in result.notes]
    lines += [f"  {check.what:36} {check_text(check):28} wanted {need_text(check):18} "
              f"{'ok' if check.is_ok else 'below'}" for check in result.checks]
    if result.problem:
        lines.append(f"  FAILED: {result.problem}")
    return "\n".join(lines)


def as_json(env: Environment, results: Mapping[str, Result]) -> dict[str, Any]:
    cells = []
    for cell in CELLS:
        if (result := results.get(cell.name)) is None:
            continue
        cells.append({
            "name": cell.name,
            "title": cell.title,
            "verdict": result.verdict,
            "problem": result.problem,
            "notes": result.notes,
            "series": [{
                "name": series.name,
                "events_per_second": [sample.rate for sample in series.samples],
                "cpu_ns_per_event": [sample.cpu_per_event for sample in series.samples],
                "peak_kib": [sample.peak_kib for sample in series.samples],
                "latency_us": [sample.latency_us for sample in series.samples if sample.latency_us],
            } for series in [*result.series, *result.peers]],
            "checks": [{
                "what": check.what, "value": check.value, "low": check.low, "high": check.high,
                "need": check.need, "at_most": check.is_most, "unit": check.unit, "ok": check.is_ok,
            } for check in result.checks],
        })
    return {"environment": dict(env), "cells": cells}
