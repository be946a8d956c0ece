#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""`weir check --connect` and --create-topics, on a real Kafka and a real Redis."""

import json
import socket
from brokerkit import RUN, Kit, Server, Worker, kafka, send

KAFKA = """\
worker: {{ name: {name}, instance: one, state_dir: {name}, admin: "127.0.0.1:0" }}
queues:
  kafka: {{ type: kafka, brokers: "{address}" }}
functions:
  slow: {{ library: {build}/tests/functions/slow.so }}
subscriptions:
  - {{ function: slow, from: kafka:{name}.in, name: s, start: {start}, commit: 100ms,
       to: kafka:{name}.out, dead: kafka:{name}.dead }}
"""
REDIS = KAFKA.replace('type: kafka, brokers: "{address}"',
                      'type: redis, url: "redis://{address}/0"').replace("kafka", "redis")


def config(kit, text, broker, name, start="earliest"):
    return kit.write(f"{name}-{start}.yaml", text.format(name=name, start=start, build=kit.build,
                                                         address=broker.address))


def check(kit, path, *options):
    """Exit code, and the answers by address; what settings may cost is in test_promises.py."""
    code, out, err = kit.run("check", "-c", path, "--connect", "-o", "json", *options)
    kit.check(code in (0, 69, 78), f"check: {code} {err}")
    found = {}
    for line in out.splitlines():
        answer = json.loads(line)
        if "address" in answer and answer["state"] not in ("warning", "unknown"):
            found.setdefault(answer["address"], answer)
    return code, found


def once(kit, broker):
    """exactly_once: its streams are proved together."""
    name = f"once-{RUN}"
    path = config(kit, REDIS.replace("commit:", "delivery: exactly_once, commit:"), broker, name)
    code, found = check(kit, path)
    kit.equal((code, found["redis"]["state"]), (0, "ok"), f"one step: {found}")
    kit.check("in one step" in found["redis"]["text"], f"said: {found['redis']}")
    host, port = broker.address.split(":")
    with socket.create_connection((host, int(port))) as conn:
        conn.sendall(f"SET {name}.dead text\r\n".encode())
        kit.equal(conn.recv(100), b"+OK\r\n", "a key of another type")
    code, found = check(kit, path)
    kit.equal((code, found["redis"]["state"]), (78, "denied"), f"another type: {found}")
    kit.check(f"{name}.dead: WRONGTYPE" in found["redis"]["text"], f"said: {found['redis']}")


def missing(kit, broker):
    """What is not there is said, with the command that makes it; --create-topics makes it."""
    name = f"check-{RUN}"
    path = config(kit, KAFKA, broker, name)
    code, found = check(kit, path)
    kit.equal(code, 78, "topics are missing")
    for what in ("in", "out", "dead"):
        answer = found[f"kafka:{name}.{what}"]
        kit.equal((answer["subscription"], answer["state"]), ("s", "missing"), what)
        kit.check(f"kafka-topics.sh --bootstrap-server {broker.address} --create "
                  f"--topic {name}.{what} " in answer["mend"], f"its command: {answer}")
    code, found = check(kit, path, "--create-topics")
    kit.equal((code, found[f"kafka:{name}.in"]["state"]), (78, "missing"),
              "a source is never made")
    kit.check(all(found[f"kafka:{name}.{what}"]["state"] == "missing" for what in ("out", "dead")),
              f"without a source to be like, nothing is made: {found}")
    broker.topic(f"{name}.in", 3, "max.message.bytes=2000000")
    mends(kit, path, name)
    code, found = check(kit, path, "--create-topics")
    kit.equal(code, 0, f"made: {found}")
    kit.equal([found[f"kafka:{name}.{w}"]["state"] for w in ("in", "out", "dead")],
              ["ok", "created", "created"], "what it did")
    code, found = check(kit, path)
    kit.equal((code, [a["state"] for a in found.values()]), (0, ["ok"] * 3), "all is there")
    sized(kit, broker, path, name)


def mends(kit, path, name):
    """The command makes a topic like its source, with room for what a dead letter adds."""
    code, found = check(kit, path)
    kit.equal((code, found[f"kafka:{name}.in"]["state"]), (78, "ok"), "the source is there")
    for what in ("out", "dead"):
        mend = found[f"kafka:{name}.{what}"]["mend"]
        for words in ("--partitions 3 ", "--replication-factor 1",
                      f"--config max.message.bytes={2000000 + 16384}"):
            kit.check(words in mend + " ", f"{words} in {mend}")
    code, out, _ = kit.run("check", "-c", path, "--connect")
    kit.check(code == 78 and f"--create --topic {name}.dead --partitions 3" in out,
              f"also where a person reads: {out}")


