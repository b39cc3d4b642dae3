# SPDX-License-Identifier: Apache-2.0
"""pilus trace run: values, stages, stand-ins, and a sentence for each way in which it cannot be."""
import ctypes
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import pytest

from running import BUILD, PATIENCE, TOP, wait_until

PILUS = BUILD / "pilus"

HELLO = """
TRACEPOINT_PROBE(syscalls, sys_enter_mkdir)
{
	bpf_trace_printk("hello %s", args->pathname ? "world" : "nobody");
	return 0;
}
"""

MKDIR = """
struct key { u32 pid; char comm[TASK_COMM_LEN]; };
struct event { u32 pid; int mode; char name[64]; };
BPF_HASH(counts, struct key);
BPF_PERCPU_ARRAY(total, u64, 1);
BPF_HISTOGRAM(modes);
BPF_PERF_OUTPUT(events);
BPF_RINGBUF_OUTPUT(ring, 8);

int trace_mkdir(struct pt_regs *ctx, const char *name, int mode)
{
	struct key key = {.pid = bpf_get_current_pid_tgid() >> 32};
	struct event event = {.pid = key.pid, .mode = mode};
	int zero = 0;

	if (key.pid != ONLY)
		return 0;
	bpf_get_current_comm(&key.comm, sizeof(key.comm));
	bpf_probe_read_user_str(event.name, sizeof(event.name), name);
	counts.increment(key);
	total.increment(zero, 2);
	modes.increment(bpf_log2l(mode));
	events.perf_submit(ctx, &event, sizeof(event));
	ring.ringbuf_output(&event, sizeof(event), 0);
	bpf_trace_printk("%s makes %s with %d", key.comm, event.name, mode);
	return 0;
}
"""


def links_of(pid):
    """The numbers of the BPF links that a process holds."""
    texts = [path.read_text() for path in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir()]
    return {int(number) for text in texts for number in re.findall(r"^link_id:\s*(\d+)", text, re.M)}


def links():
    """Those that are there, whoever holds them."""
    listed = subprocess.run(["bpftool", "-j", "link", "list"], capture_output=True, text=True, check=True).stdout
    return {link["id"] for link in json.loads(listed)}


def test_stages(run, tmp_path):
    running = run(HELLO)
    os.mkdir(tmp_path / "made")
    line = running.wait_for(re.compile(rf"^([\d.]+) +\S+ +{os.getpid()} +hello world$", re.M))
    assert float(line[1]) > 0
    assert running.end() == 0
    said = running.said()
    assert re.search(r"^compile  \S+prog.c: \d+ instructions in 1 program, [\d.]+ kB, [\d.]+ ms$", said, re.M)
    assert re.search(r"^verify   tracepoint__\w+: accepted; \d+ instructions followed, \d+ states \(peak \d+\), "
                     r"\d+ bytes of stack, [\d.]+ ms$", said, re.M)
    assert re.search(r"^jit      tracepoint__\w+: \d+ instructions are \d+ bytes of machine code", said, re.M)
    assert "attach   tracepoint__syscalls__sys_enter_mkdir at tracepoint:syscalls:sys_enter_mkdir (perf event)" in said


@pytest.mark.kernels
def test_values(run, tmp_path):
    """A probe of a syscall's function gives the program the syscall's arguments, with and without kprobes."""
    running = run(MKDIR, "-D", f"ONLY={os.getpid()}", "--attach", "kprobe:__x64_sys_mkdir")
    for name in "abc":
        os.mkdir(tmp_path / name, 0o700)
    running.wait_for(f"makes {tmp_path}/c"[:60])
    assert running.end() == 0
    said = running.said()
    me = os.getpid()
    comm = open("/proc/self/comm").read().strip()
    assert f'counts[{{pid = {me}, comm = "{comm}"}}] = 3' in said
    assert "total[0] = 6" in said
    assert "modes[9] = 3" in said
    for table in ("events", "ring"):
        for name in "abc":
            wanted = f'{table}: {{pid = {me}, mode = {0o700}, name = "{str(tmp_path / name)[:63]}"}}'
            assert said.count(wanted) == 1
    assert f"{comm} makes {str(tmp_path / 'a')[:63]} with {0o700}" in said


