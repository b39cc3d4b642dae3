# SPDX-License-Identifier: Apache-2.0
"""From runs to medians and ratios, and to a table for people."""
import math
import statistics

from . import network


def percentile(values, fraction):
    """The smallest value that the fraction of all do not exceed."""
    return sorted(values)[math.ceil(fraction * len(values)) - 1]


def summary(values):
    return {"p50": percentile(values, .5), "p99": percentile(values, .99), "count": len(values)}


def of_network(runs):
    """Medians, and the median of the ratios to the first path in the same round."""
    result = {}
    for measure, paths in runs.items():
        base = next(iter(paths.values()))
        result[measure] = {name: {"median": statistics.median(values),
                                  "ratio": statistics.median(value / plain for value, plain in zip(values, base)),
                                  "runs": values}
                           for name, values in paths.items()}
    return result


def _network_rows(results):
    names = list(next(iter(results.values())))
    yield ["", *names]
    for measure, paths in results.items():
        title, unit, divisor, _ = network.MEASURES[measure]
        first, *others = (paths[name] for name in names)
        yield [f"{title}, {unit}", f"{first['median'] / divisor:.2f}",
               *(f"{path['median'] / divisor:.2f}  ({path['ratio']:.2f})" for path in others)]


def _node_rows(node):
    mebibyte = 1024 * 1024
    yield ["agent, start to ready", f"{node['start_to_ready']['p50'] * 1e3:.0f} ms", f"{node['start_to_ready']['count']} starts"]
    yield ["agent, resident", f"{node['memory']['resident'] / mebibyte:.1f} MiB", f"{node['pods']} pods"]
    yield ["maps, in the kernel", f"{node['memory']['maps'] / mebibyte:.1f} MiB"]
    for verb in ("ADD", "DEL"):
        times = node["cni"][verb]
        yield [f"CNI {verb}, median and p99", f"{times['p50'] * 1e3:.1f}, {times['p99'] * 1e3:.1f} ms", f"{times['count']} pods"]


def table(results):
    """In brackets: the ratio to the plain veth pair of the same round."""
    lines = []
    for rows in (list(_network_rows(results["network"])), list(_node_rows(results["node"]))):
        rows = [row + [""] * (max(map(len, rows)) - len(row)) for row in rows]
        widths = [max(map(len, column)) for column in zip(*rows)]
        lines += ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows] + [""]
    return "\n".join(lines)
