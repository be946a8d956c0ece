#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""demo - tests/demo/run on few events: nothing lost, the dead counted exactly.

usage: test_demo.py SOURCE_DIR BUILD_DIR
"""
import re
import subprocess
import sys
from pathlib import Path

EVENTS = 900
# What the plan of tests/demo/run makes of 600 orders and 300 readings: sent, done, retried,
# dead letters rejected, retries and decode, lost.
WANT = {
    "orders": ["600", "580", "30", "12", "2", "6", "0"],
    "readings": ["300", "294", "-", "3", "0", "3", "0"],
}


def main(source, build):
    work = Path.cwd() / "demo"
    run = subprocess.run([Path(source) / "tests" / "demo" / "run", build, "--events", str(EVENTS),
                          "--dir", work], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                         check=False)
    print(run.stdout, flush=True)
    rows = {line.split()[0]: line.split()[1:] for line in run.stdout.splitlines()
            if re.match(r"(orders|readings) ", line)}
    wrong = [f"{title}: {rows.get(title)}, not {want} and the duplicated"
             for title, want in WANT.items() if rows.get(title, [])[:-1] != want]
    if "replica a killed" not in run.stdout:
        wrong.append("no replica was killed")
    if run.returncode != 0:
        wrong.append(f"exit code {run.returncode}")
    for text in wrong:
        print(f"demo: {text}", file=sys.stderr)
    if wrong:
        for log in sorted(work.glob("*.log")):
            print(f"== {log.name}", *log.read_text(errors="replace").splitlines()[-30:], sep="\n",
                  file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
