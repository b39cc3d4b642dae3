# SPDX-License-Identifier: Apache-2.0
"""
The network the nodes share. Of kind bridge: a bridge in a namespace of its own, with the gateway's address, which
stands for the world outside: `lab exec underlay -- CMD` runs there. Of kind direct: one veth pair between two nodes, as
one cable, and no world; what is measured across it has no bridge in its way.
"""
import subprocess

from . import LabError, names

KINDS = ("bridge", "direct")
BRIDGE = "segment"


def ip(*lines):
    """Runs `ip` once for all lines; the first that fails ends it."""
    done = subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, capture_output=True, check=False)
    if done.returncode:
        raise LabError(f"ip refused: {' '.join(done.stderr.split())}")


def in_netns(netns, *lines):
    done = subprocess.run(["ip", "-n", netns, "-batch", "-"], input="\n".join(lines), text=True, capture_output=True,
                          check=False)
    if done.returncode:
        raise LabError(f"ip refused in {netns}: {' '.join(done.stderr.split())}")


def check(kind, node_count, store):
    if kind == "direct" and (node_count != 2 or store != "dir"):
        raise LabError("--underlay direct is a cable between two nodes: give --nodes 2 and --store dir")


def make(lab):
    if lab.settings()["underlay"] == "direct":
        return
    netns = lab.netns(names.UNDERLAY)
    ip(f"netns add {netns}")
    in_netns(netns,
             "link set lo up",
             f"link add {BRIDGE} type bridge mcast_snooping 0",
             f"link set {BRIDGE} addrgenmode none up",
             f"address add {names.GATEWAY[4]}/24 dev {BRIDGE}",
             f"address add {names.GATEWAY[6]}/64 dev {BRIDGE} nodad")


def connect(lab):
    """Gives each node, whose namespace is there, its eth0."""
    nodes = lab.nodes()
    if lab.settings()["underlay"] == "direct":
        ends = [lab.netns(node.name) for node in nodes]
        in_netns(ends[0], f"link add eth0 type veth peer name eth0 netns {ends[1]}")
        for node in nodes:
            _configure(node)
    else:
        for node in nodes:
            _plug_in(node)
            _configure(node, *(f"route add default via {gateway}" for gateway in names.GATEWAY.values()))


def _plug_in(node):
    in_netns(node.lab.netns(names.UNDERLAY),
             f"link add {node.name} type veth peer name eth0 netns {node.lab.netns(node.name)}",
             f"link set {node.name} master {BRIDGE} addrgenmode none up")


def _configure(node, *routes):
    in_netns(node.lab.netns(node.name),
             "link set lo up",
             "link set eth0 up",
             f"address add {node.address(4)}/24 dev eth0",
             f"address add {node.address(6)}/64 dev eth0 nodad",
             *routes)
