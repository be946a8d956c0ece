#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""TLS and a user of least rights on a real Redis: the documented ACL is enough, whatever it lacks
is named, what is wrong with TLS is refused with a sentence; no secret is told."""

import json
import os
import re
import signal
import socket
import ssl

from brokerkit import Kit, Server, Worker
from securekit import Authority, secrets_kept

SECRET = "canary-9d31ab"
CONFIG = """\
worker: {{ name: safe, instance: {name}, state_dir: {name}.state, admin: "127.0.0.1:0",
           admin_token: {secret}-token, log: {{ level: debug, format: json }} }}
queues:
  redis: {{ type: redis, url: "{url}", user: worker, password: "${{file:{password}}}",
           tls: {{ {tls} }} }}
functions:
  slow:
    library: {build}/tests/functions/slow.so
    env: {{ LOGIN: "${{CANARY_ENV}}" }}
    config: {{ login: "${{CANARY_ENV}}", token: {secret}-config }}
subscriptions:
  - {{ function: slow, from: redis:in, name: s, start: earliest, to: redis:out, dead: redis:dead,
       commit: 50ms, {more} }}
"""
KEYS = ["~in", "~out", "~dead", "~weir:*"]


def documented(kit):
    """The commands of the ACL line in the documents."""
    with open(os.path.join(kit.source, "docs", "operations.md"), encoding="utf-8") as file:
        line = re.search(r"^ACL SETUSER weir .*$", file.read(), re.M).group(0)
    kit.check("~weir:*" in line and "-@all" in line, f"the line: {line}")
    return [word for word in line.split() if word.startswith("+")]


def ask(port, ca, *commands):
    """Runs commands as the default user, over TLS if there is a ca."""
    conn = socket.create_connection(("127.0.0.1", port), timeout=30)
    if ca is not None:
        conn = ssl.create_default_context(cafile=ca.file).wrap_socket(
            conn, server_hostname="localhost")
    answers = []
    with conn, conn.makefile("rb") as lines:
        for command in commands:
            words = [word.encode() for word in command]
            conn.sendall(b"*%d\r\n" % len(words) + b"".join(
                b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
            answers.append(lines.readline().decode().strip())
            if answers[-1].startswith("$") and answers[-1] != "$-1":
                answers[-1] = lines.readline().decode().strip()
    return answers


def start(kit, ca, certificate):
    """A Redis that speaks TLS alone; its port."""
    server = Server(kit, "redis", "durable", "--port", "0", "--tls-port", "@", "--tls-cert-file",
                    os.path.join(kit.dir, f"{certificate}.pem"), "--tls-key-file",
                    os.path.join(kit.dir, f"{certificate}.key"), "--tls-ca-cert-file", ca.file,
                    "--tls-auth-clients", "optional")
    return server, int(server.address.split(":")[1])


def user(port, ca, rules, password=SECRET):
    got = ask(port, ca, ["ACL", "SETUSER", "worker", "reset", "on", f">{password}", *KEYS, *rules])
    assert got == ["+OK"], got


def config(kit, name, port, tls, password="password", more="order: none", host="127.0.0.1"):
    return kit.write(f"{name}.yaml", CONFIG.format(
        name=name, url=f"rediss://{host}:{port}/0", tls=tls, build=kit.build, secret=SECRET,
        password=password, more=more))


def check(kit, path):
    code, out, err = kit.run("check", "-c", path, "--connect", "-o", "json", "--timeout", "20s")
    kit.check(SECRET not in out + err, f"no secret is printed: {out} {err}")
    return code, [json.loads(line) for line in out.splitlines() if '"address"' in line]


def refused(kit, name, path, *words):
    code, found = check(kit, path)
    kit.equal(code, 78, f"{name}: {found}")
    kit.check(all(word in found[0]["text"] for word in words), f"{name}: {found[0]}")
    worker = Worker(kit, name, path)
    kit.wait(f"{name}: run says why", lambda: any(
        all(word in e["text"] for word in words) for e in worker.events("source.trouble")))
    status, body = worker.http("/readyz?verbose", token=f"{SECRET}-token")
    kit.check(status == 503 and all(word in body for word in words), f"{name}: readyz: {body}")
    secrets_kept(kit, worker, SECRET)
    worker.end()


def works(kit, name, port, ca, path, n):
    """Events go through and one becomes a dead letter, n of each so far."""
    worker = Worker(kit, name, path)
    kit.wait(f"{name} is ready", lambda: worker.http("/readyz")[0] == 200)
    ask(port, ca, ["XADD", "in", "*", "data", "fine"], ["XADD", "in", "*", "data", "reject"])
    kit.wait(f"{name}: a result and a dead letter", lambda: ask(
        port, ca, ["XLEN", "out"], ["XLEN", "dead"]) == [f":{n}", f":{n}"])
    kit.check("NOPERM" not in worker.log(), f"{name}: nothing is lacking: {worker.log()[-3000:]}")
    secrets_kept(kit, worker, SECRET)
    worker.end()


def rights(kit, port, ca, tls):
    """The documented line is enough for all that weir does; each right that is missing is named."""
    rules = documented(kit)
    path = config(kit, "rights", port, tls)
    user(port, ca, rules)
    code, found = check(kit, path)
    kit.equal((code, [a for a in found if "may not run" in a["text"]]), (0, []), "it is enough")
    works(kit, "none", port, ca, config(kit, "none", port, tls), 1)
    works(kit, "single", port, ca,
          config(kit, "single", port, tls, more="order: partition, single: true"), 2)
    user(port, ca, rules + ["+xdel"])
    works(kit, "once", port, ca,
          config(kit, "once", port, tls, more="order: none, delivery: exactly_once"), 3)
    for rule in rules:
        command = rule[1:]
        user(port, ca, [r for r in rules if r != rule])
        code, found = check(kit, path)
        # By the rule that allows it, or in the server's own words.
        named = [a for a in found if f"+{command}" in a["text"] or f"'{command}'" in a["text"]]
        kit.check(named and all(a["state"] != "ok" for a in named), f"{command}: {code} {found}")
    user(port, ca, rules + ["+info", "+config|get"])
    code, found = check(kit, path)
    kit.equal((code, [a["state"] for a in found]), (0, ["ok"] * 3),
              "a server that keeps everything has nothing to be said of")
    user(port, ca, [r for r in rules if r != "+role"])
    refused(kit, "norole", config(kit, "norole", port, tls), "ROLE", "+role")
    user(port, ca, [r for r in rules if r != "+xack"])
    worker = Worker(kit, "noack", config(kit, "noack", port, tls))
    ask(port, ca, ["XADD", "in", "*", "data", "fine"])
    kit.wait("run names it", lambda: re.search(r"NOPERM[^\n]*xack", worker.log()))
    worker.end(-signal.SIGKILL, signal.SIGKILL)  # it would wait for the acknowledgement
    user(port, ca, rules)


def main():
    kit = Kit()
    os.environ["CANARY_ENV"] = f"{SECRET}-env"
    ca, other = Authority(kit, "ca"), Authority(kit, "other")
    ca.certify("good")
    ca.certify("misnamed", "DNS:elsewhere.example,IP:192.0.2.7")
    ca.certify("expired", end="20200201000000Z")
    kit.write("password", f"{SECRET}\n")
    kit.write("wrong", f"{SECRET}-wrong\n")
    tls = f"ca_file: {ca.file}"
    server, port = start(kit, ca, "good")
    rights(kit, port, ca, tls)
    refused(kit, "wrong", config(kit, "wrong", port, tls, password="wrong"), "WRONGPASS",
            "set user and password")
    refused(kit, "unknown", config(kit, "unknown", port, f"ca_file: {other.file}"),
            "not trusted", "tls.ca_file")
    server.close()
    for certificate, words in (("expired", ["has expired", "renew"]),
                               ("misnamed", ["for another name", "tls.server_name"])):
        server, port = start(kit, ca, certificate)
        refused(kit, certificate, config(kit, certificate, port, tls), *words)
        server.close()
    kit.end()


main()
