# SPDX-License-Identifier: Apache-2.0
"""The Python module, by programs of their own process; the two that the guide begins with are run as they stand."""
import os
import pathlib
import re
import signal
import subprocess
import sys

import pytest

from running import BUILD, TOP

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(TOP / "python"), "PILUS_LIBRARY": str(BUILD / "src/trace/libpilus.so.0"),
               "PYTHONUNBUFFERED": "1"}


@pytest.fixture
def python(start, tmp_path, monkeypatch):
    """python(text or path) is a started Python program that can import bcc."""
    def begin(what):
        path = what
        if isinstance(what, str):
            path = tmp_path / "prog.py"
            path.write_text(what)
        environment = {**ENVIRONMENT, "PILUS_CACHE": os.environ["PILUS_CACHE"]}
        return start(sys.executable, path, env=environment)
    return begin


def result(python, text, status=0):
    """What a Python program says that ends by itself."""
    running = python(text)
    assert running.process.wait(120) == status, running.complained()
    return running.said()


def make_until(running, pattern, folder):
    """Makes folders until one is told: a program says nothing when it has been attached."""
    pattern, number = re.compile(pattern, re.M), 0
    while not pattern.search(running.said()):
        assert running.process.poll() is None, running.complained()
        os.mkdir(folder / f"made-{number}")
        number += 1
        try:
            running.process.wait(0.1)
        except subprocess.TimeoutExpired:
            pass


def test_talk_tracepoint(python, tmp_path):
    running = python(TOP / "docs/guide/talk/hello_tracepoint.py")
    make_until(running, rf"^ +\S+-{os.getpid()} +\[\d+\] \S+ +[\d.]+: bpf_trace_printk: hello world$", tmp_path)
    assert "b'" not in running.said()
    assert running.end(signal.SIGINT) == 0
    assert not running.complained()


def test_talk_kprobe(python, tmp_path):
    """On a kernel without kprobes, too; the value that its format asks for and nobody gives is nothing."""
    running = python(TOP / "docs/guide/talk/hello_kprobe.py")
    make_until(running, rf"^[\d.]+ +\S+ +{os.getpid()} +hello world: $", tmp_path)
    assert running.said().startswith("TIME(s)            COMM             PID    MESSAGE\n")
    assert running.end(signal.SIGINT) == 0
    assert "Traceback" not in running.complained()


def test_an_interruption_is_kept_for_the_next_wait(python):
    assert result(python, """
import errno
from pilus import BPF
from pilus.library import Line, lib
bpf = BPF(text='TRACEPOINT_PROBE(syscalls, sys_enter_reboot) { bpf_trace_printk("never"); return 0; }')
for wait in lambda: lib.module_wait(bpf.handle, -1), lambda: lib.module_next_line(bpf.handle, -1, Line()):
    lib.module_interrupt(bpf.handle)
    assert wait() == -errno.EINTR
assert lib.module_wait(bpf.handle, 0) == 0
print("done")
""") == "done\n"


def test_an_interruption_among_many_events_is_not_lost(python):
    """It may come between C and the callback's first line."""
    for _ in range(5):
        running = python("""
from bcc import BPF
b = BPF(text='BPF_PERF_OUTPUT(events);'
             'TRACEPOINT_PROBE(sched, sched_switch) { u64 n = 1; events.perf_submit(args, &n, sizeof(n)); return 0; }')
b["events"].open_perf_buffer(lambda cpu, data, size: None, lost_cb=lambda count: None)
b.perf_buffer_poll()
print("attached")
while True:
    try:
        b.perf_buffer_poll()
    except KeyboardInterrupt:
        print("ended")
        break
""")
        running.wait_for("attached")
        running.process.send_signal(signal.SIGINT)
        running.wait_for("ended")
        assert running.process.wait(60) == 0


def test_text_passes_for_bytes(python):
    assert result(python, """
import io
from bcc import BPF
from bcc.utils import printb
name = BPF.get_syscall_fnname(b"mkdir")
assert name == BPF.get_syscall_fnname("mkdir") == name.encode() and isinstance(name, str)
assert name.decode("utf-8", "replace").endswith("sys_mkdir")
printb(b"%s %-4d|" % (name[-5:].encode(), 7))
from pilus import Text
printb(b"%s" % Text("text"))
""") == "mkdir 7   |\ntext\n"


