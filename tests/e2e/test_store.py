# SPDX-License-Identifier: Apache-2.0
"""The nodes' shared state in etcd: the same network as over a folder, and what becomes of it when etcd dies."""
import json
import shutil

import pytest

from conftest import new_lab
from support import TCP_PORT, ask, ping, wait_for

pytestmark = pytest.mark.skipif(not shutil.which("etcd"), reason="etcd is not installed: run make deps")


@pytest.fixture(name="lab", scope="module")
def _lab():
    with new_lab("etcd", "--store", "etcd") as lab:
        lab.add("node-1", "client", "--labels", "app=client")
        lab.add("node-2", "far", "--labels", "app=far")
        with lab.server("far", "tcp-echo", TCP_PORT):
            yield lab


def store_state(lab, node="node-1"):
    """Of an agent that is not well, the status is not 0."""
    return json.loads(lab.pilus(node, "status", "-o", "json", check=False))["store"]["state"]


def nodes_known_to(lab, node):
    return {item["name"] for item in lab.json(node, "node", "list")}


def test_pods_of_two_nodes_reach_each_other(lab, family):
    ping(lab, "client", lab.ip("far", family))
    ask(lab, "client", "tcp-ask", lab.ip("far", family), TCP_PORT)


def test_same_labels_get_the_same_identity_on_every_node(lab):
    lab.add("node-1", "twin-1", "--labels", "app=twin")
    lab.add("node-2", "twin-2", "--labels", "app=twin")
    assert lab.endpoint("twin-1")["identity"] == lab.endpoint("twin-2")["identity"]
    address = lab.ip("twin-2", 4)
    lab.run("pod", "del", "twin-1")
    lab.run("pod", "del", "twin-2")
    wait_for(lambda: address not in lab.pilus("node-1", "ip", "list"), "node-1 forgets the pod's address")


def test_traffic_goes_on_while_etcd_is_away(lab, family):
    count = 60
    with lab.background("client", "ping", "-n", "-i", "0.1", "-c", str(count), lab.ip("far", family),
                        ready="icmp_seq=1 ") as pings:
        lab.run("store", "kill")
        wait_for(lambda: store_state(lab) == "Failure", "the agent says that the store is away")
        assert nodes_known_to(lab, "node-1") == {"node-1", "node-2"}
        lab.run("store", "start")
        wait_for(lambda: store_state(lab) == "Ok", "the agent found the store again")
        assert pings.finish(20) == 0, "\n".join(pings.lines)
    assert f"{count} received, 0% packet loss" in "\n".join(pings.lines)
    lab.add("node-2", "late")
    ping(lab, "client", lab.ip("late", family))
    lab.run("pod", "del", "late")


def test_agent_that_starts_while_etcd_is_away_keeps_its_pods(lab):
    lab.run("store", "kill")
    lab.run("agent", "node-1", "kill")
    lab.run("agent", "node-1", "start")
    wait_for(lambda: store_state(lab) == "Failure", "the agent says that the store is away")
    for family in (4, 6):
        ping(lab, "client", lab.ip("far", family))
        ping(lab, "far", lab.ip("client", family))
    lab.run("store", "start")
    wait_for(lambda: lab.endpoint("client")["state"] == "ready", "the endpoint has its identity from the store")
    wait_for(lambda: nodes_known_to(lab, "node-1") == {"node-1", "node-2"}, "node-1 knows node-2 again")
    ping(lab, "far", lab.ip("client", 4))


def test_store_commands_want_a_store_that_runs(make_lab, lab):
    folder_lab = make_lab("folder", "--nodes", "1")
    done = folder_lab.run("store", "kill", check=False)
    assert done.returncode == 1 and "--store etcd" in done.stderr
    done = lab.run("store", "start", check=False)
    assert done.returncode == 1 and "runs already" in done.stderr
