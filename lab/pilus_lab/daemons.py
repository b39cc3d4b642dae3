# SPDX-License-Identifier: Apache-2.0
"""Processes that outlive the command that started them, remembered by a file with their number."""
import os
import select
import signal


def remember(pid_file, process):
    with open(pid_file, "w", encoding="ascii") as file:
        file.write(f"{process.pid}\n")


def pid(pid_file, cgroup):
    """The running one's, or None. A number left in the file by one that died means nothing."""
    try:
        with open(pid_file, encoding="ascii") as file:
            number = int(file.read() or 0)
        with open(f"{cgroup}/cgroup.procs", encoding="ascii") as file:
            return number if number in map(int, file) else None
    except FileNotFoundError:
        return None


def end(running, number, seconds):
    """Sends the signal, and says whether it ended in time."""
    process = os.pidfd_open(running)
    try:
        signal.pidfd_send_signal(process, number)
        return bool(select.select([process], [], [], seconds)[0])
    finally:
        os.close(process)
