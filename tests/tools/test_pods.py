# SPDX-License-Identifier: Apache-2.0
"""Tools beside an agent: they tell the pod, and look at one alone."""
import json
import pathlib
import secrets
import shutil
import subprocess

import pytest

from fake_agent import WEB, serve
from tool import run


@pytest.fixture
def namespace():
    name = f"pilus-test-{secrets.token_hex(3)}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    yield name
    subprocess.run(["ip", "netns", "delete", name], check=True)


@pytest.fixture
def agent(tmp_path, namespace):
    with serve(tmp_path / "agent.sock") as agent:
        agent.answers["/v1/endpoints"] = [WEB | {"namespace": "default", "netns": f"/run/netns/{namespace}"}]
        yield agent


def in_pod(namespace, *command):
    subprocess.run(["ip", "netns", "exec", namespace, *command], check=True)


def test_the_pod_is_told(trace, agent, namespace):
    tool = trace("execsnoop", "--socket", agent.socket)
    subprocess.run(["/bin/true"])
    in_pod(namespace, "/bin/sleep", "0")
    assert tool.wait_event(pcomm="sleep")["pod"] == "default/web-1"
    assert tool.wait_event(pcomm="true")["pod"] == "-"


def test_one_pod_alone(trace, agent, namespace):
    tools = [trace("execsnoop", "--socket", agent.socket, "--pod", name) for name in ("web-1", "default/web-1")]
    subprocess.run(["/bin/true"])
    in_pod(namespace, "/bin/sleep", "0")
    for tool in tools:
        tool.wait_event(pcomm="sleep")
        assert {event["pod"] for event in tool.events()} == {"default/web-1"}


def test_a_pod_that_came_later_is_told(trace, agent, namespace):
    known = agent.answers["/v1/endpoints"]
    agent.answers["/v1/endpoints"] = []
    tool = trace("execsnoop", "--socket", agent.socket, "-n", "sleep")
    agent.answers["/v1/endpoints"] = known
    while not any(event["pod"] == "default/web-1" for event in tool.events()):  # it asks once a second
        seen = len(tool.events())
        in_pod(namespace, "/bin/sleep", "0.2")
        while len(tool.events()) == seen:
            assert tool._read(20)


def test_an_unknown_pod(agent):
    done = run("execsnoop", "--socket", agent.socket, "--pod", "db")
    assert done.returncode == 1
    assert "this node has no pod 'db'" in done.stderr


RUNTIMES = {
    "containerd": ("/run/containerd/io.containerd.runtime.v2.task/k8s.io/{}/config.json", "io.kubernetes.cri.sandbox-"),
    "cri-o": ("/run/containers/storage/overlay-containers/{}/userdata/config.json", "io.kubernetes.pod."),
}


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_without_an_agent_the_runtime_tells(trace, namespace, runtime):
    """What it keeps on disk of a pod's container, as the OCI's specification and the Container Runtime Interface have it."""
    path, prefix = RUNTIMES[runtime]
    config = pathlib.Path(path.format(namespace))
    missing = [folder for folder in config.parents if not folder.exists()]
    config.parent.mkdir(parents=True)
    try:
        config.write_text(json.dumps({
            "annotations": {f"{prefix}name": "web-1", f"{prefix}namespace": "default"},
            "linux": {"namespaces": [{"type": "pid"}, {"type": "network", "path": f"/var/run/netns/{namespace}"}]}}))
        tool = trace("execsnoop", "--socket", "/no/such")
        alone = trace("execsnoop", "--socket", "/no/such", "--pod", "web-1")
        subprocess.run(["/bin/true"])
        in_pod(namespace, "/bin/sleep", "0")
        assert tool.wait_event(pcomm="sleep")["pod"] == "default/web-1"
        assert tool.wait_event(pcomm="true")["pod"] == "-"
        assert alone.wait_event(pcomm="sleep")["pod"] == "default/web-1"
        assert {event["pcomm"] for event in alone.events()} <= {"ip", "sleep"}
    finally:
        shutil.rmtree(missing[-1])
