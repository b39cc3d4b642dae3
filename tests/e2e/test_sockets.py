# SPDX-License-Identifier: Apache-2.0
"""
The short cut between the sockets of a node's pods: who takes it, that nobody can tell by the bytes, and that policies,
captures and labels end it.
"""
import contextlib
import itertools
import json
import os
import re

import pytest

from conftest import new_lab
from support import TOP, wait_for

CHATTER = ["/usr/bin/python3", str(TOP / "tests" / "e2e" / "chatter.py")]
LABEL = "pilus.io/socket-acceleration"
NAMESPACE_LABEL = f"io.cilium.k8s.namespace.labels.{LABEL}"
# Of each family. A release asks for 10^5.
CONNECTIONS = int(os.environ.get("PILUS_SOCKET_CONNECTIONS") or 250)
PORTS = itertools.count(6000)
POLICY = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
          "metadata": {"name": "closed", "namespace": "default"},
          "spec": {"podSelector": {"matchLabels": {"app": "b"}}, "policyTypes": ["Ingress"]}}


@pytest.fixture(scope="module", name="lab")
def fixture_lab():
    with new_lab("sockets", "--nodes", "2", "--agent-arg", "--socket-acceleration=on") as lab:
        for pod in ("a", "b"):
            lab.add("node-1", pod, "--labels", f"app={pod}")
        lab.add("node-1", "refuses", "--labels", f"{LABEL}=off")
        lab.add("node-1", "quiet", "--labels", f"{NAMESPACE_LABEL}=off")
        lab.add("node-2", "far")
        yield lab


def answer(process, line):
    """What one of chatter's ends says to a line: (bytes, their sum)."""
    before = len(process.hear())
    process.tell(line)
    wanted = re.compile(rf"^{line.split()[0]}: (\d+) bytes, (\w+)$")
    process.wait_line(wanted.pattern, 30)
    wait_for(lambda: len(process.hear()) > before, f"an answer to {line}", 30)
    found = wanted.match(process.lines[-1])
    return int(found[1]), found[2]


class Conversation:
    """One connection, from a pod to another."""

    def __init__(self, lab, stack, client, server, family, address=None, port=None):
        self.lab, self.port = lab, next(PORTS)
        self.server_ip = lab.ip(server, family)
        self.listener = stack.enter_context(lab.background(server, *CHATTER, "listen", str(self.port), ready="^ready$"))
        if address:
            lab.pilus("node-1", "service", "update", "--frontend", f"{peer(address)}:{port}/TCP",
                      "--backends", f"{peer(self.server_ip)}:{self.port}")
        self.asker = stack.enter_context(lab.background(client, *CHATTER, "ask", address or self.server_ip,
                                                        str(port or self.port), ready="^ready$"))

    def ask(self, size, times):
        answer(self.asker, f"ask {size} {times}")

    def rows(self):
        """Its ends in `bpf sock list`: the client's, the server's."""
        found = [row for row in self.lab.json("node-1", "bpf", "sock", "list")
                 if self.port in (row["local-port"], row["remote-port"])]
        return sorted(found, key=lambda row: row["local-port"] == self.port)

    def ways(self):
        return [row["way"] for row in self.rows()]

    def messages(self):
        return sum(row["messages"] for row in self.rows())

    def flow(self):
        return next(row for row in self.lab.json("node-1", "bpf", "ct", "list")
                    if self.port in (row["source-port"], row["destination-port"]))

    def takes(self, number):
        """Of twenty messages, do so many take the short cut?"""
        before = self.messages()
        self.ask(10, 10)
        return self.messages() - before == number

    def shorten(self):
        wait_for(lambda: self.takes(20), "the connection takes the short cut")

    def lengthen(self):
        wait_for(lambda: self.takes(0), "messages go as packets")


def peer(address):
    return f"[{address}]" if ":" in address else address


@contextlib.contextmanager
def conversation(lab, client, server, family=4, **options):
    with contextlib.ExitStack() as stack:
        yield Conversation(lab, stack, client, server, family, **options)


# ── who takes it ──

@pytest.mark.kernels
def test_small_messages_take_the_short_cut(lab, family):
    with conversation(lab, "a", "b", family) as talk:
        assert talk.ways() == ["watched", "watched"]
        talk.shorten()
        assert talk.ways() == ["short-cut", "short-cut"]
        client, server = talk.rows()
        assert (client["local-address"], client["remote-address"]) == (lab.ip("a", family), lab.ip("b", family))
        assert (client["local-address"], client["local-port"]) == (server["remote-address"], server["remote-port"])
        assert client["endpoint"] == lab.endpoint("a")["id"] and server["endpoint"] == lab.endpoint("b")["id"]
    wait_for(lambda: not talk.rows(), "closed sockets leave the list")


