# SPDX-License-Identifier: Apache-2.0
"""The prefilter: who is refused on an uplink stays out, whatever happens to the agent, and nobody else notices."""
import json
import os
import pathlib
import re

import pytest

from conftest import new_lab
from support import PEER, PYTHON, TCP_PORT, ping, wait_for

# Addresses of the underlay's host, which reaches the nodes' uplinks from outside.
STRANGER = {4: "10.99.0.254", 6: "fd99::fe"}
OTHER = {4: "10.99.0.253", 6: "fd99::fd"}
LENGTH = {4: 24, 6: 64}
PORT = 9

# Holds a program that passes everything on the device, until it is ended: what another product would.
STRANGE = """
import ctypes, platform, signal, socket, struct, sys
syscall = ctypes.CDLL(None, use_errno=True).syscall
number = {"x86_64": 321, "aarch64": 280}[platform.machine()]
def bpf(command, *parts):
    attributes = ctypes.create_string_buffer(b"".join(parts).ljust(128, b"\\0"), 128)
    fd = syscall(number, command, attributes, 128)
    assert fd >= 0, ctypes.get_errno()
    return fd
pass_all = ctypes.create_string_buffer(struct.pack("<BBhiBBhi", 0xb7, 0, 0, 2, 0x95, 0, 0, 0))
gpl = ctypes.create_string_buffer(b"GPL")
program = bpf(5, struct.pack("<IIQQIIQII16s", 6, 2, ctypes.addressof(pass_all), ctypes.addressof(gpl), 0, 0, 0, 0, 0, b"stranger"))
link = bpf(28, struct.pack("<IIII", program, socket.if_nametoindex(sys.argv[1]), 37, 0))
print("ready", flush=True)
signal.pause()
"""

# Datagrams by hand: source, destination, source port, how many.
DATAGRAMS = """
import ipaddress, socket, struct, sys
source, destination, port, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
sender = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
addresses = ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed
packet = struct.pack("!BBHHHBBH", 0x45, 0, 36, 0, 0, 64, 17, 0) + addresses + struct.pack("!HHHH8x", port, 9, 16, 0)
for _ in range(count):
    sender.sendto(packet, (destination, 0))
"""

FLOOD = """
import socket, sys, time
source, destination, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
family = socket.AF_INET6 if ":" in source else socket.AF_INET
sender = socket.socket(family, socket.SOCK_DGRAM)
sender.bind((source, 0))
print("ready", flush=True)
while True:
    for _ in range(100):
        sender.sendto(bytes(64), (destination, port))
    time.sleep(.005)
"""


@pytest.fixture(scope="module")
def site():
    """Two nodes with a pod each, the lists in a folder, and two strangers in the underlay."""
    with new_lab("prefilter", "--agent-arg", "--prefilter-folder=/run/pilus/lists") as lab:
        for family in (4, 6):
            for address in (STRANGER[family], OTHER[family]):
                lab.exec("underlay", "ip", "addr", "replace", f"{address}/{LENGTH[family]}", "dev", "segment",
                         *(["nodad"] if family == 6 else []))
        lab.add("node-1", "client")
        lab.add("node-2", "far")
        yield lab


@pytest.fixture(autouse=True)
def clean(site):
    yield
    for word in ("deny", "allow", "deny-to", "allow-to"):
        options = (["--allow"] if word.startswith("allow") else []) + (["--destination"] if word.endswith("to") else [])
        site.pilus("node-1", "prefilter", "update", "--replace", "--force", "--file", "/dev/null", *options)
    assert site.json("node-1", "status")["prefilter"]["state"] == "idle"


def update(lab, *arguments, verb="update", **options):
    return lab.run("pilus", "node-1", "prefilter", verb, *arguments, **options)


def revision(lab):
    return lab.json("node-1", "prefilter", "list")["revision"]


def the_set(lab, name):
    found = [item for item in lab.json("node-1", "prefilter", "stats")["sets"] if item["name"] == name]
    return found[0] if found else None


def reaches(lab, source, family):
    done = lab.exec("underlay", "ping", "-n", "-c", "1", "-W", "1", "-I", source, lab.ip("node-1", family), check=False)
    return done.returncode == 0


def test_words_as_ciliums(site):
    first = revision(site)
    assert site.pilus("node-1", "prefilter", "list") == f"Revision: {first}\n"
    assert update(site, "--cidr", "192.0.2.0/24,198.51.100.7/32").stdout == "Updated 2 prefilter entries\n"
    assert site.pilus("node-1", "prefilter", "list") == \
        f"Revision: {first + 1}\n192.0.2.0/24\n198.51.100.7/32\n"
    assert update(site, "--cidr", "198.51.100.7/32", verb="delete").stdout == "Deleted 1 prefilter entry\n"
    assert site.pilus("node-1", "prefilter", "list") == f"Revision: {first + 2}\n192.0.2.0/24\n"
    assert update(site, "--cidr", "192.0.2.0/24").stdout == "Updated 0 prefilter entries\n"
    assert revision(site) == first + 2


