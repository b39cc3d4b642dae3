# SPDX-License-Identifier: Apache-2.0
"""USDT(pid=… or path=…): the probes that the authors of programs put there."""
import os
import struct

from pilus.text import to_text


class USDTException(Exception):
    pass


def read_notes(path):
    """(provider, name) of each probe in an ELF file of 64 bits: its section .note.stapsdt."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:5] != b"\x7fELF\x02":
        return
    sections, size, count, names = struct.unpack_from("<Q", data, 40)[0], *struct.unpack_from("<HHH", data, 58)
    table = [struct.unpack_from("<IIQQQQ", data, sections + i * size) for i in range(count)]
    for name, _, _, _, offset, length in table:
        start = table[names][4] + name
        if data[start:data.index(b"\0", start)] == b".note.stapsdt":
            yield from notes_of(data[offset:offset + length])


def notes_of(notes):
    at = 0
    while at + 12 <= len(notes):
        owner, length, _ = struct.unpack_from("<III", notes, at)
        start = at + 12 + (owner + 3) // 4 * 4
        provider, name = notes[start + 24:start + length].split(b"\0")[:2]
        yield provider.decode(), name.decode()
        at = start + (length + 3) // 4 * 4


class USDT:
    def __init__(self, pid=None, path=None):
        if not pid and not path:
            raise USDTException("either a pid or a path is needed")
        self.pid = int(pid or 0)
        self.path = to_text(path) if path else os.path.realpath(f"/proc/{self.pid}/exe")
        if pid and not os.path.exists(f"/proc/{self.pid}"):
            raise USDTException(f"there is no process {self.pid}")
        self.enabled = []

    def enable_probe(self, probe, fn_name):
        """`probe` is PROVIDER:NAME, or NAME alone where one provider has it."""
        self.enabled.append((to_text(probe), to_text(fn_name)))

    enable_probe_or_bail = enable_probe

    def enumerate_probes(self):
        """[(provider, name)], without repetition."""
        return sorted(set(read_notes(self.path)))

    def provider_of(self, name):
        providers = [provider for provider, probe in self.enumerate_probes() if probe == name]
        if len(providers) != 1:
            raise USDTException(f"{self.path} has {len(providers)} probes called {name}: write PROVIDER:{name}")
        return providers[0]

    def attach(self, bpf, ignore_pid=False):
        """BPF(usdt_contexts=[…]) calls it."""
        for probe, function in self.enabled:
            if ":" not in probe:
                probe = f"{self.provider_of(probe)}:{probe}"
            bpf.attach(function, f"usdt:{self.path}:{probe}", 0 if ignore_pid else self.pid)
