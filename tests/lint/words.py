#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
#
# words - no unfinished work is marked in the tree, and every file says its licence.
#
# usage: words.py SOURCE_DIR [BUILD_DIR]

import os
import re
import sys

# Written in two halves so that this file does not find itself.
MARKS = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX"]) + r")\b")
# In halves as well, for the tools that look for licences.
LICENCE = "SPDX-License-" + "Identifier: Apache-2.0"
SKIP_DIRS = {".git", "build", ".cache", ".weir", "__pycache__", "LICENSES"}
# Formats without comments; .reuse/dep5 speaks for them.
NO_HEADER = (".json", ".md", ".sum", ".svg", ".weir", ".bin", ".png")
NO_HEADER_NAMES = {"LICENSE", ".git", ".gitignore", "dep5"}


def files(root):
    for folder, dirs, names in os.walk(root):
        dirs[:] = sorted(d for d in dirs if d not in SKIP_DIRS and not d.startswith("build-"))
        for name in sorted(names):
            yield os.path.relpath(os.path.join(folder, name), root)


def main():
    root = sys.argv[1]
    wrong = []
    n_files = 0
    for path in files(root):
        try:
            with open(os.path.join(root, path), encoding="utf-8") as file:
                text = file.read()
        except (UnicodeDecodeError, OSError):
            continue
        n_files += 1
        lines = text.split("\n")
        for number, line in enumerate(lines, 1):
            if MARKS.search(line):
                wrong.append(f"{path}:{number}: unfinished: {line.strip()}")
        is_data = path.startswith("tests/data/") or "/data/" in path or "/corpus/" in path
        needs_header = not (path.endswith(NO_HEADER) or os.path.basename(path) in NO_HEADER_NAMES)
        if needs_header and not is_data and LICENCE not in text[:500]:
            wrong.append(f"{path}: says no licence (SPDX-License-Identifier)")
    if n_files == 0:
        wrong.append(f"no files under {root}")
    print("\n".join(wrong) if wrong else f"{n_files} files, nothing unfinished")
    return 1 if wrong else 0


sys.exit(main())
