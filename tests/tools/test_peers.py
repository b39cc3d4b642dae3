# SPDX-License-Identifier: Apache-2.0
"""Tools beside their peers of libbpf-tools and bpftrace (Debian's packages), which look at the same workload at the same
time: what is said is equal. Where a peer is not installed, or does not work on this kernel, its test is skipped."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess

import pytest

from support import PYTHON, Process, wait_for
from test_network import connection, listener
from test_processes import python
from test_scheduler import SLEEP, SLEEPS, SLEEPS_SEEN, waiting, work

pytestmark = pytest.mark.kernels

# Peers do not mount tracefs themselves. Their complaints go to the file $0.
WITH_TRACEFS = ["unshare", "--mount", "sh", "-c", "[ -e /sys/kernel/tracing/events ] || "
                "mount -t tracefs none /sys/kernel/tracing; exec \"$@\" 2>\"$0\""]


class Peer(Process):
    """Attached when it has been made."""

    def __init__(self, complaints, *command):
        super().__init__([*WITH_TRACEFS, complaints, "stdbuf", "-oL", *map(str, command)])
        is_attached = self.has_perf_event if command[0] == "bpftrace" else self.hear
        wait_for(lambda: is_attached() or self.ended(), "the peer is attached", 20)
        if self.ended():
            pytest.skip(f"{command[0]} does not work here: {complaints.read_text()[:200]}")

    def has_perf_event(self):
        """bpftrace, with one probe, says nothing when that is attached; the kernel does."""
        listed = subprocess.run(["bpftool", "-j", "perf", "show"], capture_output=True, text=True, check=True).stdout
        return any(event["pid"] == self._process.pid for event in json.loads(listed or "[]"))

    def wait_fields(self, pattern, seconds=10):
        """The words of its first line that matches."""
        return self.wait_line(pattern, seconds * 2).split()

    def report(self):
        """All it has said when Ctrl-C ended it, which it may not have listened to yet."""
        wait_for(lambda: self.ended() or self.interrupt(), "the peer ends", 20)
        self.finish()
        return "\n".join(self.lines)


@pytest.fixture
def peer(tmp_path):
    """peer(command…), which is ended with the test."""
    begun = []

    def begin(*command):
        path = shutil.which(command[0])
        if not path or os.path.realpath(path).startswith(os.path.realpath(os.environ.get("PILUS_BUILD", "build"))):
            pytest.skip(f"{command[0]} is not installed")
        begun.append(Peer(tmp_path / f"complaints-{len(begun)}", *command))
        return begun[-1]

    yield begin
    for one in begun:
        if not one.ended():
            one.signal(signal.SIGKILL)
        one.stop()


def bpftrace_count(peer, probe, pid):
    return peer("bpftrace", "-e", f"{probe} /pid == {pid}/ {{ @ = count(); }}")


def counted(peer):
    return int(re.search(r"^@: (\d+)$", peer.report(), re.M)[1])


# ── one line for each event ──

def test_execsnoop(trace, peer, tmp_path):
    other, tool = peer("execsnoop"), trace("execsnoop")
    with subprocess.Popen(["/bin/echo", str(tmp_path), "two words"], stdout=subprocess.DEVNULL) as process:
        pass
    comm, pid, ppid, result, *args = other.wait_fields(rf"\b{process.pid}\b")
    event = tool.wait_event(pid=process.pid, pcomm="echo")
    assert (event["pcomm"], str(event["pid"]), str(event["ppid"]), str(event["ret"]), event["args"]) == \
        (comm, pid, ppid, result, " ".join(args))


def test_exitsnoop(trace, peer):
    other, tool = peer("exitsnoop"), trace("exitsnoop")
    pid, _ = python("import sys; sys.exit(3)")
    comm, _, ppid, tid, _, *code = other.wait_fields(rf"\b{pid}\b")
    event = tool.wait_event(pid=pid)
    assert (event["pcomm"], str(event["ppid"]), str(event["tid"]), event["exit_code"]) == (comm, ppid, tid, " ".join(code))


def test_opensnoop(trace, peer, tmp_path):
    other, tool = peer("opensnoop"), trace("opensnoop")
    path = tmp_path / "no" / "such"
    pid, _ = python("import sys\ntry: open(sys.argv[1])\nexcept OSError: pass", path)
    _, comm, fd, error, told = other.wait_fields(re.escape(str(path)))
    event = tool.wait_event(path=told)
    assert (event["pid"], event["comm"], str(event["fd"]), str(event["err"])) == (pid, comm, fd, error)


def test_mkdirsnoop(trace, peer, tmp_path):
    other = peer("bpftrace", "-e", 'tracepoint:syscalls:sys_enter_mkdir { printf("%d %s %o %s\\n", pid, comm, args->mode, '
                 'str(args->pathname)); }')
    tool = trace("mkdirsnoop")
    folder = str(tmp_path / "m")
    os.mkdir(folder, 0o750)
    pid, comm, mode, told = other.wait_fields(re.escape(folder) + "$")
    event = tool.wait_event(path=told)
    assert (event["pid"], event["comm"], int(event["mode"], 8)) == (int(pid), comm, int(mode, 8))


def test_tcpconnect(trace, peer):
    with listener(4) as server:
        port = server.getsockname()[1]
        other, tool = peer("tcpconnect"), trace("tcpconnect", "-L")
        for end in connection(server):
            end.close()
        pid, comm, version, local, remote, told = other.wait_fields(rf"\b{port}\b")
        event = tool.wait_event(dport=int(told))
        assert (event["pid"], event["comm"], event["ip"], event["saddr"], event["daddr"]) == \
            (int(pid), comm, int(version), local, remote)


def test_tcplife(trace, peer):
    with listener(4) as server:
        other, tool = peer("tcplife"), trace("tcplife")
        client, accepted = connection(server)
        local = client.getsockname()[1]
        client.sendall(bytes(100 * 1024))
        accepted.recv(100 * 1024, socket.MSG_WAITALL)
        client.close()
        accepted.close()
        _, comm, _, lport, _, rport, sent, received, _ = other.wait_fields(rf"\b{local} +127.0.0.1 +{server.getsockname()[1]}\b")
        event = tool.wait_event(lport=int(lport), rport=int(rport))
        assert (event["comm"], float(event["tx_kb"]), float(event["rx_kb"])) == (comm, float(sent), float(received))


# ── numbers ──

def test_syscount(trace, peer, tmp_path):
    """libbpf-tools' syscount tells the same number of mkdirs, bpftrace the same number of all calls."""
    with waiting(f"for i in range(17): os.mkdir({str(tmp_path)!r} + f'/{{i}}')") as process:
        tool, other = trace("syscount", "-T", "1000", "-p", process.pid), peer("syscount", "-T", "1000", "-p", process.pid)
        work(process)
        tool.end()
        report = other.report()
        process.kill()
    assert {event["syscall"]: event["count"] for event in tool.events()}["mkdir"] == 17
    assert int(re.search(r"^mkdir +(\d+)", report, re.M)[1]) == 17


