# SPDX-License-Identifier: Apache-2.0
"""
Connections through a service, by how many services there are: beside those straight to the pod, and beside the rules that
kube-proxy writes for the same services, in each of its forms on a node of its own. And what so many services take the
agent.
"""
import dataclasses
import json
import statistics
import subprocess
import time

from pilus_lab import LabError, agents, labs, underlay

from . import children, compare, kube_proxy, network, node, peers

STRAIGHT, SERVICE = "straight to the pod", "through a service"
IPTABLES, NFT, NFTABLES = "iptables", "iptables-nft", "nftables"
WORKS = ("rr", "crr")
BACKENDS = 10
ADDRESS = {4: "10.111.{}.{}", 6: "fd11::{:x}:{:x}"}
NETWORK = {4: "10.111.0.0/16", 6: "fd11::/64"}
KNOWN_SECONDS, CHANGES, STARTS = 120, 40, 3


def _address(family, number):
    return ADDRESS[family].format(number // 250, number % 250 + 1)


def _backend(family, number, index):
    return f"10.{200 + index}.{number // 250}.{number % 250 + 1}" if family == 4 else f"fd22:{index}::{number + 1:x}"


def _ports(number):
    """Number 0 is the service that is measured: its ports are those of the kinds of work."""
    return [{"name": work, "port": network.PORTS[work]} for work in (WORKS[:1] if number else WORKS)]


def _publish_service(lab, family, number):
    name = f"service-{number}"
    node.put(lab, f"services/bench/{name}", {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "bench"},
        "spec": {"clusterIP": _address(family, number), "ports": _ports(number)}})


def _publish_slice(lab, family, number, backends):
    name = f"service-{number}"
    node.put(lab, f"endpointslices/bench/{name}", {
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {"name": name, "namespace": "bench", "labels": {"kubernetes.io/service-name": name}},
        "addressType": f"IPv{family}", "ports": _ports(number),
        "endpoints": [{"addresses": [address]} for address in backends]})


def _publish_until(bench, first, count):
    for number in range(first, count):
        backends = [_backend(bench.family, number, index) for index in range(BACKENDS)]
        _publish_service(bench.lab, bench.family, number)
        _publish_slice(bench.lab, bench.family, number, backends if number else [bench.near.address])
    agents.wait_until(bench.lab.node("node-1"), "/v1/status", lambda status: status["services"]["services"] >= count,
                      f"serve {count} services", KNOWN_SECONDS)


# ── beside kube-proxy's rules ──

def _proxied(family, count, address):
    """The measured service in the middle of the others."""
    order = list(range(1, count))
    order.insert(len(order) // 2, 0)
    return [kube_proxy.Service(f"bench/service-{number}:{port['name']}", _address(family, number), port["port"],
                               [_backend(family, number, index) for index in range(BACKENDS)] if number else [address])
            for number in order for port in _ports(number)]


class _Peer:
    def __init__(self, bench, name, command, texts):
        self.name, self.command, self.texts = name, command, texts
        self.family = bench.family
        self.client, self.server, self.address = peers.veth(bench.lab, bench.family, f"proxy-{command[0]}")
        underlay.in_netns(self.client.netns, f"route add {NETWORK[bench.family]} dev eth0")

    def load(self, count):
        """False where the kernel has no such tables."""
        pods = peers.NODE[self.family].format(0)
        try:
            for text in self.texts(_proxied(self.family, count, self.address), pods):
                children.run(self.client, self.command, text, stderr=subprocess.DEVNULL)
        except LabError:
            return False
        return True

    def path(self, like):
        return dataclasses.replace(like, name=self.name, client=self.client, server=self.server, address=_address(self.family, 0))


def _peers(bench):
    iptables = f"ip{'6' if bench.family == 6 else ''}tables"
    return [_Peer(bench, name, command, texts) for name, command, texts in (
        (IPTABLES, [f"{iptables}-legacy-restore"], kube_proxy.by_iptables),
        (NFT, [f"{iptables}-nft-restore"], kube_proxy.by_iptables),
        (NFTABLES, ["nft", "-f", "-"], kube_proxy.by_nftables))]


def _measure_connections(bench, rounds, seconds):
    found = _peers(bench)
    straight = dataclasses.replace(bench.near, name=STRAIGHT)
    service = dataclasses.replace(straight, name=SERVICE, address=_address(bench.family, 0))
    results, published = {}, 0
    for count in bench.size["services"]:
        _publish_until(bench, published, count)
        published = count
        measured = [straight, service, *(peer.path(straight) for peer in found if peer.load(count))]
        runs = {f"{work}/1": network.run(measured, work, 1, rounds, seconds) for work in WORKS}
        results[str(count)] = compare.of_network(runs, STRAIGHT)
    return results


# ── what they take the agent ──

def _path_of(bench, number):
    """Of the API. The maps are asked: the agent's list of all services is long."""
    command = [labs.binary("pilus"), "bpf", "lb", "list", "--revnat", "-o", "json"]
    rows = json.loads(children.run(bench.lab.node("node-1"), command))
    return f"/v1/services/{next(row['id'] for row in rows if row['address'] == _address(bench.family, number))}"


def _change(bench, path, number, backends):
    """Seconds from a changed slice in the store to the node that serves it so."""
    agent = bench.lab.node("node-1")
    begun = time.monotonic()
    _publish_slice(bench.lab, bench.family, number, backends)
    while len(agents.ask(agent, path)[0]["backends"]) != len(backends):
        if time.monotonic() - begun > KNOWN_SECONDS:
            raise LabError(f"{agent.name} does not serve a changed service")
    return time.monotonic() - begun


def _measure_agent(bench):
    agent, count = bench.lab.node("node-1"), bench.size["services"][-1]
    starts = node.starts(agent, STARTS)
    number = count - 1
    path = _path_of(bench, number)
    backends = [_backend(bench.family, number, index) for index in range(BACKENDS)]
    changes = [_change(bench, path, number, backends[:BACKENDS - 1 - turn % 2]) for turn in range(CHANGES)]
    return {"services": count, "backends": BACKENDS, "start": statistics.median(starts["anew"]["seconds"]),
            "resident": node.memory(agent)["resident"], "change": compare.summary(changes)}


def measure(bench):
    connections = _measure_connections(bench, bench.size["rounds"][1], bench.size["seconds"])
    found = {"connections": connections, "agent": _measure_agent(bench)}
    _forget(bench)
    return found


def _forget(bench):
    """So that the parts that follow measure an agent without services."""
    for kind in ("services", "endpointslices"):
        subprocess.run(["rm", "-r", f"{bench.lab.store}/{kind}"], check=True)
    agents.wait_until(bench.lab.node("node-1"), "/v1/status", lambda status: not status["services"]["services"],
                      "forget the services", KNOWN_SECONDS)


# ── figures ──

def _of_count(results, which):
    """Of the fewest services measured (0), of some more, or of the most (-1)."""
    return list(results["services"]["connections"].values())[which]


def ratio(path, base, work, metric, which):
    def value(results):
        runs = _of_count(results, which)[work]
        return compare.ratio(runs[path][metric]["runs"], runs[base][metric]["runs"])
    return value


def flat(results):
    """CRR among the most services to that among the fewest, each to the pod's of its time."""
    most, fewest = (ratio(SERVICE, STRAIGHT, "crr/1", "rate", which)(results) for which in (-1, 0))
    return most / fewest


def of_agent(*keys):
    def value(results):
        found = results["services"]["agent"]
        for key in keys:
            found = found[key]
        return found
    return value
