#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""sim - histories of whole workers on fake time and fake brokers, by seed; see tests/sim/sim.h.

usage: sim.py SOURCE BUILD --seed S [--minutes M] [--report FILE] [--on kafka|redis]

Without --minutes 4,000 histories from that seed on, else as many as the minutes hold.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time

ABOUT = "whole workers on fake time against fake brokers: crashes, revokes, stalls, sick sinks"
QUICK = 4000


def main():
    if "--about" in sys.argv:
        print(ABOUT)
        return 0
    words = argparse.ArgumentParser()
    words.add_argument("source")
    words.add_argument("build")
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--minutes", type=float)
    words.add_argument("--report")
    words.add_argument("--on")
    words = words.parse_args()
    command = [f"{words.build}/tests/weir-sim", "--jobs", str(os.cpu_count() or 1)]
    if words.minutes is None:
        command += ["--seeds", f"{words.seed}-{words.seed + QUICK - 1}"]
    else:
        command += ["--seed", str(words.seed), "--minutes", str(words.minutes)]
    begun = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    print(done.stdout, end="")
    found = re.match(r"(\d+) histories, (\d+) failed, hash (\w+)", done.stdout)
    if found is None:
        return 1
    if words.report is not None:
        row = {"queue": "simulated", "seed": words.seed,
               "seconds": round(time.monotonic() - begun), "histories": int(found[1]),
               "failed": int(found[2])}
        with open(words.report, "w", encoding="utf-8") as out:
            json.dump([row], out)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
