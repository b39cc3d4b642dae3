#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
Backends of services that say who they are, and clients that count whom they got; runs inside pods and nodes.

  backend.py serve PORT                        TCP, UDP and SCTP, both families: answers "who?" with the host's name,
                                               and "whence?" with that and the asker's address as it is seen here
  backend.py count KIND ADDRESS PORT N         N connections by tcp, or datagrams from one unconnected socket each by
                                               udp, or packets by sctp: {name: count}
  backend.py probe JSON                        asks "whence?" for each of a list of [KIND, ADDRESS, PORT]: a list of
                                               answers, or of what went wrong
  backend.py load ADDRESS PORT                 TCP connections until standard input ends: {name: count}, or a failure
  backend.py hold ADDRESS PORT                 one TCP connection: says "connected to NAME", then "ended" when it does
"""
import collections
import concurrent.futures
import json
import os
import random
import select
import socket
import struct
import sys
import threading

SECONDS = 5 * float(os.environ.get("PILUS_PATIENCE") or 1)


def _say(text):
    print(text, flush=True)


def _sockets(port):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        server = socket.socket(socket.AF_INET6, kind)
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("::", int(port)))
        yield server


def _reply(question, sender):
    name = socket.gethostname()
    return (f"{name} sees {sender.removeprefix('::ffff:')}" if question == b"whence?" else name).encode()


def _answer(connection, sender):
    with connection:
        while question := connection.recv(64):
            connection.sendall(_reply(question, sender))


def _answer_datagrams(server):
    while True:
        question, sender = server.recvfrom(64)
        server.sendto(_reply(question, sender[0]), sender)


# SCTP's packets are made here: not every kernel has sockets of it.

def _crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return struct.pack("<I", crc ^ 0xffffffff)


def _sctp_packet(source, destination, payload):
    header = struct.pack("!HHI", source, destination, 7)
    return header + _crc32c(header + bytes(4) + payload) + payload


def _sctp_receive(raw):
    """Whose it is, ports and payload; None of what is broken."""
    data, sender = raw.recvfrom(2048)
    if raw.family == socket.AF_INET:
        data = data[(data[0] & 15) * 4:]
    ports, payload = struct.unpack("!HH", data[:4]), data[12:]
    return (sender[0], ports, payload) if data == _sctp_packet(*ports, payload) else None


def _answer_sctp(family, port):
    with socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_SCTP) as raw:
        while True:
            sender, ports, payload = _sctp_receive(raw) or (None, (0, 0), b"")
            if ports[1] == port and payload in (b"who?", b"whence?"):
                raw.sendto(_sctp_packet(port, ports[0], _reply(payload, sender)), (sender, 0))


def _ask_sctp(address, port, question=b"who?"):
    family, source = socket.AF_INET6 if ":" in address else socket.AF_INET, random.randrange(1024, 65536)
    with socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_SCTP) as raw:
        raw.settimeout(SECONDS)
        raw.sendto(_sctp_packet(source, int(port), question), (address, 0))
        while True:
            heard = _sctp_receive(raw)
            if heard and heard[:2] == (address, (int(port), source)):
                return heard[2].decode()


def serve(port):
    stream, datagram = _sockets(port)
    stream.listen(1024)
    threading.Thread(target=_answer_datagrams, args=(datagram,), daemon=True).start()
    for family in (socket.AF_INET, socket.AF_INET6):
        threading.Thread(target=_answer_sctp, args=(family, int(port)), daemon=True).start()
    _say("ready")
    while True:
        connection, sender = stream.accept()
        threading.Thread(target=_answer, args=(connection, sender[0]), daemon=True).start()


def _connect(address, port, question=b"who?"):
    connection = socket.create_connection((address, int(port)), timeout=SECONDS)
    assert connection.getpeername()[:2] == (address, int(port)), f"seems to be {connection.getpeername()}"
    connection.sendall(question)
    return connection, connection.recv(64).decode()


def _ask_tcp(address, port, question=b"who?"):
    connection, name = _connect(address, port, question)
    connection.close()
    assert name, "closed without an answer"
    return name


def _ask_udp(address, port, question=b"who?"):
    """Not connected: the answer must come from the address that was asked."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as asker:
        asker.settimeout(SECONDS)
        asker.sendto(question, (address, int(port)))
        data, sender = asker.recvfrom(64)
        assert sender[:2] == (address, int(port)), f"{sender} answered"
        return data.decode()


ASK = {"tcp": _ask_tcp, "udp": _ask_udp, "sctp": _ask_sctp}


def count(kind, address, port, number):
    _say(json.dumps(collections.Counter(ASK[kind](address, port) for _ in range(int(number)))))


def _probe(kind, address, port):
    try:
        return ASK[kind](address, port, b"whence?")
    except (OSError, AssertionError) as error:
        return f"{type(error).__name__}: {error}"


def probe(text):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        _say(json.dumps(list(pool.map(lambda each: _probe(*each), json.loads(text)))))


def load(address, port):
    names = collections.Counter()
    while not select.select([sys.stdin], [], [], 0)[0]:
        names[_ask_tcp(address, port)] += 1
        if sum(names.values()) == 1:
            _say("ready")
    _say(json.dumps(names))


def hold(address, port):
    connection, name = _connect(address, port)
    _say(f"connected to {name}")
    connection.settimeout(None)
    try:
        connection.recv(64)
    except OSError as error:
        _say(f"ended: {error.strerror}")
    else:
        _say("ended")


if __name__ == "__main__":
    {"serve": serve, "count": count, "probe": probe, "load": load, "hold": hold}[sys.argv[1]](*sys.argv[2:])
