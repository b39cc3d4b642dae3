# SPDX-License-Identifier: Apache-2.0
"""The results as tables for people."""
import re

from .datapath import SHOWN
from .paths import PLAIN
from .sockets import PACKETS, SHORT_CUT

# Kind of work -> title, unit of its rate, divisor.
KINDS = {"stream": ("TCP stream", "Gbit/s", 1e9), "rr": ("TCP RR", "1000/s", 1e3), "crr": ("TCP CRR", "1000/s", 1e3),
         "udp-rr": ("UDP RR", "1000/s", 1e3)}
PERCENTILES = ("p50", "p90", "p99", "p99.9")
MEGABYTE = 1e6


def title(work):
    kind, _, flows = work.partition("/")
    return f"{KINDS[kind][0]}, {flows} flow{'s' if flows != '1' else ''}"


def _table(rows):
    """The first column stands left, the others, numbers mostly, right."""
    widths = [max(len(row[column]) for row in rows if column < len(row)) for column in range(max(map(len, rows)))]
    return "".join("  ".join(cell.rjust(width) if column else cell.ljust(width)
                             for column, (cell, width) in enumerate(zip(row, widths))).rstrip() + "\n" for row in rows)


def _section(head, rows):
    return f"{head}\n\n{_table(rows)}\n"


def _verdict(figure):
    return "reached" if figure["reached"] else f"missed by {figure['missed-by'] * 100:.1f} %"


def _figures(figures):
    rows = [("", "measured", "to reach", "", "Cilium 1.12.1 / 1.19.4")]
    rows += [(figure["name"], f"{figure['value']:.3g} {figure['unit']}".strip(),
              f"{figure['bound']} {figure['target']:g} {figure['unit']}".strip(), _verdict(figure), figure["cilium"])
             for figure in figures]
    return _section("Figures to reach", rows)


def _matrix(head, network, cell):
    """Paths down, works across; empty where the cell has nothing to say."""
    works = list(network)
    names = list(dict.fromkeys(path for paths in network.values() for path in paths))
    rows = [("", *works)] + [(name, *(cell(work, network[work].get(name, {})) for work in works)) for name in names]
    return _section(head, rows)


def _rate(work, metrics):
    return f"{metrics['rate']['median'] / KINDS[re.match('[a-z-]+', work)[0]][2]:.2f}" if metrics else ""


def _ratio(metric):
    """With half of what lies between the lowest and the highest of the rounds."""
    def cell(_, metrics):
        found = metrics.get(metric)
        return f"{found['ratio']:.2f} ±{(found['high'] - found['low']) / 2:.2f}" if found else ""
    return cell


def _latency(metric):
    return lambda _, metrics: f"{metrics[metric]['median']:.1f}" if metric in metrics else ""


def _network(network):
    timed = {work: paths for work, paths in network.items() if "p50" in paths[PLAIN]}
    yield _matrix("Rates, by kind of work and flows (stream: Gbit/s; others: 1000/s)", network, _rate)
    yield _matrix(f"Rates / {PLAIN}: medians of the rounds' ratios, ± half of their range", network, _ratio("rate"))
    for name in PERCENTILES:
        yield _matrix(f"Latency, {name}, µs", timed, _latency(name))
    yield _matrix(f"Latency, p50 / {PLAIN}", timed, _ratio("p50"))


def _monitor(monitor):
    return _matrix("With and without a listening `pilus monitor`, 1000/s", monitor, _rate)


def _times(times):
    return [f"{times[key] * 1e3:.1f} ms" for key in ("p50", "p99")] + [str(times["count"]), f"{times['cpu'] * 1e3:.1f} ms"]


def _node(results):
    rows = [("", "p50", "p99", "count", "CPU each")]
    for kind, words in (("anew", "programs and maps gone"), ("adopting", "finding them")):
        if "start" in results:
            rows.append((f"agent, start to ready, {words}", *_times(results["start"][kind])))
    for plugin, verbs in results.get("cni", {}).items():
        rows += [(f"CNI {verb}, {plugin}", *_times(times)) for verb, times in verbs.items()]
    return _section("Times", rows) if len(rows) > 1 else ""


