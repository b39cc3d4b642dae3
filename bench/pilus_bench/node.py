# SPDX-License-Identifier: Apache-2.0
"""What a node pays: the agent's start, its memory, and a pod's CNI ADD."""
import json
import os
import subprocess
import time

from pilus_lab import agents, api, labs, places

HERE = os.path.dirname(os.path.realpath(__file__))
READY_SECONDS = 30


def start_to_ready(node):
    """Seconds from the start of a stopped agent, over entering the node's namespaces, to its first answer."""
    agents.stop(node)
    start = time.monotonic()
    process = agents.start(node)
    while True:
        try:
            api.get(node, "/v1/status")
            return time.monotonic() - start
        except OSError:
            if process.poll() is not None or time.monotonic() - start > READY_SECONDS:
                raise RuntimeError(f"the agent of {node.name} did not get ready: see {node.folder}/agent.log") from None
            time.sleep(0.0005)


def memory(node):
    """Bytes: the agent's resident set, and the kernel's for its maps."""
    with open(f"/proc/{agents.pid(node)}/status", encoding="ascii") as file:
        fields = dict(line.split(":", 1) for line in file)
    return {"resident": int(fields["VmRSS"].split()[0]) * 1024,
            "maps": sum(entry["bytes"] for entry in api.get(node, "/v1/maps"))}


def cni(node, count):
    """Seconds of each ADD and DEL, timed by a process of the node around the plugin, as a runtime would see it."""
    done = places.start(node, [f"{HERE}/cni_loop", labs.binary("pilus-cni"), str(count)],
                        stdout=subprocess.PIPE, text=True)
    output, _ = done.communicate()
    if done.returncode:
        raise RuntimeError("the CNI plugin failed: its words are above")
    return json.loads(output)
