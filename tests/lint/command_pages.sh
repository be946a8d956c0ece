#!/bin/sh
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
#
# command_pages - man page, docs/commands.md and completions say what the command says.
#
# usage: command_pages.sh SOURCE_DIR BUILD_DIR

set -eu

"$1/docs/command_pages.py" "$2/weir" --check
bash -n "$1/docs/completions/weir.bash"
echo "up to date"
