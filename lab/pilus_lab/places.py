# SPDX-License-Identifier: Apache-2.0
"""Running a command in a node, a pod or the underlay: in its namespaces, its cgroup, and under its name."""
import os
import signal
import socket
import subprocess

from . import LabError, cgroups, kernel, labs, nodes


def enter(place, cgroup=None):
    """Moves the calling process, which must have a single thread. The working directory stays, if the place has it."""
    folder = os.getcwd()
    cgroup = cgroup or place.cgroup
    netns_file = place.netns_file
    cgroups.make(cgroup)
    cgroups.enter(cgroup)
    if place.mount_file:
        kernel.setns(place.mount_file, kernel.CLONE_NEWNS)
    kernel.setns(netns_file, kernel.CLONE_NEWNET)
    kernel.unshare(kernel.CLONE_NEWUTS)
    socket.sethostname(place.name)
    if isinstance(place, labs.Pod):
        _own_sys()
    try:
        os.chdir(folder)
    except FileNotFoundError:
        os.chdir("/")


def _own_sys():
    """/sys shows the network of the namespace it was mounted in: the pod's, not the node's."""
    kernel.unshare(kernel.CLONE_NEWNS)
    nodes.mount_sys(os.open("/sys/fs/cgroup", os.O_PATH | os.O_DIRECTORY))


def environment():
    return {**os.environ, "PATH": f"{labs.build_folder()}:{os.environ.get('PATH', os.defpath)}"}


def execute(place, command):
    """Becomes the command."""
    enter(place)
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # by Python; the command expects what a shell would give it
        signal.signal(ignored, signal.SIG_DFL)
    try:
        os.execvpe(command[0], command, environment())
    except FileNotFoundError:
        raise LabError(f"{place.name} has no command {command[0]!r}: install it on this machine") from None
    except PermissionError:
        raise LabError(f"{command[0]!r} cannot be executed: is it a program?") from None


def start(place, command, cgroup=None, **options):
    """subprocess.Popen in the place."""
    return subprocess.Popen(command, preexec_fn=lambda: enter(place, cgroup), **{"env": environment(), **options})
