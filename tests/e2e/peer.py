#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
Both ends of the tests' conversations; runs inside pods and nodes. Servers say "ready" once they listen, and end with
the test that started them.

  peer.py tcp-echo PORT                 peer.py tcp-ask ADDRESS PORT BYTES
  peer.py udp-echo PORT [ADDRESS]       peer.py udp-ask ADDRESS PORT BYTES
  peer.py udp-ask-fragments ADDRESS PORT NUMBER...   one datagram in fragments 0, 1, 2…, sent in this order
  peer.py udp-show PORT                 prints each datagram's text and sender
  peer.py tcp-steady ADDRESS PORT [BYTES]   one connection, a question every 10 ms until standard input ends
"""
import os
import select
import socket
import struct
import sys
import threading
import time

SECONDS = 5 * float(os.environ.get("PILUS_PATIENCE") or 1)


def _say(text):
    print(text, flush=True)


def _server(kind, port, address="::"):
    """Both families by one socket."""
    server = socket.socket(socket.AF_INET6, kind)
    server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((address if ":" in address else f"::ffff:{address}", int(port)))
    return server


def tcp_echo(port):
    server = _server(socket.SOCK_STREAM, port)
    server.listen(64)
    _say("ready")
    while True:
        connection, _ = server.accept()
        threading.Thread(target=_echo, args=(connection,), daemon=True).start()


def _echo(connection):
    with connection:
        while data := connection.recv(65536):
            connection.sendall(data)


def udp_echo(port, address="::"):
    """On a host with several addresses the kernel would answer from another than the one that was asked."""
    server = _server(socket.SOCK_DGRAM, port, address)
    _say("ready")
    while True:
        data, sender = server.recvfrom(65536)
        server.sendto(data, sender)


def udp_show(port):
    server = _server(socket.SOCK_DGRAM, port)
    _say("ready")
    while True:
        data, sender = server.recvfrom(65536)
        _say(f"{data.decode()} from {sender[0].removeprefix('::ffff:')}")


def tcp_ask(address, port, count):
    """Sends and reads at once: neither end's buffers hold all of it."""
    data = os.urandom(int(count))
    with socket.create_connection((address, int(port)), timeout=SECONDS) as connection:
        sender = threading.Thread(target=connection.sendall, args=(data,))
        sender.start()
        back = bytearray()
        while len(back) < len(data):
            part = connection.recv(1 << 20)
            if not part:
                break
            back += part
        sender.join()
    if back != data:
        sys.exit(f"sent {len(data)} bytes, {len(back)} came back, or others")
    _say(f"{len(back)} bytes came back")


def udp_ask(address, port, count):
    data = os.urandom(int(count))
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as asker:
        asker.settimeout(SECONDS)
        asker.connect((address, int(port)))
        asker.send(data)
        if asker.recv(65536) != data:
            sys.exit("other bytes came back")
    _say(f"{count} bytes came back")


FRAGMENT_SIZE = 1000  # of payload: a multiple of 8


def _sum(data):
    """RFC 1071"""
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def _udp(family, source, destination, data):
    """The datagram as it travels between two sockets' addresses, with its checksum."""
    addresses = b"".join(socket.inet_pton(family, end[0]) for end in (source, destination))
    size = 8 + len(data)
    head = struct.pack("!HHH", source[1], destination[1], size)
    pseudo = addresses + struct.pack("!HH", socket.IPPROTO_UDP, size)
    return head + struct.pack("!H", _sum(pseudo + head + b"\0\0" + data) or 0xffff) + data


def _fragment(family, source, destination, number, whole):
    start, end = number * FRAGMENT_SIZE, (number + 1) * FRAGMENT_SIZE
    data, more = whole[start:end], end < len(whole)
    addresses = b"".join(socket.inet_pton(family, address[0]) for address in (source, destination))
    if family == socket.AF_INET:  # the kernel fills in the checksum
        return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(data), os.getpid() & 0xffff,
                           more << 13 | start >> 3, 64, socket.IPPROTO_UDP, 0) + addresses + data
    return (struct.pack("!IHBB", 6 << 28, len(data) + 8, socket.IPPROTO_FRAGMENT, 64) + addresses
            + struct.pack("!BBHI", socket.IPPROTO_UDP, 0, start | more, os.getpid()) + data)


def udp_ask_fragments(address, port, *order):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    data = os.urandom(len(order) * FRAGMENT_SIZE - 8)
    with (socket.socket(family, socket.SOCK_DGRAM) as asker,
          socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW) as sender):
        asker.settimeout(SECONDS)
        asker.connect((address, int(port)))
        ends = asker.getsockname(), asker.getpeername()
        whole = _udp(family, *ends, data)
        for number in order:
            sender.sendto(_fragment(family, *ends, int(number), whole), (address, 0))
        if asker.recv(65536) != data:
            sys.exit("other bytes came back")
    _say(f"{len(data)} bytes came back")


def _receive(connection, size):
    """As many bytes, or fewer when no more will come."""
    data = bytearray()
    while len(data) < size and (part := connection.recv(size - len(data))):
        data += part
    return data


def tcp_steady(address, port, size=8):
    """Says how many answers came, and the longest wait for one in milliseconds."""
    answers, longest, size = 0, 0.0, int(size)
    with socket.create_connection((address, int(port)), timeout=SECONDS) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while not select.select([sys.stdin], [], [], 0.01)[0]:
            asked = time.monotonic()
            question = b"%0*d" % (size, answers)
            connection.sendall(question)
            if _receive(connection, size) != question:
                sys.exit("the connection broke")
            answers += 1
            longest = max(longest, time.monotonic() - asked)
            if answers == 1:
                _say("ready")
    _say(f"answers={answers} longest={longest * 1000:.0f}")


VERBS = {"tcp-echo": tcp_echo, "udp-echo": udp_echo, "udp-show": udp_show, "tcp-ask": tcp_ask, "udp-ask": udp_ask,
         "udp-ask-fragments": udp_ask_fragments, "tcp-steady": tcp_steady}

if __name__ == "__main__":
    VERBS[sys.argv[1]](*sys.argv[2:])
