# SPDX-License-Identifier: Apache-2.0
"""Tools about the network: what they say of connections that the test makes."""
import contextlib
import os
import re
import secrets
import socket
import subprocess
import time

import pytest

from support import PYTHON, wait_for
from test_processes import python
from tool import run

LOOPBACK = {4: (socket.AF_INET, "127.0.0.1"), 6: (socket.AF_INET6, "::1")}

pytestmark = pytest.mark.kernels


def listener(version):
    family, address = LOOPBACK[version]
    server = socket.socket(family)
    server.bind((address, 0))
    server.listen()
    return server


def connection(server):
    """Both ends."""
    client = socket.create_connection(server.getsockname()[:2])
    return client, server.accept()[0]


@pytest.mark.parametrize("version", LOOPBACK)
def test_tcpaccept(trace, version):
    tool = trace("tcpaccept")
    with listener(version) as server:
        client, accepted = connection(server)
        with client, accepted:
            event = tool.wait_event(pid=os.getpid(), rport=client.getsockname()[1])
            assert event == {
                "pid": os.getpid(), "comm": "python3", "ip": version,
                "raddr": LOOPBACK[version][1], "rport": client.getsockname()[1],
                "laddr": LOOPBACK[version][1], "lport": server.getsockname()[1],
            }


def test_tcpaccept_of_a_port_and_family(trace):
    with listener(4) as server, listener(4) as other, listener(6) as sixth:
        tool = trace("tcpaccept", "-P", server.getsockname()[1])
        fourth = trace("tcpaccept", "-4")
        for each in (other, sixth, server):
            for end in connection(each):
                end.close()
        tool.wait_event(lport=server.getsockname()[1])
        assert len(tool.events()) == 1
        fourth.wait_event(lport=server.getsockname()[1])
        assert {event["ip"] for event in fourth.events()} == {4}


def test_tcpaccept_leaves_unix_sockets_alone(trace, tmp_path):
    tool = trace("tcpaccept", "-p", os.getpid())
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client, listener(4) as internet:
        server.bind(str(tmp_path / "socket"))
        server.listen()
        client.connect(str(tmp_path / "socket"))
        server.accept()[0].close()
        for end in connection(internet):
            end.close()
        tool.wait_event(lport=internet.getsockname()[1])
        assert len(tool.events()) == 1


CONNECT = """
import socket, sys
client = socket.socket(socket.AF_INET if "." in sys.argv[1] else socket.AF_INET6)
print(client.connect_ex((sys.argv[1], int(sys.argv[2]))))
"""


@pytest.mark.parametrize("version", LOOPBACK)
def test_tcpconnect(trace, version):
    with listener(version) as server:
        port = server.getsockname()[1]
        tool = trace("tcpconnect", "-P", port)
        pid, _ = python(CONNECT, LOOPBACK[version][1], port)
        event = tool.wait_event(pid=pid)
    assert event == {"pid": pid, "comm": "python3", "ip": version, "saddr": LOOPBACK[version][1],
                     "daddr": LOOPBACK[version][1], "dport": port}


def test_tcpdrop_tells_the_reason(trace):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # nobody listens here
        port = unused.getsockname()[1]
        tool = trace("tcpdrop", "-4")
        python(CONNECT, "127.0.0.1", port)
        event = tool.wait_event(destination=f"127.0.0.1:{port}")
    assert (event["ip"], event["state"], event["reason"]) == (4, "- (SYN)", "NO_SOCKET")
    assert event["source"].startswith("127.0.0.1:")


SENT, RECEIVED = 100 * 1024, 50 * 1024


def test_tcplife(trace):
    with listener(4) as server:
        port = server.getsockname()[1]
        tool = trace("tcplife", "-D", port)
        client, accepted = connection(server)
        begun = time.monotonic()
        with client, accepted:
            client.sendall(bytes(SENT))
            accepted.recv(SENT, socket.MSG_WAITALL)
            accepted.sendall(bytes(RECEIVED))
            client.recv(RECEIVED, socket.MSG_WAITALL)
            time.sleep(0.2)
            local = client.getsockname()[1]
            client.close()
            accepted.close()
        event = tool.wait_event(lport=local)
        lasted = (time.monotonic() - begun) * 1000
    assert (event["pid"], event["comm"], event["raddr"], event["rport"]) == (os.getpid(), "python3", "127.0.0.1", port)
    assert (int(event["tx_kb"]), int(event["rx_kb"])) == (SENT // 1024, RECEIVED // 1024)
    assert 200 <= event["ms"] <= lasted + 1
    assert len(tool.events()) == 1  # the other end's remote port is another


@contextlib.contextmanager
def deaf_neighbour():
    """A network namespace, and an address in it behind which nobody is."""
    name = f"pilus-test-{secrets.token_hex(3)}"

    def ip(*words):
        subprocess.run(["ip", "-n", name, *words], check=True)

    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        ip("link", "add", "deaf", "type", "veth", "peer", "name", "dumb")
        for end in ("deaf", "dumb"):
            ip("link", "set", end, "up")
        ip("address", "add", "192.0.2.1/24", "dev", "deaf")
        ip("neighbour", "add", "192.0.2.2", "lladdr", "02:00:00:00:00:02", "dev", "deaf")
        yield name, "192.0.2.2"
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True)


