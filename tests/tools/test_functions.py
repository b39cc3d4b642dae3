# SPDX-License-Identifier: Apache-2.0
"""Tools about functions of programs: a program that the test compiles calls them a known number of times."""
import collections
import os
import pty
import re
import signal
import subprocess

import pytest

from primes import PRIMES_ABOVE_900, PRIMES_BELOW_1000, work
from support import PATIENCE, PYTHON
from tool import LACKS, PROGRAM, run


def counts(tool):
    total = collections.Counter()
    for event in tool.events():
        total[event["func"]] += event["count"]
    return dict(total)


def test_funccount_as_in_the_talk(trace, primes):
    tool = trace("funccount", "-p", primes.pid, f"{primes.path}:*")
    work(primes)
    assert tool.end() == 0
    assert counts(tool) == {"primes_thread": 2, "insert_result": 2 * PRIMES_BELOW_1000, "is_prime": 2000}
    assert any(line.startswith("Tracing ") and line.endswith(f'functions for "{primes.path}:*"... Hit Ctrl-C to end.')
               for line in tool.lines)


def test_funccount_of_a_regular_expression(trace, primes):
    tool = trace("funccount", "-r", f"{primes.path}:^(is|insert)_")
    work(primes)
    tool.end()
    assert counts(tool) == {"insert_result": 2 * PRIMES_BELOW_1000, "is_prime": 2000}


def test_funccount_of_static_probes(trace, primes):
    tool = trace("funccount", f"u:{primes.path}:pilus_test:found")
    work(primes)
    tool.end()
    assert counts(tool) == {"pilus_test:found": 2 * (PRIMES_BELOW_1000 + PRIMES_ABOVE_900)}


