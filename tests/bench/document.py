# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""docs/benchmarks.md: the conditions first, then what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from cells import CELLS
from model import Cell, Result, Series
from report import check_text, need_text, number

CONDITIONS = """
## How it was measured

- Kafka, Redis, the load and what is measured share the machine, so each takes processor time from the
  others. Figures of different machines cannot be compared; the ratios of one run can.
- Each cell runs the raw loop and weir in turn on the same events, {pairs} pairs; a figure is the median of the
  pairs, in brackets their range. A ratio is taken within each pair.
- Time and processor time count from the first event to the last, so starting and joining a group are not
  in them. For weir the end is seen up to 2 ms late. Where results are published, the end is the last
  result that the broker has. Processor time is that of the whole process, user and system.
- Records have 100 bytes unless the cell says otherwise, 8 partitions, 1,000 keys that take turns.
- A cell in which events or results are missing at the end fails; none of the figures is from such a run.
- "Raw" is a C program that does only this cell's work with the same client library: for Kafka it polls,
  stores offsets and lets the client commit them each second; where it publishes, it stores an offset when
  the copy is confirmed. "Tuned" avoids the second for which librdkafka stops fetching when its queue has
  been full: either its fetcher is woken every 20 ms while the queue is low (`wake`), or the queue is so
  large that it is never full (`big`). Both are tried at the start of a run, the faster is kept. For Redis,
  "one at a time" waits for each answer, and "pipelined" keeps two reads outstanding on one connection.
- weir runs with its defaults, but for what a cell names, no admin address, and `concurrency: 2` in the
  no-op, format and copy cells, for the machine has that many cores. A raw loop keeps no order of retries,
  no timeouts, no dead letters, no bound on memory and no metrics; weir does all of it in these figures.
- Allocations are counted by a library loaded in front of weir in a run of its own, from a quarter of the
  events to the last; "of weir" leaves out those that librdkafka, hiredis and the C library make.
- Latency is taken under an open load: each event has a planned moment, sent or not, and its age counts
  from there. The raw loop and weir run under the same load, in three pairs of 10 s each. The sender
  waits 1 ms to fill its batches; that is in all figures. A result counts when a reader of its topic has it.
"""


def rate_columns(series: Series) -> str:
    return f"{series.rate:,.0f}/s, {series.cpu_per_event:,.0f} ns, {series.peak_mib:,.0f} MiB"


def rate_table(results: Mapping[str, Result]) -> list[str]:
    """Cells with a plain and a tuned raw loop."""
    lines = ["| cell | raw, plain | raw, tuned | weir | weir of raw, tuned | required | verdict |",
             "|---|---|---|---|---|---|---|"]
    for cell in CELLS:
        result = results.get(cell.name)
        if result is None or len(result.series) != 3 or result.problem:
            continue
        first = result.checks[0]
        lines.append(f"| `{cell.name}` | " + " | ".join(rate_columns(series) for series in result.series)
                     + f" | {check_text(first)} | {need_text(first)} | {'ok' if first.is_ok else 'below'} |")
    return lines


def check_table(results: Mapping[str, Result], cells: list[Cell]) -> list[str]:
    lines = ["| cell | figure | measured | required | verdict |", "|---|---|---|---|---|"]
    for cell in cells:
        result = results.get(cell.name)
        if result is None:
            continue
        checks = result.checks[1:] if len(result.series) == 3 else result.checks
        lines += [f"| `{cell.name}` | {check.what} | {check_text(check)} | {need_text(check)} | "
                  f"{'ok' if check.is_ok else 'below'} |" for check in checks]
        if result.problem:
            lines.append(f"| `{cell.name}` | | {result.problem.splitlines()[0]} | | FAILED |")
    return lines


def latency_table(results: Mapping[str, Result]) -> list[str]:
    names = ("p50", "p90", "p99", "p99.9", "p99.99")
    lines = ["| cell | side | " + " | ".join(f"{name}, ms" for name in names) + " |", "|---|---|" + "---|" * 5]
    for cell in CELLS:
        for series in results[cell.name].series if cell.name in results else []:
            if series.samples and series.samples[0].latency_us:
                lines.append(f"| `{cell.name}` | {series.name} | "
                             + " | ".join(number(series.latency(name) / 1000) for name in names) + " |")
    return lines


def peer_table(results: Mapping[str, Result]) -> list[str]:
    rows = [f"| `{cell.name}` | {series.name} | {series.rate:,.0f}/s | {series.cpu_per_event:,.0f} ns | "
            f"{series.peak_mib:,.0f} MiB |"
            for cell in CELLS if cell.name in results
            for series in [*results[cell.name].series[-1:], *results[cell.name].peers] if results[cell.name].peers]
    if not rows:
        return []
    return ["## Other workers", "", "In the same run, on the same events, each set up as its documentation advises.",
            "", "| cell | worker | rate | CPU an event | peak memory |", "|---|---|---|---|---|", *rows, ""]


def write(env: Mapping[str, str], results: Mapping[str, Result], pairs: int) -> str:
    notes = [f"- `{cell.name}`: {note}" for cell in CELLS if cell.name in results
             for note in results[cell.name].notes]
    what = [f"| `{cell.name}` | {cell.title} |" for cell in CELLS if cell.name in results]
    lines = [
        "# Benchmarks", "",
        f"Written by `./dev bench` on {date.today().isoformat()}; `./dev bench CELL` repeats one cell.", "",
        "| | |", "|---|---|", *[f"| {name} | {value} |" for name, value in env.items()],
        CONDITIONS.format(pairs=pairs),
        "## Rates beside raw loops", "",
        "Events a second, processor time of the whole process an event, peak of resident memory.", "",
        "![The same as bars](benchmarks.svg)", "", *rate_table(results), "",
        "## Other figures", "", *check_table(results, CELLS), "",
        "## Latency", "", *latency_table(results), "",
        *peer_table(results),
        "## Notes", "", *notes, "",
        "## The cells", "", "| cell | what it is |", "|---|---|", *what, "",
    ]
    return "\n".join(lines)
