# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""What a run says: the machine, and lines on the terminal."""

from __future__ import annotations

import platform
import re
import subprocess
from pathlib import Path

from model import Cell, Check, Result, Series
from servers import KAFKA_VERSION


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
        text = f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.3f}" if abs(value) >= 0.01 else f"{value:.4f}"
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
    if result.allocs is not None:
        lines.append(f"  allocations an event: {result.allocs.ours:.3f} of weir and the function, "
                     f"{result.allocs.all:.2f} in all")
    lines += [f"  {note}" for note in result.notes]
    lines += [f"  {check.what:36} {check_text(check):28} wanted {need_text(check):18} "
              f"{'ok' if check.is_ok else 'below'}" for check in result.checks]
    if result.problem:
        lines.append(f"  FAILED: {result.problem}")
    lines.append(f"  took {result.seconds:.0f} s")
    return "\n".join(lines)