@pytest.mark.kernels
def test_result(run, tmp_path):
    running = run(f"""
        int at_end(struct pt_regs *ctx)
        {{
            if (bpf_get_current_pid_tgid() >> 32 == {os.getpid()})
                bpf_trace_printk("result %d", PT_REGS_RC(ctx));
            return 0;
        }}""", "-a", "kretprobe:__x64_sys_mkdir")
    os.mkdir(tmp_path / "x")
    with pytest.raises(FileExistsError):
        os.mkdir(tmp_path / "x")
    running.wait_for("result -17")
    assert "result 0" in running.said()
    assert running.end() == 0


@pytest.mark.kernels
def test_stand_in_is_told(run):
    running = run("int f(void *ctx) { return 0; }", "-a", "kprobe:__x64_sys_mkdir")
    if not os.path.exists("/sys/bus/event_source/devices/kprobe"):
        assert "this kernel has no kprobes (CONFIG_KPROBES); tracepoint:syscalls:sys_enter_mkdir stands in" \
            in running.complained()
        assert "attach   f at tracepoint:syscalls:sys_enter_mkdir" in running.said()
    else:
        assert "attach   f at kprobe:__x64_sys_mkdir (breakpoint)" in running.said()


@pytest.mark.kernels
def test_function_by_trampoline(start, program):
    """Arguments and result of a function."""
    path = program(f"""
        KRETFUNC_PROBE(vfs_read, void *file, char *buffer, long count, void *place, long ret)
        {{
            if (bpf_get_current_pid_tgid() >> 32 == {os.getpid()} && count == 4321)
                bpf_trace_printk("read %d of %d", ret, count);
            return 0;
        }}""")
    running = start(PILUS, "trace", "run", "-v", path)
    wait_until(lambda: "\nevents " in running.said() or running.process.poll() is not None)
    if running.process.poll() == 3:
        assert "this kernel loads no program for fexit" in running.complained()
        pytest.skip("this kernel has no trampolines")
    running.wait_for("at fexit:vfs_read (trampoline)")
    with open("/proc/self/stat", "rb", buffering=0) as file:
        told = len(file.read(4321))
    running.wait_for(f"read {told} of 4321")
    assert running.end() == 0


def test_registers_have_no_stand_in(refuse):
    """A wrapper of a syscall gets registers, which no tracepoint gives."""
    if os.path.exists("/sys/bus/event_source/devices/kprobe"):
        pytest.skip("this kernel has kprobes")
    done = refuse("KFUNC_PROBE(__x64_sys_getpgid, struct pt_regs *regs) { return 0; }")
    assert done.returncode == 3
    done = refuse("int f(struct pt_regs *ctx) { u64 x; bpf_probe_read_kernel(&x, 8, &PT_REGS_PARM1(ctx)); return 0; }", "-a",
                  "kprobe:__x64_sys_getpgid")
    assert done.returncode == 3


def test_no_stand_in(refuse):
    if os.path.exists("/sys/bus/event_source/devices/kprobe"):
        pytest.skip("this kernel has kprobes")
    done = refuse("int f(void *ctx) { return 0; }", "-a", "kprobe:vfs_read")
    assert done.returncode == 3
    assert "this kernel has no kprobes (CONFIG_KPROBES), and no other probe tells f the same" in done.stderr


def test_raw_tracepoint(run):
    running = run(f"""
        BPF_ARRAY(calls, u64, 1);
        RAW_TRACEPOINT_PROBE(sys_enter)
        {{
            int zero = 0;
            if (bpf_get_current_pid_tgid() >> 32 == {os.getpid()} && ctx->args[1] == {39})
                calls.increment(zero);
            return 0;
        }}""")
    for _ in range(5):
        subprocess.run(["true"], check=True)  # other calls
        os.getpgid(0)
    before = 7
    libc = ctypes.CDLL(None)
    for _ in range(before):
        libc.syscall(39)
    assert running.end() == 0
    counted = re.search(r"calls\[0\] = (\d+)", running.said())
    assert counted and int(counted[1]) >= before


@pytest.mark.kernels
def test_uprobe(run):
    """The first argument and the result of a library's function, in one process."""
    child = subprocess.Popen([sys.executable, "-c", "import ctypes, sys; libc = ctypes.CDLL(None)\n"
                              "for line in sys.stdin: libc.strtoul(line.encode(), None, 10)"],
                             stdin=subprocess.PIPE, text=True)
    try:
        running = run("""
            int at_start(struct pt_regs *ctx, const char *text)
            {
                char copy[16];
                bpf_probe_read_user_str(copy, sizeof(copy), text);
                bpf_trace_printk("parse %s", copy);
                return 0;
            }
            int at_end(struct pt_regs *ctx)
            {
                bpf_trace_printk("gives %d", PT_REGS_RC(ctx));
                return 0;
            }""", "-p", child.pid, "-a", "at_start=uprobe:c:strtoul", "-a", "at_end=uretprobe:c:strtoul")
        child.stdin.write("4242\n")
        child.stdin.flush()
        running.wait_for("gives 4242")
        assert re.search(rf" {child.pid} +parse 4242$", running.said(), re.M)
        assert running.end() == 0
    finally:
        child.kill()
        child.wait()


