# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""The private Kafka and Redis of a run, their topics and streams, and questions to them."""

from __future__ import annotations

import os
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

KAFKA_VERSION = "4.3.1"


class BenchError(Exception):
    """Something that cannot be measured; the text says why."""


@dataclass(frozen=True)
class Load:
    """What a topic or a stream is filled with."""

    name: str
    events: int
    keys: int = 1000
    size: int = 100
    format: str = "raw"
    partitions: int = 8
    quick_events: int = 0

    def count(self, is_quick: bool) -> int:
        return (self.quick_events or max(self.events // 20, 10_000)) if is_quick else self.events


class Server:
    """A server kept by weir-test-server, which ends it when its standard input ends."""

    def __init__(self, build: Path, *words: str) -> None:
        # Tests start Kafka with a quick compiler and a small heap; here it is to be fast.
        env = dict(os.environ, _JAVA_OPTIONS="-XX:TieredStopAtLevel=4 -Xms1g -Xmx1g")
        self.process = subprocess.Popen([build / "tests/weir-test-server", *words], env=env, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL)
        self.address = self._answer()

    def _answer(self) -> str:
        assert self.process.stdout is not None
        word, _, rest = self.process.stdout.readline().strip().partition(" ")
        if word != "ok":
            raise BenchError(f"{' '.join(map(str, self.process.args[1:]))}: {rest or 'ended'}")
        return rest

    def say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        self._answer()

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def redis_ask(address: str, *words: str | int) -> str | int | None:
    """One command to Redis; only what answers with one line or one short text."""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=60) as link:
        text = f"*{len(words)}\r\n" + "".join(f"${len(str(w))}\r\n{w}\r\n" for w in words)
        link.sendall(text.encode())
        with link.makefile("rb") as answer:
            head = answer.readline().strip().decode()
            if head.startswith("$") and head != "$-1":
                return answer.read(int(head[1:])).decode()
    if head.startswith("-"):
        raise BenchError(f"redis: {head[1:]}")
    return int(head[1:]) if head.startswith(":") else head[1:]


class Servers:
    """Starts each server when it is first needed, and fills each load once."""

    def __init__(self, build: Path, is_quick: bool) -> None:
        self.build = build
        self.is_quick = is_quick
        self._kafka: Server | None = None
        self._redis: Server | None = None
        self._filled: set[str] = set()
        self._n_names = 0

    def name(self, prefix: str) -> str:
        """A name that nothing in this run has had."""
        self._n_names += 1
        return f"{prefix}-{self._n_names}"

    @property
    def kafka(self) -> Server:
        if self._kafka is None:
            self._kafka = Server(self.build, "kafka", KAFKA_VERSION)
        return self._kafka

    @property
    def redis(self) -> Server:
        if self._redis is None:
            self._redis = Server(self.build, "redis", "memory")
        return self._redis

    def topic(self, name: str, partitions: int) -> str:
        self.kafka.say(f"topic {name} {partitions}")
        return name

    def fill_topic(self, load: Load) -> str:
        """The topic with that load, filled now if it is not yet."""
        name = f"load-{load.name}"
        if name not in self._filled:
            self.topic(name, load.partitions)
            self.add_to_topic(name, load, load.count(self.is_quick))
            self._filled.add(name)
        return name

    def add_to_topic(self, name: str, load: Load, events: int) -> None:
        subprocess.run([self.build / "tests/weir-bench-fill", self.kafka.address, name, str(events),
                        str(load.keys), str(load.size), load.format], check=True)

    def fill_stream(self, load: Load) -> str:
        name = f"load-{load.name}"
        if name not in self._filled:
            subprocess.run([self.build / "tests/weir-bench-redis", "fill", self.redis.address, name,
                            str(load.count(self.is_quick)), str(load.keys), str(load.size)], check=True)
            self._filled.add(name)
        return name

    def close(self) -> None:
        """Ends both, with what they hold; they start anew where they are needed again."""
        for server in (self._kafka, self._redis):
            if server is not None:
                server.close()
        self._kafka = self._redis = None
        self._filled.clear()
