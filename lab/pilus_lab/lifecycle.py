# SPDX-License-Identifier: Apache-2.0
"""A lab as a whole: up, down, status."""
import contextlib
import fcntl
import os
import shutil
import sys

from . import LabError, agents, cgroups, etcd, kernel, labs, nodes, underlay


@contextlib.contextmanager
def _locked(lab):
    """One up or down of a lab at a time. The lock is the folder itself and ends with the process."""
    folder = os.open(lab.folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise LabError(f"lab {lab.name!r} is being brought up or down by another process: wait for it") from None
    finally:
        os.close(folder)


def up(lab, node_count, store, agent_arguments, underlay_kind="bridge"):
    """All or nothing: what fails or is interrupted half-way is taken down again."""
    labs.binary("pilusd")
    underlay.check(underlay_kind, node_count, store)
    if store != "dir":
        etcd.check_installed()
    _make_folder(lab)
    with _locked(lab):
        try:
            _make(lab, node_count, {"agent-args": agent_arguments, "store": store, "underlay": underlay_kind})
        except BaseException:
            for problem in _take_down(lab):
                print(f"lab: {problem}", file=sys.stderr)
            raise


def _make_folder(lab):
    cgroups.make(labs.ROOT)
    try:
        os.mkdir(lab.folder)
    except FileExistsError:
        raise LabError(f"lab {lab.name!r} is there already, or what is left of it: "
                       f"take it down with lab down --name {lab.name}") from None


def _make(lab, node_count, settings):
    for folder in (lab.store, lab.mount_namespaces, lab.pod_records):
        os.mkdir(folder)
    kernel.mount("tmpfs", lab.mount_namespaces, "tmpfs", options="mode=700")
    kernel.mount(None, lab.mount_namespaces, flags=kernel.MS_PRIVATE)
    cgroups.make(lab.cgroup)
    labs.write_json(f"{lab.folder}/lab.json", settings)
    underlay.make(lab)
    if etcd.is_used(lab):
        etcd.start(lab)
    made = [labs.Node(lab, number) for number in range(1, node_count + 1)]
    for node in made:
        nodes.make(node)
    underlay.connect(lab)
    for node in made:
        agents.write_config(node, settings["agent-args"])
    started = [(node, agents.start(node)) for node in made]
    for node, process in started:
        agents.wait_ready(node, process)
    wanted = {node.name for node in made}
    for node in made:
        agents.wait_until(node, "/v1/nodes", lambda known: wanted <= {other["name"] for other in known},
                          "know the other nodes")


def down(lab):
    """Takes down what there is of the lab, whatever state it is in. LabError names what could not be removed."""
    with contextlib.ExitStack() as stack:
        if os.path.exists(lab.folder):
            stack.enter_context(_locked(lab))
        problems = _take_down(lab)
    if problems:
        raise LabError("\n".join(problems))


def _take_down(lab):
    problems = []

    def attempt(what, function, *arguments):
        try:
            function(*arguments)
        except (OSError, LabError) as error:
            problems.append(f"{what} could not be removed: {error}")

    attempt(f"the processes of {lab.cgroup}", cgroups.kill, lab.cgroup)
    for netns in _network_namespaces(lab):
        attempt(f"network namespace {netns}", underlay.ip, f"netns del {netns}")
    if os.path.ismount(lab.mount_namespaces):
        attempt(f"mount {lab.mount_namespaces}", kernel.umount, lab.mount_namespaces, kernel.MNT_DETACH)
    if os.path.exists(lab.cgroup):
        attempt(f"cgroup {lab.cgroup}", cgroups.remove, lab.cgroup)
    if os.path.exists(lab.folder):
        attempt(f"folder {lab.folder}", shutil.rmtree, lab.folder)
    _remove_shared()
    return problems


def _network_namespaces(lab):
    if not os.path.isdir(labs.NETNS):
        return []
    return sorted(name for name in os.listdir(labs.NETNS) if name.startswith(f"{lab.name}."))


def _remove_shared():
    """What all labs stand in, after the last one: each step fails, and is meant to, while somebody uses it."""
    with contextlib.suppress(OSError):
        os.rmdir(f"{cgroups.mount_point()}/{cgroups.ROOT}")
    with contextlib.suppress(OSError):
        os.rmdir(labs.ROOT)
        kernel.umount(labs.NETNS)
        os.rmdir(labs.NETNS)


def status(lab):
    return {
        "lab": lab.name,
        "folder": lab.folder,
        "nodes": [{
            "name": node.name,
            "agent": agents.pid(node),
            "ipv4": node.address(4),
            "ipv6": node.address(6),
            "state": node.folder,
        } for node in lab.nodes()],
        "pods": [_pod_status(pod) for pod in lab.pods()],
    }


def _pod_status(pod):
    record = pod.record
    return {
        "name": pod.name,
        "namespace": record["namespace"],
        "node": record["node"],
        "labels": record["labels"],
        "ipv4": pod.address(4),
        "ipv6": pod.address(6),
        "netns": pod.netns_file,
        "container": record["container"],
    }
