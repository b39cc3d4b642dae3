# SPDX-License-Identifier: Apache-2.0
"""The benchmarks measure what they say, count right, draw it, and leave nothing behind. Not how fast anything is."""
import copy
import json
import math
import os
import secrets
import signal
import subprocess
import sys
import xml.etree.ElementTree

import pytest

from support import PATIENCE, TOP, Process
from test_lab import traces

sys.path[:0] = [str(TOP / "bench"), str(TOP / "lab")]

from pilus_bench import compare, datapath, figures, paths, plot, report  # noqa: E402 (the path comes first)
from pilus_lab import labs  # noqa: E402

pytestmark = pytest.mark.skipif(not {0, 1} <= os.sched_getaffinity(0), reason="client and server need a CPU each")

BENCH = str(TOP / "bench" / "bench")
WORKS = [f"{kind}/{flows}" for kind in ("stream", "rr", "crr", "udp-rr") for flows in (1, 32)]


def new_name():
    return f"e2e-b-{secrets.token_hex(2)}"


def bench(folder, *arguments):
    """For an instant: what it printed."""
    name = new_name()
    command = [BENCH, "--instant", "--name", name, "--folder", folder, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            printed, words = process.communicate(timeout=180 * PATIENCE)
        except subprocess.TimeoutExpired:
            process.terminate()  # so that it clears up
            printed, words = process.communicate()
    assert process.returncode == 0, printed + words
    for lab in (name, f"{name}-other"):
        assert not traces(labs.Lab(lab))
    return printed


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """(results, what it printed, folder) of a run of everything."""
    folder = tmp_path_factory.mktemp("bench") / "made"
    printed = bench(folder)
    return json.loads((folder / "results.json").read_text()), printed, folder


def test_every_figure_is_measured(run):
    results, printed, _ = run
    measured = [figure["name"] for figure in results["figures"]]
    assert measured == [figure.name for figure in figures.FIGURES if not figure.optional or figure.name in measured]
    for figure in results["figures"]:
        assert math.isfinite(figure["value"]) and figure["name"] in printed  # a difference of an instant may be below 0


def test_every_work_goes_over_every_path(run):
    results, printed, _ = run
    assert list(results["network"]) == WORKS
    for work, measured in results["network"].items():
        assert set(measured) == {paths.PLAIN, paths.NEAR, paths.FAR, paths.BRIDGE_NEAR, paths.BRIDGE_FAR, paths.VXLAN,
                                 paths.BRIDGED}
        for name, metrics in measured.items():
            assert metrics["rate"]["median"] > 0 and name in printed
            if not work.startswith("stream"):
                latencies = [metrics[point]["median"] for point in report.PERCENTILES]
                assert 0 < latencies[0] and latencies == sorted(latencies)


def test_ipv6_does_not_wait_for_addresses(tmp_path):
    results = json.loads(bench(tmp_path, "-6", "-o", "json", "network"))
    for measured in results["network"].values():
        rates = [metrics["rate"]["median"] for metrics in measured.values()]
        assert min(rates) > max(rates) / 20


def test_the_programs_are_timed_in_traffic(run):
    traffic = run[0]["traffic"]
    assert traffic[paths.NEAR]["rr/32"]["from_container"]["runs"] > 0
    assert traffic[paths.FAR]["rr/32"]["from_netdev"]["ns"] > 0


def test_the_time_of_a_packet_is_put_down_to_functions(run):
    shown = [path for path in run[0]["datapath"]["paths"] if path["name"] in datapath.SHOWN]
    assert len(shown) == len(datapath.SHOWN)
    for path in shown:
        assert path["ns"] > 0
        assert sum(path["functions"].values()) == pytest.approx(path["ns"])
    assert any(name.startswith("flow_find") for path in shown for name in path["functions"])


def test_plot_has_a_bar_for_every_rate_and_stays_in_its_frame(run):
    results, _, folder = run
    root = xml.etree.ElementTree.parse(folder / "results.svg").getroot()
    width, height = float(root.get("width")), float(root.get("height"))
    bars = [item for item in root.iter("{http://www.w3.org/2000/svg}rect")][1:]
    assert len(bars) == len(WORKS) * sum(len(names) for _, names in plot.GROUPS)
    for bar in bars:
        assert 0 <= float(bar.get("x")) and float(bar.get("x")) + float(bar.get("width")) <= width
        assert 0 <= float(bar.get("y")) and float(bar.get("y")) + float(bar.get("height")) <= height
        assert float(bar.get("height")) >= 0


def test_a_machine_with_other_things_to_do_is_told_of(run):
    results = copy.deepcopy(run[0])
    for quiet in (True, False):
        results["load"]["quiet"] = quiet
        assert ("WARNING" in report.text(results)) is not quiet
        assert ("NOT A QUIET MACHINE" in plot.of_network(results)) is not quiet


def test_medians_are_of_the_rounds_ratios():
    runs = {"rr/1": {"plain veth": {"rate": [100, 10, 50]}, "x": {"rate": [50, 9, 50]}}}
    found = compare.of_network(runs, "plain veth")["rr/1"]["x"]["rate"]
    assert (found["median"], found["ratio"], found["low"], found["high"]) == (50, .9, .5, 1)


@pytest.mark.parametrize(("values", "fraction", "wanted"), [
    (range(1, 101), .5, 50), (range(1, 101), .99, 99), (range(1, 101), 1, 100), ([7], .99, 7), ([3, 1, 2], .5, 2)])
def test_percentiles(values, fraction, wanted):
    assert compare.percentile(list(values), fraction) == wanted


@pytest.mark.parametrize(("bound", "value", "reached", "missed"), [
    ("≥", 1.0, True, 0), ("≥", .9, True, 0), ("≥", .45, False, .5), ("≤", .9, True, 0), ("≤", 1.8, False, 1)])
def test_figures_say_by_how_much_they_are_missed(bound, value, reached, missed):
    found = figures.Figure("x", bound, .9, "", lambda results: results["x"]).of({"x": value})
    assert found["reached"] is reached and found["missed-by"] == pytest.approx(missed)


def test_a_figure_that_was_not_measured_is_left_out():
    assert figures.of({}) == []


def test_one_at_a_time_and_ctrl_c_leaves_nothing(tmp_path):
    name = new_name()
    first = Process([BENCH, "network", "--seconds", "60", "--name", name, "--folder", str(tmp_path)])
    try:
        first.wait_line("^bench: network$", 60)
        second = subprocess.run([BENCH, "network", "--name", new_name()], capture_output=True, text=True,
                                timeout=30 * PATIENCE, check=False)
        assert second.returncode == 1 and "another bench runs" in second.stderr
        first.signal(signal.SIGINT)
        assert first.finish(60) == 130
    finally:
        first.stop()
    assert not traces(labs.Lab(name)) and not os.listdir(tmp_path)


@pytest.mark.parametrize(("arguments", "words"), [
    (["nonsense"], "there are network, monitor"), (["--seconds", "0"], "more than 0"), (["--name", "a" * 20], "up to 20")])
def test_mistakes_get_a_sentence(arguments, words):
    done = subprocess.run([BENCH, *arguments], capture_output=True, text=True, timeout=30 * PATIENCE, check=False)
    assert done.returncode in (1, 2) and words in done.stderr and "Traceback" not in done.stderr
