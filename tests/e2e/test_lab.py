# SPDX-License-Identifier: Apache-2.0
"""The lab itself: several at once, words for mistakes, and nothing left behind."""
import json
import os
import pathlib
import signal
import subprocess
import time

import pytest

from support import KERNEL, LAB, TCX_SINCE, Lab, ping, wait_for


def cgroup_root():
    for line in pathlib.Path("/proc/mounts").read_text().splitlines():
        if line.split()[2] == "cgroup2":
            return pathlib.Path(line.split()[1])
    raise AssertionError("no cgroup2")


def traces(lab):
    """Everything of the machine that bears the lab's name."""
    found = [f"file {path}" for path in (pathlib.Path(lab.folder), cgroup_root() / "pilus-lab" / lab.name)
             if path.exists()]
    netns = pathlib.Path("/run/netns")
    found += [f"netns {path.name}" for path in netns.glob(f"{lab.name}.*")] if netns.exists() else []
    found += [f"mount {line}" for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines()
              if lab.name in line]
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            inside = f"pilus-lab/{lab.name}" in (process / "cgroup").read_text()
            if inside and "State:\tZ" not in (process / "status").read_text():  # dead ones wait for init, not for us
                found.append(f"process {process.name} {(process / 'cmdline').read_text()}")
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def host_links():
    return {link["ifname"] for link in json.loads(subprocess.check_output(["ip", "-j", "link"]))}


PINNED = """
import json, os, subprocess
found = {"map": [], "link": []}
for folder, _, files in os.walk("/sys/fs/bpf/pilus"):
    for kind in found:
        for name in files:
            # Its exit status tells nothing: of a link that it showed it is 255.
            done = subprocess.run(["bpftool", "-j", kind, "show", "pinned", f"{folder}/{name}"], capture_output=True)
            found[kind] += [item for item in [json.loads(done.stdout).get("id")] if item]
print(json.dumps(found))
"""


def pinned(lab):
    """The kernel's ids of what the nodes' agents pinned: {kind: ids}."""
    of_nodes = [json.loads(lab.python(node, PINNED)) for node in ("node-1", "node-2")]
    return {kind: {number for ids in of_nodes for number in ids[kind]} for kind in ("map", "link")}


@pytest.mark.kernels
def test_down_leaves_nothing(make_lab):
    links = host_links()
    lab = make_lab("trace")
    lab.add("node-1", "one")
    lab.add("node-2", "two")
    ping(lab, "one", lab.ip("two", 4))
    with lab.background("one", "sleep", "1000"):
        before = pinned(lab)
        assert before["map"] and bool(before["link"]) == (KERNEL >= TCX_SINCE)  # clsact has no links to pin
        assert len(traces(lab)) > 5
        lab.down()
    assert not traces(lab)
    assert host_links() == links

    def left(kind):
        known = json.loads(subprocess.check_output(["bpftool", "-j", kind, "show"]))
        return before[kind] & {item["id"] for item in known}
    wait_for(lambda: not left("map") and not left("link"), "maps and attachments gone from the kernel")


def test_down_twice_and_of_no_lab_is_fine():
    lab = Lab("none")
    lab.down()
    lab.down()


