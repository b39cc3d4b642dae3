#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
Two ends that talk in every way that two programs may: random sizes, both ways at once, slow, in pieces, peeked at,
ended at random points. Either end knows every byte that the other will send, and looks at each that comes.

  chatter.py serve PORT                          says "ready"
  chatter.py talk ADDRESS PORT NUMBER [SEED]     that many connections; prints what both ends have seen, as JSON

What a connection does follows from its seed, which is the first thing that it says.

Two more are led by lines of standard input, and answer each:

  chatter.py listen PORT      one connection, whose messages are answered with as many bytes, or by "mute" not; "hear"
                              says how many bytes came, "read" reads until the end and says their sum
  chatter.py ask ADDRESS PORT "ask SIZE TIMES": so many messages, each answered; "send SIZE": one that is not waited
                              for; "fill SIZE": such messages, until no more fit; "end"
"""
import collections
import contextlib
import json
import os
import queue
import random
import select
import socket
import struct
import sys
import threading
import zlib

SECONDS = 20 * float(os.environ.get("PILUS_PATIENCE") or 1)
THREADS = 8
REPORT = 0  # the seed of who asks for the server's account

_NOISE = random.Random(1).randbytes(1 << 20) * 2


class Wrong(Exception):
    """A byte that nobody sent, or one that has not come."""


class Stream:
    """The bytes that one end sends: where they are is where they come from."""

    def __init__(self, seed, side):
        self.offset = random.Random(f"{seed} {side}").randrange(1 << 20)
        self.sent = 0

    def take(self, size):
        at = (self.offset + self.sent) % (1 << 20)
        self.sent += size
        return _NOISE[at:at + size]


class Account:
    def __init__(self):
        self._lock = threading.Condition()
        self._talking = 0
        self.counts = collections.Counter()
        self.wrong = []

    def add(self, what, number=1):
        with self._lock:
            self.counts[what] += number

    def note(self, text):
        with self._lock:
            self.wrong.append(text)

    @contextlib.contextmanager
    def talking(self):
        with self._lock:
            self._talking += 1
        yield
        with self._lock:
            self._talking -= 1
            self._lock.notify_all()

    def told(self):
        """Once nobody talks any more."""
        with self._lock:
            self._lock.wait_for(lambda: not self._talking, SECONDS)
            return {**self.counts, "wrong": self.wrong[:5], "wrongs": len(self.wrong)}


def _size(dice):
    """Mostly small; now and then more than any buffer holds at once."""
    return int(2 ** dice.choice([dice.uniform(0, 8), dice.uniform(0, 8), dice.uniform(8, 15), dice.uniform(15, 18)]))


class Plan:
    """What both ends of a connection will do."""

    def __init__(self, seed):
        dice = random.Random(seed)
        small = dice.random() < .6
        self.turns = [(dice.randrange(1, 200) if small else _size(dice), dice.randrange(1, 200) if small else _size(dice),
                       not small and dice.random() < .2) for _ in range(dice.randrange(2, 30))]
        if small and dice.random() < .5:  # and then in bulk
            self.turns += [(_size(dice), _size(dice), dice.random() < .3) for _ in range(3)]
        self.end = dice.choice(["both", "both", "half", "client", "server", "reset"])
        self.last = dice.randrange(len(self.turns))  # the turn that an end cuts short
        if self.end == "reset" and self.last:  # what it has not sent yet of the turn before would be lost
            self.turns[self.last - 1] = (*self.turns[self.last - 1][:2], False)


class Talk:
    """One end of a connection."""

    def __init__(self, connection, seed, side, account):
        self.socket, self.side, self.account = connection, side, account
        self.mine, self.theirs = Stream(seed, side), Stream(seed, "server" if side == "client" else "client")
        self.dice = random.Random(f"{seed} {side} pace")
        self.plan = Plan(seed)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, self.dice.random() < .98)

    def _send(self, size):
        while size:
            piece = min(size, self.dice.choice([size, size, _size(self.dice)]))
            self.socket.sendall(self.mine.take(piece))
            size -= piece

    def _check(self, data):
        expected = self.theirs.take(len(data))
        if data != expected:
            raise Wrong(f"{self.side}: other bytes than were sent, of {len(data)} before byte {self.theirs.sent}")
        self.account.add("bytes", len(data))

    def _receive(self, size):
        while size:
            room = min(size, self.dice.choice([size, size, 65536, self.dice.randrange(1, 64)]))
            peeked = self.socket.recv(room, socket.MSG_PEEK) if self.dice.random() < .1 else b""
            data = self.socket.recv(room)
            if not data.startswith(peeked[:len(data)]):
                raise Wrong(f"{self.side}: other bytes than were peeked at")
            if not data:
                raise EOFError
            self._check(data)
            size -= len(data)

    def _both_ways(self, send, receive):
        waiting = b""
        while send or waiting or receive:
            if not waiting and send:
                piece = min(send, _size(self.dice))
                waiting, send = self.mine.take(piece), send - piece
            readable, writable, _ = select.select([self.socket] if receive else [], [self.socket] if waiting else [],
                                                  [], SECONDS)
            if not readable and not writable:
                raise TimeoutError
            if writable:
                waiting = waiting[self.socket.send(waiting, socket.MSG_DONTWAIT):]
            if readable:
                data = self.socket.recv(min(receive, 65536))
                if not data:
                    raise EOFError
                self._check(data)
                receive -= len(data)

    def _turn(self, asked, answered, at_once):
        if at_once:
            send, receive = (asked, answered) if self.side == "client" else (answered, asked)
            self._both_ways(send, receive)
        elif self.side == "client":
            self._send(asked)
            self._receive(answered)
        else:
            self._receive(asked)
            self._send(answered)

    def _drain(self, size):
        """What was sent before the other end closed comes whole, and then the end."""
        self._receive(size)
        if self.socket.recv(1):
            raise Wrong(f"{self.side}: more than was sent")

    def _cut_short(self, asked):
        """An end leaves in the middle of a turn. Who closes with all read loses nothing of what it has sent."""
        plan = self.plan
        if plan.end == "client" and self.side == "client":
            self._send(asked)
        elif plan.end == "client":
            self._drain(asked)
        elif plan.end == "server":
            if self.side == "client":
                self._send(asked)
                self._drain(0)
            else:
                self._receive(asked)
        elif plan.end == "reset":
            if self.side == "client":
                self._send(asked)
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                try:
                    self._drain(asked)
                except (ConnectionError, EOFError):
                    pass
        self.account.add(plan.end)

    def run(self):
        plan = self.plan
        cut = plan.end in ("client", "server", "reset")
        for asked, answered, at_once in plan.turns[:plan.last] if cut else plan.turns:
            self._turn(asked, answered, at_once)
        if cut:
            self._cut_short(plan.turns[plan.last][0])
            return
        if plan.end == "half" and self.side == "client":
            self._send(1000)
            self.socket.shutdown(socket.SHUT_WR)
            self._drain(1000)
        elif plan.end == "half":
            self._drain(1000)
            self._send(1000)
        self.account.add(plan.end)


def talk_one(connection, seed, side, account):
    connection.settimeout(SECONDS)
    with connection, account.talking():
        try:
            Talk(connection, seed, side, account).run()
        except Wrong as wrong:
            account.note(f"{seed}: {wrong}")
        except (OSError, EOFError) as error:
            account.note(f"{seed}: {side}: {error!r}")


def serve_one(connection, account):
    connection.settimeout(SECONDS)
    head = b""
    while len(head) < 8 and (more := connection.recv(8 - len(head))):
        head += more
    seed = int.from_bytes(head, "big")
    if seed != REPORT:
        talk_one(connection, seed, "server", account)
    else:
        with connection:
            connection.sendall(json.dumps(account.told()).encode())


def serve(port):
    server = socket.create_server(("::", int(port)), family=socket.AF_INET6, dualstack_ipv6=True, backlog=256)
    account = Account()
    print("ready", flush=True)
    while True:
        connection, _ = server.accept()
        threading.Thread(target=serve_one, args=(connection, account), daemon=True).start()


def _connect(address, port, seed):
    connection = socket.create_connection((address, int(port)), SECONDS)
    connection.sendall(seed.to_bytes(8, "big"))
    return connection


def _report(address, port):
    with _connect(address, port, REPORT) as connection:
        return json.loads(b"".join(iter(lambda: connection.recv(65536), b"")))


def talk(address, port, number, seed="1"):
    account, seeds = Account(), queue.SimpleQueue()
    for i in range(int(number)):
        seeds.put((int(seed) << 32) + i)

    def work():
        while True:
            try:
                mine = seeds.get_nowait()
            except queue.Empty:
                return
            talk_one(_connect(address, port, mine), mine, "client", account)

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"client": account.told(), "server": _report(address, port)}))


def listen(port):
    server = socket.create_server(("::", int(port)), family=socket.AF_INET6, dualstack_ipv6=True)
    print("ready", flush=True)
    connection, _ = server.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    total, muted, summed = 0, False, zlib.crc32(b"")
    while True:
        readable, _, _ = select.select([sys.stdin] + ([] if muted else [connection]), [], [])
        if connection in readable:
            data = connection.recv(65536)
            total += len(data)
            summed = zlib.crc32(data, summed)
            connection.sendall(data)
            if not data:
                muted = True
        if sys.stdin in readable:
            line = sys.stdin.readline().strip()
            if not line:
                return
            if line == "mute":
                muted = True
            if line == "read":
                for data in iter(lambda: connection.recv(65536), b""):
                    total += len(data)
                    summed = zlib.crc32(data, summed)
            print(f"{line}: {total} bytes, {summed:08x}", flush=True)


class Asker:
    def __init__(self, address, port):
        self.connection = socket.create_connection((address, int(port)), SECONDS)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent, self.summed = 0, zlib.crc32(b"")

    def send(self, size):
        data = _NOISE[self.sent % (1 << 20):][:size]
        done = self.connection.send(data)
        self.summed = zlib.crc32(data[:done], self.summed)
        self.sent += done
        return data[:done]

    def ask(self, size, times):
        for _ in range(times):
            data = self.send(size)
            answer = b""
            while len(answer) < len(data):
                more = self.connection.recv(65536)
                assert more, "the other end has left"
                answer += more
            assert answer == data, "the answer is another one"

    def fill(self, size):
        """Until the socket has been full for a while: what is on its way makes room again."""
        self.connection.setblocking(False)
        while select.select([], [self.connection], [], .5)[1]:
            with contextlib.suppress(BlockingIOError):
                while True:
                    self.send(size)

    def end(self):
        self.connection.shutdown(socket.SHUT_WR)


def ask(address, port):
    asker = Asker(address, port)
    print("ready", flush=True)
    for line in sys.stdin:
        verb, *numbers = line.split()
        getattr(asker, verb)(*map(int, numbers))
        print(f"{verb}: {asker.sent} bytes, {asker.summed:08x}", flush=True)


if __name__ == "__main__":
    {"serve": serve, "talk": talk, "listen": listen, "ask": ask}[sys.argv[1]](*sys.argv[2:])
