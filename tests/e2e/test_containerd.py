# SPDX-License-Identifier: Apache-2.0
"""Debian's containerd and runc as the runtime: containers of a local image, wired by `ctr run --cni`."""
import contextlib
import hashlib
import io
import json
import os
import pathlib
import secrets
import shutil
import tarfile

import pytest

from conftest import new_lab
from support import BUILD, wait_for

NODE = "node-1"
IMAGE = "pilus.test/busybox:local"
MISSING = [name for name in ("containerd", "ctr", "runc", "busybox") if not shutil.which(name)]
# Where ctr looks, and nowhere else.
PLUGINS, NETWORKS = "/opt/cni", "/etc/cni"
CONFLIST = {"cniVersion": "1.0.0", "name": "pilus", "plugins": [{"type": "pilus-cni"}]}
CONFIG = """version = 2
root = "{folder}/root"
state = "{folder}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "{folder}/containerd.sock"
"""

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)} (scripts/deps has them)")


def add_file(archive, name, content, mode=0o644):
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), mode
    archive.addfile(info, io.BytesIO(content))


def layer():
    """A root file system of one program: Debian's busybox, which is static."""
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w") as archive:
        add_file(archive, "bin/busybox", pathlib.Path(shutil.which("busybox")).read_bytes(), 0o755)
    return memory.getvalue()


def write_image(path):
    """As `docker save` writes it, which `ctr image import` takes."""
    content = layer()
    config = {"architecture": "amd64" if os.uname().machine == "x86_64" else "arm64", "os": "linux", "config": {},
              "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(content).hexdigest()}"]}}
    manifest = [{"Config": "config.json", "RepoTags": [IMAGE], "Layers": ["layer.tar"]}]
    with tarfile.open(path, "w") as archive:
        add_file(archive, "layer.tar", content)
        add_file(archive, "config.json", json.dumps(config).encode())
        add_file(archive, "manifest.json", json.dumps(manifest).encode())


@contextlib.contextmanager
def mount_points(*folders):
    """The node mounts its own there; the machine has them for no longer than that."""
    made = [folder for folder in folders if not os.path.exists(folder)]
    for folder in made:
        os.mkdir(folder)
    try:
        yield
    finally:
        for folder in made:
            os.rmdir(folder)


class Containerd:
    """One of the node's own: folders, socket and networks."""

    def __init__(self, lab):
        self.lab = lab
        self.folder = f"{lab.folder}/containerd"

    def prepare(self):
        os.makedirs(self.folder)
        pathlib.Path(self.folder, "config.toml").write_text(CONFIG.format(folder=self.folder))
        write_image(f"{self.folder}/image.tar")
        pathlib.Path(self.folder, "10-pilus.conflist").write_text(json.dumps(CONFLIST))
        script = [f"mount -t tmpfs cni {PLUGINS}", f"mount -t tmpfs cni {NETWORKS}",
                  f"mkdir {PLUGINS}/bin {NETWORKS}/net.d", f"cp {BUILD}/pilus-cni {PLUGINS}/bin/",
                  f"cp {self.folder}/10-pilus.conflist {NETWORKS}/net.d/"]
        self.lab.exec(NODE, "sh", "-ec", "\n".join(script))

    def command(self, *words):
        return ["ctr", "--address", f"{self.folder}/containerd.sock", *words]

    def ctr(self, *words, **options):
        return self.lab.exec(NODE, *self.command(*words), **options)

    def containers(self):
        return self.ctr("container", "list", "-q").stdout.split()

    @contextlib.contextmanager
    def running(self):
        self.prepare()
        with self.lab.background(NODE, "containerd", "--config", f"{self.folder}/config.toml",
                                 ready="containerd successfully booted"):
            self.ctr("image", "import", "--snapshotter", "native", f"{self.folder}/image.tar")
            yield self

    @contextlib.contextmanager
    def container(self, name, *words):
        """
        Runs the words of busybox; ends with the container, which `ctr run` then takes down. Without shares of the CPU,
        because the lab's cgroups have no controllers where those are of version 1.
        """
        run = self.command("run", "--rm", "--cni", "--cpu-shares", "0", "--snapshotter", "native", IMAGE, name,
                           "/bin/busybox", *words)
        with self.lab.background(NODE, *run) as process:
            yield process
            self.ctr("task", "kill", "--signal", "SIGKILL", name)
            process.finish()
            assert not [line for line in process.lines if line.startswith("ctr:")], process.lines

    def inside(self, name, *words, **options):
        command = ["task", "exec", "--exec-id", secrets.token_hex(4), name, "/bin/busybox", *words]
        return self.ctr(*command, **options)


@pytest.fixture(name="containerd", scope="module")
def _containerd():
    with mount_points(PLUGINS, NETWORKS), new_lab("containerd", "--nodes", "1") as lab:
        with Containerd(lab).running() as containerd:
            yield containerd


def endpoint(lab, name):
    """Containers of ctr are known by their namespace and name."""
    found = [item for item in lab.json(NODE, "endpoint", "list") if item["container"] == f"default-{name}"]
    return found[0] if found else None


def test_two_containers_talk_and_go(containerd):
    lab = containerd.lab
    web = "echo hello from web > /index.html && exec /bin/busybox httpd -f -h /"
    with containerd.container("web", "sh", "-c", web) as process, containerd.container("client", "sleep", "3600"):
        wait_for(lambda: process.ended() or (endpoint(lab, "web") and endpoint(lab, "client")), "both are endpoints")
        assert not process.ended(), process.finish() or process.lines
        addresses = [endpoint(lab, "web")["ipv4"], f"[{endpoint(lab, 'web')['ipv6']}]"]
        for address in addresses:
            page = wait_for(lambda address=address: containerd.inside(
                "client", "wget", "-q", "-O", "-", f"http://{address}/", check=False).stdout, "the page")
            assert page == "hello from web\n"
        lab.run("audit")
    assert not containerd.containers()
    wait_for(lambda: not endpoint(lab, "web") and not endpoint(lab, "client"), "the endpoints are gone")
    wait_for(lambda: lab.run("audit", check=False).returncode == 0, "nothing is left", 25)
