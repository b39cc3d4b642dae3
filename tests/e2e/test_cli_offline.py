# SPDX-License-Identifier: Apache-2.0
"""pilus against an agent of the test's own, which answers what the test wants: shapes of output, errors, exit codes."""
import json
import signal
import struct
import pathlib
import subprocess

import pytest

from fake_agent import (BAD, CONFIG, FAILURE, HEALTH, HEALTHY, HOST, IDENTITIES, IPS, LABELS, LOG, NODES, OK, PILUS, STATUS, WEB, WRONG_USE,
                        health, serve)


@pytest.fixture
def agent(tmp_path):
    with serve(tmp_path / "agent.sock") as running:
        yield running


def lines(text):
    return [line.rstrip() for line in text.splitlines()]


TABLES = {
    "endpoint list": [
        "ENDPOINT   POLICY (ingress)   POLICY (egress)   IDENTITY   LABELS (source:key[=value])               IPv6"
        "        IPv4       STATUS",
        "           ENFORCEMENT        ENFORCEMENT",
        "0          Disabled           Disabled          1          reserved:host"
        "                                                    ready",
        "7          Disabled           Disabled          23411      k8s:app=web                               fd00:1::7"
        "   10.1.0.7   ready",
        "                                                           k8s:io.kubernetes.pod.namespace=default",
    ],
    "identity list": ["ID      LABELS", "1       reserved:host", "2       reserved:world", "23411   k8s:app=web",
                      "        k8s:io.kubernetes.pod.namespace=default"],
    "identity get 2": ["ID   LABELS", "2    reserved:world"],
    "ip list": ["IP            IDENTITY                                  SOURCE     NODE",
                "0.0.0.0/0     world                                     reserved",
                "10.1.0.7/32   k8s:app=web                               endpoint   node-1",
                "              k8s:io.kubernetes.pod.namespace=default"],
    "ip list -n": ["IP            IDENTITY   SOURCE     NODE", "0.0.0.0/0     2          reserved",
                   "10.1.0.7/32   23411      endpoint   node-1"],
    "node list": ["Name     IPv4 Address   Endpoint CIDR   IPv6 Address   Endpoint CIDR   Routing   Neighbour   Agent",
                  "node-1   10.99.0.1      10.1.0.0/24     fd99::1        fd00:1::/112    tunnel                up",
                  "node-2   10.99.0.2      10.2.0.0/24                                    tunnel    resolved    silent"],
    "endpoint log 7": ["Timestamp              Status    State                  Message",
                       "2026-11-22T11:09:06Z   OK        ready                  Endpoint is ready",
                       "2026-11-22T11:09:05Z   Warning   waiting-for-identity   Waits"],
    "endpoint health 7": ["Overall Health:   OK", "BPF Health:       OK", "Policy Health:    OK", "Connected:        yes"],
    "config": ["Key         Value", "node-name   node-1", "uplinks     eth0", "            eth1", "mtu         0",
               "log-level   info"],
    "config mtu": ["0"],
    "version": ["Client:   0.1.0", "Daemon:   9.9.9"],
    "status --brief": ["OK"],
    "status": ["KVStore:        Ok   dir: /var/lib/pilus/store",
               "Pilus:          Ok   9.9.9",
               "Node:           node-1 in cluster default, agent started 2026-11-22T11:09:06Z",
               "NodeMonitor:    Nobody listens, 0 events lost",
               "IPAM:           IPv4: 3/254 allocated from 10.1.0.0/24, IPv6: 3/65534 allocated from fd00:1::/112"
               " (host-scope)",
               "Routing:        Tunnel [vxlan], UDP port 8472, MTU of pods 1450",
               "Host Routing:   BPF, programs attached by tcx, uplinks eth0",
               "Masquerading:   BPF [eth0] 10.1.0.0/24, fd00:1::/112 [IPv4: Enabled, IPv6: Disabled]",
               "Prefilter:      attached, revision 3, 2 entries, eth0 by xdp/native",
               "KubeProxyReplacement: True   2 services, 5 frontends, 4 backends, accelerated on eth0 by xdp/native",
               "Socket acceleration: Enabled, 17 connections",
               "Endpoints:      2/2 ready",
               "Policy:         in force, enforcement default (audit), 3 policies, revision 7, 1 locked down",
               "Memory:         agent 6.3 MB, maps 12.6 MB",
               "Cluster health: 2/2 reachable   (2026-11-22T11:09:06Z)"],
    "health status": ["Probe time:   2026-11-22T11:09:06Z", "Nodes:",
                      "  node-1 (localhost):",
                      "    Host connectivity to 10.99.0.1:",
                      "      ICMP to stack:   OK, RTT=191.372µs",
                      "      HTTP to agent:   OK, RTT=1.2s, 2 lost",
                      "  node-2:",
                      "    Host connectivity to 10.99.0.2:",
                      "      ICMP to stack:   OK, RTT=191.372µs",
                      "      HTTP to agent:   OK, RTT=191.372µs",
                      "    Endpoint connectivity to 10.2.0.2:",
                      "      ICMP to stack:   OK, RTT=191.372µs",
                      "      HTTP to agent:   OK, RTT=191.372µs"],
    "health status --succinct": ["Cluster health:   2/2 reachable   (2026-11-22T11:09:06Z)",
                                 "  Name                 IP          Node        Endpoints",
                                 "  node-1 (localhost)   10.99.0.1   reachable   none",
                                 "  node-2               10.99.0.2   reachable   reachable"],
    "health status --succinct --probe": ["Cluster health:   1/2 reachable   (2026-11-22T11:09:06Z)",
                                         "  Name                 IP          Node        Endpoints",
                                         "  node-1 (localhost)   10.99.0.1   reachable   none",
                                         "  node-2               10.99.0.2   reachable   not probed"],
}


