#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""Every setting, metric, and call of the header stands in its document; the picture is up to date.

usage: documented.py SOURCE_DIR [BUILD_DIR]
"""
import pathlib
import re
import subprocess
import sys

source = pathlib.Path(sys.argv[1])
failures = []


def read(path):
    return (source / path).read_text(encoding="utf-8")


def want(document, names, form):
    text = read(document)
    for name in sorted(set(names)):
        if not re.search(form.format(re.escape(name)), text):
            failures.append(f"{document}: nothing about {name}")


# Settings: rows of weir_opt, wherever they are.
rows = re.compile(r"weir_opt \w+\[\] = \{(.*?)\n\};", re.S)
settings = []
for folder in ("worker/app", "triggers", "handlers"):
    for path in sorted((source / folder).glob("*.c")):
        for table in rows.findall(path.read_text(encoding="utf-8")):
            settings += re.findall(r"\.name = \"(\w+)\"", table)
if not settings:
    failures.append("no settings found; has their form changed?")
want("docs/configuration.md", settings, r"`{0}`")

# Metrics: the table of families.
metrics = []
for path in sorted((source / "worker/base").glob("metric*.c")):
    metrics += re.findall(r"\[WEIR_M_\w+\] = *\{ *\"(\w+)\"", path.read_text(encoding="utf-8"))
if not metrics:
    failures.append("no metrics found; has their form changed?")
want("docs/metrics.md", ["weir_" + name for name in metrics], r"`{0}`")

# Calls: every inline function of the header but the writer's, which differ by a type only.
calls = re.findall(r"^static inline [^;{]*?(weir_\w+)\(", read("handlers/weir/handler.h"), re.M)
if not calls:
    failures.append("no calls found; has their form changed?")
writers = [name for name in calls if name.startswith("weir_write_")]
want("docs/functions.md", [name for name in calls if name not in writers], r"\b{0}\b")
want("docs/functions.md", [name.replace("weir_write", "") for name in writers], r"(weir_write|`){0}\b")

# Verbs: the table of the command. Names with a _ in front are for weir itself.
verbs = re.findall(r"\{ \.name = \"([a-z]\w*)\",\s*\.args", read("worker/app/verbs.c"))
if not verbs:
    failures.append("no verbs found; has their form changed?")
want("docs/operations.md", verbs, r"\| `{0}\b")

# Examples: each is named in the README.
examples = [path.stem for path in (source / "handlers/examples").glob("*.c")]
want("README.md", examples, r"\b{0}\b")

if subprocess.run([sys.executable, str(source / "docs/draw_line.py"), "--check"]).returncode != 0:
    failures.append("docs/line.svg is old")

for failure in failures:
    print(failure)
sys.exit(1 if failures else 0)
