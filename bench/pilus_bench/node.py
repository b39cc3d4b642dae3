# SPDX-License-Identifier: Apache-2.0
"""What a node pays: the agent's start and memory, the kernel's for the maps, and the disk."""
import contextlib
import json
import os
import subprocess
import time

from pilus_lab import LabError, agents, labs

from . import children

READY_SECONDS = 30
KNOWN_SECONDS = 120


def _start(node):
    """Seconds from the start of a stopped agent, over entering the node's namespaces, until its endpoints are ready."""
    start = time.monotonic()
    process = agents.start(node)
    while True:
        with contextlib.suppress(OSError, LabError):  # it does not answer yet, or that it is not ready
            agents.ask(node, "/v1/endpoints")
            return time.monotonic() - start
        if process.poll() is not None or time.monotonic() - start > READY_SECONDS:
            raise LabError(f"the agent of {node.name} did not get ready: its log is {node.folder}/agent.log")
        time.sleep(0.0005)


def _cpu(node):
    """Seconds that the node's agents used so far."""
    with open(f"{node.agent_cgroup}/cpu.stat", encoding="ascii") as file:
        return int(dict(line.split() for line in file)["usage_usec"]) / 1e6


def starts(node, count):
    """
    {"adopting": {"seconds": [of each], "cpu": of all together}, "anew": …}: of agents that find everything as they left
    it, and of those that find their programs and maps gone.
    """
    results = {kind: {"seconds": [], "cpu": 0} for kind in ("adopting", "anew")}
    for _ in range(count):
        for kind, result in results.items():
            agents.stop(node)
            if kind == "anew":
                children.run(node, ["rm", "-r", "/sys/fs/bpf/pilus"])
            before = _cpu(node)
            result["seconds"].append(_start(node))
            result["cpu"] += _cpu(node) - before
    return results


def _resident(node):
    with open(f"/proc/{agents.pid(node)}/status", encoding="ascii") as file:
        fields = dict(line.split(":", 1) for line in file)
    return {name: int(fields[key].split()[0]) * 1024 for name, key in (("resident", "VmRSS"), ("own", "RssAnon"))}


def maps(node):
    """Bytes of the kernel's."""
    return sum(entry["bytes"] for entry in agents.ask(node, "/v1/maps"))


def restart(node):
    """So that nothing of what it did before is measured with what it does next."""
    agents.stop(node)
    _start(node)


def memory(node):
    """Bytes of a freshly started agent: resident, those of it that it shares with no file, and the kernel's maps."""
    restart(node)
    return {**_resident(node), "maps": maps(node),
            "pods": sum(pod.node.name == node.name for pod in node.lab.pods())}


def put(lab, key, value):
    """As agents put it: whole or not at all."""
    os.makedirs(os.path.dirname(f"{lab.store}/{key}"), exist_ok=True)
    labs.write_json(f"{lab.store}/{key}.json", value)


def _publish(lab, count):
    """What the agent of one more node would: that it is there, and both addresses of each of its pods."""
    put(lab, "alive/remote", {"node": "remote"})
    put(lab, "nodes/remote", {"name": "remote", "ipv4": "10.99.0.200", "pod-cidrs": ["10.200.0.0/16", "fd00:200::/112"]})
    for number in range(count):
        for address in (f"10.200.{number // 250}.{number % 250 + 1}", f"fd00:200::{number + 1:x}"):
            put(lab, f"ips/{address}", {
                "address": address, "identity": 50000 + number % 100, "node": "remote", "pod": f"pod-{number}",
                "namespace": "default",
                "labels": [f"k8s:app=app-{number % 100}", "k8s:io.kubernetes.pod.namespace=default"]})


def _ipcache_entries(maps_answer):
    return next(entry["entries"] for entry in maps_answer if entry["name"] == "pilus_ipcache")


def remote_pods(lab, count):
    """
    Bytes of the agent's memory for each pod of another node, with both addresses; and how long until they were known.
    The map is asked, not the agent for its long list: answering would itself take memory.
    """
    node = lab.node("node-1")
    known = _ipcache_entries(agents.ask(node, "/v1/maps"))
    before = _resident(node)["resident"]
    start = time.monotonic()
    _publish(lab, count)
    published = time.monotonic()
    agents.wait_until(node, "/v1/maps", lambda answer: _ipcache_entries(answer) >= known + 2 * count,
                      f"know {count} pods of another node", KNOWN_SECONDS)
    return {"count": count, "bytes": (_resident(node)["resident"] - before) / count,
            "publishing": published - start, "known-after": time.monotonic() - published}


def _size(path):
    """Of a file, or of all that is in a folder."""
    if not os.path.isdir(path):
        return os.path.getsize(path)
    return sum(os.path.getsize(os.path.join(folder, name)) for folder, _, names in os.walk(path) for name in names)


def installed():
    """Bytes of each file or folder that `make install` puts on a node. What has no path of its own is a link: none."""
    done = subprocess.run(["meson", "introspect", "--installed", labs.build_folder()], stdout=subprocess.PIPE, check=True)
    return {target: _size(source) for source, target in json.loads(done.stdout).items() if os.path.isabs(source)}
