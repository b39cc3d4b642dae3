# SPDX-License-Identifier: Apache-2.0
"""Tools about disks: a file is written past the cache, where its file system lies on a disk."""
import json
import os

from support import Process
from tool import BLOCK, BLOCKS, PROGRAM, run


def test_biosnoop(trace, write):
    tool = trace("biosnoop", "-Q")
    pid = write()
    event = tool.wait_event(pid=pid, t="W")
    assert event["comm"] == "dd" and event["disk"] and event["sector"] > 0
    tool.end()
    ours = [event for event in tool.events() if event["pid"] == pid and event["t"] == "W"]
    assert sum(event["bytes"] for event in ours) >= BLOCKS * BLOCK
    assert all(event["lat"] > 0 and event["que"] >= 0 for event in ours)


def test_biolatency(trace, write):
    tool = trace("biolatency", "-D")
    write()
    tool.end()
    assert all(event["unit"] == "usecs" and event["name"] for event in tool.events())
    assert sum(slot["count"] for event in tool.events() for slot in event["slots"]) >= BLOCKS


def device_of_the_build():
    """Of the whole disk."""
    device = os.stat(os.environ.get("PILUS_BUILD", "build")).st_dev
    folder = os.path.realpath(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}")
    if os.path.exists(f"{folder}/partition"):
        folder = os.path.dirname(folder)
    with open(f"{folder}/dev", encoding="ascii") as numbers:
        return numbers.read().strip().split(":")


def test_biolatency_of_a_disk_by_flags(trace, write):
    disk = os.path.basename(os.path.realpath("/sys/dev/block/{}:{}".format(*device_of_the_build())))
    tools = [trace("biolatency", "-F", "-d", disk), trace("biosnoop", "-d", disk)]
    write()
    for tool in tools:
        tool.end()
    assert any(event["name"].endswith("Write") for event in tools[0].events())
    assert {event["disk"] for event in tools[1].events()} == {disk}


def test_a_disk_that_is_none():
    assert "there is no disk 'no-such'" in run("biosnoop", "-d", "no-such").stderr


def test_biosnoop_tells_the_pattern(trace, write):
    """A request is sequential if it begins where the one before it on the same disk ended."""
    tool = trace("biosnoop", "-P")
    pid = write()
    tool.wait_event(pid=pid, t="W")
    tool.end()
    ends, expected = {}, []
    for event in tool.events():
        end = ends.get(event["disk"])
        expected.append("?" if end is None else "S" if end == event["sector"] else "R")
        ends[event["disk"]] = event["sector"] + event["bytes"] // 512
    told = [event["p"] for event in tool.events()]
    # Two CPUs may tell of theirs in another order than they looked.
    assert sum(one != other for one, other in zip(told, expected)) <= len(told) // 4
    assert told[0] == "?" and "S" in told


def test_biolatency_in_json_as_bcc_has_it(write):
    tool = Process([PROGRAM, "biolatency", "-j", "-v"])
    tool.wait_line("^biolatency: tracing$", 30)
    write()
    tool.interrupt()
    tool.finish()
    tool.stop()
    reports = [json.loads(line) for line in tool.lines if line.startswith("{")]
    assert sum(slot["count"] for report in reports for slot in report["slots"]) >= BLOCKS
