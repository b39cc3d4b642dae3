# SPDX-License-Identifier: Apache-2.0
"""Kinds of probes that test_run.py does not meet by the way: each is attached, and tells what the test does; or this kernel
has none of that kind, which is said in a sentence."""
import contextlib
import os
import re
import secrets
import socket
import subprocess

import pytest

from running import BUILD, wait_until

pytestmark = pytest.mark.kernels
PILUS = BUILD / "pilus"
LACKS = 3

COUNT = """
BPF_ARRAY(hits, u64, 1);
int count(%s *ctx)
{
	int zero = 0;

	hits.increment(zero);
	return %d;
}
"""


@pytest.fixture
def attach(start, program):
    """attach(text, options…, lacks=…, within=…) is a `pilus trace run -v` that is attached; the test is skipped where the kernel
    cannot do it, after it has said so."""
    def begin(text, *options, lacks=None, within=()):
        running = start(*within, PILUS, "trace", "run", "-v", *options, program(text))
        wait_until(lambda: "\nevents " in running.said() or running.process.poll() is not None)
        if lacks and running.process.poll() == LACKS:
            assert lacks in running.complained()
            assert not running.said()
            pytest.skip(lacks)
        running.wait_for("\nevents ")
        return running
    return begin


def hits(running):
    assert running.end() == 0
    return int(re.search(r"^hits\[0\] = (\d+)$", running.said(), re.M)[1])


# ── of the kernel ──

def test_tp_btf(attach, tmp_path):
    running = attach(f"""
        #include "vmlinux.h"
        #include <bpf/bpf_helpers.h>
        #include <bpf/bpf_tracing.h>
        SEC("tp_btf/sched_process_exec") int BPF_PROG(on_exec, struct task_struct *task)
        {{
            if (task->real_parent->tgid == {os.getpid()})
                bpf_printk("process %d", task->tgid);
            return 0;
        }}
        char LICENSE[] SEC("license") = "GPL";""")
    with subprocess.Popen(["/bin/true"]) as child:
        pass
    running.wait_for(f"process {child.pid}")
    assert running.end() == 0
    assert "attach   on_exec at tp_btf:sched_process_exec (BPF link)" in running.said()


ITERATOR = """
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
SEC("iter/task") int tasks(struct bpf_iter__task *ctx)
{
    struct task_struct *task = ctx->task;

    if (task)
        BPF_SEQ_PRINTF(ctx->meta->seq, "%d of %d\\n", task->pid, task->tgid);
    return 0;
}
char LICENSE[] SEC("license") = "GPL";
"""


@pytest.mark.parametrize("form", ["table", "json"])
def test_an_iterator_is_read(program, form):
    """And then there is nothing more to wait for."""
    done = subprocess.run([PILUS, "trace", "run", "-o", form, program(ITERATOR)], capture_output=True, text=True, check=True)
    line = f"{os.getpid()} of {os.getpid()}"
    assert (line if form == "table" else f'{{"iterator":"tasks","line":"{line}"}}') in done.stdout.splitlines()


def test_an_iterator_that_needs_more(refuse):
    """Over the elements of a table, which a probe does not name; not every kernel lets such a program in."""
    said = refuse("""
        #include "vmlinux.h"
        #include <bpf/bpf_helpers.h>
        SEC("iter/bpf_map_elem") int elements(struct bpf_iter__bpf_map_elem *ctx) { return 0; }
        char LICENSE[] SEC("license") = "GPL";""").stderr
    assert "iter:bpf_map_elem goes through one table, which a probe cannot name" in said or \
        "this kernel loads no program for iter" in said


