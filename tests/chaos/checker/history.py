# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""history - what happened in a run, as those tell who took part in it.

Text, one record a line, the first word says its kind; the order of files does not matter, that of
`result`, `dead` and `commit` lines of one partition does. All times are of the machine's real-time
clock. An EVENT is KEY.N: the N-th of its key, from 0. A PLACE is PARTITION@POSITION, for Redis 0@ID.

  the producer's log
    sent EVENT ok|unknown WANTS          confirmed or not; WANTS: result, or dead:REASON
  the functions' log
    begin NS MAKER CALL EVENT ATTEMPT    a call began in process MAKER
    end NS MAKER CALL VERDICT            done, retry or reject
  the queues, read after the run
    in PLACE MS EVENT                    the event itself; EVENT `?` for what nobody sent
    result PLACE MS EVENT MAKER CALL CAUSE
    dead PLACE MS EVENT REASON CAUSE     CAUSE: the place of the event that it came from, as it says
    commit PARTITION POSITION MS         the group's commits, in the order of the broker's log
    pending ID                           Redis: delivered, not acknowledged
    passed ID                            Redis: the last one delivered
  whoever makes the faults
    fault MS kill|stop|cont|end MAKER    end: an announced one; MAKER `server`: the queue itself,
                                         away from its kill to its cont
    note WORD...                         kept for the reader
"""

from collections import defaultdict, namedtuple

Call = namedtuple("Call", "maker call event attempt begin")
Outcome = namedtuple("Outcome", "order event place ms maker call reason cause")
Fault = namedtuple("Fault", "ms how maker")


class Broken(Exception):
    """A line that is not of the language above."""


def place_of(word):
    part, _, position = word.partition("@")
    if not position:
        raise ValueError(f"not a place: {word}")
    return int(part), position_of(position)


def position_of(word):
    """A number for Kafka, a pair of numbers for Redis; both compare."""
    if "-" in word:
        ms, _, seq = word.partition("-")
        return int(ms), int(seq)
    return int(word)


def event_of(word):
    key, _, n = word.rpartition(".")
    return key, int(n)


class History:
    def __init__(self):
        self.wants = {}  # event: "result" or "dead:REASON"
        self.confirmed = set()
        self.calls = {}  # (maker, call): Call
        self.ends = {}  # (maker, call): (ns, verdict)
        self.places = defaultdict(list)  # event: its places in the source
        self.at = {}  # place: event
        self.outcomes = []  # in the order read; of one partition in the order of its log
        self.commits = []  # (partition, position, ms)
        self.pending = set()
        self.passed = None  # Redis only
        self.faults = []
        self.n_foreign_inputs = 0

    def read(self, lines, name="history"):
        for number, line in enumerate(lines, 1):
            words = line.split()
            if not words or words[0] == "note":
                continue
            take = getattr(self, f"take_{words[0]}", None)
            try:
                if take is None:
                    raise ValueError("no such kind")
                take(*words[1:])
            except (ValueError, TypeError) as error:
                # The last line of a process that was killed may be a part of one.
                if line.endswith("\n"):
                    raise Broken(f"{name}:{number}: {error}: {line.rstrip()}") from error
        return self

    def take_sent(self, event, state, wants):
        if state not in ("ok", "unknown"):
            raise ValueError("ok or unknown is wanted")
        event = event_of(event)
        self.wants[event] = wants
        if state == "ok":
            self.confirmed.add(event)

    def take_begin(self, ns, maker, call, event, attempt):
        self.calls[maker, call] = Call(maker, call, event_of(event), int(attempt), int(ns))

    def take_end(self, ns, maker, call, verdict):
        self.ends[maker, call] = (int(ns), verdict)

    def take_in(self, place, _ms, event):
        if event == "?":
            self.n_foreign_inputs += 1
            return
        place = place_of(place)
        event = event_of(event)
        self.places[event].append(place)
        self.at[place] = event

    def take_result(self, place, ms, event, maker, call, cause):
        self.add_outcome(place, ms, event, maker, call, None, cause)

    def take_dead(self, place, ms, event, reason, cause):
        self.add_outcome(place, ms, event, None, None, reason, cause)

    def add_outcome(self, place, ms, event, maker, call, reason, cause):
        self.outcomes.append(Outcome(len(self.outcomes), None if event == "?" else event_of(event),
                                     place_of(place), int(ms), maker, call, reason,
                                     None if cause == "-" else place_of(cause)))

    def take_commit(self, partition, position, ms):
        self.commits.append((int(partition), int(position), int(ms)))

    def take_pending(self, position):
        self.pending.add(position_of(position))

    def take_passed(self, position):
        self.passed = position_of(position)

    def take_fault(self, ms, how, maker):
        if how not in ("kill", "stop", "cont", "end"):
            raise ValueError("kill, stop, cont or end is wanted")
        self.faults.append(Fault(int(ms), how, maker))
