#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""Writes what is known of the command from its own tables: man page, commands.md, completions.

usage: command_pages.py WEIR [--check]

With --check nothing is written; it fails and names the files that are not up to date.
"""
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
GENERATED = "docs/command_pages.py writes this file from the command's own tables"
LICENCE = ("SPDX-FileCopyrightText: 2026 The weir authors", "SPDX-License-Identifier: Apache-2.0", GENERATED)
# Verbs whose argument is a name that the configuration gives.
FILES = {"config", "event"}


def weir(program, *words):
    return subprocess.run([program, *words], check=True, capture_output=True, text=True).stdout


class Verb:
    def __init__(self, name, args, summary):
        self.name, self.args, self.summary = name, args, summary
        self.options = []
        self.text = []


def read(program):
    """The verbs with their options, the configuration's keys, and the exit codes."""
    verbs, keys = {}, []
    for line in weir(program, "__tables").splitlines():
        kind, *fields = line.split("\t")
        if kind == "verb":
            verbs[fields[0]] = Verb(*fields)
        elif kind == "option":
            verbs[fields[0]].options.append(fields[1:])
        elif kind == "key":
            keys.append(fields)
    for verb in verbs.values():
        # Everything below the options is in paragraphs.
        verb.text = weir(program, verb.name, "--help").rstrip("\n").split("\n\n")[3:]
    codes = weir(program, "--help").split("exit codes: ", 1)[1]
    return list(verbs.values()), keys, [code.strip() for code in codes.replace("\n", " ").split(";")]


def roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "")
    return "\n".join("\\&" + line if line.startswith((".", "'")) else line for line in text.split("\n"))


def roff_option(long, letter, arg, help_text):
    short = f"\\fB\\-{letter}\\fR, " if letter != "-" else ""
    value = f" \\fI{roff(arg)}\\fR" if arg else ""
    return [".TP", f"{short}\\fB{roff(long)}\\fR{value}", roff(help_text)]


def man(verbs, keys, codes, version):
    out = [f'.\\" {line}' for line in LICENCE]
    out += [f'.TH WEIR 1 "" "{version}" "User Commands"', ".SH NAME",
            "weir \\- runs functions on Kafka topics and Redis streams", ".SH SYNOPSIS",
            "\\fBweir\\fR \\fIVERB\\fR [\\fIoptions\\fR]", ".SH DESCRIPTION",
            "weir consumes Kafka topics and Redis streams, hands each event to a function, publishes what the",
            "function returns, and keeps the events that no function could handle. Data goes to the standard",
            "output, logs to the standard error.", ".SH VERBS"]
    for verb in verbs:
        out += [f".SS weir {verb.name} [options] {roff(verb.args)}".rstrip(), roff(verb.summary)]
        for option in verb.options:
            out += roff_option(*option)
        for paragraph in verb.text:
            out += [".PP", roff(paragraph)]
    out += [".SH CONFIGURATION", "The keys of the file, their defaults, and what they are."]
    for key, default, help_text in keys:
        out += [".TP", f"\\fB{roff(key)}\\fR" + (f" ({roff(default)})" if default else ""), roff(help_text or "\\&")]
    out += [".SH ENVIRONMENT", ".TP", "\\fBNO_COLOR\\fR", "No colour, also on a terminal.", ".SH EXIT STATUS"]
    for code in codes:
        number, text = code.split(" ", 1)
        out += [".TP", f"\\fB{number}\\fR", roff(text)]
    return "\n".join(out) + "\n"


def cell(text):
    return text.replace("|", "\\|")


def markdown(verbs, _keys, codes, _version):
    out = ["# Commands", "", f"<!-- {GENERATED} -->", "",
           "What `weir VERB --help` says, in one place. [operations.md](operations.md) says when to use what.", ""]
    for verb in verbs:
        out += [f"## weir {verb.name}", "", verb.summary, "", "```", f"weir {verb.name} [options] {verb.args}".rstrip(),
                "```", "", "| option | what |", "|---|---|"]
        for long, letter, arg, help_text in verb.options:
            names = (f"`-{letter}`, " if letter != "-" else "") + f"`{long}{' ' + arg if arg else ''}`"
            out.append(f"| {names} | {cell(help_text)} |")
        for paragraph in verb.text:
            out += ["", paragraph]
        out.append("")
    out += ["## Exit codes", "", "| code | meaning |", "|---|---|"]
    out += ["| {} | {} |".format(*code.split(" ", 1)) for code in codes]
    return "\n".join(out) + "\n"