@pytest.mark.parametrize("moment", [0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.6])
def test_up_killed_half_way_is_taken_down(moment):
    lab = Lab("half")
    process = subprocess.Popen([LAB, "--name", lab.name, "up"], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        process.wait(moment)  # the moment of the crash is what is tried here, not a condition waited for
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    lab.down()
    assert not traces(lab)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_up_interrupted_cleans_up_itself(number):
    lab = Lab("stop")
    # A test run in the background of a shell has SIGINT ignored, and would hand that down.
    process = subprocess.Popen([LAB, "--name", lab.name, "up", "--nodes", "8"], stderr=subprocess.PIPE, text=True,
                               preexec_fn=lambda: signal.signal(number, signal.SIG_DFL))
    wait_for(lambda: os.path.exists(f"{lab.folder}/node-2"), "up is half-way")
    process.send_signal(number)
    _, words = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted" in words
    assert not traces(lab)


def test_failed_up_says_why_and_leaves_nothing():
    lab = Lab("fail")
    done = lab.run("up", "--agent-arg", "--no-such-key=1", check=False)
    assert done.returncode == 1
    assert "node-1 ended" in done.stderr and "no-such-key" in done.stderr
    assert not traces(lab)


def test_two_labs_at_once_do_not_meet(lab, make_lab):
    other = make_lab("other")
    other.add("node-1", "client")
    other.add("node-2", "far")
    assert other.ip("far", 4) in {lab.ip("far", 4), "10.2.0.2", "10.2.0.3", "10.2.0.4"}
    for family in (4, 6):
        ping(other, "client", other.ip("far", family))
        ping(lab, "client", lab.ip("far", family))
    other.run("pod", "del", "far")
    ping(lab, "client", lab.ip("far", 4))
    assert {node["name"] for node in other.json("node-1", "node", "list")} == {"node-1", "node-2"}


def test_direct_underlay_is_one_cable(make_lab):
    direct = make_lab("direct", "--underlay", "direct")
    peers = [json.loads(direct.exec(node, "ip", "-j", "link", "show", "eth0").stdout)[0]
             for node in ("node-1", "node-2")]
    assert [peer["link_index"] for peer in peers] == [peer["ifindex"] for peer in reversed(peers)]
    for pod, node in (("client", "node-1"), ("far", "node-2")):
        direct.add(node, pod)
    for family in (4, 6):
        ping(direct, "client", direct.ip("far", family))
    assert "one cable" in direct.run("exec", "underlay", "--", "true", check=False).stderr


def test_status_names_all(lab):
    status = lab.status()
    assert [node["name"] for node in status["nodes"]] == ["node-1", "node-2"]
    for node in status["nodes"]:
        assert pathlib.Path(f"/proc/{node['agent']}/comm").read_text() == "pilusd\n"
        assert os.path.isdir(node["state"])
    pods = {pod["name"]: pod for pod in status["pods"]}
    assert pods["far"]["node"] == "node-2" and pods["far"]["ipv6"] == lab.ip("far", 6)
    table = lab.run("status").stdout
    assert "node-2" in table and lab.ip("far", 4) in table


def test_pod_processes_run_in_the_node_cgroup_and_see_the_pod(lab):
    assert f"/pilus-lab/{lab.name}/node-2/pod-far" in lab.exec("far", "cat", "/proc/self/cgroup").stdout
    assert set(lab.exec("far", "ls", "/sys/class/net").stdout.split()) == {"eth0", "lo"}
    assert "pilus_vxlan" in lab.exec("node-2", "ls", "/sys/class/net").stdout
    assert lab.exec("far", "hostname").stdout == "far\n"


def test_exec_gives_back_the_exit_status(lab):
    assert lab.exec("near", "sh", "-c", "exit 7", check=False).returncode == 7


MISTAKES = {
    "lab name": (["--name", "Big_Lab", "status"], "a-z, 0-9 and -"),
    "lab name too long": (["--name", "a" * 21, "up"], "up to 20"),
    "no nodes": (["up", "--nodes", "0"], "from 1 to 64"),
    "no number of nodes": (["up", "--nodes", "two"], "from 1 to 64"),
    "unknown store": (["up", "--store", "floppy"], "choose from"),
    "cable between three": (["up", "--nodes", "3", "--underlay", "direct"], "--nodes 2"),
    "lab is there": (["up"], "lab down"),
    "unknown node": (["pod", "add", "node-7", "x"], "it has node-1, node-2"),
    "pod named as a node": (["pod", "add", "node-1", "node-3"], "choose another"),
    "pod name": (["pod", "add", "node-1", "a.b"], "a-z, 0-9 and -"),
    "pod is there": (["pod", "add", "node-1", "near"], "lab pod del near"),
    "label": (["pod", "add", "node-1", "x", "--labels", "app"], "key=value"),
    "label twice": (["pod", "add", "node-1", "x", "--labels", "a=1,a=2"], "once"),
    "unknown pod": (["pod", "del", "ghost"], "lab pod add"),
    "nothing to run": (["exec", "near"], "-- CMD"),
    "unknown command": (["exec", "near", "--", "no-such-command"], "no-such-command"),
    "address of an unknown pod": (["ip", "ghost"], "lab pod add"),
    "start a running agent": (["agent", "node-1", "start"], "stop it first"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_get_a_sentence_and_change_nothing(lab, mistake):
    arguments, words = MISTAKES[mistake]
    before = lab.status()
    done = lab.run(*arguments, check=False)
    assert done.returncode not in (0, 130)
    assert words in done.stderr and "Traceback" not in done.stderr
    assert lab.status() == before


def test_no_lab_says_how_to_make_one():
    done = Lab("ghost").run("status", check=False)
    assert done.returncode == 1 and "lab up" in done.stderr


def test_missing_build_says_make(tmp_path):
    done = subprocess.run([LAB, "--name", Lab("x").name, "up"], env={**os.environ, "PILUS_BUILD": str(tmp_path)},
                          capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "run make" in done.stderr


def test_other_users_are_told_to_be_root():
    """Which may be unable to read this checkout: the lab is loaded first."""
    program = (f"import sys, os; sys.path.insert(0, {os.path.dirname(LAB)!r}); from pilus_lab import cli; "
               "os.seteuid(65534); sys.exit(cli.main(['status']))")
    done = subprocess.run(["/usr/bin/python3", "-B", "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "root" in done.stderr


def test_up_and_down_are_quick(make_lab):
    """People try things with it."""
    start = time.monotonic()
    lab = make_lab("quick")
    lab.down()
    assert time.monotonic() - start < 10