TABLES = r"""
import ctypes, os, tempfile
from bcc import BPF
b = BPF(text='''
struct key { u32 pid; char comm[16]; };
struct value { u64 count; int mode:4; s16 list[2]; };
BPF_HASH(plain);
BPF_HASH(structs, struct key, struct value);
BPF_ARRAY(array, u32, 4);
BPF_PERCPU_ARRAY(each, u64, 2);
BPF_HISTOGRAM(dist);
BPF_LRU_HASH(lru, u32, u32, 16);
int on_mkdir(void *ctx, const char *name, int mode)
{
	u64 pid = bpf_get_current_pid_tgid() >> 32;
	struct key key = {.pid = pid};
	struct value value = {.count = 5, .mode = -3, .list = {-1, 2}};
	int one = 1;
	u32 number = 7;

	if (pid != PID)
		return 0;
	bpf_get_current_comm(&key.comm, sizeof(key.comm));
	plain.increment(pid);
	structs.update(&key, &value);
	array.increment(one, 3);
	each.increment(one);
	dist.increment(bpf_log2l(mode));
	lru.update(&number, &number);
	return 0;
}
''', cflags=["-DPID=%d" % os.getpid()])
b.attach_kprobe(event=b.get_syscall_fnname("mkdir"), fn_name="on_mkdir")
"""


def test_tables(python):
    assert result(python, TABLES + r"""
with tempfile.TemporaryDirectory() as folder:
    for name in "ab":
        os.mkdir(folder + "/" + name, 0o700)
made = b["plain"][ctypes.c_ulonglong(os.getpid())].value
assert made == 3, made
(key, value), = b["structs"].items()
assert (key.pid, value.count, value.mode, list(value.list)) == (os.getpid(), 5, -3, [-1, 2]), value
assert key.comm == open("/proc/self/comm", "rb").read().strip()
assert [leaf.value for leaf in b["array"].values()] == [0, 9, 0, 0] and len(b["array"]) == 4
assert b["each"].sum(1).value == 3 and len(b["each"][1]) == os.sysconf("SC_NPROCESSORS_CONF")
assert {k.value: v.value for k, v in b["lru"].items()} == {7: 7}
plain = b.get_table("plain")
plain[ctypes.c_ulonglong(1)] = ctypes.c_ulonglong(2)
plain[5] = 6
assert plain[1].value == 2 and 5 in plain and 6 not in plain and len(plain) == 3
del plain[1]
try:
    plain[1]
except KeyError:
    print("no key")
plain.clear()
assert not len(plain) and plain.get(1) is None
b["array"].clear()
assert not any(leaf.value for leaf in b["array"].values())
assert sorted(b) == ["array", "dist", "each", "lru", "plain", "structs"]
b["dist"].print_log2_hist("mode")
""") == """no key
     mode                : count     distribution
         0 -> 1          : 0        |                                        |
         2 -> 3          : 0        |                                        |
         4 -> 7          : 0        |                                        |
         8 -> 15         : 0        |                                        |
        16 -> 31         : 0        |                                        |
        32 -> 63         : 0        |                                        |
        64 -> 127        : 0        |                                        |
       128 -> 255        : 0        |                                        |
       256 -> 511        : 3        |****************************************|
"""


