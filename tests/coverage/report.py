#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""Runs the tests in a build with counters and prints what of the source ran, floor by floor.

Counted is all of worker, schemas, triggers and handlers, as gcc and gcovr count it, but

  - the other side of WEIR_ASSERT, WEIR_DCHECK and WEIR_CAST: it stops the process;
  - what only a failed allocation reaches: a block that did not run behind an `if` that asks for
    the failure of an allocator (malloc and its kin, weir_arena_*, weir_buf_reserve, has_failed)
    or for WEIR_ENOMEM, or that says "out of memory"; the branches of that `if` that were not
    taken; and those of an `if` that asks for the success of one;
  - a branch that was not taken on a line with, or just below, a comment that begins
    "never taken:" and says why.

A process that dies of a signal counts for nothing, so what only kill -9 sees is missing here.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[2]
WANTED = (90.0, 80.0)  # percent of lines, of branches
FLOORS = ("worker/base", "schemas", "triggers", "handlers", "handlers/examples",
          "worker/engine", "worker/app")
# What must be covered whole.
PARTS = {
    "flow": r"worker/engine/flow\w*\.c",
    "tracker": r"triggers/(offset_track|redis_part|redis_held)\.c",
    "ack map": r"triggers/ack_(map|bits)\.c",
    "codecs": r"schemas/(codec\w*|json_\w+|msgpack_\w+|cloudevents|base64|capture_frame)\.[ch]",
}
LABELS = "^(unit|engine|cli|contract|broker|sim)$"
ASSERTS = re.compile(r"\bWEIR_(?:ASSERT|DCHECK|CAST)\(")
ALLOCATORS = (r"(?:malloc|calloc|realloc|reallocarray|strdup|strndup|asprintf|"
              r"weir_arena_\w+|weir_buf_reserve|\w*_(?:new|dup|grow|reserve|alloc))\(")
FAILED = re.compile(rf"has_failed|WEIR_ENOMEM|![\w>.-]*{ALLOCATORS}|{ALLOCATORS}[^;]*\)\s*(?:==|!=)\s*NULL")
SUCCEEDED = re.compile(rf"^\((?:\(?[^&|]*{ALLOCATORS}[^;&|]*\)\s*!=\s*NULL|weir_buf_reserve\([^&|]*)\)$", re.S)
SAYS = re.compile(r"WEIR_ENOMEM|out of memory")
NEVER = re.compile(r"/\* never taken: ")


def closing(text, at, pair):
    """The place behind what closes the bracket at text[at]; quotes are passed over."""
    depth = 0
    while at < len(text):
        char = text[at]
        if char in "\"'":
            quoted = re.compile(r"(\\.|[^\\])*?" + char, re.S).match(text, at + 1)
            at = quoted.end() if quoted else len(text)
            continue
        if text.startswith("/*", at):
            at = max(text.find("*/", at), at) + 2
            continue
        depth += (char == pair[0]) - (char == pair[1])
        at += 1
        if depth == 0:
            return at
    return len(text)


class Rules:
    """Which lines and branches of one file do not count."""

    def __init__(self, path, ran):
        self.text = (SOURCE / path).read_text(encoding="utf-8")
        self.starts = [0] + [found.end() for found in re.finditer("\n", self.text)]
        self.ran = ran  # line: how often
        self.lines = set()
        self.branches = set()  # lines whose branches that were not taken do not count
        for found in ASSERTS.finditer(self.text):
            end = closing(self.text, found.end() - 1, "()")
            self.branches |= set(self.between(found.start(), end))
        for found in NEVER.finditer(self.text):
            end = self.text.find("*/", found.start())
            first, last = self.line(found.start()), self.line(end)
            self.branches |= set(range(first, last + 2))
        for found in re.finditer(r"\bif (?=\()", self.text):
            self.look_at_if(found.start(), found.end())

    def line(self, at):
        low, high = 0, len(self.starts)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.starts[middle] <= at else (low, middle)
        return low + 1

    def between(self, begin, end):
        return range(self.line(begin), self.line(end - 1) + 1)

    def look_at_if(self, begin, bracket):
        end = closing(self.text, bracket, "()")
        condition = self.text[bracket:end]
        block = re.compile(r"\s*\{\s*").match(self.text, end)
        if block is None:
            return
        block_end = closing(self.text, self.text.index("{", end), "{}")
        body = self.between(block.end(), block_end - 1)
        if SUCCEEDED.search(condition):
            self.branches |= set(self.between(begin, end))
        # gcc counts a bare return with all others of the function.
        is_bare = re.fullmatch(r"return;\s*(/\*.*?\*/)?\s*\}", self.text[block.end():block_end], re.S)
        if any(self.ran.get(line, 0) > 0 for line in body) and not is_bare:
            return
        if FAILED.search(condition) or SAYS.search(self.text[block.end():block_end]) \
                or self.asks_for_null(begin, condition):
            self.lines |= set(body)
            self.branches |= set(self.between(begin, end)) | set(body)

    def asks_for_null(self, begin, condition):
        """An `x == NULL` of an x that an allocator gave in the lines before."""
        before = self.text[self.starts[max(self.line(begin) - 12, 0)]:begin]
        return any(re.search(rf"(?<![\w.>-]){re.escape(name)} =\s+{ALLOCATORS}", before)
                   for name in re.findall(r"([\w.>\[\]-]+) == NULL", condition))


