# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""kit - what the kinds of chaos share: their words, their rounds, a scene of replicas under load
with a checker at its end, and the report.

A kind is an executable beside this file. It is started as

    KIND SOURCE_DIR BUILD_DIR [--seed S] [--minutes M] [--on kafka|redis] [--report FILE]

and runs rounds for about so many minutes, at least one of each queue; without --minutes it runs
one short round of each, its quick form. With --about it prints one line about itself. Whatever is
drawn by lot comes from the seed; a round's own seed is in the report. Exit 1 at the first fault.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support" / "line"))
import driver  # noqa: E402

CHECK = HERE / "checker" / "check"
COMMIT_MS = 200  # of driver.Line's configuration
LATE_S = 10  # how long behind its drain timeout a replica may end


def now_ms():
    return time.time_ns() // 1000000


class Scene:
    """One round: a line under load, its faults, and what became of the events.

    rate:     events a second that come in all the time
    for_s:    for so long
    is_quick: the short form
    """

    def __init__(self, chance, broker, is_quick, for_s, rate=2000, n_keys=500, work_us=1000,
                 **line):
        self.chance, self.broker = chance, broker
        self.rate, self.for_s = rate, for_s
        self.line = driver.Line(broker, int(rate * for_s), n_keys, work_us=work_us, **line)
        # A machine that does many things at once must not end a session by itself.
        self.line.consumer = {"session.timeout.ms": 4000, "heartbeat.interval.ms": 500}
        self.line.env["LINE_LOG"] = str(self.line.dir.resolve() / "calls")
        self.lock = threading.Lock()
        self.faults = open(self.line.dir / "faults.txt", "w", encoding="utf-8")
        self.loader = None
        self.begun = None
        self.n_started = 0
        self.may = {"duplicate"}
        self.extra = {}  # further figures of the report
        # Quick forms run on machines that do much else: a time is no fault there.
        self.slack_ms = 3000 if is_quick else 250
        self.window_ms = None if broker.kind == "kafka" else COMMIT_MS + 2 * self.slack_ms
        self.line.drain_s = 5 if is_quick else 20

    # ------------------------------------------------------------ the load

    def start(self, names=("r1", "r2", "r3")):
        for name in names:
            self.line.start(name)
        self.line.until_joined()
        self.loader = self.line.load(is_waited_for=False, log=self.line.dir / "sent.txt",
                                     rate=self.rate)
        self.line.until_count(1 / self.line.n_events)
        self.begun = time.monotonic()

    def left_s(self):
        return self.begun + self.for_s - time.monotonic()

    def sleep(self, least_s, most_s):
        time.sleep(self.chance.uniform(least_s, most_s))

    # ------------------------------------------------------------ faults

    def say(self, how, name):
        with self.lock:
            maker = name if name == "server" else self.line.pid(name)
            self.faults.write(f"fault {now_ms()} {how} {maker}\n")
            self.faults.flush()

    def kill(self, name):
        self.say("kill", name)
        self.line.end(name, signal.SIGKILL)

    def outage(self, least_s, most_s, is_closing=False):
        """kill -9 of the server, and its start after a while. is_closing: one replica is told to
        stop in the meantime, and has to end without it; returns how long that took, in s."""
        took = 0
        self.say("kill", "server")
        self.broker.tell("kill")
        if is_closing:
            name = self.some()
            self.say("end", name)
            process = self.line.replicas.pop(name)
            begun = time.monotonic()
            process.send_signal(signal.SIGTERM)
            code = process.wait(60)
            took = time.monotonic() - begun
            # 75: it had results that nobody took from it, and has given up.
            driver.expect(code in (0, 75) and took < self.line.drain_s + LATE_S, f"{name} ended without its "
                          f"server, with {code} after {took:.1f} s")
        self.sleep(least_s, most_s)
        self.broker.tell("start")
        self.say("cont", "server")
        if is_closing:
            self.line.start(name)
        return took

    def stop(self, name):
        self.say("stop", name)
        self.line.replicas[name].send_signal(signal.SIGSTOP)

    def cont(self, name):
        self.say("cont", name)
        self.line.replicas[name].send_signal(signal.SIGCONT)

    def end(self, name):
        self.say("end", name)
        self.line.end(name, signal.SIGTERM)

    def some(self):
        return self.chance.choice(sorted(self.line.replicas))

    def n_logged(self, name, word):
        return (self.line.dir / f"{name}.log").read_text(errors="replace").count(word)

    def restart(self, name, limit_s=60):
        """Announced, and waits until the new one has its share of the work."""
        word = '"part.assigned"' if self.broker.kind == "kafka" else '"worker.started"'
        self.end(name)
        before = self.n_logged(name, word)
        self.line.start(name)
        begun = time.monotonic()
        while self.n_logged(name, word) == before:
            if time.monotonic() - begun > limit_s:
                driver.fail(f"{name} has not joined again after {limit_s} s; see {self.line.dir}")
            time.sleep(0.02)

    # ------------------------------------------------------------ the end

    def finish(self, idle_s=60):
        """No more faults: everything must end. Then all replicas are told to stop.

        idle_s: how long nothing may come before what is missing counts as missing. It is
        waited for in full where some events were never confirmed to the load.
        """
        driver.expect(self.loader.wait(180) == 0, "the load has ended")
        self.line.check(idle_s=idle_s)
        self.line.end_all()
        self.faults.close()

    def judge(self):
        """Reads everything back; ends the run where a class was found that self.may lacks."""
        line = self.line
        line.history(line.dir / "queues.txt")
        files = [line.dir / "sent.txt", line.dir / "queues.txt", line.dir / "faults.txt",
                 *sorted(line.dir.glob("calls.*"))]
        words = ["--order", line.order, "--may", ",".join(sorted(self.may)),
                 "--slack", str(self.slack_ms)]
        if self.window_ms is not None:
            words += ["--window", str(self.window_ms)]
        done = subprocess.run([CHECK, *words, *files], stdout=subprocess.PIPE, text=True,
                              check=False)
        driver.expect(done.returncode in (0, 1), "the checker could read the history")
        found = json.loads(done.stdout)
        found.update(self.extra)
        (line.dir / "found.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
        print(summary(found), flush=True)
        for name, texts in found["examples"].items():
            if name not in self.may:
                print(f"{name}:\n  " + "\n  ".join(texts), flush=True)
        driver.expect(done.returncode == 0, f"nothing is wrong but {', '.join(sorted(self.may))} "
                      f"(history in {line.dir.resolve()})")
        over = [kill for kill in found["kills"] if kill["how"] == "kill" and
                kill["repeated"] > kill["in_flight"] + kill["since_commit"]]
        driver.expect(not over, f"no more was made again than each kill explains {over or ''}")
        return found

    def kill_all(self):
        """Ends what runs, whatever happened."""
        for process in self.line.replicas.values():
            process.send_signal(signal.SIGCONT)
        self.line.kill_all()
        if self.loader is not None and self.loader.poll() is None:
            self.loader.kill()
            self.loader.wait()


def summary(found):
    counts = {name: n for name, n in found["classes"].items() if n}
    kills = [k["repeated"] for k in found["kills"] if k["how"] == "kill"]
    text = (f"{found['confirmed']} confirmed, {found['results']} results, {found['dead']} dead, "
            f"{found['calls']} calls; found: {counts or 'nothing'}; "
            f"longest pause {found['longest_pause_ms']} ms")
    if kills:
        text += f"; made again for each kill: {kills}"
    if found["outages"]:
        text += f"; for each outage: {[o['repeated'] for o in found['outages']]}"
    return text


def words_of(about):
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("source")
    parser.add_argument("build")
    parser.add_argument("--seed", type=int, default=20261121)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--on", choices=("kafka", "redis"))
    parser.add_argument("--report")
    return parser.parse_args()


def one_round(play, queue, seed, is_quick):
    """Returns a row of the report. play(chance, is_quick) returns a finished scene's findings."""
    driver.SEED = seed
    begun = time.monotonic()
    print(f"-- {queue}, seed {seed}", flush=True)
    found = play(random.Random(seed), is_quick)
    return {"queue": queue, "seed": seed, "seconds": round(time.monotonic() - begun, 1), **found}


def main(about, plays, only_long=()):
    """plays: queue -> play; the whole of a kind's program. only_long: not in the quick form."""
    if "--about" in sys.argv:
        print(about)
        return
    words = words_of(about)
    rows = []
    begun = time.monotonic()
    at = 0
    while True:
        for queue, play in plays.items():
            if words.on in (None, queue.split("-")[0]) and not (
                    words.minutes is None and queue in only_long):
                rows.append(one_round(play, queue, words.seed + at, words.minutes is None))
                write_report(words.report, rows)
        at += 1
        took = time.monotonic() - begun
        if took + took / at / 2 >= (words.minutes or 0) * 60:
            break  # what is left is less than half of what all the queues take once
    print(f"{len(rows)} rounds, seed {words.seed}: ok", flush=True)


def write_report(path, rows):
    if path is not None:
        fresh = f"{path}.{os.getpid()}"
        Path(fresh).write_text(json.dumps(rows), encoding="utf-8")
        os.replace(fresh, path)
