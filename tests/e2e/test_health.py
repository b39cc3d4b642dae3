# SPDX-License-Identifier: Apache-2.0
"""Health: of an endpoint, as the kernel has it; of the cluster, as the nodes find each other by probes."""
import json

import pytest

from support import ping, wait_for

WELL = {"overall-health": "OK", "bpf": "OK", "policy": "OK", "connected": True, "problems": []}


@pytest.fixture
def pod(make_lab):
    """A lab of one node with one pod: its health may be ruined."""
    lab = make_lab("health", "--nodes", "1")
    lab.add("node-1", "web")
    return lab


def look(lab, number):
    done = lab.run("pilus", "node-1", "endpoint", "health", str(number), "-o", "json", check=False)
    found = json.loads(done.stdout)
    assert (done.returncode == 0) == (found["overall-health"] == "OK"), done.stdout + done.stderr
    return found


def health(lab, number, healthy):
    found = look(lab, number)
    assert (found["overall-health"] == "OK") == healthy, found
    return found


def test_an_endpoint_is_well_until_something_is_broken(pod):
    web = pod.endpoint("web")
    assert health(pod, web["id"], True) == health(pod, 0, True) == WELL
    pod.exec("web", "ip", "link", "set", "eth0", "down")
    found = health(pod, web["id"], False)
    assert (found["overall-health"], found["bpf"], found["policy"], found["connected"]) == ("Failure", "OK", "OK", False)


def test_an_endpoint_whose_programs_are_gone_is_not_well(pod):
    web = pod.endpoint("web")
    device = web["device"]

    def ruin():
        pod.exec("node-1", "sh", "-c", f"rm -f /sys/fs/bpf/pilus/links/{device}_ingress; tc qdisc del dev {device} clsact 2>&1; true")
        return look(pod, web["id"])["bpf"] == "Failure"

    wait_for(ruin, "it is told")  # a pod that has just come may be given its programs for good meanwhile
    found = health(pod, web["id"], False)
    assert found["connected"]
    assert "from_container" in found["problems"][0]


@pytest.fixture
def three(make_lab):
    return make_lab("cluster", "--nodes", "3")


def probe(lab, node="node-1"):
    """What the node finds now: of each node, the words for each address and probe."""
    found = json.loads(lab.pilus(node, "health", "status", "--probe", "-o", "json"))
    return {item["name"]: {(place, address["address"], kind): address[kind]["error"] or "OK"
                           for place in ("host", "endpoint") for address in item[place] for kind in ("icmp", "http")}
            for item in found["nodes"]}


def words(found, *keys):
    return {what for (key, what) in found.items() if set(keys) <= set(key)}


def all_well(lab):
    found = probe(lab)
    return [len(node) for node in found.values()] == [8, 8, 8] and set().union(*map(words, found.values())) == {"OK"}


def test_every_address_of_every_node_is_probed(three):
    wait_for(lambda: all_well(three), "all nodes to be reachable")
    assert "Cluster health: 3/3 reachable" in three.pilus("node-1", "status")
    wait_for(lambda: "Cluster health:   3/3 reachable" in three.pilus("node-3", "health", "status", "--succinct"),
             "another node to find the same without being asked to probe")
    latencies = three.json("node-1", "metrics", "list", "-p", "pilus_node_connectivity_latency_seconds")
    assert len(latencies) == 24 and all(0 < item["value"] < 3 for item in latencies)
    unreachable, = three.json("node-1", "metrics", "list", "-p", "pilus_unreachable_nodes")
    assert unreachable["value"] == 0
    endpoint, = [item for item in three.json("node-2", "endpoint", "list") if item["identity"] == 4]
    assert endpoint["labels"] == ["reserved:health"]
    assert endpoint["ipv4"] in {item["health-ipv4"] for item in three.json("node-1", "node", "list")}
    three.add("node-1", "web")
    ping(three, "web", endpoint["ipv4"])
    ping(three, "web", endpoint["ipv6"])
    owner = [item for item in three.json("node-1", "ip", "list") if item["cidr"] == f"{endpoint['ipv4']}/32"]
    assert [(item["identity"], item["node"]) for item in owner] == [(4, "node-2")]


def test_what_is_down_is_said(three):
    wait_for(lambda: all_well(three), "all nodes to be reachable")
    three.run("agent", "node-2", "kill")
    three.exec("node-3", "ip", "link", "set", "eth0", "down")
    found = probe(three)
    assert words(found["node-1"]) == {"OK"}
    assert words(found["node-2"], "icmp") == {"OK"} and words(found["node-2"], "http") == {"Connection refused"}
    assert words(found["node-3"], "icmp") == words(found["node-3"], "http") == {"Connection timed out"}
    status = three.pilus("node-1", "status")
    assert "Cluster health: 1/3 reachable" in status and "unreachable" in status
    three.exec("node-3", "ip", "link", "set", "eth0", "up")
    three.exec("node-3", "ip", "address", "add", f"{three.ip('node-3', 6)}/64", "dev", "eth0", "nodad")
    three.run("agent", "node-2", "start")
    wait_for(lambda: all_well(three), "all nodes to be reachable again")


def health_endpoints(lab):
    return [{key: item[key] for key in ("id", "ipv4", "ipv6", "ifindex", "created")}
            for item in lab.json("node-1", "endpoint", "list") if item["identity"] == 4]


def test_the_health_endpoint_stays_over_restarts_until_it_is_switched_off(make_lab):
    lab = make_lab("restart", "--nodes", "1")
    before = wait_for(lambda: health_endpoints(lab), "a health endpoint")
    lab.run("agent", "node-1", "kill")
    lab.run("agent", "node-1", "start")
    assert health_endpoints(lab) == before
    wait_for(lambda: words(probe(lab)["node-1"]) == {"OK"}, "its responder to listen again")
    lab.exec("node-1", "sh", "-c", "echo 'enable-endpoint-health-checking: false' >> /run/pilus/pilus.yaml")
    lab.run("agent", "node-1", "stop")
    lab.run("agent", "node-1", "start")
    wait_for(lambda: not health_endpoints(lab), "it to be gone")
    assert not lab.exec("node-1", "sh", "-c", "ls /run/pilus/state/endpoints; ls /run/pilus/state/health 2>/dev/null", check=False).stdout
    found = probe(lab)["node-1"]
    assert words(found) == {"OK"} and len(found) == 4


def test_a_health_endpoint_that_vanished_is_made_again(make_lab):
    lab = make_lab("again", "--nodes", "1")
    before, = wait_for(lambda: health_endpoints(lab), "a health endpoint")
    lab.exec("node-1", "ip", "link", "del", f"plx{before['id']}")
    wait_for(lambda: [item["ifindex"] for item in health_endpoints(lab)] not in ([], [before["ifindex"]]), "another", 15)
    wait_for(lambda: words(probe(lab)["node-1"]) == {"OK"}, "it to answer")


def test_without_health_checking_nothing_listens(make_lab):
    lab = make_lab("off", "--nodes", "1", "--agent-arg", "--enable-health-checking=false")
    assert "Probe disabled" in lab.pilus("node-1", "status")
    done = lab.run("pilus", "node-1", "health", "status", check=False)
    assert done.returncode == 1 and "enable-health-checking" in done.stderr
    assert ":4240" not in lab.exec("node-1", "ss", "-Hltn").stdout
