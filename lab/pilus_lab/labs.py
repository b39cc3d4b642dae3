# SPDX-License-Identifier: Apache-2.0
"""
Where everything of a lab is. All there is to know about a lab follows from its folder and the kernel:

  /run/pilus-lab/LAB/          the lab; its nodes see it too
      lab.json                 {"agent-args": […], "store": "dir", "etcd" or "etcd-tls", "underlay": "bridge" or "direct"}
      store/                   the shared state of all its agents, of kind dir
      etcd/                    that of kind etcd: etcd.log, etcd.pid, data/
      ns/                      a private tmpfs with the nodes' mount namespaces
      node-N/                  state folder; the node's /run/pilus: pilus.sock, pilus.yaml, agent.log, agent.pid, state/
      pods/POD.json            what CNI DEL needs to know: written before ADD, completed after
  /run/netns/LAB.{node-N,underlay,POD}
  CGROUP2/pilus-lab/LAB/
"""
import json
import os
import pathlib

from . import LabError, cgroups, names

ROOT = "/run/pilus-lab"
NETNS = "/run/netns"
REPOSITORY = pathlib.Path(__file__).resolve().parent.parent.parent


def build_folder():
    return os.path.abspath(os.environ.get("PILUS_BUILD", REPOSITORY / "build"))


def binary(name):
    path = f"{build_folder()}/{name}"
    if not os.access(path, os.X_OK):
        raise LabError(f"{path} is not there: run make first, or set PILUS_BUILD to the folder that has it")
    return path


def read_json(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def write_json(path, value):
    """Whole or not at all: a lab killed half-way leaves no half file."""
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        json.dump(value, file, indent=2)
        file.write("\n")
    os.rename(f"{path}.new", path)


class Lab:
    def __init__(self, name):
        names.check_lab(name)
        self.name = name
        self.folder = f"{ROOT}/{name}"
        self.store = f"{self.folder}/store"
        self.etcd = f"{self.folder}/etcd"
        self.mount_namespaces = f"{self.folder}/ns"
        self.pod_records = f"{self.folder}/pods"
        self.cgroup = f"{cgroups.mount_point()}/{cgroups.ROOT}/{name}"
        self.etcd_cgroup = f"{self.cgroup}/etcd"

    def netns(self, place):
        """The name `ip netns` knows a node, a pod or the underlay by."""
        return f"{self.name}.{place}"

    def exists(self):
        return os.path.exists(f"{self.folder}/lab.json")

    def require(self):
        if not self.exists():
            raise LabError(f"there is no lab {self.name!r}: bring it up with lab up --name {self.name}")
        return self

    def settings(self):
        return read_json(f"{self.folder}/lab.json")

    def nodes(self):
        numbers = sorted(filter(None, map(names.node_number, os.listdir(self.folder))))
        return [Node(self, number) for number in numbers]

    def node(self, name):
        for node in self.nodes():
            if node.name == name:
                return node
        raise LabError(f"lab {self.name!r} has no node {name!r}: it has " +
                       ", ".join(node.name for node in self.nodes()))

    def pods(self):
        records = sorted(name for name in os.listdir(self.pod_records) if name.endswith(".json"))
        return [Pod(self, name.removesuffix(".json")) for name in records]

    def pod(self, name):
        pod = Pod(self, name)
        if not os.path.exists(pod.record_file):
            raise LabError(f"lab {self.name!r} has no pod {name!r}: make it with lab pod add NODE {name}")
        return pod

    def place(self, name):
        """A node, a pod, or the underlay."""
        if name == names.UNDERLAY:
            if self.settings()["underlay"] == "direct":
                raise LabError(f"lab {self.name!r} has no underlay to enter: its nodes are connected by one cable")
            return Underlay(self)
        return self.node(name) if names.node_number(name) else self.pod(name)


class Underlay:
    def __init__(self, lab):
        self.name = names.UNDERLAY
        self.netns_file = f"{NETNS}/{lab.netns(self.name)}"
        self.mount_file = None
        self.cgroup = f"{lab.cgroup}/{self.name}"

    @staticmethod
    def address(family):
        return names.GATEWAY[family]


class Node:
    def __init__(self, lab, number):
        self.lab = lab
        self.number = number
        self.name = f"node-{number}"
        self.folder = f"{lab.folder}/{self.name}"
        self.socket = f"{self.folder}/pilus.sock"
        self.netns_file = f"{NETNS}/{lab.netns(self.name)}"
        self.mount_file = f"{lab.mount_namespaces}/{self.name}"
        self.cgroup_root = f"{lab.cgroup}/{self.name}"
        self.cgroup = f"{self.cgroup_root}/host"
        self.agent_cgroup = f"{self.cgroup_root}/agent"

    def address(self, family):
        return names.node_address(self.number, family)


class Pod:
    def __init__(self, lab, name):
        self.lab = lab
        self.name = name
        self.record_file = f"{lab.pod_records}/{name}.json"
        self.netns_file = f"{NETNS}/{lab.netns(name)}"

    @property
    def record(self):
        return read_json(self.record_file)

    @property
    def node(self):
        return self.lab.node(self.record["node"])

    @property
    def mount_file(self):
        return self.node.mount_file

    @property
    def cgroup(self):
        return f"{self.node.cgroup_root}/pod-{self.name}"

    def addresses(self):
        """{4: address, 6: address}, of the families the pod has."""
        result = self.record["result"] or {"ips": []}
        found = {}
        for item in result["ips"]:
            address = item["address"].partition("/")[0]
            found[6 if ":" in address else 4] = address
        return found

    def address(self, family):
        return self.addresses().get(family)
