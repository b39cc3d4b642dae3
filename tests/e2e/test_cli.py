# SPDX-License-Identifier: Apache-2.0
"""pilus on a node with pods: what it lists is what is there, in the shape people know."""
import json
import re

import pytest

from support import PEER, TCP_PORT, UDP_PORT, ask, ping, wait_for

LISTS = [["endpoint", "list"], ["identity", "list"], ["ip", "list"], ["node", "list"], ["map", "list"],
         ["bpf", "endpoint", "list"], ["bpf", "ipcache", "list"], ["bpf", "ct", "list"], ["bpf", "metrics", "list"]]

TITLES = {
    "endpoint list": ["ENDPOINT", "POLICY (ingress)", "POLICY (egress)", "IDENTITY", "LABELS (source:key[=value])",
                      "IPv6", "IPv4", "STATUS"],
    "identity list": ["ID", "LABELS"],
    "ip list": ["IP", "IDENTITY", "SOURCE"],
    "node list": ["Name", "IPv4 Address", "Endpoint CIDR"],
    "map list": ["Name", "Num entries"],
    "bpf endpoint list": ["IP ADDRESS", "LOCAL ENDPOINT INFO"],
    "bpf ipcache list": ["IP PREFIX/ADDRESS", "IDENTITY"],
    "bpf metrics list": ["REASON", "DIRECTION", "PACKETS", "BYTES"],
}


@pytest.mark.parametrize("titles", TITLES)
def test_tables_have_the_columns_people_know(lab, titles):
    table = lab.pilus("node-1", *titles.split())
    place = -1
    for title in TITLES[titles]:
        place = table.find(title, place + 1)
        assert place >= 0, f"{title} is not there, or not in this order:\n{table}"


@pytest.mark.parametrize("command", LISTS, ids=" ".join)
def test_every_list_speaks_json(lab, command):
    rows = lab.json("node-1", *command)
    assert isinstance(rows, list) and all(isinstance(row, dict) for row in rows)


def test_endpoint_list_has_the_pods_of_the_node(lab):
    pods = {item["pod"]: item for item in lab.json("node-1", "endpoint", "list")}
    assert {"client", "near"} <= set(pods) and "far" not in pods
    near = pods["near"]
    assert near["state"] == "ready"
    assert (near["ipv4"], near["ipv6"]) == (lab.ip("near", 4), lab.ip("near", 6))
    assert set(near["labels"]) == {"k8s:app=near", "k8s:io.kubernetes.pod.namespace=default"}


def test_endpoint_get_and_log(lab):
    endpoint = lab.endpoint("near")
    assert lab.json("node-1", "endpoint", "get", str(endpoint["id"])) == [endpoint]
    states = [entry["state"] for entry in lab.json("node-1", "endpoint", "log", str(endpoint["id"]))]
    assert states[0] == "ready" and "waiting-for-identity" in states


def test_identities_are_the_same_on_both_nodes(lab):
    lists = [{item["id"]: sorted(item["labels"]) for item in lab.json(node, "identity", "list")}
             for node in ("node-1", "node-2")]
    assert lists[0] == lists[1]
    assert lists[0][1] == ["reserved:host"] and lists[0][2] == ["reserved:world"]
    assert ["k8s:app=far", "k8s:io.kubernetes.pod.namespace=away"] in lists[0].values()


def test_equal_labels_share_an_identity_and_others_do_not(lab):
    lab.add("node-2", "twin", "--labels", "app=near")
    try:
        assert lab.endpoint("twin")["identity"] == lab.endpoint("near")["identity"]
        assert lab.endpoint("twin")["identity"] != lab.endpoint("client")["identity"]
    finally:
        lab.run("pod", "del", "twin")


def test_ip_list_knows_pods_of_all_nodes(lab, family):
    wanted = lab.endpoint("far")["identity"]
    length = {4: 32, 6: 128}[family]
    for node in ("node-1", "node-2"):
        known = {item["cidr"]: item for item in lab.json(node, "ip", "list")}
        assert known[f"{lab.ip('far', family)}/{length}"]["identity"] == wanted


def test_node_list(lab):
    nodes = {node["name"]: node for node in lab.json("node-1", "node", "list")}
    assert set(nodes) == {"node-1", "node-2"}
    assert nodes["node-2"]["ipv4"] == lab.ip("node-2", 4) and nodes["node-2"]["ipv6"] == lab.ip("node-2", 6)
    assert nodes["node-2"]["pod-cidrs"] == ["10.2.0.0/24", "fd00:2::/112"]
    assert nodes["node-1"]["local"] and not nodes["node-2"]["local"]


