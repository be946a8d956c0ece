#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""The life of `weir run` on a real Kafka: waiting, draining, reloading, probes, metrics."""

import re
import signal
from brokerkit import RUN, Kit, Server, Worker, send, tail

CONFIG = """\
worker: {{ name: {name}, instance: one, state_dir: {name}, admin: "127.0.0.1:0", {worker} }}
queues:
  kafka: {{ type: kafka, brokers: "{address}" }}
functions:
  slow: {{ library: {build}/tests/functions/slow.so }}
subscriptions:
  - {{ function: slow, from: kafka:{name}.in, name: life, start: earliest, commit: 100ms,
       to: kafka:{name}.out, dead: kafka:{name}.dead }}
"""

COUNTERS = """events_total{subscription,outcome} retries_total{subscription}
dead_letters_total{subscription,reason} results_total{subscription}
paused_seconds_total{subscription} commits_total{subscription} rebalances_total{subscription}"""
GAUGES = """in_flight{subscription} in_flight_bytes{subscription}
lag_events{subscription,topic,partition} unfinished_events{subscription}
lag_seconds{subscription} oldest_unfinished_seconds{subscription}
replicas_wanted{subscription} build_info{version}"""
HISTOGRAMS = "handler_seconds{subscription} event_seconds{subscription}"


def config(kit, broker, name, worker="drain_timeout: 25s"):
    name = f"{name}-{RUN}"
    return kit.write(f"{name}.yaml", CONFIG.format(name=name, worker=worker, build=kit.build,
                                                   address=broker.address)), name


def topics(broker, name):
    for what in ("in", "out", "dead"):
        broker.topic(f"{name}.{what}", 1)


def payloads(kit, path, address):
    return [event["data"] for event in tail(kit, path, address)]


def waits_for_broker(kit, broker):
    """A broker that is down at the start is waited for, unready and alive."""
    path, name = config(kit, broker, "late")
    topics(broker, name)
    send(kit, path, f"kafka:{name}.in", "one\ntwo\n")
    broker.tell("kill")
    worker = Worker(kit, "late", path)
    kit.wait("it is unready for its broker's sake",
             lambda: "broker does not answer" in worker.http("/readyz")[1])
    code, body = worker.http("/readyz")
    kit.equal(code, 503, "unready without a broker")
    kit.check(body.startswith("life: ") and body.endswith("not ready\n"),
              f"/readyz names the subscription: {body}")
    kit.equal(worker.http("/livez"), (200, "ok\n"), "alive without a broker")
    broker.tell("start")
    worker.wait_ready()
    kit.wait("both results", lambda: len(payloads(kit, path, f"kafka:{name}.out")) >= 2)
    worker.end()
    # Events without a key stand in any partition, so their results have no order.
    kit.equal(sorted(payloads(kit, path, f"kafka:{name}.out")), ["one", "two"], "each result once")


def drains(kit, broker):
    """SIGTERM waits for a running function, publishes its result and commits."""
    path, name = config(kit, broker, "drain")
    topics(broker, name)
    send(kit, path, f"kafka:{name}.in", "sleep 3000\n")
    worker = Worker(kit, "drain", path)
    worker.wait_log(f"began kafka:{name}.in/0@0")
    worker.end()
    kit.equal([e["clean"] for e in worker.events("worker.drained")], [True], "a clean drain")
    kit.equal(payloads(kit, path, f"kafka:{name}.out"), ["sleep 3000"], "its result, once")
    send(kit, path, f"kafka:{name}.in", "next\n")
    worker = Worker(kit, "drain2", path)
    kit.wait("the next result", lambda: len(payloads(kit, path, f"kafka:{name}.out")) >= 2)
    worker.end()
    kit.equal(sorted(payloads(kit, path, f"kafka:{name}.out")), ["next", "sleep 3000"],
              "the next run goes on behind it")


def gives_up(kit, broker):
    """What runs past drain_timeout ends the run with 75 and is repeated by the next."""
    path, name = config(kit, broker, "stuck", "drain_timeout: 2s")
    topics(broker, name)
    send(kit, path, f"kafka:{name}.in", "sleep 60000\n")
    worker = Worker(kit, "stuck", path)
    worker.wait_log(f"began kafka:{name}.in/0@0")
    worker.end(wanted=75)
    kit.check(worker.events("part.revoked"), "it leaves the group, so that nobody waits for it")
    path, _ = config(kit, broker, "stuck")
    worker = Worker(kit, "stuck2", path)
    worker.wait_log(f"began kafka:{name}.in/0@0")
    worker.process.send_signal(signal.SIGTERM)
    kit.wait("it stops", lambda: worker.http("/readyz")[0] == 503)
    kit.check(worker.process.poll() is None, "it waits for its function")
    worker.end(wanted=-signal.SIGTERM)
    kit.equal(payloads(kit, path, f"kafka:{name}.out"), [], "no result of what did not end")