@pytest.mark.kernels
def test_usdt(run, start, probed):
    """Arguments, signed and in registers; and the semaphore, which tells the program that somebody looks."""
    target = start(probed)
    running = run("""
        int on_sale(struct pt_regs *ctx)
        {
            int number = 0;
            char text[16];
            bpf_usdt_readarg(1, ctx, &number);
            bpf_usdt_readarg_p(2, ctx, text, sizeof(text));
            bpf_trace_printk("%d %s", number, text);
            return 0;
        }""", "-a", f"usdt:{probed}:shop:sale", "-p", target.process.pid)
    running.wait_for(re.compile(rf" {target.process.pid} +\d+ apples$", re.M))
    target.wait_for("1\n")
    assert running.end() == 0
    target.end(15)
    told = [int(line.split()[-2]) for line in running.said().splitlines() if line.endswith(" apples")]
    assert told == list(range(told[0], told[0] + len(told)))


def test_profile(run):
    running = run("""
        BPF_HASH(seen, u32);
        int sample(void *ctx)
        {
            u32 pid = bpf_get_current_pid_tgid() >> 32;
            seen.increment(pid);
            return 0;
        }""", "-a", "profile:99")
    begun = os.times().user
    assert wait_until(lambda: sum(range(200000)) and os.times().user > begun + 0.5)
    assert running.end() == 0
    counted = re.search(rf"seen\[{os.getpid()}\] = (\d+)", running.said())
    assert counted and int(counted[1]) > 0


def test_object(start, program, tmp_path):
    """C for libbpf, compiled beforehand; its bpf_printk comes through a trace of our own."""
    source = program("""
        #include <linux/bpf.h>
        #include <bpf/bpf_helpers.h>
        SEC("tracepoint/syscalls/sys_enter_mkdir") int on_mkdir(void *ctx)
        {
            bpf_printk("from the object");
            return 0;
        }
        char LICENSE[] SEC("license") = "GPL";
        """)
    compiled = tmp_path / "prog.bpf.o"
    subprocess.run(["clang-19", "-target", "bpf", "-O2", "-g", "-idirafter", "/usr/include/x86_64-linux-gnu", "-c", source,
                    "-o", compiled], check=True)
    for path in (source, compiled):
        running = start(PILUS, "trace", "run", "-v", path)
        running.wait_for("\nevents ")
        os.mkdir(tmp_path / f"made-{path.name}")
        running.wait_for(re.compile(rf" {os.getpid()} +from the object$", re.M))
        assert running.end() == 0


STRUCTS = """
#include <linux/sched.h>

struct mine { int pid; };

RAW_TRACEPOINT_PROBE(sched_process_exec)
{
	struct task_struct *task = (struct task_struct *)ctx->args[0];
	struct mine mine = {.pid = task->real_parent->tgid};
	char name[16];

	if (mine.pid != ONLY)
		return 0;
	bpf_probe_read_kernel_str(name, sizeof(name), task->mm->exe_file->f_path.dentry->d_name.name);
	bpf_trace_printk("pid %d uid %d node %s file %s", task->tgid, task->cred->uid.val,
		task->nsproxy->uts_ns->name.nodename, name);
	return 0;
}
"""


# Addresses that came by other ways than a cast: through a function, out of a table, in one of two branches; and arrays.
WAYS = """
#include <linux/sched.h>
#include <linux/nsproxy.h>

BPF_HASH(seen, u32, struct task_struct *);

static int number_of(struct task_struct *task)
{
	return task->tgid;
}

static struct task_struct *parent_of(struct task_struct *task)
{
	return task->real_parent;
}

#if ONLY
RAW_TRACEPOINT_PROBE(sched_process_exec)
{
#else
RAW_TRACEPOINT_PROBE(sched_process_fork)
{
#endif
	struct task_struct *task = (struct task_struct *)ctx->args[0], **kept, *either;
	u32 key = 0;

	if (number_of(parent_of(task)) != ONLY)
		return 0;
	seen.update(&key, &task);
	kept = seen.lookup(&key);
	if (!kept)
		return 0;
	either = bpf_get_smp_processor_id() & 1 ? *kept : task;
	bpf_trace_printk("pid %d kept %d first %c", either->pid, (*kept)->tgid, either->nsproxy->uts_ns->name.nodename[0]);
	return 0;
}
"""


