# SPDX-License-Identifier: Apache-2.0
"""
QEMU, emulating in software: KVM would be quicker, but is not to be had on every machine that tests.

The guest's console goes to a file, what its command says to ours. A folder is exchanged with it: in go `settings` and
`command`, out come `status` and whatever else the command leaves there.
"""
import contextlib
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile

from . import GUEST, MachineError, initramfs, shares

QEMU = "qemu-system-x86_64"
MEMORY = "2G"
CPUS = 2
KERNEL_ARGUMENTS = ("console=ttyS0 panic=-1 quiet mitigations=off random.trust_cpu=on no_timer_check audit=0 "
                    "apparmor=0 net.ifnames=0")
CONSOLE_LINES = 25


def run(kernel, command, seconds, results=None):
    """
    Runs the command, a list, in the folder we are in, and returns its exit status. It finds the folder `results` as
    /run/exchange/results. MachineError when the machine ends without a status, or not in time.
    """
    initramfs.make(kernel)
    with tempfile.TemporaryDirectory(prefix="pilus-vm-") as scratch, contextlib.ExitStack() as stack:
        exchange = pathlib.Path(scratch, "exchange")
        exchange.mkdir()
        _write_exchange(exchange, kernel, command)
        served = [shares.Share("root", "/", pathlib.Path(scratch, "root")),
                  shares.Share("exchange", exchange, pathlib.Path(scratch, "share"), writable=True)]
        for share in served:
            stack.callback(share.stop)
        console = pathlib.Path(scratch, "console")
        why = _run_qemu(kernel, served, console, seconds)
        if results:
            _bring(exchange / "results", results)
        try:
            return int((exchange / "status").read_text())
        except (FileNotFoundError, ValueError):
            raise MachineError(f"kernel {kernel.version} {why} before its command; its console ends:\n" +
                               _tail(console, served)) from None


def _write_exchange(exchange, kernel, command):
    settings = {"VERSION": kernel.version, "MODULES": kernel.modules, "GUEST": GUEST, "FOLDER": os.getcwd()}
    (exchange / "settings").write_text("".join(f"{key}={shlex.quote(str(value))}\n" for key, value in settings.items()))
    (exchange / "command").write_text(shlex.join(map(str, command)) + "\n")
    (exchange / "results").mkdir()


def _run_qemu(kernel, served, console, seconds):
    """Until the guest powers off; how it ended."""
    command = [
        QEMU, "-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max,la57=off", "-M", "q35", "-m", MEMORY,
        "-smp", str(CPUS), "-object", f"memory-backend-memfd,id=memory,size={MEMORY},share=on",
        "-numa", "node,memdev=memory", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
        "-nic", "none", "-kernel", str(kernel.vmlinux), "-initrd", str(kernel.initramfs), "-append", KERNEL_ARGUMENTS,
        "-serial", f"file:{console}", "-serial", "stdio", *(word for share in served for word in share.arguments())]
    sys.stdout.flush()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
        try:
            return f"ended (qemu: {process.wait(seconds)})"
        except subprocess.TimeoutExpired:
            return f"was ended after {seconds} s"
        finally:
            process.kill()


def _bring(source, target):
    for path in source.iterdir():
        (target / path.name).write_bytes(path.read_bytes())


def _tail(console, served):
    texts = [path.read_text(errors="replace") for path in (*(share.log for share in served), console) if path.exists()]
    return "\n".join("".join(texts).splitlines()[-CONSOLE_LINES:])
