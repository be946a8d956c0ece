#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""Draws docs/line.svg, the way of an event through weir. The same output each time.

usage: docs/draw_line.py [--check]     --check: fail if the file would change
"""
import pathlib
import sys

OUT = pathlib.Path(__file__).with_name("line.svg")
WIDTH, HEIGHT = 1040, 470
FONT = "font-family='DejaVu Sans, Verdana, Helvetica, Arial, sans-serif'"
INK, SOFT, PAPER = "#1f2933", "#5b6770", "#ffffff"
QUEUE, WORKER, USER, BAD = "#dbeafe", "#f1f5f9", "#dcfce7", "#fee2e2"

parts = []


def add(text):
    parts.append(text)


def text(x, y, line, size=14, color=INK, anchor="middle", weight="normal"):
    line = line.replace("&", "&amp;").replace("<", "&lt;")
    add(f"<text x='{x}' y='{y}' font-size='{size}' fill='{color}' text-anchor='{anchor}' "
        f"font-weight='{weight}'>{line}</text>")


def box(x, y, w, h, fill, title, *lines):
    add(f"<rect x='{x}' y='{y}' width='{w}' height='{h}' rx='8' fill='{fill}' "
        f"stroke='{SOFT}' stroke-width='1.2'/>")
    top = y + h / 2 - (len(lines) * 17) / 2 + 5
    text(x + w / 2, top, title, 15, INK, "middle", "bold")
    for i, line in enumerate(lines):
        text(x + w / 2, top + 19 + i * 17, line, 12.5, SOFT)


def arrow(points, dashed=False, color=INK):
    path = " ".join(f"{'M' if i == 0 else 'L'}{x} {y}" for i, (x, y) in enumerate(points))
    dash = " stroke-dasharray='6 4'" if dashed else ""
    marker = "dark" if color == INK else "soft"
    add(f"<path d='{path}' fill='none' stroke='{color}' stroke-width='1.8'{dash} "
        f"marker-end='url(#{marker})'/>")


def draw():
    add(f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' "
        f"width='{WIDTH}' height='{HEIGHT}' {FONT} role='img' "
        "aria-label='The way of an event through weir'>")
    add("<!-- SPDX-FileCopyrightText: 2026 The weir authors -->")
    add("<!-- SPDX-License-" + "Identifier: Apache-2.0 -->")
    add("<!-- Drawn by docs/draw_line.py; change that file, not this one. -->")
    add("<defs>")
    for name, color in (("dark", INK), ("soft", SOFT)):
        add(f"<marker id='{name}' viewBox='0 0 10 10' refX='9' refY='5' markerWidth='7' "
            f"markerHeight='7' orient='auto-start-reverse'>"
            f"<path d='M0 0L10 5L0 10z' fill='{color}'/></marker>")
    add("</defs>")
    add(f"<rect width='{WIDTH}' height='{HEIGHT}' fill='{PAPER}'/>")

    # Three replicas behind one another.
    for shift in (16, 8, 0):
        add(f"<rect x='{230 + shift}' y='{46 - shift + 16}' width='564' height='300' rx='12' "
            f"fill='{WORKER}' stroke='{SOFT}' stroke-width='1.2'/>")
    text(246, 84, "weir: one of several replicas", 13, SOFT, "start")

    box(20, 130, 160, 96, QUEUE, "from", "Kafka topic", "or Redis stream")
    box(256, 138, 110, 80, PAPER, "read", "decode, filter")
    box(408, 138, 150, 80, PAPER, "flow", "order by key,", "limits, retries")
    box(612, 138, 160, 80, USER, "your function", "in a pool", "of threads")
    box(408, 282, 364, 58, PAPER, "settle", "waits until the broker has confirmed")
    box(860, 263, 160, 96, QUEUE, "to", "results: topic", "or stream")
    box(860, 130, 160, 96, BAD, "dead", "rejected, expired,", "out of retries")

    arrow([(180, 178), (254, 178)])
    arrow([(366, 178), (406, 178)])
    arrow([(558, 166), (610, 166)])
    arrow([(610, 192), (560, 192)], dashed=True, color=SOFT)
    text(584, 240, "retry, unavailable", 12, SOFT)
    arrow([(700, 218), (700, 280)])
    text(708, 256, "done, reject", 12, SOFT, "start")
    arrow([(772, 320), (858, 320)])
    arrow([(772, 300), (822, 300), (822, 178), (858, 178)])
    arrow([(408, 318), (100, 318), (100, 228)])
    text(322, 310, "then commit or acknowledge", 12, SOFT, "middle")

    text(20, 404, "1", 13, INK, "start", "bold")
    text(38, 404, "An event is committed or acknowledged only after its results, or its dead "
         "letter, are confirmed.", 13, SOFT, "start")
    text(20, 427, "2", 13, INK, "start", "bold")
    text(38, 427, "Events of one key run one at a time, in order, retries included; other keys "
         "go on.", 13, SOFT, "start")
    text(20, 450, "3", 13, INK, "start", "bold")
    text(38, 450, "A sick broker stops intake. It never costs an event or one of its attempts.",
         13, SOFT, "start")
    add("</svg>")
    return "\n".join(parts) + "\n"


def main():
    svg = draw()
    if sys.argv[1:] == ["--check"]:
        if not OUT.exists() or OUT.read_text() != svg:
            print("docs/line.svg is not what docs/draw_line.py draws; run it", file=sys.stderr)
            return 1
        return 0
    OUT.write_text(svg)
    return 0


if __name__ == "__main__":
    sys.exit(main())
