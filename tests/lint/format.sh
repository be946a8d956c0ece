#!/bin/sh
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
#
# format - every C source is as clang-format 14 lays it out.
#
# usage: format.sh SOURCE_DIR [BUILD_DIR]

set -eu

cd "$1"
format=
for program in clang-format-14 "${WEIR_CACHE_DIR:-.cache}/clang-format/bin/clang-format" clang-format; do
    if "$program" --version 2>/dev/null | grep -q 'version 14\.'; then
        format=$program
        break
    fi
done
[ -n "$format" ] || {
    echo "clang-format 14 is missing; ./dev setup brings it" >&2
    exit 1
}
find worker schemas triggers handlers tests -name data -prune -o \( -name '*.c' -o -name '*.h' \) -print |
    sort | xargs "$format" --style=file --dry-run --Werror
echo "laid out as .clang-format says"
