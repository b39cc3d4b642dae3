# SPDX-License-Identifier: Apache-2.0
"""Tools about processes and files: what they say of a workload that the test makes."""
import os
import signal
import subprocess
import time

import pytest

from support import PYTHON, Process
from tool import PROGRAM, run

pytestmark = pytest.mark.kernels


def python(code, *arguments):
    """Runs it to its end; its pid, and what it printed."""
    with subprocess.Popen([*PYTHON, code, *map(str, arguments)], stdout=subprocess.PIPE, text=True) as process:
        output = process.stdout.read()
    return process.pid, output.strip()


def test_execsnoop(trace, tmp_path):
    tool = trace("execsnoop")
    with subprocess.Popen(["/bin/echo", str(tmp_path), "two words"], stdout=subprocess.DEVNULL) as process:
        pass
    event = tool.wait_event(pid=process.pid, pcomm="echo")
    assert event["args"] == f"/bin/echo {tmp_path} two words"
    assert (event["ppid"], event["ret"]) == (os.getpid(), 0)


def test_execsnoop_quotes_and_shortens(trace):
    tool = trace("execsnoop", "--quote", "--max-args", 2)
    with subprocess.Popen(["/bin/echo", 'a "b"', "c"], stdout=subprocess.DEVNULL) as process:
        pass
    assert tool.wait_event(pid=process.pid, pcomm="echo")["args"] == '"/bin/echo" "a \\"b\\"" ...'


def test_execsnoop_failure(trace, tmp_path):
    tool = trace("execsnoop", "-x")
    pid, _ = python("import os, sys\ntry: os.execv(sys.argv[1], ['name', 'argument'])\nexcept OSError: pass", tmp_path / "no")
    event = tool.wait_event(pid=pid, ret=-2)
    assert event["args"] == f"{tmp_path}/no argument"


def test_execsnoop_of_a_parent(trace):
    tool = trace("execsnoop", "-P", os.getpid())
    subprocess.run(["/bin/sh", "-c", "/bin/true; exit 0"])
    subprocess.run(["/bin/false"])
    tool.wait_event(pcomm="false")
    assert {event["ppid"] for event in tool.events()} == {os.getpid()}


def test_exitsnoop(trace):
    tool = trace("exitsnoop")
    for code in ("sys.exit(3)", "os.kill(os.getpid(), signal.SIGKILL)", "sys.exit(0)"):
        pid, _ = python(f"import os, signal, sys; {code}")
        event = tool.wait_event(pid=pid)
        assert event["exit_code"] == {"sys.exit(3)": "code 3", "sys.exit(0)": "0"}.get(code, "signal 9 (KILL)")
        assert (event["ppid"], event["tid"]) == (os.getpid(), pid)


def test_exitsnoop_tells_the_age(trace):
    tool = trace("exitsnoop", "-x")
    pid, _ = python("import time, sys; time.sleep(0.5); sys.exit(1)")
    assert 0.5 <= float(tool.wait_event(pid=pid)["age"]) < 60
    assert all(event["exit_code"] != "0" for event in tool.events())


OPEN = """
import os, sys
for path in sys.argv[1:]:
    try:
        print(os.open(path, os.O_RDWR | os.O_CREAT))
    except OSError as error:
        print(-error.errno)
"""


def test_opensnoop(trace, tmp_path):
    tool = trace("opensnoop", "-e")
    good, bad = tmp_path / "good", tmp_path / "no" / "bad"
    pid, output = python(OPEN, good, bad)
    fd, error = map(int, output.split())
    event = tool.wait_event(pid=pid, path=str(good))
    assert (event["fd"], event["err"], event["comm"]) == (fd, 0, "python3")
    assert int(event["flags"], 8) & (os.O_RDWR | os.O_CREAT) == os.O_RDWR | os.O_CREAT
    event = tool.wait_event(pid=pid, path=str(bad))
    assert (event["fd"], event["err"]) == (-1, -error)


def test_opensnoop_failures_of_one_process(trace, tmp_path):
    with subprocess.Popen([*PYTHON, "import sys; sys.stdin.readline(); open('/etc/passwd'); open('/no/such')"],
                          stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        tool = trace("opensnoop", "-x", "-p", process.pid)
        process.communicate(b"\n")
        tool.wait_event(path="/no/such")
        assert "/etc/passwd" not in {event["path"] for event in tool.events()}
        assert {event["pid"] for event in tool.events()} == {process.pid}
        # Its target has gone, so it goes, too.
        assert tool.finish() == 0
        assert f"opensnoop: process {process.pid} has ended" in tool.lines


@pytest.mark.parametrize("prefix", [[], ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]],
                         ids=["here", "pid-namespace"])
def test_opensnoop_leaves_itself_out(tmp_path, prefix):
    """Also where its number is not the one that the kernel has for it."""
    name = tmp_path / "own-opens"  # so is its comm
    name.symlink_to(PROGRAM)
    tool = Process([*prefix, name, "opensnoop", "--output", "json", "--verbose"])
    try:
        tool.wait_line("^opensnoop: tracing$", 30)
        python(OPEN, tmp_path / "last")
        tool.wait_line(f'"{tmp_path}/last"')
        assert not [line for line in tool.lines if '"own-opens"' in line]
    finally:
        tool.signal(signal.SIGKILL)  # which unshare hands on
        tool.stop()