def test_perf_event_by_name(attach):
    """Of one process: it touches so many pages of memory that it never had."""
    pages = 500
    code = ("import mmap, sys\nmemory = mmap.mmap(-1, %d * mmap.PAGESIZE)\nif hasattr(mmap, 'MADV_NOHUGEPAGE'): "
            "memory.madvise(mmap.MADV_NOHUGEPAGE)\nsys.stdin.readline()\nfor i in range(%d): memory[i * mmap.PAGESIZE] = 1\n"
            "print('done', flush=True)\nsys.stdin.readline()" % (pages, pages))
    with subprocess.Popen(["/usr/bin/python3", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        running = attach(COUNT % ("void", 0), "-a", "perf:page-faults:1", "-p", child.pid)
        child.stdin.write(b"\n")
        child.stdin.flush()
        child.stdout.readline()
        assert pages <= hits(running) < 2 * pages
        child.kill()


def test_lsm(attach, tmp_path):
    running = attach(f"""
        #include "vmlinux.h"
        #include <bpf/bpf_helpers.h>
        #include <bpf/bpf_tracing.h>
        SEC("lsm/path_mkdir") int on_mkdir(void *ctx)
        {{
            if (bpf_get_current_pid_tgid() >> 32 == {os.getpid()})
                bpf_printk("a directory");
            return 0;
        }}
        char LICENSE[] SEC("license") = "GPL";""", lacks="lsm")
    os.mkdir(tmp_path / "made")
    running.wait_for("a directory")
    assert running.end() == 0


def test_many_functions_of_the_kernel(attach):
    running = attach("""
        BPF_HASH(hits);
        int count(struct pt_regs *ctx)
        {
            u64 pid = bpf_get_current_pid_tgid() >> 32;
            hits.increment(pid);
            return 0;
        }""", "-a", "kprobe:vfs_rea*", lacks="kprobe")
    for _ in range(10):
        with open("/proc/self/stat", "rb", buffering=0) as file:
            file.read(1)
    assert running.end() == 0
    assert int(re.search(rf"hits\[{os.getpid()}\] = (\d+)", running.said())[1]) >= 10


# ── of programs ──

def test_many_functions_of_a_program(attach, tmp_path):
    (tmp_path / "many.c").write_text("#define F(n) __attribute__((noinline)) void call_##n(void) { __asm__ volatile(\"\"); }\n"
                                     "F(a) F(b) F(c)\nint main(void) { for (int i = 0; i < 7; i++) { call_a(); call_b(); call_c(); }"
                                     " return 0; }\n")
    subprocess.run(["gcc", "-O1", "-o", tmp_path / "many", tmp_path / "many.c"], check=True)
    running = attach(COUNT % ("struct pt_regs", 0), "-a", f"uprobe:{tmp_path}/many:call_[ab]".replace("[ab]", "?"))
    subprocess.run([tmp_path / "many"], check=True)
    assert hits(running) == 3 * 7


# ── of devices and cgroups ──

@pytest.fixture
def namespace():
    """One of the network, whose only device is up."""
    name = f"pilus-test-{secrets.token_hex(3)}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        yield ["ip", "netns", "exec", name]
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True)


DATAGRAMS = 9
SEND = f"""
import socket
receiver, sender = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
receiver.bind(("127.0.0.1", 0))
for _ in range({DATAGRAMS}):
    sender.sendto(b"x", receiver.getsockname())
    receiver.recv(1)
"""


@pytest.mark.parametrize("probe, context, verdict, lacks", [
    ("xdp:lo", "struct xdp_md", 2, None),
    ("tc:lo:ingress", "struct __sk_buff", 0, "this kernel attaches no program to a device by a link (6.6 does)"),
    ("tc:lo:egress", "struct __sk_buff", 0, "this kernel attaches no program to a device by a link (6.6 does)"),
    ("socket:lo", "struct __sk_buff", 0, None),
])
def test_packets(attach, namespace, probe, context, verdict, lacks):
    text = (COUNT % (context, verdict)).replace("hits.increment", "if (ctx->%s) hits.increment" % (
        "data" if "xdp" in context else "len"))
    running = attach(text, "-a", probe, lacks=lacks, within=namespace)
    subprocess.run([*namespace, "/usr/bin/python3", "-c", SEND], check=True)
    # A packet socket sees each twice: as it leaves, and as it arrives.
    assert hits(running) == DATAGRAMS * (2 if probe.startswith("socket") else 1)


@contextlib.contextmanager
def cgroup():
    top = next((path for path in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified") if os.path.exists(f"{path}/cgroup.controllers")), None)
    if not top:
        pytest.skip("no cgroup v2 here")
    path = f"{top}/pilus-test-{os.getpid()}"
    os.mkdir(path)
    try:
        yield path
    finally:
        os.rmdir(path)


def test_a_cgroup(attach):
    text = """
        #include <linux/bpf.h>
        #include <bpf/bpf_helpers.h>
        struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64); } hits SEC(".maps");
        SEC("cgroup_skb/egress") int count(struct __sk_buff *skb)
        {
            __u64 *hit = bpf_map_lookup_elem(&hits, &(__u32){0});
            if (hit)
                __sync_fetch_and_add(hit, 1);
            return 1;
        }
        char LICENSE[] SEC("license") = "GPL";"""
    with cgroup() as folder:
        running = attach(text, "-a", f"cgroup:{folder}")
        subprocess.run(["sh", "-c", f'echo $$ >{folder}/cgroup.procs; exec "$@"', "sh", "/usr/bin/python3", "-c", SEND], check=True)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outside:
            outside.sendto(b"x", ("127.0.0.1", 9))
        assert hits(running) == DATAGRAMS
