# SPDX-License-Identifier: Apache-2.0
"""Printing bytes, and which CPUs there are."""
import os
import sys

from pilus.cpus import get_online_cpus, get_possible_cpus
from pilus.text import to_bytes

__all__ = ["ArgString", "FILESYSTEMENCODING", "detect_language", "get_online_cpus", "get_possible_cpus", "printb"]

FILESYSTEMENCODING = sys.getfilesystemencoding()


def printb(text, file=sys.stdout, nl=True):
    """Text or bytes, as they are."""
    file.flush()
    data = text if isinstance(text, bytes) else str(text).encode(errors="surrogateescape")
    file.buffer.write(data + (b"\n" if nl else b""))
    file.buffer.flush()


def detect_language(candidates, pid):
    """Which of the languages a process is written in, by its program's name; None: none of them."""
    name = os.path.basename(os.path.realpath(f"/proc/{pid}/exe"))
    return next((language for language in candidates if name.startswith(language)), None)


class ArgString:
    """A word of the command line as text and as bytes; for argparse's type=."""

    def __init__(self, arg):
        self.bytestr, self.unicodestr = to_bytes(arg), os.fsdecode(arg)

    def __bytes__(self):
        return self.bytestr

    def __str__(self):
        return self.unicodestr
