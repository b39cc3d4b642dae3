# SPDX-License-Identifier: Apache-2.0
"""pilus-cni alone: what it asks of the agent for every verb, and what it makes of every answer. The agent is played."""
import http.server
import json
import os
import secrets
import socketserver
import subprocess
import threading
import urllib.parse

import pytest

from support import BUILD

PLUGIN = f"{BUILD}/pilus-cni"
VERSIONS = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]
CONTAINER = "0f" * 32
BY_CONTAINER = f"/v1/endpoints/by-container/{CONTAINER}/eth0"
ENDPOINT = {
    "id": 7, "state": "ready", "identity": 23411, "container": CONTAINER, "interface": "eth0", "device": "plx7",
    "mac": "02:00:00:00:00:01", "host-mac": "02:00:00:00:00:02", "mtu": 1450, "ipv4": "10.1.0.7", "ipv6": "fd00:1::7",
    "gateway-ipv4": "169.254.1.1", "gateway-ipv6": "fe80::1",
}


class Handler(http.server.BaseHTTPRequestHandler):
    def address_string(self):
        return "unix"

    def log_message(self, *_):
        pass

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        agent = self.server.agent
        agent.asked.append((self.command, self.path, json.loads(body) if body else None))
        status, answer = agent.answers.get((self.command, self.path), (404, {"error": f"nothing at {self.path}"}))
        if status is None:
            self.close_connection = True
            return
        content = answer if isinstance(answer, bytes) else b"" if answer is None else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_POST = do_DELETE = answer


class Agent:
    """`answers`: (method, path) -> (status, JSON, bytes or None); a status None hangs up. `asked`: what came."""

    def __init__(self, path):
        self.path, self.asked, self.answers = path, [], {}
        self.server = socketserver.ThreadingUnixStreamServer(path, Handler)
        self.server.agent = self
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(name="agent")
def _agent(tmp_path):
    agent = Agent(str(tmp_path / "agent.sock"))
    agent.answers = {
        ("PUT", "/v1/endpoints"): (201, ENDPOINT), ("GET", BY_CONTAINER): (200, ENDPOINT),
        ("DELETE", BY_CONTAINER): (200, None), ("POST", "/v1/endpoints/check"): (200, None),
        ("POST", "/v1/endpoints/gc"): (200, {"removed": 1}), ("GET", "/v1/status"): (200, {"state": "Ok"}),
    }
    yield agent
    agent.stop()


@pytest.fixture(name="netns")
def _netns():
    """The path of a network namespace with an interface eth0, one end of a veth."""
    name = f"pilus-cni-{secrets.token_hex(4)}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    subprocess.run(["ip", "-n", name, "link", "add", "eth0", "type", "veth", "peer", "name", "host0"], check=True)
    yield f"/run/netns/{name}"
    subprocess.run(["ip", "netns", "del", name], check=False)


def has_link(netns, name):
    return subprocess.run(["ip", "-n", os.path.basename(netns), "link", "show", name], capture_output=True,
                          check=False).returncode == 0


def call(verb, config, text=None, **variables):
    """Variables by lower-case name without CNI_; None takes one away."""
    environment = {"containerid": CONTAINER, "netns": "/run/netns/none", "ifname": "eth0", "path": BUILD, **variables}
    environment = {f"CNI_{name.upper()}": value for name, value in environment.items() if value is not None}
    if verb is not None:
        environment["CNI_COMMAND"] = verb
    return subprocess.run([PLUGIN], env=environment, input=json.dumps(config) if text is None else text, text=True,
                          capture_output=True, check=False, timeout=60)


def config(agent, version="1.1.0", **more):
    return {"cniVersion": version, "name": "net", "type": "pilus-cni",
            "agent-socket": getattr(agent, "path", agent), **more}


def succeeds(done):
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return json.loads(done.stdout) if done.stdout else None


def fails(done, code, *words):
    assert (done.returncode, done.stderr) == (1, ""), done.stdout + done.stderr
    error = json.loads(done.stdout)
    assert set(error) == {"cniVersion", "code", "msg"}
    assert error["code"] == code, error
    for word in words:
        assert word in error["msg"], error
    return error


# ADD

