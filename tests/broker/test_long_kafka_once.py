#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""exactly_once on a real Kafka: the results are the input once, each one, in the order of their key,
whatever happened. Replicas are killed at random moments, again and again, and started on the same
slot; one is stopped for longer than a transaction may be open, and wakes up."""

import random
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(sys.argv[1]) / "tests" / "support" / "line"))
import driver  # noqa: E402

KILLS = 8
REPLICAS = ("r1", "r2")


def verdict(line):
    line.end_all()
    found = line.check(idle_s=1)
    driver.expect(found["lost"] == 0, "every event has its result or its dead letter")
    driver.expect(found["foreign"] == 0, "no result and no dead letter without its event")
    driver.expect(found["twice"] == 0, "no event has two ends")
    driver.expect(found["disorder"] == 0, "results of a key are in its order")
    driver.expect(found["dead"] > 0, "some events died, as planned")


def quiet(broker):
    line = driver.Line(broker, 100_000, 1_000, is_once=True)
    try:
        for name in REPLICAS:
            line.start(name)
        line.until_joined()
        line.load()
        line.check(idle_s=90)
        verdict(line)
    finally:
        line.kill_all()


def faults(broker, chance):
    line = driver.Line(broker, 60_000, 1_000, work_us=500, is_once=True)
    try:
        for name in REPLICAS:
            line.start(name)
        line.until_joined()
        loader = line.load(is_waited_for=False)
        line.until_count(0.02)
        for i in range(KILLS):
            line.until_count(min(0.9, line.count() / line.n_events + 0.02))
            time.sleep(chance.random() * 0.3)
            name = chance.choice(REPLICAS)
            if i == KILLS // 2:  # past the time that a transaction may be open
                line.replicas[name].send_signal(signal.SIGSTOP)
                time.sleep(14)
                line.replicas[name].send_signal(signal.SIGCONT)
                continue
            line.end(name, signal.SIGKILL)
            line.start(name)
        driver.expect(loader.wait(60) == 0, "the load was confirmed")
        line.check(idle_s=90)
        verdict(line)
    finally:
        line.kill_all()


broker = driver.kafka()
try:
    quiet(broker)
    faults(broker, random.Random(driver.SEED))
finally:
    broker.close()
