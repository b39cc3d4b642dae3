# SPDX-License-Identifier: Apache-2.0
"""
Does everything that knows of a node's endpoints tell the same? The agent's list is the measure; state files, devices,
programs, pins, maps, addresses, routes, neighbours and the store are held against it: a sentence for each thing that is
left over, missing or there twice. What settles by itself (the store, flows) may need a moment after a change.
"""
import collections
import ipaddress
import json
import os
import re
import subprocess

from . import LabError, agents, places

_PINS = "/sys/fs/bpf/pilus"
_HOOKS = {"from_container": "ingress", "to_container": "egress"}


def of_node(node):
    """{"problems": [sentence...], "descriptors": n, "resident": bytes} of the node's agent, which must run."""
    view = _View(node)
    return {"problems": [f"{node.name}: {problem}" for problem in view.problems()], **_costs(node)}


def of_lab(nodes):
    """{node name: of_node}, and for the lab as a whole what is given twice: {"problems": [...]}."""
    return {"nodes": {node.name: of_node(node) for node in nodes}, "problems": list(_doubles(nodes))}


def _doubles(nodes):
    owners = collections.defaultdict(list)
    for node in nodes:
        for endpoint in _endpoints(node):
            for address in _addresses(endpoint):
                owners[address].append(f"endpoint {endpoint['id']} of {node.name}")
    for address, names in owners.items():
        if len(names) > 1:
            yield f"address {address} is given twice: to " + " and ".join(names)


def _costs(node):
    process = agents.pid(node)
    with open(f"/proc/{process}/statm", encoding="ascii") as file:
        resident = int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
    return {"descriptors": len(os.listdir(f"/proc/{process}/fd")), "resident": resident}


def _endpoints(node):
    """The host's own entry is none."""
    return [endpoint for endpoint in agents.ask(node, "/v1/endpoints") if endpoint["id"]]


def _addresses(endpoint):
    return {endpoint[family] for family in ("ipv4", "ipv6") if endpoint[family]}