def test_syscount_of_all_calls(trace, peer):
    with waiting("for i in range(1000): os.getppid()") as process:
        tool, other = trace("syscount", "-T", "1000", "-p", process.pid), bpftrace_count(peer, "tracepoint:raw_syscalls:sys_exit",
                                                                                        process.pid)
        work(process)
        told = counted(other)
        tool.end()
        process.kill()
    # The process waits in read(2) when both begin and end, and is looked at from one moment to another.
    assert told == pytest.approx(sum(event["count"] for event in tool.events()), abs=2)


def test_funccount(trace, peer):
    with waiting("import ctypes; libc = ctypes.CDLL(None)\nfor i in range(321): libc.strtoul(b'1', None, 10)") as process:
        tool = trace("funccount", "-p", process.pid, "c:strtoul")
        library = os.path.realpath(re.search(r"(/\S+/libc\.so\.6)", open(f"/proc/{process.pid}/maps").read())[1])
        other = bpftrace_count(peer, f"uprobe:{library}:strtoul", process.pid)
        work(process)
        told = counted(other)
        tool.end()
        process.kill()
    assert told == sum(event["count"] for event in tool.events()) >= 321


# ── histograms ──

def slots(report):
    """{lower end: count} of a picture."""
    return {int(low): int(count) for low, count in re.findall(r"^ *(\d+) -> \d+ +: (\d+) ", report, re.M)}


def histogram_beside(trace, peer, ours, theirs):
    """Both look at a process that sleeps; what each counted."""
    with waiting(SLEEP) as process:
        tool, other = trace(*ours, "-p", process.pid), peer(*theirs, "-p", process.pid)
        work(process)
        tool.end()
        report = other.report()
        process.kill()
    return {slot["from"]: slot["count"] for event in tool.events() for slot in event["slots"]}, slots(report)


def test_runqlat(trace, peer):
    mine, theirs = histogram_beside(trace, peer, ["runqlat"], ["runqlat"])
    assert sum(mine.values()) == pytest.approx(sum(theirs.values()), abs=3)


def test_cpudist(trace, peer):
    """Of the times away, the sleeps are in the same slots; a clock is read twice, so one may be on the other side of a bound."""
    mine, theirs = histogram_beside(trace, peer, ["cpudist", "-O"], ["cpudist", "-O"])
    of_sleep = [sum(count for low, count in found.items() if low >= 8192) for found in (mine, theirs)]
    assert all(SLEEPS_SEEN <= count <= SLEEPS + 3 for count in of_sleep)
    assert of_sleep[0] == pytest.approx(of_sleep[1], abs=1)


BUSY = [*PYTHON, "import os\nos.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\nwhile True: pass"]


def test_runqslower(trace, peer):
    """What both tell of one wait differs by no more than the time between their programs."""
    with subprocess.Popen(BUSY) as first, subprocess.Popen(BUSY) as second:
        try:
            tool, other = trace("runqslower", "-p", first.pid, "1000"), peer("runqslower", "-p", first.pid, "1000")
            waited = int(other.wait_fields(rf"\b{first.pid}\b", 20)[3])
            wait_for(lambda: tool.hear() and any(abs(event["lat"] - waited) <= max(50, waited / 20)
                                                 for event in tool.events()), "the same wait is told")
        finally:
            first.kill()
            second.kill()
