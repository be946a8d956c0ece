# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""Cells about a process that stands or starts: memory, idle time, start, replicas."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measure import PATIENCE_S, Bench, Rules, Weir, median
from model import Cell, Check, Result
from rates import NOOP
from servers import BenchError, Load

MIB = 1024  # KiB
BACKLOG = 5_000_000
BLOCKED_S = 30
SUBSCRIPTIONS = 20
IDLE_S = 15


# -- memory under a backlog ------------------------------------------------------------------


def backlog_memory(bench: Bench) -> Result:
    """Resident memory while one function holds everything up in front of a long backlog."""
    topic = bench.servers.fill_topic(NOOP)
    events = BACKLOG if not bench.is_quick else NOOP.count(True)
    if events > NOOP.count(bench.is_quick):
        bench.servers.add_to_topic(topic, NOOP, events - NOOP.count(bench.is_quick))
    blocked_s = BLOCKED_S if not bench.is_quick else 6
    rules = Rules("block", "kafka", topic, events, concurrency=16, worker=", max_bytes: 64MiB",
                  config=f", work_ms: {blocked_s * 1000}")
    resident: list[float] = []
    with Weir(bench, rules) as weir:
        until = time.monotonic() + blocked_s
        while time.monotonic() < until:
            weir.check()
            resident.append(weir.status("VmRSS") / MIB)
            time.sleep(0.25)
        report = weir.report()  # it goes on, and handles everything
        peak = report["peak_kib"] / MIB
    settled = resident[len(resident) // 3:]
    growth = max(settled) - settled[0]
    notes = [f"resident: {settled[0]:.0f} MiB after {blocked_s / 3:.0f} s, {resident[-1]:.0f} MiB after "
             f"{blocked_s} s, {peak:.0f} MiB at most until all {events:,} events were handled"]
    return Result(checks=[Check("peak of resident memory", peak, 64 + 40, True, "MiB"),
                          Check("growth while it stands", growth, 2, True, "MiB")], notes=notes)


# -- start and idle --------------------------------------------------------------------------


def many_config(bench: Bench, directory: Path, topics: list[str]) -> Path:
    subscriptions = "\n".join(
        f'  - {{ function: noop, name: s{i}, from: "kafka:{topic}", start: earliest, dead: stop }}'
        for i, topic in enumerate(topics))
    config = directory / "weir.yaml"
    config.write_text(f"""
worker: {{ name: {bench.servers.name("many")}, state_dir: {directory}/state, admin: "unix:{directory}/admin.sock", log: {{ level: warn, format: text }} }}
queues:
  kafka: {{ type: kafka, brokers: "{bench.servers.kafka.address}" }}
functions:
  noop: {{ library: {bench.build}/tests/bench_fn.so, config: {{ events: 0, report: "{directory}/report" }} }}
subscriptions:
{subscriptions}
""")
    return config


@dataclass
class Started:
    process: subprocess.Popen[bytes]
    polling_ms: float  # from the start of the process until it says READY=1
    joined_ms: float  # until /readyz answers 200: all groups joined


def is_ready(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as link:
        try:
            link.settimeout(5)
            link.connect(str(path))
            link.sendall(b"GET /readyz HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
            return link.recv(64).startswith(b"HTTP/1.1 200")
        except OSError:
            return False


def start_many(bench: Bench, topics: list[str]) -> Started:
    directory = bench.work / bench.servers.name("many")
    directory.mkdir()
    config = many_config(bench, directory, topics)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(directory / "notify"))
        notify.settimeout(PATIENCE_S)
        env = dict(os.environ, NOTIFY_SOCKET=str(directory / "notify"))
        since = time.monotonic()
        with open(directory / "log", "wb") as log:
            process = subprocess.Popen([bench.build / "weir", "run", "-c", config], stdout=log, stderr=log, env=env)
        try:
            said = notify.recv(256)
        except OSError:
            said = b""
        if not said.startswith(b"READY=1"):
            process.kill()
            raise BenchError("weir did not start: " + (directory / "log").read_text()[-1000:])
        polling = time.monotonic() - since
    while not is_ready(directory / "admin.sock"):
        if process.poll() is not None or time.monotonic() > since + PATIENCE_S:
            process.kill()
            raise BenchError("weir did not become ready: " + (directory / "log").read_text()[-1000:])
        time.sleep(0.005)
    return Started(process, polling * 1000, (time.monotonic() - since) * 1000)


def many_topics(bench: Bench) -> list[str]:
    return [bench.servers.topic(bench.servers.name("many"), 1) for _ in range(SUBSCRIPTIONS)]


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def start_time(bench: Bench) -> Result:
    topics = many_topics(bench)
    polling, joined = [], []
    for _ in range(bench.pairs):
        started = start_many(bench, topics)
        polling.append(started.polling_ms)
        joined.append(started.joined_ms)
        started.process.terminate()
        started.process.wait()
    notes = [f"all {SUBSCRIPTIONS} groups joined after {median(joined):,.0f} ms"]
    return Result(checks=[Check("start to polling", median(polling), 300, True, "ms", min(polling), max(polling))],
                  notes=notes)


def idle_time(bench: Bench) -> Result:
    started = start_many(bench, many_topics(bench))
    try:
        time.sleep(3)
        seconds = IDLE_S if not bench.is_quick else 5
        before, since = cpu_seconds(started.process.pid), time.monotonic()
        time.sleep(seconds)
        share = (cpu_seconds(started.process.pid) - before) / (time.monotonic() - since)
        threads = len(os.listdir(f"/proc/{started.process.pid}/task"))
    finally:
        started.process.terminate()
        started.process.wait()
    return Result(checks=[Check("of one core", share * 100, 1, True, "%")],
                  notes=[f"{SUBSCRIPTIONS} subscriptions without events, {threads} threads"])


# -- replicas --------------------------------------------------------------------------------

REPLICA_EVENTS = Load("replicas", 120_000, quick_events=60_000)


def replica_rate(bench: Bench, n: int) -> float:
    """Events a second of n replicas together, once each of them works."""
    topic = bench.servers.fill_topic(REPLICA_EVENTS)
    group = bench.servers.name("replicas")
    rules = Rules("work", "kafka", topic, 0, concurrency=16, config=", work_ms: 10")
    replicas = [Weir(bench, rules, group) for _ in range(n)]
    try:
        until = time.monotonic() + 60
        while not all(replica.progress() > 0 for replica in replicas):
            for replica in replicas:
                replica.check()
            if time.monotonic() > until:
                raise BenchError("not every replica had work")
            time.sleep(0.05)
        time.sleep(1.5)
        begin = [(replica.progress(), time.monotonic()) for replica in replicas]
        time.sleep(5 if not bench.is_quick else 2)
        end = [(replica.progress(), time.monotonic()) for replica in replicas]
    finally:
        for replica in replicas:
            replica.stop()
    return sum((there[0] - here[0]) / (there[1] - here[1]) for here, there in zip(begin, end))


def replicas(bench: Bench) -> Result:
    rates = {n: replica_rate(bench, n) for n in (1, 2, 4)}
    return Result(checks=[Check(f"{n} replicas, of one", rates[n] / rates[1], need)
                          for n, need in ((2, 1.95), (4, 3.8))],
                  notes=[", ".join(f"{n}: {rate:,.0f}/s" for n, rate in rates.items())
                         + " of a ceiling of 1,600/s each"])


# -- commit metadata -------------------------------------------------------------------------


def metadata(bench: Bench) -> Result:
    patterns: list[dict[str, Any]] = bench.program("metadata")["patterns"]
    notes = [f"{p['name']}: {p['bytes']:,} bytes, {p['us']:.0f} us, {p['covered']:,} of 10,000 remembered"
             for p in patterns]
    return Result(checks=[Check("bytes, the longest", max(p["bytes"] for p in patterns), 4096, True),
                          Check("us to make it, the slowest", max(p["us"] for p in patterns), 100, True)],
                  notes=notes)


# -- instructions ----------------------------------------------------------------------------


def instructions(bench: Bench) -> Result:
    script = Path(__file__).with_name("instructions")
    run = subprocess.run([script, script.parents[2], bench.build], capture_output=True, text=True)
    found = re.search(r"([\d,]+) instructions an event .* kept is ([\d,]+)", run.stdout)
    if found is None:
        raise BenchError(f"not counted: {run.stdout}{run.stderr}")
    now, kept = (int(text.replace(",", "")) for text in found.groups())
    return Result(checks=[Check("instructions an event", now, round(kept * 1.1), True)])


STANDING = [
    Cell("memory-backlog", "peak memory, 5,000,000 events of backlog, function blocked for 30 s, max_bytes 64MiB",
         backlog_memory),
    Cell("start", "start of the process with 20 subscriptions", start_time),
    Cell("idle", "processor time of 20 idle subscriptions", idle_time),
    Cell("replicas", "1, 2 and 4 replicas on 8 partitions, 10 ms of work, concurrency 16 each", replicas),
    Cell("commit-metadata", "what a commit carries with 10,000 events finished above a stuck one", metadata),
    Cell("instructions", "the no-op path on a queue in memory, counted by callgrind", instructions),
]
