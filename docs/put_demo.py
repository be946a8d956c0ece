#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""Writes the section "See it run" of README.md, between its two marks, with the output of ./dev demo.

usage: ./dev demo | tee demo.txt; docs/put_demo.py [--after TEXT] demo.txt
       --after TEXT: leave out everything before the line that begins with TEXT
"""
import pathlib
import re
import sys

README = pathlib.Path(__file__).parent.parent / "README.md"
MARKS = re.compile(r"(<!-- demo:begin[^>]*-->\n).*?(<!-- demo:end -->)", re.S)

SECTION = """## See it run

On Debian 12 or 13:

```sh
./dev demo
```

It installs what is missing, builds weir, starts a private Kafka and a private Redis, sends a few thousand events through two example
functions and two replicas, kills one replica half way, and prints what became of every event:

```text
{output}
```

"""


def main(args):
    after = None
    if len(args) == 3 and args[0] == "--after":
        after = args[1]
        args = args[2:]
    if len(args) != 1:
        print(__doc__, file=sys.stderr)
        return 64
    lines = pathlib.Path(args[0]).read_text(encoding="utf-8").splitlines()
    if after is not None:
        found = [i for i, line in enumerate(lines) if line.startswith(after)]
        if not found:
            print(f"no line begins with {after!r}", file=sys.stderr)
            return 65
        lines = lines[found[0]:]
    lines = [line.rstrip() for line in lines]
    if not any(lines):
        print("there is no output", file=sys.stderr)
        return 65
    block = SECTION.replace("{output}", "\n".join(lines).strip("\n"))
    text = README.read_text(encoding="utf-8")
    new, n = MARKS.subn(lambda m: m.group(1) + block + m.group(2), text)
    if n != 1:
        print("README.md has no marks for the demo", file=sys.stderr)
        return 70
    README.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
