# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""docs/benchmarks.md: the conditions first, then what was measured, then what falls short."""

from __future__ import annotations

from collections.abc import Mapping

from cells import CELLS
from figures import cpu_text, memory_text, rate_text, share_text
from model import Cell, Result
from record import Record, Run
from report import check_text, need_text, number
from timing import MEASURED_S, MOST_PAIRS

LATENCIES = ("p50", "p90", "p99", "p99.9", "p99.99")

CONDITIONS = """
## How it was measured

**One machine.** Kafka, Redis, the load and what is measured share it, so each takes processor time from the
others. Figures of different machines cannot be compared; the ratios of one run can. Kafka is one broker with a
heap of 1 GiB, Redis keeps nothing on disk, everything goes over the loopback interface without TLS.

**Pairs.** Each cell runs the raw loop and weir in turn on the same events, {pairs}; a ratio is taken within each
pair, so that both sides of it have seen the same machine. Figures are medians, in brackets the range. The plain
raw loop only stands for comparison and runs {plain}.

**From the first event to the last.** Neither the start of a process nor joining a group is in time or processor
time. Where results are published, the end is the last result that the broker has; weir's is seen up to 2 ms late.
Processor time is that of the whole process, user and system; memory is the peak of what is resident. A cell in
which events or results are missing at the end fails; no figure is from such a run.

**The events.** Records have 100 bytes unless the cell says otherwise, 8 partitions, and 1,000 keys that take turns.

**Raw, plain** is a C program that does only the work of this cell, with the same client library as weir and its
defaults. On Kafka it polls, stores offsets and lets the client commit them each second
(`enable.auto.offset.store: false`, `auto.commit.interval.ms: 1000`); where it publishes, it stores an offset when the
copy is confirmed (`acks: all`, `linger.ms: 5`, both librdkafka's defaults). On Redis it sends one command and
waits for its answer: `XREADGROUP`, the `XADD` of what it read, `XACK`.

**Raw, tuned** is what weir is compared with: the same program without what holds it up. librdkafka stops fetching
for a second when its queue has been full, so either its fetcher is woken every 20 ms while the queue is low
(`wake`), or the queue is so large that it is never full (`big`: `queued.min.messages: 10000000`,
`queued.max.messages.kbytes: 65536`). Both are tried at the start of a run, the faster is kept. On Redis two
reads are always outstanding on the connection, and nothing waits for an acknowledgement (`pipelined`).

**weir** runs with its defaults but for what a cell names, without an admin address, and with `concurrency: 2` in
the no-op, format and copy cells, whose functions never wait. A raw loop keeps no order of retries, no timeouts,
no dead letters, no bound on memory and no metrics; weir does all of it in these figures.

**Allocations** are counted by a library loaded in front of weir in a run of its own, from a quarter of the events to
the last; those that librdkafka, hiredis and the C library make are left out.

**Latency** is taken under an open load: each event has a planned moment, sent or not, and its age counts from there,
so that a stall delays all events that were planned in it. The raw loop (plain) and weir run under the same load in
turn, {latency_pairs} of {latency_s} s each. The sender waits 1 ms to fill its batches; that is in all figures. A
result counts when a reader of its topic has it.
"""

WAITING = """A function waits 1, 10 or 100 ms on each event: `blocking` in a thread of its own, `pending` with all
events completed by one timer thread. The ceiling is min(keys, concurrency) / wait."""


def runs_text(n: int) -> str:
    return "once" if n == 1 else "twice" if n == 2 else f"{n} times"


def conditions(runs: list[Run]) -> str:
    pairs = sorted({run.pairs for run in runs})
    counts = " or ".join(map(str, pairs)) + (" pair" if pairs == [1] else " pairs")
    latency = sorted({min(n, MOST_PAIRS) for n in pairs})
    latency_pairs = " or ".join(map(str, latency)) + (" pair" if latency == [1] else " pairs")
    return CONDITIONS.format(pairs=counts, plain=runs_text(min(max(pairs), 2)),
                             latency_pairs=latency_pairs, latency_s=2 if runs[0].is_quick else MEASURED_S)


def machine(runs: list[Run]) -> list[str]:
    """What differs between runs stands with the run's time."""
    lines = ["| | |", "|---|---|"]
    for name in dict.fromkeys(name for run in runs for name in run.environment):
        values = {run.begun: run.environment.get(name, "") for run in runs}
        same = len(set(values.values())) == 1
        text = runs[0].environment.get(name, "") if same else "; ".join(
            f"{value} ({begun} UTC)" for begun, value in values.items())
        lines.append(f"| {name} | {text} |")
    return lines


