#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""The whole line on a real Kafka while one of three replicas is killed and one is stopped:
none lost; twice at most what the killed one had in flight or had finished since its last commit,
and nothing twice because of the stopped one; first results of a key stay in order."""

import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(sys.argv[1]) / "tests" / "support" / "line"))
import driver  # noqa: E402

COMMIT_S = 0.2
IN_FLIGHT = 4_000

broker = driver.kafka()
line = driver.Line(broker, 200_000, 1_000, work_us=300)
try:
    for name in ("killed", "stopped", "steady"):
        line.start(name)
    line.until_joined()
    loader = line.load(is_waited_for=False)
    rate = line.until_count(0.25)
    stopped = line.pid("stopped")
    killed = line.pid("killed")
    line.end("killed", signal.SIGKILL)
    rate = max(rate, line.until_count(0.6))
    line.end("stopped", signal.SIGTERM)
    line.check(idle_s=90)
    driver.expect(loader.wait(60) == 0, "the load was confirmed")
    line.end_all()
    found = line.check(idle_s=1)
    bound = IN_FLIGHT + int(rate * (COMMIT_S + 0.3))
    driver.expect(found["lost"] == 0, "every event has its result or its dead letter")
    driver.expect(found["foreign"] == 0, "no result and no dead letter without its event")
    driver.expect(found["twice"] <= bound, f"at most {bound} events twice: {found['twice']}")
    driver.expect(found["makers"].get(killed, {"made": 0})["made"] > 0,
                  "the killed replica had its part of the work")
    maker = found["makers"].get(stopped, {"made": 0, "repeated": 0})
    driver.expect(maker["made"] > 0, "the stopped replica had its part of the work")
    driver.expect(maker["repeated"] == 0, "nothing twice because of the stopped replica")
    driver.expect(found["disorder"] == 0, "first results of a key are in its order")
finally:
    line.kill_all()
    broker.close()
