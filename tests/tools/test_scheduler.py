# SPDX-License-Identifier: Apache-2.0
"""Tools about the scheduler and system calls: counts and times of a workload that the test makes."""
import errno
import json
import os
import re
import subprocess

from support import PYTHON, wait_for
from tool import run

SLEEPS, SLEEP_US = 20, 10000
# On a virtual machine that stands still in the wrong moment a sleep is over before the task has left the CPU.
SLEEPS_SEEN = SLEEPS * 3 // 4


def waiting(code, **environment):
    """A process that waits already, begins when a line comes, says when it is done, and stays until another comes."""
    text = f"""import sys, os, time
print('ready', flush=True)
sys.stdin.readline()
{code}
print('done', flush=True)
sys.stdin.readline()"""
    process = subprocess.Popen([*PYTHON, text], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                               env={**os.environ, **{name: str(value) for name, value in environment.items()}})
    assert process.stdout.readline() == "ready\n"
    return process


def work(process):
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "done\n"


def observe(trace, code, *arguments):
    """What a tool reports of a process that runs the code."""
    with waiting(code) as process:
        tool = trace(*arguments, "-p", process.pid)
        work(process)
        assert tool.end() == 0
        process.kill()
    return process.pid, tool.events()


def slots_from(events, lowest):
    """How many values were at least that."""
    return sum(slot["count"] for event in events for slot in event["slots"] if slot["from"] >= lowest)


SLEEP = f"for i in range({SLEEPS}): time.sleep({SLEEP_US} / 1e6)"


def test_runqlat(trace):
    _, events = observe(trace, SLEEP, "runqlat")
    assert events[0]["unit"] == "usecs"
    assert SLEEPS_SEEN <= slots_from(events, 0) < 50 * SLEEPS


def test_runqlat_by_process(trace):
    pid, events = observe(trace, SLEEP, "runqlat", "-P")
    assert {(event["pid"], event["name"]) for event in events} == {(pid, "python3")}


def test_cpudist_off_the_cpu(trace):
    _, events = observe(trace, SLEEP, "cpudist", "-O")
    assert SLEEPS_SEEN <= slots_from(events, 8192) <= SLEEPS + 3


def test_cpudist_in_milliseconds(trace):
    pid, events = observe(trace, "end = time.monotonic() + 0.5\nwhile time.monotonic() < end: pass", "cpudist", "-m", "-L")
    assert events[0]["unit"] == "msecs" and events[0]["tid"] == pid
    assert slots_from(events, 0) >= 1


BUSY = [*PYTHON, "import os\nos.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\nwhile True: pass"]


def test_runqslower(trace):
    with subprocess.Popen(BUSY) as first, subprocess.Popen(BUSY) as second:
        tool = trace("runqslower", "-P", "100", "-p", first.pid)
        event = wait_for(lambda: tool.wait_event(tid=first.pid), "one waits for the other")
        first.kill()
        second.kill()
    assert event["comm"] == "python3" and event["lat"] >= 100


def test_syscount(trace, tmp_path):
    _, events = observe(trace, f"for i in range(7): os.mkdir({str(tmp_path)!r} + f'/{{i}}')", "syscount", "-T", "1000")
    assert {event["syscall"]: event["count"] for event in events}["mkdir"] == 7


def test_syscount_failures_and_times(trace):
    code = "for i in range(5):\n  try: os.mkdir('/')\n  except OSError: pass\n  try: os.rmdir('/no/such')\n  except OSError: pass"
    _, events = observe(trace, code, "syscount", "-e", errno.EEXIST)
    assert [(event["syscall"], event["count"]) for event in events] == [("mkdir", 5)]
    _, events = observe(trace, code, "syscount", "-x")
    assert {event["syscall"]: event["count"] for event in events}["rmdir"] == 5
    _, events = observe(trace, SLEEP, "syscount", "-L")
    sleep, = [event for event in events if event["syscall"] == "clock_nanosleep"]
    assert sleep["count"] == SLEEPS and sleep["us"] >= SLEEPS * SLEEP_US


def test_syscount_by_process(trace):
    pid, events = observe(trace, "for i in range(9): os.getppid()", "syscount", "-P")
    assert [(event["pid"], event["comm"]) for event in events] == [(pid, "python3")]
    assert events[0]["count"] >= 9


SPIN = """
def spin_in_here():
    end = time.monotonic() + 0.6
    while time.monotonic() < end: pass
spin_in_here()
"""


def test_profile(trace):
    pid, events = observe(trace, SPIN, "profile", "-F", "99")
    assert {event["pid"] for event in events} == {pid}
    assert 0.6 * 99 / 8 <= sum(event["value"] for event in events) <= 2 * 99
    assert any("python" in name or "Py" in name for event in events for name in event["user"])


def test_profile_folded():
    with subprocess.Popen(BUSY) as process:
        done = run("profile", "-f", "-U", "-p", process.pid, "0.5")
        process.kill()
    lines = [line for line in done.stdout.splitlines() if line.startswith("python3;")]
    assert lines and all(line.rsplit(" ", 1)[1].isdigit() for line in lines)


def test_offcputime(trace):
    pid, events = observe(trace, SLEEP, "offcputime", "-m", "5000")
    assert {(event["pid"], event["comm"]) for event in events} == {(pid, "python3")}
    asleep = [event for event in events if any("nanosleep" in name for name in event["kernel"])]
    assert SLEEPS_SEEN * SLEEP_US <= sum(event["value"] for event in asleep) < 20 * SLEEPS * SLEEP_US
    assert not any(name.startswith("bpf_") for event in events for name in event["kernel"])


