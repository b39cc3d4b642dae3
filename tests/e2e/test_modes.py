# SPDX-License-Identifier: Apache-2.0
"""Other ways to run: clsact instead of tcx, native routing, addresses from the cluster's pool, one family alone."""
import ipaddress
import json
import pathlib

import pytest

from support import KERNEL, TCP_PORT, TCX_SINCE, ask, ping, wait_for


def make_pods(lab):
    lab.add("node-1", "client")
    lab.add("node-1", "near")
    lab.add("node-2", "far")


def converse(lab, families):
    """A pod beside and a pod across, asked by TCP and ping."""
    for server in ("near", "far"):
        with lab.server(server, "tcp-echo", TCP_PORT):
            for family in families:
                ping(lab, "client", lab.ip(server, family))
                ping(lab, "client", lab.ip(server, family), "-s", "65000")
                ask(lab, "client", "tcp-ask", lab.ip(server, family), TCP_PORT, 1_000_000)


def traffic(lab, families):
    make_pods(lab)
    converse(lab, families)


def test_clsact(make_lab):
    lab = make_lab("clsact", "--agent-arg", "--attach=clsact")
    traffic(lab, (4, 6))
    assert lab.json("node-1", "status")["datapath"]["attach"] == "clsact"
    device = lab.endpoint("client")["device"]
    assert "clsact" in lab.exec("node-1", "tc", "qdisc", "show", "dev", device).stdout
    lab.run("agent", "node-1", "kill")
    ping(lab, "client", lab.ip("far", 4))
    lab.run("agent", "node-1", "start")
    ping(lab, "client", lab.ip("far", 4))
    filters = lab.exec("node-1", "tc", "filter", "show", "dev", device, "ingress").stdout
    assert filters.count("direct-action") == 1, "the agent's next life replaced the program, it did not add one"


@pytest.mark.skipif(KERNEL < TCX_SINCE, reason=f"Linux {KERNEL} has no tcx, which comes with {TCX_SINCE}")
def test_pods_wired_in_haste_get_tcx_without_losing_a_packet(make_lab):
    """So that an ADD need not wait for it. An agent that is killed before has a next life that does it."""
    lab = make_lab("haste", "--nodes", "1")

    def hooks():
        programs = lab.json("node-1", "status")["datapath"]["programs"]
        return sorted(item["hook"] for item in programs if item["device"] in devices)

    devices = {lab.endpoint(lab.add("node-1", pod))["device"] for pod in ("client", "near")}
    with lab.background("client", "ping", "-n", "-i", "0.002", lab.ip("near", 4), ready="bytes from") as steady:
        wait_for(lambda: hooks() == ["tcx/egress"] * 2 + ["tcx/ingress"] * 2, "both pods have tcx")
        devices |= {"pilus_vxlan", "eth0"}
        wait_for(lambda: hooks() == ["tcx/egress"] * 4 + ["tcx/ingress"] * 4, "the host's devices have it, too")
        steady.interrupt()
        assert ", 0% packet loss" in steady.wait_line("packet loss")
    devices.add(lab.endpoint(lab.add("node-1", "late"))["device"])
    lab.run("agent", "node-1", "kill")
    lab.run("agent", "node-1", "start")
    wait_for(lambda: hooks() == ["tcx/egress"] * 5 + ["tcx/ingress"] * 5, "all devices have tcx")
    lab.run("audit")


