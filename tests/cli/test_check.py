#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""What `weir check` says of files, right and wrong."""

import json
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import schemakit  # noqa: E402
from clikit import Kit  # noqa: E402

GOOD = """worker: { name: billing, admin_token: "${file:token}" }
queues:
  kafka:
    type: kafka
    brokers: "${BROKERS:-localhost:9092}"
    properties: { sasl.password: hunter2, client.rack: $$a }
  redis: { type: redis, url: "redis://localhost:6379/0", user: u, password: hunter3 }
functions:
  charge: { library: ./charge.so, config: { secret: "${file:token}", n: 5, db: { pass: hunter4 } },
            env: { DB_PASSWORD: hunter5, TZ: UTC } }
subscriptions:
  - function: charge
    from: kafka:orders
    start: earliest
    format: json
    to: kafka:receipts
"""


def one_error(kit, base, change, wanted, code=78):
    """The file with one change must end with that code and say that."""
    kit.write("one.yaml", base.replace(*change))
    got, _, err = kit.run("check", "-c", "one.yaml")
    kit.equal(got, code, f"exit code after {change[1]!r}")
    kit.check(wanted in err, f"{change[1]!r} must say {wanted!r}, said:\n{err}")


def sub(text):
    return ("    to: kafka:receipts\n", "    to: kafka:receipts\n" + text)


def table(kit):
    cases = [
        (sub("    delivery: exactly_ones\n"), "did you mean `exactly_once`?"),
        (sub("    transaction: 1ns\n"), "transaction"),
        (("    from: kafka:orders", "    delivery: exactly_once\n    from: redis:orders"),
         "`to: kafka:receipts` is not on `redis`, which is read"),
        (("    from: kafka:orders",
          "    delivery: exactly_once\n    dead: kafka:dead\n    from: redis:orders"),
         "`dead: kafka:dead` is not on `redis`, which is read"),
        (("    from: kafka:orders",
          "    delivery: exactly_once\n    name: two\n    order: none\n"
          "    from: [redis:orders, kafka:orders]"), "all of `from` must be on `redis`"),
        (sub("    hang: soon\n"), "hang"),
        (sub("    retry: { crashes: -1 }\n"), "crashes"),
        (sub("    retry: { attempts: 0 }\n"), "attempts"),
        (sub("    timeout: 5\n"), "timeout"),
        (sub("    concurency: 5\n"), "did you mean `concurrency`?"),
        (sub("    order: kee\n"), "did you mean `key`?"),
        (sub("    filter: { sql: \"x\" }\n"), "filter"),
        (sub("    batch: { max: 3 }\n    concurrency: 2\n"), "`batch.max` (3) is above"),
        (sub("    dead: kafka:orders\n"), "is what this subscription reads"),
        (("to: kafka:receipts", "to: kafka:orders"), "is what this subscription reads"),
        (("to: kafka:receipts", "to: kafak:receipts"), "did you mean `kafka`?"),
        (("to: kafka:receipts", "to: receipts"), "is no address"),
        (("start: earliest", "start: soon"), "none of earliest, latest, committed"),
        (("    start: earliest\n", ""), "lacks the required key `start`"),
        (("format: json", "format: raw\n    key: /id"), "`format` is raw"),
        (("from: kafka:orders", "from: [kafka:orders, kafka:b]"), "needs a `name`"),
        (("from: kafka:orders", "from: kafka:^or"), "needs a `name`"),
        (("from: kafka:orders", "from: redis:orders\n    order: key"), "needs `single: true`"),
        (("library: ./charge.so,", "library: ./charge.so, memory: 1,"), "unknown key `memory`"),
        (("library: ./charge.so,", "library: ./charge.so, symbol: other,"), "other"),
        (("library: ./charge.so,", ""), "lacks the required key `library`"),
        (("library: ./charge.so,", "command: [python3, x.py],"), "unknown key `command`"),
        (("library: ./charge.so,", "library: ,"), "`library` has no value"),
        (("name: billing,", "name: \"a b\","), "worker.name"),
        (("admin_token: \"${file:token}\"", "admin: 0.0.0.0:8077"), "needs `admin_token`"),
        (("name: billing,", "name: billing, admin: here,"), "expected HOST:PORT"),
        (("name: billing,", "name: billing, probes: here,"), "expected HOST:PORT"),
        (("client.rack: $$a }", "enable.auto.commit: 1 }\n    propertis: {}"), "is set by weir"),
        (("name: billing,", "nam: billing,"), "did you mean `name`?"),
        (("queues:", "queue:"), "did you mean `queues`?"),
        (("type: redis,", "type: rediss,"), "did you mean `redis`?"),
        (("${file:token}", "${file:none}"), "cannot read `none`"),
        (("${BROKERS:-localhost:9092}", "${BROKERS_UNSET}"), "is not set"),
        (("${BROKERS:-localhost:9092}", "${BROKERS"), "without"),
        (("$$a", "$a"), "write `$$`"),
        (("client.rack", "enable.auto.commit"), "is set by weir"),
        (("format: json", "format: raw"), "reads decoded values"),
        (("    format: json", "    format: json\n    format: raw"), "duplicate key `format`"),
        (("  - function: charge", "  - function: chrge"), "did you mean `charge`?"),
    ]
    for change, wanted in cases:
        one_error(kit, GOOD, change, wanted)
    kit.write("two.yaml", GOOD + GOOD[GOOD.index("  - function"):].replace(
        "from:", "name: other\n    group: billing.charge.orders\n    from:"))
    code, _, err = kit.run("check", "-c", "two.yaml")
    kit.check(code == 78 and "reads one address in two subscriptions" in err,
              f"two subscriptions of one group on one address: {code} {err}")
    kit.write("pattern.yaml", GOOD + GOOD[GOOD.index("  - function"):].replace(
        "from: ", "name: other\n    group: billing.charge.orders\n    from: ").replace(
        "kafka:orders\n", "kafka:^ord.*\n", 1))
    code, _, err = kit.run("check", "-c", "pattern.yaml")
    kit.check(code == 78 and "reads one address in two subscriptions" in err,
              f"a pattern that takes the address of another subscription's group: {code} {err}")


