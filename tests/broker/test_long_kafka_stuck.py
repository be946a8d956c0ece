#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""A replica is killed while one key is stuck and thousands of events above it are finished: with
the ack map nothing runs twice that was finished at the last commit; without it, all of that."""

import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(sys.argv[1]) / "tests" / "support" / "line"))
import driver  # noqa: E402

EVENTS = 20_000
KEYS = 400

broker = driver.kafka()


def twice_after_a_kill(queue_more, is_static=False):
    line = driver.Line(broker, EVENTS, KEYS)
    hold = line.dir.resolve() / "hold"
    hold.touch()
    line.queue_more = queue_more
    line.sub_more = "    static_member: true\n" if is_static else ""
    line.env = {"LINE_STUCK_KEY": "key-7", "LINE_STUCK_FILE": str(hold)}
    try:
        line.start("killed")
        line.until_joined()
        line.load()
        # All but the stuck key's; then some commits more.
        line.until_still(int(EVENTS * 0.98), still_s=2)
        line.end("killed", signal.SIGKILL)
        hold.unlink()
        line.start("killed" if is_static else "next")
        line.check(idle_s=90)
        line.end_all()
        found = line.check(idle_s=1)
        driver.expect(found["lost"] == 0, "every event has its result or its dead letter")
        driver.expect(found["foreign"] == 0, "no result and no dead letter without its event")
        driver.expect(found["disorder"] == 0, "first results of a key are in its order")
        return found["twice"]
    finally:
        line.kill_all()


try:
    without = twice_after_a_kill(", ack_map: 0")
    driver.expect(without > 1_000, f"without the map much ran twice: {without}")
    for is_static in (False, True):
        twice = twice_after_a_kill("", is_static)
        driver.expect(twice == 0, f"with the map nothing ran twice: {twice}")
finally:
    broker.close()
