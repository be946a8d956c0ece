#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""exactly_once on a real Redis: the results are the input once, each one, whatever happened. Replicas
are killed at random moments, again and again, and one is stopped and wakes up when others have
claimed its entries; once with three replicas at work, once with `single`, in key order. Then the
server cuts all connections, forgets its scripts, and is out of memory for a while."""

import random
import signal
import socket
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(sys.argv[1]) / "tests" / "support" / "line"))
import driver  # noqa: E402

KILLS = 12
REPLICAS = ("r1", "r2", "r3")


def run(broker, chance, is_single):
    line = driver.Line(broker, 100_000, 1_000, work_us=500, is_single=is_single, is_once=True)
    try:
        for name in REPLICAS:
            line.start(name)
        line.until_joined()
        loader = line.load(is_waited_for=False)
        line.until_count(0.05)
        frozen = None
        for i in range(KILLS):
            line.until_count(min(0.9, line.count() / line.n_events + 0.02))
            time.sleep(chance.random() * 0.2)
            name = chance.choice([n for n in line.replicas if n != frozen])
            line.end(name, signal.SIGKILL)
            line.start(name)
            if i == KILLS // 3:  # past claim_after: the others have its entries by then
                frozen = next(n for n in line.replicas if n != name)
                line.replicas[frozen].send_signal(signal.SIGSTOP)
            if i == KILLS - 1:
                time.sleep(4)
                line.replicas[frozen].send_signal(signal.SIGCONT)
        driver.expect(loader.wait(60) == 0, "the load was confirmed")
        line.check(idle_s=90)
        line.end_all()
        found = line.check(idle_s=1)
        driver.expect(found["lost"] == 0, "every event has its result or its dead letter")
        driver.expect(found["foreign"] == 0, "no result and no dead letter without its event")
        driver.expect(found["twice"] == 0, "no event has two ends")
        driver.expect(found["dead"] > 0, "some events died, as planned")
        if is_single:
            driver.expect(found["disorder"] == 0, "results of a key are in its order")
    finally:
        line.kill_all()


def tell(broker, command):
    host, port = broker.address.split(":")
    with socket.create_connection((host, int(port))) as conn:
        conn.sendall(f"{command}\r\n".encode())
        answer = conn.recv(1000)
        driver.expect(answer[:1] in (b"+", b":"), f"{command}: {answer!r}")


def refusals(line):
    return sum((line.dir / f"{name}.log").read_text().count("OOM") for name in line.replicas)


def until_refused(line, times):
    """Waits until the server was heard to refuse so often."""
    begun = time.monotonic()
    while refusals(line) < times:
        if time.monotonic() - begun > 60:
            driver.fail("the refusal was not logged")
        time.sleep(0.05)


def pester(broker):
    line = driver.Line(broker, 60_000, 1_000, work_us=200, is_once=True)
    try:
        line.load()
        for name in REPLICAS:
            line.start(name)
        for i in range(8):
            line.until_count(0.05 * (i + 1))
            tell(broker, "CLIENT KILL TYPE normal")
            tell(broker, "SCRIPT FLUSH")
        line.until_count(0.5)
        tell(broker, "CONFIG SET maxmemory 1")
        until_refused(line, 1)
        count = line.count()
        until_refused(line, refusals(line) + 10)  # it was tried
        driver.expect(line.count() == count, "nothing is published without memory")
        tell(broker, "CONFIG SET maxmemory 0")
        line.check(idle_s=60)
        line.end_all()
        found = line.check(idle_s=1)
        driver.expect(found["lost"] == 0, "every event has its result or its dead letter")
        driver.expect(found["twice"] == 0, "no event has two ends")
    finally:
        line.kill_all()


broker = driver.redis()
try:
    seed = random.Random(driver.SEED)
    run(broker, seed, is_single=False)
    run(broker, seed, is_single=True)
    pester(broker)
finally:
    broker.close()