def golden(kit):
    """All findings at once, each with its line and a caret."""
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "data", "wrong.yaml"), encoding="utf-8") as file:
        kit.write("wrong.yaml", file.read())
    code, out, err = kit.run("check", "-c", "wrong.yaml")
    with open(os.path.join(here, "data", "wrong.txt"), encoding="utf-8") as file:
        kit.equal(err, file.read(), "the findings of wrong.yaml")
    kit.equal((code, out), (78, ""), "the end of check on wrong.yaml")
    code, out, err = kit.run("check", "-c", "wrong.yaml", "-o", "json")
    said = json.loads(out)
    kit.equal((code, said["errors"] + said["warnings"]), (78, len(said["findings"])), "as JSON")
    for one in said["findings"]:
        place = f"wrong.yaml:{one['line']}:{one['column']}: {one['kind']}: {one['text']}\n"
        kit.check(place in err, f"not in the text: {place}")


def printing(kit):
    code, out, err = kit.run("check", "-c", "good.yaml", "--print", "-o", "json")
    kit.equal(code, 0, f"check --print: {err}")
    shown = json.loads(out)
    kit.check("hunter" not in out and "topsecret" not in out, f"a secret is shown: {out}")
    kit.equal(shown["worker"]["admin_token"], "****", "the token is masked")
    kit.equal(shown["worker"]["max_bytes"], "128MiB", "a default is shown")
    kit.equal(shown["queues"]["kafka"]["properties"]["client.rack"], "$a", "$$ is one dollar")
    kit.equal(shown["queues"]["kafka"]["brokers"], "localhost:9092", "a default of ${}")
    kit.equal(shown["functions"]["charge"]["config"],
              {"secret": "****", "n": 5, "db": {"pass": "****"}}, "config")
    kit.equal(shown["functions"]["charge"]["env"], {"DB_PASSWORD": "****", "TZ": "UTC"}, "env")
    one = shown["subscriptions"][0]
    kit.equal((one["name"], one["group"], one["dead"], one["order"]),
              ("charge.orders", "billing.charge.orders",
               "kafka:orders.charge.orders.dead", "key"), "names that follow from others")
    code, out, _ = kit.run("check", "-c", "good.yaml", "--print")
    kit.check(code == 0 and "  name: billing" in out and "hunter" not in out, out)
    code, out, _ = kit.run("check", "-c", "good.yaml", "--print", "-o", "json",
                           env={"BROKERS": "a:1"})
    kit.equal(json.loads(out)["queues"]["kafka"]["brokers"], "a:1", "a variable")
    code, _, err = kit.run("check", "-c", "good.yaml")
    kit.check(code == 0 and "longer than `handover`" in err, f"the warning: {err}")


def schema(kit):
    code, out, _ = kit.run("check", "--schema")
    path = os.path.join(kit.source, "schemas", "weir.config.schema.json")
    with open(path, encoding="utf-8") as file:
        kit.equal(out, file.read(), "schemas/weir.config.schema.json is what the tables say")
    kit.equal((code, json.loads(out)["type"]), (0, "object"), "the schema")
    code, shown, _ = kit.run("check", "-c", "good.yaml", "--print", "-o", "json")
    settings = json.loads(shown)
    kit.equal(schemakit.errors(json.loads(out), settings), [], "effective settings in the schema")
    for change in [{"delivery": "exactly"}, {"order": "kee"}, {"timeout": "soon"},
                   {"concurrency": 0}, {"hang": "soon"}, {"retry": {"crashes": -1}}]:
        wrong = dict(settings, subscriptions=[dict(settings["subscriptions"][0], **change)])
        kit.check(schemakit.errors(json.loads(out), wrong), f"the schema allows {change}")


def random_bytes(kit):
    """Whatever the bytes, the answer is 78 and no crash."""
    chance = random.Random(20261121)
    words = [b"worker:", b"name:", b" ", b"\n", b"- ", b"{", b"}", b"[", b"]", b"&a", b"*a",
             b"<<:", b"'", b'"', b"${", b"|", b">", b"\t", b"?", b"%YAML", b"---", b"#", b",",
             b"queues:", b"subscriptions:", b"functions:", b"\xff", b"\xc3\xa9", b"\0", b"\\x"]
    for i in range(250):
        if i % 3 == 0:
            data = bytes(chance.randrange(256) for _ in range(chance.randrange(300)))
        elif i % 3 == 1:
            data = b"".join(chance.choice(words) for _ in range(chance.randrange(80)))
        else:
            data = bytearray(GOOD.encode())
            for _ in range(chance.randrange(1, 20)):
                data[chance.randrange(len(data))] = chance.randrange(256)
        with open(os.path.join(kit.dir, "random.yaml"), "wb") as file:
            file.write(bytes(data))
        code, _, err = kit.run("check", "-c", "random.yaml")
        kit.check(code in (0, 78), f"bytes {bytes(data)!r} ended with {code}: {err}")


def main():
    kit = Kit()
    kit.example("charge")
    kit.write("token", "topsecret\n")
    kit.write("good.yaml", GOOD)
    table(kit)
    golden(kit)
    printing(kit)
    schema(kit)
    random_bytes(kit)
    code, _, err = kit.run("check", "-c", "none.yaml")
    kit.check(code == 78 and "cannot read it" in err, f"a file that is missing: {code} {err}")
    kit.end()


main()
