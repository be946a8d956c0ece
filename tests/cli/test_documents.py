#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""What the README and the examples tell users to write is accepted: their C compiles as they say,
and `weir check` takes their YAML.

usage: test_documents.py SOURCE_DIR BUILD_DIR
"""
import pathlib
import re
import subprocess
import sys
import textwrap

source, build = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
here = pathlib.Path.cwd()
weir = build / "weir"
failures = []


def run(*command):
    done = subprocess.run([str(word) for word in command], cwd=here, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        failures.append(f"{' '.join(str(word) for word in command)}: exit {done.returncode}\n"
                        f"{done.stdout}")
    return done.stdout


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.S | re.M)


# README: the first function, word by word.
readme = (source / "README.md").read_text(encoding="utf-8")
codes = blocks(readme, "c")
files = [text for text in blocks(readme, "yaml") if text.startswith("worker:")]
compiles = [line for text in blocks(readme, "sh") for line in text.splitlines() if line.startswith("cc ")]
if len(codes) != 1 or len(files) != 1 or len(compiles) != 1:
    failures.append(f"README.md: {len(codes)} functions, {len(files)} files, {len(compiles)} compiler calls")
else:
    (here / "charge.c").write_text(codes[0])
    (here / "weir.yaml").write_text(files[0])
    run(*compiles[0].split(), "-Wall", "-Wextra", "-Werror", "-I", source / "handlers")
    run(weir, "check", "-c", "weir.yaml")
    (here / "event.json").write_text('{"amount": 1200}')
    said = run(weir, "invoke", "charge", "--format", "json", "--event", "event.json", "-c", "weir.yaml")
    if "verdict: done" not in said:
        failures.append(f"the README's function says: {said}")

# docs/configuration.md: the smallest file.
smallest = [text for text in blocks((source / "docs/configuration.md").read_text(), "yaml")
            if text.startswith("worker:")]
if len(smallest) != 1:
    failures.append("docs/configuration.md has no smallest file")
else:
    (here / "smallest.yaml").write_text(smallest[0])
    run(weir, "check", "-c", "smallest.yaml")

# Examples: the configuration in the comment at the top of each.
for path in sorted((source / "handlers/examples").glob("*.c")):
    comment = re.search(rf"/\*\n \* {path.stem} - .*?\*/", path.read_text(), re.S)
    text = "\n".join(line[3:] for line in comment.group(0).splitlines()) if comment else ""
    found = re.search(r"^    functions:\n.*?^    subscriptions:\n.*?(?=^\s*$)", text + "\n\n", re.S | re.M)
    if not found:
        failures.append(f"{path.name}: no configuration in its comment")
        continue
    yaml = textwrap.dedent(found.group(0)).replace("./", f"{build}/examples/")
    (here / f"{path.stem}.yaml").write_text(
        "worker: { name: t }\nqueues:\n"
        '  kafka: { type: kafka, brokers: "localhost:9092" }\n'
        '  redis: { type: redis, url: "redis://localhost:6379/0" }\n' + yaml)
    run(weir, "check", "-c", f"{path.stem}.yaml")

for failure in failures:
    print(failure)
print(f"{len(failures)} failed")
sys.exit(1 if failures else 0)
