# SPDX-License-Identifier: Apache-2.0
"""The figures that Pilus promises: what each is to reach, and how it is taken from the results."""
import dataclasses
import typing

from . import compare, forwarding, paths, policy, prefilter, services, sockets
from .paths import BRIDGE_FAR, FAR, NEAR, PLAIN, VXLAN
from .services import IPTABLES, SERVICE, STRAIGHT

MEGABYTE, KILOBYTE = 1e6, 1e3


# (path, work): what its rate is to be, of that of the plain veth pair.
RATE_TARGETS = {(NEAR, "stream/1"): .97, (NEAR, "crr/1"): .96, (FAR, "stream/1"): .80, (FAR, "crr/1"): .84}


@dataclasses.dataclass(frozen=True)
class Figure:
    name: str
    bound: str  # ≥ or ≤
    target: float
    unit: str
    value: typing.Callable  # of the results; KeyError when they lack it
    cilium: str = ""        # 1.12.1 / 1.19.4, measured once on such a machine
    optional: bool = False  # its peer need not be installed

    def of(self, results):
        """None when it was not measured."""
        try:
            value = self.value(results)
        except KeyError:
            return None
        missed = value / self.target - 1 if self.bound == "≤" else 1 - value / self.target
        return {"name": self.name, "value": value, "unit": self.unit, "bound": self.bound, "target": self.target,
                "reached": missed <= 0, "missed-by": max(0, missed), "cilium": self.cilium}


def _ratio(path, base, work, metric="rate", part="network"):
    return lambda results: compare.ratio(results[part][work][path][metric]["runs"],
                                         results[part][work][base][metric]["runs"])


def _speed_up(path, base, work):
    """Of the median latency: how many times longer the base takes."""
    return _ratio(base, path, work, "p50")


def _field(divisor, *keys):
    def value(results):
        for key in keys:
            results = results[key]
        return results / divisor
    return value


def _of_policy(path, work, metric):
    def value(results):
        measured = results["policy"]["network"][work]
        return compare.ratio(measured[policy.policed_name(path)][metric]["runs"], measured[path][metric]["runs"])
    return value


def _of_path(title, path, latency, cilium):
    """The three of a path beside the plain veth pair."""
    return [Figure(f"{title} / plain veth: stream", "≥", RATE_TARGETS[path, "stream/1"], "",
                   _ratio(path, PLAIN, "stream/1"), cilium[0]),
            Figure(f"{title} / plain veth: CRR", "≥", RATE_TARGETS[path, "crr/1"], "",
                   _ratio(path, PLAIN, "crr/1"), cilium[1]),
            Figure(f"{title} / plain veth: RR p50", "≤", latency, "", _ratio(path, PLAIN, "rr/1", "p50"), cilium[2])]


def _across(title, base, target):
    return [Figure(f"across / {title}: stream", "≥", target, "", _ratio(FAR, base, "stream/1")),
            Figure(f"across / {title}: CRR", "≥", target, "", _ratio(FAR, base, "crr/1")),
            Figure(f"across / {title}: RR p50, inverse", "≥", target, "", _speed_up(FAR, base, "rr/1"))]


def _of_tool(key, divisor):
    return _field(divisor, "tracing", "peers", "pilus", key)


def _storm(results):
    """Of the events that the peer tells; KeyError where it does not run."""
    peers = results["tracing"]["peers"]
    if not peers.get("libbpf-tools"):
        raise KeyError("libbpf-tools")
    return peers["pilus"]["told"] / peers["libbpf-tools"]["told"]


def _cost(kind):
    """Of what the cheapest peer takes; KeyError where none runs."""
    def value(results):
        costs = results["tracing"]["costs"][kind]
        others = [ns for name, ns in costs.items() if name != "pilus" and ns]
        if not others:
            raise KeyError(kind)
        return costs["pilus"] / min(others)
    return value


