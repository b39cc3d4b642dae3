# SPDX-License-Identifier: Apache-2.0
"""The agent comes and goes; pods do not notice, and nothing is forgotten or given twice."""
import json
import pathlib
import re
import subprocess

import pytest

from conftest import new_lab
from test_cni import Runtime
from support import PATIENCE, PEER, TCP_PORT, ask, ping, wait_for


@pytest.fixture(name="lab", scope="module")
def _lab():
    with new_lab("agent") as lab:
        lab.add("node-1", "client", "--labels", "app=client")
        lab.add("node-1", "near", "--labels", "app=near")
        lab.add("node-2", "far", "--labels", "app=far")
        with lab.server("near", "tcp-echo", TCP_PORT), lab.server("far", "tcp-echo", TCP_PORT):
            yield lab


@pytest.fixture(autouse=True)
def _agents_run(lab):
    """Whatever a test did, the next one finds both agents running."""
    yield
    for node in lab.status()["nodes"]:
        if not node["agent"]:
            lab.run("agent", node["name"], "start")


def facts(lab, node="node-1"):
    """What must be the same in the agent's next life."""
    kept = ("id", "identity", "labels", "container", "ipv4", "ipv6", "device", "mac", "host-mac", "state")
    return {item["pod"]: {key: item[key] for key in kept} for item in lab.json(node, "endpoint", "list")}


@pytest.mark.parametrize("how", ["stop", "kill"])
@pytest.mark.parametrize("server", ["near", pytest.param("far", marks=pytest.mark.kernels)])
def test_open_connection_outlives_the_agents(lab, family, server, how):
    with lab.background("client", *PEER, "tcp-steady", lab.ip(server, family), str(TCP_PORT),
                        ready="^ready$") as steady:
        for node in ("node-1", "node-2"):
            lab.run("agent", node, how)
        for node in ("node-1", "node-2"):
            lab.run("agent", node, "start")
        assert steady.finish() == 0, "\n".join(steady.lines)
    answers, longest = map(int, re.match(r"answers=(\d+) longest=(\d+)", steady.lines[-1]).groups())
    assert answers > 20
    assert longest < 200 * PATIENCE, f"somebody waited {longest} ms: a packet was lost"


def test_new_connections_work_without_agents(lab, family):
    for node in ("node-1", "node-2"):
        lab.run("agent", node, "stop")
    for server in ("near", "far"):
        ping(lab, "client", lab.ip(server, family))
        ask(lab, "client", "tcp-ask", lab.ip(server, family), TCP_PORT)


@pytest.mark.parametrize("how", ["stop", pytest.param("kill", marks=pytest.mark.kernels)])
def test_endpoints_are_restored(lab, how):
    before = facts(lab)
    assert set(before) >= {"client", "near"}
    lab.run("agent", "node-1", how)
    lab.run("agent", "node-1", "start")
    wait_for(lambda: facts(lab) == before, "the same endpoints as before")
    ping(lab, "near", lab.ip("far", 4))


def test_a_restarted_agent_knows_its_own_words_in_the_store(lab):
    """It is not told that another node has its name, whatever its earlier life said there."""
    log = pathlib.Path(lab.folder, "node-1", "agent.log")
    begin = log.stat().st_size
    lab.run("agent", "node-1", "stop")
    lab.run("agent", "node-1", "start")
    lab.run("pilus", "node-2", "health", "status", "--probe")  # by then it has said its health addresses
    assert "ERROR" not in log.read_text()[begin:]


def test_restored_addresses_are_not_given_again(lab):
    lab.run("agent", "node-1", "kill")
    lab.run("agent", "node-1", "start")
    lab.add("node-1", "late")
    taken = {lab.ip(pod, family) for pod in ("client", "near") for family in (4, 6)}
    assert not taken & {lab.ip("late", 4), lab.ip("late", 6)}
    lab.run("pod", "del", "late")


def test_pod_deleted_while_the_agent_is_down_is_gone_after(lab):
    lab.add("node-1", "brief")
    address = lab.ip("brief", 4)
    lab.run("agent", "node-1", "stop")
    lab.run("pod", "del", "brief")
    lab.run("agent", "node-1", "start")
    wait_for(lambda: "brief" not in facts(lab), "the endpoint is gone")
    wait_for(lambda: address not in lab.pilus("node-2", "ip", "list"), "node-2 forgot its address")