def test_another_revision_is_said(site):
    now = revision(site)
    done = update(site, "--cidr", "192.0.2.0/24", "--revision", str(now + 7), check=False)
    assert (done.returncode, done.stderr) == \
        (1, f"pilus: revision {now} is in force, not {now + 7}: look what has changed\n")
    assert update(site, "--cidr", "192.0.2.0/24", "--revision", str(now)).stdout == "Updated 1 prefilter entry\n"


def test_who_is_refused_stays_out(site, family):
    assert reaches(site, STRANGER[family], family)
    with site.monitor("node-1", "-j", "--type", "drop") as monitor:
        update(site, "--cidr", STRANGER[family])
        assert not reaches(site, STRANGER[family], family)
        assert reaches(site, OTHER[family], family)
        event = json.loads(monitor.wait_line("Prefilter: source denied"))
    assert event["type"] == "drop"
    counted = the_set(site, "local.deny")
    assert counted["packets"] >= 1 and counted["entries"] == 1
    status = site.json("node-1", "status")["prefilter"]
    assert status["state"] == "attached" and status["devices"] == [{"device": "eth0", "hook": "xdp/native"}]
    metrics = site.exec("node-1", "pilus", "metrics", "list").stdout
    assert re.search(r"pilus_prefilter_drop_count_total.*local\.deny.* [1-9]", metrics)
    update(site, "--cidr", STRANGER[family], verb="delete")
    assert reaches(site, STRANGER[family], family)


def test_allowing_goes_before_denying(site, family):
    network = {4: "10.99.0.128/25", 6: "fd99::f0/124"}[family]
    update(site, "--allow", "--cidr", network)
    update(site, "--cidr", STRANGER[family])
    assert reaches(site, STRANGER[family], family)
    update(site, "--allow", "--cidr", network, verb="delete")
    assert not reaches(site, STRANGER[family], family)
    update(site, "--allow", "--cidr", STRANGER[family])
    update(site, "--cidr", network)
    assert reaches(site, STRANGER[family], family)
    assert not reaches(site, OTHER[family], family)


def test_destinations(site):
    update(site, "--destination", "--cidr", "10.99.0.1")
    assert not reaches(site, STRANGER[4], 4)
    assert reaches(site, STRANGER[6], 6)


def test_bad_lines_are_all_named_and_change_nothing(site):
    before = site.pilus("node-1", "prefilter", "list")
    lines = [f"192.0.2.{i}" if i % 2 else f"198.51.100.{i}/24" for i in range(1, 201)]
    done = site.run("exec", "node-1", "--", "sh", "-c", f"printf '%s\\n' {' '.join(lines)} | pilus prefilter update --file -",
                    check=False)
    assert done.returncode == 1
    named = re.findall(r'^-:(\d+): "198\.51\.100\.\d+/24" is no CIDR', done.stderr, re.M)
    assert [int(number) for number in named] == list(range(2, 201, 2))
    assert "100 lines of - are no CIDRs: nothing was changed" in done.stderr
    assert site.pilus("node-1", "prefilter", "list") == before


def test_nobody_is_locked_out_by_mistake(site):
    words = ["env", f"SSH_CONNECTION={STRANGER[4]} 40000 10.99.0.1 22", "pilus", "prefilter", "update", "--cidr"]
    done = site.exec("node-1", *words, "10.99.0.240/28", check=False)
    assert done.returncode == 1
    assert f"10.99.0.240/28 (in local.deny) would refuse {STRANGER[4]}, where this was asked from" in done.stderr
    assert reaches(site, STRANGER[4], 4)
    site.exec("node-1", *words, "10.99.0.240/28", "--force")
    assert not reaches(site, STRANGER[4], 4)