@pytest.mark.parametrize("command", TABLES)
def test_tables(agent, command):
    assert lines(agent.pilus(*command.split())) == TABLES[command]


def test_status_verbose_adds_addresses_programs_and_maps(agent):
    text = agent.pilus("status", "--verbose")
    assert text.startswith(agent.pilus("status"))
    assert lines(text)[15:] == [
        "  Name                 IP          Node        Endpoints",
        "  node-1 (localhost)   10.99.0.1   reachable   none",
        "  node-2               10.99.0.2   reachable   reachable",
        "Allocated addresses:",
        "  10.1.0.7 (default/web-1)",
        "BPF Programs:",
        "  Name             Device   Hook",
        "  from_container   plx7     tcx/ingress",
        "BPF Maps:",
        "  Name          Entries     Size",
        "  pilus_flows         3   131072",
    ]


METRICS = br"""# HELP drops_total Dropped \\ "so".
# TYPE drops_total counter
drops_total{reason="Invalid source ip",direction="EGRESS"} 12345678901
drops_total{reason="a\\n \"b\"\nc} 2",direction=""} 0.25
up 1
"""


def test_bugtool_needs_no_agent(tmp_path):
    done = subprocess.run([PILUS, "--socket", str(tmp_path / "nowhere.sock"), "--bpffs", str(tmp_path), "bugtool",
                           "-o", str(tmp_path), "--no-archive"], text=True, capture_output=True, timeout=60, check=False)
    assert done.returncode == OK and not done.stderr
    folder = pathlib.Path(done.stdout.strip())
    assert folder.parent == tmp_path and folder.is_dir()
    command, says, end = (folder / "pilus-node-list.txt").read_text().splitlines()
    assert command.startswith("# pilus ") and command.endswith(" node list")
    assert says.startswith("pilus: ") and end == "# exit status 1"
    assert (folder / "uname.txt").read_text().startswith("# uname -a\nLinux ")
    assert not list(folder.glob("agent-*"))


def test_bugtool_where_nothing_can_be_written(tmp_path):
    done = subprocess.run([PILUS, "bugtool", "-o", str(tmp_path / "missing")], text=True, capture_output=True, timeout=60,
                          check=False)
    assert str(tmp_path / "missing") in one_sentence(done, FAILURE)


def test_bugtools_letter_is_its_own(agent):
    assert "-o, --directory DIR" in agent.pilus("bugtool", "--help")
    assert "-o, --output" not in agent.pilus("bugtool", "--help")


def test_metrics_are_a_table(agent):
    agent.answers["/v1/metrics"] = METRICS.split(b"\ndrops_total{reason=\"a")[0] + b"\nup 1\n"
    assert lines(agent.pilus("metrics", "list")) == [
        "Metric        Labels                                          Value",
        'drops_total   reason="Invalid source ip" direction="EGRESS"   12345678901',
        "up                                                            1"]


