# SPDX-License-Identifier: Apache-2.0
"""
Truth tables of real packets (tables.py): every scenario of tests/truth, and generated policies, of which there are
PILUS_TRUTH_TABLES (90). Who reaches whom must be what the oracle reads out of the policies' text.
"""
import dataclasses
import itertools
import json
import os

import pytest
import yaml

import tables
from conftest import new_lab

import scenarios  # of tests/truth, which tables.py has made known
import world
from generate import Generator
from malformed import GOOD, wrong_files
from oracle import DENIED, INGRESS, Oracle, Packet

SCENARIOS = scenarios.load()
TABLES = int(os.environ.get("PILUS_TRUTH_TABLES") or 90)


@pytest.fixture(scope="module")
def pods():
    with new_lab("truth") as lab, tables.Pods(lab) as nine:
        yield nine


def seen_from(pod, other):
    """What a node or the underlay is to the pod."""
    if other.is_pod:
        return other
    kind = "world" if other.name == "underlay" else "host" if other.name == pod.node else "remote-node"
    return dataclasses.replace(other, kind=kind)


def comes_from(pods, pod, other):
    """A node, as it comes to the pod."""
    if other.is_pod:
        return other
    addresses = {family: pods.source_of(other.name, family) for family in (4, 6)}
    return dataclasses.replace(seen_from(pod, other), addresses=addresses)


def may_connect(pods, oracle, source, destination, family, protocol, port):
    """As the policies say; and a pod's own host may come in, unless it is denied."""
    source, destination = comes_from(pods, destination, source), seen_from(source, destination)
    if source.kind == "host":
        return oracle.verdict(INGRESS, Packet(source, destination, family, protocol, port)) != DENIED
    return oracle.connects(source, destination, family, protocol, port)


def truth(pods, policies, pairs):
    oracle = Oracle(policies)
    return {(source.name, destination.name, family, protocol, port) for source, destination in pairs
            for _, family, protocol, port in tables.questions(source, destination)
            if may_connect(pods, oracle, source, destination, family, protocol, port)}


def compare(pods, policies, name, pairs=None, **how):
    """Enforces the policies, and asks everybody about everybody; or about the pairs."""
    pods.enforce(policies)
    pairs = pairs or [*itertools.permutations(pods.parties, 2)]
    reached, meant = pods.table(pairs, **how), truth(pods, policies, pairs)
    wrong = [f"{source} reaches {destination} by IPv{family} {protocol} {port}"
             for source, destination, family, protocol, port in sorted(reached - meant)]
    wrong += [f"{source} does not reach {destination} by IPv{family} {protocol} {port}"
              for source, destination, family, protocol, port in sorted(meant - reached)]
    assert not wrong, f"{name}: {len(wrong)} are wrong:\n" + "\n".join(wrong[:20]) + f"\n{policies}"


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(pods, name):
    for step in scenarios.play(SCENARIOS[name], pods.follow(with_addresses(pods))):
        pods.follow(step.parties)
        compare(pods, step.policies, step.name)


def with_addresses(pods):
    """The nine as they were at first, where they are now."""
    for first, party in zip(world.nine_pods(), pods.parties, strict=True):
        first.addresses = party.addresses
        yield first


@pytest.mark.parametrize("seed", range(1, TABLES + 1))
def test_generated(pods, seed):
    """Flows go on from one to the next: what was decided of them is decided anew."""
    pods.follow(with_addresses(pods))
    compare(pods, Generator(seed).policies(), f"seed {seed}", again=True)


def ask_why(pods, source, destination, family, protocol, port):
    """What pilus why makes of it, on the source's node."""
    node = pods.nodes[tables.NODES.index(source.node)]
    target = f"{tables.pod_name(destination)}:{port}/{protocol.lower()}"
    return json.loads(node.pilus("why", f"-{family}", tables.pod_name(source), target, "-o", "json"))


