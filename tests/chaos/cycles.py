#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""starts and stops, hundreds in a row, at any moment of the start and with the broker away: each ends in time, nothing twice."""

import signal
import sys
import time

sys.dont_write_bytecode = True
import kit  # noqa: E402

NOWHERE = "127.0.0.1:1"


def cycle(scene, at):
    """Returns how long the stop took."""
    line = scene.line
    is_away = scene.chance.random() < 0.15
    line.address = NOWHERE if is_away else scene.broker.address
    line.start("r1")
    scene.sleep(0, 0.4 if at % 2 else 1.6)
    scene.say("end", "r1")
    process = line.replicas.pop("r1")
    begun = time.monotonic()
    process.send_signal(signal.SIGTERM)
    code = process.wait(60)
    took = time.monotonic() - begun
    # Before it has come to wait for signals, it ends by this one like any process.
    if code not in (0, -signal.SIGTERM) or took > line.drain_s + kit.LATE_S:
        kit.driver.fail(f"cycle {at}: exit {code} after {took:.1f} s; see {line.dir}/r1.log")
    return took


def play(chance, is_quick, broker):
    n_cycles = 15 if is_quick else 250
    scene = kit.Scene(chance, broker, is_quick, for_s=1, rate=10000, work_us=20000)
    scene.may = set()
    worst = 0
    try:
        scene.loader = scene.line.load(is_waited_for=False, log=scene.line.dir / "sent.txt")
        for at in range(n_cycles):
            worst = max(worst, cycle(scene, at))
        scene.line.address = broker.address
        for name in ("r1", "r2", "r3"):
            scene.line.start(name)
        scene.finish()
        scene.extra = {"cycles": n_cycles, "longest_stop_ms": round(worst * 1000)}
        return scene.judge()
    finally:
        scene.kill_all()
        broker.close()


if __name__ == "__main__":
    kit.main(__doc__, {
        "kafka": lambda *words: play(*words, kit.driver.kafka()),
        "redis": lambda *words: play(*words, kit.driver.redis()),
    })
