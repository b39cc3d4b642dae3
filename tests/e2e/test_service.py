# SPDX-License-Identifier: Apache-2.0
"""The systemd unit: systemd understands it, and the agent needs no more than it leaves."""
import pathlib
import re
import subprocess

import pytest

from conftest import new_lab
from support import BUILD, TCP_PORT, ask, ping, wait_for

UNIT = pathlib.Path(BUILD, "packaging", "pilusd.service")
EXPOSURE = 40  # of 100, as systemd-analyze rates it: what enters pods' namespaces and loads programs has no 0


@pytest.fixture(name="unit", scope="module")
def _unit(tmp_path_factory):
    """As installed, with the agent where it is now."""
    unit = tmp_path_factory.mktemp("unit") / "pilusd.service"
    unit.write_text(re.sub(r"(?m)^ExecStart=\S+", f"ExecStart={BUILD}/pilusd", UNIT.read_text()))
    return unit


def setting(name):
    return re.search(rf"(?m)^{name}=(.*)$", UNIT.read_text())[1].split()


def analyze(*arguments):
    return subprocess.run(["systemd-analyze", *map(str, arguments)], text=True, capture_output=True, check=False)


def test_systemd_understands_it(unit):
    done = analyze("verify", "--man=no", unit)
    assert done.returncode == 0 and not done.stdout + done.stderr, done.stdout + done.stderr


def test_it_leaves_little(unit):
    done = analyze("security", "--offline=true", f"--threshold={EXPOSURE}", "--no-pager", unit)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(name="lab", scope="module")
def _lab(tmp_path_factory):
    """Agents with the unit's capabilities, and no others to gain."""
    folder = tmp_path_factory.mktemp("programs")
    for program in ("pilus", "pilus-cni"):
        (folder / program).symlink_to(pathlib.Path(BUILD, program))
    bounding = ",".join(["-all", *(f"+{name.removeprefix('CAP_').lower()}" for name in setting("CapabilityBoundingSet"))])
    (folder / "pilusd").write_text(f"#!/bin/sh\nexec setpriv --no-new-privs --bounding-set={bounding} {BUILD}/pilusd \"$@\"\n")
    (folder / "pilusd").chmod(0o755)
    with new_lab("caps", programs=folder) as lab:
        for node, pod in (("node-1", "client"), ("node-1", "near"), ("node-2", "far")):
            lab.add(node, pod)
        yield lab


def test_these_capabilities_are_the_agents(lab):
    status = pathlib.Path("/proc", str(lab.status()["nodes"][0]["agent"]), "status").read_text()
    effective = int(re.search(r"CapEff:\s+(\w+)", status)[1], 16)
    assert effective.bit_count() == len(setting("CapabilityBoundingSet"))


@pytest.mark.parametrize("server", ["near", "far"])
def test_they_are_enough_for_traffic(lab, family, server):
    with lab.server(server, "tcp-echo", TCP_PORT):
        ping(lab, "client", lab.ip(server, family))
        ask(lab, "client", "tcp-ask", lab.ip(server, family), TCP_PORT, 1_000_000)
        ask(lab, "node-1", "tcp-ask", lab.ip(server, family), TCP_PORT)
    ping(lab, "client", lab.ip("node-2", family))


def test_they_are_enough_to_follow_flows_and_pods(lab):
    with lab.monitor("node-1") as monitor:
        ping(lab, "client", lab.ip("near", 4))
        monitor.wait_line("endpoint")
    assert {endpoint["state"] for endpoint in lab.json("node-1", "endpoint", "list")} == {"ready"}


def test_they_are_enough_to_take_over_and_to_take_down(lab):
    with lab.server("far", "tcp-echo", TCP_PORT):
        lab.run("agent", "node-1", "kill")
        lab.run("agent", "node-1", "start")
        ask(lab, "client", "tcp-ask", lab.ip("far", 4), TCP_PORT)
    lab.run("pod", "del", "near")
    wait_for(lambda: "near" not in lab.pilus("node-1", "endpoint", "list"), "the endpoint is gone")
