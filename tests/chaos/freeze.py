#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""SIGSTOP of random replicas, shorter and longer than their sessions, then SIGCONT."""

import sys

sys.dont_write_bytecode = True
import kit  # noqa: E402

SESSION_S = 4  # of the kit's scenes; on Redis others claim after 3 s


def play(chance, is_quick, broker):
    scene = kit.Scene(chance, broker, is_quick, for_s=10 if is_quick else 60)
    # A call that began before the stop goes on behind it, while others have its event by now;
    # what comes of it is published, and made again.
    scene.may |= {"overlap", "back"}
    try:
        scene.start()
        while scene.left_s() > SESSION_S + 3:
            name = scene.some()
            scene.stop(name)
            if chance.random() < 0.5:
                scene.sleep(0.1, 2)
            else:
                scene.sleep(SESSION_S + 0.5, SESSION_S + 2.5)
            scene.cont(name)
            scene.sleep(0.3, 2)
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
