# SPDX-License-Identifier: Apache-2.0
"""The tracing tools beside their peers, where those are installed and run: how soon they see something, what they take, what
they keep up with, and what they cost whom they look at."""
import json
import os
import re
import select
import shutil
import statistics
import subprocess
import time

from pilus_lab import labs

# Nobody else opens it.
PATH = "/pilus-bench/no-such-file"
GENERATOR = "bench-opens"
BPFTRACE = f'tracepoint:syscalls:sys_enter_openat /comm == "{GENERATOR}"/ ' \
           '{ printf("%-6d %-16s %s\\n", pid, comm, str(args->filename)); }'
SECONDS_MAX = 30


# What they need, and do not do themselves.
WITH_TRACEFS = ["unshare", "--mount", "sh", "-c", "[ -e /sys/kernel/tracing/events ] || mount -t tracefs none /sys/kernel/tracing; "
                "exec \"$@\"", "sh"]


def _present(commands):
    """Those of our peers that are here, with what they need."""
    return {name: [*WITH_TRACEFS, *command] for name, command in commands.items() if shutil.which(command[0])}


def _peers():
    """Name -> command of an opensnoop that looks at the generator alone; only those that are here."""
    commands = {"pilus": [labs.binary("pilus-trace"), "opensnoop", "-n", GENERATOR]}
    wanted = {"libbpf-tools": ["opensnoop", "-n", GENERATOR], "bpftrace": ["bpftrace", "-e", BPFTRACE],
              "bcc": ["opensnoop-bpfcc", "-n", GENERATOR]}
    return commands | _present(wanted)


