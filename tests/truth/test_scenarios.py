# SPDX-License-Identifier: Apache-2.0
"""Every scenario: what its author expects, what the oracle says, and what the product says, are the same."""
import itertools

import pytest

import scenarios
import world
from oracle import Oracle
from product import Answers, trace

SERVICES = [*itertools.product(world.PROTOCOLS, world.PORTS)]
SCENARIOS = scenarios.load()


def connections(parties):
    """Everything that can be asked of them: source, destination, family, protocol, port."""
    for family, source, destination in itertools.product((4, 6), parties, parties):
        for protocol, port in SERVICES:
            yield source, destination, family, protocol, port


def letter_connects(parties, letters):
    """May connections be, by the letters of both directions (answers.c)?"""
    count = len(parties)

    def verdict(direction, subject, peer, service):
        return letters[((direction * count + subject) * count + peer) * len(SERVICES) + service] in "na"

    def answer(source, destination, protocol, port):
        first, second, service = parties.index(source), parties.index(destination), SERVICES.index((protocol, port))
        return source is destination or (verdict(1, first, second, service) and verdict(0, second, first, service))
    return answer


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(name):
    for step in scenarios.play(SCENARIOS[name], world.nine_pods()):
        oracle = Oracle(step.policies)
        with Answers(step.parties) as product:
            answers = {family: [letter_connects(step.parties, letters)
                                for letters in product.ask(step.policies, family, SERVICES)] for family in (4, 6)}
        for source, destination, family, protocol, port in connections(step.parties):
            where = f"{step.name}: {source.name} to {destination.name}, IPv{family}, {protocol} {port}"
            truth = oracle.connects(source, destination, family, protocol, port)
            expected = step.expects(source, destination, protocol, port)
            # Upstream leaves open whether a pod reaches itself. It always does.
            assert expected in (None, truth) or source is destination, f"{where}: the oracle says {truth}"
            for product_says in answers[family]:
                assert product_says(source, destination, protocol, port) == truth, where


def test_upstream_is_complete():
    """Their number, so that none is lost; three of them are told for TCP, UDP and SCTP at once."""
    upstream = [scenario for scenario in SCENARIOS.values() if "upstream" in scenario]
    assert len(upstream) == 45


@pytest.mark.parametrize("name", ["default-deny-all", "many-pods-and-namespaces", "out-to-a-block-and-its-exception",
                                  "sctp-isolates", "cnp-deny-one-port", "ccnp-everywhere"])
def test_trace_says_the_same(name, tmp_path):
    """The command, for some of it: it is asked one question at a time."""
    for step in scenarios.play(SCENARIOS[name], world.nine_pods()):
        oracle, policies = Oracle(step.policies), tmp_path / "policies.yaml"
        policies.write_text(step.policies)
        for question in [*connections(step.parties)][::31]:
            if question[0] is not question[1]:
                assert trace(policies, *question) == oracle.connects(*question), f"{step.name}: {question}"