def test_tcpretrans(trace):
    tool = trace("tcpretrans")
    with deaf_neighbour() as (namespace, address):
        with subprocess.Popen(["ip", "netns", "exec", namespace, *PYTHON, CONNECT, address, "7"]) as process:
            event = tool.wait_event(remote=f"{address}:7")
            process.kill()
    assert (event["ip"], event["state"]) == (4, "SYN_SENT")
    assert event["local"].startswith("192.0.2.1:")


def test_gethostlatency(trace):
    tool = trace("gethostlatency")
    pid, took = python("import socket, time; begun = time.monotonic(); socket.getaddrinfo('localhost', 1);"
                       "print((time.monotonic() - begun) * 1000)")
    event = tool.wait_event(pid=pid)
    assert (event["comm"], event["host"]) == ("python3", "localhost")
    assert 0 < event["latms"] <= float(took)


def test_tcpconnect_tells_the_local_port(trace):
    with listener(4) as server, listener(4) as other:
        tool = trace("tcpconnect", "-L", "-P", f"1,{server.getsockname()[1]}")
        for each in (other, server):
            client, accepted = connection(each)
            with client, accepted:
                port = client.getsockname()[1]
        event = tool.wait_event(dport=server.getsockname()[1])
        assert (event["lport"], event["pid"]) == (port, os.getpid())
        assert len(tool.events()) == 1


def test_tcpconnect_counts(trace):
    with listener(4) as server:
        port = server.getsockname()[1]
        tool = trace("tcpconnect", "-c", "-P", port)
        for _ in range(3):
            for end in connection(server):
                end.close()
        tool.end()
    assert [(event["laddr"], event["raddr"], event["rport"], event["count"]) for event in tool.events()] == \
        [("127.0.0.1", "127.0.0.1", port, 3)]


def test_ports_that_are_none(trace):
    done = run("tcpconnect", "-P", "80,http")
    assert done.returncode == 2 and "--port must be a number" in done.stderr
    done = run("tcpconnect", "-P", ",".join(map(str, range(1, 18))))
    assert done.returncode == 2 and "--port takes no more than 16 numbers" in done.stderr


def test_tcpretrans_counts(trace):
    tool = trace("tcpretrans", "-c")
    told = trace("tcpretrans")
    with deaf_neighbour() as (namespace, address):
        with subprocess.Popen(["ip", "netns", "exec", namespace, *PYTHON, CONNECT, address, "7"]) as process:
            told.wait_event(remote=f"{address}:7")
            process.kill()
    tool.end()
    assert [event["count"] for event in tool.events() if event["raddr"] == address][0] >= 1


def test_tcplife_separates_by_commas(trace):
    with listener(4) as server:
        port = server.getsockname()[1]
        tool = trace("tcplife", "-s", "-D", port, output="table")
        client, accepted = connection(server)
        local = client.getsockname()[1]
        client.sendall(bytes(3 * 1024))
        accepted.recv(3 * 1024, socket.MSG_WAITALL)
        client.close()
        accepted.close()
        line = tool.wait_line(rf",{port},")
    assert "PID,COMM,IP,LADDR,LPORT,RADDR,RPORT,TX_KB,RX_KB,MS" in tool.lines
    assert line.split(",")[:9] == [str(os.getpid()), "python3", "4", "127.0.0.1", str(local), "127.0.0.1", str(port), "3", "0"]


