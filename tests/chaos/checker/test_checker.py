#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""The checker itself: it is quiet about a clean history, and finds each class where it was planted."""

import json
import os
import subprocess
import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
CHECK = Path(__file__).resolve().parent / "check"
sys.path.insert(0, str(CHECK.parent))
from classes import NAMES, Check  # noqa: E402
from history import Broken, History  # noqa: E402

# Two keys in one partition; the third of a is a dead letter; one retry; one replica stopped, one
# killed, whose last result was made again.
CLEAN = """\
sent a.0 ok result
sent b.0 ok result
sent a.1 ok result
sent a.2 ok dead:rejected
sent b.1 ok result
sent b.2 unknown result
note what the run was
in 0@0 1000 a.0
in 0@1 1000 b.0
in 0@2 1000 a.1
in 0@3 1000 a.2
in 0@4 1000 b.1
begin 1100000000 p1 1 a.0 1
end 1110000000 p1 1 done
begin 1101000000 p1 2 b.0 1
end 1111000000 p1 2 retry
begin 1120000000 p1 3 b.0 2
end 1121000000 p1 3 done
begin 1130000000 p1 4 a.1 1
end 1131000000 p1 4 done
begin 3010000000 p2 1 a.1 1
end 3020000000 p2 1 done
begin 3021000000 p2 2 a.2 1
end 3022000000 p2 2 reject
begin 3023000000 p2 3 b.1 1
end 3024000000 p2 3 done
result 0@0 1150 a.0 p1 1 0@0
result 0@1 1151 b.0 p1 3 0@1
result 0@2 1900 a.1 p1 4 0@2
result 0@3 3050 a.1 p2 1 0@2
dead 0@0 3051 a.2 rejected 0@3
result 0@4 3052 b.1 p2 3 0@4
commit 0 1 1200
commit 0 2 1400
commit 0 4 3100
commit 0 5 3200
fault 2000 kill p1
fault 4000 end p2
"""

REDIS = """\
sent a.0 ok result
sent b.0 ok result
sent b.1 ok result
in 0@1000-0 1000 a.0
in 0@1000-1 1000 b.0
in 0@1001-0 1001 b.1
begin 1100000000 p1 1 a.0 1
end 1110000000 p1 1 done
begin 1101000000 p1 2 b.0 1
end 1111000000 p1 2 done
begin 1102000000 p2 1 b.1 1
end 1112000000 p2 1 done
result 0@1150-0 1150 a.0 p1 1 0@1000-0
result 0@1151-0 1151 b.0 p1 2 0@1000-1
result 0@1152-0 1152 b.1 p2 1 0@1001-0
passed 1001-0
fault 1300 kill p1
"""


def check(text, **rules):
    return Check(History().read(text.splitlines(True)), **rules)


def findings(text, **rules):
    counts = check(text, **rules).run().counts
    return {name: n for name, n in counts.items() if n}


def edit(text, old, new):
    """The text with one line in another way; the line must be there."""
    if text.count(old) != 1:
        raise ValueError(f"{text.count(old)} times in the text: {old}")
    return text.replace(old, new)


class Clean(unittest.TestCase):
    def test_a_clean_history_has_no_class_but_the_duplicate_of_the_kill(self):
        self.assertEqual(findings(CLEAN), {"duplicate": 1})

    def test_a_clean_history_of_redis_has_no_class(self):
        self.assertEqual(findings(REDIS, order="none", window_ms=500), {})

    def test_an_unconfirmed_event_may_be_missing(self):
        self.assertNotIn("vanished", findings(CLEAN))

    def test_each_name_is_planted_below(self):
        planted = {name[len("test_finds_"):].split("_where_")[0].replace("_", "-")
                   for name in dir(Planted) if name.startswith("test_finds_")}
        self.assertEqual(planted, set(NAMES))


