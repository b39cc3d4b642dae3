# SPDX-License-Identifier: Apache-2.0
"""
How many packets a second a node sends on for a client outside that asks for a node port whose backend is on another
node: by the stack's hook and by XDP, beside the rules that kube-proxy writes, with the kernel's VXLAN device between the
nodes as well. bench-forward is the wire, at the other node's end of the cable.
"""
import contextlib
import json
import statistics
import subprocess

from pilus_lab import LabError, agents, labs, pods, underlay

from . import children, compare, peers

NODE_PORT, BACK_PORT, OVERLAY_PORT = 30080, 8080, 8472
STACK, XDP, IPTABLES, NFT = "Pilus", "Pilus by XDP", "iptables", "iptables-nft"
CLIENT = {STACK: "10.99.0.77", XDP: "10.99.0.77", IPTABLES: "10.98.0.77", NFT: "10.98.0.77"}
# XDP sends to a veth whose other end polls; and so do all, so that each gets its packets in the same way.
POLL = """
import array, fcntl, socket, struct, sys
value = array.array("I", (0x2c, int(sys.argv[1])))  # ETHTOOL_SGRO
fcntl.ioctl(socket.socket(), 0x8946, struct.pack("16sPxxxxxxxxxxxxxxxx", b"eth0", value.buffer_info()[0]))
"""
RULES = f"""*nat
:KUBE-SERVICES - [0:0]
:KUBE-NODEPORTS - [0:0]
:KUBE-EXT-BENCH - [0:0]
:KUBE-SVC-BENCH - [0:0]
:KUBE-SEP-BENCH - [0:0]
:KUBE-MARK-MASQ - [0:0]
:KUBE-POSTROUTING - [0:0]
-A PREROUTING -j KUBE-SERVICES
-A POSTROUTING -j KUBE-POSTROUTING
-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS
-A KUBE-NODEPORTS -p udp -m udp --dport {NODE_PORT} -j KUBE-EXT-BENCH
-A KUBE-EXT-BENCH -j KUBE-MARK-MASQ
-A KUBE-EXT-BENCH -j KUBE-SVC-BENCH
-A KUBE-MARK-MASQ -j MARK --or-mark 0x4000
-A KUBE-SVC-BENCH -j KUBE-SEP-BENCH
-A KUBE-SEP-BENCH -p udp -m udp -j DNAT --to-destination 10.97.0.2:{BACK_PORT}
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MARK --xor-mark 0x4000
-A KUBE-POSTROUTING -j MASQUERADE --random-fully
COMMIT
*filter
:KUBE-FORWARD - [0:0]
-A FORWARD -j KUBE-FORWARD
-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
-A KUBE-FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT
-A KUBE-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
COMMIT
"""


def mac(place, device="eth0"):
    return json.loads(children.run(place, ["ip", "-j", "link", "show", device]))[0]["address"]


@contextlib.contextmanager
def polling(place):
    children.run(place, ["/usr/bin/python3", "-c", POLL, "1"])
    try:
        yield
    finally:
        children.run(place, ["/usr/bin/python3", "-c", POLL, "0"])


def _accelerate(agent):
    agents.stop(agent)
    with open(f"{agent.folder}/pilus.yaml", "a", encoding="utf-8") as file:
        file.write("accelerate: xdp\n")
    agents.wait_ready(agent, agents.start(agent))


def _serve(lab):
    """By a pod of the other node, which nothing reaches."""
    backend = pods.add(lab.node("node-2"), "forwarded", "default", {"app": "forwarded"})
    command = [labs.binary("pilus"), "service", "update", "--type", "NodePort", "--frontend", f"0.0.0.0:{NODE_PORT}/UDP",
               "--backends", f"{backend.address(4)}:{BACK_PORT}"]
    children.run(lab.node("node-1"), command)


def _of_rules(lab, word, flavour):
    """Two nodes; None where the kernel has no such tables."""
    forwarder, other = peers.tunnelled_pair(lab, word, 4)
    children.run(forwarder, ["sysctl", "-q", "-w", peers.FORWARDING[4]])
    for address, device in (("10.98.0.2", "eth0"), ("10.97.0.2", "vxlan")):
        underlay.in_netns(forwarder.netns, f"neighbour replace {address} lladdr {mac(other, device)} dev {device} nud permanent")
    try:
        children.run(forwarder, [f"iptables-{flavour}-restore"], RULES, stderr=subprocess.DEVNULL)
    except LabError:
        return None
    return forwarder, other


def flood(place, wire, source, address, seconds, sources=1):
    """By the wire, which is the other end of the place's eth0: what bench-forward says."""
    command = [labs.binary("bench/bench-forward"), "eth0", mac(wire), mac(place), source, address, str(NODE_PORT),
               str(OVERLAY_PORT), str(round(seconds * 1000)), str(sources)]
    return json.loads(children.run(wire, command))


def _measure_once(name, forwarder, wire, address, seconds):
    """Packets a second, and ns for one without the wire's work, which the same CPUs do here."""
    told = flood(forwarder, wire, CLIENT[name], address, seconds)
    return {"rate": told["forwarded"] / told["seconds"],
            "ns": (told["seconds"] / told["forwarded"] - told["generating"]) * 1e9}


def measure(lab, other, rounds, seconds):
    """{way: {"rate" of packets a second, "ns" for one: {"median", "runs"}}}."""
    ways = {}
    _accelerate(other.node("node-1"))
    for name, place in ((STACK, lab), (XDP, other)):
        _serve(place)
        ways[name] = place.node("node-1"), place.node("node-2"), place.node("node-1").address(4)
    for name, flavour in ((IPTABLES, "legacy"), (NFT, "nft")):
        nodes = _of_rules(lab, f"forward-{flavour}", flavour)
        if nodes:
            ways[name] = *nodes, "10.98.0.1"
    runs = {name: [] for name in ways}
    with contextlib.ExitStack() as stack:
        for forwarder, _, _ in ways.values():
            stack.enter_context(polling(forwarder))
        for _ in range(rounds):
            for name, way in ways.items():
                runs[name].append(_measure_once(name, *way, seconds))
    return {name: {metric: {"median": statistics.median(values), "runs": values} for metric in ("rate", "ns")
                   for values in [[run[metric] for run in found]]} for name, found in runs.items()}


def ratio(way):
    """How many packets it forwards in the time of one by iptables (legacy where the kernel has that)."""
    def value(results):
        found = results["forwarding"]
        return compare.ratio(found[IPTABLES if IPTABLES in found else NFT]["ns"]["runs"], found[way]["ns"]["runs"])
    return value
