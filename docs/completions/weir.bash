# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
# docs/command_pages.py writes this file from the command's own tables
# shellcheck shell=bash disable=SC2207

_weir() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} verb=${COMP_WORDS[1]-} options

    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W "run check dev functions send tail invoke skip --help --version" -- "$word"))
        return
    fi
    case $before in
        -c | --config | --event) COMPREPLY=($(compgen -f -- "$word")); return ;;
        -o | --output) COMPREPLY=($(compgen -W "text json" -- "$word")); return ;;
    esac
    case $verb in
        run) options="--config --help" ;;
        check) options="--print --connect --create-topics --timeout --schema --config --output --help" ;;
        dev) options="--live --partitions --config --help" ;;
        functions) options="--config --output --help" ;;
        send) options="--key --header --format --timeout --live --config --help" ;;
        tail) options="--from --to --count --follow --key --format --live --config --output --help" ;;
        invoke) options="--event --format --config --output --help" ;;
        skip) options="--admin --config --help" ;;
        *) options= ;;
    esac
    COMPREPLY=($(compgen -W "$options" -- "$word"))
}
complete -o default -F _weir weir
