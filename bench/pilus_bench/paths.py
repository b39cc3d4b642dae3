# SPDX-License-Identifier: Apache-2.0
"""What packets are sent through: a client's and a server's place, and the server's address."""
import collections
import contextlib
import subprocess

from pilus_lab import places, pods

# The ends are functions: end(command, **options) starts it there and returns a subprocess.Popen.
Path = collections.namedtuple("Path", "name client server address")

VETH_ADDRESSES = {4: "10.98.0.{}/24", 6: "fd98::{}/64"}


def _ip(*words):
    subprocess.run(["ip", *words], check=True)


def _in_namespace(namespace):
    return lambda command, **options: subprocess.Popen(["ip", "netns", "exec", namespace, *command], **options)


def _in_pod(pod):
    return lambda command, **options: places.start(pod, command, **options)


@contextlib.contextmanager
def plain_veth(lab, family):
    """Two namespaces and a veth pair: the least that two pods can have between them."""
    ends = [f"{lab.name}.veth-client", f"{lab.name}.veth-server"]
    client, server = ends
    try:
        for namespace in ends:
            _ip("netns", "add", namespace)
        _ip("-n", client, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", server)
        for number, namespace in enumerate(ends, 1):
            duplicates = ["nodad"] if family == 6 else []
            _ip("-n", namespace, "address", "add", VETH_ADDRESSES[family].format(number), "dev", "eth0", *duplicates)
            _ip("-n", namespace, "link", "set", "eth0", "up")
        address = VETH_ADDRESSES[family].format(2).partition("/")[0]
        yield Path("plain veth", _in_namespace(client), _in_namespace(server), address)
    finally:
        for namespace in ends:
            subprocess.run(["ip", "netns", "del", namespace], stderr=subprocess.DEVNULL, check=False)


def between_pods(lab, family):
    """The client on node-1; servers on the same node and on the other one."""
    client, near, far = (pods.add(lab.node(node), name, "default", {"app": name})
                         for node, name in (("node-1", "client"), ("node-1", "near"), ("node-2", "far")))
    return [Path(name, _in_pod(client), _in_pod(server), server.address(family))
            for name, server in (("same node", near), ("across nodes", far))]
