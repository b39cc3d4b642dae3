# SPDX-License-Identifier: Apache-2.0
"""
A node's namespaces: a network namespace under /run/netns, and a mount namespace kept by a file in the lab's ns folder,
so no process has to live for it. Inside: own /sys, own bpffs, the node's cgroup as /sys/fs/cgroup, and an own /run
with the lab's folder, the node's state folder as /run/pilus, and /run/netns as the host has it, also later.
"""
import os
import traceback

from . import LabError, kernel, labs, underlay


def make(node):
    os.makedirs(f"{node.folder}/mnt")
    for cgroup in (node.cgroup, node.agent_cgroup):
        os.makedirs(cgroup)
    underlay.ip(f"netns add {node.lab.netns(node.name)}")
    _make_mount_namespace(node)


def _make_mount_namespace(node):
    """
    A child makes it; this process, which must be outside, gives it a file. The child lives until then: the pipes tell
    each that the other is done.
    """
    with open(node.mount_file, "wb"):
        pass
    made_read, made_write = os.pipe()
    kept_read, kept_write = os.pipe()
    child = os.fork()
    if not child:
        os.close(kept_write)
        _child(node, made_write, kept_read)
    os.close(made_write)
    os.close(kept_read)
    try:
        words = os.read(made_read, 65536)
        if words != b"made":
            raise LabError(f"{node.name} cannot have its mounts: {words.decode()}")
        kernel.mount(f"/proc/{child}/ns/mnt", node.mount_file, flags=kernel.MS_BIND)
    finally:
        os.close(kept_write)
        os.close(made_read)
        os.waitpid(child, 0)


def _child(node, made, kept):
    """Never returns."""
    try:
        kernel.setns(node.netns_file, kernel.CLONE_NEWNET)
        kernel.unshare(kernel.CLONE_NEWNS)
        _quiet_addresses()
        _mount_all(node)
        os.write(made, b"made")
        os.read(kept, 1)
    except OSError as error:
        os.write(made, str(error).encode())
    except BaseException:  # pylint: disable=broad-except # a child must not return into its parent's code
        os.write(made, traceback.format_exc().encode())
    finally:
        os._exit(0)


def _quiet_addresses():
    """Nobody else is on the segment: detecting duplicate addresses would take a second, routers are not to be found."""
    for scope in ("all", "default"):
        for key in ("accept_dad", "accept_ra"):
            with open(f"/proc/sys/net/ipv6/conf/{scope}/{key}", "w", encoding="ascii") as file:
                file.write("0")


def _mount_all(node):
    kernel.mount(None, "/", flags=kernel.MS_REC | kernel.MS_SLAVE)
    _mount_run(node)
    cgroup = os.open(node.cgroup_root, os.O_PATH | os.O_DIRECTORY)
    mount_sys(cgroup)
    kernel.mount("bpf", "/sys/fs/bpf", "bpf")


def _mount_run(node):
    """Put together aside, as most of it comes from the /run it will cover."""
    aside = f"{node.folder}/mnt"
    kernel.mount("tmpfs", aside, "tmpfs", options="mode=755")
    for source, target in ((labs.NETNS, "netns"), (node.lab.folder, f"pilus-lab/{node.lab.name}"),
                           (node.folder, "pilus")):
        os.makedirs(f"{aside}/{target}")
        recursive = kernel.MS_REC if source == labs.NETNS else 0
        kernel.mount(source, f"{aside}/{target}", flags=kernel.MS_BIND | recursive)
    for folder in ("lock", "user"):
        os.mkdir(f"{aside}/{folder}")
    kernel.umount(labs.NETNS, kernel.MNT_DETACH)  # covered, it would still keep namespaces from being removed in here
    kernel.mount(aside, "/run", flags=kernel.MS_MOVE)


def mount_sys(cgroup):
    """Own /sys of the calling process's network namespace, with the folder open as `cgroup` in it, which is closed."""
    kernel.mount("sysfs", "/sys", "sysfs")
    kernel.mount(f"/proc/self/fd/{cgroup}", "/sys/fs/cgroup", flags=kernel.MS_BIND)
    os.close(cgroup)
