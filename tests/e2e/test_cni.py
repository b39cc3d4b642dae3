# SPDX-License-Identifier: Apache-2.0
"""pilus-cni as runtimes execute it: every verb, every version, and what goes wrong."""
import json
import secrets
import subprocess

import pytest

from support import BUILD, Lab, ping

VERSIONS = ["0.3.1", "0.4.0", "1.0.0", "1.1.0"]
NODE = "node-1"


class Runtime:
    """What a container runtime does for one pod: a namespace, an id, and the plugin's environment."""

    def __init__(self, lab: Lab, version="1.1.0"):
        self.lab = lab
        self.place = f"raw-{secrets.token_hex(2)}"
        self.netns = f"/run/netns/{lab.name}.{self.place}"
        self.container = secrets.token_hex(32)
        self.config = {"cniVersion": version, "name": "raw", "type": "pilus-cni"}
        self.environment = {
            "CNI_CONTAINERID": self.container, "CNI_NETNS": self.netns, "CNI_IFNAME": "eth0", "CNI_PATH": BUILD,
            "CNI_ARGS": f"IgnoreUnknown=1;K8S_POD_NAMESPACE=raw;K8S_POD_NAME={self.place}",
        }
        subprocess.run(["ip", "netns", "add", f"{lab.name}.{self.place}"], check=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.call("DEL")
        self.remove_netns()

    def remove_netns(self):
        subprocess.run(["ip", "netns", "del", f"{self.lab.name}.{self.place}"], stderr=subprocess.DEVNULL, check=False)

    def call(self, verb, config=None, raw=None, **changed):
        """Changed variables by lower-case name without CNI_; None takes one away."""
        environment = {**self.environment, "CNI_COMMAND": verb}
        environment |= {f"CNI_{name.upper()}": value for name, value in changed.items()}
        text = raw if raw is not None else json.dumps({**self.config, **(config or {})})
        words = [f"{name}={value}" for name, value in environment.items() if value is not None]
        return self.lab.exec(NODE, "env", *words, f"{BUILD}/pilus-cni", text=text, check=False)

    def add(self, **config):
        done = self.call("ADD", config)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def inside(self, *command):
        return subprocess.run(["ip", "netns", "exec", f"{self.lab.name}.{self.place}", *command], text=True,
                              capture_output=True, check=True).stdout

    def endpoint(self):
        found = [item for item in self.lab.json(NODE, "endpoint", "list") if item["container"] == self.container]
        return found[0] if found else None


@pytest.fixture(name="runtime")
def _runtime(lab):
    with Runtime(lab) as runtime:
        yield runtime


def fails(done, code, *words):
    """The specification's error: a non-zero status and JSON with its code; and words that help."""
    assert done.returncode != 0, done.stdout
    error = json.loads(done.stdout)
    assert error["code"] == code, error
    text = error["msg"] + error.get("details", "")
    for word in words:
        assert word in text, error


def test_version(runtime):
    done = runtime.call("VERSION")
    assert done.returncode == 0
    answer = json.loads(done.stdout)
    assert set(VERSIONS) <= set(answer["supportedVersions"])
    assert answer["cniVersion"] == "1.1.0"


@pytest.mark.parametrize("version", VERSIONS)
def test_add_answers_in_the_version_asked_for(lab, version):
    with Runtime(lab, version) as runtime:
        result = runtime.add()
        assert result["cniVersion"] == version
        inner = [item for item in result["interfaces"] if item.get("sandbox")]
        assert len(inner) == 1 and inner[0]["name"] == "eth0" and inner[0]["sandbox"] == runtime.netns
        assert inner[0]["mac"] == runtime.inside("cat", "/sys/class/net/eth0/address").strip()
        assert ("mtu" in inner[0]) == (version == "1.1.0")
        position = result["interfaces"].index(inner[0])
        assert [item["address"].split("/")[1] for item in result["ips"]] == ["32", "128"]
        for item in result["ips"]:
            assert item["interface"] == position
            assert ("version" in item) == (version < "1.0.0")
        assert {"0.0.0.0/0", "::/0"} <= {route["dst"] for route in result["routes"]}


def test_add_wires_the_pod_as_the_result_says(lab, runtime):
    result = runtime.add()
    link = json.loads(runtime.inside("ip", "-j", "address", "show", "dev", "eth0"))[0]
    inner = next(item for item in result["interfaces"] if item.get("sandbox"))
    assert link["address"] == inner["mac"]
    assert link["mtu"] == inner["mtu"] == 1450
    have = {f"{item['local']}/{item['prefixlen']}" for item in link["addr_info"] if item["scope"] == "global"}
    assert have == {item["address"] for item in result["ips"]}
    for item in result["ips"]:
        ping(lab, "near", item["address"].split("/")[0])


def test_add_again_gives_the_same(runtime):
    first = runtime.add()
    assert runtime.add() == first


def test_add_of_a_second_interface(runtime):
    first = runtime.add()
    done = runtime.call("ADD", ifname="net1")
    assert done.returncode == 0, done.stdout
    second = json.loads(done.stdout)
    assert not {item["address"] for item in first["ips"]} & {item["address"] for item in second["ips"]}
    assert runtime.call("DEL", ifname="net1").returncode == 0
    assert "net1" not in runtime.inside("ip", "link")
    assert "eth0" in runtime.inside("ip", "link")


def test_add_takes_labels_and_pod_from_the_runtime(runtime):
    runtime.add(args={"cni": {"labels": [{"key": "app", "value": "raw"}]}})
    endpoint = runtime.endpoint()
    assert endpoint["pod"] == runtime.place and endpoint["namespace"] == "raw"
    assert {"k8s:app=raw", "k8s:io.kubernetes.pod.namespace=raw"} <= set(endpoint["labels"])


def test_del_takes_everything_down(lab, runtime):
    result = runtime.add()
    host_side = next(item["name"] for item in result["interfaces"] if not item.get("sandbox"))
    assert runtime.call("DEL", {"prevResult": result}).returncode == 0
    assert runtime.endpoint() is None
    assert host_side not in lab.exec(NODE, "ip", "link").stdout
    assert "eth0" not in runtime.inside("ip", "link")
    address = result["ips"][0]["address"]
    assert address not in {item["cidr"] for item in lab.json(NODE, "ip", "list")}


def test_del_again_without_namespace_or_of_nobody_is_fine(runtime):
    result = runtime.add()
    for _ in range(2):
        assert runtime.call("DEL", {"prevResult": result}).returncode == 0
    assert runtime.call("DEL", netns=None).returncode == 0
    assert runtime.call("DEL", containerid="never-there").returncode == 0


def test_del_after_the_namespace_is_gone(runtime):
    runtime.add()
    runtime.remove_netns()
    assert runtime.call("DEL").returncode == 0
    assert runtime.endpoint() is None


def test_check_is_content_with_what_add_made(runtime):
    result = runtime.add()
    done = runtime.call("CHECK", {"prevResult": result})
    assert done.returncode == 0, done.stdout
    assert done.stdout == ""


@pytest.mark.parametrize("damage", [
    "ip route del default", "ip -6 route del default", "ip -4 address flush dev eth0", "ip link set eth0 mtu 1300",
    "ip link set eth0 address 02:00:00:00:00:77", "ip link del eth0",
])
def test_check_sees_what_changed(runtime, damage):
    result = runtime.add()
    runtime.inside(*damage.split())
    done = runtime.call("CHECK", {"prevResult": result})
    assert done.returncode != 0
    assert json.loads(done.stdout)["msg"]


def test_check_of_nobody_is_an_unknown_container(runtime):
    result = runtime.add()
    assert runtime.call("DEL").returncode == 0
    fails(runtime.call("CHECK", {"prevResult": result}), 3)


def test_check_needs_the_previous_result(runtime):
    runtime.add()
    fails(runtime.call("CHECK"), 7, "prevResult")


def test_gc_takes_down_all_but_the_valid(lab):
    network = {"name": f"gc-{secrets.token_hex(2)}"}
    with Runtime(lab) as kept, Runtime(lab) as lost, Runtime(lab) as foreign:
        for runtime in (kept, lost):
            runtime.config |= network
            runtime.add()
        foreign.add()
        done = kept.call("GC", {"cni.dev/valid-attachments": [{"containerID": kept.container, "ifname": "eth0"}]},
                         containerid=None, netns=None, ifname=None)
        assert done.returncode == 0, done.stdout
        assert kept.endpoint() and foreign.endpoint() and not lost.endpoint()
        assert "eth0" not in lost.inside("ip", "link")


def test_gc_without_the_list_changes_nothing(runtime):
    runtime.add()
    fails(runtime.call("GC", containerid=None, netns=None, ifname=None), 7, "valid-attachments")
    assert runtime.endpoint()


def test_status_is_silent_when_all_is_well(runtime):
    done = runtime.call("STATUS", containerid=None, netns=None, ifname=None)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("variable", ["containerid", "netns", "ifname"])
def test_add_without_a_variable_is_code_4(runtime, variable):
    fails(runtime.call("ADD", **{variable: None}), 4, f"CNI_{variable.upper()}")


@pytest.mark.parametrize("variable, value", [
    ("containerid", "../up"), ("ifname", "a/b"), ("ifname", "much-too-long-a-name"), ("ifname", ".."),
])
def test_add_with_a_wrong_variable_is_code_4(runtime, variable, value):
    fails(runtime.call("ADD", **{variable: value}), 4, f"CNI_{variable.upper()}")


def test_unknown_verb_is_code_4(runtime):
    fails(runtime.call("DANCE"), 4, "DANCE")


def test_add_to_no_namespace_changes_nothing(lab, runtime):
    for path in ("/run/netns/never-made", "/etc/passwd"):
        done = runtime.call("ADD", netns=path)
        assert done.returncode != 0
        assert path in done.stdout
    assert runtime.endpoint() is None
    assert "never-made" not in lab.pilus(NODE, "endpoint", "list")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"cniVersion": 1}'])
def test_config_that_is_no_json_object_is_refused(runtime, text):
    done = runtime.call("ADD", raw=text)
    assert done.returncode != 0
    assert json.loads(done.stdout)["code"] in (6, 7)


@pytest.mark.parametrize("version", ["0.2.0", "2.0.0", "nonsense"])
def test_unknown_version_is_code_1(runtime, version):
    fails(runtime.call("ADD", {"cniVersion": version}), 1, version)


def test_config_without_name_is_code_7(runtime):
    text = json.dumps({"cniVersion": "1.1.0", "type": "pilus-cni"})
    fails(runtime.call("ADD", raw=text), 7, "name")


def test_a_failed_add_leaves_the_pod_as_it_was(lab, runtime):
    """The interface's name is taken: everything made before that is noticed goes away again."""
    runtime.inside("ip", "link", "add", "eth0", "type", "bridge")
    links = lab.exec(NODE, "ls", "/sys/class/net").stdout
    done = runtime.call("ADD")
    assert done.returncode != 0
    assert runtime.endpoint() is None
    assert lab.exec(NODE, "ls", "/sys/class/net").stdout == links
    runtime.inside("ip", "link", "del", "eth0")
    runtime.add()
