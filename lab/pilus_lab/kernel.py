# SPDX-License-Identifier: Apache-2.0
"""The system calls Python (3.11) has no function for, with errors as OSError."""
import ctypes
import os

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWNET = 0x00020000, 0x04000000, 0x40000000
MS_BIND, MS_MOVE, MS_REC, MS_PRIVATE, MS_SLAVE = 0x1000, 0x2000, 0x4000, 0x40000, 0x80000
MNT_DETACH = 2
SYS_MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY = 442, -100, 0x8000, 1

_libc = ctypes.CDLL(None, use_errno=True)


def _call(function, path, *arguments):
    if function(*arguments) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)


def unshare(flags):
    _call(_libc.unshare, "unshare", flags)


def setns(path, kind):
    """Enters the namespace whose file is `path`."""
    with open(path, "rb") as file:
        _call(_libc.setns, path, file.fileno(), kind)


def mount(source, target, filesystem=None, flags=0, options=None):
    def encode(text):
        return os.fsencode(text) if text is not None else None
    _call(_libc.mount, target, encode(source), encode(target), encode(filesystem), ctypes.c_ulong(flags),
          encode(options))


def umount(target, flags=0):
    _call(_libc.umount2, target, os.fsencode(target), flags)


class _MountAttributes(ctypes.Structure):
    """struct mount_attr of linux/mount.h."""
    _fields_ = [(name, ctypes.c_uint64) for name in ("attr_set", "attr_clr", "propagation", "userns_fd")]


def make_read_only(target):
    """The mount and all below it."""
    attributes = _MountAttributes(attr_set=MOUNT_ATTR_RDONLY)
    _call(_libc.syscall, target, ctypes.c_long(SYS_MOUNT_SETATTR), AT_FDCWD, os.fsencode(target), AT_RECURSIVE,
          ctypes.byref(attributes), ctypes.c_size_t(ctypes.sizeof(attributes)))