def test_add_while_the_agent_is_down_is_refused_for_now(lab):
    lab.run("agent", "node-1", "stop")
    done = lab.run("pod", "add", "node-1", "early", check=False)
    assert done.returncode == 1
    assert "CNI code 11" in done.stderr
    assert "early" not in [pod["name"] for pod in lab.status()["pods"]]
    lab.run("agent", "node-1", "start")
    lab.add("node-1", "early")
    lab.run("pod", "del", "early")


def test_status_verb_while_the_agent_is_down_is_not_available(lab):
    lab.run("agent", "node-1", "stop")
    config = json.dumps({"cniVersion": "1.1.0", "name": "pilus", "type": "pilus-cni"})
    done = lab.exec("node-1", "env", "CNI_COMMAND=STATUS", "CNI_PATH=/", "pilus-cni", text=config, check=False)
    assert done.returncode != 0
    assert json.loads(done.stdout)["code"] == 50


@pytest.mark.parametrize("verb", ["ADD", "CHECK", "GC"])
def test_what_needs_the_agent_is_to_be_tried_again(lab, verb):
    with Runtime(lab) as runtime:
        result = runtime.add()
        lab.run("agent", "node-1", "stop")
        done = runtime.call(verb, {"prevResult": result, "cni.dev/valid-attachments": []})
        lab.run("agent", "node-1", "start")
        assert (done.returncode, json.loads(done.stdout)["code"]) == (1, 11), done.stdout
        assert runtime.endpoint()


@pytest.mark.parametrize("way", ["namespace", "no namespace", "namespace is gone"])
def test_deletes_are_not_lost_while_the_agent_is_down(lab, way):
    """The pod's link is what tells the next agent, so that nothing has to be queued."""
    with Runtime(lab) as runtime:
        result = runtime.add()
        lab.run("agent", "node-1", "kill")
        if way == "namespace is gone":
            runtime.remove_netns()
        changed = {"netns": None} if way == "no namespace" else {}
        for _ in range(2):
            done = runtime.call("DEL", {"prevResult": result}, **changed)
            assert done.returncode == 0, done.stdout
        lab.run("agent", "node-1", "start")
        wait_for(lambda: not runtime.endpoint(), "the endpoint is gone")
        wait_for(lambda: lab.run("audit", check=False).returncode == 0, "nothing is left", 25)


def test_broken_endpoint_file_is_set_aside_and_said(lab):
    lab.run("agent", "node-1", "stop")
    folder = pathlib.Path(lab.folder, "node-1", "state", "endpoints")
    assert list(folder.glob("*.json")), "endpoints are kept on disk"
    (folder / "999.json").write_text('{"id": 999, "ipv4"')
    lab.run("agent", "node-1", "start")
    assert {"client", "near"} <= set(facts(lab))
    assert "999.json" in pathlib.Path(lab.folder, "node-1", "agent.log").read_text()
    assert not (folder / "999.json").exists()


def test_endpoint_whose_pod_vanished_is_taken_down(lab):
    """A host's crash: the namespace went, nobody called DEL."""
    lab.add("node-1", "crashed")
    lab.run("agent", "node-1", "stop")
    subprocess.run(["ip", "netns", "del", f"{lab.name}.crashed"], check=True)
    lab.run("agent", "node-1", "start")
    wait_for(lambda: "crashed" not in facts(lab), "the endpoint is gone")
    lab.run("pod", "del", "crashed")


def test_cli_without_agent_says_so(lab):
    lab.run("agent", "node-1", "stop")
    for command in (["status"], ["endpoint", "list"], ["identity", "list"], ["monitor"]):
        done = lab.run("pilus", "node-1", *command, check=False)
        assert done.returncode == 1, command
        assert len(done.stderr.strip().splitlines()) == 1 and "pilusd" in done.stderr, done.stderr


def test_pinned_maps_are_read_without_agent(lab):
    lab.run("agent", "node-1", "stop")
    assert lab.ip("near", 4) in lab.pilus("node-1", "bpf", "endpoint", "list")
    assert lab.ip("far", 4) in lab.pilus("node-1", "bpf", "ipcache", "list")
