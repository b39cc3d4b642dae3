# SPDX-License-Identifier: Apache-2.0
"""
Truth tables of real packets: nine pods over two nodes, each with a prober (tests/truth/prober.py) that asks all others
by TCP, UDP and SCTP, on two ports, and by ping, of both families: 1008 connections at a time.

A packet that opens a connection is either answered or counted as denied; a table is whole when each is one or the
other. So nothing waits for what will not come, and a packet that vanishes otherwise is noticed.
"""
import contextlib
import dataclasses
import functools
import http.client
import itertools
import json
import re
import socket
import subprocess
import sys

from support import BUILD, TOP, wait_for

TRUTH = TOP / "tests" / "truth"
sys.path.append(str(TRUTH))

import product
import world

PROBER = ["/usr/bin/python3", str(TRUTH / "prober.py")]
_WITH_PORTS = [*itertools.product(world.PROTOCOLS, world.PORTS)]
SERVICES = {4: [*_WITH_PORTS, ("ICMP", 8)], 6: [*_WITH_PORTS, ("ICMPv6", 128)]}
FIRST_PORT = 20000
NODES = ("node-1", "node-2")
NAMESPACE_NAME = "kubernetes.io/metadata.name"
DENIALS = re.compile(r'^pilus_drop_count_total\{reason="Policy denied[^"]*",.*\} (\d+)$', re.MULTILINE)


def pod_name(party):
    return party.name.replace("/", "-")


def told_labels(party):
    """As the pod's runtime tells them, with those of its namespace."""
    return party.labels | {f"io.cilium.k8s.namespace.labels.{key}": value
                           for key, value in party.namespace_labels.items() if key != NAMESPACE_NAME}


def questions(source, destination):
    """(destination, family, protocol, port). SCTP is spoken between pods only: nobody translates it on its way out."""
    return [(destination, family, protocol, port) for family in (4, 6) for protocol, port in SERVICES[family]
            if protocol != "SCTP" or source.is_pod and destination.is_pod]


class Node:
    """Asked without entering it, which would take most of the time."""

    def __init__(self, lab, name):
        self._socket = f"{lab.folder}/{name}/pilus.sock"

    def run(self, *arguments, text=None):
        return subprocess.run([f"{BUILD}/pilus", *arguments, "--socket", self._socket], input=text, text=True,
                              capture_output=True, check=False)

    def pilus(self, *arguments, text=None):
        done = self.run(*arguments, text=text)
        assert done.returncode == 0, f"pilus {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def get(self, path):
        connection = http.client.HTTPConnection("pilus")
        connection.sock = socket.socket(socket.AF_UNIX)
        with contextlib.closing(connection):
            connection.sock.connect(self._socket)
            connection.request("GET", path)
            return connection.getresponse().read().decode()

    def knows(self, party):
        """All addresses, by the labels that it has now."""
        known = {item["cidr"].partition("/")[0]: set(item["labels"]) for item in json.loads(self.get("/v1/ips"))}
        return all(known.get(address) == set(product.labels(party)) for address in party.addresses.values())

    def denials(self):
        return sum(map(int, DENIALS.findall(self.get("/v1/metrics"))))


class Pods:
    """The nine, with what the lab gave them; and their probers, which end with it."""

    def __init__(self, lab):
        self._lab, self.nodes = lab, [Node(lab, name) for name in NODES]
        self._stack, self._probers, self._port = contextlib.ExitStack(), {}, FIRST_PORT
        self.parties = [self._add(party) for party in world.nine_pods()]
        self.places = [self._probe(world.Party(name, {}, "place"), name) for name in (*NODES, "underlay")]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stack.close()

    @functools.cache
    def source_of(self, place, family):
        """Which address a place sends to pods from: a node has one for that."""
        option, pod = {4: "-4", 6: "-6"}[family], self.parties[0].addresses[family]
        return json.loads(self._lab.exec(place, "ip", "-j", option, "route", "get", pod).stdout)[0]["prefsrc"]

    def _add(self, party):
        """Returns the party with its addresses."""
        pod, labels = pod_name(party), told_labels(party)
        ports = [f"{name}={port}/{protocol}" for (name, protocol), port in party.ports.items()]
        self._lab.add(party.node, pod, "--namespace", party.namespace, "--ports", ",".join(ports),
                      "--labels", ",".join(f"{key}={value}" for key, value in labels.items()))
        return self._probe(party, pod)

    def _probe(self, party, place):
        addresses = {family: self._lab.ip(place, family) for family in (4, 6)}
        self._probers[party.name] = self._stack.enter_context(
            self._lab.background(place, *PROBER, *addresses.values(), ready="^ready$"))
        return dataclasses.replace(party, addresses=addresses)

    def _relabel(self, before, party):
        """Alive; until all nodes know the address so."""
        old, new = told_labels(before), told_labels(party)
        node = self.nodes[NODES.index(party.node)]
        endpoint = next(item for item in json.loads(node.get("/v1/endpoints")) if item["pod"] == pod_name(party))
        changes = [f"--add={key}={value}" for key, value in new.items() if old.get(key) != value]
        node.pilus("endpoint", "labels", str(endpoint["id"]), *changes,
                   *(f"--delete={key}" for key in old if key not in new))
        for node in self.nodes:
            wait_for(lambda node=node: node.knows(party), f"{node} knows the labels of {party.name}")
            node.pilus("policy", "wait")
        return party

    def follow(self, parties):
        """Whose labels are others now gets them. Returns all as they are then."""
        self.parties = [self._relabel(before, party) if told_labels(before) != told_labels(party) else before
                        for before, party in zip(self.parties, parties, strict=True)]
        return self.parties

    def enforce(self, policies):
        """These and no others, on both nodes."""
        first, *others = self.nodes
        first.pilus("policy", "delete", "--all")
        if policies:
            first.pilus("policy", "import", "-", text=policies)
        there = first.pilus("policy", "get", "-o", "json")
        for node in others:
            wait_for(lambda node=node: node.pilus("policy", "get", "-o", "json") == there,
                     "the other node knows the policies")
            node.pilus("policy", "wait")

    def table(self, pairs=None, again=False):
        """
        Who of the pairs, by default of all pods, was reached: {(source's name, destination's, family, protocol, port)}.
        `again`: by the flows of before.
        """
        self._port += not again
        before, asked = sum(node.denials() for node in self.nodes), {}
        for source, destination in pairs or itertools.permutations(self.parties, 2):
            asked.setdefault(source.name, []).extend(questions(source, destination))
        heard = {name: len(self._probers[name].hear()) for name in asked}
        for name, targets in asked.items():
            self._probers[name].tell(json.dumps({
                "port": self._port, "targets": [(family, destination.addresses[family], protocol, port)
                                                for destination, family, protocol, port in targets]}))

        def answers():
            return {name: [int(line) for line in self._probers[name].hear()[heard[name]:] if line.isdigit()]
                    for name in asked}

        def accounted():
            denied = sum(node.denials() for node in self.nodes) - before
            return sum(map(len, answers().values())) + denied >= sum(map(len, asked.values()))

        with contextlib.suppress(AssertionError):  # the table tells more
            wait_for(accounted, "every packet was answered or denied")
        return {(name, asked[name][index][0].name, *asked[name][index][1:])
                for name, indices in answers().items() for index in indices}
