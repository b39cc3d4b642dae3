# SPDX-License-Identifier: Apache-2.0
"""Health: of an endpoint, as the kernel has it; of the cluster, as the nodes find each other by probes."""
import json

import pytest

WELL = {"overall-health": "OK", "bpf": "OK", "policy": "OK", "connected": True, "problems": []}


@pytest.fixture
def pod(make_lab):
    """A lab of one node with one pod: its health may be ruined."""
    lab = make_lab("health", "--nodes", "1")
    lab.add("node-1", "web")
    return lab


def health(lab, number, healthy):
    done = lab.run("pilus", "node-1", "endpoint", "health", str(number), "-o", "json", check=False)
    assert (done.returncode == 0) == healthy, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_an_endpoint_is_well_until_something_is_broken(pod):
    web = pod.endpoint("web")
    assert health(pod, web["id"], True) == health(pod, 0, True) == WELL
    pod.exec("web", "ip", "link", "set", "eth0", "down")
    found = health(pod, web["id"], False)
    assert (found["overall-health"], found["bpf"], found["policy"], found["connected"]) == ("Failure", "OK", "OK", False)


def test_an_endpoint_whose_programs_are_gone_is_not_well(pod):
    web = pod.endpoint("web")
    device = web["device"]
    pod.exec("node-1", "sh", "-c", f"rm -f /sys/fs/bpf/pilus/links/{device}_ingress; tc qdisc del dev {device} clsact 2>&1; true")
    found = health(pod, web["id"], False)
    assert found["bpf"] == "Failure" and found["connected"]
    assert "from_container" in found["problems"][0]
