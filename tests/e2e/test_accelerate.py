# SPDX-License-Identifier: Apache-2.0
"""
Services for clients outside, by XDP: what is known goes on to the backend's node and back before the kernel has
allocated anything for it, and everything else as ever.
"""
import contextlib

import pytest

from conftest import new_lab
from support import PEER, PYTHON, TCP_PORT, UDP_PORT, Process, wait_for
from test_masquerade import WORLD, new_world
from test_outside import NODE_PORT, Outside

ONE_MODE = pytest.mark.parametrize("site", ["tunnel"], indirect=True)
MODES = {"tunnel": [], "native": ["--agent-arg=--routing-mode=native"], "dsr": ["--agent-arg=--lb-mode=dsr"]}
WRITE_CHECKSUMS = """
import array, fcntl, socket, struct
value = array.array("I", (0x17, 0))  # ETHTOOL_STXCSUM
fcntl.ioctl(socket.socket(), 0x8946, struct.pack("16sPxxxxxxxxxxxxxxxx", b"eth0", value.buffer_info()[0]))  # SIOCETHTOOL
"""
TAKE_FROM_XDP = """
import ctypes, socket, sys
bpf = ctypes.CDLL("libbpf.so.1")
instructions = bytes.fromhex("b700000002000000" "9500000000000000")  # return XDP_PASS
program = bpf.bpf_prog_load(6, b"pass", b"GPL", instructions, 2, None)  # BPF_PROG_TYPE_XDP
for device in sys.argv[1:]:
    assert bpf.bpf_link_create(program, socket.if_nametoindex(device), 37, None) >= 0  # BPF_XDP
print("ready", flush=True)
sys.stdin.read()
"""


class Accelerated(Outside):
    def packets(self, node="node-1"):
        return self.lab.json(node, "status")["services"]["acceleration"]["packets"]

    @contextlib.contextmanager
    def behaving_like_cards(self):
        """A veth leaves checksums open, and takes what XDP sends only for an end that has an XDP program itself."""
        for node in ("node-1", "node-2"):
            self.lab.python(node, WRITE_CHECKSUMS)
        self.world.exec(*PYTHON, WRITE_CHECKSUMS)
        with self.lab.background("underlay", *PYTHON, TAKE_FROM_XDP, "node-1", "node-2", ready="^ready$"):
            yield

    @contextlib.contextmanager
    def steady(self, family):
        """A connection with a question every 10 ms."""
        process = Process(["ip", "netns", "exec", self.world.name, *PEER, "tcp-steady", self.lab.ip("node-1", family),
                           str(NODE_PORT)])
        try:
            process.wait_line("^ready$")
            yield process
            assert process.finish() == 0, process.lines
        finally:
            process.stop()

    def wait_taken(self, number):
        before = self.packets()
        wait_for(lambda: self.packets() >= before + number, "packets go by XDP")


@pytest.fixture(name="site", scope="module", params=MODES)
def _site(request):
    with contextlib.ExitStack() as stack:
        lab = stack.enter_context(new_lab("xdp", "--nodes", "2", "--agent-arg=--accelerate=xdp", *MODES[request.param]))
        for pod, node in (("near", "node-1"), ("far", "node-2")):
            lab.add(node, pod)
            stack.enter_context(lab.server(pod, "tcp-echo", TCP_PORT))
            stack.enter_context(lab.server(pod, "udp-echo", UDP_PORT))
        site = Accelerated(lab, stack.enter_context(new_world(lab)))
        stack.enter_context(site.behaving_like_cards())
        yield site


def test_status_says_it(site):
    acceleration = site.lab.json("node-1", "status")["services"]["acceleration"]
    assert acceleration["devices"] == [{"device": "eth0", "hook": "xdp/native"}]
    assert "accelerated on eth0 by xdp/native" in site.lab.pilus("node-1", "status")
    assert site.lab.json("node-1", "status")["prefilter"]["state"] == "idle"


def test_connections_to_another_node(site, family):
    site.serve("far", family, NODE_PORT, TCP_PORT, "TCP")
    before = site.packets()
    site.ask("tcp-ask", "node-1", family, NODE_PORT, 3_000_000)
    assert site.packets() - before > 1000


def test_datagrams_to_another_node(site, family):
    """Those of one socket. Fragments go as ever."""
    site.serve("far", family, NODE_PORT, UDP_PORT, "UDP")
    script = f"""
import socket
asker = socket.socket(socket.AF_INET{"6" if family == 6 else ""}, socket.SOCK_DGRAM)
asker.connect(("{site.lab.ip("node-1", family)}", {NODE_PORT}))
asker.settimeout(20)
for i in range(100):
    asker.send(b"%d" % i)
    assert asker.recv(64) == b"%d" % i
"""
    before = site.packets()
    site.world.exec("/usr/bin/python3", "-c", script)
    assert site.packets() - before >= 90
    site.ask("udp-ask", "node-1", family, NODE_PORT, 20_000)


def test_a_backend_here_is_as_ever(site, family):
    site.serve("near", family, NODE_PORT, TCP_PORT, "TCP")
    before = site.packets()
    site.ask("tcp-ask", "node-1", family, NODE_PORT, 100_000)
    assert site.packets() == before


@ONE_MODE
def test_a_connection_outlives_the_agent(site):
    lab = site.lab
    site.serve("far", 4, NODE_PORT, TCP_PORT, "TCP")
    with site.steady(4):
        site.wait_taken(20)
        lab.run("agent", "node-1", "kill")
        lab.run("agent", "node-1", "start")
        wait_for(lambda: lab.json("node-1", "status")["services"]["acceleration"]["devices"], "it is attached again")
        site.wait_taken(20)


@ONE_MODE
def test_the_prefilter_comes_first(site):
    """One program for both, exchanged while packets come by."""
    lab = site.lab
    site.serve("far", 4, NODE_PORT, TCP_PORT, "TCP")
    with site.steady(4):
        lab.pilus("node-1", "prefilter", "update", "--cidr", "192.0.2.0/24")
        site.wait_taken(20)
        assert lab.json("node-1", "status")["prefilter"]["state"] == "attached"
    lab.pilus("node-1", "prefilter", "update", "--cidr", WORLD[4])
    assert site.world.exec("ping", "-c", "1", "-W", "1", lab.ip("node-1", 4), check=False).returncode == 1
    lab.pilus("node-1", "prefilter", "update", "--replace", "--file", "/dev/null")
    site.ask("tcp-ask", "node-1", 4, NODE_PORT, 1)


@ONE_MODE
def test_who_listens_hears_of_it(site):
    """All packets, if they want to, which pass by the stack then."""
    site.serve("far", 4, NODE_PORT, TCP_PORT, "TCP")
    with site.steady(4), site.lab.monitor("node-1", "-v") as monitor:
        monitor.wait_line(f"{WORLD[4]}.*")
        before = site.packets()
        monitor.wait_line(f"{WORLD[4]}.*")
        assert site.packets() - before < 10