def test_syscount_of_children_and_errors_by_name(trace):
    code = "for i in range(5):\n  try: os.mkdir('/')\n  except OSError: pass"
    with waiting(code) as process:
        tool = trace("syscount", "-e", "EEXIST", "-c", os.getpid())
        work(process)
        tool.end()
        process.kill()
    assert [(event["syscall"], event["count"]) for event in tool.events()] == [("mkdir", 5)]
    assert "--errno must be a number" in run("syscount", "-e", "ENONE").stderr


def test_syscount_in_milliseconds():
    with subprocess.Popen([*PYTHON, "import time\nwhile True: time.sleep(0.01)"]) as process:
        done = run("syscount", "-L", "-m", "-p", process.pid, "-d", "0.3")
        process.kill()
    count, took = re.search(r"^clock_nanosleep +(\d+) +([\d.]+)$", done.stdout, re.M).groups()
    assert "TIME (ms)" in done.stdout and 10 * int(count) <= float(took) < 20000


def test_runqlat_by_namespace(trace):
    _, events = observe(trace, SLEEP, "runqlat", "--pidnss")
    assert {event["pidns"] for event in events} == {os.stat("/proc/self/ns/pid").st_ino}


def test_cpudist_tells_the_sum(trace):
    _, events = observe(trace, SLEEP, "cpudist", "-O", "-e")
    assert SLEEPS_SEEN * SLEEP_US <= sum(event["total"] for event in events)


def test_cpudist_of_idle_cpus():
    done = run("cpudist", "-I", "-P", "-e", "0.3", "1")
    assert re.search(r"^pid = 0 swapper|^ *usecs", done.stdout, re.M) and re.search(r"^avg = \d+ usecs, total: \d+ usecs, count: ", done.stdout, re.M)


def test_profile_of_a_cpu_by_its_clock():
    with subprocess.Popen(BUSY) as process:
        cpu = min(os.sched_getaffinity(0))
        done = run("profile", "-d", "-C", cpu, "-c", 5000000, "-p", process.pid, "0.5")
        process.kill()
    assert f"python3 ({process.pid})" in done.stdout
    assert "there is no CPU 4095" in run("profile", "-C", 4095, "0.1").stderr


def test_offcputime_by_state(trace):
    _, asleep = observe(trace, SLEEP, "offcputime", "--state", "1", "-m", "5000")
    assert any("nanosleep" in name for event in asleep for name in event["kernel"])
    _, runnable = observe(trace, SLEEP, "offcputime", "--state", "0")
    assert not any("nanosleep" in name for event in runnable for name in event["kernel"])


def test_times_of_reports():
    for tool in (["funccount", "-T", "-d", "0.1", "t:syscalls:sys_enter_openat"], ["stackcount", "-T", "-D", "0.1", "t:syscalls:sys_enter_openat"]):
        assert re.search(r"^\d\d:\d\d:\d\d$", run(*tool).stdout, re.M)


def test_syscount_of_one_call(trace, tmp_path):
    code = f"for i in range(6): os.mkdir({str(tmp_path)!r} + f'/{{i}}'); os.getppid()"
    _, events = observe(trace, code, "syscount", "--syscall", "mkdir")
    assert [(event["syscall"], event["count"]) for event in events] == [("mkdir", 6)]
    _, events = observe(trace, SLEEP, "syscount", "-L", "--syscall", "clock_nanosleep")
    assert [event["count"] for event in events] == [SLEEPS] and events[0]["us"] >= SLEEPS * SLEEP_US
    done = run("syscount", "--syscall", "no_such")
    assert done.returncode == 2 and "there is no system call 'no_such': --list tells them" in done.stderr


def test_syscount_lists_the_calls():
    names = run("syscount", "-l").stdout.splitlines()
    assert len(names) == len(set(names)) > 200 and {"mkdirat", "openat", "bpf"} <= set(names)
    listed = [json.loads(line) for line in run("syscount", "-l", "-o", "json").stdout.splitlines()]
    assert [entry["syscall"] for entry in listed] == names
    assert syscall_number("bpf") == next(entry["number"] for entry in listed if entry["syscall"] == "bpf")


def syscall_number(name):
    text = subprocess.run(["gcc", "-E", "-"], input=f"#include <sys/syscall.h>\n__NR_{name}\n", capture_output=True, text=True,
                          check=True).stdout
    return int(text.split()[-1])


KERNEL_BUSY = [*PYTHON, "import os\nfd = os.open('/dev/zero', os.O_RDONLY)\nwhile True: os.read(fd, 1 << 20)"]


def test_profile_marks_the_kernels_frames():
    with subprocess.Popen(KERNEL_BUSY) as process:
        marked = run("profile", "-f", "-a", "-p", process.pid, "0.5").stdout
        plain = run("profile", "-f", "-p", process.pid, "0.5").stdout
        process.kill()
    assert re.search(r"^python3;.*_\[k\] \d+$", marked, re.M) and "_[k]" not in plain
    # The user's frames are not the kernel's.
    assert not re.search(r"_\[k\];[^;]*Py[^;]*;", marked)


def test_room_for_stacks():
    with subprocess.Popen(BUSY) as process:
        done = run("profile", "--stack-storage-size", 64, "-p", process.pid, "0.3")
        assert f"python3 ({process.pid})" in done.stdout
        process.kill()
    assert "--stack-storage-size must be above 0" in run("offcputime", "--stack-storage-size", 0, "0.1").stderr
