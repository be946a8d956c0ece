#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""exactly_once under kill -9 of replicas, broken connections and held answers: the results are the input, once."""

import sys

sys.dont_write_bytecode = True
import kit  # noqa: E402

NAMES = {"kafka": ("EndTxn", "Produce", "TxnOffsetCommit", "AddOffsetsToTxn"),
         "redis": ("XREADGROUP", "XACK", "EVALSHA")}


def wrong(scene, proxy, names):
    chance = scene.chance
    kind = chance.choice(("kill", "hold", "cut", "kill-held", "break"))
    if kind == "hold":
        proxy.tell(f"hold {chance.choice(names)}")
        scene.sleep(0.1, 2)
        proxy.tell("release")
    elif kind == "cut":
        proxy.tell(f"cut {chance.choice(('request', 'answer'))} {chance.choice(names)}")
    elif kind == "break":
        proxy.tell("break")
    else:
        # The worst moment: the broker has done it, and nobody has heard of it yet.
        if kind == "kill-held":
            proxy.tell(f"hold {names[0]}")
            scene.sleep(0.1, 0.6)
        name = scene.some()
        scene.kill(name)
        proxy.tell("release")
        scene.line.start(name)


def play(chance, is_quick, queue):
    proxy = kit.driver.Proxy(queue)
    if queue == "kafka":
        broker = kit.driver.own_kafka(proxy=proxy)
    else:
        broker = kit.driver.redis()
        proxy.tell(f"upstream {broker.address}")
    scene = kit.Scene(chance, broker, is_quick, for_s=10 if is_quick else 60, is_once=True)
    scene.line.address = proxy.address
    scene.may = set()
    n_faults = 0
    try:
        scene.start()
        while scene.left_s() > 1:
            scene.sleep(0.2, 1.5)
            wrong(scene, proxy, NAMES[queue])
            n_faults += 1
        proxy.tell(f"cut request {NAMES[queue][0]} 0")
        scene.finish(idle_s=90)
        scene.extra = {"faults": n_faults, "cuts": proxy.tell("count cut"),
                       "answers_held": proxy.tell("count held")}
        return scene.judge()
    finally:
        scene.kill_all()
        proxy.close()
        broker.close()


if __name__ == "__main__":
    kit.main(__doc__, {queue: lambda *words, queue=queue: play(*words, queue)
                       for queue in ("kafka", "redis")})