class Count:
    def __init__(self):
        self.lines = self.ran = self.branches = self.taken = 0

    def add(self, other):
        self.lines += other.lines
        self.ran += other.ran
        self.branches += other.branches
        self.taken += other.taken

    def shares(self):
        return (100 * self.ran / max(self.lines, 1),
                100 * self.taken / self.branches if self.branches else 100.0)

    def row(self, name):
        lines, branches = self.shares()
        return (f"{name:32} {lines:6.1f} % of {self.lines:6} lines   "
                f"{branches:6.1f} % of {self.branches:6} branches   {self.branches - self.taken:5} missing")


def read(data):
    """{path: (Count, {line: (taken, branches)} of the lines with branches that miss)}"""
    files = {}
    for file in data["files"]:
        path = file["file"]
        ran = {line["line_number"]: line["count"] for line in file["lines"]}
        rules = Rules(path, ran)
        count, missing = Count(), {}
        for line in file["lines"]:
            number = line["line_number"]
            if number in rules.lines or line.get("gcovr/noncode"):
                continue
            count.lines += 1
            count.ran += line["count"] > 0
            n_all = len(line["branches"])
            n_taken = sum(branch["count"] > 0 for branch in line["branches"])
            if number in rules.branches:
                n_all = n_taken
            count.branches += n_all
            count.taken += n_taken
            if n_taken < n_all or line["count"] == 0:
                missing[number] = (n_taken, n_all, line["count"])
        files[path] = (count, missing)
    return files


def collect(build):
    """What gcovr says; the newest counters of every process."""
    out = build / "coverage.json"
    gcov = "gcov"
    done = subprocess.run(
        ["gcovr", "--root", SOURCE, "--object-directory", build, "--gcov-executable", gcov,
         "-j", str(os.cpu_count()), "--json", "-o", out,
         *(word for floor in ("worker", "schemas", "triggers", "handlers")
           for word in ("--filter", f"{SOURCE}/{floor}/"))],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"gcovr failed:\n{done.stderr}")
    return json.loads(out.read_text(encoding="utf-8"))


def run_tests(build, args):
    """Adds to the counters, or begins anew when all are run."""
    if args.only is None:
        for path in build.rglob("*.gcda"):
            path.unlink()
    # sim.planted builds mutants of the source elsewhere: nothing of it counts here.
    chosen = ["-R", args.only] if args.only else ["-L", LABELS, "-E", r"^sim\.planted$"]
    if not args.long:
        chosen += ["-LE", "long"]
    return subprocess.run(["ctest", "--test-dir", build, "--output-on-failure",
                           "-j", str((os.cpu_count() or 1) + 1), *chosen]).returncode


def floor_of(path):
    return max((floor for floor in FLOORS if path.startswith(floor + "/")), key=len, default="other")


def sums(files, name_of):
    table = {}
    for path, (count, _) in files.items():
        name = name_of(path)
        if name is not None:
            table.setdefault(name, Count()).add(count)
    return table


def part_of(path):
    return next((name for name, pattern in PARTS.items() if re.fullmatch(pattern, path)), None)


def show_missing(path, missing):
    source = (SOURCE / path).read_text(encoding="utf-8").split("\n")
    for number, (taken, branches, count) in sorted(missing.items()):
        what = f"{taken}/{branches}" if branches else "never"
        print(f"{path}:{number}: {what if count else 'never':6} {source[number - 1].strip()}")


def report(files, args):
    if args.files:
        worst = sorted(files.items(), key=lambda item: item[1][0].taken - item[1][0].branches)
        for path, (count, _) in worst:
            print(count.row(path))
        print()
    for wanted in args.missing:
        for path in sorted(files):
            if path.endswith(wanted):
                show_missing(path, files[path][1])
        print()
    floors = sums(files, floor_of)
    for name in (*FLOORS, "other"):
        if name in floors:
            print(floors[name].row(name))
    whole = sums(files, lambda path: "all")["all"]
    print(whole.row("all"))
    print()
    for name, count in sorted(sums(files, part_of).items()):
        print(count.row(name))
    return all(share >= wanted for share, wanted in zip(whole.shares(), WANTED))


def main():
    parser = argparse.ArgumentParser(prog="./dev coverage", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--only", metavar="REGEX")
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--files", action="store_true")
    parser.add_argument("--missing", action="append", default=[], metavar="FILE")
    args = parser.parse_args()
    if shutil.which("gcovr") is None:
        sys.exit("gcovr is missing")
    args.build = args.build.resolve()
    code = 0 if args.report else run_tests(args.build, args)
    if code != 0:
        print("\nsome tests failed: what they would have reached is missing below\n")
    is_enough = report(read(collect(args.build)), args)
    if not is_enough:
        print(f"\nwanted: {WANTED[0]:.0f} % of the lines, {WANTED[1]:.0f} % of the branches")
    return 0 if is_enough and code == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
