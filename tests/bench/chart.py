# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""docs/benchmarks.svg: each rate beside what it is compared with, drawn by hand."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from cells import CELLS
from model import Result, Series

WIDTH = 860
LEFT = 250  # where bars begin
BAR = 430  # the longest
ROW = 16
GAP = 18
TOP = 64
COLOURS = {"plain": "#b8bec7", "tuned": "#7d8794", "weir": "#1f6feb"}

STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #24292f }
  .title { font-size: 15px; font-weight: 600 }
  .small { font-size: 11px; fill: #57606a }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .small { fill: #9198a1 }
  }
"""


def kind_of(series: Series) -> str:
    if series.name == "weir":
        return "weir"
    return "plain" if series.name in ("raw, plain", "raw, one at a time") else "tuned"


def rate_rows(results: Mapping[str, Result]) -> list[tuple[str, list[Series]]]:
    rows = []
    for cell in CELLS:
        result = results.get(cell.name)
        if result is None or len(result.series) != 3 or not result.series[-1].samples:
            continue
        rows.append((cell.name, result.series))
    return rows


def bar(y: int, share: float, series: Series) -> list[str]:
    width = max(share * BAR, 1)
    return [f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{ROW - 3}" rx="2" '
            f'fill="{COLOURS[kind_of(series)]}"/>',
            f'<text x="{LEFT + width + 6:.1f}" y="{y + ROW - 5}" class="small">{series.rate:,.0f}/s, '
            f'{series.cpu_per_event:,.0f} ns CPU</text>']


def draw(results: Mapping[str, Result]) -> str:
    """Bars of a cell are as long as they are of its fastest side."""
    rows = rate_rows(results)
    height = TOP + len(rows) * (3 * ROW + GAP) + 10
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
             f'aria-label="events a second of weir and of raw loops">', "<!-- SPDX-FileCopyrightText: 2026 The weir authors -->", "<!-- SPDX-License-Identifier: Apache-2.0 -->",
             "<!-- Drawn by ./dev bench from a run; do not edit. -->", f"<style>{STYLE}</style>",
             '<text x="16" y="26" class="title">Events a second beside raw client loops</text>']
    x = 16
    for name, text in (("plain", "raw loop, plain"), ("tuned", "raw loop, tuned"), ("weir", "weir")):
        lines += [f'<rect x="{x}" y="38" width="12" height="12" rx="2" fill="{COLOURS[name]}"/>',
                  f'<text x="{x + 18}" y="48">{text}</text>']
        x += 130
    y = TOP
    for name, sides in rows:
        most = max(series.rate for series in sides)
        lines.append(f'<text x="16" y="{y + 2 * ROW - 4}">{escape(name)}</text>')
        for series in sides:
            lines += bar(y, series.rate / most, series)
            y += ROW
        y += GAP
    lines.append("</svg>")
    return "\n".join(lines) + "\n"
