# SPDX-License-Identifier: Apache-2.0
"""USDT(pid=… or path=…): the probes that the authors of programs put there."""
import os

from pilus.text import to_text


class USDTException(Exception):
    pass


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

    def attach(self, bpf, ignore_pid=False):
        """BPF(usdt_contexts=[…]) calls it."""
        for probe, function in self.enabled:
            if ":" not in probe:
                probe = f"*:{probe}"
            bpf.attach(function, f"usdt:{self.path}:{probe}", 0 if ignore_pid else self.pid)
