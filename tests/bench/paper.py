#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""The files that a run of the benchmark writes; all are made of docs/benchmarks.json.

usage: paper.py            writes them again, after a change of explanations.json
       paper.py --check    are they what benchmarks.json says?
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

sys.dont_write_bytecode = True

import chart  # noqa: E402
import document  # noqa: E402
import headline  # noqa: E402
import record as records  # noqa: E402
from cells import CELLS  # noqa: E402
from record import Record  # noqa: E402

TITLES = {cell.name: cell.title for cell in CELLS}
DATA = "docs/benchmarks.json"
FILES = (DATA, "docs/benchmarks.md", "docs/benchmarks.svg", "README.md")
EXPLANATIONS = Path(__file__).with_name("explanations.json")


def explanations() -> dict[str, Mapping[str, str]]:
    """Why a cell falls short, and the figure that shows it. Raises ValueError for a wrong one."""
    found = json.loads(EXPLANATIONS.read_text(encoding="utf-8"))
    for name, said in found.items():
        if name not in TITLES:
            raise ValueError(f"{EXPLANATIONS.name}: no cell is called {name}")
        if set(said) != {"why", "evidence"} or not all(text.strip() for text in said.values()):
            raise ValueError(f"{EXPLANATIONS.name}: {name}: wanted `why` and `evidence`")
    return found


def texts(source: Path, record: Record) -> dict[str, str]:
    """What each file is to hold; without cells nothing but a README without figures."""
    readme = headline.put((source / "README.md").read_text(encoding="utf-8"), record)
    if not record.results:
        return {"README.md": readme}
    return dict(zip(FILES, (records.as_json(record, TITLES), document.write(record, explanations()),
                            chart.draw(record), readme)))


def write(source: Path, record: Record) -> None:
    for name, text in texts(source, record).items():
        (source / name).write_text(text, encoding="utf-8")


def read(source: Path) -> Record:
    return records.read(source / DATA) if (source / DATA).exists() else Record()


def check(source: Path) -> list[str]:
    """Which files are not what the figures say."""
    record = read(source)
    wanted = texts(source, record)
    wrong = [f"{name} is not what {DATA} says; tests/bench/paper.py writes it"
             for name, text in wanted.items()
             if not (source / name).exists() or (source / name).read_text(encoding="utf-8") != text]
    return wrong + [f"{name} is there, but {DATA} is not" for name in FILES
                    if name not in wanted and (source / name).exists()]


def main(args: list[str]) -> int:
    source = Path(__file__).resolve().parents[2]
    explanations()
    if args == ["--check"]:
        wrong = check(source)
        print("\n".join(wrong) or "the benchmark's documents are what its figures say")
        return 1 if wrong else 0
    if args:
        print(__doc__, file=sys.stderr)
        return 64
    write(source, read(source))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
