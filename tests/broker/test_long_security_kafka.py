#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""TLS, SCRAM and rights on a real Kafka: what is right works, with the rights that the documents
name; what is wrong is refused with a sentence that says what to do; no secret is told."""

import ctypes
import json
import os

from brokerkit import Kit, Worker, send, tail
from securekit import Authority, SecureKafka, secrets_kept, store

SECRET = "canary-5f0c9e"  # in front of everything that nobody may read
CONFIG = """\
worker: {{ name: safe, instance: {name}, state_dir: {name}.state, admin: "127.0.0.1:0",
           admin_token: {secret}-token, log: {{ level: debug, format: json }} }}
queues:
  kafka:
    type: kafka
    brokers: "{address}"
    properties: {{ security.protocol: {protocol}, ssl.ca.location: {ca}{more} }}
functions:
  slow:
    library: {build}/tests/functions/slow.so
    env: {{ LOGIN: "${{CANARY_ENV}}" }}
    config: {{ login: "${{CANARY_ENV}}", token: {secret}-config }}
subscriptions:
  - {{ function: slow, from: kafka:in, name: s, start: earliest, to: kafka:out, dead: kafka:dead,
       commit: 100ms }}
"""
LOGIN = ", sasl.mechanism: SCRAM-SHA-256, sasl.username: alice, sasl.password: \"${{file:{}}}\""
SCRAM = """\
listener.name.login.sasl.enabled.mechanisms=SCRAM-SHA-256
listener.name.login.scram-sha-256.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
"""
ACLS = """\
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
"""
# What README and SECURITY.md say that weir needs.
RIGHTS = ["read topic in", "write topic out", "write topic dead", "read group safe.*"]


def rdkafka_version():
    return ctypes.CDLL("librdkafka.so.1").rd_kafka_version()


def config(kit, name, address, ca, protocol="ssl", more=""):
    return kit.write(f"{name}.yaml", CONFIG.format(name=name, address=address, build=kit.build,
                                                   protocol=protocol, secret=SECRET, ca=ca.file,
                                                   more=more))


def check(kit, path, options=()):
    code, out, err = kit.run("check", "-c", path, "--connect", "-o", "json", *options)
    kit.check(SECRET not in out + err, f"no secret is printed: {out} {err}")
    return code, {a["address"]: a for a in map(json.loads, out.splitlines()) if "address" in a}


def refused(kit, name, path, *words):
    """By check --connect and by run, with these words; nobody is ready then."""
    code, found = check(kit, path, ("--timeout", "20s"))
    kit.equal(code, 78, f"{name}: {found}")
    for answer in found.values():
        kit.equal(answer["state"], "denied", f"{name}: {answer}")
        kit.check(all(word in answer["text"] for word in words), f"{name}: {answer}")
    worker = Worker(kit, name, path)

    def told():
        return [e["text"] for e in worker.events("source.trouble")]

    kit.wait(f"{name}: run says why", lambda: any(all(word in text for word in words)
                                                  for text in told()))
    status, body = worker.http("/readyz?verbose", token=f"{SECRET}-token")
    kit.check(status == 503 and all(word in body for word in words), f"{name}: readyz: {body}")
    secrets_kept(kit, worker, SECRET)
    worker.end()


def works(kit, name, path):
    """Events go through, one becomes a dead letter, and no secret is anywhere."""
    code, found = check(kit, path)
    kit.check(code == 0 and all(a["state"] in ("ok", "warning", "unknown")
                                for a in found.values()), f"{name}: {found}")
    worker = Worker(kit, name, path)
    kit.wait(f"{name} is ready", lambda: worker.http("/readyz")[0] == 200)
    kit.wait(f"{name}: results and a dead letter", lambda: {e["data"] for e in tail(
        kit, "plain.yaml", "kafka:out")} == {"fine"} and [e["data"] for e in tail(
            kit, "plain.yaml", "kafka:dead")] == ["reject"])
    kit.check('"DEBUG"' in worker.log(), f"the log has debug lines: {worker.log()[:500]}")
    secrets_kept(kit, worker, SECRET, tail(kit, "plain.yaml", "kafka:dead"),
                 tail(kit, "plain.yaml", "kafka:out"))
    worker.end()


def old_scram(kit):
    """Kafka 4.0 and newer refuse the SCRAM of librdkafka before 2.6.1: said, before and after."""
    broker = SecureKafka(kit, "4.3.1", {"LOGIN": "SASL_PLAINTEXT"}, SCRAM,
                         [f"SCRAM-SHA-256=[name=alice,password={SECRET}]"])
    for topic in ("in", "out", "dead"):
        broker.topic(topic, 1)
    path = kit.write("scram.yaml", kit.read("login.yaml").replace("sasl_ssl", "sasl_plaintext")
                     .replace(kit.login, broker.at["LOGIN"]))
    code, found = check(kit, path)
    if rdkafka_version() >= 0x020601ff:
        kit.equal(code, 0, f"a newer library logs in: {found}")
    else:
        kit.equal(code, 78, f"an older one cannot: {found}")
        kit.check("use librdkafka 2.6.1 or newer" in found["kafka:in"]["text"], f"said: {found}")
        _, _, err = kit.run("check", "-c", path)
        kit.check("use librdkafka 2.6.1 or newer" in err, f"said without a broker too: {err}")
    broker.close()


def main():
    kit = Kit()
    os.environ["CANARY_ENV"] = f"{SECRET}-env"
    ca, other = Authority(kit, "ca"), Authority(kit, "other")
    good = ca.certify("good")
    certificates = {
        "GOOD": good, "LOGIN": good, "MUTUAL": good,
        "MISNAMED": ca.certify("misnamed", "DNS:elsewhere.example,IP:192.0.2.7"),
        "EXPIRED": ca.certify("expired", end="20200201000000Z"),
    }
    properties = SCRAM + ACLS + "listener.name.mutual.ssl.client.auth=required\n" + "".join(
        store(name, path) for name, path in certificates.items()) + (
        "listener.name.mutual.ssl.truststore.type=PEM\n"
        f"listener.name.mutual.ssl.truststore.location={ca.file}\n")
    protocols = {name: "SASL_SSL" if name == "LOGIN" else "SSL" for name in certificates}
    broker = SecureKafka(kit, "3.9.1", protocols, properties,
                         [f"SCRAM-SHA-256=[name=alice,password={SECRET}]"])
    kit.login = broker.at["LOGIN"]
    kit.write("plain.yaml", "worker: { name: plain }\nqueues: { kafka: { type: kafka, brokers: "
              f"\"{broker.address}\" }} }}\nfunctions: {{}}\nsubscriptions: []\n")
    for topic in ("in", "out", "dead"):
        broker.topic(topic, 1)
    send(kit, "plain.yaml", "kafka:in", "fine\nreject\n")

    kit.write("password", f"{SECRET}\n")
    kit.write("wrong", f"{SECRET}-wrong\n")
    login = config(kit, "login", kit.login, ca, "sasl_ssl", LOGIN.format("password"))
    code, found = check(kit, login)
    kit.check(code == 78 and found["kafka:in"]["state"] == "denied", f"without rights: {found}")
    for right in RIGHTS:
        broker.tell(f"acl alice {right}")
    works(kit, "login", login)
    ca.certify("me")
    mine = ", ".join(["", f"ssl.certificate.location: {kit.dir}/me.pem",
                      f"ssl.key.location: {kit.dir}/me.key"])
    code, found = check(kit, config(kit, "good", broker.at["GOOD"], ca))
    kit.equal(code, 0, f"TLS alone: {found}")
    for right in RIGHTS:
        broker.tell(f"acl CN=me {right}")
    refused(kit, "nobody", config(kit, "nobody", broker.at["MUTUAL"], ca), "ssl.key.location")
    code, found = check(kit, config(kit, "mutual", broker.at["MUTUAL"], ca, more=mine))
    kit.equal(code, 0, f"a certificate of ours: {found}")
    refused(kit, "wrong", config(kit, "wrong", kit.login, ca, "sasl_ssl", LOGIN.format("wrong")),
            "refuses the login", "sasl.password", "SCRAM-SHA-256")
    refused(kit, "misnamed", config(kit, "misnamed", broker.at["MISNAMED"], ca),
            "for another name", "advertised.listeners")
    refused(kit, "expired", config(kit, "expired", broker.at["EXPIRED"], ca), "has expired", "renew")
    refused(kit, "unknown", config(kit, "unknown", broker.at["GOOD"], other),
            "not trusted", "ssl.ca.location")
    broker.close()
    old_scram(kit)
    kit.end()


main()
