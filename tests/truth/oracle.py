# SPDX-License-Identifier: Apache-2.0
"""
What policies mean, from their text alone: a brute-force evaluator written from the specifications of NetworkPolicy
(kubernetes.io/docs/concepts/services-networking/network-policies and the API reference of networking.k8s.io/v1) and of
CiliumNetworkPolicy (docs.cilium.io/en/stable/security/policy). It shares nothing with the product, on purpose, and is
as slow and as plain as it can be: whoever doubts an answer shall be able to follow it by finger.
"""
import functools
import ipaddress

import yaml

from world import PROTOCOLS

INGRESS, EGRESS = "ingress", "egress"
ICMP, ICMPV6 = "ICMP", "ICMPv6"
POD_NAMESPACE = "io.kubernetes.pod.namespace"
NAMESPACE_LABELS = "io.cilium.k8s.namespace.labels."
ICMP_NAMES = {ICMP: {"EchoReply": 0, "DestinationUnreachable": 3, "EchoRequest": 8, "TimeExceeded": 11},
              ICMPV6: {"DestinationUnreachable": 1, "PacketTooBig": 2, "EchoRequest": 128, "EchoReply": 129}}

ENTITIES = {
    "all": lambda party: True,
    "world": lambda party: party.kind == "world",
    "cluster": lambda party: party.kind != "world",
    "host": lambda party: party.kind == "host",
    "remote-node": lambda party: party.kind in ("remote-node", "kube-apiserver"),
    "health": lambda party: party.kind == "health",
    "init": lambda party: party.kind == "init",
    "unmanaged": lambda party: party.kind == "unmanaged",
    "kube-apiserver": lambda party: party.kind == "kube-apiserver",
}


class Packet:
    """The first of a connection. `port` is the receiver's; of ICMP it is the type."""

    def __init__(self, source, destination, family, protocol, port):
        self.source, self.destination, self.family = source, destination, family
        self.protocol, self.port = protocol, port

    def peer(self, direction):
        return self.source if direction == INGRESS else self.destination


# ── labels ──

def _holds(value, wanted):
    """One requirement: `value` is the label's, or None without the label."""
    operator, values = wanted["operator"], wanted.get("values") or []
    if operator == "In":
        return value is not None and value in values
    if operator == "NotIn":
        return value is None or value not in values
    return (value is not None) == (operator == "Exists")


def _requirements(selector):
    selector = selector or {}
    for key, value in (selector.get("matchLabels") or {}).items():
        yield {"key": key, "operator": "In", "values": [value]}
    yield from selector.get("matchExpressions") or []


def _selects(selector, labels):
    """A LabelSelector on a mapping of labels."""
    return all(_holds(labels.get(wanted["key"]), wanted) for wanted in _requirements(selector))


# ── addresses and ports ──

@functools.lru_cache(maxsize=None)
def _in_block(block, address):
    network, address = ipaddress.ip_network(block), ipaddress.ip_address(address)
    return network.version == address.version and address in network


def _in_blocks(block, exceptions, address):
    return _in_block(block, address) and not any(_in_block(inner, address) for inner in exceptions or [])


def _port_fits(port, packet, protocols, every):
    """port and endPort of a rule; `every` is what stands for every port."""
    if packet.protocol not in protocols:
        return False
    number = port.get("port", every)
    if number == every:
        return True
    if isinstance(number, str) and not number.isdigit():
        return packet.destination.ports.get((number, packet.protocol)) == packet.port
    return int(number) <= packet.port <= int(port.get("endPort") or number)


# ── NetworkPolicy ──

class KubernetesPolicy:
    def __init__(self, document):
        self.namespace = document["metadata"].get("namespace", "default")
        self.spec = document["spec"]
        types = self.spec.get("policyTypes") or ["Ingress", *(["Egress"] if self.spec.get("egress") else [])]
        self._types = [word.lower() for word in types]

    def subjects(self, party):
        return party.is_pod and party.namespace == self.namespace \
            and _selects(self.spec.get("podSelector"), party.labels)

    def closes(self, direction):
        return direction in self._types

    def denies(self, direction, packet):
        return False

    def allows(self, direction, packet):
        return self.closes(direction) and any(self._rule(direction, rule or {}, packet)
                                              for rule in self.spec.get(direction) or [])

    def _rule(self, direction, rule, packet):
        peers, ports = rule.get("from" if direction == INGRESS else "to"), rule.get("ports")
        return (not peers or any(self._peer(peer, packet.peer(direction), packet.family) for peer in peers)) \
            and (not ports or any(_port_fits(port, packet, [port.get("protocol", "TCP")], None) for port in ports))

    def _peer(self, peer, party, family):
        if "ipBlock" in peer:  # by address, whoever has it
            block = peer["ipBlock"]
            return family in party.addresses and _in_blocks(block["cidr"], block.get("except"), party.addresses[family])
        if not party.is_pod:
            return False
        if "namespaceSelector" in peer:
            named = _selects(peer["namespaceSelector"], party.namespace_labels)
        else:
            named = party.namespace == self.namespace
        return named and _selects(peer.get("podSelector"), party.labels)


# ── CiliumNetworkPolicy ──

def _cilium_labels(party):
    """{(source, key): value}, as Cilium derives them."""
    if not party.is_pod:
        return {("reserved", party.kind): ""}
    labels = {("k8s", key): value for key, value in party.labels.items()}
    labels |= {("k8s", NAMESPACE_LABELS + key): value for key, value in party.namespace_labels.items()}
    return labels | {("k8s", POD_NAMESPACE): party.namespace}


