#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""`weir dev` end to end: what is sent reaches the function, its results can be read."""

import json
import os
import re
import signal
import sys
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import schemakit  # noqa: E402
from clikit import Kit  # noqa: E402

CONFIG = """worker: { name: demo, log: { format: json } }
queues:
  kafka: { type: kafka, brokers: "127.0.0.1:1", properties: { client.rack: none } }
  redis: { type: redis, url: "redis://127.0.0.1:1/0" }
functions:
  charge: { library: ./charge.so }
subscriptions:
  - { function: charge, from: kafka:orders, start: earliest, format: json, to: kafka:receipts }
  - { function: charge, name: charge.redis, from: redis:orders, start: earliest, format: json,
      to: redis:receipts, timeout: 2s }
"""


def tail(kit, address):
    code, out, err = kit.run("tail", address, "-o", "json", "--from", "start")
    return [json.loads(line) for line in out.splitlines()] if code == 0 else []


def main():
    kit = Kit()
    kit.example("charge")
    kit.write("weir.yaml", CONFIG)
    dev = kit.start("dev", out="out", err="err")
    try:
        run(kit, dev)
    finally:
        if dev.poll() is None:
            dev.kill()
        dev.wait()
    kit.end()


def run(kit, dev):
    kit.wait("both queues", lambda: kit.read("out").count("queue ") == 2)
    code, _, err = kit.run("send", "kafka:orders", '{"amount":3}', "-k", "k1", "-H", "a=b")
    kit.check(code == 0 and "`weir dev` is running" in err, f"send: {code} {err}")
    code, _, err = kit.run("send", "kafka:orders", stdin='{"amount":4}\n{"x":1}\nnot json\n')
    kit.equal(code, 0, f"send of lines: {err}")
    event = '{"specversion":"1.0","id":"1","source":"s","type":"t"}'
    kit.equal(kit.run("send", "redis:other", event, "-f", "cloudevents")[0], 0, "send of an event")
    sent = [h for e in tail(kit, "redis:other") for h in e["headers"]]
    kit.equal(sent, [{"name": "content-type", "value": "application/cloudevents+json"}], "its type")
    code, _, err = kit.run("send", "redis:orders", '{"amount":5}', "-k", "k2")
    kit.equal(code, 0, f"send to redis: {err}")
    kit.wait("five fates", lambda: len(re.findall(r"^(?:done|dead) ", kit.read("out"), re.M)) == 5)
    fates = kit.read("out")
    kit.equal(len(re.findall("^done ", fates, re.M)), 3, "three are done")
    kit.check("rejected: order without an integer amount" in fates and "decode" in fates, fates)
    got = kit.wait("receipts", lambda: len(tail(kit, "kafka:receipts")) == 2
                   and tail(kit, "kafka:receipts"))
    kit.equal(sorted(e["data"]["amount"] for e in got), [3, 4], "the receipts")
    mine = next((e for e in got if e.get("key") == "k1"), {})
    kit.check(any(h["name"] == "weir.position" for h in mine.get("headers", [])), str(mine))
    got = tail(kit, "redis:receipts")
    kit.equal([(e["key"], e["data"]) for e in got], [("k2", {"amount": 5})], "redis:receipts")
    dead = kit.wait("dead letters", lambda: tail(kit, "kafka:orders.charge.orders.dead"))
    kit.equal(sorted(h["value"] for e in dead for h in e["headers"] if h["name"] == "weir.reason"),
              ["decode", "rejected"], "the dead letters")
    with open(os.path.join(kit.source, "schemas", "deadletter.schema.json"),
              encoding="utf-8") as file:
        schema = json.load(file)
    for event in dead:
        headers = {h["name"]: h["value"] for h in event["headers"]}
        kit.equal(schemakit.errors(schema, headers), [], f"the schema of {headers}")
        kit.check(schemakit.errors(schema, dict(headers, **{"weir.reason": "other"})),
                  "the schema allows any reason")
    code, out, _ = kit.run("tail", "kafka:orders", "-n", "1", "--key", "k1", "--from", "start")
    kit.check(code == 0 and "key=k1  a=b" in out, f"tail as text: {out}")
    admin(kit)
    change(kit, dev)
    dev.send_signal(signal.SIGTERM)
    kit.equal(dev.wait(timeout=60), 0, f"dev ends well: {kit.read('err')[-2000:]}")


def admin(kit):
    address = re.search(r'"admin.listening".*?"address":"([^"]+)"', kit.read("err")).group(1)
    url = f"http://{address}"
    kit.equal(urllib.request.urlopen(url + "/livez").read(), b"ok\n", "/livez")
    kit.wait("ready", lambda: is_ready(url))
    page = urllib.request.urlopen(url + "/metrics").read().decode()
    kit.check('weir_events_total{subscription="charge.orders",outcome="done"} 2' in page, page)
    asked = urllib.request.Request(url + "/metrics",
                                   headers={"Accept": "application/openmetrics-text"})
    kit.check(urllib.request.urlopen(asked).read().endswith(b"# EOF\n"), "OpenMetrics")
    code, _, err = kit.run("skip", "kafka:none/0@5")
    kit.check(code == 66, f"skip of what nobody holds: {code} {err}")


def is_ready(url):
    try:
        return b"ok" in urllib.request.urlopen(url + "/readyz?verbose").read()
    except urllib.error.HTTPError:
        return False


def change(kit, dev):
    """A bad file changes nothing; a good one starts the worker anew."""
    kit.write("weir.yaml", CONFIG.replace("start: earliest", "start: earlyst"))
    kit.wait("the complaint", lambda: "did you mean `earliest`" in kit.read("err"))
    kit.check(dev.poll() is None, "dev goes on after a bad file")
    kit.write("weir.yaml", CONFIG.replace("timeout: 2s", "timeout: 1s"))
    kit.wait("a new worker", lambda: kit.read("err").count('"worker.started"') == 2)
    code, _, err = kit.run("send", "kafka:orders", '{"amount":9}')
    kit.equal(code, 0, f"send after the change: {err}")
    kit.wait("its fate", lambda: len(re.findall("^done ", kit.read("out"), re.M)) == 4)


main()
