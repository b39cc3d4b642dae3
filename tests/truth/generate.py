# SPDX-License-Identifier: Apache-2.0
"""
Policies at random, over all that the languages can say. The same seed gives the same policies: a case that once went
wrong is told by its number.
"""
import random

import yaml

from world import NAMES, NAMESPACES

# Some hold one pod (world.py), some a few, some all; and the others, and nobody.
BLOCKS = {4: ["0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/24", "10.1.0.4/30", "10.2.0.0/24", "10.99.0.0/30", "198.51.100.0/24",
              "10.1.0.3/32", "10.2.0.4/32", "10.1.0.200/32", "198.51.100.7/32"],
          6: ["::/0", "fd00::/16", "fd00:1::/112", "fd00:1::4/126", "fd00:2::/64", "fd99::/16", "2001:db8::/32",
              "fd00:1::3/128", "fd00:2::4/128", "2001:db8::7/128"]}
INSIDE = {"0.0.0.0/0": ["10.0.0.0/8", "10.1.0.0/24", "198.51.100.7/32"], "10.0.0.0/8": ["10.1.0.0/24", "10.2.0.0/25"],
          "10.1.0.0/24": ["10.1.0.4/30", "10.1.0.3/32"], "10.1.0.4/30": ["10.1.0.4/32", "10.1.0.6/31"],
          "::/0": ["fd00::/16", "2001:db8::/33"], "fd00::/16": ["fd00:1::/112", "fd00:2::4/128"],
          "fd00:1::/112": ["fd00:1::3/128"]}
ENTITIES = ["all", "world", "cluster", "host", "remote-node", "health", "none"]
NAMED = ["serve-80-tcp", "serve-81-udp", "serve-80-sctp", "web"]


