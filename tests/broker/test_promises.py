#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""`weir check --connect`: what settings and state of real brokers may cost is said in a sentence,
and is an error only where a promise cannot hold. Usual settings have nothing to be said of."""

import json
import re
import socket
from brokerkit import RUN, Kit, Server, Worker, kafka, send

CONFIG = """\
worker: {{ name: {name}, instance: one, state_dir: {name}, admin: "127.0.0.1:0" }}
queues:
  {queue}
functions:
  slow: {{ library: {build}/tests/functions/slow.so }}
subscriptions:
  - {{ function: slow, from: "{kind}:{name}.in", name: s, start: {start}, commit: 50ms,
       to: "{kind}:{name}.out", dead: "{kind}:{name}.dead" {more} }}
"""


def config(kit, kind, address, name, start="earliest", more=""):
    where = f'brokers: "{address}"' if kind == "kafka" else f'url: "redis://{address}/0"'
    more = ", " + more if more else ""
    return kit.write(f"{name}-{start}.yaml", CONFIG.format(
        name=name, queue=f"{kind}: {{ type: {kind}, {where} }}", kind=kind, start=start,
        build=kit.build, more=more))


def check(kit, path):
    """Exit code, and what is said besides "ok", as "address: state: text"."""
    code, out, err = kit.run("check", "-c", path, "--connect", "-o", "json")
    kit.check(code in (0, 78), f"check: {code} {out} {err}")
    answers = [json.loads(line) for line in out.splitlines() if '"address"' in line]
    return code, [f"{a['address']}: {a['state']}: {a['text']}" for a in answers
                  if a["state"] != "ok"]


def says(kit, got, code, *patterns):
    """That code, and these findings and no others."""
    left = list(got[1])
    for pattern in patterns:
        hits = [text for text in left if re.search(pattern, text)]
        kit.check(len(hits) == 1, f"{pattern} once in {got}")
        left = [text for text in left if text not in hits]
    kit.equal((got[0], left), (code, []), "the exit code, and nothing else is said")


def topics(broker, name, **settings):
    for what in ("in", "out", "dead"):
        broker.topic(f"{name}.{what}", 2 if what == "in" else 1, *settings.get(what, []))


def handle(kit, path, kind, name, n):
    """All n events are done, so that the group has positions."""
    worker = Worker(kit, name, path)
    done = f'weir_events_total{{subscription="s",outcome="done"}} {n}'
    kit.wait("all is done", lambda: done in worker.http("/metrics")[1])
    worker.end()


def usual(kit, broker):
    """weir's defaults on Kafka's: only that there is but one broker."""
    name = f"usual-{RUN}"
    topics(broker, name)
    path = config(kit, "kafka", broker.address, name)
    one = "^kafka: warning: the cluster has one broker"
    says(kit, check(kit, path), 0, one)
    send(kit, path, f"kafka:{name}.in", "a\nb\nc\n")
    handle(kit, path, "kafka", name, 3)
    send(kit, path, f"kafka:{name}.in", "d\n")
    says(kit, check(kit, path), 0, one)
    code, out, _ = kit.run("check", "-c", path, "--connect")
    kit.check(code == 0 and "s: kafka: warning: the cluster has one broker" in out, out)


def settings(kit, broker):
    """Each setting that may cost something, with what it costs."""
    name = f"odd-{RUN}"
    topics(broker, name, **{
        "in": ["retention.ms=3600000", "unclean.leader.election.enable=true",
               "cleanup.policy=compact,delete"],
        "out": ["min.insync.replicas=2", "cleanup.policy=compact"],
        "dead": ["cleanup.policy=compact", "retention.ms=60000"]})
    everywhere = [
        "kafka: warning: the cluster has one",
        "kafka: warning: offsets.retention.minutes is 60: .* 1 hour .* never handled",
        "kafka: warning: offset.metadata.max.bytes is 1000, .* set ack_map to 1000",
        r"in: warning: unclean.leader.election.enable",
        r"in: warning: cleanup.policy has compact: .* deleted unread",
        r"in: warning: retention.ms is 1 hour:",
        r"out: wrong: min.insync.replicas is 2 and it has 1 replica: no result",
        r"out: warning: cleanup.policy has compact",
        r"dead: wrong: cleanup.policy has compact",
        r"dead: warning: retention.ms is 1 minute:"]
    says(kit, check(kit, config(kit, "kafka", broker.address, name, "latest")), 78, *everywhere)
    says(kit, check(kit, config(kit, "kafka", broker.address, name, "latest",
                                "delivery: exactly_once")), 78, *everywhere,
         "kafka: wrong: transaction.max.timeout.ms of the brokers is 5000",
         "kafka: wrong: transaction.state.log.min.isr is 2 and .*factor 1: no transaction")


def lag(kit, broker):
    """What waits, against what retention keeps."""
    name = f"lag-{RUN}"
    topics(broker, name, **{"in": ["retention.ms=172800000", "message.timestamp.type=CreateTime"]})
    path = config(kit, "kafka", broker.address, name)
    worker = Worker(kit, name, path)  # so that the group has positions
    worker.wait_log('"kafka.start"')
    worker.end()
    rest = ["kafka: warning: the cluster", "offsets.retention", "offset.metadata"]
    says(kit, check(kit, path), 0, *rest)
    broker.tell(f"old {name}.in 3 90000000")
    says(kit, check(kit, path), 0, *rest,
         r"in: warning: 3 of the events that wait are older than half of retention.ms \(2 days\)")


class Redis:
    def __init__(self, kit, *options):
        self.server = Server(kit, "redis", *options)
        self.address = self.server.address
        self.close = self.server.close

    def run(self, *words):
        host, port = self.address.split(":")
        with socket.create_connection((host, int(port)), timeout=30) as conn:
            conn.sendall(b"*%d\r\n" % len(words) + b"".join(
                b"$%d\r\n%s\r\n" % (len(w), w.encode()) for w in words))
            answer = conn.recv(10000).decode()
            assert not answer.startswith("-"), (words, answer)
            return answer


def redis_server(kit):
    server = Redis(kit, "durable")
    name = "plain"
    path = config(kit, "redis", server.address, name)
    says(kit, check(kit, path), 0)
    for setting, value, code, *patterns in (
            ("appendfsync", "everysec", 0, "^redis: warning: appendfsync is everysec:.* second"),
            ("appendfsync", "no", 0, "^redis: warning: appendfsync is no:"),
            ("appendonly", "no", 0, "^redis: warning: appendonly is no:.* last snapshot"),
            ("replica-read-only", "no", 0, "^redis: warning: replica-read-only is no"),
            ("maxmemory-policy", "allkeys-lru", 0)):
        server.run("CONFIG", "SET", setting, value)
        says(kit, check(kit, path), code, *patterns)
        server.run("CONFIG", "SET", setting, {"appendfsync": "always",
                                              "maxmemory-policy": "noeviction"}.get(setting, "yes"))
    server.run("CONFIG", "SET", "maxmemory", "1gb")
    says(kit, check(kit, path), 0)
    server.run("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    says(kit, check(kit, path), 78, "^redis: wrong: maxmemory-policy is allkeys-lru: .*whole streams")
    server.run("CONFIG", "SET", "maxmemory-policy", "volatile-ttl")
    says(kit, check(kit, path), 0, "^redis: warning: maxmemory-policy is volatile-ttl: .*leases")
    server.run("CONFIG", "SET", "maxmemory-policy", "noeviction")
    other = Redis(kit, "memory", "--replicaof", *server.address.split(":"))
    kit.wait("the replica is there", lambda: "state=online" in server.run("INFO", "replication"))
    says(kit, check(kit, path), 0, "^redis: warning: min-replicas-to-write is 0: .*failover")
    server.run("CONFIG", "SET", "min-replicas-to-write", "1")
    says(kit, check(kit, path), 0)
    other.close()
    server.run("CONFIG", "SET", "min-replicas-to-write", "0")
    server.run("ACL", "SETUSER", "default", "-config", "-info")
    says(kit, check(kit, path), 0, "^redis: unknown: settings may not be read .CONFIG GET",
         "^redis: unknown: the state may not be read .INFO")
    server.close()


def redis_trimmed(kit):
    """Entries that were removed before the group had them."""
    server = Redis(kit, "durable")
    name = "trim"
    path = config(kit, "redis", server.address, name)
    for i in range(10):
        server.run("XADD", f"{name}.in", "*", "data", str(i))
    handle(kit, path, "redis", name, 10)
    for i in range(20):
        server.run("XADD", f"{name}.in", "*", "data", str(i))
    says(kit, check(kit, path), 0)
    server.run("XTRIM", f"{name}.in", "MAXLEN", "22")  # only what was read
    says(kit, check(kit, path), 0, "in: warning: 20 of the 22 entries .* trimming will reach them")
    server.run("XTRIM", f"{name}.in", "MAXLEN", "15")
    says(kit, check(kit, path), 78, "in: wrong: 5 entries were removed .* before the group had read",
         "in: warning: .* of the 15 entries")
    server.run("XREADGROUP", "GROUP", f"{name}.s", "me", "COUNT", "5", "STREAMS", f"{name}.in", ">")
    server.run("XTRIM", f"{name}.in", "MAXLEN", "12")
    _, found = check(kit, path)
    kit.check(any("the oldest of 5 pending entries has been removed" in text for text in found),
              f"pending and gone: {found}")
    server.close()


def main():
    kit = Kit()
    shared = kafka(kit)
    usual(kit, shared)
    shared.close()
    broker = Server(kit, "kafka", "4.3.1", "offsets.retention.minutes=60\n"
                    "offset.metadata.max.bytes=1000\ntransaction.max.timeout.ms=5000\n"
                    "transaction.state.log.min.isr=2\n")
    settings(kit, broker)
    lag(kit, broker)
    broker.close()
    redis_server(kit)
    redis_trimmed(kit)
    kit.end()


main()