def test_mkdirsnoop(trace, tmp_path):
    tool = trace("mkdirsnoop")
    folder = tmp_path / "made"
    pid, _ = python("import os, sys; os.umask(0); os.mkdir(sys.argv[1], 0o750)", folder)
    event = tool.wait_event(path=str(folder))
    assert (event["pid"], event["ppid"], event["ret"], event["mode"]) == (pid, os.getpid(), 0, "0750")
    pid, _ = python("import os, sys\ntry: os.mkdir(sys.argv[1])\nexcept OSError: pass", folder)
    assert tool.wait_event(path=str(folder), pid=pid)["ret"] == -17


EAT = """
import os, sys
open(sys.argv[1] + "/cgroup.procs", "w").write(str(os.getpid()))
eaten = [bytearray(b"x" * 2**20) for _ in range(512)]
"""


def test_oomkill(trace, memory_cgroup):
    folder, limit = memory_cgroup
    pathlib_limit = 32 * 2**20
    with open(limit, "w", encoding="ascii") as file:
        file.write(str(pathlib_limit))
    tool = trace("oomkill")
    with subprocess.Popen([*PYTHON, EAT, folder]) as process:
        assert process.wait() == -signal.SIGKILL
    event = tool.wait_event(victim=process.pid)
    assert (event["pid"], event["comm"], event["victim-comm"]) == (process.pid, "python3", "python3")
    assert int(event["pages"]) == pathlib_limit // os.sysconf("SC_PAGESIZE")
    assert len(event["loadavg"].split()) == 5


def test_opensnoop_by_flags(trace, tmp_path):
    tool = trace("opensnoop", "-f", "O_WRONLY", "-f", "O_APPEND", "-p", os.getpid())
    for name, flags in (("read", os.O_RDONLY | os.O_CREAT), ("written", os.O_WRONLY | os.O_CREAT)):
        os.close(os.open(tmp_path / name, flags))
    tool.wait_event(path=str(tmp_path / "written"))
    assert str(tmp_path / "read") not in {event["path"] for event in tool.events()}
    assert "'O_NONE' is no flag" in run("opensnoop", "-f", "O_NONE").stderr


def test_execsnoop_by_an_argument(trace, tmp_path):
    tool = trace("execsnoop", "-l", "second")
    for word in ("first", "the second"):
        subprocess.run(["/bin/echo", word], stdout=subprocess.DEVNULL, check=True)
    tool.wait_event(args="/bin/echo the second")
    assert len(tool.events()) == 1


def test_exitsnoop_with_a_label(trace):
    tool = trace("exitsnoop", "--label", "left")
    pid, _ = python("")
    assert tool.wait_event(pid=pid)["label"] == "left"


OPEN_RELATIVE = """
import os, sys
os.chdir(sys.argv[1])
folder = os.open("inner", os.O_DIRECTORY)
os.open("here", os.O_RDWR | os.O_CREAT)
os.open("below", os.O_RDWR | os.O_CREAT, dir_fd=folder)
os.open("../above", os.O_RDWR | os.O_CREAT)
os.chdir("/proc/self")
os.open("stat", os.O_RDONLY)
os.chroot(sys.argv[1])
os.chdir("/inner")
os.open("rooted", os.O_RDWR | os.O_CREAT)
"""


def test_opensnoop_tells_full_paths(trace, tmp_path):
    """From where the process is, or a descriptor; over mounts; and up to the process's own root."""
    (tmp_path / "outer" / "inner").mkdir(parents=True)
    outer = tmp_path / "outer"
    tool = trace("opensnoop", "-F")
    pid, _ = python(OPEN_RELATIVE, outer)
    for path in (f"{outer}/inner", f"{outer}/here", f"{outer}/inner/below", f"{outer}/../above", f"/proc/{pid}/stat",
                 "/inner/rooted"):
        tool.wait_event(pid=pid, path=path)


def test_exitsnoop_tells_utc(trace):
    os.environ["TZ"] = "UTC-7"
    try:
        tool = trace("exitsnoop", "--utc", output="table")
    finally:
        del os.environ["TZ"]
    before = time.time()
    pid, _ = python("")
    told = tool.wait_line(rf"^\d\d:\d\d:\d\d python3 +{pid} ").split()[0]
    moments = range(int(before) - 1, int(time.time()) + 2)
    assert told in {time.strftime("%H:%M:%S", time.gmtime(moment)) for moment in moments}


def test_execsnoop_by_a_regular_expression(trace):
    tool = trace("execsnoop", "-l", "^/bin/echo (one|two) .*end$")
    for words in (["one", "and", "end"], ["two", "ends"], ["three", "end"], ["two", "end"]):
        subprocess.run(["/bin/echo", *words], stdout=subprocess.DEVNULL, check=True)
    tool.wait_event(args="/bin/echo two end")
    assert [event["args"] for event in tool.events()] == ["/bin/echo one and end", "/bin/echo two end"]
    done = run("execsnoop", "-l", "(")
    assert done.returncode == 2 and "'(' is no regular expression" in done.stderr
