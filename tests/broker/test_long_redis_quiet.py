#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""The whole line on a real Redis while nothing fails: three replicas, 200,000 events, 1,000 keys;
none lost, none twice. Once with all three at work, where a group of Redis knows no order, and once
with `single`, where one works in key order and two stand by; and both with exactly_once."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(sys.argv[1]) / "tests" / "support" / "line"))
import driver  # noqa: E402


def run(broker, is_single, is_once=False):
    line = driver.Line(broker, 200_000, 1_000, is_single=is_single, is_once=is_once)
    try:
        line.load()
        for name in ("r1", "r2", "r3"):
            line.start(name)
        line.check(idle_s=60)
        line.end_all()
        found = line.check(idle_s=1)
        driver.expect(found["lost"] == 0, "every event has its result or its dead letter")
        driver.expect(found["foreign"] == 0, "no result and no dead letter without its event")
        driver.expect(found["twice"] == 0, "no event has two ends")
        driver.expect(found["dead"] > 0, "some events died, as planned")
        if is_single:
            driver.expect(found["disorder"] == 0, "results of a key are in its order")
            driver.expect(len(found["makers"]) == 1, "one replica worked, the others stood by")
    finally:
        line.kill_all()


broker = driver.redis()
try:
    run(broker, is_single=False)
    run(broker, is_single=True)
    run(broker, is_single=False, is_once=True)
    run(broker, is_single=True, is_once=True)
finally:
    broker.close()
