# SPDX-License-Identifier: Apache-2.0
"""Policies from the command line to the packets: imported on one node, enforced on all."""
import contextlib
import itertools
import json
import os
import re
import subprocess
import time

import pytest

from conftest import new_pair
from support import LAB, PATIENCE, PEER, PYTHON, TCP_PORT, UDP_PORT, ask, dropped, wait_for

UNDERLAY = {4: "10.99.0.254", 6: "fd99::fe"}

TRY = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=float(sys.argv[3])).close()
except TimeoutError:
    sys.exit("timeout")
"""

ASK = """
import socket, sys
asker = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
asker.settimeout(float(sys.argv[3]))
asker.connect((sys.argv[1], int(sys.argv[2])))
asker.send(b"?")
try:
    asker.recv(10)
except TimeoutError:
    sys.exit("timeout")
"""

# Asks by UDP from ever new ports, until its input ends; says how often, and how often somebody answered.
FLOOD = """
import select, socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
askers, asked, answered = [], 0, 0
while not select.select([sys.stdin], [], [], 0)[0]:
    askers.append(socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK))
    askers[-1].connect((sys.argv[1], int(sys.argv[2])))
    for _ in range(100):
        askers[-1].send(b"?")
    asked += 100
    if asked == 100:
        print("ready", flush=True)
    if len(askers) > 200:
        for asker in askers:
            try:
                asker.recv(1)
                answered += 1
            except BlockingIOError:
                pass
            asker.close()
        askers.clear()
