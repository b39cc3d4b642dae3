# SPDX-License-Identifier: Apache-2.0
"""Tools beside their peers of libbpf-tools and bpftrace (Debian's packages), which look at the same workload at the same
time: what is said is equal. Where a peer is not installed, or does not work on this kernel, its test is skipped."""
import json
import os
import pty
import re
import shutil
import signal
import socket
import subprocess

import pytest

from primes import PRIMES_ABOVE_900
from primes import work as primes_work
from support import PATIENCE, PYTHON, Process, wait_for
from test_network import CONNECT, a_port, connection, deaf_neighbour, listener
from test_processes import EAT, python
from test_scheduler import SLEEP, SLEEP_US, SLEEPS, SLEEPS_SEEN, waiting, work
from tool import BLOCKS

pytestmark = pytest.mark.kernels

# Peers do not mount tracefs themselves. Their complaints go to the file $0.
WITH_TRACEFS = ["unshare", "--mount", "sh", "-c", "[ -e /sys/kernel/tracing/events ] || "
                "mount -t tracefs none /sys/kernel/tracing; exec \"$@\" 2>\"$0\""]


KPROBES = "/sys/bus/event_source/devices/kprobe"

# They say nothing when they are attached (bpftrace with one probe).
SILENT = ["bpftrace", "offcputime"]


class Peer(Process):
    """Attached when it has been made."""

    def __init__(self, complaints, *command, is_attached=None):
        super().__init__([*WITH_TRACEFS, complaints, "stdbuf", "-oL", *map(str, command)])
        is_attached = is_attached or (Peer.has_perf_event if command[0] in SILENT else Peer.hear)
        wait_for(lambda: is_attached(self) or self.ended(), "the peer is attached", 20)
        if self.ended():
            words = complaints.read_text()
            needs = "needs kprobes (CONFIG_KPROBES)" if "kprobe" in words and not os.path.exists(KPROBES) else f"fails: {words[:200]}"
            pytest.skip(f"{command[0]} {needs}")

    def has_perf_event(self):
        """The kernel says so."""
        listed = subprocess.run(["bpftool", "-j", "perf", "show"], capture_output=True, text=True, check=True).stdout
        return any(event["pid"] == self._process.pid for event in json.loads(listed or "[]"))

    def wait_fields(self, pattern, seconds=10):
        """The words of its first line that matches."""
        return self.wait_line(pattern, seconds * 2).split()

    def report(self):
        """All it has said when Ctrl-C ended it. It may not have listened yet, but twice cuts short what it has to say."""
        for _ in range(10):
            self.interrupt()
            try:
                self._process.wait(3 * PATIENCE)
                break
            except subprocess.TimeoutExpired:
                pass
        self.finish()
        return "\n".join(self.lines)


@pytest.fixture
def peer(tmp_path):
    """peer(command…), which is ended with the test."""
    begun = []

    def begin(*command, **options):
        path = shutil.which(command[0])
        if not path or os.path.realpath(path).startswith(os.path.realpath(os.environ.get("PILUS_BUILD", "build"))):
            pytest.skip(f"{command[0]} is not installed")
        begun.append(Peer(tmp_path / f"complaints-{len(begun)}", *command, **options))
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


def test_tcpconnect_by_states(trace, peer):
    """The kernel's tracepoint of states tells it without a kprobe: to SYN_SENT, in the caller's time."""
    with listener(4) as server:
        port = server.getsockname()[1]
        other = peer("bpftrace", "-e", "tracepoint:sock:inet_sock_set_state /args->newstate == 2/ "
                     '{ printf("%d %s %s %s %d\\n", pid, comm, ntop(args->saddr), ntop(args->daddr), args->dport); }')
        tool = trace("tcpconnect")
        for end in connection(server):
            end.close()
        pid, comm, local, remote, _ = other.wait_fields(rf" {port}$")
        event = tool.wait_event(dport=port)
    assert (event["pid"], event["comm"], event["saddr"], event["daddr"]) == (int(pid), comm, local, remote)


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


