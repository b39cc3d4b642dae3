# SPDX-License-Identifier: Apache-2.0
"""What policies cost: until they are enforced, as they are compiled, and on the way of packets."""
import contextlib
import dataclasses
import json
import os
import shutil
import statistics
import time

from pilus_lab import agents, api, pods

from . import node as nodes

ENTRIES = 10000
NAMESPACES = 100
BATCH = 200  # policies of one request, as `pilus policy import` has it


def policed_name(name):
    return f"{name}, {ENTRIES} entries"


def _blocks(maps_answer):
    return next(entry["entries"] for entry in maps_answer if entry["name"] == "pilus_policy_cidrs")


def policed(path):
    """
    The same with so many entries in force for the client, of which the last permits what is measured. They are out of
    the maps when it ends: what the next measures is not beside their sweep.
    """
    peers = [{"ipBlock": {"cidr": f"11.{number >> 8}.{number & 255}.0/24"}} for number in range(ENTRIES - 1)]

    @contextlib.contextmanager
    def enforced():
        node = path.client.node
        before = _blocks(agents.ask(node, "/v1/maps"))
        api.put(node, "/v1/policies", _policy("many", "default", {"app": "client"}, "egress", [
            {"to": [*peers, {"namespaceSelector": {}}]}]))
        try:
            yield
        finally:
            api.delete(node, "/v1/policies/NetworkPolicy/default/many")
            agents.wait_until(node, "/v1/maps", lambda maps: _blocks(maps) == before, "sweep its entries")
    return dataclasses.replace(path, name=policed_name(path.name), beside=enforced)


def _policy(name, space, subject, direction, rules):
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": name, "namespace": space},
            "spec": {"podSelector": {"matchLabels": subject}, "policyTypes": [direction.capitalize()], direction: rules}}


def _space(number):
    return f"space-{number % NAMESPACES}"


def _bring(node, policies):
    for begin in range(0, len(policies), BATCH):
        api.put(node, "/v1/policies", policies[begin:begin + BATCH], seconds=120)


def _peers(number):
    """Of an app in every namespace: few share the selector."""
    return [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": f"app-{number}"}}}]


def imports(lab, count, samples):
    """Milliseconds until a policy is enforced on both nodes, while there are so many others: from the request on."""
    first, second = lab.node("node-1"), lab.node("node-2")
    _bring(first, [_policy(f"other-{number}", _space(number), {"app": "near"}, "ingress", [{"from": _peers(number)}])
                   for number in range(count)])
    times = []
    for number in range(samples):
        revision = api.get(second, "/v1/status")["policy"]["revision"]
        begun = time.monotonic()
        api.put(first, "/v1/policies", _policy("changing", "default", {"app": "near"}, "ingress", [
            {"ports": [{"port": 7000 + number % 2}]}, {"ports": [{"port": 1, "endPort": 65535}]}]))
        api.get(second, f"/v1/policies/wait?revision={revision + 1}", seconds=30)
        times.append((time.monotonic() - begun) * 1e3)
    api.delete(first, "/v1/policies")
    return {"policies": count, "p50": statistics.median(times), "p99": _percentile(times, .99)}


def _percentile(values, part):
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def _store(lab, key, value):
    """As another node's agent would, but for the disk's sake."""
    path = os.path.join(lab.store, f"{key}.json")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(f"{os.path.dirname(path)}/.new", "w") as file:
        json.dump(value, file)
    os.rename(file.name, path)


def _fill(lab, policies, identities):
    """Of so many apps in each namespace, and each namespace's share of the policies."""
    for number in range(identities):
        labels = [f"k8s:app=app-{number // NAMESPACES}", f"k8s:io.kubernetes.pod.namespace={_space(number)}"]
        _store(lab, f"identities/{10000 + number}", {"labels": labels})
    for number in range(policies):
        policy = _policy(f"share-{number}", _space(number), {}, "ingress",
                         [{"from": _peers(number // NAMESPACES), "ports": [{"port": 80}]}])
        policy["spec"]["podSelector"] = {}
        _store(lab, f"policies/NetworkPolicy/{_space(number)}/share-{number}", policy)


def _forget(lab, identities):
    """So that the parts that follow measure an agent without them."""
    for kind in os.listdir(os.path.join(lab.store, "policies")):
        shutil.rmtree(os.path.join(lab.store, "policies", kind))
    for number in range(identities):
        os.remove(os.path.join(lab.store, f"identities/{10000 + number}.json"))


def recompute(lab, policies, identities, endpoints):
    """
    Seconds until a change that is about all endpoints is enforced, and bytes of the agent. Every endpoint's namespace
    has its share of the policies, of which each lets in an app of every namespace.
    """
    node = lab.node("node-1")
    nodes.restart(node)
    for number in range(endpoints):
        pods.add(node, f"many-{number}", _space(number), {"app": f"own-{number}"})
    _fill(lab, policies, identities)
    agents.wait_until(node, "/v1/status", lambda status: status["policy"]["policies"] >= policies, "know the policies", 120)
    api.get(node, "/v1/policies/wait", seconds=60)
    begun = time.monotonic()
    api.put(node, "/v1/policies", {
        "apiVersion": "cilium.io/v2", "kind": "CiliumClusterwideNetworkPolicy", "metadata": {"name": "all"},
        "spec": {"endpointSelector": {}, "ingress": [{"fromEntities": ["health"]}]}}, seconds=120)
    seconds = time.monotonic() - begun
    status = api.get(node, "/v1/status")
    result = {"policies": policies, "identities": identities, "endpoints": endpoints, "seconds": seconds,
              "resident": status["memory"]["resident"], "entries": status["policy"]["entries"]}
    for number in range(endpoints):
        pods.delete(lab.pod(f"many-{number}"))
    _forget(lab, identities)
    return result