print(f"asked={asked} answered={answered}", flush=True)
"""
WINDOW_SECONDS = float(os.environ.get("PILUS_WINDOW_SECONDS") or 3)


@pytest.fixture(scope="module")
def lab():
    """Of its own: what is closed here would surprise the others."""
    with new_pair("policy") as pair:
        pair.add("node-1", "other", "--labels", "app=other")
        yield pair


@pytest.fixture(autouse=True)
def none_left(lab):
    yield
    lab.pilus("node-1", "policy", "delete", "--all")
    settle(lab)


def settle(lab):
    """Until both nodes enforce the same."""
    wait_for(lambda: lab.json("node-1", "policy", "get") == lab.json("node-2", "policy", "get"),
             "both nodes have the same policies")
    for node in ("node-1", "node-2"):
        lab.pilus(node, "policy", "wait")


def bring(lab, *policies):
    lab.pilus("node-1", "policy", "import", "-", text="\n---\n".join(map(json.dumps, policies)))
    settle(lab)


def about(pod, namespace="default", name="test", **spec):
    """A NetworkPolicy about the pods with that app."""
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"podSelector": {"matchLabels": {"app": pod}}, **spec}}


def cilium(pod, namespace="default", name="test", **spec):
    return {"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"endpointSelector": {"matchLabels": {"app": pod}}, **spec}}


def namespace_of(pod):
    return "away" if pod == "far" else "default"


def peers(*apps):
    """Pods of any namespace."""
    return [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": app}}} for app in apps]


def refused(lab, place, address, port=TCP_PORT):
    """Nothing comes back: a connection is not refused by anybody, it is dropped."""
    done = lab.exec(place, *PYTHON, TRY, address, str(port), "1", check=False)
    assert done.stderr.strip() == "timeout", f"{place} -> {address}\n{done.stdout}{done.stderr}"


def unanswered(lab, place, address):
    done = lab.exec(place, *PYTHON, ASK, address, str(UDP_PORT), "1", check=False)
    assert done.stderr.strip() == "timeout", f"{place} -> {address}\n{done.stdout}{done.stderr}"


# ── who may ──


def test_only_who_is_allowed_comes_in(lab, family, server):
    before = sum(dropped(lab, node, "Policy denied") for node in ("node-1", "node-2"))
    bring(lab, about(server, namespace_of(server),
                     ingress=[{"from": peers("client"), "ports": [{"port": TCP_PORT}]}]))
    ask(lab, "client", "tcp-ask", lab.ip(server, family), TCP_PORT)
    refused(lab, "other", lab.ip(server, family))
    unanswered(lab, "client", lab.ip(server, family))
    assert sum(dropped(lab, node, "Policy denied") for node in ("node-1", "node-2")) > before
    assert lab.endpoint(server)["policy-ingress"] == "Enabled"
    assert lab.endpoint(server)["policy-egress"] == "Disabled"


def test_only_what_is_allowed_goes_out_and_answers_come_back(lab, family, server):
    bring(lab, about("client", policyTypes=["Egress"], egress=[{"to": peers(server), "ports": [{"port": TCP_PORT}]}]),
          about(server, namespace_of(server), "closed", policyTypes=["Egress"]))
    ask(lab, "client", "tcp-ask", lab.ip(server, family), TCP_PORT)
    unanswered(lab, "client", lab.ip(server, family))
    ask(lab, "other", "udp-ask", lab.ip(server, family), UDP_PORT)  # the server answers, though it may ask nobody


def test_a_denial_is_over_all(lab, family, server):
    bring(lab, cilium(server, namespace_of(server), ingress=[{"fromEntities": ["all"]}],
                      ingressDeny=[{"fromEndpoints": [{"matchLabels": {"app": "other",
                                                                       "k8s:io.kubernetes.pod.namespace": "default"}}]
                                    }]))
    ask(lab, "client", "tcp-ask", lab.ip(server, family), TCP_PORT)
    refused(lab, "other", lab.ip(server, family))


def test_the_host_reaches_its_pods_and_other_hosts_do_not(lab, family):
    bring(lab, about("near", ingress=[]))
    ask(lab, "node-1", "tcp-ask", lab.ip("near", family), TCP_PORT)
    refused(lab, "node-2", lab.ip("near", family))
    refused(lab, "client", lab.ip("near", family))


def test_pods_and_the_world(lab, family):
    with lab.server("underlay", "tcp-echo", TCP_PORT):
        ask(lab, "client", "tcp-ask", UNDERLAY[family], TCP_PORT)
        bring(lab, cilium("client", egress=[{"toEntities": ["cluster"]}]))
        refused(lab, "client", UNDERLAY[family])
        block = {4: "10.99.0.0/24", 6: "fd99::/64"}[family]
        bring(lab, cilium("client", egress=[{"toCIDR": [block]}]))
        ask(lab, "client", "tcp-ask", UNDERLAY[family], TCP_PORT)
        refused(lab, "client", lab.ip("near", family))


# Sends ICMP of the given types; and says which come.
SEND = """
import socket, struct, sys
family, protocol = (socket.AF_INET6, 58) if ":" in sys.argv[1] else (socket.AF_INET, 1)
sender = socket.socket(family, socket.SOCK_RAW, protocol)
for kind in map(int, sys.argv[2:]):
    sender.sendto(struct.pack("!BBH16x", kind, 0, 0xffff - (kind << 8)), (sys.argv[1], 0))
"""
HEAR = """
import select, socket, sys
family, protocol, header = (socket.AF_INET6, 58, 0) if sys.argv[1] == "6" else (socket.AF_INET, 1, 20)
hearer = socket.socket(family, socket.SOCK_RAW, protocol)
print("ready", flush=True)
while sys.stdin not in select.select([hearer, sys.stdin], [], [])[0]:
    packet, sender = hearer.recvfrom(2000)
    print("type", packet[header], "from", sender[0], flush=True)