@pytest.mark.parametrize("declare, submit, listen, poll", [
    ("BPF_PERF_OUTPUT(events)", "events.perf_submit(ctx, &event, sizeof(event))",
     "b['events'].open_perf_buffer(lambda cpu, data, size: take(data))", "b.perf_buffer_poll(1000)"),
    ("BPF_RINGBUF_OUTPUT(events, 8)", "events.ringbuf_output(&event, sizeof(event), 0)",
     "b['events'].open_ring_buffer(lambda ctx, data, size: take(data))", "b.ring_buffer_poll(1000)"),
])
def test_events(python, declare, submit, listen, poll):
    assert result(python, f"""
import os, tempfile
from bcc import BPF
b = BPF(text='''
struct event {{ u32 pid; u64 ns; char name[64]; }};
{declare};
int on_mkdir(struct pt_regs *ctx, const char *name)
{{
	struct event event = {{.pid = bpf_get_current_pid_tgid() >> 32, .ns = bpf_ktime_get_ns()}};
	if (event.pid != %d)
		return 0;
	bpf_probe_read_user_str(event.name, sizeof(event.name), name);
	{submit};
	return 0;
}}
''' % os.getpid())
b.attach_kprobe(event=b.get_syscall_fnname("mkdir"), fn_name="on_mkdir")
seen, types = [], set()
def take(data):
    event = b["events"].event(data)
    types.add(type(event))
    seen.append((event.pid, event.name, event.ns > 0))
{listen}
with tempfile.TemporaryDirectory() as folder:
    os.mkdir(folder + "/a")
    while len(seen) < 2:
        {poll}
assert seen == [(os.getpid(), folder.encode(), True), (os.getpid(), (folder + "/a").encode(), True)], seen
assert len(types) == 1, "one made for each event would be kept for ever"
def fail(data):
    raise ValueError("out of a callback")
take = fail
os.mkdir("/tmp/pilus-test-%d" % os.getpid())
os.rmdir("/tmp/pilus-test-%d" % os.getpid())
try:
    while True:
        {poll}
except ValueError as error:
    print(error)
""") == "out of a callback\n"


def test_usdt(python, start, probed):
    target = start(probed)
    assert result(python, f"""
from bcc import BPF, USDT
usdt = USDT(pid={target.process.pid})
assert usdt.enumerate_probes() == [("shop", "sale")]
usdt.enable_probe(probe="sale", fn_name="on_sale")
b = BPF(text='int on_sale(struct pt_regs *ctx) {{ u64 text = 0; bpf_usdt_readarg(2, ctx, &text); '
        'bpf_trace_printk("%d", text != 0); return 0; }}', usdt_contexts=[usdt])
print(b.trace_fields()[1], b.trace_fields()[5])
""") == f"{target.process.pid} 1\n"


def test_failures_are_exceptions(python):
    said = result(python, """
from bcc import BPF
for text in ("int f(void *ctx) { return x; }", "BPF_HASH(t); TRACEPOINT_PROBE(syscalls, sys_enter_mkdir) "
             "{ u64 k = 0; return *t.lookup(&k); }"):
    try:
        BPF(text=text)
    except Exception as error:
        print(error)
b = BPF(text="int f(void *ctx) { return 0; }")
for attach in (lambda: b.attach_tracepoint(tp="sched:none", fn_name="f"), lambda: b.attach_uprobe(name="c", sym="none_such", fn_name="f"),
               lambda: b.attach_kprobe(event="x", fn_name="g"), lambda: b["none"]):
    try:
        attach()
    except Exception as error:
        print(error)
""")
    wanted = ["<text>.c does not compile", "<text>.c:1: the verifier refuses tracepoint__syscalls__sys_enter_mkdir: a table's",
              "this kernel has no tracepoint sched:none", "has no function none_such", "<text>.c has no program g", "'none'"]
    for line, part in zip(said.splitlines(), wanted, strict=True):
        assert part in line


def test_attach_and_detach(python):
    assert result(python, """
import os
from bcc import BPF, PerfType, PerfSWConfig
b = BPF(text='''BPF_ARRAY(hits, u64, 2);
int count(void *ctx) { int zero = 0; if (bpf_get_current_pid_tgid() >> 32 == PID) hits.increment(zero); return 0; }
int clock(void *ctx) { int one = 1; hits.increment(one); return 0; }''', cflags=["-DPID=%d" % os.getpid()])
b.attach_tracepoint(tp="syscalls:sys_enter_getpgid", fn_name="count")
b.attach_perf_event(ev_type=PerfType.SOFTWARE, ev_config=PerfSWConfig.CPU_CLOCK, fn_name="clock", sample_freq=99)
os.getpgid(0)
b.detach_tracepoint(tp="syscalls:sys_enter_getpgid")
os.getpgid(0)
while not b["hits"][1].value:
    sum(range(10000))
print(b["hits"][0].value)
assert b.program_facts("count").jited_bytes and BPF.ksym(BPF.ksymname("vprintk")) == "vprintk"
import ctypes
libc = ctypes.CDLL("libc.so.6")
address = ctypes.cast(libc.strtoul, ctypes.c_void_p).value
assert b.sym(address + 4, os.getpid(), show_module=True, show_offset=True) in ("strtoul+0x4 [libc.so.6]", "strtoull+0x4 [libc.so.6]",
                                                                            "strtouq+0x4 [libc.so.6]"), b.sym(address, os.getpid())
assert b.sym(1, os.getpid()) == "[unknown]"
""") == "1\n"


