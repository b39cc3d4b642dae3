# SPDX-License-Identifier: Apache-2.0
"""Which CPUs there are."""


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
