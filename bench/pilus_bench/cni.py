# SPDX-License-Identifier: Apache-2.0
"""What a pod's ADD and DEL take: of Pilus, and of the bridge plugin beside it."""
import json
import os

from pilus_lab import labs

from . import children, compare, peers

HERE = os.path.dirname(os.path.realpath(__file__))
PILUS = {"cniVersion": "1.1.0", "name": "pilus", "type": "pilus-cni"}


def _run(place, plugin, count, config, *statistics):
    command = [f"{HERE}/cni_loop", plugin, str(count), f"{place.lab.name}.cni-", *statistics]
    results = json.loads(children.run(place, command, json.dumps(config)))
    return {verb: compare.times(result) for verb, result in results.items()}


def of_pilus(node, count):
    """Seconds, as a runtime sees them; the CPU's are the plugin's and the agent's."""
    return _run(node, labs.binary("pilus-cni"), count, PILUS, "/sys/fs/cgroup/agent/cpu.stat")


def of_bridge(lab, family, count):
    """One address of one family, where Pilus' pods get both."""
    host = peers.Namespace(lab, "bridge-cni").make()
    return _run(host, f"{peers.PLUGINS}/bridge", count, peers.bridge_config(lab, 9, family))
