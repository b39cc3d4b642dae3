# SPDX-License-Identifier: Apache-2.0
"""Full disks, and files that are not what they were: said, put right or put aside; nothing leaks, pods talk on."""
import contextlib
import json
import pathlib

import pytest

from conftest import new_lab
from support import ping, wait_for

STATE = "/run/pilus/state"
BROKEN = [b'{"version": 1, "wir', b"", bytes(range(256)), b"[]", b'{"version": 1, "wired": "yes"}', b'{"version": 99}']


@pytest.fixture(name="lab", scope="module")
def _lab():
    with new_lab("damage", "--store", "dir") as lab:
        lab.add("node-1", "near")
        lab.add("node-2", "far")
        yield lab


def clean(lab):
    """What settles by itself may need a moment."""
    audits = []
    with contextlib.suppress(AssertionError):
        wait_for(lambda: audits.append(lab.run("audit", check=False)) or not audits[-1].returncode, "no problem", 25)
    assert not audits[-1].returncode, audits[-1].stdout


def log(lab, node="node-1"):
    return pathlib.Path(lab.folder, node, "agent.log").read_text(encoding="utf-8")


def warnings(lab):
    status = json.loads(lab.pilus("node-1", "status", "-o", "json", check=False))
    assert status["state"] == ("Warning" if status["warnings"] else "Ok")
    assert status["warnings"] == [] or status["warnings"][0] in lab.pilus("node-1", "status", check=False)
    return "\n".join(status["warnings"])


@pytest.fixture(name="small_disk")
def _small_disk(make_lab):
    """A node whose state folder has a file system of 64 KiB for itself."""
    lab = make_lab("full", "--nodes", "1")
    lab.run("agent", "node-1", "stop")
    lab.exec("node-1", "mount", "-t", "tmpfs", "-o", "size=96k", "state", STATE)
    lab.run("agent", "node-1", "start")
    return lab


def test_full_disk(small_disk):
    lab = small_disk
    lab.add("node-1", "before")
    lab.exec("node-1", "sh", "-c", f"cat /dev/zero > {STATE}/filler 2>/dev/null || true")
    assert "full" in warnings(lab)
    done = lab.run("pod", "add", "node-1", "late", check=False)
    assert done.returncode == 1
    assert "No space left on device" in done.stderr and "CNI code 11" in done.stderr, done.stderr
    clean(lab)
    lab.run("agent", "node-1", "kill")
    lab.run("agent", "node-1", "start")
    clean(lab)
    lab.run("pod", "del", "before")
    clean(lab)
    lab.exec("node-1", "rm", f"{STATE}/filler")
    lab.add("node-1", "late")
    assert not warnings(lab)
    clean(lab)


def test_read_only_disk(small_disk):
    lab = small_disk
    lab.add("node-1", "before")
    lab.exec("node-1", "mount", "-o", "remount,ro", STATE)
    assert "read-only" in warnings(lab)
    done = lab.run("pod", "add", "node-1", "late", check=False)
    assert done.returncode == 1 and "Read-only file system" in done.stderr, done.stderr
    clean(lab)
    before = lab.endpoint("before")
    done = lab.run("pilus", "node-1", "endpoint", "labels", str(before["id"]), "--add=app=other", check=False)
    assert done.returncode == 1 and "Read-only file system" in done.stderr, done.stderr
    assert lab.endpoint("before")["labels"] == before["labels"]
    assert lab.run("pod", "del", "before", check=False).returncode == 1
    lab.exec("node-1", "mount", "-o", "remount,rw", STATE)
    lab.run("pod", "del", "before")
    lab.add("node-1", "late")
    clean(lab)


def test_a_state_folder_that_was_removed_is_made_again(lab):
    lab.add("node-1", "only")
    lab.exec("node-1", "rm", "-r", f"{STATE}/endpoints")
    assert "cannot be read" in warnings(lab)
    lab.run("pod", "del", "only")
    lab.add("node-1", "only")
    assert not warnings(lab)
    clean(lab)
    lab.run("agent", "node-1", "kill")
    lab.run("agent", "node-1", "start")
    ping(lab, "near", lab.ip("only", 4))
    lab.run("pod", "del", "only")


