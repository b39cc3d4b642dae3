# SPDX-License-Identifier: Apache-2.0
"""
Services from outside the cluster: a client on the underlay asks a node, whose backends are here or there.
"""
import contextlib
import pathlib

import pytest

from conftest import new_lab
from support import wait_for
from test_services import BACKEND, PORT, Services, peer

ANYWHERE = {4: "0.0.0.0", 6: "::"}
OUTSIDE = {4: "198.51.100.{}", 6: "fd77::{}"}


@pytest.fixture(scope="module")
def services():
    with new_lab("outside", "--nodes", "2") as lab, contextlib.ExitStack() as servers:
        for node, pod in (("node-1", "client"), ("node-1", "near"), ("node-2", "far")):
            lab.add(node, pod)
            if pod != "client":
                servers.enter_context(lab.background(pod, *BACKEND, "serve", str(PORT), ready="^ready$"))
        yield Services(lab)


def outside_address(services, family):
    """An address that the underlay's router leads to node-1."""
    services.used += 1
    address = OUTSIDE[family].format(services.used)
    services.lab.exec("underlay", "ip", "route", "add", address, "via", services.lab.ip("node-1", family))
    return address


def node_port(services):
    services.used += 1
    return 30000 + services.used


@pytest.mark.parametrize("kind", ["tcp", "udp"])
@pytest.mark.parametrize("backend", ["near", "far"])
def test_node_port(services, family, kind, backend):
    """From outside, from a pod and from the node itself; on every node."""
    port = node_port(services)
    services.update(ANYWHERE[family], [backend], "--type", "NodePort", port=port, protocol=kind.upper())
    for node in ("node-1", "node-2"):
        address = services.lab.ip(node, family)
        wait_for(lambda node=node: services.serving(node, ANYWHERE[family], [backend], port), f"{node} serves it")
        for place in ("underlay", "client", "node-1"):
            assert services.count(place, address, 5, kind, port) == {backend: 5}, (place, node)


@pytest.mark.parametrize("kind", ["tcp", "udp"])
@pytest.mark.parametrize("backend", ["near", "far"])
@pytest.mark.parametrize("type_", ["LoadBalancer", "ExternalIPs"])
def test_own_address(services, family, kind, backend, type_):
    address = outside_address(services, family)
    services.update(address, [backend], "--type", type_, protocol=kind.upper())
    for place in ("underlay", "client"):
        assert services.count(place, address, 5, kind) == {backend: 5}, place


@pytest.mark.parametrize("backend", ["near", "far"])
def test_sctp(services, family, backend):
    """Packets of it, with their checksum right: there need be no sockets."""
    address = outside_address(services, family)
    services.update(address, [backend], "--type", "LoadBalancer", port=PORT, protocol="SCTP")
    for place in ("underlay", "client"):
        assert services.count(place, address, 3, "sctp", PORT) == {backend: 3}, place


def test_cluster_addresses_are_for_the_inside(services, family):
    address = outside_address(services, family)
    services.update(address, ["near"])
    done = services.lab.exec("underlay", *BACKEND, "count", "tcp", address, "80", "1", check=False, seconds=120)
    assert done.returncode


def test_external_policy(services, family):
    """From outside only the node's own backends; from inside all."""
    address = outside_address(services, family)
    services.update(address, ["near", "far"], "--type", "LoadBalancer", "--external-policy", "Local")
    assert services.count("underlay", address, 30) == {"near": 30}
    assert set(services.count("client", address, 60)) == {"near", "far"}


HEALTH = """
import sys, urllib.error, urllib.request
try:
    print(urllib.request.urlopen(f"http://{sys.argv[1]}/healthz", timeout=10).status)
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
"""


def test_health_port(services, family):
    """Which nodes a load balancer is to ask: those that have backends themselves."""
    address, port = outside_address(services, family), node_port(services)
    services.update(address, ["near"], "--type", "LoadBalancer", "--external-policy", "Local", "--health-port", str(port))
    services.wait_serving(address, ["near"])

    def health(node):
        return services.lab.python("underlay", HEALTH, peer(services.lab.ip(node, family), port))
    assert health("node-1").strip() == "200"
    assert health("node-2").startswith("503") and '"localEndpoints":0' in health("node-2").replace(" ", "")


def test_source_ranges(services):
    address = outside_address(services, 4)
    services.update(address, ["near"], "--type", "LoadBalancer", "--source-ranges", "10.99.0.0/24")
    assert services.count("underlay", address, 5) == {"near": 5}
    services.update(address, ["near"], "--type", "LoadBalancer", "--source-ranges", "203.0.113.0/24")
    done = services.lab.exec("underlay", *BACKEND, "count", "tcp", address, "80", "1", check=False, seconds=120)
    assert done.returncode
    assert services.count("client", address, 5) == {"near": 5}


def test_affinity(services, family):
    address = outside_address(services, family)
    services.update(address, ["near", "far"], "--type", "LoadBalancer", "--affinity", "60")
    first = services.count("underlay", address, 10)
    assert len(first) == 1 and services.count("underlay", address, 10) == first


