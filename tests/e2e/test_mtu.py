# SPDX-License-Identifier: Apache-2.0
"""The underlay's MTU changes while pods talk: all that depends on it follows, and nothing hangs."""
import json
import re

import pytest

from conftest import new_lab
from support import PATIENCE, PEER, TCP_PORT, ping, wait_for

HEADERS = {4: 28, 6: 48}  # of a ping
NODES = ("node-1", "node-2")


@pytest.fixture(name="lab", scope="module", params=[("tunnel", 50), ("native", 0)], ids=["tunnel", "native"])
def _lab(request):
    mode, overhead = request.param
    with new_lab("mtu", "--agent-arg", f"--routing-mode={mode}") as lab:
        lab.overhead = overhead
        lab.add("node-1", "client")
        lab.add("node-2", "far")
        with lab.server("far", "tcp-echo", TCP_PORT):
            yield lab


def link_mtu(lab, place, device):
    return json.loads(lab.exec(place, "ip", "-j", "link", "show", device).stdout)[0]["mtu"]


def set_underlay(lab, mtu):
    """Both ends of the cables; waits until the pods have followed."""
    for node in NODES:
        lab.exec("underlay", "ip", "link", "set", node, "mtu", str(mtu))
        lab.exec(node, "ip", "link", "set", "eth0", "mtu", str(mtu))
    for pod in ("client", "far"):
        wait_for(lambda pod=pod: link_mtu(lab, pod, "eth0") == mtu - lab.overhead,
                 f"{pod} to follow the underlay to {mtu}")
        assert lab.endpoint(pod)["mtu"] == mtu - lab.overhead
    for node in NODES:
        assert lab.json(node, "status")["datapath"]["mtu"] == mtu - lab.overhead


def test_streams_and_datagrams_follow(lab, family):
    with lab.background("client", *PEER, "tcp-steady", lab.ip("far", family), str(TCP_PORT), "60000",
                        ready="^ready$") as steady:
        for mtu in (1400, 9000, 1500):
            set_underlay(lab, mtu)
            largest = mtu - lab.overhead - HEADERS[family]
            for pod, other in (("client", "far"), ("far", "client")):
                ping(lab, pod, lab.ip(other, family), "-M", "do", "-s", str(largest))
        assert steady.finish() == 0, "\n".join(steady.lines)
    answers, longest = map(int, re.match(r"answers=(\d+) longest=(\d+)", steady.lines[-1]).groups())
    assert answers > 20
    assert longest < 3000 * PATIENCE, f"the stream hung for {longest} ms"


def test_new_pods_and_the_next_agent_have_the_new_one(lab):
    set_underlay(lab, 1400)
    lab.add("node-1", "new")
    assert link_mtu(lab, "new", "eth0") == 1400 - lab.overhead
    lab.run("agent", "node-1", "stop")
    for node in NODES:
        lab.exec(node, "ip", "link", "set", "eth0", "mtu", "1500")
    lab.run("agent", "node-1", "start")
    wait_for(lambda: link_mtu(lab, "new", "eth0") == 1500 - lab.overhead, "the agent to raise the pods' MTU")
