#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""Batches that grow a thousandfold when they are unpacked, and a record of 100 MiB: each stops
at most its own partition, all others go on, memory has a bound, and the dead letter says why."""

import json

import bombkit
from brokerkit import RUN, Kit, Worker, kafka, send, tail

MIB = 1 << 20
# Bytes of zeros; that of zstd is more than the client unpacks.
BOMBS = {"gzip": 160 * MIB, "lz4": 64 * MIB, "snappy": 64 * MIB, "zstd": 160 * MIB}
LARGE = 100 * MIB - 65536  # as it is; a broker takes no request over 100 MiB
CODECS = sorted(BOMBS)
PARTS = len(CODECS) + 2  # the next one has the large record, the last one nothing bad
N_AFTER = 20
# The client unpacks a batch whole, and packs what it sends.
RESIDENT = 768 * MIB

CONFIG = """\
worker: {{ name: {name}, instance: one, state_dir: {name}, admin: "127.0.0.1:0" }}
queues:
  kafka: {{ type: kafka, brokers: "{address}" }}
functions:
  poison: {{ library: {build}/tests/functions/poison.so }}
subscriptions:
  - {{ function: poison, from: kafka:{name}.in, name: bombs, start: earliest, commit: 100ms,
       to: kafka:{name}.out, dead: kafka:{name}.dead, order: key }}
  - {{ function: poison, from: kafka:{name}.two, name: two, start: earliest, commit: 100ms,
       to: kafka:{name}.out, dead: kafka:{name}.dead, order: none }}
"""


def config(kit, broker, name):
    return kit.write("bombs.yaml", CONFIG.format(
        name=name, build=kit.build, address=broker.address))


def peak(worker):
    for line in open(f"/proc/{worker.process.pid}/status", encoding="utf-8"):
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def wait_results(kit, path, name, prefix, n):
    kit.wait(f"{n} results {prefix}", lambda: sum(
        event["data"].startswith(prefix)
        for event in tail(kit, path, f"kafka:{name}.out")) >= n, 120)


def dead_letters(worker, reason):
    """How many dead letters of the first subscription were confirmed, by their reason."""
    wanted = f'weir_dead_letters_total{{subscription="bombs",reason="{reason}"}} '
    return next((int(line[len(wanted):]) for line in worker.http("/metrics")[1].splitlines()
                 if line.startswith(wanted)), 0)


def omitted(kit, path, name):
    """The dead letters behind those that are as large as what they came from."""
    code, out, err = kit.run("tail", "-c", path, f"kafka:{name}.dead", "--from", str(PARTS - 2),
                             "--to", "end", "-o", "json")
    kit.equal(code, 0, f"tail: {err}")
    return [{h["name"]: h.get("value") for h in json.loads(line)["headers"]}
            for line in out.splitlines()]


def main():
    kit = Kit()
    broker = kafka(kit)
    name = f"bombs-{RUN}"
    path = config(kit, broker, name)
    for topic, parts in (("in", PARTS), ("two", 1), ("out", 1), ("dead", 1)):
        limit = LARGE + 32768 if topic == "in" else LARGE + 65536
        broker.topic(f"{name}.{topic}", parts, f"max.message.bytes={limit}")
    for part, codec in enumerate(CODECS):
        send(kit, path, f"kafka:{name}.in/{part}", f"before {part}\n")
        kit.equal(bombkit.produce(broker.address, f"{name}.in", part,
                                  bombkit.batch(codec, BOMBS[codec])), 0, f"{codec} is produced")
        send(kit, path, f"kafka:{name}.in/{part}", f"after {part}\n" * N_AFTER)
    send(kit, path, f"kafka:{name}.in/{len(CODECS)}", b"x" * LARGE)
    send(kit, path, f"kafka:{name}.in/{len(CODECS)}", f"after {len(CODECS)}\n" * N_AFTER)
    send(kit, path, f"kafka:{name}.in/{PARTS - 1}", f"after {PARTS - 1}\n" * N_AFTER)
    worker = Worker(kit, "bombs", path)
    for part in range(PARTS):
        if part != CODECS.index("zstd"):
            wait_results(kit, path, name, f"after {part}", N_AFTER)
    kit.wait("four dead letters", lambda: dead_letters(worker, "too-large") == PARTS - 2)
    # What the client itself refuses to unpack stops its partition, until it is skipped.
    position = f"kafka:{name}.in/{CODECS.index('zstd')}@1"
    worker.wait_log('"undecodable"')
    code, _, err = kit.run("skip", "-c", path, position)
    kit.equal(code, 0, f"skip: {err}")
    wait_results(kit, path, name, f"after {CODECS.index('zstd')}", N_AFTER)
    send(kit, path, f"kafka:{name}.two", "two\n" * N_AFTER)
    wait_results(kit, path, name, "two", N_AFTER)
    letters = omitted(kit, path, name)
    kit.equal([(letter.get("weir.position"), letter.get("weir.omitted"),
                letter.get("weir.reason")) for letter in letters],
              [(position, "true", "decode")], "the skipped one")
    most = peak(worker)
    print(f"peak of the worker: {most // MIB} MiB")
    kit.check(most < RESIDENT, f"{most // MIB} MiB of memory, at most {RESIDENT // MIB}")
    worker.end()
    broker.close()
    kit.end()


main()
