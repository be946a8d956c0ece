#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""starts and stops in one process, hundreds in a row, on Kafka and Redis there or away: no client, thread, descriptor or memory is left."""

import argparse
import json
import os
import re
import subprocess
import sys
import time

QUICK = 12
ROUND = 100


def one_round(build, seed, n_cycles):
    """Returns a row of the report, or None after a fault."""
    begun = time.monotonic()
    env = dict(os.environ, WEIR_CYCLES=str(n_cycles), WEIR_CYCLES_SEED=str(seed),
               WEIR_BUILD_DIR=build)
    done = subprocess.run([f"{build}/tests/test_broker_cycles"], env=env, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    found = re.search(r"(\d+) cycles, longest stop (\d+) ms, heap (\d+) -> (\d+)", done.stdout)
    print(done.stdout if done.returncode != 0 or found is None else found[0], flush=True)
    if done.returncode != 0 or found is None:
        return None
    return {"queue": "both", "seed": seed, "seconds": round(time.monotonic() - begun, 1),
            "cycles": int(found[1]), "longest_stop_ms": int(found[2]),
            "heap_grew_bytes": int(found[4]) - int(found[3])}


def main():
    if "--about" in sys.argv:
        print(__doc__)
        return 0
    words = argparse.ArgumentParser()
    words.add_argument("source")
    words.add_argument("build")
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--minutes", type=float)
    words.add_argument("--report")
    words.add_argument("--on")
    words = words.parse_args()
    until = time.monotonic() + (words.minutes or 0) * 60
    rows = []
    while not rows or time.monotonic() < until:
        row = one_round(words.build, words.seed + len(rows),
                        QUICK if words.minutes is None else ROUND)
        if row is None:
            return 1
        rows.append(row)
        if words.report is not None:
            with open(words.report, "w", encoding="utf-8") as out:
                json.dump(rows, out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
