# SPDX-License-Identifier: Apache-2.0
"""Scenario files (upstream.yaml says how they are written), played step by step."""
import copy
import dataclasses
import fnmatch
import pathlib
import re

import yaml

FOLDER = pathlib.Path(__file__).resolve().parent
FILES = ("upstream", "cilium")


@dataclasses.dataclass
class Step:
    """What is there after it, and what the scenario's author expects of that."""
    name: str
    policies: str  # YAML, all of them
    deleted: list  # (namespace, name) of those that the step took away
    parties: list  # with the labels that they have now
    expected: list  # (protocol, port, [(pattern, pattern, bool)])

    def expects(self, source, destination, protocol, port):
        """None: the scenario says nothing of it."""
        answer = None
        for its_protocol, its_port, lines in self.expected:
            if (its_protocol, its_port) == (protocol, port):
                answer = True
                for pattern, other, reached in lines:
                    if fnmatch.fnmatch(source.name, pattern) and fnmatch.fnmatch(destination.name, other):
                        answer = reached
        return answer


def load():
    """All scenarios of all files, by name."""
    return {scenario["name"]: scenario for file in FILES
            for scenario in yaml.safe_load((FOLDER / f"{file}.yaml").read_text())}


def _document(name, spec):
    """NAMESPACE/NAME and spec: a NetworkPolicy; where the spec is one of cilium.io, one of its kinds."""
    namespace, _, name = name.rpartition("/")
    if "endpointSelector" not in spec:
        version, kind = "networking.k8s.io/v1", "NetworkPolicy"
    else:
        version, kind = "cilium.io/v2", "CiliumNetworkPolicy" if namespace else "CiliumClusterwideNetworkPolicy"
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}


def _fill_in(text, parties):
    """{4:x/b}: an address."""
    by_name = {party.name: party for party in parties}
    return re.sub(r"\{([46]):([\w/-]+)\}", lambda match: by_name[match[2]].addresses[int(match[1])], text)


def _services(words):
    return [(protocol, int(port)) for protocol, port in map(str.split, words)]


def _expected(scenario, step):
    for expectation in step.get("expect", []):
        lines = [(pattern, other, {"yes": True, "no": False}[answer])
                 for pattern, other, answer in map(str.split, expectation["lines"])]
        for protocol, port in _services(expectation.get("by") or scenario["by"]):
            yield protocol, port, lines


def _relabel(step, parties):
    for party in parties:
        party.labels.update(step.get("pod-labels", {}).get(party.name, {}))
        party.namespace_labels.update(step.get("namespace-labels", {}).get(party.namespace, {}))


def _text(specs, parties):
    documents = [_document(name, spec) for name, spec in specs.items()]
    return _fill_in(yaml.dump_all(documents, Dumper=_Plain, sort_keys=False, width=1000), parties)


class _Plain(yaml.SafeDumper):
    """No anchors: policies are files on their own."""

    def ignore_aliases(self, data):
        return True


def play(scenario, parties):
    """Its steps, in order. The parties are copied."""
    specs, parties = {}, copy.deepcopy(parties)
    for number, step in enumerate(scenario["steps"], 1):
        specs.update(step.get("create", {}))
        for name in step.get("delete", []):
            del specs[name]
        parties = copy.deepcopy(parties)
        _relabel(step, parties)
        yield Step(f"{scenario['name']}, step {number}", _text(specs, parties), step.get("delete", []), parties,
                   list(_expected(scenario, step)))
