# SPDX-License-Identifier: Apache-2.0
"""pilusd --check-config: what is wrong is refused with file, line and key."""
import subprocess

import pytest

from support import BUILD


def check(path, *flags):
    return subprocess.run([f"{BUILD}/pilusd", "--check-config", "--config", str(path), *flags], text=True,
                          capture_output=True, timeout=10, check=False)


@pytest.fixture(name="file")
def _file(tmp_path):
    def write(text):
        path = tmp_path / "pilus.yaml"
        path.write_text(text)
        return path
    return write


GOOD = """\
# a comment
node-name: node-1
store: dir:/tmp/store
pod-cidrs: [10.1.0.0/24, fd00:1::/112]
mtu: 1400
attach: tcx
log-level: debug
"""


def test_good_file(file):
    done = check(file(GOOD))
    assert done.returncode == 0, done.stderr


def test_empty_file(file):
    assert check(file("")).returncode == 0


def test_flag_wins_over_the_file(file):
    assert check(file(GOOD), "--mtu=nonsense").returncode != 0
    assert check(file(GOOD.replace("1400", "1500")), "--mtu", "1400").returncode == 0


# A line put after "node-name: x": always the second. What the sentence must name besides FILE:2.
WRONG = {
    "unknown key": ("colour: blue", "colour"),
    "misspelt key": ("pod-cidr: 10.1.0.0/24", "pod-cidr"),
    "key twice": ("node-name: y", "node-name"),
    "no number": ("mtu: big", "mtu"),
    "negative": ("mtu: -1", "mtu"),
    "too big a number": ("vxlan-port: 65536", "vxlan-port"),
    "no choice": ("attach: glue", "attach"),
    "no ipam mode": ("ipam: magic", "ipam"),
    "no level": ("log-level: loud", "log-level"),
    "no prefix": ("pod-cidrs: [10.1.0.0/33]", "pod-cidrs"),
    "host bits": ("pod-cidrs: [10.1.0.7/24]", "pod-cidrs"),
    "family twice": ("pod-cidrs: [10.1.0.0/24, 10.2.0.0/24]", "pod-cidrs"),
    "no address": ("node-addresses: [10.99.0]", "node-addresses"),
    "unknown store": ("store: floppy:/a", "store"),
    "list for a word": ("cluster-name: [a, b]", "cluster-name"),
    "map for a word": ("cluster-name: {a: b}", "cluster-name"),
    "empty name": ("cluster-name: ''", "cluster-name"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_line_is_named(file, case):
    line, key = WRONG[case]
    path = file(f"node-name: x\n{line}\nlog-level: info\n")
    done = check(path)
    assert done.returncode != 0
    assert f"{path}:2: {key}: " in done.stderr, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_no_yaml_is_refused_with_the_line(file):
    path = file("node-name: x\nmtu: [1\n")
    done = check(path)
    assert done.returncode != 0
    assert str(path) in done.stderr


@pytest.mark.parametrize("text", ["just words\n", "- a\n- list\n"])
def test_other_yaml_than_keys_is_refused(file, text):
    path = file(text)
    done = check(path)
    assert done.returncode != 0
    assert f"{path}:1" in done.stderr


def test_missing_file_is_refused(tmp_path):
    done = check(tmp_path / "nowhere.yaml")
    assert done.returncode != 0
    assert "nowhere.yaml" in done.stderr


@pytest.mark.parametrize("flags, word", [(["--colour", "blue"], "colour"), (["--mtu"], "mtu"),
                                         (["--mtu", "x"], "mtu"), (["stray"], "stray")])
def test_wrong_flag_is_refused(file, flags, word):
    done = check(file(GOOD), *flags)
    assert done.returncode != 0
    assert word in done.stderr


def test_help_and_version_need_nothing():
    for flag in ("--help", "--version"):
        done = subprocess.run([f"{BUILD}/pilusd", flag], text=True, capture_output=True, timeout=10, check=False)
        assert done.returncode == 0 and done.stdout
