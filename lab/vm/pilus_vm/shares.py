# SPDX-License-Identifier: Apache-2.0
"""Folders of this machine in the guest, each served by a virtiofsd of its own."""
import os
import pathlib
import socket
import subprocess

from pilus_lab import kernel

from . import MachineError

# Debian 12 has QEMU's own, Debian 13 its successor, whose options are others.
QEMU_VIRTIOFSD, RUST_VIRTIOFSD = "/usr/lib/qemu/virtiofsd", "/usr/libexec/virtiofsd"


def _command(folder, descriptor, cache):
    if os.access(QEMU_VIRTIOFSD, os.X_OK):
        return [QEMU_VIRTIOFSD, f"--fd={descriptor}", "-o", f"source={folder}", "-o", f"cache={cache}", "-o",
                "sandbox=chroot", "-o", "log_level=err", "--thread-pool-size=0"]
    if os.access(RUST_VIRTIOFSD, os.X_OK):
        return [RUST_VIRTIOFSD, f"--fd={descriptor}", f"--shared-dir={folder}", f"--cache={cache}",
                "--sandbox=chroot", "--no-announce-submounts", "--log-level=error"]
    raise MachineError("virtiofsd is missing: run scripts/deps --kernels")


class Share:
    """Ends by itself when the machine hangs up; stop() is for machines that never came."""

    def __init__(self, tag, folder, socket_path, writable=False):
        self.tag = tag
        self.socket_path = socket_path
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
            listening.bind(str(socket_path))
            listening.listen(1)
            descriptor = listening.fileno()
            command = _command(folder, descriptor, "auto" if writable else "always")
            self.log = pathlib.Path(f"{socket_path}.log")
            with open(self.log, "wb") as log:
                self._process = subprocess.Popen(command, pass_fds=[descriptor], stdin=subprocess.DEVNULL, stdout=log,
                                                 stderr=log, preexec_fn=None if writable else _read_only)

    def arguments(self):
        """QEMU's."""
        return ["-chardev", f"socket,id={self.tag},path={self.socket_path}",
                "-device", f"vhost-user-fs-pci,queue-size=1024,chardev={self.tag},tag={self.tag}"]

    def stop(self):
        self._process.terminate()
        self._process.wait()


def _read_only():
    """The guest is root and mounts as it likes: that it cannot write is up to this side, and the server's mounts."""
    kernel.unshare(kernel.CLONE_NEWNS)
    kernel.mount(None, "/", flags=kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.make_read_only("/")
