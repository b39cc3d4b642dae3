# SPDX-License-Identifier: Apache-2.0
"""
The kernel proper, out of the compressed image: started directly, by its PVH entry, it spares emulating its own
decompression. The image's layout is in the kernel's Documentation/arch/x86/boot.rst.
"""
import struct
import subprocess

from . import MachineError

SECTOR = 512
SETUP_SECTORS, PAYLOAD = 0x1F1, 0x248
SETUP_SECTORS_IF_ZERO = 4
# How each compression begins, and what undoes it.
COMPRESSIONS = {
    b"\x1f\x8b": ["gzip", "-dcq"],
    b"\xfd7zXZ": ["xz", "-dcq", "--single-stream"],
    b"\x28\xb5\x2f\xfd": ["zstd", "-dcq"],
    b"\x02\x21\x4c\x18": ["lz4", "-dcq"],
}
ELF = b"\x7fELF"


def extract(image):
    """The bytes of vmlinux. What follows the compressed data makes its tool complain; the result tells."""
    data = image.read_bytes()
    start = (1 + (data[SETUP_SECTORS] or SETUP_SECTORS_IF_ZERO)) * SECTOR
    offset, length = struct.unpack_from("<II", data, PAYLOAD)
    payload = data[start + offset:start + offset + length]
    for beginning, command in COMPRESSIONS.items():
        if payload.startswith(beginning):
            done = subprocess.run(command, input=payload, capture_output=True, check=False)
            if done.stdout.startswith(ELF):
                return done.stdout
            raise MachineError(f"{command[0]} makes no kernel of {image}: {done.stderr.decode().strip()}")
    raise MachineError(f"{image} is compressed in an unknown way: it begins with {payload[:8].hex()}")
