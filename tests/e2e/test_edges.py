# SPDX-License-Identifier: Apache-2.0
"""
Packets at the end of their hops, or larger than the overlay: their senders are told, and by whom. Fragments in any
order.
"""
import itertools

import pytest

from support import PEER, UDP_PORT, wait_for

EXPIRED = {4: "Time to live exceeded", 6: "Time exceeded: Hop limit"}
MORE = 50  # bytes than fit; a pod sends them only once somebody has raised its link's MTU


@pytest.fixture
def wide(lab):
    """A pod that believes in more than fits."""
    lab.add("node-1", "wide")
    for place, device in (("wide", "eth0"), ("node-1", lab.endpoint("wide")["device"])):
        lab.exec(place, "ip", "link", "set", device, "mtu", str(lab.pod_mtu + MORE))
    yield "wide"
    lab.run("pod", "del", "wide")


def test_every_router_in_between_tells_of_spent_hops(lab, family, server):
    """One hop within a node and through the overlay; without, the sender's node is one more."""
    native = lab.json("node-1", "status")["datapath"]["routing-mode"] == "native"
    routers = {"near": ["node-1"], "far": ["node-1", "node-2"] if native else ["node-2"]}[server]
    for hop, router in enumerate(routers, 1):
        done = lab.exec("client", "ping", "-n", "-c", "1", "-W", "2", "-t", str(hop), lab.ip(server, family), check=False)
        node = next(node for node in lab.json(router, "node", "list") if node["local"])
        assert f"From {node[f'router-ipv{family}'] or node[f'ipv{family}']}" in done.stdout
        assert EXPIRED[family] in done.stdout


def test_a_packet_too_big_is_answered(lab, family, wide):
    far = lab.ip("far", family)

    def told():
        """ping's own words differ from version to version; what counts is what the kernel has learned."""
        lab.exec(wide, "ping", "-n", "-c", "1", "-W", "2", "-M", "do", "-s", str(lab.largest_ping(family) + MORE), far,
                 check=False)
        return f"mtu {lab.pod_mtu}" in lab.exec(wide, "ip", f"-{family}", "route", "get", far).stdout

    wait_for(told, "the sender to be told how much fits")


def test_a_packet_too_big_that_may_be_fragmented_arrives(lab, wide):
    lab.exec(wide, "ping", "-n", "-c", "1", "-W", "2", "-M", "dont", "-s", str(lab.largest_ping(4) + MORE), lab.ip("far", 4))


ORDERS = list(itertools.permutations("012"))


@pytest.mark.parametrize("order", ORDERS, ids=["".join(order) for order in ORDERS])
def test_fragments_arrive_in_any_order(lab, family, server, order):
    lab.exec("client", *PEER, "udp-ask-fragments", lab.ip(server, family), str(UDP_PORT), *order)


@pytest.mark.parametrize("node", ["node-1", "node-2"])
def test_fragments_for_a_host_arrive_in_any_order(lab, family, node):
    address = lab.ip(node, family)
    with lab.server(node, "udp-echo", UDP_PORT, address):
        lab.exec("client", *PEER, "udp-ask-fragments", address, str(UDP_PORT), "2", "1", "0")