def test_node_port_is_protected(services):
    """Nobody on a node may listen where a service is met."""
    port = node_port(services)
    services.update("0.0.0.0", ["near"], "--type", "NodePort", port=port)
    bind = f"import socket; socket.socket().bind(('0.0.0.0', {port}))"
    done = services.lab.exec("node-1", "/usr/bin/python3", "-c", bind, check=False)
    assert done.returncode and "Errno" in done.stderr


@contextlib.contextmanager
def pod_with(lab, pod, mappings):
    lab.add("node-1", pod, "--host-ports", mappings)
    try:
        with lab.background(pod, *BACKEND, "serve", str(PORT), ready="^ready$"):
            yield
    finally:
        lab.run("pod", "del", pod)


def host_ports(lab, node):
    return [row for row in lab.json(node, "service", "list") if row["type"] == "HostPort"]


def test_host_ports_of_a_pod(services):
    """From outside, from pods here and there, and from the nodes; until it is deleted, over a restart of the agent."""
    lab, port = services.lab, 8080
    everybody = ("underlay", "client", "far", "node-1", "node-2")

    def reach(places, kind="tcp"):
        for family in (4, 6):
            for place in places:
                assert services.count(place, lab.ip("node-1", family), 3, kind, port) == {"mapped": 3}, (place, family)
    with pod_with(lab, "mapped", f"{port}={PORT}/TCP,{port}={PORT}/UDP"):
        for node in ("node-1", "node-2"):
            wait_for(lambda node=node: len(host_ports(lab, node)) == 4, f"{node} serves the host ports")
            assert {row["service"] for row in host_ports(lab, node)} == {"default/mapped"}
        for kind in ("tcp", "udp"):
            reach(everybody, kind)
        lab.run("agent", "node-1", "kill")
        reach(("underlay", "far"))
        lab.run("agent", "node-1", "start")
        wait_for(lambda: len(host_ports(lab, "node-1")) == 4, "the host ports are adopted")
        reach(everybody)
        bind = f"import socket; socket.socket().bind(('0.0.0.0', {port}))"
        assert lab.exec("node-1", "/usr/bin/python3", "-c", bind, check=False).returncode
        refused = lab.run("pod", "add", "node-1", "second", "--host-ports", f"{port}=80/TCP", check=False)
        assert refused.returncode and f"0.0.0.0:{port}/TCP is served for the pod default/mapped" in refused.stderr
        assert not [row for row in lab.json("node-1", "endpoint", "list") if row["pod"] == "second"]
        reach(("underlay",))
    for node in ("node-1", "node-2"):
        wait_for(lambda node=node: not host_ports(lab, node), f"{node} knows that it is gone")
    done = lab.exec("underlay", *BACKEND, "count", "tcp", lab.ip("node-1", 4), str(port), "1", check=False, seconds=120)
    assert done.returncode


def test_host_ports_are_taken_back_when_services_are_served_no_more(make_lab):
    """The other nodes would go on to send there."""
    lab = make_lab("unserved")
    lab.add("node-1", "mapped", "--host-ports", "8080=80/TCP")
    wait_for(lambda: host_ports(lab, "node-2"), "node-2 is told of the host ports")
    told = pathlib.Path(lab.folder, "store", "hostports", "node-1")
    assert list(told.iterdir())
    lab.run("agent", "node-1", "stop")
    with open(f"{lab.folder}/node-1/pilus.yaml", "a", encoding="utf-8") as config:
        config.write("kube-proxy-replacement: false\n")
    lab.run("agent", "node-1", "start")
    wait_for(lambda: not host_ports(lab, "node-2"), "node-2 is told that they are gone")
    assert not told.exists() or not list(told.iterdir())


def test_host_port_at_one_address(services):
    """hostIP: only there; at the loopback only for the node's own processes."""
    lab, outer, inner = services.lab, 8081, 8082
    with pod_with(lab, "mapped", f"10.99.0.1:{outer}={PORT}/TCP,127.0.0.1:{inner}={PORT}/TCP"):
        wait_for(lambda: len(host_ports(lab, "node-2")) == 1, "node-2 is told of the one that others reach")
        for place in ("underlay", "far", "client", "node-1"):
            assert services.count(place, lab.ip("node-1", 4), 3, "tcp", outer) == {"mapped": 3}, place
        assert services.count("node-1", "127.0.0.1", 3, "tcp", inner) == {"mapped": 3}
        for place, address, port in (("node-1", "127.0.0.1", outer), ("client", "127.0.0.1", inner),
                                     ("far", lab.ip("node-1", 4), inner), ("node-1", lab.ip("node-1", 6), outer)):
            done = lab.exec(place, *BACKEND, "count", "tcp", address, str(port), "1", check=False, seconds=120)
            assert done.returncode, (place, address, port)


def test_load_from_outside_while_the_agent_restarts(services):
    lab, address = services.lab, outside_address(services, 4)
    services.update(address, ["near", "far"], "--type", "LoadBalancer")
    with services.load("underlay", address) as load:
        lab.run("agent", "node-1", "kill")
        lab.run("agent", "node-1", "start")
        assert load.finish() == 0, load.lines