def test_metrics_are_understood_again(agent):
    agent.answers["/v1/metrics"] = METRICS
    assert json.loads(agent.pilus("metrics", "list", "-o", "json", "-p", "drop*")) == [
        {"name": "drops_total", "labels": {"reason": "Invalid source ip", "direction": "EGRESS"}, "value": 12345678901},
        {"name": "drops_total", "labels": {"reason": 'a\\n "b"\nc} 2', "direction": ""}, "value": 0.25}]


def test_status_tells_who_cannot_be_reached(agent):
    agent.answers["/v1/health"] = health(BAD)
    agent.answers["/v1/status"] = STATUS | {"health": {"probed": None, "reachable": 1, "total": 2}}
    assert lines(agent.pilus("status"))[14:] == [
        "Cluster health: 1/2 reachable   (not all probed yet)",
        "  Name     IP          Node        Endpoints",
        "  node-2   10.99.0.2   reachable   unreachable",
    ]
    agent.answers["/v1/status"] = STATUS | {"health": None}
    assert lines(agent.pilus("status"))[14:] == ["Cluster health: Probe disabled"]


def test_health_tells_every_address_that_cannot_be_reached(agent):
    agent.answers["/v1/health"] = health(BAD)
    bad = ["    Endpoint connectivity to fd00:2::2:",
           "      ICMP to stack:   Connection timed out, since 2026-11-22T11:09:06Z",
           "      HTTP to agent:   Connection timed out, since 2026-11-22T11:09:06Z"]
    assert lines(agent.pilus("health", "status"))[-3:] == bad
    verbose = lines(agent.pilus("health", "status", "--verbose"))
    assert verbose[-3:] == bad
    assert "    Endpoint connectivity: none" in verbose
    assert "      ICMP to stack:   OK, RTT=191.372µs, since 2026-11-22T11:09:06Z" in verbose
    agent.answers["/v1/health"] = health(None)
    assert lines(agent.pilus("health", "status"))[-1] == "      HTTP to agent:   not probed yet"


def test_status_tells_warnings(agent):
    agent.answers["/v1/status"] = STATUS | {"warnings": ["the map pilus_flows is 93 % full (93 of 100 entries)"]}
    assert lines(agent.pilus("status"))[-1] == "Warning:        the map pilus_flows is 93 % full (93 of 100 entries)"


@pytest.mark.parametrize("command, expected", [
    ("endpoint list", [HOST, WEB]), ("endpoint get 7", [WEB]), ("endpoint log 7", LOG),
    ("endpoint health 7", HEALTHY), ("health status", HEALTH), ("identity list", IDENTITIES),
    ("identity get 2", [IDENTITIES[1]]), ("ip list", IPS), ("node list", NODES), ("status", STATUS),
    ("config", CONFIG), ("config mtu", 0), ("version", {"client": "0.1.0", "daemon": "9.9.9"}),
])
def test_json(agent, command, expected):
    assert json.loads(agent.pilus(*command.split(), "-o", "json")) == expected
    assert json.loads(agent.pilus("--output=json", *command.split())) == expected


def test_an_endpoint_that_is_not_well_is_exit_1(agent):
    done = agent.run("endpoint", "health", "8")
    assert lines(done.stdout) == ["Overall Health:   Failure", "BPF Health:       OK", "Policy Health:    Pending",
                                  "Connected:        no"]
    assert "endpoint 8 is not well: device plx8 is gone" in one_sentence(done, FAILURE)


def test_endpoint_get_is_json_unless_a_table_is_asked_for(agent):
    assert json.loads(agent.pilus("endpoint", "get", "7")) == [WEB]
    assert agent.pilus("endpoint", "get", "7", "-o", "table").startswith("ENDPOINT   POLICY (ingress)")


def one_sentence(done, status):
    assert done.returncode == status
    assert done.stderr.startswith("pilus: ") and done.stderr.count("\n") == (2 if status == WRONG_USE else 1)
    return done.stderr


NEED_AGENT = [["status"], ["status", "--brief"], ["endpoint", "list"], ["endpoint", "get", "7"], ["endpoint", "log", "7"],
              ["endpoint", "health", "7"], ["health", "status"], ["health", "status", "--probe"],
              ["identity", "list"], ["identity", "get", "2"], ["ip", "list"], ["node", "list"], ["config"], ["version"],
              ["metrics", "list"], ["monitor"], ["monitor", "-j"]]
NEED_DATAPATH = [["map", "list"], ["bpf", "ct", "list"], ["bpf", "ct", "flush"], ["bpf", "endpoint", "list"],
                 ["bpf", "ipcache", "list"], ["bpf", "metrics", "list"], ["bpf", "node", "list"]]


