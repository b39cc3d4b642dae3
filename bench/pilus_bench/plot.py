# SPDX-License-Identifier: Apache-2.0
"""The network's results as a picture: rates as bars beside the plain veth pair, and latency percentiles as lines."""
import math

from . import figures, paths
from .report import PERCENTILES, title
from .svg import Drawing

WIDTH, LEFT, RIGHT = 1000, 50, 20
BARS_TOP, BARS_HEIGHT, BARS_STEP = 100, 170, 260
LINES_TOP, LINES_HEIGHT, LINES_GAP = 600, 230, 55
HEIGHT = LINES_TOP + LINES_HEIGHT + 80
GRID, AXIS = "#e4e4e4", "#888888"
# One colour for each network.
COLOURS = {paths.PLAIN: "#888888", paths.NEAR: "#1f6fb4", paths.FAR: "#1f6fb4", paths.BRIDGE_NEAR: "#e08a1e",
           paths.BRIDGE_FAR: "#e08a1e", paths.VXLAN: "#3a9a5b"}
DASHES = {paths.FAR: "6 3", paths.BRIDGE_FAR: "6 3", paths.VXLAN: "6 3"}
GROUPS = (("On the same node", (paths.NEAR, paths.BRIDGE_NEAR)),
          ("Across nodes", (paths.FAR, paths.VXLAN, paths.BRIDGE_FAR)))
RATIO_MAX = 1.2
TIMED = ("rr/1", "crr/1", "udp-rr/1")


def _legend(drawing, x, y, names, dashes):
    for name in names:
        drawing.line([(x, y - 4), (x + 22, y - 4)], COLOURS[name], 3, dashes.get(name))
        drawing.text(x + 28, y, name)
        x += 46 + 6.2 * len(name)


def _bar(drawing, x, width, ratio, base, colour):
    """Its number at its foot, and what lies between the rounds as a whisker."""
    def height(value):
        return min(value, RATIO_MAX) / RATIO_MAX * BARS_HEIGHT
    top = base - height(ratio["ratio"])
    drawing.rectangle(x, top, width, base - top, colour)
    middle = x + width / 2
    drawing.line([(middle, base - height(ratio["low"])), (middle, base - height(ratio["high"]))], "#222222")
    drawing.text(middle, base - 6, f"{ratio['ratio']:.2f}", 10, "middle", "#ffffff", "bold")


def _targets(names):
    """{(path, work): what its rate is to reach}"""
    return {(name, work): target for (name, work), target in figures.RATE_TARGETS.items() if name in names}


def _bars(drawing, top, head, names, network):
    base = top + BARS_HEIGHT
    drawing.text(LEFT, top - 33, f"{head}: rate / plain veth", 14, weight="bold", colour="#222222")
    _legend(drawing, LEFT, top - 13, names, {})
    for step in range(7):
        y = base - step / 6 * BARS_HEIGHT
        drawing.line([(LEFT, y), (WIDTH - RIGHT, y)], AXIS if step == 5 else GRID)
        drawing.text(LEFT - 6, y + 4, f"{step / 6 * RATIO_MAX:.1f}", 10, "end")
    group = (WIDTH - LEFT - RIGHT) / len(network)
    width = min(34, (group - 24) / len(names))
    targets = _targets(names)
    for number, (work, measured) in enumerate(network.items()):
        start = LEFT + (number + .5) * group - len(names) * width / 2
        for index, name in enumerate(names):
            _bar(drawing, start + index * width + 1, width - 2, measured[name]["rate"], base, COLOURS[name])
            if (name, work) in targets:
                y = base - targets[name, work] / RATIO_MAX * BARS_HEIGHT
                drawing.line([(start - 4, y), (start + width + 4, y)], "#c02020", 2)
        drawing.text(LEFT + (number + .5) * group, base + 16, title(work), 10.5, "middle")


def _lines(drawing, left, width, work, measured):
    names = [name for name in COLOURS if name in measured]
    values = [measured[name][point]["median"] for name in names for point in PERCENTILES]
    low, high = min(values) * .8, max(values) * 1.2

    def y(value):
        return LINES_TOP + LINES_HEIGHT * (1 - math.log(value / low) / math.log(high / low))

    drawing.text(left, LINES_TOP - 10, f"{title(work)}: latency, µs", 12, weight="bold", colour="#222222")
    for mark in (base * 10 ** power for power in range(7) for base in (1, 2, 3, 5, 7)):
        if low <= mark <= high:
            drawing.line([(left, y(mark)), (left + width, y(mark))], GRID)
            drawing.text(left - 5, y(mark) + 4, f"{mark:g}", 10, "end")
    places = [left + (index + .5) * width / len(PERCENTILES) for index in range(len(PERCENTILES))]
    for x, point in zip(places, PERCENTILES):
        drawing.text(x, LINES_TOP + LINES_HEIGHT + 16, point, 10.5, "middle")
    for name in names:
        points = [(x, y(measured[name][point]["median"])) for x, point in zip(places, PERCENTILES)]
        drawing.line(points, COLOURS[name], 2, DASHES.get(name))
        for x, height in points:
            drawing.dot(x, height, COLOURS[name])


def of_network(results):
    """The text of an SVG file."""
    network, machine = results["network"], results["machine"]
    drawing = Drawing(WIDTH, HEIGHT)
    drawing.text(LEFT, 28, f"{machine['cpus']} CPUs, {machine['cpu']}, Linux {machine['kernel']}, IPv{results['family']}, "
                 f"{machine['time'][:10]}" + ("" if results["load"]["quiet"] else ": NOT A QUIET MACHINE"), 11)
    for number, (head, names) in enumerate(GROUPS):
        _bars(drawing, BARS_TOP + number * BARS_STEP, head, names, network)
    works = [work for work in TIMED if work in network]
    width = (WIDTH - LEFT - RIGHT - (len(works) - 1) * LINES_GAP) / max(1, len(works))
    for number, work in enumerate(works):
        _lines(drawing, LEFT + number * (width + LINES_GAP), width, work, network[work])
    _legend(drawing, LEFT, HEIGHT - 38, list(COLOURS)[:3], DASHES)
    _legend(drawing, LEFT, HEIGHT - 18, list(COLOURS)[3:], DASHES)
    drawing.text(WIDTH - RIGHT, 28, "red: to be reached; whiskers: lowest and highest round", 10.5, "end", "#c02020")
    return str(drawing)
