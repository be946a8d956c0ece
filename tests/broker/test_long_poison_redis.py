#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""Functions that take more than their share, and payloads that say they are larger than any
memory: the rest of the subscription and the others go on, memory has a bound, and the dead
letter says why."""

import signal
import socket
import struct

from brokerkit import RUN, Kit, Server, Worker, tail

MIB = 1 << 20
RESIDENT = 400 * MIB
CRASHES = 1
N_GOOD = 40
FORMATS = ("json", "msgpack")

CONFIG = """\
worker: {{ name: {name}, instance: one, state_dir: {name}, admin: "127.0.0.1:0" }}
queues:
  redis: {{ type: redis, url: "redis://{address}" }}
functions:
  greedy: {{ library: {build}/tests/functions/greedy.so }}
subscriptions:
"""
SUB = """\
  - {{ function: greedy, from: redis:{name}.{what}, name: {what}, start: earliest,
       format: {format}, to: redis:{name}.{what}.out, dead: redis:{name}.{what}.dead,
       claim_after: 1s, concurrency: 4, retry: {{ crashes: {crashes} }} }}
"""

JSON_BOMBS = {
    "deep lists": b"[" * 1000000,
    "deep maps": b'{"a":' * 200000,
    "closed": b"[" * 100000 + b"]" * 100000,
    "many": b"[" + b"0," * 4500000 + b"0]",
    "twice": b'{"a":1,"a":2}',
}
MSGPACK_BOMBS = {
    "list": b"\xdd" + struct.pack(">I", 0xFFFFFFFF),
    "map": b"\xdf" + struct.pack(">I", 1 << 28),
    "map of lists": (b"\xdf" + struct.pack(">I", 1 << 20) + b"\xa1k") * 3,
    "text": b"\xdb" + struct.pack(">I", 0xFFFFFFFF) + b"short",
    "bytes": b"\xc6" + struct.pack(">I", 0x7FFFFFFF),
    "extension": b"\xc9" + struct.pack(">I", 0xFFFFFFFF) + b"\1",
    "deep": b"\x91" * 1000000 + b"\0",
    "many": b"\xdd" + struct.pack(">I", 4000000) + b"\0" * 4000000,
}


class Client:
    """Adds entries of any bytes."""

    def __init__(self, address):
        host, _, port = address.rpartition(":")
        self.conn = socket.create_connection((host, int(port)), 60)
        self.reader = self.conn.makefile("rb")

    def add(self, stream, data):
        words = [b"XADD", stream.encode(), b"*", b"data", data]
        self.conn.sendall(b"*%d\r\n" % len(words) + b"".join(
            b"$%d\r\n" % len(word) + word + b"\r\n" for word in words))
        if not self.reader.readline().startswith(b"$"):
            raise ValueError("XADD was refused")
        self.reader.readline()


def peak(worker):
    for line in open(f"/proc/{worker.process.pid}/status", encoding="utf-8"):
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def metric(worker, sub, outcome):
    wanted = f'weir_events_total{{subscription="{sub}",outcome="{outcome}"}} '
    return next((int(line[len(wanted):]) for line in worker.http("/metrics")[1].splitlines()
                 if line.startswith(wanted)), 0)


def config(kit, server, name):
    whats = [("raw", "raw")] + [(what, what) for what in FORMATS]
    return kit.write("poison.yaml", CONFIG.format(
        name=name, address=server.address, build=kit.build) + "".join(
            SUB.format(name=name, what=what, format=form, crashes=CRASHES)
            for what, form in whats))


def reasons(kit, path, name, what):
    """Of the dead letters: reason and class; there is none before the stream is."""
    code, out, _ = kit.run("tail", "-c", path, f"redis:{name}.{what}.dead", "--from", "start",
                           "--to", "end", "-n", "0")
    if code == 66:
        return []
    found = []
    for event in tail(kit, path, f"redis:{name}.{what}.dead"):
        headers = {h["name"]: h.get("value") for h in event["headers"]}
        found.append((headers.get("weir.reason"), headers.get("weir.error.class")))
    return sorted(found, key=str)


def decoded(kit, path, name, client):
    """Bombs among good events, in two formats, beside a function that emits without end."""
    good = {"json": b'{"good":true}', "msgpack": b"\x81\xa4good\xc3"}
    bombs = {"json": JSON_BOMBS, "msgpack": MSGPACK_BOMBS}
    for what in FORMATS:
        for bomb in bombs[what].values():
            client.add(f"{name}.{what}", bomb)
            client.add(f"{name}.{what}", good[what])
    for i in range(N_GOOD):
        client.add(f"{name}.raw", b"emit" if i == 7 else b"leak" if i % 8 == 0 else b"ok")
    worker = Worker(kit, "bombs", path)
    for what in FORMATS:
        n = len(bombs[what])
        kit.wait(f"all of {what}", lambda w=what, n=n: (
            metric(worker, w, "done"), metric(worker, w, "dead")) == (n, n))
    kit.wait("all of raw", lambda: (
        metric(worker, "raw", "done"), metric(worker, "raw", "dead")) == (N_GOOD - 1, 1))
    most = peak(worker)
    print(f"peak of the worker: {most // MIB} MiB")
    kit.check(most < RESIDENT, f"{most // MIB} MiB of memory, at most {RESIDENT // MIB}")
    worker.end()
    kit.equal(reasons(kit, path, name, "raw"), [("rejected", "emit-too-large")], "emit")


def hog(kit, path, name, client):
    """The process is killed for what one event takes: it, and no other, is a dead letter."""
    for i in range(N_GOOD):
        client.add(f"{name}.raw", b"hog" if i == N_GOOD // 2 else b"fine")
    n_ends = 0
    while True:
        worker = Worker(kit, f"hog-{n_ends}", path)
        kit.wait("it ends, or all is done", lambda w=worker: w.process.poll() is not None or (
            ("crashed", None) in reasons(kit, path, name, "raw")))
        if worker.process.poll() is None:
            break
        kit.equal(worker.process.returncode, -signal.SIGKILL, "killed")
        n_ends += 1
        if n_ends > 12:
            kit.check(False, f"it ends for ever: {worker.log()[-1500:]}")
            kit.end()
    client.add(f"{name}.json", b'{"good":true}')
    kit.wait("the other subscription goes on", lambda: metric(worker, "json", "done") == 1)
    kit.wait("each other event has its result", lambda: sum(
        event["data"] == "fine" for event in tail(kit, path, f"redis:{name}.raw.out")) >= N_GOOD - 1)
    worker.end()
    kit.equal(reasons(kit, path, name, "raw"),
              [("crashed", None), ("rejected", "emit-too-large")], "one is to blame")


def main():
    kit = Kit()
    server = Server(kit, "redis", "memory")
    name = f"poison-{RUN}"
    path = config(kit, server, name)
    client = Client(server.address)
    decoded(kit, path, name, client)
    hog(kit, path, name, client)
    server.close()
    kit.end()


main()
