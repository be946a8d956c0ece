#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
#
# floors - includes go downwards only, and each third-party library stays in few files.
#
# usage: floors.py SOURCE_DIR [BUILD_DIR]

import os
import re
import sys

# What a folder may include, besides itself.
FLOORS = {
    "worker/base": [],
    "schemas": ["worker/base"],
    "triggers": ["schemas", "worker/base"],
    "handlers": ["schemas", "worker/base"],
    "worker/engine": ["schemas", "worker/base"],
    "worker/app": ["worker/engine", "triggers", "handlers", "schemas", "worker/base"],
}
# The engine sees of its neighbours the contracts alone.
ENGINE_MAY = {
    "triggers/source.h",
    "triggers/sink.h",
    "triggers/settler.h",
    "handlers/host.h",
    "handlers/call.h",
}
# In worker/app, only these name concrete adapters: registry.c, and what it has for each.
REGISTRY = re.compile(r"^worker/app/registry(_\w+)?\.[ch]$")
ADAPTER = re.compile(r"^triggers/(kafka|redis|file|memory|null)_")

LIBRARIES = {
    "librdkafka": r"librdkafka/",
    "hiredis": r"(hiredis/)?(hiredis|read|sds|async)\.h$",
    "msgpack-c": r"msgpack(\.h$|/)",
    "yyjson": r"yyjson\.h$",
    "libfyaml": r"libfyaml\.h$",
    "libmicrohttpd": r"microhttpd\.h$",
    "libcurl": r"curl/",
}
MOST_FILES = 3

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def floor_of(path):
    for floor in sorted(FLOORS, key=len, reverse=True):
        if path.startswith(floor + "/"):
            return floor
    return None


def sources(root):
    for top in ("worker", "schemas", "triggers", "handlers"):
        for folder, dirs, names in os.walk(os.path.join(root, top)):
            dirs.sort()
            for name in sorted(names):
                if name.endswith((".c", ".h")):
                    yield os.path.relpath(os.path.join(folder, name), root)


def includes(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            found = INCLUDE.match(line)
            if found:
                yield number, found.group(1), found.group(2)


def is_allowed(path, target):
    mine, theirs = floor_of(path), floor_of(target)
    if theirs is None:
        return False
    if mine == theirs or theirs in FLOORS[mine]:
        return not (mine == "worker/app" and ADAPTER.match(target) and not REGISTRY.match(path))
    return mine == "worker/engine" and target in ENGINE_MAY


def main():
    root = sys.argv[1]
    wrong = []
    users = {name: set() for name in LIBRARIES}
    n_files = 0
    for path in sources(root):
        n_files += 1
        is_user_code = path.startswith("handlers/examples/")
        for number, kind, target in includes(root, path):
            where = f"{path}:{number}"
            if kind == '"' and is_user_code:
                wrong.append(f"{where}: an example includes {target}; users have <weir/handler.h> alone")
            elif kind == '"' and path != "handlers/weir/handler.h" and not is_allowed(path, target):
                wrong.append(f"{where}: {target} is not below {floor_of(path)}, or has no path from the root")
            elif kind == "<" and target == "weir/handler.h" and path == "handlers/weir/handler.h":
                wrong.append(f"{where}: includes itself")
            for name, pattern in LIBRARIES.items():
                if kind == "<" and re.match(pattern, target):
                    users[name].add(path)
    for name, paths in users.items():
        if len(paths) > MOST_FILES:
            wrong.append(f"{name} is included by {len(paths)} files, at most {MOST_FILES}: "
                         + " ".join(sorted(paths)))
    if n_files == 0:
        wrong.append(f"no sources under {root}")
    print("\n".join(wrong) if wrong else f"{n_files} files, all downwards")
    return 1 if wrong else 0


sys.exit(main())
