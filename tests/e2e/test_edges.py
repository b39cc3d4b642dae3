# SPDX-License-Identifier: Apache-2.0
"""
Packets at the end of their hops, or larger than the overlay: their senders are told, and by whom. Fragments in any
order.
"""
import itertools

import pytest

from support import PEER, UDP_PORT, wait_for

POD_MTU = 1450
EXPIRED = {4: "Time to live exceeded", 6: "Time exceeded: Hop limit"}
# 50 bytes more than fit; the pod sends them only once somebody has raised its link's MTU.
TOO_BIG = {4: POD_MTU - 28 + 50, 6: POD_MTU - 48 + 50}


@pytest.fixture
def sender(make_lab):
    """A lab whose pod believes in 1500 bytes, and a pod on the other node."""
    lab = make_lab("edges")
    lab.add("node-1", "wide")
    lab.add("node-2", "far")
    lab.exec("wide", "ip", "link", "set", "eth0", "mtu", "1500")
    lab.exec("node-1", "ip", "link", "set", lab.endpoint("wide")["device"], "mtu", "1500")
    for version in ("-4", "-6"):
        routes = lab.exec("wide", "ip", version, "route", "show", "default").stdout.split()
        lab.exec("wide", "ip", version, "route", "replace", *(routes[:routes.index("mtu")] if "mtu" in routes else routes))
    return lab


@pytest.mark.parametrize("server, router", [("near", "node-1"), ("far", "node-2")])
def test_the_router_in_between_tells_of_spent_hops(lab, family, server, router):
    done = lab.exec("client", "ping", "-n", "-c", "1", "-W", "2", "-t", "1", lab.ip(server, family), check=False)
    nodes = {node["name"]: node for node in lab.json(router, "node", "list")}
    assert f"From {nodes[router][f'router-ipv{family}']}" in done.stdout
    assert EXPIRED[family] in done.stdout


def test_a_packet_too_big_for_the_overlay_is_answered(sender, family):
    far = sender.ip("far", family)

    def told():
        """ping's own words differ from version to version; what counts is what the kernel has learned."""
        sender.exec("wide", "ping", "-n", "-c", "1", "-W", "2", "-M", "do", "-s", str(TOO_BIG[family]), far, check=False)
        return f"mtu {POD_MTU}" in sender.exec("wide", "ip", f"-{family}", "route", "get", far).stdout

    wait_for(told, "the sender to be told how much fits")


def test_a_packet_that_may_be_fragmented_arrives(sender):
    sender.exec("wide", "ping", "-n", "-c", "1", "-W", "2", "-M", "dont", "-s", str(TOO_BIG[4]), sender.ip("far", 4))


ORDERS = list(itertools.permutations("012"))


@pytest.mark.parametrize("order", ORDERS, ids=["".join(order) for order in ORDERS])
def test_fragments_arrive_in_any_order(lab, family, server, order):
    lab.exec("client", *PEER, "udp-ask-fragments", lab.ip(server, family), str(UDP_PORT), *order)


@pytest.mark.parametrize("node", ["node-1", "node-2"])
def test_fragments_for_a_host_arrive_in_any_order(lab, family, node):
    address = lab.ip(node, family)
    with lab.server(node, "udp-echo", UDP_PORT, address):
        lab.exec("client", *PEER, "udp-ask-fragments", address, str(UDP_PORT), "2", "1", "0")
