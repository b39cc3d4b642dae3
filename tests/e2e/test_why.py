# SPDX-License-Identifier: Apache-2.0
"""`pilus why`: what would become of a connection, asked of the programs as they are loaded, and compared with packets."""
import pytest

from support import TCP_PORT, ask, ping, wait_for


def why(lab, source, target, *options, node="node-1"):
    return lab.json(node, "why", source, target, *options)


def refused(lab, *arguments, node="node-1"):
    done = lab.run("pilus", node, "why", *arguments, check=False)
    assert done.returncode, done.stdout
    return done.returncode, done.stderr


def texts(answer):
    return [decision["text"] for decision in answer["decisions"]]


def target(address, rest):
    return f"[{address}]{rest}" if ":" in address else f"{address}{rest}"


def families(family):
    return ["-6"] if family == 6 else []


@pytest.mark.parametrize("rest", [":7000/tcp", ":7001/udp", ":9/sctp", "/icmp"])
def test_pod_to_pod_of_the_same_node(lab, family, rest):
    rest = rest.replace("icmp", {4: "icmp", 6: "icmpv6"}[family])
    rest = rest.upper() if family == 6 else rest
    answer = why(lab, "client", f"near{rest}", *families(family))
    client, near = lab.endpoint("client"), lab.endpoint("near")
    assert answer["verdict"] == "allowed" and answer["reason"] is None and answer["remedy"] is None
    for end, pod, name in (("source", client, "default/client"), ("destination", near, "default/near")):
        assert (answer[end]["name"], answer[end]["endpoint"], answer[end]["identity"], answer[end]["address"]) == \
            (name, pod["id"], pod["identity"], pod[f"ipv{family}"])
    assert [decision["kind"] for decision in answer["decisions"]] == ["source", "policy", "policy", "delivery"]
    assert answer["decisions"][-1]["to"] == "pod"
    assert f"endpoint {near['id']}" in texts(answer)[-1]


def test_pod_to_pod_of_another_node(lab, family):
    answer = why(lab, "client", f"away/far:{TCP_PORT}", *families(family))
    assert answer["verdict"] == "allowed"
    assert answer["destination"]["node"] == "node-2"
    assert answer["destination"]["identity"] == lab.endpoint("far")["identity"]
    sent = next(decision for decision in answer["decisions"] if decision["kind"] == "delivery")
    assert sent["to"] == "node" and "node-2" in sent["text"]
    # What the pod's own node says, whose programs are those that it is asked by.
    there = why(lab, "client", f"far:{TCP_PORT}", *families(family), node="node-2")
    assert there["verdict"] == "allowed"
    assert there["decisions"][-1]["to"] == "pod"


def test_everybody_can_be_named_in_many_ways(lab):
    client, near = lab.endpoint("client"), lab.endpoint("near")
    expected = (client["id"], near["id"])
    for source, to in (("client", "near"), ("default/client", "default/near"), (str(client["id"]), str(near["id"])),
                       (client["ipv4"], near["ipv4"]), (client["ipv6"], f"[{near['ipv6']}]")):
        answer = why(lab, source, f"{to}:80")
        assert (answer["source"]["endpoint"], answer["destination"]["endpoint"]) == expected, (source, to)
    far = lab.ip("far", 4)
    assert why(lab, "client", f"{far}:80")["destination"]["name"] == "away/far"


def test_hosts_and_the_world(lab, family):
    options = families(family)
    to_host = why(lab, "client", "node-1:22", *options)
    assert (to_host["destination"]["identity"], to_host["decisions"][-1]["to"]) == (1, "host")
    to_node = why(lab, "client", "node-2:22", *options)
    assert to_node["destination"]["identity"] == 6 and "node-2" in texts(to_node)[-1]
    for source, identity in (("host", 1), ("node-1", 1), ("node-2", 6), ("world", 2)):
        answer = why(lab, source, "near:80", *options)
        assert answer["source"]["identity"] == identity
        assert (answer["verdict"], answer["decisions"][-1]["to"]) == ("allowed", "pod"), texts(answer)
    assert "node-2" in texts(why(lab, "host", "far:80", *options))[1]


def test_to_the_world_it_is_masqueraded(lab):
    for to in ("world", "198.51.100.7"):
        answer = why(lab, "client", f"{to}:443")
        assert answer["destination"]["identity"] == 2
        assert answer["verdict"] == "allowed"
        assert f"masqueraded as {lab.ip('node-1', 4)}" in texts(answer)[-1]


def test_a_pod_cannot_be_somebody_else(lab):
    for address in (lab.ip("near", 4), "10.9.9.9", "198.51.100.1"):
        answer = why(lab, "client", "near:80", "--sends-as", address)
        assert (answer["verdict"], answer["reason"]) == ("denied", "Invalid source ip")
        assert answer["remedy"] is None
    own = why(lab, "client", "near:80", "--sends-as", lab.ip("client", 4))
    assert own["verdict"] == "allowed"