def _cilium_value(labels, key):
    source, colon, rest = key.partition(":")
    if not colon or source == "any":
        wanted = rest if colon else key
        return next((value for (_, name), value in labels.items() if name == wanted), None)
    return labels.get((source, rest))


def _cilium_selects(selector, party):
    labels = _cilium_labels(party)
    return all(_holds(_cilium_value(labels, wanted["key"]), wanted) for wanted in _requirements(selector))


def _keys(selector):
    return [wanted["key"] for wanted in _requirements(selector)]


class CiliumPolicy:
    def __init__(self, document, spec):
        clusterwide = document["kind"] == "CiliumClusterwideNetworkPolicy"
        self.namespace = None if clusterwide else document["metadata"].get("namespace", "default")
        self.spec = spec

    def subjects(self, party):
        """Pods, and of a namespaced policy always those of its own namespace."""
        return party.is_pod and self.namespace in (None, party.namespace) \
            and _cilium_selects(self.spec["endpointSelector"], party)

    def closes(self, direction):
        said = (self.spec.get("enableDefaultDeny") or {}).get(direction)
        return bool(self.spec.get(direction) or self.spec.get(direction + "Deny")) if said is None else said

    def allows(self, direction, packet):
        return self._any(direction, direction, packet)

    def denies(self, direction, packet):
        return self._any(direction + "Deny", direction, packet)

    def _any(self, section, direction, packet):
        return any(self._rule(rule or {}, direction, packet) for rule in self.spec.get(section) or [])

    def _rule(self, rule, direction, packet):
        """A rule without peers speaks of anybody, if it speaks of ports; one without both speaks of nobody."""
        way = "from" if direction == INGRESS else "to"
        peers = {word: rule[way + word] for word in ("Endpoints", "Entities", "CIDR", "CIDRSet")
                 if rule.get(way + word) is not None}
        ports, icmps = rule.get("toPorts") or [], rule.get("icmps") or []
        if not peers and not ports and not icmps:
            return False
        return (not peers or self._peers(peers, packet.peer(direction), packet.family)) \
            and (not (ports or icmps) or self._ports(ports, packet) or self._icmps(icmps, packet))

    def _peers(self, peers, party, family):
        """CIDRs speak of the world only, not of what the cluster has labels for."""
        address = party.addresses.get(family) if party.kind == "world" else None
        return any(self._endpoint(selector, party) for selector in peers.get("Endpoints", [])) \
            or any(ENTITIES[entity](party) for entity in peers.get("Entities", []) if entity != "none") \
            or address is not None and (
                any(_in_block(block, address) for block in peers.get("CIDR", []))
                or any(_in_blocks(item["cidr"], item.get("except"), address) for item in peers.get("CIDRSet", [])))

    def _endpoint(self, selector, party):
        """Unless it asks for a namespace itself, of the policy's own; of a clusterwide one, of any: pods either way."""
        keys = [key.removeprefix("k8s:").removeprefix("any:") for key in _keys(selector)]
        if not any(key.startswith("reserved:") for key in keys):
            if not party.is_pod:
                return False
            asks = any(key == POD_NAMESPACE or key.startswith(NAMESPACE_LABELS) for key in keys)
            if not asks and self.namespace not in (None, party.namespace):
                return False
        return _cilium_selects(selector, party)

    @staticmethod
    def _ports(rules, packet):
        for rule in rules:
            for port in rule.get("ports") or []:
                protocol = port.get("protocol", "ANY")
                protocols = PROTOCOLS if protocol == "ANY" else [protocol]
                if _port_fits({**port, "port": str(port["port"])}, packet, protocols, "0"):
                    return True
        return False

    @staticmethod
    def _icmps(rules, packet):
        for rule in rules:
            for field in rule.get("fields") or []:
                protocol = ICMPV6 if field.get("family") == "IPv6" else ICMP
                number = ICMP_NAMES[protocol].get(field["type"], field["type"])
                if (packet.protocol, packet.port) == (protocol, number):
                    return True
        return False


# ── all of them ──

def _policies(document):
    if not document:
        return
    if document["kind"].endswith("List"):
        for item in document["items"]:
            yield from _policies(item)
    elif document["kind"] == "NetworkPolicy":
        yield KubernetesPolicy(document)
    else:
        for spec in [document["spec"]] if "spec" in document else document["specs"]:
            yield CiliumPolicy(document, spec)


NOT_ENFORCED, ALLOWED, DENIED, NOT_ALLOWED = "not enforced", "allowed", "denied", "not allowed"


class Oracle:
    """Answers from the text of policies: YAML, any number of documents."""

    def __init__(self, text):
        self.policies = [policy for document in yaml.safe_load_all(text) for policy in _policies(document)]

    def verdict(self, direction, packet):
        """What the policies of one end say: of the sender for egress, of the receiver for ingress."""
        subject = packet.destination if direction == INGRESS else packet.source
        about = [policy for policy in self.policies if policy.subjects(subject)]
        if any(policy.denies(direction, packet) for policy in about):
            return DENIED
        if any(policy.allows(direction, packet) for policy in about):
            return ALLOWED
        return NOT_ALLOWED if any(policy.closes(direction) for policy in about) else NOT_ENFORCED

    def connects(self, source, destination, family, protocol, port):
        """May the connection be? Both ends have a say in it; a pod always reaches itself."""
        packet = Packet(source, destination, family, protocol, port)
        return source is destination or all(self.verdict(direction, packet) in (NOT_ENFORCED, ALLOWED)
                                            for direction in (EGRESS, INGRESS))