def sized(kit, broker, path, name):
    """What --create-topics made has the source's partitions, and room; read by a subscription
    in the other direction: its sinks would have to take what the made topic takes."""
    back = kit.write("back.yaml", kit.read(path).replace(f"from: kafka:{name}.in", "from: X")
                     .replace(f"kafka:{name}.dead", f"kafka:{name}.back-dead")
                     .replace(f"kafka:{name}.out", f"kafka:{name}.back-out")
                     .replace("from: X", f"from: kafka:{name}.dead"))
    _, found = check(kit, back)
    mend = found[f"kafka:{name}.back-dead"]["mend"]
    kit.check("--partitions 3 " in mend and f"max.message.bytes={2000000 + 2 * 16384}" in mend,
              f"the made topic has 3 partitions and 16 KiB more: {mend}")
    small = f"{name}.small"
    broker.topic(small, 1, "max.message.bytes=1000000")
    less = kit.write("less.yaml", kit.read(path).replace(f"kafka:{name}.dead", f"kafka:{small}"))
    code, found = check(kit, less)
    answer = found[f"kafka:{small}"]
    kit.equal(code, 78, "too small")
    kit.check("1000000" in answer["text"] and "2000000" in answer["text"] and
              str(2000000 + 16384) in answer["text"] + answer.get("mend", ""),
              f"both sizes and the one that it takes: {answer}")
    exact = f"{name}.exact"
    broker.topic(exact, 1, "max.message.bytes=2000000")
    same = kit.write("same.yaml", kit.read(path).replace(f"kafka:{name}.dead", f"kafka:{exact}"))
    kit.equal(check(kit, same)[0], 0, "one like the source passes: dead letters are packed")


def positions(kit, broker, text, queue):
    """Where a group stands, in exact numbers; asking changes nothing."""
    name = f"{queue}-{RUN}"
    path = config(kit, text, broker, name)
    if queue == "kafka":
        broker.topic(f"{name}.in", 3)
        for what in ("out", "dead"):
            broker.topic(f"{name}.{what}", 1)
    source = f"{queue}:{name}.in"
    send(kit, path, source, "".join(f"{i}\n" for i in range(1234)))
    latest = config(kit, text, broker, name, "latest")
    for _ in range(2):
        said = [check(kit, p)[1][source]["text"] for p in (path, latest)]
        kit.equal(said, ["NEW group: would start at earliest, 1,234 events",
                         "NEW group: would start at latest, 0 events"], "a group without positions")
    code, found = check(kit, config(kit, text, broker, name, "committed"))
    kit.equal((code, found[source]["state"]), (78, "wrong"), "committed, and a new group")
    worker = Worker(kit, queue, path)
    worker.wait_ready()
    done = 'weir_events_total{subscription="s",outcome="done"} 1234'
    kit.wait("all is done", lambda: done in worker.http("/metrics")[1])
    worker.end()
    said = check(kit, path)[1][source]["text"]
    wanted = "committed on 3/3, lag 0" if queue == "kafka" else ", 0 pending, lag 0"
    kit.check(said.endswith(wanted) and said.startswith("committed "), f"all is done: {said}")
    send(kit, path, source, "".join(f"{i}\n" for i in range(1005)))
    said = check(kit, path)[1][source]["text"]
    wanted = "committed on 3/3, lag 1,005" if queue == "kafka" else ", 0 pending, lag 1,005"
    kit.check(said.endswith(wanted) and said.startswith("committed "), f"behind: {said}")


def away(kit):
    """A broker that is not there is 69, and is named."""
    for text, queue in ((KAFKA, "kafka"), (REDIS, "redis")):
        path = kit.write("away.yaml", text.format(name="away", start="earliest", build=kit.build,
                                                  address="127.0.0.1:1"))
        code, found = check(kit, path, "--timeout", "500ms")
        kit.equal((code, found[f"{queue}:away.in"]["state"]), (69, "unavailable"), queue)
        kit.check("127.0.0.1:1" in found[f"{queue}:away.in"]["text"], f"who it is: {found}")


def main():
    kit = Kit()
    broker = kafka(kit)
    redis = Server(kit, "redis", "memory")
    missing(kit, broker)
    positions(kit, broker, KAFKA, "kafka")
    positions(kit, redis, REDIS, "redis")
    once(kit, redis)
    away(kit)
    redis.close()
    broker.close()
    kit.end()


main()
