# SPDX-License-Identifier: Apache-2.0
"""Tools about the network: what they say of connections that the test makes."""
import os
import socket

import pytest

LOOPBACK = {4: (socket.AF_INET, "127.0.0.1"), 6: (socket.AF_INET6, "::1")}


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
