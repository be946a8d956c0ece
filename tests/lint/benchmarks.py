#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""README.md, docs/benchmarks.md and its picture say what docs/benchmarks.json says, and nothing else.

Also: what is said of the peers of the benchmark is what their package managers are told.

usage: benchmarks.py SOURCE_DIR [BUILD_DIR]
"""

import json
import pathlib
import sys

sys.dont_write_bytecode = True

source = pathlib.Path(sys.argv[1])
sys.path.insert(0, str(source / "tests/bench"))

import paper  # noqa: E402

PINS = ("go.mod", "requirements.txt", "pom.xml", "package.json")
SAID = {"title", "version", "licence", "how", "cells"}


def peer_failures(folder):
    name = folder.name
    said = json.loads((folder / "peer.json").read_text(encoding="utf-8"))
    if set(said) != SAID:
        return [f"{name}/peer.json: wanted {', '.join(sorted(SAID))}"]
    wrong = [f"{name}/peer.json: no cell is called {cell}" for cell in said["cells"] if cell not in paper.TITLES]
    pins = [folder / pin for pin in PINS if (folder / pin).exists()]
    if not any(said["version"] in pin.read_text(encoding="utf-8") for pin in pins):
        wrong.append(f"{name}: version {said['version']} is in none of {', '.join(PINS)}")
    if f"| `{name}` |" not in (folder.parent / "README.md").read_text(encoding="utf-8"):
        wrong.append(f"{name}: not in tests/bench/peers/README.md")
    return wrong


def main():
    failures = []
    try:
        paper.explanations()
        failures += paper.check(source)
    except (ValueError, KeyError, TypeError) as error:
        failures.append(str(error))
    peers = sorted(path.parent for path in (source / "tests/bench/peers").glob("*/run"))
    if not peers:
        failures.append("no peers found; have they moved?")
    for folder in peers:
        failures += peer_failures(folder)
    print("\n".join(failures) or "figures and peers are what their documents say")
    return 1 if failures else 0


sys.exit(main())
