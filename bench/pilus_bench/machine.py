# SPDX-License-Identifier: Apache-2.0
"""The machine the figures are of, and whether it had other things to do."""
import os
import pathlib
import platform
import subprocess
import time

LOOK_SECONDS = 1
BUSY_SHARE, STOLEN_SHARE = .1, .02


def _read(path):
    try:
        return pathlib.Path(path).read_text(encoding="utf-8").strip()
    except OSError:
        return None


def _cpu_model():
    return next((line.partition(":")[2].strip() for line in _read("/proc/cpuinfo").splitlines()
                 if line.startswith("model name")), platform.machine())


def _hypervisor():
    """As systemd names it; none, or one that does not say what it is."""
    try:
        done = subprocess.run(["systemd-detect-virt", "--vm"], capture_output=True, text=True, check=False)
        name = done.stdout.strip()
    except FileNotFoundError:
        name = "none"
    return name if name != "none" or " hypervisor" not in _read("/proc/cpuinfo") else "unknown"


def _mitigations():
    """What is not `Not affected`, by the kernel's name of the vulnerability."""
    folder = pathlib.Path("/sys/devices/system/cpu/vulnerabilities")
    found = {path.name: _read(path) for path in folder.glob("*")} if folder.exists() else {}
    return {name: text for name, text in sorted(found.items()) if text != "Not affected"}


def describe():
    return {
        "cpu": _cpu_model(), "cpus": os.cpu_count(), "memory": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        "kernel": platform.release(), "system": platform.freedesktop_os_release().get("PRETTY_NAME"),
        "hypervisor": _hypervisor(), "clock": _read("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        "jit-harden": _read("/proc/sys/net/core/bpf_jit_harden"),
        "bridge-calls-netfilter": _read("/proc/sys/net/bridge/bridge-nf-call-iptables"),
        "mitigations": _mitigations(), "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _ticks():
    """Of all CPUs since boot: (all, idle, stolen)."""
    numbers = [int(word) for word in _read("/proc/stat").splitlines()[0].split()[1:9]]
    return sum(numbers), numbers[3] + numbers[4], numbers[7]


class Load:
    """What others do on the machine: just before the run, and what the hypervisor takes during it."""

    def __init__(self):
        before = _ticks()
        time.sleep(LOOK_SECONDS)  # this is the measurement: what the machine does while the bench does nothing
        self._start = after = _ticks()
        self.average = os.getloadavg()[0]
        self.busy = 1 - (after[1] - before[1]) / (after[0] - before[0])

    def describe(self):
        now = _ticks()
        stolen = (now[2] - self._start[2]) / (now[0] - self._start[0])
        return {"average": self.average, "busy": self.busy, "stolen": stolen, "quiet": self._is_quiet(stolen)}

    def _is_quiet(self, stolen):
        return self.busy <= BUSY_SHARE and stolen <= STOLEN_SHARE and self.average <= os.cpu_count() / 4
