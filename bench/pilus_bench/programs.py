# SPDX-License-Identifier: Apache-2.0
"""How long a program in C takes to be attached: from its text, and when it has been compiled before."""
import os
import statistics
import subprocess
import tempfile
import time

from pilus_lab import labs

# The first of the talk.
PROGRAM = """
TRACEPOINT_PROBE(syscalls, sys_enter_mkdir) {
  bpf_trace_printk("hello world");
  return 0;
}
"""
ATTACHED = "events "


def _seconds(path, cache, *options):
    """From the start to the line that says that it is attached."""
    command = [labs.binary("pilus"), "trace", "run", "-v", *options, path]
    begun = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PILUS_CACHE": cache}) as process:
        for line in process.stdout:
            if line.startswith(ATTACHED):
                taken = time.monotonic() - begun
                process.terminate()
                return taken
    raise RuntimeError(f"{' '.join(map(str, command))} did not attach")


def measure(runs):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "mkdir.c")
        with open(path, "w", encoding="ascii") as file:
            file.write(PROGRAM)
        cold = [_seconds(path, folder, "--no-cache") for _ in range(runs)]
        _seconds(path, folder)
        cached = [_seconds(path, folder) for _ in range(runs)]
    return {"cold": statistics.median(cold), "cached": statistics.median(cached)}
