# SPDX-License-Identifier: Apache-2.0
"""Printing bytes, and which CPUs there are."""
import os
import sys


def printb(text, file=sys.stdout, nl=True):
    """Text or bytes, as they are."""
    file.flush()
    data = text if isinstance(text, bytes) else str(text).encode(errors="surrogateescape")
    file.buffer.write(data + (b"\n" if nl else b""))
    file.buffer.flush()


def read_cpus(path):
    """"0-3,5" as a list."""
    cpus = []
    with open(path) as listed:
        for part in listed.read().strip().split(","):
            first, _, last = part.partition("-")
            cpus += range(int(first), int(last or first) + 1)
    return cpus


def get_online_cpus():
    return read_cpus("/sys/devices/system/cpu/online")


def get_possible_cpus():
    return read_cpus("/sys/devices/system/cpu/possible")


def detect_language(candidates, pid):
    """Which of the languages a process is written in, by its program's name; None: none of them."""
    name = os.path.basename(os.path.realpath(f"/proc/{pid}/exe"))
    return next((language for language in candidates if name.startswith(language)), None)
