# SPDX-License-Identifier: Apache-2.0
"""What the kernel starts with: busybox, the modules it needs to reach its root, and guest/init."""
import os
import shutil
import subprocess
import tempfile
import pathlib

from . import GUEST, MachineError

BUSYBOX = "/bin/busybox"
MODULES = ["virtio_pci", "virtiofs", "overlay"]
DECOMPRESS = {".xz": ["xz", "-dc"], ".zst": ["zstd", "-qdc"], ".ko": ["cat"]}


def make(kernel):
    """Once per kernel, and again when init has changed."""
    target = kernel.initramfs
    if target.exists() and target.stat().st_mtime > (GUEST / "init").stat().st_mtime:
        return
    with tempfile.TemporaryDirectory(dir=kernel.folder) as scratch:
        root = pathlib.Path(scratch, "root")
        for folder in ("bin", "proc", "sys", "dev", "lower", "writable", "new", "modules"):
            (root / folder).mkdir(parents=True)
        shutil.copy(BUSYBOX, root / "bin")
        shutil.copy(GUEST / "init", root)
        for number, module in enumerate(_needed(kernel)):
            with open(root / "modules" / f"{number:02}.ko", "wb") as file:
                subprocess.run([*DECOMPRESS[module.suffix], module], stdout=file, check=True)
        archive = pathlib.Path(scratch, "archive")
        names = "\n".join(str(path.relative_to(root)) for path in sorted(root.rglob("*")))
        with open(archive, "wb") as file:
            subprocess.run([BUSYBOX, "cpio", "-o", "-H", "newc"], cwd=root, input=names.encode(), stdout=file,
                           stderr=subprocess.DEVNULL, check=True)
        os.replace(archive, target)


def _needed(kernel):
    """The modules' files, each after those it needs. What is built in has none."""
    found = []
    for name in MODULES:
        done = subprocess.run(["modprobe", "-S", kernel.version, "-d", kernel.folder, "--show-depends", name], text=True,
                              capture_output=True, check=False)
        if done.returncode:
            raise MachineError(f"kernel {kernel.version} has no {name}: {done.stderr.strip()}")
        for line in done.stdout.splitlines():
            word, _, path = line.strip().partition(" ")
            if word == "insmod" and pathlib.Path(path) not in found:
                found.append(pathlib.Path(path))
    return found
