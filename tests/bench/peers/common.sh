#!/bin/sh
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
#
# common.sh - what the `run` of each peer begins with: . "$(dirname "$0")/../common.sh"
#
# Sets here (the peer's folder) and home (where it is installed, in the cache).

set -eu

here=$(cd "$(dirname "$0")" && pwd)
peers=${WEIR_CACHE_DIR:-$(cd "$here/../../../.." && pwd)/.cache}/peers
home=$peers/$(basename "$here")

# What is installed belongs to these files.
sources_mark() {
    cat "$here"/* | cksum
}

is_installed() {
    [ "$(cat "$home/complete" 2>/dev/null)" = "$(sources_mark)" ]
}

# Ends with a reason, which the report repeats.
give_up() {
    printf '%s\n' "$*" >&2
    exit 69
}

need() {
    command -v "$1" >/dev/null 2>&1 || give_up "the program $1 is missing"
}

# step WHAT COMMAND...: runs it silently, or gives up with the last that it said.
step() {
    what=$1
    shift
    "$@" >"$home/log" 2>&1 || {
        tail -n 5 "$home/log" >&2
        give_up "$what failed: $(grep -v '^[[:space:]]*$' "$home/log" | tail -n 1 | cut -c 1-200)"
    }
}

# install_with COMMAND...: runs it in an empty $home, unless what is there is of these files.
install_with() {
    ! is_installed || return 0
    rm -rf "$home"
    mkdir -p "$home"
    cd "$home"
    "$@"
    sources_mark >"$home/complete"
}
