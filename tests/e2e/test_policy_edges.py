# SPDX-License-Identifier: Apache-2.0
"""Policies where something is missing or too much: no store, other modes, wrong objects, full maps."""
import contextlib
import json
import pathlib
import shutil

import pytest

from conftest import new_lab
from support import LAB, TCP_PORT, Process, ask, wait_for
from test_policy import about, cilium, peers, refused


def status(lab):
    """Of an agent that is not well, the exit status is not 0."""
    return json.loads(lab.pilus("node-1", "status", "-o", "json", check=False))


def warnings(lab):
    return "\n".join(status(lab)["warnings"])


def log(lab):
    return pathlib.Path(lab.folder, "node-1", "agent.log").read_text(encoding="utf-8")


def restart(lab):
    lab.run("agent", "node-1", "kill")
    lab.run("agent", "node-1", "start")


def bring(lab, *policies):
    """One node: what the import waits for is all."""
    lab.pilus("node-1", "policy", "import", "-", text="\n---\n".join(map(json.dumps, policies)))


@contextlib.contextmanager
def one_node(word, *arguments):
    """client, other and near, which answers."""
    with new_lab(word, "--nodes", "1", *arguments) as lab:
        for pod in ("client", "other", "near"):
            lab.add("node-1", pod, "--labels", f"app={pod}")
        with lab.server("near", "tcp-echo", TCP_PORT):
            yield lab


@pytest.fixture(name="lab", scope="module")
def _lab():
    with one_node("edges", "--store", "dir") as lab:
        yield lab


# ── without a store ──


@pytest.mark.skipif(not shutil.which("etcd"), reason="etcd is not installed: run make deps")
def test_what_is_made_while_the_store_is_away_is_closed_until_it_is_back():
    with one_node("storeless", "--store", "etcd") as lab:
        bring(lab, about("near", ingress=[{"from": peers("client")}]))
        lab.run("store", "kill")
        lab.add("node-1", "twin", "--labels", "app=near")  # of an identity that the agent knows, and its policy
        with lab.server("twin", "tcp-echo", TCP_PORT):
            refused(lab, "other", lab.ip("twin", 4))
            ask(lab, "client", "tcp-ask", lab.ip("twin", 4), TCP_PORT)
        restart(lab)  # now it knows nobody
        wait_for(lambda: "the policies are not known yet" in warnings(lab), "the agent says that it waits")
        refused(lab, "other", lab.ip("near", 4))
        ask(lab, "client", "tcp-ask", lab.ip("near", 4), TCP_PORT)
        made = Process([LAB, "--name", lab.name, "pod", "add", "node-1", "late", "--labels", "app=near"])
        try:
            wait_for(lambda: any(item["pod"] == "late" and item["state"] == "waiting-for-identity"
                                 for item in lab.json("node-1", "endpoint", "list")), "the pod waits")
            assert status(lab)["policy"]["state"] == "waiting for the store"
            lab.run("store", "start")
            if made.finish(30):  # the machine was slow: as a kubelet does then
                assert "try again later" in "\n".join(made.lines)
                lab.add("node-1", "late", "--labels", "app=near")
        finally:
            made.stop()
        with lab.server("late", "tcp-echo", TCP_PORT):
            refused(lab, "other", lab.ip("late", 4))
            lab.pilus("node-1", "policy", "wait")
            ask(lab, "client", "tcp-ask", lab.ip("late", 4), TCP_PORT)
            refused(lab, "other", lab.ip("late", 4))
        wait_for(lambda: not warnings(lab), "all is well again")


# ── enable-policy ──


def test_always_closes_who_has_no_policy():
    with one_node("always", "--agent-arg=--enable-policy=always") as lab:
        assert status(lab)["policy"]["enforcement"] == "always"
        assert {lab.endpoint("near")[key] for key in ("policy-ingress", "policy-egress")} == {"Enabled"}
        refused(lab, "client", lab.ip("near", 4))
        ask(lab, "node-1", "tcp-ask", lab.ip("near", 4), TCP_PORT)  # allow-localhost
        bring(lab, about("near", ingress=[{"from": peers("client")}]))
        refused(lab, "client", lab.ip("near", 4))
        bring(lab, about("client", name="out", policyTypes=["Egress"], egress=[{"to": peers("near")}]))
        ask(lab, "client", "tcp-ask", lab.ip("near", 4), TCP_PORT)
        refused(lab, "other", lab.ip("near", 4))


