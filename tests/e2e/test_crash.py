# SPDX-License-Identifier: Apache-2.0
"""
Whatever is killed, and whenever: nothing is left over, nothing is given twice. PILUS_CRASH_SECONDS=180 and
PILUS_CRASH_CYCLES=125 make it long.
"""
import contextlib
import itertools
import json
import os
import pathlib
import random
import re
import subprocess
import threading
import time

import pytest

from conftest import new_lab
from support import BUILD, PATIENCE, TOP, Process, wait_for
from test_cni import Runtime

SECONDS = float(os.environ.get("PILUS_CRASH_SECONDS") or 15)
CYCLES = int(os.environ.get("PILUS_CRASH_CYCLES") or 12)  # of each worker
WORKERS, AT_ONCE = 4, 20
STEPS = "bpf,sendmsg,write,rename,link,unlink,mkdir,setns"
STEPS_MAX = 60  # about as many as the agent's main thread takes for an ADD
CHURN = str(TOP / "tests" / "e2e" / "churn.py")


@pytest.fixture(name="lab", scope="module")
def _lab(request):
    with new_lab("crash", "--store", request.param) as lab:
        lab.add("node-1", "near")
        lab.add("node-2", "far")
        yield lab


@pytest.fixture(name="churn")
def _churn(lab):
    """Runs churn.py in node-1 over namespaces of the test's own; whatever pods stay are deleted afterwards."""
    names = []

    def run(verb, count, number=None, seconds=90):
        while len(names) < count:
            names.append(f"{lab.name}.churn-{len(names)}")
            subprocess.run(["ip", "netns", "add", names[-1]], check=True)
        words = [verb, *([str(number)] if number is not None else []), f"{BUILD}/pilus-cni"]
        done = lab.exec("node-1", CHURN, *words, *(f"/run/netns/{name}" for name in names[:count]), seconds=seconds)
        report = json.loads(done.stdout)
        assert not report["problems"], report["problems"]
        return report

    yield run
    for name in names:
        subprocess.run(["ip", "netns", "del", name], check=True)
    settled(lab, 90)  # one worker of the kernel removes the whole machine's namespaces, and holds up audits meanwhile


def audit(lab):
    """What is wrong, and what each agent costs."""
    found = json.loads(lab.run("audit", "-o", "json", check=False).stdout)
    return sum([node["problems"] for node in found["nodes"].values()], found["problems"]), found["nodes"]


def settled(lab, seconds=25):
    """Flows and half-written files of the store go within ten seconds, the rest at once. Returns the costs."""
    deadline = time.monotonic() + seconds * PATIENCE
    while True:
        late = time.monotonic() > deadline
        problems, costs = audit(lab)
        if not problems:
            return costs
        assert not late, "\n".join(problems)
        time.sleep(0.2)


def reaches(netns, addresses):
    """All of them answer."""
    for address in addresses:
        subprocess.run(["ip", "netns", "exec", netns, "ping", "-n", "-c", "2", "-i", "0.05", "-W", "2", address],
                       check=True, stdout=subprocess.DEVNULL)


@contextlib.contextmanager
def mortal_agent(lab, node):
    """The agent is killed again and again, at any moment of its life; at the end it runs."""
    ended, troubles, kills = threading.Event(), [], []

    def work():
        try:
            while not ended.wait(random.uniform(0.05, 1.5)):
                lab.run("agent", node, "kill")
                kills.append(time.monotonic())
                lab.run("agent", node, "start")
        except AssertionError as error:
            troubles.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield kills
    finally:
        ended.set()
        thread.join()
    assert not troubles, troubles


