# SPDX-License-Identifier: Apache-2.0
"""What packets are sent through: two places of the lab, and the address of the one that serves."""
import contextlib
import dataclasses
import subprocess
import typing

from pilus_lab import agents, labs, pods

from . import children, peers

PLAIN, NEAR, FAR = "plain veth", "Pilus, same node", "Pilus, across"
BRIDGE_NEAR, BRIDGE_FAR = "bridge plugin, same node", "bridge plugin and VXLAN, across"
VXLAN, BRIDGED = "bare VXLAN", "veth, bridge, veth"


@dataclasses.dataclass(frozen=True)
class Path:
    name: str
    client: object
    server: object
    address: str
    beside: typing.Callable = contextlib.nullcontext  # what runs while something is measured


def of_pilus(lab, family):
    """The client on node-1; servers on the same node and on the other one."""
    client, near, far = (pods.add(lab.node(node), name, "default", {"app": name})
                         for node, name in (("node-1", "client"), ("node-1", "near"), ("node-2", "far")))
    return [Path(NEAR, client, near, near.address(family)), Path(FAR, client, far, far.address(family))]


def of_peers(lab, family):
    """The first is what all others are compared with."""
    client, server, address = peers.veth(lab, family)
    plain = Path(PLAIN, client, server, address)
    client, near, far = peers.bridge_plugin(lab, family)
    return [plain,
            Path(BRIDGE_NEAR, client, near.place, near.address), Path(BRIDGE_FAR, client, far.place, far.address),
            Path(VXLAN, *peers.vxlan(lab, family)), Path(BRIDGED, *peers.bridged_veth(lab, family))]


def monitored_name(name):
    return f"{name}, monitored"


def monitored(path):
    """The same with `pilus monitor` listening on the client's node, what it says thrown away."""
    @contextlib.contextmanager
    def monitor():
        node = path.client.node
        with children.running(node, [labs.binary("pilus"), "monitor"], stdout=subprocess.DEVNULL):
            agents.wait_until(node, "/v1/status", lambda status: status["monitor"]["listeners"], "hear the monitor")
            yield
    return dataclasses.replace(path, name=monitored_name(path.name), beside=monitor)