@pytest.mark.kernels
def test_addresses_of_the_kernel_by_all_ways(run):
    running = run(WAYS, "-D", f"ONLY={os.getpid()}")
    child = subprocess.Popen(["true"])
    child.wait()
    running.wait_for(f"pid {child.pid} kept {child.pid} first {os.uname().nodename[0]}")
    assert running.end() == 0


@pytest.mark.kernels
def test_structs_of_the_kernel(run):
    """As BCC does, members are read through pointers as if they were at hand; only what is named is compiled."""
    running = run(STRUCTS, "-D", f"ONLY={os.getpid()}")
    child = subprocess.Popen(["setpriv", "--reuid=65534", "--clear-groups", "true"])
    child.wait()
    running.wait_for(f"pid {child.pid} uid 65534 node {os.uname().nodename} file true")
    assert f"pid {child.pid} uid 0 node {os.uname().nodename} file setpriv" in running.said()
    assert running.end() == 0


def test_the_guides_programs(run, refuse, tmp_path):
    """What docs/guide/programs.md shows works, and is refused, as it says."""
    guide = (TOP / "docs/guide/programs.md").read_text()
    good, bad = re.findall(r"^```c\n(.*?)^```$", guide, re.M | re.S)
    running = run(good)
    os.mkdir(tmp_path / "guide")
    running.wait_for(re.compile(rf" {os.getpid()} +{tmp_path}/guide"[:80]))
    assert running.end() == 0
    assert re.search(rf"^counts\[{{pid = {os.getpid()}, comm = .*}}\] = \d+$", running.said(), re.M)
    assert "prog.c:7: the verifier refuses tracepoint__syscalls__sys_enter_mkdir: a table's lookup may find" in refuse(bad).stderr


@pytest.mark.kernels
def test_generated_vmlinux(start, program):
    """C for libbpf that includes vmlinux.h gets one of its own, of what it names."""
    path = program("""
        #include "vmlinux.h"
        #include <bpf/bpf_helpers.h>
        #include <bpf/bpf_core_read.h>
        SEC("raw_tp/sched_process_exec") int on_exec(struct bpf_raw_tracepoint_args *ctx)
        {
            struct task_struct *task = (void *)ctx->args[0];
            bpf_printk("parent %d", BPF_CORE_READ(task, real_parent, tgid));
            return 0;
        }
        char LICENSE[] SEC("license") = "GPL";
        """)
    running = start(PILUS, "trace", "run", "-v", path)
    running.wait_for("\nevents ")
    subprocess.run(["true"], check=True)
    running.wait_for(f"parent {os.getpid()}")
    assert running.end() == 0


def test_json(start, program, tmp_path):
    running = start(PILUS, "trace", "run", "-v", "-o", "json", program(HELLO))
    wait_until(lambda: "events " in running.complained())
    os.mkdir(tmp_path / "made")
    running.wait_for(f'"pid":{os.getpid()},')
    running.end()
    lines = [json.loads(line) for line in running.said().splitlines()]
    assert any(line["pid"] == os.getpid() and line["message"] == "hello world" for line in lines)


def test_duration_and_cache(program):
    path = program(HELLO)
    for cached in (False, True):
        done = subprocess.run([PILUS, "trace", "run", "-v", "-d", "1", path], capture_output=True, text=True, check=True,
                              timeout=60 * PATIENCE)
        assert ("(compiled before)" in done.stdout) == cached
    path.write_text(HELLO.replace("hello", "goodbye"))
    done = subprocess.run([PILUS, "trace", "run", "-v", "-d", "1", path], capture_output=True, text=True, check=True,
                          timeout=60 * PATIENCE)
    assert "(compiled before)" not in done.stdout


def test_nothing_stays_attached(run):
    running = run(HELLO)
    held = links_of(running.process.pid)
    assert len(held) == 1 and held <= links()
    running.process.kill()
    running.process.wait()
    wait_until(lambda: not held & links())