@pytest.mark.parametrize("lab", ["dir", "etcd"], indirect=True)
def test_killed_at_any_moment(lab, churn):
    with lab.background("near", "ping", "-n", "-i", "0.02", lab.ip("far", 4), ready="bytes from") as steady:
        with mortal_agent(lab, "node-1") as kills:
            report = churn("random", WORKERS, SECONDS, seconds=SECONDS + 90)
        steady.wait_line("bytes from")
        steady.interrupt()
        assert re.search(" 0% packet loss", steady.wait_line("packet loss")), "\n".join(steady.lines[-3:])
    assert len(kills) > SECONDS / 5 and report["killed"], "hardly anything was killed"
    assert len(report["pods"]) == WORKERS
    settled(lab)
    addresses = [address for pod in report["pods"] for address in pod["addresses"]]
    for pod in report["pods"]:
        reaches(pod["netns"].rpartition("/")[2], [*addresses, lab.ip("far", 4), lab.ip("far", 6)])


@pytest.mark.parametrize("lab", ["dir"], indirect=True)
def test_cycles_leave_nothing(lab, churn):
    churn("cycles", WORKERS, 5)  # whatever grows once has grown
    before = settled(lab)["node-1"]
    churn("cycles", WORKERS, CYCLES, seconds=90 + CYCLES * WORKERS)
    after = settled(lab)["node-1"]
    print(f"{WORKERS * CYCLES} cycles: {before} {after}")
    assert after["descriptors"] == before["descriptors"]
    assert after["resident"] - before["resident"] < 512 << 10


@pytest.mark.parametrize("lab", ["dir"], indirect=True)
def test_twenty_at_once(lab, churn):
    report = churn("once", AT_ONCE)
    addresses = [address for pod in report["pods"] for address in pod["addresses"]]
    print(f"{AT_ONCE} at once: {max(report['calls']['ADD']):.2f} s")
    assert len(addresses) == len(set(addresses)) == 2 * AT_ONCE
    assert not report["retried"]
    settled(lab)
    reaches(f"{lab.name}.churn-0", addresses[-4:])


def agent_process(lab):
    return next(node["agent"] for node in lab.status()["nodes"] if node["name"] == "node-1")


@contextlib.contextmanager
def doomed_agent(lab, step):
    """Killed as it enters its step-th system call of those that change something; that may be before we do a thing."""
    agent = agent_process(lab)
    tracer = Process(["strace", "-f", "-q", "-o", "/dev/null", "-e", f"trace={STEPS}",
                      "-e", f"inject={STEPS}:signal=SIGKILL:when={step}", "-p", str(agent)])
    try:
        wait_for(lambda: tracer.ended() or is_traced(agent), "the agent is traced")
        yield
    finally:
        tracer.stop()


def is_traced(process):
    try:
        return "TracerPid:\t0" not in pathlib.Path(f"/proc/{process}/status").read_text(encoding="ascii")
    except FileNotFoundError:
        return True


@pytest.mark.parametrize("lab", ["dir"], indirect=True)
@pytest.mark.parametrize("verb", ["ADD", "DEL"])
def test_killed_at_a_step(lab, verb):
    """Steps at random; PILUS_CRASH_STEPS=all takes one after the other until the verb gets through."""
    count = os.environ.get("PILUS_CRASH_STEPS") or "6"
    steps = itertools.count(1) if count == "all" else random.sample(range(1, STEPS_MAX), int(count))
    with Runtime(lab) as runtime:
        for step in steps:
            config = {"prevResult": runtime.add()} if verb == "DEL" else {}
            with doomed_agent(lab, step):
                done = runtime.call(verb, config)
            if agent_process(lab):
                assert done.returncode == 0, f"step {step}: {done.stdout}"
                if count == "all":
                    print(f"{verb}: killed at each of {step - 1} steps")
                    break
            else:
                lab.run("agent", "node-1", "start")
                assert done.returncode == 0 or json.loads(done.stdout)["code"] == 11, f"step {step}: {done.stdout}"
            assert runtime.call(verb, config).returncode == 0, f"step {step}"
            assert runtime.call("DEL").returncode == 0, f"step {step}"
    settled(lab)
