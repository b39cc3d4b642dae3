# SPDX-License-Identifier: Apache-2.0
"""
Truth tables of real packets (tables.py): every scenario of tests/truth, and generated policies, of which there are
PILUS_TRUTH_TABLES (40). Who reaches whom must be what the oracle reads out of the policies' text.
"""
import itertools
import os

import pytest

import tables
from conftest import new_lab

import scenarios  # of tests/truth, which tables.py has made known
import world
from generate import Generator
from malformed import GOOD, wrong_files
from oracle import Oracle

SCENARIOS = scenarios.load()
TABLES = int(os.environ.get("PILUS_TRUTH_TABLES") or 40)


@pytest.fixture(scope="module")
def pods():
    with new_lab("truth") as lab, tables.Pods(lab) as nine:
        yield nine


def truth(policies, parties):
    oracle = Oracle(policies)
    return {(source.name, destination.name, family, protocol, port)
            for source, destination, family in itertools.product(parties, parties, (4, 6))
            for protocol, port in tables.SERVICES[family]
            if source is not destination and oracle.connects(source, destination, family, protocol, port)}


def compare(pods, policies, name, **how):
    """Enforces the policies, and asks everybody about everybody."""
    pods.enforce(policies)
    reached, meant = pods.table(**how), truth(policies, pods.parties)
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
