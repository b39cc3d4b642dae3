# SPDX-License-Identifier: Apache-2.0
"""The bench command: a lab, the measurements, and what came of them as table, JSON and plot."""
import argparse
import contextlib
import dataclasses
import json
import math
import os
import signal
import socket
import subprocess
import sys

from pilus_lab import LabError, labs, lifecycle

from . import (cni, compare, datapath, figures, forwarding, machine, network, node, paths, peers, plot, policy, prefilter, programs,
               report, services, sockets, tracing, traffic)

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Rounds by number of flows; seconds of each measurement.
MODES = {
    "short": {"services": [1, 1000, 10000], "rounds": {1: 3, 32: 1}, "seconds": .2, "starts": 5, "pods": 40, "remote-pods": 1000, "packets": 20000, "sampling": .3, "storm": 1,
              "refused": 100000, "listed": [0, 1000, 1000000], "imports": (1000, 100), "recompute": (10000, 5000, 100)},
    "instant": {"services": [1, 10], "rounds": {1: 1, 32: 1}, "seconds": .05, "starts": 1, "pods": 3, "remote-pods": 10, "packets": 500,
                "sampling": .05, "storm": .1, "refused": 100, "listed": [0, 10], "imports": (10, 3),
                "recompute": (100, 100, 2)},
    "long": {"services": [1, 1000, 10000], "rounds": {1: 9, 32: 5}, "seconds": 1.5, "starts": 20, "pods": 200, "remote-pods": 5000, "packets": 100000, "sampling": 5, "storm": 5,
             "refused": 1000000, "listed": [0, 1000, 1000000], "imports": (1000, 1000), "recompute": (10000, 5000, 100)},
}


@dataclasses.dataclass(frozen=True)
class Bench:
    """What the parts stand on: two nodes, with two pods on the first and one on the second."""
    lab: labs.Lab
    other: labs.Lab  # for agents that are configured otherwise; not up
    near: paths.Path
    far: paths.Path
    family: int
    size: dict


def _network(bench):
    measured = [*paths.of_peers(bench.lab, bench.family), bench.near, bench.far]
    runs = {f"{kind}/{flows}": network.run(measured, kind, flows, rounds, bench.size["seconds"])
            for kind in network.PORTS for flows, rounds in bench.size["rounds"].items()}
    return {"network": compare.of_network(runs, paths.PLAIN)}


def _monitor(bench):
    measured = [way(path) for path in (bench.near, bench.far) for way in (lambda path: path, paths.monitored)]
    runs = network.run(measured, "crr", 1, bench.size["rounds"][1], bench.size["seconds"])
    return {"monitor": compare.of_network({"crr/1": runs}, paths.NEAR)}


def _traffic(bench):
    return {"traffic": traffic.measure([bench.near, bench.far], bench.size["seconds"])}


def _cni(bench):
    count = bench.size["pods"]
    return {"cni": {"pilus": cni.of_pilus(bench.lab.node("node-1"), count),
                    "bridge": cni.of_bridge(bench.lab, bench.family, count)}}


def _agent(bench):
    first = bench.lab.node("node-1")
    starts = node.starts(first, bench.size["starts"])
    results = {"start": {kind: compare.times(result) for kind, result in starts.items()},
               "memory": node.memory(first), "remote-pods": node.remote_pods(bench.lab, bench.size["remote-pods"])}
    with _up(bench.other, 1, "bridge", "--profile=edge"):
        results["edge-maps"] = node.maps(bench.other.node("node-1"))
    return results


def _prefilter(bench):
    listed = bench.size["listed"]
    return {"prefilter": {"cost": prefilter.cost(bench.size["refused"], listed),
                          "load": prefilter.load(bench.lab.node("node-1"), listed[-1]),
                          "rates": prefilter.rates(bench.lab, listed[1:], bench.size["rounds"][1], bench.size["seconds"])}}


def _policy(bench):
    measured = [way(path) for path in (bench.near, bench.far) for way in (lambda path: path, policy.policed)]
    runs = {f"{kind}/1": network.run(measured, kind, 1, bench.size["rounds"][1], bench.size["seconds"])
            for kind in ("stream", "rr", "crr")}
    return {"policy": {"network": compare.of_network(runs, paths.NEAR),
                       "imports": policy.imports(bench.lab, *bench.size["imports"]),
                       "recompute": policy.recompute(bench.lab, *bench.size["recompute"])}}


def _services(bench):
    return {"services": services.measure(bench)}


def _forwarding(bench):
    with _up(bench.other, 2, "direct"):
        return {"forwarding": forwarding.measure(bench.lab, bench.other, bench.size["rounds"][1], bench.size["seconds"])}


def _sockets(bench):
    with _up(bench.other, 1, "bridge", *sockets.CONFIGURATION):
        return {"sockets": sockets.measure(bench, bench.other)}


def _datapath(size):
    return {"datapath": datapath.measure(size["packets"], size["sampling"])}


def _installed(_):
    return {"installed": node.installed()}


def _tracing(size):
    return {"tracing": {**tracing.measure(size["starts"], size["storm"]), "installed": tracing.installed(),
                        "program": programs.measure(size["starts"])}}


