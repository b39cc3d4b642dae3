# SPDX-License-Identifier: Apache-2.0
"""pilus trace list, prog and map: what can be probed, and what is loaded."""
import json
import os
import subprocess

import pytest

from support import BUILD, KERNEL, PATIENCE

PILUS = os.path.join(BUILD, "pilus")


def pilus(*words, **options):
    return subprocess.run([PILUS, "trace", *map(str, words)], capture_output=True, text=True, timeout=30 * PATIENCE,
                          **options)


def rows(*words):
    done = pilus("-o", "json", *words)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_list_of_a_word():
    lines = pilus("list", "mkdir").stdout.splitlines()
    assert {"tracepoint:syscalls:sys_enter_mkdir", "raw_tracepoint:cgroup_mkdir", "tp_btf:cgroup_mkdir"} <= set(lines)
    assert lines == sorted(lines) and all("mkdir" in line for line in lines)


def test_list_with_arguments():
    probe, = rows("list", "-v", "tracepoint:sched:sched_process_exec")
    assert probe["arguments"] == ["__data_loc char[] filename", "pid_t pid", "pid_t old_pid"]
    probe, = [row for row in rows("list", "-v", "tp_btf:sched_switch") if row["probe"] == "tp_btf:sched_switch"]
    assert [argument.strip() for argument in probe["arguments"][:3]] == ["bool", "struct task_struct *", "struct task_struct *"]


def test_list_of_a_program():
    assert pilus("list", "uprobe:/bin/bash:readlin?").stdout == "uprobe:/bin/bash:readline\n"


def test_list_of_kinds():
    kinds = {row["probe"].partition(":")[0] for row in rows("list")}
    assert {"tracepoint", "raw_tracepoint", "tp_btf", "iter"} <= kinds
    assert ("kprobe" in kinds) == os.path.exists("/sys/bus/event_source/devices/kprobe")


@pytest.mark.parametrize("pattern, words", [
    ("no-such-probe", "nothing can be probed here that is like 'no-such-probe'"),
    ("uprobe:/no/such:*", "/no/such: No such file"),
])
def test_list_of_nothing(pattern, words):
    done = pilus("list", pattern)
    assert done.returncode == 1 and words in done.stderr


def test_programs_and_their_runs(trace, tmp_path):
    tool = trace("mkdirsnoop")
    program, = [row for row in rows("prog", "list", "mkdir_exit") if row["name"] == "mkdir_exit"]
    assert program["type"] == "tracepoint" and program["instructions"] > 20 and program["jited-bytes"] > 0
    with subprocess.Popen([PILUS, "trace", "-o", "json", "prog", "list", "--measure", str(PATIENCE), str(program["id"])],
                          stdout=subprocess.PIPE) as measuring:
        while measuring.poll() is None:
            os.mkdir(tmp_path / str(len(os.listdir(tmp_path))))
        measured, = json.load(measuring.stdout)
    assert measured["runs"] > 0 and measured["ns-per-run"] > 0
    tool.end()


def test_a_program_is_shown_with_its_source(trace):
    trace("mkdirsnoop")
    program, = [row for row in rows("prog", "list", "mkdir_exit") if row["name"] == "mkdir_exit"]
    done = pilus("prog", "dump", program["id"])
    assert "call bpf_get_current_task_btf" in done.stdout and "exit" in done.stdout


def test_maps(trace):
    trace("mkdirsnoop")
    found = [row for row in rows("map", "list", "events") if (row["name"], row["type"]) == ("events", "ringbuf")]
    assert found and all(row["max-entries"] == 512 * 1024 for row in found)
    assert KERNEL < (6, 4) or all(row["bytes"] >= 512 * 1024 for row in found)  # before, the kernel did not tell


@pytest.mark.parametrize("words, message", [
    (["prog", "dump", "x"], "a program's ID must be a number"),
    (["prog", "list", "-m", "0"], "--measure must be a number of seconds above 0"),
    (["map"], "'map' needs one of: list, dump"),
])
def test_wrong_use(words, message):
    done = pilus(*words)
    assert done.returncode == 2 and message in done.stderr


def test_without_privileges():
    done = pilus("prog", "list", user=65534, group=65534, extra_groups=[])
    assert done.returncode == 1 and "run it as root" in done.stderr


def test_the_tools_are_reached_by_the_noun():
    done = pilus("opensnoop", "--help")
    assert done.returncode == 0 and done.stdout.startswith("Files being opened")
    done = pilus("opensnop")
    assert done.returncode == 2 and "did you mean 'opensnoop'?" in done.stderr