def _run(node, *command):
    process = places.start(node, command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    output, errors = process.communicate()
    if process.returncode:
        raise LabError(f"{' '.join(command)} in {node.name} failed: {errors.strip() or output.strip()}")
    return output


def _json(node, *command):
    return json.loads(_run(node, *command))


def _compare(place, have, wanted):
    """Both are collections of texts; what is there twice counts twice."""
    have, wanted = collections.Counter([*have]), collections.Counter([*wanted])
    for item in sorted((have - wanted).elements()):
        yield f"{place} has {item}, " + ("which is one too many" if item in wanted else "which belongs to no endpoint")
    for item in sorted((wanted - have).elements()):
        yield f"{place} lacks {item}"


def _number(raw):
    """Of bpftool, a value in the machine's byte order."""
    return int.from_bytes(bytes(int(byte, 16) for byte in raw), "little")


def _address(raw):
    address = ipaddress.IPv6Address(bytes(int(byte, 16) for byte in raw))
    return str(address.ipv4_mapped or address)


class _View:
    """What the agent says, and each place held against it."""

    def __init__(self, node):
        self.node = node
        self.endpoints = _endpoints(node)
        self.status = agents.ask(node, "/v1/status")
        self.config = agents.ask(node, "/v1/config")
        self.by_address = {address: endpoint for endpoint in self.endpoints for address in _addresses(endpoint)}
        nodes = agents.ask(node, "/v1/nodes")
        own = next(item for item in nodes if item["local"])
        self.others = {item["ipv4"] for item in nodes if not item["local"]}
        self.cidrs = [ipaddress.ip_network(cidr) for cidr in own["pod-cidrs"]]
        self.routers = {own[family] for family in ("router-ipv4", "router-ipv6") if own[family]}

    def problems(self):
        for check in (self._states, self._files, self._devices, self._pins, self._programs, self._map_endpoints,
                      self._map_devices, self._map_local, self._map_ipcache, self._map_nodes, self._flows,
                      self._allocations, self._routes, self._neighbours, self._published):
            yield from check()

    def _is_ours(self, address):
        return any(ipaddress.ip_address(address) in cidr for cidr in self.cidrs)

    def _is_pods(self, address):
        return self._is_ours(address) and address not in self.routers

    def _states(self):
        for endpoint in self.endpoints:
            if endpoint["state"] != "ready":
                yield f"endpoint {endpoint['id']} is {endpoint['state']}"
        yield from _compare("the list of endpoints", [f"{e['container']}/{e['interface']}" for e in self.endpoints],
                            {f"{e['container']}/{e['interface']}" for e in self.endpoints})

    def _files(self):
        names = _run(self.node, "ls", "-A", f"{self.config['state-dir']}/endpoints").split()
        yield from _compare("the state folder", [name for name in names if not name.endswith(".broken")],
                            [f"{endpoint['id']}.json" for endpoint in self.endpoints])

    def _devices(self):
        links = [f"{link['ifname']} ({link['ifindex']})" for link in _json(self.node, "ip", "-j", "link")
                 if link["ifname"].startswith("plx")]
        yield from _compare("the kernel", links, [f"{e['device']} ({e['ifindex']})" for e in self.endpoints])

    def _pins(self):
        """Where programs hang by clsact there are none."""
        names = _run(self.node, "ls", f"{_PINS}/links").split()
        devices = {endpoint["device"] for endpoint in self.endpoints}
        yield from _compare("the folder of pins", [name for name in names if re.match(r"plx\d+_", name)],
                            [name for name in names if name.rpartition("_")[0] in devices])

    def _programs(self):
        """bpftool adds the number to the name of those at clsact."""
        attached = [item for item in _json(self.node, "bpftool", "-j", "net")[0]["tc"]
                    if item["devname"].startswith("plx")]
        yield from _compare("the kernel", [f"{item['name'].partition(':')[0]} at {item['kind'].partition('/')[2]} "
                                           f"of {item['devname']}" for item in attached],
                            [f"{program} at {hook} of {endpoint['device']}" for endpoint in self.endpoints
                             for program, hook in _HOOKS.items()])

    def _map_endpoints(self):
        rows = [f"{row['ip']} of endpoint {row['id']} at {row['ifindex']}"
                for row in _json(self.node, "pilus", "bpf", "endpoint", "list", "-o", "json") if row["id"]]
        yield from _compare("the map of endpoints", rows,
                            [f"{address} of endpoint {endpoint['id']} at {endpoint['ifindex']}"
                             for address, endpoint in self.by_address.items()])

    def _dump(self, name):
        """The name of a pin tells the version of its layout, too."""
        pins = _run(self.node, "ls", f"{_PINS}/maps").split()
        pin = next(pin for pin in pins if pin.startswith(f"{name}_v"))
        return _json(self.node, "bpftool", "-j", "map", "dump", "pinned", f"{_PINS}/maps/{pin}")

    def _map_devices(self):
        yield from _compare("the map of devices",
                            [f"device {_number(row['key'])} of endpoint {_number(row['value'])}"
                             for row in self._dump("pilus_devices")],
                            [f"device {endpoint['ifindex']} of endpoint {endpoint['id']}"
                             for endpoint in self.endpoints])

    def _map_local(self):
        rows = [(_address(row["key"]), _number(row["value"][:2])) for row in self._dump("pilus_local")]
        yield from _compare("the map of local addresses",
                            [f"{address} of endpoint {number}" for address, number in rows if number],
                            [f"{address} of endpoint {endpoint['id']}"
                             for address, endpoint in self.by_address.items()])

    def _map_ipcache(self):
        rows = [(row["cidr"].partition("/")[0], row["identity"])
                for row in _json(self.node, "pilus", "bpf", "ipcache", "list", "-o", "json")
                if row["cidr"].endswith(("/32", "/128"))]
        yield from _compare("the ipcache", [f"{address} as {identity}" for address, identity in rows
                                            if self._is_pods(address)],
                            [f"{address} as {endpoint['identity']}" for address, endpoint in self.by_address.items()])

    def _map_nodes(self):
        rows = [row["remote"] for row in _json(self.node, "pilus", "bpf", "node", "list", "-o", "json")]
        yield from _compare("the map of nodes", rows, self.others)

    def _flows(self):
        addresses = {row[end] for row in _json(self.node, "pilus", "bpf", "ct", "list", "-o", "json")
                     for end in ("source", "destination")}
        yield from _compare("the flow table", [f"flows of {address}" for address in addresses
                                               if self._is_pods(address) and address not in self.by_address], [])

    def _allocations(self):
        yield from _compare("the address pool", [item["address"] for item in self.status["ipam"]["allocations"]],
                            [*self.by_address, *self.routers])

    def _routes(self):
        routes = _json(self.node, "ip", "-j", "route") + _json(self.node, "ip", "-j", "-6", "route")
        yield from _compare("the routing table", [f"{route['dst']} by {route['dev']}" for route in routes
                                                  if route.get("dev", "").startswith("plx")],
                            [f"{address} by {endpoint['device']}" for address, endpoint in self.by_address.items()])

    def _neighbours(self):
        yield from _compare("the neighbour table",
                            [f"{item['dst']} at {item.get('lladdr')} by {item['dev']}"
                             for item in _json(self.node, "ip", "-j", "neigh")
                             if item["dev"].startswith("plx") and "PERMANENT" in item["state"]],
                            [f"{address} at {endpoint['mac']} by {endpoint['device']}"
                             for address, endpoint in self.by_address.items()])

    def _published(self):
        """As another node has heard it; with a folder as store, what lies there besides."""
        lab = self.node.lab
        for other in lab.nodes():
            if other.name == self.node.name or not agents.pid(other):
                continue
            heard = [ip["cidr"].partition("/")[0] for ip in agents.ask(other, "/v1/ips")
                     if ip["source"] == "store" and ip["node"] == self.node.name]
            yield from _compare(f"what {other.name} heard of it", heard, self.by_address)
        if lab.settings()["store"] == "dir":
            names = [name for _, _, files in os.walk(lab.store) for name in files]
            yield from _compare("the store's folder", [name for name in names if not name.endswith(".json")], [])