# In this order: the agent's part restarts it, and leaves it many pods of other nodes.
IN_LAB = {"network": _network, "monitor": _monitor, "traffic": _traffic, "cni": _cni, "prefilter": _prefilter,
          "policy": _policy, "services": _services, "forwarding": _forwarding, "sockets": _sockets,
          "agent": _agent}
WITHOUT_LAB = {"datapath": _datapath, "tracing": _tracing, "installed": _installed}
PARTS = [*IN_LAB, *WITHOUT_LAB]


@contextlib.contextmanager
def _alone():
    """Two at once would measure each other. The name goes with the process, however it ends."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as name:
        try:
            name.bind("\0pilus-bench")
        except OSError:
            raise LabError("another bench runs on this machine: wait for it") from None
        yield


@contextlib.contextmanager
def _up(lab, node_count, underlay, *agent_arguments):
    """Who ends the bench, by Ctrl-C or SIGTERM, waits until the lab is down: being impatient does not leave half of it."""
    lifecycle.up(lab, node_count, "dir", list(agent_arguments), underlay)
    try:
        yield
    finally:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        try:
            lifecycle.down(lab)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _run(parts, wanted, argument):
    results = {}
    for name, measure in parts.items():
        if name in wanted:
            print(f"bench: {name}", file=sys.stderr)
            results |= measure(argument)
    return results


def _measure(options, size):
    load = machine.Load()
    results = {"machine": machine.describe(), "mode": options.mode, "size": size, "family": options.family}
    lab, other = labs.Lab(options.name), labs.Lab(f"{options.name}-other")
    if set(options.parts) & set(IN_LAB):
        peers.check_installed()
        with _up(lab, 2, "direct"):
            bench = Bench(lab, other, *paths.of_pilus(lab, options.family), options.family, size)
            results |= _run(IN_LAB, options.parts, bench)
    results |= _run(WITHOUT_LAB, options.parts, size)
    results["load"] = load.describe()
    results["figures"] = figures.of(results)
    return results


def _write(results, folder):
    """What it wrote."""
    os.makedirs(folder, exist_ok=True)
    labs.write_json(f"{folder}/results.json", results)
    written = ["results.json"]
    if "network" in results:
        with open(f"{folder}/results.svg", "w", encoding="utf-8") as file:
            file.write(plot.of_network(results))
        written.append("results.svg")
    return [os.path.relpath(f"{folder}/{name}") for name in written]


def _positive(kind):
    def parse(text):
        if not 0 < (value := kind(text)) < math.inf:
            raise argparse.ArgumentTypeError("it must be more than 0")
        return value
    parse.__name__ = "number"
    return parse


def _parse(arguments):
    parser = argparse.ArgumentParser(prog="bench", description="Pilus beside a plain veth pair, a bare kernel VXLAN and "
                                     "Debian's bridge plugin, in turns on this machine. docs/bench.md explains it.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--long", dest="mode", action="store_const", const="long", default="short",
                        help="more and longer rounds: a quarter of an hour instead of a minute")
    parser.add_argument("--instant", dest="mode", action="store_const", const="instant",
                        help="all of it for an instant, to see that it works: the figures mean nothing")
    parser.add_argument("--rounds", type=_positive(int), metavar="N", help="of all, whatever the mode has")
    parser.add_argument("--seconds", type=_positive(float), metavar="S", help="of each measurement, whatever the mode has")
    parser.add_argument("-6", dest="family", action="store_const", const=6, default=4, help="over IPv6")
    parser.add_argument("-o", "--output", choices=["table", "json"], default="table")
    parser.add_argument("--folder", metavar="FOLDER", help="for results.json and results.svg (default build/bench)")
    parser.add_argument("--name", default="bench", metavar="LAB", help="of the lab to make (default bench)")
    options = parser.parse_args(arguments)
    unknown = [part for part in options.parts if part not in PARTS]
    if unknown:
        parser.error(f"no part is called {unknown[0]}: there are {', '.join(PARTS)}")
    if os.geteuid() != 0:
        parser.error("namespaces need root: run it with sudo")
    if not {0, 1} <= os.sched_getaffinity(0):
        parser.error("client and server each need a CPU of their own: 0 and 1 are not both to be had")
    options.parts = options.parts or PARTS
    options.folder = options.folder or f"{labs.build_folder()}/bench"
    return options


def _size(options):
    size = MODES[options.mode]
    rounds = {flows: options.rounds or rounds for flows, rounds in size["rounds"].items()}
    return {**size, "rounds": rounds, "seconds": options.seconds or size["seconds"]}


def main(arguments):
    options = _parse(arguments)
    for number in ENDING:
        signal.signal(number, signal.default_int_handler)
    try:
        with _alone():
            results = _measure(options, _size(options))
        written = _write(results, options.folder)
    except (LabError, OSError, subprocess.CalledProcessError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return 130
    if options.output == "json":
        print(json.dumps(results, indent=2))
    else:
        print(report.text(results) + "more: " + ", ".join(written))
    return 0