def test_broken_endpoint_files_are_rolled_back(lab):
    victims = {lab.add("node-1", f"victim-{place}"): text for place, text in enumerate(BROKEN)}
    numbers = {victim: lab.endpoint(victim)["id"] for victim in victims}
    folder = pathlib.Path(lab.folder, "node-1", "state", "endpoints")
    lab.run("agent", "node-1", "kill")
    for victim, text in victims.items():
        (folder / f"{numbers[victim]}.json").write_bytes(text)
    lab.run("agent", "node-1", "start")
    assert f"{len(victims)} broken endpoint files" in warnings(lab)
    ping(lab, "near", lab.ip("far", 4))
    clean(lab)
    for victim, text in victims.items():
        aside = folder / f"{numbers[victim]}.json.broken"
        assert lab.endpoint(victim) is None
        assert aside.read_bytes() == text
        aside.unlink()
        lab.run("pod", "del", victim)
    assert not warnings(lab)


def test_files_that_are_there_twice(lab):
    """A copy of another's file, by whichever number, is nobody's; a folder or pipe instead of a file is none."""
    number = lab.endpoint("near")["id"]
    lab.run("agent", "node-1", "kill")
    lab.exec("node-1", "sh", "-ec", f"cd {STATE}/endpoints; cp {number}.json 1001.json; mkdir 1002.json; "
                                    f"mkfifo 1003.json; sed s/[0-9a-f]\\{{64\\}}/other/ {number}.json > 4000.json")
    lab.run("agent", "node-1", "start")
    assert lab.endpoint("near")["id"] == number
    ping(lab, "near", lab.ip("far", 6))
    clean(lab)
    lab.exec("node-1", "sh", "-c", f"rm -rf {STATE}/endpoints/*.broken")


def test_broken_objects_of_other_nodes(lab):
    """Reported and ignored: the last known state stays. What a node itself published, it publishes again."""
    store = pathlib.Path(lab.folder, "store")
    far, near = lab.ip("far", 4), lab.ip("near", 4)
    identity = lab.endpoint("far")["identity"]
    ours = [store / "nodes" / "node-2.json", store / "ips" / f"{far}.json", store / "ips" / f"{near}.json",
            store / "identities" / f"{identity}.json"]
    before = [json.loads(path.read_text()) for path in ours]
    for path, text in zip(ours, ['{"name', "garbage", json.dumps({"address": near, "identity": 5, "node": "node-2"}),
                                 '{"labels": 5}']):
        path.write_text(text)
    foreign = {"nodes/evil.json": "[]", "nodes/huge.json": "x" * (2 << 20), "ips/10.1.0.99.json": "{}",
               "ips/nonsense.json": '{"address": "nonsense"}', "identities/7.json": "{}",
               "nodes/odd.json": '{"name": 7}'}
    for name, text in foreign.items():
        (store / name).write_text(text)
    for name in foreign:
        wait_for(lambda name=name: name.removesuffix(".json") in log(lab), f"{name} is reported")

    def repaired():
        try:
            return [json.loads(path.read_text()) for path in ours] == before
        except (ValueError, FileNotFoundError):  # node-2 takes back what it never published, then node-1 publishes it
            return False

    wait_for(repaired, "the nodes wrote theirs again")
    ping(lab, "near", far)
    assert {item["name"] for item in lab.json("node-1", "node", "list")} == {"node-1", "node-2"}
    assert "10.1.0.99" not in lab.pilus("node-1", "ip", "list")
    lab.run("agent", "node-1", "kill")
    lab.run("agent", "node-1", "start")
    for name in foreign:
        (store / name).unlink()
    ping(lab, "near", far)
    clean(lab)


def test_a_claimed_block_is_written_again_while_its_node_lives(make_lab):
    """Of a broken one nobody can tell whose it is: a node that starts takes another, and its pods keep theirs."""
    lab = make_lab("block", "--nodes", "1", "--store", "dir", "--agent-arg", "--ipam=cluster-pool",
                   "--agent-arg", "--cluster-pool-cidrs=10.200.0.0/16")
    lab.add("node-1", "early")
    (block,) = pathlib.Path(lab.folder, "store", "blocks").iterdir()
    text = block.read_text()
    block.write_text("{")
    wait_for(lambda: block.read_text() == text, "the block is claimed again")
    lab.run("agent", "node-1", "kill")
    block.write_text("{")
    lab.run("agent", "node-1", "start")
    lab.add("node-1", "late")
    assert lab.ip("early", 4) != lab.ip("late", 4)
    ping(lab, "early", lab.ip("late", 4))