def test_tcpaccept(trace, peer):
    """The kernel's tracepoint of states tells accepted connections, too: from SYN_RECV to ESTABLISHED."""
    with listener(4) as server:
        port = server.getsockname()[1]
        other = peer("bpftrace", "-e", "tracepoint:sock:inet_sock_set_state /args->oldstate == 3 && args->newstate == 1/ "
                     '{ printf("%s %d %s %d\\n", ntop(args->saddr), args->sport, ntop(args->daddr), args->dport); }')
        tool = trace("tcpaccept")
        for end in connection(server):
            end.close()
        local, lport, remote, rport = other.wait_fields(rf" {port} ")
        event = tool.wait_event(lport=port)
    assert (event["laddr"], str(event["lport"]), event["raddr"], str(event["rport"])) == (local, lport, remote, rport)


def test_tcpretrans(trace, peer):
    other = peer("bpftrace", "-e", 'tracepoint:tcp:tcp_retransmit_skb { printf("%s:%d %s:%d %d\\n", ntop(args->saddr), '
                 'args->sport, ntop(args->daddr), args->dport, args->state); }')
    tool = trace("tcpretrans")
    port = a_port()
    with deaf_neighbour() as (namespace, address):
        with subprocess.Popen(["ip", "netns", "exec", namespace, *PYTHON, CONNECT, address, port]) as process:
            local, remote, state = other.wait_fields(rf" {address}:{port} ")
            event = tool.wait_event(remote=remote)
            process.kill()
    assert (event["local"], event["state"], state) == (local, "SYN_SENT", "2")


def drop_reason(number):
    """As the kernel's types call it."""
    types = subprocess.run(["bpftool", "btf", "dump", "file", "/sys/kernel/btf/vmlinux"], capture_output=True, text=True,
                           check=True).stdout
    reasons = types[types.index("ENUM 'skb_drop_reason'"):]
    return re.search(rf"'SKB_DROP_REASON_(\w+)' val={number}\n", reasons)[1]


def test_tcpdrop(trace, peer):
    """Of a connection to a port where nobody listens the packet is dropped in the caller's time."""
    with socket.socket() as unused, waiting("import socket; socket.socket().connect_ex(('127.0.0.1', int(os.environ['PORT'])))",
                                            PORT=unused_port(unused)) as process:
        other = peer("bpftrace", "-e", f'tracepoint:skb:kfree_skb /pid == {process.pid}/ {{ printf("reason %d\\n", args->reason); }}')
        tool = trace("tcpdrop", "-4")
        work(process)
        process.kill()
        event = tool.wait_event(destination=f"127.0.0.1:{unused.getsockname()[1]}", state="- (SYN)")
        wait_for(lambda: other.hear() and event["reason"] in {drop_reason(line.split()[1]) for line in other.lines
                                                              if line.startswith("reason")}, "the same reason is told")


def unused_port(held):
    held.bind(("127.0.0.1", 0))
    return held.getsockname()[1]


def test_gethostlatency(trace, peer):
    other, tool = peer("gethostlatency"), trace("gethostlatency")
    pid, _ = python("import socket; socket.getaddrinfo('localhost', 1)")
    _, _, comm, took, host = other.wait_fields(rf"\b{pid}\b")
    event = tool.wait_event(pid=pid)
    assert (event["comm"], event["host"]) == (comm, host)
    assert event["latms"] == pytest.approx(float(took), abs=1, rel=0.2)


def test_bashreadline(trace, peer):
    other, tool = peer("bashreadline"), trace("bashreadline")
    ours, theirs = pty.openpty()
    with subprocess.Popen(["bash", "--norc", "-i"], stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True,
                          start_new_session=True) as shell:
        os.close(theirs)
        os.write(ours, b"echo two words\nexit\n")
        _, pid, *words = other.wait_fields(rf"\b{shell.pid} +echo")
        assert tool.wait_event(pid=int(pid), command=" ".join(words))
        os.close(ours)
        shell.wait(10 * PATIENCE)


def test_oomkill(trace, peer, memory_cgroup):
    folder, limit = memory_cgroup
    other = peer("bpftrace", "-e", 'tracepoint:oom:mark_victim { printf("victim %d\\n", args->pid); }')
    tool = trace("oomkill")
    with open(limit, "w", encoding="ascii") as file:
        file.write(str(32 * 2**20))
    with subprocess.Popen([*PYTHON, EAT, folder]) as process:
        process.wait()
    _, victim = other.wait_fields(rf"^victim {process.pid}$")
    tool.wait_event(victim=int(victim))