class Planted(unittest.TestCase):
    def assert_finds(self, name, text, n=1, **rules):
        self.assertEqual(findings(text, **rules).get(name, 0), n, findings(text, **rules))

    def test_finds_lost_where_a_commit_passed_it(self):
        self.assert_finds("lost", edit(CLEAN, "result 0@4 3052 b.1 p2 3 0@4\n", ""))

    def test_finds_lost_where_redis_has_acknowledged_it(self):
        text = edit(REDIS, "result 0@1152-0 1152 b.1 p2 1 0@1001-0\n", "")
        self.assert_finds("lost", text, order="none", window_ms=500)

    def test_finds_lost_where_a_dead_letter_is_missing(self):
        self.assert_finds("lost", edit(CLEAN, "dead 0@0 3051 a.2 rejected 0@3\n", ""))

    def test_finds_unseen_where_no_commit_passed_it(self):
        text = edit(CLEAN, "result 0@4 3052 b.1 p2 3 0@4\n", "")
        text = edit(text, "commit 0 5 3200\n", "")
        self.assert_finds("unseen", text)
        self.assert_finds("lost", text, 0)

    def test_finds_unseen_where_it_is_pending(self):
        text = edit(REDIS, "result 0@1152-0 1152 b.1 p2 1 0@1001-0\n", "pending 1001-0\n")
        self.assert_finds("unseen", text, order="none", window_ms=500)

    def test_finds_unseen_where_an_unconfirmed_one_waits(self):
        self.assert_finds("unseen", CLEAN + "in 0@9 1000 b.2\n")

    def test_finds_vanished(self):
        self.assert_finds("vanished", CLEAN + "sent c.0 ok result\n")

    def test_finds_duplicate(self):
        self.assert_finds("duplicate", CLEAN + "result 0@9 3060 b.1 p2 3 0@4\n", 2)

    def test_finds_duplicate_where_it_has_a_result_and_a_dead_letter(self):
        self.assert_finds("duplicate", CLEAN + "dead 0@9 3060 b.1 retries 0@4\n", 2)

    def test_finds_disorder(self):
        text = CLEAN.replace("result 0@0 1150 a.0", "result 0@0 1150 a.X")
        text = edit(text, "result 0@2 1900 a.1 p1 4 0@2\n", "result 0@2 1900 a.0 p1 1 0@0\n")
        text = edit(text, "result 0@0 1150 a.X p1 1 0@0\n", "result 0@0 1150 a.1 p1 4 0@2\n")
        self.assert_finds("disorder", text)
        self.assert_finds("disorder", text, 0, order="none")

    def test_finds_back(self):
        self.assert_finds("back", CLEAN + "result 0@9 1901 a.0 p1 1 0@0\n")

    def test_finds_overlap_where_one_key_runs_twice(self):
        text = edit(CLEAN, "begin 3021000000 p2 2 a.2 1", "begin 3015000000 p2 2 a.2 1")
        self.assert_finds("overlap", text)
        self.assert_finds("overlap", text, 0, order="none")

    def test_finds_overlap_where_one_event_runs_in_two_processes(self):
        text = REDIS + "begin 1105000000 p2 9 a.0 1\nend 1120000000 p2 9 done\n"
        self.assert_finds("overlap", text, order="none", window_ms=500)

    def test_finds_aborted_where_the_call_was_a_retry(self):
        self.assert_finds("aborted", edit(CLEAN, "b.0 p1 3 0@1", "b.0 p1 2 0@1"))

    def test_finds_aborted_where_the_call_never_ended(self):
        self.assert_finds("aborted", edit(CLEAN, "end 3024000000 p2 3 done\n", ""))

    def test_finds_phantom_where_there_was_no_call(self):
        self.assert_finds("phantom", edit(CLEAN, "b.0 p1 3 0@1", "b.0 p1 77 0@1"))

    def test_finds_phantom_where_the_call_was_of_another_event(self):
        self.assert_finds("phantom", edit(CLEAN, "b.0 p1 3 0@1", "b.0 p1 4 0@1"))

    def test_finds_foreign_where_nobody_sent_it(self):
        self.assert_finds("foreign", CLEAN + "result 0@9 3060 z.0 p2 3 0@4\n")
        self.assert_finds("foreign", CLEAN + "dead 0@9 3060 ? rejected 0@4\n")

    def test_finds_foreign_where_the_cause_is_another(self):
        self.assert_finds("foreign", edit(CLEAN, "b.1 p2 3 0@4", "b.1 p2 3 0@3"))

    def test_finds_wrong_end_where_an_innocent_died(self):
        text = edit(CLEAN, "result 0@4 3052 b.1 p2 3 0@4", "dead 0@4 3052 b.1 crashed 0@4")
        self.assert_finds("wrong-end", text)

    def test_finds_wrong_end_where_the_reason_is_another(self):
        self.assert_finds("wrong-end", edit(CLEAN, "a.2 rejected 0@3", "a.2 timeout 0@3"))

    def test_finds_commit_back(self):
        self.assert_finds("commit-back", edit(CLEAN, "commit 0 4 3100", "commit 0 1 3100"))

    def test_finds_commit_early(self):
        self.assert_finds("commit-early", edit(CLEAN, "commit 0 5 3200", "commit 0 5 3051"))

    def test_finds_excess_where_two_commits_came_after_it(self):
        text = edit(CLEAN, "commit 0 2 1400", "commit 0 2 1400\ncommit 0 2 1950\ncommit 0 2 1990")
        self.assert_finds("excess", edit(text, "result 0@2 1900 a.1", "result 0@2 1500 a.1"))
        self.assert_finds("excess", text, 0)

    def test_finds_excess_where_the_window_of_redis_was_over(self):
        text = REDIS + "begin 2000000000 p2 9 a.0 1\nend 2001000000 p2 9 done\n"
        text += "result 0@2010-0 2010 a.0 p2 9 0@1000-0\n"
        self.assert_finds("excess", text, order="none", window_ms=100)
        self.assert_finds("excess", text, 0, order="none", window_ms=200)

    def test_finds_excess_where_nobody_had_been_stopped_with_it(self):
        text = REDIS + "begin 2000000000 p2 9 a.0 1\nend 2001000000 p2 9 done\n"
        text += "result 0@2010-0 2010 a.0 p2 9 0@1000-0\nfault 1990 cont p2\n"
        rules = {"order": "none", "window_ms": 100}
        self.assert_finds("excess", text + "fault 2020 stop p2\n", **rules)
        self.assert_finds("excess", text + "fault 1101 stop p2\n", 0, **rules)

    def test_finds_unexplained(self):
        self.assert_finds("unexplained", edit(CLEAN, "fault 2000 kill p1\n", ""))

    def test_finds_unexplained_where_the_queue_was_not_away_yet(self):
        away = edit(CLEAN, "fault 2000 kill p1\n", "fault 2000 kill server\nfault 2500 cont server\n")
        self.assert_finds("unexplained", away, 0)
        self.assert_finds("unexplained", away.replace("fault 2000", "fault 3060"))

    def test_finds_unexplained_where_redis_had_been_back_for_long(self):
        text = edit(REDIS, "fault 1300 kill p1\n", "fault 1200 kill server\nfault 1300 cont server\n")
        text += "begin 2000000000 p2 9 a.0 1\nend 2001000000 p2 9 done\n"
        text += "result 0@2010-0 2010 a.0 p2 9 0@1000-0\n"
        rules = {"order": "none", "window_ms": 100}
        self.assert_finds("unexplained", text, 0, **rules)
        late = edit(text, "result 0@1150-0 1150 a.0", "result 0@1150-0 1450 a.0")
        self.assert_finds("unexplained", late, **rules)

    def test_finds_passed_where_a_commit_came_before_the_second_call(self):
        text = edit(CLEAN, "commit 0 2 1400\n", "commit 0 3 2700\n")
        self.assert_finds("passed", text)
        self.assert_finds("passed", edit(text, "commit 0 3 2700", "commit 0 3 2900"), 0)
        self.assert_finds("passed", text + "fault 2600 stop p2\n", 0)


