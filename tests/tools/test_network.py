# SPDX-License-Identifier: Apache-2.0
"""Tools about the network: what they say of connections that the test makes."""
import contextlib
import os
import secrets
import socket
import subprocess
import time

import pytest

from support import PYTHON
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