def test_biosnoop(trace, peer, write):
    """Each request that one tells, the other tells, too."""
    other = peer("bpftrace", "-e", 'tracepoint:block:block_rq_complete { printf("%lld %d %s\\n", args->sector, args->nr_sector, '
                 'args->rwbs); }')
    tool = trace("biosnoop")
    pid = write()
    tool.wait_event(pid=pid, t="W")
    tool.end()
    ours = {(event["sector"], event["bytes"] // 512, event["t"]) for event in tool.events() if event["pid"] == pid}
    # What is thrown away (D) is written, too.
    told = {(int(sector), int(count), "W" if {"W", "D"} & set(kind) else "R")
            for sector, count, kind in re.findall(r"^(\d+) (\d+) (\w+)$", other.report(), re.M)}
    # A flush has no data.
    assert {one for one in ours if one[1]} <= told


def test_trace(trace, peer, primes):
    """Arguments, one by one."""
    other = peer("bpftrace", "-e", f'uprobe:{primes.path}:insert_result /pid == {primes.pid} && arg0 > 900/ {{ printf("%d\\n", arg0); }}')
    tool = trace("trace", "-p", primes.pid, f'{primes.path}:insert_result (arg1 > 900) "%d", arg1')
    primes_work(primes)
    tool.end()
    told = re.findall(r"^\d+$", other.report(), re.M)
    assert sorted(event["message"] for event in tool.events()) == sorted(told) and len(told) == 2 * PRIMES_ABOVE_900


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


def test_stackcount(trace, peer):
    """The same stack, as often."""
    code = "for i in range(5):\n  pid = os.fork()\n  if not pid: os._exit(0)\n  os.waitpid(pid, 0)"
    with waiting(code) as process:
        tool = trace("stackcount", "-p", process.pid, "t:task:task_newtask")
        other = peer("bpftrace", "-e", f"tracepoint:task:task_newtask /pid == {process.pid}/ {{ @[kstack] = count(); }}")
        work(process)
        tool.end()
        report = other.report()
        process.kill()
    found, = re.findall(r"^@\[\n(.*?)\]: (\d+)$", report, re.M | re.S)
    names = re.findall(r"^ *(\S+)\+\d+$", found[0], re.M)
    event, = tool.events()
    assert event["value"] == int(found[1]) == 5
    assert names[-len(event["kernel"]):] == event["kernel"]


def test_profile(trace, peer):
    """A second of a CPU, in samples."""
    with waiting("while time.process_time() < 1: pass") as process:
        tool = trace("profile", "-F", "199", "-p", process.pid)
        other = peer("bpftrace", "-e", f"profile:hz:199 /pid == {process.pid}/ {{ @ = count(); }} "
                     'interval:ms:200 { printf("attached\\n"); }', is_attached=Peer.hear)
        work(process)
        told = counted(other)
        tool.end()
        process.kill()
    assert sum(event["value"] for event in tool.events()) == pytest.approx(told, rel=0.15)


def test_offcputime(trace, peer):
    """Of a process that sleeps: how long, in µs."""
    with waiting(SLEEP) as process:
        tool, other = trace("offcputime", "-p", process.pid, "-m", "5000"), peer("offcputime", "-p", process.pid, "-m", "5000")
        work(process)
        tool.end()
        report = other.report()
        process.kill()
    stacks = re.findall(r"((?:^ {4}\S.*\n)+) {8}(\d+)$", report, re.M)
    told = sum(int(value) for frames, value in stacks if "nanosleep" in frames)
    mine = sum(event["value"] for event in tool.events() if any("nanosleep" in name for name in event["kernel"]))
    assert told >= SLEEPS_SEEN * SLEEP_US and mine == pytest.approx(told, rel=0.05)


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


def test_biolatency(trace, peer, write):
    """Both count everybody's requests, the peer for a little longer."""
    other, tool = peer("biolatency"), trace("biolatency")
    for _ in range(5):
        write()
    tool.end()
    mine = sum(slot["count"] for event in tool.events() for slot in event["slots"])
    assert 5 * BLOCKS <= mine <= sum(slots(other.report()).values()) + 3


def test_funclatency(trace, peer, primes):
    tool = trace("funclatency", "-p", primes.pid, f"{primes.path}:is_prime")
    other = peer("funclatency", "-p", primes.pid, ":is_prime")
    primes_work(primes)
    tool.end()
    mine = {slot["from"]: slot["count"] for event in tool.events() for slot in event["slots"]}
    assert sum(mine.values()) == sum(slots(other.report()).values()) == 2000
