# SPDX-License-Identifier: Apache-2.0
"""Who may talk to whom: pods, nodes and the world, as the oracle and the tests see them."""
import dataclasses

POD = "pod"  # else the kind of a party is the name of a reserved identity: host, world, …
PROTOCOLS = ("TCP", "UDP", "SCTP")
PORTS = (80, 81)
NAMESPACES, NAMES = ("x", "y", "z"), ("a", "b", "c")
# What upstream's scenarios do not look at, and generated policies do.
MORE_LABELS = {"a": {"tier": "front"}, "b": {"tier": "back"}, "c": {}}
MORE_NAMESPACE_LABELS = {"x": {"team": "blue"}, "y": {"team": "red"}, "z": {}}
WEB = {"a": {("web", "TCP"): 80}, "b": {("web", "TCP"): 81}, "c": {}}  # of one name, different numbers


@dataclasses.dataclass
class Party:
    name: str
    addresses: dict  # family: address
    kind: str = POD
    namespace: str = ""
    labels: dict = dataclasses.field(default_factory=dict)
    namespace_labels: dict = dataclasses.field(default_factory=dict)
    ports: dict = dataclasses.field(default_factory=dict)  # (name, protocol): number
    node: str = ""

    @property
    def is_pod(self):
        return self.kind == POD


def named_ports():
    """As upstream's pods have them: serve-80-tcp, serve-81-udp, …"""
    return {(f"serve-{port}-{protocol.lower()}", protocol): port for port in PORTS for protocol in PROTOCOLS}


def nine_pods(nodes=("node-1", "node-2")):
    """Three namespaces of three pods, in turns on the nodes, with the addresses that the lab's nodes hand out."""
    pods = []
    for number, (namespace, name) in enumerate((namespace, name) for namespace in NAMESPACES for name in NAMES):
        node, host = number % len(nodes), 3 + number // len(nodes)
        namespace_labels = {"kubernetes.io/metadata.name": namespace} | MORE_NAMESPACE_LABELS[namespace]
        pods.append(Party(f"{namespace}/{name}",
                          {4: f"10.{node + 1}.0.{host}", 6: f"fd00:{node + 1}::{host:x}"},
                          namespace=namespace, labels={"pod": name} | MORE_LABELS[name],
                          namespace_labels=namespace_labels, ports=named_ports() | WEB[name], node=nodes[node]))
    return pods


def others():
    """Those that are no pods."""
    return [Party("host", {4: "10.99.0.1", 6: "fd99::1"}, "host"),
            Party("far-node", {4: "10.99.0.2", 6: "fd99::2"}, "remote-node"),
            Party("health", {4: "10.2.0.250", 6: "fd00:2::fa"}, "health"),
            Party("near-world", {4: "10.1.0.200", 6: "fd00:1::c8"}, "world"),
            Party("world", {4: "198.51.100.7", 6: "2001:db8::7"}, "world")]