def result(version, netns):
    mtu = {"mtu": 1450} if version == "1.1.0" else {}
    family = {"4": {"version": "4"}, "6": {"version": "6"}} if version < "1" else {"4": {}, "6": {}}
    return {
        "cniVersion": version,
        "interfaces": [{"name": "plx7", "mac": "02:00:00:00:00:02", **mtu},
                       {"name": "eth0", "mac": "02:00:00:00:00:01", "sandbox": netns, **mtu}],
        "ips": [{"interface": 1, "address": "10.1.0.7/32", "gateway": "169.254.1.1", **family["4"]},
                {"interface": 1, "address": "fd00:1::7/128", "gateway": "fe80::1", **family["6"]}],
        "routes": [{"dst": "0.0.0.0/0", "gw": "169.254.1.1"}, {"dst": "::/0", "gw": "fe80::1"}],
        "dns": {},
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_add_answers_in_the_shape_of_the_version(agent, netns, version):
    assert succeeds(call("ADD", config(agent, version), netns=netns)) == result(version, netns)


def test_add_asks_for_the_endpoint(agent, netns):
    succeeds(call("ADD", config(agent), netns=netns))
    assert agent.asked == [("PUT", "/v1/endpoints", {
        "container": CONTAINER, "interface": "eth0", "netns": netns, "network": "net", "labels": {}, "ports": {}})]


def test_add_passes_on_pod_labels_and_settings(agent, netns):
    labels = [{"key": "app", "value": "web"}, {"key": "tier", "value": ""}]
    succeeds(call("ADD", config(agent, mtu=1300, ipv6=False, args={"cni": {"labels": labels}}), netns=netns,
                  args="K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-1;K8S_POD_UID=7"))
    (_, _, body), = agent.asked
    assert body["pod"] == "web-1" and body["namespace"] == "default"
    assert body["labels"] == {"app": "web", "tier": ""}
    assert (body["ipv6"], body["mtu"]) == (False, 1300)
    assert "ipv4" not in body, "what is not said is not insisted on"


def test_add_passes_on_port_mappings(agent, netns):
    mappings = [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp", "hostIP": ""},
                {"hostPort": 5353, "containerPort": 53, "protocol": "UDP", "hostIP": "10.99.0.1"}]
    succeeds(call("ADD", config(agent, runtimeConfig={"portMappings": mappings}), netns=netns))
    (_, _, body), = agent.asked
    assert body["port-mappings"] == [
        {"host-port": 8080, "container-port": 80, "protocol": "TCP"},
        {"host-port": 5353, "container-port": 53, "protocol": "UDP", "host-ip": "10.99.0.1"}]


def test_add_of_an_endpoint_that_is_there_gives_its_result(agent, netns):
    agent.answers["PUT", "/v1/endpoints"] = (200, ENDPOINT)
    assert succeeds(call("ADD", config(agent), netns=netns)) == result("1.1.0", netns)


def test_add_of_one_family(agent, netns):
    agent.answers["PUT", "/v1/endpoints"] = (201, {**ENDPOINT, "ipv4": None})
    answer = succeeds(call("ADD", config(agent, ipv4=False), netns=netns))
    assert [item["address"] for item in answer["ips"]] == ["fd00:1::7/128"]
    assert [item["dst"] for item in answer["routes"]] == ["::/0"]


def test_add_in_a_chain_adds_to_the_previous_result(agent, netns):
    previous = {"cniVersion": "1.1.0", "interfaces": [{"name": "lo", "sandbox": netns}],
                "ips": [{"interface": 0, "address": "127.0.0.1/8"}], "routes": [], "dns": {"domain": "x"}}
    answer = succeeds(call("ADD", config(agent, prevResult=previous), netns=netns))
    assert [item["name"] for item in answer["interfaces"]] == ["lo", "plx7", "eth0"]
    assert [item["interface"] for item in answer["ips"]] == [0, 2, 2]
    assert answer["dns"] == {"domain": "x"}


def test_dns_of_the_config_goes_into_the_result(agent, netns):
    dns = {"nameservers": ["10.0.0.53"], "search": ["svc"]}
    assert succeeds(call("ADD", config(agent, dns=dns), netns=netns))["dns"] == dns


@pytest.mark.parametrize("status, code", [(400, 7), (404, 3), (409, 100), (503, 11), (500, 100), (None, 11)])
def test_add_that_the_agent_refuses(agent, netns, status, code):
    agent.answers["PUT", "/v1/endpoints"] = (status, {"error": "that will not do"})
    fails(call("ADD", config(agent), netns=netns), code, "that will not do" if status else "broke")


@pytest.mark.parametrize("answer, word", [
    (b"", "lacks device"), (b"<html>", "not JSON"), (b"[]", "lacks device"),
    (json.dumps({**ENDPOINT, "mac": None}).encode(), "lacks mac"),
    (json.dumps({**ENDPOINT, "ipv4": None, "ipv6": None}).encode(), "no address"),
])
def test_add_with_an_answer_that_is_none(agent, netns, answer, word):
    agent.answers["PUT", "/v1/endpoints"] = (201, answer)
    fails(call("ADD", config(agent), netns=netns), 100, word)


def test_add_without_an_agent_is_to_be_tried_again(tmp_path, netns):
    path = str(tmp_path / "none.sock")
    fails(call("ADD", config(path), netns=netns), 11, f"no agent listens on {path}")


def test_add_after_the_agent_died(agent, netns):
    agent.stop()
    fails(call("ADD", config(agent), netns=netns), 11, "is pilusd running?")


def test_add_to_no_namespace_or_the_hosts_asks_nothing(agent):
    fails(call("ADD", config(agent), netns="/run/netns/never-made"), 4, "CNI_NETNS", "/run/netns/never-made")
    fails(call("ADD", config(agent), netns="/proc/self/ns/net"), 4, "CNI_NETNS", "the host's")
    assert not agent.asked


# DEL

def test_del_asks_and_is_silent(agent, netns):
    done = call("DEL", config(agent), netns=netns)
    assert succeeds(done) is None
    assert agent.asked == [("DELETE", BY_CONTAINER, None)]
    assert not has_link(netns, "eth0"), "what the agent does not know goes too"


def test_del_escapes_the_interface(agent):
    agent.answers["DELETE", f"/v1/endpoints/by-container/{CONTAINER}/%25e%3F%23"] = (200, None)
    assert succeeds(call("DEL", config(agent), ifname="%e?#", netns=None)) is None
    assert urllib.parse.unquote(agent.asked[0][1]).endswith("/%e?#")


@pytest.mark.parametrize("netns_given", [True, False])
def test_del_without_an_agent(tmp_path, netns, netns_given):
    done = call("DEL", config(str(tmp_path / "none.sock")), netns=netns if netns_given else None)
    assert succeeds(done) is None
    assert has_link(netns, "eth0") != netns_given


@pytest.mark.parametrize("place", ["/run/netns/never-made", "/etc/passwd", "/proc/self/ns/net", "/proc/self/ns/mnt"])
def test_del_where_there_is_nothing_of_ours(tmp_path, place):
    assert succeeds(call("DEL", config(str(tmp_path / "none.sock")), netns=place, ifname="lo")) is None


def test_del_again(tmp_path, netns):
    for _ in range(2):
        assert succeeds(call("DEL", config(str(tmp_path / "none.sock")), netns=netns)) is None


def test_del_leaves_what_is_no_veth(tmp_path, netns):
    name = os.path.basename(netns)
    subprocess.run(["ip", "-n", name, "link", "add", "other0", "type", "bridge"], check=True)
    assert succeeds(call("DEL", config(str(tmp_path / "none.sock")), netns=netns, ifname="other0")) is None
    assert has_link(netns, "other0")


@pytest.mark.parametrize("same", [True, False])
def test_del_by_the_previous_result_alone(tmp_path, netns, same):
    """No agent, no CNI_NETNS: the host's end goes if it is the very one."""
    facts = json.loads(subprocess.run(["ip", "-j", "-n", os.path.basename(netns), "link", "show", "host0"], check=True,
                                      capture_output=True).stdout)[0]
    previous = {"cniVersion": "1.1.0", "interfaces": [
        {"name": "host0", "mac": facts["address"] if same else "02:00:00:00:00:77"},
        {"name": "eth0", "sandbox": "/gone", "mac": "02:00:00:00:00:01"}]}
    environment = {"CNI_COMMAND": "DEL", "CNI_CONTAINERID": CONTAINER, "CNI_IFNAME": "eth0", "PATH": os.environ["PATH"]}
    text = json.dumps(config(str(tmp_path / "none.sock"), prevResult=previous))
    done = subprocess.run(["ip", "netns", "exec", os.path.basename(netns), PLUGIN], env=environment, input=text,
                          text=True, capture_output=True, check=False)
    assert succeeds(done) is None
    assert has_link(netns, "host0") != same


@pytest.mark.parametrize("status, code", [(503, 11), (500, 100), (400, 7), (None, 11)])
def test_del_that_the_agent_refuses_leaves_the_interface(agent, netns, status, code):
    agent.answers["DELETE", BY_CONTAINER] = (status, {"error": "not now"})
    fails(call("DEL", config(agent), netns=netns), code)
    assert has_link(netns, "eth0")


def test_del_of_what_the_agent_does_not_know(agent, netns):
    agent.answers["DELETE", BY_CONTAINER] = (404, {"error": "never heard of it"})
    assert succeeds(call("DEL", config(agent), netns=netns)) is None


# CHECK

def test_check_asks_and_is_silent(agent):
    done = call("CHECK", config(agent, prevResult=result("1.1.0", "/run/netns/none")))
    assert succeeds(done) is None
    (_, path, _), (_, check, body) = agent.asked
    assert (path, check) == (BY_CONTAINER, "/v1/endpoints/check")
    assert body["container"] == CONTAINER and body["netns"] == "/run/netns/none"


@pytest.mark.parametrize("version", ["0.4.0", "1.0.0"])
def test_check_of_older_versions(agent, version):
    assert succeeds(call("CHECK", config(agent, version, prevResult=result(version, "/x")))) is None


def test_check_did_not_exist_before_0_4(agent):
    fails(call("CHECK", config(agent, "0.3.1", prevResult=result("0.3.1", "/x"))), 1, "CHECK", "0.4.0")


def test_check_of_nobody(agent):
    agent.answers["GET", BY_CONTAINER] = (404, {"error": "there is no endpoint of that container and interface"})
    fails(call("CHECK", config(agent, prevResult=result("1.1.0", "/x"))), 3, "no endpoint")


def test_check_that_finds_a_difference(agent):
    agent.answers["POST", "/v1/endpoints/check"] = (409, {"error": "interface eth0 is gone"})
    fails(call("CHECK", config(agent, prevResult=result("1.1.0", "/x"))), 100, "interface eth0 is gone")


def test_check_compares_with_the_previous_result(agent):
    agent.answers["GET", BY_CONTAINER] = (200, {**ENDPOINT, "ipv4": "10.1.0.8"})
    fails(call("CHECK", config(agent, prevResult=result("1.1.0", "/x"))), 100, "10.1.0.7/32")


@pytest.mark.parametrize("previous", [{}, {"prevResult": {}}, {"prevResult": 7}])
def test_check_needs_the_previous_result(agent, previous):
    fails(call("CHECK", config(agent, **previous)), 7, "prevResult")
    assert all(path != "/v1/endpoints/check" for _, path, _ in agent.asked)


# GC

def test_gc_passes_on_who_is_valid(agent):
    valid = [{"containerID": "a", "ifname": "eth0"}, {"containerID": "b", "ifname": "net1"}]
    done = call("GC", config(agent, **{"cni.dev/valid-attachments": valid}), containerid=None, netns=None, ifname=None)
    assert succeeds(done) is None
    assert agent.asked == [("POST", "/v1/endpoints/gc", {"network": "net", "valid": [
        {"container": "a", "interface": "eth0"}, {"container": "b", "interface": "net1"}]})]


def test_gc_of_all(agent):
    assert succeeds(call("GC", config(agent, **{"cni.dev/valid-attachments": []}))) is None
    assert agent.asked[0][2]["valid"] == []


@pytest.mark.parametrize("value", [None, {}, [7], [{"containerID": "a"}], [{"ifname": "a"}]])
def test_gc_without_a_sound_list_asks_nothing(agent, value):
    fails(call("GC", config(agent, **{"cni.dev/valid-attachments": value})), 7, "cni.dev/valid-attachments")
    assert not agent.asked


def test_gc_without_an_agent_is_to_be_tried_again(tmp_path):
    fails(call("GC", config(str(tmp_path / "none.sock"), **{"cni.dev/valid-attachments": []})), 11)


# STATUS and VERSION

@pytest.mark.parametrize("state", ["Ok", "Warning"])
def test_status_is_silent_while_pods_can_be_added(agent, state):
    agent.answers["GET", "/v1/status"] = (200, {"state": state, "message": "the store is slow"})
    assert succeeds(call("STATUS", config(agent), containerid=None, netns=None, ifname=None)) is None


@pytest.mark.parametrize("answer", [
    (200, {"state": "Starting", "message": "taking over"}), (200, {"state": "Failure", "message": "no store"}),
    (200, {}), (200, None), (200, b"x"), (500, {"error": "broken"}), (503, {"error": "starting"}), (None, None),
])
def test_status_says_50_when_not(agent, answer):
    agent.answers["GET", "/v1/status"] = answer
    words = [answer[1].get("message") or answer[1].get("error") or ""] if isinstance(answer[1], dict) else []
    fails(call("STATUS", config(agent)), 50, *words)


def test_status_without_an_agent(tmp_path):
    fails(call("STATUS", config(str(tmp_path / "none.sock"))), 50, "no agent listens")


@pytest.mark.parametrize("verb", ["GC", "STATUS"])
def test_verbs_of_1_1_need_it(agent, verb):
    fails(call(verb, config(agent, "1.0.0", **{"cni.dev/valid-attachments": []})), 1, verb, "1.1.0")
    assert not agent.asked


@pytest.mark.parametrize("text, spoken", [
    ("", "1.1.0"), ("{", "1.1.0"), ('{"cniVersion": "0.4.0"}', "0.4.0"), ('{"cniVersion": "9.9.9"}', "9.9.9"),
])
def test_version(text, spoken):
    assert succeeds(call("VERSION", None, text)) == {"cniVersion": spoken, "supportedVersions": VERSIONS}


# What is wrong before anybody is asked

@pytest.mark.parametrize("verb", ["ADD", "DEL", "CHECK"])
@pytest.mark.parametrize("name, value", [
    ("containerid", None), ("containerid", ""), ("containerid", "-x"), ("containerid", "a/../b"), ("ifname", None),
    ("ifname", "sixteen-letters-"), ("ifname", "a/b"), ("ifname", "a:b"), ("ifname", "a b"), ("ifname", ".."),
    ("netns", "relative"), ("args", "K8S_POD_NAME"), ("args", "FOO=1"),
])
def test_a_wrong_environment(agent, verb, name, value):
    fails(call(verb, config(agent), **{name: value}), 4, f"CNI_{name.upper()}")
    assert not agent.asked


def test_an_unknown_argument_that_may_be_ignored(agent, netns):
    succeeds(call("ADD", config(agent), netns=netns, args="FOO=1;IgnoreUnknown=true"))


@pytest.mark.parametrize("verb", [None, "", "add", "DANCE"])
def test_no_such_verb(agent, verb):
    fails(call(verb, config(agent)), 4, "CNI_COMMAND", verb or "not set")


@pytest.mark.parametrize("text, code, word", [
    ("", 6, "JSON"), ("{", 6, "line 1"), ("[]", 6, "object"), ("{}", 1, "cniVersion"), ('"x"', 6, "JSON"),
    ('{"cniVersion": "0.2.0", "name": "n"}', 1, "0.2.0"), ('{"cniVersion": "1.1.0"}', 7, "name"),
    ('{"cniVersion": "1.1.0", "name": "n", "mtu": 10}', 7, "mtu"),
    ('{"cniVersion": "1.1.0", "name": "n", "agent-socket": "x"}', 7, "agent-socket"),
    ('{"cniVersion": "1.1.0", "name": "n", "agent-socket": "/' + "x" * 200 + '"}', 100, "longer than 107 bytes"),
    ('{"cniVersion": "1.1.0", "name": "n", "ipam": {"type": "host-local"}}', 2, "host-local"),
    ('{"cniVersion": "1.1.0", "name": "n", "x": "' + "x" * 1024 * 1024 + '"}', 6, "1 MiB"),
], ids=lambda value: value[:60] if isinstance(value, str) else None)
def test_a_wrong_config(netns, text, code, word):
    fails(call("ADD", None, text, netns=netns), code, word)


def test_errors_speak_the_version_of_the_config(agent):
    assert fails(call("ADD", config(agent, "0.4.0", mtu=1), netns="/x"), 7)["cniVersion"] == "0.4.0"


def test_output_that_cannot_be_written_is_said(agent, netns):
    environment = {"CNI_COMMAND": "ADD", "CNI_CONTAINERID": CONTAINER, "CNI_IFNAME": "eth0", "CNI_NETNS": netns}
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([PLUGIN], env=environment, input=json.dumps(config(agent)), text=True, stdout=full,
                              stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1
    assert "cannot write to standard output" in done.stderr


def test_input_that_cannot_be_read_is_code_5():
    folder = os.open("/", os.O_RDONLY)
    try:
        done = subprocess.run([PLUGIN], env={"CNI_COMMAND": "STATUS"}, stdin=folder, text=True, capture_output=True,
                              check=False)
    finally:
        os.close(folder)
    fails(done, 5, "standard input")
