#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""The life of `weir run` as a service manager sees it; its broker is never there."""

import os
import re
import signal
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from clikit import Kit  # noqa: E402

CONFIG = """\
worker: { name: demo, instance: box, admin: "unix:@DIR@/admin.sock" }
queues:
  kafka: { type: kafka, brokers: "127.0.0.1:1" }
functions:
  charge: { library: ./charge.so }
subscriptions:
  - { function: charge, from: kafka:orders, start: earliest, format: json, to: kafka:receipts }
"""


def started(kit, name, n=1):
    kit.wait(f"{name} has started {n} times",
             lambda: kit.read(name).count('"worker.started"') >= n)


def life(kit):
    """Waits for its broker unready, reloads, refuses a bad file, ends with 0."""
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(os.path.join(kit.dir, "notify"))
    os.environ["NOTIFY_SOCKET"] = os.path.join(kit.dir, "notify")
    run = kit.start("run", out="out", err="err")
    del os.environ["NOTIFY_SOCKET"]
    started(kit, "err")
    kit.check(b"READY=1" in manager.recv(200), "the service manager hears READY=1")
    code, out, _ = curl(kit, "/readyz?verbose")
    kit.check(code == 503 and "charge.orders: " in out, f"unready: {code} {out}")
    code, out, _ = curl(kit, "/livez")
    kit.equal((code, out), (200, "ok\n"), "/livez")
    kit.equal(curl(kit, "/nothing")[0], 404, "a page that is not there")
    kit.equal(curl(kit, "/api/v1/skip")[0], 405, "skip by GET")
    kit.equal(curl(kit, "/api/v1/skip", "POST")[0], 400, "skip without a position")
    kit.write("weir.yaml", kit.config.replace("earliest", "earlyst"))
    run.send_signal(signal.SIGHUP)
    kit.wait("the refusal", lambda: '"worker.reload_refused"' in kit.read("err"))
    kit.check("did you mean `earliest`" in kit.read("err"), "the reason is in the log")
    kit.write("weir.yaml", kit.config.replace("name: demo", "name: other"))
    run.send_signal(signal.SIGHUP)
    kit.wait("the reload", lambda: '"worker.reloaded"' in kit.read("err"))
    kit.check(run.poll() is None, "it goes on after a reload")
    run.send_signal(signal.SIGTERM)
    kit.equal(run.wait(timeout=60), 0, f"SIGTERM: {kit.read('err')[-2000:]}")
    said = b""
    manager.setblocking(False)
    try:
        while True:
            said += manager.recv(200)
    except BlockingIOError:
        pass
    kit.check(b"RELOADING=1" in said and b"STOPPING=1" in said, f"told: {said}")
    kit.check(not os.path.exists(os.path.join(kit.dir, "admin.sock")), "the socket is gone")


def curl(kit, path, method="GET", token=None, origin=None):
    """Asks over the UNIX socket."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(30)
        sock.connect(os.path.join(kit.dir, "admin.sock"))
        auth = f"Authorization: Bearer {token}\r\n" if token else ""
        auth += f"Origin: {origin}\r\n" if origin else ""
        sock.sendall(f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n{auth}"
                     "Connection: close\r\n\r\n".encode())
        data = b""
        while chunk := sock.recv(4096):
            data += chunk
    head, _, body = data.decode().partition("\r\n\r\n")
    return int(head.split()[1]), body, head


def token(kit):
    """skip wants the token; the probes do not."""
    kit.write("weir.yaml", kit.config.replace("instance: box,", "admin_token: sesame,"))
    run = kit.start("run", out="out", err="err2")
    started(kit, "err2")
    path = "/api/v1/skip?position=kafka:orders/0@1"
    kit.equal(curl(kit, path, "POST")[0], 401, "skip without a token")
    kit.equal(curl(kit, path, "POST", "sesam")[0], 401, "skip with a wrong one")
    kit.equal(curl(kit, path, "POST", "sesame")[0], 404, "skip with the token")
    kit.equal(curl(kit, path, "POST", "sesame", "http://x")[0], 403, "skip from a web page")
    kit.equal(curl(kit, "/livez")[0], 200, "/livez without a token")
    code, _, err = kit.run("skip", "kafka:orders/0@1")
    kit.check(code == 66, f"weir skip finds the worker and its token: {code} {err}")
    run.send_signal(signal.SIGINT)
    kit.equal(run.wait(timeout=60), 0, "SIGINT")


def slots(kit):
    """A second process has a suffix and a port of its own; nothing is left after both."""
    kit.write("weir.yaml", re.sub(r', admin: "[^"]*"', "", kit.config))
    first = kit.start("run", out="out", err="first")
    started(kit, "first")
    second = kit.start("run", out="out", err="second")
    started(kit, "second")
    kit.check('"instance":"box"' in kit.read("first"), "the first keeps its name")
    kit.check('"instance":"box-2"' in kit.read("second"), "the second has a suffix")
    addresses = [re.search(r'"admin.listening".*?"address":"([^"]+)"', kit.read(n)).group(1)
                 for n in ("first", "second")]
    kit.check(addresses[0] != addresses[1], f"two addresses: {addresses}")
    first.kill()
    first.wait()
    third = kit.start("run", out="out", err="third")
    started(kit, "third")
    kit.check('"instance":"box"' in kit.read("third"), "the slot of a dead process is free")
    for run in (second, third):
        run.send_signal(signal.SIGTERM)
        kit.equal(run.wait(timeout=60), 0, "SIGTERM")


def unwritable(kit):
    """A state_dir that cannot be made is an alarm, and the worker runs."""
    kit.write("file", "")
    kit.write("weir.yaml", kit.config.replace("instance: box,", "state_dir: file/x, "
                                              "instance: box,"))
    run = kit.start("run", out="out", err="err3")
    started(kit, "err3")
    kit.check('"worker.state_dir"' in kit.read("err3"), "the alarm")
    run.send_signal(signal.SIGTERM)
    kit.equal(run.wait(timeout=60), 0, "SIGTERM")


def many(kit):
    """Twenty subscriptions start."""
    subs = "".join(f"  - {{ function: charge, name: s{i}, from: kafka:t{i}, start: latest, "
                   f"format: json }}\n" for i in range(20))
    kit.write("weir.yaml", kit.config[:kit.config.index("  - {")] + subs)
    run = kit.start("run", out="out", err="err4")
    started(kit, "err4")
    kit.check('"subscriptions":20' in kit.read("err4"), "twenty subscriptions")
    run.send_signal(signal.SIGTERM)
    kit.equal(run.wait(timeout=60), 0, "SIGTERM")


def main():
    kit = Kit()
    kit.example("charge")
    kit.config = CONFIG.replace("@DIR@", kit.dir)
    kit.write("weir.yaml", kit.config)
    life(kit)
    token(kit)
    slots(kit)
    unwritable(kit)
    many(kit)
    kit.end()


main()
