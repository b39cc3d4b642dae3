# SPDX-License-Identifier: Apache-2.0
"""Which names and numbers are allowed, and the addresses that follow from a node's number."""
import re

from . import LabError

NODES_MAX = 64
UNDERLAY = "underlay"
GATEWAY = {4: "10.99.0.254", 6: "fd99::fe"}

_WORD = "[a-z0-9]([a-z0-9-]*[a-z0-9])?"
_LABEL_KEY = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?")
_RESERVED = re.compile(rf"node-\d+|{UNDERLAY}|store|etcd|ns|pods")


def _check_word(kind, name, length):
    if len(name) > length or not re.fullmatch(_WORD, name):
        raise LabError(f"{kind} {name!r} is no good name: use up to {length} of a-z, 0-9 and -, "
                       "with a letter or digit at both ends")


def check_lab(name):
    _check_word("lab", name, 20)


def check_pod(name):
    _check_word("pod", name, 63)
    if _RESERVED.fullmatch(name):
        raise LabError(f"pod {name!r} has a name the lab uses itself: choose another")


def check_namespace(name):
    _check_word("namespace", name, 63)


def node_number(name):
    """The N of node-N, or None when the name is no node's."""
    match = re.fullmatch(r"node-([1-9]\d{0,2})", name)
    return int(match[1]) if match else None


def parse_node_count(text):
    if not re.fullmatch(r"\d{1,3}", text) or not 1 <= int(text) <= NODES_MAX:
        raise LabError(f"--nodes {text}: give a number from 1 to {NODES_MAX}")
    return int(text)


def parse_labels(text):
    """k=v,k=v as a dict."""
    labels = {}
    for item in filter(None, text.split(",")):
        key, equals, value = item.partition("=")
        if not equals or not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
            raise LabError(f"label {item!r} is not understood: write key=value,key=value")
        if key in labels:
            raise LabError(f"label {key!r} is given twice: give each key once")
        labels[key] = value
    return labels


def parse_ports(text):
    """name=80/TCP,… as container ports of Kubernetes."""
    ports = []
    for item in filter(None, text.split(",")):
        match = re.fullmatch(r"([a-z0-9-]+)=(\d+)/(TCP|UDP|SCTP)", item)
        if not match:
            raise LabError(f"port {item!r} is not understood: write name=80/TCP,name=53/UDP")
        ports.append({"name": match[1], "containerPort": int(match[2]), "protocol": match[3]})
    return ports


def parse_host_ports(text):
    """8080=80/TCP,… as runtimes tell plugins."""
    mappings = []
    for item in filter(None, text.split(",")):
        match = re.fullmatch(r"(?:([\d.]+|\[[\da-f:]+\]):)?(\d+)=(\d+)/(TCP|UDP|SCTP)", item)
        if not match:
            raise LabError(f"host port {item!r} is not understood: write 8080=80/TCP,127.0.0.1:5353=53/UDP")
        mappings.append({"hostPort": int(match[2]), "containerPort": int(match[3]), "protocol": match[4].lower(),
                         "hostIP": (match[1] or "").strip("[]")})
    return mappings


def node_address(number, family):
    return f"10.99.0.{number}" if family == 4 else f"fd99::{number:x}"


def node_pod_cidrs(number):
    """Host-scope IPAM: what a node hands out to its pods."""
    return [f"10.{number}.0.0/24", f"fd00:{number:x}::/112"]