def test_status_is_ok_and_verbose_says_more(lab):
    status = lab.json("node-1", "status")
    assert status["state"] == "Ok" and status["node"] == "node-1"
    assert status["datapath"]["overlay"] == "vxlan" and status["datapath"]["uplinks"] == ["eth0"]
    brief, verbose = lab.pilus("node-1", "status"), lab.pilus("node-1", "status", "--verbose")
    assert "Ok" in brief and len(verbose) > len(brief)
    assert lab.ip("near", 4) in verbose and lab.ip("near", 4) not in brief


def test_ct_list_has_the_connection_with_its_counts(lab, family, server):
    address = lab.ip(server, family)
    with lab.background("client", *PEER, "tcp-steady", address, str(TCP_PORT), ready="^ready$") as steady:
        row = wait_for(lambda: next((row for row in lab.json("node-1", "bpf", "ct", "list")
                                     if row["destination"] == address and row["destination-port"] == TCP_PORT
                                     and row["state"] == "established"), None), "the connection is in the table")
        assert row["protocol"] == "TCP" and row["source"] == lab.ip("client", family)
        assert row["tx-packets"] >= 3 and row["rx-packets"] >= 2
        assert row["source-identity"] == lab.endpoint("client")["identity"]
        assert row["destination-identity"] == lab.endpoint(server)["identity"]
        shown = f"[{address}]" if family == 6 else address
        assert re.search(rf"^TCP (OUT|IN) .* -> {re.escape(shown)}:{TCP_PORT} ", lab.pilus("node-1", "bpf", "ct", "list"),
                         re.MULTILINE)
        assert steady.finish() == 0
    wait_for(lambda: any(other["state"] == "closing" and other["source-port"] == row["source-port"]
                         for other in lab.json("node-1", "bpf", "ct", "list")), "closing, once both ends said FIN")


def test_ct_list_has_udp_and_icmp(lab, family):
    ask(lab, "client", "udp-ask", lab.ip("far", family), UDP_PORT)
    ping(lab, "client", lab.ip("far", family))
    flows = {row["protocol"] for row in lab.json("node-2", "bpf", "ct", "list")
             if row["destination"] == lab.ip("far", family)}
    assert {"UDP", {4: "ICMP", 6: "ICMPv6"}[family]} <= flows


def test_ct_flush_forgets_and_does_no_harm(lab, family):
    with lab.background("client", *PEER, "tcp-steady", lab.ip("far", family), str(TCP_PORT),
                        ready="^ready$") as steady:
        for node in ("node-1", "node-2"):
            assert re.search(r"[1-9]", lab.pilus(node, "bpf", "ct", "flush"))
        ping(lab, "client", lab.ip("far", family))
        assert steady.finish() == 0, steady.lines


def test_metrics_count_what_is_forwarded(lab, family, server):
    def forwarded():
        rows = lab.json("node-1", "bpf", "metrics", "list")
        return sum(row["packets"] for row in rows if row["code"] == 0)
    before = forwarded()
    ping(lab, "client", lab.ip(server, family), count=10)
    assert forwarded() >= before + 20


def test_config_and_version(lab):
    assert lab.json("node-1", "config")["node-name"] == "node-1"
    version = lab.json("node-1", "version")
    assert version["client"] == version["daemon"]


WRONG = [["dance"], ["endpoint"], ["endpoint", "dance"], ["endpoint", "get"], ["endpoint", "get", "x"],
         ["status", "--no-such"], ["endpoint", "list", "more"], ["monitor", "--type", "gossip"], ["-o", "xml", "status"]]


@pytest.mark.parametrize("arguments", WRONG, ids=" ".join)
def test_wrong_use_is_exit_status_2(lab, arguments):
    done = lab.run("pilus", "node-1", *arguments, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("pilus: ") and not done.stdout


def test_endpoint_that_is_not_there_is_exit_status_1(lab):
    done = lab.run("pilus", "node-1", "endpoint", "get", "4000", check=False)
    assert done.returncode == 1
    assert "no endpoint" in done.stderr


def test_curl_speaks_to_the_agent(lab):
    done = lab.exec("node-1", "curl", "-s", "--unix-socket", "/run/pilus/pilus.sock", "http://pilus/v1/status")
    assert json.loads(done.stdout)["node"] == "node-1"
