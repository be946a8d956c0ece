#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""Redis: FLUSHALL, DEL of the stream, and no memory left, under load; what comes afterwards is done."""

import socket
import sys

sys.dont_write_bytecode = True
import kit  # noqa: E402


def tell(broker, *words):
    host, port = broker.address.split(":")
    command = f"*{len(words)}\r\n" + "".join(f"${len(w)}\r\n{w}\r\n" for w in words)
    with socket.create_connection((host, int(port)), timeout=20) as conn:
        conn.sendall(command.encode())
        answer = conn.recv(1000)
        kit.driver.expect(answer[:1] in (b"+", b":"), f"{' '.join(words)}: {answer!r}")


def wrong(scene, broker, fault):
    if fault == "maxmemory":
        tell(broker, "CONFIG", "SET", "maxmemory", "1")
        scene.sleep(0.2, 2)
        tell(broker, "CONFIG", "SET", "maxmemory", "0")
    elif fault == "del":
        tell(broker, "DEL", scene.line.source)
    else:
        tell(broker, "FLUSHALL")


def play(chance, is_quick, fault):
    broker = kit.driver.redis()
    scene = kit.Scene(chance, broker, is_quick, for_s=6 if is_quick else 40)
    # What somebody deleted is gone; what was in functions then is published all the same.
    scene.may |= {"unexplained"}
    scene.may |= set() if fault == "maxmemory" else {"vanished"}
    try:
        scene.start()
        for _ in range(1 if is_quick else 8):
            scene.sleep(0.5, 3)
            wrong(scene, broker, fault)
        scene.finish(idle_s=6)
        scene.extra = {"fault": fault}
        return scene.judge()
    finally:
        scene.kill_all()
        broker.close()


if __name__ == "__main__":
    kit.main(__doc__, {f"redis-{fault}": lambda *words, fault=fault: play(*words, fault)
                       for fault in ("maxmemory", "del", "flushall")})
