# SPDX-License-Identifier: Apache-2.0
"""
The network the nodes share: a bridge in a namespace of its own. It has the gateway's address, which stands for the
world outside: `lab exec underlay -- CMD` runs there.
"""
import subprocess

from . import LabError, names

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


def make(lab):
    netns = lab.netns(names.UNDERLAY)
    ip(f"netns add {netns}")
    in_netns(netns,
             "link set lo up",
             f"link add {BRIDGE} type bridge mcast_snooping 0",
             f"link set {BRIDGE} addrgenmode none up",
             f"address add {names.GATEWAY[4]}/24 dev {BRIDGE}",
             f"address add {names.GATEWAY[6]}/64 dev {BRIDGE} nodad")


def connect(node):
    """Gives the node, whose namespace is there, its eth0."""
    underlay, netns = node.lab.netns(names.UNDERLAY), node.lab.netns(node.name)
    in_netns(underlay,
             f"link add {node.name} type veth peer name eth0 netns {netns}",
             f"link set {node.name} master {BRIDGE} addrgenmode none up")
    in_netns(netns,
             "link set lo up",
             "link set eth0 up",
             f"address add {node.address(4)}/24 dev eth0",
             f"address add {node.address(6)}/64 dev eth0 nodad",
             f"route add default via {names.GATEWAY[4]}",
             f"route add default via {names.GATEWAY[6]}")
