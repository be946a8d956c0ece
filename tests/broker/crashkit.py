# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""crashkit - functions that end their worker, and a supervisor that starts it again.

The same on every queue: the event that ends the worker becomes a dead letter `crashed` after
`retry.crashes` more starts, every other one is processed, and who is killed blames nobody.
"""

import itertools
import json
import os
import random
import re
import resource
import signal
import time
from brokerkit import RUN, Worker, send

CONFIG = """\
worker: {{ name: {name}, instance: {instance}, state_dir: {state}, admin: "127.0.0.1:0",
          drain_timeout: 1s }}
queues:
  {queue}
functions:
  poison: {{ library: {build}/tests/functions/poison.so }}
subscriptions:
  - {{ function: poison, from: {kind}:{name}.in, name: crash, start: earliest, commit: 100ms,
       to: {kind}:{name}.out, dead: {kind}:{name}.dead, order: none, hang: {hang}, {sub}
       concurrency: 8, retry: {{ crashes: {crashes} }} }}
"""

# A core of each would fill the disk.
resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
# A sanitizer would end the worker in its own way.
for _name in ("ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS"):
    os.environ[_name] = ":".join(filter(None, [
        os.environ.get(_name), "handle_segv=0:handle_sigbus=0:handle_abort=0:handle_sigfpe=0",
        "handle_sigill=0:detect_leaks=0"]))

N = 60
NUMBERS = itertools.count(1)
EXIT = {"segv": -signal.SIGSEGV, "abort": -signal.SIGABRT, "exit": 0, "_exit": 0,
        "fpe": -signal.SIGFPE, "stack": -signal.SIGSEGV, "loop": 75,
        "leak": -signal.SIGKILL}


class Redis:
    kind = "redis"
    sub = "claim_after: 1s,"

    def __init__(self, kit, server):
        self.kit = kit
        self.queue = f'redis: {{ type: redis, url: "redis://{server.address}" }}'

    def topics(self, name):
        pass


class Kafka:
    kind = "kafka"
    sub = "static_member: true,"  # a restart need not wait for the dead one's session

    def __init__(self, kit, broker):
        self.kit, self.broker = kit, broker
        self.queue = f'kafka: {{ type: kafka, brokers: "{broker.address}" }}'

    def topics(self, name):
        self.broker.topic(f"{name}.in", 2)
        self.broker.topic(f"{name}.out", 1)
        self.broker.topic(f"{name}.dead", 1)


class Case:
    def __init__(self, kit, kind, name, crashes=2, hang="30s"):
        self.kit, self.kind, self.label, self.hang = kit, kind, name, hang
        self.name = f"crash-{name.replace('_', 'x')}-{RUN}-{next(NUMBERS)}"
        self.crashes, self.n_starts = crashes, 0
        self.cage = None  # with an add(pid): what each worker is put into
        kind.topics(self.name)
        self.path = self.config("one", self.name)

    def config(self, instance, state):
        return self.kit.write(f"{self.name}-{instance}.yaml", CONFIG.format(
            name=self.name, instance=instance, state=state, build=self.kit.build,
            kind=self.kind.kind, queue=self.kind.queue, sub=self.kind.sub,
            crashes=self.crashes, hang=self.hang))

    def elsewhere(self):
        """A configuration whose state_dir nobody has seen before."""
        return self.config("one", f"{self.name}-{self.n_starts}")

    def send(self, events):
        send(self.kit, self.path, f"{self.kind.kind}:{self.name}.in", "\n".join(events) + "\n")

    def tail(self, what):
        code, out, err = self.kit.run(
            "tail", "-c", self.path, f"{self.kind.kind}:{self.name}.{what}", "--from", "start",
            "--to", "end", "-n", "100000", "-o", "json")
        self.kit.check(code in (0, 66), f"tail {what}: {err}")  # 66: there is no such stream yet
        return [json.loads(line) for line in out.splitlines()]

    def results(self):
        return {e["data"] for e in self.tail("out")}

    def dead(self):
        return self.tail("dead")

    def start(self, path=None):
        self.n_starts += 1
        worker = Worker(self.kit, f"{self.name}-{self.n_starts}", path or self.path)
        if self.cage is not None:
            self.cage.add(worker.process.pid)
        return worker

    def reasons(self):
        return sorted((e["data"], h.get("value")) for e in self.dead() for h in e["headers"]
                      if h["name"] == "weir.reason")

    def supervise(self, wanted, ends, path=None):
        """Starts the worker again and again until all is done; returns how often it ended."""
        n_ends = 0
        while True:
            worker = self.start(path() if path else None)

            def is_over():
                return worker.process.poll() is not None or (
                    len(self.dead()) > 0 and self.results() >= wanted)

            self.kit.wait(f"the worker of {self.name} ends, or all is done", is_over, 90)
            if worker.process.poll() is None:
                worker.process.send_signal(signal.SIGTERM)
                self.kit.equal(worker.process.wait(60), 0, f"{self.label}: a clean end")
                return n_ends
            self.kit.check(worker.process.returncode in ends,
                           f"{self.label}: exit {worker.process.returncode}: "
                           f"{worker.log()[-2000:]}")
            n_ends += 1
            if n_ends > 20:
                self.kit.check(False, f"{self.label}: it ends for ever: {worker.log()[-2500:]}")
                self.kit.end()


def poison(kit, kind, how, crashes=2, cage=None):
    """One event in the midst of others ends the worker each time."""
    case = Case(kit, kind, how, crashes, "1s" if how == "loop" else "30s")
    others = [f"ok {i}" for i in range(N)]
    case.cage = cage
    case.send(others[: N // 2] + [how] + others[N // 2:])
    n_ends = case.supervise(set(others), {EXIT[how]})
    if how in ("_exit", "leak"):  # there is no proof before it ran alone
        kit.equal(n_ends, 1 + crashes + 3, f"{how}: once with others, and more often alone")
    else:
        kit.equal(n_ends, crashes + 1, f"{how}: the worker ended so often")
    kit.equal(case.reasons(), [(how, "crashed")], f"{how}: one dead letter, the right one")
    kit.equal(case.results(), set(others), f"{how}: every other event has its result")


def forgetful(kit, kind, how="segv"):
    """Without a journal that lasts the queue itself tells who ends its workers."""
    case = Case(kit, kind, "forget", crashes=0, hang="1s" if how == "loop" else "30s")
    others = [f"ok {i}" for i in range(20)]
    case.send(others[:10] + [how] + others[10:])
    n_ends = case.supervise(set(others), {EXIT[how]}, case.elsewhere)
    kit.check(n_ends >= 5, f"forget: two deaths, and three alone: {n_ends}")
    kit.equal(case.reasons(), [(how, "crashed")], "forget: the right one")
    kit.equal(case.results(), set(others), "forget: every other event has its result")


def done_by(worker):
    text = worker.http("/metrics")[1]
    return sum(int(n) for n in re.findall(r'weir_events_total\{.*outcome="done".*\} (\d+)', text))


def under_load(case, draw, how, n_lives, config):
    """Workers that end by that signal, each in the midst of events of its own; all are done."""
    wanted = set()
    for life in range(n_lives):
        case.send([f"sleep 20 {life} {i}" for i in range(100)])
        wanted |= {f"sleep 20 {life} {i}" for i in range(100)}
        worker = case.start(config())
        n_done = 20 + draw.randrange(60)
        case.kit.wait(f"{n_done} are done", lambda: done_by(worker) >= n_done)
        worker.process.send_signal(how)
        case.kit.equal(worker.process.wait(60), -how, "it is killed")
    worker = case.start(config())
    case.kit.wait("all results", lambda: case.results() >= wanted, 120)
    worker.end()
    case.kit.equal(case.reasons(), [], f"{case.label}: nobody is blamed")


def killed_forgetful(kit, kind, n_lives=3):
    """Kills of workers whose journal does not last blame nobody while things move."""
    case = Case(kit, kind, "kills", crashes=0)
    under_load(case, random.Random(7), signal.SIGKILL, n_lives,
               case.elsewhere)


def innocent_fork(kit, kind):
    """A child of a function that crashes or exits is no crash of the worker."""
    case = Case(kit, kind, "fork", crashes=0)
    case.send(["fork", "ok 1", "segv"])
    n_ends = case.supervise({"fork", "ok 1"}, {EXIT["segv"]})
    kit.equal(n_ends, 1, "fork: only segv has ended the worker")
    kit.equal(case.reasons(), [("segv", "crashed")], "fork: nobody else is blamed")


def killed(kit, kind, how, n_lives=3):
    """kill -9, or a fatal signal from outside, in a loop under load blames nobody."""
    case = Case(kit, kind, f"kill{int(how)}", crashes=0)
    under_load(case, random.Random(8), how, n_lives, lambda: case.path)


def frozen(kit, kind):
    """A worker that stood still for longer than `hang` goes on with what it ran."""
    case = Case(kit, kind, "frozen", crashes=0, hang="3s")
    case.send(["sleep 1000 frozen"])
    worker = case.start()
    worker.wait_log("began ")
    time.sleep(0.6)  # until whoever looks for hung ones has seen it: four times a second
    worker.process.send_signal(signal.SIGSTOP)
    time.sleep(4)  # the very thing
    worker.process.send_signal(signal.SIGCONT)
    kit.wait("the result", lambda: case.results() or worker.process.poll() is not None)
    worker.end()
    kit.equal(case.n_starts, 1, "frozen: it is the one that has begun")
    kit.equal(case.reasons(), [], "frozen: nobody is blamed")


def stopped(kit, kind):
    """A stop that runs into its deadline, or is cut short by a kill, blames nobody."""
    case = Case(kit, kind, "stop", crashes=0)
    case.send(["sleep 60000"])
    for ends in (75, -signal.SIGTERM, -signal.SIGKILL):
        worker = case.start()
        worker.wait_log("began ")
        kit.check(not worker.events("event.alone"), "nobody is a suspect")
        worker.process.send_signal(signal.SIGTERM)
        if ends != 75:
            kit.wait("it stops", lambda: worker.http("/readyz")[0] == 503)
            worker.process.send_signal(-ends)
        kit.equal(worker.process.wait(60), ends, "it ends")
    kit.equal(case.reasons(), [], "stop: nobody is blamed")


def all_of_it(kit, kind):
    for how in ("segv", "exit", "stack", "loop", "_exit"):
        poison(kit, kind, how, crashes=1)
    innocent_fork(kit, kind)
    forgetful(kit, kind)
    killed_forgetful(kit, kind)
    killed(kit, kind, signal.SIGKILL)
    killed(kit, kind, signal.SIGSEGV)
    frozen(kit, kind)
    stopped(kit, kind)
