#!/bin/sh
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
#
# weir/handler.h compiles without a warning as C11 and as C++17 with every compiler at hand, and
# a library of two files links with no symbol left open and only its table exported.
#
# usage: handler_header.sh SOURCE_DIR BUILD_DIR

set -eu

source=$1
flags="-Wall -Wextra -Wpedantic -Wshadow -Wcast-qual -Wconversion -Werror -O1 -fPIC -fvisibility=hidden"
n=0
failed=0

# try COMPILER STANDARD [flags...]
try() {
    compiler=$1
    shift
    command -v "$compiler" >/dev/null || {
        echo "skipped: no $compiler here"
        return 0
    }
    # shellcheck disable=SC2086  # flags are words
    if ! "$compiler" "$@" $flags -I"$source/handlers" -shared -Wl,-z,defs -o lib.so \
        "$source/tests/data/header/one.c" "$source/tests/data/header/two.c"; then
        echo "failed: $compiler $*"
        failed=1
        return 0
    fi
    exported=$(nm -D --defined-only lib.so | awk '{ print $3 }' | grep -v '^_' | tr '\n' ' ')
    if [ "$exported" != "weir_library " ]; then
        echo "failed: $compiler $* exports: $exported"
        failed=1
    fi
    n=$((n + 1))
}

for cc in cc gcc clang clang-14 clang-19; do
    try "$cc" -std=c11
    try "$cc" -std=c17
done
for cxx in g++ clang++ clang++-14 clang++-19; do
    try "$cxx" -std=c++17 -x c++
    try "$cxx" -std=c++20 -x c++
done

echo "$n builds"
[ "$n" -gt 0 ] || {
    echo "failed: no compiler at all"
    exit 1
}
exit "$failed"
