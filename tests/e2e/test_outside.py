# SPDX-License-Identifier: Apache-2.0
"""
Services for clients outside: behind the underlay, which routes, lives a client that knows the nodes and nobody behind
them. Backends show whom they hear.
"""
import contextlib

import pytest

from conftest import new_lab
from support import PEER, PYTHON, TCP_PORT, UDP_PORT, wait_for
from test_masquerade import WORLD, new_world
from test_policy import bring, cilium

NODE_PORT, SHOW_PORT, SHOW_NODE_PORT = 30080, 7002, 30090
ANY = {4: "0.0.0.0", 6: "[::]"}
PODS = {"near": "node-1", "far": "node-2"}
MODES = {"tunnel": "--routing-mode=tunnel", "native": "--routing-mode=native", "dsr": "--lb-mode=dsr"}


def peer(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


class Outside:
    def __init__(self, lab, world):
        self.lab, self.world = lab, world

    def serve(self, pod, family, port, back, protocol, *options):
        self.lab.pilus("node-1", "service", "update", "--type", "NodePort", "--frontend",
                       f"{ANY[family]}:{port}/{protocol}", "--backends", peer(self.lab.ip(pod, family), back), *options)
        for node in PODS.values():
            wait_for(lambda: self.serves(node, pod, family, port, protocol), f"{node} serves {port} by {pod}")

    def serves(self, node, pod, family, port, protocol):
        return any(row["port"] == port and row["protocol"] == protocol and
                   [item["address"] for item in row["backends"]] == [self.lab.ip(pod, family)]
                   for row in self.lab.json(node, "service", "list"))

    def ask(self, verb, node, family, port, size):
        done = self.world.exec(*PEER, verb, self.lab.ip(node, family), str(port), str(size), check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(name="outside", scope="module", params=MODES)
def _outside(request):
    with contextlib.ExitStack() as stack:
        lab = stack.enter_context(new_lab("outside", "--nodes", "2", f"--agent-arg={MODES[request.param]}"))
        for pod, node in PODS.items():
            lab.add(node, pod, "--labels", f"app={pod}")
            stack.enter_context(lab.server(pod, "tcp-echo", TCP_PORT))
            stack.enter_context(lab.server(pod, "udp-echo", UDP_PORT))
        outside = Outside(lab, stack.enter_context(new_world(lab)))
        outside.direct = request.param == "dsr"
        yield outside


@pytest.mark.parametrize("pod", PODS)
def test_tcp_moves_10_mb_unharmed_both_ways(outside, family, pod):
    outside.serve(pod, family, NODE_PORT, TCP_PORT, "TCP")
    for node in PODS.values():
        outside.ask("tcp-ask", node, family, NODE_PORT, 10_000_000)


@pytest.mark.parametrize("pod", PODS)
@pytest.mark.parametrize("size", [1, 20_000])
def test_udp(outside, family, pod, size):
    outside.serve(pod, family, NODE_PORT, UDP_PORT, "UDP")
    for node in PODS.values():
        outside.ask("udp-ask", node, family, NODE_PORT, size)


@pytest.mark.parametrize("pod", PODS)
def test_backends_see_the_client_or_the_node(outside, family, pod):
    """The client itself where they are, or where they answer it directly."""
    sees_client = pod == "near" or outside.direct
    outside.serve(pod, family, SHOW_NODE_PORT, SHOW_PORT, "UDP")
    with outside.lab.server(pod, "udp-show", SHOW_PORT) as show:
        outside.world.exec(*PYTHON, f"""
import socket
sender = socket.socket(socket.AF_INET{"6" if family == 6 else ""}, socket.SOCK_DGRAM)
sender.sendto(b"hello", ("{outside.lab.ip("node-1", family)}", {SHOW_NODE_PORT}))""")
        heard = show.wait_line("^hello from ").removeprefix("hello from ")
        assert (heard == WORLD[family]) == sees_client


@pytest.mark.parametrize("pod", PODS)
def test_policies_of_backends_take_clients_for_the_world(outside, family, pod):
    """Wherever the backend is, and whoever it sees."""
    outside.serve(pod, family, NODE_PORT, TCP_PORT, "TCP")
    bring(outside.lab, cilium(pod, ingress=[{"fromEntities": ["world"]}]))
    try:
        outside.ask("tcp-ask", "node-1", family, NODE_PORT, 1000)
    finally:
        outside.lab.pilus("node-1", "policy", "delete", "--all")