@pytest.mark.parametrize("text, sentence", [
    ("""BPF_HASH(counts);
        TRACEPOINT_PROBE(syscalls, sys_enter_mkdir) {
            u64 key = 0;
            return *counts.lookup(&key);
        }""", "prog.c:4: the verifier refuses tracepoint__syscalls__sys_enter_mkdir: a table's lookup may find nothing"),
    ("""TRACEPOINT_PROBE(syscalls, sys_enter_mkdir) {
            u64 sum = 0;
            while (bpf_ktime_get_ns())
                sum++;
            return sum;
        }""", "a loop has no end that can be seen"),
    ("""TRACEPOINT_PROBE(syscalls, sys_enter_mkdir) {
            return *(int *)args->pathname;
        }""", "prog.c:2: the verifier refuses tracepoint__syscalls__sys_enter_mkdir: a number is used as an address"),
    ("""TRACEPOINT_PROBE(syscalls, sys_enter_mkdir) {
            char text[600] = {};
            bpf_probe_read_user_str(text, sizeof(text), args->pathname);
            return text[0];
        }""", "512 bytes of stack"),
    ("""struct event { u64 a; };
        BPF_RINGBUF_OUTPUT(ring, 8);
        TRACEPOINT_PROBE(syscalls, sys_enter_mkdir) {
            struct event *event = ring.ringbuf_reserve(sizeof(*event));
            return !event;
        }""", "is not given back on every path"),
    ("TRACEPOINT_PROBE(syscalls, sys_enter_mkdir) { return bpf_skb_load_bytes(args, 0, args, 1); }", "may not call that helper"),
    ("TRACEPOINT_PROBE(syscalls, sys_enter_mkdir) {\n\treturn no_such_thing;\n}", "prog.c does not compile"),
    ("TRACEPOINT_PROBE(syscalls, sys_enter_makedir) { return 0; }", "no tracepoint syscalls:sys_enter_makedir"),
    ("int f(void *ctx) { return 0; }", "no program that says by its name or section where it belongs"),
    ("int kprobe__x(void *ctx, int a, int b, int c, int d, int e, int f, int g) { return g; }", "does not compile"),
])
def test_refusals(refuse, text, sentence):
    done = refuse(text)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert not done.stdout


def test_compiler_names_the_line(refuse):
    done = refuse("#include <linux/sched.h>\n\nint kprobe__x(void *ctx)\n{\n\treturn no_such_thing;\n}\n")
    assert "prog.c:5:9: error: use of undeclared identifier 'no_such_thing'" in done.stderr


@pytest.mark.parametrize("probe, status, sentence", [
    ("nonsense:x", 1, "nonsense:x is no probe"),
    ("tracepoint:sched", 1, "CATEGORY:NAME"),
    ("tracepoint:sched:no_such", 1, "this kernel has no tracepoint sched:no_such"),
    ("raw_tracepoint:no_such", 1, "this kernel has no raw tracepoint no_such"),
    ("uprobe:/no/such/file:f", 1, "/no/such/file: No such file or directory"),
    ("uprobe:no-such-program:f", 1, "there is no program or library 'no-such-program'"),
    ("uprobe:c:no_such_function", 1, "has no function no_such_function"),
    ("usdt:c:libc:no_such_probe", 1, "has no USDT probe libc:no_such_probe"),
    ("xdp:nodevice", 1, "no network device nodevice"),
])
def test_unknown_probes(refuse, probe, status, sentence):
    done = refuse("int f(void *ctx) { return 0; }", "-a", probe)
    assert done.returncode == status
    assert sentence in done.stderr


def test_deleted_binary(refuse, tmp_path):
    path = tmp_path / "program"
    path.write_bytes(open("/bin/true", "rb").read())
    path.chmod(0o755)
    path.unlink()
    assert "No such file or directory" in refuse("int f(void *ctx) { return 0; }", "-a", f"uprobe:{path}:main").stderr


def test_not_an_object(refuse):
    assert "prog.bpf.o is no BPF object" in refuse("nonsense", name="prog.bpf.o").stderr


def test_without_privileges():
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        path = pathlib.Path(folder) / "prog.c"
        path.write_text("int kprobe__f(void *ctx) { return 0; }")
        done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", "-u", "PILUS_CACHE",
                               PILUS, "trace", "run", path], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "need root, or the capabilities BPF and PERFMON" in done.stderr


def test_without_clang(refuse, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert "needs clang, which is not installed" in refuse(HELLO, "--no-cache").stderr
