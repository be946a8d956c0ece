#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""`weir skip` on a real Kafka: a dead letter that fits nowhere, with and without a worker;
and what a new group and a second replica start with."""

import os
from brokerkit import RUN, Kit, Worker, kafka, send, tail

CONFIG = """\
worker: {{ name: {name}, {instance} state_dir: {name}, admin: "127.0.0.1:0",
          max_events: 64 }}
queues:
  kafka: {{ type: kafka, brokers: "{address}" }}
functions:
  slow: {{ library: {build}/tests/functions/slow.so }}
subscriptions:
  - {{ function: slow, from: kafka:{name}.in, name: s, start: {start}, commit: 100ms,
       to: kafka:{name}.out, dead: kafka:{name}.dead }}
"""


def config(kit, broker, name, start="earliest", instance="instance: one,"):
    return kit.write(f"{name}.yaml", CONFIG.format(name=name, start=start, build=kit.build,
                                                   instance=instance, address=broker.address))


def skip(kit, path, position):
    code, _, err = kit.run("skip", "-c", path, position)
    return code, err


LARGEST = 10000  # max.message.bytes of the source and of the dead letters

N_BEHIND = 500  # more than the worker may hold


def too_large():
    """A rejected event that fits its topic, and no codec makes room for what is added."""
    return b"reject " + os.urandom(LARGEST - 400).replace(b"\n", b" ").replace(b"\r", b" ") + b"\n"


def stuck(kit, broker):
    """A dead letter that fits nowhere stops its partition, and no other."""
    name = f"skip-{RUN}"
    path = config(kit, broker, name)
    broker.topic(f"{name}.in", 2, f"max.message.bytes={LARGEST}")
    broker.topic(f"{name}.out", 1)
    broker.topic(f"{name}.dead", 1, f"max.message.bytes={LARGEST}")
    send(kit, path, f"kafka:{name}.in/0", "first\n")
    send(kit, path, f"kafka:{name}.in/0", too_large())
    send(kit, path, f"kafka:{name}.in/0", "behind\n" * N_BEHIND)
    position = f"kafka:{name}.in/0@1"
    worker = Worker(kit, "skip", path)
    worker.wait_log('"part.stopped"')
    said = worker.events("part.stopped")
    kit.check(len(said) == 1 and f"weir skip {position}" in said[0]["text"],
              f"the alarm names the command: {said}")
    kit.wait("/readyz names the command",
             lambda: f"weir skip {position}" in worker.http("/readyz?verbose")[1])
    kit.equal(worker.http("/readyz")[0], 503, "stopped is not ready")
    kit.equal(worker.http("/livez")[0], 200, "stopped is alive")
    stopped = f'weir_partition_stopped{{subscription="s",topic="{name}.in",partition="0"}} 1'
    kit.wait("the metric of the stop", lambda: stopped in worker.http("/metrics")[1])
    send(kit, path, f"kafka:{name}.in/1", "".join(f"other {i}\n" for i in range(500)))
    kit.wait("the other partition flows", lambda: sum(
        event["data"].startswith("other") for event in tail(kit, path, f"kafka:{name}.out")) == 500)
    kit.equal(tail(kit, path, f"kafka:{name}.dead"), [], "no dead letter so far")
    refused(kit, path, name)
    through_worker(kit, path, name, worker, position)
    kit.wait("the metric of the stop is 0 again",
             lambda: stopped[:-1] + "0" in worker.http("/metrics")[1])
    send(kit, path, f"kafka:{name}.in/0", too_large())
    send(kit, path, f"kafka:{name}.in/0", "last\n")
    worker.wait_log('"part.stopped"', 2)
    worker.end()
    return path, name


def refused(kit, path, name):
    """What is not stuck is not skipped, and a sentence says what is."""
    for at in ("0@0", "0@99"):
        code, err = skip(kit, path, f"kafka:{name}.in/{at}")
        kit.check(code == 66 and "no such event is held" in err and
                  f"first unfinished event is kafka:{name}.in/0@1" in err, f"{at}: {code} {err}")
    code, err = skip(kit, path, f"kafka:{name}.in/7@1")
    kit.check(code == 66 and f"holds {name}.in/7" in err, f"no such partition: {code} {err}")
    code, err = skip(kit, path, "kafka:nowhere/0@1")
    kit.check(code == 66 and "holds nowhere/0" in err, f"no such topic: {code} {err}")
    code, err = skip(kit, path, f"kafka:{name}.in/0")
    kit.check(code == 64 and "a position ends with its place" in err, f"no place: {code} {err}")


def omitted(kit, letter, position):
    """A dead letter that says what it stands for, without payload."""
    headers = {h["name"]: h.get("value") for h in letter["headers"]}
    kit.equal((headers.get("weir.omitted"), headers.get("weir.position"),
               headers.get("weir.subscription")), ("true", position, "s"), f"{headers}")
    kit.equal(letter["data"] or "", "", "no payload")


def through_worker(kit, path, name, worker, position):
    code, err = skip(kit, path, position)
    kit.equal((code, err), (0, f"skipped {position}\n"), "skip through the worker")
    kit.wait("the partition goes on", lambda: [
        event["data"] for event in tail(kit, path, f"kafka:{name}.out")].count("behind") == N_BEHIND)
    letters = tail(kit, path, f"kafka:{name}.dead")
    kit.equal(len(letters), 1, "one dead letter")
    omitted(kit, letters[0], position)
    worker.wait_ready()


def offline(kit, path, name):
    """Without a worker: refused while the group has members, else at its position only."""
    position = f"kafka:{name}.in/0@{2 + N_BEHIND}"
    elsewhere = kit.write("elsewhere.yaml",
                          kit.read(path).replace(f"state_dir: {name}", "state_dir: other"))
    worker = Worker(kit, "member", path)
    worker.wait_log('"part.stopped"')
    code, err = skip(kit, elsewhere, position)
    kit.check(code == 69 and f"group {name}.s has members" in err and "--admin" in err,
              f"refused while the group has members: {code} {err}")
    worker.end()
    code, err = skip(kit, path, f"kafka:{name}.in/0@{3 + N_BEHIND}")
    kit.check(code == 65 and f"stands at {2 + N_BEHIND}" in err, f"not where it stands: {code} {err}")
    kit.equal(len(tail(kit, path, f"kafka:{name}.dead")), 1, "nothing was published for it")
    kit.equal(skip(kit, path, position), (0, f"skipped {position}\n"), "skip without a worker")
    letters = tail(kit, path, f"kafka:{name}.dead")
    kit.equal(len(letters), 2, "one dead letter more")
    omitted(kit, letters[1], position)
    code, err = skip(kit, path, position)
    kit.check(code == 65 and f"stands at {3 + N_BEHIND}" in err, f"not twice: {code} {err}")
    worker = Worker(kit, "after", path)
    kit.wait("the next run goes on behind it", lambda: "last" in [
        event["data"] for event in tail(kit, path, f"kafka:{name}.out")])
    worker.end()


def committed(kit, broker):
    """`start: committed` refuses a group without positions, and takes one that has them."""
    name = f"committed-{RUN}"
    for what in ("in", "out", "dead"):
        broker.topic(f"{name}.{what}", 2)
    path = config(kit, broker, name, start="committed")
    worker = Worker(kit, "committed", path)
    kit.equal(worker.process.wait(60), 78, f"a new group: {worker.log()[-800:]}")
    kit.check("committed" in "".join(e["text"] for e in worker.events("worker.fatal")),
              f"the reason is in the log: {worker.log()[-800:]}")
    path = config(kit, broker, name)
    first = Worker(kit, "first", path)
    first.wait_ready()
    first.wait_log('"part.assigned"')
    first.end()
    path = config(kit, broker, name, start="committed")
    second = Worker(kit, "second", path)
    second.wait_ready()
    second.end()


def replicas(kit, broker):
    """The second replica on one host has a suffix, and its share."""
    name = f"replicas-{RUN}"
    for what in ("in", "out", "dead"):
        broker.topic(f"{name}.{what}", 2)
    path = config(kit, broker, name, instance="")
    one = Worker(kit, "one", path)
    one.wait_ready()
    two = Worker(kit, "two", path)
    two.wait_log('"part.assigned"')
    host = os.uname().nodename
    kit.equal([w.events("worker.started")[0]["instance"] for w in (one, two)], [host, f"{host}-2"],
              "their names")
    kit.check(one.address() != two.address(), "an admin address each")
    two.end()
    one.end()


def main():
    kit = Kit()
    broker = kafka(kit)
    path, name = stuck(kit, broker)
    offline(kit, path, name)
    committed(kit, broker)
    replicas(kit, broker)
    broker.close()
    kit.end()


main()