def test_never_closes_nobody_whatever_policies_say():
    with one_node("never", "--agent-arg=--enable-policy=never") as lab:
        bring(lab, about("near", ingress=[]), cilium("client", name="deny", egressDeny=[{"toEntities": ["all"]}]))
        assert status(lab)["policy"]["enforcement"] == "never"
        assert {lab.endpoint(pod)[key] for pod in ("near", "client")
                for key in ("policy-ingress", "policy-egress")} == {"Disabled"}
        ask(lab, "client", "tcp-ask", lab.ip("near", 4), TCP_PORT)
        restart(lab)
        ask(lab, "client", "tcp-ask", lab.ip("near", 4), TCP_PORT)


# ── wrong objects ──


def test_a_wrong_object_in_the_store_is_told_and_the_rest_is_in_force(lab):
    good = about("near", ingress=[{"from": peers("client")}])
    bring(lab, good)
    wrong = pathlib.Path(lab.folder, "store", "policies", "NetworkPolicy", "default", "wrong.json")
    wrong.write_text(json.dumps(about("near", name="wrong", engress=[])), encoding="utf-8")
    try:
        for again in (lambda lab: None, restart):
            again(lab)
            wait_for(lambda: "policies/NetworkPolicy/default/wrong is not enforced: " in warnings(lab), "it is told")
            assert "spec.engress: there is no such field" in warnings(lab)
            lab.pilus("node-1", "policy", "wait")
            assert lab.json("node-1", "policy", "get", "default/test") == good
            refused(lab, "other", lab.ip("near", 4))
            ask(lab, "client", "tcp-ask", lab.ip("near", 4), TCP_PORT)
        assert log(lab).count("policies/NetworkPolicy/default/wrong is no policy that can be enforced: ") == 2
    finally:
        wrong.unlink()
        lab.pilus("node-1", "policy", "delete", "--all")
    wait_for(lambda: not warnings(lab), "all is well again")


def test_a_policy_that_is_spoilt_stays_as_it_was(lab):
    bring(lab, about("near", ingress=[{"from": peers("client")}]))
    object_ = pathlib.Path(lab.folder, "store", "policies", "NetworkPolicy", "default", "test.json")
    object_.write_text("{", encoding="utf-8")
    try:
        for again in (lambda lab: None, restart, restart):
            again(lab)
            wait_for(lambda: "policies/NetworkPolicy/default/test is wrong, the one before stays in force: "
                     in warnings(lab), "it is told")
            refused(lab, "other", lab.ip("near", 4))
            ask(lab, "client", "tcp-ask", lab.ip("near", 4), TCP_PORT)
    finally:
        lab.pilus("node-1", "policy", "delete", "--all")
    wait_for(lambda: not warnings(lab), "all is well again")
    restart(lab)
    lab.pilus("node-1", "policy", "wait")
    ask(lab, "other", "tcp-ask", lab.ip("near", 4), TCP_PORT)


# ── many entries, and full maps ──


def entries_in_maps(lab, pod):
    return len(lab.json("node-1", "bpf", "policy", "get", str(lab.endpoint(pod)["id"])))


def test_a_hundred_thousand_entries_are_enforced(lab):
    """500 blocks and a peer at 200 ports, no two of which make a prefix."""
    ports = range(TCP_PORT - 398, TCP_PORT + 1, 2)
    blocks = [{"ipBlock": {"cidr": f"11.{number >> 8}.{number & 255}.0/24"}} for number in range(500)]
    bring(lab, about("near", ingress=[{"from": [*blocks, *peers("client")],
                                       "ports": [{"port": port, "protocol": "TCP"} for port in ports]}]))
    assert entries_in_maps(lab, "near") > 100000
    assert not warnings(lab)
    ask(lab, "client", "tcp-ask", lab.ip("near", 4), TCP_PORT)
    refused(lab, "other", lab.ip("near", 4))
    lab.pilus("node-1", "policy", "delete", "--all")
    ask(lab, "other", "tcp-ask", lab.ip("near", 4), TCP_PORT)