def test_funccount_of_another_process_is_nothing(trace, primes, primes_path):
    with subprocess.Popen([primes_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        tool = trace("funccount", "-p", primes.pid, f"{primes.path}:is_prime")
        work(other)
        tool.end()
        other.kill()
    assert not counts(tool)


def test_funccount_of_a_program_that_was_removed(trace, primes, primes_path, tmp_path):
    copy = tmp_path / "removed"
    copy.write_bytes(primes_path.read_bytes())
    copy.chmod(0o755)
    with subprocess.Popen([copy], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        copy.unlink()
        tool = trace("funccount", "-p", process.pid, f"{copy}:is_prime")
        work(process)
        tool.end()
        process.kill()
    assert counts(tool) == {"is_prime": 2000}


def test_funccount_of_tracepoints(trace, tmp_path):
    tool = trace("funccount", "-p", os.getpid(), "t:syscalls:sys_*_mkdir*")
    for i in range(7):
        os.mkdir(tmp_path / str(i))
    tool.end()
    assert counts(tool) == {"syscalls:sys_enter_mkdir": 7, "syscalls:sys_exit_mkdir": 7}


def test_funccount_at_intervals(trace, tmp_path):
    tool = trace("funccount", "-p", os.getpid(), "-i", "0.1", "t:syscalls:sys_enter_mkdir")
    os.mkdir(tmp_path / "1")
    tool.wait_event(func="syscalls:sys_enter_mkdir")
    os.mkdir(tmp_path / "2")
    tool.end()
    assert counts(tool) == {"syscalls:sys_enter_mkdir": 2}


def test_funccount_of_the_kernel(trace):
    done = run("funccount", "-d", 0.3, "vfs_*")
    if done.returncode == LACKS:
        assert "this kernel has no kprobes (CONFIG_KPROBES)" in done.stderr
        pytest.skip("no kprobes here")
    assert "vfs_" in done.stdout


@pytest.mark.parametrize("pattern, words", [
    ("/no/such:*", "/no/such: No such file"),
    ("/etc/passwd:*", "/etc/passwd is no ELF file"),
    ("no-such-library:*", "no program or library 'no-such-library'"),
    ("c:no_such_function", "nothing matches 'c:no_such_function'"),
    ("t:no:such", "nothing matches 't:no:such'"),
])
def test_funccount_of_nothing(pattern, words):
    done = run("funccount", pattern)
    assert done.returncode == 1
    assert words in done.stderr


@pytest.mark.parametrize("arguments, words", [
    (["t:sched"], "'t:sched' is not whole: it is t:CATEGORY:EVENT"),
    (["-r", "c:("], "'(' is no regular expression"),
    ([], "'funccount' needs an argument: PATTERN"),
])
def test_funccount_wrong_use(arguments, words):
    done = run("funccount", *arguments)
    assert done.returncode == 2
    assert words in done.stderr


def test_bashreadline(trace):
    tool = trace("bashreadline")
    ours, theirs = pty.openpty()
    with subprocess.Popen(["bash", "--norc", "-i"], stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True,
                          start_new_session=True) as shell:
        os.close(theirs)
        os.write(ours, b"echo from the test\nexit\n")
        event = tool.wait_event(pid=shell.pid, command="echo from the test")
        assert set(event) == {"time", "pid", "command"}
        os.close(ours)
        shell.wait(10 * PATIENCE)


def test_funclatency(trace, tmp_path):
    (tmp_path / "slow.c").write_text("#include <stdio.h>\n#include <unistd.h>\n"
                                     "__attribute__((noinline)) void slow(void) { usleep(20000); }\n"
                                     "__attribute__((noinline)) int fast(int n) { return getppid() + n; }\n"
                                     "int main(void) { for (int i = 0; i < 5; i++) { slow(); fast(i); } return 0; }\n")
    subprocess.run(["gcc", "-O1", "-o", tmp_path / "slow", tmp_path / "slow.c"], check=True)
    tool = trace("funclatency", "-u", "-F", f"{tmp_path}/slow:[sf]*[wt]")
    subprocess.run([tmp_path / "slow"], check=True)
    tool.end()
    reports = {event["name"]: event["slots"] for event in tool.events()}
    assert set(reports) == {"slow", "fast"}
    assert sum(slot["count"] for slot in reports["fast"]) == 5
    assert sum(slot["count"] for slot in reports["slow"] if slot["from"] >= 16384) == 5


def test_funclatency_of_nested_calls(trace, tmp_path):
    """Of five calls within each other, each of which takes 10 ms besides those within it."""
    (tmp_path / "nested.c").write_text("#include <unistd.h>\n"
                                       "__attribute__((noinline)) void down(int n) { if (n) down(n - 1); usleep(10000); }\n"
                                       "int main(void) { down(4); return 0; }\n")
    subprocess.run(["gcc", "-O0", "-o", tmp_path / "nested", tmp_path / "nested.c"], check=True)
    tools = {level: trace("funclatency", "-m", *level, f"{tmp_path}/nested:down") for level in [(), ("-l", "1"), ("-l", "3")]}
    subprocess.run([tmp_path / "nested"], check=True)
    slots = {}
    for level, tool in tools.items():
        tool.end()
        slots[level] = [slot for event in tool.events() for slot in event["slots"]]
    assert [sum(slot["count"] for slot in found) for found in slots.values()] == [1, 1, 3]
    assert slots["-l", "1"][0]["from"] >= 32 and min(slot["from"] for slot in slots["-l", "3"]) >= 16


def test_funclatency_tells_the_average(primes):
    with subprocess.Popen([PROGRAM, "funclatency", "-v", "-p", str(primes.pid), f"{primes.path}:is_prime"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as tool:
        while tool.stderr.readline() != "funclatency: tracing\n":
            pass
        work(primes)
        tool.send_signal(signal.SIGINT)
        output = tool.stdout.read()
    assert "     nsecs               : count    distribution" in output
    assert re.search(r"^avg = \d+ nsecs, total: \d+ nsecs, count: 2000$", output, re.MULTILINE)


def test_stackcount(trace, primes):
    tool = trace("stackcount", "-p", primes.pid, f"{primes.path}:insert_result")
    work(primes)
    tool.end()
    assert sum(event["value"] for event in tool.events()) == 2 * PRIMES_BELOW_1000
    assert all(event["pid"] == primes.pid and event["user"][0] == "insert_result" for event in tool.events())


def test_stackcount_tells_offsets_and_addresses(trace, primes):
    tool = trace("stackcount", "-s", "-p", primes.pid, f"{primes.path}:insert_result")
    words = trace("stackcount", "-s", "-p", primes.pid, f"{primes.path}:insert_result", output="table")
    work(primes)
    tool.end()
    words.end()
    assert {event["user"][0] for event in tool.events()} == {"insert_result+0x0"}
    assert any(re.fullmatch(r"    [0-9a-f]{12,16} +insert_result\+0x0", line) for line in words.lines)


def cpus():
    found = sorted(os.sched_getaffinity(0))
    if len(found) < 2:
        pytest.skip("there is one CPU")
    return found[:2]


@pytest.mark.parametrize("tool", ["funccount", "stackcount"])
def test_counts_of_a_cpu(trace, tool, tmp_path):
    here, elsewhere = cpus()
    tools = [trace(tool, "-c", cpu, "t:syscalls:sys_enter_mkdir") for cpu in (here, elsewhere)]
    code = f"import os\nos.sched_setaffinity(0, [{here}])\nfor i in range(7): os.mkdir({str(tmp_path)!r} + f'/{{i}}')"
    subprocess.run([*PYTHON, code], check=True)
    for one in tools:
        one.end()
    counted = [sum(event.get("count", event.get("value")) for event in one.events()) for one in tools]
    assert counted[0] >= 7 and counted[1] < 7


def test_stackcount_of_a_tracepoint(trace):
    tool = trace("stackcount", "-p", os.getpid(), "-P", "t:task:task_newtask")
    for _ in range(3):
        child = os.fork()
        if not child:
            os._exit(0)
        os.waitpid(child, 0)
    tool.end()
    assert sum(event["value"] for event in tool.events()) == 3
    assert {event["pid"] for event in tool.events()} == {os.getpid()}
    assert all("kernel_clone" in event["kernel"] for event in tool.events())
