# SPDX-License-Identifier: Apache-2.0
"""What the programs take for a packet of real traffic, by the kernel's own count of their runs and time."""
import contextlib
import json
import subprocess

from . import network

SWITCH = "/proc/sys/kernel/bpf_stats_enabled"
KINDS, FLOWS = ("stream", "rr", "crr"), 32


def _set(value):
    with open(SWITCH, "w", encoding="ascii") as file:
        file.write(value)


@contextlib.contextmanager
def _counting():
    with open(SWITCH, encoding="ascii") as file:
        before = file.read()
    _set("1")
    try:
        yield
    finally:
        _set(before)


def _counts():
    """{id: (name, runs, ns)} of every program of the machine that ran while they were counted."""
    done = subprocess.run(["bpftool", "-j", "prog", "show"], stdout=subprocess.PIPE, check=True)
    return {program["id"]: (program["name"], program["run_cnt"], program["run_time_ns"])
            for program in json.loads(done.stdout) if "run_cnt" in program}


def _during(path, kind, seconds):
    """{program: {"runs", "ns" of one}}, those of both nodes and of all their devices together."""
    before = _counts()
    network.measure(path, kind, FLOWS, seconds)
    found = {}
    for number, (name, runs, ns) in _counts().items():
        _, runs_before, ns_before = before.get(number, (name, 0, 0))
        total = found.setdefault(name, [0, 0])
        total[0] += runs - runs_before
        total[1] += ns - ns_before
    return {name: {"runs": runs, "ns": ns / runs} for name, (runs, ns) in found.items() if runs}


def measure(paths, seconds):
    with _counting():
        return {path.name: {f"{kind}/{FLOWS}": _during(path, kind, seconds) for kind in KINDS} for path in paths}