def test_it_leaves_no_trace(lab):
    def state():
        flows = {(row["source"], row["destination"], row["protocol"]) for row in lab.json("node-1", "bpf", "ct", "list")
                 if "49152" in str(row)}
        return flows, len(lab.json("node-1", "bpf", "nat", "list"))

    why(lab, "client", "near:80")
    before = state()
    near = lab.endpoint("near")["id"]
    with lab.monitor("node-1", "-j", "--type", "trace,drop,policy-verdict", "--related-to", str(near)) as monitor:
        for _ in range(3):
            why(lab, "client", "near:81")
            why(lab, "client", "near:81", "--sends-as", "10.9.9.9")
        ping(lab, "client", lab.ip("near", 4), count=1)
        monitor.wait_line("EchoReply")
    assert not [line for line in monitor.lines if "49152" in line]
    assert state() == before
    assert before[0] == set()


def test_its_programs_go_when_nobody_asks(lab):
    def loaded():
        text = lab.exec("node-1", "bpftool", "-j", "prog", "show").stdout
        return text.count('"name":"to_container"')

    why(lab, "client", "near:80")
    with_them = loaded()
    wait_for(lambda: loaded() < with_them, "the programs are gone", seconds=15)
    assert why(lab, "client", "near:80")["verdict"] == "allowed"


@pytest.mark.parametrize("arguments, status, words", [
    (["client", "nobody:80"], 1, "there is no pod, endpoint, node or address 'nobody'"),
    (["nobody", "near:80"], 1, "there is no pod, endpoint, node or address 'nobody'"),
    (["other/client", "near:80"], 1, "there is no pod, endpoint, node or address 'other/client'"),
    (["4095", "near:80"], 1, "there is no pod, endpoint, node or address '4095'"),
    (["client", "near"], 2, "'near' has no port"),
    (["client", "near:"], 2, "port"),
    (["client", ":80"], 2, "names nobody"),
    (["client", "near:80/quic"], 2, "'quic' is none of tcp, udp, sctp, icmp and icmpv6"),
    (["client", "near:http"], 2, "a port"),
    (["client", "near:65536"], 2, "a port"),
    (["client", "near:0/tcp"], 1, "must be 1 to 65535"),
    (["client", "near:256/icmp"], 1, "must be 0 to 255"),
    (["client", "near/icmpv6"], 1, "ask with icmp"),
    (["client", "[fd00::1:80"], 2, "[ADDRESS]:PORT"),
    (["client", "client:80"], 1, "does not leave it"),
    (["far", "world:80"], 1, "neither away/far nor world is on this node: ask the agent of node-2"),
    (["far", "node-2:80"], 1, "neither away/far nor node-2 is on this node"),
    (["-4", "-6", "client", "near:80"], 2, "not both"),
    (["-6", "client", "10.1.0.1:80"], 1, "do not both have an IPv6 address"),
    (["client", "near:80", "--sends-as", "me"], 1, "'me' is no address"),
    (["client", "near:80", "--sends-as", "fd00::1"], 1, "another family"),
    (["world", "near:80", "--sends-as", "10.1.0.1"], 1, "only a pod of this node"),
    (["client"], 2, ""),
])
def test_bad_questions_are_refused_in_words(lab, arguments, status, words):
    code, said = refused(lab, *arguments)
    assert code == status, said
    assert words in said
    assert len(said.splitlines()) <= 2


def test_a_name_that_means_two_is_refused(lab):
    near = str(lab.endpoint("near")["id"])
    lab.add("node-1", near, "--namespace", "odd")
    try:
        code, said = refused(lab, near, "far:80")
        assert code == 1 and "is both default/near and odd/" in said
        assert why(lab, f"odd/{near}", "far:80")["source"]["name"] == f"odd/{near}"
    finally:
        lab.run("pod", "del", near)


def test_what_it_says_is_what_packets_do(lab, server):
    """Where nothing is closed, everything passes."""
    assert why(lab, "client", f"{server}:{TCP_PORT}")["verdict"] == "allowed"
    ask(lab, "client", "tcp-ask", lab.ip(server, 4), TCP_PORT, 3)


@pytest.mark.parametrize("family, address", [(4, "10.96.0.201"), (6, "fd96::201")], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("backend", ["near", "far"])
def test_a_service_is_followed_to_its_backend(lab, family, address, backend):
    wire = {4: "{}:{}", 6: "[{}]:{}"}[family]
    made = lab.json("node-1", "service", "update", "--frontend", f"{wire.format(address, 80)}/TCP",
                    "--backends", wire.format(lab.ip(backend, family), TCP_PORT))[0]
    try:
        answer = why(lab, "client", f"{wire.format(address, 80)}/tcp")
        service = next(decision for decision in answer["decisions"] if decision["kind"] == "service")
        assert (service["address"], service["port"]) == (lab.ip(backend, family), TCP_PORT)
        assert service["backend"].endswith(f"/{backend}")
        assert (answer["verdict"], answer["port"]) == ("allowed", 80)
        assert answer["destination"]["address"] == address
        delivery = next(decision for decision in answer["decisions"] if decision["kind"] == "delivery")
        assert delivery["to"] == {"near": "pod", "far": "node"}[backend]
    finally:
        lab.pilus("node-1", "service", "delete", str(made["id"]))


def test_a_service_without_backends_is_refused(lab):
    made = lab.json("node-1", "service", "update", "--frontend", "10.96.0.202:80/TCP", "--backends", "")[0]
    try:
        answer = why(lab, "client", "10.96.0.202:80")
        assert (answer["verdict"], answer["reason"]) == ("denied", "Service backend not found"), answer
    finally:
        lab.pilus("node-1", "service", "delete", str(made["id"]))
