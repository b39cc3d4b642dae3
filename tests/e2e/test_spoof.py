# SPDX-License-Identifier: Apache-2.0
"""A pod cannot send under an address that is not its own."""
import json

import pytest

from support import UDP_PORT, dropped, ping, wait_for

SHOW_PORT = 7002

SEND = """
import json, sys
from scapy.all import Ether, IP, IPv6, Raw, UDP, get_if_hwaddr, sendp
want = json.loads(sys.argv[1])
gateway = want["gateway"]
frame = Ether(src=want.get("mac") or get_if_hwaddr("eth0"), dst=gateway)
kind = IPv6 if ":" in want["to"] else IP
frame /= kind(src=want["from"], dst=want["to"]) / UDP(sport=4000, dport=want["port"]) / Raw(want["text"].encode())
sendp(frame, iface="eth0", count=want.get("count", 1), verbose=False)
"""


def send(lab, pod, **want):
    neighbours = json.loads(lab.exec(pod, "ip", "-4", "-j", "neigh", "show", "dev", "eth0").stdout)
    lab.python(pod, SEND, json.dumps({"gateway": neighbours[0]["lladdr"], "port": SHOW_PORT, **want}))


def check_refused(lab, reason, server, genuine, spoofed):
    """The forged ones neither arrive nor go uncounted nor unseen; the genuine one, sent after them, arrives."""
    before = dropped(lab, "node-1", reason)
    with lab.server(server, "udp-show", SHOW_PORT) as show, \
            lab.monitor("node-1", "--type", "drop") as monitor:
        send(lab, "client", text="forged", count=5, **spoofed)
        send(lab, "client", text="genuine", **genuine)
        show.wait_line("^genuine from")
        monitor.wait_line(rf"xx drop \({reason}\)")
    assert not [line for line in show.lines if "forged" in line]
    wait_for(lambda: dropped(lab, "node-1", reason) >= before + 5, f"5 packets more counted as {reason!r}")


def test_own_address_by_hand_arrives(lab, family, server):
    """The forging itself works: else the refusals would prove nothing."""
    with lab.server(server, "udp-show", SHOW_PORT) as show:
        send(lab, "client", text="by-hand", **{"from": lab.ip("client", family), "to": lab.ip(server, family)})
        assert show.wait_line("^by-hand from").endswith(lab.ip("client", family))


@pytest.mark.parametrize("victim", ["near", "far", "node-1", "stranger"])
def test_foreign_address_is_refused(lab, family, server, victim):
    own, target = lab.ip("client", family), lab.ip(server, family)
    stranger = {4: "192.0.2.1", 6: "2001:db8::1"}[family]
    forged = stranger if victim == "stranger" else lab.ip(victim, family)
    check_refused(lab, "Invalid source ip", server, {"from": own, "to": target}, {"from": forged, "to": target})


def test_foreign_mac_is_refused(lab, family, server):
    own = {"from": lab.ip("client", family), "to": lab.ip(server, family)}
    check_refused(lab, "Invalid source mac", server, own, {**own, "mac": "02:00:00:00:00:99"})


def test_refusing_does_no_harm_to_the_pod(lab, family):
    send(lab, "client", text="forged", count=200, port=UDP_PORT,
         **{"from": lab.ip("near", family), "to": lab.ip("far", family)})
    ping(lab, "client", lab.ip("far", family))
