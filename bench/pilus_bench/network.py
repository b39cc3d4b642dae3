# SPDX-License-Identifier: Apache-2.0
"""Throughput and round trips over a path. The client runs on CPU 0, the server on CPU 1, both before all else."""
import contextlib
import json
import subprocess

from pilus_lab import labs

CLIENT_CPU, SERVER_CPU = "0", "1"
PORT = "7000"
FIRST = ["chrt", "--fifo", "1"]


def _netbench():
    return labs.binary("bench/netbench")


@contextlib.contextmanager
def _served(path, command, ready):
    """The server runs, and has said that it does."""
    server = path.server([*FIRST, *command], stdout=subprocess.PIPE, text=True)
    try:
        while ready not in (line := server.stdout.readline()):
            if not line:
                raise RuntimeError(f"{command[0]} did not start on the path {path.name}")
        yield
    finally:
        server.terminate()
        server.communicate()


def _client(path, command):
    client = path.client([*FIRST, *command], stdout=subprocess.PIPE, text=True)
    output, _ = client.communicate()
    if client.returncode:
        raise RuntimeError(f"{' '.join(command)} failed on the path {path.name}: {output.strip()}")
    return json.loads(output)


def stream(path, seconds):
    """Bits per second that arrive."""
    with _served(path, ["iperf3", "-s", "-1", "-A", SERVER_CPU, "--forceflush"], "listening"):
        result = _client(path, ["iperf3", "-c", path.address, "-t", str(seconds), "-A", CLIENT_CPU, "-J"])
    return result["end"]["sum_received"]["bits_per_second"]


def _round_trips(kind):
    def measure(path, seconds):
        with _served(path, [_netbench(), "-c", SERVER_CPU, "server", PORT], "ready"):
            return _client(path, [_netbench(), "-c", CLIENT_CPU, "-t", str(seconds), kind, path.address, PORT])["rate"]
    return measure


# Name -> title, unit, divisor for people, measurement.
MEASURES = {
    "stream": ("TCP stream", "Gbit/s", 1e9, stream),
    "rr": ("TCP round trips", "1000/s", 1e3, _round_trips("rr")),
    "crr": ("TCP connections", "1000/s", 1e3, _round_trips("crr")),
}


def run(paths, rounds, seconds):
    """Every measure on every path, in turns, so that what disturbs one disturbs all: {measure: {path: [value…]}}."""
    results = {name: {path.name: [] for path in paths} for name in MEASURES}
    for number in range(rounds):
        for name, (_, _, _, measure) in MEASURES.items():
            for path in paths if number % 2 == 0 else reversed(paths):
                results[name][path.name].append(measure(path, seconds))
    return results
