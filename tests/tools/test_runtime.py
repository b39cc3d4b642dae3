# SPDX-License-Identifier: Apache-2.0
"""What every tool has from the runtime: options, filters, output, endings."""
import json
import os
import re
import signal
import subprocess

import pytest

from support import PATIENCE, PYTHON, Process, wait_for
from tool import PROGRAM, run

TOOLS = re.findall(r"^  (\w+) +\S", run("--help").stdout.partition("Commands:")[2].partition("Options")[0], re.MULTILINE)


def programs_of(name):
    """Those the kernel has for a tool that runs (its own pid, in what its descriptors say)."""
    folder = f"/proc/{name}/fdinfo"
    texts = []
    for entry in os.listdir(folder):
        with open(f"{folder}/{entry}", encoding="ascii") as file:
            texts.append(file.read())
    return re.findall(r"^prog_id:\s*(\d+)", "\n".join(texts), re.MULTILINE)


def loaded(program):
    return subprocess.run(["bpftool", "prog", "show", "id", program], capture_output=True).returncode == 0


@pytest.mark.parametrize("name", TOOLS)
def test_help(name):
    done = run(name, "--help")
    assert done.returncode == 0
    assert f"pilus trace {name}" in done.stdout and "--pid PID" in done.stdout


def test_manual_page(tmp_path):
    page = tmp_path / "pilus-trace.1"
    page.write_text(run("manual").stdout)
    done = subprocess.run(["mandoc", "-Tlint", "-Wwarning", page], capture_output=True, text=True)
    assert not done.stdout + done.stderr
    assert all(f".Ss {name}" in page.read_text() for name in TOOLS)


@pytest.mark.parametrize("arguments, words", [
    (["opensnoop", "--faild"], "unknown option --faild; did you mean --failed?"),
    (["opensnoop", "-p"], "--pid needs a value"),
    (["opensnoop", "-p", "x"], "--pid must be a number"),
    (["opensnoop", "-d", "-1"], "--duration must be a number of seconds above 0, not '-1'"),
    (["opensnoop", "-d", "nan"], "--duration must be a number of seconds above 0, not 'nan'"),
    (["opensnoop", "-u", "nobody-of-this-name"], "there is no user 'nobody-of-this-name'"),
    (["opensnoop", "word"], "'opensnoop' has no use for 'word'"),
    (["opensnoop", "-o", "xml"], "output is json or table, not 'xml'"),
    (["opensnop"], "did you mean 'opensnoop'?"),
    ([], "needs one of: "),
])
def test_wrong_use(arguments, words):
    done = run(*arguments)
    assert done.returncode == 2
    assert words in done.stderr and "--help'." in done.stderr
    assert not done.stdout


@pytest.mark.parametrize("arguments, words", [
    (["-p", "4194304"], "opensnoop: there is no process 4194304"),
    (["--cgroup", "no/such"], "no/such: No such file or directory"),
    (["--container", "0123456789abcdef"], "no process is in a container '0123456789abcdef'"),
    (["--container", "01"], "at least 8 characters"),
    (["--pod", "web", "--socket", "/no/such"], "neither an agent nor a container runtime is here that knows where the pod 'web' is"),
])
def test_nobody_there(arguments, words):
    done = run("opensnoop", *arguments)
    assert done.returncode == 1
    assert words in done.stderr
    assert not done.stdout


def test_without_privileges():
    done = run("opensnoop", user=65534, group=65534, extra_groups=[])
    assert done.returncode == 1
    assert "run it as root" in done.stderr


def test_links(tmp_path):
    link = tmp_path / "execsnoop"
    link.symlink_to(PROGRAM)
    done = subprocess.run([link, "--help"], capture_output=True, text=True)
    assert done.stdout.startswith("Programs being executed")


