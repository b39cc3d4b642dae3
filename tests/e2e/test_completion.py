# SPDX-License-Identifier: Apache-2.0
"""Completion in bash: sourced by a shell, asked as the shell asks it."""
import shlex
import subprocess

import pytest

from fake_agent import PILUS, serve
from support import TOP

COMPLETION = TOP / "packaging" / "completion" / "pilus"
SCRIPT = """
set -u
source {completion}
[ "$(complete -p pilus)" = 'complete -F _pilus pilus' ] || exit 3
COMP_WORDS=({words})
COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
_pilus
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture
def agent(tmp_path):
    with serve(tmp_path / "agent.sock") as running:
        yield running


def complete(*words, folder=None):
    """What the shell would offer for the last of the words."""
    script = SCRIPT.format(completion=COMPLETION, words=" ".join(map(shlex.quote, (PILUS, *words))))
    done = subprocess.run(["bash", "--norc", "-c", script], text=True, capture_output=True, timeout=20, check=False,
                          cwd=folder)
    assert done.returncode == 0 and not done.stderr, (done.returncode, done.stderr)
    return sorted(done.stdout.split())


@pytest.mark.parametrize("line, expected", [
    ("e", ["endpoint"]),
    ("m", ["map", "metrics", "monitor"]),
    ("endpoint ", ["config", "get", "health", "labels", "list", "log"]),
    ("endpoint l", ["labels", "list", "log"]),
    ("bpf ct ", ["flush", "list"]),
    ("bpf ct list ", ["global"]),
    ("-o json bpf ct f", ["flush"]),
    ("endpoint list -o ", ["json", "table"]),
    ("endpoint list --output j", ["json"]),
    ("monitor --type ", ["agent", "drop", "flow", "policy-verdict", "trace"]),
    ("monitor --t", ["--to", "--type"]),
    ("status --", ["--bpffs", "--brief", "--help", "--output", "--socket", "--verbose"]),
    ("status ", [""]),
    ("help s", ["service", "status"]),
    ("he", ["health", "help"]),
    ("dance ", ["bpf", "bugtool", "config", "endpoint", "health", "help", "identity", "ip", "map", "metrics", "monitor", "node",
                "policy", "prefilter", "service", "status", "trace", "version", "why"]),
])
def test_words_are_completed(line, expected):
    assert complete(*line.split(" ")) == [word for word in expected if word]


@pytest.mark.parametrize("line", ["endpoint get ", "endpoint log ", "monitor --from ", "monitor -v --related-to "])
def test_endpoint_ids_come_from_the_agent(agent, line):
    assert complete("--socket", agent.socket, *line.split(" ")) == ["0", "7"]


def test_keys_of_the_configuration_come_from_the_agent(agent):
    assert complete("--socket", agent.socket, "config", "u") == ["uplinks"]


def test_an_id_is_given_once(agent):
    assert complete("--socket", agent.socket, "endpoint", "get", "7", "") == []


def test_without_an_agent_nothing_is_said(tmp_path):
    assert complete("--socket", str(tmp_path / "none"), "endpoint", "get", "") == []


def test_paths_are_files(tmp_path):
    (tmp_path / "agent.sock").touch()
    assert complete("--socket", "ag", folder=tmp_path) == ["agent.sock"]