def _memory(results):
    rows = []
    if "memory" in results:
        rows += [("agent, resident", f"{results['memory']['resident'] / MEGABYTE:.1f} MB"),
                 ("  of it not shared with files", f"{results['memory']['own'] / MEGABYTE:.1f} MB"),
                 ("maps in the kernel", f"{results['memory']['maps'] / MEGABYTE:.1f} MB")]
    if "edge-maps" in results:
        rows.append(("maps in the kernel, edge profile", f"{results['edge-maps'] / MEGABYTE:.1f} MB"))
    if "remote-pods" in results:
        remote = results["remote-pods"]
        rows += [(f"agent, for each of {remote['count']} remote pods", f"{remote['bytes']:.0f} bytes"),
                 ("  until all were known", f"{remote['publishing'] + remote['known-after']:.2f} s")]
    largest = sorted(results.get("installed", {}).items(), key=lambda item: -item[1])[:4]
    rows += [(name, f"{size / MEGABYTE:.2f} MB") for name, size in largest]
    return _section("Sizes", rows) if rows else ""


def _traffic(traffic):
    columns = {f"{path}, {work}": programs for path, works in traffic.items() for work, programs in works.items()}
    names = sorted({name for programs in columns.values() for name in programs})
    rows = [("", *names)]
    rows += [(head, *(f"{programs[name]['ns']:.0f}" if name in programs else "" for name in names))
             for head, programs in columns.items()]
    return _section("Programs in traffic, ns for a packet, by the kernel's count (which costs some of them)", rows)


def _datapath(datapath):
    """The functions of the paths that matter most, those that take a nanosecond at least."""
    rows = [("", "program", "ns")] + [(path["name"], path["program"], f"{path['ns']:.0f}") for path in datapath["paths"]]
    yield _section("An established packet in the programs (a test run, less that of an empty program)", rows)
    shown = {path["name"]: path["functions"] for path in datapath["paths"] if path["name"] in SHOWN}
    names = sorted({name for found in shown.values() for name, ns in found.items() if ns >= 1},
                   key=lambda name: -sum(found.get(name, 0) for found in shown.values()))
    rows = [("", *shown)] + [(name, *(f"{found[name]:.0f}" if found.get(name, 0) >= .5 else "" for found in shown.values()))
                             for name in names]
    yield _section("Where its nanoseconds go, by function (→ of the kernel)", rows)
    keys = ("instructions", "jit-bytes", "verifier-steps")
    rows = [("", *keys)] + [(program["name"], *(str(program[key]) for key in keys)) for program in datapath["programs"]]
    yield _section("The programs", rows)


def _tracing(tracing):
    rows = [("", "first event", "resident", "opened", "told", "ns for an event"),
            ("no tool", "", "", f"{tracing['plain'] / 1e3:.0f}", "", "")]
    for name, found in tracing["peers"].items():
        cells = (f"{found['first-event'] * 1e3:.0f} ms", f"{found['resident'] / MEGABYTE:.1f} MB", f"{found['opened'] / 1e3:.0f}",
                 f"{found['told'] / 1e3:.0f}", f"{found['ns-per-event']:.0f}") if found else ("does not run",)
        rows.append((f"opensnoop, {name}", *cells))
    yield _section("Tracing tools, in a storm of opens (1000/s)", rows)
    costs = tracing["costs"]
    rows = [("", "a system call", "a function's call", "an event told")]
    rows += [(name, *(f"{ns:.0f}" if (ns := costs[kind].get(name)) is not None else "–" for kind in ("syscall", "function", "event")))
             for name in dict.fromkeys(name for found in costs.values() for name in found)]
    yield _section("What it costs whom they look at, ns: counting, and telling", rows)


def _prefilter(prefilter):
    rows = [("", "empty XDP_DROP", "refused", "permitted", "kernel memory")]
    rows += [(f"{row['entries']} prefixes of /{row['length']}", *(f"{row[key]:.0f}" for key in ("empty-drop", "refused", "permitted")),
              f"{row['bytes'] / MEGABYTE:.1f} MB") for row in prefilter["cost"]]
    yield _section("The prefilter, ns of a packet (a test run)", rows)
    yield _section("Packets refused, 1000/s", [(f"{way}, {count} hosts", f"{found['median'] / 1e3:.0f}")
                                              for count, ways in prefilter["rates"].items() for way, found in ways.items()])
    seconds = prefilter["load"]["seconds"]
    yield _section("The prefilter's lists, by the command line",
                   [(f"{prefilter['load']['entries']} entries from a file", f"{seconds['all']:.2f} s"),
                    ("one more", f"{seconds['one']:.2f} s"), ("all of them gone", f"{seconds['none']:.2f} s")])


