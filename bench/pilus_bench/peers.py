# SPDX-License-Identifier: Apache-2.0
"""
What Pilus is measured beside, built from namespaces of the lab, which go with it. Whatever has two nodes has them on
one veth pair, as the lab's own nodes are with the underlay `direct`:

  veth           two namespaces and a veth pair: the least that can be between two processes
  bridged_veth   a bridge between two veth pairs: what the lab's other underlay would cost
  vxlan          two nodes with the kernel's VXLAN device between them, and no pods
  bridge_plugin  the same two nodes, with pods by Debian's `bridge` and `host-local` plugins and routes between the nodes
"""
import json
import os
import typing

from pilus_lab import LabError, labs, underlay

from . import children

PLUGINS = "/usr/lib/cni"
NODE = {4: "10.98.0.{}/24", 6: "fd98::{}/64"}
TUNNEL = {4: "10.97.0.{}/24", 6: "fd97::{}/64"}
PODS = {4: "10.96.{}.0/24", 6: "fd96:{}::/64"}
ALL = {4: "0.0.0.0/0", 6: "::/0"}
# Nobody else has these addresses: looking for duplicates would hold up the first second.
QUIET = ["net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0"]
FORWARDING = {4: "net.ipv4.ip_forward=1", 6: "net.ipv6.conf.all.forwarding=1"}


class Namespace:
    """A place (see pilus_lab.places)."""
    mount_file = None

    def __init__(self, lab, name):
        self.name = name
        self.lab = lab
        self.netns = lab.netns(name)
        self.netns_file = f"{labs.NETNS}/{self.netns}"
        self.cgroup = f"{lab.cgroup}/{name}"

    def make(self):
        underlay.ip(f"netns add {self.netns}")
        underlay.in_netns(self.netns, "link set lo up")
        children.run(self, ["sysctl", "-q", "-w", *QUIET])
        return self


class Pod(typing.NamedTuple):
    place: Namespace
    address: str


def _bare(address):
    return address.partition("/")[0]


def _configure(place, device, *addresses):
    underlay.in_netns(place.netns, f"link set {device} up", *(
        f"address add {address} dev {device}{' nodad' if ':' in address else ''}" for address in addresses))


def pair(lab, word, addresses):
    """Two namespaces, their eth0 the ends of one veth pair."""
    ends = [Namespace(lab, f"{word}-{number}").make() for number in (1, 2)]
    underlay.in_netns(ends[0].netns, f"link add eth0 type veth peer name eth0 netns {ends[1].netns}")
    for number, end in enumerate(ends, 1):
        _configure(end, "eth0", *(address.format(number) for address in addresses))
    return ends


def veth(lab, family, word="veth"):
    client, server = pair(lab, word, [NODE[family]])
    return client, server, _bare(NODE[family].format(2))


def bridged_veth(lab, family):
    bridge, *ends = (Namespace(lab, f"bridged-{word}").make() for word in ("bridge", "1", "2"))
    underlay.in_netns(bridge.netns, "link add bridge type bridge mcast_snooping 0", "link set bridge up")
    for number, end in enumerate(ends, 1):
        underlay.in_netns(bridge.netns,
                          f"link add port{number} type veth peer name eth0 netns {end.netns}",
                          f"link set port{number} master bridge up")
        _configure(end, "eth0", NODE[family].format(number))
    return *ends, _bare(NODE[family].format(2))


def tunnelled_pair(lab, word, family):
    nodes = pair(lab, word, [NODE[4]])
    for number, node in enumerate(nodes, 1):
        underlay.in_netns(node.netns, f"link add vxlan type vxlan id 1 dstport 8472 local {_bare(NODE[4].format(number))} "
                                      f"remote {_bare(NODE[4].format(3 - number))}")
        _configure(node, "vxlan", TUNNEL[family].format(number))
    return nodes


def vxlan(lab, family):
    client, server = tunnelled_pair(lab, "vxlan", family)
    return client, server, _bare(TUNNEL[family].format(2))


def check_installed():
    for plugin in ("bridge", "host-local"):
        if not os.access(f"{PLUGINS}/{plugin}", os.X_OK):
            raise LabError(f"{PLUGINS}/{plugin} is not there: run make deps, or apt install containernetworking-plugins")


def bridge_config(lab, number, family):
    """With the MTU of the tunnel, which is that of Pilus' pods."""
    return {"cniVersion": "1.0.0", "name": f"node-{number}", "type": "bridge", "bridge": "cni0", "isGateway": True,
            "mtu": 1450, "ipam": {"type": "host-local", "dataDir": f"{lab.folder}/host-local",
                                  "ranges": [[{"subnet": PODS[family].format(number)}]],
                                  "routes": [{"dst": ALL[family]}]}}


def plugin_environment(verb, pod, folder):
    """What a runtime sets. The container has its namespace's name."""
    return {**os.environ, "CNI_COMMAND": verb, "CNI_CONTAINERID": pod.netns, "CNI_IFNAME": "eth0",
            "CNI_NETNS": pod.netns_file, "CNI_PATH": folder}


def _add_pod(lab, name, node, config):
    pod = Namespace(lab, name).make()
    output = children.run(node, [f"{PLUGINS}/bridge"], json.dumps(config),
                          env=plugin_environment("ADD", pod, PLUGINS))
    return Pod(pod, _bare(json.loads(output)["ips"][0]["address"]))


def bridge_plugin(lab, family):
    """The client and the server near it on the first node, the far one on the second."""
    nodes = tunnelled_pair(lab, "bridge-node", family)
    for number, node in enumerate(nodes, 1):
        children.run(node, ["sysctl", "-q", "-w", FORWARDING[family]])
        underlay.in_netns(node.netns, f"route add {PODS[family].format(3 - number)} "
                                      f"via {_bare(TUNNEL[family].format(3 - number))}")
    configs = [bridge_config(lab, number, family) for number in (1, 2)]
    client, near, far = (_add_pod(lab, f"bridge-{name}", nodes[index], configs[index])
                         for name, index in (("client", 0), ("near", 0), ("far", 1)))
    return client.place, near, far
