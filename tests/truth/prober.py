#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
One pod's part in a truth table; runs inside of it, as client and as server at once.

    prober.py IPV4 IPV6

As server, it answers TCP, UDP and SCTP on the ports of the tables, of both families; and the kernel pings. As client,
it is told by a line of JSON on standard input what to ask, {"port": SOURCE, "targets": [[FAMILY, ADDRESS, PROTOCOL,
PORT], …]}, sends to each target the one packet that opens a connection, and prints the target's index when the answer
comes. A packet that the datapath drops is sent once and never again, so that what is dropped can be counted.

The port of ICMP is its type. TCP's answers are the kernel's; the questions are raw, because connect() would repeat
them. SCTP is spoken by hand, as kernels without it do for a test: an INIT is answered by an INIT ACK, without
checksums, which nobody here looks at.
"""
import errno
import json
import selectors
import socket
import struct
import sys

PORTS = (80, 81)
SYN, SYN_ACK = 0x02, 0x12
INIT, INIT_ACK = 1, 2
REPLIES = {0: ("ICMP", 8), 129: ("ICMPv6", 128)}  # by type, what they answer
SCTP = 132


def _checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def send(file, data, address):
    """A node is told at once of what is denied to its packets on their way to a pod of its own."""
    try:
        file.sendto(data, address)
    except OSError as error:
        if error.errno != errno.ENOBUFS:
            raise


def _own_address(address):
    """Which of its own it would send from."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.connect((address, 9))
        return asker.getsockname()[0]


class Raw:
    """A raw socket of a protocol and family. Received packets are cut to what follows the address headers."""

    def __init__(self, family, protocol):
        self.family = family
        self.socket = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, socket.SOCK_RAW, protocol)
        if family == 6 and protocol == socket.IPPROTO_TCP:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_CHECKSUM, 16)

    def receive(self):
        data, sender = self.socket.recvfrom(2048)
        return data[(data[0] & 15) * 4:] if self.family == 4 else data, sender[0]

    def send(self, data, address):
        send(self.socket, data, (address, 0))

    def syn(self, source, port, address):
        head = struct.pack("!HHIIBBHHH", source, port, 1, 0, 5 << 4, SYN, 65535, 0, 0)
        if self.family == 4:
            pseudo = socket.inet_aton(_own_address(address)) + socket.inet_aton(address)
            pseudo += struct.pack("!HH", socket.IPPROTO_TCP, len(head))
            head = head[:16] + struct.pack("!H", _checksum(pseudo + head)) + head[18:]
        self.send(head, address)

    def echo(self, kind, identifier, address):
        head = struct.pack("!BBHHH", kind, 0, 0, identifier, 1)
        if self.family == 4:
            head = head[:2] + struct.pack("!H", _checksum(head)) + head[4:]
        self.send(head, address)


def _sctp(source, port, chunk, tag):
    """A packet of one chunk, INIT or INIT ACK, which have the same parameters."""
    return struct.pack("!HHII", source, port, tag, 0) + struct.pack("!BBHIIHHI", chunk, 0, 20, 1, 65535, 1, 1, 1)


class Prober:
    def __init__(self, addresses):
        self._selector = selectors.DefaultSelector()
        self._targets = {}  # (protocol, address, port): index
        self._source = 0
        self._asking = []  # UDP sockets of the step
        self._raw = {}
        for family in (4, 6):
            icmp = socket.IPPROTO_ICMP if family == 4 else socket.IPPROTO_ICMPV6
            for protocol, receive in ((socket.IPPROTO_TCP, self._tcp), (SCTP, self._sctp), (icmp, self._icmp)):
                raw = self._raw[family, protocol] = Raw(family, protocol)
                self._watch(raw.socket, lambda _, raw=raw, receive=receive: receive(raw))
        self._listeners = [self._serve(port, addresses) for port in PORTS]
        self._watch(sys.stdin, self._told)

    def _watch(self, file, call):
        self._selector.register(file, selectors.EVENT_READ, call)

    def _serve(self, port, addresses):
        """UDP by the address that is asked: a node has several, and would answer from another."""
        for address in addresses:
            echo = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
            echo.bind((address, port))
            self._watch(echo, lambda file: file.sendto(*file.recvfrom(2048)))
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=1024)

    def _answered(self, protocol, address, port):
        index = self._targets.pop((protocol, address, port), None)
        if index is not None:
            print(index, flush=True)

    def _tcp(self, raw):
        data, address = raw.receive()
        source, port, _, _, _, flags = struct.unpack_from("!HHIIBB", data)
        if port == self._source and flags & SYN_ACK == SYN_ACK:
            self._answered("TCP", address, source)

    def _sctp(self, raw):
        data, address = raw.receive()
        source, port, _, _, chunk, _, _, tag = struct.unpack_from("!HHIIBBHI", data)
        if chunk == INIT and port in PORTS:
            raw.send(_sctp(port, source, INIT_ACK, tag), address)
        elif chunk == INIT_ACK and port == self._source:
            self._answered("SCTP", address, source)

    def _icmp(self, raw):
        data, address = raw.receive()
        kind, _, _, identifier = struct.unpack_from("!BBHH", data)
        if kind in REPLIES and identifier == self._source:
            protocol, asked = REPLIES[kind]
            self._answered(protocol, address, asked)

    def _udp(self, file):
        _, sender = file.recvfrom(2048)
        self._answered("UDP", sender[0], sender[1])

    def _forget(self):
        for asking in self._asking:
            self._selector.unregister(asking)
            asking.close()
        self._asking, self._targets = [], {}

    def _ask_udp(self, kind):
        asking = socket.socket(kind, socket.SOCK_DGRAM)
        if kind == socket.AF_INET6:
            asking.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        asking.bind(("", self._source))
        self._watch(asking, self._udp)
        self._asking.append(asking)
        return asking

    def _told(self, file):
        line = file.readline()
        if not line:
            sys.exit()
        told = json.loads(line)
        self._forget()
        self._source = told["port"]
        udp = {4: self._ask_udp(socket.AF_INET), 6: self._ask_udp(socket.AF_INET6)}
        self._targets = {(protocol, address, port): index
                         for index, (_, address, protocol, port) in enumerate(told["targets"])}
        for family, address, protocol, port in told["targets"]:
            if protocol == "UDP":
                send(udp[family], b"?", (address, port))
            elif protocol == "SCTP":
                self._raw[family, SCTP].send(_sctp(self._source, port, INIT, 0), address)
            elif protocol == "ICMP":
                self._raw[family, socket.IPPROTO_ICMP].echo(port, self._source, address)
            elif protocol == "ICMPv6":
                self._raw[family, socket.IPPROTO_ICMPV6].echo(port, self._source, address)
            else:
                self._raw[family, socket.IPPROTO_TCP].syn(self._source, port, address)
        print("asked", flush=True)

    def run(self):
        print("ready", flush=True)
        while True:
            for key, _ in self._selector.select():
                key.data(key.fileobj)


Prober(sys.argv[1:]).run()
