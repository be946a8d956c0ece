# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""brokerkit - what the tests of `weir` on real queues share: servers, workers, HTTP."""

import atexit
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

SOURCE = Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
sys.path.insert(0, str(SOURCE / "tests" / "cli"))
import clikit  # noqa: E402

RUN = f"{os.getpid()}-{int(time.time())}"


class Kit(clikit.Kit):
    """Ends the test at the first wait in vain: what follows would only wait again."""

    def wait(self, what, condition, seconds=60):
        value = super().wait(what, condition, seconds)
        if not value:
            self.end()
        return value


class Server:
    """A server that weir-test-server keeps; kafka() is the shared one of this ctest run."""

    def __init__(self, kit, *words):
        self.tool = os.path.join(kit.build, "tests", "weir-test-server")
        self.process = subprocess.Popen([self.tool, *words], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline().strip()
        if not line.startswith("ok "):
            sys.exit(f"cannot start {words}: {line}")
        self.address = line[3:]

    def tell(self, command):
        """One command of weir-test-server: stop, start, kill, ..."""
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline().strip()
        if line != "ok":
            sys.exit(f"{command}: {line}")

    def topic(self, name, n_partitions, *settings):
        self.tell(" ".join(["topic", name, str(n_partitions), *settings]))

    def close(self):
        self.process.stdin.close()
        self.process.wait(60)


class SharedKafka:
    """The Kafka that belongs to the ctest run; only topics are made here."""

    def __init__(self, kit, address):
        self.tool = os.path.join(kit.build, "tests", "weir-test-server")
        self.address = address

    def topic(self, name, n_partitions, *settings):
        words = " ".join(["topic", name, str(n_partitions), *settings])
        subprocess.run([self.tool, "ask", self.address, words], check=True,
                       stdout=subprocess.DEVNULL)

    def close(self):
        pass


def kafka(kit):
    shared = Path(kit.build) / "tests" / "shared" / "kafka-4.3.1"
    if shared.exists():
        return SharedKafka(kit, shared.read_text().splitlines()[0].strip())
    return Server(kit, "kafka", "4.3.1")


class Worker:
    """A `weir run` with its log in NAME.log. It does not outlive the test."""

    def __init__(self, kit, name, config):
        self.kit, self.name, self.config = kit, name + ".log", config
        self.process = kit.start("run", "-c", config, out=name + ".out", err=self.name)
        atexit.register(self.kill)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(60)

    def log(self):
        return self.kit.read(self.name)

    def events(self, event):
        """The log lines of that event, as maps."""
        found = []
        for line in self.log().splitlines():
            if f'"{event}"' in line and line.endswith("}"):
                found.append(json.loads(line))
        return found

    def wait_log(self, text, n=1):
        def is_there():
            if self.process.poll() is not None and self.log().count(text) < n:
                self.kit.check(False, f"{self.name} ended without {text}: {self.log()[-1500:]}")
                self.kit.end()
            return self.log().count(text) >= n

        return self.kit.wait(f"{text} in {self.name}", is_there)

    def address(self, kind="listening"):
        self.wait_log(f'"admin.{kind}"')
        return re.search(rf'"admin.{kind}".*?"address":"([^"]+)"', self.log()).group(1)

    def http(self, path, method="GET", token=None, kind="listening"):
        """Returns status and body."""
        conn = http.client.HTTPConnection(self.address(kind), timeout=60)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        conn.request(method, path, headers=headers)
        answer = conn.getresponse()
        body = answer.read().decode()
        conn.close()
        return answer.status, body

    def wait_ready(self):
        self.kit.wait(f"{self.name} is ready", lambda: self.http("/readyz")[0] == 200)

    def end(self, wanted=0, how=signal.SIGTERM):
        self.process.send_signal(how)
        code = self.process.wait(60)
        self.kit.equal(code, wanted, f"exit of {self.name}: {self.log()[-1500:]}")


def send(kit, config, address, data, *options):
    code, _, err = kit.run("send", "-c", config, address, *options, stdin=data)
    kit.equal(code, 0, f"send {address}: {err}")


def tail(kit, config, address):
    """All events of a topic or stream now, as maps."""
    code, out, err = kit.run("tail", "-c", config, address, "--from", "start", "--to", "end",
                             "-n", "100000", "-o", "json")
    kit.equal(code, 0, f"tail {address}: {err}")
    return [json.loads(line) for line in out.splitlines()]
