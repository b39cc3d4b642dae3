# SPDX-License-Identifier: Apache-2.0
"""Files with one thing wrong are refused whole, and the user is told where: file, line, field and reason."""
import re
import subprocess

import pytest
import yaml

from malformed import GOOD, wrong_files
from product import program

def validate(path, text):
    path.write_text(text)
    command = [program("pilus"), "policy", "validate", path.name]
    return subprocess.run(command, cwd=path.parent, text=True, capture_output=True)


@pytest.mark.parametrize("name", GOOD)
def test_the_good_ones_are(name, tmp_path):
    done = validate(tmp_path / "policy.yaml", GOOD[name])
    assert (done.returncode, done.stderr) == (0, "")


def test_each_problem_has_its_place(tmp_path):
    files = list(wrong_files())
    assert len(files) >= 100
    wrong = []
    for text, problem in files:
        done = validate(tmp_path / "policy.yaml", text)
        told = done.stderr.splitlines()
        if done.returncode != 1 or done.stdout or told[0] != f"policy.yaml:{problem}":
            wrong.append(f"{done.returncode}, {done.stdout}{told[0]}\nnot {problem}")
    assert not wrong, "\n".join(wrong)


# ── every place of a good file in turn ──

def places(node, path=""):
    """(path, node of the key, node of the value) of all fields, by pyyaml."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            below = f"{path}.{key.value}".lstrip(".")
            yield below, key, value
            yield from places(value, below)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield f"{path}[{index}]", None, value
            yield from places(value, f"{path}[{index}]")


def changed(text, key, node, value):
    """Another value. A block ends where the next token begins: its last line break is put back."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style:
        value += "\n" + " " * node.end_mark.column
    start = node.start_mark.index if key is None else key.end_mark.index
    return text[:start] + (": " if key else "") + value + text[node.end_mark.index:]


# What may hold anything: names of the user's, and what has no meaning here.
FREE = re.compile(r"matchLabels|matchExpressions\[.\]\.key|values\[|description|metadata\.name(space)?$|"
                  r"^(apiVersion|kind|metadata|spec|spec.(pod|endpoint)Selector)$")


@pytest.mark.parametrize("name", ["np", "cnp"])
def test_an_unknown_field_is_told_wherever_it_stands(name, tmp_path):
    text, wrong = GOOD[name], []
    for path, key, _ in places(yaml.compose(text)):
        if key is None or FREE.search(path):
            continue
        misspelt = text[:key.start_mark.index] + "unheard-of" + text[key.end_mark.index:]
        done = validate(tmp_path / "policy.yaml", misspelt)
        place = (path.rpartition(".")[0] + ".unheard-of").lstrip(".")
        if f"policy.yaml:{key.start_mark.line + 1}: {place}: there is no such field" not in done.stderr:
            wrong.append(f"{path}: {done.stderr}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", ["np", "cnp"])
@pytest.mark.parametrize("value", ["{unheard-of: 1}", "[[1]]", "'\\'", "5.5.5"])
def test_a_value_of_another_kind_is_told_where_it_stands(name, value, tmp_path):
    """There, or inside of it; or the value will do, where any text will."""
    text, wrong = GOOD[name], []
    for path, key, node in places(yaml.compose(text)):
        if path in ("apiVersion", "kind"):  # is then none of ours
            continue
        done = validate(tmp_path / "policy.yaml", changed(text, key, node, value))
        line = (key or node).start_mark.line + 1
        told = re.match(rf"policy\.yaml:{line}: {re.escape(path.removesuffix('.port'))}", done.stderr)
        if not (FREE.search(path) if done.returncode == 0 else told):
            wrong.append(f"{path}: {done.returncode} {done.stderr}")
    assert not wrong, "\n".join(wrong)
