# SPDX-License-Identifier: Apache-2.0
"""
What the tests share. They use the public commands only: lab/lab, and by it pilus, pilusd and pilus-cni.
"""
import contextlib
import functools
import json
import os
import pathlib
import re
import secrets
import select
import signal
import subprocess
import time

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
LAB = str(TOP / "lab" / "lab")
BUILD = os.path.abspath(os.environ.get("PILUS_BUILD", TOP / "build"))
PEER = ["/usr/bin/python3", str(TOP / "tests" / "e2e" / "peer.py")]
PYTHON = ["/usr/bin/python3", "-c"]

TCP_PORT, UDP_PORT = 7000, 7001
KERNEL = tuple(map(int, re.match(r"(\d+)\.(\d+)", os.uname().release).groups()))
TCX_SINCE, IPV6_OUT_OF_IPV4_SINCE = (6, 6), (6, 3)
# Stretches every deadline, on machines slower than usual: the lab and peer.py read it too.
PATIENCE = float(os.environ.get("PILUS_PATIENCE") or 1)


def wait_for(condition, what, seconds=10):
    """Asks until the answer is true, and returns it."""
    deadline = time.monotonic() + seconds * PATIENCE
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


class Process:
    """A command that runs beside the test. What it says is read when the test waits for it."""

    def __init__(self, command):
        self.lines = []
        self._rest = b""
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=subprocess.STDOUT)

    def _read(self, seconds):
        """More lines, or False when none came in time or none will come."""
        if not select.select([self._process.stdout], [], [], seconds)[0]:
            return False
        data = os.read(self._process.stdout.fileno(), 65536)
        *lines, self._rest = (self._rest + data).split(b"\n")
        self.lines += [line.decode(errors="replace") for line in lines]
        return bool(data)

    def wait_line(self, pattern, seconds=10):
        """The first line that matches, of those said and those to come."""
        deadline, seen = time.monotonic() + seconds * PATIENCE, 0
        while True:
            for line in self.lines[seen:]:
                if re.search(pattern, line):
                    return line
            seen = len(self.lines)
            left = deadline - time.monotonic()
            assert left > 0 and self._read(left), f"no line with {pattern!r} in:\n" + "\n".join(self.lines)

    def hear(self):
        """All lines said by now."""
        while self._read(0):
            pass
        return self.lines

    def tell(self, line):
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def ended(self):
        return self._process.poll() is not None

    def interrupt(self):
        """As Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)

    def signal(self, number):
        self._process.send_signal(number)

    def finish(self, seconds=10):
        """Ends its input, and returns its exit status once it ended by itself."""
        self._process.stdin.close()
        while self._read(seconds * PATIENCE):
            pass
        return self._process.wait(seconds * PATIENCE)

    def stop(self):
        """Ends it, and reads what it still had to say."""
        if not self.ended():
            self._process.terminate()
        while self._read(5 * PATIENCE):
            pass
        try:
            self._process.wait(5 * PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()


class Lab:
    store = "dir"  # of labs that do not ask for one: pytest --store

    def __init__(self, word, programs=BUILD):
        self.programs = programs  # the folder they are in
        self.name = f"e2e-{word}-{secrets.token_hex(2)}"
        self.folder = f"/run/pilus-lab/{self.name}"

    def run(self, *arguments, check=True, seconds=90, text=None):
        environment = {**os.environ, "PILUS_BUILD": str(self.programs)}
        done = subprocess.run([LAB, "--name", self.name, *arguments], input=text, text=True, capture_output=True,
                              env=environment, timeout=seconds * PATIENCE, check=False)
        assert not check or done.returncode == 0, \
            f"lab {' '.join(arguments)}: exit status {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def up(self, *arguments):
        if not {"--store", "--underlay"} & set(arguments):  # a direct underlay has no place for another store
            arguments = ("--store", self.store, *arguments)
        self.run("up", *arguments)
        return self

    def down(self):
        self.run("down")

    def add(self, node, pod, *arguments):
        self.run("pod", "add", node, pod, *arguments)
        return pod

    def exec(self, place, *command, **options):
        return self.run("exec", place, "--", *command, **options)

    def python(self, place, script, *arguments):
        return self.exec(place, *PYTHON, script, *arguments).stdout

    @contextlib.contextmanager
    def background(self, place, *command, ready=None):
        process = Process([LAB, "--name", self.name, "exec", place, "--", *command])
        try:
            if ready:
                process.wait_line(ready)
            yield process
        finally:
            process.stop()

    def server(self, place, verb, port, *address):
        return self.background(place, *PEER, verb, str(port), *address, ready="^ready$")

    def monitor(self, node, *arguments):
        return self.background(node, "pilus", "monitor", *arguments, ready="^Listening for events")

    def pilus(self, node, *arguments, **options):
        return self.run("pilus", node, *arguments, **options).stdout

    def json(self, node, *arguments):
        return json.loads(self.pilus(node, *arguments, "-o", "json"))

    def ip(self, place, family):
        return self.run("ip", place, *(["-6"] if family == 6 else [])).stdout.strip()

    def status(self):
        return json.loads(self.run("status", "-o", "json").stdout)

    def endpoint(self, pod):
        """The agent's account of a pod; None when it has none."""
        node = next(item["node"] for item in self.status()["pods"] if item["name"] == pod)
        found = [item for item in self.json(node, "endpoint", "list") if item["pod"] == pod]
        return found[0] if found else None

    @functools.cached_property
    def pod_mtu(self):
        return self.json("node-1", "status")["datapath"]["mtu"]

    def largest_ping(self, family):
        """Bytes of payload that fit without fragments."""
        return self.pod_mtu - {4: 28, 6: 48}[family]

    def logs(self):
        for log in sorted(pathlib.Path(self.folder).glob("node-*/agent.log")):
            yield log.parent.name, "\n".join(log.read_text(errors="replace").splitlines()[-30:])


def ping(lab, place, address, *options, count=3):
    """Every single one has to be answered."""
    done = lab.exec(place, "ping", "-n", "-c", str(count), "-i", "0.1", "-W", str(2 * PATIENCE), *options, address, check=False)
    assert f"{count} received, 0% packet loss" in done.stdout, f"{place} -> {address}\n{done.stdout}{done.stderr}"


def ask(lab, place, verb, address, port, count=1000):
    return lab.exec(place, *PEER, verb, address, str(port), str(count))


def dropped(lab, node, reason):
    """How many packets the node dropped for the reason, by its metrics."""
    rows = lab.json(node, "bpf", "metrics", "list")
    return sum(row["packets"] for row in rows if row["reason"] == reason)
