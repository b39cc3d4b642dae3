# SPDX-License-Identifier: Apache-2.0
"""Many measurements to few numbers."""
import math
import statistics


def percentile(values, fraction):
    """The smallest value that the fraction of all do not exceed."""
    return sorted(values)[max(0, math.ceil(fraction * len(values)) - 1)]


def summary(values):
    return {"p50": percentile(values, .5), "p99": percentile(values, .99), "max": max(values), "count": len(values)}


def times(result):
    """Of {"seconds": [of each], "cpu": of all together}: the CPU's of one."""
    seconds = result["seconds"]
    return {**summary(seconds), "cpu": result["cpu"] / len(seconds), "runs": seconds}


def ratios(values, base):
    """Round by round: what disturbed a round disturbed both."""
    return [value / other for value, other in zip(values, base, strict=True)]


def ratio(values, base):
    return statistics.median(ratios(values, base))


def of_network(runs, base):
    """{work: {path: {metric: {"median", "ratio" to the path `base`, "low", "high" of the ratio, "runs"}}}}"""
    result = {}
    for work, paths in runs.items():
        result[work] = {path: {metric: _aggregate(values, paths[base][metric]) for metric, values in metrics.items()}
                        for path, metrics in paths.items()}
    return result


def _aggregate(values, base):
    each = ratios(values, base)
    return {"median": statistics.median(values), "ratio": statistics.median(each), "low": min(each), "high": max(each),
            "runs": values}