@pytest.mark.parametrize("command", NEED_AGENT, ids=" ".join)
def test_no_agent_is_one_sentence(tmp_path, command):
    nowhere = str(tmp_path / "nowhere.sock")
    done = subprocess.run([PILUS, "--socket", nowhere, *command], text=True, capture_output=True, timeout=20, check=False)
    assert nowhere in one_sentence(done, FAILURE)


@pytest.mark.parametrize("command", NEED_DATAPATH, ids=" ".join)
def test_no_datapath_is_one_sentence(tmp_path, command):
    done = subprocess.run([PILUS, "--bpffs", str(tmp_path), *command], text=True, capture_output=True, timeout=20,
                          check=False)
    assert "pilusd" in one_sentence(done, FAILURE) and not done.stdout


@pytest.mark.parametrize("command, words", [
    ("dance", "'pilus' has no 'dance'"), ("endpoint lsit", "did you mean 'list'?"),
    ("endpoint get", "needs an argument: ID"), ("endpoint get 5000", "from 0 to 4095, not '5000'"),
    ("endpoint list 7", "no use for '7'"), ("status --bref", "did you mean --brief?"),
    ("bpf ct list local", "'global', not 'local'"), ("monitor --type trase", "did you mean 'trace'?"),
    ("monitor --from x", "must be a number"), ("config node-nam", "did you mean 'node-name'?"), ("-o xml ip list", "xml"),
    ("help dance", "'pilus' has no 'dance'"),
])
def test_wrong_use_is_said_with_what_may_be_meant(agent, command, words):
    done = agent.run(*command.split())
    assert words in one_sentence(done, WRONG_USE) and not done.stdout


def test_what_the_agent_refuses_is_passed_on(agent):
    assert "there is no endpoint 8;" in one_sentence(agent.run("endpoint", "get", "8"), FAILURE)
    assert "there is no endpoint 8;" in one_sentence(agent.run("endpoint", "log", "8"), FAILURE)
    del agent.answers["/v1/ips"]
    assert "there is no /v1/ips" in one_sentence(agent.run("ip", "list"), FAILURE)
    assert "no identity 300" in one_sentence(agent.run("identity", "get", "300"), FAILURE)


@pytest.mark.parametrize("body", [b"not JSON", b"{}", b"[7]", b"null", b"[[]]", b""])
def test_broken_answers_are_errors(agent, body):
    agent.answers["/v1/endpoints"] = body
    assert "agent's answer" in one_sentence(agent.run("endpoint", "list"), FAILURE)


@pytest.mark.parametrize("part", ["agent", "store"])
def test_bad_health_is_exit_status_1(agent, part):
    bad = dict(STATUS, state="Failure", message="no uplink") if part == "agent" else \
        dict(STATUS, store={"kind": "dir", "state": "Failure", "message": "no uplink"})
    agent.answers["/v1/status"] = bad
    for command in (["status"], ["status", "--brief"], ["status", "-o", "json"]):
        done = agent.run(*command)
        assert f"the {part} is not well: Failure: no uplink" in one_sentence(done, FAILURE)
        assert "OK" not in done.stdout


def test_missing_members_are_blanks(agent):
    agent.answers |= {"/v1/endpoints": [{}], "/v1/status": {"state": "Ok", "store": {"state": "Ok"}}}
    assert len(lines(agent.pilus("endpoint", "list"))) >= 2
    assert "no pod CIDR yet" in agent.pilus("status")
    assert agent.pilus("status", "--verbose")


def test_full_disk_is_noticed(agent):
    with open("/dev/full", "w", encoding="utf-8") as full:
        for command in (["endpoint", "list"], ["help"], ["identity", "list", "-o", "json"]):
            done = subprocess.run([PILUS, "--socket", agent.socket, *command], stdout=full, stderr=subprocess.PIPE,
                                  text=True, timeout=20, check=False)
            assert "No space left" in one_sentence(done, FAILURE)


# The monitor: abi/event.h as Python packs it.

EVENT = struct.Struct("=QBBBBIIIHHHHIIIIIHH16s")
DROP, TRACE, AGENT = 1, 4, 6
FROM_ENDPOINT, TO_ENDPOINT, TO_OVERLAY = 1, 2, 4
ENCAPSULATED = 1 << 6
SYN = bytes.fromhex("dea732339fbb b2ab50de09ff 0800 4500002800014000400600000a0100070a010008"
                    "8208 0050 00000001 00000000 5002 fd20 abcd 0000".replace(" ", ""))


