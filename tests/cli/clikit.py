# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""clikit - what the tests of the command share: running it, waiting for conditions."""

import os
import shutil
import subprocess
import sys
import time


class Kit:
    def __init__(self):
        self.source, self.build = sys.argv[1], sys.argv[2]
        self.weir = os.path.join(self.build, "weir")
        self.dir = os.path.join(os.getcwd(), "work")
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)
        self.failures = 0

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return path

    def example(self, name):
        """Copies an example's library next to the configuration."""
        shutil.copy(os.path.join(self.build, "examples", name + ".so"), self.dir)

    def run(self, *args, stdin="", env=None, timeout=60):
        """Returns exit code, stdout, stderr."""
        full = dict(os.environ, NO_COLOR="1")
        full.update(env or {})
        data = stdin if isinstance(stdin, bytes) else stdin.encode()
        done = subprocess.run([self.weir, *args], cwd=self.dir, input=data, env=full,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout,
                              check=False)
        return (done.returncode, done.stdout.decode(errors="replace"),
                done.stderr.decode(errors="replace"))

    def start(self, *args, out, err):
        """Starts the command with its output in files."""
        return subprocess.Popen([self.weir, *args], cwd=self.dir, stdin=subprocess.DEVNULL,
                                stdout=open(os.path.join(self.dir, out), "wb"),
                                stderr=open(os.path.join(self.dir, err), "wb"))

    def read(self, name):
        with open(os.path.join(self.dir, name), encoding="utf-8", errors="replace") as file:
            return file.read()

    def wait(self, what, condition, seconds=90):
        """Waits until condition() is true; its last value is returned."""
        end = time.monotonic() + seconds
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > end:
                self.check(False, f"waited for: {what}")
                return value
            time.sleep(0.05)

    def check(self, holds, text):
        if not holds:
            self.failures += 1
            print(f"not ok: {text}", flush=True)

    def equal(self, got, wanted, text):
        if got != wanted:
            self.failures += 1
            print(f"not ok: {text}\n--- got\n{got}\n--- wanted\n{wanted}", flush=True)

    def end(self):
        print("ok" if self.failures == 0 else f"{self.failures} failed")
        sys.exit(1 if self.failures else 0)
