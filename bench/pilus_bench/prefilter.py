# SPDX-License-Identifier: Apache-2.0
"""
What the prefilter costs a packet, by bench-prefilter, and how long a long list takes from a file into the kernel; and how
many packets a second it refuses, beside others that refuse by address.
"""
import contextlib
import ipaddress
import json
import shutil
import statistics
import subprocess
import tempfile
import time

from pilus_lab import LabError, labs

from . import children, compare, forwarding, peers

MULTIPLIER = 2654435761  # Knuth's: spreads numbers over the addresses, each to another
PILUS, XDP_FILTER, IPSET, NFT = "Pilus", "xdp-filter", "iptables raw, ipset", "nftables set"
XDP_FILTER_MAX = 1000  # addresses: one command each, and room for 10,000
FIRST = ipaddress.IPv4Address("20.0.0.0")  # of those that bench-forward sends from


def cost(repeat, sizes):
    """For each length of prefixes and number of them: nanoseconds of a packet that is refused, and of one that is not."""
    done = subprocess.run([labs.binary("bench/bench-prefilter"), str(repeat), *map(str, sizes)], stdout=subprocess.PIPE,
                          check=True, text=True)
    return json.loads(done.stdout)


def _addresses(count):
    """Not the pods', the nodes' and the host's own, which the list must not have."""
    numbers = (i * MULTIPLIER % 2**32 for i in range(1, 2 * count))
    usable = (number for number in numbers if number >> 24 not in (0, 10, 127))
    return (ipaddress.IPv4Address(next(usable)) for _ in range(count))


def load(node, count):
    """Seconds of `pilus prefilter update` with a list of that many, and of a change of one entry after."""
    with tempfile.NamedTemporaryFile("w") as file:
        file.writelines(f"{address}\n" for address in _addresses(count))
        file.flush()
        seconds = {}
        for name, arguments in (("all", ["update", "--file", file.name]), ("one", ["update", "--cidr", "0.0.0.1"]),
                                ("none", ["update", "--replace", "--file", "/dev/null"])):
            begun = time.monotonic()
            subprocess.run([labs.binary("pilus"), "--socket", f"{node.folder}/pilus.sock", "prefilter", *arguments],
                           stdout=subprocess.DEVNULL, check=True)
            seconds[name] = time.monotonic() - begun
    return {"entries": count, "seconds": seconds}


def above_empty(results):
    """Nanoseconds of a packet refused by the longest list of hosts above those of a program that drops everything."""
    row = max((row for row in results["prefilter"]["cost"] if row["length"] == 32), key=lambda row: row["asked"])
    return max(0, row["refused"] - row["empty-drop"])


# ── packets refused, beside others ──

def _senders(count):
    return [FIRST + (i * MULTIPLIER % 2**32 & 0x0fffffff) for i in range(count)]


def _refuse_by_pilus(node, senders):
    with tempfile.NamedTemporaryFile("w") as file:
        file.writelines(f"{address}\n" for address in senders)
        file.flush()
        children.run(node, [labs.binary("pilus"), "prefilter", "update", "--replace", "--file", file.name])


def _refuse_by_xdp_filter(place, senders):
    lines = "\n".join(f"xdp-filter ip -m src {address}" for address in senders)
    children.run(place, ["unshare", "-m", "sh", "-e"], f"mount -t bpf bpf /sys/fs/bpf\nxdp-filter load -f ipv4 -m native eth0\n{lines}\n")


def _refuse_by_ipset(place, senders):
    lines = "\n".join(f"add refused {address}" for address in senders)
    children.run(place, ["ipset", "restore"], f"create refused hash:ip maxelem {len(senders) + 1}\n{lines}\n")
    children.run(place, ["iptables-legacy", "-t", "raw", "-A", "PREROUTING", "-m", "set", "--match-set", "refused", "src", "-j",
                         "DROP"])


def _refuse_by_nft(place, senders):
    children.run(place, ["nft", "-f", "-"], f"""table ip bench {{
    set refused {{ type ipv4_addr; elements = {{ {", ".join(map(str, senders))} }} }}
    chain raw {{ type filter hook prerouting priority raw; ip saddr @refused drop; }}
}}
""")


PEERS = {XDP_FILTER: ("xdp-filter", _refuse_by_xdp_filter), IPSET: ("ipset", _refuse_by_ipset), NFT: ("nft", _refuse_by_nft)}


def _received(place):
    return json.loads(children.run(place, ["ip", "-j", "-s", "link", "show", "eth0"]))[0]["stats64"]["rx"]["packets"]


def _rate(place, wire, address, seconds, count):
    """What the flood has sent, but for what was lost on its way."""
    before = _received(place)
    told = forwarding.flood(place, wire, str(FIRST), address, seconds, count)
    return told["sent"] / told["seconds"] * min(1, (_received(place) - before) / told["all"])


def _ways(lab, count):
    """(place, wire, address) of each that is installed and takes as many; all refuse the same senders."""
    senders = _senders(count)
    first = lab.node("node-1")
    _refuse_by_pilus(first, senders)
    ways = {PILUS: (first, lab.node("node-2"), first.address(4))}
    for name, (command, refuse) in PEERS.items():
        if not shutil.which(command) or (name == XDP_FILTER and count > XDP_FILTER_MAX):
            continue
        place, wire = peers.pair(lab, f"{command}-{count}", [peers.NODE[4]])
        with contextlib.suppress(LabError):  # the kernel has no such thing
            refuse(place, senders)
            ways[name] = place, wire, "10.98.0.1"
    return ways


def rates(lab, counts, rounds, seconds):
    """{count: {way: {"median", "runs"}}} in packets a second."""
    results = {}
    for count in counts:
        ways = _ways(lab, count)
        runs = {name: [] for name in ways}
        with contextlib.ExitStack() as stack:
            for place, _, _ in ways.values():
                stack.enter_context(forwarding.polling(place))
            for _ in range(rounds):
                for name, way in ways.items():
                    runs[name].append(_rate(*way, seconds, count))
        results[str(count)] = {name: {"median": statistics.median(values), "runs": values} for name, values in runs.items()}
    _refuse_by_pilus(lab.node("node-1"), [])
    return results


def beside(which):
    """Of the counts measured: the prefilter's rate to that of the fastest other."""
    def value(results):
        ways = list(results["prefilter"]["rates"].values())[which]
        others = [ways[name]["runs"] for name in ways if name != PILUS]
        if not others:
            raise KeyError("nothing to compare with is installed")
        return min(compare.ratio(ways[PILUS]["runs"], runs) for runs in others)
    return value