def event(kind, frame, point=0, reason=0, source=0, destination=0, node=0, story=0, vni=0):
    head = EVENT.pack(1, kind, point, reason, 0, 0, 23411, 2, source, destination, node, 0, 0, 0xabc, story, len(frame),
                      vni, len(frame), 0, bytes(16))
    return struct.pack("=I", len(head) + len(frame)) + head + frame


def agent_event(**members):
    return event(AGENT, json.dumps(members).encode())


STREAM = [event(TRACE, SYN, TO_OVERLAY, source=7, node=1, story=ENCAPSULATED, vni=23411),
          event(DROP, SYN[:30], FROM_ENDPOINT, reason=132, source=8),
          agent_event(kind="Endpoint created", message="endpoint 9"),
          agent_event(kind="Events lost", count=42),
          event(TRACE, SYN, TO_ENDPOINT, source=7, destination=9)]


def test_monitor_tells_events_as_they_come(agent):
    stream = b"".join(STREAM)
    agent.pieces = [stream[:10], stream[10:11], stream[11:300], stream[300:]]
    with agent.monitor() as monitor:
        monitor.wait_line("^-> endpoint 9")
    assert monitor.lines == [
        "Listening for events of type drop, flow, agent",
        "Press Ctrl-C to quit",
        "-> overlay flow 0xabc , identity 23411->world state new ifindex 0 orig-ip 10.1.0.7: "
        "10.1.0.7:33288 -> 10.1.0.8:80 tcp SYN",
        "xx drop (Invalid source ip) flow 0xabc to endpoint 0, ifindex 0, identity 23411->world: [unknown]",
        ">> Endpoint created: endpoint 9",
        "Events lost: 42",
        "-> endpoint 9 flow 0xabc , identity 23411->world state new ifindex 0 orig-ip 10.1.0.7: "
        "10.1.0.7:33288 -> 10.1.0.8:80 tcp SYN",
    ]
    assert agent.asked == ["/v1/monitor?types=drop,flow,agent"]


def test_monitor_json_has_an_object_a_line(agent):
    agent.pieces = STREAM
    process = subprocess.Popen([PILUS, "--socket", agent.socket, "monitor", "-j"], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL)
    with process:
        objects = [json.loads(process.stdout.readline()) for _ in STREAM]
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == OK
    assert [item["type"] for item in objects] == ["trace", "drop", "agent", "agent", "trace"]
    assert objects[0]["node"]["name"] == "node-2" and objects[0]["summary"]["l4"] == {"src": "33288", "dst": "80"}
    assert objects[1]["summary"]["failure"] == "IPv4: 16 of 20 bytes are there"
    assert objects[3]["message"] == {"kind": "Events lost", "count": 42}


def test_monitor_vv_names_node_and_labels(agent):
    agent.pieces = STREAM
    with agent.monitor("-vv", "--type", "trace,agent") as monitor:
        monitor.wait_line("to-endpoint")
    assert "    1. encapsulated to node node-2 (10.99.0.2), VNI 23411 = identity 23411 (" + " ".join(LABELS) + ")" \
        in monitor.lines
    assert "  Identity 23411: " + " ".join(LABELS) in monitor.lines
    assert agent.asked == ["/v1/monitor?types=trace,agent"]


def test_monitor_asks_again_for_an_unknown_identity(agent):
    def events():
        while not agent.hold.wait(0.05):
            yield STREAM[0]
    agent.answers["/v1/identities"] = []
    agent.pieces = events()
    with agent.monitor("-v") as monitor:
        monitor.wait_line("to-overlay")
        agent.answers["/v1/identities"] = IDENTITIES
        monitor.wait_line("Identity 23411: k8s:app=web")


