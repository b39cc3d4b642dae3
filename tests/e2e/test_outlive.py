# SPDX-License-Identifier: Apache-2.0
"""
The datapath outlives the agent: agents end, die, and come back as another version, and back as this one, under traffic.
PILUS_SOAK=60 in the environment makes the traffic last that many seconds.
"""
import contextlib
import itertools
import json
import os
import pathlib
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

import upgrade
from conftest import new_lab
from support import BUILD, KERNEL, PATIENCE, PEER, TCP_PORT, TCX_SINCE, ask, ping, wait_for

SECONDS = int(os.environ.get("PILUS_SOAK") or 12)
PINGS_A_SECOND = 200
NODES = ("node-1", "node-2")
WORLD = "10.99.0.254"  # the underlay: nodes reach it, and pods by masquerade


@pytest.fixture(name="upgraded", scope="module")
def _upgraded(tmp_path_factory):
    """The folder of another version's programs."""
    return upgrade.build(tmp_path_factory.mktemp("upgrade"))


@pytest.fixture(name="lab", scope="module", params=["tcx", "clsact"])
def _lab(request):
    if request.param == "tcx" and KERNEL < TCX_SINCE:
        pytest.skip("this kernel has no tcx")
    with new_lab("outlive", "--agent-arg", f"--attach={request.param}") as lab, contextlib.ExitStack() as servers:
        lab.attach = request.param
        lab.add("node-1", "client")
        lab.add("node-1", "near")
        lab.add("node-2", "far")
        for place in ("near", "far", "underlay"):
            servers.enter_context(lab.server(place, "tcp-echo", TCP_PORT))
        yield lab


def pins(lab, node, folder="maps"):
    return set(lab.exec(node, "ls", f"/sys/fs/bpf/pilus/{folder}").stdout.split())


def restart(lab, how, programs):
    """Both agents, by the programs in the folder."""
    lab.programs = programs
    for node in NODES:
        lab.run("agent", node, how)
        lab.run("agent", node, "start")


def packets(lab, port):
    """How many packets of the flows to the port the client's node has counted."""
    return sum(flow["tx-packets"] for flow in lab.json("node-1", "bpf", "ct", "list")
               if flow["destination-port"] == port)


@contextlib.contextmanager
def traffic(lab, seconds):
    """Pings, streams and open connections, on the node, across and out. Ends by itself; nothing of it may be lost."""
    with contextlib.ExitStack() as stack:
        start = lambda place, *command, **options: stack.enter_context(lab.background(place, *command, **options))
        pings = [start("client", "ping", "-n", "-q", "-i", str(1 / PINGS_A_SECOND), "-c",
                       str(seconds * PINGS_A_SECOND), "-W", str(PATIENCE), lab.ip(server, family))
                 for server in ("near", "far") for family in (4, 6)]
        streams, steady = [], []
        for server in ("near", "far"):
            start(server, "iperf3", "-s", "-1", "--forceflush", ready="Server listening")
            streams.append(start("client", "iperf3", "-J", "-b", "200M", "-t", str(seconds), "-c", lab.ip(server, 4)))
        for address in (lab.ip("near", 6), lab.ip("far", 6), WORLD):
            steady.append(start("client", *PEER, "tcp-steady", address, str(TCP_PORT), ready="^ready$"))
        yield lambda: all(process.ended() for process in pings + streams)
        for process in pings:
            assert process.finish(seconds + 10) == 0
            assert " 0% packet loss" in "\n".join(process.lines), process.lines
        for process in streams:
            assert process.finish(seconds + 10) == 0, process.lines
            intervals = json.loads("\n".join(process.lines))["intervals"]
            assert all(interval["sum"]["bytes"] for interval in intervals)
        for process in steady:
            assert process.finish() == 0, process.lines
            longest = int(re.search(r"longest=(\d+)", process.lines[-1])[1])
            assert longest < 1000 * PATIENCE, f"somebody waited {longest} ms: more than the machine's being busy"


def test_nothing_is_lost_while_agents_come_and_go(lab, upgraded):
    own = pins(lab, "node-1")
    ways = itertools.cycle([("kill", BUILD), ("stop", upgraded), ("kill", upgraded), ("stop", BUILD)])
    with traffic(lab, SECONDS) as has_ended:
        changes = 0
        while not has_ended() or changes < 4:
            how, programs = next(ways)
            restart(lab, how, programs)
            assert (pins(lab, "node-1") == own) == (programs == BUILD)
            changes += 1
    restart(lab, "stop", BUILD)


