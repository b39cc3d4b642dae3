# SPDX-License-Identifier: Apache-2.0
"""
Debian's kernels for the cloud, which have the drivers of virtual machines and are small. Fetched by the name of the
metapackage, as releases replace versions, with apt's own tools but a configuration of our own: this machine's sources
and packages are neither asked nor changed.

  CACHE/pilus/apt/NAME/        sources.list, and what apt knows of them
  CACHE/pilus/kernels/NAME/    packages (names and versions), vmlinux, initramfs, and the unpacked packages
"""
import os
import pathlib
import platform
import re
import shutil
import subprocess
import tempfile
import time

from . import NoKernel, vmlinux

METAPACKAGE = "linux-image-cloud-amd64"
ARCHIVE, SECURITY = "http://deb.debian.org/debian", "http://deb.debian.org/debian-security"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# Name: the sources it is taken from.
KERNELS = {
    "6.1": [f"{ARCHIVE} bookworm", f"{SECURITY} bookworm-security"],
    "6.12": [f"{ARCHIVE} trixie", f"{SECURITY} trixie-security"],
    "newest": [f"{ARCHIVE} sid"],
}
# The packages a kernel is made of; newer releases have it in several.
PARTS = re.compile(r"linux-(image|binary|modules|base)-\d\S*")
TOOLS = ("qemu-system-x86_64", "virtiofsd", "busybox", "depmod", "apt-get")
TOOLS_PATH = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/libexec:/usr/lib/qemu"
FRESH_SECONDS = 24 * 3600


def cache():
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "pilus"


class Kernel:
    def __init__(self, name):
        self.name = name
        self.folder = cache() / "kernels" / name
        self.vmlinux = self.folder / "vmlinux"
        self.initramfs = self.folder / "initramfs"

    @property
    def modules(self):
        """The folder that depmod and modprobe want, lib/modules/VERSION."""
        return _modules(self.folder)

    @property
    def version(self):
        return self.modules.name

    def packages(self):
        """What it was unpacked from, or nothing."""
        try:
            return (self.folder / "packages").read_text().split()
        except FileNotFoundError:
            return []


def _modules(folder):
    for place in ("lib/modules", "usr/lib/modules"):
        if (folder / place).is_dir() and not (folder / place).is_symlink():
            return next((folder / place).iterdir())
    raise NoKernel(f"the packages in {folder} have no modules")


def get(name):
    """The kernel, up to date as far as the archive can be reached. NoKernel says why there is none."""
    for tool in TOOLS:
        if not shutil.which(tool, path=TOOLS_PATH):
            raise NoKernel(f"there is no {tool} here: scripts/deps --kernels installs it")
    if platform.machine() != "x86_64":
        raise NoKernel(f"kernels are fetched for x86_64 only, and this is {platform.machine()}")
    kernel = Kernel(name)
    try:
        apt = Apt(name)
        wanted = apt.resolve()
        if wanted != kernel.packages():
            _unpack(apt, wanted, kernel)
    except NoKernel as error:
        if not kernel.packages():
            raise
        print(f"kernel {name}: using the one fetched before, as {error}", flush=True)
    return kernel


class Apt:
    """apt with sources, lists and preferences of its own."""

    def __init__(self, name):
        self.folder = cache() / "apt" / name
        (self.folder / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        sources = "".join(f"deb [signed-by={KEYRING}] {source} main\n" for source in KERNELS[name])
        self._stamp = self.folder / "updated"
        path = self.folder / "sources.list"
        if not path.exists() or path.read_text() != sources:
            path.write_text(sources)
            self._stamp.unlink(missing_ok=True)
        settings = {
            "Dir::Etc::SourceList": path, "Dir::Etc::SourceParts": "/dev/null", "Dir::Etc::Preferences": "/dev/null",
            "Dir::Etc::PreferencesParts": "/dev/null", "Dir::State::Lists": self.folder / "lists",
            "Dir::State::status": "/dev/null", "Dir::Cache": self.folder, "APT::Sandbox::User": "root",
            "Acquire::Languages": "none", "APT::Architecture": "amd64",
        }
        self._options = [f"-o{key}={value}" for key, value in settings.items()]

    def run(self, tool, *arguments, cwd="/"):
        command = [tool, "-q", *self._options, *arguments]
        done = subprocess.run(command, cwd=cwd, env={**os.environ, "LC_ALL": "C"}, text=True, capture_output=True,
                              stdin=subprocess.DEVNULL, check=False)
        if done.returncode:
            words = done.stderr.strip().splitlines() or ["it did not say why"]
            raise NoKernel(f"{tool} {arguments[0]} failed: {words[0]}")
        return done.stdout

    def _update(self):
        """Once a day: the archive's lists are some megabytes."""
        if self._stamp.exists() and time.time() - self._stamp.stat().st_mtime < FRESH_SECONDS:
            return
        self.run("apt-get", "update", "--error-on=any")
        self._stamp.touch()

    def resolve(self):
        """The packages the metapackage stands for today, each as NAME=VERSION."""
        self._update()
        found, todo = [], [METAPACKAGE]
        while todo:
            for name in self._depends(todo.pop()):
                if PARTS.fullmatch(name) and name not in found:
                    found.append(name)
                    todo.append(name)
        if not found:
            raise NoKernel(f"{METAPACKAGE} leads to no kernel in {', '.join(KERNELS[self.folder.name])}")
        return sorted(f"{name}={self._candidate(name)}" for name in found)

    def _depends(self, name):
        return re.findall(r"^ [ |]Depends: (\S+)$", self.run("apt-cache", "depends", name), re.MULTILINE)

    def _candidate(self, name):
        return re.search(r"Candidate: (\S+)", self.run("apt-cache", "policy", name))[1]


def _unpack(apt, packages, kernel):
    """Whole or not at all, and in place of an older one."""
    print(f"kernel {kernel.name}: fetching {' '.join(packages)}", flush=True)
    kernel.folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kernel.folder.parent, prefix=".new-") as scratch:
        debs, new = pathlib.Path(scratch, "debs"), pathlib.Path(scratch, "kernel")
        debs.mkdir()
        apt.run("apt-get", "download", *packages, cwd=debs)
        for deb in sorted(debs.iterdir()):
            subprocess.run(["dpkg", "-x", deb, new], check=True)
        modules = _modules(new)
        if modules.parent.parent != new / "lib":  # depmod and modprobe look nowhere else
            (new / "lib").symlink_to("usr/lib")
        subprocess.run(["depmod", "-b", new, modules.name], check=True)
        images = [path for path in (new / f"boot/vmlinuz-{modules.name}", modules / "vmlinuz") if path.exists()]
        if not images:
            raise NoKernel(f"{' '.join(packages)} have no vmlinuz")
        (new / "vmlinux").write_bytes(vmlinux.extract(images[0]))
        (new / "packages").write_text("\n".join(packages) + "\n")
        shutil.rmtree(kernel.folder, ignore_errors=True)
        new.rename(kernel.folder)
