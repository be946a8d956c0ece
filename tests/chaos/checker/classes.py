# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""classes - what can be wrong with a history, each by its name.

Names in brackets are those that Jepsen gives to the like.

  lost         passed by a commit or an acknowledgement, or delivered and gone, and without result
               or dead letter [lost-write, inconsistent-offsets]
  unseen       waits in the queue, not passed, without result or dead letter [unseen]
  vanished     confirmed to its producer, and the queue itself has it no more [lost-write]
  duplicate    every result or dead letter of an event after its first [duplicate]
  disorder     the first result of an event behind one of a later event of its key
               [poll-skip, external nonmonotonic]
  back         one process makes a result of an event, and a later one of an earlier event of the
               key [int-nonmonotonic]
  overlap      two calls of one key at a time; order none: of one event [G0]
  aborted      a result of a call that did not end with done [G1a, aborted read]
  phantom      a result of a call that there never was, or that was of another event
  foreign      a result or dead letter of what nobody sent, or that does not say its true cause
  wrong-end    a result where a dead letter was wanted, another reason, or the other way round
  commit-back  a commit below the one before it [nonmonotonic commit, nonmonotonic poll]
  commit-early a commit past an event whose result or dead letter the queue did not have yet
  excess       made again though the killed process had published it well before the last commit
  passed       made again though a commit had passed it well before that call began
  unexplained  made again though its first maker was neither killed nor stopped, nor the second,
               nor the queue itself