def test_a_stream_goes_on_when_its_flow_is_forgotten(lab):
    with lab.background("client", *PEER, "tcp-steady", lab.ip("far", 4), str(TCP_PORT), ready="^ready$") as steady:
        for node in NODES:
            lab.pilus(node, "bpf", "ct", "flush")
        assert steady.finish() == 0, steady.lines


def test_flows_go_along_into_a_table_of_another_size(lab):
    config = pathlib.Path(lab.folder, "node-1", "pilus.yaml")
    text = config.read_text()
    with lab.background("client", *PEER, "tcp-steady", lab.ip("far", 4), str(TCP_PORT), ready="^ready$") as steady:
        wait_for(lambda: packets(lab, TCP_PORT) > 50, "50 packets")
        for size in (1024, 2048):
            before = packets(lab, TCP_PORT)
            config.write_text(text + f"flow-table-size: {size}\n")
            lab.run("agent", "node-1", "stop")
            lab.run("agent", "node-1", "start")
            table = next(item for item in lab.json("node-1", "map", "list") if item["name"] == "pilus_flows")
            assert table["max-entries"] == size
            assert packets(lab, TCP_PORT) >= before
        assert steady.finish() == 0, steady.lines
    config.write_text(text)


def test_an_uplink_that_is_no_longer_one_has_no_programs(lab):
    config = pathlib.Path(lab.folder, "node-1", "pilus.yaml")
    text = config.read_text()

    def programs(device):
        return lab.exec("node-1", "tc", "filter", "show", "dev", device, "ingress").stdout if lab.attach == "clsact" \
            else [pin for pin in pins(lab, "node-1", "links") if pin.startswith(device)]

    lab.exec("node-1", "ip", "link", "add", "spare", "type", "veth")
    for uplinks in ("[eth0, spare]", "[eth0]"):
        config.write_text(text + f"uplinks: {uplinks}\n")
        lab.run("agent", "node-1", "stop")
        lab.run("agent", "node-1", "start")
        assert programs("eth0")
        assert bool(programs("spare")) == ("spare" in uplinks)
    lab.exec("node-1", "ip", "link", "del", "spare")
    config.write_text(text)


def test_what_cannot_fill_its_maps_yet_leaves_the_others_at_work(make_lab, upgraded):
    """Another version comes while the store is away."""
    lab = make_lab("waits", "--store", "etcd")
    lab.add("node-1", "client")
    lab.add("node-2", "far")
    lab.run("store", "stop")
    lab.run("agent", "node-1", "stop")
    own = pins(lab, "node-1")
    with lab.server("far", "tcp-echo", TCP_PORT), ThreadPoolExecutor() as executor:
        lab.programs = upgraded
        started = executor.submit(lab.run, "agent", "node-1", "start")
        log = pathlib.Path(lab.folder, "node-1", "agent.log")
        wait_for(lambda: "the maps are new" in log.read_text(), "the agent waits")
        ping(lab, "client", lab.ip("far", 4))
        ask(lab, "client", "tcp-ask", lab.ip("far", 6), TCP_PORT)
        assert pins(lab, "node-1") == own
        assert not started.done()
        lab.run("store", "start")
        started.result()
        assert pins(lab, "node-1") != own
        ping(lab, "client", lab.ip("far", 4))
        ask(lab, "client", "tcp-ask", lab.ip("far", 6), TCP_PORT)


def test_it_can_be_removed(lab):
    def remove(check):
        return lab.exec("node-1", "pilusd", "--config", "/run/pilus/pilus.yaml", "--remove-datapath", check=check)

    done = remove(check=False)
    assert done.returncode == 1 and "another agent listens" in done.stderr
    ping(lab, "client", lab.ip("far", 4))
    lab.run("agent", "node-1", "kill")
    remove(check=True)
    assert "pilus" not in lab.exec("node-1", "ls", "/sys/fs/bpf").stdout
    assert "pilus_vxlan" not in lab.exec("node-1", "ip", "link").stdout
    for device in ("eth0", "plx1"):
        for hook in ("ingress", "egress"):
            assert lab.exec("node-1", "tc", "filter", "show", "dev", device, hook).stdout == ""
    lab.run("agent", "node-1", "start")
    ping(lab, "client", lab.ip("far", 4))
