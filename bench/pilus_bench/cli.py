# SPDX-License-Identifier: Apache-2.0
"""The bench command: a lab, the measurements, a table and build/bench/results.json."""
import argparse
import os
import platform
import sys
import time

from pilus_lab import LabError, labs, lifecycle

from . import network, node, paths, report

SHORT = {"rounds": 3, "seconds": 1, "starts": 5, "pods": 50}
FULL = {"rounds": 7, "seconds": 5, "starts": 20, "pods": 200}


def _machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), "unknown")
    return {"cpu": model, "cpus": os.cpu_count(), "kernel": platform.release(),
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}


def _measure_node(lab, size):
    first = lab.node("node-1")
    memory = node.memory(first)
    cni = {verb: report.summary(times) for verb, times in node.cni(first, size["pods"]).items()}
    starts = report.summary([node.start_to_ready(first) for _ in range(size["starts"])])
    return {"memory": memory, "pods": sum(pod.node.name == first.name for pod in lab.pods()), "cni": cni,
            "start_to_ready": starts}


def _measure(lab, size, family):
    lifecycle.up(lab, 2, "dir", [], "direct")
    try:
        with paths.plain_veth(lab, family) as plain:
            runs = network.run([plain, *paths.between_pods(lab, family)], size["rounds"], size["seconds"])
        return {"machine": _machine(), "size": size, "family": family, "network": report.of_network(runs),
                "node": _measure_node(lab, size)}
    finally:
        lifecycle.down(lab)


def main(arguments):
    parser = argparse.ArgumentParser(prog="bench", description="Pilus beside a plain veth pair, in turns.")
    parser.add_argument("--full", action="store_true", help="more and longer rounds (about 10 minutes)")
    parser.add_argument("-6", dest="family", action="store_const", const=6, default=4, help="over IPv6")
    parser.add_argument("--name", default="bench", metavar="LAB", help="of the lab to make (default bench)")
    options = parser.parse_args(arguments)
    if os.geteuid() != 0:
        parser.error("namespaces need root: run it with sudo")
    try:
        results = _measure(labs.Lab(options.name), FULL if options.full else SHORT, options.family)
    except (LabError, RuntimeError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    file = f"{labs.build_folder()}/bench/results.json"
    labs.write_json(file, results)
    machine = results["machine"]
    print(f"{machine['cpus']} CPUs, {machine['cpu']}, Linux {machine['kernel']}; IPv{options.family}; "
          f"medians of {results['size']['rounds']} rounds, in brackets the ratio to the plain veth pair\n")
    print(report.table(results) + f"all runs: {os.path.relpath(file)}")
    return 0