def test_table():
    code = "import time; print('begun', flush=True)\nwhile True: open('/etc/hostname'); time.sleep(0.01)"
    with subprocess.Popen([*PYTHON, code], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        done = run("opensnoop", "-p", process.pid, "--count", 3, "-U", "-T", "--time")
        process.kill()
    head, *lines = done.stdout.splitlines()
    assert done.returncode == 0
    assert head.split() == ["TIME", "TIME(s)", "UID", "PID", "COMM", "FD", "ERR", "PATH"]
    assert len(lines) == 3
    for line in lines:
        time, since, uid, pid, comm, _, error, path = line.split()
        assert re.fullmatch(r"\d\d:\d\d:\d\d", time) and 0 <= float(since) < 60
        assert (uid, pid, comm, error, path) == ("0", str(process.pid), "python3", "0", "/etc/hostname")
    assert lines[0].split()[1] == "0.000000000"


def test_control_characters_stay_with_us():
    code = "import time; print('begun', flush=True)\nwhile True:\n  try: open('/no/\\x1b[31m\\n')\n  except OSError: time.sleep(0.01)"
    with subprocess.Popen([*PYTHON, code], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        done = run("opensnoop", "-p", process.pid, "--count", 1)
        process.kill()
    assert done.stdout.splitlines()[1].endswith("/no/?[31m?")


def test_user_and_name(trace):
    tool = trace("execsnoop", "-u", "nobody", "-n", "tru")
    options = {"user": 65534, "group": 65534, "extra_groups": []}
    subprocess.run(["/bin/true"])
    subprocess.run(["/bin/false"], **options)
    subprocess.run(["/bin/true"], **options)
    tool.wait_event(pcomm="true")
    assert {event["pcomm"] for event in tool.events()} == {"true"}
    assert len(tool.events()) == 1


@pytest.fixture
def cgroup():
    top = next((path for path in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified") if os.path.exists(f"{path}/cgroup.controllers")), None)
    if not top:
        pytest.skip("no cgroup v2 here")
    outer = f"{top}/pilus-test-{os.getpid()}"
    os.makedirs(f"{outer}/inner")
    yield outer
    os.rmdir(f"{outer}/inner")
    os.rmdir(outer)


def test_cgroup(trace, cgroup):
    tool = trace("execsnoop", "--cgroup", cgroup)
    subprocess.run(["/bin/false"])
    subprocess.run(["/bin/sh", "-c", f"echo $$ >{cgroup}/inner/cgroup.procs; exec /bin/true"])
    assert tool.wait_event()["pcomm"] == "true"


def test_duration():
    done = run("mkdirsnoop", "-d", "0.2")
    assert done.returncode == 0 and done.stdout.startswith("PID")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals(trace, number):
    tool = trace("mkdirsnoop")
    tool.signal(number)
    assert tool.finish() == 0


def test_reader_leaves():
    process = Process(["bash", "-c", f"{PROGRAM} opensnoop | head -n 2; echo ${{PIPESTATUS[0]}}"])

    def ended():
        os.close(os.open(os.devnull, os.O_RDONLY))  # something to tell, and to find nobody reading
        return process.ended()

    try:
        wait_for(ended, "the tool ends", 30)
        lines = process.hear()
    finally:
        process.stop()
    assert len(lines) == 3 and lines[-1] == "1", lines


def test_reader_leaves_before_anything_happens():
    with subprocess.Popen([PROGRAM, "mkdirsnoop", "-n", "no such command", "-v"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as tool:
        while tool.stderr.readline() != "mkdirsnoop: tracing\n":
            pass
        tool.stdout.close()
        assert tool.wait(20 * PATIENCE) == 1
        assert tool.stderr.read() == ""


def test_nothing_stays_attached(trace):
    tool = trace("opensnoop")
    programs = programs_of(tool._process.pid)
    assert programs and all(map(loaded, programs))
    tool.signal(signal.SIGKILL)
    tool.finish()
    wait_for(lambda: not any(map(loaded, programs)), "the programs are gone")


def test_json_is_one_object_a_line(trace, tmp_path):
    tool = trace("mkdirsnoop")
    os.mkdir(tmp_path / 'quo"te\n')
    os.mkdir(bytes(tmp_path) + b"/\xff")
    assert tool.wait_event(pid=os.getpid())["path"] == f'{tmp_path}/quo"te\n'
    assert tool.wait_event(path=f"{tmp_path}/?")["pid"] == os.getpid()
    assert all(isinstance(json.loads(line), dict) for line in tool.lines if line.startswith("{"))


@pytest.mark.parametrize("mode", [0o700, 0o777])
def test_what_is_kept_of_the_kernels_types(tmp_path, mode):
    """It is made again when it is broken; others than its owner must not be able to write it, else there is none."""
    folder = tmp_path / "cache"
    folder.mkdir()
    folder.chmod(mode)
    environment = os.environ | {"PILUS_CACHE": str(folder)}
    for name in ("opensnoop", "runqslower"):  # at a tracepoint by its name, and at one by its type
        assert run(name, "-d", "0.1", env=environment).returncode == 0
    kept = {path: path.read_bytes() for path in folder.iterdir()}
    assert len(kept) == (2 if mode == 0o700 else 0)
    for path, content in kept.items():
        path.write_bytes(content[:-40])
    for name in ("opensnoop", "runqslower"):
        assert run(name, "-d", "0.1", env=environment).returncode == 0
    assert {path: path.read_bytes() for path in folder.iterdir()} == kept
