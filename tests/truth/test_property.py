# SPDX-License-Identifier: Apache-2.0
"""
Random policies, each asked about everybody: the oracle and the product must say the same. PILUS_TRUTH_CASES says how
many (300); PILUS_TRUTH_SEED which is the first (1).
"""
import itertools
import os

import pytest

import world
from generate import Generator
from oracle import DENIED, EGRESS, INGRESS, NOT_ALLOWED, NOT_ENFORCED, ALLOWED, Oracle, Packet
from product import Answers

CASES, SEED = int(os.environ.get("PILUS_TRUTH_CASES") or 300), int(os.environ.get("PILUS_TRUTH_SEED") or 1)
SERVICES = {family: [*itertools.product(world.PROTOCOLS, (79, 80, 81, 82)), ("TCP", 65535), (icmp, 8), (icmp, echo)]
            for family, icmp, echo in ((4, "ICMP", 3), (6, "ICMPv6", 128))}
LETTERS = {NOT_ENFORCED: "n", ALLOWED: "a", DENIED: "d", NOT_ALLOWED: "x"}
DIRECTIONS = (INGRESS, EGRESS)


def packet(direction, subject, peer, family, service):
    source, destination = (peer, subject) if direction == INGRESS else (subject, peer)
    return Packet(source, destination, family, *service)


def disagreements(parties, policies, family, letters, what):
    """The oracle's answer to each of the product's."""
    oracle, services = Oracle(policies), SERVICES[family]
    questions = itertools.product(DIRECTIONS, parties, parties, services)
    for letter, (direction, subject, peer, service) in zip(letters, questions, strict=True):
        if not subject.is_pod:
            continue
        truth = oracle.verdict(direction, packet(direction, subject, peer, family, service))
        if LETTERS[truth] != letter:
            yield f"{direction} of {subject.name}, peer {peer.name}, IPv{family}, {service[0]} {service[1]}: " \
                  f"{what} says {letter}, the policies say {truth}"


@pytest.fixture(scope="module")
def parties():
    return world.nine_pods() + world.others()


@pytest.fixture(scope="module")
def product(parties):
    with Answers(parties) as answers:
        yield answers


@pytest.mark.parametrize("first", range(SEED, SEED + CASES, 20))
def test_product_and_oracle_agree(parties, product, first):
    for seed in range(first, min(first + 20, SEED + CASES)):
        policies = Generator(seed).policies()
        for family in (4, 6):
            meant, compiled = product.ask(policies, family, SERVICES[family])
            # Where the two are the same, one question to the oracle answers both.
            wrong = [*disagreements(parties, policies, family, meant, "the evaluator")]
            if compiled != meant:
                wrong += disagreements(parties, policies, family, compiled, "the compiled form")
            assert not wrong, f"seed {seed}:\n" + "\n".join(wrong[:10]) + f"\n{policies}"