class Figures(unittest.TestCase):
    def test_an_outage_is_counted_with_what_was_made_again_for_it(self):
        text = edit(CLEAN, "fault 2000 kill p1\n", "fault 2000 kill server\nfault 2500 cont server\n")
        one = check(text)
        one.run()
        self.assertEqual(one.figures()["outages"], [{"ms": 500, "repeated": 1}])
        self.assertEqual(one.figures()["kills"], [])

    def test_a_kill_is_counted_with_what_was_open(self):
        text = CLEAN + "begin 1999000000 p1 5 b.1 1\n"
        self.assertEqual(check(text).kills(), [{"how": "kill", "maker": "p1", "repeated": 1,
                                                "in_flight": 1, "since_commit": 3}])

    def test_the_longest_pause_is_that_of_one_partition(self):
        self.assertEqual(check(CLEAN).longest_pause_ms(), 3051 - 1900)


class Program(unittest.TestCase):
    def run_check(self, text, *words):
        path = Path(f"history-{os.getpid()}.txt")
        path.write_text(text, encoding="utf-8")
        done = subprocess.run([CHECK, *words, path], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, check=False)
        path.unlink()
        return done

    def test_it_ends_with_1_for_a_class_that_is_not_allowed(self):
        self.assertEqual(self.run_check(CLEAN).returncode, 1)
        done = self.run_check(CLEAN, "--may", "duplicate")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)["classes"]["duplicate"], 1)

    def test_it_refuses_what_it_does_not_understand(self):
        done = self.run_check(CLEAN + "rumour 1 2 3\n")
        self.assertEqual((done.returncode, "rumour" in done.stderr), (66, True))

    def test_the_last_line_of_a_killed_process_may_be_torn(self):
        self.assertEqual(findings(CLEAN + "end 30240"), {"duplicate": 1})
        with self.assertRaises(Broken):
            check(CLEAN + "end 30240\n")


unittest.main(argv=sys.argv[:1], verbosity=1)
