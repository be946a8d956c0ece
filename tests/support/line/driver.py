# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""Drives a whole-line test: brokers, replicas of `weir run`, the load and the checker.

Used by tests/broker/test_long_*.py and tests/chaos. Nothing here knows how weir works: it starts processes,
ends some of them, and compares what weir-line-tool read with what was promised.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

BUILD = Path(sys.argv[2] if len(sys.argv) > 2 else "build").resolve()
TOOL = BUILD / "tests" / "weir-line-tool"
SERVER = BUILD / "tests" / "weir-test-server"
PROXY = BUILD / "tests" / "weir-test-proxy"
WEIR = BUILD / "weir"
FUNCTION = BUILD / "tests" / "line_fn.so"
SEED = int(os.environ.get("LINE_SEED", "20261121"))
RUN = f"{os.getpid()}-{int(time.time())}"


def fail(text):
    print(f"FAILED (seed {SEED}): {text}", flush=True)
    sys.exit(1)


def expect(is_true, text):
    print(("ok: " if is_true else "not ok: ") + text, flush=True)
    if not is_true:
        fail(text)


class Broker:
    """A server kept by weir-test-server; for Kafka the shared one of this ctest run, if any."""

    def __init__(self, kind, *words, shared=None):
        self.kind = kind
        self.process = None
        if shared is not None and shared.exists():
            self.address = shared.read_text().splitlines()[0].strip()
            return
        self.process = subprocess.Popen([SERVER, kind, *words], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline().strip()
        if not line.startswith("ok "):
            fail(f"cannot start {kind}: {line}")
        self.address, _, self.behind = line[3:].partition(" ")

    def topic(self, name, partitions, *settings):
        if self.kind == "kafka":
            words = " ".join(["topic", name, str(partitions), *settings])
            done = subprocess.run([SERVER, "ask", self.address, words], stdout=subprocess.PIPE,
                                  text=True, check=False)
            if done.returncode != 0:
                fail(f"{words}: {done.stdout}")

    def tell(self, command):
        """One command of weir-test-server: stop, start, kill, freeze, thaw."""
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline().strip()
        if line != "ok":
            fail(f"{command}: {line}")

    def close(self):
        if self.process is not None:
            self.process.stdin.close()
            self.process.wait(60)


def own_kafka(version="4.3.1", proxy=None):
    """One that may be killed, or that has a proxy in front of it."""
    words = [] if proxy is None else ["", proxy.address.rpartition(":")[2]]
    broker = Broker("kafka", version, *words)
    if proxy is not None:
        proxy.tell(f"upstream {broker.behind}")
    return broker


def kafka():
    return Broker("kafka", "4.3.1", shared=BUILD / "tests" / "shared" / "kafka-4.3.1")


def redis(*options):
    """Options of redis-server, as on its command line; with any it keeps its data on the disk."""
    return Broker("redis", "durable" if options else "memory", *options)


class Proxy:
    """A weir-test-proxy; what it can be told stands in tests/support/proxy/loop.h."""

    def __init__(self, kind, *upstream):
        self.process = subprocess.Popen([PROXY, kind, *upstream], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.address = self.answer("start")

    def answer(self, command):
        line = self.process.stdout.readline().strip()
        if not line.startswith("ok "):
            fail(f"proxy, {command}: {line}")
        return line[3:]

    def tell(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return int(self.answer(command))

    def close(self):
        self.process.stdin.close()
        self.process.wait(60)


class Line:
    """One subscription with its topics, its replicas and what is known of them."""

    n_made = 0

    def __init__(self, broker, n_events, n_keys, work_us=0, is_single=False, is_once=False):
        self.broker = broker
        self.is_once = is_once  # delivery: exactly_once
        self.is_single = is_single  # Redis: one replica at a time, in key order
        self.order = "key" if broker.kind == "kafka" or is_single else "none"
        self.n_events = n_events
        self.n_keys = n_keys
        Line.n_made += 1
        run = f"{RUN}-{Line.n_made}" + ("-single" if is_single else "") + ("-once" if is_once else "")
        self.name = f"line-{run}"
        self.source, self.to, self.dead = (f"line-{run}.{what}" for what in ("in", "out", "dead"))
        for topic in (self.source, self.to, self.dead):
            # The broker's own time on results: what was confirmed before which commit.
            broker.topic(topic, 8, "message.timestamp.type=LogAppendTime")
        self.group = f"line.{self.name}"
        self.replicas = {}
        self.consumer = {"session.timeout.ms": 6000}  # Kafka
        self.claim_after = "3s"  # Redis
        self.drain_s = 20
        self.address = broker.address  # where the replicas find it
        self.work_us = work_us
        self.queue_more = ""  # further keys of the queue
        self.sub_more = ""  # further keys of the subscription, as lines
        self.env = {}
        self.dir = Path(self.name)
        self.dir.mkdir(parents=True, exist_ok=True)

    def config(self, name):
        kind = self.broker.kind
        queue = (f'{{ type: kafka, brokers: "{self.address}", '
                 f'consumer: {json.dumps(self.consumer)}{self.queue_more} }}' if kind == "kafka"
                 else f'{{ type: redis, url: "redis://{self.address}/0" }}')
        extra = "" if kind == "kafka" else f"    claim_after: {self.claim_after}\n"
        extra += "    single: true\n" if self.is_single else ""
        extra += "    delivery: exactly_once\n" if self.is_once else ""
        extra += self.sub_more
        text = f"""worker:
  name: line
  instance: {name}
  state_dir: {self.dir.resolve()}/state-{name}
  drain_timeout: {self.drain_s}s
  max_events: 4000
  admin: "127.0.0.1:0"
queues:
  q: {queue}
functions:
  line: {{ library: "{FUNCTION}" }}
subscriptions:
  - function: line
    name: {self.name}
    from: "q:{self.source}"
    start: earliest
    format: json
    order: {self.order}
    to: "q:{self.to}"
    dead: "q:{self.dead}"
    concurrency: 16
    commit: 200ms
    retry: {{ attempts: 8, backoff: exponential, first: 20ms, max: 1s }}
{extra}"""
        path = self.dir / f"{name}.yaml"
        path.write_text(text)
        return path

    def start(self, name):
        log = open(self.dir / f"{name}.log", "ab")
        env = dict(os.environ, LINE_WORK_US=str(self.work_us), **self.env)
        self.replicas[name] = subprocess.Popen([WEIR, "run", "-c", self.config(name)], stderr=log,
                                               stdout=log, env=env)

    def until_joined(self, limit_s=60):
        """Waits until every replica has its share of the partitions (Kafka), or is ready."""
        word = '"part.assigned"' if self.broker.kind == "kafka" else '"worker.started"'
        begun = time.monotonic()
        while not all(word in (self.dir / f"{n}.log").read_text() for n in self.replicas):
            ended = [n for n, p in self.replicas.items() if p.poll() is not None]
            if ended or time.monotonic() - begun > limit_s:
                fail(f"not every replica has joined, {ended or 'none'} ended; see {self.dir}")
            time.sleep(0.05)

    def pid(self, name):
        return str(self.replicas[name].pid)

    def end(self, name, how, wants=0):
        process = self.replicas.pop(name)
        process.send_signal(how)
        try:
            code = process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            fail(f"{name} did not end within a minute of signal {how}")
        if how == signal.SIGTERM:
            expect(code == wants, f"{name} ended with {code} on SIGTERM (log {self.dir}/{name}.log)")

    def end_all(self):
        for name in list(self.replicas):
            self.end(name, signal.SIGTERM)

    def kill_all(self):
        for process in self.replicas.values():
            process.kill()
            process.wait()

    def tool(self, verb, *words):
        out = subprocess.run([TOOL, verb, self.broker.kind, self.broker.address, *map(str, words)],
                             check=True, stdout=subprocess.PIPE, text=True)
        return out.stdout.strip()

    def load(self, is_waited_for=True, log=None, rate=0):
        """Sends the events; log: where the producer's log goes; rate: events a second."""
        words = [TOOL, "load", self.broker.kind, self.broker.address, self.source,
                 str(self.n_events), str(self.n_keys), str(SEED)]
        words += [] if log is None else [str(log), str(rate)]
        if is_waited_for:
            subprocess.run(words, check=True)
            return None
        return subprocess.Popen(words)

    def count(self):
        return int(self.tool("count", self.to))

    def until_still(self, least, still_s, limit_s=120):
        """Waits until there are that many results and none has come for so long."""
        begun = since = time.monotonic()
        have = self.count()
        while have < least or time.monotonic() - since < still_s:
            if time.monotonic() - begun > limit_s:
                fail(f"{have} results, {least} wanted, after {limit_s} s")
            time.sleep(0.1)
            now = self.count()
            if now != have:
                have, since = now, time.monotonic()

    def check(self, idle_s):
        found = json.loads(self.tool("check", self.to, self.dead, self.n_events, self.n_keys, SEED,
                                     idle_s))
        print(json.dumps(found), flush=True)
        return found

    def history(self, path):
        """Writes what the queues hold into a file."""
        with open(path, "w", encoding="utf-8") as out:
            subprocess.run([TOOL, "history", self.broker.kind, self.broker.address, self.to,
                            self.dead, str(self.n_events), str(self.n_keys), str(SEED),
                            self.source, self.group], check=True, stdout=out)

    def until_count(self, share, limit_s=240):
        """Waits until that share of the events has a result; returns the best rate seen."""
        want = share * self.n_events
        best = 0.0
        begun = before = time.monotonic()
        have = self.count()
        while have < want:
            if time.monotonic() - begun > limit_s:
                fail(f"only {have} of {int(want)} results after {limit_s} s")
            alive = [n for n, p in self.replicas.items() if p.poll() is not None]
            if alive:
                fail(f"{alive} ended by itself; see {self.dir}")
            time.sleep(0.05)
            now, has = time.monotonic(), self.count()
            best = max(best, (has - have) / (now - before))
            before, have = now, has
        return best
