# SPDX-License-Identifier: Apache-2.0
"""What the agent tells of itself: how full its maps are, its metrics, and all of its state in one archive."""
import tarfile

import pytest
from prometheus_client import parser

from conftest import new_lab
from support import PEER, ping, wait_for

FLOWS = 8192
PORT = 9962
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
    with new_lab("metrics", "--nodes", "1", "--agent-arg=--profile=edge", f"--agent-arg=--prometheus-serve-addr=:{PORT}",
                 f"--agent-arg=--flow-table-size={FLOWS}") as lab:
        lab.add("node-1", "client", "--labels", "app=client")
        lab.add("node-1", "near", "--labels", "app=near")
        yield lab


def maps(lab):
    return {item["name"]: item for item in lab.json("node-1", "map", "list")}


def test_maps_of_the_edge_are_small(lab):
    before = maps(lab)
    assert before["pilus_flows"]["max-entries"] == FLOWS
    assert sum(item["bytes"] for item in before.values()) < 6e6
    assert before["pilus_endpoints"]["entries"] == 3  # one is the health endpoint
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


SOCKET = ["--unix-socket", "/run/pilus/pilus.sock", "http://pilus/v1/metrics"]


def scrape(lab, *where):
    """Families by name; the parser is Prometheus' own and refuses what it does not understand."""
    text = lab.exec("node-1", "curl", "-sS", "--fail", *(where or SOCKET)).stdout
    families = list(parser.text_string_to_metric_families(text))
    names = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")]
    assert len(names) == len(set(names)) == len(families)
    assert len(text.splitlines()) == 2 * len(names) + sum(len(family.samples) for family in families)
    return {family.name: family for family in families}


def value(families, name, **labels):
    return sum(sample.value for sample in families[name].samples if labels.items() <= sample.labels.items())


def test_metrics_count_what_happens(lab):
    before = scrape(lab)
    ping(lab, "client", lab.ip("near", 4), count=5)
    after = scrape(lab)
    for name, least in (("pilus_forward_count", 10), ("pilus_forward_bytes", 10 * 98)):
        assert after[name].type == "counter"
        assert value(after, name, direction="INGRESS") >= value(before, name, direction="INGRESS") + least
    assert value(after, "pilus_endpoint_state", endpoint_state="ready") == 3
    assert value(after, "pilus_nodes") == 1
    assert value(after, "pilus_identity", type="cluster_local") == 2
    assert value(after, "pilus_ip_addresses", family="ipv4") == 4
    assert value(after, "pilus_store_connected", kind=lab.store.partition("-")[0]) == 1
    assert 0 < value(after, "pilus_agent_bootstrap_seconds") < 30
    assert 1e6 < value(after, "process_resident_memory_bytes") < 1e8
    assert value(after, "pilus_bpf_maps_memory_bytes") < 6e6
    adds = [sample for sample in after["pilus_agent_api_process_time_seconds"].samples
            if sample.labels.get("path") == "/v1/endpoints" and sample.labels.get("method") == "PUT"]
    assert {sample.value for sample in adds if sample.name.endswith("_count")} == {2}
    assert {sample.value for sample in adds if sample.labels.get("le") == "+Inf"} == {2}


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "10.99.0.1"])
def test_prometheus_is_served(lab, host):
    url = f"http://{host}:{PORT}/metrics"
    assert value(scrape(lab, url), "pilus_nodes") == 1
    assert "HTTP/1.1 200 OK" in lab.exec("node-1", "curl", "-sS", "-i", url).stdout
    assert lab.exec("node-1", "curl", "-sS", "--fail", url.replace("/metrics", "/v1/config"), check=False).returncode == 22


def test_a_port_that_is_taken_is_one_sentence(lab):
    lab.run("agent", "node-1", "stop")
    with lab.background("node-1", *PEER, "tcp-echo", str(PORT), ready="^ready$"):
        done = lab.run("agent", "node-1", "start", check=False)
        assert done.returncode != 0
        assert f"prometheus-serve-addr: cannot listen on :{PORT}: Address already in use" in done.stderr
    lab.run("agent", "node-1", "start")


def test_metrics_list_shows_the_same(lab):
    """Some appear with what they count, perhaps just now."""
    def names():
        return {sample.name for family in scrape(lab).values() for sample in family.samples}
    before, shown, after = names(), lab.json("node-1", "metrics", "list"), names()
    assert before <= {row["name"] for row in shown} <= after
    assert [row["value"] for row in shown if row["name"] == "pilus_nodes"] == [1]


def test_bugtool_packs_all_there_is(lab, tmp_path):
    archive = lab.pilus("node-1", "bugtool", "-o", str(tmp_path)).strip()
    assert [str(path) for path in tmp_path.iterdir()] == [archive]
    with tarfile.open(archive) as tar:
        texts = {member.name.partition("/")[2]: tar.extractfile(member).read().decode() for member in tar if member.isfile()}
    assert all(text.startswith("# ") for text in texts.values())
    for name, words in {"pilus-status.txt": "BPF Maps:", "pilus-status.json": '"version"', "pilus-node-list.txt": "node-1",
                        "pilus-endpoint-list.txt": "k8s:app=near", "pilus-endpoint-log-1.txt": "ready",
                        "pilus-bpf-ipcache-list.txt": "identity=", "pilus-bpf-ct-list.txt": "# pilus",
                        "pilus-metrics-list.txt": "pilus_nodes", "pilus-config.txt": "flow-table-size",
                        "agent-status.txt": "VmRSS", "agent-log.txt": "ready: node node-1", "agent-cmdline.txt": "pilusd",
                        "ip-link.txt": "pilus_vxlan", "bpftool-prog.txt": "from_container"}.items():
        assert words in texts[name], texts[name]
