# SPDX-License-Identifier: Apache-2.0
"""The tool trace: each probe's values, of functions, static probes and tracepoints, and which hits are told."""
import os
import re
import subprocess
import time

import pytest

from primes import PRIMES_BELOW_1000, work
from tool import run


def messages(tool):
    tool.end()
    return sorted(event["message"] for event in tool.events())


def test_trace_prints_arguments(trace, primes):
    tool = trace("trace", "-p", primes.pid, f'{primes.path}:insert_result (arg1 > 990) "n is %d (%x)", arg1, arg1')
    work(primes)
    assert messages(tool) == 2 * ["n is 991 (3df)"] + 2 * ["n is 997 (3e5)"]
    assert {(event["func"], event["pid"]) for event in tool.events()} == {("insert_result", primes.pid)}


def test_trace_prints_results_and_texts(trace, primes):
    tool = trace("trace", "-p", primes.pid, f'r:{primes.path}:is_prime (retval) "%d", retval')
    texts = trace("trace", "-n", "getent", 'c:getenv "%s", arg1')
    work(primes)
    subprocess.run(["getent", "passwd", "root"], stdout=subprocess.DEVNULL)
    tool.end()
    lost = sum(int(number) for number in re.findall(r"lost (\d+) events", "\n".join(tool.lines)))
    assert {event["message"] for event in tool.events()} == {"1"}
    assert 2 * PRIMES_BELOW_1000 - lost <= len(tool.events()) <= 2 * PRIMES_BELOW_1000
    assert texts.wait_event(func="getenv")["message"].isupper()


@pytest.mark.kernels
def test_trace_of_several_probes(trace, primes):
    """Each has a kind, a filter and a format of its own."""
    tool = trace("trace", "-p", primes.pid, f'{primes.path}:insert_result (arg1 == 997) "begins %d", arg1',
                 f'r:{primes.path}:primes_thread "ends %d", retval', f'u:{primes.path}:found (arg1 == 2) "found %d", arg1',
                 't:syscalls:sys_enter_write "writes %llu", args->count')
    work(primes)
    assert messages(tool) == 2 * ["begins 997"] + 2 * ["ends 0"] + 2 * ["found 2"] + ["writes 8"]
    assert {event["func"] for event in tool.events()} == \
        {"insert_result", "primes_thread", "pilus_test:found", "syscalls:sys_enter_write"}


def test_trace_of_static_probes_finds_their_arguments(trace, primes):
    """They stand in whichever registers the note in the file says; above 900 the probe is passed twice."""
    tool = trace("trace", f'u:{primes.path}:pilus_test:found (arg1 > 990) "%d", arg1')
    work(primes)
    assert messages(tool) == 4 * ["991"] + 4 * ["997"]


@pytest.mark.kernels
def test_trace_of_a_tracepoints_fields(trace, tmp_path):
    """A number and texts: in the record, behind it, and where the record points to."""
    task = trace("trace", "-p", os.getpid(), 't:task:task_newtask "%s %d", args->comm, args->pid')
    execs = trace("trace", 't:sched:sched_process_exec (STRCMP("/bin/true", args->filename)) "%s %d %d", args->filename, '
                  'args->pid, $tgid')
    made = trace("trace", "-p", os.getpid(), 't:syscalls:sys_enter_mkdir (args->mode == 0750) "%s %x", args->pathname, args->mode')
    with subprocess.Popen(["/bin/true"]) as process:
        pass
    for mode in (0o700, 0o750):
        os.mkdir(tmp_path / f"{mode:o}", mode)
    execs.wait_event(message=f"/bin/true {process.pid} {process.pid}")
    assert f"python3 {process.pid}" in messages(task)
    assert messages(made) == [f"{tmp_path}/750 1e8"]


@pytest.mark.parametrize("words, expected", [
    ("arg1 > 990 && arg1 < 995", {991}),
    ("arg1 < 3 || arg1 > 990 && arg1 != 991", {2, 997}),
    ("arg1 > 990 && !arg1", set()),
    ("!arg1 || arg1 == 0x3e5", {997}),
    ("arg1 >= 991 && $tgid > 0", {991, 997}),
])
def test_trace_filters(trace, primes, words, expected):
    tool = trace("trace", "-p", primes.pid, f'{primes.path}:insert_result ({words}) "%d", arg1')
    work(primes)
    assert messages(tool) == sorted(2 * [str(number) for number in expected])


@pytest.mark.kernels
def test_trace_filters_by_texts(trace, tmp_path):
    probe = 't:syscalls:sys_enter_mkdir (%sSTRCMP("' + str(tmp_path) + '/one", args->pathname)) "%%s", args->pathname'
    equal, other = trace("trace", "-p", os.getpid(), probe % ""), trace("trace", "-p", os.getpid(), probe % "!")
    words = trace("trace", "-p", os.getpid(), "-f", "/tw", 't:syscalls:sys_enter_mkdir "%s", args->pathname')
    cut = trace("trace", "-p", os.getpid(), "-Z", "5", 't:syscalls:sys_enter_mkdir "%s", args->pathname')
    for name in ("one", "two"):
        os.mkdir(tmp_path / name)
    assert messages(equal) == [f"{tmp_path}/one"]
    assert messages(other) == messages(words) == [f"{tmp_path}/two"]
    assert messages(cut) == 2 * [str(tmp_path)[:4]]