"""

from bisect import bisect_right
from collections import Counter, defaultdict

NAMES = ("lost", "unseen", "vanished", "duplicate", "disorder", "back", "overlap", "aborted",
         "phantom", "foreign", "wrong-end", "commit-back", "commit-early", "excess", "passed", "unexplained")


NEVER = 1 << 63  # the end, in ns, of what has none


def spell(event):
    return "?" if event is None else f"{event[0]}.{event[1]}"


def spell_place(place):
    position = place[1]
    return f"{place[0]}@{'-'.join(map(str, position)) if isinstance(position, tuple) else position}"


class Findings:
    """How often each class was found, and the first few."""

    SHOWN = 5

    def __init__(self):
        self.counts = Counter({name: 0 for name in NAMES})
        self.examples = defaultdict(list)

    def add(self, name, text):
        if name not in NAMES:
            raise KeyError(name)
        self.counts[name] += 1
        if len(self.examples[name]) < self.SHOWN:
            self.examples[name].append(text)


class Check:
    """One history under one set of rules.

    order:     "key" or "none"
    window_ms: Redis, which tells nobody when it was acknowledged: how long before a kill a result
               may have been published and still be made again. Kafka's commits say it themselves.
    slack_ms:  how long a confirmation may take from the broker to the commit that counts it
    """

    def __init__(self, history, order="key", window_ms=None, slack_ms=250):
        self.h, self.order = history, order
        self.window_ms, self.slack_ms = window_ms, slack_ms
        self.found = Findings()
        self.of_event = defaultdict(list)  # event: its outcomes in order of time
        for outcome in history.outcomes:
            self.of_event[outcome.event].append(outcome)
        for outcomes in self.of_event.values():
            outcomes.sort(key=lambda o: (o.ms, o.order))
        self.commits = defaultdict(list)
        for partition, position, ms in history.commits:
            self.commits[partition].append((position, ms))
        self.repeated_by = Counter()  # maker of the first result: made again later
        self.outages = self.find_outages()  # (from, until) in ms, in order
        self.repeated_after = Counter()  # outage: results made again for it

    def run(self):
        self.find_missing()
        self.find_order()
        self.find_overlaps()
        self.find_false()
        self.find_commits()
        self.find_repeats()
        return self.found

    # ------------------------------------------------------------ is everything there?

    def is_passed(self, place):
        partition, position = place
        if self.h.passed is not None:
            return position <= self.h.passed and position not in self.h.pending
        commits = self.commits.get(partition)
        return bool(commits) and commits[-1][0] > position

    def find_missing(self):
        for event in sorted(self.h.confirmed):
            places = self.h.places.get(event)
            if self.of_event.get(event):
                continue
            if not places:
                self.found.add("vanished", spell(event))
                continue
            name = "lost" if any(self.is_passed(place) for place in places) else "unseen"
            self.found.add(name, f"{spell(event)} at {spell_place(places[0])}")
        for event, places in self.h.places.items():
            if event not in self.h.confirmed and not self.of_event.get(event):
                name = "lost" if any(self.is_passed(place) for place in places) else "unseen"
                self.found.add(name, f"{spell(event)} at {spell_place(places[0])}, unconfirmed")

    # ------------------------------------------------------------ order

    def find_order(self):
        newest = {}  # key: n of the newest first result
        newest_of = {}  # (maker, key): n and place of the newest result
        seen = set()
        for outcome in self.h.outcomes:
            if outcome.event is None or outcome.reason is not None:
                continue
            key, n = outcome.event
            where = f"{spell(outcome.event)} at {spell_place(outcome.place)}"
            if self.order != "none" and outcome.event not in seen:
                if n < newest.get(key, -1):
                    self.found.add("disorder", f"{where} behind {key}.{newest[key]}")
                newest[key] = max(n, newest.get(key, -1))
            seen.add(outcome.event)
            if self.order != "none":
                last = newest_of.get((outcome.maker, key), -1)
                if n < last:
                    self.found.add("back", f"{where} behind {key}.{last}, both by {outcome.maker}")
                newest_of[outcome.maker, key] = n

    def find_overlaps(self):
        """Calls whose process never wrote their end count until the begin of the next only."""
        lanes = defaultdict(list)
        for call in self.h.calls.values():
            lane = call.event if self.order == "none" else call.event[0]
            end = self.h.ends.get((call.maker, call.call))
            lanes[lane].append((call.begin, end[0] if end else call.begin, call))
        for calls in lanes.values():
            calls.sort(key=lambda c: c[0])
            open_until, open_call = 0, None
            for begin, end, call in calls:
                if begin < open_until:
                    self.found.add("overlap", f"{spell(call.event)} in {call.maker} while "
                                   f"{spell(open_call.event)} runs in {open_call.maker}")
                if end > open_until:
                    open_until, open_call = end, call

    # ------------------------------------------------------------ is it true?

    def find_false(self):
        for outcome in self.h.outcomes:
            where = f"{spell(outcome.event)} at {spell_place(outcome.place)}"
            wants = self.h.wants.get(outcome.event)
            if wants is None:
                self.found.add("foreign", where)
                continue
            if outcome.cause is not None and self.h.at.get(outcome.cause, outcome.event) != outcome.event:
                self.found.add("foreign", f"{where} names {spell_place(outcome.cause)} as its cause")
            got = "result" if outcome.reason is None else f"dead:{outcome.reason}"
            if got != wants:
                self.found.add("wrong-end", f"{where}: {got}, wanted {wants}")
            if outcome.reason is None:
                self.find_false_maker(outcome, where)

    def find_false_maker(self, outcome, where):
        call = self.h.calls.get((outcome.maker, outcome.call))
        end = self.h.ends.get((outcome.maker, outcome.call))
        text = f"{where} of call {outcome.call} in {outcome.maker}"
        if call is None or call.event != outcome.event:
            self.found.add("phantom", text)
        elif end is None or end[1] != "done":
            self.found.add("aborted", f"{text}, which ended with {end[1] if end else 'nothing'}")

    # ------------------------------------------------------------ commits

    def find_commits(self):
        by_partition = defaultdict(list)  # partition: (position, event)
        for event, places in self.h.places.items():
            for partition, position in places:
                by_partition[partition].append((position, event))
        for partition, commits in self.commits.items():
            entries = sorted(by_partition[partition])
            at, newest = 0, -1
            for position, ms in commits:
                if position < newest:
                    self.found.add("commit-back", f"{partition}@{position} after {newest}")
                newest = max(newest, position)
                while at < len(entries) and entries[at][0] < position:
                    self.find_early(partition, entries[at], position, ms)
                    at += 1

    def find_early(self, partition, entry, position, ms):
        outcomes = self.of_event.get(entry[1])
        if outcomes and outcomes[0].ms > ms:
            self.found.add("commit-early",
                           f"{partition}@{position} committed {outcomes[0].ms - ms} ms before the "
                           f"first end of {spell(entry[1])} at {partition}@{entry[0]}")

    # ------------------------------------------------------------ what was made twice

    def horizon(self, place, fault_ms):
        """What was published before this time may not be made again after a fault at fault_ms.

        The last commit before the fault may have been under way with what was known some moments
        before it; what was confirmed before the one in front of it, it had to know.
        """
        if self.window_ms is not None:
            return fault_ms - self.window_ms
        commits = [ms for _, ms in self.commits.get(place[0], []) if ms <= fault_ms]
        return commits[-2] - self.slack_ms if len(commits) > 1 else 0

    def find_outages(self):
        """When the queue itself was away."""
        outages = []
        for fault in sorted(f for f in self.h.faults if f.maker == "server"):
            if fault.how == "kill":
                outages.append((fault.ms, NEVER))
            elif fault.how == "cont" and outages:
                outages[-1] = (outages[-1][0], fault.ms)
        return outages

    def is_needless(self, event, again):
        """Had a commit passed the event before it was begun again?"""
        call = self.h.calls.get((again.maker, again.call))
        for partition, position in self.h.places.get(event, [])[:1]:
            commits = self.commits.get(partition, [])
            until = 0 if call is None else call.begin // 1000000 - self.slack_ms
            n_before = bisect_right(commits, until, key=lambda commit: commit[1])
            return n_before > 0 and commits[n_before - 1][0] > position
        return False

    def outage_of(self, first, again):
        """The one that explains why it was made again, or None.

        What was confirmed to the worker, or to the queue, at that time may have been lost on
        the way; Kafka's commits say themselves what that was.
        """
        before = [(down, up) for down, up in self.outages if down <= again.ms]
        if self.window_ms is not None:
            before = [(down, up) for down, up in before
                      if down - self.window_ms <= first.ms <= up + self.window_ms][:1]
        return before[-1] if before else None

    def find_repeats(self):
        hurt = defaultdict(list)  # maker: times of its kills and stops
        for fault in self.h.faults:
            if fault.how in ("kill", "stop"):
                hurt[fault.maker].append(fault.ms)
        for event, outcomes in self.of_event.items():
            if event is None:
                continue
            for again in outcomes[1:]:
                self.found.add("duplicate", f"{spell(event)}: " + ", ".join(
                    f"{spell_place(o.place)} by {o.maker or 'dead:' + o.reason}" for o in outcomes))
                first = outcomes[0]
                if first.maker is None or again.maker is None:
                    continue  # a dead letter does not say who made it
                self.repeated_by[first.maker] += 1
                self.find_cause(event, first, again, hurt)

    def find_cause(self, event, first, again, hurt):
        text = f"{spell(event)} by {first.maker} at {first.ms}, then by {again.maker} at {again.ms}"
        outage = self.outage_of(first, again)
        if hurt.get(again.maker) and min(hurt[again.maker]) < again.ms:
            pass  # it was stopped, and went on with what it had
        elif self.is_needless(event, again):
            self.found.add("passed", text)
        elif outage is not None:
            self.repeated_after[outage] += 1
        elif not hurt.get(first.maker) and not hurt.get(again.maker):
            self.found.add("unexplained", text)
        elif hurt.get(first.maker) and first.ms <= min(hurt[first.maker]):
            # Behind its first stop a process may have lost its share without knowing it yet.
            fault_ms = min(hurt[first.maker])
            places = self.h.places.get(event, [])
            if places and first.ms < min(self.horizon(place, fault_ms) for place in places):
                self.found.add("excess", f"{text}; the fault was at {fault_ms}")

    # ------------------------------------------------------------ figures

    def kills(self):
        """For each kill: what was made again of the killed one's, and what might have been."""
        rows = []
        calls = defaultdict(list)
        for key, call in self.h.calls.items():
            calls[call.maker].append((call.begin, self.h.ends.get(key, (NEVER, ""))[0]))
        made = defaultdict(list)
        for outcomes in self.of_event.values():
            for outcome in outcomes[:1]:
                if outcome.maker is not None:
                    made[outcome.maker].append(outcome)
        for fault in self.h.faults:
            if fault.how not in ("kill", "stop") or fault.maker == "server":
                continue
            at = fault.ms * 1000000
            open_calls = sum(1 for begin, end in calls[fault.maker] if begin <= at < end)
            horizons = {}
            window = 0
            for outcome in made[fault.maker]:
                for place in self.h.places.get(outcome.event, [])[:1]:
                    if place[0] not in horizons:
                        horizons[place[0]] = self.horizon(place, fault.ms)
                    window += horizons[place[0]] <= outcome.ms
            again = sum(1 for o in made[fault.maker] if len(self.of_event[o.event]) > 1)
            rows.append({"how": fault.how, "maker": fault.maker, "repeated": again,
                         "in_flight": open_calls, "since_commit": window})
        return rows

    def longest_pause_ms(self):
        """The longest time without a first end in one partition of the source, between its first
        and its last; the load must be there all the time for this to say anything."""
        times = defaultdict(list)
        for event, outcomes in self.of_event.items():
            for place in self.h.places.get(event, [])[:1]:
                times[place[0]].append(outcomes[0].ms)
        longest = 0
        for found in times.values():
            found.sort()
            longest = max([longest] + [b - a for a, b in zip(found, found[1:])])
        return longest

    def figures(self):
        return {
            "events": len(self.h.wants),
            "confirmed": len(self.h.confirmed),
            "results": sum(1 for o in self.h.outcomes if o.reason is None),
            "dead": sum(1 for o in self.h.outcomes if o.reason is not None),
            "calls": len(self.h.calls),
            "commits": len(self.h.commits),
            "longest_pause_ms": self.longest_pause_ms(),
            "kills": self.kills(),
            "outages": [{"ms": up - down, "repeated": self.repeated_after[down, up]}
                        for down, up in self.outages],
        }