# Fills a map of policies with entries of a set that nobody has, or takes them out again.
FILL = """
import ctypes, errno, os, struct, sys
path, verb, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
syscall = ctypes.CDLL(None, use_errno=True).syscall
BPF = {"x86_64": 321, "aarch64": 280}[os.uname().machine]
OBJ_GET, UPDATE_BATCH, DELETE_BATCH = 7, 26, 27

def bpf(command, attributes):
    result = syscall(BPF, command, attributes, len(attributes))
    if result < 0 and ctypes.get_errno() not in (errno.ENOSPC, errno.ENOENT):  # all that fitted is what is wanted
        sys.exit(f"bpf command {command}: {os.strerror(ctypes.get_errno())}")
    return result

key, value_bytes = {"pilus_policy_cidrs": ("=I4s12xI", 4), "pilus_policy": ("=I4sI4x", 24)}[
    os.path.basename(path).rpartition("_v")[0]]
name = ctypes.create_string_buffer(path.encode())
fd = bpf(OBJ_GET, struct.pack("QII", ctypes.addressof(name), 0, 0))
whole = 8 * (struct.calcsize(key) - 4)
keys = ctypes.create_string_buffer(b"".join(struct.pack(key, whole, b"none", number) for number in range(count)))
values = ctypes.create_string_buffer(value_bytes * count)
bpf(UPDATE_BATCH if verb == "fill" else DELETE_BATCH,
    struct.pack("QQQQIIQQ", 0, 0, ctypes.addressof(keys), ctypes.addressof(values), count, fd, 0, 0))
"""


def map_of(lab, name):
    return next(row for row in lab.json("node-1", "map", "list") if row["name"] == name)


def entries_of_nobody(lab, name, verb):
    path, = lab.exec("node-1", "sh", "-c", f"echo /sys/fs/bpf/pilus/maps/{name}_v*").stdout.split()
    lab.python("node-1", FILL, path, verb, str(map_of(lab, name)["max-entries"]))


@pytest.mark.parametrize("name, mine", [
    ("pilus_policy_cidrs", 1),
    ("pilus_policy", 3),  # the client, the block and the node itself
])
def test_what_does_not_fit_locks_down_until_it_does(lab, name, mine):
    policy = about("near", ingress=[{"from": peers("client")}, {"from": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]}])
    bring(lab, policy)
    ask(lab, "client", "tcp-ask", lab.ip("near", 4), TCP_PORT)
    wait_for(lambda: map_of(lab, name)["entries"] == mine, "what was in force before is swept")
    entries_of_nobody(lab, name, "fill")
    try:
        policy["spec"]["ingress"][1]["from"] = [{"ipBlock": {"cidr": f"198.51.100.{number}/32"}} for number in range(9)]
        bring(lab, policy)
        identity = lab.endpoint("near")["identity"]
        told = f"the policies of identity {identity} do not fit into the maps: its pods are locked down"
        assert told in warnings(lab) and told in log(lab)
        assert status(lab)["policy"]["locked-down"] == 1
        for place in ("client", "node-1"):
            refused(lab, place, lab.ip("near", 4))
    finally:
        entries_of_nobody(lab, name, "empty")
    wait_for(lambda: not status(lab)["policy"]["locked-down"], "it was tried again", 20)
    assert f"the policies of identity {identity} fit into the maps now" in log(lab)
    assert not warnings(lab)
    ask(lab, "client", "tcp-ask", lab.ip("near", 4), TCP_PORT)
    refused(lab, "other", lab.ip("near", 4))
    lab.pilus("node-1", "policy", "delete", "--all")
