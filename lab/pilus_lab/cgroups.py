# SPDX-License-Identifier: Apache-2.0
"""
A lab's processes, by the cgroup v2 subtree they run in: CGROUP2/pilus-lab/LAB/NODE/{agent,host,pod-NAME}. What is in
the subtree is the lab's, so nothing has to be remembered to end it.
"""
import errno
import os
import select
import time

from . import LabError, patience

ROOT = "pilus-lab"


def mount_point():
    """/sys/fs/cgroup on ordinary systems, /sys/fs/cgroup/unified where version 1 is mounted beside."""
    with open("/proc/mounts", encoding="utf-8") as mounts:
        for line in mounts:
            _, target, filesystem, *_ = line.split()
            if filesystem == "cgroup2":
                return target
    raise LabError("no cgroup2 file system is mounted: mount one, mount -t cgroup2 none /sys/fs/cgroup")


def make(path):
    """makedirs that does not mind another lab removing the shared parent at the same time."""
    while True:
        try:
            return os.makedirs(path, exist_ok=True)
        except FileNotFoundError:
            continue


def enter(path):
    """Moves the calling process."""
    with open(f"{path}/cgroup.procs", "w", encoding="ascii") as file:
        file.write("0")


def _folders(path):
    """The subtree, leaves first."""
    return [folder for folder, _, _ in os.walk(path, topdown=False)]


def processes(path):
    """The ids of all processes in the subtree."""
    found = []
    for folder in _folders(path):
        try:
            with open(f"{folder}/cgroup.procs", encoding="ascii") as file:
                found += [int(line) for line in file]
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENODEV):  # gone meanwhile: so are its processes
                raise
    return found


def _populated(events):
    os.lseek(events, 0, os.SEEK_SET)
    return b"populated 1" in os.read(events, 4096)


def kill(path, seconds=patience.stretch(10)):
    """Ends every process of the subtree and waits for that. TimeoutError when the kernel does not get it done."""
    try:
        events = os.open(f"{path}/cgroup.events", os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        with open(f"{path}/cgroup.kill", "w", encoding="ascii") as file:
            file.write("1")
        changed = select.poll()
        changed.register(events, select.POLLPRI)
        deadline = time.monotonic() + seconds
        while _populated(events):
            if time.monotonic() > deadline:
                raise TimeoutError(f"processes {processes(path)} cannot be ended")
            changed.poll(100)
    finally:
        os.close(events)


def remove(path):
    for folder in _folders(path):
        os.rmdir(folder)
