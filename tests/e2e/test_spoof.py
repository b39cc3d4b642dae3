# SPDX-License-Identifier: Apache-2.0
"""Nobody sends under an address that is not its own: no pod, nor a stranger on the underlay under a pod's."""
import json

import pytest

from support import UDP_PORT, dropped, ping, wait_for

SHOW_PORT = 7002

SEND = """
import json, sys
from scapy.all import Ether, IP, IPv6, Raw, UDP, get_if_hwaddr, sendp
gateway, packets, device = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
for packet in packets:
    frame = Ether(src=packet.get("mac") or get_if_hwaddr(device), dst=gateway)
    frame /= (IPv6 if ":" in packet["to"] else IP)(src=packet["from"], dst=packet["to"])
    frame /= UDP(sport=4000, dport=packet.get("port", 7002)) / Raw(packet["text"].encode())
    sendp(frame, iface=device, count=packet.get("count", 1), verbose=False)
"""


def send(lab, pod, *packets):
    """Made by scapy, in this order."""
    neighbours = json.loads(lab.exec(pod, "ip", "-4", "-j", "neigh", "show", "dev", "eth0").stdout)
    lab.python(pod, SEND, neighbours[0]["lladdr"], json.dumps(packets), "eth0")


def check_refused(lab, reason, server, genuine, forged):
    """The forged ones neither arrive nor go uncounted nor unseen; the genuine one, sent after them, arrives."""
    before = dropped(lab, "node-1", reason)
    with lab.server(server, "udp-show", SHOW_PORT) as show, \
            lab.monitor("node-1", "--type", "drop") as monitor:
        send(lab, "client", {**forged, "text": "forged", "count": 5}, {**genuine, "text": "genuine"})
        show.wait_line("^genuine from")
        monitor.wait_line(rf"xx drop \({reason}\)")
    assert not [line for line in show.lines if "forged" in line]
    wait_for(lambda: dropped(lab, "node-1", reason) >= before + 5, f"5 packets more counted as {reason!r}")


def test_own_address_by_hand_arrives(lab, family, server):
    """The forging itself works: else the refusals would prove nothing."""
    with lab.server(server, "udp-show", SHOW_PORT) as show:
        send(lab, "client", {"from": lab.ip("client", family), "to": lab.ip(server, family), "text": "by-hand"})
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


def test_a_stranger_on_the_underlay_is_no_pod(lab, family):
    """The stranger, under its own address, arrives."""
    link = json.loads(lab.exec("node-1", "ip", "-j", "link", "show", "eth0").stdout)[0]
    packet, before = {"to": lab.ip("near", family)}, dropped(lab, "node-1", "Invalid source ip")
    with lab.server("near", "udp-show", SHOW_PORT) as show:
        lab.python("underlay", SEND, link["address"], json.dumps([
            {**packet, "from": lab.ip("far", family), "text": "forged", "count": 5},
            {**packet, "from": lab.ip("underlay", family), "text": "genuine"}]), "segment")
        show.wait_line("^genuine from")
    assert not [line for line in show.lines if "forged" in line]
    wait_for(lambda: dropped(lab, "node-1", "Invalid source ip") >= before + 5, "the forged ones to be counted")


def test_refusing_does_no_harm_to_the_pod(lab, family):
    send(lab, "client", {"from": lab.ip("near", family), "to": lab.ip("far", family), "text": "forged", "count": 200,
                         "port": UDP_PORT})
    ping(lab, "client", lab.ip("far", family))
