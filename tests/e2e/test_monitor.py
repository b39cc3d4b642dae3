# SPDX-License-Identifier: Apache-2.0
"""The monitor tells a packet's story, on both nodes; and costs nothing while nobody listens."""
import contextlib
import json
import re

import pytest

from support import IPV6_OUT_OF_IPV4_SINCE, KERNEL, TCP_PORT, ask, ping, wait_for

ECHO = {4: ("EchoRequest", "EchoReply"), 6: ("EchoRequest", "EchoReply")}


def events(lines):
    return [json.loads(line) for line in lines if line.startswith("{")]


def points(lines, word):
    """The trace points of the packets whose line has the word, in order."""
    return [event["observationPoint"] for event in events(lines)
            if event["type"] == "trace" and word in json.dumps(event)]


@contextlib.contextmanager
def both(lab, *arguments):
    with lab.monitor("node-1", *arguments) as one, lab.monitor("node-2", *arguments) as two:
        yield one, two


def test_story_of_one_ping_across_in_json(lab, family):
    request, reply = ECHO[family]
    # Left to the overlay device, a packet is seen by the uplink's program too.
    left = ["from-network"] if family == 6 and KERNEL < IPV6_OUT_OF_IPV4_SINCE else []
    with both(lab, "-j", "--type", "trace") as (one, two):
        ping(lab, "client", lab.ip("far", family), count=1)
        one.wait_line(f"to-endpoint.*{reply}")
        two.wait_line(f"to-overlay.*{reply}")
    assert points(one.lines, request) == ["from-endpoint", "to-overlay"]
    assert points(two.lines, request) == [*left, "from-overlay", "to-endpoint"]
    assert points(two.lines, reply) == ["from-endpoint", "to-overlay"]
    assert points(one.lines, reply) == [*left, "from-overlay", "to-endpoint"]
    client, far = lab.endpoint("client")["identity"], lab.endpoint("far")["identity"]
    arrival = next(event for event in events(two.lines) if event["observationPoint"] == "to-endpoint")
    assert (arrival["srcLabel"], arrival["dstLabel"]) == (client, far)
    assert arrival["state"] == "new"
    back = next(event for event in events(one.lines) if event["observationPoint"] == "to-endpoint")
    assert (back["srcLabel"], back["dstLabel"], back["state"]) == (far, client, "reply")


def test_story_of_one_ping_on_a_node(lab, family):
    request, reply = ECHO[family]
    with lab.monitor("node-1", "-j", "--type", "trace") as monitor:
        ping(lab, "client", lab.ip("near", family), count=1)
        monitor.wait_line(f"to-endpoint.*{reply}")
    for word in (request, reply):
        assert points(monitor.lines, word) == ["from-endpoint", "to-endpoint"]


def test_one_line_each_by_default(lab, family):
    client, far = lab.endpoint("client"), lab.endpoint("far")
    with both(lab) as (one, two):
        ping(lab, "client", lab.ip("far", family), count=1)
        line = two.wait_line(r"-> endpoint .*EchoRequest")
        one.wait_line(r"-> endpoint .*EchoReply")
    assert f"-> endpoint {far['id']} flow 0x" in line
    assert "state new" in line and "ifindex" in line
    assert f"identity {client['identity']}->{far['identity']}" in line
    assert f"{lab.ip('client', family)} -> {lab.ip('far', family)} EchoRequest" in line
    flow = re.search(r"flow (0x[0-9a-f]+)", line)[1]
    assert any(flow in other and "EchoReply" in other for other in two.lines), "both directions are one flow"


def test_v_dissects(lab, family):
    with lab.monitor("node-1", "-v", "--type", "trace") as monitor:
        ask(lab, "client", "tcp-ask", lab.ip("near", family), TCP_PORT, 10)
        monitor.wait_line("FIN|SYN")
    text = "\n".join(monitor.lines)
    device = lab.endpoint("client")["device"]
    for word in ("Ethernet", {4: "IPv4", 6: "IPv6"}[family], "TCP", device, "k8s:app=client", "k8s:app=near", "state new"):
        assert word in text, f"{word} is not in\n{text}"


