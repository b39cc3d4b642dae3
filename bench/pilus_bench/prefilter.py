# SPDX-License-Identifier: Apache-2.0
"""What the prefilter costs a packet, by bench-prefilter, and how long a long list takes from a file into the kernel."""
import ipaddress
import json
import subprocess
import tempfile
import time

from pilus_lab import labs

MULTIPLIER = 2654435761  # Knuth's: spreads numbers over the addresses, each to another


def cost(repeat, sizes):
    """For each length of prefixes and number of them: nanoseconds of a packet that is refused, and of one that is not."""
    done = subprocess.run([labs.binary("bench/bench-prefilter"), str(repeat), *map(str, sizes)], stdout=subprocess.PIPE,
                          check=True, text=True)
    return json.loads(done.stdout)


def _addresses(count):
    """Not the pods', the nodes' and the host's own, which the list must not have."""
    numbers = (i * MULTIPLIER % 2**32 for i in range(1, 2 * count))
    usable = (number for number in numbers if number >> 24 not in (0, 10, 127))
    return (ipaddress.IPv4Address(next(usable)) for _ in range(count))


def load(node, count):
    """Seconds of `pilus prefilter update` with a list of that many, and of a change of one entry after."""
    with tempfile.NamedTemporaryFile("w") as file:
        file.writelines(f"{address}\n" for address in _addresses(count))
        file.flush()
        seconds = {}
        for name, arguments in (("all", ["update", "--file", file.name]), ("one", ["update", "--cidr", "0.0.0.1"]),
                                ("none", ["update", "--replace", "--file", "/dev/null"])):
            begun = time.monotonic()
            subprocess.run([labs.binary("pilus"), "--socket", f"{node.folder}/pilus.sock", "prefilter", *arguments],
                           stdout=subprocess.DEVNULL, check=True)
            seconds[name] = time.monotonic() - begun
    return {"entries": count, "seconds": seconds}


def above_empty(results):
    """Nanoseconds of a packet refused by the longest list of hosts above those of a program that drops everything."""
    row = max((row for row in results["prefilter"]["cost"] if row["length"] == 32), key=lambda row: row["asked"])
    return max(0, row["refused"] - row["empty-drop"])
