# SPDX-License-Identifier: Apache-2.0
"""
Stock Debian kernels in QEMU, with this machine's files as their root. One noun per file:

  kernels    which there are; fetched from Debian's archive and unpacked
  vmlinux    the kernel proper, out of the compressed image
  initramfs  what the kernel starts with, until it has its root
  shares     folders of this machine in the guest
  machine    QEMU: started, watched, its command's status handed back
  cli        the command

What runs inside is in lab/vm/guest.
"""
import pathlib

GUEST = pathlib.Path(__file__).resolve().parent.parent / "guest"


class MachineError(Exception):
    """What went wrong and what to do, in one sentence."""


class NoKernel(Exception):
    """Why a kernel cannot be had here: a reason to skip, not a failure."""