def test_vv_tells_what_was_done(lab, family):
    with both(lab, "-vv", "--type", "trace") as (one, two):
        lab.pilus("node-1", "bpf", "ct", "flush")
        lab.pilus("node-2", "bpf", "ct", "flush")
        ping(lab, "client", lab.ip("far", family), count=2)
        one.wait_line("to-endpoint")
        two.wait_line("flow found")
    sent, received = "\n".join(one.lines), "\n".join(two.lines)
    for word in ("no flow yet", "flow created", "flow found", "encapsulated", "node-2"):
        assert word in sent, f"{word} is not in\n{sent}"
    for word in ("decapsulated", "delivered into the pod", "VNI"):
        assert word in received, f"{word} is not in\n{received}"
    assert re.search(r"([0-9a-f]{2} ){8}", received), "hex"


@pytest.mark.parametrize("option", ["--from", "--to", "--related-to"])
def test_filters(lab, option):
    near = lab.endpoint("near")["id"]
    with lab.monitor("node-1", "-j", "--type", "trace", option, str(near)) as monitor:
        ping(lab, "client", lab.ip("far", 4), count=2)
        ping(lab, "client", lab.ip("near", 4), count=1)
        monitor.wait_line("EchoRequest" if option == "--to" else "EchoReply")
    assert not [line for line in monitor.lines if lab.ip("far", 4) in line]
    seen = {(event["observationPoint"], "EchoRequest" in json.dumps(event)) for event in events(monitor.lines)}
    expected = {
        "--from": {("from-endpoint", False), ("to-endpoint", False)},
        "--to": {("to-endpoint", True)},
        "--related-to": {("from-endpoint", False), ("to-endpoint", True)},
    }[option]
    assert expected <= seen


def test_agent_events(lab):
    with both(lab, "--type", "agent") as (one, two):
        lab.add("node-1", "brief")
        address = lab.ip("brief", 4)
        one.wait_line("Endpoint created")
        two.wait_line(f"IPCache entry upserted.*{re.escape(address)}")
        lab.run("pod", "del", "brief")
        one.wait_line("Endpoint deleted")
        two.wait_line(f"IPCache entry deleted.*{re.escape(address)}")


def test_no_listener_no_events(lab):
    with lab.monitor("node-1") as monitor:
        assert lab.json("node-1", "status")["monitor"]["listeners"] == 1
        ping(lab, "client", lab.ip("near", 4), count=1)
        monitor.wait_line("EchoReply")
    wait_for(lambda: lab.json("node-1", "status")["monitor"]["listeners"] == 0, "the listener is gone")


def test_two_listeners_hear_the_same(lab):
    with lab.monitor("node-1", "-j") as one, lab.monitor("node-1", "-j") as two:
        ping(lab, "client", lab.ip("near", 4), count=1)
        for monitor in (one, two):
            monitor.wait_line("EchoReply")


def test_by_default_a_flow_is_told_where_it_turns(lab):
    """Hundreds of packets, a few lines: so that listening costs next to nothing."""
    with lab.monitor("node-1", "-j", "--related-to", str(lab.endpoint("client")["id"])) as monitor:
        ask(lab, "client", "tcp-ask", lab.ip("near", 4), TCP_PORT, 200)
        for pod in ("client", "near"):
            monitor.wait_line(rf'(?=.*FIN).*"source": ?{lab.endpoint(pod)["id"]}\b')
    seen = [event for event in events(monitor.lines) if "TCP" in json.dumps(event) or "tcp" in json.dumps(event)]
    assert 4 <= len(seen) < 20
    assert {event["observationPoint"] for event in seen} == {"to-endpoint"}