class _Tool:
    """One that runs, with its output in a pipe."""

    def __init__(self, command, cpu=None):
        prefix = [] if cpu is None else ["taskset", "-c", str(cpu)]
        self.begun = time.monotonic()
        self._process = subprocess.Popen([*prefix, *command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self._rest = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def read(self, seconds):
        """How many of the generator's events came; None at its end."""
        if not select.select([self._process.stdout], [], [], seconds)[0]:
            return 0
        data = os.read(self._process.stdout.fileno(), 1 << 20)
        if not data:
            return None
        text = self._rest + data
        cut = text.rfind(b"\n") + 1
        self._rest = text[cut:]
        return text[:cut].count(PATH.encode())

    def wait_event(self):
        """Seconds from the start to the first event; None: none came."""
        while time.monotonic() < self.begun + SECONDS_MAX:
            count = self.read(1)
            if count:
                return time.monotonic() - self.begun
            if count is None:
                return None
        return None

    def resident(self):
        with open(f"/proc/{self._process.pid}/status", encoding="ascii") as file:
            return int(re.search(r"^VmRSS:\s*(\d+) kB", file.read(), re.MULTILINE)[1]) * 1024

    def end(self):
        """What it still had to tell."""
        if self._process.stdout.closed:
            return 0
        self._process.terminate()
        count = 0
        while (more := self.read(5)):
            count += more
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()
        return count


def _generate(seconds, *pause, cpu=0):
    """Opens per second."""
    done = subprocess.run(["taskset", "-c", str(cpu), labs.binary(f"bench/{GENERATOR}"), PATH, str(seconds), *pause],
                          stdout=subprocess.PIPE, check=True, text=True)
    count, took = done.stdout.split()
    return int(count) / float(took)


def _first_event(tool):
    """Seconds, with something to tell all the time; None when it tells nothing."""
    with subprocess.Popen([labs.binary(f"bench/{GENERATOR}"), PATH, str(SECONDS_MAX), "200"],
                          stdout=subprocess.DEVNULL) as generator:
        seconds = tool.wait_event()
        generator.terminate()
    return seconds


def _start(command):
    """(seconds to the first event, resident memory then); None when it does not work here."""
    with _Tool(command) as tool:
        seconds = _first_event(tool)
        return (seconds, tool.resident()) if seconds else None


def _storm(command, seconds):
    """As fast as one CPU can open, with the tool on the other: events told, of those there were."""
    with _Tool(command, cpu=1) as tool:
        if not _first_event(tool):
            return None
        with subprocess.Popen(["taskset", "-c", "0", labs.binary(f"bench/{GENERATOR}"), PATH, str(seconds)],
                              stdout=subprocess.PIPE, text=True) as generator:
            told = 0
            while generator.poll() is None:
                told += tool.read(.05) or 0
            opens, took = generator.stdout.read().split()
        told += tool.end()
    return {"opened": int(opens) / float(took), "told": told / float(took)}


def _of_peer(command, starts, seconds, plain):
    _start(command)  # what is read once, or kept from one run to the next, is there then
    first = [found for found in (_start(command) for _ in range(starts)) if found]
    storm = _storm(command, seconds) if first else None
    if not storm:
        return None
    return {"first-event": statistics.median(seconds for seconds, _ in first),
            "resident": statistics.median(resident for _, resident in first), **storm,
            "ns-per-event": 1e9 / storm["opened"] - 1e9 / plain}


# ── what counting costs ──

CALLS = "bench-calls"


def _counters():
    """What is counted -> name -> command of a tool that counts it, of everybody."""
    function = f"{labs.binary(f'bench/{CALLS}')}:bench_called"
    ours = labs.binary("pilus-trace")
    return {
        "syscall": {"pilus": [ours, "syscount"]} | _present({
            "libbpf-tools": ["syscount"], "bcc": ["syscount-bpfcc"],
            "bpftrace": ["bpftrace", "-e", "tracepoint:raw_syscalls:sys_exit { @[args->id] = count(); }"]}),
        "function": {"pilus": [ours, "funccount", function]} | _present({
            "libbpf-tools": ["funclatency", function], "bcc": ["funccount-bpfcc", function],
            "bpftrace": ["bpftrace", "-e", f"uprobe:{function} {{ @ = count(); }}"]}),
    }


def _attached(pid):
    """
    How often programs of the process are attached: at links, or at perf events, which the kernel tells from buffers.
    """
    try:
        files = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
    except OSError:
        return 0
    listed = subprocess.run(["bpftool", "-j", "perf", "show"], stdout=subprocess.PIPE, check=True).stdout
    return sum("bpf_link" in name or "bpf-link" in name for name in files) + \
        sum(event["pid"] == pid for event in json.loads(listed or b"[]"))


def _wait_attached(tool):
    """Until it attaches no more: two looks find the same. False: it does not work here."""
    end, seen = time.monotonic() + SECONDS_MAX, 0
    while tool.poll() is None and time.monotonic() < end:
        before, seen = seen, _attached(tool.pid)
        if seen and seen == before:
            return True
        time.sleep(.05)
    return False


def _call(kind, seconds):
    """Nanoseconds of a call."""
    done = subprocess.run(["taskset", "-c", "0", labs.binary(f"bench/{CALLS}"), kind, str(seconds)], stdout=subprocess.PIPE,
                          check=True, text=True)
    count, took = done.stdout.split()
    return float(took) * 1e9 / int(count)


def _cost(command, kind, rounds, seconds):
    """Nanoseconds that a call takes longer with the tool than without, the median of pairs; None when it does not work here."""
    found = []
    for _ in range(rounds):
        without = _call(kind, seconds)
        with subprocess.Popen(["taskset", "-c", "1", *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as tool:
            if _wait_attached(tool):
                found.append(_call(kind, seconds) - without)
            # bpftrace, in the middle of many events, may not hear a signal that it can handle.
            tool.kill()
    return statistics.median(found) if found else None


def _costs(rounds, seconds):
    return {kind: {name: _cost(command, kind, rounds, seconds) for name, command in counters.items()}
            for kind, counters in _counters().items()}


def measure(starts, seconds):
    """Those that are installed but do not work on this kernel are None."""
    plain = _generate(seconds)
    peers = {name: _of_peer(command, starts, seconds, plain) for name, command in _peers().items()}
    events = {name: found and found["ns-per-event"] for name, found in peers.items()}
    return {"plain": plain, "peers": peers, "costs": {**_costs(min(starts, 5), seconds), "event": events}}


def installed():
    """Bytes of all tools together."""
    return os.path.getsize(labs.binary("pilus-trace"))
