#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""Writes docs/commands.md from what the command says of itself.

usage: command_pages.py WEIR [--check]

With --check nothing is written; it fails if the page is not up to date.
"""
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parent / "commands.md"


def weir(program, *words):
    return subprocess.run([program, *words], check=True, capture_output=True, text=True).stdout


class Verb:
    def __init__(self, name, args, summary):
        self.name, self.args, self.summary = name, args, summary
        self.options = []
        self.text = []


def read(program):
    """The verbs with their options, and the exit codes."""
    verbs = {}
    for line in weir(program, "__tables").splitlines():
        kind, *fields = line.split("\t")
        if kind == "verb":
            verbs[fields[0]] = Verb(*fields)
        elif kind == "option":
            verbs[fields[0]].options.append(fields[1:])
    for verb in verbs.values():
        # Everything below the options is in paragraphs.
        verb.text = weir(program, verb.name, "--help").rstrip("\n").split("\n\n")[3:]
    codes = weir(program, "--help").split("exit codes: ", 1)[1]
    return list(verbs.values()), [code.strip() for code in codes.replace("\n", " ").split(";")]


def cell(text):
    return text.replace("|", "\\|")


def markdown(verbs, codes):
    out = ["# Commands", "", "<!-- docs/command_pages.py writes this page -->", "",
           "What `weir VERB --help` says, in one place. [operations.md](operations.md) says when to use what.", ""]
    for verb in verbs:
        out += [f"## weir {verb.name}", "", verb.summary, "", "```", f"weir {verb.name} [options] {verb.args}".rstrip(),
                "```", "", "| option | what |", "|---|---|"]
        for long, letter, arg, help_text in verb.options:
            names = (f"`-{letter}`, " if letter != "-" else "") + f"`{long}{' ' + arg if arg else ''}`"
            out.append(f"| {names} | {cell(help_text)} |")
        for paragraph in verb.text:
            out += ["", paragraph]
        out.append("")
    out += ["## Exit codes", "", "| code | meaning |", "|---|---|"]
    out += ["| {} | {} |".format(*code.split(" ", 1)) for code in codes]
    return "\n".join(out) + "\n"


def main():
    text = markdown(*read(sys.argv[1]))
    is_old = not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text
    if is_old and "--check" in sys.argv:
        sys.exit("docs/commands.md is not up to date; docs/command_pages.py BUILD/weir writes it")
    if is_old:
        PAGE.write_text(text, encoding="utf-8")


main()
