#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""The manual page and the completions know every verb, option and setting."""

import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from clikit import Kit  # noqa: E402


def main():
    kit = Kit()
    _, tables, _ = kit.run("__tables")
    rows = [line.split("\t") for line in tables.splitlines()]
    code, man, _ = kit.run("__man")
    kit.equal(code, 0, "the manual page")
    shells = {s: kit.run("__completion", s)[1] for s in ("bash", "zsh", "fish")}
    for row in rows:
        name = row[1].split(".")[-1] if row[0] == "key" else row[2].lstrip("-")
        text = {"verb": f".SS weir {row[1]} ", "key": name.replace("-", "\\-"),
                "option": "\\-\\-" + name.replace("-", "\\-")}[row[0]]
        kit.check(text in man, f"the manual page lacks {row[:3]}")
        for shell, script in shells.items():
            word = row[1] if row[0] == "verb" else row[2].lstrip("-")
            kit.check(row[0] == "key" or word in script, f"{shell} lacks {row[:3]}")
    kit.check(len([r for r in rows if r[0] == "verb"]) == 8, "eight verbs")
    script = kit.write("weir.bash", shells["bash"])
    done = subprocess.run(
        ["bash", "-c", f'. "{script}"; COMP_WORDS=(weir che); COMP_CWORD=1; _weir; '
         'echo "${COMPREPLY[@]}"; COMP_WORDS=(weir tail --fo); COMP_CWORD=2; _weir; '
         'echo "${COMPREPLY[@]}"'], stdout=subprocess.PIPE, check=False)
    kit.equal(done.stdout.decode(), "check\n--follow --format\n", "what bash completes")
    if shutil.which("man"):
        page = kit.write("weir.1", man)
        done = subprocess.run(["man", "--warnings", "-l", page], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=False)
        kit.check(done.stderr == b"", f"man warns: {done.stderr.decode()}")
    kit.end()


main()