def provenance(record: Record) -> list[str]:
    """When, in how many runs, and what is missing."""
    runs = record.runs
    lines = []
    if len(runs) == 1:
        lines.append(f"Written by `./dev bench` on {runs[0].begun} UTC; `./dev bench CELL` repeats one cell.")
    else:
        lines.append(f"Written by `./dev bench --merge`: the cells come from {len(runs)} runs, the last of "
                     f"{max(run.begun for run in runs)} UTC. `./dev bench CELL` repeats one cell.")
        for i, run in enumerate(runs):
            names = ", ".join(f"`{name}`" for name in order(record) if record.results[name].run == i)
            lines += [*([""] if i == 0 else []), f"- Run of {run.begun} UTC at revision {run.environment.get('revision', '?')}, "
                          f"{run.pairs} {'pair' if run.pairs == 1 else 'pairs'}: {names}."]
    if any(run.is_quick for run in runs):
        lines += ["", "**A quick run, with few events: it shows that the cells run. Its figures mean nothing.**"]
    lines += [line for run in runs if run.ended for line in ("", f"**The run of {run.begun} UTC was {run.ended}.**")]
    missing = [f"`{cell.name}`" for cell in CELLS if cell.name not in record.results]
    if missing:
        lines += ["", f"**Not measured:** {', '.join(missing)}."]
    failed = [f"`{name}`" for name in order(record) if record.results[name].problem]
    if failed:
        lines += ["", f"**Failed:** {', '.join(failed)}; see [what falls short](#what-falls-short-and-why)."]
    return lines


def order(record: Record) -> list[str]:
    return [cell.name for cell in CELLS if cell.name in record.results]


def present(record: Record, cells: list[Cell]) -> list[tuple[Cell, Result]]:
    return [(cell, record.results[cell.name]) for cell in cells if cell.name in record.results]


def summary(record: Record) -> str:
    verdicts = [record.results[name].verdict for name in order(record)]
    names = [f"`{name}`" for name in order(record) if record.results[name].verdict == "below"]
    return (f"{len(verdicts)} of {len(CELLS)} cells measured: {verdicts.count('ok')} reach all that is required of them, "
            f"{verdicts.count('below')} do not{' (' + ', '.join(names) + ')' if names else ''}, "
            f"{verdicts.count('FAILED')} failed.")


def rate_table(record: Record) -> list[str]:
    """Cells with a plain and a tuned raw loop."""
    lines = ["| cell | raw, plain | raw, tuned | weir | weir of tuned | required | CPU ns an event, tuned / weir | "
             "peak MiB, tuned / weir | allocations | verdict |",
             "|---|---:|---:|---:|---:|---|---:|---:|---:|---|"]
    for cell, result in present(record, CELLS):
        if not result.has_raw or result.problem:
            continue
        _, tuned, weir = result.series
        lines.append(
            f"| `{cell.name}` | " + " | ".join(rate_text(series.rate) for series in result.series)
            + f" | {share_text(result.checks[0])} | {need_text(result.checks[0])} | {cpu_text(tuned)} / {cpu_text(weir)}"
            f" | {memory_text(tuned)} / {memory_text(weir)} | {result.allocs.ours if result.allocs else 0:.3f} | "
            f"{result.verdict} |")
    return lines


def wait_table(record: Record) -> list[str]:
    lines = ["| cell | weir | of the ceiling | required | CPU ns an event | peak MiB | verdict |",
             "|---|---:|---:|---|---:|---:|---|"]
    for cell, result in present(record, CELLS):
        if is_waiting(result):
            weir, check = result.series[0], result.checks[0]
            lines.append(f"| `{cell.name}` | {rate_text(weir.rate)} | {share_text(check)} | {need_text(check)} | "
                         f"{cpu_text(weir)} | {memory_text(weir)} | {result.verdict} |")
    return lines


def is_waiting(result: Result) -> bool:
    return len(result.series) == 1 and not result.problem


def is_timed(result: Result) -> bool:
    return any(sample.latency_us for series in result.series for sample in series.samples)


def check_table(rows: list[tuple[str, Result, int]]) -> list[str]:
    """The checks of each from that number on."""
    lines = ["| cell | figure | measured | required | verdict |", "|---|---|---:|---|---|"]
    for name, result, first in rows:
        lines += [f"| `{name}` | {check.what} | {check_text(check)} | {need_text(check)} | "
                  f"{'ok' if check.is_ok else 'below'} |" for check in result.checks[first:]]
    return lines if len(lines) > 2 else []