"""


def test_icmp_is_asked_for_by_its_type(lab, family, server):
    """The first packet that may pass opens nothing for other types; the last one says that all have been there."""
    allowed, last, *others = {4: (13, 17, 8, 10, 42), 6: (139, 144, 128, 133, 160)}[family]
    bring(lab, cilium(server, namespace_of(server), ingress=[
        {"fromEntities": ["all"], "icmps": [{"fields": [{"family": f"IPv{family}", "type": kind}
                                                        for kind in (allowed, last)]}]}]))
    with lab.background(server, *PYTHON, HEAR, str(family), ready="^ready$") as hearer:
        lab.exec("client", *PYTHON, SEND, lab.ip(server, family), *map(str, [allowed, *others, allowed, *others, last]))
        sender = f" from {lab.ip('client', family)}$"
        hearer.wait_line(f"type {last}{sender}")
        heard = [line for line in hearer.lines if re.search(sender, line)]
    assert [int(line.split()[1]) for line in heard] == [allowed, allowed, last]


def test_answers_to_icmp_pass_with_its_question(lab, server):
    """Timestamps, which kernels answer. Of IPv6 they answer nothing but echo."""
    asked, answer = 13, 14
    bring(lab, about("client", name="closed", ingress=[]),
          cilium(server, namespace_of(server), egress=[{"toEntities": ["host"]}],
                 ingress=[{"icmps": [{"fields": [{"family": "IPv4", "type": asked}]}]}]))
    with lab.background("client", *PYTHON, HEAR, "4", ready="^ready$") as hearer:
        for answers in (1, 2):
            lab.exec("client", *PYTHON, SEND, lab.ip(server, 4), str(asked))
            wait_for(lambda: hearer.hear().count(f"type {answer} from {lab.ip(server, 4)}") == answers, "the answer")
            bring(lab, about("nobody", name="other", ingress=[]))  # all flows are decided anew


# ── as things change ──


def test_an_open_connection_ends_with_its_permission(lab, family, server):
    allowed = about(server, namespace_of(server), ingress=[{"from": peers("client", "other")}])
    bring(lab, allowed)
    with lab.background("client", *PEER, "tcp-steady", lab.ip(server, family), str(TCP_PORT), ready="^ready$") as cut, \
         lab.background("other", *PEER, "tcp-steady", lab.ip(server, family), str(TCP_PORT), ready="^ready$") as kept:
        bring(lab, about(server, namespace_of(server), ingress=[{"from": peers("other")}]))
        before = sum(dropped(lab, node, "Policy denied") for node in ("node-1", "node-2"))
        wait_for(lambda: sum(dropped(lab, node, "Policy denied") for node in ("node-1", "node-2")) > before,
                 "its packets are dropped")
        bring(lab, allowed)
        assert cut.finish(20) == 0  # as TCP tries again, it goes on where it was cut
        assert kept.finish() == 0


def test_who_comes_later_is_known(lab, family):
    bring(lab, about("near", ingress=[{"from": peers("late")}]))
    for node in ("node-1", "node-2"):
        lab.add(node, "late", "--labels", "app=late")
        try:
            ask(lab, "late", "tcp-ask", lab.ip("near", family), TCP_PORT)
        finally:
            lab.run("pod", "del", "late")


def test_a_new_pod_is_closed_from_the_start(lab, family):
    bring(lab, about("late", ingress=[{"from": peers("client")}]))
    lab.add("node-1", "late", "--labels", "app=late")
    try:
        with lab.server("late", "tcp-echo", TCP_PORT):
            ask(lab, "client", "tcp-ask", lab.ip("late", family), TCP_PORT)
            refused(lab, "other", lab.ip("late", family))
    finally:
        lab.run("pod", "del", "late")


def test_an_endpoint_in_audit_mode_lets_pass_what_it_would_deny(lab):
    bring(lab, about("near", ingress=[{"from": peers("client")}]))
    refused(lab, "other", lab.ip("near", 4))
    number = str(lab.endpoint("near")["id"])
    assert "Enabled" in lab.pilus("node-1", "endpoint", "config", number, "PolicyAuditMode=Enabled")
    try:
        assert lab.endpoint("near")["policy-ingress"] == "Enabled (Audit)"
        ask(lab, "other", "tcp-ask", lab.ip("near", 4), TCP_PORT)
    finally:
        lab.pilus("node-1", "endpoint", "config", number, "PolicyAuditMode=Disabled")
    refused(lab, "other", lab.ip("near", 4))


def test_other_labels_are_another_policy(lab):
    bring(lab, about("near", ingress=[{"from": peers("client")}]))
    identity = lab.endpoint("other")["identity"]
    refused(lab, "other", lab.ip("near", 4))
    number = str(lab.endpoint("other")["id"])
    lab.pilus("node-1", "endpoint", "labels", number, "-a", "app=client")
    try:
        wait_for(lambda: lab.endpoint("other")["identity"] == lab.endpoint("client")["identity"], "the other identity")
        ask(lab, "other", "tcp-ask", lab.ip("near", 4), TCP_PORT)
    finally:
        lab.pilus("node-1", "endpoint", "labels", number, "-a", "app=other")
    wait_for(lambda: lab.endpoint("other")["identity"] == identity, "its identity again")
    refused(lab, "other", lab.ip("near", 4))


def test_a_label_is_taken_away_by_its_key_or_whole(lab):
    number = str(lab.endpoint("other")["id"])
    before = lab.endpoint("other")["labels"]
    for way in ("color", "color=blue"):
        lab.pilus("node-1", "endpoint", "labels", number, "-a", "color=blue")
        assert "k8s:color=blue" in lab.endpoint("other")["labels"]
        lab.pilus("node-1", "endpoint", "labels", number, "-d", way)
        assert lab.endpoint("other")["labels"] == before
    for wrong in ("color", "app=client", "io.kubernetes.pod.namespace"):
        done = lab.run("pilus", "node-1", "endpoint", "labels", number, "-a", "size=9", "-d", wrong, check=False)
        assert done.returncode == 1 and f"--delete: the endpoint has no label {wrong} of its own" in done.stderr
        assert lab.endpoint("other")["labels"] == before
    done = subprocess.run([LAB, "--name", lab.name, "pilus", "node-1", "endpoint", "labels", number, "-a", b"size=\xff"],
                          capture_output=True, check=False)
    assert done.returncode == 2 and b"is no label: write key=value, in UTF-8" in done.stderr


def test_a_name_is_the_port_of_the_pod_that_has_it(lab, family):
    """The same name means another number in another pod."""
    lab.add("node-2", "one", "--labels", "app=named,number=one", "--ports", f"service={TCP_PORT}/TCP")
    lab.add("node-1", "two", "--labels", "app=named,number=two", "--ports", "service=7999/TCP")
    try:
        bring(lab, about("named", ingress=[{"ports": [{"port": "service"}]}]))
        with lab.server("one", "tcp-echo", TCP_PORT), lab.server("two", "tcp-echo", TCP_PORT):
            ask(lab, "client", "tcp-ask", lab.ip("one", family), TCP_PORT)
            refused(lab, "client", lab.ip("two", family))
        bring(lab, about("named", name="test", ingress=[{}]),
              about("client", name="out", policyTypes=["Egress"],
                    egress=[{"to": peers("named"), "ports": [{"port": "service"}]}]))
        with lab.server("one", "tcp-echo", TCP_PORT), lab.server("two", "tcp-echo", TCP_PORT):
            ask(lab, "client", "tcp-ask", lab.ip("one", family), TCP_PORT)
            refused(lab, "client", lab.ip("two", family))
    finally:
        lab.run("pod", "del", "one")
        lab.run("pod", "del", "two")


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_nothing_opens_or_closes_while_the_agent_is_away(lab, how):
    bring(lab, about("near", ingress=[{"from": peers("client")}]))
    address = lab.ip("near", 4)
    with lab.background("client", *PEER, "tcp-steady", address, str(TCP_PORT), ready="^ready$") as steady:
        lab.run("agent", "node-1", how)
        refused(lab, "other", address)
        ask(lab, "client", "tcp-ask", address, TCP_PORT)
        lab.run("agent", "node-1", "start")
        refused(lab, "other", address)
        ask(lab, "client", "tcp-ask", address, TCP_PORT)
        lab.pilus("node-1", "policy", "wait")
        refused(lab, "other", address)
        assert steady.finish() == 0


def test_no_packet_finds_a_window_while_policies_change(lab, server):
    """What one version of the policy allows and the next one, too, is never interrupted; what both forbid never passes."""
    address, space = lab.ip(server, 4), namespace_of(server)
    versions = itertools.cycle([
        [about(server, space, ingress=[{"from": peers("client")}])],
        [cilium(server, space, ingress=[{"fromEntities": ["all"]}],
                ingressDeny=[{"fromEndpoints": [{"matchLabels": {"app": "other",
                                                                 "k8s:io.kubernetes.pod.namespace": "default"}}]}]),
         about(server, space, ingress=[{"from": peers("client", "nobody"), "ports": [{"port": TCP_PORT}]}])],
    ])
    bring(lab, *next(versions))
    with contextlib.ExitStack() as stack:
        steady = [stack.enter_context(lab.background("client", *PEER, "tcp-steady", address, str(TCP_PORT), "1000",
                                                     ready="^ready$")) for _ in range(2)]
        flood = stack.enter_context(lab.background("other", *PYTHON, FLOOD, address, str(UDP_PORT), ready="^ready$"))
        deadline, changes = time.monotonic() + WINDOW_SECONDS, 0
        while time.monotonic() < deadline or changes < 6:
            lab.pilus("node-1", "policy", "import", "-", text="\n---\n".join(map(json.dumps, next(versions))))
            changes += 1
        assert flood.finish(30) == 0
        print(f"{changes} changes: {flood.lines[-1]}")
        assert flood.lines[-1].endswith(" answered=0"), flood.lines[-1]
        for process in steady:
            assert process.finish(30) == 0
            longest = int(process.lines[-1].split("longest=")[1])
            assert longest < 1000 * PATIENCE, f"{changes} changes: {process.lines[-1]}"


# ── the commands ──


def test_policies_come_back_as_they_were_brought(lab):
    policy = about("near", ingress=[{"ports": [{"port": 80, "protocol": "UDP"}]}])
    policy["metadata"]["annotations"] = {"note": "0080", "also": "yes"}
    bring(lab, policy)
    assert lab.json("node-2", "policy", "get") == [policy]
    assert lab.json("node-2", "policy", "get", "default/test") == policy
    text = lab.pilus("node-2", "policy", "get", "test", "-o", "yaml")
    lab.pilus("node-1", "policy", "delete", "NetworkPolicy/default/test")
    settle(lab)
    assert lab.json("node-2", "policy", "get") == []
    lab.pilus("node-2", "policy", "import", "-", text=text)
    settle(lab)
    assert lab.json("node-1", "policy", "get") == [policy]


def test_bad_input_changes_nothing(lab):
    policy = about("near", ingress=[])
    bring(lab, policy)
    wrong = json.dumps(about("near", name="b", ingress=[])) + "\n---\n" + json.dumps(about("near", name="c", engress=[]))
    done = lab.run("pilus", "node-1", "policy", "import", "-", text=wrong, check=False)
    assert done.returncode == 1
    assert "-:3: spec.engress: there is no such field" in done.stderr
    assert lab.json("node-1", "policy", "get") == [policy]


def test_entries_are_listed_with_what_asked_them(lab):
    bring(lab, about("near", ingress=[{"from": peers("client"), "ports": [{"port": TCP_PORT}]}]))
    ask(lab, "client", "tcp-ask", lab.ip("near", 4), TCP_PORT)
    rows = lab.json("node-1", "bpf", "policy", "get", str(lab.endpoint("near")["id"]))
    asked, = [row for row in rows if row["identity"] == lab.endpoint("client")["identity"]]
    assert asked["policy"] == "Allow" and asked["direction"] == "Ingress" and asked["protocol"] == "TCP"
    assert asked["port"] == asked["last-port"] == TCP_PORT
    assert asked["packets"] > 0
    text = lab.pilus("node-1", "bpf", "policy", "list")
    assert f"{TCP_PORT}/TCP" in text and "k8s:app=client" in text


def test_selectors_say_whom_they_mean(lab):
    bring(lab, about("near", ingress=[{"from": peers("client")}]))
    rows = {row["selector"]: row for row in lab.json("node-1", "policy", "selectors")}
    assert rows["k8s:app=client"]["users"] == 1
    assert rows["k8s:app=client"]["identities"] == [lab.endpoint("client")["identity"]]
    bring(lab, about("near", ingress=[{"from": [{"namespaceSelector": {}}]}]))
    assert re.search(r"^\(all\) +1 ", lab.pilus("node-1", "policy", "selectors"), re.M)


def test_trace_asks_the_agent_who_a_pod_is(lab):
    """By name of any node, or by the number of an endpoint; policies are those of the file."""
    text = json.dumps(about("near", ingress=[{"from": peers("client")}]))

    def trace(source, destination="near"):
        return lab.run("pilus", "node-1", "policy", "trace", "-", "-s", source, "-d", destination, text=text, check=False)

    for source, verdict in (("client", "ALLOWED"), ("default/client", "ALLOWED"),
                            (str(lab.endpoint("client")["id"]), "ALLOWED"), ("away/far", "DENIED")):
        assert trace(source).stdout.splitlines()[-1] == f"Final verdict: {verdict}", source
    for source, sentence in (("nobody", "--src: pod 'nobody': none is called default/nobody"),
                             ("", "--src: pod '': none is called default/"),
                             ("60000", "--src: endpoint '60000': there is no endpoint of that id")):
        done = trace(source)
        assert done.returncode == 1 and sentence in done.stderr


def test_what_is_not_there_cannot_be_deleted(lab):
    done = lab.run("pilus", "node-1", "policy", "delete", "nothing", check=False)
    assert done.returncode == 1
    assert "there is no policy nothing" in done.stderr


# ── what is told of it ──


def why(lab, node, *arguments):
    return lab.json(node, "why", *arguments)


def said_by(answer, direction):
    """What the policy of one end says."""
    return next(decision for decision in answer["decisions"] if decision.get("direction") == direction)


def try_tcp(lab, place, address):
    """Do packets come through?"""
    return lab.exec(place, *PYTHON, TRY, address, str(TCP_PORT), "1", check=False).returncode == 0


def test_why_says_what_packets_meet_and_its_remedy_helps(lab, server):
    bring(lab, about(server, namespace_of(server), "closed", policyTypes=["Ingress"]),
          about("client", name="shut", policyTypes=["Egress"]))
    address, name = lab.ip(server, 4), f"{namespace_of(server)}/{server}"
    answer = why(lab, "node-1", "client", f"{name}:{TCP_PORT}/tcp")
    assert (answer["verdict"], answer["reason"]) == ("denied", "Policy denied")
    for direction in ("egress", "ingress"):
        assert (said_by(answer, direction)["verdict"], said_by(answer, direction)["match"]) == ("deny", "none")
    assert said_by(answer, "egress")["by"] == "programs"
    refused(lab, "client", address)
    lab.pilus("node-1", "policy", "import", "-", text=answer["remedy"])
    settle(lab)
    answer = why(lab, "node-1", "client", f"{name}:{TCP_PORT}")
    assert answer["verdict"] == "allowed", answer
    assert said_by(answer, "egress")["policy"]["name"].startswith("allow-egress-default-client")
    assert said_by(answer, "ingress")["by"] == ("programs" if server == "near" else "policies")
    assert said_by(answer, "ingress")["policy"]["path"] == "spec.ingress[0]"
    assert try_tcp(lab, "client", address)
    assert why(lab, "node-1", "client", f"{name}:{TCP_PORT + 1}")["verdict"] == "denied"
    assert why(lab, "node-1", "other", f"{name}:{TCP_PORT}")["verdict"] == "denied"
    refused(lab, "other", address)
    if server == "far":  # by the programs that are asked for it
        there = why(lab, "node-2", "client", f"far:{TCP_PORT}")
        assert (there["verdict"], said_by(there, "ingress")["by"]) == ("allowed", "programs")
        assert why(lab, "node-2", "other", f"far:{TCP_PORT}")["verdict"] == "denied"


def test_why_names_the_rule_that_denies(lab):
    bring(lab, cilium("near", name="never", ingress=[{"fromEntities": ["all"]}],
                      ingressDeny=[{"fromEntities": ["world"]}, {"fromEndpoints": [{"matchLabels": {"app": "other"}}]}]))
    for source, path in (("other", "spec.ingressDeny[1]"), ("world", "spec.ingressDeny[0]")):
        answer = why(lab, "node-1", source, f"near:{TCP_PORT}")
        assert (answer["verdict"], answer["reason"]) == ("denied", "Policy denied by denylist")
        assert answer["remedy"] is None
        assert said_by(answer, "ingress")["policy"] == \
            {"kind": "CiliumNetworkPolicy", "namespace": "default", "name": "never", "path": path}
    assert why(lab, "node-1", "client", f"near:{TCP_PORT}")["verdict"] == "allowed"
    text = lab.pilus("node-1", "why", "other", f"near:{TCP_PORT}")
    assert "denied by spec.ingressDeny[1] of CiliumNetworkPolicy default/never" in text
    assert "DENIED: Policy denied by denylist" in text


@pytest.mark.parametrize("source", ["client", "other", "far", "node-1", "node-2", "world"])
def test_why_and_packets_agree(lab, source):
    bring(lab, about("near", ingress=[{"from": peers("client", "far"), "ports": [{"port": TCP_PORT}]}]))
    answer = why(lab, "node-1", source, f"near:{TCP_PORT}")
    place = "underlay" if source == "world" else source
    if source == "world":  # nobody outside knows the way to pods
        assert answer["verdict"] == "denied"
        return
    assert try_tcp(lab, place, lab.ip("near", 4)) == (answer["verdict"] == "allowed"), answer


def test_verdicts_are_told_with_the_policy(lab):
    bring(lab, about("near", name="some", ingress=[{"from": peers("client")}]))
    near = lab.endpoint("near")["id"]
    with lab.monitor("node-1", "--type", "policy-verdict") as lines, \
         lab.monitor("node-1", "-j", "--type", "policy-verdict,drop") as objects:
        ask(lab, "client", "tcp-ask", lab.ip("near", 4), TCP_PORT, 5)
        refused(lab, "other", lab.ip("near", 4))
        allow = lines.wait_line("action allow")
        deny = lines.wait_line("action deny")
        objects.wait_line('"drop"')
    assert f"local EP ID {near}, remote ID {lab.endpoint('client')['identity']}, proto 6, ingress" in allow
    assert "match L3-Only" in allow and "by spec.ingress[0] of NetworkPolicy default/some" in allow
    assert f"remote ID {lab.endpoint('other')['identity']}, proto 6, ingress, action deny, match none" in deny
    told = [json.loads(line) for line in objects.lines if line.startswith("{")]
    verdicts = [event for event in told if event["type"] == "policy-verdict" and event["verdict"] == "allow"]
    assert len(verdicts) == 1, "one for the whole connection"
    assert verdicts[0]["policy"]["name"] == "some"
    drop = next(event for event in told if event["type"] == "drop")
    assert (drop["reason"], drop["srcLabel"], drop["dstLabel"]) == \
        ("Policy denied", lab.endpoint("other")["identity"], lab.endpoint("near")["identity"])