def test_status_and_metrics_tell(lab):
    assert "Socket acceleration: Enabled" in lab.pilus("node-1", "status")
    assert lab.json("node-1", "status")["socket-acceleration"]["active"]
    with conversation(lab, "a", "b") as talk:
        talk.shorten()
    counted = {row["reason"]: row for row in lab.json("node-1", "bpf", "metrics", "list")}["Short cut"]
    assert counted["packets"] >= 20 and counted["bytes"] >= 200
    assert "pilus_short_cut_bytes_total" in lab.pilus("node-1", "metrics", "list")


@pytest.mark.kernels
def test_flows_count_what_passes_them_by(lab, family):
    def quiet():
        """The flow, once the last acknowledgement has been seen."""
        first = talk.flow()
        wait_for(lambda: talk.flow() == first or (first.update(talk.flow()), False)[1], "no more packets")
        return first

    with conversation(lab, "a", "b", family) as talk:
        talk.shorten()
        before = quiet()
        talk.ask(100, 50)
        after = quiet()
        for way in ("rx", "tx"):
            assert after[f"{way}-packets"] - before[f"{way}-packets"] == 50
            assert after[f"{way}-bytes"] - before[f"{way}-bytes"] == 5000


def test_a_service_is_no_detour(lab, family):
    address = {4: "10.96.7.1", 6: "fd96::7:1"}[family]
    with conversation(lab, "a", "b", family, address=address, port=80) as talk:
        talk.shorten()
        assert talk.ways() == ["short-cut", "short-cut"]


def test_bulk_goes_as_packets_for_ever(lab):
    with conversation(lab, "a", "b") as talk:
        talk.ask(1 << 20, 1)
        wait_for(lambda: talk.ways() == ["packets", "packets"], "both ends are let go")
        talk.ask(10, 20)
        assert talk.messages() == 0


def test_large_messages_go_as_packets_in_between(lab):
    with conversation(lab, "a", "b") as talk:
        talk.shorten()
        before = talk.messages()
        talk.ask(200000, 3)
        assert talk.messages() - before <= 8  # of the answer, which comes in pieces
        talk.shorten()


@pytest.mark.parametrize("client, server", [("a", "refuses"), ("refuses", "a"), ("a", "quiet")])
def test_a_label_of_the_pod_or_its_namespace_refuses(lab, client, server):
    with conversation(lab, client, server) as talk:
        talk.ask(10, 20)
        assert talk.ways() == ["off", "off"] and not talk.messages()


def test_another_node_is_no_neighbour(lab):
    with conversation(lab, "a", "far") as talk:
        talk.ask(10, 20)
        assert talk.ways() == ["remote"] and not talk.messages()


def test_a_label_ends_it_and_brings_it_back(lab):
    number = str(lab.endpoint("a")["id"])
    with conversation(lab, "a", "b") as talk:
        talk.shorten()
        lab.pilus("node-1", "endpoint", "labels", number, "--add", f"{LABEL}=off")
        talk.lengthen()
        lab.pilus("node-1", "endpoint", "labels", number, "--delete", LABEL)
        talk.shorten()


@pytest.mark.parametrize("how", [["--type", "trace"], ["-vv"]])
def test_whoever_looks_at_packets_sees_them(lab, how):
    with conversation(lab, "a", "b") as talk:
        talk.shorten()
        with lab.monitor("node-1", *how) as monitor:
            talk.lengthen()
            monitor.wait_line(rf"\b{talk.port}\b")
        talk.shorten()


# ── policy ──

def settle(lab):
    for node in ("node-1", "node-2"):
        lab.pilus(node, "policy", "wait")


@pytest.mark.kernels
def test_a_policy_ends_the_short_cut_and_the_connection(lab, family):
    with conversation(lab, "a", "b", family) as talk:
        talk.shorten()
        lab.pilus("node-1", "policy", "import", "-", text=json.dumps(POLICY))
        settle(lab)
        heard, _ = answer(talk.listener, "hear")
        sent = [answer(talk.asker, "send 10")[0] for _ in range(5)][-1]
        assert sent == heard + 50
        wait_for(lambda: {row["reason"] for row in lab.json("node-1", "bpf", "metrics", "list")} >= {"Policy denied"},
                 "the packets are refused")
        assert answer(talk.listener, "hear")[0] == heard
        lab.pilus("node-1", "policy", "delete", "--all")
        settle(lab)
        wait_for(lambda: answer(talk.listener, "hear")[0] == sent, "TCP sends again", 30)


