# SPDX-License-Identifier: Apache-2.0
"""
Pods and the world. Behind the underlay, which routes, lives the world: it knows the nodes and nobody behind them, so
that whatever reaches a pod from there was masqueraded on its way out.
"""
import contextlib
import json
import re
import subprocess

import pytest

from conftest import new_lab
from support import PATIENCE, PEER, PYTHON, TCP_PORT, UDP_PORT, Process, ask, dropped, ping, wait_for

WORLD = {4: "198.51.100.1", 6: "2001:db8:51::1"}
ROUTER = {4: "198.51.100.254", 6: "2001:db8:51::fe"}
UNDERLAY = {4: "10.99.0.254", 6: "fd99::fe"}
LENGTH = {4: 24, 6: 64}
HEADERS = {4: 28, 6: 48}  # of a ping
NARROW = 1300
SHOW_PORT, CLOSED_PORT = 7002, 9


class World:
    """A network namespace behind the underlay's."""

    def __init__(self, lab):
        self.lab, self.name = lab, f"{lab.name}.world"

    def ip(self, *arguments):
        self.exec("ip", *arguments)

    def exec(self, *command, check=True):
        return subprocess.run(["ip", "netns", "exec", self.name, *command], check=check, text=True,
                              capture_output=True, timeout=30 * PATIENCE)

    def up(self):
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        router = lambda *arguments: self.lab.exec("underlay", *arguments)
        router("ip", "link", "add", "world", "type", "veth", "peer", "name", "eth0", "netns", self.name)
        router("ip", "link", "set", "world", "up")
        router("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        for device in ("lo", "eth0"):
            self.ip("link", "set", device, "up")
        for family in (4, 6):
            nodad = ["nodad"] if family == 6 else []
            router("ip", "addr", "add", f"{ROUTER[family]}/{LENGTH[family]}", "dev", "world", *nodad)
            self.ip("addr", "add", f"{WORLD[family]}/{LENGTH[family]}", "dev", "eth0", *nodad)
            self.ip("route", "add", "default", "via", ROUTER[family])
        return self

    def down(self):
        self.lab.exec("underlay", "ip", "link", "delete", "world", check=False)
        subprocess.run(["ip", "netns", "delete", self.name], check=False)

    def set_mtu(self, mtu):
        """Of the cable between it and its router."""
        self.lab.exec("underlay", "ip", "link", "set", "world", "mtu", str(mtu))
        self.ip("link", "set", "eth0", "mtu", str(mtu))

    @contextlib.contextmanager
    def server(self, verb, port):
        process = Process(["ip", "netns", "exec", self.name, *PEER, verb, str(port)])
        try:
            process.wait_line("^ready$")
            yield process
        finally:
            process.stop()

    @contextlib.contextmanager
    def routes_to_pods(self):
        """As a router has them that was told of the pods."""
        for family, cidr in ((4, "10.1.0.0/24"), (6, "fd00:1::/112")):
            self.lab.exec("underlay", "ip", "route", "add", cidr, "via", self.lab.ip("node-1", family))
        try:
            yield
        finally:
            for cidr in ("10.1.0.0/24", "fd00:1::/112"):
                self.lab.exec("underlay", "ip", "route", "delete", cidr)


@contextlib.contextmanager
def new_world(lab):
    world = World(lab)
    try:
        yield world.up()
    finally:
        world.down()


@pytest.fixture(name="lab", scope="module")
def _lab():
    with new_lab("nat", "--nodes", "1") as lab:
        lab.add("node-1", "one")
        lab.add("node-1", "two")
        yield lab


@pytest.fixture(name="world", scope="module")
def _world(lab):
    with new_world(lab) as world, world.server("tcp-echo", TCP_PORT), world.server("udp-echo", UDP_PORT):
        yield world


def mappings(lab, **members):
    return [row for row in lab.json("node-1", "bpf", "nat", "list")
            if all(row[name.replace("_", "-")] == value for name, value in members.items())]


@pytest.mark.kernels
def test_ping(lab, world, family):
    ping(lab, "one", WORLD[family])
    node, pod = lab.ip("node-1", family), lab.ip("one", family)
    assert any(row["translated"] == node for row in mappings(lab, source=pod, direction="OUT"))
    assert any(row["translated"] == pod for row in mappings(lab, destination=node, direction="IN"))


def test_ping_in_fragments(lab, world, family):
    ping(lab, "one", WORLD[family], "-s", "8000")


def test_tcp_moves_20_mb_unharmed_both_ways(lab, world, family):
    ask(lab, "one", "tcp-ask", WORLD[family], TCP_PORT, 20_000_000)


@pytest.mark.parametrize("size", [0, 1, 1400, 60_000])
def test_udp(lab, world, family, size):
    ask(lab, "one", "udp-ask", WORLD[family], UDP_PORT, size)


def test_the_world_sees_the_node(lab, world, family):
    with world.server("udp-show", SHOW_PORT) as show:
        lab.exec("one", *PYTHON, f"""
import socket
sender = socket.socket(socket.AF_INET{"6" if family == 6 else ""}, socket.SOCK_DGRAM)
sender.sendto(b"hello", ("{WORLD[family]}", {SHOW_PORT}))""")
        show.wait_line(f"^hello from {re.escape(lab.ip('node-1', family))}$")


ASK_FROM_A_PORT = """
import socket, sys
address, port, own = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
end = socket.create_connection((address, port), timeout=5, source_address=("", own))
print("ready", flush=True)
sys.stdin.read()
end.sendall(b"still there?")
print(end.recv(99).decode())
"""


@pytest.mark.parametrize("places", [("node-1", "one", "two"), ("one", "two", "node-1")],
                         ids=["host-first", "host-last"])
def test_two_pods_and_the_host_from_the_same_port(lab, world, family, places):
    """Each is answered, and by nobody else's connection."""
    port = (5550 if places[0] == "one" else 5560) + family
    question = (WORLD[family], str(TCP_PORT), str(port))
    with contextlib.ExitStack() as stack:
        asking = [stack.enter_context(lab.background(place, *PYTHON, ASK_FROM_A_PORT, *question, ready="^ready$"))
                  for place in places]
        rows = mappings(lab, source_port=port, direction="OUT", destination=WORLD[family])
        assert [row["source"] for row in rows if row["host-local"]] == [lab.ip("node-1", family)] * (places[0] == "one")
        assert len({row["translated-port"] for row in rows} | {port}) == 3, rows
        for process in asking:
            assert process.finish() == 0
            assert "still there?" in process.lines


@pytest.mark.parametrize("hops", [1, 2, 3])
def test_each_hop_is_heard_of(lab, world, family, hops):
    done = lab.exec("one", "ping", "-n", "-c", "1", "-W", str(2 * PATIENCE), "-t", str(hops), WORLD[family],
                    check=False)
    if hops == 3:
        assert " 0% packet loss" in done.stdout
    else:
        assert re.search("Time to live exceeded|Time exceeded", done.stdout), done.stdout
    if hops == 2:
        assert UNDERLAY[family] in done.stdout


ERRORS = """
import select, socket, sys
address, port, hops = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
v6 = ":" in address
level = socket.IPPROTO_IPV6 if v6 else socket.IPPROTO_IP
sender = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM)
sender.setsockopt(level, 25 if v6 else 11, 1)  # IPV6_RECVERR, IP_RECVERR
sender.setsockopt(level, socket.IPV6_UNICAST_HOPS if v6 else socket.IP_TTL, hops)
sender.connect((address, port))
sender.send(b"who is there?")
poll = select.poll()
poll.register(sender, 0)
assert poll.poll(5000), "no answer"
data, ancillary, flags, about = sender.recvmsg(2000, 2000, socket.MSG_ERRQUEUE)
record = ancillary[0][2]
offender = record[16:]
print(data.decode(), about[0], about[1], "from",
      socket.inet_ntop(sender.family, offender[8:24] if v6 else offender[4:8]))
"""


@pytest.mark.parametrize("hops, port", [(2, UDP_PORT), (64, CLOSED_PORT)], ids=["expired", "refused"])
def test_errors_about_datagrams_name_what_was_sent_where(lab, world, family, hops, port):
    offender = UNDERLAY[family] if hops == 2 else WORLD[family]
    answer = lab.exec("one", *PYTHON, ERRORS, WORLD[family], str(port), str(hops)).stdout
    assert answer == f"who is there? {WORLD[family]} {port} from {offender}\n"


def test_a_narrow_way_is_found_out(lab, world, family):
    """The router says how much fits, and the pod understands: a stream goes on in smaller packets."""
    try:
        world.set_mtu(NARROW)
        size = 1450 - HEADERS[family]
        done = lab.exec("one", "ping", "-n", "-c", "2", "-i", "0.2", "-W", "1", "-M", "do", "-s", str(size),
                        WORLD[family], check=False)
        assert re.search(f"[Ff]rag needed.*{NARROW}|too big.*{NARROW}|too long.*{NARROW}", done.stdout), done.stdout
        ask(lab, "two", "tcp-ask", WORLD[family], TCP_PORT, 2_000_000)
    finally:
        world.set_mtu(1500)


def test_the_nodes_own_connections_are_left_alone(lab, world, family):
    ping(lab, "node-1", WORLD[family])
    ask(lab, "node-1", "tcp-ask", WORLD[family], TCP_PORT, 1_000_000)
    ask(lab, "node-1", "udp-ask", WORLD[family], UDP_PORT, 1400)
    with lab.server("node-1", "tcp-echo", 7100):
        ask_world = world.exec(*PEER, "tcp-ask", lab.ip("node-1", family), "7100", "100000")
    assert "came back" in ask_world.stdout


@pytest.mark.kernels
def test_a_connection_outlives_the_agent(lab, world, family):
    with lab.background("one", *PEER, "tcp-steady", WORLD[family], str(TCP_PORT), ready="^ready$") as steady:
        for how in ("kill", "stop"):
            lab.run("agent", "node-1", how)
            lab.run("agent", "node-1", "start")
        assert steady.finish() == 0, "\n".join(steady.lines)
    answers, longest = map(int, re.match(r"answers=(\d+) longest=(\d+)", steady.lines[-1]).groups())
    assert answers > 20
    assert longest < 1000 * PATIENCE, f"it hung for {longest} ms"


def test_who_has_a_route_to_the_pods_reaches_them(lab, world, family):
    """And is answered by the pod, not by the node."""
    with world.routes_to_pods(), lab.server("one", "tcp-echo", TCP_PORT), lab.server("one", "udp-echo", UDP_PORT):
        pod = lab.ip("one", family)
        world.exec("ping", "-n", "-c", "2", "-i", "0.2", "-W", "2", pod)
        world.exec(*PEER, "tcp-ask", pod, str(TCP_PORT), "1000000")
        world.exec(*PEER, "udp-ask", pod, str(UDP_PORT), "1000")
    assert not mappings(lab, source=pod, source_port=TCP_PORT)


def test_the_monitor_names_the_pod(lab, world):
    with lab.monitor("node-1", "--type", "trace") as monitor:
        ping(lab, "one", WORLD[4], count=1)
        line = monitor.wait_line("-> network .*EchoRequest")
    assert f"orig-ip {lab.ip('one', 4)}:" in line
    assert f": {lab.ip('node-1', 4)} -> {WORLD[4]} " in line


def test_mappings_end_with_their_flows(lab, world):
    ping(lab, "two", WORLD[4], count=1)
    assert mappings(lab, source=lab.ip("two", 4))
    lab.pilus("node-1", "bpf", "ct", "flush")
    wait_for(lambda: not mappings(lab, host_local=False), "mappings without flows to go", 25)


def test_mappings_are_listed_as_cilium_does(lab, world):
    ping(lab, "two", WORLD[4], count=1)
    node, pod = lab.ip("node-1", 4), lab.ip("two", 4)
    lines = lab.pilus("node-1", "bpf", "nat", "list").splitlines()
    for start in (rf"ICMP OUT {pod}:\d+ -> {WORLD[4]}:0 XLATE_SRC {node}:\d+",
                  rf"ICMP IN {WORLD[4]}:0 -> {node}:\d+ XLATE_DST {pod}:\d+"):
        assert any(re.fullmatch(start + r" Created=\d+sec HostLocal=0", line) for line in lines), lines
    assert "Removed" in lab.pilus("node-1", "bpf", "nat", "flush")
    assert not mappings(lab)
    ping(lab, "two", WORLD[4], count=1)


def test_icmp_that_cannot_be_told_apart_is_refused(lab, world):
    before = dropped(lab, "node-1", "Unsupported protocol for NAT masquerade")
    lab.exec("one", *PYTHON, f"""
import socket
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
raw.sendto(bytes([13, 0, 0xf2, 0xff, 0, 0, 0, 0]) + bytes(12), ("{WORLD[4]}", 0))  # asks for the time
""")
    wait_for(lambda: dropped(lab, "node-1", "Unsupported protocol for NAT masquerade") == before + 1, "the drop")


def test_an_address_that_leaves_the_node_takes_its_mappings_along(lab, world):
    """A second address serves its subnet, and nothing when it is gone."""
    lab.exec("node-1", "ip", "addr", "add", "192.0.2.9/24", "dev", "eth0")
    lab.exec("underlay", "ip", "addr", "add", "192.0.2.254/24", "dev", lab_bridge(lab))
    try:
        wait_for(lambda: lab.exec("one", "ping", "-n", "-c", "1", "-W", "1", "192.0.2.254", check=False).returncode == 0
                 and mappings(lab, translated="192.0.2.9"), "the second address to be used")
    finally:
        lab.exec("underlay", "ip", "addr", "delete", "192.0.2.254/24", "dev", lab_bridge(lab))
        lab.exec("node-1", "ip", "addr", "delete", "192.0.2.9/24", "dev", "eth0")
    wait_for(lambda: not mappings(lab, translated="192.0.2.9"), "its mappings to go", 25)


def lab_bridge(lab):
    routes = json.loads(lab.exec("underlay", "ip", "-j", "route", "get", lab.ip("node-1", 4)).stdout)
    return routes[0]["dev"]


def test_with_native_routing(make_lab):
    """The world sees the node; pods and nodes, though they are reached by the same uplink, see the pod."""
    lab = make_lab("natnative", "--agent-arg", "--routing-mode=native")
    lab.add("node-1", "one")
    lab.add("node-2", "far")
    with new_world(lab) as world, world.server("tcp-echo", TCP_PORT):
        for family in (4, 6):
            for other in ("far", "node-2"):
                ping(lab, "one", lab.ip(other, family))
            assert not mappings(lab, source=lab.ip("one", family))
            ping(lab, "one", WORLD[family])
            ask(lab, "one", "tcp-ask", WORLD[family], TCP_PORT, 1_000_000)
            assert len(mappings(lab, source=lab.ip("one", family))) == 2


def test_switched_off_the_world_sees_the_pods(make_lab):
    lab = make_lab("bare", "--nodes", "1", "--agent-arg", "--masquerade=ipv6", "--agent-arg",
                   f"--non-masquerade-cidrs={WORLD[6]}/128")
    lab.add("node-1", "one")
    assert "[IPv4: Disabled, IPv6: Enabled]" in lab.pilus("node-1", "status")
    with new_world(lab) as world, world.routes_to_pods(), world.server("udp-show", SHOW_PORT) as show:
        for family in (4, 6):
            ping(lab, "one", WORLD[family])
            lab.exec("one", *PYTHON, f"""
import socket
sender = socket.socket(socket.AF_INET{"6" if family == 6 else ""}, socket.SOCK_DGRAM)
sender.sendto(b"hello", ("{WORLD[family]}", {SHOW_PORT}))""")
            show.wait_line(f"^hello from {re.escape(lab.ip('one', family))}$")
        assert not mappings(lab)
        ping(lab, "one", ROUTER[6])
        assert mappings(lab, source=lab.ip("one", 6))
