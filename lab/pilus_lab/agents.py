# SPDX-License-Identifier: Apache-2.0
"""pilusd of a node: configured, started and waited for, stopped, asked."""
import json
import signal
import subprocess
import time

from . import LabError, daemons, etcd, labs, names, patience, places

READY_SECONDS = patience.stretch(30)
STOP_SECONDS = patience.stretch(20)
CHANGE_SECONDS = patience.stretch(15)


def ask(node, path):
    """GET from the agent, as an object. OSError when it does not answer, LabError when it answers with an error."""
    from . import api  # Python's HTTP takes longer to import than most commands take to run, and few ask
    return api.get(node, path)


def pid(node):
    return daemons.pid(f"{node.folder}/agent.pid", node.agent_cgroup)


def write_config(node, arguments):
    """JSON is YAML. What an argument of the user's sets is left out."""
    config = {
        "node-name": node.name,
        **(etcd.config(node.lab) if etcd.is_used(node.lab) else {"store": f"dir:{node.lab.store}"}),
        "pod-cidrs": names.node_pod_cidrs(node.number),
        "node-addresses": [node.address(4), node.address(6)],
        "state-dir": "/run/pilus/state",
        "prefilter-state": "/run/pilus/prefilter",
    }
    given = {argument.removeprefix("--").partition("=")[0] for argument in arguments}
    if any(argument.endswith("cluster-pool") for argument in arguments):
        given.add("pod-cidrs")
    with open(f"{node.folder}/pilus.yaml", "w", encoding="utf-8") as file:
        for key, value in config.items():
            if key not in given:
                file.write(f"{key}: {json.dumps(value)}\n")


def start(node):
    """Starts the agent; wait_ready says when it works. Starting the running one is an error."""
    running = pid(node)
    if running:
        raise LabError(f"the agent of {node.name} runs already (process {running}): stop it first")
    command = [labs.binary("pilusd"), "--config", "/run/pilus/pilus.yaml", *node.lab.settings()["agent-args"]]
    with open(f"{node.folder}/agent.log", "ab") as log:
        process = places.start(node, command, node.agent_cgroup, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                               start_new_session=True, cwd="/")
    daemons.remember(f"{node.folder}/agent.pid", process)
    return process


def wait_ready(node, process):
    """Until it has its endpoints: while it starts, it answers that. An agent that ends first, or takes too long, is an error with its last words."""
    deadline = time.monotonic() + READY_SECONDS
    while True:
        if process.poll() is not None:
            raise LabError(f"the agent of {node.name} ended ({_how(process.returncode)}); its log ends:\n{_tail(node)}")
        try:
            ask(node, "/v1/endpoints")
            return
        except (OSError, LabError) as error:
            if time.monotonic() > deadline:
                raise LabError(f"the agent of {node.name} is not ready after {READY_SECONDS} s ({error}); "
                               f"its log ends:\n{_tail(node)}") from None
        try:
            process.wait(0.02)
        except subprocess.TimeoutExpired:
            pass


def _how(code):
    return f"by {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"


def _tail(node, lines=15):
    with open(f"{node.folder}/agent.log", encoding="utf-8", errors="replace") as file:
        return "".join("  " + line for line in file.readlines()[-lines:]).rstrip() or "  (nothing)"


def stop(node, number=signal.SIGTERM):
    """Sends the signal and waits until the agent is gone."""
    running = pid(node)
    if not running:
        raise LabError(f"the agent of {node.name} does not run: start it with lab agent {node.name} start")
    if not daemons.end(running, number, STOP_SECONDS):
        raise LabError(f"the agent of {node.name} (process {running}) did not end within {STOP_SECONDS} s after "
                       f"{signal.Signals(number).name}: its log is {node.folder}/agent.log")


def wait_until(node, path, condition, what, seconds=CHANGE_SECONDS):
    """Until the agent's answer meets the condition. An agent that does not run is not waited for."""
    deadline = time.monotonic() + seconds
    while pid(node):
        answer = "its answer is another"
        try:
            if condition(ask(node, path)):
                return
        except (OSError, LabError) as error:
            answer = str(error)  # stopping or starting, perhaps: the loop's condition or the deadline decide
        if time.monotonic() > deadline:
            raise LabError(f"{node.name} does not {what} after {seconds} s ({answer}): "
                           f"its log is {node.folder}/agent.log")
        time.sleep(0.02)
