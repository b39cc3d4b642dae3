# SPDX-License-Identifier: Apache-2.0
"""
Three nodes on etcd, and what becomes of them when it goes, loses its memory, or one of them dies. PILUS_OUTAGE: how many
seconds etcd is away (default 12).
"""
import base64
import contextlib
import json
import os
import shutil
import time

import pytest

from conftest import new_lab
from support import LAB, PATIENCE, Process, ping, wait_for

pytestmark = pytest.mark.skipif(not shutil.which("etcd"), reason="etcd is not installed: run make deps")

NODES = ("node-1", "node-2", "node-3")
OUTAGE = float(os.environ.get("PILUS_OUTAGE") or 12)
LEASE = 20
GRACE = 15  # src/store/etcd_watch.c


@pytest.fixture(name="lab", scope="module")
def _lab():
    with new_lab("nodes", "--store", "etcd", "--nodes", "3") as lab:
        for number, pod in enumerate(("one", "two", "three"), 1):
            lab.add(f"node-{number}", pod, "--labels", f"app={pod}")
        yield lab


@contextlib.contextmanager
def no_loss(lab, client, *servers):
    """Whoever leaves this has had an answer to every ping, ten a second."""
    with contextlib.ExitStack() as stack:
        commands = [["ping", "-n", "-i", "0.1", lab.ip(server, 4)] for server in servers]
        pings = [stack.enter_context(lab.background(client, *command, ready="icmp_seq=1 ")) for command in commands]
        yield
        for command, process in zip(commands, pings):
            # These alone: other tests ping beside this one.
            lab.exec(client, "pkill", "-INT", "-f", f"^{' '.join(command)}$", check=False)
            summary = process.wait_line("packets transmitted")
            sent, received = (int(word) for word in summary.split() if word.isdigit())
            assert received >= sent - 1, summary  # the last may have been under way


def start_add(lab, node, pod, *arguments):
    """Ends when all agents know it, or after some time without."""
    return Process([LAB, "--name", lab.name, "pod", "add", node, pod, *arguments])


def is_ready(lab, node, pod):
    return any(item["pod"] == pod and item["state"] == "ready" for item in lab.json(node, "endpoint", "list"))


def state(lab, node, kind="store"):
    """Of an agent that is not well, the status is not 0."""
    return json.loads(lab.pilus(node, "status", "-o", "json", check=False))[kind]["state"]


def wait_store(lab, word, seconds=15):
    for node in NODES:
        wait_for(lambda name=node: state(lab, name) == word, f"to {node} the store is {word}", seconds)


def nodes_known_to(lab, node):
    return {item["name"]: item["agent"] for item in lab.json(node, "node", "list")}


def knows(lab, node, address):
    return any(item["cidr"].partition("/")[0] == address for item in lab.json(node, "ip", "list"))


def wait_known(lab, pod, known=True, nodes=NODES, address=None):
    address = address or lab.ip(pod, 4)
    for node in nodes:
        wait_for(lambda name=node: knows(lab, name, address) == known, f"{pod} is {known and 'known to' or 'left'} {node}",
                 20)


def gateway(lab, path, body):
    """etcd itself, asked from the underlay."""
    return json.loads(lab.exec("underlay", "curl", "-sf", f"http://10.99.0.254:2379/v3/{path}", "-d",
                               json.dumps(body)).stdout)


def keys(lab):
    everything = {"key": base64.b64encode(b"/pilus/").decode(), "range_end": base64.b64encode(b"/pilus0").decode()}
    pairs = gateway(lab, "kv/range", {**everything, "keys_only": True}).get("kvs", [])
    return {base64.b64decode(pair["key"]).decode().removeprefix("/pilus/") for pair in pairs}


def test_an_outage_of_the_store_costs_nothing(lab):
    lab.add("node-2", "old", "--labels", "app=old")
    lab.add("node-3", "known", "--labels", "app=known")
    old = lab.ip("old", 4)
    with no_loss(lab, "one", "two", "three"):
        lab.run("store", "kill")
        gone = time.monotonic()
        wait_store(lab, "Failure")

        refused = start_add(lab, "node-1", "new", "--labels", "app=never-seen")
        late = start_add(lab, "node-2", "late", "--labels", "app=known")
        lab.run("pod", "del", "old")
        wait_for(lambda: is_ready(lab, "node-2", "late"), "a pod with a known identity is made", 20)
        assert refused.finish(20) == 1
        assert any("(CNI code 11)" in line for line in refused.lines), refused.lines
        ping(lab, "two", lab.ip("late", 4))

        while time.monotonic() - gone < OUTAGE * PATIENCE:
            for node in NODES:
                assert set(nodes_known_to(lab, node)) == set(NODES)
                assert all(knows(lab, node, lab.ip(pod, 4)) for pod in ("one", "two", "three", "known"))
            time.sleep(0.5)  # nothing shall happen
        lab.run("store", "start")
        wait_store(lab, "Ok")

        wait_known(lab, "late")
        wait_known(lab, "old", False, address=old)
        late.finish(20)
        ping(lab, "one", lab.ip("late", 4))
        lab.add("node-1", "new", "--labels", "app=never-seen")
        ping(lab, "three", lab.ip("new", 4))
    assert lab.endpoint("late")["identity"] == lab.endpoint("known")["identity"]
    assert {f"alive/{node}" for node in NODES} <= keys(lab)
    for node in NODES:
        wait_for(lambda name=node: set(nodes_known_to(lab, name).values()) == {"up"}, f"{node} hears of all")
    for pod in ("new", "late", "known"):
        lab.run("pod", "del", pod)