def test_trace_shows_stacks(trace, primes):
    tool = trace("trace", "-K", "-U", "-p", primes.pid, f"{primes.path}:insert_result (arg1 == 2)")
    work(primes)
    tool.end()
    assert [event["user"][0] for event in tool.events()] == 2 * ["insert_result"]
    kernel = trace("trace", "-K", "-p", os.getpid(), "t:task:task_newtask")
    words = trace("trace", "-K", "-a", "-p", os.getpid(), "t:task:task_newtask", output="table")
    subprocess.run(["/bin/true"], check=True)
    assert any(name.startswith("kernel_clone") for name in kernel.wait_event(func="task:task_newtask")["kernel"])
    words.wait_line(r"^        [0-9a-f]{16} kernel_clone")


def test_trace_shows_what_bcc_does(trace):
    """No time unless asked for; the CPU; seconds since 1970."""
    plain = trace("trace", "t:sched:sched_process_exec", output="table")
    tool = trace("trace", "-C", "-u", "t:sched:sched_process_exec")
    cpu = min(os.sched_getaffinity(0))
    before = time.time()
    subprocess.run(["taskset", "-c", str(cpu), "/bin/true"], check=True)
    event = tool.wait_event(comm="true")
    assert (event["func"], event["cpu"]) == ("sched:sched_process_exec", cpu)
    assert before - 1 < float(event["time"]) < time.time() + 1
    line = plain.wait_line(" true ")
    assert plain.lines[plain.lines.index("trace: tracing") - 1].split() == ["PID", "TID", "COMM", "FUNC", "-"]
    assert line.split() == [str(event["pid"]), str(event["tid"]), "true", "sched:sched_process_exec"]


def test_trace_leaves_itself_out():
    """What it writes would make it write."""
    arguments = ["trace", "-n", "pilus-trace", "-d", "0.5", "-o", "json", "t:syscalls:sys_enter_poll", "t:syscalls:sys_enter_ppoll"]
    assert not run(*arguments).stdout
    assert '"pilus-trace"' in run(*arguments, "-S", "-M", 1).stdout


def test_trace_ends_after_events_and_by_name(trace):
    tool = trace("trace", "-M", 2, "-n", "tru", "t:sched:sched_process_exec")
    for _ in range(3):
        subprocess.run(["/bin/true"], check=True)
        subprocess.run(["/bin/false"], check=False)
    assert tool.finish() == 0
    assert [event["comm"] for event in tool.events()] == ["true", "true"]


@pytest.mark.parametrize("probe, words", [
    ('c:open "%z", arg1', "the format has no %z"),
    ('c:open "%s"', "asks for more values than are given"),
    ('c:open "x", arg1', "asks for fewer values than are given"),
    ('c:open "%d", arg9', "'arg9' is no value"),
    ('c:open "%d", args->fd', "is of tracepoints"),
    ('c:open "%d', "the format does not end"),
    ("c:open (arg1 ~ 3)", "is no filter"),
    ("c:open (arg1 > x)", "is no filter"),
    ("c:open (arg1", "is no filter"),
    ("c:open (STRCMP(x, arg1))", "is no filter"),
    ("c:open arg1", "a format stands in"),
    ('c:open "%d", retval', "retval is known at the end of a function: r:FUNCTION"),
    ('r:c:open "%d", arg1', "arg1 is gone at the end of a function"),
    ('c:open(const char *path) "%s", path', "which `pilus trace run` has"),
    ('t:sched:sched_switch "%d", arg1', "a tracepoint has no arg1, but fields: args->NAME"),
    ('t:sched:sched_switch "%d", args->no', "has no field 'no'"),
    ('t:sched:sched_* "%d", args->pid', "is a field of one tracepoint: name it whole"),
    ("r:t:sched:sched_switch", "only a function has an end"),
    ("c:open (" + " && ".join(["arg1"] * 9) + ")", "no more than 8 parts"),
    ('c:open "%s%s%s%s", arg1, arg2, arg3, arg4', "more than 3 texts"),
])
def test_trace_wrong_use(probe, words):
    done = run("trace", probe)
    assert done.returncode == 2
    assert words in done.stderr


def test_trace_takes_so_many_probes():
    assert "no more than 16 probes" in run("trace", *["c:open"] * 17).stderr or \
        "no use for" in run("trace", *["c:open"] * 17).stderr
    assert "--string-size must be from 1 to 256" in run("trace", "-Z", 1000, "c:open").stderr
