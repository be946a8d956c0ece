#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""A state_dir that cannot be made, has no room, fills or goes away: an alarm, and no event lost."""

import atexit
import os
import re
import shutil
import signal
import subprocess

from brokerkit import Kit, Server
from crashkit import EXIT, Case, Redis, done_by

kit = Kit()
server = Server(kit, "redis", "durable")
redis = Redis(kit, server)


def alarms(worker):
    text = worker.http("/metrics")[1]
    return {name for name, n in re.findall(r'weir_alarms_total\{name="([^"]+)"\} (\d+)', text)
            if n != "0"}


def unmount(path):
    subprocess.run(["umount", "-l", path], stderr=subprocess.DEVNULL, check=False)


def tmpfs(name, size):
    """A file system of that size; None where none may be mounted."""
    path = os.path.join(kit.dir, name)
    os.makedirs(path)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", path],
                          stderr=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        print(f"skipped: {name}: nothing may be mounted here", flush=True)
        return None
    atexit.register(unmount, path)
    return path


def fill(path):
    with open(os.path.join(path, "filler"), "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass


def all_done(case, wanted, worker):
    kit.wait(f"{case.label}: all results", lambda: case.results() >= wanted)
    worker.end()
    kit.equal(case.reasons(), [], f"{case.label}: no dead letter")


def cannot_be_made():
    case = Case(kit, redis, "nowhere")
    wanted = {f"ok {i}" for i in range(50)}
    case.send(sorted(wanted))
    worker = case.start(case.config("one", "not/there/at/all"))
    kit.wait("nowhere: an alarm", lambda: "state_dir" in alarms(worker))
    all_done(case, wanted, worker)


def too_small():
    """No journal at all: the queue remembers who has ended its workers."""
    path = tmpfs("small", "64k")
    if path is None:
        return
    case = Case(kit, redis, "small", crashes=0)
    wanted = {f"ok {i}" for i in range(20)}
    case.send(sorted(wanted))
    worker = case.start(case.config("one", path))
    kit.wait("small: an alarm", lambda: "journal" in alarms(worker))
    all_done(case, wanted, worker)
    case.send(["segv", "ok 20"])
    case.supervise(wanted | {"ok 20"}, {EXIT["segv"]}, lambda: case.config("one", path))
    kit.equal(case.reasons(), [("segv", "crashed")], "small: the right one")


def fills():
    """The journal has its room already, and what it knows outlasts the full disk."""
    path = tmpfs("fills", "1m")
    if path is None:
        return
    case = Case(kit, redis, "fills", crashes=1)
    wanted = {f"sleep 5 {i}" for i in range(200)}
    case.send(sorted(wanted))
    config = case.config("one", path)
    worker = case.start(config)
    kit.wait("fills: it works", lambda: done_by(worker) > 0)
    fill(path)
    kit.wait("fills: all results", lambda: case.results() >= wanted)
    kit.equal(alarms(worker), set(), "fills: what is written has its room")
    worker.end(-signal.SIGKILL, signal.SIGKILL)
    case.send(["ok 1", "segv", "ok 2"])
    n_ends = case.supervise(wanted | {"ok 1", "ok 2"}, {EXIT["segv"]}, lambda: config)
    kit.equal(n_ends, 2, "fills: each crash is proven")
    kit.equal(case.reasons(), [("segv", "crashed")], "fills: the right one")


def goes_away(label, path, remove):
    case = Case(kit, redis, label)
    first, later = {f"ok {i}" for i in range(50)}, {f"sleep 1 {i}" for i in range(50)}
    case.send(sorted(first))
    worker = case.start(case.config("one", path))
    kit.wait(f"{label}: it works", lambda: done_by(worker) > 0)
    remove(path)
    kit.wait(f"{label}: an alarm", lambda: "journal" in alarms(worker))
    case.send(sorted(later))
    all_done(case, first | later, worker)


def is_cut(path):
    for name in os.listdir(path):
        os.truncate(os.path.join(path, name), 0)


cannot_be_made()
too_small()
fills()
goes_away("removed", os.path.join(kit.dir, "removed"), shutil.rmtree)
goes_away("cut", os.path.join(kit.dir, "cut"), is_cut)
if tmpfs("gone", "4m") is not None:
    goes_away("gone", os.path.join(kit.dir, "gone"), unmount)
server.close()
kit.end()
