# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""securekit - certificates made by openssl, and servers that want them."""

import os
import resource
import subprocess

from brokerkit import Server

CA = """\
[ca]
default_ca = it
[it]
dir = .
database = {name}.index
serial = {name}.serial
new_certs_dir = .
certificate = {name}.pem
private_key = {name}.key
default_md = sha256
policy = any
unique_subject = no
copy_extensions = copy
[any]
commonName = supplied
"""
NAMES = "DNS:localhost,IP:127.0.0.1"


# Workers of these tests could leave core files, if they did not forbid it themselves.
_HARD = resource.getrlimit(resource.RLIMIT_CORE)[1]
resource.setrlimit(resource.RLIMIT_CORE, (_HARD, _HARD))


class Authority:
    """A certificate authority with its files in the folder of the test: NAME.pem, NAME.key."""

    def __init__(self, kit, name):
        self.kit, self.name = kit, name
        self.config = kit.write(f"{name}.cnf", CA.format(name=name))
        kit.write(f"{name}.index", "")
        kit.write(f"{name}.serial", "1000\n")
        self.file = os.path.join(kit.dir, f"{name}.pem")
        openssl(kit, "req", "-x509", *fresh_key(f"{name}.key"), "-out", f"{name}.pem", "-subj",
                f"/CN={name}", "-days", "30")

    def certify(self, name, names=NAMES, begin="20200101000000Z", end="20490101000000Z"):
        """NAME.key and NAME.pem; NAME.both has the two of them, as a PEM store of Kafka's."""
        openssl(self.kit, "req", *fresh_key(f"{name}.key"), "-out", f"{name}.csr", "-subj",
                f"/CN={name}", "-addext", f"subjectAltName={names}")
        openssl(self.kit, "ca", "-batch", "-notext", "-config", self.config, "-in",
                f"{name}.csr", "-out", f"{name}.pem", "-startdate", begin, "-enddate", end)
        self.kit.write(f"{name}.both",
                       self.kit.read(f"{name}.key") + self.kit.read(f"{name}.pem"))
        return os.path.join(self.kit.dir, f"{name}.both")


def fresh_key(name):
    return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", name]


def openssl(kit, *words):
    done = subprocess.run(["openssl", *words], cwd=kit.dir, capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        raise SystemExit(f"openssl {' '.join(words)}: {done.stderr}")


def store(listener, path):
    """Properties of a listener that shows that certificate."""
    at = f"listener.name.{listener.lower()}.ssl"
    return f"{at}.keystore.type=PEM\n{at}.keystore.location={path}\n"


class SecureKafka(Server):
    """A Kafka with more listeners: .at[NAME] is the address of each."""

    def __init__(self, kit, version, listeners, properties, users=()):
        words = ",".join(f"{name}={protocol}" for name, protocol in listeners.items())
        super().__init__(kit, "kafka", version, properties, "0", words, *users)
        self.address, *rest = self.address.split(" ")
        self.at = dict(word.split("=") for word in rest)


def secrets_kept(kit, worker, secret, *events):
    """A running worker tells the secret nowhere, at level debug: log, admin, files, --print; nor
    do these events. Its core file would, so it leaves none."""
    token = f"{secret}-token"
    told = {"log": worker.log(), "stdout": kit.read(worker.name.replace(".log", ".out"))}
    for path in ("/metrics", "/readyz?verbose", "/livez", "/", "/api/v1/subscriptions",
                 "/api/v1/subscriptions/s/explain", "/api/v1/nothing"):
        told[path] = str(worker.http(path, token=token))
    kit.check("weir_" in told["/metrics"], f"they were asked: {told['/metrics'][:200]}")
    for form in ("yaml", "json"):
        options = ["-o", "json"] if form == "json" else []
        told[f"--print {form}"] = "".join(map(str, kit.run("check", "-c", worker.config, "--print",
                                                           *options)))
    kit.check("****" in told["--print yaml"], f"masked: {told['--print yaml']}")
    state = os.path.join(kit.dir, worker.name.replace(".log", ".state"))
    for folder, _, names in os.walk(state):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                told[os.path.join(folder, name)] = file.read().decode(errors="replace")
    kit.check(any("journal" in name for name in told), f"there is a journal: {sorted(told)}")
    told["events"] = str(events)
    for what, text in told.items():
        at = text.find(secret)
        kit.check(at < 0, f"{worker.name}: {what} tells: {text[max(0, at - 200):at + 100]}")
    with open(f"/proc/{worker.process.pid}/limits", encoding="ascii") as file:
        core = [line.split()[4] for line in file if line.startswith("Max core file size")]
    kit.equal(core, ["0"], "no core file")