def bash(verbs, *_):
    names = " ".join(verb.name for verb in verbs)
    out = [f"# {line}" for line in LICENCE]
    out += ["# shellcheck shell=bash disable=SC2207", "", "_weir() {",
            "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} verb=${COMP_WORDS[1]-} options",
            "", "    if [ \"$COMP_CWORD\" -eq 1 ]; then",
            f"        COMPREPLY=($(compgen -W \"{names} --help --version\" -- \"$word\"))", "        return", "    fi",
            "    case $before in", "        -c | --config | --event) COMPREPLY=($(compgen -f -- \"$word\")); return ;;",
            "        -o | --output) COMPREPLY=($(compgen -W \"text json\" -- \"$word\")); return ;;", "    esac",
            "    case $verb in"]
    for verb in verbs:
        words = " ".join(option[0] for option in verb.options)
        out.append(f"        {verb.name}) options=\"{words}\" ;;")
    out += ["        *) options= ;;", "    esac", "    COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))", "}",
            "complete -o default -F _weir weir"]
    return "\n".join(out) + "\n"


def quoted(text):
    return text.replace("'", "").replace("[", "(").replace("]", ")").replace(":", " -")


def zsh(verbs, *_):
    out = ["#compdef weir"] + [f"# {line}" for line in LICENCE]
    out += ["", "_weir() {", "    local -a verbs", "    verbs=("]
    out += [f"        '{verb.name}:{quoted(verb.summary)}'" for verb in verbs]
    out += ["    )", "    if (( CURRENT == 2 )); then", "        _describe 'verb' verbs", "        return", "    fi",
            "    local verb=${words[2]}", "    shift words", "    (( CURRENT-- ))", "    case $verb in"]
    for verb in verbs:
        out.append(f"        {verb.name})")
        out.append("            _arguments \\")
        for long, letter, arg, help_text in verb.options:
            after = ""
            if arg:
                after = f":{arg}:" + ("_files" if long[2:] in FILES else "(text json)" if long == "--output" else "")
            names = f"'(-{letter} {long})'{{-{letter},{long}}}" if letter != "-" else long
            out.append(f"                {names}'[{quoted(help_text)}]{after}' \\")
        out += ["                '*:argument:_files'", "            ;;"]
    out += ["    esac", "}", "", "_weir \"$@\""]
    return "\n".join(out) + "\n"


def fish(verbs, *_):
    out = [f"# {line}" for line in LICENCE]
    out.append("complete -c weir -n __fish_use_subcommand -f")
    for verb in verbs:
        out.append(f"complete -c weir -n __fish_use_subcommand -f -a {verb.name} -d '{quoted(verb.summary)}'")
    for verb in verbs:
        for long, letter, arg, help_text in verb.options:
            short = f" -s {letter}" if letter != "-" else ""
            value = ""
            if arg:
                value = " -r -F" if long[2:] in FILES else " -x -a 'text json'" if long == "--output" else " -x"
            out.append(f"complete -c weir -n '__fish_seen_subcommand_from {verb.name}'{short} -l {long[2:]}{value}"
                       f" -d '{quoted(help_text)}'")
    return "\n".join(out) + "\n"


PAGES = {
    "weir.1": man,
    "commands.md": markdown,
    "completions/weir.bash": bash,
    "completions/_weir": zsh,
    "completions/weir.fish": fish,
}


def main():
    program = sys.argv[1]
    facts = (*read(program), weir(program, "--version").strip())
    old = []
    for name, page in PAGES.items():
        path, text = HERE / name, page(*facts)
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        old.append(f"docs/{name}")
        if "--check" not in sys.argv:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if "--check" in sys.argv and old:
        sys.exit("not up to date: " + " ".join(old) + "; docs/command_pages.py BUILD/weir writes them")


main()
