# SPDX-License-Identifier: Apache-2.0
"""What the datapath makes of the kernel it runs on: what is newer is used where it is, else the older way."""
import pytest

from support import IPV6_OUT_OF_IPV4_SINCE, KERNEL, TCP_PORT, TCX_SINCE, ask, ping, wait_for

pytestmark = pytest.mark.kernels


def hooks(lab, node):
    """What the devices' programs are attached by; sockets' programs have a way of their own."""
    programs = lab.json(node, "status")["datapath"]["programs"]
    return {program["hook"].partition("/")[0] for program in programs} - {"cgroup"}


def test_programs_are_attached_by_the_newest_way_there_is(lab):
    attach = "tcx" if KERNEL >= TCX_SINCE else "clsact"
    for node in ("node-1", "node-2"):
        assert lab.json(node, "status")["datapath"]["attach"] == attach
        wait_for(lambda: hooks(lab, node) == {attach}, f"{node} is done with attaching in haste")
    assert f"attached by {attach}" in lab.pilus("node-1", "status")


def test_ipv6_comes_through_the_overlay_device_where_it_must(lab, family):
    """Before 6.3 programs cannot take IPv6 out of IPv4, so the device does; IPv4 never needs it."""
    by_device = family == 6 and KERNEL < IPV6_OUT_OF_IPV4_SINCE
    with lab.monitor("node-2", "-vv", "--type", "trace") as monitor:
        ping(lab, "client", lab.ip("far", family), count=1)
        monitor.wait_line(f"to-endpoint.*orig-ip {lab.ip('client', family)},")
    packets = "\n".join(monitor.lines).split("-" * 78)
    story = "\n".join(packet for packet in packets if f"SrcIP={lab.ip('client', family)} " in packet)
    assert story and ("overlay device" in story) == by_device, story
    ask(lab, "client", "tcp-ask", lab.ip("far", family), TCP_PORT)
