#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""a rebalance storm: members join and leave every second, eager and cooperative, with and without static membership."""

import ctypes
import sys
import time

sys.dont_write_bytecode = True
import kit  # noqa: E402

MOST = 6
COOPERATIVE_FROM = 0x020601FF  # before it weir refuses the assignor


def step(scene, chance, spare):
    """One member more, or one less; the first one stays."""
    others = sorted(set(scene.line.replicas) - {"r1"})
    if spare and (len(others) < 1 or chance.random() < 0.5):
        name = spare.pop(0)
        scene.line.start(name)
    else:
        name = chance.choice(others)
        scene.end(name)
        spare.append(name)


def play(chance, is_quick, broker, assignor, is_static=False):
    scene = kit.Scene(chance, broker, is_quick, for_s=7 if is_quick else 60)
    scene.line.sub_more = f"    assignor: {assignor}\n    static_member: {str(is_static).lower()}\n"
    # A static member that comes back is given what it had, and reads on from the last commit.
    scene.may = set()
    spare = [f"r{i}" for i in range(4, MOST + 1)]
    n_steps = 0
    try:
        scene.start()
        while scene.left_s() > 1:
            due = time.monotonic() + 1
            step(scene, chance, spare)
            n_steps += 1
            time.sleep(max(0, due - time.monotonic()))
        scene.finish()
        scene.extra = {"steps": n_steps, "assignor": assignor, "static": is_static}
        return scene.judge()
    finally:
        scene.kill_all()
        broker.close()


def has_cooperative():
    return ctypes.CDLL("librdkafka.so.1").rd_kafka_version() >= COOPERATIVE_FROM


if __name__ == "__main__":
    plays = {
        "kafka-range": lambda *words: play(*words, kit.driver.kafka(), "range"),
        "kafka-static": lambda *words: play(*words, kit.driver.kafka(), "range", is_static=True),
        "kafka-cooperative": lambda *words: play(*words, kit.driver.kafka(), "cooperative-sticky"),
    }
    if not has_cooperative():
        print("no cooperative round: this librdkafka is too old for it", file=sys.stderr)
        del plays["kafka-cooperative"]
    kit.main(__doc__, plays, only_long=("kafka-static",))
