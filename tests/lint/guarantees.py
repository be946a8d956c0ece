#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
#
# guarantees - each test, case, chaos kind and metric that docs/guarantees.md names is there.
#
# usage: guarantees.py SOURCE_DIR [BUILD_DIR]

import re
import sys
from pathlib import Path

PLACES = r"(?:unit\.\w+|contract|engine|cli|broker|lint|fuzz|sim|guard)"


def tests(root):
    """Names as ctest says them, from where the files lie."""
    names = {f"sim.{name}" for name in ("quick", "same", "planted")} | {"guard.instructions"}
    for path in (root / "tests").rglob("*"):
        place = path.relative_to(root / "tests").parts
        stem = path.stem.removeprefix("test_").removeprefix("fuzz_")
        if path.is_file() and len(place) > 1:
            names.add(".".join(place[:-1]) + "." + stem)
    return names


def main():
    root = Path(sys.argv[1])
    text = (root / "docs/guarantees.md").read_text(encoding="utf-8")
    there = tests(root)
    sources = "\n".join(
        path.read_text(encoding="utf-8", errors="replace")
        for path in (root / "tests").rglob("*")
        if path.suffix in (".c", ".h", ".py")
    )
    metrics = (root / "docs/metrics.md").read_text(encoding="utf-8")
    kinds = {path.stem for path in (root / "tests/chaos").glob("*.py")}
    wrong = []
    words = re.findall(r"`([^`\n]+)`", text)
    for word in words:
        if re.fullmatch(PLACES + r"\.\w+", word):
            if word not in there:
                wrong.append(f"no test {word}")
        elif re.fullmatch(r"weir_\w+", word):
            if word not in metrics and word not in sources:
                wrong.append(f"no metric or name {word}")
        elif re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+){3,}", word):
            if not re.search(rf"\b{word}\b", sources):
                wrong.append(f"no case {word}")
    for line in re.findall(r"chaos ((?:`\w+`,? ?)+)", text):
        wrong += [f"no kind of chaos {kind}" for kind in re.findall(r"`(\w+)`", line) if kind not in kinds]
    for one in wrong:
        print(f"docs/guarantees.md: {one}")
    print(f"{len(words)} names looked at")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
