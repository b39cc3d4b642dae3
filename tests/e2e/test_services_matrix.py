# SPDX-License-Identifier: Apache-2.0
"""
Every type of service × protocol × family × backend here or there × who answers clients outside: each asked by a client
outside, pods and nodes, which see that the address they asked answers. Backends say who they are, and whom they see.

near is on node-1 and far on node-2; node-3 has none of its own.
"""
import collections
import contextlib
import itertools
import json
import pathlib

import pytest

from conftest import new_lab
from support import wait_for
from test_masquerade import WORLD, new_world
from test_services import BACKEND, peer

FAMILIES, PROTOCOLS, MODES = (4, 6), ("TCP", "UDP", "SCTP"), ("snat", "dsr", "hybrid")
NODES = {"near": "node-1", "far": "node-2"}
# By the pods: to services, of the range that is met at other nodes' addresses, and to host ports.
SERVED, MAPPED = {"near": 30001, "far": 30002}, {"near": 5003, "far": 5004}
ANYWHERE = {4: "0.0.0.0", 6: "::"}
CLUSTER = {4: "10.96.7.{}", 6: "fd96::7:{}"}
ROUTED = {4: "203.0.113.{}", 6: "2001:db8:113::{}"}  # by the underlay, to node-1
NETWORK = {4: "203.0.113.0/24", 6: "2001:db8:113::/64"}
OWN_ADDRESS = {"ClusterIP": (CLUSTER, 10), "LoadBalancer": (ROUTED, 20), "ExternalIPs": (ROUTED, 30)}
OVERLAY = {f"node-{n}": {4: f"10.{n}.0.1", 6: f"fd00:{n}::1"} for n in (1, 3)}  # how pods see nodes
INSIDE = {"client": "node-1", "other": "node-3", "node-1": "node-1", "node-3": "node-3"}

Probe = collections.namedtuple("Probe", "type family protocol pod asked address port")


def outer_port(port, protocol):
    """SCTP's cannot be changed; those of the others are, everywhere."""
    return port if protocol == "SCTP" else port + 1000


def own_address(type_, family, pod):
    pattern, number = OWN_ADDRESS[type_]
    return pattern[family].format(number + list(NODES).index(pod))


def frontend(type_, family, pod):
    return ANYWHERE[family] if type_ == "NodePort" else own_address(type_, family, pod)


class Matrix:
    def __init__(self, lab, world):
        self.lab, self.world = lab, world

    def serve(self):
        """All services by one shell: a call of the lab for each would take longer than all the rest."""
        commands = ["set -e"]
        for type_, family, protocol, pod in itertools.product((*OWN_ADDRESS, "NodePort"), FAMILIES, PROTOCOLS, NODES):
            met = peer(frontend(type_, family, pod), outer_port(SERVED[pod], protocol))
            backend = peer(self.lab.ip(pod, family), SERVED[pod])
            commands.append(f"pilus service update --type {type_} --frontend {met}/{protocol} --backends {backend}")
        self.lab.exec("node-1", "sh", "-c", "\n".join(commands))
        self.wait_served(len(commands) - 1 + len(FAMILIES) * len(PROTOCOLS) * len(MAPPED))

    def wait_served(self, number):
        self.served = number
        for node in ("node-1", "node-2", "node-3"):
            wait_for(lambda: len(self.lab.json(node, "service", "list")) == number, f"{node} serves all {number}")

    def switch(self, mode):
        for node in ("node-1", "node-2", "node-3"):
            config = pathlib.Path(self.lab.folder, node, "pilus.yaml")
            kept = [line for line in config.read_text().splitlines() if not line.startswith("lb-mode:")]
            config.write_text("\n".join([*kept, f"lb-mode: {mode}", ""]))
            self.lab.run("agent", node, "stop")
            self.lab.run("agent", node, "start")
        self.wait_served(self.served)

    def probes(self, family):
        """All there is to ask, but by whom."""
        for protocol, pod in itertools.product(PROTOCOLS, NODES):
            port = outer_port(SERVED[pod], protocol)
            for type_ in OWN_ADDRESS:
                yield Probe(type_, family, protocol, pod, "node-1", own_address(type_, family, pod), port)
            for node in ("node-1", "node-3"):
                yield Probe("NodePort", family, protocol, pod, node, self.lab.ip(node, family), port)
            yield Probe("HostPort", family, protocol, pod, NODES[pod], self.lab.ip(NODES[pod], family),
                        outer_port(MAPPED[pod], protocol))

    def ask(self, place, probes):
        command = [*BACKEND, "probe", json.dumps([[each.protocol.lower(), each.address, each.port] for each in probes])]
        done = self.world.exec(*command) if place == "world" else self.lab.exec(place, *command)
        return dict(zip(probes, json.loads(done.stdout)))


@pytest.fixture(name="matrix", scope="module")
def _matrix():
    with new_lab("matrix", "--nodes", "3") as lab, contextlib.ExitStack() as stack:
        for pod, node in (*NODES.items(), ("client", "node-1"), ("other", "node-3")):
            mappings = [f"{outer_port(MAPPED[pod], protocol)}={MAPPED[pod]}/{protocol}" for protocol in PROTOCOLS] \
                if pod in NODES else []
            lab.add(node, pod, *(["--host-ports", ",".join(mappings)] if mappings else []))
            for port in (SERVED[pod], MAPPED[pod]) if pod in NODES else ():
                stack.enter_context(lab.background(pod, *BACKEND, "serve", str(port), ready="^ready$"))
        matrix = Matrix(lab, stack.enter_context(new_world(lab)))
        for family in FAMILIES:
            lab.exec("underlay", "ip", "route", "add", NETWORK[family], "via", lab.ip("node-1", family))
        matrix.serve()
        yield matrix


@pytest.fixture(name="mode", scope="module", params=MODES)
def _mode(matrix, request):
    matrix.switch(request.param)
    return request.param


def differences(answers, expected):
    """In words: a line for each."""
    return "\n".join(f"{' '.join(map(str, each))}: {answer}, not: {expected(each)}" for each, answer in answers.items()
                     if answer != expected(each))


def test_from_outside(matrix, family, mode):
    """Backends of the node that is asked see the client; others do where they answer it directly."""
    def expected(probe):
        direct = mode == "dsr" or (mode == "hybrid" and probe.protocol == "TCP")
        here = probe.asked == NODES[probe.pod]
        return f"{probe.pod} sees {WORLD[family] if here or direct else OVERLAY[probe.asked][family]}"
    probes = [probe for probe in matrix.probes(family) if probe.type != "ClusterIP"]
    assert differences(matrix.ask("world", probes), expected) == ""


@pytest.mark.parametrize("place", INSIDE)
def test_from_inside(matrix, family, place):
    """Pods see each other, and nodes as ever. SCTP of nodes passes no hook that translates destinations."""
    probes = [probe for probe in matrix.probes(family) if probe.protocol != "SCTP" or place not in INSIDE.values()]
    own = OVERLAY[place][family] if place in OVERLAY else matrix.lab.ip(place, family)
    assert differences(matrix.ask(place, probes), lambda probe: f"{probe.pod} sees {own}") == ""