def test_it_survives_a_policy_that_permits(lab):
    policy = json.loads(json.dumps(POLICY))
    policy["spec"]["ingress"] = [{"from": [{"podSelector": {"matchLabels": {"app": "a"}}}]}]
    with conversation(lab, "a", "b") as talk:
        talk.shorten()
        lab.pilus("node-1", "policy", "import", "-", text=json.dumps(policy))
        settle(lab)
        talk.shorten()
        lab.pilus("node-1", "policy", "delete", "--all")
        settle(lab)
        talk.shorten()


# ── every byte ──

def talk_all(lab, family, number, seed):
    port = str(next(PORTS))
    with lab.background("b", *CHATTER, "serve", port, ready="^ready$"):
        done = lab.exec("a", *CHATTER, "talk", lab.ip("b", family), port, str(number), str(seed), seconds=60 + number)
    return json.loads(done.stdout)


@pytest.mark.kernels
def test_every_byte_arrives_in_order(lab, family):
    before = short_cut_messages(lab)
    told = talk_all(lab, family, CONNECTIONS, family)
    assert not told["client"]["wrongs"] and not told["server"]["wrongs"], told
    for end in ("both", "half", "client", "server", "reset"):
        assert told["client"][end] == told["server"][end]
    assert sum(told["client"][end] for end in ("both", "half", "client", "server", "reset")) == CONNECTIONS
    assert short_cut_messages(lab) - before > 5 * CONNECTIONS


def short_cut_messages(lab):
    return sum(row["packets"] for row in lab.json("node-1", "bpf", "metrics", "list") if row["reason"] == "Short cut")


def test_a_slow_reader_fills_no_more_than_its_room(lab):
    with conversation(lab, "a", "b") as talk:
        talk.shorten()
        before = talk.rows()[0]["bytes"]
        answer(talk.listener, "mute")
        sent, summed = answer(talk.asker, "fill 100")
        assert sent > 1 << 17  # more than the short cut takes
        assert talk.rows()[0]["bytes"] - before <= 1 << 16
        answer(talk.asker, "end")
        assert answer(talk.listener, "read") == (sent, summed)


def test_an_agent_that_is_killed_is_missed_by_nobody(lab):
    with conversation(lab, "a", "b") as talk, lab.background("b", *CHATTER, "serve", "5999", ready="^ready$"), \
         lab.background("a", *CHATTER, "talk", lab.ip("b", 4), "5999", str(CONNECTIONS), "77") as others:
        talk.shorten()
        lab.run("agent", "node-1", "kill")
        assert talk.takes(20)
        lab.run("agent", "node-1", "start")
        talk.shorten()
        told = json.loads(others.wait_line("^{", 60 + CONNECTIONS))
        assert not told["client"]["wrongs"] and not told["server"]["wrongs"], told


# ── other settings ──

def set_acceleration(lab, value):
    lab.exec("node-1", "sh", "-c", f"echo 'socket-acceleration: {value}' > /run/pilus/acceleration && "
             "sed -i /^socket-acceleration/d /run/pilus/pilus.yaml && "
             "cat /run/pilus/acceleration >> /run/pilus/pilus.yaml")
    lab.run("agent", "node-1", "stop")
    lab.run("agent", "node-1", "start")


def test_switched_off_connections_go_on(make_lab):
    lab = make_lab("sockets-off", "--nodes", "1")
    assert "Socket acceleration: Disabled" in lab.pilus("node-1", "status")
    assert "set socket-acceleration to on" in lab.pilus("node-1", "bpf", "sock", "list")
    assert lab.json("node-1", "bpf", "sock", "list") == []
    set_acceleration(lab, "opt-in")
    assert lab.pilus("node-1", "bpf", "sock", "list").startswith("ENDPOINT")
    lab.add("node-1", "a", "--labels", f"{LABEL}=on")
    lab.add("node-1", "b", "--labels", f"{LABEL}=on")
    lab.add("node-1", "c")
    with conversation(lab, "a", "b") as talk, conversation(lab, "a", "c") as other:
        talk.shorten()
        other.ask(10, 20)
        assert other.ways() == ["off", "off"] and not other.messages()
        set_acceleration(lab, "off")
        assert "Socket acceleration: Disabled" in lab.pilus("node-1", "status")
        before = short_cut_messages(lab)
        talk.ask(10, 20)
        assert short_cut_messages(lab) == before and not talk.rows()
        set_acceleration(lab, "on")
        talk.ask(10, 20)
        assert not talk.rows()  # established before: a stranger
    with conversation(lab, "a", "c") as talk:
        talk.shorten()