def test_native_routing_over_a_router(make_lab):
    """Nodes that do not go to each other directly: the routes are the network's."""
    lab = make_lab("router", "--agent-arg", "--routing-mode=native", "--agent-arg", "--auto-direct-node-routes=false")
    lab.exec("underlay", "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
    for node, cidrs in (("node-1", ("10.1.0.0/24", "fd00:1::/112")), ("node-2", ("10.2.0.0/24", "fd00:2::/112"))):
        for family, cidr in zip((4, 6), cidrs):
            lab.exec("underlay", "ip", "route", "add", cidr, "via", lab.ip(node, family))
    traffic(lab, (4, 6))
    for family in (4, 6):
        ping(lab, "client", lab.ip("node-2", family))
        ping(lab, "node-1", lab.ip("far", family))


def switch(lab, node, mode):
    """The agent's next life is in another mode."""
    lab.run("agent", node, "stop")
    config = pathlib.Path(lab.folder, node, "pilus.yaml")
    lines = [line for line in config.read_text().splitlines() if not line.startswith("routing-mode")]
    config.write_text("\n".join([*lines, f"routing-mode: {mode}", ""]))
    lab.run("agent", node, "start")


def test_routing_mode_may_be_switched(make_lab):
    lab = make_lab("switch")
    make_pods(lab)
    for mode, mtu in (("native", 1500), ("tunnel", 1450)):
        for node in ("node-1", "node-2"):
            switch(lab, node, mode)
        for pod in ("client", "near", "far"):
            wait_for(lambda pod=pod: lab.endpoint(pod)["mtu"] == mtu, "the pods to have the mode's MTU")
            assert json.loads(lab.exec(pod, "ip", "-j", "link", "show", "eth0").stdout)[0]["mtu"] == mtu
        for node in ("node-1", "node-2"):
            wait_for(lambda node=node: {item["routing-mode"] for item in lab.json(node, "node", "list")} == {mode},
                     "the nodes to know of each other's mode")
            there = lab.exec(node, "ip", "link", "show", "pilus_vxlan", check=False).returncode == 0
            assert there == (mode == "tunnel")
        converse(lab, (4, 6))
        for family in (4, 6):
            for node in ("node-1", "node-2"):
                ping(lab, node, lab.ip("far", family))
    assert "via 10.99" not in lab.exec("node-1", "ip", "route", "show", "proto", "80").stdout


def test_cluster_pool(make_lab):
    pools = ["10.200.0.0/16", "fd00:c8::/104"]
    lab = make_lab("pool", "--nodes", "3", "--agent-arg", "--ipam=cluster-pool",
                   "--agent-arg", f"--cluster-pool-cidrs={','.join(pools)}")
    traffic(lab, (4, 6))
    blocks = {}
    for number in (1, 2, 3):
        node = f"node-{number}"
        cidrs = next(item["pod-cidrs"] for item in lab.json(node, "node", "list") if item["name"] == node)
        blocks[node] = [ipaddress.ip_network(cidr) for cidr in cidrs]
        assert [block.prefixlen for block in blocks[node]] == [24, 112]
        for block, pool in zip(blocks[node], pools):
            assert block.subnet_of(ipaddress.ip_network(pool))
    assert len({block for pair in blocks.values() for block in pair}) == 6, "no block is two nodes'"
    for family, block in zip((4, 6), blocks["node-2"]):
        assert ipaddress.ip_address(lab.ip("far", family)) in block
    lab.run("agent", "node-2", "kill")
    lab.run("agent", "node-2", "start")
    again = next(item["pod-cidrs"] for item in lab.json("node-2", "node", "list") if item["name"] == "node-2")
    assert again == [str(block) for block in blocks["node-2"]]


@pytest.mark.parametrize("family, pool", [(4, "10.200.0.0/16"), (6, "fd00:c8::/104")], ids=["IPv4", "IPv6"])
def test_one_family_alone(make_lab, family, pool):
    lab = make_lab("single", "--agent-arg", "--ipam=cluster-pool", "--agent-arg", f"--cluster-pool-cidrs={pool}")
    traffic(lab, (family,))
    other = {4: 6, 6: 4}[family]
    assert lab.status()["pods"][0][f"ipv{other}"] is None
    assert lab.run("ip", "client", *(["-6"] if other == 6 else []), check=False).returncode == 1


def test_pool_that_is_used_up_says_so(make_lab):
    lab = make_lab("full", "--nodes", "1", "--agent-arg", "--pod-cidrs=10.1.0.0/29")
    made = 0
    while made < 10:
        done = lab.run("pod", "add", "node-1", f"pod-{made}", check=False)
        if done.returncode:
            break
        made += 1
    assert 3 <= made <= 6
    assert "10.1.0.0/29" in done.stderr, done.stderr
    lab.run("pod", "del", "pod-0")
    lab.add("node-1", "next")


def test_idle_flows_leave_the_table(make_lab):
    lab = make_lab("aging", "--nodes", "1", "--agent-arg", "--flow-timeout-other=1")
    lab.add("node-1", "client")
    lab.add("node-1", "near")
    ping(lab, "client", lab.ip("near", 4))
    assert lab.ip("near", 4) in lab.pilus("node-1", "bpf", "ct", "list")
    wait_for(lambda: lab.ip("near", 4) not in lab.pilus("node-1", "bpf", "ct", "list"), "the flow has aged", 15)