class Generator:
    def __init__(self, seed):
        self._random = random.Random(seed)
        self._any = self._random.choice

    def policies(self):
        """The text of one to four."""
        return yaml.safe_dump_all([self._any([self._kubernetes, self._cilium])(number)
                                   for number in range(self._random.randint(1, 4))], sort_keys=False)

    def _some(self, make, least=0, most=3):
        return [make() for _ in range(self._random.randint(least, most))]

    def _chance(self, of):
        return self._random.randrange(of) == 0

    # ── what both have ──

    def _expression(self, keys):
        key, values = self._any(keys)
        operator = self._any(["In", "NotIn", "Exists", "DoesNotExist"])
        found = {"key": key, "operator": operator}
        if operator in ("In", "NotIn"):
            found["values"] = self._random.sample(values, self._random.randint(1, len(values)))
        return found

    def _selector(self, keys):
        selector = {}
        if self._chance(2):
            key, values = self._any(keys)
            selector["matchLabels"] = {key: self._any(values)}
        if self._chance(3):
            selector["matchExpressions"] = self._some(lambda: self._expression(keys), 1, 2)
        return selector

    def _block(self):
        block = {"cidr": self._any(BLOCKS[self._any([4, 6])])}
        inside = INSIDE.get(block["cidr"])
        if inside and self._chance(2):
            block["except"] = self._random.sample(inside, self._random.randint(1, len(inside)))
        return block

    # ── NetworkPolicy ──

    PODS = [("pod", list(NAMES)), ("tier", ["front", "back"]), ("none", ["here"])]
    SPACES = [("kubernetes.io/metadata.name", list(NAMESPACES)), ("team", ["blue", "red"]), ("none", ["here"])]

    def _kubernetes(self, number):
        spec = {"podSelector": self._selector(self.PODS)}
        if not self._chance(3):
            spec["policyTypes"] = self._any([["Ingress"], ["Egress"], ["Ingress", "Egress"], []])
        for direction in ("ingress", "egress"):
            if not self._chance(3):
                spec[direction] = self._some(lambda: self._kubernetes_rule(direction))
        return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                "metadata": {"name": f"policy-{number}", "namespace": self._any(NAMESPACES)}, "spec": spec}

    def _kubernetes_rule(self, direction):
        rule = {}
        if not self._chance(4):
            rule["from" if direction == "ingress" else "to"] = self._some(self._kubernetes_peer)
        if not self._chance(3):
            # A name at an address: upstream does not say whose it is.
            names = direction == "ingress" or not any("ipBlock" in peer for peer in rule.get("to", []))
            rule["ports"] = self._some(lambda: self._kubernetes_port(names))
        return rule

    def _kubernetes_peer(self):
        kind = self._random.randrange(4)
        if kind == 0:
            return {"ipBlock": self._block()}
        peer = {}
        if kind != 1:
            peer["namespaceSelector"] = self._selector(self.SPACES)
        if kind != 2:
            peer["podSelector"] = self._selector(self.PODS)
        return peer

    def _kubernetes_port(self, names):
        port = {}
        if not self._chance(3):
            port["protocol"] = self._any(["TCP", "UDP", "SCTP"])
        if not self._chance(4):
            port["port"] = self._any([80, 81, 79, 1, self._any(NAMED) if names else 80])
            if isinstance(port["port"], int) and self._chance(2):
                port["endPort"] = self._any([81, 82, 65535, 1024])
        return port

    # ── CiliumNetworkPolicy ──

    LABELS = [("pod", list(NAMES)), ("k8s:pod", list(NAMES)), ("any:tier", ["front", "back"]), ("none", ["here"])]
    PEERS = [*LABELS, ("reserved:host", [""]), ("reserved:world", [""]),
             ("k8s:io.kubernetes.pod.namespace", list(NAMESPACES)),
             ("k8s:io.cilium.k8s.namespace.labels.team", ["blue", "red"]),
             ("k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name", list(NAMESPACES))]

    def _cilium(self, number):
        clusterwide = self._chance(3)
        metadata = {"name": f"policy-{number}"} | ({} if clusterwide else {"namespace": self._any(NAMESPACES)})
        document = {"apiVersion": "cilium.io/v2", "metadata": metadata,
                    "kind": "CiliumClusterwideNetworkPolicy" if clusterwide else "CiliumNetworkPolicy"}
        if self._chance(5):
            return document | {"specs": self._some(self._cilium_spec, 1, 2)}
        return document | {"spec": self._cilium_spec()}

    def _cilium_spec(self):
        spec = {"endpointSelector": self._selector(self.LABELS)}
        for direction in ("ingress", "egress"):
            if self._chance(2):
                spec[direction] = self._some(lambda: self._cilium_rule(direction))
            if self._chance(4):
                spec[direction + "Deny"] = self._some(lambda: self._cilium_rule(direction), 1, 2)
        if self._chance(4):
            spec["enableDefaultDeny"] = {direction: self._any([True, False])
                                         for direction in self._any([["ingress"], ["egress"], ["ingress", "egress"]])}
        return spec

    def _cilium_rule(self, direction):
        way = "from" if direction == "ingress" else "to"
        rule = {way + word: value for word, value in self._some(self._cilium_peers, 0, 2)}
        if self._chance(2):
            rule["toPorts"] = self._some(lambda: {"ports": self._some(self._cilium_port, 1, 2)}, 0, 2)
        elif self._chance(3):
            rule["icmps"] = self._some(lambda: {"fields": self._some(self._icmp, 1, 2)}, 0, 2)
        return rule

    def _cilium_peers(self):
        word = self._any(["Endpoints", "Entities", "CIDR", "CIDRSet"])
        make = {"Endpoints": lambda: self._selector(self.PEERS), "Entities": lambda: self._any(ENTITIES),
                "CIDR": lambda: self._any(BLOCKS[self._any([4, 6])]), "CIDRSet": self._block}[word]
        return word, self._some(make)

    def _cilium_port(self):
        port = {"port": self._any(["80", "81", "79", "0", "1", self._any(NAMED)])}
        if port["port"].isdigit() and port["port"] != "0" and self._chance(2):
            port["endPort"] = self._any([81, 82, 65535, 1024])
        if not self._chance(3):
            port["protocol"] = self._any(["TCP", "UDP", "SCTP", "ANY"])
        return port

    def _icmp(self):
        return self._any([{"type": 8}, {"type": "EchoRequest"}, {"family": "IPv4", "type": 3},
                          {"family": "IPv6", "type": 128}, {"family": "IPv6", "type": "EchoReply"}])
