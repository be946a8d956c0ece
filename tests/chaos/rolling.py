#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""a rolling restart under load, 20 in a row, functions shorter than `handover`: nothing twice, and no long pause."""

import sys

sys.dont_write_bytecode = True
import kit  # noqa: E402

PAUSE_MS = 3000


def play(chance, is_quick, broker, order):
    n_restarts = 3 if is_quick else 20
    scene = kit.Scene(chance, broker, is_quick, for_s=3 * n_restarts, work_us=5000)
    scene.line.order = order
    scene.line.consumer = {}  # what users have who set nothing
    scene.may = set()
    try:
        scene.start()
        for i in range(n_restarts):
            scene.restart(("r1", "r2", "r3")[i % 3])
            scene.sleep(0.5, 1)  # so that a pause is that of one hand-over
        left_s = scene.left_s()
        scene.finish()
        scene.extra = {"restarts": n_restarts, "order": order}
        found = scene.judge()
        if not is_quick:
            # The short form runs beside other tests; a time says nothing there.
            kit.driver.expect(left_s > 0, "there was load during all of the restarts")
            kit.driver.expect(found["longest_pause_ms"] <= PAUSE_MS,
                              f"no pause is longer than {PAUSE_MS} ms")
        return found
    finally:
        scene.kill_all()
        broker.close()


if __name__ == "__main__":
    kit.main(__doc__, {
        "kafka-key": lambda *words: play(*words, kit.driver.kafka(), "key"),
        "kafka-none": lambda *words: play(*words, kit.driver.kafka(), "none"),
        "redis-none": lambda *words: play(*words, kit.driver.redis(), "none"),
    }, only_long=("kafka-none",))
