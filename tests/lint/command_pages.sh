#!/bin/sh
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
#
# command_pages - docs/commands.md says what the command says of itself.
#
# usage: command_pages.sh SOURCE_DIR BUILD_DIR

set -eu

"$1/docs/command_pages.py" "$2/weir" --check
echo "up to date"
