# SPDX-License-Identifier: Apache-2.0
"""The product's answers to the oracle's questions: by the program policy-answers, and by pilus policy trace."""
import json
import os
import pathlib
import subprocess

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD") or os.environ.get("PILUS_BUILD") or "build")
PROTOCOL_NUMBERS = {"TCP": 6, "UDP": 17, "SCTP": 132, "ICMP": 1, "ICMPv6": 58}
RESERVED = {"host": 1, "world": 2, "unmanaged": 3, "health": 4, "init": 5, "remote-node": 6, "kube-apiserver": 7}
IDENTITY_ALLOCATED_MIN = 256


def program(*path):
    return str(TOP.joinpath(BUILD, *path))


def labels(party):
    """As the agent tells them."""
    if not party.is_pod:
        return [f"reserved:{party.kind}"]
    found = [f"k8s:{key}={value}" for key, value in party.labels.items()]
    found += [f"k8s:io.cilium.k8s.namespace.labels.{key}={value}" for key, value in party.namespace_labels.items()
              if key != "kubernetes.io/metadata.name"]
    found += [f"port:{name}={port}/{protocol}" for (name, protocol), port in party.ports.items()]
    return [*found, f"k8s:io.kubernetes.pod.namespace={party.namespace}"]


class Refused(Exception):
    """The policies; with every problem."""


class Answers:
    def __init__(self, parties):
        self._parties = parties
        self._process = subprocess.Popen([program("tests", "truth", "policy-answers")], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def _describe(self, number, party, family):
        return {"labels": labels(party), "addr": party.addresses[family],
                "identity": RESERVED.get(party.kind) or IDENTITY_ALLOCATED_MIN + number}

    def ask(self, policies, family, services):
        """(meant, compiled): strings of letters by direction, subject, peer and service (answers.c)."""
        question = {"policies": policies,
                    "parties": [self._describe(number, party, family) for number, party in enumerate(self._parties)],
                    "services": [[PROTOCOL_NUMBERS[protocol], port] for protocol, port in services]}
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "problems" in answer:
            raise Refused("\n".join(answer["problems"]))
        return answer["meant"], answer["compiled"]


def trace(path, source, destination, family, protocol, port):
    """May the connection be, by pilus policy trace? Raises on anything but an answer."""
    def name(party):
        return f"{','.join(labels(party))}@{party.addresses[family]}"

    done = subprocess.run([program("pilus"), "policy", "trace", "--src", name(source), "--dst", name(destination),
                           "--dport", f"{port}/{protocol.lower()}", path], text=True, capture_output=True, check=True)
    return {"ALLOWED": True, "DENIED": False}[done.stdout.rstrip().rpartition("Final verdict: ")[2]]