def test_python_is_not_hindered(python):
    """Nothing is imported, built or written but what is there."""
    environment = {**ENVIRONMENT, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", "import bcc, bcc.utils, pilus; print(bcc.BPF is pilus.BPF)"], env=environment,
                          capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


def test_queues_and_programs(python):
    """BPF_QUEUE and BPF_STACK are taken from; a program of BPF_PROG_ARRAY is gone on to."""
    assert result(python, r"""
import ctypes, os
from bcc import BPF
b = BPF(text='''
BPF_QUEUE(first, u64, 8);
BPF_STACK(last, u64, 8);
BPF_PROG_ARRAY(next, 4);
BPF_ARRAY(reached, u64, 1);
int count(void *ctx)
{
	int zero = 0;

	reached.increment(zero);
	return 0;
}
int enter(void *ctx)
{
	u64 value = 7;

	if (bpf_get_current_pid_tgid() >> 32 != PID)
		return 0;
	first.push(&value, 0);
	value = 8;
	first.push(&value, 0);
	next.call(ctx, 2);
	return 0;
}
''', cflags=["-DPID=%d" % os.getpid()])
b["next"][ctypes.c_int(2)] = ctypes.c_int(b.load_func("count", BPF.TRACEPOINT).fd)
b.attach_tracepoint(tp="syscalls:sys_enter_getpgid", fn_name="enter")
os.getpgid(0)
assert b["reached"][0].value == 1
del b["next"][2]
os.getpgid(0)
assert b["reached"][0].value == 1
queue, stack = b["first"], b["last"]
assert queue.peek().value == 7 and [leaf.value for leaf in (queue.pop(), queue.pop())] == [7, 8]
for value in (1, 2, 3):
    stack.push(ctypes.c_uint64(value))
assert stack.pop().value == 3 and [leaf.value for leaf in stack.values()] == [2, 1]
try:
    stack.pop()
except KeyError as error:
    print(error)
""") == "'last is empty'\n"


def test_counters_of_perf(python):
    """What a program reads by perf_read is of the CPU that it runs on."""
    assert result(python, r"""
import os
from bcc import BPF, PerfType, PerfSWConfig
b = BPF(text='''
BPF_PERF_ARRAY(clock, 64);
BPF_ARRAY(seen, u64, 1);
int enter(void *ctx)
{
	int zero = 0;
	u64 now = clock.perf_read(bpf_get_smp_processor_id());

	if (bpf_get_current_pid_tgid() >> 32 == PID)
		seen.update(&zero, &now);
	return 0;
}
''', cflags=["-DPID=%d" % os.getpid()])
b["clock"].open_perf_event(PerfType.SOFTWARE, PerfSWConfig.CPU_CLOCK)
b.attach_tracepoint(tp="syscalls:sys_enter_getpgid", fn_name="enter")
os.getpgid(0)
first = b["seen"][0].value
os.getpgid(0)
assert 0 < first < 1 << 62
print("counted")
""") == "counted\n"


def test_packets_of_a_socket(python):
    """attach_raw_socket gives a socket, from which whole packets are read."""
    assert result(python, r"""
import os, socket, time
from bcc import BPF
b = BPF(text='int datagrams(struct __sk_buff *skb) { return load_byte(skb, 23) == 17 ? -1 : 0; }')
program = b.load_func("datagrams", BPF.SOCKET_FILTER)
b.attach_raw_socket(program, "lo")
text = b"from the test %d" % os.getpid()
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
    sender.sendto(text, ("127.0.0.1", 9))
while True:
    try:
        packet = os.read(program.sock, 2048)
    except BlockingIOError:
        time.sleep(0.01)
        continue
    if packet.endswith(text):
        break
print("seen")
""") == "seen\n"


def test_texts_in_expressions(python, tmp_path):
    """As BCC's own trace and argdist have them in filters."""
    running = python(f'''
from bcc import BPF, StrcmpRewrite
made = StrcmpRewrite.rewrite_expr('STRCMP("{tmp_path}/this", args->pathname) || STRCMP("none", args->pathname)',
                                  False, False, ["args->pathname"], "", 7)
assert made["probeid"] == 9, made
b = BPF(text=made["streq_functions"] + """
TRACEPOINT_PROBE(syscalls, sys_enter_mkdir)
{{
	if (""" + made["expr"] + """)
		bpf_trace_printk("it is made");
	return 0;
}}""")
print("attached")
print(b.trace_fields()[5])
''')
    running.wait_for("attached")
    for name in ("that", "this"):
        os.mkdir(tmp_path / name)
    assert running.process.wait(60) == 0, running.complained()
    assert running.said().splitlines() == ["attached", "it is made"]


def test_build_ids_of_a_stack(python):
    """The C library's, which calls the kernel, as its file tells it."""
    library = re.search(r"/\S+/libc\.so\.6$", pathlib.Path("/proc/self/maps").read_text(), re.M)[0]
    note = subprocess.run(["readelf", "-n", library], capture_output=True, text=True, check=True).stdout
    wanted = re.search(r"Build ID: ([0-9a-f]{40})", note)
    assert result(python, """
import os, tempfile
from bcc import BPF
b = BPF(text='''
BPF_STACK_TRACE_BUILDID(stacks, 64);
BPF_HASH(seen, u32, int);
TRACEPOINT_PROBE(syscalls, sys_enter_mkdir)
{
	u32 pid = bpf_get_current_pid_tgid() >> 32;
	int stack = stacks.get_stackid(args, BPF_F_USER_STACK);

	if (pid == PID)
		seen.update(&pid, &stack);
	return 0;
}
''', cflags=["-DPID=%d" % os.getpid()])
with tempfile.TemporaryDirectory():
    pass
places = b["stacks"].get_stack(b["seen"][os.getpid()].value)
assert places and all(place.build_id or place.status == place.IP for place in places), places
print([place.build_id for place in places])
""").count(wanted[1])


def test_names_of_bcc(python):
    assert result(python, """
import argparse
from bcc import BPF, tcp
from bcc.containers import filter_by_containers
from bcc.syscall import syscall_name, syscalls
from bcc.utils import ArgString, get_online_cpus, printb
assert syscall_name(39) == b"getpid" and syscalls[39] == b"getpid" and syscall_name(1000) == b"[unknown: 1000]"
assert bytes(ArgString("text")) == b"text" and get_online_cpus()
assert BPF.kernel_struct_has_field(b"task_struct", b"tgid") == 1 and BPF.kernel_struct_has_field("task_struct", "none") == 0
assert BPF.kernel_struct_has_field("no_such_struct", "none") == -1 and BPF.tracepoint_exists("sched", "sched_switch")
assert b"libc.so" in bytes(BPF.find_library("c") or b"libc.so") and BPF.find_exe("sh").endswith("/sh")
assert tcp.tcpstate[10] == "LISTEN" and tcp.flags2str(0x12) == "SYN|ACK"
assert "container_should_be_filtered" in filter_by_containers(argparse.Namespace(cgroupmap=None, mntnsmap=None))
print("known")
""") == "known\n"


def test_words_of_the_kernels_headers(python):
    """What its headers have as macros, which BTF does not know."""
    assert result(python, """
from bcc import BPF
b = BPF(text='''
#include <net/sock.h>
#include <linux/blkdev.h>
BPF_HASH(hits);
RAW_TRACEPOINT_PROBE(inet_sock_set_state)
{
	struct sock *sk = (struct sock *)ctx->args[0];
	struct tcp_sock *tp = tcp_sk(sk);
	struct inet_sock *inet = inet_sk(sk);
	u64 key = sk->sk_state + sk->sk_num + inet->inet_num + min(tp->snd_cwnd, (u32)REQ_OP_MASK) + TASK_RUNNING;
#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 0, 0)
#error "too old"
#endif
	if (sk->sk_family == AF_INET && sk->sk_state == TCP_ESTABLISHED)
		hits.increment(key);
	return 0;
}
''')
print("accepted")
""") == "accepted\n"
