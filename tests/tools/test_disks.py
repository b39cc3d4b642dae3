# SPDX-License-Identifier: Apache-2.0
"""Tools about disks: a file is written past the cache, where its file system lies on a disk."""
import os
import subprocess

import pytest

BLOCKS, BLOCK = 8, 64 * 1024


@pytest.fixture
def write():
    """Writes, by a process whose pid it returns."""
    path = os.path.join(os.environ.get("PILUS_BUILD", "build"), f"disk-test-{os.getpid()}")

    def dd():
        with subprocess.Popen(["dd", "if=/dev/zero", f"of={path}", f"bs={BLOCK}", f"count={BLOCKS}", "oflag=direct",
                               "conv=fsync"], stderr=subprocess.PIPE) as process:
            process.communicate()
        return process.pid if process.returncode == 0 else None

    device = os.stat(os.path.dirname(os.path.abspath(path))).st_dev
    if os.major(device) == 0 or dd() is None:
        pytest.skip("the build is not on a disk that takes direct writes")
    yield dd
    os.unlink(path)


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