def test_lists_of_the_folder_are_followed(site):
    path = pathlib.Path(site.folder) / "node-1" / "lists" / "feed.deny"
    path.parent.mkdir()
    path.write_text(f"# a feed\n{STRANGER[4]} ; one\n{STRANGER[6]}\n")
    wait_for(lambda: (the_set(site, "feed.deny") or {}).get("entries") == 2, "the list is read", 20)
    assert not reaches(site, STRANGER[4], 4)
    assert f"{STRANGER[4]}/32  feed.deny" in site.pilus("node-1", "prefilter", "list")

    path.write_text(f"{OTHER[4]}\nnonsense\n")
    wait_for(lambda: the_set(site, "feed.deny")["problem"], "the fault is told")
    assert "1 lines are no CIDRs, so feed.deny stays as it was" in the_set(site, "feed.deny")["problem"]
    status = json.loads(site.run("pilus", "node-1", "status", "-o", "json", check=False).stdout)
    assert any("feed.deny" in warning for warning in status["warnings"])
    assert not reaches(site, STRANGER[4], 4) and reaches(site, OTHER[4], 4)

    path.write_text(f"{OTHER[4]}\n")
    wait_for(lambda: not the_set(site, "feed.deny")["problem"], "the mended list is read")
    assert reaches(site, STRANGER[4], 4) and not reaches(site, OTHER[4], 4)
    path.unlink()
    wait_for(lambda: not the_set(site, "feed.deny"), "the list goes")
    assert reaches(site, OTHER[4], 4)


def test_sets_of_the_store_are_followed(site):
    if site.store != "dir":
        pytest.skip("the store is written as a folder here")
    path = pathlib.Path(site.folder) / "store" / "prefilter" / "shared.deny.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"cidrs": [f"{STRANGER[4]}/32"]}))
    wait_for(lambda: (the_set(site, "shared.deny") or {}).get("entries") == 1, "the set is read")
    assert not reaches(site, STRANGER[4], 4)
    path.unlink()
    wait_for(lambda: not the_set(site, "shared.deny"), "the set goes")
    assert reaches(site, STRANGER[4], 4)


def test_an_agent_that_is_killed_leaves_it_in_force(site):
    update(site, "--cidr", ",".join([STRANGER[4], STRANGER[6], "203.0.113.0/24"]))
    before = site.pilus("node-1", "prefilter", "list")
    script = ["ping", "-n", "-i", "0.02", "-W", "1", "-I", STRANGER[4], site.ip("node-1", 4)]
    with site.background("underlay", *script) as stranger:
        site.run("agent", "node-1", "kill")
        assert not reaches(site, STRANGER[6], 6)
        site.run("agent", "node-1", "start")
        wait_for(lambda: site.json("node-1", "status")["prefilter"]["state"] == "attached", "it is taken up")
        assert not reaches(site, STRANGER[6], 6)
        stranger.interrupt()
        stranger.wait_line(r" 0 received")
    assert site.pilus("node-1", "prefilter", "list") == before


def test_revisions_are_swapped_whole(site):
    """One is in every revision, and never comes through; the others' connection never breaks."""
    lists = [f"{site.folder}/swap-{i}" for i in range(2)]
    for i, path in enumerate(lists):
        addresses = [STRANGER[4], *(f"172.{16 + i}.{k // 250}.{k % 250}" for k in range(3000))]
        pathlib.Path(path).write_text("\n".join(addresses))
    update(site, "--replace", "--file", lists[0])
    ping_stranger = ["ping", "-n", "-i", "0.01", "-W", "1", "-I", STRANGER[4], site.ip("node-1", 4)]
    with (site.server("far", "tcp-echo", TCP_PORT), site.background("underlay", *ping_stranger) as stranger,
          site.background("client", *PEER, "tcp-steady", site.ip("far", 4), str(TCP_PORT), ready="^ready$") as others):
        for i in range(20):
            update(site, "--replace", "--file", lists[(i + 1) % 2])
        assert others.finish() == 0
        stranger.interrupt()
        summary = stranger.wait_line(r" 0 received")
    assert int(summary.split()[0]) > 20
    for path in lists:
        os.unlink(path)


def program_on(lab, node):
    return json.loads(lab.exec(node, "ip", "-j", "link", "show", "eth0").stdout)[0]["xdp"]["prog"]["id"]


def test_a_small_change_of_a_long_list_is_made_in_place(site):
    """The program and its tables stay; who comes is refused, who goes is not, and the next agent knows of it."""
    path = pathlib.Path(site.folder) / "many"
    path.write_text("".join(f"21.{i >> 16}.{i >> 8 & 255}.{i & 255}\n2001:db8:{i >> 8:x}::{i & 255:x}\n"
                            for i in range(20000)))
    update(site, "--file", str(path))
    path.unlink()
    program, before = program_on(site, "node-1"), revision(site)
    for family in (4, 6):
        assert reaches(site, STRANGER[family], family)
        update(site, "--cidr", STRANGER[family])
        assert not reaches(site, STRANGER[family], family)
        update(site, "--cidr", STRANGER[family], verb="delete")
        assert reaches(site, STRANGER[family], family)
    update(site, *(word for family in (4, 6) for word in ("--cidr", STRANGER[family])))
    assert (program_on(site, "node-1"), revision(site)) == (program, before + 5)
    site.run("agent", "node-1", "kill")
    assert not reaches(site, STRANGER[4], 4) and not reaches(site, STRANGER[6], 6)
    site.run("agent", "node-1", "start")
    wait_for(lambda: site.json("node-1", "status")["prefilter"]["state"] == "attached", "it is taken up")
    assert the_set(site, "local.deny")["entries"] == 40002
    assert not reaches(site, STRANGER[4], 4) and not reaches(site, STRANGER[6], 6)


