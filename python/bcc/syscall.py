# SPDX-License-Identifier: Apache-2.0
"""System calls by number, as bytes; for programs that count them."""
from pilus.library import lib

NUMBERS_END = 1024
syscalls = {number: name for number in range(NUMBERS_END) if (name := lib.syscall_name(number))}


def syscall_name(syscall_num):
    return syscalls.get(syscall_num, b"[unknown: %d]" % syscall_num)
