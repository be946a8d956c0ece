#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""connections that break, in the middle of a request or an answer, stall, slow down, and answers that are held back."""

import sys
import time

sys.dont_write_bytecode = True
import kit  # noqa: E402

NAMES = {"kafka": ("Produce", "Fetch", "OffsetCommit", "Heartbeat"),
         "redis": ("XREADGROUP", "XACK", "XADD")}


def wrong(scene, proxy, names):
    """One thing that goes wrong, and is right again in the end."""
    chance = scene.chance
    kind = chance.choice(("cut", "cut", "hold", "break", "stall", "delay", "refuse"))
    if kind == "cut":
        proxy.tell(f"cut {chance.choice(('request', 'answer'))} {chance.choice(names)} "
                   f"{chance.randint(1, 3)}")
        scene.sleep(0.1, 1)
    elif kind == "hold":
        proxy.tell(f"hold {chance.choice(names)}")
        scene.sleep(0.1, 2)
        proxy.tell("release")
    elif kind == "break":
        proxy.tell("break")
    elif kind == "delay":
        proxy.tell(f"delay {chance.randint(5, 200)}")
        scene.sleep(0.2, 1)
        proxy.tell("delay 0")
    else:
        proxy.tell(f"{kind} on")
        if kind == "refuse":
            proxy.tell("break")
        scene.sleep(0.1, 2)
        proxy.tell(f"{kind} off")
    return kind


def play(chance, is_quick, queue):
    proxy = kit.driver.Proxy(queue)
    if queue == "kafka":
        broker = kit.driver.own_kafka(proxy=proxy)
    else:
        broker = kit.driver.redis()
        proxy.tell(f"upstream {broker.address}")
    scene = kit.Scene(chance, broker, is_quick, for_s=8 if is_quick else 60)
    scene.line.address = proxy.address
    # What could not be confirmed or committed before a session was over is made again, be it
    # by the same process, when the partition comes back to it.
    scene.may |= {"unexplained", "back"}
    done = []
    try:
        scene.start()
        while scene.left_s() > 1:
            done.append(wrong(scene, proxy, NAMES[queue]))
            scene.sleep(0.05, 0.8 if is_quick else 6)
        begun = time.monotonic()
        proxy.tell(f"cut request {NAMES[queue][0]} 0")
        scene.finish()
        scene.extra = {"faults": len(done), "cuts": proxy.tell("count cut"),
                       "answers_held": proxy.tell("count held"),
                       "seconds_to_the_end": round(time.monotonic() - begun, 1)}
        return scene.judge()
    finally:
        scene.kill_all()
        proxy.close()
        broker.close()


if __name__ == "__main__":
    kit.main(__doc__, {queue: lambda *words, queue=queue: play(*words, queue)
                       for queue in ("kafka", "redis")})
