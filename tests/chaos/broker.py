#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the server at random moments, and its restart; Redis also with appendfsync everysec, where what it loses is counted."""

import sys

sys.dont_write_bytecode = True
import kit  # noqa: E402


def play(chance, is_quick, broker, is_sure=True):
    scene = kit.Scene(chance, broker, is_quick, for_s=8 if is_quick else 60)
    # What could not be confirmed or committed is made again, also by the one that made it first.
    scene.may |= {"back"}
    if not is_sure:
        # Entries and acknowledgements of the last second or two are not on the disk yet.
        scene.may |= {"vanished"}
        scene.window_ms += 2500
    stops = []
    n_kills = 0
    try:
        scene.start()
        while scene.left_s() > 3:
            # In the long form the group comes to rest now and then.
            scene.sleep(1, 4 if is_quick else 15)
            is_closing = n_kills % 3 == 1
            took = scene.outage(0.05, 2, is_closing)
            stops += [took] if is_closing else []
            n_kills += 1
        scene.finish(idle_s=30 if broker.kind == "kafka" else 6)
        scene.extra = {"server_kills": n_kills, "stops_without_server": len(stops),
                       "longest_stop_ms": round(1000 * max(stops, default=0))}
        return scene.judge()
    finally:
        scene.kill_all()
        broker.close()


if __name__ == "__main__":
    kit.main(__doc__, {
        "kafka": lambda *words: play(*words, kit.driver.own_kafka()),
        "kafka-3.9.1": lambda *words: play(*words, kit.driver.own_kafka("3.9.1")),
        "redis": lambda *words: play(*words, kit.driver.redis("--appendfsync", "always")),
        "redis-everysec": lambda *words: play(
            *words, kit.driver.redis("--appendfsync", "everysec"), is_sure=False),
    }, only_long=("kafka-3.9.1", "redis-everysec"))