@pytest.mark.parametrize("seed", range(101, 107))
def test_why_says_the_same(pods, seed):
    """A sample, as it is asked one by one. Where it tells what would allow the connection, that does."""
    pods.follow(with_addresses(pods))
    policies = Generator(seed).policies()
    pods.enforce(policies)
    questions = [(source, *question) for source, destination in itertools.permutations(pods.parties, 2)
                 for question in tables.questions(source, destination)]
    for question in questions[seed::41]:
        told, allowed = ask_why(pods, *question), Oracle(policies).connects(*question)
        where = f"seed {seed}: {question[0].name} to {question[1].name}, {question[2:]}\n{policies}"
        assert (told["verdict"] == "allowed") == allowed, f"{told}\n{where}"
        if told["remedy"]:
            assert Oracle(f"{policies}---\n{told['remedy']}").connects(*question), f"{told['remedy']}\n{where}"


OUTSIDE = yaml.safe_load("""
none: {}
closed: {x/closed: {podSelector: {}, policyTypes: [Ingress, Egress]}}
blocks of nodes:
  x/nodes:
    podSelector: {}
    policyTypes: [Ingress, Egress]
    ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.2.0.0/24]}}, {ipBlock: {cidr: "fd00:2::1/128"}}]}]
    egress:
    - to: [{ipBlock: {cidr: 10.99.0.2/32}}, {ipBlock: {cidr: "fd99::/16", except: ["fd99::fe/128"]}}]
      ports: [{port: 80}]
blocks of the world:
  x/world:
    podSelector: {}
    policyTypes: [Egress]
    egress: [{to: [{ipBlock: {cidr: 10.99.0.128/25}}, {ipBlock: {cidr: "fd99::80/121"}}]}]
CIDRs are the world's:
  x/world: {endpointSelector: {}, ingress: [{fromCIDR: [0.0.0.0/0]}], egress: [{toCIDR: [10.99.0.0/16, "fd99::/16"]}]}
entities:
  x/host: {endpointSelector: {}, egress: [{toEntities: [host]}], ingress: [{fromEntities: [remote-node]}]}
  "y/world": {endpointSelector: {}, egress: [{toEntities: [world], toPorts: [{ports: [{port: "81"}]}]}], ingress: [{}]}
  z/nodes: {endpointSelector: {}, egress: [{toEntities: [remote-node]}]}
denied:
  x/deny: {endpointSelector: {}, enableDefaultDeny: {ingress: false, egress: false},
           ingressDeny: [{fromEntities: [host]}],
           egressDeny: [{toEntities: [world], toPorts: [{ports: [{port: "80", protocol: TCP}]}]}]}
""")


@pytest.mark.parametrize("name", OUTSIDE)
def test_nodes_and_the_world(pods, name):
    """Both ways, but for the world, which knows no way to a pod."""
    pods.follow(with_addresses(pods))
    pairs = [*itertools.product(pods.parties, pods.places), *itertools.product(pods.places[:2], pods.parties)]
    step = next(scenarios.play({"name": name, "by": [], "steps": [{"create": OUTSIDE[name]}]}, pods.parties))
    compare(pods, step.policies, name, pairs)


def test_malformed_files_change_nothing(pods, tmp_path):
    """Each is refused with the same words as by validate, and the good file beside it is not taken either."""
    good, bad, node = tmp_path / "good.yaml", tmp_path / "policy.yaml", pods.nodes[0]
    pods.enforce(GOOD["np"])
    good.write_text(GOOD["cnp"].replace("name: web", "name: other"))
    before = node.pilus("policy", "get", "-o", "json"), node.pilus("policy", "wait")
    for text, problem in wrong_files():
        bad.write_text(text)
        done = node.run("policy", "import", str(good), str(bad))
        assert done.returncode == 1 and f"policy.yaml:{problem}" in done.stderr, f"{problem}: {done}"
    assert (node.pilus("policy", "get", "-o", "json"), node.pilus("policy", "wait")) == before
