# SPDX-License-Identifier: Apache-2.0
"""Pods talk: on a node and across, both families, all protocols, any size; and with the hosts."""
import json

import pytest

from support import PYTHON, TCP_PORT, UDP_PORT, ask, ping


@pytest.mark.kernels
def test_ping(lab, family, server):
    ping(lab, "client", lab.ip(server, family))


def test_ping_from_the_other_side(lab, family, server):
    ping(lab, server, lab.ip("client", family))


@pytest.mark.kernels
def test_ping_of_64_kb(lab, family, server):
    ping(lab, "client", lab.ip(server, family), "-s", "65000")


def test_ping_of_exactly_the_mtu(lab, family, server):
    ping(lab, "client", lab.ip(server, family), "-M", "do", "-s", str(lab.largest_ping(family)))


def test_a_byte_over_the_mtu_is_refused_by_the_pod_itself(lab, family):
    done = lab.exec("client", "ping", "-c", "1", "-W", "1", "-M", "do", "-s", str(lab.largest_ping(family) + 1),
                    lab.ip("far", family), check=False)
    assert done.returncode != 0
    assert "too long" in done.stdout + done.stderr


def test_tcp(lab, family, server):
    ask(lab, "client", "tcp-ask", lab.ip(server, family), TCP_PORT, 1)


@pytest.mark.kernels
def test_tcp_moves_20_mb_unharmed_both_ways(lab, family, server):
    ask(lab, "client", "tcp-ask", lab.ip(server, family), TCP_PORT, 20_000_000)


def test_tcp_port_nobody_listens_on_refuses_at_once(lab, family, server):
    done = lab.exec("client", *PYTHON, "import socket, sys; socket.create_connection((sys.argv[1], 9), timeout=3)",
                    lab.ip(server, family), check=False)
    assert "ConnectionRefusedError" in done.stderr


@pytest.mark.parametrize("size", [0, 1, 1400, 60_000])
def test_udp(lab, family, server, size):
    ask(lab, "client", "udp-ask", lab.ip(server, family), UDP_PORT, size)


def test_udp_port_nobody_listens_on_answers_by_icmp(lab, family, server):
    done = lab.exec("client", *PYTHON, """
import socket, sys
asker = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
asker.settimeout(3)
asker.connect((sys.argv[1], 9))
asker.send(b"anybody?")
asker.recv(1)
""", lab.ip(server, family), check=False)
    assert "ConnectionRefusedError" in done.stderr


@pytest.mark.parametrize("options", [[], ["-R"], ["-u", "-b", "20M", "-l", "1300"]], ids=["up", "down", "udp"])
def test_iperf3(lab, family, server, options):
    with lab.background(server, "iperf3", "-s", "-1", "--forceflush", ready="Server listening"):
        done = lab.exec("client", "iperf3", "-J", "-t", "1", "-c", lab.ip(server, family), *options)
    end = json.loads(done.stdout)["end"]
    received = end["sum"] if "-u" in options else end["sum_received"]
    assert received["bytes"] > 1_000_000
    if "-u" in options:
        assert received["lost_percent"] < 1


def test_many_short_connections(lab, family, server):
    lab.exec("client", *PYTHON, """
import socket, sys
for number in range(300):
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3) as connection:
        connection.sendall(b"%d" % number)
        assert connection.recv(16) == b"%d" % number
""", lab.ip(server, family), str(TCP_PORT))


@pytest.mark.parametrize("node", [pytest.param("node-1", marks=pytest.mark.kernels), "node-2"])
def test_host_to_pod(lab, family, node):
    for pod in ("near", "far"):
        ping(lab, node, lab.ip(pod, family))
        ask(lab, node, "tcp-ask", lab.ip(pod, family), TCP_PORT, 100_000)
        ask(lab, node, "udp-ask", lab.ip(pod, family), UDP_PORT)


@pytest.mark.kernels
@pytest.mark.parametrize("node", ["node-1", "node-2"])
def test_pod_to_host(lab, family, node):
    address = lab.ip(node, family)
    with lab.server(node, "tcp-echo", TCP_PORT), lab.server(node, "udp-echo", UDP_PORT, address):
        ping(lab, "client", address)
        ask(lab, "client", "tcp-ask", address, TCP_PORT, 100_000)
        ask(lab, "client", "udp-ask", address, UDP_PORT)


@pytest.mark.kernels
def test_ping_of_64_kb_between_host_and_pod(lab, family):
    for pod in ("near", "far"):
        ping(lab, "node-1", lab.ip(pod, family), "-s", "65000")


def test_pod_reaches_itself(lab, family):
    ping(lab, "client", lab.ip("client", family))


def test_gateway_is_a_permanent_neighbour(lab, family):
    """No ARP and no neighbour discovery before a pod's first packet."""
    route = json.loads(lab.exec("client", "ip", f"-{family}", "-j", "route", "show", "default").stdout)[0]
    neighbours = json.loads(lab.exec("client", "ip", f"-{family}", "-j", "neigh", "show", "dev", "eth0").stdout)
    assert ["PERMANENT"] in [entry["state"] for entry in neighbours if entry["dst"] == route["gateway"]]


def test_address_nobody_has_is_not_answered(lab, family):
    nobody = {4: "10.2.0.250", 6: "fd00:2::250"}[family]
    done = lab.exec("client", "ping", "-c", "1", "-W", "1", nobody, check=False)
    assert done.returncode == 1
    assert "0 received" in done.stdout


def test_address_nobody_has_on_the_own_node_is_unreachable(lab, family):
    """And does not leave by the node's default route."""
    nobody = {4: "10.1.0.250", 6: "fd00:1::250"}[family]
    done = lab.exec("client", "ping", "-n", "-c", "1", "-W", "2", nobody, check=False)
    assert "unreachable" in done.stdout.lower(), done.stdout