def reloads(kit, broker):
    """SIGHUP applies a good file; a bad one is logged and changes nothing."""
    path, name = config(kit, broker, "hup")
    topics(broker, name)
    broker.topic(f"{name}.new", 1)
    good = kit.read(path)
    worker = Worker(kit, "hup", path)
    worker.wait_ready()
    kit.write(path, good.replace("earliest", "earlyst").replace("commit: 100ms", "comit: 1s"))
    worker.process.send_signal(signal.SIGHUP)
    worker.wait_log('"worker.reload_refused"', 2)
    for word in ("earlyst", "comit"):
        kit.check(any(word in e["text"] for e in worker.events("worker.reload_refused")),
                  f"the log names {word}: {worker.log()[-1500:]}")
    kit.write(path, good)
    send(kit, path, f"kafka:{name}.in", "old\n")
    kit.wait("the old one runs on", lambda: payloads(kit, path, f"kafka:{name}.out") == ["old"])
    kit.write(path, good.replace(f"to: kafka:{name}.out", f"to: kafka:{name}.new"))
    worker.process.send_signal(signal.SIGHUP)
    worker.wait_log('"worker.reloaded"')
    send(kit, path, f"kafka:{name}.in", "new\n")
    kit.wait("the new one runs", lambda: payloads(kit, path, f"kafka:{name}.new") == ["new"])
    worker.end()
    kit.equal(payloads(kit, path, f"kafka:{name}.out"), ["old"], "nothing twice by a reload")


def family_of(line, types):
    """The name of a sample without what a histogram adds, and its label names."""
    found = re.fullmatch(r'([a-z_]+)(\{[^}]*\})? (NaN|[+-]?Inf|[-+0-9.e]+)', line)
    if found is None:
        return None, line
    labels = re.findall(r'([a-z_]+)="(?:[^"\\]|\\.)*"', found.group(2) or "")
    name = found.group(1)
    base = re.sub(r"_(bucket|sum|count)$", "", name)
    is_histogram = types.get(base) == "histogram"
    return (base if is_histogram else name), [n for n in labels if n != "le"]


def has_metrics(kit, text):
    """Every line is of the text format, and the promised names have their labels."""
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
    seen = {}
    for line in text.splitlines():
        if line.startswith("# "):
            continue
        name, labels = family_of(line, types)
        kit.check(name in types, f"a sample with a type: {line}")
        seen.setdefault(name, set()).add(tuple(labels))
    for kind, words in (("counter", COUNTERS), ("gauge", GAUGES), ("histogram", HISTOGRAMS)):
        for word in words.split():
            name, _, labels = word.rstrip("}").partition("{")
            name = f"weir_{name}"
            kit.equal(types.get(name), kind, f"type of {name}")
            kit.check(seen.get(name, {tuple(labels.split(","))}) == {tuple(labels.split(","))},
                      f"labels of {name}: {seen.get(name)}, wanted {labels}")
    kit.check(any(n.startswith("process_") for n in types), "process_* is there")


def probes(kit, broker):
    """The probes' address has three pages; the admin address wants its token."""
    path, name = config(kit, broker, "probe", 'probes: "127.0.0.1:0"')
    open_path = kit.write("open.yaml", kit.read(path).replace("127.0.0.1:0", "0.0.0.0:0"))
    code, _, err = kit.run("run", "-c", open_path)
    kit.check(code == 78 and "admin_token" in err, f"no token, no address: {code} {err}")
    path, name = config(kit, broker, "probe", 'probes: "127.0.0.1:0", admin_token: sesame')
    kit.write(path, kit.read(path).replace('admin: "127.0.0.1:0"', 'admin: "0.0.0.0:0"'))
    topics(broker, name)
    send(kit, path, f"kafka:{name}.in", "a\nreject\nb\n")
    worker = Worker(kit, "probe", path)
    worker.wait_ready()
    for page in ("/livez", "/readyz", "/metrics"):
        kit.equal(worker.http(page, kind="probes")[0], 200, f"{page} of the probes")
    for page in ("/", "/api/v1/subscriptions", "/api/v1/skip"):
        kit.equal(worker.http(page, kind="probes")[0], 404, f"{page} of the probes")
    skip = f"/api/v1/skip?position=kafka:{name}.in/0@0"
    kit.equal(worker.http(skip, "POST", "sesame", kind="probes")[0], 404, "no skip there")
    for token, wanted in ((None, 401), ("", 401), ("sesam", 401), ("sesamee", 401)):
        kit.equal(worker.http(skip, "POST", token)[0], wanted, f"skip with {token}")
    kit.check(worker.http(skip, "POST", "sesame")[0] not in (401, 200),
              "with the token it is asked, and has nothing to skip")
    kit.wait("what was counted", lambda: 'weir_events_total{subscription="life",outcome="done"} 2'
             in worker.http("/metrics")[1])
    kit.wait("what the broker is asked for",
             lambda: 'weir_lag_seconds{' in worker.http("/metrics")[1])
    text = worker.http("/metrics", kind="probes")[1]
    for line in ('weir_events_total{subscription="life",outcome="dead"} 1',
                 'weir_dead_letters_total{subscription="life",reason="rejected"} 1',
                 'weir_results_total{subscription="life"} 2'):
        kit.check(line in text.splitlines(), f"{line}\n{text}")
    has_metrics(kit, text)
    worker.end()


def main():
    kit = Kit()
    broker = Server(kit, "kafka", "4.3.1")
    waits_for_broker(kit, broker)
    drains(kit, broker)
    gives_up(kit, broker)
    reloads(kit, broker)
    probes(kit, broker)
    broker.close()
    kit.end()


main()
