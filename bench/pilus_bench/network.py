# SPDX-License-Identifier: Apache-2.0
"""Streams and round trips over paths, in turns. The client runs on CPU 0, the server on CPU 1, both before all else."""
import json

from pilus_lab import labs

from . import children

CLIENT_CPU, SERVER_CPU = "0", "1"
STREAM_WRITE = 128 * 1024
FIRST = ["chrt", "--fifo", "1"]
# Kind, as netbench calls it -> its port. Each has its own: a shared one would meet the others' TIME_WAIT.
PORTS = {"stream": 7000, "rr": 7001, "crr": 7002, "udp-rr": 7003}


def _netbench(cpu, flows, *arguments):
    return [*FIRST, labs.binary("bench/netbench"), "-c", cpu, "-n", str(flows), *map(str, arguments)]


def measure(path, kind, flows, seconds, server_cpu=SERVER_CPU, write=STREAM_WRITE):
    """
    {"rate": …} in bits or round trips per second, and of round trips {"p50": …, "p99.9": …} in microseconds. A stream
    writes so many bytes at once.
    """
    port = PORTS[kind]
    client = _netbench(CLIENT_CPU, flows, "-t", seconds, "-w", write, kind, path.address, port)
    with path.beside(), children.serving(path.server, _netbench(server_cpu, flows, kind, "serve", port)):
        result = json.loads(children.run(path.client, client))
    return {"rate": result["rate"], **result.get("microseconds", {})}


def in_turns(paths, rounds, measure_one):
    """
    In turns, each round from another path on and every other one backwards, so that what disturbs one disturbs all:
    {path: {metric: [of round 1, …]}}.
    """
    results = {path.name: {} for path in paths}
    for number in range(rounds):
        turn = number % len(paths)
        order = [*paths[turn:], *paths[:turn]]
        for path in order if number % 2 == 0 else reversed(order):
            for metric, value in measure_one(path).items():
                results[path.name].setdefault(metric, []).append(value)
    return results


def run(paths, kind, flows, rounds, seconds, **how):
    return in_turns(paths, rounds, lambda path: measure(path, kind, flows, seconds, **how))
