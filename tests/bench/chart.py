# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""docs/benchmarks.svg: weir's rates beside the tuned raw loop and beside ceilings."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape

from cells import CELLS
from figures import rounded
from model import Check, Result
from record import Record

WIDTH = 900
LEFT = 200  # where bars begin
SPAN = 500  # of the axis
ROW = 30
HEAD = 74  # title and key of a panel
GAP = 26

# A panel of its own colour behind everything, so that it reads the same on any page.
STYLE = """
  .page { fill: #ffffff; stroke: #d0d7de }
  text { font: 12px system-ui, 'DejaVu Sans', sans-serif; fill: #1f2328 }
  .title { font-size: 15px; font-weight: 600 }
  .soft { fill: #59636e }
  .small { font-size: 11px }
  .grid { stroke: #d0d7de }
  .one { stroke: #1f2328; stroke-width: 1.5 }
  .weir { fill: #1f6feb }
  .plain { fill: #b1bac4 }
  .need { stroke: #bc4c00; stroke-width: 2.5 }
  .range { stroke: #0a3069; stroke-width: 1.5 }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117; stroke: #30363d }
    text { fill: #e6edf3 }
    .soft { fill: #9198a1 }
    .grid { stroke: #30363d }
    .one { stroke: #e6edf3 }
    .weir { fill: #388bfd }
    .plain { fill: #6e7681 }
    .need { stroke: #f0883e }
    .range { stroke: #cae8ff }
  }
"""


@dataclass
class Row:
    name: str
    check: Check
    rate: float
    plain: float | None  # share of the plain raw loop

    @property
    def most(self) -> float:
        return max(self.check.value, self.check.high or 0, self.check.need, self.plain or 0)


def raw_row(name: str, result: Result) -> Row:
    plain, tuned, weir = result.series
    return Row(name, result.checks[0], weir.rate, plain.rate / tuned.rate)


def rows_of(record: Record, n_series: int) -> list[Row]:
    found = [(cell.name, record.results[cell.name]) for cell in CELLS if cell.name in record.results]
    return [raw_row(name, result) if n_series == 3 else Row(name, result.checks[0], result.series[0].rate, None)
            for name, result in found if len(result.series) == n_series and not result.problem]


def short(rate: float) -> str:
    return f"{rate / 1e6:.2f} M/s" if rate >= 1e6 else f"{rounded(rate):,}/s"


def bar_of(row: Row, y: int, scale: float) -> list[str]:
    at = [LEFT + value * scale for value in (row.check.value, row.check.need)]
    lines = [f'<text x="{LEFT - 10}" y="{y + 14}" text-anchor="end">{escape(row.name)}</text>']
    if row.plain is not None:
        lines.append(f'<rect class="plain" x="{LEFT}" y="{y + 17}" width="{row.plain * scale:.1f}" height="4"/>')
    lines.append(f'<rect class="weir" x="{LEFT}" y="{y + 3}" width="{at[0] - LEFT:.1f}" height="13"/>')
    if row.check.low is not None and row.check.high is not None:
        low, high = (LEFT + value * scale for value in (row.check.low, row.check.high))
        lines.append(f'<path class="range" d="M{low:.1f} {y + 9.5}H{high:.1f}M{low:.1f} {y + 6}v7M{high:.1f} {y + 6}v7"/>')
    lines.append(f'<path class="need" d="M{at[1]:.1f} {y}v23"/>')
    lines.append(f'<text class="small" x="{LEFT + SPAN + 16}" y="{y + 14}">{row.check.value:.2f}'
                 f'<tspan class="soft" dx="8">{short(row.rate)}</tspan></text>')
    return lines


def key(y: int, one: str, has_plain: bool) -> list[str]:
    entries = [("weir", "weir, with its range")] + ([("plain", "raw loop, plain")] if has_plain else [])
    lines, x = [], 24
    for name, text in entries:
        lines += [f'<rect class="{name}" x="{x}" y="{y - 9}" width="12" height="{11 if name == "weir" else 4}"/>',
                  f'<text class="soft small" x="{x + 18}" y="{y}">{text}</text>']
        x += 150
    for name, text in (("need", "required"), ("one", one)):
        lines += [f'<path class="{name}" d="M{x + 6} {y - 11}v14"/>',
                  f'<text class="soft small" x="{x + 18}" y="{y}">{text}</text>']
        x += 110
    return lines


def panel(y: int, title: str, one: str, rows: list[Row]) -> tuple[int, list[str]]:
    """Draws from y downwards; where it ends."""
    steps = max(math.ceil(max(row.most for row in rows) / 0.25), 4)
    scale = SPAN / (steps * 0.25)
    bottom = y + HEAD + len(rows) * ROW
    lines = [f'<text class="title" x="24" y="{y + 20}">{escape(title)}</text>',
             *key(y + 42, one, any(row.plain is not None for row in rows))]
    for i in range(steps + 1):
        x = LEFT + i * 0.25 * scale
        lines.append(f'<path class="{"one" if i == 4 else "grid"}" d="M{x:.1f} {y + HEAD - 6}V{bottom}"/>')
        if i % 2 == 0:
            lines.append(f'<text class="soft small" x="{x:.1f}" y="{y + HEAD - 10}" text-anchor="middle">{i * 0.25:g}</text>')
    for i, row in enumerate(rows):
        lines += bar_of(row, y + HEAD + i * ROW, scale)
    return bottom + GAP, lines


def draw(record: Record) -> str:
    y, lines = 14, []
    for title, one, n_series in (("Rate of weir, as a share of the tuned raw loop", "raw loop, tuned", 3),
                                 ("Rate of functions that wait, as a share of the ceiling", "ceiling", 1)):
        rows = rows_of(record, n_series)
        if rows:
            y, drawn = panel(y, title, one, rows)
            lines += drawn
    head = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}" role="img" '
            'aria-label="Rates of weir beside raw loops and ceilings">',
            "<!-- SPDX-FileCopyrightText: 2026 The weir authors -->",
            "<!-- SPDX-License-" + "Identifier: Apache-2.0 -->",
            "<!-- Drawn by ./dev bench from benchmarks.json; do not edit. -->", f"<style>{STYLE}</style>",
            f'<rect class="page" x="0.5" y="0.5" width="{WIDTH - 1}" height="{y - 1}" rx="6"/>']
    return "\n".join([*head, *lines, "</svg>"]) + "\n"
