# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""An application of Quix Streams: a function on each message of a topic, or a copy to another.

At least once, as it is by default; a checkpoint flushes the copies and commits each second.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from quixstreams import Application


class Meter:
    """Time and processor time from the first event to end()."""

    def __init__(self) -> None:
        self.n = 0

    def event(self) -> None:
        if self.n == 0:
            self.first, self.first_cpu = time.monotonic_ns(), time.process_time_ns()
        self.n += 1

    def end(self) -> None:
        self.last, self.last_cpu = time.monotonic_ns(), time.process_time_ns()

    def report(self) -> str:
        status = Path("/proc/self/status").read_text().splitlines()
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
        return json.dumps({"events": self.n, "first_ns": self.first, "last_ns": self.last,
                           "cpu_ns": self.last_cpu - self.first_cpu, "peak_kib": peak})


def main() -> None:
    values = dict(word.split("=", 1) for word in sys.argv[2:])
    events, to = int(values["events"]), values.get("to", "")
    meter = Meter()
    with tempfile.TemporaryDirectory(prefix="weir-quix-") as state:
        app = Application(broker_address=values["address"], consumer_group=values["group"],
                          auto_offset_reset="earliest", commit_interval=1.0, state_dir=state,
                          loglevel="WARNING")
        source = app.topic(values["topic"], key_deserializer="bytes", value_deserializer="bytes")
        frame = app.dataframe(source)

        def handle(value: bytes) -> bytes:
            meter.event()
            if meter.n == events:
                if not to:
                    meter.end()
                app.stop()
            return value

        frame = frame.apply(handle)
        if to:
            frame = frame.to_topic(app.topic(to, key_serializer="bytes", value_serializer="bytes"))
        app.run()
        if to:
            meter.end()  # the last checkpoint has flushed the copies
    print(meter.report())


main()