def test_a_store_without_its_memory_is_told_again(lab):
    before = keys(lab)
    identity = lab.endpoint("one")["identity"]
    with no_loss(lab, "one", "two", "three"):
        lab.run("store", "kill")
        shutil.rmtree(f"{lab.folder}/etcd/data")
        lab.run("store", "start")
        started = time.monotonic()
        wait_store(lab, "Ok")
        wanted = {f"nodes/{node}" for node in NODES} | {f"alive/{node}" for node in NODES}
        wanted |= {f"ips/{lab.ip(pod, family)}" for pod in ("one", "two", "three") for family in (4, 6)}
        wanted |= {f"identities/{lab.endpoint(pod)['identity']}" for pod in ("one", "two", "three")}
        assert wanted <= before
        wait_for(lambda: wanted <= keys(lab), "etcd has what the nodes know")
        while time.monotonic() - started < (GRACE + 5) * PATIENCE:
            for node in NODES:
                assert set(nodes_known_to(lab, node)) == set(NODES)
                assert all(knows(lab, node, lab.ip(pod, 4)) for pod in ("one", "two", "three"))
            time.sleep(0.5)  # nothing shall happen
    lab.add("node-3", "twin", "--labels", "app=one")
    assert lab.endpoint("twin")["identity"] == identity
    lab.run("pod", "del", "twin")


def test_a_node_that_missed_what_etcd_has_forgotten_catches_up(lab):
    lab.add("node-1", "goes")
    goes = lab.ip("goes", 4)
    lab.exec("underlay", "ip", "link", "set", "node-3", "down")
    comes = start_add(lab, "node-2", "comes")
    wait_for(lambda: is_ready(lab, "node-2", "comes"), "the pod is made")
    wait_known(lab, "comes", nodes=("node-1",))
    lab.run("pod", "del", "goes")
    wait_known(lab, "goes", False, ("node-2",), goes)
    gateway(lab, "kv/compaction", {"revision": gateway(lab, "kv/range", {"key": "AA=="})["header"]["revision"]})
    assert knows(lab, "node-3", goes) and not knows(lab, "node-3", lab.ip("comes", 4))
    lab.exec("underlay", "ip", "link", "set", "node-3", "up")
    wait_known(lab, "comes", nodes=("node-3",))
    wait_known(lab, "goes", False, ("node-3",), goes)
    comes.finish(20)
    ping(lab, "three", lab.ip("comes", 4))
    lab.run("pod", "del", "comes")


def left(lab, seen_from, node, address):
    """The node is in no list of the other's, its pod's address in no map, its pods' CIDR in no routing table."""
    return (node not in nodes_known_to(lab, seen_from) and not knows(lab, seen_from, address)
            and address not in lab.pilus(seen_from, "bpf", "ipcache", "list")
            and address.rpartition(".")[0] not in lab.exec(seen_from, "ip", "route").stdout)


def test_a_dead_node_leaves_in_time_and_one_without_agent_stays(lab):
    """node-2 loses its agent only; node-3 dies whole, and comes back."""
    three = lab.ip("three", 4)
    with no_loss(lab, "one", "two"):
        died = time.monotonic()
        lab.exec("underlay", "ip", "link", "set", "node-3", "down")
        lab.run("agent", "node-3", "kill")
        lab.run("agent", "node-2", "kill")
        wait_for(lambda: left(lab, "node-1", "node-3", three), "node-3 left", 30)
        assert time.monotonic() - died > LEASE / 2, "its lease did not last"
        wait_for(lambda: nodes_known_to(lab, "node-1") == {"node-1": "up", "node-2": "silent"}, "node-2 is silent")
        time.sleep(4)  # for pings to be lost, if they were
        lab.run("agent", "node-2", "start")
        wait_for(lambda: nodes_known_to(lab, "node-1") == {"node-1": "up", "node-2": "up"}, "node-2 is back")
        wait_for(lambda: left(lab, "node-2", "node-3", three), "an agent that starts finds node-3 dead", 15)
    lab.exec("underlay", "ip", "link", "set", "node-3", "up")
    lab.run("agent", "node-3", "start")
    for node in NODES:
        wait_for(lambda name=node: nodes_known_to(lab, name) == dict.fromkeys(NODES, "up"), f"{node} knows all again")
    wait_known(lab, "three")
    assert lab.endpoint("three")["ipv4"] == three and lab.endpoint("three")["state"] == "ready"
    for family in (4, 6):
        ping(lab, "one", lab.ip("three", family))
        ping(lab, "three", lab.ip("two", family))
