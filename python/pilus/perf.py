# SPDX-License-Identifier: Apache-2.0
"""Counters of the kernel, by perf_event_open(2)."""
import ctypes
import os
import platform

SYSCALL = {"x86_64": 298}.get(platform.machine(), 241)
CLOEXEC = 8


class Attributes(ctypes.Structure):
    """The first version of struct perf_event_attr, which every kernel takes."""
    _fields_ = [("type", ctypes.c_uint32), ("size", ctypes.c_uint32), ("config", ctypes.c_uint64), ("period", ctypes.c_uint64),
                ("sample_type", ctypes.c_uint64), ("read_format", ctypes.c_uint64), ("flags", ctypes.c_uint64),
                ("wakeup", ctypes.c_uint32), ("breakpoint", ctypes.c_uint32), ("config1", ctypes.c_uint64)]


def open_counter(kind, config, pid, cpu):
    """The descriptor of one that counts already, and never interrupts; its owner closes it."""
    attributes = Attributes(type=kind, size=ctypes.sizeof(Attributes), config=config)
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.syscall(ctypes.c_long(SYSCALL), ctypes.byref(attributes), ctypes.c_int(pid), ctypes.c_int(cpu), ctypes.c_int(-1),
                      ctypes.c_ulong(CLOEXEC))
    if fd < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"cannot count the perf event {kind}.{config}: {os.strerror(code)}")
    return fd
