# SPDX-License-Identifier: Apache-2.0
"""Pods: a network namespace wired by executing pilus-cni, with what a container runtime would give it."""
import json
import os
import secrets
import subprocess
import sys

from . import LabError, agents, cgroups, labs, places, underlay

CNI_VERSION = "1.1.0"
INTERFACE = "eth0"


def add(node, name, namespace, labels, ports=(), host_ports=()):
    pod = labs.Pod(node.lab, name)
    if os.path.exists(pod.record_file):
        raise LabError(f"pod {name!r} is there already: delete it first with lab pod del {name}")
    labs.binary("pilus-cni")
    record = {"node": node.name, "namespace": namespace, "labels": labels, "ports": ports,
              "host-ports": host_ports, "container": secrets.token_hex(32), "result": None}
    labs.write_json(pod.record_file, record)
    try:
        underlay.ip(f"netns add {node.lab.netns(name)}")
        underlay.in_netns(node.lab.netns(name), "link set lo up")
        record["result"] = _run_plugin(pod, "ADD")
        labs.write_json(pod.record_file, record)
    except BaseException:
        _undo(pod)
        raise
    _wait_known(pod)
    return pod


def _undo(pod):
    """As runtimes do after a failed ADD; the failure itself is what the user is told."""
    try:
        delete(pod)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)


def delete(pod):
    """As runtimes do: end the processes, DEL, remove the namespace."""
    cgroups.kill(pod.cgroup)
    if os.path.exists(pod.netns_file):
        _run_plugin(pod, "DEL")
        underlay.ip(f"netns del {pod.lab.netns(pod.name)}")
    if os.path.exists(pod.cgroup):
        cgroups.remove(pod.cgroup)
    os.unlink(pod.record_file)


def network_config(record):
    config = {
        "cniVersion": CNI_VERSION, "name": "pilus", "type": "pilus-cni",
        "args": {"cni": {"labels": [{"key": key, "value": value} for key, value in record["labels"].items()],
                         "ports": record["ports"]}},
    }
    if record["host-ports"]:
        config["runtimeConfig"] = {"portMappings": record["host-ports"]}
    if record["result"]:
        config["prevResult"] = record["result"]
    return config


def _run_plugin(pod, verb):
    """Returns the result of an ADD. Runs in the node's namespaces: the runtime is a process of the node."""
    record = pod.record
    environment = {
        **places.environment(),
        "CNI_COMMAND": verb, "CNI_CONTAINERID": record["container"], "CNI_IFNAME": INTERFACE,
        "CNI_NETNS": pod.netns_file, "CNI_PATH": labs.build_folder(),
        "CNI_ARGS": f"IgnoreUnknown=1;K8S_POD_NAMESPACE={record['namespace']};K8S_POD_NAME={pod.name};"
                    f"K8S_POD_INFRA_CONTAINER_ID={record['container']}",
    }
    process = places.start(pod.node, [labs.binary("pilus-cni")], env=environment, text=True, stdin=subprocess.PIPE,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    output, errors = process.communicate(json.dumps(network_config(record)))
    if process.returncode:
        raise LabError(f"pilus-cni {verb} of pod {pod.name!r} failed: {_cni_error(output, errors)}")
    return json.loads(output) if verb == "ADD" else None


def _cni_error(output, errors):
    try:
        error = json.loads(output)
        return f"{error['msg']} (CNI code {error['code']})" + (f": {error['details']}" if error.get("details") else "")
    except (ValueError, KeyError, TypeError):
        return (output + errors).strip() or "it said nothing"


def _wait_known(pod):
    """Until every running agent of the lab knows the pod's addresses: what comes next may use them."""
    wanted = set(pod.addresses().values())
    for node in pod.lab.nodes():
        agents.wait_until(node, "/v1/ips", lambda ips: wanted <= {ip["cidr"].partition("/")[0] for ip in ips},
                          f"know the addresses of {pod.name}")
