# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""A consumer of confluent-kafka: reads a topic in a group, or copies it to another.

Reads many messages at once, and stores the offsets of a batch when all of it is done: with
copies, when all of them are confirmed. The client commits what is stored each second.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition

BATCH = 10_000


class Meter:
    """Time and processor time from the first event to end()."""

    def __init__(self) -> None:
        self.n = 0

    def events(self, n: int) -> None:
        if self.n == 0 and n > 0:
            self.first, self.first_cpu = time.monotonic_ns(), time.process_time_ns()
        self.n += n

    def end(self) -> None:
        self.last, self.last_cpu = time.monotonic_ns(), time.process_time_ns()

    def report(self) -> str:
        status = Path("/proc/self/status").read_text().splitlines()
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
        return json.dumps({"events": self.n, "first_ns": self.first, "last_ns": self.last,
                           "cpu_ns": self.last_cpu - self.first_cpu, "peak_kib": peak})


def delivered(error: KafkaError | None, message: Message) -> None:
    if error is not None:
        sys.exit(f"not delivered: {error}")


def copy(producer: Producer, to: str, messages: list[Message]) -> None:
    for message in messages:
        while True:
            try:
                producer.produce(to, message.value(), message.key(), on_delivery=delivered)
                break
            except BufferError:
                producer.poll(0.1)
    producer.flush()


def handle(message: Message) -> None:
    if message.error() is not None:
        sys.exit(str(message.error()))


def main() -> None:
    values = dict(word.split("=", 1) for word in sys.argv[2:])
    events, to = int(values["events"]), values.get("to", "")
    # As in the tuned raw loop: a full queue would stop the fetcher for a second.
    consumer = Consumer({"queued.min.messages": 10_000_000, "queued.max.messages.kbytes": 65_536,
                         "bootstrap.servers": values["address"], "group.id": values["group"],
                         "auto.offset.reset": "earliest", "enable.auto.offset.store": False,
                         "auto.commit.interval.ms": 1000})
    # Only failures call back: a call into Python for each success would be most of the work.
    producer = Producer({"bootstrap.servers": values["address"], "partitioner": "murmur2_random",
                         "delivery.report.only.error": True})
    meter = Meter()
    consumer.subscribe([values["topic"]])
    while meter.n < events:
        messages = consumer.consume(BATCH, 0.1)
        meter.events(len(messages))
        ends: dict[int, int] = {}
        for message in messages:
            handle(message)
            ends[message.partition()] = message.offset() + 1
        if to:
            copy(producer, to, messages)
        if ends:
            consumer.store_offsets(offsets=[TopicPartition(values["topic"], partition, offset)
                                            for partition, offset in ends.items()])
    meter.end()
    consumer.close()
    print(meter.report())


main()
