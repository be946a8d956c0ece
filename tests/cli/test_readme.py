#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""readme - "Your first function" of README.md, word by word, with an installed weir.

Takes the C source, the compiler's line and weir.yaml out of README.md, so that what stands
there is what runs: install, compile, check, invoke, dev, send, tail.

usage: test_readme.py SOURCE_DIR BUILD_DIR
"""
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

PATIENCE = 90    # seconds; only ends what hangs


class Journey:
    def __init__(self, source, build):
        self.dir = Path.cwd() / "readme"
        shutil.rmtree(self.dir, ignore_errors=True)
        self.dir.mkdir()
        self.prefix = self.dir / "prefix"
        self.build = build
        text = (Path(source) / "README.md").read_text(encoding="utf-8")
        self.chapter = re.search(r"^## Your first function\n(.*?)^## ", text, re.S | re.M).group(1)

    def block(self, language):
        """The first code block of that language in the chapter."""
        return re.search(rf"^```{language}\n(.*?)^```", self.chapter, re.S | re.M).group(1)

    def run(self, *words, stdin=None, wants=0):
        done = subprocess.run(words, cwd=self.dir, input=stdin, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=PATIENCE, check=False)
        said = f"$ {shlex.join(map(str, words))}\n{done.stdout}{done.stderr}"
        print(said, flush=True)
        if done.returncode != wants:
            raise AssertionError(f"exit code {done.returncode}, not {wants}:\n{said}")
        return done.stdout

    def weir(self, *words, **more):
        return self.run(self.prefix / "bin" / "weir", *words, **more)

    def install_and_compile(self):
        self.run("cmake", "--install", self.build, "--prefix", self.prefix)
        (self.dir / "charge.c").write_text(self.block("c"))
        (self.dir / "weir.yaml").write_text(self.block("yaml"))
        compiler, *words = shlex.split(self.block("sh"))
        self.run(compiler, "-Wall", "-Wextra", "-Werror", "-I", self.prefix / "include", *words)

    def check_and_invoke(self):
        self.weir("check")
        said = self.weir("invoke", "charge", "--format", "json", stdin='{"total": 5}',
                         wants=65)
        expect("reject (no-amount)" in said, "invoke rejects an order without an amount")

    def develop(self):
        with open(self.dir / "dev.txt", "wb") as out, open(self.dir / "dev.log", "wb") as log:
            dev = subprocess.Popen([self.prefix / "bin" / "weir", "dev"], cwd=self.dir, stdout=out,
                                   stderr=log)
        try:
            self.until(dev, "queue kafka: ")
            self.weir("send", "-t", "60s", "kafka:orders", "-k", "c7", '{"amount": 1200}')
            self.weir("send", "-t", "60s", "kafka:orders", "-k", "c8", '{"total": 3}')
            self.until(dev, "done     kafka:orders/")
            self.until(dev, "dead     kafka:orders/")
            [receipt] = self.tail("kafka:receipts")
            expect(receipt["key"] == "c7" and receipt["data"] == {"amount": 1200},
                   "the receipt is the order, with its key")
            [dead] = self.tail("kafka:orders.charge.orders.dead")
            headers = {h["name"]: h["value"] for h in dead["headers"]}
            expect(dead["data"] == {"total": 3}, "the dead letter is the order, unchanged")
            expect(headers["weir.reason"] == "rejected" and
                   headers["weir.error.class"] == "no-amount", "with reason and class")
        finally:
            dev.send_signal(signal.SIGINT)
            try:
                code = dev.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                dev.kill()
                raise
        expect(code == 0, f"weir dev ended with {code} on Ctrl-C")

    def tail(self, address):
        return [json.loads(line) for line in self.weir("tail", "-o", "json", address).splitlines()]

    def until(self, dev, text):
        deadline = time.monotonic() + PATIENCE
        while text not in (self.dir / "dev.txt").read_text():
            if dev.poll() is not None or time.monotonic() > deadline:
                log = (self.dir / "dev.txt").read_text() + (self.dir / "dev.log").read_text()
                raise AssertionError(f"weir dev never printed `{text}`:\n{log}")
            time.sleep(0.05)


def expect(is_true, text):
    if not is_true:
        raise AssertionError(f"not so: {text}")
    print(f"ok: {text}", flush=True)


def main(source, build):
    os.environ.pop("WEIR_ADMIN", None)
    journey = Journey(source, build)
    try:
        journey.install_and_compile()
        journey.check_and_invoke()
        journey.develop()
    except AssertionError as error:
        print(f"readme: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
