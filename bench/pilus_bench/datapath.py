# SPDX-License-Identifier: Apache-2.0
"""What an established packet costs in the programs, and in which of their functions, by bench-datapath."""
import bisect
import collections
import json
import os
import re
import subprocess

from pilus_lab import labs

# Those whose frame and flow are what a pod's traffic has; the first of a line's fields is bench-datapath's name.
SHOWN = ("pod to pod, IPv4", "pod to node, IPv4", "node to pod, IPv4")


class _Functions:
    """Which function a line of a source file stands in, however the compiler has inlined it."""

    def __init__(self):
        self._files = {}

    def _starts(self, path):
        if path not in self._files:
            with open(path, encoding="utf-8") as file:
                found = [(number, re.match(r"[a-z].*?\b(?!__)(\w+)\(", line)) for number, line in enumerate(file, 1)]
            self._files[path] = [(number, match[1]) for number, match in found if match and not match.string.endswith(";\n")]
        return self._files[path]

    def name(self, path, line):
        starts = self._starts(path)
        index = bisect.bisect(starts, line, key=lambda start: start[0])
        return starts[index - 1][1] if index else os.path.basename(path)


def _by_function(path, functions):
    """Nanoseconds: of the time measured, what the share of the samples is. Of a call, the kernel's function is named too."""
    total = sum(line["samples"] for line in path["lines"] or [])
    shares = collections.Counter()
    for line in path["lines"] or []:
        name = functions.name(line["file"], line["line"])
        shares[f"{name} → {line['callee']}" if line["callee"] else name] += line["samples"] / total
    return {name: share * path["ns"] for name, share in shares.most_common()}


def measure(runs, seconds):
    done = subprocess.run([labs.binary("bench/bench-datapath"), str(runs), str(seconds)], stdout=subprocess.PIPE,
                          check=True, text=True)
    result = json.loads(done.stdout)
    functions = _Functions()
    for path in result["paths"]:
        path["functions"] = _by_function(path, functions)
    return result