@pytest.mark.parametrize("options, heads", [
    (["--from", "7"], ["-> overlay", "Events lost: 42", "-> endpoint 9"]),
    (["--to", "9"], ["Events lost: 42", "-> endpoint 9"]),
    (["--related-to", "9", "--related-to", "8"], ["xx drop", "Events lost: 42", "-> endpoint 9"]),
    (["--from", "8", "--from", "7", "--to", "9"], ["Events lost: 42", "-> endpoint 9"]),
])
def test_monitor_filters_by_endpoint(agent, options, heads):
    agent.pieces = STREAM
    with agent.monitor(*options) as monitor:
        monitor.wait_line("^-> endpoint 9")
    told = monitor.lines[2:]
    assert len(told) == len(heads) and all(line.startswith(head) for line, head in zip(told, heads)), told


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_monitor_ends_well_when_asked_to(agent, number):
    with subprocess.Popen([PILUS, "--socket", agent.socket, "monitor"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().startswith("Listening for events")
        process.send_signal(number)
        assert process.wait(10) == OK


@pytest.mark.parametrize("announced", [None, 1000], ids=["in order", "half-way"])
def test_monitor_says_when_the_agent_ends(agent, announced):
    agent.announced = announced
    agent.hold.set()
    done = agent.run("monitor")
    assert "the agent has ended" in one_sentence(done, FAILURE)


@pytest.mark.parametrize("stream", [b"\0\0\0\0", b"\xff\xff\xff\xff", struct.pack("=I", 60) + bytes(50) + b"\xff" * 10])
def test_monitor_refuses_a_broken_stream(agent, stream):
    agent.pieces = [stream]
    done = agent.run("monitor")
    assert "stream is broken" in one_sentence(done, FAILURE)


def test_monitor_notices_that_nobody_reads(agent):
    agent.pieces = STREAM * 2000
    with subprocess.Popen([PILUS, "--socket", agent.socket, "monitor"], stdout=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.wait(10) == FAILURE


# Policies in files.

POLICY = """apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: client}}}, {ipBlock: {cidr: 192.0.2.0/24}}]
    ports: [{port: 80}]
"""


def policy(*words, text=POLICY):
    return subprocess.run([PILUS, "policy", *words], input=text, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("source, port, answer", [
    ("app=client", "80/tcp", "Ingress: allowed by the rule of line 7 of NetworkPolicy default/web"),
    ("app=client", "81/tcp", "Ingress: denied: it is closed, and no rule allows this"),
    ("app=other", "80/tcp", "Ingress: denied: it is closed, and no rule allows this"),
    ("app=other@192.0.2.9", "80", "Ingress: allowed by the rule of line 7 of NetworkPolicy default/web"),
    ("app=client,io.kubernetes.pod.namespace=away", "80", "Ingress: denied: it is closed, and no rule allows this"),
    ("192.0.2.1", "80", "Ingress: allowed by the rule of line 7 of NetworkPolicy default/web"),
    ("192.0.3.1", "80", "Ingress: denied: it is closed, and no rule allows this"),
])
def test_policy_trace(source, port, answer):
    done = policy("trace", "-", "--src", source, "--dst", "app=web", "--dport", port)
    assert done.returncode == OK and not done.stderr
    verdict = "DENIED" if "denied" in answer else "ALLOWED"
    assert done.stdout.splitlines() == ["Egress:  allowed: no policy closes it", answer, f"Final verdict: {verdict}"]


def test_policy_validate(tmp_path):
    right, wrong = tmp_path / "right.yaml", tmp_path / "wrong.yaml"
    right.write_text(POLICY)
    wrong.write_text(POLICY.replace("port: 80", "port: 80000").replace("app: web", "app: [web]"))
    done = policy("validate", right)
    assert (done.returncode, done.stdout) == (OK, "NetworkPolicy default/web: valid\n")
    done = policy("validate", right, wrong)
    assert done.returncode == FAILURE and not done.stdout
    assert done.stderr.splitlines() == [
        f"{wrong}:5: spec.podSelector.matchLabels.app: must be text",
        f"{wrong}:8: spec.ingress[0].ports[0].port: must be a number from 1 to 65535",
        "pilus: 2 problems: nothing was taken from the files"]


@pytest.mark.parametrize("words, sentence", [
    (["trace", "-"], "who asks whom?"),
    (["trace", "-", "-s", "a=b", "-d", "c=d@e"], "'e' is no address"),
    (["trace", "-", "-s", "a=b", "-d", "c=d", "--dport", "80/xyz"], "'xyz' is none of"),
    (["trace", "-", "-s", "a=b", "-d", "c=d", "--dport", "70000"], "a port"),
])
def test_policy_trace_refuses(words, sentence):
    done = policy(*words)
    assert done.returncode == WRONG_USE and sentence in done.stderr


def test_policy_trace_takes_a_word_for_a_pod():
    done = policy("trace", "-", "-s", "client", "-d", "app=web", "--socket", "/nowhere")
    assert done.returncode == FAILURE and not done.stdout
    assert "--src: pod 'client': no agent listens on /nowhere" in done.stderr
