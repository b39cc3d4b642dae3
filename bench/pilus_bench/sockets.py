# SPDX-License-Identifier: Apache-2.0
"""
Two processes of one node: by the short cut between sockets, as packets, over a plain veth pair, and over the loopback
device of one namespace. And what becomes of it in servers that people run, with the benchmarks that come with them.
"""
import contextlib
import dataclasses
import functools
import sys

from pilus_lab import pods

from . import applications, compare, network, paths, peers

SHORT_CUT, PACKETS, LOOPBACK = "short cut", "packets", "loopback"
KILOBYTE = 1024
# Title -> kind, flows, who serves, bytes in a write.
WORKS = {
    **{f"rr/{flows}, one CPU": ("rr", flows, network.CLIENT_CPU, network.STREAM_WRITE) for flows in (1, 32)},
    **{f"stream, {size} KB, {title}": ("stream", 1, cpu, size * KILOBYTE) for size in (1, 64)
       for title, cpu in (("one CPU", network.CLIENT_CPU), ("two CPUs", network.SERVER_CPU))},
}
CONFIGURATION = ["--socket-acceleration=on"]


def _accelerated(lab, family):
    client, server = (pods.add(lab.node("node-1"), name, "default", {"app": name}) for name in ("client", "server"))
    return paths.Path(SHORT_CUT, client, server, server.address(family))


def _others(bench):
    client, server, address = peers.veth(bench.lab, bench.family, "sockets")
    loopback = {4: "127.0.0.1", 6: "::1"}[bench.family]
    return [paths.Path(paths.PLAIN, client, server, address), paths.Path(LOOPBACK, server, server, loopback)]


def _connections(measured, size):
    runs = {}
    for work, (kind, flows, cpu, write) in WORKS.items():
        runs[work] = network.run(measured, kind, flows, size["rounds"][1], size["seconds"], server_cpu=cpu, write=write)
    return compare.of_network(runs, PACKETS)


def _applications(measured, size):
    """{title: None} of one that is not installed."""
    results = {}
    for application in applications.ALL:
        if not application.is_installed():
            print(f"bench: not measured, as not installed: {application.packages}", file=sys.stderr)
            results |= {work: None for work in application.works}
            continue
        with contextlib.ExitStack() as servers:
            for path in measured:
                servers.enter_context(application.serving(path.server))
            for work in application.works:
                ask = functools.partial(application.ask, work=work, seconds=size["seconds"])
                runs = network.in_turns(measured, size["rounds"][1], ask)
                results |= compare.of_network({work: runs}, PACKETS)
    return results


def measure(bench, other):
    """`other` is a lab with one node, whose agent has CONFIGURATION."""
    both = [_accelerated(other, bench.family), dataclasses.replace(bench.near, name=PACKETS)]
    return {"connections": _connections([*both, *_others(bench)], bench.size),
            "applications": _applications(both, bench.size)}


def ratio(base, work):
    def value(results):
        runs = results["sockets"]["connections"][work]
        return compare.ratio(runs[SHORT_CUT]["rate"]["runs"], runs[base]["rate"]["runs"])
    return value
