# SPDX-License-Identifier: Apache-2.0
"""What the agent tells of itself: how full its maps are, its metrics, and all of its state in one archive."""
import pytest

from conftest import new_lab
from support import wait_for

FLOWS = 8192
# One datagram each from as many ports as it takes.
SPRAY = """
import socket, sys
for port in range(20000, 20000 + int(sys.argv[2])):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind(("", port))
        sender.sendto(b"x", (sys.argv[1], 9))
"""


@pytest.fixture(name="lab", scope="module")
def _lab():
    with new_lab("metrics", "--nodes", "1", "--agent-arg=--profile=edge", f"--agent-arg=--flow-table-size={FLOWS}") as lab:
        lab.add("node-1", "client", "--labels", "app=client")
        lab.add("node-1", "near", "--labels", "app=near")
        yield lab


def maps(lab):
    return {item["name"]: item for item in lab.json("node-1", "map", "list")}


def test_maps_of_the_edge_are_small(lab):
    before = maps(lab)
    assert before["pilus_flows"]["max-entries"] == FLOWS
    assert sum(item["bytes"] for item in before.values()) < 6e6
    assert before["pilus_endpoints"]["entries"] == 2
    assert before["pilus_endpoints"]["pressure"] is None


def test_a_full_map_is_told_and_flushed(lab):
    assert "Warning:" not in lab.pilus("node-1", "status")
    lab.python("client", SPRAY, lab.ip("near", 4), str(FLOWS))
    found = maps(lab)["pilus_flows"]
    assert found["pressure"] == pytest.approx(found["entries"] / FLOWS) and found["pressure"] > 0.9
    warning = next(line for line in lab.pilus("node-1", "status").splitlines() if line.startswith("Warning:"))
    assert "pilus_flows is " in warning
    lab.pilus("node-1", "bpf", "ct", "flush")
    wait_for(lambda: "Warning:" not in lab.pilus("node-1", "status"), "no warning any more")
