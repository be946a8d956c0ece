#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""Headers in a partition whose records mostly have none: they are looked at late, and count."""

from brokerkit import RUN, Kit, Worker, kafka, send, tail

CONFIG = """\
worker: {{ name: {name}, instance: one, state_dir: {name}, admin: "127.0.0.1:0" }}
queues:
  kafka: {{ type: kafka, brokers: "{address}" }}
functions:
  slow: {{ library: {build}/tests/functions/slow.so }}
subscriptions:
  - {{ function: slow, from: kafka:{name}.in, name: s, start: earliest, commit: 100ms,
       to: kafka:{name}.out, dead: kafka:{name}.dead }}
"""

N_BARE = 30  # after so many the reader has stopped to look at each, and not yet looked again
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def headers(event):
    return {header["name"]: header["value"] for header in event["headers"]}


def main():
    kit = Kit()
    broker = kafka(kit)
    name = f"late-{RUN}"
    path = kit.write("late.yaml", CONFIG.format(name=name, build=kit.build,
                                                address=broker.address))
    for what in ("in", "out", "dead"):
        broker.topic(f"{name}.{what}", 1)
    send(kit, path, f"kafka:{name}.in", "".join(f"bare {i}\n" for i in range(N_BARE)))
    send(kit, path, f"kafka:{name}.in", "traced\n", "-H", f"traceparent={TRACE}")
    send(kit, path, f"kafka:{name}.in", "far\n", "-H", "weir.hops=15")
    send(kit, path, f"kafka:{name}.in", "round\n", "-H", "weir.hops=16")
    send(kit, path, f"kafka:{name}.in", "reject\n", "-H", "colour=blue")
    send(kit, path, f"kafka:{name}.in", "last\n")
    worker = Worker(kit, "late", path)
    kit.wait("all have settled", lambda: any(
        event["data"] == "last" for event in tail(kit, path, f"kafka:{name}.out")) and
        len(tail(kit, path, f"kafka:{name}.dead")) == 2)
    worker.end()
    results = {event["data"]: headers(event) for event in tail(kit, path, f"kafka:{name}.out")}
    kit.equal(len(results), N_BARE + 3, "one result an event, none of the dead")
    kit.check("round" not in results, "what goes round in a loop publishes nothing")
    kit.equal(results["bare 29"]["weir.hops"], "1", "hops of a result")
    kit.check("traceparent" not in results["bare 29"], "no trace where there was none")
    kit.equal(results["traced"].get("traceparent"), TRACE, "the trace goes on")
    kit.equal(results["far"]["weir.hops"], "16", "the last hop")
    dead = {event["data"]: headers(event) for event in tail(kit, path, f"kafka:{name}.dead")}
    kit.equal(dead["round"]["weir.reason"], "loop", "its reason")
    kit.equal(dead["reject"]["weir.reason"], "rejected", "the function has run")
    kit.equal(dead["reject"].get("colour"), "blue", "a dead letter keeps what came")
    broker.close()
    kit.end()


main()