# A name server that answers one question, and somebody who asks it and connects to what it says.
LOOK_UP = """
import socket, sys, time
query = b"\\x12\\x34\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\3www\\5pilus\\4test\\0\\0\\1\\0\\1"
record = b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\x3c\\0\\4" + socket.inet_aton("127.9.8.7")
udp = lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server, client, listening = udp(), udp(), socket.create_server(("127.9.8.7", 0))
server.bind(("127.83.5.3", 53))
if sys.argv[1] == "read":
    client.connect(("127.83.5.3", 53))
client.sendto(query, ("127.83.5.3", 53))
question, who = server.recvfrom(512)
server.sendto(question[:2] + b"\\x81\\x80\\0\\1\\0\\1\\0\\0\\0\\0" + question[12:] + record, who)
{"recvfrom": lambda: client.recvfrom(512), "recvmsg": lambda: client.recvmsg(512), "read": lambda: client.makefile("rb", 0).read(512),
 "none": lambda: None}[sys.argv[1]]()
socket.create_connection(listening.getsockname())
time.sleep(0.2)
socket.create_connection(listening.getsockname())
"""


@pytest.mark.parametrize("call", ["recvfrom", "recvmsg", "read"])
def test_tcpconnect_tells_names(trace, call):
    tool = trace("tcpconnect", "-d")
    pid, _ = python(LOOK_UP, call)
    wait_for(lambda: tool.hear() and len([1 for event in tool.events() if event["pid"] == pid]) == 2, "the second connection")
    first, second = [re.fullmatch(r"www\.pilus\.test(?: \(([\d.]+)ms\))?", event["query"]) for event in tool.events()
                     if event["pid"] == pid]
    # How old the answer is is said from 100 ms on.
    assert float(second[1]) >= 200 and float(second[1]) - float(first[1] or 0) >= 100


def test_tcpconnect_knows_no_name(trace):
    tool = trace("tcpconnect", "-d")
    pid, _ = python(LOOK_UP, "none")
    assert tool.wait_event(pid=pid)["query"] == "No DNS Query"
    assert "--dns tells of each connection" in run("tcpconnect", "-d", "-c").stderr


def a_port():
    """That no other test on this machine, in namespaces like these, has."""
    return str(20000 + secrets.randbelow(10000))


SERVE = """
import socket, sys
server = socket.create_server(("192.0.2.2", int(sys.argv[1])))
print("ready", flush=True)
accepted = server.accept()[0]
accepted.sendall(accepted.recv(5))
accepted.recv(1)
"""
TALK = """
import socket, sys
client = socket.create_connection(("192.0.2.2", int(sys.argv[1])))
client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
client.sendall(b"hello")
client.recv(5, socket.MSG_WAITALL)
print("ready", flush=True)
sys.stdin.readline()
client.send(bytes(1000))
client.send(bytes(1000))
sys.stdin.readline()
"""


def test_tcpretrans_tells_loss_probes_and_sequences(trace):
    """Of two segments that nobody answers, the last is sent again as a probe, then the first because the time is up."""
    tool, port = trace("tcpretrans", "-l", "-s"), a_port()
    with contextlib.ExitStack() as stack:
        names = [f"pilus-test-{secrets.token_hex(3)}" for _ in range(2)]
        for name in names:
            subprocess.run(["ip", "netns", "add", name], check=True)
            stack.callback(subprocess.run, ["ip", "netns", "delete", name], check=True)
        subprocess.run(["ip", "-n", names[0], "link", "add", "one", "type", "veth", "peer", "name", "two", "netns", names[1]],
                       check=True)
        for name, device, address in zip(names, ("one", "two"), ("192.0.2.1/24", "192.0.2.2/24")):
            subprocess.run(["ip", "-n", name, "address", "add", address, "dev", device], check=True)
            subprocess.run(["ip", "-n", name, "link", "set", device, "up"], check=True)
        ends = []
        for name, code in zip(reversed(names), (SERVE, TALK)):
            ends.append(stack.enter_context(subprocess.Popen(["ip", "netns", "exec", name, *PYTHON, code, port], text=True,
                                                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)))
            stack.callback(ends[-1].kill)
            assert ends[-1].stdout.readline() == "ready\n"
        subprocess.run(["ip", "-n", names[1], "address", "delete", "192.0.2.2/24", "dev", "two"], check=True)
        ends[1].stdin.write("\n")
        ends[1].stdin.flush()
        probe = tool.wait_event(remote=f"192.0.2.2:{port}", type="L>")
        again = tool.wait_event(remote=f"192.0.2.2:{port}", type="R>")
    assert probe["state"] == again["state"] == "ESTABLISHED"
    assert (probe["seq"] - again["seq"]) % 2**32 == 1000