def test_a_long_list_is_gone_from_memory_with_the_list(site):
    def resident():
        process = pathlib.Path(site.folder, "node-1", "agent.pid").read_text().split()[0]
        return int(re.search(r"VmRSS:\s+(\d+) kB", pathlib.Path(f"/proc/{process}/status").read_text())[1])

    path = pathlib.Path(site.folder) / "long"
    path.write_text("".join(f"{21 + i % 97}.{i >> 16}.{i >> 8 & 255}.{i & 255}\n" for i in range(300000)))
    update(site, "--cidr", "20.0.0.0")  # what every change takes, is there
    before = resident()
    assert update(site, "--replace", "--file", str(path)).stdout == "Updated 300001 prefilter entries\n"
    assert resident() > before + 5000
    update(site, "--replace", "--file", "/dev/null")
    path.unlink()
    wait_for(lambda: resident() < before + 2000, "the memory is given back")


ANSWERS = """
import socket, sys, time
with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as connection:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    end, count = time.monotonic() + .5, 0
    while time.monotonic() < end:
        connection.sendall(b"question")
        connection.recv(64)
        count += 1
print(count)
"""


def test_a_flood_leaves_the_others_alone(site):
    """The machine does other things as well, so pairs of measurements are made until one is undisturbed."""
    update(site, "--cidr", STRANGER[4])
    rate = lambda: int(site.python("client", ANSWERS, site.ip("far", 4), str(TCP_PORT)))

    def shares():
        quiet = rate()
        with site.background("underlay", *PYTHON, FLOOD, STRANGER[4], site.ip("node-1", 4), str(PORT), ready="^ready$"):
            before = the_set(site, "local.deny")["packets"]
            flooded = rate()
            assert the_set(site, "local.deny")["packets"] - before > 1000
        return flooded >= .95 * quiet

    with site.server("far", "tcp-echo", TCP_PORT):
        wait_for(shares, "95 % of the rate under a flood", 60)
    ping(site, "client", site.ip("far", 4))


def test_a_strange_program_is_named_and_left_alone(site):
    with site.background("node-1", *PYTHON, STRANGE, "eth0", ready="^ready$"):
        done = update(site, "--cidr", STRANGER[4], check=False)
        assert done.returncode == 1
        assert "eth0 has another XDP program already, stranger (id " in done.stderr
        assert reaches(site, STRANGER[4], 4)
        assert site.json("node-1", "prefilter", "list")["sets"] == []
        assert "stranger" in site.run("pilus", "node-1", "status", check=False).stdout
    update(site, "--cidr", STRANGER[4])
    assert not reaches(site, STRANGER[4], 4)


def test_what_the_configuration_refuses(make_lab):
    lab = make_lab("presets", "--nodes", "1", "--agent-arg=--prefilter-rate=100",
                   "--agent-arg=--prefilter-drop=fragments,udp-source-port-0,bogons")
    node = lab.ip("node-1", 4)
    shown = lab.pilus("node-1", "prefilter", "stats")
    assert "Whoever sends it: fragments, udp-source-port-0, bogons\n" in shown
    assert "Rate: 100 packets/s of each source\n" in shown

    def refused():
        return {row["reason"]: row["packets"] for row in lab.json("node-1", "prefilter", "stats")["reasons"]}

    def refuses(reason, *datagrams):
        before = refused().get(reason, 0)
        lab.python("underlay", DATAGRAMS, *datagrams)
        wait_for(lambda: refused().get(reason, 0) > before, reason)

    assert reaches(lab, STRANGER[4], 4)
    refuses("Prefilter: UDP source port 0", STRANGER[4], node, "0", "1")
    refuses("Prefilter: source denied", "192.0.2.1", node, "53", "1")
    refuses("Prefilter: source exceeds its rate", STRANGER[4], node, "53", "1000")
    done = lab.exec("underlay", "ping", "-n", "-c", "1", "-W", "1", "-s", "3000", node, check=False)
    assert done.returncode == 1 and refused()["Prefilter: fragment"] >= 2
