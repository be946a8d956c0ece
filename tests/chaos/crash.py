#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""events that end their workers among kills, out of memory, and restarts in order: those, and no other, are `crashed`."""

import os
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import kit  # noqa: E402

sys.path.insert(0, os.path.join(kit.HERE.parent, "broker"))
ABOUT = "--about" in sys.argv
if not ABOUT:
    import brokerkit
    import crashkit

MEMORY = "/sys/fs/cgroup/memory"
LIMIT = 256 << 20


class Cage:
    """A group of processes with so much memory between them."""

    def __init__(self):
        self.path = os.path.join(MEMORY, f"weir-test-{os.getpid()}")
        self.is_open = False
        try:
            os.makedirs(self.path, exist_ok=True)
            self.put("memory.limit_in_bytes", LIMIT)
            self.is_open = True
        except OSError as error:
            print(f"skipped: out of memory: no group of processes can be made: {error}", flush=True)

    def put(self, name, value):
        with open(os.path.join(self.path, name), "w", encoding="ascii") as file:
            file.write(str(value))

    def add(self, pid):
        self.put("cgroup.procs", pid)

    def close(self):
        if self.is_open:
            os.rmdir(self.path)


HOG = """
import sys
sys.stdin.readline()
taken = []
while True:
    taken.append(bytearray(b"x") * (1 << 20))
"""


def hog(case, worker):
    """Somebody else takes all the memory there is, and the kernel ends the worker for it."""
    with open(f"/proc/{worker.process.pid}/oom_score_adj", "w", encoding="ascii") as file:
        file.write("1000")  # rather the worker than the other
    process = None

    def is_over():
        nonlocal process
        if process is None or process.poll() is not None:  # the kernel took the wrong one
            process = subprocess.Popen([sys.executable, "-c", HOG], stdin=subprocess.PIPE)
            case.cage.add(process.pid)
            process.stdin.write(b"go\n")
            process.stdin.flush()
        return worker.process.poll() is not None

    try:
        case.kit.wait("the kernel ends the worker", is_over, 120)
        case.kit.equal(worker.process.returncode, -signal.SIGKILL, "how it has ended")
    finally:
        process.kill()
        process.wait()


def out_of_memory(suite, queue, n_lives):
    """A worker that dies because others took the memory blames nobody; one that leaks is found."""
    cage = Cage()
    if not cage.is_open:
        return
    case = crashkit.Case(suite, queue, "oom", crashes=0)
    case.cage = cage
    wanted = set()
    for life in range(n_lives):
        events = [f"sleep 20 {life} {i}" for i in range(100)]
        case.send(events)
        wanted |= set(events)
        worker = case.start()
        suite.wait("some are done", lambda: crashkit.done_by(worker) >= 20)
        hog(case, worker)
    worker = case.start()
    suite.wait("all results", lambda: case.results() >= wanted, 120)
    worker.end()
    suite.equal(case.reasons(), [], "oom: nobody is blamed")
    crashkit.poison(suite, queue, "leak", crashes=0, cage=cage)
    cage.close()


def group(suite, queue, chance, n_faults, poisons):
    """Three replicas that end and come again, some with what they knew and some without, while
    events that kill go from one to the next."""
    case = crashkit.Case(suite, queue, "group", crashes=1)
    names = ("r1", "r2", "r3")
    n_new = 0
    wanted = set()
    replicas = {}

    def begin(name):
        nonlocal n_new
        n_new += chance.random() < 0.3
        return case.start(case.config(name, f"{case.name}-{name}-{n_new}"))

    def tend():
        for name, worker in replicas.items():
            if worker.process.poll() is not None:
                suite.check(worker.process.returncode in ENDS,
                            f"exit {worker.process.returncode}: {worker.log()[-1500:]}")
                replicas[name] = begin(name)

    for name in names:
        replicas[name] = begin(name)
    for at in range(n_faults):
        events = [f"sleep 20 {at} {i}" for i in range(60)]
        wanted |= set(events)
        case.send(events + ([poisons[at]] if at < len(poisons) else []))
        time.sleep(chance.uniform(0.1, 0.6))
        worker = replicas[chance.choice(names)]
        worker.process.send_signal(chance.choice((signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV)))
        worker.process.wait(60)
        tend()

    def is_over():
        tend()
        return case.results() >= wanted and len(case.dead()) >= len(poisons)

    suite.wait("the dead letters and all results", is_over, 240)
    for worker in replicas.values():
        if worker.process.poll() is None:
            worker.process.send_signal(signal.SIGTERM)
            worker.process.wait(60)
    suite.equal(case.reasons(), sorted((how, "crashed") for how in poisons),
                "group: those that end their workers, and no other")
    suite.equal(case.results(), wanted, "group: every other event has its result")
    return case.n_starts


ENDS = (0, 75, *(-how for how in (signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV,
                                   signal.SIGABRT)))


def play(chance, is_quick, kind):
    suite = brokerkit.Kit()
    broker = (brokerkit.kafka(suite) if kind == "kafka"
              else brokerkit.Server(suite, "redis", "durable"))
    queue = (crashkit.Kafka if kind == "kafka" else crashkit.Redis)(suite, broker)
    try:
        if is_quick:
            starts = group(suite, queue, chance, 4, ["segv"])
            if kind == "redis":
                out_of_memory(suite, queue, 2)
                crashkit.forgetful(suite, queue, "loop")
        else:
            for how in ("segv", "abort", "exit", "stack", "fpe", "loop", "_exit"):
                crashkit.poison(suite, queue, how, crashes=chance.randrange(4))
            for how in ("segv", "_exit", "loop"):
                crashkit.forgetful(suite, queue, how)
            starts = group(suite, queue, chance, 30, ["segv", "_exit", "abort"])
            out_of_memory(suite, queue, 5)
            crashkit.killed_forgetful(suite, queue, 10)
            crashkit.killed(suite, queue, signal.SIGKILL, 20)
            crashkit.killed(suite, queue, signal.SIGSEGV, 10)
            crashkit.stopped(suite, queue)
    finally:
        broker.close()
    kit.driver.expect(suite.failures == 0, f"{kind}: all is as it should be")
    return {"starts_of_the_group": starts}


if __name__ == "__main__":
    kit.main(__doc__, {
        "kafka": lambda *words: play(*words, "kafka"),
        "redis": lambda *words: play(*words, "redis"),
    })
