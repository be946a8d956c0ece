#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of random replicas at random moments, each started again at once."""

import sys

sys.dont_write_bytecode = True
import kit  # noqa: E402


def play(chance, is_quick, broker, **line):
    scene = kit.Scene(chance, broker, is_quick, for_s=8 if is_quick else 60, **line)
    try:
        scene.start()
        while scene.left_s() > 1:
            # Now and then the group comes to rest in between.
            scene.sleep(0.3, 3 if is_quick or broker.kind == "redis" else 12)
            name = scene.some()
            scene.kill(name)
            scene.line.start(name)
        scene.finish()
        return scene.judge()
    finally:
        scene.kill_all()
        broker.close()


if __name__ == "__main__":
    kit.main(__doc__, {
        "kafka": lambda *words: play(*words, kit.driver.kafka()),
        "redis": lambda *words: play(*words, kit.driver.redis()),
    })