FIGURES = [
    *_of_path("same node", NEAR, 1.03, ("0.82 / 0.87", "0.82 / 0.77", "1.08 / 1.07")),
    *_of_path("across", FAR, 1.08, ("0.54 / 0.65", "0.52 / 0.54", "1.06 / 1.13")),
    *_across("bridge plugin and VXLAN", BRIDGE_FAR, 1.2),
    *_across("bare VXLAN", VXLAN, 1.02),
    *(Figure(f"{title}, CRR: monitor listening / not", "≥", .95, "", _ratio(paths.monitored_name(path), path, "crr/1", part="monitor"), "0.68 / –")
      for title, path in (("same node", NEAR), ("across", FAR))),
    Figure("agent, start to ready", "≤", .3, "s", _field(1, "start", "anew", "p50"), "5.4 / 5.7"),
    Figure("agent, resident with 2 pods", "≤", 12, "MB", _field(MEGABYTE, "memory", "resident"), "105 / 180"),
    Figure("agent, for each remote pod", "≤", 1, "KB", _field(KILOBYTE, "remote-pods", "bytes")),
    Figure("maps in the kernel", "≤", 48, "MB", _field(MEGABYTE, "memory", "maps"), "262 / 163"),
    Figure("maps in the kernel, edge profile", "≤", 12, "MB", _field(MEGABYTE, "edge-maps")),
    Figure("CNI ADD, p50", "≤", 25, "ms", _field(1e-3, "cni", "pilus", "ADD", "p50"), "780 / 260"),
    Figure("CNI ADD, p99", "≤", 60, "ms", _field(1e-3, "cni", "pilus", "ADD", "p99")),
    Figure("CNI ADD, CPU", "≤", 10, "ms", _field(1e-3, "cni", "pilus", "ADD", "cpu"), "750 / 200"),
    Figure("tool, start to first event", "≤", 20, "ms", _of_tool("first-event", 1e-3)),
    Figure("tool, resident", "≤", 6, "MB", _of_tool("resident", MEGABYTE)),
    Figure("opensnoop in a storm / libbpf-tools: events told", "≥", 2, "", _storm, optional=True),
    *(Figure(f"{title} / the cheapest peer: ns", "≤", 1, "", _cost(kind), optional=True)
      for title, kind in (("syscount, a system call", "syscall"), ("funccount, a function's call", "function"),
                          ("opensnoop, an event told", "event"))),
    Figure("trace run, from C text", "≤", 150, "ms", _field(1e-3, "tracing", "program", "cold")),
    Figure("trace run, compiled before", "≤", 25, "ms", _field(1e-3, "tracing", "program", "cached")),
    Figure("tools, installed", "≤", 5, "MB", _field(MEGABYTE, "tracing", "installed")),
    *(Figure(f"{title}, {kind.split('/')[0]}: 10,000 entries in force / none", "≥", target, "",
             _of_policy(path, kind, metric), "")
      for title, path in (("same node", NEAR), ("across", FAR))
      for kind, metric, target in (("stream/1", "rate", .98), ("rr/1", "rate", .98), ("crr/1", "rate", .95))),
    Figure("policy import to enforced on both nodes, 1,000 policies, p50", "≤", 10, "ms", _field(1, "policy", "imports", "p50"), "– / 9"),
    Figure("policy import to enforced on both nodes, 1,000 policies, p99", "≤", 50, "ms", _field(1, "policy", "imports", "p99"), "– / 317"),
    Figure("10,000 policies, 5,000 identities, 100 endpoints: recomputed", "≤", 2, "s", _field(1, "policy", "recompute", "seconds")),
    Figure("10,000 policies, 5,000 identities, 100 endpoints: resident", "≤", 100, "MB", _field(MEGABYTE, "policy", "recompute", "resident")),
    Figure("prefilter, a packet refused by 1,000,000 hosts, above XDP_DROP", "≤", 40, "ns", prefilter.above_empty),
    Figure("prefilter, 1,000,000 entries from a file to the kernel", "≤", 2, "s", _field(1, "prefilter", "load", "seconds", "all")),
    *(Figure(f"prefilter / fastest other, packets refused by {count} hosts", "≥", 1, "", prefilter.beside(which), optional=True)
      for which, count in ((0, "1,000"), (-1, "1,000,000"))),
    Figure("service / straight to the pod: RR", "≥", .99, "", services.ratio(SERVICE, STRAIGHT, "rr/1", "rate", 0)),
    Figure("service / straight to the pod: CRR", "≥", .95, "", services.ratio(SERVICE, STRAIGHT, "crr/1", "rate", 0)),
    Figure("service / straight to the pod: CRR, of 1,000", "≥", .95, "", services.ratio(SERVICE, STRAIGHT, "crr/1", "rate", 1)),
    Figure("service / straight to the pod: CRR, of 10,000", "≥", .95, "", services.ratio(SERVICE, STRAIGHT, "crr/1", "rate", -1)),
    Figure("service, CRR: of 10,000 / of one", "≥", .97, "", services.flat),
    Figure("service / iptables: CRR p50", "≤", .95, "", services.ratio(SERVICE, IPTABLES, "crr/1", "p50", 0)),
    Figure("service / iptables: CRR p50, of 1,000", "≤", .85, "", services.ratio(SERVICE, IPTABLES, "crr/1", "p50", 1)),
    Figure("service / iptables: CRR p50, of 10,000", "≤", .40, "", services.ratio(SERVICE, IPTABLES, "crr/1", "p50", -1)),
    Figure("agent, start to ready with 10,000 services of 10 backends", "≤", 1, "s", services.of_agent("start")),
    Figure("one change among 10,000 services, p99", "≤", 5, "ms", lambda results: services.of_agent("change", "p99")(results) * 1e3),
    Figure("agent, resident with 10,000 services of 10 backends", "≤", 60, "MB",
           lambda results: services.of_agent("resident")(results) / MEGABYTE),
    *(Figure(f"node port, backend elsewhere, packets: {title} / iptables", "≥", target, "", forwarding.ratio(way))
      for title, way, target in (("stack", forwarding.STACK, 1.5), ("XDP", forwarding.XDP, 3))),
    *(Figure(f"same node, RR on one CPU, {title}: short cut / {base}", "≥", target, "", sockets.ratio(base, work))
      for work, title in (("rr/1, one CPU", "1 connection"), ("rr/32, one CPU", "32 connections"))
      for base, target in ((PLAIN, 1.6), (sockets.PACKETS, 1.6), (sockets.LOOPBACK, 1.5))),
    *(Figure(f"same node, {work}: short cut on / packets", "≥", .97, "", sockets.ratio(sockets.PACKETS, work))
      for work in sockets.WORKS if work.startswith("stream")),
    Figure("installed on a node", "≤", 10, "MB", lambda results: sum(results["installed"].values()) / MEGABYTE, "343 / 536"),
]


def of(results):
    return [found for found in (figure.of(results) for figure in FIGURES) if found]