def latency_table(record: Record) -> list[str]:
    lines = ["| cell | side | " + " | ".join(f"{name}, ms" for name in LATENCIES) + " |",
             "|---|---|" + "---:|" * len(LATENCIES)]
    for cell, result in present(record, CELLS):
        for series in result.series if is_timed(result) else []:
            lines.append(f"| `{cell.name}` | {series.name} | "
                         + " | ".join(number(series.latency(name) / 1000) for name in LATENCIES) + " |")
    return lines


def section(title: str, *parts: list[str]) -> list[str]:
    """Nothing where there is nothing under the title."""
    texts = [part for part in parts if part]
    tables = [part for part in texts if len(part) > 2]
    if not tables:
        return []
    return [f"## {title}", "", *[line for part in texts for line in (*part, "")]]


def shortfalls(record: Record, explanations: Mapping[str, Mapping[str, str]]) -> list[str]:
    lines = ["## What falls short, and why", ""]
    for cell, result in present(record, CELLS):
        if result.verdict == "ok":
            continue
        lines += [f"### `{cell.name}`", ""]
        if result.problem:
            lines += [f"- Failed: {' '.join(result.problem.split())[:400]}"]
        lines += [f"- {check.what}: {check_text(check)}, required {need_text(check)}."
                  for check in result.checks if not check.is_ok]
        said = explanations.get(cell.name)
        lines += ["", f"{said['why']} *{said['evidence']}*" if said else "Not explained yet.", ""]
    if len(lines) == 2:
        lines += ["Nothing." if len(record.results) == len(CELLS) else "Nothing of what was measured.", ""]
    return lines


def peer_rows(record: Record) -> list[str]:
    rows = []
    for cell, result in present(record, CELLS):
        if result.peers:
            weir = result.series[-1]
            for series in [weir, *result.peers]:
                rows.append(f"| `{cell.name}` | {series.name} | {rate_text(series.rate)} | "
                            f"{number(series.rate / weir.rate) if weir.rate else ''} | {cpu_text(series)} | "
                            f"{memory_text(series)} | {series.samples[0].events:,} |")
    return rows


def peers(record: Record) -> list[str]:
    if not record.peers():
        return []
    lines = ["## Other workers", "",
             "In the same run, on the same topics and streams, each set up as its documentation advises. A plain loop",
             "in order of partitions does less than a worker that keeps the order of keys; both stand here.", ""]
    rows = peer_rows(record)
    if rows:
        lines += ["| cell | worker | rate | of weir's | CPU ns an event | peak MiB | events |",
                  "|---|---|---:|---:|---:|---:|---:|", *rows, ""]
    for title, about in record.peers().items():
        lines.append(f"- {title} {about['version']} ({about['licence']}): {about['how']}."
                     + (f" **{about['problem']}.**" if about["problem"] else ""))
    return [*lines, ""]


def write(record: Record, explanations: Mapping[str, Mapping[str, str]]) -> str:
    notes = [f"- `{cell.name}`: {note}" for cell, result in present(record, CELLS) for note in result.notes]
    rest = [(cell.name, result, 0) for cell, result in present(record, CELLS)
            if not result.has_raw and not is_waiting(result) and not is_timed(result)]
    timed = [(cell.name, result, 0) for cell, result in present(record, CELLS) if is_timed(result)]
    further = [(cell.name, result, 1) for cell, result in present(record, CELLS) if result.has_raw]
    lines = [
        "# Benchmarks", "", *provenance(record), "", summary(record), "",
        "## The machine", "", *machine(record.runs), conditions(record.runs),
        *section("Rates beside raw loops",
                 ["Events a second. Allocations are those of weir and the function, an event."],
                 ["![weir's rate of that of the tuned raw loop](benchmarks.svg)"],
                 rate_table(record), ["Required besides the rate:"] if check_table(further) else [],
                 check_table(further)),
        *section("Functions that wait", WAITING.split("\n")[:2], wait_table(record)),
        *section("Latency", latency_table(record), check_table(timed)),
        *section("Memory, start, idling, replicas", check_table(rest)),
        *shortfalls(record, explanations),
        *peers(record),
        *(["## Notes", "", *notes, ""] if notes else []),
        "## The cells", "", "| cell | what it is | measured, UTC | took |", "|---|---|---|---:|",
        *[f"| `{cell.name}` | {cell.title} | {result.measured} | {result.seconds:.0f} s |"
          for cell, result in present(record, CELLS)], "",
        "All samples are in [benchmarks.json](benchmarks.json).", "",
    ]
    return "\n".join(lines)