def _policy(policy):
    yield _matrix("With and without 10,000 entries in force, 1000/s", policy["network"], _rate)
    imports, recompute = policy["imports"], policy["recompute"]
    yield _section("Policies", [
        (f"enforced on both nodes, {imports['policies']} policies", f"p50 {imports['p50']:.1f} ms, p99 {imports['p99']:.1f} ms"),
        (f"{recompute['policies']} policies, {recompute['identities']} identities, {recompute['endpoints']} endpoints",
         f"recomputed in {recompute['seconds']:.2f} s: {recompute['entries']} entries, {recompute['resident'] / MEGABYTE:.0f} MB resident")])


def _services(services):
    rows = [("", "services", "RR p50, µs", "CRR p50, µs", "RR, 1000/s", "CRR, 1000/s")]
    for count, works in services["connections"].items():
        rows += [(path, count, *(f"{works[work][path]['p50']['median']:.1f}" for work in ("rr/1", "crr/1")),
                  *(f"{works[work][path]['rate']['median'] / 1e3:.2f}" for work in ("rr/1", "crr/1")))
                 for path in works["crr/1"]]
    yield _section("Connections through a service", rows)
    agent = services["agent"]
    rows = [("start to ready, maps gone", f"{agent['start']:.2f} s"), ("resident", f"{agent['resident'] / MEGABYTE:.1f} MB")]
    rows += [(f"one change, {key}", f"{agent['change'][key] * 1e3:.1f} ms") for key in ("p50", "p99")]
    yield _section(f"The agent with {agent['services']} services of {agent['backends']} backends", rows)


def _forwarding(forwarding):
    rows = [("", "packets, 1000/s", "ns each, without the wire's work")]
    rows += [(way, f"{found['rate']['median'] / 1e3:.0f}", f"{found['ns']['median']:.0f}") for way, found in forwarding.items()]
    return _section("A node port whose backend is on another node, packets forwarded", rows)


def _sockets(sockets):
    yield _matrix("Between two processes of a node (stream: Gbit/s; others: 1000/s)", sockets["connections"], _rate)
    rows = [("", SHORT_CUT, PACKETS, "ratio")]
    for work, found in sockets["applications"].items():
        rows.append((work, *(f"{found[name]['rate']['median']:.0f}" for name in (SHORT_CUT, PACKETS)),
                     _ratio("rate")(work, found[SHORT_CUT])) if found else (work, "not installed"))
    yield _section("Servers in pods of one node, with and without the short cut, requests a second", rows)


def machine(results):
    """A heading: what the figures are of."""
    described, load = results["machine"], results["load"]
    lines = [f"{described['cpus']} CPUs, {described['cpu']}, {described['memory'] / 2**30:.0f} GiB; "
             f"Linux {described['kernel']}, {described['system']}; hypervisor: {described['hypervisor']}",
             f"mitigations: {', '.join(f'{name} ({text})' for name, text in described['mitigations'].items()) or 'none'}",
             f"IPv{results['family']}, {results['mode']} mode; nodes are connected by one veth pair; "
             f"{described['time']}"]
    if not load["quiet"]:
        lines.append(f"WARNING: the machine was not quiet, do not trust these figures: load average {load['average']:.1f}, "
                     f"CPUs {load['busy'] * 100:.0f} % busy before, {load['stolen'] * 100:.0f} % stolen meanwhile")
    return "\n".join(lines) + "\n\n"


def text(results):
    parts = [machine(results)]
    if results["figures"]:
        parts.append(_figures(results["figures"]))
    if "network" in results:
        parts += _network(results["network"])
    if "monitor" in results:
        parts.append(_monitor(results["monitor"]))
    parts += [_node(results), _memory(results)]
    if "traffic" in results:
        parts.append(_traffic(results["traffic"]))
    if "prefilter" in results:
        parts += _prefilter(results["prefilter"])
    if "policy" in results:
        parts += _policy(results["policy"])
    if "services" in results:
        parts += _services(results["services"])
    if "forwarding" in results:
        parts.append(_forwarding(results["forwarding"]))
    if "sockets" in results:
        parts += _sockets(results["sockets"])
    if "datapath" in results:
        parts += _datapath(results["datapath"])
    if "tracing" in results:
        parts += _tracing(results["tracing"])
    return "".join(parts)
