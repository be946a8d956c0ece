#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""Help, options, exit codes, and functions run on one event."""

import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from clikit import Kit  # noqa: E402

VERBS = ["run", "check", "dev", "send", "tail", "functions", "invoke", "skip"]
CONFIG = """worker: { name: demo }
queues:
  kafka: { type: kafka, brokers: "127.0.0.1:1" }
functions:
  charge: { library: ./charge.so }
subscriptions:
  - { function: charge, from: kafka:orders, start: earliest, format: json, to: kafka:receipts }
"""


def usage(kit):
    code, out, _ = kit.run("--help")
    kit.check(code == 0 and all(f"\n  {v} " in out for v in VERBS), f"--help: {code} {out}")
    for verb in ["replay", "dlq", "status", "top", "explain", "pause", "resume", "__tables"]:
        kit.check(f"\n  {verb} " not in out, f"--help must not know {verb}")
    for verb in VERBS:
        code, out, _ = kit.run(verb, "--help")
        kit.check(code == 0 and out.startswith(f"usage: weir {verb}") and "--config" in out,
                  f"{verb} --help: {code} {out}")
    code, out, _ = kit.run("--version")
    kit.check(code == 0 and out.startswith("weir "), f"--version: {out}")
    for args, wanted in [
            ([], "usage: weir VERB"), (["chek"], "did you mean `check`?"),
            (["replay"], "unknown verb `replay`"), (["check", "--prnt"], "did you mean `--print`?"),
            (["check", "-z"], "unknown option `-z`"), (["check", "-c"], "needs a value"),
            (["check", "more"], "`more` is too much"), (["send"], "is missing"),
            (["send", "orders", "x"], "orders"), (["invoke", "charge", "--at", "x"], "--at"),
            (["tail", "kafka:orders", "--where", "x"], "--where"),
            (["tail", "kafka:orders", "-n", "0"], "-n takes"),
            (["send", "none:orders", "x"], "there is no `none`"),
            (["send", "kafka:orders", "x", "-H", "y"], "name=value"),
            (["invoke", "charg"], "there is no `charg`"), (["skip", "kafka:orders"], "its place"),
            (["run", "-o", "json"], "prints no data"), (["check", "-o", "xml"], "text or json")]:
        code, _, err = kit.run(*args)
        kit.check(code == 64 and wanted in err, f"{args}: {code} {err}")


def codes(kit):
    code, _, err = kit.run("send", "kafka:orders", "{}", "-t", "500ms")
    kit.check(code == 69, f"send without a broker: {code} {err}")
    code, _, err = kit.run("send", "kafka:orders", "{", "-f", "json", "-t", "500ms")
    kit.check(code == 65, f"send of what is no JSON: {code} {err}")
    code, _, err = kit.run("skip", "kafka:orders/0@5")
    kit.check(code == 69, f"skip without a worker and a broker: {code} {err}")
    code, _, err = kit.run("check", "--connect", "-t", "500ms")
    kit.check(code == 69, f"check --connect without a broker: {code} {err}")
    code, _, err = kit.run("dev", "--live", "nope")
    kit.check(code == 66 and "--live nope" in err, f"dev --live of no queue: {code} {err}")
    code, _, err = kit.run("run", "-c", "none.yaml")
    kit.check(code == 78, f"run without a file: {code} {err}")
    code, _, err = kit.run("invoke", "charge", "-e", "none.json")
    kit.check(code == 66, f"invoke without a file: {code} {err}")
    kit.write("broken.yaml", CONFIG.replace("./charge.so", "./none.so"))
    code, _, err = kit.run("run", "-c", "broken.yaml")
    kit.check(code == 78 and "none.so" in err and "^" in err, f"run: {code} {err}")


def invoke(kit):
    event = {"key": "k", "data": {"amount": 5}, "headers": {"a": "b"},
             "position": "kafka:orders/3@1042", "time": "2026-11-20T08:00:00Z"}
    code, out, err = kit.run("invoke", "charge", "-o", "json", stdin=json.dumps(event))
    kit.equal(code, 0, f"invoke: {err}")
    got = json.loads(out)
    kit.equal((got["verdict"], len(got["outputs"])), ("done", 1), "its verdict")
    kit.equal((got["outputs"][0]["to"], got["outputs"][0]["key"], got["outputs"][0]["data"]),
              ("kafka:receipts", "k", {"amount": 5}), "its output")
    code, out, _ = kit.run("invoke", "charge", "--format", "json", stdin='{"x":1}')
    kit.check(code == 65 and "verdict: reject (no-amount)" in out, f"a reject: {code} {out}")
    code, out, _ = kit.run("invoke", "charge", stdin='{"data_base64":"eyJhbW91bnQiOjd9"}')
    kit.check(code == 0 and '{"amount":7}' in out, f"base64: {code} {out}")
    event = '{"specversion":"1.0","id":"1","source":"s","type":"t","data":{"amount":8}}'
    code, out, err = kit.run("invoke", "charge", "-f", "cloudevents", stdin=event)
    kit.check(code == 0 and '"amount":8' in out, f"a whole CloudEvent: {code} {out} {err}")
    for bad in ["", "{", "[]", '{"dat":1}', '{"data":"{"}', '{"time":"x"}', '{"position":"x"}',
                '{"data_base64":"!"}', '{"headers":5}']:
        code, _, err = kit.run("invoke", "charge", stdin=bad)
        kit.check(code == 65 and "event" in err, f"event {bad!r}: {code} {err}")
    code, out, _ = kit.run("functions", "-o", "json")
    got = json.loads(out)
    kit.equal((code, got["name"], got["kind"]), (0, "charge", "single"), "functions")
    code, out, _ = kit.run("functions")
    kit.check(code == 0 and "charges one order" in out, f"functions: {out}")


def main():
    kit = Kit()
    kit.example("charge")
    kit.write("weir.yaml", CONFIG)
    usage(kit)
    codes(kit)
    invoke(kit)
    kit.end()


main()
